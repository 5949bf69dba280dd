/* SPDX-License-Identifier: MIT */
/* Holders: made, changed, removed; and the numbers that they get.  (DE1, DE5, DE7) */
#include "record/inside.h"

#include <string.h>

static uint32_t
max_holders(const struct decide_view *v)
{
	return v->max_holders != 0 && v->max_holders < RECORD_HOLDERS ? v->max_holders
								      : RECORD_HOLDERS;
}

/* The last number that nobody will get any more: the floor may have risen over what the record says.  (DE8) */
static uint64_t
fence_base(const struct decision *d)
{
	return d->r->fence > d->v->floor ? d->r->fence : d->v->floor;
}

uint64_t
holder_mint(struct decision *d, uint32_t n)
{
	const uint64_t base = fence_base(d);

	if (base >= RECORD_FENCE_MAX - 1 || RECORD_FENCE_MAX - 1 - base < n)
		return 0;
	d->r->fence = base + n;
	return base + 1;
}

/* Does it begin to write with this grant? */
static bool
begins_to_write(const struct record *r, const struct record_waiter *w)
{
	uint32_t units;

	return mode_writes((lk_mode)w->want) && !mode_writes(record_held(r, &w->who, &units));
}

enum decide_trouble
holder_has_room(const struct decision *d, const struct record_waiter *w)
{
	const uint64_t base = fence_base(d);

	if (record_holder_of(d->r, &w->who) == NULL && d->r->n_holders >= max_holders(d->v))
		return DECIDE_FULL_HOLDERS;
	if (begins_to_write(d->r, w) &&
	    (base >= RECORD_FENCE_MAX - 1 || RECORD_FENCE_MAX - 1 - base < w->n_fences))
		return DECIDE_OUT_OF_FENCES;
	return DECIDE_FINE;
}

/* A new one. */
static struct record_holder *
add(struct decision *d, const struct record_waiter *w)
{
	struct record *r = d->r;
	struct record_holder *h = &r->holder[r->n_holders++];

	memset(h, 0, sizeof(*h));
	h->who = w->who;
	h->born = w->request;
	h->since = d->v->now;
	h->flags = w->flags & HOLDER_DETACHED;
	return h;
}

void
holder_remove(struct record *r, struct record_holder *h)
{
	const size_t i = (size_t)(h - r->holder);

	r->n_holders--;
	memmove(h, h + 1, (r->n_holders - i) * sizeof(*h));
}

/*
 * What was kept in its name is its again, as far as it has it now.  Units are in one of the two: so their sum is never
 * above the permits.  (DE1)
 */
static void
take_over_kept(struct record *r, const struct record_waiter *w)
{
	struct record_holder *kept = record_kept_of(r, &w->who);
	uint32_t had, all, more;

	if (kept == NULL)
		return;
	(void)record_held(r, &w->who, &had);
	all = record_asks(r, w);
	more = all > had ? all - had : 0;
	kept->units -= more < kept->units ? more : kept->units;
	if (mode_covers((lk_mode)w->want, (lk_mode)kept->mode) && kept->units == 0)
		holder_remove(r, kept);
}

void
holder_make(struct decision *d, const struct record_waiter *w)
{
	const uint32_t units = record_asks(d->r, w);
	const bool mints = begins_to_write(d->r, w);
	struct record_holder *h;

	take_over_kept(d->r, w);
	h = record_holder_of(d->r, &w->who);
	if (h == NULL)
		h = add(d, w);
	if (mints) {
		h->fence = holder_mint(d, w->n_fences);
		h->n_fences = w->n_fences;
	}
	if (d->r->is_orphaned) /* whoever is granted it first has the mark (DE7) */
		h->flags |= HOLDER_TOLD;
	d->r->is_orphaned = 0;
	h->mode = w->want;
	h->units = units;
	h->request = w->request;
	if ((h->flags & HOLDER_DETACHED) != 0) {
		h->renewed = d->v->now;
		h->lease = w->lease;
	}
	if (w->tag_len > 0) {
		h->tag_len = w->tag_len;
		memcpy(h->tag, w->tag, sizeof(h->tag));
	}
}
