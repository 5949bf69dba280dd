/* SPDX-License-Identifier: MIT */
/* Stamps, notes of death, and re-entry: further grants on a hold that is there. */
#include "core/grant.h"

enum { STAMP_BITS = 64 - SLOT_BITS };

/* Whole blocks, so that the shared counter is touched once in thousands of grants.  (H1) */
void
grant_stamps_refill(struct lk_owner *w)
{
	uint64_t drawn = shim_load(&w->drawn, SHIM_RELAXED);
	uint64_t first;

	do {
		first = shim_add(&w->manager->stamps, (uint64_t)STAMP_BLOCK, SHIM_RELAXED) &
			((UINT64_C(1) << STAMP_BITS) - 1);
	} while (first == 0); /* after 2^40 grants stamps recur, but 0 is never one */
	w->stamp_base = first - drawn;
	w->drawn_end = drawn + STAMP_BLOCK;
}

LK_COLD void
grant_tell_died(struct lk_owner *w, struct lk_resource *r, struct request *q)
{
	if (q->extra == NULL)
		q->extra = owner_extra(w, &w->manager->extras);
	if (q->extra == NULL)
		return; /* no memory to tell it with: the next holder will be told */
	if ((shim_and(&r->pins, ~PINS_DIED, SHIM_ACQ_REL) & PINS_DIED) != 0)
		q->extra->flags |= LK_OWNER_DIED;
}

void
grant_untell_died(struct lk_owner *w, lk_grant g)
{
	uint32_t slot;
	struct hold *s = grant_find(w, g, &slot);
	const struct extra *e = s != NULL ? hold_extra(s) : NULL;
	struct lk_resource *r;

	if (e == NULL || (e->flags & LK_OWNER_DIED) == 0)
		return;
	r = shim_load(&grant_hold(w, s)->resource, SHIM_RELAXED);
	shim_or(&r->pins, PINS_DIED, SHIM_RELEASE);
}

lk_mode
grants_effective(const struct extra *e)
{
	lk_mode effective = LK_NL;

	for (int m = LK_IS; m < MODE_N; m++) {
		if (e->grants[m] > 0)
			effective = mode_supremum(effective, (lk_mode)m);
	}
	return effective;
}

/* From one grant to several: the hold needs to count them by mode. */
static struct extra *
count_grants(struct lk_owner *w, struct hold *s)
{
	uint64_t head = shim_load(&s->head, SHIM_RELAXED);
	struct extra *e = hold_extra(s);

	if ((head & HEAD_EXTRA) == 0) {
		e = owner_extra(w, &w->manager->extras);
		if (e == NULL)
			return NULL;
		shim_store(&s->extra, (void *)e, SHIM_RELEASE);
		shim_store(&s->head, head | HEAD_EXTRA, SHIM_RELEASE);
	}
	if (shim_load(&e->n_grants, SHIM_RELAXED) == 0) {
		memset(e->grants, 0, sizeof(e->grants));
		e->grants[head_mode(head)] = 1;
		e->newest = SLOT_NONE;
		shim_store(&e->n_grants, 1u, SHIM_RELAXED);
	}
	return e;
}

/* A slot for the re-entry, in front of the chain of those before it. */
static uint64_t
chain_reentry(struct lk_owner *w, uint32_t slot, struct extra *of_hold, const struct request *q)
{
	struct holds *h = &w->holds;
	uint32_t mine = slot_take(h);
	struct hold *s = hold_at(h, mine);
	uint32_t older = of_hold->newest;
	uint64_t head = head_make(grant_stamp(w), q->mode, q->mode,
				  HEAD_REENTRY | (q->extra != NULL ? HEAD_EXTRA : 0));

	if (older != SLOT_NONE)
		shim_store(&hold_at(h, older)->fence, (uint64_t)mine << 32 | slot, SHIM_RELEASE);
	shim_store(&s->resource, (void *)(((uintptr_t)older << 1) | 1), SHIM_RELEASE);
	shim_store(&s->fence, (uint64_t)SLOT_NONE << 32 | slot, SHIM_RELEASE);
	shim_store(&s->extra, (void *)q->extra, SHIM_RELEASE);
	shim_store(&s->head, head, SHIM_RELEASE);
	of_hold->newest = mine;
	h->reentries++;
	return grant_of(head, mine);
}

int
hold_strengthen(struct lk_owner *w, struct hold *s, lk_mode from, lk_mode to, struct request *q)
{
	struct lk_resource *r = shim_load(&s->resource, SHIM_RELAXED);
	uint64_t head;
	int rc = 0;

	if (!line_try_take(r, from, to)) {
		tally(&w->count.contended);
		if (!request_spin(w, r, from, to, q))
			rc = request_wait(w, r, from, to, q);
	}
	if (rc != 0)
		return rc;
	head = shim_load(&s->head, SHIM_RELAXED);
	if (mode_writes(to) && !mode_writes(from))
		shim_store(&s->fence, grant_mint(r), SHIM_RELEASE);
	shim_store(&s->head, head_with_modes(head, head_mode(head), to), SHIM_RELEASE);
	return 0;
}

uint32_t
hold_find_named(struct lk_owner *w, const struct name *n)
{
	struct index *x = &w->manager->index;
	struct lk_resource *r;
	struct glimpse g;
	uint32_t slot;

	if (index_glimpse(x, n, &g)) {
		slot = hold_find(&w->holds, g.r);
		if (slot != SLOT_NONE)
			return slot;
	}
	r = index_pin(x, n); /* the entry may have been on its way to another bucket (B2) */
	if (r == NULL)
		return SLOT_NONE;
	slot = hold_find(&w->holds, r);
	resource_unpin(r);
	return slot;
}

int
grant_again(struct lk_owner *w, uint32_t slot, struct request *q, lk_grant *out)
{
	struct hold *s = hold_at(&w->holds, slot);
	lk_mode effective = head_effective(shim_load(&s->head, SHIM_RELAXED));
	lk_mode wanted = mode_supremum(effective, q->mode);
	struct extra *e = count_grants(w, s);
	lk_grant g;
	int rc;

	if (e == NULL)
		return LK_E_NOMEM;
	if (shim_load(&e->n_grants, SHIM_RELAXED) >= w->manager->max_reentry) {
		tally(&w->count.limits);
		return LK_E_LIMIT;
	}
	if (wanted != effective) {
		rc = hold_strengthen(w, s, effective, wanted, q);
		if (rc != 0)
			return rc;
	}
	e->grants[q->mode]++;
	shim_store(&e->n_grants, shim_load(&e->n_grants, SHIM_RELAXED) + 1, SHIM_RELAXED);
	g = chain_reentry(w, slot, e, q);
	q->extra = NULL; /* the slot's now */
	tally(&w->count.reentries);
	if (out != NULL)
		*out = g;
	return 0;
}
