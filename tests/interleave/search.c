/* SPDX-License-Identifier: MIT */
/*
 * The three ways to choose, and the schedule as text.
 *
 * Exhaustive: depth first over all decisions, with a bound on surprises.  A fiber that was preempted
 * before a step is not run again before somebody has made a step that the step depends on: to make the
 * step first and switch then leads to the same, and was tried before.
 *
 * At random: priorities that change at a few moments (PCT), or a coin at every step.
 */
#include <ctype.h>
#include <stdlib.h>

#include "search.h"

enum { DEPTH_MAX = 4096, TEXT_MAX = 1 << 20, CHANGES = 3 };

struct search search;

/* Who used a word, who changed it: as known when the search began, and as learned since. */
struct site {
	unsigned char users;
	unsigned char writers;
};

static struct site known[GRAINS];
static struct site learned[GRAINS];
static bool learned_more;

/* The choices of this schedule, and how many there were. */
static struct {
	unsigned short choice;
	unsigned short of;
} decision[DEPTH_MAX];
static unsigned depth;
static unsigned n_decisions;

static struct {
	uint64_t state;
	bool coin;
	unsigned priority[FIBERS_MAX];
	unsigned change_at[CHANGES];
	unsigned n_picks;
} chance;

static char text[TEXT_MAX];
static size_t text_used;
static unsigned run_fiber;
static unsigned run_steps;
static unsigned replay_steps; /* left of the first word of the replay */

static uint64_t
draw(void)
{
	uint64_t z = chance.state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static bool
one_in(unsigned n)
{
	return draw() % n == 0;
}

bool
search_branches(uintptr_t at)
{
	const struct site *s = &known[grain_of(at)];

	return (s->users & (s->users - 1)) != 0 && s->writers != 0;
}

void
search_learn(uintptr_t at, bool wrote)
{
	struct site *s = &learned[grain_of(at)];
	unsigned char me = (unsigned char)(1u << (world.current - world.fiber));

	if ((s->users & me) == 0 || (wrote && (s->writers & me) == 0)) {
		s->users |= me;
		s->writers |= wrote ? me : 0;
		learned_more = true;
	}
}

bool
search_apply_learned(void)
{
	bool more = learned_more;

	memcpy(known, learned, sizeof(known));
	learned_more = false;
	return more;
}

void
search_forget(void)
{
	memset(known, 0, sizeof(known));
	memset(learned, 0, sizeof(learned));
	learned_more = false;
	n_decisions = 0;
	memset(&chance, 0, sizeof(chance));
}

bool
search_allows(enum surprise kind)
{
	unsigned all = 0;

	if (search.mode == SEARCH_REPLAY)
		return true;
	for (unsigned i = 0; i < SURPRISES; i++)
		all += world.surprises[i];
	return (search.mode == SEARCH_RANDOM || all < search.bound) &&
	       world.surprises[kind] < search.most[kind];
}

static unsigned
choose(unsigned n)
{
	if (depth == DEPTH_MAX)
		fail("the schedule has too many decisions for this tester");
	if (depth == n_decisions) {
		decision[depth].choice = 0;
		decision[depth].of = (unsigned short)n;
		n_decisions++;
	} else if (decision[depth].of != n) {
		fail("the same choices led elsewhere: something depends on more than the schedule");
	}
	return decision[depth++].choice;
}

/* Of those who can run the one with the highest priority. */
static unsigned
most_urgent(const struct option *o, unsigned n)
{
	unsigned best = 0;

	for (unsigned i = 1; i < n; i++) {
		if (o[i].kind == OPTION_RUN &&
		    chance.priority[o[i].fiber] > chance.priority[o[best].fiber])
			best = i;
	}
	return best;
}

static unsigned
pick_at_random(const struct option *o, unsigned n, bool goes_on)
{
	unsigned i = (unsigned)(draw() % n);

	chance.n_picks++;
	if (o[i].kind != OPTION_RUN && one_in(8))
		return i;
	for (unsigned k = 0; k < CHANGES; k++) {
		if (goes_on && chance.change_at[k] == chance.n_picks)
			chance.priority[o[0].fiber] = k;
	}
	if (!chance.coin)
		return most_urgent(o, n);
	if (goes_on && !one_in(6))
		return 0;
	return o[i].kind == OPTION_RUN ? i : 0;
}

static void
begin_at_random(void)
{
	unsigned spread;

	chance.n_picks = 0;
	chance.state = search.seed;
	chance.coin = one_in(2);
	spread = 16u << draw() % 5; /* the length of a schedule is not known before */
	for (unsigned i = 0; i < FIBERS_MAX; i++)
		chance.priority[i] = CHANGES + (unsigned)(draw() % 1000);
	for (unsigned k = 0; k < CHANGES; k++)
		chance.change_at[k] = 1 + (unsigned)(draw() % spread);
}

/* ---------------------------------------------------------------------- replay */

static void
skip_blanks(void)
{
	while (isspace((unsigned char)*search.replay))
		search.replay++;
}

static int
fiber_named(const char *name, size_t len)
{
	for (unsigned i = 0; i < world.n_fibers; i++) {
		if (strlen(world.fiber[i].name) == len &&
		    strncmp(world.fiber[i].name, name, len) == 0)
			return (int)i;
	}
	return -1;
}

/* The next word of the schedule; consumed if it is one of no steps. */
static struct option
next_word(void)
{
	struct option o = { OPTION_RUN, 0 };
	const char *s;
	size_t len;
	int fiber;

	skip_blanks();
	s = search.replay;
	len = strcspn(s, ":*+~ \n");
	fiber = fiber_named(s, len);
	if (fiber < 0)
		fail("the schedule is not one of this script: no fiber at \"%.20s\"", s);
	o.fiber = (unsigned)fiber;
	if (s[len] == ':') {
		char *end;

		replay_steps = (unsigned)strtoul(s + len + 1, &end, 10);
		search.replay = end;
	} else {
		o.kind = s[len] == '*' ? OPTION_WAKE : OPTION_TIME;
		search.replay = s + len + (s[len] != '\0');
	}
	return o;
}

static unsigned
pick_replayed(const struct option *o, unsigned n, bool goes_on)
{
	struct option want;

	if (replay_steps > 0 && goes_on)
		return 0;
	skip_blanks();
	if (*search.replay == '\0')
		return 0;
	want = next_word();
	for (unsigned i = 0; i < n; i++) {
		if (o[i].kind == want.kind && o[i].fiber == want.fiber)
			return i;
	}
	fail("the schedule is not one of this script: %s cannot run there",
	     world.fiber[want.fiber].name);
}

static unsigned
stale_replayed(unsigned most)
{
	unsigned n;

	if (replay_steps > 0)
		return 0; /* the note is behind the last step of a word */
	skip_blanks();
	if (*search.replay != '~')
		return 0;
	n = (unsigned)strtoul(search.replay + 1, (char **)(uintptr_t)&search.replay, 10);
	return n < most ? n : most;
}

/* ------------------------------------------------------------------------ all */

unsigned
search_pick(const struct option *o, unsigned n, bool goes_on)
{
	switch (search.mode) {
	case SEARCH_ALL:
		return choose(n);
	case SEARCH_RANDOM:
		return pick_at_random(o, n, goes_on);
	case SEARCH_REPLAY:
		break;
	}
	return pick_replayed(o, n, goes_on);
}

static void
end_run(void)
{
	if (run_steps > 0 && text_used + 64 < TEXT_MAX)
		text_used += (size_t)sprintf(text + text_used, "%s:%u ",
					     world.fiber[run_fiber].name, run_steps);
	run_steps = 0;
}

unsigned
search_stale(unsigned most)
{
	unsigned n = 0;

	if (!search_allows(SURPRISE_STALE))
		return 0;
	if (search.mode == SEARCH_ALL)
		n = choose(most + 1);
	else if (search.mode == SEARCH_REPLAY)
		n = stale_replayed(most);
	else if (one_in(4))
		n = (unsigned)(draw() % (most + 1));
	if (n > 0) {
		world.surprises[SURPRISE_STALE]++;
		end_run();
		if (text_used + 64 < TEXT_MAX)
			text_used += (size_t)sprintf(text + text_used, "~%u ", n);
	}
	return n;
}

void
search_begin(void)
{
	search.schedules++;
	depth = 0;
	text_used = 0;
	run_steps = 0;
	replay_steps = 0;
	if (search.mode == SEARCH_RANDOM)
		begin_at_random();
}

bool
search_next(void)
{
	n_decisions = depth < n_decisions ? depth : n_decisions;
	while (n_decisions > 0 &&
	       decision[n_decisions - 1].choice + 1u >= decision[n_decisions - 1].of)
		n_decisions--;
	if (n_decisions == 0)
		return false;
	decision[n_decisions - 1].choice++;
	return true;
}

void
search_note_step(unsigned fiber)
{
	if (fiber != run_fiber)
		end_run();
	run_fiber = fiber;
	run_steps++;
	if (replay_steps > 0)
		replay_steps--;
}

void
search_note_option(const struct option *o)
{
	if (o->kind == OPTION_RUN)
		return;
	end_run();
	if (text_used + 64 < TEXT_MAX)
		text_used += (size_t)sprintf(text + text_used, "%s%c ", world.fiber[o->fiber].name,
					     o->kind == OPTION_WAKE ? '*' : '+');
}

const char *
search_text(void)
{
	end_run();
	text[text_used] = '\0';
	return text;
}

void
search_tell(const char *by, const char *op, uintptr_t at, uint64_t was, uint64_t is)
{
	printf("  %-4s %-22s %-10s %6lx", world.current->name, by, op,
	       (unsigned long)(at - REGION_START));
	if (was == is)
		printf("  %llx\n", (unsigned long long)is);
	else
		printf("  %llx -> %llx\n", (unsigned long long)was, (unsigned long long)is);
}
