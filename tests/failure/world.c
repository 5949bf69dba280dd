/* SPDX-License-Identifier: MIT */
/*
 * Worlds that keep to struct lk_environment and to no habit: sleeps that end at once, clocks that stand
 * still or leap, chance that is none.  Exclusion and the promises about time hold in all of them.
 */
#include "../api/support.h"

#define YEAR UINT64_C(31536000000000000)

struct odd {
	struct lk_environment environment;
	struct test_world plain;
	_Atomic uint64_t clock; /* what it shows */
	uint64_t leap;          /* and by how much more at each look */
	bool sleepless;         /* wait() returns at once */
};

static uint64_t
odd_now(void *state)
{
	struct odd *odd = state;
	uint64_t leap = atomic_load(&odd->clock) < UINT64_MAX / 2 ? odd->leap : 1;

	return atomic_fetch_add(&odd->clock, leap) + leap; /* never past the end of time */
}

/* For a sleep it takes a look at the clock every now and then, as it may have leapt. */
static void
odd_wait(void *state, const uint32_t *word, uint32_t value, uint64_t deadline_ns)
{
	struct lk_environment *plain = &((struct odd *)state)->plain.environment;
	struct odd *odd = state;

	if (odd->sleepless || odd_now(odd) >= deadline_ns)
		sched_yield();
	else
		plain->wait(plain->state, word, value,
			    deadline_ns == UINT64_MAX ? UINT64_MAX : test_now() + 1000000);
}

static void
odd_wake(void *state, const uint32_t *word)
{
	struct lk_environment *plain = &((struct odd *)state)->plain.environment;

	plain->wake(plain->state, word);
}

static uint64_t
no_chance(void *state)
{
	(void)state;
	return 0;
}

static struct lk_manager *
odd_open(struct odd *odd, const char *url, uint64_t leap, bool sleepless)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_manager *m;

	test_world_init(&odd->plain);
	odd->environment = (struct lk_environment){ odd_now, odd_wait, odd_wake, no_chance, odd };
	odd->leap = leap;
	odd->sleepless = sleepless;
	atomic_store(&odd->clock, YEAR);
	cfg.environment = &odd->environment;
	ok(lk_open(url, &cfg, &m));
	return m;
}

/* --------------------------------------------------------- many threads in an odd world */

enum { THREADS = 4, ROUNDS = 3000, NAMES = 3 };

struct crowd {
	struct odd odd;
	struct lk_manager *m;
	uint64_t counter[NAMES]; /* plain: under X */
	_Atomic uint64_t done;
	_Atomic uint64_t timeouts;
};

/* S, perhaps made X, or X from the start; half of them with a deadline.  True: we had X. */
static bool
had_x(struct crowd *crowd, struct lk_owner *w, uint64_t name, uint64_t chance)
{
	struct lk_options o = { .size = sizeof(o), .timeout_ns = chance & 1 ? 1000 : 0 };
	uint64_t start = atomic_load(&crowd->odd.clock);
	bool upgrades = (chance & 2) != 0;
	lk_grant g;
	int rc = lk_acquire_id(w, name, upgrades ? LK_U : LK_X, &o, &g);

	if (rc == 0 && upgrades)
		rc = lk_upgrade(w, g, &o);
	must(rc == 0 || rc == LK_E_TIMEDOUT);
	if (rc != 0) { /* never without a deadline, and never before it */
		must((chance & 1) != 0 && atomic_load(&crowd->odd.clock) >= start + 1000);
		atomic_fetch_add(&crowd->timeouts, 1);
	}
	return rc == 0;
}

static void
work(void *arg, unsigned index)
{
	struct crowd *crowd = arg;
	uint64_t seed = index + 1;
	struct lk_owner *w;

	must(lk_owner_open(crowd->m, NULL, &w) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t name = test_random(&seed) % NAMES;

		if (had_x(crowd, w, name, test_random(&seed))) {
			crowd->counter[name]++;
			atomic_fetch_add(&crowd->done, 1);
			if (i % 4 == 0)
				sched_yield(); /* so that others come to wait */
		}
		must(lk_release_all(w) == 0);
	}
	must(lk_owner_close(w) == 0);
}

static void
run(const char *url, uint64_t leap, bool sleepless)
{
	static struct crowd crowd;
	uint64_t counted = 0;

	crowd = (struct crowd){ .m = NULL };
	crowd.m = odd_open(&crowd.odd, url, leap, sleepless);
	test_threads(THREADS, work, &crowd);
	for (int i = 0; i < NAMES; i++)
		counted += crowd.counter[i];
	cr_expect_eq(counted, atomic_load(&crowd.done));
	cr_expect_eq(counted + atomic_load(&crowd.timeouts), THREADS * ROUNDS);
	cr_expect_eq(stats_of(crowd.m).waiting, 0);
	cr_expect_eq(stats_of(crowd.m).holds, 0);
	if (leap == 0)
		cr_expect_eq(atomic_load(&crowd.timeouts), 0);
	ok(lk_close(crowd.m));
}

static const char *const urls[] = { "memory:", "memory:?strict=1",
				    "memory:?lot_buckets=1&spin_ns=off" };

Test(world, whose_sleeps_end_at_once, .timeout = 120)
{
	for (size_t i = 0; i < countof(urls); i++)
		run(urls[i], 1, true);
}

Test(world, whose_clock_stands_still, .timeout = 120)
{
	for (size_t i = 0; i < countof(urls); i++) {
		run(urls[i], 0, false);
		run(urls[i], 0, true);
	}
}

Test(world, whose_clock_leaps_by_years, .timeout = 120)
{
	for (size_t i = 0; i < countof(urls); i++) {
		run(urls[i], YEAR / 100, false);
		run(urls[i], YEAR / 100, true);
	}
}

/* ------------------------------------------------------------------ one request at a time */

/* A clock that stands still never comes to a deadline: cancelling and giving up still do. */
Test(world, that_stands_still_can_be_cancelled)
{
	struct lk_options brief = { .size = sizeof(brief), .timeout_ns = 1 };
	struct lk_owner *w[2];
	struct lk_manager *m;
	struct asker a;
	struct odd odd;

	m = odd_open(&odd, NULL, 0, true);
	open_owners(m, w, 2);
	take(w[0], "n", LK_X);
	ask_with(m, &a, w[1], "n", LK_X, &brief);
	cr_expect(!is_answered(&a));
	ok(lk_owner_cancel(w[1]));
	is(answer(&a), LK_E_CANCELED);
	ask_with(m, &a, w[1], "n", LK_X, &brief);
	ok(lk_release_all(w[0]));
	granted(&a);
	close_all(m, w, 2);
}

/* The clock leaps past every deadline there is: those with one end, those without stay. */
Test(world, that_leaps_ends_only_what_has_a_deadline)
{
	struct lk_options year = { .size = sizeof(year), .timeout_ns = (int64_t)YEAR };
	struct lk_owner *w[3];
	struct lk_manager *m;
	struct asker with, without;
	struct odd odd;

	m = odd_open(&odd, NULL, 0, false);
	open_owners(m, w, 3);
	take(w[0], "n", LK_X);
	ask(m, &without, w[1], "n", LK_S);
	ask_with(m, &with, w[2], "n", LK_S, &year);
	atomic_fetch_add(&odd.clock, YEAR - 1);
	cr_expect_eq(line(m, "n"), 2);
	atomic_fetch_add(&odd.clock, 10 * YEAR);
	is(answer(&with), LK_E_TIMEDOUT);
	cr_expect_eq(line(m, "n"), 1);
	cr_expect(!is_answered(&without));
	ok(lk_release_all(w[0]));
	granted(&without);
	close_all(m, w, 3);
}

/* Near the end of time sums of times overflow; a deadline there is not one that has passed. */
Test(world, at_the_end_of_time)
{
	struct lk_options longest = { .size = sizeof(longest), .timeout_ns = INT64_MAX - 1 };
	struct lk_owner *w[2];
	struct lk_manager *m;
	struct asker a;
	struct odd odd;

	m = odd_open(&odd, NULL, 0, false);
	open_owners(m, w, 2);
	take(w[0], "n", LK_X);
	atomic_store(&odd.clock, (uint64_t)INT64_MAX - 5);
	ask_with(m, &a, w[1], "n", LK_S, &longest);
	cr_expect(!is_answered(&a));
	ok(lk_release_all(w[0]));
	granted(&a);
	close_all(m, w, 2);
}
