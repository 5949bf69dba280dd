/* SPDX-License-Identifier: MIT */
/*
 * Snapshot: every holder and every waiter, without stopping anybody.
 *
 * Holders are read out of other owners' slots while those owners work: a head that is the same before
 * and after says that all between belongs to it (H3).  Waiters are copied line by line under the latch.
 * The caller's function sees copies only, and runs with nothing held.
 */
#include "core/manager.h"

/* A copy of one row, strings and all. */
struct copied {
	struct lk_snapshot_row row;
	char label[LK_LABEL_MAX + 1];
	unsigned char tag[LK_TAG_MAX];
	unsigned char name[LK_NAME_MAX];
};

struct tour {
	struct lk_manager *m;
	int (*fn)(void *arg, const struct lk_snapshot_row *row);
	void *arg;
	int rc;
	uint64_t now;
	struct copied *one;
};

static void
point(struct copied *c)
{
	c->row.size = sizeof(c->row);
	c->row.owner_label = c->label;
	c->row.name = c->name;
	c->row.tag = c->row.tag_len != 0 ? c->tag : NULL;
}

/* Tags are type-stable as well; what was read of a recycled one is thrown away with the row. */
static void
copy_tag(struct copied *c, const struct tag *tag)
{
	uint64_t len = shim_load(&tag->len, SHIM_ACQUIRE);

	c->row.tag_len = len <= LK_TAG_MAX ? (size_t)len : 0;
	for (size_t i = 0; i * 8 < c->row.tag_len; i++) {
		uint64_t x = shim_load(&tag->word[i], SHIM_ACQUIRE);

		memcpy(c->tag + i * 8, &x, 8);
	}
}

static void
copy_extra(struct tour *t, struct copied *c, const struct extra *e)
{
	uint64_t since = shim_load(&e->since_ns, SHIM_ACQUIRE);
	const struct tag *tag = shim_load(&e->tag, SHIM_ACQUIRE);

	c->row.age_ns = since != 0 && t->now > since ? t->now - since : 0;
	if (tag != NULL)
		copy_tag(c, tag);
}

enum look { LOOK_HOLD, LOOK_NONE, LOOK_CHANGED };

/* One slot: a copy of its hold, no hold there, or one that changed while we read. */
static enum look
copy_hold(struct tour *t, const struct lk_owner *w, const struct hold *s)
{
	struct copied *c = t->one;
	uint64_t head = shim_load(&s->head, SHIM_ACQUIRE);
	const struct lk_resource *r = shim_load(&s->resource, SHIM_ACQUIRE);
	const struct extra *e = shim_load(&s->extra, SHIM_ACQUIRE);
	uint64_t ident;

	if (head == 0 || (head & HEAD_REENTRY) != 0)
		return LOOK_NONE;
	if (r == NULL || ((uintptr_t)r & 1) != 0)
		return LOOK_CHANGED;
	memset(&c->row, 0, sizeof(c->row));
	ident = shim_load(&r->ident, SHIM_ACQUIRE);
	c->row.name_len = ident_len(ident);
	c->row.flags = ((ident & NAME_ID) != 0 ? LK_NAME_IS_ID : 0) |
		       ((head & HEAD_IMPLIED) != 0 ? LK_IMPLIED : 0);
	c->row.held = head_effective(head);
	c->row.grants = (head & HEAD_INTENT) == 0;
	if ((head & HEAD_COUNTED) != 0 && e != NULL)
		c->row.grants = shim_load(&e->n_grants, SHIM_RELAXED);
	c->row.fence = hold_fence(s, r, head);
	c->row.owner_id = shim_load(&w->id, SHIM_ACQUIRE);
	owner_label(w, c->label);
	if ((head & HEAD_EXTRA) != 0 && e != NULL)
		copy_extra(t, c, e);
	c->row.units = hold_units(s, head);
	if (!resource_copy_name(r, ident, c->name) || shim_load(&s->head, SHIM_RELAXED) != head)
		return LOOK_CHANGED;
	return LOOK_HOLD;
}

/* The slot may be in memory that its owner gives back at close.  (RC1) */
static enum look
copy_slot(struct tour *t, const struct lk_owner *w, uint32_t slot)
{
	uint32_t k = slot_segment(slot);
	const struct hold *segment;
	enum look look = LOOK_NONE;

	shim_rcu_read_lock();
	segment = shim_load(&w->holds.segment[k], SHIM_ACQUIRE);
	if (segment != NULL)
		look = copy_hold(t, w, &segment[slot - segment_first(k)]);
	shim_rcu_read_unlock();
	return look;
}

static bool
show_owner(void *object, void *arg)
{
	const struct lk_owner *w = object;
	struct tour *t = arg;

	if (shim_load(&w->state, SHIM_ACQUIRE) == OWNER_FREE)
		return true;
	for (uint32_t i = 0; t->rc == 0 && i < shim_load(&w->holds.n_slots, SHIM_ACQUIRE); i++) {
		enum look look;

		/* A slot that changes under us is read again: what is held throughout is shown. */
		while ((look = copy_slot(t, w, i)) == LOOK_CHANGED)
			shim_pause();
		if (look == LOOK_NONE)
			continue;
		point(t->one);
		t->rc = t->fn(t->arg, &t->one->row);
	}
	return t->rc == 0;
}

/* The waiters of one bucket of the lot, in memory that is made larger until they fit. */
struct batch {
	struct tour *t;
	struct copied *copy;
	size_t room;
	size_t n; /* may exceed `room`: how many there are */
};

static void
copy_waiter(void *arg, const struct waiter *q, uint32_t position)
{
	struct batch *b = arg;
	struct copied *c;
	const void *name;
	bool is_id;

	if (b->n++ >= b->room)
		return;
	c = &b->copy[b->n - 1];
	memset(&c->row, 0, sizeof(c->row));
	name = resource_name(q->r, &c->row.name_len, &is_id);
	memcpy(c->name, name, c->row.name_len);
	c->row.flags = is_id ? LK_NAME_IS_ID : 0;
	c->row.held = q->held;
	c->row.wanted = q->want;
	c->row.units = q->units.n;
	c->row.position = position;
	c->row.owner_id = q->face.owner_id;
	c->row.age_ns = b->t->now > q->since_ns ? b->t->now - q->since_ns : 0;
	c->row.tag_len = q->face.tag_len;
	if (q->face.tag_len != 0)
		memcpy(c->tag, q->face.tag, q->face.tag_len);
	memcpy(c->label, q->face.owner_label, sizeof(c->label));
}

static void
free_batch(struct batch *b)
{
	env_free(&b->t->m->env, b->copy, b->room * sizeof(*b->copy));
	b->copy = NULL;
	b->room = 0;
}

/* All waiters of a bucket at one moment; false: no memory. */
static bool
copy_bucket(struct batch *b, uint32_t bucket)
{
	for (;;) {
		b->n = 0;
		lot_each(&b->t->m->lot, bucket, copy_waiter, b);
		if (b->n <= b->room)
			return true;
		free_batch(b);
		b->copy = env_alloc(&b->t->m->env, b->n * sizeof(*b->copy), sizeof(void *));
		if (b->copy == NULL)
			return false;
		b->room = b->n;
	}
}

static void
show_waiters(struct tour *t)
{
	struct batch b = { .t = t };

	for (uint32_t i = 0; t->rc == 0 && i <= t->m->lot.mask; i++) {
		if (!copy_bucket(&b, i)) {
			t->rc = LK_E_NOMEM;
			break;
		}
		for (size_t k = 0; t->rc == 0 && k < b.n; k++) {
			point(&b.copy[k]);
			t->rc = t->fn(t->arg, &b.copy[k].row);
		}
	}
	free_batch(&b);
}

int
lk_snapshot(struct lk_manager *m, int (*fn)(void *arg, const struct lk_snapshot_row *row),
	    void *arg)
{
	struct tour t = { .m = m, .fn = fn, .arg = arg };

	if (m == NULL || fn == NULL)
		return LK_E_INVAL;
	if (manager_gate(m) == LK_E_FORKED)
		return LK_E_FORKED;
	t.one = env_alloc(&m->env, sizeof(*t.one), sizeof(void *));
	if (t.one == NULL)
		return LK_E_NOMEM;
	t.now = env_now(&m->env);
	slab_each(&m->owners, show_owner, &t);
	if (t.rc == 0)
		show_waiters(&t);
	env_free(&m->env, t.one, sizeof(*t.one));
	return t.rc;
}
