/* SPDX-License-Identifier: MIT */
/* Giving back: one grant, one hold, all that an owner has. */
#ifndef LK_CORE_RELEASE_H
#define LK_CORE_RELEASE_H

#include "core/call.h"
#include "core/grant.h"

/* Weaken what is counted of the owner, in the slot if `seated`, and let in whoever may come. */
LK_HOT void
release_word(struct lk_owner *w, struct lk_resource *r, lk_mode from, lk_mode to, bool seated)
{
	if (unlikely(seated)) {
		seat_weaken(w, r, from, to);
		return;
	}
	if (unlikely(!line_weaken(r, from, to)))
		pass_to_waiters(w, r, from);
}

/* A COUNTED hold falls to what is left of its counts, and ends with the last of them. */
void hold_settle(struct lk_owner *w, struct hold *s, uint32_t slot);

/* A grant, without an event. */
void release_untold(struct lk_owner *w, struct hold *s, uint32_t slot);

/*
 * Only the grant goes: what it counts on its hold stays, as one count of what is below, and with it what it needs
 * above.  False: no memory, and nothing changed; never, if the first grant of its hold has an extra.
 */
bool release_keep(struct lk_owner *w, struct hold *s, uint32_t slot);

/*
 * A grant, or a count of what is below, goes: only what the owner has written down of it.  The word has been seen to, and what
 * the grant has above is the caller's.
 */
void release_forget(struct lk_owner *w, struct hold *s, uint32_t slot);
void count_forget(struct lk_owner *w, uint32_t slot, lk_mode mode);

/* One grant; the owner was entered.  LK_E_STALE if it is none of its. */
int release_inside(struct lk_owner *w, lk_grant g);

/* A grant that nobody was told of goes back, and nobody is told of that. */
void release_undone(struct lk_owner *w, lk_grant g);

/* The same with all that is to be done about the owner. */
int release_any(struct lk_owner *w, lk_grant g);

/* Everything that `w` holds.  `died`: its thread ended without releasing. */
void release_everything(struct lk_owner *w, bool died);

/* The same without a word to hook or log, as a latch or a lock is held meanwhile.  (N1) */
void release_quietly(struct lk_owner *w, bool died);

/* A thread with an owner of its own ends. */
void owner_thread_ends(struct member *me, void *owner);

/* A thread ends that would have opened its next owner in this memory.  (F3) */
void owner_spare_returns(struct member *me, void *owner);

#endif /* LK_CORE_RELEASE_H */
