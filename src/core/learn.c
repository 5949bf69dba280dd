/* SPDX-License-Identifier: MIT */
/*
 * What an owner wants while it holds what, told to who learns orders: each level of a path that a request
 * will change in a word, against all that the owner holds in words.
 */
#include "core/events.h"
#include "core/grant.h"
#include "index/path.h"

enum { HOLDS_MOST = 64 }; /* of one owner that are looked at */

/* One level of what is wanted. */
struct level {
	struct class class;
	uint32_t slot; /* what the owner has there, or SLOT_NONE */
	lk_mode wants;
};

static void
tell_found(struct lk_owner *w, const struct class *held, lk_mode has, const struct level *l,
	   enum order_outcome outcome, const struct order_finding *found)
{
	const struct class *c = outcome == ORDER_FULL ? &found->class : &l->class;
	struct lk_event e;

	event_begin(&e, w, LK_EVENT_ORDER);
	memcpy(e.name, c->text, sizeof(e.name));
	e.name_len = c->len;
	if (outcome == ORDER_FULL) {
		e.code = LK_E_LIMIT;
	} else {
		memcpy(e.other, held->text, sizeof(e.other));
		e.other_len = held->len;
		e.from = has;
		e.to = l->wants;
		e.n_classes = found->n_classes;
	}
	(void)tracer_tell(&w->manager->tracer, &e, false);
}

/* One thing held, one thing wanted. */
static void
learn_pair(struct lk_owner *w, const struct hold *s, const struct level *l)
{
	const lk_mode has = hold_effective(s);
	struct order_finding found = { 0 };
	enum order_outcome outcome;
	struct class held;
	size_t len;
	bool is_id;
	const void *name = resource_name(hold_resource(s), &len, &is_id);

	class_of(&held, name, len, is_id);
	outcome = order_learn(w->manager->tracer.order, &held, has, &l->class, l->wants, &found);
	if (unlikely(outcome != ORDER_FINE))
		tell_found(w, &held, has, l, outcome, &found);
}

/* All that is held in words, but for the name itself. */
static void
learn_level(struct lk_owner *w, const struct level *l)
{
	const uint32_t n = shim_load(&w->holds.n_slots, SHIM_RELAXED);

	for (uint32_t i = 0, seen = 0; i < n && seen < HOLDS_MOST; i++) {
		const struct hold *s = hold_at(&w->holds, i);

		if (i == l->slot || shim_load(&s->head, SHIM_RELAXED) == 0 ||
		    hold_is(s, HEAD_REENTRY | HEAD_IMPLIED))
			continue;
		learn_pair(w, s, l);
		seen++;
	}
}

/* False: what the owner holds there gives all that is below as well. */
static bool
learn_name(struct lk_owner *w, const struct name *n, lk_mode need, lk_mode below)
{
	struct level l = { .slot = hold_find_named(w, n), .wants = need };
	const struct hold *s = l.slot != SLOT_NONE ? hold_at(&w->holds, l.slot) : NULL;

	if (s != NULL && !hold_is(s, HEAD_IMPLIED) && below != LK_NL &&
	    mode_covers(mode_below(hold_effective(s)), below))
		return false;
	if (s != NULL && !hold_is(s, HEAD_IMPLIED)) {
		if (mode_covers(hold_effective(s), need))
			return true; /* it will not wait for it */
		l.wants = mode_supremum(hold_effective(s), need);
	}
	class_of(&l.class, n->bytes, n->len, (n->tail & NAME_ID) != 0);
	learn_level(w, &l);
	return true;
}

static void
learn_path(struct lk_owner *w, const struct name *n, const struct request *q)
{
	const struct index *x = &w->manager->index;
	const bool parents = (q->flags & LK_PARENTS) != 0;
	const lk_mode above = parents ? q->mode : mode_intent(q->mode);
	uint32_t len = path_is_flat(x, n) ? n->len : path_child(x, n, 0);

	for (; len < n->len; len = path_child(x, n, len)) {
		struct name ancestor;

		path_ancestor(x, n, len, &ancestor);
		if (!learn_name(w, &ancestor, above, parents ? LK_NL : q->mode))
			return;
	}
	(void)learn_name(w, n, q->mode, LK_NL);
}

void
events_learn_order(struct lk_owner *w, const struct request *q)
{
	struct name n;
	size_t len;
	bool is_id;
	const void *bytes;
	uint64_t id;

	/* Who does not wait is in no ring; and who holds nothing. */
	if (w->manager->tracer.order == NULL || (q->flags & LK_NOWAIT) != 0)
		return;
	if (q->name != NULL) {
		learn_path(w, q->name, q);
		return;
	}
	bytes = resource_name(q->leaf, &len, &is_id);
	if (is_id) {
		memcpy(&id, bytes, sizeof(id));
		name_set_id(&n, &id, w->manager->index.seed);
	} else if (!name_set(&n, bytes, len, 0, w->manager->index.seed)) {
		return;
	}
	learn_path(w, &n, q);
}
