/* SPDX-License-Identifier: MIT */
/* Many threads, many requests: exactly one completion each, and never two holders. */
#include "async.h"

enum { STORM_NAMES = 4, STORM_THREADS = 3, STORM_OWNERS = 4, STORM_ENOUGH = 100 };

static const char *const storm_name[STORM_NAMES] = { "a", "t/b", "t/c", "d" };

struct storm {
	struct lk_manager *m;
	_Atomic uint64_t submitted;
	_Atomic uint64_t completed;
	_Atomic int holders[STORM_NAMES];
	_Atomic bool over;
	double seconds;
};

struct storm_thread {
	struct storm *s;
	struct lk_queue *q;
	struct lk_owner *w[STORM_OWNERS];
	unsigned outstanding[STORM_OWNERS];
	uint64_t random;
};

static unsigned
owner_number(const struct storm_thread *t, const struct lk_owner *w)
{
	unsigned i = 0;

	while (t->w[i] != w)
		i++;
	return i;
}

static void
storm_done(struct storm_thread *t, const struct lk_completion *c)
{
	const unsigned name = (unsigned)(uintptr_t)c->arg;

	atomic_fetch_add(&t->s->completed, 1);
	t->outstanding[owner_number(t, c->owner)]--;
	if (c->code != 0) {
		must(c->code == LK_E_CANCELED || c->code == LK_E_TIMEDOUT ||
		     c->code == LK_E_DEADLOCK || c->code == LK_E_CONVERSION_DEADLOCK);
		return;
	}
	must(atomic_fetch_add(&t->s->holders[name], 1) == 0);
	if (test_random(&t->random) % 4 == 0)
		sched_yield();
	must(atomic_fetch_sub(&t->s->holders[name], 1) == 1);
	must(lk_release(c->owner, c->grant) == 0);
}

static void
storm_reap(struct storm_thread *t)
{
	struct lk_completion c[4];
	int n;

	memset(c, 0, sizeof(c));
	c[0].size = sizeof(c[0]);
	n = lk_queue_reap(t->q, c, 4);
	must(n >= 0);
	for (int i = 0; i < n; i++)
		storm_done(t, &c[i]);
}

static void
storm_step(struct storm_thread *t)
{
	const uint64_t x = test_random(&t->random);
	const unsigned i = (unsigned)(x % STORM_OWNERS);
	const unsigned name = (unsigned)(x >> 8) % STORM_NAMES;
	struct lk_options o = LK_OPTIONS_INIT;
	lk_request_id id;

	if (t->outstanding[i] != 0)
		return;
	if ((x >> 16) % 4 == 0)
		o.timeout_ns = 50000 + (int64_t)(x >> 20) % 500000;
	must(lk_submit(t->q, t->w[i], storm_name[name], LK_X, &o, NULL, (void *)(uintptr_t)name,
		       &id) == 0);
	atomic_fetch_add(&t->s->submitted, 1);
	t->outstanding[i]++;
	if ((x >> 30) % 8 == 0)
		must(lk_cancel(t->w[i], id) == 0);
}

static void
storm_body(void *arg, unsigned index)
{
	struct storm *s = arg;
	struct storm_thread t = { .s = s, .random = index + 1 };
	const uint64_t end = test_now() + (uint64_t)(s->seconds * 1e9);
	unsigned left;

	must(lk_queue_open(s->m, &t.q) == 0);
	for (int i = 0; i < STORM_OWNERS; i++)
		must(lk_owner_open(s->m, NULL, &t.w[i]) == 0);
	while (test_now() < end || atomic_load(&s->completed) <= STORM_ENOUGH) {
		storm_step(&t);
		storm_reap(&t);
	}
	do {
		storm_reap(&t);
		left = 0;
		for (int i = 0; i < STORM_OWNERS; i++)
			left += t.outstanding[i];
	} while (left != 0);
	for (int i = 0; i < STORM_OWNERS; i++)
		must(lk_owner_close(t.w[i]) == 0);
	must(lk_queue_close(t.q) == 0);
}

static void
storm(const char *url)
{
	struct storm s = { .m = open_manager(url), .seconds = test_seconds(0.5) };

	test_threads(STORM_THREADS, storm_body, &s);
	cr_assert_eq(atomic_load(&s.completed), atomic_load(&s.submitted));
	cr_assert_gt(atomic_load(&s.completed), STORM_ENOUGH);
	cr_assert_eq(stats_of(s.m).holds, 0);
	cr_assert_eq(stats_of(s.m).waiting, 0);
	ok(lk_close(s.m));
}

Test(asyncstress, one_completion_each, .timeout = 60)
{
	storm(NULL);
}

Test(asyncstress, one_completion_each_in_a_strict_manager, .timeout = 60)
{
	storm("memory:?strict=1");
}

/* One owner, with several requests at a time for names one beside and below the other, and calls of its own. */
struct crowd {
	struct lk_manager *m;
	double seconds;
};

static void
crowd_body(void *arg, unsigned index)
{
	static const char *const name[] = { "p", "p/q", "p/q/r", "p/s", "z" };
	struct crowd *k = arg;
	uint64_t random = index + 77;
	const uint64_t end = test_now() + (uint64_t)(k->seconds * 1e9);
	struct lk_queue *q;
	struct lk_owner *w;
	unsigned outstanding = 0;

	must(lk_queue_open(k->m, &q) == 0);
	must(lk_owner_open(k->m, NULL, &w) == 0);
	while (test_now() < end || outstanding > 0) {
		const uint64_t x = test_random(&random);
		const lk_mode mode = (lk_mode)(LK_IS + (x >> 8) % LK_X);
		struct lk_completion c = { .size = sizeof(c) };
		struct lk_options o = LK_OPTIONS_INIT;
		lk_request_id id;
		lk_grant g;

		o.timeout_ns = 2000000;
		if (test_now() < end && outstanding < 4) {
			must(lk_submit(q, w, name[x % 5], mode, &o, NULL, NULL, &id) == 0);
			outstanding++;
			if ((x >> 20) % 8 == 0)
				must(lk_cancel(w, id) == 0);
		}
		if ((x >> 24) % 4 == 0 && lk_try_acquire(w, name[(x >> 32) % 5], mode, &g) == 0) {
			if ((x >> 40) % 2 == 0)
				outstanding +=
					lk_submit_convert(q, w, g, LK_X, &o, NULL, NULL, &id) == 0;
			if ((x >> 44) % 2 == 0)
				must(lk_release(w, g) == 0);
		}
		if ((x >> 46) % 8 == 0)
			must(lk_acquire(w, name[(x >> 50) % 5], mode, &o, NULL) <= 0);
		while (lk_queue_reap(q, &c, 1) == 1) {
			outstanding--;
			if (c.code == 0 && (x >> 54) % 2 == 0)
				must(lk_release(w, c.grant) <= 0);
		}
		if ((x >> 56) % 4 == 0)
			must(lk_release_all(w) == 0);
	}
	must(lk_release_all(w) == 0);
	must(lk_owner_close(w) == 0);
	must(lk_queue_close(q) == 0);
}

Test(asyncstress, an_owner_goes_on_beside_its_requests, .timeout = 60)
{
	static const char *const name[] = { "p", "p/q", "p/q/r", "p/s", "z" };
	struct crowd k = { open_manager(NULL), test_seconds(0.5) };
	struct lk_owner *w;

	test_threads(3, crowd_body, &k);
	cr_assert_eq(stats_of(k.m).holds, 0);
	cr_assert_eq(stats_of(k.m).waiting, 0);
	open_owners(k.m, &w, 1);
	for (int i = 0; i < 5; i++) { /* no word counts anybody */
		(void)take(w, name[i], LK_X);
		ok(lk_release_all(w));
	}
	ok(lk_owner_close(w));
	ok(lk_close(k.m));
}
