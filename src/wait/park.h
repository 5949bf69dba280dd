/* SPDX-License-Identifier: MIT */
/*
 * Parker: where one thread at a time sleeps, and others wake it.
 *
 *   bit 0 WOKEN     somebody has news; the sleeper has not looked yet
 *   bit 1 SLEEPING  it sleeps, or is about to
 *   bit 2 CANCEL    the present or next wait is to end
 *
 * P1  the memory is type-stable (it is part of an owner), so a waker may be late: the worst is
 *     that somebody wakes for nothing and looks again.
 * P2  the sleeper sleeps only on a value without WOKEN and CANCEL that it put there itself, so
 *     news that arrives before it sleeps keeps it awake.
 * P3  a waker sets WOKEN after the news is in place (release), the sleeper clears it before it
 *     looks (acquire): news is never cleared unseen.
 * P4  a parker with `ring` has no thread: nobody sleeps there, and who has news rings, with no latch of a line
 *     held.  It is set once, before the parker is used, and stays with the memory (P1).
 */
#ifndef LK_WAIT_PARK_H
#define LK_WAIT_PARK_H

#include "base/env.h"

struct parker {
	a32 word;
	void (*ring)(struct parker *p); /* (P4) */
};

enum { PARK_WOKEN = 1, PARK_SLEEPING = 2, PARK_CANCEL = 4 };

LK_HOT void
park_init(struct parker *p)
{
	shim_init(&p->word, 0u);
	p->ring = NULL;
}

/* Clear WOKEN; then look.  True: it was set.  (P3) */
LK_HOT bool
park_take(struct parker *p)
{
	return (shim_and(&p->word, ~(uint32_t)PARK_WOKEN, SHIM_ACQ_REL) & PARK_WOKEN) != 0;
}

LK_HOT bool
park_has_news(const struct parker *p)
{
	return (shim_load(&p->word, SHIM_RELAXED) & (PARK_WOKEN | PARK_CANCEL)) != 0;
}

LK_HOT bool
park_canceled(const struct parker *p)
{
	return (shim_load(&p->word, SHIM_ACQUIRE) & PARK_CANCEL) != 0;
}

LK_HOT void
park_clear_cancel(struct parker *p)
{
	/* Nearly always there is none; one that comes after the look comes after the clearing. */
	if (unlikely((shim_load(&p->word, SHIM_RELAXED) & PARK_CANCEL) != 0))
		shim_and(&p->word, ~(uint32_t)PARK_CANCEL, SHIM_ACQ_REL);
}

/* Sleep until there is news, until `deadline_ns`, or for no reason.  (P2) */
void park_sleep(const struct env *e, struct parker *p, uint64_t deadline_ns);

/* Any thread; park_cancel() also from a signal handler. */
void park_wake(const struct env *e, struct parker *p);
void park_cancel(const struct env *e, struct parker *p);

#endif /* LK_WAIT_PARK_H */
