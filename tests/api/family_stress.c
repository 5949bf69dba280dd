/* SPDX-License-Identifier: MIT */
/* Families beside each other: each is one, whatever its members do at the same time. */
#include "family.h"

enum { NAMES = 5, PER_FAMILY = 4, PARTIES = 3 };

/*
 * Who holds what, by parties: two families, and plain owners of which each is one.  A party says so after it was
 * granted, and takes it back before it releases: so two that conflict must never be there.
 */
struct ground {
	struct lk_manager *m;
	atomic_uint writers[NAMES][PARTIES];
	atomic_uint readers[NAMES][PARTIES];
	atomic_uint refused;
	unsigned rounds;
};

static const char *const names[NAMES] = { "a", "b/c", "b/d", "b", "e" };

static const struct lk_options patient = { .size = sizeof(patient), .timeout_ns = 50000000 };

static void
check(struct ground *g, unsigned party, int n, lk_mode mode)
{
	for (unsigned i = 0; i < PARTIES; i++) {
		if (i == party)
			continue;
		must(atomic_load(&g->writers[n][i]) == 0);
		must(mode == LK_S || atomic_load(&g->readers[n][i]) == 0);
	}
}

static void
enter(struct ground *g, unsigned party, int n, lk_mode mode)
{
	atomic_fetch_add(mode == LK_S ? &g->readers[n][party] : &g->writers[n][party], 1);
	check(g, party, n, mode);
	sched_yield();
	check(g, party, n, mode);
}

static void
leave(struct ground *g, unsigned party, int n, lk_mode mode)
{
	check(g, party, n, mode);
	atomic_fetch_sub(mode == LK_S ? &g->readers[n][party] : &g->writers[n][party], 1);
}

/* A request was refused: no reason but these. */
static bool
is_granted(struct ground *g, int rc)
{
	const bool is_one = rc == 0 || rc == LK_E_TIMEDOUT || rc == LK_E_DEADLOCK ||
			    rc == LK_E_CONVERSION_DEADLOCK || rc == LK_E_BUSY;

	if (!is_one)
		fprintf(stderr, "%s\n", lk_errname(rc));
	must(is_one);
	if (rc != 0)
		atomic_fetch_add(&g->refused, 1);
	return rc == 0;
}

static void
hold_two(struct ground *g, struct lk_owner *w, unsigned party, uint64_t *seed)
{
	const int a = (int)(test_random(seed) % NAMES);
	const int b = (int)(test_random(seed) % NAMES);
	const lk_mode mode = test_random(seed) % 2 != 0 ? LK_S : LK_X;
	lk_grant first;
	lk_grant second;

	if (!is_granted(g, lk_acquire(w, names[a], mode, &patient, &first)))
		return;
	enter(g, party, a, mode);
	if (is_granted(g, lk_acquire(w, names[b], LK_X, &patient, &second))) {
		enter(g, party, b, LK_X);
		leave(g, party, b, LK_X);
		must(lk_release(w, second) == 0);
	}
	leave(g, party, a, mode);
	must(lk_release(w, first) == 0);
}

static void
upgrade(struct ground *g, struct lk_owner *w, unsigned party, uint64_t *seed)
{
	const int a = (int)(test_random(seed) % NAMES);
	lk_grant grant;

	if (!is_granted(g, lk_acquire(w, names[a], LK_S, &patient, &grant)))
		return;
	enter(g, party, a, LK_S);
	if (is_granted(g, lk_convert(w, grant, LK_X, &patient))) {
		enter(g, party, a, LK_X);
		leave(g, party, a, LK_X);
		must(lk_downgrade(w, grant) == 0);
	}
	leave(g, party, a, LK_S);
	must(lk_release(w, grant) == 0);
}

static void
hold_many(struct ground *g, struct lk_owner *w, unsigned party)
{
	const struct lk_request r[3] = { { .name = names[4], .mode = LK_X },
					 { .name = names[1], .mode = LK_S },
					 { .name = names[0], .mode = LK_X } };
	lk_grant grants[3];

	if (!is_granted(g, lk_acquire_many(w, r, 3, &patient, grants)))
		return;
	enter(g, party, 4, LK_X);
	enter(g, party, 1, LK_S);
	enter(g, party, 0, LK_X);
	leave(g, party, 0, LK_X);
	leave(g, party, 1, LK_S);
	leave(g, party, 4, LK_X);
	must(lk_release_many(w, grants, 3, NULL) == 0);
}

/* A nested transaction: what it takes is its parent's for a while. */
static void
nest(struct ground *g, struct lk_owner *parent, unsigned party, uint64_t *seed)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	const int a = (int)(test_random(seed) % NAMES);
	struct lk_owner *w;
	lk_grant grant;

	o.parent = parent;
	must(lk_owner_open(g->m, &o, &w) == 0);
	if (is_granted(g, lk_acquire(w, names[a], LK_X, &patient, &grant))) {
		enter(g, party, a, LK_X);
		if (test_random(seed) % 2 != 0) {
			must(lk_owner_pass(w) == 0);
			must(lk_release(w, grant) == LK_E_STALE);
			leave(g, party, a, LK_X);
			must(lk_release(parent, grant) == 0);
		} else {
			leave(g, party, a, LK_X);
		}
	}
	must(lk_owner_close(w) == 0);
}

static void
play(struct ground *g, struct lk_owner *w, unsigned party, unsigned seed_of)
{
	uint64_t seed = seed_of;

	for (unsigned i = 0; i < g->rounds; i++) {
		switch (test_random(&seed) % 8) {
		case 0:
			upgrade(g, w, party, &seed);
			break;
		case 1:
			hold_many(g, w, party);
			break;
		case 2:
			nest(g, w, party, &seed);
			break;
		default:
			hold_two(g, w, party, &seed);
			break;
		}
	}
}

struct worker {
	struct ground *g;
	struct lk_owner *w;
};

static void
work_for(void *arg, unsigned index)
{
	const struct worker *v = (const struct worker *)arg + index;

	play(v->g, v->w, index / PER_FAMILY, index + 1);
}

static void
ground_play(const char *url, unsigned rounds)
{
	struct ground g = { .m = open_manager(url), .rounds = rounds };
	struct worker v[2 * PER_FAMILY + 1];

	/* The first eight are in families, the first of each as its head; the last is alone. */
	for (unsigned i = 0; i < countof(v); i++) {
		const unsigned party = i / PER_FAMILY;

		v[i].g = &g;
		if (party < 2 && i % PER_FAMILY != 0)
			v[i].w = open_child(g.m, v[party * PER_FAMILY].w);
		else
			ok(lk_owner_open(g.m, NULL, &v[i].w));
	}
	test_threads(countof(v), work_for, v);
	cr_expect_eq(stats_of(g.m).holds, 0);
	cr_expect_eq(stats_of(g.m).waiting, 0);
	for (unsigned i = countof(v); i > 0; i--) /* children before their heads */
		ok(lk_owner_close(v[i - 1].w));
	ok(lk_close(g.m));
}

Test(family_stress, exclude_each_other_and_not_themselves, .timeout = 120)
{
	ground_play("memory:?deadlock_delay_ns=500000", 150);
}

Test(family_stress, exclude_each_other_in_strict_managers, .timeout = 120)
{
	ground_play("memory:?strict=1&deadlock_delay_ns=500000", 60);
}

Test(family_stress, exclude_each_other_with_leases_on_all_grants, .timeout = 120)
{
	ground_play("memory:?lease_ns=3600s&deadlock_delay_ns=500000", 60);
}
