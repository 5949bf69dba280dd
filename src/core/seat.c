/* SPDX-License-Identifier: MIT */
/* Slots of owners.  (C1, C2, C5) */
#include "core/seat.h"

/* Attempts lost until `r` is spread: more after each time that it was folded. */
static uint64_t
patience(const struct spread *s, const struct lk_resource *r, uint64_t after)
{
	const uint32_t number = shim_load(&r->spread, SHIM_ACQUIRE);
	const uint32_t folds =
		number != 0 ? shim_load(&spread_array(s, number)->folds, SHIM_RELAXED) : 0;

	return after << folds;
}

static struct heat *
heat_of(struct lk_owner *w, const struct lk_resource *r)
{
	const uint64_t x = (uint64_t)(uintptr_t)r / LK_LINE * UINT64_C(0x9e3779b97f4a7c15);

	return &w->heat[x >> 61];
}

_Static_assert(HEAT_CELLS == 8, "three bits of a hash select a cell");

/* So many attempts, or what is as good. */
static void
note(struct lk_owner *w, struct lk_resource *r, lk_mode mode, uint64_t lost, uint64_t after)
{
	struct lk_manager *m = w->manager;
	const uint64_t now = shim_load(&w->drawn, SHIM_RELAXED);
	struct heat *h = heat_of(w, r);

	if (after == LK_OFF || word_modes.seat_mask[mode] == 0)
		return;
	if (h->r != r || now - h->since > (h->lost + UINT64_C(1)) * HEAT_RARE)
		*h = (struct heat){ r, now, 0 };
	h->lost += lost;
	if (h->lost < patience(&m->spread, r, after))
		return;
	h->lost = 0;
	line_spread(&m->lot, r, mode);
}

LK_COLD void
seat_note_lost(struct lk_owner *w, struct lk_resource *r, lk_mode mode, uint32_t lost)
{
	note(w, r, mode, lost, shim_load(&w->manager->spread.after, SHIM_RELAXED));
}

LK_COLD void
seat_note_met(struct lk_owner *w, struct lk_resource *r, lk_mode mode)
{
	const struct spread *s = &w->manager->spread;
	const uint64_t after = shim_load(&s->after, SHIM_RELAXED);

	if (shim_load(&s->n, SHIM_RELAXED) < SPREAD_EARLY)
		note(w, r, mode, after, after);
}
