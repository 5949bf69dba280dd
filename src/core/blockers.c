/* SPDX-License-Identifier: MIT */
/*
 * Looking for who is in the way.  Slots of other owners are read as snapshots read them: a head that is the
 * same before and after says that all between belongs to it (H3).
 */
#include "core/blockers.h"
#include "core/semaphore.h"

/* The next blocker to write, all zeros but for its name; NULL: there is no room, it is only counted. */
static struct lk_blocker *
next(struct blockers *b, const struct blocked *what)
{
	struct lk_blocker *one;
	const void *name;
	size_t len;
	bool is_id;

	if (b->n++ >= b->room)
		return NULL;
	one = &b->at[b->n - 1];
	memset(one, 0, sizeof(*one));
	name = resource_name(what->r, &len, &is_id);
	memcpy(one->name, name, len < sizeof(one->name) ? len : sizeof(one->name));
	one->name_len = (uint32_t)len;
	one->flags = (is_id ? LK_NAME_IS_ID : 0) | (what->above ? LK_ON_ANCESTOR : 0);
	one->asked = what->want;
	return one;
}

static uint64_t
age(const struct blocked *what, uint64_t since)
{
	return since != 0 && what->now > since ? what->now - since : 0;
}

uint32_t
extra_read_tag(const struct extra *e, void *buf, uint32_t cap)
{
	const struct tag *tag = shim_load(&e->tag, SHIM_ACQUIRE);
	uint64_t len = tag != NULL ? shim_load(&tag->len, SHIM_ACQUIRE) : 0;

	if (len > LK_TAG_MAX)
		len = 0; /* it is being written for somebody else; so is the row */
	for (uint32_t i = 0; i * 8 < len && i * 8 < cap; i++) {
		uint64_t x = shim_load(&tag->word[i], SHIM_ACQUIRE);

		memcpy((char *)buf + (size_t)i * 8, &x, 8);
	}
	return (uint32_t)len;
}

static void
read_extra(struct lk_blocker *one, const struct blocked *what, const struct extra *e)
{
	one->age_ns = age(what, shim_load(&e->since_ns, SHIM_ACQUIRE));
	one->tag_len = extra_read_tag(e, one->tag, sizeof(one->tag));
	if (one->tag_len < sizeof(one->tag)) /* it is read by words */
		memset(one->tag + one->tag_len, 0, sizeof(one->tag) - one->tag_len);
}

/*
 * Is this the head of a hold, in the word or a slot, that what is looked for cannot be granted beside, or has
 * it units that are lacking?
 */
static bool
is_in_the_way(const struct blocked *what, uint64_t head, const struct hold *s)
{
	if (head == 0 || (head & (HEAD_REENTRY | HEAD_IMPLIED)) != 0)
		return false;
	return (mode_conflicts(what->want) & MODE_BIT(head_effective(head))) != 0 ||
	       (what->lacks_units && hold_units(s, head) != 0);
}

/* One slot.  False: it changed while we read it. */
static bool
look_at_hold(struct blockers *b, const struct blocked *what, const struct lk_owner *w,
	     const struct hold *s)
{
	const uint64_t head = shim_load(&s->head, SHIM_ACQUIRE);
	const struct lk_resource *r = shim_load(&s->resource, SHIM_ACQUIRE);
	const struct extra *e = shim_load(&s->extra, SHIM_ACQUIRE);
	const uint32_t before = b->n;
	struct lk_blocker *one;

	if (r != what->r || !is_in_the_way(what, head, s))
		return true;
	one = next(b, what);
	if (one != NULL) {
		one->why = LK_WHY_HELD;
		one->owner_id = shim_load(&w->id, SHIM_ACQUIRE);
		one->held = head_effective(head);
		owner_label(w, one->owner_label);
		if ((head & HEAD_EXTRA) != 0 && e != NULL)
			read_extra(one, what, e);
	}
	if (shim_load(&s->head, SHIM_RELAXED) == head)
		return true;
	b->n = before;
	return false;
}

/* The slot may be in memory that its owner gives back at close.  (RC1) */
static bool
look_at_slot(struct blockers *b, const struct blocked *what, const struct lk_owner *w,
	     uint32_t slot)
{
	const uint32_t k = slot_segment(slot);
	const struct hold *segment;
	bool same = true;

	shim_rcu_read_lock();
	segment = shim_load(&w->holds.segment[k], SHIM_ACQUIRE);
	if (segment != NULL)
		same = look_at_hold(b, what, w, &segment[slot - segment_first(k)]);
	shim_rcu_read_unlock();
	return same;
}

struct walk {
	struct blockers *b;
	const struct blocked *what;
};

static bool
look_at_owner(void *object, void *arg)
{
	const struct lk_owner *w = object;
	const struct walk *walk = arg;

	if (w == walk->what->who || shim_load(&w->state, SHIM_ACQUIRE) == OWNER_FREE)
		return true;
	for (uint32_t i = 0; i < shim_load(&w->holds.n_slots, SHIM_ACQUIRE); i++) {
		while (!look_at_slot(walk->b, walk->what, w, i))
			shim_pause();
	}
	return true;
}

void
blockers_add_holders(struct blockers *b, const struct blocked *what)
{
	struct walk walk = { b, what };

	slab_each(&what->m->owners, look_at_owner, &walk);
}

struct stroll {
	struct blockers *b;
	const struct blocked *what;
	uint32_t position;
	bool done;
};

/* Does what is looked for stand before `p`?  But for the bounds on how often one is passed.  (Q7) */
static bool
stands_before(const struct blocked *what, const struct waiter *p)
{
	if (what->in_line != NULL)
		return p == what->in_line;
	return (mode_conflicts(p->want) & MODE_BIT(what->held)) != 0 ||
	       (p->held == LK_NL && p->priority < what->priority);
}

/* Does `p` keep back what is looked for, which stands behind it?  Units are not to be overtaken.  (SU4) */
static bool
is_ahead(const struct blocked *what, const struct waiter *p)
{
	return (mode_conflicts(p->want) & MODE_BIT(what->want)) != 0 ||
	       (what->takes_units && p->units.n != 0);
}

/* Under the latch of the line. */
static void
look_at_waiter(void *arg, const struct waiter *p)
{
	struct stroll *s = arg;

	const bool closed = (shim_load(&p->r->word, SHIM_ACQUIRE) & WORD_CLOSED) != 0;
	struct lk_blocker *one;

	s->position++;
	s->done = s->done || stands_before(s->what, p);
	if (s->done || !is_ahead(s->what, p))
		return;
	one = next(s->b, s->what);
	if (one == NULL)
		return;
	one->why =
		closed || (s->what->takes_units && p->units.n != 0) ? LK_WHY_CLOSED : LK_WHY_AHEAD;
	one->owner_id = p->face.owner_id;
	one->held = p->held;
	one->wanted = p->want;
	one->position = s->position;
	one->age_ns = age(s->what, p->since_ns);
	one->tag_len = (uint32_t)p->face.tag_len;
	if (p->face.tag_len != 0)
		memcpy(one->tag, p->face.tag,
		       p->face.tag_len < sizeof(one->tag) ? p->face.tag_len : sizeof(one->tag));
	memcpy(one->owner_label, p->face.owner_label, sizeof(one->owner_label));
}

void
blockers_add_ahead(struct blockers *b, const struct blocked *what)
{
	struct stroll s = { .b = b, .what = what };

	line_each(&what->m->lot, what->r, look_at_waiter, &s);
}
