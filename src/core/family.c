/* SPDX-License-Identifier: MIT */
/* Who is in a family, and whose its grants are.  (FA1-FA5) */
#include "core/family.h"
#include "core/leases.h"
#include "core/owners.h"
#include "core/pending.h"
#include "core/release.h"

/* ------------------------------------------------------------- coming, going */

/* To the detector it is one with the head, and goes on while it waits outside, as the others do.  (Y3) */
static void
join_as_party(struct lk_owner *w, struct lk_owner *head)
{
	shim_store(&w->party.owner, (void *)head, SHIM_RELEASE);
	shim_store(&w->party.moves, (void *)&head->moves, SHIM_RELAXED);
}

static void
leave_as_party(struct lk_owner *w)
{
	shim_store(&w->party.moves, NULL, SHIM_RELAXED);
	shim_store(&w->party.owner, (void *)w, SHIM_RELEASE);
}

/* It is the head of a family from now on.  (FA1) */
static void
become_head(struct lk_owner *w)
{
	owner_share(w);
	shim_store(&w->head, (void *)w, SHIM_RELAXED);
	w->acts_for = w; /* the call under way */
	join_as_party(w, w);
}

void
family_join(struct lk_owner *w, struct lk_owner *parent)
{
	if (!call_is_family(parent))
		become_head(parent);
	CDS_INIT_LIST_HEAD(&w->grants);
	w->parent = parent;
	parent->n_children++;
	shim_store(&w->head, (void *)call_holder(parent), SHIM_RELAXED);
	join_as_party(w, call_holder(parent));
	owner_share_now(w);
}

void
family_end_child(struct lk_owner *w)
{
	struct lk_owner *head = call_holder(w);
	struct lk_manager *m = w->manager;

	if (RD(head->is_due))
		owner_catch_up(head);
	pending_end_all(head, w);
	family_release_all(w);
	w->parent->n_children--; /* (FA5) */
	w->parent = NULL;
	leave_as_party(w);
	owner_end(w);
	call_end(w);
	shim_store(&w->head, NULL, SHIM_RELAXED);
	owner_memory_put(m, w);
}

void
family_dissolve(struct lk_owner *w)
{
	shim_store(&w->head, NULL, SHIM_RELAXED);
	w->acts_for = NULL;
	leave_as_party(w);
}

/* ------------------------------------------------------------- whose grants */

/* In the slot of a grant that a child has. */
static bool
is_childs(const struct hold *s)
{
	return hold_is(s, HEAD_EXTRA) && (hold_extra(s)->flags & EXTRA_MEMBER) != 0;
}

struct lk_owner *
family_member(struct lk_owner *head, const struct hold *s)
{
	return is_childs(s) ? hold_extra(s)->member : head;
}

bool
family_is_others(struct lk_owner *head, lk_grant g)
{
	struct lk_owner *const who = head->acts_for;
	const struct lease *lost;
	const struct hold *s;
	uint32_t slot;

	if (likely(who == NULL))
		return false;
	s = grant_find(head, g, &slot);
	if (s != NULL)
		return family_member(head, s) != who;
	lost = losses_find(head, g);
	return lost != NULL && lost->member != who;
}

static void
write_down(struct extra *e, struct lk_owner *child)
{
	e->flags |= EXTRA_MEMBER;
	e->member = child;
	cds_list_add(&e->node, &child->grants);
}

void
family_note(struct lk_owner *head, struct lk_owner *child, lk_grant g)
{
	uint32_t slot;
	struct extra *e = hold_extra(grant_find(head, g, &slot));

	e->slot = slot;
	write_down(e, child);
}

lk_grant
family_grant(struct lk_owner *head, const struct extra *e)
{
	return grant_of(shim_load(&hold_at(&head->holds, e->slot)->head, SHIM_RELAXED), e->slot);
}

void
family_forget(struct extra *e)
{
	e->flags &= ~EXTRA_MEMBER;
	cds_list_del(&e->node);
}

static struct extra *
extra_of(struct cds_list_head *node)
{
	return container_of(node, struct extra, node);
}

/* The latch may be open in between: so from the list, for as long as there is something in it. */
static void
release_childs(struct lk_owner *head, struct lk_owner *child)
{
	while (child->grants.next != &child->grants)
		(void)release_inside(head, family_grant(head, extra_of(child->grants.next)));
}

/* The head has no list; it is looked through once, as nobody else makes grants for it. */
static void
release_heads(struct lk_owner *head)
{
	uint32_t slot = shim_load(&head->holds.n_slots, SHIM_RELAXED);

	while (slot-- > 0) {
		const struct hold *s = hold_at(&head->holds, slot);
		const uint64_t is = shim_load(&s->head, SHIM_RELAXED);

		if (is != 0 && (is & HEAD_GONE) == 0 && !is_childs(s))
			(void)release_inside(head, grant_of(is, slot));
	}
}

void
family_release_all(struct lk_owner *w)
{
	struct lk_owner *head = call_holder(w);

	if (head == w)
		release_heads(head);
	else
		release_childs(head, w);
	losses_forget_of(head, w);
}

/* ------------------------------------------------------------------- passing */

/* To a head: its own grants need nobody to say so.  To a child: into its list. */
static void
pass_grants(struct lk_owner *w)
{
	struct lk_owner *to = w->parent;
	struct cds_list_head *node;
	struct cds_list_head *next;

	cds_list_for_each_safe(node, next, &w->grants)
	{
		struct extra *e = extra_of(node);

		family_forget(e);
		if (to->parent != NULL)
			write_down(e, to);
	}
}

int
lk_owner_pass(struct lk_owner *child)
{
	int rc;

	if (child == NULL)
		return LK_E_INVAL;
	rc = release_enter(child);
	if (rc != 0)
		return rc;
	if (child->parent != NULL) {
		pass_grants(child);
		losses_pass(call_holder(child), child, child->parent);
	} else {
		rc = LK_E_INVAL;
	}
	call_end(child);
	return rc;
}
