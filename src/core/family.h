/* SPDX-License-Identifier: MIT */
/*
 * Families: owners that act for one.
 *
 *        head            has the holds of all, and the latch
 *       /    \
 *    child  child        have no holds; each keeps a list of its grants, by their extras
 *              \
 *             child
 *
 * The head is an ordinary shared owner (call.h).  A child has the gate of one, so that all its calls come to the slow
 * entry; there the call is begun with the latch of the head, and made for the head.
 *
 * FA1  what a family holds is held by its head: slots, words, leases, requests.  A child's own slots are never used.
 *      Each call of a member has the head's latch, from its beginning to its end but while it is away (FA3).
 * FA2  a grant is the head's own, unless its extra is EXTRA_MEMBER: then it is that child's, and the extra is in
 *      that child's list; exactly while the grant is held.  All of it changes under the latch.
 * FA3  a call of a family opens the latch where its frame knows nothing of what is held: before it takes anything, and
 *      when all is done.  So others need not leave to it what there is to do, as they do with other calls that are
 *      away (Z2): `is_away` is never set, and there is never anything due when the latch is open.
 * FA4  no member waits in a line as itself: what is not to be had at once is a request without a thread (pending.h), and
 *      the member's thread sleeps until that is done (member.c).
 * FA5  a member has as many children open as its `n_children` says, and is not closed before they are: so the parent of
 *      a child, and the head, are open.
 */
#ifndef LK_CORE_FAMILY_H
#define LK_CORE_FAMILY_H

#include "core/call.h"
#include "core/grant.h"

/* In a call of `parent`: `w`, which was just opened, is its child.  (FA5) */
void family_join(struct lk_owner *w, struct lk_owner *parent);

/* In a call of it: a child without children is closed, and the call has ended. */
void family_end_child(struct lk_owner *w);

/* In a call of it: a head without children is an owner like others. */
void family_dissolve(struct lk_owner *w);

/* In a call of it: a member's own grants go back, and its losses are forgotten. */
void family_release_all(struct lk_owner *w);

/* A grant was made for that child; the grant that keeps `e` is no more.  (FA2) */
void family_note(struct lk_owner *head, struct lk_owner *child, lk_grant g);
void family_forget(struct extra *e);

/* … which is that one. */
lk_grant family_grant(struct lk_owner *head, const struct extra *e);

/* Who has the grant in a slot of this owner: itself, or a child.  (FA2) */
struct lk_owner *family_member(struct lk_owner *head, const struct hold *s);

/* In a call of a family: is `g`, held or lost, another member's than that who calls? */
bool family_is_others(struct lk_owner *head, lk_grant g);

/* The opposite, of the grant in a slot.  Of other owners every grant is. */
LK_HOT bool
family_has_made(struct lk_owner *head, const struct hold *s)
{
	return likely(head->acts_for == NULL) || family_member(head, s) == head->acts_for;
}

#endif /* LK_CORE_FAMILY_H */
