/* SPDX-License-Identifier: MIT */
/*
 * Counting semaphores: a name of which there are so many, and each takes as many as it needs.
 *
 *	lk_acquire_units(owner, "pool/gpu", 8, 3, 4, NULL, &g);      three of the four
 *	…
 *	lk_release(owner, g);                                        all three go back
 *
 * A semaphore needs not be made: `permits`, how many units there are in all, is said by each request.  As long as anybody
 * has units of a name or waits for them all say the same number; once nobody does, the next may say another.
 *
 * Who has units of a name holds it in LK_IX, by an ordinary grant: so all who have some get along, and with all who
 * have intents below.  S, U, SIX and X on the same name wait for all of them, and keep all of them out; so X is how to
 * take the whole of it, whatever the number.  An IX or IS that asks for no units takes none, and does not wait for any.
 * Below an ancestor that the owner holds in X, too, units are counted.
 *
 *   the line    is the same as for all other requests of the name, with timeouts, priorities, leases, cancelling, reports.
 *               Units are given in the order of the line: who waits for many is not passed by those who want few
 *               and came later, not even by newcomers; so its turn comes.
 *   re-entry    an owner that has some may take more, which adds up (max_reentry): each grant gives its own back.  It
 *               goes ahead of those that could not be granted before it gives back anyway.  More together
 *               than there are is LK_E_LIMIT.
 *   deadlocks   who waits for units is in the way of a holder, in a ring, if without that holder's units there could
 *               never be enough.  Where any of several holders would do, nobody is known to be waited for, and
 *               rings through such a wait end by their deadlines: see docs/deadlocks.md.
 *   holders     are owners in LK_IX: at most 2^13 of one name at a time, however many units there are.
 *
 *   a store     shares the permits among all processes: whoever of them waits has his turn, in the order of coming, and a
 *               process that was killed gives back what it had.  A process keeps units that it has had, until others
 *               want some; as long as it does, another number of permits is refused (lk_sweep() gives them back).
 *
 * Not there: units for a batch (lk_acquire_many(), lk_submit_many(): LK_E_UNSUPPORTED), and conversions of a grant that has
 * units (lk_convert(), lk_submit_convert(), lk_can_convert(): LK_E_UNSUPPORTED; another grant of the owner's on that name
 * can be converted).
 * With lock_delay_ns, units of a lease that was lost go back at once; the name is kept in IX.
 * Source: Dijkstra 1965; weights and the order of the line as in the semaphores of Go and of Java.
 */
#include <latchkey.h> /* all parts, in their order, whichever is asked for first */

#ifndef LATCHKEY_SEMAPHORE_H
#define LATCHKEY_SEMAPHORE_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * lk_acquire_units - take `units` of the `permits` that there are of a name, waiting if need be.
 *
 * The same as lk_acquire_bytes() in LK_IX with these two in the options, where lk_acquire_id(), lk_acquire_on(), lk_submit()
 * and its likes, lk_with() and guards take them too.  Those of `o` must be 0.
 *
 * Ownership   as lk_acquire().
 * Threads     as lk_acquire().
 * Blocking    as lk_acquire().  Takes a short internal latch, and memory, each time.
 * Ordering    a grant of units synchronizes-with every giving back before it.
 * Returns     0; LK_E_INVAL: `units` is 0 or more than `permits`, or others who have units, or wait for some, say
 *             another number of permits (or, with a store, another process keeps some); LK_E_LIMIT: the owner would have more than `permits`; and those of
 *             lk_acquire().
 */
LK_API LK_NODISCARD int lk_acquire_units(struct lk_owner *w, const void *name, size_t len,
					 uint32_t units, uint32_t permits,
					 const struct lk_options *o, lk_grant *out);

/* One semaphore, as of one moment, in this process.  All zeros: nobody has units of that name, or waits for some. */
struct lk_semaphore_info {
	uint32_t size;
	uint32_t permits; /* as all of them say */
	uint32_t used;    /* units that were granted, and not given back */
	uint32_t waiting; /* requests that wait for some … */
	uint64_t wanted;  /* … and how many they want together */
};

/*
 * lk_semaphore_info - how it is with the units of a name.  Set `out->size`.
 *
 * Units may be counted as used of a request that was granted a moment ago, and does not know it yet.
 *
 * Threads     any.
 * Blocking    a short internal latch.
 * Returns     0; LK_E_NAME; LK_E_VERSION.
 */
LK_API LK_NODISCARD int lk_semaphore_info(struct lk_manager *m, const void *name, size_t len,
					  struct lk_semaphore_info *out);
LK_API LK_NODISCARD int lk_semaphore_info_id(struct lk_manager *m, uint64_t id,
					     struct lk_semaphore_info *out);

/*
 * lk_why_units - who would be in the way of a new owner that asked for so many units of a name?
 *
 * As lk_why() for LK_IX; besides, if there are too few, all who have some are in the way (LK_WHY_HELD: any of them may be
 * the one whose units do), and in any case those who wait for some (LK_WHY_CLOSED: nobody overtakes them).
 *
 * Threads     as lk_why().
 * Blocking    no.
 * Returns     as lk_why(); LK_E_INVAL also for no units.
 */
LK_API LK_NODISCARD int lk_why_units(struct lk_manager *m, const void *name, size_t len,
				     uint32_t units,
				     int (*fn)(void *arg, const struct lk_blocker *b), void *arg);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_SEMAPHORE_H */
