/* SPDX-License-Identifier: MIT */
/* Re-entry: the hold first becomes what all its grants need, then the new one is chained to it. */
#include "core/reentry.h"
#include "core/ancestors.h"
#include "core/implied.h"
#include "core/leases.h"

lk_grant
reentry_chain(struct lk_owner *w, uint32_t slot, uint64_t stamp, const struct request *q)
{
	struct extra *of_hold = hold_extra(hold_at(&w->holds, slot));
	const uint64_t flags = HEAD_REENTRY | (q->extra != NULL ? HEAD_EXTRA : 0) |
			       ((q->flags & LK_PARENTS) != 0 ? HEAD_PARENTS : 0);
	struct holds *h = &w->holds;
	uint32_t mine = slot_take(h);
	struct hold *s = hold_at(h, mine);
	uint32_t older = of_hold->newest;
	uint64_t head = head_make(stamp, q->mode, q->mode, flags);

	if (q->extra != NULL)
		sample_granted(w, q->extra, q->mode);
	if (older != SLOT_NONE)
		shim_store(&hold_at(h, older)->fence, (uint64_t)mine << 32 | slot, SHIM_RELEASE);
	shim_store(&s->resource, (void *)(((uintptr_t)older << 1) | 1), SHIM_RELEASE);
	shim_store(&s->fence, (uint64_t)SLOT_NONE << 32 | slot, SHIM_RELEASE);
	shim_store(&s->extra, (void *)q->extra, SHIM_RELEASE);
	shim_store(&s->head, head, SHIM_RELEASE);
	of_hold->newest = mine;
	shim_store(&h->reentries, shim_load(&h->reentries, SHIM_RELAXED) + 1, SHIM_RELAXED);
	return grant_of(head, mine);
}

/* The hold, whatever it is, becomes `wanted` in its word. */
static int
become(struct lk_owner *w, struct hold *s, lk_mode wanted, struct request *q)
{
	if (hold_is(s, HEAD_IMPLIED))
		return implied_make_real(w, s, wanted, q);
	if (wanted != hold_effective(s) || request_takes_units(q))
		return hold_strengthen(w, s, wanted, q);
	return 0;
}

/* The ancestors first, then the hold itself; or nothing. */
static int
make_room_above(struct lk_owner *w, struct hold *s, lk_mode wanted, struct request *q)
{
	struct lk_resource *above = resource_parent(hold_resource(s));
	const lk_mode mode = ancestors_mode(q->mode, (q->flags & LK_PARENTS) != 0);
	int rc = ancestors_take(w, above, mode, q);

	if (rc != 0)
		return rc;
	rc = grant_reserve(w); /* the ancestors may have taken what there was */
	if (rc == 0)
		rc = become(w, s, wanted, q);
	if (rc != 0)
		ancestors_give(w, above, mode);
	return rc;
}

/* Make the hold what it and one more grant need. */
static int
make_room(struct lk_owner *w, struct hold *s, struct request *q)
{
	const lk_mode wanted = mode_supremum(hold_effective(s), q->mode);

	if (hold_is(s, HEAD_IMPLIED) &&
	    (q->flags & (LK_PARENTS | REQUEST_UNITS)) == 0 && /* (SU8) */
	    implied_covers(w, s, q->mode)) {
		implied_count(w, hold_extra(s)->cover, LK_NL, q->mode);
		implied_note(w, s, wanted);
		owner_tally(w, &w->count.implied);
		return 0;
	}
	if (unlikely(resource_parent(hold_resource(s)) != NULL))
		return make_room_above(w, s, wanted, q);
	return become(w, s, wanted, q);
}

/* The first grant on a hold that was there for what is below it only. */
static void
tell_first(struct lk_owner *w, const struct hold *s, struct request *q)
{
	struct lk_resource *r = hold_resource(s);

	if ((shim_load(&r->pins, SHIM_RELAXED) & PINS_DIED) != 0)
		grant_tell_died(w, r, q);
}

int
grant_again(struct lk_owner *w, uint32_t slot, struct request *q, lk_grant *out)
{
	struct hold *s = hold_at(&w->holds, slot);
	struct extra *e = hold_count(w, s);
	uint32_t n;
	lk_grant g;
	int rc;

	if (e == NULL)
		return LK_E_NOMEM;
	n = shim_load(&e->n_grants, SHIM_RELAXED);
	if (n >= shim_load(&w->manager->max_reentry, SHIM_RELAXED)) {
		owner_tally(w, &w->count.limits);
		return LK_E_LIMIT;
	}
	rc = make_room(w, s, q);
	if (rc != 0)
		return rc;
	e->grants[q->mode]++;
	shim_store(&e->n_grants, n + 1, SHIM_RELAXED);
	if (n == 0)
		tell_first(w, s, q);
	else
		owner_tally(w, &w->count.reentries);
	g = reentry_chain(w, slot, grant_stamp(w), q);
	q->extra = NULL; /* the slot's now */
	if (unlikely((e->flags & EXTRA_KEPT) != 0))
		keeps_taken_over(w, slot, q->mode);
	if (out != NULL)
		*out = g;
	return 0;
}
