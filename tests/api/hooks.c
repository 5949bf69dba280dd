/* SPDX-License-Identifier: MIT */
/* Hooks: what they are told, what they may refuse, and what they may call. */
#include <errno.h>

#include "support.h"

/* A hook that refuses names that begin so, counts what it is told, and may do more. */
struct keeper {
	const char *refuses; /* NULL: nothing */
	uint32_t refuses_kinds;
	_Atomic unsigned told[32]; /* by the bit of the kind */
	void (*also)(struct keeper *k, const struct lk_event *event);
	struct lk_manager *m;
	struct lk_owner *other;
	int rc;
};

static int
keep(void *arg, const struct lk_event *event)
{
	struct keeper *k = arg;

	atomic_fetch_add(&k->told[__builtin_ctz(event->kind)], 1);
	if (k->also != NULL)
		k->also(k, event);
	return k->refuses != NULL && (event->kind & k->refuses_kinds) != 0 &&
	       event->name_len >= strlen(k->refuses) &&
	       memcmp(event->name, k->refuses, strlen(k->refuses)) == 0;
}

static unsigned
told(struct keeper *k, uint32_t kind)
{
	return atomic_load(&k->told[__builtin_ctz(kind)]);
}

static struct lk_manager *
open_kept(const char *url, struct keeper *k)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_manager *m = NULL;

	cfg.on_event = keep;
	cfg.on_event_arg = k;
	ok(lk_open(url, &cfg, &m));
	k->m = m;
	return m;
}

#define REFUSES(begin)                                                             \
	{                                                                          \
		.refuses = (begin),                                                \
		.refuses_kinds = LK_EVENT_BEFORE_ACQUIRE | LK_EVENT_BEFORE_CONVERT \
	}

static void
expect_free(struct lk_manager *m)
{
	struct lk_stats s = stats_of(m);

	cr_expect_eq(s.holds, 0);
	cr_expect_eq(s.waiting, 0);
}

/* --------------------------------------------------------------------------- refusing */

Test(hooks, may_refuse_a_request)
{
	struct keeper k = REFUSES("secret");
	struct lk_manager *m = open_kept("memory:?events=all", &k);
	struct lk_options o = { .size = sizeof(o), .tag = "t", .tag_len = 1 };
	lk_grant g = 7;
	struct lk_resource *r;
	struct lk_owner *w;

	open_owners(m, &w, 1);
	ok(lk_resource_open(m, "secret/handle", &r));
	is(lk_acquire(w, "secret", LK_X, NULL, &g), LK_E_PERM);
	is(lk_try_acquire(w, "secret/a", LK_X, &g), LK_E_PERM);
	is(lk_acquire(w, "secret/a", LK_S, &o, &g), LK_E_PERM);
	is(lk_acquire_on(w, r, LK_X, NULL, &g), LK_E_PERM);
	cr_expect_eq(g, 7, "it is written only on success");
	expect_free(m);
	cr_expect_eq(told(&k, LK_EVENT_REFUSED), 4);
	ok(lk_acquire(w, "open", LK_X, NULL, &g));
	ok(lk_release(w, g));
	lk_resource_close(r);
	close_all(m, &w, 1);
}

Test(hooks, may_refuse_part_of_a_batch)
{
	const struct lk_request many[] = { { "a", LK_X, 0, 0 },
					   { "secret/x", LK_X, 0, 0 },
					   { "z/1", LK_S, 0, 0 } };
	struct keeper k = REFUSES("secret");
	struct lk_manager *m = open_kept("memory:?events=before_acquire", &k);
	lk_grant g[3] = { 7, 7, 7 };
	struct lk_owner *w;

	open_owners(m, &w, 1);
	is(lk_acquire_many(w, many, 3, NULL, g), LK_E_PERM);
	cr_expect_eq(g[0], 7);
	expect_free(m);
	cr_expect_eq(stats_of(m).grants, 0u, "all names are asked about before any is taken");
	k.refuses = NULL;
	ok(lk_acquire_many(w, many, 3, NULL, g));
	close_all(m, &w, 1);
}

Test(hooks, may_refuse_a_reentry_and_what_is_covered)
{
	struct keeper k = REFUSES("a/b");
	struct lk_manager *m = open_kept("memory:?events=before_acquire", &k);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	take(w, "a", LK_X);
	is(lk_acquire(w, "a/b", LK_S, NULL, NULL), LK_E_PERM);
	k.refuses = "a";
	is(lk_acquire(w, "a", LK_X, NULL, NULL), LK_E_PERM);
	cr_expect_eq(holds(w, "a"), LK_X);
	cr_expect_eq(stats_of(m).holds, 1);
	close_all(m, &w, 1);
}

Test(hooks, may_refuse_to_strengthen_but_not_to_weaken)
{
	struct keeper k = REFUSES("a");
	struct lk_manager *m = open_kept("memory:?events=before_convert+convert", &k);
	struct lk_owner *w;
	lk_grant g;

	open_owners(m, &w, 1);
	g = take(w, "a", LK_U);
	is(lk_upgrade(w, g, NULL), LK_E_PERM);
	cr_expect_eq(grant_info(w, g).mode, LK_U);
	ok(lk_downgrade(w, g));
	cr_expect_eq(grant_info(w, g).mode, LK_S);
	cr_expect_eq(told(&k, LK_EVENT_BEFORE_CONVERT), 1);
	cr_expect_eq(told(&k, LK_EVENT_CONVERT), 1);
	k.refuses = NULL;
	ok(lk_upgrade(w, g, NULL));
	close_all(m, &w, 1);
}

Test(hooks, after_the_fact_can_refuse_nothing)
{
	struct keeper k = { .refuses = "a",
			    .refuses_kinds = LK_EVENTS_ALL &
					     ~(LK_EVENT_BEFORE_ACQUIRE | LK_EVENT_BEFORE_CONVERT) };
	struct lk_manager *m = open_kept("memory:?events=all", &k);
	struct lk_owner *w;
	lk_grant g;

	open_owners(m, &w, 1);
	g = take(w, "a", LK_S);
	ok(lk_upgrade(w, g, NULL));
	ok(lk_release(w, g));
	close_all(m, &w, 1);
}

/* ---------------------------------------------------------------------- what they see */

Test(hooks, are_told_the_kinds_that_were_asked_for)
{
	struct keeper k = { .refuses = NULL };
	struct lk_manager *m = open_kept("memory:?events=acquired+wait&event_ring=off", &k);
	struct lk_options o = { .size = sizeof(o), .timeout_ns = 1 };
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	take(w[0], "a", LK_X);
	is(lk_acquire(w[1], "a", LK_X, &o, NULL), LK_E_TIMEDOUT);
	for (unsigned bit = 0; bit < 32; bit++)
		cr_expect_eq(atomic_load(&k.told[bit]),
			     UINT32_C(1) << bit == LK_EVENT_ACQUIRED ||
				     UINT32_C(1) << bit == LK_EVENT_WAIT,
			     "bit %u", bit);
	close_all(m, w, 2);
}

static int
stop_at_first(void *arg, const struct lk_event *event)
{
	(void)arg;
	(void)event;
	return 99;
}

static void
find_in_ring(struct keeper *k, const struct lk_event *event)
{
	struct lk_event_filter f = LK_EVENT_FILTER_INIT;

	f.after = event->sequence - 1;
	k->rc = lk_event_each(k->m, &f, stop_at_first, NULL);
}

/* The event is in the ring before the hook is called. */
Test(hooks, find_the_event_in_the_ring)
{
	struct keeper k = { .also = find_in_ring };
	struct lk_manager *m = open_kept("memory:?events=acquired", &k);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	take(w, "a", LK_X);
	cr_expect_eq(k.rc, 99);
	close_all(m, &w, 1);
}

/* ---------------------------------------------------------------------- what they may do */

static void
use_another_owner(struct keeper *k, const struct lk_event *event)
{
	lk_grant g;

	if (event->name_len == 5 && memcmp(event->name, "audit", 5) == 0)
		return; /* our own */
	k->also = NULL;
	k->rc = lk_acquire(k->other, "audit", LK_X, NULL, &g);
	if (k->rc == 0)
		k->rc = lk_release(k->other, g);
	if (k->rc == 0)
		k->rc = lk_owner_cancel(k->other);
	k->also = use_another_owner;
}

static void
expect_calls_work(const char *kind, struct lk_manager *m, struct keeper *k)
{
	struct lk_options o = { .size = sizeof(o), .timeout_ns = 1 };
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m, w, 2);
	ok(lk_owner_open(m, NULL, &k->other));
	k->rc = -1;
	k->also = use_another_owner;
	g = take(w[0], "p/a", LK_S);
	is(lk_acquire(w[1], "p", LK_X, &o, NULL), LK_E_TIMEDOUT);
	is(lk_try_acquire(w[1], "p", LK_X, NULL), LK_E_BUSY);
	ok(lk_upgrade(w[0], g, NULL));
	ok(lk_release(w[0], g));
	cr_expect_eq(k->rc, 0, "%s: %s", kind, lk_errname(k->rc));
	k->also = NULL;
	ok(lk_owner_close(k->other));
	close_owners(w, 2);
}

/* In each kind of event: from the middle of a line too. */
Test(hooks, may_call_the_library_with_another_owner)
{
	for (uint32_t kind = 1; kind < LK_EVENT_ORDER; kind *= 2) {
		struct lk_config cfg = LK_CONFIG_INIT;
		struct keeper k = { .refuses = NULL };
		struct lk_manager *m = NULL;

		if (kind == LK_EVENT_GRANT || kind == LK_EVENT_DEADLOCK)
			continue; /* below */
		cfg.on_event = keep;
		cfg.on_event_arg = &k;
		cfg.events = kind;
		ok(lk_open(NULL, &cfg, &m));
		k.m = m;
		expect_calls_work(lk_eventname(kind), m, &k);
		cr_expect_gt(told(&k, kind), 0, "%s", lk_eventname(kind));
		ok(lk_close(m));
	}
}

Test(hooks, may_do_so_when_a_wait_ends)
{
	struct keeper k = { .also = use_another_owner, .rc = -1 };
	struct lk_manager *m = open_kept("memory:?events=grant", &k);
	struct lk_owner *w[2];
	struct asker a;
	lk_grant g;

	open_owners(m, w, 2);
	ok(lk_owner_open(m, NULL, &k.other));
	g = take(w[0], "a", LK_X);
	ask(m, &a, w[1], "a", LK_S);
	ok(lk_release(w[0], g));
	granted(&a);
	cr_expect_eq(k.rc, 0);
	cr_expect_eq(told(&k, LK_EVENT_GRANT), 1);
	ok(lk_owner_close(k.other));
	close_all(m, w, 2);
}

static void
cancel_it(struct keeper *k, const struct lk_event *event)
{
	(void)event;
	k->rc = lk_owner_cancel(k->other);
}

/* The owner of the event may be cancelled from its own hook: here the wait that begins. */
Test(hooks, may_cancel_the_wait_that_begins)
{
	struct keeper k = { .also = cancel_it, .rc = -1 };
	struct lk_manager *m = open_kept("memory:?events=wait", &k);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	k.other = w[1];
	take(w[0], "a", LK_X);
	is(lk_acquire(w[1], "a", LK_X, NULL, NULL), LK_E_CANCELED);
	cr_expect_eq(k.rc, 0);
	close_all(m, w, 2);
}

static void
spoil_errno(struct keeper *k, const struct lk_event *event)
{
	int state;

	(void)event;
	errno = EDOM;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	k->rc = state;
}

Test(hooks, change_neither_errno_nor_whether_a_thread_can_be_cancelled)
{
	struct keeper k = { .also = spoil_errno, .rc = -1 };
	struct lk_manager *m = open_kept("memory:?events=all", &k);
	struct lk_owner *w;
	int state;

	open_owners(m, &w, 1);
	errno = ERANGE;
	take(w, "a", LK_X);
	cr_expect_eq(errno, ERANGE);
	cr_expect_eq(k.rc, PTHREAD_CANCEL_DISABLE, "a hook is not cancelled");
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
	cr_expect_eq(state, PTHREAD_CANCEL_ENABLE, "but whoever called it is");
	close_all(m, &w, 1);
}

/* -------------------------------------------------------------- released by somebody else */

static void *
hold_and_end(void *arg)
{
	must(lk_acquire(lk_self(arg), "a", LK_X, NULL, NULL) == 0);
	return NULL;
}

static int
count_releases(void *arg, const struct lk_event *event)
{
	*(unsigned *)arg += event->kind == LK_EVENT_RELEASE;
	return 0;
}

/* (N1) They are in the ring, but no hook is called where a latch is held. */
Test(hooks, are_not_called_for_a_thread_that_ended)
{
	struct keeper k = { .refuses = NULL };
	struct lk_manager *m = open_kept("memory:?events=all", &k);
	unsigned releases = 0;
	struct lk_owner *w;
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, hold_and_end, m), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	ok(lk_event_each(m, NULL, count_releases, &releases));
	cr_expect_eq(releases, 1);
	cr_expect_eq(told(&k, LK_EVENT_ACQUIRED), 1);
	cr_expect_eq(told(&k, LK_EVENT_RELEASE), 0);
	open_owners(m, &w, 1); /* its memory, perhaps */
	ok(lk_release(w, take(w, "b", LK_X)));
	cr_expect_eq(told(&k, LK_EVENT_RELEASE), 1);
	close_all(m, &w, 1);
}

Test(hooks, are_not_called_for_what_a_shutdown_takes_back)
{
	struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	struct keeper k = { .refuses = NULL };
	struct lk_manager *m = open_kept("memory:?events=all", &k);
	unsigned releases = 0;
	struct lk_owner *w;
	lk_grant g;

	open_owners(m, &w, 1);
	g = take(w, "a", LK_X);
	ok(lk_shutdown(m, &now));
	ok(lk_event_each(m, NULL, count_releases, &releases));
	cr_expect_eq(releases, 1);
	cr_expect_eq(told(&k, LK_EVENT_RELEASE), 0);
	is(lk_release(w, g), LK_E_STALE);
	close_all(m, &w, 1);
}

/* ---------------------------------------------------------------------------- threads */

static void
contend(void *arg, unsigned index)
{
	struct lk_manager *m = arg;
	struct lk_owner *w;

	(void)index;
	must(lk_owner_open(m, NULL, &w) == 0);
	for (int i = 0; i < 300; i++) {
		lk_grant g;
		int rc = lk_acquire(w, "t/a", LK_X, NULL, &g);

		must(rc == 0 && lk_release(w, g) == 0);
	}
	must(lk_owner_close(w) == 0);
}

Test(hooks, of_many_threads_at_once, .timeout = 120)
{
	struct keeper k = { .refuses = NULL };
	struct lk_manager *m = open_kept("memory:?events=all", &k);

	test_threads(4, contend, m);
	cr_expect_eq(told(&k, LK_EVENT_BEFORE_ACQUIRE), 1200);
	cr_expect_eq(told(&k, LK_EVENT_ACQUIRED), 1200);
	cr_expect_eq(told(&k, LK_EVENT_RELEASE), 1200);
	cr_expect_eq(told(&k, LK_EVENT_GRANT), told(&k, LK_EVENT_WAIT));
	ok(lk_close(m));
}
