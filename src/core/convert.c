/* SPDX-License-Identifier: MIT */
/* Changing the mode of a grant in place. */
#include "core/convert.h"
#include "core/release.h"

/* A grant, the hold it is part of, and what the hold becomes if the grant becomes `to`. */
struct conversion {
	struct hold *grant;
	struct hold *hold;
	lk_mode from;
	lk_mode to;
};

static lk_mode
effective_with(const struct hold *hold, lk_mode was, lk_mode becomes)
{
	const struct extra *e = hold_extra(hold);
	struct extra changed;

	if (e == NULL || shim_load(&e->n_grants, SHIM_RELAXED) == 0)
		return becomes;
	memcpy(changed.grants, e->grants, sizeof(changed.grants));
	changed.grants[was]--;
	changed.grants[becomes]++;
	return grants_effective(&changed);
}

/* False: stale. */
static bool
find_conversion(struct lk_owner *w, lk_grant g, lk_mode to, struct conversion *c)
{
	uint32_t slot;

	c->grant = grant_find(w, g, &slot);
	if (c->grant == NULL)
		return false;
	c->hold = grant_hold(w, c->grant);
	c->from = head_effective(shim_load(&c->hold->head, SHIM_RELAXED));
	c->to = effective_with(c->hold, head_mode(shim_load(&c->grant->head, SHIM_RELAXED)), to);
	return true;
}

/* The hold is strong enough: write the grant's new mode down. */
static void
note_mode(struct conversion *c, lk_mode mode)
{
	uint64_t head = shim_load(&c->grant->head, SHIM_RELAXED);
	struct extra *e = hold_extra(c->hold);

	if (e != NULL && shim_load(&e->n_grants, SHIM_RELAXED) > 0) {
		e->grants[head_mode(head)]--;
		e->grants[mode]++;
	}
	shim_store(&c->grant->head, head_with_modes(head, mode, c->grant == c->hold ? c->to : mode),
		   SHIM_RELEASE);
}

static void
note_effective(struct conversion *c)
{
	uint64_t head = shim_load(&c->hold->head, SHIM_RELAXED);

	shim_store(&c->hold->head, head_with_modes(head, head_mode(head), c->to), SHIM_RELEASE);
}

static int
convert(struct lk_owner *w, struct conversion *c, struct request *q)
{
	struct lk_resource *r = shim_load(&c->hold->resource, SHIM_RELAXED);
	int rc = manager_gate(w->manager); /* a manager that shuts down weakens only */

	if (!mode_covers(c->from, c->to)) {
		if (rc == 0)
			rc = hold_strengthen(w, c->hold, c->from, c->to, q);
		if (rc != 0)
			return rc;
	}
	note_mode(c, q->mode);
	note_effective(c);
	if (c->from != c->to && mode_covers(c->from, c->to))
		release_word(w, r, c->from, c->to);
	tally(&w->count.conversions);
	return 0;
}

void
convert_weaker(struct lk_owner *w, lk_grant g, lk_mode to)
{
	struct conversion c;
	struct request q = { .mode = to };

	if (find_conversion(w, g, to, &c))
		(void)convert(w, &c, &q); /* cannot fail (H5) */
}

static int
convert_grant(struct lk_owner *w, lk_grant g, struct request *q)
{
	struct conversion c;
	int rc = release_enter(w);

	if (unlikely(rc != 0))
		return rc;
	rc = find_conversion(w, g, q->mode, &c) ? convert(w, &c, q) : LK_E_STALE;
	if (unlikely(q->extra != NULL))
		request_drop(w, q);
	owner_leave(w);
	return rc;
}

int
lk_convert(struct lk_owner *w, lk_grant g, lk_mode to, const struct lk_options *o)
{
	struct request q;
	int rc;

	if (unlikely(w == NULL))
		return LK_E_INVAL;
	rc = request_read(&q, to, o);
	return likely(rc == 0) ? convert_grant(w, g, &q) : rc;
}

int
lk_upgrade(struct lk_owner *w, lk_grant g, const struct lk_options *o)
{
	return lk_convert(w, g, LK_X, o);
}

int
lk_downgrade(struct lk_owner *w, lk_grant g)
{
	const struct hold *s;
	uint32_t slot;
	bool weaker;
	int rc;

	if (unlikely(w == NULL))
		return LK_E_INVAL;
	rc = release_enter(w);
	if (unlikely(rc != 0))
		return rc;
	s = grant_find(w, g, &slot);
	weaker = s != NULL && mode_covers(head_mode(shim_load(&s->head, SHIM_RELAXED)), LK_S);
	owner_leave(w);
	if (s == NULL)
		return LK_E_STALE;
	return weaker ? lk_convert(w, g, LK_S, NULL) : LK_E_INVAL;
}

static int
probe(struct lk_owner *w, const struct conversion *c)
{
	struct waiter q = { .r = shim_load(&c->hold->resource, SHIM_RELAXED),
			    .held = c->from,
			    .want = c->to };

	if (mode_covers(c->from, c->to))
		return 0;
	if (manager_gate(w->manager) != 0)
		return LK_E_CLOSED;
	switch (line_probe(&w->manager->lot, &q)) {
	case LINE_GRANTED:
		return 0;
	case LINE_LIMIT:
		return LK_E_LIMIT;
	case LINE_DEADLOCK:
		return LK_E_CONVERSION_DEADLOCK;
	case LINE_JOINED:
	case LINE_BUSY:
	case LINE_SHUT:
		break;
	}
	return LK_E_BUSY;
}

int
lk_can_convert(struct lk_owner *w, lk_grant g, lk_mode to)
{
	struct conversion c;
	int rc;

	if (w == NULL || !mode_valid(to))
		return LK_E_INVAL;
	rc = release_enter(w);
	if (rc != 0)
		return rc;
	rc = find_conversion(w, g, to, &c) ? probe(w, &c) : LK_E_STALE;
	owner_leave(w);
	return rc;
}
