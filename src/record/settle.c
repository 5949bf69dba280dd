/* SPDX-License-Identifier: MIT */
/* What is over ends, before anything else is decided.  (DE7, DE9) */
#include "record/inside.h"

#include <string.h>

/* How long an ending is remembered if the view does not say. */
#define REMEMBER_NS UINT64_C(60000000000)

bool
settle_is_dead(const struct decide_view *v, const struct record_id *who)
{
	for (size_t i = 0; i < v->n_dead; i++) {
		if (record_id_is(&v->dead[i], who))
			return true;
	}
	return false;
}

/*
 * A time of another clock, or one so far away that the clock went back: the present.  Less far away, somebody was quicker than
 * whoever read the clock for this decision, and what he began is not to be cut short.  (DE9)
 */
static void
restamp(uint64_t *then, uint64_t now, bool other_clock)
{
	if (other_clock || (*then > now && *then - now > DECIDE_SLOW_NS))
		*then = now;
}

static void
restamp_all(struct record *r, const struct decide_view *v)
{
	const bool other = r->clock != v->clock;

	for (unsigned i = 0; i < r->n_holders; i++) {
		struct record_holder *h = &r->holder[i];

		restamp(&h->since, v->now, other);
		if (h->lease != 0)
			restamp(&h->renewed, v->now, other);
	}
	for (unsigned i = 0; i < r->n_waiters; i++) {
		restamp(&r->waiter[i].since, v->now, other);
		restamp(&r->waiter[i].renewed, v->now, other);
	}
	for (unsigned i = 0; i < r->n_endings; i++)
		restamp(&r->ending[i].at, v->now, other);
	r->clock = v->clock;
}

static void
remember(struct decision *d, const struct record_holder *h, enum record_why why)
{
	struct record *r = d->r;
	struct record_ending *e;

	if (r->n_endings == RECORD_ENDINGS) {
		memmove(r->ending, r->ending + 1, (RECORD_ENDINGS - 1) * sizeof(r->ending[0]));
		r->n_endings--;
	}
	e = &r->ending[r->n_endings++];
	memset(e, 0, sizeof(*e));
	e->who = h->who;
	e->born = h->born;
	e->at = d->v->now;
	e->fence = h->fence;
	e->mode = h->mode;
	e->why = (uint8_t)why;
}

/* The name is kept from others for the delay, on top of what is kept in the same name already. */
static void
keep(struct decision *d, struct record_holder *h)
{
	struct record_holder *kept = record_kept_of(d->r, &h->who);

	h->flags = HOLDER_KEPT;
	h->request = h->born;
	h->fence = 0;
	h->n_fences = 0;
	h->renewed = d->v->now;
	h->lease = d->v->lock_delay_ns;
	if (kept == NULL)
		return;
	h->mode = (uint8_t)mode_supremum((lk_mode)h->mode, (lk_mode)kept->mode);
	h->units += kept->units;
	holder_remove(d->r, kept);
}

void
settle_end(struct decision *d, struct record_holder *h, enum record_why why)
{
	struct record *r = d->r;
	struct record_waiter *w = record_waiter_of(r, &h->who);

	if (w != NULL)
		turn_leave(r, w);
	if (mode_writes((lk_mode)h->mode))
		r->value.is_invalid = r->value.version != 0;
	if (mode_writes((lk_mode)h->mode) || (h->flags & HOLDER_TOLD) != 0)
		r->is_orphaned = 1;
	remember(d, h, why);
	if (d->v->lock_delay_ns != 0)
		keep(d, h);
	else
		holder_remove(r, h);
}

/* Is its time over, on the clock of the view? */
static bool
is_over(const struct decide_view *v, uint64_t renewed, uint64_t lease)
{
	return lease != 0 && settle_elapsed(v->now, renewed) >= lease;
}

/* The holder that ends first, in the order of the record; NULL: none does. */
static struct record_holder *
find_over(const struct decision *d, enum record_why *why)
{
	for (unsigned i = 0; i < d->r->n_holders; i++) {
		struct record_holder *h = &d->r->holder[i];
		const bool over = is_over(d->v, h->renewed, h->lease);

		*why = over ? RECORD_WHY_EXPIRED : RECORD_WHY_DIED;
		if (over || ((h->flags & HOLDER_KEPT) == 0 && settle_is_dead(d->v, &h->who)))
			return h;
	}
	return NULL;
}

static void
settle_holders(struct decision *d)
{
	enum record_why why;
	struct record_holder *h;

	while ((h = find_over(d, &why)) != NULL) {
		if ((h->flags & HOLDER_KEPT) != 0)
			holder_remove(d->r, h);
		else
			settle_end(d, h, why);
	}
}

static void
settle_waiters(struct decision *d)
{
	for (unsigned i = d->r->n_waiters; i-- > 0;) {
		struct record_waiter *w = &d->r->waiter[i];

		if (settle_is_dead(d->v, &w->who) || is_over(d->v, w->renewed, w->ttl))
			turn_leave(d->r, w);
	}
}

static void
settle_endings(struct decision *d)
{
	const uint64_t long_enough = d->v->remember_ns != 0 ? d->v->remember_ns : REMEMBER_NS;
	unsigned old = 0;

	while (old < d->r->n_endings &&
	       settle_elapsed(d->v->now, d->r->ending[old].at) >= long_enough)
		old++;
	d->r->n_endings = (uint8_t)(d->r->n_endings - old);
	memmove(d->r->ending, d->r->ending + old, d->r->n_endings * sizeof(d->r->ending[0]));
}

void
settle(struct decision *d)
{
	restamp_all(d->r, d->v);
	settle_endings(d);
	settle_waiters(d);
	settle_holders(d);
}
