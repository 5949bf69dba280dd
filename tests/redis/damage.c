/* SPDX-License-Identifier: MIT */
/* Keys that others have changed, and memory that is not there. */
#include "stage.h"

static int repair(struct lk_store *s, const char *name, const char *text);

static void
check_damage(struct lk_store *s)
{
	is(get(s, "n", NULL, 0, NEVER), LK_E_CORRUPT);
	is(put_text(s, "n", "fresh"), LK_E_CORRUPT);
	is(get(s, "n", NULL, 0, NEVER), LK_E_CORRUPT);
	ok(repair(s, "n", "fresh"));
	cr_assert(has_text(s, "n", "fresh"));
	ok(put_text(s, "n", "next"));
}

struct mend {
	const char *text;
	int32_t status;
};

static int
set_text(void *arg, struct lk_store_record *r, size_t n)
{
	struct mend *m = arg;

	(void)n;
	m->status = r->status;
	cr_expect(r->status == 0 || (r->old == NULL && r->old_len == 0));
	r->fresh = m->text;
	r->fresh_len = strlen(m->text);
	r->changed = 1;
	return 0;
}

static int
repair(struct lk_store *s, const char *name, const char *text)
{
	struct lk_store_record r = { .name = name, .len = strlen(name), .flags = LK_STORE_REPAIR };
	struct mend m = { text, 0 };
	int rc = s->ops->update(s, &r, 1, set_text, &m, NEVER);

	cr_expect_eq(m.status, LK_E_CORRUPT);
	return rc;
}

static int
count_damaged(void *arg, const struct lk_store_record *r)
{
	*(unsigned *)arg += r->status == LK_E_CORRUPT;
	return 0;
}

/* Never taken for a record that is not there. */
Test(damage, is_found_and_mended)
{
	unsigned damaged = 0;
	struct lk_store *s;
	struct stage g;

	stage_make(&g, NULL);
	s = store_open(g.url);
	ok(put_text(s, "n", "text"));
	server_do(&g.server, "SET {latchkey}rn %b", "short", (size_t)5);
	check_damage(s);
	server_do(&g.server, "SET {latchkey}rn %b", "0123456789abcdef", (size_t)16);
	check_damage(s);
	server_do(&g.server, "SET {latchkey}rn %b", "", (size_t)0);
	check_damage(s);
	server_do(&g.server, "DEL {latchkey}rn");
	server_do(&g.server, "RPUSH {latchkey}rn x");
	check_damage(s);
	server_do(&g.server, "SET {latchkey}rn x");
	ok(s->ops->scan(s, "", 0, count_damaged, &damaged, NEVER));
	cr_assert_eq(damaged, 1);
	lk_store_close(s);
	stage_remove(&g);
}

/* Written by others without us: the next update sees what they wrote. */
Test(damage, what_is_known_is_a_guess_only)
{
	struct lk_store *s, *other;
	struct stage g;

	stage_make(&g, NULL);
	s = store_open(g.url);
	other = store_open(g.url);
	for (int i = 0; i < 50; i++) {
		ok(count(i % 3 ? s : other, "n", NEVER));
		if (i % 10 == 9)
			ok(put(other, "n", NULL, 0, NEVER));
	}
	ok(count(s, "n", NEVER));
	cr_assert_eq(counted(other, "n"), 1);
	lk_store_close(s);
	lk_store_close(other);
	stage_remove(&g);
}

Test(damage, another_format_is_refused)
{
	char report[320];
	struct stage g;

	stage_make(&g, NULL);
	server_do(&g.server, "SET {latchkey}e %s", "2 later");
	is(store_try(g.url, 0, NULL, report), LK_E_VERSION);
	server_do(&g.server, "DEL {latchkey}e");
	server_do(&g.server, "RPUSH {latchkey}e x");
	is(store_try(g.url, 0, NULL, report), LK_E_CORRUPT);
	server_do(&g.server, "DEL {latchkey}e");
	ok(store_try(g.url, 0, NULL, report));
	stage_remove(&g);
}

Test(damage, a_session_whose_key_is_gone_is_over)
{
	const struct lk_session_id id = session_id(1);
	struct lk_store *s;
	struct stage g;

	stage_make(&g, NULL);
	s = store_open(g.url);
	ok(s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER));
	server_do(&g.server, "DEL {latchkey}s%b", id.bytes, sizeof(id.bytes));
	is(s->ops->session_renew(s, &id, NEVER), LK_E_LOST);
	cr_assert(!is_alive(s, &id));
	ok(s->ops->session_close(s, &id, NEVER));
	lk_store_close(s);
	stage_remove(&g);
}

/* ------------------------------------------------------------------------------ memory */

enum { MANY = 256 };

struct heap_stage {
	struct test_heap heap;
	struct lk_store *s;
};

static int
open_in(struct test_heap *heap, const char *url, struct lk_store **out)
{
	const struct lk_store_open o = { .size = sizeof(o), .allocator = &heap->allocator };

	return lk_store_open(url, &o, out);
}

static int
use_it(struct lk_store *s, unsigned number)
{
	static char large[LK_STORE_RECORD_MAX];
	const struct lk_session_id id = session_id(number);
	unsigned damaged = 0;
	int rc = put(s, "large", large, sizeof(large), NEVER);

	if (rc == 0)
		rc = count(s, "n", NEVER);
	if (rc == 0)
		rc = s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER);
	if (rc == 0)
		rc = s->ops->session_close(s, &id, NEVER);
	if (rc == 0 && get(s, "large", NULL, 0, NEVER) < 0)
		rc = LK_E_NOMEM;
	if (rc == 0)
		rc = s->ops->scan(s, "", 0, count_damaged, &damaged, NEVER);
	return rc;
}

/* Every allocation fails once: an error or none, and nothing is left over. */
Test(damage, memory_that_is_not_there, .timeout = 60)
{
	struct test_heap heap;
	struct lk_store *s = NULL;
	struct stage g;
	int rc = LK_E_NOMEM;

	stage_make(&g, NULL);
	test_heap_init(&heap);
	for (unsigned i = 1; i < MANY; i++) {
		uint64_t failures = atomic_load(&heap.failures);

		test_heap_fail(&heap, i, false);
		rc = open_in(&heap, g.url, &s);
		cr_assert(rc == 0 || rc == LK_E_NOMEM, "%s", lk_errname(rc));
		if (rc == 0) {
			rc = use_it(s, i);
			cr_assert(rc == 0 || rc == LK_E_NOMEM, "%s", lk_errname(rc));
			test_heap_fail(&heap, 0, false);
			ok(use_it(s, MANY + i));
			lk_store_close(s);
		}
		cr_assert_eq(atomic_load(&heap.blocks), 0);
		if (atomic_load(&heap.failures) == failures) /* there is none that far */
			break;
	}
	cr_assert_eq(rc, 0);
	stage_remove(&g);
}
