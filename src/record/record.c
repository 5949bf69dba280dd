/* SPDX-License-Identifier: MIT */
/* A record in memory: made, copied, compared, searched; and what there can be in one.  (RF2, RF4) */
#include "record/record.h"

#include <string.h>

/* No gaps, so that bytes can be compared.  (RF4) */
_Static_assert(sizeof(struct record_holder) == 80 + RECORD_TAG, "a gap in record_holder");
_Static_assert(sizeof(struct record_waiter) == 80 + RECORD_TAG, "a gap in record_waiter");
_Static_assert(sizeof(struct record_ending) == 48, "a gap in record_ending");
_Static_assert(sizeof(struct record_value) == 24 + LK_VALUE_MAX, "a gap in record_value");
_Static_assert(RECORD_HOLDERS <= UINT8_MAX && RECORD_WAITERS <= UINT8_MAX, "counts are bytes");

void
record_init(struct record *r, const void *name, size_t name_len)
{
	memset(r, 0, offsetof(struct record, holder));
	r->name = name;
	r->name_len = (uint16_t)name_len;
}

void
record_copy(struct record *to, const struct record *from)
{
	memcpy(to, from, offsetof(struct record, holder));
	memcpy(to->holder, from->holder, from->n_holders * sizeof(to->holder[0]));
	memcpy(to->waiter, from->waiter, from->n_waiters * sizeof(to->waiter[0]));
}

static bool
same_head(const struct record *a, const struct record *b)
{
	return a->settings == b->settings && a->clock == b->clock && a->fence == b->fence &&
	       a->epoch == b->epoch && a->permits == b->permits && a->name_len == b->name_len &&
	       a->n_holders == b->n_holders && a->n_waiters == b->n_waiters &&
	       a->n_endings == b->n_endings && a->is_orphaned == b->is_orphaned;
}

bool
record_same(const struct record *a, const struct record *b)
{
	return same_head(a, b) && memcmp(a->name, b->name, a->name_len) == 0 &&
	       memcmp(&a->value, &b->value, sizeof(a->value)) == 0 &&
	       memcmp(a->ending, b->ending, a->n_endings * sizeof(a->ending[0])) == 0 &&
	       memcmp(a->holder, b->holder, a->n_holders * sizeof(a->holder[0])) == 0 &&
	       memcmp(a->waiter, b->waiter, a->n_waiters * sizeof(a->waiter[0])) == 0;
}

bool
record_is_idle(const struct record *r)
{
	return r->n_holders == 0 && r->n_waiters == 0 && r->n_endings == 0 && !r->is_orphaned &&
	       r->value.version == 0;
}

/* -------------------------------------------------------------------------- looking */

/* The entry of `who` that is kept, or that is not. */
static struct record_holder *
find_holder(const struct record *r, const struct record_id *who, unsigned kept)
{
	for (unsigned i = 0; i < r->n_holders; i++) {
		const struct record_holder *h = &r->holder[i];

		if ((h->flags & HOLDER_KEPT) == kept && record_id_is(&h->who, who))
			return (struct record_holder *)(uintptr_t)h;
	}
	return NULL;
}

struct record_holder *
record_holder_of(const struct record *r, const struct record_id *who)
{
	return find_holder(r, who, 0);
}

struct record_holder *
record_kept_of(const struct record *r, const struct record_id *who)
{
	return find_holder(r, who, HOLDER_KEPT);
}

struct record_waiter *
record_waiter_of(const struct record *r, const struct record_id *who)
{
	for (unsigned i = 0; i < r->n_waiters; i++) {
		if (record_id_is(&r->waiter[i].who, who))
			return (struct record_waiter *)(uintptr_t)&r->waiter[i];
	}
	return NULL;
}

struct record_ending *
record_ending_of(const struct record *r, const struct record_id *who)
{
	for (unsigned i = r->n_endings; i-- > 0;) { /* the latest */
		if (record_id_is(&r->ending[i].who, who))
			return (struct record_ending *)(uintptr_t)&r->ending[i];
	}
	return NULL;
}

lk_mode
record_held(const struct record *r, const struct record_id *who, uint32_t *units)
{
	const struct record_holder *h = record_holder_of(r, who);

	*units = h != NULL ? h->units : 0;
	return h != NULL ? (lk_mode)h->mode : LK_NL;
}

/* Units that others than `who` have. */
static uint64_t
units_of_others(const struct record *r, const struct record_id *who)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < r->n_holders; i++) {
		if (!record_id_is(&r->holder[i].who, who))
			sum += r->holder[i].units;
	}
	return sum;
}

uint32_t
record_asks(const struct record *r, const struct record_waiter *q)
{
	uint32_t has;

	if ((q->flags & WAITER_POOL) == 0)
		return q->units;
	(void)record_held(r, &q->who, &has);
	return has + (q->units - q->firm);
}

bool
record_in_way(const struct record *r, const struct record_holder *h, const struct record_id *who,
	      lk_mode want, uint32_t units)
{
	if (record_id_is(&h->who, who))
		return false;
	return (mode_conflicts(want) & MODE_BIT(h->mode)) != 0 ||
	       (units > 0 && h->units > 0 && units_of_others(r, who) + units > r->permits);
}

struct record_demand
record_demand_on(const struct record *r, const struct record_holder *h)
{
	struct record_demand d = { .mode = LK_NL };

	for (unsigned i = 0; i < r->n_waiters; i++) {
		const struct record_waiter *q = &r->waiter[i];

		if (!record_in_way(r, h, &q->who, (lk_mode)q->want, record_asks(r, q)))
			continue;
		d.mode = mode_supremum(d.mode, (lk_mode)q->want);
		d.units = q->units > d.units ? q->units : d.units;
		d.priority = d.n == 0 || q->priority > d.priority ? q->priority : d.priority;
		d.n++;
	}
	return d;
}

/* ---------------------------------------------------------------------- what can be */

static bool
is_nobody(const struct record_id *who)
{
	static const struct record_id nobody;

	return record_id_is(who, &nobody);
}

/* Numbers that were handed out: all below the fence of the record, the last included. */
static bool
fences_are_fine(const struct record *r, uint64_t fence, uint32_t n)
{
	if (fence == 0)
		return n == 0;
	return n > 0 && fence <= r->fence && r->fence - fence >= n - 1;
}

/* A lease goes with a holder that has one, and there is one where there must be. */
static bool
term_is_fine(const struct record_holder *h)
{
	const unsigned timed = h->flags & (HOLDER_DETACHED | HOLDER_KEPT);

	return timed == 0 ? h->lease == 0 && h->renewed == 0
			  : h->lease != 0 && timed != (HOLDER_DETACHED | HOLDER_KEPT);
}

static const char *
absurd_holder(const struct record *r, const struct record_holder *h)
{
	const unsigned known = HOLDER_DETACHED | HOLDER_KEPT | HOLDER_TOLD;

	if (is_nobody(&h->who) || h->born == 0 || h->request == 0)
		return "a holder without an id";
	if (!mode_valid((lk_mode)h->mode) || (h->flags & ~known) != 0 || h->tag_len > RECORD_TAG)
		return "a holder that is none";
	if (!term_is_fine(h))
		return "a lease where there is none";
	if (!fences_are_fine(r, h->fence, h->n_fences) ||
	    ((h->flags & HOLDER_KEPT) != 0 && h->fence != 0) ||
	    ((h->flags & HOLDER_KEPT) == 0 && h->fence == 0 && mode_writes((lk_mode)h->mode)))
		return "a fence that was not handed out";
	for (const struct record_holder *o = r->holder; o < h; o++) {
		if (!record_id_is(&o->who, &h->who)) {
			if ((mode_conflicts((lk_mode)o->mode) & MODE_BIT(h->mode)) != 0)
				return "holders in modes that conflict";
		} else if (((o->flags ^ h->flags) & HOLDER_KEPT) == 0) {
			return "a holder twice";
		}
	}
	return NULL;
}

/* What whoever waits in a session has is part of what the session has. */
static bool
firm_is_fine(const struct record_waiter *q, const struct record_holder *h)
{
	if ((q->flags & WAITER_POOL) == 0)
		return q->firm == 0;
	return q->firm <= q->units && q->firm <= (h != NULL ? h->units : 0);
}

static const char *
absurd_waiter(const struct record *r, const struct record_waiter *q)
{
	const struct record_holder *h = record_holder_of(r, &q->who);
	const bool detached = (q->flags & HOLDER_DETACHED) != 0;

	if (is_nobody(&q->who) || q->request == 0)
		return "a waiter without an id";
	if (!mode_valid((lk_mode)q->want) || (q->flags & ~(HOLDER_DETACHED | WAITER_POOL)) != 0 ||
	    q->tag_len > RECORD_TAG || q->n_fences == 0)
		return "a waiter that is none";
	if (detached != (q->lease != 0) || (detached && q->ttl == 0) ||
	    (h != NULL && detached != ((h->flags & HOLDER_DETACHED) != 0)))
		return "a waiter without a lease";
	if (!firm_is_fine(q, h))
		return "a waiter with units that its session does not have";
	for (const struct record_waiter *o = r->waiter; o < q; o++) {
		if (record_id_is(&o->who, &q->who))
			return "a waiter twice";
	}
	return NULL;
}

static const char *
absurd_units(const struct record *r)
{
	uint64_t used = 0;
	bool any = false;

	for (unsigned i = 0; i < r->n_holders; i++)
		used += r->holder[i].units;
	any = used > 0;
	for (unsigned i = 0; i < r->n_waiters; i++) {
		any |= r->waiter[i].units > 0;
		if (r->waiter[i].units > r->permits)
			return "a waiter for more units than there are";
	}
	if (any != (r->permits > 0) || r->permits > RECORD_PERMITS_MAX)
		return "permits of no semaphore";
	return used > r->permits ? "more units than permits" : NULL;
}

static const char *
absurd_rest(const struct record *r)
{
	const struct record_value *v = &r->value;

	if (r->fence >= RECORD_FENCE_MAX || r->generation >= RECORD_FENCE_MAX ||
	    v->version >= RECORD_FENCE_MAX)
		return "a number that is too large";
	if (v->len > LK_VALUE_MAX || v->is_invalid > 1 || (v->version != 0) != (v->request != 0))
		return "a value that is none";
	for (unsigned i = 0; i < r->n_endings; i++) {
		const struct record_ending *e = &r->ending[i];

		if (is_nobody(&e->who) || e->born == 0 || !mode_valid((lk_mode)e->mode) ||
		    e->why < RECORD_WHY_DIED || e->why > RECORD_WHY_BROKEN || e->fence > r->fence)
			return "an ending that is none";
	}
	return NULL;
}

const char *
record_absurdity(const struct record *r)
{
	const char *what = absurd_rest(r);

	for (unsigned i = 0; what == NULL && i < r->n_holders; i++)
		what = absurd_holder(r, &r->holder[i]);
	for (unsigned i = 0; what == NULL && i < r->n_waiters; i++)
		what = absurd_waiter(r, &r->waiter[i]);
	return what != NULL ? what : absurd_units(r);
}

const char *
record_fault_text(enum record_fault fault)
{
	static const char *const texts[RECORD_FAULTS] = {
		[RECORD_FINE] = "nothing is wrong",
		[RECORD_CUT] = "not as long as it says",
		[RECORD_ALIEN] = "not a record",
		[RECORD_DAMAGED] = "the checksum is wrong",
		[RECORD_NEWER] = "a format of later versions",
		[RECORD_MISNAMED] = "the record of another name",
		[RECORD_ABSURD] = "whole, but nothing that was ever decided",
	};

	return (unsigned)fault < RECORD_FAULTS ? texts[fault] : "?";
}
