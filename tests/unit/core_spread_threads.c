/* SPDX-License-Identifier: MIT */
/* Threads on names that are spread and folded while they use them. */
#include "../api/support.h"
#include "core/manager.h"

enum { MIXERS = 4, MIX_NAMES = 3 };

/* What an X protects, plain, so that the thread sanitizer sees who orders it. */
struct mixed_name {
	uint64_t first;
	uint64_t second;
};

struct mix {
	struct lk_manager *m;
	struct mixed_name name[MIX_NAMES];
	uint64_t end;
	_Atomic uint64_t in_slots; /* grants that were counted in a slot, as far as one looked */
	_Atomic uint64_t grants;
};

static void
look_at(const struct mixed_name *n)
{
	must(n->first == n->second);
}

static void
change(struct mixed_name *n)
{
	n->first++;
	n->second++;
}

/* Until the time is up, and what is to be seen was seen: not every second loses attempts to others. */
static bool
goes_on(struct mix *mix)
{
	const uint64_t now = test_now();

	return now < mix->end ||
	       (atomic_load(&mix->in_slots) == 0 && now < mix->end + TEST_PATIENCE_NS);
}

/*
 * One name as a transaction would use it; whatever waits has no end but the grant.  An upgrade below "b"
 * asks for more of "b" as well while it holds something, so it does not wait: that could be for ever.
 */
static void
use_name(struct mix *mix, struct lk_owner *w, unsigned i, uint64_t luck)
{
	static const char *const name[MIX_NAMES] = { "a", "b", "b/c" };
	static const lk_mode mode[] = { LK_S, LK_S, LK_S, LK_S, LK_IS, LK_IX, LK_U, LK_X };
	const lk_mode m = mode[luck % countof(mode)];
	struct mixed_name *n = &mix->name[i];
	const struct lk_options o = { .size = sizeof(o),
				      .flags = strchr(name[i], '/') != NULL ? LK_NOWAIT : 0 };
	lk_grant g;
	int rc = 0;

	must(lk_acquire(w, name[i], m, NULL, &g) == 0);
	atomic_fetch_add_explicit(&mix->grants, 1, memory_order_relaxed);
	if (m == LK_X)
		change(n);
	else if (m == LK_S || m == LK_U)
		look_at(n);
	if (luck / 8 % 4 == 0 && m != LK_IX) {
		rc = lk_upgrade(w, g, &o);
		must(rc == 0 || rc == LK_E_CONVERSION_DEADLOCK ||
		     (rc == LK_E_BUSY && o.flags != 0));
		if (rc == 0)
			change(n);
		if (rc == 0 && luck / 32 % 2 == 0) {
			must(lk_downgrade(w, g) == 0);
			look_at(n);
		}
	}
	must(lk_release(w, g) == 0);
}

/* The last thread spreads names for this family and that, and drops those that idle. */
static void
spread_and_sweep(struct mix *mix)
{
	static const char *const name[MIX_NAMES] = { "a", "b", "b/c" };
	uint64_t seed = 99;

	while (goes_on(mix)) {
		uint64_t luck = test_random(&seed);
		struct lk_resource *r;
		uint32_t number;

		must(lk_resource_open(mix->m, name[luck % MIX_NAMES], &r) == 0);
		line_spread(&mix->m->lot, r, luck / 8 % 3 == 0 ? LK_IX : LK_S);
		number = shim_load(&r->spread, SHIM_RELAXED);
		if (number != 0 && spread_sum(&mix->m->spread, number) != 0)
			atomic_fetch_add(&mix->in_slots, 1);
		lk_resource_close(r);
		if (luck / 32 % 4 == 0)
			must(lk_sweep(mix->m, NULL) == 0);
		sched_yield();
	}
}

static void
mix_main(void *arg, unsigned index)
{
	struct mix *mix = arg;
	uint64_t seed = index + 1;
	struct lk_owner *w;

	if (index == MIXERS) {
		spread_and_sweep(mix);
		return;
	}
	must(lk_owner_open(mix->m, NULL, &w) == 0);
	while (goes_on(mix)) {
		for (int i = 0; i < 20; i++) {
			uint64_t luck = test_random(&seed);

			use_name(mix, w, (unsigned)(luck % MIX_NAMES), luck / MIX_NAMES);
		}
	}
	must(lk_owner_close(w) == 0);
}

/* A wake-up that is lost hangs the test; an order that is missing is seen by the thread sanitizer. */
Test(core_spread, threads_on_names_that_are_spread_and_folded, .timeout = 1000)
{
	static const char *const name[MIX_NAMES] = { "a", "b", "b/c" };
	struct mix mix = { .m = open_manager("memory:?spread_after=1&index_buckets=1&max_idle=1"
					     "&fair_after_ns=1000000") };

	mix.end = test_now() + (uint64_t)(test_seconds(1.0) * 1e9);
	test_threads(MIXERS + 1, mix_main, &mix);
	cr_expect_gt(atomic_load(&mix.grants), 0);
	cr_expect_gt(atomic_load(&mix.in_slots), 0);
	cr_expect_eq(stats_of(mix.m).holds, 0);
	for (int i = 0; i < MIX_NAMES; i++) {
		struct lk_info info = info_of(mix.m, name[i]);

		look_at(&mix.name[i]);
		for (lk_mode mode = LK_IS; mode <= LK_X; mode++)
			cr_expect_eq(info.holders[mode], 0, "%s", mode_name(mode));
		cr_expect_eq(info.waiters, 0);
	}
	ok(lk_close(mix.m));
}
