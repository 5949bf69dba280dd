/* SPDX-License-Identifier: MIT */
/*
 * Units: counting semaphores, in the lines of the names that they are called by.
 *
 * Who takes units of a name holds it in IX, so word and line do all that they do for any hold.  How many units
 * there are and how many are taken is said by a struct semaphore beside the line, which is there only as long as
 * it has something to say.
 *
 *   lot bucket --> waiters     {r=N, IX, 3 units} --> {r=N, X} --> {r=M, S}
 *              `-> semaphores  {r=N, 4 permits, 2 used, 1 waits}
 *
 * SU1  a semaphore is in the list of its name's bucket exactly while units of it are taken or waited for.  That, and all
 *      in it, changes under the latch of that bucket; its permits do not change at all.
 * SU2  units are taken in the turn of the latch in which the word comes to count the hold that they are part of; and
 *      given back before the word loses that, or while the name is pinned.  So a semaphore's name stays (R1).
 * SU3  `used` is the sum of what was granted and not given back, and never more than the permits.
 * SU4  who waits for units keeps all back who come for units behind it, newcomers too, whether the line is open or
 *      not: so however many it wants, its turn comes.  In all else it is a waiter in IX.  (Q7, Q8)
 * SU5  to give units back takes no memory: who comes for units brings a semaphore with it, in case that it is the
 *      first, and whoever is the last leaves it to the slab.
 * SU6  `has`, of a waiter, is what its owner has there already, as long as it waits.  It *must* wait for a holder if
 *      without that one's units there could never be enough; for others it only happens to wait.
 * SU9  in a manager with a store a process may use `reserve` of the permits: what the record says that it has
 *      (remote/cover.h).  Then `reserve` takes the place of the permits in SU3, and a semaphore stays as long as there is any
 *      of it, used or not.  It rises in the store before it rises here, and falls here before it falls there (CO2).
 * SU10 as long as others wait for units (`is_shed`), what is given back is not for those here: `reserve` falls with it, and
 *      who stands for the others is told.
 */
#ifndef LK_WAIT_UNITS_H
#define LK_WAIT_UNITS_H

#include "base/slab.h"
#include "wait/composite.h"

struct semaphore {
	struct cds_list_head node; /* in its bucket (SU1) */
	aptr link;                 /* in the slab's free list */
	struct lk_resource *r;
	uint32_t permits;
	uint32_t used;
	uint32_t reserve; /* (SU9); in a manager without a store all permits */
	bool is_shed;     /* (SU10) */
	struct parker *keeper;
	uint32_t waiting; /* requests */
	uint64_t wanted;  /* … and what they want together */
};

/* What a set of modes has room for beside modes: those who come for units.  (SU4) */
#define SET_UNITS ((mode_set)(MODE_BIT(LK_X) * 2))

_Static_assert((SET_UNITS & MODE_ALL) == 0 && SET_UNITS != 0, "there is a bit left");

/*
 * Under the latch, before it is judged: the semaphore of its name, or the one that it brought.  LINE_GRANTED: go
 * on; LINE_PERMITS: others say another number of permits; LINE_LIMIT: it could never be granted.
 */
enum line_outcome units_find(struct lot *l, struct lot_bucket *b, struct waiter *q);

/* The latch was not to be had: LINE_BUSY. */
enum line_outcome units_not_asked(struct lot *l, const struct waiter *q);

/* It is neither granted nor waits: as if it had not come. */
void units_forget(struct lot *l, struct waiter *q);

/* It comes into the line, and goes out of it, not granted. */
void units_wait(struct waiter *q);
void units_leave(struct lot *l, struct waiter *q);

/* It was granted what it waited for. */
void units_granted(struct waiter *q);

/* Its owner, which goes on while it waits, has so many by now.  (SU6) */
void units_has(struct lot *l, struct waiter *q, uint32_t has);

/* `n` units go back.  The name is held or pinned (SU2). */
void units_give(struct lot *l, struct semaphore *of, uint32_t n, const struct line_tally *t);

/* How it is with a name: false: it is no semaphore at the moment. */
struct units_info {
	uint32_t permits;
	uint32_t used;
	uint32_t waiting;
	uint64_t wanted;
};

bool units_look(struct lot *l, const struct lk_resource *r, struct units_info *out);

/* What `q` is, to those who keep others back; and what it keeps back if it is left in the line.  (SU4) */
LK_HOT mode_set
waiter_asks(const struct waiter *q)
{
	return (mode_set)(MODE_BIT(q->want) | (q->units.n != 0 ? SET_UNITS : 0));
}

LK_HOT mode_set
waiter_keeps_back(const struct waiter *q)
{
	return (mode_set)(mode_conflicts(q->want) | (q->units.n != 0 ? SET_UNITS : 0));
}

/* May it go past those before it, who keep back `ahead`?  In an open line, but not as one who comes for units. */
LK_HOT bool
waiter_in_turn(const struct waiter *q, uint64_t w, mode_set ahead)
{
	const mode_set kept_back = (w & WORD_CLOSED) != 0 ? ahead : ahead & SET_UNITS; /* (SU4) */

	return (kept_back & waiter_asks(q)) == 0;
}

/* Can it not be granted as long as somebody else holds `held` and has so many units?  (SU6) */
LK_HOT bool
waiter_must_wait(const struct waiter *q, lk_mode held, uint32_t has)
{
	if ((mode_conflicts(q->want) & MODE_BIT(held)) != 0)
		return true;
	return unlikely(q->units.n != 0) && has != 0 &&
	       (uint64_t)q->units.has + q->units.n + has > q->units.permits;
}

/* ---------------------------------------------------------------- other processes (SU9, SU10) */

/* What of a name is reserved, used and wanted here. */
struct units_state {
	uint32_t permits; /* 0: there is no semaphore */
	uint32_t used;
	uint32_t reserve;
	uint32_t
		n; /* what the first who waits for units wants; 0: nobody waits, or it only has to wait for its turn */
	uint32_t has;     /* … and what its owner has already */
	bool is_next;     /* … and it would be granted at once, if it had them */
	uint32_t waiting; /* requests */
};

void units_state(struct lot *l, const struct lk_resource *r, struct units_state *out);

/* The same, once the reserve has fallen to what is used. */
void units_fall(struct lot *l, struct lk_resource *r, struct units_state *out);

/*
 * The store says that `n` of the permits are ours: whoever fits now comes in.  `keeper` is rung when units were given back
 * that are for others; it stays as long as the manager.  False: no memory for it, so they are of no use.
 */
bool units_rise(struct lot *l, struct lk_resource *r, uint32_t permits, uint32_t n,
		struct parker *keeper);

/* Others wait for units, or do not any more. */
void units_shed(struct lot *l, struct lk_resource *r, bool is_shed);

/* Would a request for `n`, that is not in the line, want more than the reserve?  Not if others go before it. */
bool units_lack(struct lot *l, const struct lk_resource *r, uint32_t n);

/* Other processes say another number of permits: who waits here is refused (LK_E_INVAL). */
void units_misfit(struct lot *l, struct lk_resource *r);

/*
 * The first who waits for units has some, and somebody abroad, who wants `demand` with what he has, waits for them; and he
 * for him: he is refused.
 */
void units_refuse(struct lot *l, struct lk_resource *r, uint32_t demand);

/* Under the latch: are there enough, if `more` are taken besides? */
LK_HOT bool
units_fit(const struct waiter *q, uint64_t more)
{
	return likely(q->units.n == 0) ||
	       RD(q->units.of->used) + more + q->units.n <= RD(q->units.of->reserve);
}

/* Under the latch: taken, together with the word (SU2); and not, after all. */
LK_HOT void
units_take(const struct waiter *q)
{
	if (unlikely(q->units.n != 0))
		WR(q->units.of->used, RD(q->units.of->used) + q->units.n);
}

LK_HOT void
units_untake(const struct waiter *q)
{
	if (unlikely(q->units.n != 0))
		WR(q->units.of->used, RD(q->units.of->used) - q->units.n);
}

#endif /* LK_WAIT_UNITS_H */
