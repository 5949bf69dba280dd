/* SPDX-License-Identifier: MIT */
/* Spells, without rivals: when they begin, how long they are, and what their end comes to.  (SP1-SP5) */
#include "../api/support.h"

#include "core/manager.h"
#include "core/release.h"
#include "core/spell.h"

struct scene {
	struct lk_manager *m;
	struct lk_owner *w;
	struct lk_resource *r;
};

static struct scene
set_up(void)
{
	struct scene s = { .m = NULL };

	s.m = open_manager("memory:");
	s.m->many_cpus = true; /* whatever the machine has */
	ok(lk_owner_open(s.m, NULL, &s.w));
	ok(lk_resource_open(s.m, "hot", &s.r));
	return s;
}

static void
tear_down(const struct scene *s)
{
	lk_resource_close(s->r);
	ok(lk_owner_close(s->w));
	ok(lk_close(s->m));
}

static void
take_and_give(const struct scene *s, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		lk_grant g;

		ok(lk_acquire_on(s->w, s->r, LK_X, NULL, &g));
		ok(lk_release(s->w, g));
	}
}

/* Grants that the plain way makes. */
static uint64_t
plain_grants(const struct scene *s)
{
	return shim_load(&s->w->drawn_end, SHIM_RELAXED) - shim_load(&s->w->drawn, SHIM_RELAXED);
}

static void
begin(const struct scene *s, uint32_t length)
{
	s->w->spell.length = length;
	s->w->spell.n_begun = 1; /* it is not timed */
	spell_begin(s->w, s->r);
}

/* SP2, and V8: the stamps come in blocks, and a grant is timed now and then. */
Test(spell, bounds_the_plain_way)
{
	struct scene s = set_up();

	take_and_give(&s, 1);
	begin(&s, 3);
	cr_expect_eq(plain_grants(&s), 3);
	begin(&s, 1000000);
	cr_expect_eq(plain_grants(&s), 3, "it never goes further");
	tear_down(&s);
}

/* SP4: each of which takes twice as many grants; then there is none until the name is contended again. */
Test(spell, that_nobody_ends_is_longer)
{
	struct scene s = set_up();

	s.w->sample_at = SHIM_NEVER;
	take_and_give(&s, 1);
	begin(&s, 2);
	for (uint32_t i = 1; i <= VAIN_MOST; i++) {
		take_and_give(&s, plain_grants(&s));
		cr_expect_eq(plain_grants(&s), 0);
		take_and_give(&s, 1);
		cr_expect_eq(s.w->spell.of, s.r);
		cr_expect_eq(plain_grants(&s), (2u << i) - 1);
	}
	take_and_give(&s, plain_grants(&s) + 1);
	cr_expect_null(s.w->spell.of);
	cr_expect_gt(plain_grants(&s), 2u << VAIN_MOST);
	tear_down(&s);
}

/* SP4: it is over, and nobody is waited for. */
Test(spell, ends_when_others_were_there)
{
	struct scene s = set_up();
	struct lk_owner *other;
	lk_grant g;

	ok(lk_owner_open(s.m, NULL, &other));
	take_and_give(&s, 1);
	begin(&s, 2);
	ok(lk_acquire_on(other, s.r, LK_X, NULL, &g));
	ok(lk_release(other, g));
	take_and_give(&s, 3);
	cr_expect_null(s.w->spell.of);
	ok(lk_owner_close(other));
	tear_down(&s);
}

/* SP3: a try looks for nobody, so the spell is as it was. */
Test(spell, is_no_matter_of_tries)
{
	struct scene s = set_up();

	take_and_give(&s, 1);
	begin(&s, 2);
	take_and_give(&s, 2);
	ok(lk_try_acquire(s.w, "hot", LK_X, NULL));
	cr_expect_eq(s.w->spell.of, s.r);
	cr_expect_eq(s.w->spell.n_vain, 0);
	ok(lk_release_all(s.w));
	tear_down(&s);
}

/* SP1: by the time that the last one took, in which two grants were made. */
Test(spell, is_of_as_many_grants_as_fit)
{
	static const struct {
		int64_t since; /* from now */
		uint32_t length;
	} rows[] = {
		{ -INT64_C(10000000000), 1 },
		{ INT64_C(10000000000), SPELL_MOST }, /* no time at all */
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct scene s = set_up();

		take_and_give(&s, 1);
		begin(&s, 2);
		s.w->spell.since_ns = env_now(&s.m->env) + (uint64_t)rows[i].since;
		take_and_give(&s, 3);
		cr_expect_eq(s.w->spell.length, rows[i].length, "row %zu", i);
		tear_down(&s);
	}
}

/* ------------------------------------------------------------------- who begins one */

struct holder {
	struct lk_manager *m;
	struct lk_owner *w;
	lk_grant g;
};

static void *
give_when_contended(void *arg)
{
	const struct holder *h = arg;

	wait_until(stats_of(h->m).contended != 0);
	must(lk_release(h->w, h->g) == 0);
	return NULL;
}

/* By spinning, and in the line; by handle, and by name (which spins twice before it counts as contended). */
Test(spell, begins_with_what_was_had_against_others)
{
	static const char *const urls[] = { "memory:?spin_ns=20000000", "memory:?spin_ns=off" };

	for (int i = 0; i < 4; i++) {
		struct lk_manager *m = open_manager(urls[i / 2]);
		struct holder h = { .m = m };
		struct lk_resource *r;
		struct lk_owner *w;
		pthread_t thread;

		m->many_cpus = true;
		ok(lk_resource_open(m, "hot", &r));
		ok(lk_owner_open(m, NULL, &h.w));
		ok(lk_owner_open(m, NULL, &w));
		ok(lk_acquire_on(h.w, r, LK_X, NULL, &h.g));
		cr_expect_null(h.w->spell.of);
		cr_assert_eq(pthread_create(&thread, NULL, give_when_contended, &h), 0);
		if (i % 2 == 0)
			ok(lk_acquire_on(w, r, LK_X, NULL, NULL));
		else
			ok(lk_acquire(w, "hot", LK_X, NULL, NULL));
		cr_assert_eq(pthread_join(thread, NULL), 0);
		cr_expect_eq(w->spell.of, r, "case %d", i);
		ok(lk_owner_close(h.w));
		ok(lk_owner_close(w));
		lk_resource_close(r);
		ok(lk_close(m));
	}
}

/* ------------------------------------------------------------------------- spinning */

/* Once in many attempts in vain it is tried for long. */
Test(spell, is_hoped_for)
{
	const struct wait_limits limits = { .spin_ns = 0 };
	struct scene s = set_up();
	struct spinner spinner = { .budget = 0 };
	uint32_t most = 0;
	lk_grant g;

	ok(lk_acquire_on(s.w, s.r, LK_X, NULL, &g));
	for (int i = 0; i < 64; i++) {
		cr_expect_not(wait_spin(&s.m->env, &spinner, &limits, s.r, &s.w->party.parker,
					LK_NL, LK_X));
		if (i % 16 == 15)
			cr_expect_gt(spinner.budget, most, "attempt %d", i);
		else if (i < 15)
			most = spinner.budget > most ? spinner.budget : most;
	}
	ok(lk_release(s.w, g));
	cr_expect(wait_spin(&s.m->env, &spinner, &limits, s.r, &s.w->party.parker, LK_NL, LK_X));
	cr_expect_eq(spinner.n_vain, 0);
	release_word(s.w, s.r, LK_X, LK_NL, false);
	tear_down(&s);
}
