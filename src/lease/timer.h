/* SPDX-License-Identifier: MIT */
/*
 * Timers: things that are to be done at some moment.  They are part of other objects, so to set one takes no memory.
 *
 * J1  a timer is in the heap exactly while `is_set`; both change under the latch.
 * J2  a timer is taken out before it is fired, and fired with nothing latched: so whoever unsets it and finds it
 *     not set must expect that it is being fired at that moment.  Its memory is type-stable, or pinned.
 * J3  who serves sleeps until the first is due, at most; whoever sets one that is due before that wakes him.  He is not
 *     woken for others: what he was to wait for may be gone by then, so he wakes up once too often, and not whenever
 *     something is set.
 * J4  if others take what is due soon, and do it themselves, he naps for NAP_NS before he sleeps for longer: who takes one now will set
 *     another one soon, and need not wake him then.  What is set lazily is late by his nap, at most, and only if he was in one.
 * J5  one run is for what was due when it began: so it ends, and who serves hears that he is to stop, even if what comes again and
 *     again takes longer than the time between.
 *
 * Source: pairing heaps, Fredman, Sedgewick, Sleator, Tarjan 1986.
 */
#ifndef LK_LEASE_TIMER_H
#define LK_LEASE_TIMER_H

#include "base/env.h"
#include "base/latch.h"

struct timer {
	struct timer *child;
	struct timer *next;                          /* sibling */
	struct timer *prev;                          /* sibling, or parent */
	uint64_t due_ns;                             /* on the clock of env_boottime() */
	bool is_set;                                 /* (J1) */
	void (*fire)(struct timer *t, uint64_t now); /* the owner of the timer says what */
};

struct timers {
	struct latch latch;
	struct env *env;
	struct timer *first;
	uint64_t sleeps_until; /* who serves, or will; 0: he looks again before he sleeps (J3) */
	a32 news;              /* … he sleeps on it */
	bool are_taken;        /* since he looked, one was taken by somebody else (J4) */
	bool naps;             /* … so he naps, or will */
};

void timers_init(struct timers *ts, struct env *env);

/* Anew, if it was set. */
void timer_set(struct timers *ts, struct timer *t, uint64_t due_ns);

/* The same; but it need not wake who naps.  (J4) */
void timer_set_lazily(struct timers *ts, struct timer *t, uint64_t due_ns);

/* False: it was not set, and perhaps is being fired (J2). */
bool timer_unset(struct timers *ts, struct timer *t);

/* Fire all that are due by now.  Returns when the next one is, perhaps past by then (J5); SHIM_NEVER: there is none. */
uint64_t timers_run(struct timers *ts);

/* The same, for a thread that does nothing else: when it is to look again.  (J4) */
uint64_t timers_serve(struct timers *ts);

/* The first, if it is due and fired by that, for the caller to do what it does (J2); else NULL. */
struct timer *timers_take(struct timers *ts, void (*fire)(struct timer *t, uint64_t now),
			  uint64_t now);

/* When the first is due; SHIM_NEVER: there is none. */
uint64_t timers_due(struct timers *ts);

/* Wake who sleeps: something has changed. */
void timers_wake(struct timers *ts);

#endif /* LK_LEASE_TIMER_H */
