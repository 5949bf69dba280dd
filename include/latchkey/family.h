/* SPDX-License-Identifier: MIT */
/*
 * Families: several owners that are one to all others.
 *
 *	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
 *
 *	o.parent = transaction;                // any owner of lk_owner_open(), whatever it holds
 *	rc = lk_owner_open(m, &o, &child);
 *	…                                      // in another thread: locks, works, releases
 *	rc = lk_owner_pass(child);             // all that it locked is the transaction's now
 *	rc = lk_owner_close(child);
 *
 * An owner that is opened with a parent is its *child*.  A parent, its children, and theirs, are a *family*; the
 * one that has no parent is its *head*, and all are *members*.  Two things are made of it:
 *
 *   parallel workers     several children of one transaction, each used by a thread of its own
 *   nested transactions  a child for each part that may fail by itself: what it locked goes back when it is closed, or
 *                        to its parent by lk_owner_pass()
 *
 * What a family holds.  Members never conflict with each other: none waits for what another one holds.  To others the
 * family is one owner: a name that several members hold is held once, in the weakest mode that is at least all of
 * theirs, and a further grant on it is a re-entry (lk_config.max_reentry counts those of all members).  What one
 * member has on an ancestor covers what another one asks for below it.  So two members in X on one name are
 * not kept apart: that is one transaction, which keeps its own order, as the threads of a plain owner would have to.  (In
 * Moss's nested transactions only ancestors may hold what a child asks for, so that siblings keep each other out.  A
 * lock between siblings is one of the program's own, or of another manager.)
 *
 * Whose a grant is.  A grant is the member's that took it: with another one it is LK_E_STALE, also with its parent.
 * lk_holds() answers for the family, as does lk_owner_stats(); lk_owner_each(), lk_release_all() and lk_release_name()
 * are about the member's own grants.  A conversion changes the member's grant, and waits for others only as far as the
 * family needs more than it has.
 *
 * How members wait.  As submitted requests do (queue.h): the rest of the family goes on meanwhile.  If it takes more of a
 * name for which a member waits, that request begins anew, at the end of that call.  lk_owner_cancel() ends the wait
 * of that member; priority, label and deadline are the member's.  A family with a member that waits is one in rings
 * of owners that wait for each other.  As other members go on, and may yet release what the others wait
 * for, such a ring is ended only if it is still there lk_config.deadlock_delay_ns after it was found, and no member
 * made a call meanwhile.  One request of it ends with LK_E_DEADLOCK, as ever.  In a line members stand as anybody
 * does: who comes after another member that waits there for outsiders waits behind it, as far as what they ask for does
 * not agree.  Two members that both want more of a name that the family holds wait one after the other.
 *
 * What others see.  The ids in snapshots, reports, events, notices and deadlocks are the head's, whose all holds are;
 * the label of one who waits, and of an event, is the member's, if it has one.  Notices go to the head, about what any
 * member holds.  With lk_config.on_event, of what a member waits for the ring has all events, but the hook is not
 * called for LK_EVENT_WAIT and LK_EVENT_GRANT.
 *
 * What members cannot do: conditions (lk_options.condition), lk_transfer() and lk_move(), and to hear of notices
 * themselves; and neither a thread's own owner (lk_self()), as it ends with its thread, nor one of a pool has children.  All
 * that is LK_E_UNSUPPORTED.  Families do not escalate (escalate.h).  With a store, a try of a member does not wait
 * for the store's answer: it says LK_E_BUSY.
 *
 * What it costs: each call of a member takes the family's latch for some hundred nanoseconds; each grant of a child
 * keeps 128 bytes more.  Owners without families pay nothing.
 *
 * Threads     each member is used by one thread at a time, as any owner; different members by different threads at
 *             the same time.  lk_owner_open() with a parent is a call of the parent.
 * Source      groups of lock holders: PostgreSQL (lock groups of parallel workers); nested transactions: Moss 1981.
 */
#include <latchkey.h> /* above the guard: it includes this file, for others that need it */

#ifndef LATCHKEY_FAMILY_H
#define LATCHKEY_FAMILY_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * lk_owner_pass - all grants of a child become its parent's.
 *
 * In one step: nobody is let in, nothing is given up, and the grants keep their values, modes, tags, fences and leases.
 * From then on the parent can release and convert them, and they are LK_E_STALE with the child, which stays open
 * and holds nothing.  Losses that no release was told of yet (LK_E_LOST) are the parent's, too.
 * Requests that were submitted for the child stay the child's, as do its children.
 *
 * Ownership   the grants are the parent's.
 * Threads     a call of the child; the parent may be in calls of its own thread meanwhile.
 * Blocking    no (the family's latch).  Never allocates.  Also in a manager that shuts down.
 * Ordering    none for others.  Whoever learns the grants' values from the child's thread, as from any thread, may use
 *             them with the parent.
 * Returns     0; LK_E_INVAL: `child` has no parent.
 */
LK_API LK_NODISCARD int lk_owner_pass(struct lk_owner *child);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_FAMILY_H */
