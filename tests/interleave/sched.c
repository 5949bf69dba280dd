/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: one fiber runs at a time, and before every step on a shared word it may be another's
 * turn.  Also all that fibers wait for: futexes, time, grace periods, words that they spin on.
 */
#include <stdarg.h>

#include "base/clock.h"
#include "base/futex.h"
#include "base/rcu.h"
#include "search.h"

enum { OPTIONS_MAX = FIBERS_MAX * 3, IDLE_MAX = 20000, YIELD_NS = 50000 };

#define TENDED_MOST UINT64_C(60000000000)

struct world world;
bool world_weak;
bool world_verbose;
enum verdict verdict;
char verdict_text[512];
jmp_buf verdict_jump;

static void *main_sp;
static void (*fiber_body)(unsigned fiber);

static unsigned
number_of(const struct fiber *f)
{
	return (unsigned)(f - world.fiber);
}

/* Back to whoever started the schedule; the fibers are left as they are. */
__attribute__((noreturn)) static void
end_schedule(enum verdict v)
{
	struct fiber *f = world.current;

	verdict = v;
	if (f == NULL)
		longjmp(verdict_jump, 1);
	world.current = NULL;
	world.quiet = false;
	fiber_switch(&f->sp, main_sp);
	__builtin_unreachable();
}

void
fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(verdict_text, sizeof(verdict_text), format, args);
	va_end(args);
	end_schedule(VERDICT_FAILED);
}

static void
wake_at(struct fiber *f)
{
	f->state = FIBER_READY;
	f->futex = 0;
	f->deadline = NEVER;
}

/* All sleeps that end by `now` end. */
static void
pass_time(uint64_t now)
{
	if (now > world.now)
		world.now = now;
	for (unsigned i = 0; i < world.n_fibers; i++) {
		struct fiber *f = &world.fiber[i];

		if (f->state == FIBER_ASLEEP && f->deadline <= world.now)
			wake_at(f);
	}
}

void
sched_pass_time(uint64_t ns)
{
	pass_time(world.now + ns);
}

static unsigned
add_ready(struct option *o, unsigned n, const struct fiber *but)
{
	for (unsigned i = 0; i < world.n_fibers; i++) {
		const struct fiber *f = &world.fiber[i];

		if (f != but && f->state == FIBER_READY && !f->postponed)
			o[n++] = (struct option){ OPTION_RUN, i };
	}
	return n;
}

/* Sleepers that may wake for nothing, or because their time is up while others run. */
static unsigned
add_sleepers(struct option *o, unsigned n)
{
	bool wake = search_allows(SURPRISE_WAKE);
	bool time = search_allows(SURPRISE_TIME);

	for (unsigned i = 0; i < world.n_fibers; i++) {
		const struct fiber *f = &world.fiber[i];

		if (f->state != FIBER_ASLEEP)
			continue;
		if (wake)
			o[n++] = (struct option){ OPTION_WAKE, i };
		if (time && f->may_be_early && f->deadline != NEVER)
			o[n++] = (struct option){ OPTION_TIME, i };
	}
	return n;
}

static unsigned
count_in(enum fiber_state state)
{
	unsigned n = 0;

	for (unsigned i = 0; i < world.n_fibers; i++)
		n += world.fiber[i].state == state;
	return n;
}

/* Nobody else can run: whoever spins may look again.  Who yields meanwhile is awake for a time. */
static unsigned
resume_spinners(struct option *o)
{
	bool one_yields = false;

	for (unsigned i = 0; i < world.n_fibers; i++) {
		struct fiber *f = &world.fiber[i];

		if (f->state != FIBER_PAUSED)
			continue;
		one_yields |= f->yields;
		f->state = FIBER_READY;
	}
	if (one_yields)
		pass_time(world.now + YIELD_NS);
	return add_ready(o, 0, NULL);
}

static uint64_t
earliest_deadline(void)
{
	uint64_t earliest = NEVER;

	for (unsigned i = 0; i < world.n_fibers; i++) {
		const struct fiber *f = &world.fiber[i];

		if (f->state == FIBER_ASLEEP && f->deadline < earliest)
			earliest = f->deadline;
	}
	return earliest;
}

/* Those who serve have nobody left to serve, and end. */
static bool
only_servers_are_left(void)
{
	for (unsigned i = 0; i < world.n_fibers; i++) {
		if (world.fiber[i].state != FIBER_ENDED && !world.fiber[i].serves)
			return false;
	}
	for (unsigned i = 0; i < world.n_fibers; i++) {
		if (world.fiber[i].serves) {
			world.fiber[i].serves = false;
			wake_at(&world.fiber[i]);
		}
	}
	return true;
}

/* Is somebody there whose time never ends?  Then all else should have been over long ago. */
static bool
somebody_tends(void)
{
	for (unsigned i = 0; i < world.n_fibers; i++) {
		if (world.fiber[i].is_endless)
			return true;
	}
	return false;
}

static void
need_an_end(void)
{
	if (somebody_tends() && world.now > TENDED_MOST)
		fail("somebody waits, and a minute of looks at the store has not helped");
}

/* Nobody can go on by himself. */
static unsigned
nobody_runs(struct option *o)
{
	uint64_t next;

	if (count_in(FIBER_READY) > 0)
		end_schedule(VERDICT_PRUNED); /* only postponed ones: seen already */
	if (count_in(FIBER_PAUSED) > 0)
		return resume_spinners(o);
	if (count_in(FIBER_ENDED) == world.n_fibers)
		end_schedule(VERDICT_OK);
	check_quiescent();
	next = earliest_deadline();
	if ((next == NEVER || somebody_tends()) && only_servers_are_left())
		return add_ready(o, 0, NULL);
	if (next == NEVER)
		fail("everybody sleeps, and nobody will wake them");
	pass_time(next);
	need_an_end();
	return add_ready(o, 0, NULL);
}

static void
run(struct fiber *f)
{
	struct fiber *last = world.current;

	abroad_turn(number_of(f)); /* who looked at all managers has left another one */
	if (f == last)
		return;
	world.current = f;
	fiber_switch(last != NULL ? &last->sp : &main_sp, f->sp);
}

static void
count_surprise(const struct option *o, bool goes_on)
{
	switch (o->kind) {
	case OPTION_RUN:
		world.surprises[SURPRISE_PREEMPTION] += goes_on;
		break;
	case OPTION_WAKE:
		world.surprises[SURPRISE_WAKE]++;
		break;
	case OPTION_TIME:
		world.surprises[SURPRISE_TIME]++;
		break;
	}
}

static void
carry_out(const struct option *o, bool goes_on)
{
	struct fiber *f = &world.fiber[o->fiber];

	if (f != world.current || !goes_on) {
		count_surprise(o, goes_on);
		if (goes_on)
			world.current->postponed = search.mode == SEARCH_ALL;
	}
	if (o->kind == OPTION_TIME)
		pass_time(f->deadline);
	else if (o->kind == OPTION_WAKE)
		wake_at(f);
	search_note_option(o);
	run(f);
}

/* Who is next?  `goes_on`: the fiber that runs could be. */
static void
decide(bool goes_on)
{
	struct option o[OPTIONS_MAX];
	unsigned n = 0;

	if (goes_on)
		o[n++] = (struct option){ OPTION_RUN, number_of(world.current) };
	if (!goes_on || search_allows(SURPRISE_PREEMPTION))
		n = add_ready(o, n, goes_on ? world.current : NULL);
	if (n > 0 && world.current != NULL)
		n = add_sleepers(o, n);
	if (n == 0)
		n = nobody_runs(o);
	carry_out(&o[n > 1 || search.mode == SEARCH_REPLAY ? search_pick(o, n, goes_on) : 0],
		  goes_on);
}

static void
fiber_main(void)
{
	fiber_body(number_of(world.current));
	world.current->state = FIBER_ENDED;
	decide(false);
	__builtin_unreachable();
}

void
sched_run(void (*body)(unsigned fiber))
{
	fiber_body = body;
	memory_reset();
	search_begin();
	for (unsigned i = 0; i < world.n_fibers; i++) {
		world.fiber[i].state = FIBER_READY;
		world.fiber[i].deadline = NEVER;
		world.fiber[i].sp = fiber_prepare(i, fiber_main);
	}
	verdict = VERDICT_OK;
	decide(false);
	search.steps += world.steps;
}

void
sched_point(uintptr_t at, bool writes)
{
	struct fiber *f = world.current;

	if (++world.steps > STEPS_MAX)
		fail("%s goes on without end", f->name);
	f->next = at;
	f->next_writes = writes;
	if (search.mode == SEARCH_REPLAY || search_branches(at))
		decide(true);
	search_note_step(number_of(f));
}

static bool
watches(const struct fiber *f, uintptr_t at)
{
	for (unsigned i = 0; i < f->n_watched; i++) {
		if (f->watched[i] == at)
			return true;
	}
	return false;
}

/* Those for whom this step makes a difference. */
static void
disturb(struct fiber *f, uintptr_t at, bool wrote)
{
	if (f->postponed && f->next == at && (wrote || f->next_writes))
		f->postponed = false;
	if (!wrote || !watches(f, at))
		return;
	f->n_watched = 0;
	if (f->state == FIBER_PAUSED)
		f->state = FIBER_READY;
}

void
sched_done(uintptr_t at, bool wrote)
{
	struct fiber *f = world.current;

	search_learn(at, wrote);
	for (unsigned i = 0; i < world.n_fibers; i++) {
		if (&world.fiber[i] != f)
			disturb(&world.fiber[i], at, wrote);
	}
	if (!wrote && f->n_watched < WATCHED_MAX && !watches(f, at))
		f->watched[f->n_watched++] = at;
}

/* A fiber that spins has nothing to do before something has changed. */
void
model_pause(void)
{
	struct fiber *f = world.current;

	if (!sched_in_fiber())
		return;
	if (++world.steps > STEPS_MAX)
		fail("%s spins without end", f->name);
	if (f->n_watched > 0) {
		f->state = FIBER_PAUSED;
		decide(false);
	}
	f->n_watched = 0;
}

bool
sched_sleep(uintptr_t at, uint32_t value, uint64_t deadline, bool may_be_early)
{
	struct fiber *f = world.current;

	sched_point(at, false);
	sched_done(at, false);
	if (*(const uint32_t *)at != value)
		return false;
	if (deadline <= world.now)
		return true;
	f->state = FIBER_ASLEEP;
	f->futex = at;
	f->deadline = deadline;
	f->may_be_early = may_be_early;
	f->n_watched = 0;
	decide(false);
	return world.now >= deadline;
}

bool
sched_serve(uintptr_t at, uint32_t value, uint64_t deadline)
{
	struct fiber *f = world.current;
	bool goes_on;

	f->serves = true;
	(void)sched_sleep(at, value, deadline, true);
	goes_on = f->serves;
	f->serves = false;
	return goes_on;
}

bool
sched_tend(uintptr_t at, uint32_t value, uint64_t deadline)
{
	struct fiber *f = world.current;
	bool goes_on;

	f->is_endless = true;
	goes_on = sched_serve(at, value, deadline);
	f->is_endless = false;
	return goes_on;
}

void
sched_wake(uintptr_t at)
{
	sched_point(at, true);
	for (unsigned i = 0; i < world.n_fibers; i++) {
		struct fiber *f = &world.fiber[i];

		if (f->state == FIBER_ASLEEP && f->futex == at) {
			wake_at(f);
			break;
		}
	}
	sched_done(at, true);
}

/* ------------------------------------------------ the calls of futex.h, clock.h, rcu.h, atomic.h */

/* A latch is waited for in naps that are much longer than it is held: they do not end early. */
static bool
is_nap(uint32_t value, uint64_t deadline)
{
	return value == 1 && deadline - world.now <= 100000;
}

bool
shim_futex_wait(const a32 *word, uint32_t value, uint64_t deadline_ns)
{
	return sched_in_fiber() &&
	       sched_sleep((uintptr_t)word, value, deadline_ns, !is_nap(value, deadline_ns));
}

void
shim_yield(void)
{
	if (!sched_in_fiber())
		return;
	world.current->yields = true;
	model_pause();
	world.current->yields = false;
}

void
shim_futex_wake(const a32 *word, int n)
{
	(void)n;
	if (sched_in_fiber())
		sched_wake((uintptr_t)word);
}

uint64_t
shim_now(void)
{
	return world.now;
}

uint64_t
shim_boottime(void)
{
	return world.now;
}

uint64_t
shim_wall_ms(void)
{
	return 1000;
}

uint64_t
shim_random(void)
{
	world.drawn += world.draws;
	return 0x1f2e3d4c5b6a7988 + world.drawn;
}

/* Steps of readers, grace periods and barriers are steps on this word. */
static a32 *
readers(void)
{
	return (a32 *)(uintptr_t)REGION_START;
}

void
shim_rcu_read_lock(void)
{
	if (!sched_in_fiber())
		return;
	shim_add(readers(), 1u, SHIM_SEQ_CST);
	world.current->reading++;
}

void
shim_rcu_read_unlock(void)
{
	uint32_t me;

	if (!sched_in_fiber())
		return;
	shim_sub(readers(), 1u, SHIM_SEQ_CST);
	if (--world.current->reading > 0)
		return;
	me = 1u << number_of(world.current);
	for (unsigned i = 0; i < world.n_fibers; i++) {
		struct fiber *f = &world.fiber[i];

		f->grace &= ~me;
		if (f->state == FIBER_IN_GRACE && f->grace == 0)
			f->state = FIBER_READY;
	}
}

/* Ends when every reader that is inside now has left. */
void
shim_rcu_synchronize(void)
{
	struct fiber *f = world.current;

	if (!sched_in_fiber())
		return;
	shim_add(readers(), 0u, SHIM_SEQ_CST);
	for (unsigned i = 0; i < world.n_fibers; i++) {
		if (world.fiber[i].reading > 0)
			f->grace |= 1u << i;
	}
	if ((f->grace & 1u << number_of(f)) != 0)
		fail("%s waits for itself to leave a read-side section", f->name);
	if (f->grace != 0) {
		f->state = FIBER_IN_GRACE;
		decide(false);
	}
	shim_add(readers(), 0u, SHIM_SEQ_CST);
}

/* One step, in which all that was stored before is seen by all. */
bool
shim_barrier_all(void)
{
	if (sched_in_fiber()) {
		sched_point((uintptr_t)readers(), true);
		memory_all_fresh();
		sched_done((uintptr_t)readers(), true);
	}
	return true;
}

unsigned
shim_cpus(void)
{
	return 2;
}
