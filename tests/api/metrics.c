/* SPDX-License-Identifier: MIT */
/* Waits and holds by a clock that the test moves: what is measured, sampled and counted by name. */
#include <inttypes.h>

#include "support.h"

enum { MICRO = 1000, MILLI = 1000000 };

static struct lk_histogram
times(struct lk_manager *m, int which)
{
	struct lk_histogram h = { .size = sizeof(h) };

	ok(lk_histogram(m, which, &h));
	return h;
}

static struct lk_counts
counts_of(struct lk_manager *m)
{
	struct lk_counts c = { .size = sizeof(c) };

	ok(lk_counts(m, &c));
	return c;
}

/* A stage with a clock of ours. */
struct scene {
	struct test_world world;
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w[4];
	struct asker a;
};

static void
scene_open(struct scene *s, const char *url)
{
	test_heap_init(&s->heap);
	test_world_init(&s->world);
	s->world.manual = true;
	s->m = open_with(url, &s->heap, &s->world);
	open_owners(s->m, s->w, countof(s->w));
}

static void
scene_close(struct scene *s)
{
	close_all(s->m, s->w, countof(s->w));
	cr_expect_eq(atomic_load(&s->heap.blocks), 0);
}

static void
hold(struct scene *s, const char *name, lk_mode mode, uint64_t ns)
{
	lk_grant g;

	ok(lk_acquire(s->w[0], name, mode, NULL, &g));
	test_world_advance(&s->world, ns);
	ok(lk_release(s->w[0], g));
}

/* Exactly these times, each `weight` times. */
static void
expect_times(const struct lk_histogram *h, const uint64_t *ns, size_t n, uint64_t weight)
{
	uint64_t bucket[LK_HISTOGRAM_BUCKETS] = { 0 };
	uint64_t sum = 0, max = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned b = 0;

		while (lk_histogram_bound(b) < ns[i])
			b++;
		bucket[b] += weight;
		sum += ns[i] * weight;
		max = ns[i] > max ? ns[i] : max;
	}
	cr_expect_eq(h->samples, n);
	cr_expect_eq(h->count, n * weight);
	cr_expect_eq(h->sum_ns, sum);
	cr_expect_eq(h->max_ns, max);
	cr_expect_eq(memcmp(h->bucket, bucket, sizeof(bucket)), 0);
}

/* -------------------------------------------------------------------- holds */

static void
every_grant_is_timed(const char *url)
{
	static const uint64_t held[] = { 0, 1, 900, 5 * MICRO, 5 * MICRO, 3 * MILLI };
	struct lk_histogram h;
	struct scene s;

	scene_open(&s, url);
	for (lk_mode mode = LK_IS; mode <= LK_X; mode++) {
		for (size_t i = 0; i < countof(held); i++)
			hold(&s, "n", mode, held[i]);
		h = times(s.m, LK_HOLDS + (int)mode);
		expect_times(&h, held, countof(held), 1);
		cr_expect_eq(counts_of(s.m).grants[mode], countof(held));
	}
	h = times(s.m, LK_HOLDS);
	cr_expect_eq(h.count, countof(held) * LK_X);
	cr_expect_eq(h.max_ns, 3 * MILLI);
	cr_expect_eq(counts_of(s.m).samples, countof(held) * LK_X);
	cr_expect_eq(stats_of(s.m).grants, countof(held) * LK_X);
	scene_close(&s);
}

Test(metrics, all_holds_are_timed_in_a_timed_manager)
{
	every_grant_is_timed("memory:?timed=1");
}

Test(metrics, all_holds_are_timed_if_one_of_one_is_sampled)
{
	every_grant_is_timed("memory:?sample_every=1");
}

Test(metrics, a_grant_counts_in_the_mode_in_which_it_ended)
{
	static const uint64_t held[] = { 5 };
	struct lk_histogram h;
	struct scene s;
	lk_grant g;

	scene_open(&s, "memory:?timed=1");
	ok(lk_acquire(s.w[0], "n", LK_U, NULL, &g));
	test_world_advance(&s.world, 2);
	ok(lk_upgrade(s.w[0], g, NULL));
	test_world_advance(&s.world, 3);
	ok(lk_release(s.w[0], g));
	h = times(s.m, LK_HOLDS + LK_X);
	expect_times(&h, held, 1, 1);
	cr_expect_eq(times(s.m, LK_HOLDS + LK_U).count, 0);
	cr_expect_eq(counts_of(s.m).grants[LK_U], 1);
	cr_expect_eq(counts_of(s.m).grants[LK_X], 0);
	scene_close(&s);
}

/* Re-entries, implied grants and the first of several each have a time of their own. */
Test(metrics, each_grant_of_a_hold_has_its_own_time)
{
	static const uint64_t held[] = { 10, 110, 1110 };
	struct lk_histogram h;
	struct scene s;
	lk_grant g[3];

	scene_open(&s, "memory:?sample_every=1");
	for (int round = 0; round < 2; round++) {
		const char *name[2][3] = { { "n", "n", "n" }, { "db/t", "db/t/1", "db/t/1" } };

		for (int i = 0; i < 3; i++)
			ok(lk_acquire(s.w[0], name[round][i], LK_X, NULL, &g[i]));
		test_world_advance(&s.world, 10);
		ok(lk_release(s.w[0], g[0])); /* the hold stays */
		test_world_advance(&s.world, 100);
		ok(lk_release(s.w[0], g[2]));
		test_world_advance(&s.world, 1000);
		ok(lk_release_all(s.w[0]));
		if (round == 0) {
			h = times(s.m, LK_HOLDS + LK_X);
			expect_times(&h, held, 3, 1);
		}
	}
	h = times(s.m, LK_HOLDS);
	cr_expect_eq(h.count, 6);
	cr_expect_eq(h.sum_ns, 2 * (10 + 110 + 1110));
	cr_expect_eq(counts_of(s.m).grants[LK_X], 6);
	scene_close(&s);
}

/* However they end: with their owner, their batch, or all locking. */
Test(metrics, a_time_is_taken_however_a_grant_ends)
{
	const struct lk_request both[] = { { .name = "a", .mode = LK_X },
					   { .name = "b", .mode = LK_S } };
	struct lk_owner *w;
	struct scene s;
	lk_grant g[2];

	scene_open(&s, "memory:?sample_every=1");
	ok(lk_acquire(s.w[0], "n", LK_X, NULL, NULL));
	test_world_advance(&s.world, 1);
	ok(lk_release_name(s.w[0], "n", 1));
	ok(lk_owner_open(s.m, NULL, &w));
	ok(lk_acquire(w, "n", LK_X, NULL, NULL));
	test_world_advance(&s.world, 10);
	ok(lk_owner_close(w));
	ok(lk_acquire_many(s.w[0], both, 2, NULL, g));
	test_world_advance(&s.world, 100);
	ok(lk_release_many(s.w[0], g, 2, NULL));
	ok(lk_acquire_id(s.w[1], 7, LK_IX, NULL, NULL));
	test_world_advance(&s.world, 1000);
	ok(lk_shutdown(s.m, &(struct lk_options){ .size = sizeof(struct lk_options),
						  .flags = LK_NOWAIT }));
	cr_expect_eq(times(s.m, LK_HOLDS + LK_X).sum_ns, 111);
	cr_expect_eq(times(s.m, LK_HOLDS + LK_S).sum_ns, 100);
	cr_expect_eq(times(s.m, LK_HOLDS + LK_IX).sum_ns, 1000);
	cr_expect_eq(times(s.m, LK_HOLDS).count, 5);
	scene_close(&s);
}

/* ------------------------------------------------------------------- samples */

/* One of each sixteen in a row: so after a multiple of sixteen the estimate is exact. */
Test(metrics, one_grant_of_so_many_in_a_row_is_timed_and_counts_as_many)
{
	enum { EVERY = 16, ROWS = 300 };
	uint64_t before;
	struct scene s;

	scene_open(&s, "memory:?sample_every=16");
	before = atomic_load(&s.world.nows);
	for (uint64_t row = 1; row <= ROWS; row++) {
		for (int i = 0; i < EVERY; i++)
			hold(&s, row % 2 != 0 ? "odd" : "even", row % 2 != 0 ? LK_X : LK_S, 100);
		cr_assert_eq(times(s.m, LK_HOLDS).samples, row);
		cr_assert_eq(times(s.m, LK_HOLDS).count, row * EVERY);
	}
	cr_expect_eq(atomic_load(&s.world.nows) - before, 2 * ROWS);
	cr_expect_eq(counts_of(s.m).grants[LK_X], ROWS / 2 * EVERY);
	cr_expect_eq(counts_of(s.m).grants[LK_S], ROWS / 2 * EVERY);
	cr_expect_eq(counts_of(s.m).sample_every, EVERY);
	cr_expect_eq(times(s.m, LK_HOLDS + LK_X).sum_ns, 100 * ROWS / 2 * EVERY);
	scene_close(&s);
}

/* Stamps of holds on ancestors, refused requests, and owners that come and go do not shift it. */
Test(metrics, what_is_no_grant_is_not_sampled)
{
	enum { EVERY = 8, ROWS = 200 };
	struct scene s;

	scene_open(&s, "memory:?sample_every=8");
	take(s.w[1], "taken", LK_X);
	take(s.w[1], "db/taken", LK_X);
	for (int i = 0; i < EVERY * ROWS; i++) {
		struct lk_owner *w;
		char row[32];

		ok(lk_owner_open(s.m, NULL, &w));
		snprintf(row, sizeof(row), "db/t%d/%d", i % 3, i % 7);
		is(lk_try_acquire(w, "taken", LK_S, NULL), LK_E_BUSY);
		ok(lk_acquire(w, row, i % 2 != 0 ? LK_X : LK_S, NULL, NULL));
		is(lk_try_acquire(w, "db/taken", LK_S, NULL), LK_E_BUSY);
		ok(lk_owner_close(w));
	}
	cr_expect_ge(stats_of(s.m).intents, 2 * EVERY * ROWS);
	cr_expect_eq(times(s.m, LK_HOLDS).samples, ROWS);
	cr_expect_eq(times(s.m, LK_HOLDS).count, ROWS * EVERY);
	scene_close(&s);
}

/* Each of the numbers in a row has its turn: the lot does not fall on the same one always. */
Test(metrics, the_lot_falls_on_each_of_a_row)
{
	enum { EVERY = 4, ROWS = 400 };
	struct scene s;

	scene_open(&s, "memory:?sample_every=4");
	for (int i = 0; i < EVERY * ROWS; i++) {
		static const lk_mode modes[EVERY] = { LK_IS, LK_S, LK_U, LK_X };

		hold(&s, "n", modes[i % EVERY], 1);
	}
	for (lk_mode mode = LK_IS; mode <= LK_X; mode++) {
		uint64_t n = times(s.m, LK_HOLDS + (int)mode).samples;

		if (mode == LK_IX || mode == LK_SIX)
			cr_expect_eq(n, 0);
		else /* 100 expected; a chance of one in a billion */
			cr_expect(n > 45 && n < 160, "%s: %d", mode_name(mode), (int)n);
	}
	scene_close(&s);
}

Test(metrics, nothing_is_timed_if_nobody_asks)
{
	struct lk_options timed = { .size = sizeof(timed), .flags = LK_TIMED };
	uint64_t nows, calls;
	struct scene s;
	lk_grant g;

	scene_open(&s, "memory:?sample_every=off");
	for (int i = 0; i < 1000; i++) /* until it has its table of guesses */
		hold(&s, "n", LK_X, 1);
	nows = atomic_load(&s.world.nows);
	calls = atomic_load(&s.heap.calls);
	for (int i = 0; i < 10000; i++)
		hold(&s, "n", LK_X, 1);
	cr_expect_eq(atomic_load(&s.world.nows), nows);
	cr_expect_eq(atomic_load(&s.heap.calls), calls);
	cr_expect_eq(times(s.m, LK_HOLDS).samples, 0);
	cr_expect_eq(counts_of(s.m).sample_every, LK_OFF);
	ok(lk_acquire(s.w[0], "n", LK_S, &timed, &g)); /* that is to ask */
	test_world_advance(&s.world, 7);
	ok(lk_release(s.w[0], g));
	cr_expect_eq(times(s.m, LK_HOLDS + LK_S).count, 1);
	cr_expect_eq(times(s.m, LK_HOLDS + LK_S).sum_ns, 7);
	scene_close(&s);
}

/* A sample is not worth a failure.  (V7) */
Test(metrics, a_grant_that_cannot_be_timed_for_want_of_memory_is_made)
{
	struct lk_resource *r;
	struct scene s;

	scene_open(&s, "memory:?sample_every=1");
	ok(lk_resource_open(s.m, "n", &r)); /* nothing else is missing */
	test_heap_fail(&s.heap, 1, true);
	for (int i = 0; i < 8; i++)
		hold(&s, "n", LK_X, 3);
	cr_expect_ge(atomic_load(&s.heap.failures), 8);
	cr_expect_eq(times(s.m, LK_HOLDS).samples, 0);
	test_heap_fail(&s.heap, 0, false);
	hold(&s, "n", LK_X, 3);
	cr_expect_eq(times(s.m, LK_HOLDS).samples, 1);
	cr_expect_eq(times(s.m, LK_HOLDS).sum_ns, 3);
	lk_resource_close(r);
	scene_close(&s);
}

/* -------------------------------------------------------------------- waits */

/* Everything that ends a wait, and how long it was. */
Test(metrics, waits_are_counted_by_how_they_ended)
{
	static const uint64_t had[] = { 5 * MICRO, 70 * MICRO, 1 };
	static const uint64_t late[] = { 2 * MILLI };
	static const uint64_t canceled[] = { 300 };
	struct lk_options o = { .size = sizeof(o), .timeout_ns = 2 * MILLI };
	struct lk_histogram h;
	struct scene s;
	lk_grant g, r[2];

	scene_open(&s, "memory:?spin_ns=off&sample_every=off");
	g = take(s.w[0], "n", LK_X);
	ask(s.m, &s.a, s.w[1], "n", LK_X);
	test_world_advance(&s.world, 5 * MICRO);
	ok(lk_release(s.w[0], g));
	g = granted(&s.a);
	ask_with(s.m, &s.a, s.w[0], "n", LK_S, &o);
	test_world_advance(&s.world, 2 * MILLI);
	is(answer(&s.a), LK_E_TIMEDOUT);
	ask(s.m, &s.a, s.w[0], "n", LK_S);
	test_world_advance(&s.world, 300);
	ok(lk_owner_cancel(s.w[0]));
	is(answer(&s.a), LK_E_CANCELED);
	ok(lk_release(s.w[1], g));
	for (int i = 0; i < 2; i++) /* a conversion waits, too */
		r[i] = take(s.w[i], "n", LK_S);
	ask_convert(s.m, &s.a, s.w[0], r[0], LK_X);
	test_world_advance(&s.world, 70 * MICRO);
	ok(lk_release(s.w[1], r[1]));
	ok(answer(&s.a));
	ask(s.m, &s.a, s.w[2], "n", LK_X);
	test_world_advance(&s.world, 1);
	ok(lk_release_all(s.w[0]));
	ok(answer(&s.a));
	ok(lk_release_all(s.w[2]));
	h = times(s.m, LK_WAITS_TIMEDOUT);
	expect_times(&h, late, 1, 1);
	h = times(s.m, LK_WAITS_CANCELED);
	expect_times(&h, canceled, 1, 1);
	h = times(s.m, LK_WAITS_GRANTED);
	expect_times(&h, had, 3, 1);
	h = times(s.m, LK_WAITS);
	cr_expect_eq(h.count, 5);
	cr_expect_eq(h.sum_ns, 5 * MICRO + 70 * MICRO + 1 + 2 * MILLI + 300);
	cr_expect_eq(stats_of(s.m).waits, 5);
	cr_expect_eq(times(s.m, LK_HOLDS).count, 0);
	scene_close(&s);
}

Test(metrics, a_wait_that_a_shutdown_ends_is_counted)
{
	static const uint64_t closed[] = { 50 };
	struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	struct lk_histogram h;
	struct scene s;

	scene_open(&s, "memory:?spin_ns=off");
	take(s.w[0], "n", LK_X);
	ask(s.m, &s.a, s.w[1], "n", LK_X);
	test_world_advance(&s.world, 50);
	(void)!lk_shutdown(s.m, &now); /* the waiter may be inside still */
	is(answer(&s.a), LK_E_CLOSED);
	ok(lk_shutdown(s.m, &now));
	h = times(s.m, LK_WAITS_CLOSED);
	expect_times(&h, closed, 1, 1);
	cr_expect_eq(times(s.m, LK_WAITS).count, 1);
	scene_close(&s);
}

Test(metrics, a_wait_that_was_a_deadlock_is_counted)
{
	static const uint64_t waited[] = { 3 * MILLI };
	struct lk_histogram h;
	struct asker a[2];
	struct scene s;
	int rc[2];

	scene_open(&s, "memory:?spin_ns=off&deadlock_delay_ns=3000000");
	take(s.w[0], "a", LK_X);
	take(s.w[1], "b", LK_X);
	ask(s.m, &a[0], s.w[0], "b", LK_S);
	ask(s.m, &a[1], s.w[1], "a", LK_S);
	test_world_advance(&s.world, 3 * MILLI);
	wait_until(is_answered(&a[0]) || is_answered(&a[1]));
	ok(lk_release_all(s.w[is_answered(&a[0]) ? 0 : 1]));
	for (int i = 0; i < 2; i++)
		rc[i] = answer(&a[i]);
	cr_expect(rc[0] + rc[1] == LK_E_DEADLOCK && rc[0] * rc[1] == 0, "%d %d", rc[0], rc[1]);
	h = times(s.m, LK_WAITS_DEADLOCK);
	expect_times(&h, waited, 1, 1);
	h = times(s.m, LK_WAITS_GRANTED);
	expect_times(&h, waited, 1, 1);
	scene_close(&s);
}

/* A hold begins when the wait is over. */
Test(metrics, a_wait_is_no_part_of_the_hold_after_it)
{
	static const uint64_t held[] = { 5 };
	struct lk_histogram h;
	struct scene s;
	lk_grant g;

	scene_open(&s, "memory:?spin_ns=off&timed=1");
	g = take(s.w[0], "n", LK_S);
	ask(s.m, &s.a, s.w[1], "n", LK_X);
	test_world_advance(&s.world, 1000);
	ok(lk_release(s.w[0], g));
	g = granted(&s.a);
	test_world_advance(&s.world, 5);
	ok(lk_release(s.w[1], g));
	h = times(s.m, LK_HOLDS + LK_X);
	expect_times(&h, held, 1, 1);
	cr_expect_eq(times(s.m, LK_HOLDS + LK_S).sum_ns, 1000);
	scene_close(&s);
}

/* -------------------------------------------------------------------- names */

struct list {
	unsigned n;
	unsigned stop_at;
	struct lk_top_name row[LK_TOP_NAMES];
	char name[LK_TOP_NAMES][LK_TOP_NAME_MAX + 1];
};

static int
keep_row(void *arg, const struct lk_top_name *row)
{
	struct list *l = arg;
	size_t len = row->name_len < LK_TOP_NAME_MAX ? row->name_len : LK_TOP_NAME_MAX;

	memcpy(l->name[l->n], row->name, len);
	l->name[l->n][len] = '\0';
	l->row[l->n++] = *row;
	return l->n == l->stop_at ? 42 : 0;
}

static struct list
top(struct lk_manager *m, enum lk_top which)
{
	struct list l = { 0 };

	ok(lk_top_each(m, which, keep_row, &l));
	return l;
}

static void
wait_once(struct scene *s, const char *name, uint64_t ns)
{
	lk_grant g = take(s->w[0], name, LK_X);

	ask(s->m, &s->a, s->w[1], name, LK_X);
	test_world_advance(&s->world, ns);
	ok(lk_release(s->w[0], g));
	ok(lk_release(s->w[1], granted(&s->a)));
}

Test(metrics, names_that_are_waited_for_are_listed_by_waits)
{
	struct list l;
	struct scene s;

	scene_open(&s, "memory:?spin_ns=off");
	wait_once(&s, "seldom", 9 * MILLI);
	for (uint64_t i = 1; i <= 3; i++)
		wait_once(&s, "db/often", i * MICRO);
	hold(&s, "never", LK_X, 1);
	l = top(s.m, LK_TOP_WAITED);
	cr_assert_eq(l.n, 2);
	cr_expect_str_eq(l.name[0], "db/often");
	cr_expect_eq(l.row[0].count, 3);
	cr_expect_eq(l.row[0].error, 0);
	cr_expect_eq(l.row[0].total_ns, 6 * MICRO);
	cr_expect_eq(l.row[0].max_ns, 3 * MICRO);
	cr_expect_eq(l.row[0].size, sizeof(l.row[0]));
	cr_expect_eq(l.row[0].hash, lk_name_hash(s.m, "db/often", 8));
	cr_expect_str_eq(l.name[1], "seldom");
	cr_expect_eq(l.row[1].total_ns, 9 * MILLI);
	l.n = 0;
	l.stop_at = 1;
	is(lk_top_each(s.m, LK_TOP_WAITED, keep_row, &l), 42);
	cr_expect_eq(l.n, 1);
	scene_close(&s);
}

struct batch_of_two {
	struct lk_owner *w;
	int rc;
};

static void
ask_for_two(void *arg, unsigned index)
{
	const struct lk_request two[] = { { .name = "a", .mode = LK_X },
					  { .name = "b", .mode = LK_X } };
	struct batch_of_two *b = arg;

	(void)index;
	b->rc = lk_acquire_many(b->w, two, 2, NULL, NULL);
}

/* It is one wait, in two lines. */
Test(metrics, a_batch_that_waits_waits_once)
{
	static const uint64_t waited[] = { 40 };
	struct test_thread thread;
	struct batch_of_two b;
	struct lk_histogram h;
	struct list l;
	struct scene s;

	scene_open(&s, "memory:?spin_ns=off");
	take(s.w[0], "b", LK_S);
	b.w = s.w[1];
	test_spawn(&thread, 1, ask_for_two, &b);
	wait_until(line(s.m, "b") == 1);
	test_world_advance(&s.world, 40);
	ok(lk_release_all(s.w[0]));
	test_join(&thread, 1);
	ok(b.rc);
	h = times(s.m, LK_WAITS_GRANTED);
	expect_times(&h, waited, 1, 1);
	cr_expect_eq(stats_of(s.m).waits, 1);
	l = top(s.m, LK_TOP_WAITED);
	cr_assert_eq(l.n, 2);
	for (unsigned i = 0; i < 2; i++) {
		cr_expect_eq(l.row[i].count, 1);
		cr_expect_eq(l.row[i].total_ns, 40);
	}
	scene_close(&s);
}

Test(metrics, names_that_are_held_are_listed_by_grants)
{
	char longer[200], other[200];
	struct list l;
	struct scene s;
	lk_grant g;

	memset(longer, 'x', sizeof(longer));
	memcpy(other, longer, sizeof(other));
	other[150] = 'y';
	scene_open(&s, "memory:?timed=1");
	for (int i = 0; i < 4; i++) {
		ok(lk_acquire_id(s.w[0], 123456789, LK_X, NULL, &g));
		test_world_advance(&s.world, 5);
		ok(lk_release(s.w[0], g));
	}
	for (int i = 0; i < 5; i++) {
		ok(lk_acquire_bytes(s.w[0], i < 3 ? longer : other, sizeof(longer), LK_S, NULL,
				    &g));
		ok(lk_release(s.w[0], g));
	}
	hold(&s, "db/t/1", LK_X, 1); /* the intents above it are no grants */
	l = top(s.m, LK_TOP_HELD);
	cr_assert_eq(l.n, 4);
	cr_expect_eq(l.row[0].flags, LK_NAME_IS_ID);
	cr_expect_eq(l.row[0].name_len, 8);
	cr_expect_eq(memcmp(l.name[0], &(uint64_t){ 123456789 }, 8), 0);
	cr_expect_eq(l.row[0].count, 4);
	cr_expect_eq(l.row[0].total_ns, 20);
	cr_expect_eq(l.row[1].count, 3);
	cr_expect_eq(l.row[1].name_len, sizeof(longer));
	cr_expect_eq(l.row[1].hash, lk_name_hash(s.m, longer, sizeof(longer)));
	cr_expect_eq(l.row[2].count, 2);
	cr_expect_eq(l.row[2].hash, lk_name_hash(s.m, other, sizeof(other)));
	cr_expect_str_eq(l.name[2], l.name[1]);
	cr_expect_str_eq(l.name[3], "db/t/1");
	cr_expect_eq(top(s.m, LK_TOP_WAITED).n, 0);
	scene_close(&s);
}

/* ----------------------------------------------------------------- arguments */

static int
no_row(void *arg, const struct lk_top_name *row)
{
	(void)arg;
	(void)row;
	return 0;
}

Test(metrics, what_is_no_kind_of_times_is_not_valid)
{
	static const int bad[] = { -1, 0, LK_WAITS_CLOSED + 1, LK_HOLDS - 1, LK_HOLDS + LK_X + 1 };
	struct lk_histogram h = { .size = sizeof(h), .count = 77 };
	struct lk_counts c = { .size = sizeof(c) };
	struct lk_manager *m = open_manager(NULL);

	for (size_t i = 0; i < countof(bad); i++)
		is(lk_histogram(m, bad[i], &h), LK_E_INVAL);
	is(lk_histogram(NULL, LK_WAITS, &h), LK_E_INVAL);
	is(lk_histogram(m, LK_WAITS, NULL), LK_E_INVAL);
	is(lk_counts(m, NULL), LK_E_INVAL);
	is(lk_counts(NULL, &c), LK_E_INVAL);
	is(lk_top_each(m, LK_TOP_HELD, NULL, NULL), LK_E_INVAL);
	is(lk_top_each(m, (enum lk_top)0, no_row, NULL), LK_E_INVAL);
	is(lk_top_each(m, (enum lk_top)3, no_row, NULL), LK_E_INVAL);
	is(lk_top_each(NULL, LK_TOP_HELD, no_row, NULL), LK_E_INVAL);
	h.size = 0;
	is(lk_histogram(m, LK_WAITS, &h), LK_E_INVAL);
	cr_expect_eq(h.count, 77);
	ok(lk_close(m));
}

Test(metrics, structures_of_other_versions)
{
	NEWER(struct lk_histogram) h = { .known.size = sizeof(h) };
	NEWER(struct lk_counts) c = { .known.size = sizeof(c) };
	struct lk_manager *m = open_manager("memory:?sample_every=7");

	ok(lk_histogram(m, LK_WAITS, &h.known));
	ok(lk_counts(m, &c.known));
	cr_expect_eq(c.known.sample_every, 7);
	h.unknown[1] = c.unknown[1] = 1;
	is(lk_histogram(m, LK_WAITS, &h.known), LK_E_VERSION);
	is(lk_counts(m, &c.known), LK_E_VERSION);
	c.known.size = offsetof(struct lk_counts, samples); /* an older one */
	c.known.samples = 88;
	ok(lk_counts(m, &c.known));
	cr_expect_eq(c.known.samples, 88);
	ok(lk_close(m));
}

Test(metrics, a_list_needs_memory)
{
	struct scene s;

	scene_open(&s, "memory:?timed=1");
	hold(&s, "n", LK_X, 1);
	test_heap_fail(&s.heap, 1, false);
	is(lk_top_each(s.m, LK_TOP_HELD, no_row, NULL), LK_E_NOMEM);
	ok(lk_top_each(s.m, LK_TOP_HELD, no_row, NULL));
	scene_close(&s);
}

Test(metrics, the_time_since_it_was_opened)
{
	struct scene s;

	scene_open(&s, NULL);
	cr_expect_eq(counts_of(s.m).uptime_ns, 0);
	test_world_advance(&s.world, 12345);
	cr_expect_eq(counts_of(s.m).uptime_ns, 12345);
	scene_close(&s);
}
