/* SPDX-License-Identifier: MIT */
/* Grants as text, while their owner waits, its manager ends, memory is short, or others have the same token. */
#include <sys/wait.h>
#include <unistd.h>

#include "token.h"

/* ---------------------------------------------------------------- while the owner waits */

Test(token, releases_for_an_owner_that_waits_for_something_else)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];
	struct asker a;
	token_buf t;
	lk_grant g;
	lk_grant busy;

	open_owners(m, w, 3);
	g = take(w[0], "db/a", LK_X);
	token_of(w[0], g, t);
	busy = take(w[1], "b", LK_X);
	ask(m, &a, w[0], "b", LK_X);
	ok(lk_token_check(m, t));
	ok(lk_token_release(m, t));
	is(lk_token_check(m, t), LK_E_STALE);
	is(lk_token_renew(m, t, 1000000), LK_E_STALE);
	is(lk_token_release(m, t), LK_E_STALE);
	wait_until(is_open_to(w[2], "db", LK_X)); /* when its thread has run */
	wait_until(line(m, "b") == 1);
	cr_expect_not(is_answered(&a));
	ok(lk_release(w[1], busy));
	ok(lk_release(w[0], granted(&a)));
	is(lk_release(w[0], g), LK_E_STALE);
	close_all(m, w, 3);
}

struct batch_asker {
	struct lk_owner *w;
	lk_grant g[2];
	int rc;
};

static void *
ask_for_two(void *arg)
{
	static const struct lk_request r[2] = { { .name = "b", .mode = LK_X },
						{ .name = "c", .mode = LK_X } };
	struct batch_asker *a = arg;

	a->rc = lk_acquire_many(a->w, r, 2, NULL, a->g);
	return NULL;
}

Test(token, releases_for_an_owner_that_waits_for_several)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];
	struct batch_asker a;
	pthread_t thread;
	token_buf t;

	open_owners(m, w, 3);
	token_of(w[0], take(w[0], "a", LK_X), t);
	(void)take(w[1], "b", LK_X);
	(void)take(w[1], "c", LK_X);
	a.w = w[0];
	cr_assert_eq(pthread_create(&thread, NULL, ask_for_two, &a), 0);
	wait_until(line(m, "b") == 1 && line(m, "c") == 1);
	ok(lk_token_release(m, t));
	wait_until(is_open_to(w[2], "a", LK_X));
	wait_until(line(m, "b") == 1 && line(m, "c") == 1);
	ok(lk_release_all(w[1]));
	cr_assert_eq(pthread_join(thread, NULL), 0);
	ok(a.rc);
	close_all(m, w, 3);
}

static int
is_set(void *arg)
{
	return atomic_load((atomic_bool *)arg);
}

Test(token, releases_for_an_owner_that_waits_for_a_condition)
{
	static atomic_bool set;
	struct lk_options when = { .size = sizeof(when) };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];
	struct asker a;
	token_buf t;

	when.condition = is_set;
	when.condition_arg = &set;
	open_owners(m, w, 3);
	token_of(w[0], take(w[0], "a", LK_X), t);
	a = (struct asker){ .owner = w[0], .name = "b", .mode = LK_S, .options = &when };
	asker_start(&a);
	wait_until(stats_of(m).parks > 0);
	ok(lk_token_release(m, t));
	wait_until(is_open_to(w[2], "a", LK_X));
	cr_expect_not(is_answered(&a));
	atomic_store(&set, true);
	wait_until(is_open_to(w[1], "b", LK_X)); /* a writer, who leaves */
	ok(lk_release(w[0], granted(&a)));
	close_all(m, w, 3);
}

Test(token, of_a_grant_that_waits_to_be_converted)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	struct asker a;
	token_buf t;
	lk_grant g;

	open_owners(m, w, 2);
	g = take(w[0], "n", LK_S);
	(void)take(w[1], "n", LK_S);
	token_of(w[0], g, t);
	ask_convert(m, &a, w[0], g, LK_X);
	ok(lk_token_release(m, t));
	is(answer(&a), LK_E_STALE);
	cr_expect_eq(line(m, "n"), 0);
	cr_expect_eq(info_of(m, "n").holders[LK_S], 1);
	ok(lk_upgrade(w[1], take(w[1], "n", LK_S), NULL));
	close_all(m, w, 2);
}

Test(token, renews_for_an_owner_that_waits)
{
	struct lk_options leased = { .size = sizeof(leased), .lease_ns = UINT64_C(60000000000) };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	struct asker a;
	token_buf t[2];
	lk_grant busy;
	lk_grant g;

	open_owners(m, w, 2);
	ok(lk_acquire(w[0], "a", LK_X, &leased, &g));
	token_of(w[0], g, t[0]);
	token_of(w[0], take(w[0], "c", LK_X), t[1]);
	busy = take(w[1], "b", LK_X);
	ask(m, &a, w[0], "b", LK_X);
	ok(lk_token_renew(m, t[0], UINT64_C(600000000000)));
	ok(lk_token_check(m, t[0]));
	is(lk_token_renew(m, t[1], UINT64_C(600000000000)), LK_E_BUSY);
	is(lk_token_renew(m, t[1], 0), LK_E_INVAL);
	cr_expect_eq(stats_of(m).waits, 1, "it was not disturbed");
	ok(lk_release(w[1], busy));
	(void)granted(&a);
	cr_expect_eq(grant_info(w[0], g).lease_ns, UINT64_C(600000000000));
	close_all(m, w, 2);
}

/* By the clock, though nobody serves: the thread that waits ends it. */
Test(token, finds_that_a_lease_is_over_while_its_owner_waits)
{
	static struct lease_stage s;
	struct asker a;
	token_buf t;
	lk_grant g;

	lease_stage_open(&s, "memory:?deadlock_delay_ns=off");
	g = take_leased(s.w[0], "a", LK_X, 100000);
	token_of(s.w[0], g, t);
	(void)take(s.w[1], "b", LK_X);
	ask(s.m, &a, s.w[0], "b", LK_X);
	test_world_advance(&s.world, 100000);
	is(lk_token_check(s.m, t), LK_E_LOST);
	wait_until(is_open_to(s.w[2], "a", LK_X));
	is(lk_token_check(s.m, t), LK_E_LOST);
	is(lk_token_release(s.m, t), LK_E_LOST);
	is(lk_token_release(s.m, t), LK_E_STALE);
	ok(lk_release_all(s.w[1]));
	(void)granted(&a);
	is(lk_release(s.w[0], g), LK_E_STALE);
	lease_stage_close(&s);
}

struct asked {
	struct lk_manager *m;
	token_buf t[2];
	int rc[6];
};

/* The call of the owner is in here. */
static int
use_tokens(void *arg)
{
	struct asked *a = arg;

	a->rc[0] = lk_token_renew(a->m, a->t[0], UINT64_C(60000000000));
	a->rc[1] = lk_token_renew(a->m, a->t[1], UINT64_C(60000000000));
	a->rc[2] = lk_token_check(a->m, a->t[0]);
	a->rc[3] = lk_token_release(a->m, a->t[0]);
	a->rc[4] = lk_token_check(a->m, a->t[0]);
	a->rc[5] = lk_token_release(a->m, a->t[0]);
	return 1;
}

Test(token, releases_under_a_callback_of_its_owner)
{
	struct lk_options leased = { .size = sizeof(leased), .lease_ns = UINT64_C(60000000000) };
	struct lk_options when = { .size = sizeof(when), .condition = use_tokens };
	struct asked a = { .m = open_manager(NULL) };
	struct lk_owner *w[2];
	lk_grant g[2];

	open_owners(a.m, w, 2);
	g[0] = take(w[0], "n", LK_X);
	token_of(w[0], g[0], a.t[0]);
	ok(lk_acquire(w[0], "m", LK_X, &leased, &g[1]));
	token_of(w[0], g[1], a.t[1]);
	when.condition_arg = &a;
	ok(lk_acquire(w[0], "b", LK_X, &when, NULL));
	is(a.rc[0], LK_E_BUSY);
	is(a.rc[1], 0);
	is(a.rc[2], 0);
	is(a.rc[3], 0);
	is(a.rc[4], LK_E_STALE);
	is(a.rc[5], LK_E_STALE);
	is(lk_release(w[0], g[0]), LK_E_STALE);
	cr_expect(is_open_to(w[1], "n", LK_X));
	ok(lk_check(w[0], g[1]));
	close_all(a.m, w, 2);
}

/* Requests that nobody waits for go on. */
Test(token, releases_for_an_owner_that_has_submitted)
{
	struct lk_completion done = { .size = sizeof(done) };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];
	struct lk_queue *q;
	lk_request_id id;
	token_buf t[2];

	open_owners(m, w, 3);
	ok(lk_queue_open(m, &q));
	token_of(w[0], take(w[0], "db/a", LK_X), t[0]);
	token_of(w[0], take(w[0], "db/b", LK_S), t[1]);
	(void)take(w[1], "db/b", LK_S);
	ok(lk_submit(q, w[0], "db/b", LK_X, NULL, NULL, NULL, &id));
	ok(release_by_other(m, t[0]));
	cr_expect(is_open_to(w[2], "db/a", LK_X));
	ok(release_by_other(m, t[1]));
	cr_expect_eq(line(m, "db/b"), 1);
	ok(lk_release_all(w[1]));
	cr_assert_eq(lk_queue_reap(q, &done, 1), 1);
	ok(done.code);
	ok(lk_release(w[0], done.grant));
	cr_expect(is_open_to(w[2], "db", LK_X));
	close_owners(w, 3);
	ok(lk_queue_close(q));
	ok(lk_close(m));
}

/* --------------------------------------------------------------------------- what is told */

struct heard {
	_Atomic unsigned releases;
	pthread_t by;
	lk_grant g;
	uint64_t fence;
	bool may_be_called; /* nothing was latched */
	struct lk_manager *m;
};

static int
hear(void *arg, const struct lk_event *e)
{
	struct heard *h = arg;
	struct lk_info info = { .size = sizeof(info) };

	if (e->kind != LK_EVENT_RELEASE)
		return 0;
	h->by = pthread_self();
	h->g = e->grant;
	h->fence = e->fence;
	h->may_be_called = lk_info(h->m, e->name, e->name_len, &info) == 0;
	atomic_fetch_add(&h->releases, 1);
	return 0;
}

static int
count_release(void *arg, const struct lk_event *e)
{
	*(unsigned *)arg += e->kind == LK_EVENT_RELEASE;
	return 0;
}

Test(token, tells_of_a_release_once_in_the_thread_that_asked_for_it)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct heard h = { 0 };
	struct lk_owner *w[3];
	struct asker a;
	token_buf t[2];
	lk_grant g[2];
	unsigned kept = 0;

	cfg.events = LK_EVENT_RELEASE;
	cfg.on_event = hear;
	cfg.on_event_arg = &h;
	ok(lk_open(NULL, &cfg, &h.m));
	open_owners(h.m, w, 3);
	for (int i = 0; i < 2; i++) {
		ok(lk_acquire_id(w[0], (uint64_t)i, LK_X, NULL, &g[i]));
		token_of(w[0], g[i], t[i]);
	}
	ok(lk_token_release(h.m, t[0]));
	cr_expect_eq(atomic_load(&h.releases), 1);
	cr_expect(h.g == g[0] && h.fence == parsed(t[0]).fence && h.may_be_called);
	cr_expect(pthread_equal(h.by, pthread_self()));
	is(lk_token_release(h.m, t[0]), LK_E_STALE);

	(void)take(w[1], "b", LK_X);
	ask(h.m, &a, w[0], "b", LK_X);
	ok(lk_token_release(h.m, t[1])); /* its thread releases, and is told nothing */
	cr_expect_eq(atomic_load(&h.releases), 2);
	cr_expect(h.g == g[1] && h.fence == parsed(t[1]).fence);
	cr_expect(pthread_equal(h.by, pthread_self()));
	wait_until(stats_of(h.m).holds == 1);
	cr_expect_eq(atomic_load(&h.releases), 2);
	ok(lk_event_each(h.m, NULL, count_release, &kept));
	cr_expect_eq(kept, 2);
	ok(lk_release_all(w[1]));
	(void)granted(&a);
	close_all(h.m, w, 3);
}

/* A hook of the first release gives back, by its token, what the same call comes to next. */
struct meddler {
	struct lk_manager *m;
	token_buf t;
	unsigned releases;
	int rc;
};

static int
meddle(void *arg, const struct lk_event *e)
{
	struct meddler *k = arg;

	if (e->kind == LK_EVENT_RELEASE && k->releases++ == 0)
		k->rc = lk_token_release(k->m, k->t);
	return 0;
}

enum way { RELEASE_MANY, RELEASE_ALL, CLOSE };

static void
expect_given_back_once(enum way way)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct meddler k = { .rc = -1 };
	struct lk_owner *w[2];
	unsigned kept = 0;
	lk_grant g[2];
	size_t n;

	cfg.events = LK_EVENT_RELEASE;
	cfg.on_event = meddle;
	cfg.on_event_arg = &k;
	ok(lk_open(NULL, &cfg, &k.m));
	open_owners(k.m, w, 2);
	g[0] = take(w[0], "a", LK_X);
	g[1] = take(w[0], "b", LK_X);
	token_of(w[0], g[0], k.t); /* the last one is released first */
	switch (way) {
	case RELEASE_MANY:
		is(lk_release_many(w[0], g, 2, &n), LK_E_STALE);
		cr_expect_eq(n, 1);
		break;
	case RELEASE_ALL:
		ok(lk_release_all(w[0]));
		break;
	case CLOSE:
		ok(lk_owner_close(w[0]));
		ok(lk_owner_open(k.m, NULL, &w[0]));
		break;
	}
	ok(k.rc);
	cr_expect_eq(k.releases, 2);
	ok(lk_event_each(k.m, NULL, count_release, &kept));
	cr_expect_eq(kept, 2);
	is(lk_token_release(k.m, k.t), LK_E_STALE);
	cr_expect_eq(stats_of(k.m).holds, 0);
	close_all(k.m, w, 2);
}

Test(token, gives_back_once_what_another_release_comes_to)
{
	expect_given_back_once(RELEASE_MANY);
	expect_given_back_once(RELEASE_ALL);
	expect_given_back_once(CLOSE);
}

/* --------------------------------------------------------------------------- the manager */

struct closing {
	struct lk_manager *m;
	int rc;
};

static void *
shut_down(void *arg)
{
	struct closing *c = arg;

	c->rc = lk_shutdown(c->m, NULL);
	return NULL;
}

static bool
is_shut(struct lk_manager *m)
{
	struct lk_resource *r;
	int rc = lk_resource_open(m, "r", &r);

	if (rc == 0)
		lk_resource_close(r);
	return rc == LK_E_CLOSED;
}

Test(token, is_good_for_releasing_while_the_manager_shuts_down)
{
	struct closing c = { .m = open_manager(NULL), .rc = -1 };
	struct lk_owner *w;
	pthread_t thread;
	token_buf t[2];

	ok(lk_owner_open(c.m, NULL, &w));
	token_of(w, take(w, "n", LK_X), t[0]);
	token_of(w, take(w, "a", LK_X), t[1]);
	cr_assert_eq(pthread_create(&thread, NULL, shut_down, &c), 0);
	wait_until(is_shut(c.m));
	ok(lk_token_check(c.m, t[0]));
	ok(lk_token_release(c.m, t[0]));
	ok(lk_token_release(c.m, t[1]));
	cr_assert_eq(pthread_join(thread, NULL), 0);
	ok(c.rc);
	is(lk_token_check(c.m, t[0]), LK_E_STALE);
	close_all(c.m, &w, 1);
}

Test(token, is_worth_nothing_after_a_shutdown_that_released)
{
	struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	token_buf t;

	ok(lk_owner_open(m, NULL, &w));
	token_of(w, take(w, "n", LK_X), t);
	ok(lk_shutdown(m, &now));
	is(lk_token_check(m, t), LK_E_STALE);
	is(lk_token_release(m, t), LK_E_STALE);
	close_all(m, &w, 1);
}

static int
calls_of_child(struct lk_manager *m, struct lk_owner *w, lk_grant g, const char *token)
{
	token_buf t;

	if (lk_token(w, g, t, sizeof(t)) != LK_E_FORKED)
		return 1;
	if (lk_token_check(m, token) != LK_E_FORKED)
		return 2;
	if (lk_token_renew(m, token, 1000000) != LK_E_FORKED)
		return 3;
	return lk_token_release(m, token) == LK_E_FORKED ? 0 : 4;
}

Test(token, is_not_the_child_s_after_a_fork)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	int status = 0;
	token_buf t;
	lk_grant g;
	pid_t child;

	ok(lk_owner_open(m, NULL, &w));
	g = take(w, "n", LK_X);
	token_of(w, g, t);
	child = fork();
	cr_assert_ge(child, 0);
	if (child == 0) {
		alarm(90);
		_exit(calls_of_child(m, w, g, t));
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "call %d", WEXITSTATUS(status));
	ok(lk_token_release(m, t));
	close_all(m, &w, 1);
}

/* ----------------------------------------------------------------------------- memory */

Test(token, is_not_made_without_memory_and_needs_none_afterwards)
{
	enum { N = 200 };
	static struct lk_owner *w[N];
	static token_buf t[N];
	struct test_heap heap;
	struct lk_manager *m;
	unsigned refused = 0;

	test_heap_init(&heap);
	m = open_with(NULL, &heap, NULL);
	open_owners(m, w, N);
	for (int i = 0; i < N; i++) {
		lk_grant g;
		int rc;

		ok(lk_acquire_id(w[i], (uint64_t)i, LK_X, NULL, &g));
		for (uint64_t n = 1;; n++) {
			const uint64_t before = atomic_load(&heap.failures);

			test_heap_fail(&heap, n, false);
			rc = lk_token(w[i], g, t[i], sizeof(t[i]));
			test_heap_fail(&heap, 0, false);
			if (rc == 0) {
				cr_expect_eq(atomic_load(&heap.failures), before);
				break;
			}
			is(rc, LK_E_NOMEM);
			cr_expect_str_eq(t[i], "");
			ok(lk_check(w[i], g));
			refused++;
		}
	}
	cr_expect_ge(refused, 4, "the table, its three parts, and what a grant keeps");
	test_heap_fail(&heap, 1, true);
	for (int i = 0; i < N; i++) {
		ok(lk_token_check(m, t[i]));
		ok(lk_token_release(m, t[i]));
	}
	test_heap_fail(&heap, 0, false);
	close_all(m, w, N);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}

/* -------------------------------------------------------------------------------- threads */

enum { ROUNDS = 500, THREADS = 3 };

/* One owner, whose thread works on; tokens of its grants are in `box`, for whoever is first. */
struct market {
	struct lk_manager *m;
	pthread_mutex_t latch;
	token_buf box;
	_Atomic bool over;
	_Atomic unsigned released; /* by tokens */
	_Atomic unsigned kept;     /* by the owner itself */
};

static void
act_by_token(struct market *k)
{
	token_buf t;
	int rc;

	pthread_mutex_lock(&k->latch);
	memcpy(t, k->box, sizeof(t));
	pthread_mutex_unlock(&k->latch);
	if (t[0] == '\0')
		return;
	rc = lk_token_check(k->m, t);
	must(rc == 0 || rc == LK_E_STALE);
	rc = lk_token_renew(k->m, t, UINT64_C(60000000000));
	must(rc == 0 || rc == LK_E_STALE || rc == LK_E_BUSY);
	rc = lk_token_release(k->m, t);
	must(rc == 0 || rc == LK_E_STALE);
	atomic_fetch_add(&k->released, rc == 0);
}

static void
own_and_trade(struct market *k)
{
	struct lk_owner *w;

	must(lk_owner_open(k->m, NULL, &w) == 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		lk_grant g;
		int rc;

		must(lk_acquire(w, "goods", LK_X, NULL, &g) == 0);
		pthread_mutex_lock(&k->latch);
		must(lk_token(w, g, k->box, sizeof(k->box)) == 0);
		pthread_mutex_unlock(&k->latch);
		must(lk_acquire(w, "rival", LK_X, NULL, NULL) == 0); /* waits now and then */
		must(lk_release_name(w, "rival", 5) == 0);
		rc = lk_release(w, g);
		must(rc == 0 || rc == LK_E_STALE);
		atomic_fetch_add(&k->kept, rc == 0);
		if (i % 64 == 0) {
			must(lk_owner_close(w) == 0);
			must(lk_owner_open(k->m, NULL, &w) == 0);
		}
	}
	must(lk_owner_close(w) == 0);
	atomic_store(&k->over, true);
}

static void
trade(void *arg, unsigned index)
{
	struct market *k = arg;
	struct lk_owner *w;

	if (index == 0) {
		own_and_trade(k);
		return;
	}
	must(lk_owner_open(k->m, NULL, &w) == 0);
	while (!atomic_load(&k->over)) {
		must(lk_acquire(w, "rival", LK_X, NULL, NULL) == 0);
		act_by_token(k);
		must(lk_release_all(w) == 0);
	}
	must(lk_owner_close(w) == 0);
}

Test(token, releases_once_whoever_is_first, .timeout = 60)
{
	struct market k = { .m = open_manager(NULL), .latch = PTHREAD_MUTEX_INITIALIZER };

	test_threads(THREADS, trade, &k);
	cr_expect_eq(atomic_load(&k.released) + atomic_load(&k.kept), ROUNDS);
	cr_expect_eq(stats_of(k.m).holds, 0);
	ok(lk_close(k.m));
}
