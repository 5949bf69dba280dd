/* SPDX-License-Identifier: MIT */
/* Hints: of what others changed, with their names. */
#include "stage.h"

struct ear {
	_Atomic unsigned named;
	_Atomic unsigned any;
};

static void
hear(void *arg, const void *name, size_t len)
{
	struct ear *e = arg;

	(void)len;
	atomic_fetch_add(name != NULL ? &e->named : &e->any, 1);
}

/* What we did ourselves we know; changes are told in the order of their numbers. */
Test(hints, of_own_changes_are_not_told)
{
	struct lk_store *s, *other;
	struct ear e = { 0, 0 };
	struct stage g;

	stage_make(&g);
	s = store_open(g.url);
	other = store_open(g.url);
	ok(put(other, "before", "x", 1)); /* from which on they are counted */
	ok(s->ops->watch(s, hear, &e));
	for (int i = 0; i < 3; i++)
		ok(put(s, "own", "x", 1));
	ok(put(other, "other's", "x", 1));
	wait_until(atomic_load(&e.named) + atomic_load(&e.any) > 0);
	cr_expect_eq(atomic_load(&e.named), 1);
	cr_expect_eq(atomic_load(&e.any), 0);
	lk_store_close(other);
	lk_store_close(s);
	stage_remove(&g);
}

static int
write_quietly(void *arg, struct lk_store_record *r, size_t n)
{
	(void)arg;
	(void)n;
	r[0].fresh = "x";
	r[0].fresh_len = 1;
	r[0].changed = r[0].is_quiet = 1;
	return 0;
}

/* Nothing is heard of what is quiet, and nothing of the rest is missed by that.  (SQ8) */
Test(hints, of_quiet_changes_there_are_none)
{
	struct lk_store_record r = { .name = "quiet", .len = 5 };
	struct lk_store *s, *other;
	struct ear e = { 0, 0 };
	struct stage g;

	stage_make(&g);
	s = store_open(g.url);
	other = store_open(g.url);
	ok(put(other, "before", "x", 1));
	ok(s->ops->watch(s, hear, &e));
	for (int i = 0; i < 100; i++)
		ok(other->ops->update(other, &r, 1, write_quietly, NULL, NEVER));
	ok(put(other, "loud", "x", 1));
	wait_until(atomic_load(&e.named) + atomic_load(&e.any) > 0);
	cr_expect_eq(atomic_load(&e.named), 1);
	cr_expect_eq(atomic_load(&e.any), 0);
	lk_store_close(other);
	lk_store_close(s);
	stage_remove(&g);
}
