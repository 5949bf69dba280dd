/* SPDX-License-Identifier: MIT */
/*
 * Threads that end at a bad moment: cancelled (deferred) while they wait, granted afterwards or not, or
 * with locks in their hands.  Nothing is lost, and nothing leaks: the heap is empty at the end.
 */
#include "../api/support.h"

struct stage {
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w;
};

static void
stage_open(struct stage *s, const char *url)
{
	test_heap_init(&s->heap);
	s->m = open_with(url, &s->heap, NULL);
	open_owners(s->m, &s->w, 1);
}

static void
stage_close(struct stage *s)
{
	cr_expect_eq(stats_of(s->m).waiting, 0);
	close_all(s->m, &s->w, 1);
	cr_expect_eq(atomic_load(&s->heap.blocks), 0);
}

/* --------------------------------------------------- one thread that waits is cancelled */

/* A way to wait for "db/n", which somebody has. */
struct way {
	const char *name;
	int (*ask)(struct lk_manager *m, struct lk_owner *w, const struct lk_options *o);
	lk_mode against; /* how the other holds "db/n" */
};

static int
ask_name(struct lk_manager *m, struct lk_owner *w, const struct lk_options *o)
{
	(void)m;
	return lk_acquire(w, "db/n", LK_X, o, NULL);
}

static int
ask_below(struct lk_manager *m, struct lk_owner *w, const struct lk_options *o)
{
	(void)m;
	return lk_acquire(w, "db/n/of/more/levels", LK_X, o, NULL);
}

static int
ask_tagged(struct lk_manager *m, struct lk_owner *w, const struct lk_options *o)
{
	struct lk_options tagged = *o;

	(void)m;
	tagged.tag = "a tag";
	tagged.tag_len = 5;
	return lk_acquire(w, "db/n", LK_S, &tagged, NULL);
}

static int
ask_batch(struct lk_manager *m, struct lk_owner *w, const struct lk_options *o)
{
	static const struct lk_request r[] = {
		{ .name = "db/a", .mode = LK_X },
		{ .name = "db/n", .mode = LK_X },
		{ .name = "z", .mode = LK_S },
		{ .name = "db/n", .mode = LK_S },
	};

	(void)m;
	return lk_acquire_many(w, r, countof(r), o, NULL);
}

static int
ask_more(struct lk_manager *m, struct lk_owner *w, const struct lk_options *o)
{
	lk_grant g;
	int rc = lk_acquire(w, "db/n", LK_U, NULL, &g);

	(void)m;
	return rc != 0 ? rc : lk_upgrade(w, g, o);
}

static int
ask_handle(struct lk_manager *m, struct lk_owner *w, const struct lk_options *o)
{
	struct lk_resource *r;
	int rc = lk_resource_open(m, "db/n", &r);

	if (rc != 0)
		return rc;
	rc = lk_acquire_on(w, r, LK_X, o, NULL);
	lk_resource_close(r);
	return rc;
}

static const struct way ways[] = {
	{ "by name", ask_name, LK_X },      { "below", ask_below, LK_X },
	{ "with a tag", ask_tagged, LK_X }, { "in a batch", ask_batch, LK_X },
	{ "for more", ask_more, LK_S },     { "by handle", ask_handle, LK_X },
};

struct victim {
	struct stage *stage;
	const struct way *way;
	_Atomic(struct lk_owner *) owner;
	atomic_int rc;
};

static void *
ask_and_end(void *arg)
{
	struct victim *v = arg;
	const struct lk_options o = LK_OPTIONS_INIT;
	struct lk_owner *w = lk_self(v->stage->m);

	must(w != NULL);
	must(lk_acquire(w, "before", LK_X, NULL, NULL) == 0);
	atomic_store(&v->owner, w);
	atomic_store(&v->rc, v->way->ask(v->stage->m, w, &o));
	pthread_testcancel();
	abort(); /* it was cancelled long ago */
}

/* Cancel the thread while it waits, then let the wait end with a grant, or without one. */
static void
cancel_in_wait(const struct way *way, bool grant)
{
	struct victim v = { .way = way, .rc = 1 };
	struct stage s;
	pthread_t thread;
	void *result;

	stage_open(&s, "memory:?lot_buckets=1");
	v.stage = &s;
	take(s.w, "db/n", way->against);
	cr_assert_eq(pthread_create(&thread, NULL, ask_and_end, &v), 0);
	wait_until(line(s.m, "db/n") == 1);
	cr_assert_eq(pthread_cancel(thread), 0);
	cr_assert_eq(line(s.m, "db/n"), 1, "%s", way->name);
	if (grant)
		ok(lk_release_all(s.w));
	else
		ok(lk_owner_cancel(atomic_load(&v.owner)));
	cr_assert_eq(pthread_join(thread, &result), 0);
	cr_assert_eq(result, PTHREAD_CANCELED);
	cr_expect_eq(atomic_load(&v.rc), grant ? 0 : LK_E_CANCELED, "%s", way->name);
	cr_expect(grant_info(s.w, take(s.w, "before", LK_S)).flags & LK_OWNER_DIED);
	cr_expect_eq(stats_of(s.m).owners, 1);
	ok(lk_release_all(s.w));
	cr_expect_eq(stats_of(s.m).holds, 0, "%s", way->name);
	cr_expect(is_open_to(s.w, "db", LK_X));
	stage_close(&s);
}

Test(ends, of_threads_cancelled_while_they_wait)
{
	for (size_t i = 0; i < countof(ways); i++) {
		cancel_in_wait(&ways[i], true);
		cancel_in_wait(&ways[i], false);
	}
}

/* -------------------------------------------------------- many threads, at any moment */

enum { THREADS = 8, GENERATIONS = 25, NAMES = 3 };

struct churn {
	struct stage stage;
	uint64_t counter[NAMES]; /* plain: under X */
	_Atomic uint64_t done;
	_Atomic uint64_t running;
};

static void
churn_until_cancelled(void *arg, unsigned index)
{
	struct churn *churn = arg;
	uint64_t seed = index + 1;
	struct lk_owner *w = lk_self(churn->stage.m);

	must(w != NULL);
	atomic_fetch_add(&churn->running, 1);
	for (;;) {
		uint64_t n = test_random(&seed) % NAMES;
		char name[32];

		snprintf(name, sizeof(name), "table %d/row", (int)n);
		must(lk_acquire(w, name, LK_X, NULL, NULL) == 0);
		churn->counter[n]++;
		atomic_fetch_add(&churn->done, 1);
		pthread_testcancel(); /* here with a lock in our hands */
		must(lk_release_all(w) == 0);
	}
}

Test(ends, of_many_threads_at_any_moment, .timeout = 120)
{
	static struct churn churn;
	uint64_t counted = 0;

	stage_open(&churn.stage, NULL);
	for (uint64_t g = 1; g <= GENERATIONS; g++) {
		struct test_thread threads[THREADS];
		uint64_t enough = atomic_load(&churn.done) + 100;

		test_spawn(threads, THREADS, churn_until_cancelled, &churn);
		wait_until(atomic_load(&churn.running) == g * THREADS);
		wait_until(atomic_load(&churn.done) > enough);
		for (int i = 0; i < THREADS; i++)
			cr_assert_eq(pthread_cancel(threads[i].id), 0);
		test_join(threads, THREADS);
		cr_assert_eq(stats_of(churn.stage.m).holds, 0);
		cr_assert_eq(stats_of(churn.stage.m).owners, 1);
	}
	for (int i = 0; i < NAMES; i++)
		counted += churn.counter[i];
	cr_expect_eq(counted, atomic_load(&churn.done));
	stage_close(&churn.stage);
}

/* ------------------------------------------------------------ a chain of those who die */

struct chain {
	struct stage stage;
	_Atomic uint64_t told;
};

static void
take_and_die(void *arg, unsigned index)
{
	struct lk_grant_info info = { .size = sizeof(info) };
	struct chain *chain = arg;
	struct lk_owner *w = lk_self(chain->stage.m);
	lk_grant g;

	(void)index;
	must(w != NULL && lk_acquire(w, "n", LK_X, NULL, &g) == 0);
	must(lk_grant_info(w, g, &info) == 0);
	if ((info.flags & LK_OWNER_DIED) != 0)
		atomic_fetch_add(&chain->told, 1);
}

/* Each dies with the lock; the next is granted, and told. */
Test(ends, of_each_holder_in_turn)
{
	enum { CHAIN = 64 };
	static struct chain chain;
	struct test_thread threads[CHAIN];

	stage_open(&chain.stage, "memory:?strict=1");
	take(chain.stage.w, "n", LK_X);
	test_spawn(threads, CHAIN, take_and_die, &chain);
	wait_until(line(chain.stage.m, "n") == CHAIN);
	ok(lk_release_all(chain.stage.w));
	test_join(threads, CHAIN);
	cr_expect_eq(atomic_load(&chain.told), CHAIN - 1);
	cr_expect(grant_info(chain.stage.w, take(chain.stage.w, "n", LK_S)).flags & LK_OWNER_DIED);
	stage_close(&chain.stage);
}
