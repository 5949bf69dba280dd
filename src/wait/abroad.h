/* SPDX-License-Identifier: MIT */
/*
 * Other processes, as a lock word sees them.  A process has its *cover* on a name: the mode that the store lets it
 * have.  What the others may have stands in the word like one more hold, the *phantom*: so the modes that the cover
 * gives pass as ever, without a latch or a bit of their own, and all others find somebody in the way.
 *
 *   cover     NL      IS    IX   S   U   SIX   X
 *   phantom   FREEZE  SIX   IX   U   S   IS    none
 *
 * AB1  the word of a name without a cover has FREEZE, from the moment it is made (W9).  Under the latch of its line
 *      FREEZE goes, and the phantom comes, when the store has said yes; the plan of the line is made at once.
 * AB2  the cover falls only to what the holders here leave room for: either the phantom waited for that in the line,
 *      like any other (Q7), or it falls to the supremum of what is held at that moment.
 * AB4  a cover that is lost (the session is over, somebody broke the lock) becomes FREEZE at once, whoever holds the
 *     name here: that is how they see it.  Somebody of ours stands in the line until they have given it back, so that
 *     each release goes the slow way and says LK_E_LOST; then the name is like any without a cover.  Whoever of them waits
 *     for more of it hears so at once.
 * AB5  who waits for more than he holds, and holds what somebody abroad waits for who waits for more as well, is refused:
 *      neither would ever have it.  Who waits here and holds nothing goes on waiting: what is in the way is another
 *      owner's, who gives it back.
 * AB6  a composite keeps back from others a name that it needs (K4) only while it could have those that come before, in an
 *      order of names that all processes have.  So no ring comes to be, through several processes, of composites that
 *      keep back what others need.  As nobody says when that changes, its lines are planned again whenever a part
 *      of it would fit; and the line of a phantom, from time to time.
 * AB3  as long as a name has a cover its entry is pinned, so that it is not forgotten (R4).
 */
#ifndef LK_WAIT_ABROAD_H
#define LK_WAIT_ABROAD_H

#include "wait/line.h"

/* What stands in the word for the others; of NL it is FREEZE, that is LK_X. */
LK_HOT lk_mode
abroad_phantom(lk_mode cover)
{
	static const uint8_t phantom[MODE_N] = {
		[LK_NL] = LK_X, [LK_IS] = LK_SIX, [LK_IX] = LK_IX, [LK_S] = LK_U,
		[LK_U] = LK_S,  [LK_SIX] = LK_IS, [LK_X] = LK_NL,
	};

	return (lk_mode)phantom[cover];
}

/* May a thread of ours have the name in `mode` under `cover`, as far as others are concerned? */
LK_HOT bool
abroad_admits(lk_mode cover, lk_mode mode)
{
	return mode_covers(cover, mode);
}

/* The most that is left of `cover` when somebody abroad has the name in `demand`. */
lk_mode abroad_yields(lk_mode cover, lk_mode demand);

/* The store says that we have `to`, which is more than `from`: whoever fits now comes in.  (AB1) */
void abroad_rises(struct lot *l, struct lk_resource *r, lk_mode from, lk_mode to,
		  const struct line_tally *t);

/* The phantom waits in the line as `q`, for others who want what of `from` leaves `to`. */
void abroad_waiter(struct waiter *q, struct lk_resource *r, struct party *party, lk_mode from,
		   lk_mode to);

/* … and was granted, and nothing is left: the word of a name without a cover is frozen.  (AB2) */
void abroad_freeze(struct lk_resource *r);

/* A name that nobody here holds or waits for: its word is frozen as if it had no cover.  False: somebody does. */
bool abroad_freezes_idle(struct lot *l, struct lk_resource *r, lk_mode cover);

/*
 * The cover was lost, whatever is held here: nobody comes in any more, and who holds it finds that out.  (AB4)  Later
 * what stood for the others goes too, as long as the holders take.
 */
void abroad_lose(struct lk_resource *r);
void abroad_lost_all(struct lk_resource *r, lk_mode cover);

/* Of a name that was lost: who holds it, and waits for more of it, would wait for himself to give it back.  (AB4) */
void abroad_ends_losers(struct lot *l, struct lk_resource *r);

/* Is nobody in the way of `q`, who holds the name, but the phantom of `cover`?  Nothing is changed. */
bool abroad_bars_alone(struct lot *l, const struct waiter *q, lk_mode cover);

/* Of a name that was lost: does anybody still hold it? */
bool abroad_is_held(const struct lk_resource *r);

/* Is the name held here at this moment, and in less than `cover`? */
bool abroad_has_excess(const struct lk_resource *r, lk_mode cover);

/* … and nobody waits for it here, whose turn would come first? */
bool abroad_spares(struct lot *l, struct lk_resource *r, lk_mode cover);

/* What is held of `r`, and with it of all above it, was lost.  (AB4) */
LK_HOT bool
abroad_lost(const struct lk_resource *r)
{
	while (r != NULL && (shim_load(&r->word, SHIM_ACQUIRE) & WORD_FREEZE) == 0)
		r = resource_parent(r);
	return r != NULL;
}

/*
 * The cover `from` falls to the supremum of what is held here at this moment, which is returned.  (AB2)
 * `*wanted`: the supremum of what waits here for more than that.
 */
lk_mode abroad_falls(struct lot *l, struct lk_resource *r, lk_mode from, lk_mode *wanted);

/* The store says that who wants `demand` and we would wait for each other for ever.  (AB5) */
void abroad_refuses(struct lot *l, struct lk_resource *r, lk_mode cover, lk_mode demand);

/* The locks are in another store now: nobody who waits for `r` is ever granted it. */
void abroad_moves(struct lot *l, struct lk_resource *r);

/* A composite that keeps a name back from others, as `cover` lets it have that; and who here wants more than that cover.  (CO12) */
struct abroad_kept {
	lk_mode mode;      /* in which it wants the name; LK_NL: there is none */
	uint64_t since_ns; /* it has waited */
	bool bars;         /* somebody whom it keeps waiting wants more, … */
	bool joins;        /* … somebody who waits for other names too, … */
	bool enters;       /* … somebody who waits for that name alone */
};

struct abroad_kept abroad_kept(struct lot *l, const struct lk_resource *r, lk_mode cover);

/* Is there a part of a composite in the line of `r`? */
bool abroad_waits_together(struct lot *l, const struct lk_resource *r);

/* Is it refused, holding that?  `demand` LK_NL: it is not known what of it is in the way. */
LK_HOT bool
abroad_is_refused(lk_mode held, lk_mode demand)
{
	return held != LK_NL && (demand == LK_NL || (mode_conflicts(demand) & MODE_BIT(held)) != 0);
}

/* The supremum of what waits here for more than `cover` gives. */
lk_mode abroad_wanted(struct lot *l, struct lk_resource *r, lk_mode cover);

#endif /* LK_WAIT_ABROAD_H */
