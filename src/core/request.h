/* SPDX-License-Identifier: MIT */
/* A request on its way through the core: what the caller wants, checked. */
#ifndef LK_CORE_REQUEST_H
#define LK_CORE_REQUEST_H

#include "core/manager.h"

/* In the flags of a request: it asks for a lease, or for none. */
#define REQUEST_LEASED OWNER_LEASES

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
	bool tentative;      /* a first attempt: nobody is told of its failure */
	bool spun;           /* it was had by spinning */
	bool above;          /* what is taken now is an ancestor of what was asked for */
	const struct lk_resource
		*adopts;          /* its word counts already what is asked for: write it down */
	bool told;                /* that it was refused */
	const struct name *name;  /* what the caller asked for, if that is told to anybody */
	struct lk_resource *leaf; /* … by its entry; both NULL: it is what stands in a line */
	uint64_t waited_ns;       /* in lines so far, if that is told */
	uint64_t lease_ns;        /* 0: the manager's; LK_OFF: none */
	uint64_t max_hold_ns;     /* … */
	struct lease *lease;      /* of the grant to be made, or NULL */
	uint64_t lease_from;      /* when its first term begins */
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

/* Does the grant keep more than its slot?  Then get it now, while that can fail. */
int request_prepare_slow(struct lk_owner *w, struct request *q);

LK_HOT int
request_prepare(struct lk_owner *w, struct request *q)
{
	if (likely(((q->flags | w->flags) & (LK_TIMED | REQUEST_LEASED)) == 0 && q->tag == NULL &&
		   !request_may_be_timed(w)))
		return 0;
	return request_prepare_slow(w, q);
}

/* All that bounds its waits, however many, becomes one moment. */
void request_fix_deadline(struct lk_owner *w, struct request *q);

/* It failed: give back what was prepared. */
void request_drop(struct lk_owner *w, struct request *q);

/*
 * Make `held` (LK_NL: nothing; in the slot if `seat`) into `want` in the word of `r`, which cannot be
 * retired meanwhile, in the line if need be.  The slow half of every grant; 0, or the code to return.
 */
int request_wait(struct lk_owner *w, struct lk_resource *r, lk_mode held, a64 *seat, lk_mode want,
		 struct request *q);

/* The same for all parts of a composite at once: 0, and all words say so, or the code to return. */
int request_wait_for_all(struct lk_owner *w, struct composite *c, struct request *q);

/* Try for a while without a line: true, taken (and, by name, to be confirmed: R3). */
bool request_spin(struct lk_owner *w, struct lk_resource *r, lk_mode held, lk_mode want,
		  struct request *q);

/* All that bounds a wait that begins `now`, as one moment. */
uint64_t request_deadline(const struct lk_owner *w, const struct request *q, uint64_t now);

/* What others are shown while it waits; `label` has to stay as long. */
void request_face(struct waiter_face *face, const struct lk_owner *w, const struct request *q,
		  char label[LK_LABEL_MAX + 1]);

/* What it comes to, counted. */
int request_result(struct lk_owner *w, enum line_outcome outcome);
int request_state_result(struct lk_owner *w, enum waiter_state state);

LK_HOT struct line_tally
owner_line_tally(struct lk_owner *w)
{
	return (struct line_tally){ &w->count.handovers, &w->count.wakes, &w->count.closings };
}

/* Of the mode `left` something was given up, under somebody who waits, or who watches for that.  (CW3) */
void pass_to_waiters(struct lk_owner *w, struct lk_resource *r, lk_mode left);

#endif /* LK_CORE_REQUEST_H */
