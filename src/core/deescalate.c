/* SPDX-License-Identifier: MIT */
/* What is implied by one hold becomes locks of its own again.  (ES7) */
#include "core/ancestors.h"
#include "core/call.h"
#include "core/escalate.h"
#include "core/implied.h"
#include "core/release.h"

/* A hold that is implied by the one in slot `cover`; NULL: this slot has none. */
static struct hold *
implied_by(struct lk_owner *w, uint32_t slot, uint32_t cover)
{
	struct hold *s = hold_at(&w->holds, slot);
	const uint64_t head = shim_load(&s->head, SHIM_RELAXED);

	if (head == 0 || (head & HEAD_REENTRY) != 0 || (head & HEAD_IMPLIED) == 0)
		return NULL;
	return hold_extra(s)->cover == cover ? s : NULL;
}

static uint32_t
count_grants(struct lk_owner *w, uint32_t cover)
{
	const uint32_t n = shim_load(&w->holds.n_slots, SHIM_RELAXED);
	uint32_t grants = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct hold *s = implied_by(w, i, cover);

		if (s != NULL)
			grants += shim_load(&hold_extra(s)->n_grants, SHIM_RELAXED);
	}
	return grants;
}

/* One may make others real that it is below (H9); holds that are made on the way come to lie beyond or before. */
static int
make_all_real(struct lk_owner *w, uint32_t cover)
{
	const uint32_t n = shim_load(&w->holds.n_slots, SHIM_RELAXED);
	struct request q = { .flags = LK_NOWAIT, .claims = true, .told_later = call_is_family(w) };
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < n; i++) {
		struct hold *s = implied_by(w, i, cover);

		if (s != NULL)
			rc = implied_make_real(w, s, hold_effective(s), &q);
	}
	return rc;
}

/* Those that this call made real.  What is below takes what is above with it, as it is given back.  (H10) */
static void
put_all_back(struct lk_owner *w)
{
	const uint32_t n = shim_load(&w->holds.n_slots, SHIM_RELAXED);

	for (uint32_t i = 0; w->made_real != 0 && i < n; i++) {
		struct hold *s = hold_at(&w->holds, i);
		const uint64_t head = shim_load(&s->head, SHIM_RELAXED);

		if (head != 0 && (head & HEAD_REENTRY) == 0 && (head & HEAD_COUNTED) != 0)
			implied_put_back(w, s);
	}
}

/* With one count more the cover stays what it is, until all of it is done.  (ES7) */
static int
lock_below(struct lk_owner *w, uint32_t cover)
{
	struct hold *s = hold_at(&w->holds, cover);
	const lk_mode mode = hold_effective(s);
	const uint32_t grants = count_grants(w, cover);
	int rc;

	if (grants == 0)
		return 0;
	hold_count_more(s, mode, 1);
	rc = make_all_real(w, cover);
	w->wrote_nothing = rc != 0; /* (CW4) */
	if (rc != 0)
		put_all_back(w);
	w->made_real = 0;
	count_give(w, cover, mode);
	w->wrote_nothing = false;
	if (rc != 0)
		return rc;
	escalate_pause(w, cover);
	return (int)grants;
}

int
lk_deescalate(struct lk_owner *w, const void *name, size_t len)
{
	struct lk_owner *h;
	struct name n;
	uint32_t slot;
	int rc;

	if (w == NULL || name == NULL)
		return LK_E_INVAL;
	if (!name_set(&n, name, len, 0, w->manager->index.seed))
		return LK_E_NAME;
	rc = call_begin(w);
	if (rc != 0)
		return rc;
	h = call_holder(w);
	slot = hold_find_named(h, &n);
	rc = slot != SLOT_NONE ? lock_below(h, slot) : LK_E_STALE;
	call_end(w);
	return rc;
}
