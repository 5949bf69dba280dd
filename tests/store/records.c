/* SPDX-License-Identifier: MIT */
/* Records one at a time: what is written is there, and nothing else. */
#include <errno.h>
#include <stdlib.h>

#include "check.h"

static void
a_record_comes_changes_and_goes(void)
{
	struct lk_store *s = check_open();
	struct name n;
	char buf[16];

	check_name(&n, "one", 1);
	CHECK(get_name(s, &n, buf, sizeof(buf)) == 0, "there is something already");
	OK(put_name(s, &n, "first", 5));
	CHECK(get_name(s, &n, buf, sizeof(buf)) == 5 && memcmp(buf, "first", 5) == 0, "not so");
	OK(put_name(s, &n, "2nd", 3));
	CHECK(get_name(s, &n, buf, sizeof(buf)) == 3 && memcmp(buf, "2nd", 3) == 0, "not so");
	OK(put_name(s, &n, NULL, 0));
	CHECK(get_name(s, &n, buf, sizeof(buf)) == 0, "it is still there");
	OK(put_name(s, &n, NULL, 0));
	lk_store_close(s);
}

/* ------------------------------------------------------------- what functions say */

struct said {
	int rc;
	uint32_t changed;
	const void *fresh;
	size_t fresh_len;
	unsigned calls;
	bool was_clean;
};

static int
say_so(void *arg, struct lk_store_record *r, size_t n)
{
	struct said *s = arg;

	s->calls++;
	s->was_clean = n == 1 && r->changed == 0 && r->fresh == NULL && r->fresh_len == 0;
	r->fresh = s->fresh;
	r->fresh_len = s->fresh_len;
	r->changed = s->changed;
	return s->rc;
}

static int
update_so(struct lk_store *s, const struct name *n, struct said *said)
{
	struct lk_store_record r = {
		.name = n->bytes, .len = n->len, .fresh = "rubbish", .fresh_len = 7, .changed = 1
	};

	return s->ops->update(s, &r, 1, say_so, said, NEVER);
}

static void
what_the_function_says_is_returned_and_nothing_written(void)
{
	static const int codes[] = { 1, -1, LK_E_BUSY, LK_E_STORE, LK_E_UNKNOWN, 4711 };
	struct lk_store *s = check_open();
	struct name n;
	char buf[8];

	check_name(&n, "said", 0);
	OK(put_name(s, &n, "old", 3));
	for (size_t i = 0; i < countof(codes); i++) {
		struct said said = { codes[i], 1, "new", 3, 0, false };

		IS(update_so(s, &n, &said), codes[i]);
		CHECK(said.calls > 0 && said.was_clean, "not called, or with what was there");
		CHECK(get_name(s, &n, buf, 8) == 3 && memcmp(buf, "old", 3) == 0, "written");
	}
	lk_store_close(s);
}

static void
what_is_not_changed_stays(void)
{
	struct said said = { 0, 0, "new", 3, 0, false };
	struct lk_store *s = check_open();
	struct name n;
	char buf[8];

	check_name(&n, "stays", 0);
	OK(put_name(s, &n, "old", 3));
	OK(update_so(s, &n, &said));
	CHECK(get_name(s, &n, buf, 8) == 3 && memcmp(buf, "old", 3) == 0, "written");
	lk_store_close(s);
}

static void
what_is_too_long_is_refused(void)
{
	struct lk_store *s = check_open();
	char *big = calloc(1, LK_STORE_RECORD_MAX + 1);
	struct said said = { 0, 1, big, LK_STORE_RECORD_MAX + 1, 0, false };
	struct name n;
	char buf[8];

	check_name(&n, "long", 0);
	OK(put_name(s, &n, "old", 3));
	IS(update_so(s, &n, &said), LK_E_INVAL);
	CHECK(get_name(s, &n, buf, 8) == 3, "written");
	said = (struct said){ 0, 2, "new", 3, 0, false };
	IS(update_so(s, &n, &said), LK_E_INVAL);
	said = (struct said){ 0, 1, NULL, 3, 0, false };
	IS(update_so(s, &n, &said), LK_E_INVAL);
	CHECK(get_name(s, &n, buf, 8) == 3, "written");
	free(big);
	lk_store_close(s);
}

static int
never_called(void *arg, struct lk_store_record *r, size_t n)
{
	(void)arg;
	(void)r;
	(void)n;
	CHECK(false, "called in vain");
	return 0;
}

static void
wrong_arguments_are_refused(void)
{
	static struct lk_store_record many[LK_STORE_BATCH_MAX + 1];
	static char names[LK_STORE_BATCH_MAX + 1][8];
	static char long_name[LK_STORE_NAME_MAX + 1];
	struct lk_store_record r[2] = { { .name = "a", .len = 1 }, { .name = "a", .len = 1 } };
	struct lk_store *s = check_open();

	for (unsigned i = 0; i < countof(many); i++) {
		many[i].name = names[i];
		many[i].len = (size_t)snprintf(names[i], sizeof(names[i]), "%u", i);
	}
	IS(s->ops->update(s, r, 2, never_called, NULL, NEVER), LK_E_INVAL);
	IS(s->ops->read(s, r, 2, never_called, NULL, NEVER), LK_E_INVAL);
	IS(s->ops->update(s, r, 0, never_called, NULL, NEVER), LK_E_INVAL);
	IS(s->ops->update(s, NULL, 1, never_called, NULL, NEVER), LK_E_INVAL);
	IS(s->ops->update(s, r, 1, NULL, NULL, NEVER), LK_E_INVAL);
	IS(s->ops->update(s, many, countof(many), never_called, NULL, NEVER), LK_E_LIMIT);
	r[0] = (struct lk_store_record){ .name = "", .len = 0 };
	IS(s->ops->update(s, r, 1, never_called, NULL, NEVER), LK_E_NAME);
	r[0] = (struct lk_store_record){ .name = NULL, .len = 1 };
	IS(s->ops->update(s, r, 1, never_called, NULL, NEVER), LK_E_NAME);
	r[0] = (struct lk_store_record){ .name = long_name, .len = sizeof(long_name) };
	IS(s->ops->update(s, r, 1, never_called, NULL, NEVER), LK_E_NAME);
	r[0] = (struct lk_store_record){ .name = "a", .len = 1, .flags = 0x80 };
	IS(s->ops->update(s, r, 1, never_called, NULL, NEVER), LK_E_INVAL);
	lk_store_close(s);
}

/* --------------------------------------------------------------------------- names */

static void
names_are_bytes(void)
{
	static const struct {
		const char *bytes;
		size_t len;
	} ends[] = { { "a/b", 3 },   { "a:b", 3 },  { "a_b", 3 },      { "a", 1 },
		     { "a\0", 2 },   { "a\0b", 3 }, { "A", 1 },        { "..", 2 },
		     { "../x", 4 },  { "/", 1 },    { "%2F", 3 },      { " ", 1 },
		     { "\n", 1 },    { "\xff", 1 }, { "\xff\xfe", 2 }, { "\0", 1 },
		     { "\0\0", 2 },  { "*", 1 },    { "?", 1 },        { "a/", 2 },
		     { "'; --", 5 }, { "\"", 1 },   { "{tag}", 5 },    { "$1", 2 },
		     { "\r\n", 2 } };
	struct lk_store *s = check_open();
	struct name n[countof(ends)];

	for (unsigned i = 0; i < countof(ends); i++) {
		check_name(&n[i], "names", 0);
		memcpy(n[i].bytes + n[i].len, ends[i].bytes, ends[i].len);
		n[i].len += ends[i].len;
		CHECK(get_name(s, &n[i], NULL, 0) == 0, "name %u is another one", i);
		OK(put_name(s, &n[i], &i, sizeof(i)));
	}
	for (unsigned i = 0; i < countof(ends); i++) {
		unsigned found = 0;

		CHECK(get_name(s, &n[i], &found, sizeof(found)) == sizeof(found) && found == i,
		      "name %u", i);
	}
	lk_store_close(s);
}

static void
names_and_records_may_be_long(void)
{
	static unsigned char record[LK_STORE_RECORD_MAX], found[LK_STORE_RECORD_MAX];
	struct lk_store *s = check_open();
	uint64_t lot = run.seed;
	struct name n;

	for (unsigned i = 0; i < 12; i++) {
		check_name(&n, "long", i % 3);
		memset(n.bytes + n.len, 'x' + (int)(i % 3), sizeof(n.bytes) - n.len);
		n.len = i % 2 ? LK_STORE_NAME_MAX : 4096;
		for (size_t k = 0; k < sizeof(record); k++)
			record[k] = (unsigned char)check_random(&lot);
		OK(put_name(s, &n, record, i < 6 ? sizeof(record) : i * 1000));
		CHECK(get_name(s, &n, found, sizeof(found)) ==
			      (ssize_t)(i < 6 ? sizeof(record) : i * 1000),
		      "another length");
		CHECK(memcmp(record, found, i < 6 ? sizeof(record) : i * 1000) == 0, "not so");
	}
	/* A whole batch of large ones. */
	check_name(&n, "one/byte", 0);
	OK(put_name(s, &n, record, 1));
	CHECK(get_name(s, &n, found, sizeof(found)) == 1 && found[0] == record[0], "one byte");
	lk_store_close(s);
}

/* ----------------------------------------------------------- against a plain table */

enum { NAMES = 150, STEPS = 3000 };

struct model {
	size_t len[NAMES];
	uint64_t seed[NAMES]; /* of the bytes */
};

static void
fill(unsigned char *bytes, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++) {
		if (i % 8 == 0)
			seed = check_random(&seed);
		bytes[i] = (unsigned char)(seed >> (i % 8 * 8));
	}
}

static size_t
draw_len(uint64_t *lot)
{
	const uint64_t x = check_random(lot);

	switch (x % 10) {
	case 0:
		return 0;
	case 1:
		return (x >> 8) % 20000;
	case 2:
	case 3:
		return (x >> 8) % 2000;
	default:
		return (x >> 8) % 200;
	}
}

static void
compare(struct lk_store *s, const struct model *m, unsigned i)
{
	static unsigned char wanted[20000], found[20000];
	struct name n;

	fill(wanted, m->len[i], m->seed[i]);
	CHECK(get_name(s, check_name(&n, "model", i), found, sizeof(found)) == (ssize_t)m->len[i],
	      "record %u has another length", i);
	CHECK(memcmp(wanted, found, m->len[i]) == 0, "record %u is another one", i);
}

static void
step(struct lk_store *s, struct model *m, uint64_t *lot)
{
	static unsigned char bytes[20000];
	const unsigned i = (unsigned)(check_random(lot) % NAMES);
	struct name n;

	compare(s, m, i);
	m->len[i] = draw_len(lot);
	m->seed[i] = check_random(lot);
	fill(bytes, m->len[i], m->seed[i]);
	OK(put_name(s, check_name(&n, "model", i), bytes, m->len[i]));
}

/* Two have it open, so that each sees what the other wrote; and now and then one opens it anew. */
static void
many_records_are_what_was_written(void)
{
	struct lk_store *s[2] = { check_open(), check_open() };
	struct model m = { .len = { 0 } };
	uint64_t lot = run.seed;

	for (unsigned i = 0; i < STEPS; i++) {
		step(s[check_random(&lot) % 2], &m, &lot);
		if (check_random(&lot) % 200 == 0) {
			lk_store_close(s[i % 2]);
			s[i % 2] = check_open();
		}
	}
	for (unsigned i = 0; i < NAMES; i++)
		compare(s[0], &m, i);
	lk_store_close(s[0]);
	lk_store_close(s[1]);
}

/* ---------------------------------------------------------------------------- scan */

struct tally {
	struct lk_store *s;
	unsigned seen[40];
	unsigned n;
	unsigned enough;
};

static int
count_one(void *arg, const struct lk_store_record *r)
{
	struct tally *t = arg;
	unsigned number = 99, again = 98;

	CHECK(r->status == 0 && r->old_len == sizeof(number), "another record");
	memcpy(&number, r->old, sizeof(number));
	CHECK(number < countof(t->seen), "not one of ours");
	if (number < countof(t->seen))
		t->seen[number]++;
	CHECK(get(t->s, r->name, r->len, &again, sizeof(again)) == sizeof(again) && again == number,
	      "a scan does not let its function read");
	return ++t->n == t->enough ? 77 : 0;
}

static void
a_scan_tells_all_of_a_prefix(void)
{
	struct lk_store *s = check_open();
	struct tally t = { .s = s };
	struct name n;

	for (unsigned i = 0; i < countof(t.seen); i++)
		OK(put_name(s, check_name(&n, i % 2 ? "odd" : "even", i), &i, sizeof(i)));
	check_name(&n, "odd", 0);
	OK(s->ops->scan(s, n.bytes, n.len - 1, count_one, &t, NEVER));
	for (unsigned i = 0; i < countof(t.seen); i++)
		CHECK((t.seen[i] > 0) == (i % 2 == 1), "record %u was told %u times", i, t.seen[i]);
	t.n = 0;
	t.enough = 3;
	IS(s->ops->scan(s, n.bytes, n.len - 1, count_one, &t, NEVER), 77);
	CHECK(t.n == 3, "it goes on after enough");
	n.bytes[0] = 'X';
	OK(s->ops->scan(s, n.bytes, n.len, count_one, &t, NEVER));
	CHECK(t.n == 3, "another prefix");
	lk_store_close(s);
}

/* ------------------------------------------------------------------------- the rest */

static void
who_only_looks_changes_nothing(void)
{
	struct lk_store *s = check_open(), *looks;
	const struct lk_session_id id = { { 1, 2, 3 } };
	struct name n;
	char buf[8];

	check_name(&n, "look", 0);
	OK(put_name(s, &n, "old", 3));
	looks = check_open_flags(LK_STORE_READ_ONLY);
	CHECK(get_name(looks, &n, buf, 8) == 3, "it does not see");
	IS(put_name(looks, &n, "new", 3), LK_E_PERM);
	IS(looks->ops->session_open(looks, &id, 1000000000, "me", NEVER), LK_E_PERM);
	CHECK(get_name(s, &n, buf, 8) == 3 && memcmp(buf, "old", 3) == 0, "written");
	lk_store_close(looks);
	lk_store_close(s);
}

static void
records_outlive_those_who_wrote_them(void)
{
	struct lk_store *stays = check_open(), *s = check_open();
	struct name n;
	char buf[8];

	OK(put_name(s, check_name(&n, "stay", 0), "here", 4));
	lk_store_close(s);
	s = check_open();
	CHECK(get_name(s, &n, buf, 8) == 4, "gone");
	lk_store_close(s);
	lk_store_close(stays);
}

static int
write_durably(void *arg, struct lk_store_record *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		r[i].fresh = arg;
		r[i].fresh_len = 4;
		r[i].changed = 1;
	}
	return 0;
}

static void
durable_records_are_records(void)
{
	struct lk_store *s = check_open();
	struct name n[2];
	struct lk_store_record r[2] = { { .flags = LK_STORE_DURABLE }, { .flags = 0 } };
	struct said said = { 0, 0, NULL, 0, 0, false };

	for (unsigned i = 0; i < 2; i++) {
		check_name(&n[i], "durable", i);
		r[i].name = n[i].bytes;
		r[i].len = n[i].len;
	}
	OK(s->ops->update(s, r, 2, write_durably, (char[]){ "floor" }, NEVER));
	OK(s->ops->read(s, r, 1, say_so, &said, NEVER));
	CHECK(said.calls == 1, "not read");
	said = (struct said){ 0, 1, NULL, 0, 0, false };
	OK(s->ops->update(s, r, 1, say_so, &said, NEVER)); /* removed */
	lk_store_close(s);
}

static void
errno_is_left_alone(void)
{
	struct lk_store *s = check_open();
	uint64_t ns, id;
	struct name n;
	char buf[8];

	errno = 4711;
	OK(put_name(s, check_name(&n, "errno", 0), "here", 4));
	CHECK(get_name(s, &n, buf, 8) == 4, "gone");
	(void)s->ops->now(s, &ns, &id, NEVER);
	(void)s->ops->error(s, buf, sizeof(buf));
	lk_store_close(s);
	CHECK(errno == 4711, "errno is %d", errno);
}

static void
it_says_what_it_gives(void)
{
	struct lk_guarantee g = { .size = sizeof(g) };
	struct lk_store *s = check_open();
	char buf[4] = "xxx";

	OK(s->ops->level(s, &g));
	CHECK(g.level >= LK_LEVEL_ADVISORY && g.level <= LK_LEVEL_GUARDED, "no level");
	CHECK(strlen(g.words) > 20 && memchr(g.words, '\0', sizeof(g.words)) != NULL, "no words");
	(void)s->ops->error(s, buf, sizeof(buf));
	CHECK(memchr(buf, '\0', sizeof(buf)) != NULL, "no NUL");
	(void)s->ops->error(s, NULL, 0);
	lk_store_close(s);
}

static bool
is_figure_name(const char *name)
{
	const size_t len = strlen(name);

	if (len == 0 || len > 50 || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != len)
		return false;
	return name[0] >= 'a' && name[0] <= 'z' && name[len - 1] != '_' &&
	       strstr(name, "__") == NULL;
}

static void
look_at_figure(const struct lk_store_figure *all, size_t i)
{
	const struct lk_store_figure *f = &all[i];
	const size_t len = strlen(f->name);

	CHECK(is_figure_name(f->name), "\"%s\" is no name", f->name);
	CHECK(f->help[0] != '\0' && strchr(f->help, '\n') == NULL, "%s: no line of help", f->name);
	CHECK(f->is_counter <= 1 && f->is_time <= 1, "%s: neither 0 nor 1", f->name);
	CHECK(!f->is_time || (len > 8 && strcmp(f->name + len - 8, "_seconds") == 0),
	      "%s is a time", f->name);
	for (size_t k = 0; k < i; k++)
		CHECK(strcmp(f->name, all[k].name) != 0, "%s is there twice", f->name);
}

/* The same ones each time, with room and without; and what is counted only grows. */
static void
its_figures_can_be_drawn(void)
{
	struct lk_store_figure before[LK_STORE_FIGURES_MAX], after[LK_STORE_FIGURES_MAX + 1];
	struct lk_store *s = check_open();
	struct name name;
	size_t n;

	if (s->ops->figures == NULL) {
		lk_store_close(s);
		return;
	}
	n = s->ops->figures(s, before, LK_STORE_FIGURES_MAX);
	MUST(n > 0 && n <= LK_STORE_FIGURES_MAX, "%zu figures", n);
	OK(put_name(s, check_name(&name, "figures", 0), "here", 4));
	CHECK(s->ops->figures(s, NULL, 0) == n, "another number without room");
	memset(after, 0x55, sizeof(after));
	CHECK(s->ops->figures(s, after, n - 1) == n, "another number with less room");
	CHECK(after[n - 1].value == UINT64_C(0x5555555555555555), "beyond the room");
	CHECK(s->ops->figures(s, after, LK_STORE_FIGURES_MAX) == n, "another number");
	for (size_t i = 0; i < n; i++) {
		look_at_figure(after, i);
		CHECK(strcmp(before[i].name, after[i].name) == 0, "another order");
		CHECK(!after[i].is_counter || after[i].value >= before[i].value, "%s shrinks",
		      after[i].name);
	}
	lk_store_close(s);
}

static void
its_clock_goes_forward_and_is_one(void)
{
	struct lk_store *s[2] = { check_open(), check_open() };
	uint64_t last = 0, first_id = 0;

	for (unsigned i = 0; i < 200; i++) {
		uint64_t ns = 0, id = 0;

		OK(s[i % 2]->ops->now(s[i % 2], &ns, &id, NEVER));
		if (i == 0)
			first_id = id;
		CHECK(id == first_id, "two clocks");
		CHECK(ns >= last, "it went back");
		last = ns;
	}
	lk_store_close(s[0]);
	lk_store_close(s[1]);
}

static void
parameters_that_it_does_not_have_are_refused(void)
{
	char url[512], report[128] = "";
	struct lk_store_open o = { .size = sizeof(o), .report = report, .report_cap = 128 };
	struct lk_store *s = NULL;

	(void)snprintf(url, sizeof(url), "%s%cno_such_parameter=1", run.url,
		       strchr(run.url, '?') != NULL ? '&' : '?');
	IS(lk_store_open(url, &o, &s), LK_E_INVAL);
	CHECK(s == NULL && strstr(report, "no_such_parameter") != NULL, "said: %s", report);
}

const struct check_case cases_records[] = {
	{ "a record comes, changes and goes", a_record_comes_changes_and_goes, 0, false },
	{ "what the function says is returned",
	  what_the_function_says_is_returned_and_nothing_written, 0, false },
	{ "what is not changed stays", what_is_not_changed_stays, 0, false },
	{ "what is too long is refused", what_is_too_long_is_refused, 0, false },
	{ "wrong arguments are refused", wrong_arguments_are_refused, 0, false },
	{ "names are bytes", names_are_bytes, 0, false },
	{ "names and records may be long", names_and_records_may_be_long, 0, false },
	{ "many records are what was written", many_records_are_what_was_written, 0, false },
	{ "a scan tells all of a prefix", a_scan_tells_all_of_a_prefix, 0, false },
	{ "who only looks changes nothing", who_only_looks_changes_nothing, 0, false },
	{ "records outlive those who wrote them", records_outlive_those_who_wrote_them, 0, false },
	{ "durable records are records", durable_records_are_records, LK_STORE_CAN_DURABLE, false },
	{ "errno is left alone", errno_is_left_alone, 0, false },
	{ "it says what it gives", it_says_what_it_gives, 0, false },
	{ "its figures can be drawn", its_figures_can_be_drawn, 0, false },
	{ "its clock goes forward and is one", its_clock_goes_forward_and_is_one,
	  LK_STORE_HAS_CLOCK, false },
	{ "unknown parameters are refused", parameters_that_it_does_not_have_are_refused, 0,
	  false },
	{ NULL, NULL, 0, false },
};
