/* SPDX-License-Identifier: MIT */
/*
 * The world that the core lives in while it is tested: memory, fibers, time.  One world a process;
 * a schedule starts from a copy of how it was after the script's setup.
 */
#ifndef LK_INTERLEAVE_WORLD_H
#define LK_INTERLEAVE_WORLD_H

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "backend.h"

enum {
	FIBERS_MAX = 6,
	STACK_SIZE = 64 << 10,
	ARENA_SIZE = 4 << 20,
	REGION_SIZE = ARENA_SIZE + FIBERS_MAX * STACK_SIZE,
	GRAINS = REGION_SIZE / 4, /* a shared word is four bytes or more */
	PLACES_MAX = 2048,        /* words that one schedule touches */
	HISTORY = 4,              /* values of a word that may still be read */
	WATCHED_MAX = 16,
	STEPS_MAX = 60000,
};

#define REGION_START UINT64_C(0x200000000000) /* the same in every run: addresses are hashed */
#define NEVER        UINT64_MAX

enum fiber_state {
	FIBER_READY,
	FIBER_PAUSED,   /* spins: goes on when a word that it looked at has changed */
	FIBER_ASLEEP,   /* on a futex */
	FIBER_IN_GRACE, /* waits for readers */
	FIBER_ENDED,
};

struct fiber {
	const char *name;
	void *sp;
	enum fiber_state state;
	bool postponed; /* to go on with `next` would lead to schedules that were seen already */
	bool next_writes;
	uintptr_t next; /* the word of its next step */
	uintptr_t futex;
	uint64_t deadline;
	bool serves;       /* it has nothing to do but what timers ask for */
	bool is_endless;   /* … and those never end: it ends when all others have ended */
	bool yields;       /* it spins, and the clock goes on if all others sleep */
	bool may_be_early; /* its sleep may end before everybody sleeps */
	unsigned n_watched;
	uintptr_t watched[WATCHED_MAX]; /* read since it last paused */
	unsigned reading;               /* depth of read-side sections */
	uint32_t grace;                 /* IN_GRACE: fibers that it waits for, one bit each */
};

/* What a fiber added to a slot, and may find that it must undo: until it does, or writes something else. */
struct doubt {
	uintptr_t seat; /* 0: none */
	uint64_t add;
};

/* A surprise: what a schedule need not contain. */
enum surprise { SURPRISE_PREEMPTION, SURPRISE_WAKE, SURPRISE_TIME, SURPRISE_STALE, SURPRISES };

struct world {
	struct fiber fiber[FIBERS_MAX];
	unsigned n_fibers;
	struct fiber *current; /* NULL: setup, or the end */
	bool quiet;            /* the tester itself is looking: no steps */
	uint64_t now;
	unsigned steps;
	unsigned surprises[SURPRISES];
	struct doubt doubt[FIBERS_MAX];
	unsigned live; /* blocks of the allocator */
	size_t used;   /* of the arena */
	/* the registry of managers (stand_ins.c) */
	struct member *member;
	uint64_t serials;
	uint64_t highest;
	uint64_t draws; /* of what is drawn by lot, each is larger by that than the one before */
	uint64_t drawn;
	void *seat[FIBERS_MAX + 1]; /* a fiber's own owner; the last is nobody's */
};

extern struct world world;
extern bool world_weak;    /* relaxed loads may read old values */
extern bool world_verbose; /* print every step */

/* region.c: memory at a fixed address, and an allocator that never gives a block out twice. */
void region_open(void);
void *region_alloc(size_t size, size_t align);
void region_free(void *p, size_t size);
void region_keep(void);    /* what there is now is where schedules start */
void region_restore(void); /* … and is that again */
void *fiber_stack(unsigned i);
/* What is wrong with touching `n` bytes there, or NULL. */
const char *region_fault(uintptr_t at, unsigned n);

static inline bool
in_region(uintptr_t at)
{
	return at - REGION_START < REGION_SIZE;
}

static inline unsigned
grain_of(uintptr_t at)
{
	return (unsigned)((at - REGION_START) / 4);
}

/* memory.c */
void memory_reset(void);
void memory_all_fresh(void); /* every thread passed a full barrier */

/* fiber.c */
void fiber_switch(void **from, void *to);
void *fiber_prepare(unsigned i, void (*entry)(void));
/* Where the frames of a fiber that does not run end: what is below is gone. */
uintptr_t fiber_frame(const struct fiber *f);

/* The clock goes on by so much. */
void sched_pass_time(uint64_t ns);

/* sched.c */
void sched_run(void (*body)(unsigned fiber)); /* one schedule, until its end */
void sched_point(uintptr_t at, bool writes);  /* before a step */
void sched_done(uintptr_t at, bool wrote);    /* after it */
bool sched_sleep(uintptr_t at, uint32_t value, uint64_t deadline, bool may_be_early);
void sched_wake(uintptr_t at);
/* Sleep as one that serves.  False: all others have ended, and there is no deadline. */
bool sched_serve(uintptr_t at, uint32_t value, uint64_t deadline);
/* … of one who has something to do from time to time, for ever.  False: all others have ended. */
bool sched_tend(uintptr_t at, uint32_t value, uint64_t deadline);

static inline bool
sched_in_fiber(void)
{
	return world.current != NULL && !world.quiet;
}

/* The schedule ends here: it broke a rule. */
__attribute__((format(printf, 1, 2), noreturn)) void fail(const char *format, ...);

/* check.c: what must hold when nobody can go on by himself. */
void check_quiescent(void);
/* … and of every value that a word of eight bytes gets. */
void check_word_written(uintptr_t at, uint64_t was, uint64_t is);
/* … and once any word has it; `by`: the function of the core. */
void check_written(const char *by, uintptr_t at, uint64_t was, uint64_t is);

/* shared.c: latches of owners, and what they hold */
void shared_begin(void);
void shared_written(const char *by, uintptr_t at, uint64_t is);
void shared_plain_written(const char *by, uintptr_t at);

/* units.c */
void units_written(uintptr_t at, uint64_t is);

/* async.c */
void async_written(const char *by, uintptr_t at, uint64_t was, uint64_t is);

/* abroad.c */
void abroad_begin(void);
/* From now on that fiber runs, and the manager that is looked at is its. */
void abroad_turn(unsigned fiber);
void abroad_written(uintptr_t at);
void abroad_plain_written(const char *by, uintptr_t at);
void abroad_ended(void);

/* graph.c */
void graph_begin(void);
void graph_written(const char *by, uintptr_t at, uint64_t was, uint64_t is);

enum verdict { VERDICT_OK, VERDICT_PRUNED, VERDICT_FAILED };

extern enum verdict verdict;
extern char verdict_text[512];
extern jmp_buf verdict_jump; /* where fail() goes outside fibers */

#endif /* LK_INTERLEAVE_WORLD_H */
