/* SPDX-License-Identifier: MIT */
/*
 * Lease: for how long a grant is a grant.  The pure part: states, and what is to be done when; no latch, no
 * timer, no owner.
 *
 *            term_renew()                           term_renew()
 *              .----.        two thirds are over      .------.
 *              v    |       ------------------->      |      |
 *   NONE ---> HELD -'                             SUSPECT <--'     (a renewal of a SUSPECT one: HELD)
 *              |   <-------------------                |
 *              |        a renewal                      |
 *              '-------------> LOST <------------------'
 *                 its end: for ever
 *
 * LE1  a term goes from `began_at` to `ends_at`, and `ends_at` is never beyond `max_hold_at`.
 * LE2  LOST is final: no renewal makes it anything else, not even if nobody else came meanwhile.
 * LE3  at and after `ends_at` a lease is lost, whoever finds it out and however late.
 */
#ifndef LK_LEASE_LEASE_H
#define LK_LEASE_LEASE_H

#include <latchkey.h>

#include "base/env.h"

/* The times of one lease. */
struct term {
	uint64_t lease_ns;    /* of each term; SHIM_NEVER: only max_hold_at bounds it */
	uint64_t began_at;    /* the present term */
	uint64_t ends_at;     /* … (LE1) */
	uint64_t max_hold_at; /* SHIM_NEVER: no bound */
	uint64_t renew_at;    /* SHIM_NEVER: not by itself */
};

enum term_step {
	TERM_WAIT,    /* nothing until `due` */
	TERM_RENEW,   /* by itself */
	TERM_SUSPECT, /* tell the holder */
	TERM_LOSE,    /* it is over */
};

/* What is to be done at `now`, and if nothing is, when. */
struct term_next {
	enum term_step step;
	uint64_t due;
};

/* May a lease go from `from` to `to`?  From a table. */
bool lease_may_go(enum lk_lease_state from, enum lk_lease_state to);

/* The first term.  `lease_ns`, `max_hold_ns`: LK_OFF is none; not both. */
void term_begin(struct term *t, uint64_t now, uint64_t lease_ns, uint64_t max_hold_ns);

/*
 * Another term, from `now` on; `lease_ns` 0: as long as before.  False: it is lost (LE2, LE3), and nothing
 * changed.
 */
bool term_renew(struct term *t, enum lk_lease_state state, uint64_t now, uint64_t lease_ns);

/* When to renew it by itself: at a third of the term, give or take a tenth of that, by `lot`. */
void term_aim(struct term *t, uint64_t lot);

/* `suspect_pct`: of a term, after which it is suspect. */
struct term_next term_next(const struct term *t, enum lk_lease_state state, uint64_t now,
			   uint32_t suspect_pct);

/* What it is at `now`, whatever was noted so far.  (LE3) */
enum lk_lease_state term_state(const struct term *t, enum lk_lease_state state, uint64_t now,
			       uint32_t suspect_pct);

/* Why it is over. */
enum lk_loss term_loss(const struct term *t);

/* Can another term end later than this one? */
bool term_can_grow(const struct term *t);

#endif /* LK_LEASE_LEASE_H */
