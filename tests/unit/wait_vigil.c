/* SPDX-License-Identifier: MIT */
/* Staying awake: until there is news, not for long, not beyond the deadline, and seldom if it was in vain. */
#include "../lib/harness.h"
#include "wait/vigil.h"

enum { STEP_NS = 1000, LONG_NS = 200000 };

/* Each look at the clock takes a while; at one of them the waiter is granted. */
struct scene {
	struct lk_environment world;
	struct env env;
	struct vigil vigil;
	struct party party;
	struct lk_resource name;
	struct waiter waiter;
	uint64_t now;
	uint64_t granted_at; /* 0: never */
	uint64_t covered_at; /* this process has the name; 0: never */
};

static uint64_t
look_at_clock(void *state)
{
	struct scene *s = state;

	s->now += STEP_NS;
	if (s->granted_at != 0 && s->now >= s->granted_at)
		shim_store(&s->waiter.state, (uint32_t)WAITER_GRANTED, SHIM_RELEASE);
	if (s->covered_at != 0 && s->now >= s->covered_at)
		shim_store(&s->name.word, (uint64_t)0, SHIM_RELEASE);
	return s->now;
}

static void
set_scene(struct scene *s)
{
	struct test_world base;

	test_world_init(&base);
	memset(s, 0, sizeof(*s));
	s->world = base.environment;
	s->world.now = look_at_clock;
	s->world.state = s;
	env_init(&s->env, NULL, &s->world);
	vigil_init(&s->vigil);
	party_init(&s->party);
	s->waiter.party = &s->party;
	s->waiter.r = &s->name;
	shim_init(&s->name.word, WORD_FREEZE);
	shim_init(&s->waiter.state, (uint32_t)WAITER_WAITING);
}

/* How long it was awake. */
static uint64_t
wait_once(struct scene *s, uint64_t deadline_ns)
{
	const uint64_t since = s->now;

	vigil_keep(&s->vigil, &s->env, &s->waiter, deadline_ns);
	return s->now - since;
}

Test(vigil, lasts_until_there_is_news)
{
	struct scene s;

	set_scene(&s);
	s.granted_at = LONG_NS / 2;
	cr_expect(wait_once(&s, UINT64_MAX) >= LONG_NS / 2);
	cr_expect(s.now < LONG_NS);
	cr_expect_eq(wait_once(&s, UINT64_MAX), 0u, "it has been granted");
	shim_store(&s.waiter.state, (uint32_t)WAITER_WAITING, SHIM_RELAXED);
	s.granted_at = 0;
	park_cancel(&s.env, &s.party.parker);
	cr_expect_eq(wait_once(&s, UINT64_MAX), 0u, "it is canceled");
}

/* Others here who have it then need the processor. */
Test(vigil, lasts_until_this_process_has_the_name)
{
	struct scene s;

	set_scene(&s);
	s.covered_at = LONG_NS / 2;
	cr_expect(wait_once(&s, UINT64_MAX) >= LONG_NS / 2);
	cr_expect(s.now < LONG_NS);
	cr_expect_eq(s.vigil.in_vain, 0u);
}

Test(vigil, does_not_last_long)
{
	struct scene s;
	uint64_t ns;

	set_scene(&s);
	ns = wait_once(&s, UINT64_MAX);
	cr_expect(ns >= LONG_NS && ns < 2 * (uint64_t)LONG_NS);
	set_scene(&s);
	ns = wait_once(&s, LONG_NS / 4);
	cr_expect(ns >= LONG_NS / 4 && ns < LONG_NS / 2, "until its deadline");
	cr_expect(wait_once(&s, s.now) < LONG_NS / 4, "which has come");
}

/* (VG2) */
Test(vigil, in_vain_is_seldom_kept)
{
	unsigned n = 0;
	struct scene s;

	set_scene(&s);
	for (int i = 0; i < 640; i++)
		n += wait_once(&s, UINT64_MAX) >= LONG_NS;
	cr_expect(n >= 10 && n <= 10 + 6, "%u", n);
	while (s.vigil.sleepers > 0)
		(void)wait_once(&s, UINT64_MAX);
	s.granted_at = s.now + LONG_NS / 2;
	cr_expect(wait_once(&s, UINT64_MAX) >= LONG_NS / 2);
	shim_store(&s.waiter.state, (uint32_t)WAITER_WAITING, SHIM_RELAXED);
	s.granted_at = 0;
	cr_expect(wait_once(&s, UINT64_MAX) >= LONG_NS,
		  "it was worth it, so the next one is awake");
	cr_expect(wait_once(&s, UINT64_MAX) < LONG_NS);
	cr_expect(wait_once(&s, UINT64_MAX) >= LONG_NS, "one has slept");
}

/* (VG1) */
Test(vigil, is_kept_by_one)
{
	struct scene s;

	set_scene(&s);
	shim_store(&s.vigil.is_kept, 1u, SHIM_RELAXED);
	cr_expect(wait_once(&s, UINT64_MAX) < LONG_NS);
	cr_expect_eq(shim_load(&s.vigil.is_kept, SHIM_RELAXED), 1u);
}
