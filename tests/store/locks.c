/* SPDX-License-Identifier: MIT */
/* Locks over the store: modes, conversions, the order of the line, batches; what is held by one manager is so for all. */
#include <sched.h>
#include <time.h>

#include "stage.h"

/* By hand, so that it shares no mistake with the library. */
static const bool along[LK_X + 1][LK_X + 1] = {
	[LK_IS] = { [LK_IS] = true, [LK_IX] = true, [LK_S] = true, [LK_SIX] = true, [LK_U] = true },
	[LK_IX] = { [LK_IS] = true, [LK_IX] = true },
	[LK_S] = { [LK_IS] = true, [LK_S] = true, [LK_U] = true },
	[LK_SIX] = { [LK_IS] = true },
	[LK_U] = { [LK_IS] = true, [LK_S] = true },
};

static void
modes_against_each_other(void)
{
	const char *n = stage_name("modes");
	struct stage s;

	stage_open(&s);
	for (lk_mode held = LK_IS; held <= LK_X; held++) {
		for (lk_mode wanted = LK_IS; wanted <= LK_X; wanted++) {
			lk_grant g = take(s.w[0][0], n, held);

			if (along[held][wanted])
				give(s.w[1][0], take(s.w[1][0], n, wanted));
			else
				CHECK(is_barred(s.w[1][0], n, wanted), "%s beside %s",
				      lk_modename(wanted), lk_modename(held));
			give(s.w[0][0], g);
		}
	}
	stage_close(&s);
}

static void
what_nobody_uses_goes_to_who_wants_it(void)
{
	const char *n = stage_name("unused");
	struct stage s;

	stage_open(&s);
	for (int i = 0; i < 12; i++)
		give(s.w[i % 3][0], take(s.w[i % 3][0], n, LK_X));
	stage_close(&s);
}

static void
upgrade_and_downgrade(void)
{
	const struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	const char *n = stage_name("convert");
	struct asker a;
	struct stage s;
	lk_grant g;
	lk_grant h;

	stage_open(&s);
	g = take(s.w[0][0], n, LK_S);
	h = take(s.w[1][0], n, LK_S);
	IS(lk_convert(s.w[0][0], g, LK_X, &now), LK_E_BUSY);
	ask_convert(&a, s.w[0][0], g, LK_X);
	WAIT_UNTIL(is_barred(s.w[2][0], n, LK_S));
	CHECK(!atomic_load(&a.is_done), "an upgrade past a reader");
	give(s.w[1][0], h);
	OK(answer(&a));
	CHECK(is_barred(s.w[1][0], n, LK_IS), "IS beside X");
	OK(lk_downgrade(s.w[0][0], g));
	h = take(s.w[1][0], n, LK_S);
	give(s.w[1][0], h);
	give(s.w[0][0], g);
	stage_close(&s);
}

/* U lets readers go on, and is the only one that may become X. */
static void
update_locks(void)
{
	const char *n = stage_name("update");
	struct asker a;
	struct stage s;
	lk_grant r;
	lk_grant u;

	stage_open(&s);
	r = take(s.w[0][0], n, LK_S);
	u = take(s.w[1][0], n, LK_U);
	CHECK(is_barred(s.w[2][0], n, LK_U), "two in U");
	give(s.w[2][0], take(s.w[2][0], n, LK_S));
	ask_convert(&a, s.w[1][0], u, LK_X);
	WAIT_UNTIL(is_barred(s.w[2][0], n, LK_S));
	give(s.w[0][0], r);
	OK(answer(&a));
	give(s.w[1][0], u);
	give(s.w[2][0], take(s.w[2][0], n, LK_U));
	stage_close(&s);
}

static void
of_two_upgraders_one_is_refused(void)
{
	const char *n = stage_name("upgraders");
	struct asker a[2];
	struct stage s;
	lk_grant g[2];
	int refused;

	stage_open(&s);
	for (int i = 0; i < 2; i++)
		g[i] = take(s.w[i][0], n, LK_S);
	for (int i = 0; i < 2; i++)
		ask_convert(&a[i], s.w[i][0], g[i], LK_X);
	WAIT_UNTIL(atomic_load(&a[0].is_done) || atomic_load(&a[1].is_done));
	refused = atomic_load(&a[0].is_done) ? 0 : 1;
	IS(answer(&a[refused]), LK_E_CONVERSION_DEADLOCK);
	CHECK(!atomic_load(&a[1 - refused].is_done), "granted beside the other's S");
	give(s.w[refused][0], g[refused]);
	OK(answer(&a[1 - refused]));
	give(s.w[1 - refused][0], g[1 - refused]);
	stage_close(&s);
}

/* A writer waits for readers; those who come after it wait for it. */
static void
the_order_of_the_line(void)
{
	const char *n = stage_name("order");
	struct asker writer;
	struct asker reader;
	struct stage s;
	lk_grant g;

	stage_open(&s);
	g = take(s.w[0][0], n, LK_S);
	ask(&writer, s.w[1][0], n, LK_X);
	WAIT_UNTIL(n_waiting(&s, n) == 1);
	CHECK(is_barred(s.w[2][0], n, LK_S), "a reader goes past a writer who waits");
	ask(&reader, s.w[2][0], n, LK_S);
	WAIT_UNTIL(n_waiting(&s, n) == 2);
	CHECK(!atomic_load(&reader.is_done), "a reader went past a writer");
	give(s.w[0][0], g);
	g = granted(&writer);
	CHECK(!atomic_load(&reader.is_done), "a reader beside a writer");
	give(s.w[1][0], g);
	give(s.w[2][0], granted(&reader));
	stage_close(&s);
}

static void
batches_are_all_or_nothing(void)
{
	const char *a = stage_name("batch-a");
	const char *b = stage_name("batch-b");
	const struct lk_request all[] = {
		{ .name = a, .mode = LK_X },
		{ .name = b, .mode = LK_X },
	};
	struct lk_options o = { .size = sizeof(o), .flags = LK_NOWAIT };
	struct stage s;
	lk_grant g[2];
	lk_grant h;

	stage_open(&s);
	h = take(s.w[0][0], b, LK_S);
	IS(lk_acquire_many(s.w[1][0], all, 2, &o, g), LK_E_BUSY);
	give(s.w[2][0], take(s.w[2][0], a, LK_X)); /* it holds none of it */
	give(s.w[0][0], h);
	o = (struct lk_options){ .size = sizeof(o), .timeout_ns = (int64_t)PATIENCE_NS };
	OK(lk_acquire_many(s.w[1][0], all, 2, &o, g));
	CHECK(is_barred(s.w[0][0], a, LK_S) && is_barred(s.w[2][0], b, LK_S), "one of a batch");
	OK(lk_release_many(s.w[1][0], g, 2, NULL));
	stage_close(&s);
}

/* Many batches of the same names in all orders: none waits for ever. */
struct batcher {
	pthread_t thread;
	struct lk_owner *w;
	const char *name[3];
	unsigned first;
};

static void *
run_batches(void *arg)
{
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = (int64_t)(2 * PATIENCE_NS) };
	const struct batcher *b = arg;

	for (unsigned i = 0; i < 10; i++) {
		struct lk_request r[3];
		lk_grant g[3];
		int rc;

		for (unsigned k = 0; k < 3; k++) {
			const char *n = b->name[(b->first + i + k) % 3];

			r[k] = (struct lk_request){ .name = n, .mode = k == 0 ? LK_S : LK_X };
		}
		rc = lk_acquire_many(b->w, r, 3, &o, g);
		OK(rc);
		if (rc == 0)
			OK(lk_release_many(b->w, g, 3, NULL));
	}
	return NULL;
}

static void
batches_make_no_rings(void)
{
	const char *name[3] = { stage_name("ring-a"), stage_name("ring-b"), stage_name("ring-c") };
	struct batcher b[MANAGERS];
	struct stage s;

	stage_open(&s);
	for (unsigned i = 0; i < MANAGERS; i++) {
		b[i] = (struct batcher){ .w = s.w[i][0],
					 .name = { name[0], name[1], name[2] },
					 .first = i };
		MUST(pthread_create(&b[i].thread, NULL, run_batches, &b[i]) == 0, "no thread");
	}
	for (unsigned i = 0; i < MANAGERS; i++)
		MUST(pthread_join(b[i].thread, NULL) == 0, "no thread");
	stage_close(&s);
}

static void
paths_have_intents(void)
{
	const char *root = stage_name("tree");
	const char *row[2] = { stage_name("tree/t/1"), stage_name("tree/t/2") };
	struct stage s;
	lk_grant g;
	lk_grant h;

	stage_open(&s);
	g = take(s.w[0][0], row[0], LK_X);
	h = take(s.w[1][0], row[1], LK_X);
	CHECK(is_barred(s.w[2][0], root, LK_S), "the whole beside a row");
	give(s.w[1][0], h);
	give(s.w[0][0], g);
	g = take(s.w[2][0], root, LK_S);
	give(s.w[0][0], take(s.w[0][0], row[0], LK_S));
	CHECK(is_barred(s.w[0][0], row[0], LK_X), "a row beside the whole");
	give(s.w[2][0], g);
	stage_close(&s);
}

static void
numbers_are_names_of_their_own(void)
{
	struct lk_options o = { .size = sizeof(o), .timeout_ns = (int64_t)PATIENCE_NS };
	const struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	const uint64_t id = run.seed;
	struct stage s;
	lk_grant g;

	stage_open(&s);
	OK(lk_acquire_id(s.w[0][0], id, LK_X, &o, &g));
	IS(lk_acquire_id(s.w[1][0], id, LK_S, &now, NULL), LK_E_BUSY);
	OK(lk_acquire_id(s.w[1][0], id + 1, LK_X, &o, NULL));
	give(s.w[0][0], g);
	OK(lk_acquire_id(s.w[1][0], id, LK_X, &o, NULL));
	stage_close(&s);
}

/* One at a time, with fences that rise, whoever it is. */
struct user {
	pthread_t thread;
	struct lk_owner *w;
	const char *name;
	_Atomic unsigned *inside;
	_Atomic uint64_t *fence;
};

static void *
use(void *arg)
{
	const struct user *u = arg;

	for (int i = 0; i < 30; i++) {
		const lk_grant g = take(u->w, u->name, LK_X);
		const uint64_t fence = lk_fence(u->w, g);

		CHECK(atomic_fetch_add(u->inside, 1) == 0, "two in X");
		CHECK(fence > atomic_exchange(u->fence, fence), "a fence that does not rise");
		sched_yield();
		atomic_fetch_sub(u->inside, 1);
		give(u->w, g);
	}
	return NULL;
}

static void
one_at_a_time(void)
{
	const char *n = stage_name("hot");
	_Atomic unsigned inside = 0;
	_Atomic uint64_t fence = 0;
	struct user u[MANAGERS * 2];
	struct stage s;

	stage_open(&s);
	for (unsigned i = 0; i < MANAGERS * 2; i++) {
		u[i] = (struct user){ .w = s.w[i % MANAGERS][i / MANAGERS],
				      .name = n,
				      .inside = &inside,
				      .fence = &fence };
		MUST(pthread_create(&u[i].thread, NULL, use, &u[i]) == 0, "no thread");
	}
	for (unsigned i = 0; i < MANAGERS * 2; i++)
		MUST(pthread_join(u[i].thread, NULL) == 0, "no thread");
	stage_close(&s);
}

/*
 * A store that lives in its process forgets its fences as it is closed: those of the next opening begin with the wall clock's
 * milliseconds, and may be those of this one as long as that is the same.
 */
static uint64_t
wall_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void
fences_rise_over_reopening(void)
{
	const bool forgets = (run.capabilities & LK_STORE_ONE_PROCESS) != 0;
	const char *n = stage_name("fences");
	uint64_t last = 0;

	for (int i = 0; i < 4; i++) {
		uint64_t opened_ms;
		struct stage s;

		stage_open(&s);
		opened_ms = wall_ms();
		for (int k = 0; k < MANAGERS; k++) {
			const lk_grant g = take(s.w[k][0], n, k == 1 ? LK_U : LK_X);
			const uint64_t fence = lk_fence(s.w[k][0], g);

			CHECK(fence > last, "%llu after %llu", (unsigned long long)fence,
			      (unsigned long long)last);
			last = fence;
			give(s.w[k][0], g);
		}
		stage_close(&s);
		WAIT_UNTIL(!forgets || wall_ms() > opened_ms);
	}
}

const struct check_case cases_locks[] = {
	{ "modes against each other", modes_against_each_other, 0, false },
	{ "what nobody uses goes to who wants it", what_nobody_uses_goes_to_who_wants_it, 0,
	  false },
	{ "upgrade and downgrade", upgrade_and_downgrade, 0, false },
	{ "update locks", update_locks, 0, false },
	{ "of two upgraders one is refused", of_two_upgraders_one_is_refused, 0, false },
	{ "the order of the line", the_order_of_the_line, 0, false },
	{ "batches are all or nothing", batches_are_all_or_nothing, 0, false },
	{ "batches make no rings", batches_make_no_rings, 0, false },
	{ "paths have intents", paths_have_intents, 0, false },
	{ "numbers are names of their own", numbers_are_names_of_their_own, 0, false },
	{ "one at a time", one_at_a_time, 0, false },
	{ "fences rise over reopening", fences_rise_over_reopening, 0, false },
	{ NULL, NULL, 0, false },
};
