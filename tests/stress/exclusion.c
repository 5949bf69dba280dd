/* SPDX-License-Identifier: MIT */
/*
 * Random scripts from more threads than cores: nobody ever holds what does not go together.
 *
 * Each name has a shadow: how many owners hold it in each mode, in one atomic number.  It is
 * lowered before the library is told and raised after the library has granted, so that it
 * never claims more than is held; two modes in it that conflict are a fault of the library.
 * It is relaxed, and what an X protects is plain, so that the thread sanitizer sees whether
 * the library itself orders them.
 */
#include "../api/support.h"

enum { THREADS = 6, MOST_NAMES = 2000, MOST_GRANTS = 5 };

struct name {
	_Atomic uint64_t shadow; /* SHADOW_BITS for each mode */
	uint64_t first;          /* plain: changed together, under X */
	uint64_t second;
};

struct script {
	const char *url;
	unsigned names;
	bool is_patient; /* waits without end, on one name at a time */
	unsigned
		rarely; /* so many requests are in shared modes for one that may be in another; 0: no matter */
	struct lk_manager *m;
	struct lk_owner *owners[THREADS];
	struct name name[MOST_NAMES];
	uint64_t end;
	_Atomic uint64_t grants;
};

struct held {
	lk_grant grant;
	uint64_t name;
	lk_mode mode;
};

struct actor {
	struct script *script;
	struct lk_owner *owner;
	struct held held[MOST_GRANTS];
	unsigned n;
	uint64_t seed;
	uint64_t grants;
};

#define SHADOW_BITS 9

static uint64_t
shadow_of(lk_mode mode)
{
	return mode == LK_NL ? 0 : UINT64_C(1) << (SHADOW_BITS * (mode - 1));
}

static bool
is_at_most(lk_mode mode, lk_mode other)
{
	return supremum[mode][other] == other;
}

/* What is surely held while an owner goes from one mode to another. */
static lk_mode
meet(lk_mode a, lk_mode b)
{
	static const lk_mode strongest_first[] = { LK_X, LK_SIX, LK_U, LK_S, LK_IX, LK_IS };

	for (size_t i = 0; i < countof(strongest_first); i++)
		if (is_at_most(strongest_first[i], a) && is_at_most(strongest_first[i], b))
			return strongest_first[i];
	return LK_NL;
}

/* Go from one mode to another in the shadow, and look who else is there. */
static void
shadow_move(struct name *name, lk_mode from, lk_mode to)
{
	uint64_t delta = shadow_of(to) - shadow_of(from);
	uint64_t now = atomic_fetch_add_explicit(&name->shadow, delta, memory_order_relaxed);

	now += delta - shadow_of(to);
	for (lk_mode other = LK_IS; other <= LK_X; other++) {
		uint64_t count = now >> (SHADOW_BITS * (other - 1)) & ((1 << SHADOW_BITS) - 1);

		must(count < THREADS);
		must(to == LK_NL || count == 0 || compatible[to][other]);
	}
}

/* What the owner's grants on a name amount to, but for one of them. */
static lk_mode
mode_without(struct actor *a, uint64_t name, unsigned but)
{
	lk_mode mode = LK_NL;

	for (unsigned i = 0; i < a->n; i++)
		if (i != but && a->held[i].name == name)
			mode = supremum[mode][a->held[i].mode];
	return mode;
}

static lk_mode
mode_on(struct actor *a, uint64_t name)
{
	return mode_without(a, name, MOST_GRANTS);
}

/* Use what the mode allows. */
static void
work_on(struct actor *a, uint64_t name, lk_mode mode)
{
	struct name *n = &a->script->name[name];

	if (mode == LK_X) {
		n->first++;
		n->second++;
	} else if (is_at_most(LK_S, mode)) {
		must(n->first == n->second);
	}
	must(lk_holds_id(a->owner, name) == (int)mode);
}

static bool
is_expected(struct actor *a, int rc)
{
	if (a->script->is_patient)
		return rc == 0 || rc == LK_E_CONVERSION_DEADLOCK;
	return rc == 0 || rc == LK_E_BUSY || rc == LK_E_TIMEDOUT || rc == LK_E_CANCELED ||
	       rc == LK_E_CONVERSION_DEADLOCK || rc == LK_E_DEADLOCK;
}

/* No wait, a short one, or, for the patient, one without end. */
static struct lk_options
random_options(struct actor *a)
{
	struct lk_options o = LK_OPTIONS_INIT;

	if (a->script->is_patient)
		return o;
	if (test_random(&a->seed) % 3 == 0)
		o.flags = LK_NOWAIT;
	else
		o.timeout_ns = 1 + (int64_t)(test_random(&a->seed) % 300000);
	return o;
}

/* Odd names are read by most, even ones are roots of a hierarchy: both become spread. */
static lk_mode
shared_mode(struct actor *a, uint64_t name)
{
	static const lk_mode modes[2][4] = { { LK_IX, LK_IX, LK_IX, LK_IS },
					     { LK_S, LK_S, LK_S, LK_IS } };

	return modes[name % 2][test_random(&a->seed) % 4];
}

static lk_mode
random_mode(struct actor *a, uint64_t name)
{
	static const lk_mode patient[] = { LK_S, LK_U, LK_X };
	const unsigned rarely = a->script->rarely;

	if (rarely != 0 && test_random(&a->seed) % rarely != 0)
		return shared_mode(a, name);
	if (a->script->is_patient)
		return patient[test_random(&a->seed) % countof(patient)];
	return (lk_mode)(LK_IS + test_random(&a->seed) % LK_X);
}

static void
drop(struct actor *a, unsigned i)
{
	struct held h = a->held[i];
	lk_mode before = mode_on(a, h.name), after = mode_without(a, h.name, i);

	shadow_move(&a->script->name[h.name], before, after);
	must(lk_release(a->owner, h.grant) == 0);
	must(lk_release(a->owner, h.grant) == LK_E_STALE);
	a->held[i] = a->held[--a->n];
}

static void
drop_all(struct actor *a)
{
	while (a->n > 0)
		drop(a, a->n - 1);
}

static void
acquire(struct actor *a)
{
	uint64_t name = test_random(&a->seed) % a->script->names;
	struct lk_options o = random_options(a);
	lk_mode mode, before, after;
	lk_grant g;
	int rc;

	if (a->n == MOST_GRANTS)
		return;
	if (a->script->is_patient && a->n > 0)
		name = a->held[0].name;
	mode = random_mode(a, name);
	before = mode_on(a, name);
	rc = lk_acquire_id(a->owner, name, mode, &o, &g);
	must(is_expected(a, rc));
	if (rc != 0) {
		must(lk_holds_id(a->owner, name) == (int)before);
		return;
	}
	after = supremum[before][mode];
	a->held[a->n++] = (struct held){ g, name, mode };
	a->grants++;
	shadow_move(&a->script->name[name], before, after);
	work_on(a, name, after);
}

static void
convert(struct actor *a)
{
	struct lk_options o = random_options(a);
	lk_mode to, before, after, between;
	struct name *name;
	struct held *h;
	unsigned i;
	int rc;

	if (a->n == 0)
		return;
	i = (unsigned)(test_random(&a->seed) % a->n);
	h = &a->held[i];
	to = random_mode(a, h->name);
	name = &a->script->name[h->name];
	before = mode_on(a, h->name);
	after = supremum[mode_without(a, h->name, i)][to];
	between = meet(before, after);
	shadow_move(name, before, between);
	rc = lk_convert(a->owner, h->grant, to, &o);
	must(is_expected(a, rc));
	must(rc == 0 || !is_at_most(after, before)); /* weakening cannot fail */
	if (rc == 0)
		h->mode = to;
	shadow_move(name, between, rc == 0 ? after : before);
	work_on(a, h->name, rc == 0 ? after : before);
	if (rc == LK_E_CONVERSION_DEADLOCK)
		drop_all(a);
}

static void
act(struct actor *a)
{
	uint64_t choice = test_random(&a->seed) % 16;

	if (choice < 7)
		acquire(a);
	else if (choice < 10)
		convert(a);
	else if (choice < 14 && a->n > 0)
		drop(a, (unsigned)(test_random(&a->seed) % a->n));
	else if (choice == 14)
		drop_all(a);
	else if (choice == 15 && !a->script->is_patient)
		must(lk_owner_cancel(a->script->owners[test_random(&a->seed) % THREADS]) == 0);
}

static void
play(void *arg, unsigned index)
{
	struct script *script = arg;
	struct actor a = { .script = script, .owner = script->owners[index], .seed = index + 1 };

	while (test_now() < script->end || a.grants == 0) {
		for (int i = 0; i < 50; i++)
			act(&a);
		drop_all(&a);
	}
	atomic_fetch_add(&script->grants, a.grants);
}

/* In the end all is free, and the counters say so. */
static void
run(struct script *script)
{
	struct lk_manager *m = script->m = open_manager(script->url);

	open_owners(m, script->owners, THREADS);
	script->end = test_now() + (uint64_t)(test_seconds(1.0) * 1e9);
	test_threads(THREADS, play, script);
	cr_expect_gt(atomic_load(&script->grants), 0);
	cr_expect_eq(stats_of(m).grants, atomic_load(&script->grants));
	cr_expect_eq(stats_of(m).holds, 0);
	cr_expect_eq(stats_of(m).waiting, 0);
	for (uint64_t name = 0; name < script->names; name++) {
		cr_assert_eq(atomic_load(&script->name[name].shadow), 0);
		cr_assert_eq(script->name[name].first, script->name[name].second);
		ok(lk_acquire_id(script->owners[0], name, LK_X, NULL, NULL));
	}
	close_all(m, script->owners, THREADS);
}

#define SMALLEST "index_buckets=1&lot_buckets=1&max_idle=1"

Test(exclusion, on_few_names, .timeout = 1000)
{
	static struct script script = { .url = "memory:", .names = 3 };

	run(&script);
}

Test(exclusion, on_few_names_strictly, .timeout = 1000)
{
	static struct script script = { .url = "memory:?strict=1", .names = 3 };

	run(&script);
}

Test(exclusion, on_few_names_that_come_and_go, .timeout = 1000)
{
	static struct script script = { .url = "memory:?" SMALLEST, .names = 5 };

	run(&script);
}

Test(exclusion, on_many_names, .timeout = 1000)
{
	static struct script script = { .url = "memory:", .names = MOST_NAMES };

	run(&script);
}

Test(exclusion, on_many_names_in_the_smallest_index, .timeout = 1000)
{
	static struct script script = { .url = "memory:?strict=1&" SMALLEST, .names = 200 };

	run(&script);
}

/* Nobody's wait has an end but the grant: a wake-up that is lost hangs the test. */
Test(exclusion, without_timeouts_on_one_name, .timeout = 1000)
{
	static struct script script = { .url = "memory:", .names = 1, .is_patient = true };

	run(&script);
}

Test(exclusion, without_timeouts_strictly, .timeout = 1000)
{
	static struct script script = { .url = "memory:?strict=1&" SMALLEST,
					.names = 2,
					.is_patient = true };

	run(&script);
}

Test(exclusion, without_timeouts_sleeping_at_once, .timeout = 1000)
{
	static struct script script = { .url = "memory:?fair_after_ns=1000&spin_ns=100",
					.names = 2,
					.is_patient = true };

	run(&script);
}

/* Most hold together, so the names become spread, and are folded by those who want all of them. */
Test(exclusion, on_names_that_are_spread, .timeout = 1000)
{
	static struct script script = { .url = "memory:?spread_after=1", .names = 2, .rarely = 50 };

	run(&script);
}

Test(exclusion, on_names_that_are_spread_and_folded, .timeout = 1000)
{
	static struct script script = { .url = "memory:?spread_after=1&strict=1",
					.names = 2,
					.rarely = 8 };

	run(&script);
}

/* … and their entries become other names'. */
Test(exclusion, on_names_that_are_spread_and_go, .timeout = 1000)
{
	static struct script script = { .url = "memory:?spread_after=1&" SMALLEST,
					.names = 12,
					.rarely = 50 };

	run(&script);
}
