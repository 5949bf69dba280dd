/* SPDX-License-Identifier: MIT */
/*
 * Fences of names that an owner has by what it holds above.  It has no cover on the name itself, and so no numbers of the
 * store's; another process may have had some.  They are fetched when somebody asks for the fence.
 *
 * FE1  with a store the fence of a hold that is implied, and writes, is 0 until it was fetched.  What is in its own word has one
 *     from the numbers of its cover, as ever; so has what was implied, and is made real before it was fetched.
 * FE2  a number is taken with the latch of the remote, from those of the cover, as long as `said` (VC1) is a mode that writes.
 *     What the record is told to be the last that was used is read with the latch, once `said` has fallen: so what
 *     goes back to the record was not taken, and is not taken any more.
 * FE3  who has the name in its own word may write the fence of the entry meanwhile, without the latch, if what was above was given
 *     back in a call beside this one: so it is taken by a compare-and-swap, and never falls.
 * FE4  it counts only if, after it was taken, the records say of all names above, from the one that implies it, that this
 *     process has them.  So it is below those of whoever has them next, also of one who has them already, as
 *     the lock was broken and nobody here knows it yet.
 * FE5  it is written down only if the hold is implied by the same hold still, and has no fence yet.
 */
#ifndef LK_REMOTE_FENCES_H
#define LK_REMOTE_FENCES_H

#include "remote/remote.h"

/*
 * A number for `r`, which is pinned, as whoever asks holds `top`, above it, in X.  0; LK_E_LOST: that is not so any more;
 * LK_E_BUSY: another process keeps the name, and did not give it back; or what the store says.
 */
int remote_fence(struct remote *m, struct lk_resource *r, const struct lk_resource *top,
		 uint64_t *fence);

#endif /* LK_REMOTE_FENCES_H */
