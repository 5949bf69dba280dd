/* SPDX-License-Identifier: MIT */
/*
 * What a contestant is: how it is set up, and the loops that are timed.  README.md beside this file has
 * the method; contestant.h makes the loops from a contestant's primitives.  For C and C++.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <latchkey.h>

#include "hist.h"
#include "ticks.h"

#ifdef __cplusplus
extern "C" {
#endif

#define N_LANES_MAX 16 /* threads of a case */
#define NAME_SIZE   16 /* bytes of a name's cell: "user:1234567" or "d0/t12/r1234567", and NULs */
#define N_LEVELS    3  /* of a path */
#define BATCH_MAX   64 /* locks of one batch or transaction */

/* A C string, in a cell of its own. */
struct bench_name {
	char text[NAME_SIZE];
};

/* A row and what it lies in: "d0", "d0/t12", "d0/t12/r1234567". */
struct bench_path {
	struct bench_name level[N_LEVELS];
};

/* What the locks guard, where threads share them: two counters that only ever change together. */
struct bench_data {
	uint64_t count;
	uint64_t again;
	uint64_t last;  /* LOOP_HAND_OVER: who had it last, from 1 */
	uint64_t stamp; /* … and when that ended, in ticks */
};

/* What else there is than the threads of this process: who and what is of one realm only meets its like. */
enum bench_realm {
	REALM_MEMORY,      /* nothing */
	REALM_KEPT,        /* a store, which is not asked each time */
	REALM_FILE,        /* locks in files */
	REALM_SQLITE,      /* a database */
	REALM_FILE_TWO,    /* two processes, and files */
	REALM_SQLITE_TWO,  /* two processes, and a database */
	REALM_REDIS,       /* a server */
	REALM_REDIS_TWO,   /* two processes, and a server */
	REALM_FILE_MANY,   /* two processes of many threads, and files */
	REALM_SQLITE_MANY, /* … and a database */
	REALM_REDIS_MANY,  /* … and a server */
};

/* How a case says what to lock.  A contestant is for one of them. */
enum bench_by {
	BY_HANDLE, /* a lock object, or a name resolved beforehand */
	BY_NAME    /* a C string each time */
};

/* Who waits for whom in a crowd of owners that all wait. */
enum bench_order {
	ORDER_CHAIN, /* each for a name of the one before it, the first for one of the root */
	ORDER_LINE   /* all for one name of the root, which is in no other way than that */
};

struct bench_crowd {
	const struct bench_name *names; /* what they hold: n_owners x n_each different ones */
	size_t n_owners;                /* the root aside, which does not wait */
	size_t n_each;
	enum bench_order order;
};

/* What a thread does in one call of a loop, and where it stands. */
struct run {
	void *world;
	void *session;
	void *target;                   /* BY_HANDLE */
	void *crowd;                    /* LOOP_SEARCH */
	void *tickets;                  /* room for what several acquires found; zeros at first */
	void *held;                     /* … and for what is held around the loop */
	const struct bench_name *names; /* BY_NAME: in the order of use */
	const struct bench_path *paths; /* … or these */
	size_t n_names;                 /* of either; a multiple of `batch` */
	size_t at;                      /* the next of them */
	const uint8_t *modes;           /* mixed loops: one for each acquire, in turn; else NULL */
	size_t n_modes;
	size_t mode_at;
	lk_mode mode; /* what to acquire */
	lk_mode to;   /* what to convert it to */
	unsigned batch;
	unsigned n_work;         /* steps of work under the lock */
	struct bench_data *data; /* touched under the lock; or NULL */
	uint64_t n_writes;       /* times that this thread changed it */
	uint64_t n_torn;         /* times that this thread saw it changing */
	struct hist *hist;       /* timed loops: what the acquires waited, in ticks */
	unsigned hist_modes;     /* … acquires in these modes */
	const uint32_t *gaps;    /* open loop: ticks between arrivals, in turn */
	size_t n_gaps;
	size_t gap_at;
	uint64_t due; /* … when the latest was to arrive */
	size_t n;     /* pairs to make */
	unsigned lane;
};

/*
 * A loop makes `r->n` pairs and goes on where it stood.  `begin` and `end` are called before the first
 * and after the last call of `pairs`, untimed; NULL: nothing to do.  A NULL `pairs`: it cannot do it.
 */
struct bench_loop {
	void (*begin)(struct run *r);
	void (*pairs)(struct run *r);
	void (*end)(struct run *r);
};

/* The loops that there are: see contestant.h, where they are made. */
enum bench_loops {
	LOOP_PAIRS,      /* acquire, work, release */
	LOOP_MIXED,      /* … each in the next of r->modes */
	LOOP_TIMED,      /* … one of the two, with the time of each acquire */
	LOOP_OPEN,       /* … when it is due, whether or not the last one is done */
	LOOP_UPGRADE,    /* acquire in r->mode, convert to r->to, release */
	LOOP_UP_DOWN,    /* convert from r->mode to r->to and back */
	LOOP_PATH,       /* acquire a row and the intents above it, release them */
	LOOP_UNDER,      /* acquire a row whose ancestors are held already */
	LOOP_TX,         /* acquire r->batch names, release all */
	LOOP_BATCH,      /* … all in one call */
	LOOP_OWNER,      /* open an owner, close it */
	LOOP_OWNER_ONCE, /* open an owner, acquire, close it */
	LOOP_HOLD,       /* acquire, and keep all */
	LOOP_DROP,       /* release what LOOP_HOLD kept, in the order of acquiring */
	LOOP_SEARCH,     /* look for a ring in a crowd in which there is none */
	LOOP_HAND_OVER,  /* acquire, with the time since another lane gave it back; release */
	N_LOOPS
};

/* Traits of a contestant. */
#define PEER_COLLIDES 0x1u /* two names may be one lock: it cannot hold two at a time */
#define PEER_KEEPS    0x2u /* names stay in its table: all are used once before the clock starts */
#define PEER_SPINS    0x4u /* it never sleeps: a preempted holder stops everybody */
#define PEER_VARIANT  0x8u /* another setting of one that is there: only in cases that ask for it */
#define PEER_ALONE    0x10u /* no lock: only where there is one thread */
#define PEER_HOLDS    0x20u /* only where many locks are held at once */
#define PEER_DEFAULT  0x0u

/*
 * One that can lock.  NULL calls mean: nothing to do; a session is then the world, a target NULL.  What
 * fails calls bench_die().  contestant.h fills this in.
 */
struct contestant {
	const char *name; /* as it is shown */
	const char *what; /* one line on what it is and how it is set up */
	enum bench_by by;
	unsigned modes; /* bit m: can lock in mode m */
	unsigned traits;
	size_t ticket_size;
	void *(*open)(size_t n_names, size_t n_held);
	void (*close)(void *world);
	void *(*target_open)(void *world, const char *name);
	void (*target_close)(void *world, void *target);
	void *(*session_open)(void *world, void *target, unsigned lane);
	void (*session_close)(void *session);
	void *(*crowd_open)(const struct bench_crowd *crowd);
	void (*crowd_close)(void *crowd);
	struct bench_loop loop[N_LOOPS];
	enum bench_realm realm;
};

#define MODE_BIT(m) (1u << (m))
#define MODES_ALL   (MODE_BIT(LK_X + 1) - MODE_BIT(LK_IS))
#define MODES_SX    (MODE_BIT(LK_S) | MODE_BIT(LK_X))
#define MODES_SELF  (MODE_BIT(LK_U) | MODE_BIT(LK_SIX) | MODE_BIT(LK_X)) /* exclude themselves */

/* Say what failed, and end the program. */
void bench_die(const char *what, const char *why) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif

/* For primitives: part of the loops they are used in, so that what they call is called directly. */
#define BENCH_INLINE static inline __attribute__((always_inline))

/* Nothing may be moved across it, and memory may have changed behind it. */
BENCH_INLINE void
bench_barrier(void)
{
	__asm__ __volatile__("" : : : "memory");
}

/* `n` steps that wait for one another: work that takes its time whatever the memory does. */
BENCH_INLINE void
bench_work(unsigned n)
{
	uint64_t x = n;

	for (; n > 0; n--) {
		x *= 0x9e3779b97f4a7c15u;
		__asm__ __volatile__("" : "+r"(x));
	}
}

/* What is done under the lock: next to nothing, or r->n_work steps, and a look at what it guards. */
BENCH_INLINE void
bench_inside(struct run *r, lk_mode mode)
{
	struct bench_data *data = r->data;

	bench_barrier();
	if (data != NULL && (MODES_SELF & MODE_BIT(mode)) != 0) {
		data->count++;
		bench_work(r->n_work);
		bench_barrier();
		data->again++;
		r->n_writes++;
	} else if (data != NULL) {
		uint64_t count = data->count;

		bench_work(r->n_work);
		bench_barrier();
		r->n_torn += data->again != count;
	} else {
		bench_work(r->n_work);
	}
	bench_barrier();
}

/* What the next pair locks. */
BENCH_INLINE const void *
bench_next_target(struct run *r)
{
	const void *target = r->target;

	if (r->names != NULL) {
		target = r->names[r->at].text;
		r->at = r->at + 1 == r->n_names ? 0 : r->at + 1;
	}
	return target;
}

/* The next path, or the names of the next batch. */
BENCH_INLINE const struct bench_path *
bench_next_path(struct run *r)
{
	const struct bench_path *path = &r->paths[r->at];

	r->at = r->at + 1 == r->n_names ? 0 : r->at + 1;
	return path;
}

BENCH_INLINE const struct bench_name *
bench_next_batch(struct run *r)
{
	const struct bench_name *names = &r->names[r->at];

	r->at = r->at + r->batch == r->n_names ? 0 : r->at + r->batch;
	return names;
}

BENCH_INLINE lk_mode
bench_next_mode(struct run *r)
{
	lk_mode mode = r->mode;

	if (r->modes != NULL) {
		mode = (lk_mode)r->modes[r->mode_at];
		r->mode_at = r->mode_at + 1 == r->n_modes ? 0 : r->mode_at + 1;
	}
	return mode;
}

#endif /* BENCH_H */
