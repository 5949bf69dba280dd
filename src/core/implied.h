/* SPDX-License-Identifier: MIT */
/*
 * Implied grants: what the owner's hold on an ancestor gives it already.  (H6)
 *
 * An IMPLIED hold has a slot, grants and re-entries like any other, but is not in its resource's word:
 * each of its grants is one count on the hold that covers it, and on each above that.  Its resource is
 * pinned instead of held.
 *
 * H8  the cover is a real hold, and its effective mode gives below at least the effective mode of the
 *     implied hold: each grant's own count on it sees to that.
 *     So does the cover's own need above: it may be there for the implied grants alone.
 * H9  what is counted *on* an implied hold, or is stronger than the cover gives, makes it real first.
 * H10 a call that makes holds real marks them (in the count of LK_NL, which counts nothing), with a number
 *     that is the owner's `made_real` until the call ends.  If it fails, they are put back as their counts
 *     are given back; after its end the marks mean nothing.
 */
#ifndef LK_CORE_IMPLIED_H
#define LK_CORE_IMPLIED_H

#include "core/grant.h"

/* The slot of the hold, on `nearest` or above, that covers a grant in `mode` below; or SLOT_NONE. */
uint32_t implied_cover(const struct lk_owner *w, const struct lk_resource *nearest, lk_mode mode);

/* The same, if that in slot `but` does not count. */
uint32_t implied_cover_but(const struct lk_owner *w, const struct lk_resource *nearest,
			   lk_mode mode, uint32_t but);

/* The same for a further grant on an implied hold, or a conversion of one: by the cover it has. */
bool implied_covers(const struct lk_owner *w, const struct hold *s, lk_mode mode);

/* What the grants of a hold need, but for that in slot `but`; not what is counted there for others. */
lk_mode hold_own_mode(struct lk_owner *w, const struct hold *s, uint32_t but);

/* Is it a grant of the cover's that covers, or only what is counted there?  (ES6) */
bool implied_is_given(struct lk_owner *w, const struct hold *cover, lk_mode mode);

/* A new hold on `r`, which is pinned, covered by that in slot `cover`.  0 or LK_E_NOMEM. */
int implied_acquire(struct lk_owner *w, struct lk_resource *r, uint32_t cover, struct request *q,
		    lk_grant *out);

/* Such a hold on `r` begins to write: its fence, or 0 where it is to be fetched.  (FE1) */
uint64_t implied_mint(const struct lk_owner *w, struct lk_resource *r);

/* As hold_note(), of one that stays implied. */
void implied_note(const struct lk_owner *w, struct hold *s, lk_mode to);

/* One of its grants comes (`from` LK_NL), goes (`to` LK_NL) or changes: count that on the cover and above. */
void implied_count(struct lk_owner *w, uint32_t cover, lk_mode from, lk_mode to);

/*
 * Put an implied hold into its word, in `to`, which is at least what it is, and its grants on its
 * ancestors.  May wait.  0 or the code to return: then nothing changed.
 */
int implied_make_real(struct lk_owner *w, struct hold *s, lk_mode to, struct request *q);

/*
 * The opposite, for a COUNTED hold on which nothing is counted: by the hold in slot `cover`, above it, which is COUNTED
 * and gives all that its grants need.  Cannot fail.
 */
void implied_become(struct lk_owner *w, struct hold *s, uint32_t cover);

/* An implied hold from its cover to the one in slot `to`, of which the same is true. */
void implied_move(struct lk_owner *w, struct hold *s, uint32_t to);

/*
 * Undo implied_make_real() for a hold that the call under way made real, if its cover gives all that its grants need
 * again.  Cannot fail.
 */
void implied_put_back(struct lk_owner *w, struct hold *s);

#endif /* LK_CORE_IMPLIED_H */
