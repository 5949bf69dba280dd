/* SPDX-License-Identifier: MIT */
/*
 * Savepoints: what an owner was granted since some moment goes back, what it had before stays.
 */
#include <latchkey.h> /* all parts, in their order, whichever is asked for first */

#ifndef LATCHKEY_SAVEPOINT_H
#define LATCHKEY_SAVEPOINT_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A moment in the life of an owner, as a value: it takes no memory, and need not be given back.  0 is never one.  As grants,
 * marks recur after 2^40 grants of a manager, and cannot be compared over more than half of that.
 */
typedef uint64_t lk_mark;

/*
 * lk_savepoint - the present moment.
 *
 * Threads     as all calls with `w`.
 * Blocking    no.
 * Returns     the mark; 0 on failure: `w` is NULL or closed, or this is a child after fork().
 */
LK_API lk_mark lk_savepoint(struct lk_owner *w);

/*
 * lk_rollback - release all that was granted since a mark, the newest first.
 *
 * Each goes back as by lk_release(), and is told of as that is.  A name that was held before, too, is weakened to what
 * is left.  A grant that another owner handed over counts from when it came; one that was converted since goes by when it was
 * granted, and keeps its mode.  Submitted requests that wait are left alone: what they are granted later is later.
 * The mark stays good, and so do those before it.
 *
 * Threads     as all calls with `w`.
 * Blocking    no; it needs no memory.  Of more than some hundred grants it is faster if there is some.
 * Ordering    as lk_release() for each grant.
 * Returns     0; `*released` (may be NULL) is how many.  LK_E_LOST: some of them were lost with their leases, which is
 *             said here for all of them; the others were released.  LK_E_STALE: the mark is of an earlier opening of the owner (and,
 *             but for a chance of one in 16 million, if it is another owner's); nothing was released.
 */
LK_API LK_NODISCARD int lk_rollback(struct lk_owner *w, lk_mark mark, size_t *released);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_SAVEPOINT_H */
