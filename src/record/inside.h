/* SPDX-License-Identifier: MIT */
/* What the files that make a decision share: a record on its way from what it was to what it will be. */
#ifndef LK_RECORD_INSIDE_H
#define LK_RECORD_INSIDE_H

#include "record/decide.h"

/* A decision being made: `r` is the fresh record. */
struct decision {
	struct record *r;
	const struct decide_request *q;
	const struct decide_view *v;
	struct decide_outcome *out;
	enum decide_trouble trouble; /* not DECIDE_FINE: all of it is in vain */
};

/* --------------------------------------------------------------------------- settle.c */

/* What is over by the view ends: leases, delays, sessions, places in the line.  (DE7, DE9) */
void settle(struct decision *d);

/* `h` ends, not by its holder; so does its place in the line.  Later holders move one down if it is not kept. */
void settle_end(struct decision *d, struct record_holder *h, enum record_why why);

bool settle_is_dead(const struct decide_view *v, const struct record_id *who);

/* How long ago that was. */
static inline uint64_t
settle_elapsed(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

/* -------------------------------------------------------------------------- holders.c */

/* The next `n` numbers; 0: there are none left.  (DE5) */
uint64_t holder_mint(struct decision *d, uint32_t n);

/* Could it be made a holder, as far as room and numbers go?  DECIDE_FINE: yes. */
enum decide_trouble holder_has_room(const struct decision *d, const struct record_waiter *w);

/* What `w` wants, it has: a new hold, or another mode of the one there was. */
void holder_make(struct decision *d, const struct record_waiter *w);

void holder_remove(struct record *r, struct record_holder *h);

/* ----------------------------------------------------------------------------- mark.c */

/* By its own request `h` will have no more than `left`: if its mark was not told, the next is to be told.  (DE7) */
void mark_leave(struct decision *d, struct record_holder *h, lk_mode left);

/* A mark that nobody took is for `who`, if it holds the name: it tells whomever it lets in.  (DE7) */
void mark_take(struct decision *d);

/* ----------------------------------------------------------------------------- line.c */

/*
 * Grant what `w` asks for, or put it in its place in the line (`patient`), or neither.  Its want, units and flags are
 * what it will have; the rest of a place that its session has already is kept, and so is that place.
 */
enum decide_result turn_join(struct decision *d, struct record_waiter *w, bool patient);

/* Grant to whoever fits, from the head, until nobody does.  (DE2) */
void turn_scan(struct decision *d);

/* Out of the line. */
void turn_leave(struct record *r, struct record_waiter *w);

/* The hold of `who` is weaker now: its place in the line, if it has one, is what it would be if it came now. */
void turn_replace(struct decision *d, const struct record_id *who);

/* --------------------------------------------------------------------------- values.c */

/* What the request brings along is there from now on.  (DE10) */
void value_bring(struct decision *d);

enum decide_result value_write(struct decision *d);
enum decide_result value_read(struct decision *d);
enum decide_result value_reserve(struct decision *d);
enum decide_result value_guard(struct decision *d);

/* --------------------------------------------------------------------------- decide.c */

/* If nobody has or wants units any more the next may say another number of permits. */
void decide_forget_permits(struct record *r);

/* The hold that the request is about; NULL: there is none, and `*result` says so. */
struct record_holder *decide_hold(struct decision *d, enum decide_result *result);

#endif /* LK_RECORD_INSIDE_H */
