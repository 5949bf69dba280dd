/* SPDX-License-Identifier: MIT */
/* Waiting one's turn: spinning before the line, sleeping in it. */
#ifndef LK_WAIT_WAIT_H
#define LK_WAIT_WAIT_H

#include "wait/composite.h"

/* How one owner spins: learns from its own last waits, shares nothing. */
struct spinner {
	uint32_t budget; /* rounds to try next time */
	uint32_t n_vain; /* attempts in a row that were in vain */
};

/* Who looks for rings of waiters: every now and then, in the thread of one of them. */
struct wait_watch {
	uint64_t after_ns; /* how long a request waits until the first look; 0: never */
	bool (*look)(void *arg, struct waiter *q); /* false: look again soon */
	void *arg;
};

/* Who is told that a request is about to leave its line without a grant: it may still be granted. */
struct wait_leaving {
	void (*tell)(void *arg, const struct waiter *q); /* NULL: nobody */
	void *arg;
};

struct wait_limits {
	uint64_t deadline_ns; /* SHIM_NEVER: none */
	uint64_t fair_after_ns;
	uint64_t spin_ns; /* 0: adaptive; LK_OFF: not at all */
	bool many_cpus;   /* else the other cannot get on while we spin */
	struct wait_watch watch;
	struct wait_leaving leaving;
};

/*
 * Try for a while to take `r` past the line, as a newcomer may.  True: taken.  Ends early when the
 * line is closed, the entry retired or made anew, or the owner cancelled.
 */
bool wait_spin(const struct env *e, struct spinner *s, const struct wait_limits *limits,
	       struct lk_resource *r, const struct parker *p, lk_mode held, lk_mode want);

/*
 * Sleep in the line, which `q` has joined (`head`: as its head), until granted or not.  On return
 * `q` is in no list and unreachable, so its frame may go (Q3).  `parks` counts the sleeps.
 */
enum waiter_state wait_in_line(struct lot *l, struct waiter *q, const struct wait_limits *limits,
			       bool head, const struct line_tally *t, a64 *parks);

/* The same of a composite, which has joined. */
enum waiter_state wait_in_lines(struct lot *l, struct composite *c,
				const struct wait_limits *limits, const struct line_tally *t,
				a64 *parks);

/* Spin for a while until a composite, which has not joined, looks as if it could be granted.  False: in vain. */
bool wait_spin_for_all(const struct env *e, struct spinner *s, const struct wait_limits *limits,
		       const struct composite *c);

#endif /* LK_WAIT_WAIT_H */
