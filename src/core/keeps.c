/* SPDX-License-Identifier: MIT */
/* Names that are kept from others for a while after they were lost.  (LE9) */
#include "core/ancestors.h"
#include "core/implied.h"
#include "core/leases.h"
#include "core/release.h"

bool
keep_begin(struct lk_owner *w, struct lease *l, struct hold *s, uint32_t slot)
{
	const struct lk_manager *m = w->manager;
	const uint64_t head = shim_load(&s->head, SHIM_RELAXED);
	const uint32_t hold_slot = (head & HEAD_REENTRY) != 0 ? reentry_hold(s) : slot;
	const uint64_t now = env_boottime(&m->env);

	if (m->lock_delay_ns == LK_OFF || manager_gate(m) != 0 ||
	    hold_is(hold_at(&w->holds, hold_slot), HEAD_IMPLIED) || !release_keep(w, s, slot))
		return false;
	l->slot = hold_slot;
	l->flags |= LEASE_KEEPS | ((head & HEAD_PARENTS) != 0 ? LEASE_PARENTS : 0);
	l->loss.kept_until =
		m->lock_delay_ns < SHIM_NEVER - now ? now + m->lock_delay_ns : SHIM_NEVER;
	lease_link(&w->keeps, l);
	if ((l->flags & TELL_ANY) == 0)
		timer_set(&w->manager->service.timers, &l->timer, l->loss.kept_until);
	return true;
}

/* Is anything else kept on that hold? */
static bool
is_kept(const struct lk_owner *w, uint32_t slot)
{
	for (const struct lease *l = w->keeps; l != NULL; l = l->next) {
		if (l->slot == slot)
			return true;
	}
	return false;
}

void
keep_end(struct lk_owner *w, struct lease *l)
{
	const lk_mode mode = (lk_mode)l->mode;
	struct lk_resource *above = resource_parent(l->loss.r);

	lease_unlink(&w->keeps, l);
	if (!is_kept(w, l->slot))
		hold_extra(hold_at(&w->holds, l->slot))->flags &= ~EXTRA_KEPT;
	count_give(w, l->slot, mode);
	ancestors_give(w, above, ancestors_mode(mode, (l->flags & LEASE_PARENTS) != 0));
	l->flags &= (uint8_t)~LEASE_KEEPS;
}

void
keeps_taken_over(struct lk_owner *w, uint32_t slot, lk_mode mode)
{
	struct hold *s = hold_at(&w->holds, slot);
	struct lease *next;
	bool mints = false;

	for (struct lease *l = w->keeps; l != NULL; l = next) {
		next = l->next;
		if (l->slot != slot || !mode_covers(mode, (lk_mode)l->mode))
			continue;
		mints |= mode_writes((lk_mode)l->mode);
		keep_end(w, l);
		loss_settle(w, l);
	}
	if (!mints)
		return;
	hold_keep_fence(s); /* what was lost has the old one */
	shim_store(&s->fence,
		   hold_is(s, HEAD_IMPLIED) ? implied_mint(w, hold_resource(s))
					    : grant_mint(hold_resource(s)),
		   SHIM_RELEASE);
}

bool
keeps_linger_ends(struct lk_owner *w)
{
	if (shim_load(&w->state, SHIM_RELAXED) != OWNER_KEEPING || w->keeps != NULL)
		return false;
	owner_end(w);
	return true;
}

bool
keeps_end(struct lk_owner *w)
{
	while (w->keeps != NULL) {
		struct lease *l = w->keeps;

		keep_end(w, l);
		loss_settle(w, l);
	}
	return keeps_linger_ends(w);
}
