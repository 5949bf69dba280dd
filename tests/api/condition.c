/* SPDX-License-Identifier: MIT */
/* Requests with a condition: asked with the lock held, and again whenever a writer has left.  (CW1-CW5) */
#include "support.h"

enum { MANY = 40 };

/* What a condition looks at: a number that is changed under the lock. */
struct box {
	atomic_int value;
	int wanted;
	atomic_uint asked;
};

static int
has_come(void *arg)
{
	struct box *b = arg;

	atomic_fetch_add(&b->asked, 1);
	return atomic_load(&b->value) >= b->wanted;
}

static struct lk_options
when(struct box *b)
{
	return (struct lk_options){ .size = sizeof(struct lk_options),
				    .condition = has_come,
				    .condition_arg = b };
}

static unsigned
asked(struct box *b)
{
	return atomic_load(&b->asked);
}

/* Back when it was asked for the n-th time, and nobody holds anything any more. */
static void
wait_asked(struct lk_manager *m, struct box *b, unsigned n)
{
	wait_until(asked(b) >= n && stats_of(m).holds == 0);
}

static void
ask_when(struct asker *a, struct lk_owner *w, const char *name, lk_mode mode,
	 const struct lk_options *o)
{
	*a = (struct asker){ .owner = w, .name = name, .mode = mode, .options = o };
	asker_start(a);
}

Test(condition, that_is_true_is_granted_at_once)
{
	struct lk_manager *m = open_manager(NULL);
	struct box b = { .wanted = 0 };
	struct lk_options o = when(&b);
	struct lk_owner *w;
	lk_grant g;

	open_owners(m, &w, 1);
	ok(lk_acquire(w, "n", LK_X, &o, &g));
	cr_expect_eq(asked(&b), 1);
	cr_expect_eq(holds(w, "n"), LK_X);
	ok(lk_release(w, g));
	close_all(m, &w, 1);
}

static int
look_at_locks(void *arg)
{
	struct lk_owner **w = arg;

	must(!is_open_to(w[1], "a/b", LK_S)); /* other owners may be used */
	must(is_open_to(w[1], "a", LK_IX));
	return 0;
}

Test(condition, is_asked_with_the_lock_held_and_then_it_is_free)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	struct lk_options o = { .size = sizeof(o), .flags = LK_NOWAIT, .condition = look_at_locks };
	struct lk_stats before, after;
	lk_grant g = 7;

	open_owners(m, w, 2);
	o.condition_arg = w;
	before = stats_of(m);
	is(lk_acquire(w[0], "a/b", LK_X, &o, &g), LK_E_CONDITION);
	after = stats_of(m);
	cr_expect_eq(g, 7);
	cr_expect_eq(after.holds, 0);
	cr_expect_eq(after.grants - before.grants, 1); /* the other owner's */
	ok(lk_acquire(w[1], "a", LK_X, NULL, NULL));
	close_all(m, w, 2);
}

/* By release, by weakening, by the end of an owner; in each of the modes that may write. */
Test(condition, is_asked_again_when_a_writer_leaves)
{
	static const struct {
		lk_mode held, then;
	} ways[] = {
		{ LK_X, LK_NL }, { LK_X, LK_S },    { LK_X, LK_U },  { LK_X, LK_SIX },
		{ LK_X, LK_IX }, { LK_SIX, LK_S },  { LK_U, LK_NL }, { LK_SIX, LK_NL },
		{ LK_U, LK_S },  { LK_SIX, LK_IX }, { LK_U, LK_IX }, { LK_U, LK_IS },
	};
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (size_t i = 0; i < countof(ways); i++) {
		struct box b = { .wanted = 1 };
		struct lk_options o = when(&b);
		struct asker a;
		lk_grant g;

		ask_when(&a, w[0], "n", LK_IS, &o);
		wait_asked(m, &b, 1);
		g = take(w[1], "n", ways[i].held);
		atomic_store(&b.value, 1);
		cr_expect(!is_answered(&a));
		if (ways[i].then != LK_NL)
			ok(lk_convert(w[1], g, ways[i].then, NULL));
		else
			ok(lk_release(w[1], g));
		(void)granted(&a);
		cr_expect_ge(asked(&b), 2);
		ok(lk_release_all(w[0]));
		ok(lk_release_all(w[1]));
		cr_expect_eq(stats_of(m).holds, 0);
	}
	close_all(m, w, 2);
}

/* Readers, intents, and those who only looked for themselves. */
Test(condition, is_not_asked_again_for_others)
{
	struct lk_manager *m = open_manager(NULL);
	struct box b = { .wanted = 1 }, no = { .wanted = 9 };
	struct lk_options o = when(&b), nowait = when(&no);
	struct lk_owner *w[2];
	struct asker a;

	open_owners(m, w, 2);
	nowait.flags = LK_NOWAIT;
	ask_when(&a, w[0], "n", LK_X, &o);
	wait_asked(m, &b, 1);
	for (int i = 0; i < 100; i++) {
		ok(lk_release(w[1], take(w[1], "n", LK_S)));
		ok(lk_release(w[1], take(w[1], "n", LK_IX)));
		is(lk_acquire(w[1], "n", LK_X, &nowait, NULL), LK_E_CONDITION);
		ok(lk_release(w[1], take(w[1], "other", LK_X)));
	}
	ok(lk_owner_cancel(w[0]));
	is(answer(&a), LK_E_CANCELED);
	cr_expect_eq(asked(&b), 1);
	cr_expect_eq(stats_of(m).cancels, 1);
	close_all(m, w, 2);
}

Test(condition, sees_writers_above)
{
	struct lk_manager *m = open_manager(NULL);
	struct box b = { .wanted = 1 };
	struct lk_options o = when(&b);
	struct lk_owner *w[2];
	struct asker a;

	open_owners(m, w, 2);
	ask_when(&a, w[0], "a/b/c", LK_S, &o);
	wait_asked(m, &b, 1);
	ok(lk_release(w[1], take(w[1], "a/b/x", LK_X)));
	ok(lk_acquire(w[1], "a", LK_X, NULL, NULL));
	take(w[1], "a/b/c", LK_X); /* implied */
	atomic_store(&b.value, 1);
	ok(lk_release_all(w[1]));
	(void)granted(&a);
	close_all(m, w, 2);
}

/* Who was granted gives it back, so that the next can come.  True: all were. */
static bool
leave_all(struct asker *a, int n)
{
	bool all = true;

	for (int i = 0; i < n; i++) {
		if (is_answered(&a[i]))
			ok(lk_release_all(a[i].owner));
		else
			all = false;
	}
	return all;
}

/* One writer, many who wait for it: all are woken, and all look. */
Test(condition, many_wait_for_one_writer, .timeout = 120)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[MANY + 1];
	struct asker a[MANY];
	struct box b = { .wanted = 1 };
	struct lk_options o = when(&b);

	open_owners(m, w, MANY + 1);
	for (int i = 0; i < MANY; i++)
		ask_when(&a[i], w[i], "n", i % 2 == 0 ? LK_X : LK_S, &o);
	wait_until(asked(&b) == MANY);
	ok(lk_acquire(w[MANY], "n", LK_X, NULL, NULL));
	atomic_store(&b.value, 1);
	ok(lk_release_all(w[MANY]));
	wait_until(leave_all(a, MANY));
	for (int i = 0; i < MANY; i++)
		(void)granted(&a[i]);
	close_all(m, w, MANY + 1);
}

/* ----------------------------------------------------------------- how it ends */

Test(condition, ends_at_the_deadline)
{
	struct box b = { .wanted = 1 };
	struct lk_options o = when(&b);
	struct lk_owner *w[2];
	struct lk_manager *m;
	struct test_world world;
	struct asker a;

	test_world_init(&world);
	world.manual = true;
	m = open_with("memory:?spin_ns=off", NULL, &world);
	open_owners(m, w, 2);
	o.timeout_ns = 1000;
	ask_when(&a, w[0], "n", LK_X, &o);
	wait_asked(m, &b, 1);
	wait_until(atomic_load(&world.sleeping) == 1);
	test_world_advance(&world, 999);
	cr_expect(!is_answered(&a));
	ok(lk_acquire(w[1], "n", LK_X, NULL, NULL)); /* it asks once more, and keeps its deadline */
	ok(lk_release_all(w[1]));
	wait_asked(m, &b, 2);
	test_world_advance(&world, 1);
	is(answer(&a), LK_E_CONDITION);
	cr_expect_eq(stats_of(m).timeouts, 0);

	close_all(m, w, 2);
}

Test(condition, that_waits_for_the_lock_times_out)
{
	struct box b = { .wanted = 1 };
	struct lk_options o = when(&b);
	struct lk_owner *w[2];
	struct lk_manager *m;
	struct test_world world;
	struct asker a;

	test_world_init(&world);
	world.manual = true;
	m = open_with("memory:?spin_ns=off", NULL, &world);
	open_owners(m, w, 2);
	o.timeout_ns = 1000;
	take(w[1], "n", LK_X);
	ask_with(m, &a, w[0], "n", LK_X, &o);
	wait_until(atomic_load(&world.sleeping) == 1);
	test_world_advance(&world, 1000);
	is(answer(&a), LK_E_TIMEDOUT);
	cr_expect_eq(asked(&b), 0);
	close_all(m, w, 2);
}

Test(condition, ends_with_the_manager)
{
	struct lk_options at_once = { .size = sizeof(at_once), .timeout_ns = 1000000000 };
	struct lk_manager *m = open_manager(NULL);
	struct box b = { .wanted = 1 };
	struct lk_options o = when(&b);
	struct lk_owner *w[2];
	struct asker a;

	open_owners(m, w, 2);
	ask_when(&a, w[0], "a/n", LK_X, &o);
	wait_asked(m, &b, 1);
	ok(lk_shutdown(m, &at_once));
	is(answer(&a), LK_E_CLOSED);
	close_all(m, w, 2);
}

static int
shut_down(void *arg)
{
	struct lk_options at_once = { .size = sizeof(at_once), .flags = LK_NOWAIT };

	must(lk_shutdown(arg, &at_once) == LK_E_TIMEDOUT); /* the call is under way */
	return 0;
}

Test(condition, is_not_waited_for_once_the_manager_shuts_down)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_options o = { .size = sizeof(o), .condition = shut_down, .condition_arg = m };
	struct lk_owner *w;

	open_owners(m, &w, 1);
	is(lk_acquire(w, "a/n", LK_X, &o, NULL), LK_E_CLOSED);
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
}

/* ------------------------------------------------------------- in company */

Test(condition, leaves_what_the_owner_holds_as_it_was)
{
	struct lk_manager *m = open_manager(NULL);
	struct box b = { .wanted = 1 };
	struct lk_options o = when(&b);
	struct lk_owner *w[2];
	lk_grant held, below;

	open_owners(m, w, 2);
	o.flags = LK_NOWAIT;
	held = take(w[0], "n", LK_S);
	is(lk_acquire(w[0], "n", LK_X, &o, NULL), LK_E_CONDITION);
	cr_expect_eq(grant_info(w[0], held).effective, LK_S);
	cr_expect(is_open_to(w[1], "n", LK_U));
	take(w[0], "a", LK_X);
	below = take(w[0], "a/b", LK_S);
	cr_expect_eq(grant_info(w[0], below).flags, LK_IMPLIED);
	o.flags |= LK_PARENTS; /* makes it real */
	is(lk_acquire(w[0], "a/b", LK_S, &o, NULL), LK_E_CONDITION);
	cr_expect_eq(grant_info(w[0], below).flags, LK_IMPLIED);
	cr_expect_eq(info_of(m, "a/b").holders[LK_S], 0);
	close_all(m, w, 2);
}

Test(condition, of_a_batch_is_asked_once_for_all_of_it)
{
	struct lk_request r[] = { { .name = "a/b", .mode = LK_X },
				  { .name = "c", .mode = LK_S },
				  { .name = "a/b/d", .mode = LK_S } };
	struct lk_manager *m = open_manager(NULL);
	struct box b = { .wanted = 1 };
	struct lk_options o = when(&b);
	struct lk_owner *w;
	lk_grant g[3];

	open_owners(m, &w, 1);
	o.flags = LK_NOWAIT;
	is(lk_acquire_many(w, r, 3, &o, g), LK_E_CONDITION);
	cr_expect_eq(asked(&b), 1);
	cr_expect_eq(stats_of(m).holds, 0);
	cr_expect_eq(stats_of(m).grants, 0);
	cr_expect_eq(stats_of(m).intents, 0);
	cr_expect_eq(stats_of(m).implied, 0);
	atomic_store(&b.value, 1);
	ok(lk_acquire_many(w, r, 3, &o, g));
	cr_expect_eq(asked(&b), 2);
	cr_expect_eq(stats_of(m).grants, 3);
	ok(lk_release_many(w, g, 3, NULL));
	close_all(m, &w, 1);
}

struct batch_asker {
	struct lk_owner *w;
	const struct lk_options *o;
	size_t n;
	int rc;
};

static void
ask_many(void *arg, unsigned index)
{
	struct batch_asker *a = arg;
	char name[MANY][24];
	struct lk_request r[MANY];

	(void)index;
	memset(r, 0, sizeof(r));
	for (size_t i = 0; i < a->n; i++) {
		snprintf(name[i], sizeof(name[i]), "p/%zu", i);
		r[i].name = name[i];
		r[i].mode = LK_X;
	}
	a->rc = lk_acquire_many(a->w, r, a->n, a->o, NULL);
}

Test(condition, of_a_batch_waits_for_a_writer_of_any_of_its_names)
{
	struct lk_manager *m = open_manager(NULL);
	struct box b = { .wanted = 2 };
	struct lk_options o = when(&b);
	struct test_thread thread;
	struct batch_asker a = { .o = &o, .n = MANY };
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	a.w = w[0];
	test_spawn(&thread, 1, ask_many, &a);
	wait_until(asked(&b) == 1);
	for (int i = 1; i <= 2; i++) {
		ok(lk_acquire(w[1], i == 1 ? "p/3" : "p", LK_X, NULL, NULL));
		atomic_store(&b.value, i);
		ok(lk_release_all(w[1]));
		if (i == 1)
			wait_until(asked(&b) >= 2);
	}
	test_join(&thread, 1);
	ok(a.rc);
	cr_expect_eq(holds(w[0], "p/39"), LK_X);
	close_all(m, w, 2);
}

static int
nothing(void *arg)
{
	(void)arg;
	return 5;
}

Test(condition, goes_with_all_kinds_of_requests)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_guard guard = { NULL, 0 };
	struct box b = { .wanted = 1 };
	struct lk_options o = when(&b);
	struct lk_resource *r;
	struct lk_owner *w;
	int body_rc = 0;
	lk_grant g;

	open_owners(m, &w, 1);
	ok(lk_resource_open(m, "n", &r));
	for (int yes = 0; yes < 2; yes++) {
		const int rc = yes ? 0 : LK_E_CONDITION;

		o.flags = LK_NOWAIT;
		atomic_store(&b.value, yes);
		is(lk_acquire_on(w, r, LK_X, &o, NULL), rc);
		is(lk_acquire_id(w, 7, LK_X, &o, NULL), rc);
		is(lk_acquire_bytes(w, "x\0y", 3, LK_S, &o, NULL), rc);
		is(lk_with(w, "n", LK_X, &o, nothing, NULL, &body_rc), rc);
		is(lk_guard_acquire(&guard, w, "n", LK_X, &o), rc);
		cr_expect_eq(body_rc, yes ? 5 : 0);
		lk_guard_release(&guard);
		ok(lk_release_all(w));
	}
	cr_expect_eq(asked(&b), 10);
	g = take(w, "n", LK_S);
	is(lk_convert(w, g, LK_X, &o), LK_E_UNSUPPORTED);
	is(lk_shutdown(m, &o), LK_E_UNSUPPORTED);
	o.condition = NULL;
	is(lk_acquire(w, "n", LK_X, &o, NULL), LK_E_INVAL); /* an argument for nothing */
	lk_resource_close(r);
	close_all(m, &w, 1);
}

static void
hold_and_end(void *arg, unsigned index)
{
	(void)index;
	must(lk_acquire(lk_self(arg), "n", LK_X, NULL, NULL) == 0);
}

Test(condition, that_was_not_true_leaves_a_death_to_be_told)
{
	struct lk_manager *m = open_manager(NULL);
	struct box b = { .wanted = 1 };
	struct lk_options o = when(&b);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	o.flags = LK_NOWAIT;
	test_threads(1, hold_and_end, m);
	is(lk_acquire(w, "n", LK_X, &o, NULL), LK_E_CONDITION);
	cr_expect_eq(grant_info(w, take(w, "n", LK_X)).flags, LK_OWNER_DIED);
	close_all(m, &w, 1);
}

/* The thread of a writer ends: who watches is told. */
Test(condition, is_asked_again_when_a_writer_died)
{
	struct lk_manager *m = open_manager(NULL);
	struct box b = { .wanted = 1 };
	struct lk_options o = when(&b);
	struct lk_owner *w[2];
	struct asker a;

	open_owners(m, w, 2);
	ask_when(&a, w[0], "n", LK_S, &o);
	wait_asked(m, &b, 1);
	atomic_store(&b.value, 1);
	test_threads(1, hold_and_end, m);
	(void)granted(&a);
	close_all(m, w, 2);
}

/* Memory is needed for many levels only, and without it nothing is left behind. */
Test(condition, without_memory_leaves_nothing)
{
	struct box b = { .wanted = 1 };
	struct lk_options o = when(&b);
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w;

	test_heap_init(&heap);
	m = open_with(NULL, &heap, NULL);
	open_owners(m, &w, 1);
	ok(lk_acquire(w, "a/b/c/d/e/f/g/h/i", LK_X, NULL,
		      NULL)); /* all is there that the lock needs */
	ok(lk_release_all(w));
	test_heap_fail(&heap, 1, true);
	is(lk_acquire(w, "a/b/c/d/e/f/g/h/i", LK_X, &o, NULL), LK_E_NOMEM);
	test_heap_fail(&heap, 0, false);
	cr_expect_eq(asked(&b), 1);
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}

Test(condition, keeps_its_name_in_the_index)
{
	struct lk_manager *m = open_manager("memory:?max_idle=0");
	struct box b = { .wanted = 1 };
	struct lk_options o = when(&b);
	struct lk_owner *w[2];
	struct asker a;

	open_owners(m, w, 2);
	ask_when(&a, w[0], "n", LK_X, &o);
	wait_asked(m, &b, 1);
	ok(lk_sweep(m, NULL));
	cr_expect_eq(stats_of(m).names, 1);
	ok(lk_owner_cancel(w[0]));
	is(answer(&a), LK_E_CANCELED);
	ok(lk_sweep(m, NULL));
	cr_expect_eq(stats_of(m).names, 0);
	close_all(m, w, 2);
}

/* ------------------------------------------------------------ with real threads */

enum { ROUNDS = 3000 };

/* A slot that one fills and another empties, each with a condition. */
struct slot {
	struct lk_manager *m;
	int full;
	uint64_t sum;
};

static int
is_full(void *arg)
{
	return ((struct slot *)arg)->full != 0;
}

static int
is_empty(void *arg)
{
	return ((struct slot *)arg)->full == 0;
}

static void
fill_or_empty(void *arg, unsigned index)
{
	struct slot *s = arg;
	struct lk_options o = { .size = sizeof(o),
				.condition = index % 2 == 0 ? is_empty : is_full,
				.condition_arg = s };
	struct lk_owner *w;

	must(lk_owner_open(s->m, NULL, &w) == 0);
	for (int i = 1; i <= ROUNDS; i++) {
		lk_grant g;

		must(lk_acquire(w, "shelf/slot", LK_X, &o, &g) == 0);
		s->sum += s->full != 0;
		s->full = s->full == 0 ? i : 0;
		must(lk_release(w, g) == 0);
	}
	must(lk_owner_close(w) == 0);
}

Test(condition, hands_over_between_threads, .timeout = 120)
{
	static const char *const urls[] = { NULL, "memory:?strict=1", "memory:?lot_buckets=1" };

	for (size_t i = 0; i < countof(urls); i++) {
		struct slot s = { .m = open_manager(urls[i]) };

		test_threads(4, fill_or_empty, &s);
		cr_expect_eq(s.full, 0);
		cr_expect_eq(s.sum, 2 * ROUNDS);
		cr_expect_eq(stats_of(s.m).holds, 0);
		ok(lk_close(s.m));
	}
}
