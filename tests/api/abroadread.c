/* SPDX-License-Identifier: MIT */
/* Optimistic reads of names that processes share: who is in the way, who spoils one, and that none is torn.  (OR5-OR7, AB7) */
#include <sched.h>

#include "pair.h"

static struct lk_resource *
open_handle(struct lk_manager *m, const char *name)
{
	struct lk_resource *r = NULL;

	ok(lk_resource_open(m, name, &r));
	return r;
}

/* What the other process keeps without using it is given back, and what was borrowed may be gone again. */
static uint64_t
begun(struct lk_resource *r)
{
	uint64_t stamp = 0;
	int rc;

	do {
		rc = lk_read_begin(r, &stamp);
	} while (rc == LK_E_BUSY);
	ok(rc);
	return stamp;
}

static bool
is_busy(struct lk_resource *r)
{
	uint64_t stamp = 7;
	const int rc = lk_read_begin(r, &stamp);

	cr_assert(rc == 0 || (rc == LK_E_BUSY && stamp == 7), "%s", lk_errname(rc));
	return rc != 0;
}

/* In stores of both kinds: the second process's handle of that name. */
static void
in_each(const char *parameters, const char *name,
	void (*test)(struct pair *p, struct lk_resource *r))
{
	for (int store = 0; store < PAIR_STORES; store++) {
		struct lk_resource *r;
		struct pair p;

		pair_open(&p, store, parameters);
		r = open_handle(p.m[1], name);
		test(&p, r);
		lk_resource_close(r);
		pair_close(&p);
	}
}

/* A writer there in each mode, between two looks, and at the time of one. */
static void
meet_writers(struct pair *p, struct lk_resource *r)
{
	static const lk_mode bars[] = { LK_IX, LK_SIX, LK_X };

	for (size_t i = 0; i < sizeof(bars) / sizeof(bars[0]); i++) {
		const uint64_t stamp = begun(r);
		const lk_grant g = get(p->w[0][0], "n", bars[i]);

		is(lk_read_validate(r, stamp), LK_E_STALE);
		cr_expect(is_busy(r), "%s", mode_name(bars[i]));
		give(p->w[0][0], g);
		is(lk_read_validate(r, stamp), LK_E_STALE);
		ok(lk_read_validate(r, begun(r)));
	}
}

Test(abroad_read, is_barred_and_spoilt_by_those_who_keep_out_readers, .timeout = 60)
{
	in_each("", "n", meet_writers);
	in_each("&linger_ns=off", "n", meet_writers);
}

/* Who reads there, or may come to write, is in nobody's way: once he does he is. */
static void
meet_readers(struct pair *p, struct lk_resource *r)
{
	static const lk_mode lets[] = { LK_IS, LK_S, LK_U };
	uint64_t stamp = 0;
	lk_grant g = 0;

	for (size_t i = 0; i < sizeof(lets) / sizeof(lets[0]); i++) {
		if (i > 0)
			give(p->w[0][0], g);
		g = get(p->w[0][0], "n", lets[i]);
		stamp = begun(r);
		ok(lk_read_validate(r, stamp));
	}
	ok(lk_convert(p->w[0][0], g, LK_X, NULL));
	is(lk_read_validate(r, stamp), LK_E_STALE);
	cr_expect(is_busy(r));
	give(p->w[0][0], g);
}

Test(abroad_read, goes_on_beside_readers_and_ends_with_an_upgrade, .timeout = 60)
{
	in_each("", "n", meet_readers);
}

/* Locks of its own process count as they do without a store. */
static void
write_at_home(struct pair *p, struct lk_resource *r)
{
	static const bool writes[MODES] = { [LK_SIX] = true, [LK_U] = true, [LK_X] = true };

	for (lk_mode mode = LK_IS; mode <= LK_X; mode++) {
		uint64_t stamp;
		lk_grant g;

		give(p->w[1][0],
		     get(p->w[1][0], "n", LK_X)); /* so that nothing is asked of the store */
		stamp = begun(r);
		g = get(p->w[1][0], "n", mode);
		cr_expect_eq(is_busy(r), writes[mode], "%s", mode_name(mode));
		is(lk_read_validate(r, stamp), writes[mode] ? LK_E_STALE : 0);
		give(p->w[1][0], g);
		is(lk_read_validate(r, stamp), writes[mode] ? LK_E_STALE : 0);
	}
}

Test(abroad_read, sees_writers_of_its_own_process, .timeout = 60)
{
	in_each("", "n", write_at_home);
}

static void
write_above(struct pair *p, struct lk_resource *r)
{
	uint64_t stamp = begun(r);
	lk_grant g = get(p->w[0][0], "a", LK_X);

	is(lk_read_validate(r, stamp), LK_E_STALE);
	cr_expect(is_busy(r));
	give(p->w[0][0], g);
	g = get(p->w[0][0], "a/b", LK_SIX);
	stamp = begun(r); /* that lets others read names below */
	ok(lk_read_validate(r, stamp));
	give(p->w[0][0], g);
	g = get(p->w[0][0], "a/b/x", LK_X); /* beside it */
	ok(lk_read_validate(r, begun(r)));
	give(p->w[0][0], g);
	g = get(p->w[1][0], "a", LK_S); /* and what is below needs nothing of its own */
	stamp = begun(r);
	give(p->w[1][0], g);
	ok(lk_read_validate(r, stamp));
	g = get(p->w[0][0], "a/b/c", LK_X);
	is(lk_read_validate(r, stamp), LK_E_STALE);
	cr_expect(is_busy(r));
	give(p->w[0][0], g);
}

Test(abroad_read, sees_writers_above, .timeout = 60)
{
	in_each("", "a/b/c", write_above);
}

/* What is held by a token is held elsewhere, also by one of this process. */
static void
meet_a_token(struct pair *p, struct lk_resource *r)
{
	const struct lk_options o = { .size = sizeof(o), .lease_ns = 3600 * (uint64_t)SECOND };
	const uint64_t stamp = begun(r);
	char token[LK_TOKEN_MAX];

	ok(lk_detach(p->m[1], "n", LK_X, &o, token, sizeof(token)));
	is(lk_read_validate(r, stamp), LK_E_STALE);
	cr_expect(is_busy(r));
	ok(lk_token_release(p->m[0], token));
	ok(lk_read_validate(r, begun(r)));
}

Test(abroad_read, is_spoilt_by_a_token, .timeout = 60)
{
	in_each("", "n", meet_a_token);
}

/* A good read costs the store nothing. */
Test(abroad_read, asks_the_store_once, .timeout = 60)
{
	struct lk_resource *r;
	struct pair p;

	pair_open(&p, 0, "");
	r = open_handle(p.m[1], "n");
	(void)begun(r);
	pair_cut("b", true);
	for (int i = 0; i < 1000; i++)
		ok(lk_read_validate(r, begun(r)));
	pair_cut("b", false);
	lk_resource_close(r);
	pair_close(&p);
}

/* No answer: whoever has nothing of the name hears what a lock in S would say. */
Test(abroad_read, says_why_the_store_gives_nothing, .timeout = 60)
{
	struct lk_resource *r;
	uint64_t stamp = 7;
	struct pair p;

	pair_open(&p, 0, "&breaker_threshold=off");
	r = open_handle(p.m[1], "n");
	pair_cut("b", true);
	is(lk_read_begin(r, &stamp), LK_E_STORE);
	cr_expect_eq(stamp, 7);
	pair_cut("b", false);
	lk_resource_close(r);
	pair_close(&p);
}

/* Its time is over, and nobody has looked yet: what was read before that is not believed after it.  (OR6) */
Test(abroad_read, is_not_good_after_the_time_of_the_session, .timeout = 60)
{
	struct test_world world;
	struct lk_resource *r;
	struct lk_manager *m;
	uint64_t stamp;

	test_world_init(&world);
	world.manual = true;
	m = open_with("test:late?as=a&manual=1&ttl_ns=10s", NULL, &world);
	r = open_handle(m, "n");
	stamp = begun(r);
	ok(lk_read_validate(r, stamp));
	test_world_advance(&world, 9 * SECOND);
	ok(lk_read_validate(r, stamp));
	test_world_advance(&world, SECOND);
	is(lk_read_validate(r, stamp), LK_E_STALE);
	is(lk_read_validate(r, stamp), LK_E_STALE);
	lk_resource_close(r);
	ok(lk_close(m));
}

/* Somebody takes from it what it has.  It learns that as a lock in S would: when it looks. */
Test(abroad_read, is_spoilt_by_an_operator, .timeout = 60)
{
	struct lk_resource *r;
	uint64_t stamp;
	struct pair p;

	pair_open(&p, 0, "");
	r = open_handle(p.m[1], "n");
	stamp = begun(r);
	ok(lk_break(p.m[0], "n", 1, NULL, NULL));
	while (lk_read_validate(r, stamp) == 0)
		sched_yield();
	is(lk_read_validate(r, stamp), LK_E_STALE);
	ok(lk_read_validate(r, begun(r)));
	lk_resource_close(r);
	pair_close(&p);
}

/* It goes back because time has passed, though nobody wants it.  (LG1) */
Test(abroad_read, outlives_no_cover, .timeout = 60)
{
	struct lk_resource *r;
	uint64_t stamp;
	struct pair p;

	pair_open(&p, 0, "&linger_ns=1ms");
	r = open_handle(p.m[1], "n");
	stamp = begun(r);
	while (lk_read_validate(r, stamp) == 0)
		sched_yield();
	ok(lk_read_validate(r, begun(r)));
	lk_resource_close(r);
	pair_close(&p);
}

Test(abroad_read, begins_nothing_new_after_a_shutdown, .timeout = 60)
{
	struct lk_resource *r;
	uint64_t stamp = 7;
	struct pair p;

	pair_open(&p, 0, "");
	r = open_handle(p.m[1], "n");
	ok(lk_shutdown(p.m[1], NULL));
	is(lk_read_begin(r, &stamp), LK_E_CLOSED);
	cr_expect_eq(stamp, 7);
	lk_resource_close(r);
	pair_close(&p);
}

/* ------------------------------------------------------------ with real threads */

enum { ROUNDS = 150 };

/* Two words that are the same, but for while somebody writes. */
struct torture {
	struct pair *p;
	struct lk_resource *r[2];
	_Atomic uint64_t one, two;
	atomic_uint writing;
	_Atomic uint64_t good;
};

static void
write_both(struct torture *t, struct lk_owner *w, unsigned how)
{
	static const char *const names[] = { "a/n", "a/n", "a", "a/n" };
	static const lk_mode modes[] = { LK_X, LK_U, LK_X, LK_S };
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = 120 * SECOND };
	uint64_t x;
	lk_grant g;

	must(lk_acquire(w, names[how % 4], modes[how % 4], &o, &g) == 0);
	if (how % 4 == 1)
		must(lk_convert(w, g, LK_X, &o) == 0);
	if (how % 4 == 3) { /* only so that covers of S come and go */
		must(lk_release_all(w) == 0);
		return;
	}
	x = atomic_load_explicit(&t->one, memory_order_relaxed) + 1;
	atomic_store_explicit(&t->one, x, memory_order_relaxed);
	atomic_store_explicit(&t->two, x, memory_order_relaxed);
	must(lk_release_all(w) == 0);
}

/* Of each process one owner writes; and one thread reads, who has no owner. */
static void
read_or_write(void *arg, unsigned index)
{
	struct torture *t = arg;
	struct lk_resource *r = t->r[index % 2];

	if (index < 2) {
		for (unsigned i = 0; i < ROUNDS; i++)
			write_both(t, t->p->w[index][0], i + index);
		atomic_fetch_sub(&t->writing, 1);
		return;
	}
	while (atomic_load(&t->writing) != 0) {
		uint64_t stamp, one, two;
		const int rc = lk_read_begin(r, &stamp);

		must(rc == 0 || rc == LK_E_BUSY);
		if (rc != 0)
			continue;
		one = atomic_load_explicit(&t->one, memory_order_relaxed);
		two = atomic_load_explicit(&t->two, memory_order_relaxed);
		if (lk_read_validate(r, stamp) != 0)
			continue;
		must(one == two);
		atomic_fetch_add_explicit(&t->good, 1, memory_order_relaxed);
	}
}

static void
torture_all(struct pair *p, struct lk_resource *r)
{
	struct torture t = { .p = p, .r = { open_handle(p->m[0], "a/n"), r } };

	atomic_init(&t.writing, 2);
	test_threads(4, read_or_write, &t);
	cr_expect_eq(atomic_load(&t.one), atomic_load(&t.two));
	ok(lk_read_validate(r, begun(r)));
	lk_resource_close(t.r[0]);
}

Test(abroad_read, is_never_torn, .timeout = 300)
{
	in_each("", "a/n", torture_all);
	in_each("&linger_ns=1ms", "a/n", torture_all);
}
