/* SPDX-License-Identifier: MIT */
/* Deadlocks in words, from rings made by hand. */
#include "show/rings.h"
#include "harness.h"

struct page {
	char text[32768];
	size_t n;
};

static int
page_write(void *arg, const char *text, size_t len)
{
	struct page *p = arg;

	cr_assert_lt(p->n + len, sizeof(p->text));
	memcpy(p->text + p->n, text, len);
	p->n += len;
	p->text[p->n] = '\0';
	return 0;
}

/* What is written of `n` deadlocks. */
static const char *
written(struct page *p, enum lk_format format, const struct lk_deadlock *d, uint32_t n)
{
	struct out o;
	struct rings r = { .o = &o, .format = format, .now = 5200000000 };

	memset(p, 0, sizeof(*p));
	out_begin(&o, page_write, p);
	rings_begin(&r);
	for (uint32_t i = 0; i < n; i++)
		rings_add(&r, &d[i]);
	rings_end(&r);
	cr_assert_eq(out_end(&o), 0);
	return p->text;
}

static void
set_member(struct lk_deadlock_member *m, uint64_t id, const char *label, const char *name,
	   lk_mode wanted, lk_mode blocked)
{
	*m = (struct lk_deadlock_member){
		.owner_id = id,
		.wanted = wanted,
		.blocked = blocked,
		.name_len = (uint32_t)strlen(name),
		.waited_ns = 1500000,
	};
	memcpy(m->name, name, strlen(name));
	memcpy(m->owner_label, label, strlen(label));
}

/* Two owners, of whom the second is the victim. */
static void
set_pair(struct lk_deadlock *d)
{
	memset(d, 0, sizeof(*d));
	d->size = sizeof(*d);
	d->n = d->kept = 2;
	d->victim = 1;
	d->number = 7;
	d->at_ns = 3000000000;
	set_member(&d->member[0], 1, "import", "db/1", LK_X, LK_S);
	set_member(&d->member[1], 2, "", "db/2", LK_S, LK_X);
	d->member[0].held = LK_S;
	d->member[1].flags = LK_VICTIM;
	d->member[1].priority = -3;
	d->member[1].tag_len = 2;
	memcpy(d->member[1].tag, "t\"", 2);
}

static void
expect_text(const char *got, const char *wanted)
{
	cr_expect_str_eq(got, wanted, "it is\n%s\nand not\n%s", got, wanted);
}

Test(rings, nothing_is_said_of_none)
{
	struct page p;

	expect_text(written(&p, LK_TEXT, NULL, 0), "no deadlocks\n");
	expect_text(written(&p, LK_JSON, NULL, 0), "{\"deadlocks\":[]}\n");
	expect_text(written(&p, LK_DOT, NULL, 0), "digraph deadlocks {\n\tnode [shape=box];\n}\n");
}

Test(rings, a_pair_as_text)
{
	struct lk_deadlock d;
	struct page p;

	set_pair(&d);
	expect_text(written(&p, LK_TEXT, &d, 1),
		    "deadlock 7 of 2 owners, 2.2s ago:\n"
		    "  owner 1 \"import\" waited for X on db/1, held by owner 2 in S, for 1.5ms, "
		    "holding S there\n"
		    "  owner 2 waited for S on db/2, held by owner 1 \"import\" in X, for 1.5ms, "
		    "priority -3, tag \"t\\x22\": its request was ended\n");
}

Test(rings, a_pair_as_json)
{
	struct lk_deadlock d[2];
	struct page p;

	set_pair(&d[0]);
	set_pair(&d[1]);
	d[1].number = UINT64_MAX;
	d[1].kept = d[1].n = 1;
	d[1].member[0].flags = LK_NAME_IS_ID;
	d[1].member[0].name_len = 8;
	memcpy(d[1].member[0].name, &(uint64_t){ 42 }, 8);
	expect_text(
		written(&p, LK_JSON, d, 2),
		"{\"deadlocks\":[{\"kind\":\"deadlock\",\"number\":7,\"at_ns\":3000000000,"
		"\"owners\":2,\"members\":["
		"{\"name\":\"db/1\",\"owner\":1,\"label\":\"import\",\"priority\":0,"
		"\"victim\":false,\"external\":false,\"abroad\":false,\"held\":\"S\",\"wanted\":"
		"\"X\","
		"\"blocked\":\"S\",\"grants\":0,\"waited_ns\":1500000,\"opened_ns\":0,\"tag\":\"\"}"
		","
		"{\"name\":\"db/2\",\"owner\":2,\"label\":\"\",\"priority\":-3,"
		"\"victim\":true,\"external\":false,\"abroad\":false,\"held\":\"NL\",\"wanted\":"
		"\"S\","
		"\"blocked\":\"X\",\"grants\":0,\"waited_ns\":1500000,\"opened_ns\":0,"
		"\"tag\":\"t\\\"\"}]},"
		"{\"kind\":\"deadlock\",\"number\":\"18446744073709551615\",\"at_ns\":3000000000,"
		"\"owners\":1,\"members\":["
		"{\"id\":42,\"owner\":1,\"label\":\"import\",\"priority\":0,"
		"\"victim\":false,\"external\":false,\"abroad\":false,\"held\":\"S\",\"wanted\":"
		"\"X\","
		"\"blocked\":\"S\",\"grants\":0,\"waited_ns\":1500000,\"opened_ns\":0,\"tag\":\"\"}"
		"]}]}\n");
}

Test(rings, a_pair_as_dot)
{
	struct lk_deadlock d;
	struct page p;

	set_pair(&d);
	d.member[1].blocked = LK_NL;
	expect_text(written(&p, LK_DOT, &d, 1),
		    "digraph deadlocks {\n\tnode [shape=box];\n"
		    "\tsubgraph cluster_7 {\n\t\tlabel=\"deadlock 7\";\n"
		    "\t\td7_0 [label=\"owner 1\\nimport\"];\n"
		    "\t\td7_1 [label=\"owner 2\", style=filled];\n"
		    "\t\td7_0 -> d7_1 [label=\"X on db/1\\nheld in S\"];\n"
		    "\t\td7_1 -> d7_0 [label=\"S on db/2\\nbehind\", style=dashed];\n"
		    "\t}\n}\n");
}

Test(rings, a_wait_outside_has_no_name)
{
	struct lk_deadlock d;
	struct page p;

	set_pair(&d);
	set_member(&d.member[0], 1, "", "", LK_NL, LK_NL);
	d.member[0].flags = LK_EXTERNAL;
	cr_expect_not_null(strstr(written(&p, LK_TEXT, &d, 1),
				  "  owner 1 waited outside for owner 2, for 1.5ms\n"),
			   "%s", p.text);
	cr_expect_not_null(strstr(written(&p, LK_DOT, &d, 1), "d7_0 -> d7_1 [label=\"outside\"];"));
	cr_expect_not_null(strstr(written(&p, LK_JSON, &d, 1), "\"external\":true"));
}

/* The last member that is kept of a larger ring is the victim, wherever it stood. */
Test(rings, a_large_ring_is_told_in_part)
{
	struct lk_deadlock d;
	struct page p;

	set_pair(&d);
	d.n = 40;
	d.kept = LK_DEADLOCK_MEMBERS_MAX;
	for (uint32_t i = 0; i < d.kept; i++)
		set_member(&d.member[i], i, "", "n", LK_X, LK_X);
	written(&p, LK_TEXT, &d, 1);
	cr_expect_not_null(strstr(p.text, "owner 13 waited for X on n, held by owner 14 in X"));
	cr_expect_not_null(
		strstr(p.text, "owner 14 waited for X on n, held by another owner in X"));
	cr_expect_not_null(
		strstr(p.text, "owner 15 waited for X on n, held by another owner in X"));
	cr_expect_not_null(strstr(p.text, "  and 24 more\n"));
	written(&p, LK_DOT, &d, 1);
	cr_expect_not_null(strstr(p.text, "d7_more [label=\"24 more\"];"));
	cr_expect_not_null(strstr(p.text, "d7_15 -> d7_more ["));
}

/* Bytes of all kinds, and more of them than are kept. */
Test(rings, names_of_any_bytes)
{
	struct lk_deadlock d;
	struct page p;

	set_pair(&d);
	memset(d.member[0].name, 0xff, sizeof(d.member[0].name));
	memcpy(d.member[0].name, "\0\"\\&\n", 5);
	d.member[0].name_len = 4096;
	written(&p, LK_TEXT, &d, 1);
	cr_expect_not_null(strstr(p.text, "on \\x00\"\\x5c&\\x0a\\xff"), "%s", p.text);
	cr_expect_not_null(strstr(p.text, "\\xff..., held by"));
	written(&p, LK_JSON, &d, 1);
	cr_expect_not_null(strstr(p.text, "{\"name\":\"\\u0000\\\"\\\\&\\u000a\\u00ff"), "%s",
			   p.text);
	cr_expect_not_null(strstr(p.text, "\\u00ff\",\"name_len\":4096,"));
	written(&p, LK_DOT, &d, 1);
	cr_expect_not_null(strstr(p.text, "X on \\\\x00\\\"\\\\x5c&amp;\\\\x0a\\\\xff"), "%s",
			   p.text);
}
