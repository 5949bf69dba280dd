/* SPDX-License-Identifier: MIT */
/* A request on its way through the core: what the caller wants, checked. */
#ifndef LK_CORE_REQUEST_H
#define LK_CORE_REQUEST_H

#include "core/manager.h"

/* In the flags of a request: it asks for a lease, or for none. */
#define REQUEST_LEASED OWNER_LEASES

/* … it takes units of a semaphore.  (core/semaphore.h) */
#define REQUEST_UNITS (UINT32_C(1) << 29)

/* What request_prepare() says of one that is to be granted in another way. */
enum { PREPARED_UNITS = 2 };

/* … it is that of a child, in a family: so its grant keeps an extra, which says whose it is. */
#define REQUEST_MEMBER (UINT32_C(1) << 28)

struct request {
	lk_mode mode;
	uint32_t flags;
	int64_t timeout_ns;
	uint64_t deadline_ns;
	uint64_t name_hash;
	int32_t priority; /* 0: the owner's */
	const void *tag;
	size_t tag_len;
	struct lk_report *report;    /* to be filled in if it is refused, or NULL */
	int (*condition)(void *arg); /* NULL: none */
	void *condition_arg;
	struct extra *extra; /* what the grant will keep besides its slot, or NULL */
	bool seated;         /* the hold that was made is counted in the owner's slot (C5) */
	bool tentative;      /* a first attempt: nobody is told that somebody was in the way */
	bool above;          /* what is taken now is an ancestor of what was asked for */
	bool casual;         /* at once or not at all, and nobody is told: nobody asked for it */
	bool claims;         /* a cover keeps others out: past all who wait (ES7) */
	const struct lk_resource
		*adopts;              /* its word counts already what is asked for: write it down */
	bool told;                    /* that it was refused */
	bool told_later;              /* … when the call is through, not where it is met (FA3) */
	bool keeps_more;              /* the grant's extra: a lease, or whose it is */
	struct lk_owner *who;         /* of a family: the member that asks; else NULL */
	const struct name *name;      /* what the caller asked for, if that is told to anybody */
	struct lk_resource *leaf;     /* … by its entry; both NULL: it is what stands in a line */
	uint64_t waited_ns;           /* in lines so far, if that is told */
	uint64_t lease_ns;            /* 0: the manager's; LK_OFF: none */
	uint64_t max_hold_ns;         /* … */
	struct lease *lease;          /* of the grant to be made, or NULL */
	uint64_t lease_from;          /* when its first term begins */
	struct units units;           /* that it takes, of the name itself */
	bool units_counted;           /* it was granted them already: write them down */
	uint32_t max_retries;         /* (core/retry.h) 0: the manager's */
	uint32_t attempts;            /* that were made, once one has failed */
	uint64_t pause_ns;            /* the last one between them */
	const struct lk_retry *retry; /* the caller's, checked; NULL: the manager's */
};

/* From the caller's options (not NULL). */
int request_read_options(struct request *q, const struct lk_options *o);

LK_HOT int
request_read(struct request *q, lk_mode mode, const struct lk_options *o)
{
	*q = (struct request){ .mode = mode };
	if (unlikely(!mode_valid(mode)))
		return LK_E_INVAL;
	return likely(o == NULL) ? 0 : request_read_options(q, o);
}

/* May the next grant be one that is timed? */
LK_HOT bool
request_may_be_timed(const struct lk_owner *w)
{
	return shim_load(&w->drawn, SHIM_RELAXED) == shim_load(&w->drawn_end, SHIM_RELAXED);
}

/* Is what it takes now what its units are of? */
LK_HOT bool
request_takes_units(const struct request *q)
{
	return unlikely(q->units.n != 0) && !q->above && !q->units_counted;
}

/* Does the grant keep more than its slot?  Then get it now, while that can fail.  PREPARED_UNITS: it is prepared. */
int request_prepare_slow(struct lk_owner *w, struct request *q);

LK_HOT int
request_prepare(struct lk_owner *w, struct request *q)
{
	if (likely(((q->flags | w->flags) &
		    (LK_TIMED | REQUEST_LEASED | REQUEST_UNITS | REQUEST_MEMBER)) == 0 &&
		   q->tag == NULL && !request_may_be_timed(w)))
		return 0;
	return request_prepare_slow(w, q);
}

/* All that bounds its waits, however many, becomes one moment. */
void request_fix_deadline(struct lk_owner *w, struct request *q);

/* It was granted as `g`, which keeps more: its lease begins, and it is noted whose it is. */
void request_granted(struct lk_owner *w, struct request *q, lk_grant g);

/* It failed: give back what was prepared. */
void request_drop(struct lk_owner *w, struct request *q);

/*
 * Make `held` (LK_NL: nothing; in the slot if `seat`) into `want` in the word of `r`, which cannot be
 * retired meanwhile, in the line if need be.  The slow half of every grant; 0, or the code to return.
 */
int request_wait(struct lk_owner *w, struct lk_resource *r, lk_mode held, a64 *seat, lk_mode want,
		 struct request *q);

/* The same for what is casual, or claims: without a wait, and without a word. */
int request_at_once(struct lk_owner *w, struct lk_resource *r, lk_mode held, a64 *seat,
		    lk_mode want, const struct request *q);

/* The same for all parts of a composite at once: 0, and all words say so, or the code to return. */
int request_wait_for_all(struct lk_owner *w, struct composite *c, struct request *q);

/* A composite has ended, or gone from its lines: what it left to its party to do (K2), and to those behind it (CO12). */
void request_passed(struct lk_manager *m, struct composite *c, const struct line_tally *t);

/* Try for a while without a line: true, taken (and, by name, to be confirmed: R3). */
bool request_spin(struct lk_owner *w, struct lk_resource *r, lk_mode held, lk_mode want,
		  struct request *q);

/* All that bounds a wait that begins `now`, as one moment. */
uint64_t request_deadline(const struct lk_owner *w, const struct request *q, uint64_t now);

/* The same of what is asked of a manager; 0: at once. */
uint64_t manager_deadline(const struct lk_manager *m, const struct request *q, uint64_t now);

/* … in the way of `n` waiters, that came to `rc` and are in no line any more, to the caller's report. */
void request_report(struct lk_owner *w, const struct waiter *waiter, uint32_t n,
		    const struct request *q, int rc);

/* In a call of `w`: of a family say so. */
void request_comes_from(struct request *q, struct lk_owner *w);

/* What others are shown while it waits; `label` has to stay as long. */
void request_face(struct waiter_face *face, const struct lk_owner *w, const struct request *q,
		  char label[LK_LABEL_MAX + 1]);

/* What it comes to, counted. */
int request_result(struct lk_owner *w, enum line_outcome outcome);
int request_state_result(struct lk_owner *w, enum waiter_state state);

LK_HOT struct line_tally
owner_line_tally(struct lk_owner *w)
{
	owner_counts(w);
	return (struct line_tally){ &w->count.handovers, &w->count.wakes, &w->count.closings };
}

/* … where it counts its naps. */
LK_HOT a64 *
owner_parks(struct lk_owner *w)
{
	owner_counts(w);
	return &w->count.parks;
}

/* Of the mode `left` something was given up, under somebody who waits, or who watches for that.  (CW3) */
void pass_to_waiters(struct lk_owner *w, struct lk_resource *r, lk_mode left);

#endif /* LK_CORE_REQUEST_H */
