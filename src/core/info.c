/* SPDX-License-Identifier: MIT */
/* What an owner sees of its grants, and anybody of one name. */
#include "core/family.h"
#include "core/leases.h"
#include "core/release.h"
#include "core/semaphore.h"
#include "index/path.h"

static void
fill_info(struct lk_owner *w, struct hold *s, uint32_t slot, struct lk_grant_info *out)
{
	const struct hold *hold = grant_hold(w, s);
	const struct lk_resource *r = shim_load(&hold->resource, SHIM_RELAXED);
	uint64_t head = shim_load(&s->head, SHIM_RELAXED);
	const struct extra *e = (head & HEAD_EXTRA) != 0 ? hold_extra(s) : NULL;
	const struct tag *tag = e != NULL ? shim_load(&e->tag, SHIM_RELAXED) : NULL;
	bool is_id;

	memset(out, 0, sizeof(*out));
	out->grant = grant_of(head, slot);
	out->mode = head_mode(head);
	out->effective = head_effective(shim_load(&hold->head, SHIM_RELAXED));
	out->fence = hold_fence(hold, r, shim_load(&hold->head, SHIM_RELAXED));
	if (out->fence == 0 && out->effective == LK_S)
		out->fence = shim_load(&r->fence, SHIM_RELAXED);
	out->since_ns = e != NULL ? shim_load(&e->since_ns, SHIM_RELAXED) : 0;
	out->name = resource_name(r, &out->name_len, &is_id);
	out->flags = (is_id ? LK_NAME_IS_ID : 0) | (e != NULL ? e->flags & LK_OWNER_DIED : 0) |
		     (hold_is(hold, HEAD_IMPLIED) ? LK_IMPLIED : 0);
	if (tag != NULL) {
		out->tag = tag->word;
		out->tag_len = (size_t)shim_load(&tag->len, SHIM_RELAXED);
	}
	out->units = grant_units(s);
	if (e != NULL && (e->flags & EXTRA_LEASED) != 0)
		lease_fill_info(w, e->lease, out);
}

int
lk_grant_info(struct lk_owner *w, lk_grant g, struct lk_grant_info *out)
{
	struct lk_grant_info info;
	struct lk_owner *h;
	struct hold *s;
	uint32_t slot;
	int rc;

	if (w == NULL || out == NULL)
		return LK_E_INVAL;
	rc = check_struct(out, out->size, sizeof(info));
	if (rc == 0)
		rc = release_enter(w);
	if (rc != 0)
		return rc;
	h = call_holder(w);
	rc = leases_look(h, g);
	if (rc == 0) {
		s = grant_find(h, g, &slot);
		rc = s != NULL ? 0 : LK_E_STALE;
	}
	if (rc == 0) {
		fill_info(h, s, slot, &info);
		copy_struct(out, &info, sizeof(info));
	}
	call_end(w);
	return rc;
}

int
lk_owner_each(struct lk_owner *w, int (*fn)(void *arg, const struct lk_grant_info *grant),
	      void *arg)
{
	struct lk_owner *who;
	struct lk_owner *h;
	int rc;

	if (w == NULL || fn == NULL)
		return LK_E_INVAL;
	rc = release_enter(w);
	if (rc != 0)
		return rc;
	h = call_holder(w);
	for (uint32_t i = 0; rc == 0 && i < shim_load(&h->holds.n_slots, SHIM_RELAXED); i++) {
		struct hold *s = hold_at(&h->holds, i);
		uint64_t head = shim_load(&s->head, SHIM_RELAXED);
		struct lk_grant_info info;

		if (head == 0 || (head & HEAD_GONE) != 0 || !family_has_made(h, s))
			continue;
		fill_info(h, s, i, &info);
		info.size = sizeof(info);
		who = call_away(h);
		rc = fn(arg, &info);
		call_back(h, who);
	}
	call_end(w);
	return rc;
}

static lk_mode
mode_held(struct lk_owner *w, const struct lk_resource *r)
{
	uint32_t slot = hold_find(&w->holds, r);

	return slot != SLOT_NONE ? hold_effective(hold_at(&w->holds, slot)) : LK_NL;
}

/* What the owner's holds give on `r`: its own, and those above. */
static lk_mode
mode_given(struct lk_owner *w, const struct lk_resource *r)
{
	lk_mode mode = mode_held(w, r);

	while ((r = resource_parent(r)) != NULL)
		mode = mode_supremum(mode, mode_below(mode_held(w, r)));
	return mode;
}

/* The nearest of the name and its ancestors that is held has all the others above it. */
static lk_mode
mode_on_path(struct lk_owner *w, const struct name *n)
{
	const struct index *x = &w->manager->index;
	struct name above = *n;

	for (uint32_t len = n->len; len != 0; len = path_parent(x, &above)) {
		uint32_t slot;

		if (len < n->len)
			path_ancestor(x, n, len, &above);
		slot = hold_find_named(w, &above);
		if (slot != SLOT_NONE) {
			lk_mode mode = mode_given(w, hold_resource(hold_at(&w->holds, slot)));

			return len == n->len ? mode : mode_below(mode);
		}
	}
	return LK_NL;
}

static int
holds_named(struct lk_owner *w, const struct name *n)
{
	lk_mode mode = LK_NL;
	int rc = release_enter(w);
	struct lk_owner *h;

	if (rc != 0)
		return rc;
	h = call_holder(w);
	if (holds_n(&h->holds) != 0)
		mode = mode_on_path(h, n);
	call_end(w);
	return (int)mode;
}

int
lk_holds(struct lk_owner *w, const void *name, size_t len)
{
	struct name n;

	if (w == NULL || name == NULL)
		return LK_E_INVAL;
	if (!name_set(&n, name, len, 0, w->manager->index.seed))
		return LK_E_NAME;
	return holds_named(w, &n);
}

int
lk_holds_id(struct lk_owner *w, uint64_t id)
{
	struct name n;

	if (w == NULL)
		return LK_E_INVAL;
	name_set_id(&n, &id, w->manager->index.seed);
	return holds_named(w, &n);
}

/* Holders in slots, if the name ever had some. */
static void
count_seated(const struct lk_manager *m, const struct lk_resource *r, uint32_t *holders)
{
	const uint32_t number = shim_load(&r->spread, SHIM_ACQUIRE);

	for (int mode = LK_IS; number != 0 && mode <= LK_S; mode++)
		holders[mode] = spread_holders(&m->spread, number, (lk_mode)mode);
}

static int
info_named(struct lk_manager *m, const struct name *n, struct lk_info *out)
{
	struct lk_info info = { 0 };
	struct lk_resource *r;
	uint64_t w;
	int rc = check_struct(out, out->size, sizeof(info));

	if (rc != 0)
		return rc;
	if (manager_gate(m) == LK_E_FORKED)
		return LK_E_FORKED;
	r = index_pin(&m->index, n);
	if (r != NULL) {
		count_seated(m, r, info.holders); /* before the word (C5) */
		w = shim_load(&r->word, SHIM_ACQUIRE);
		for (int mode = LK_IS; mode < MODE_N; mode++)
			info.holders[mode] += word_holders(w, (lk_mode)mode);
		info.waiters = line_length(&m->lot, r);
		info.fence = shim_load(&r->fence, SHIM_RELAXED);
		if ((shim_load(&r->pins, SHIM_RELAXED) & PINS_DIED) != 0)
			info.flags |= LK_OWNER_DIED;
		resource_unpin(r);
	}
	copy_struct(out, &info, sizeof(info));
	return 0;
}

int
lk_info(struct lk_manager *m, const void *name, size_t len, struct lk_info *out)
{
	struct name n;

	if (m == NULL || name == NULL || out == NULL)
		return LK_E_INVAL;
	if (!name_set(&n, name, len, 0, m->index.seed))
		return LK_E_NAME;
	return info_named(m, &n, out);
}

int
lk_info_id(struct lk_manager *m, uint64_t id, struct lk_info *out)
{
	struct name n;

	if (m == NULL || out == NULL)
		return LK_E_INVAL;
	name_set_id(&n, &id, m->index.seed);
	return info_named(m, &n, out);
}
