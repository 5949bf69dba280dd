/* SPDX-License-Identifier: MIT */
/*
 * Units of semaphores (SU1-SU10): what the book says is taken is never more than there are; and when nobody can go on
 * by himself, what a semaphore counts is what grants have and requests want, and nobody waits for what is there.
 */
#include "core/semaphore.h"
#include "core/settle.h"
#include "play.h"

/* ------------------------------------------------------------------- the book */

/* By what calls returned, all that have units of the name together. */
void
units_check_book(const struct entry_of_book *e)
{
	unsigned used = 0;

	for (unsigned i = 0; e->units != 0 && i < BOOK_MAX; i++) {
		const struct entry_of_book *other = &play.book[i];

		if (!other->held || other->units == 0 || other->name != e->name ||
		    leased_is_over(other))
			continue;
		if (other->permits != e->permits)
			fail("%s has units of %u and of %u", play_script->name[e->name],
			     other->permits, e->permits);
		used += other->units;
	}
	if (used > e->permits)
		fail("%u units of %s are taken, and there are %u (SU3)", used,
		     play_script->name[e->name], e->permits);
}

/* ------------------------------------------------------- what there is of them */

static const struct semaphore *
semaphore_of(const struct lk_resource *r)
{
	const struct lot_bucket *b = check_lot_bucket(r);
	const struct semaphore *found = NULL;
	struct cds_list_head *node;

	cds_list_for_each(node, &b->semaphores)
	{
		const struct semaphore *s = container_of(node, struct semaphore, node);

		if (s->r == r && found != NULL)
			fail("a name has two semaphores (SU1)");
		if (s->r == r)
			found = s;
	}
	return found;
}

/* A process uses no more of them than the record gives it.  (SU9, CO2) */
static void
check_reserve(const struct semaphore *s)
{
	uint32_t units;

	if (abroad_has_units(s->r, &units) && s->reserve > units)
		fail("a process may use %u units, and the record says %u (SU9)", s->reserve, units);
}

void
units_check_reserve(const struct lk_resource *r)
{
	const struct semaphore *s = semaphore_of(r);

	if (s != NULL)
		check_reserve(s);
}

/* The latch of a line opens: what it guards is as it should be.  (SU1, SU3) */
static void
check_bucket(const struct lot_bucket *b)
{
	struct cds_list_head *node;

	cds_list_for_each(node, &b->semaphores)
	{
		const struct semaphore *s = container_of(node, struct semaphore, node);

		if (s->used > s->permits || s->used > s->reserve)
			fail("%u units are taken of %u, of %u (SU3, SU9)", s->used, s->reserve,
			     s->permits);
		if (s->used == 0 && s->waiting == 0 && (play.m->remote == NULL || s->reserve == 0))
			fail("a semaphore is there for nobody (SU1, SU9)");
		if (play.m->remote != NULL)
			check_reserve(s);
	}
}

void
units_written(uintptr_t at, uint64_t is)
{
	const struct lot *l;
	size_t offset;

	if (play.m == NULL || !sched_in_fiber() || is != LATCH_FREE)
		return;
	l = &play.m->lot;
	offset = at - (uintptr_t)l->bucket;
	if (offset < (l->mask + (size_t)1) * sizeof(*l->bucket) &&
	    offset % sizeof(*l->bucket) == offsetof(struct lot_bucket, latch.word))
		check_bucket(&l->bucket[offset / sizeof(*l->bucket)]);
}

/* The extra of the grant in a slot, if that is on `r`; or NULL. */
static const struct extra *
extra_in_slot(struct lk_owner *w, uint32_t slot, const struct lk_resource *r)
{
	struct hold *s = hold_at(&w->holds, slot);
	const uint64_t head = s->head.v;

	if (head == 0 || (head & HEAD_EXTRA) == 0 || hold_resource(grant_hold(w, s)) != r)
		return NULL;
	return hold_extra(s);
}

/* When nobody is in the middle of it. */
static void
check_slots(struct lk_owner *w, const struct lk_resource *r)
{
	for (uint32_t i = 0; i < w->holds.n_slots.v; i++) {
		const struct extra *e = extra_in_slot(w, i, r);

		if (e == NULL)
			continue;
		if (e->units.v != 0 && hold_is(grant_hold(w, hold_at(&w->holds, i)), HEAD_IMPLIED))
			fail("an implied grant has units (SU8)");
		if ((e->units.v != 0) != ((e->flags & EXTRA_UNITS) != 0))
			fail("an extra says otherwise of its units (SU7)");
	}
}

/* All that an owner has of a name, by its grants. */
static uint64_t
units_by_grants(struct lk_owner *w, const struct lk_resource *r)
{
	uint64_t all = 0;

	for (uint32_t i = 0; i < w->holds.n_slots.v; i++) {
		const struct extra *e = extra_in_slot(w, i, r);

		all += e != NULL ? e->units.v : 0;
	}
	return all;
}

struct sum {
	const struct lk_resource *r;
	uint64_t units;
};

static void
add_owner(struct lk_owner *w, void *arg)
{
	struct sum *sum = arg;
	const uint64_t all = units_by_grants(w, sum->r);
	struct cds_list_head *node;

	check_slots(w, sum->r);
	if (semaphore_has(w, sum->r) != all)
		fail("a hold says that it has %u units, and its grants have %llu (SU7)",
		     semaphore_has(w, sum->r), (unsigned long long)all);
	sum->units += all;
	if (w->n_pending == 0)
		return;
	cds_list_for_each(node, &w->pending)
	{
		struct pending *s = pending_of(node); /* granted, and not settled */

		if (s->phase == PENDING_WAITS && s->is_joined && s->q.units.n != 0 &&
		    pending_state(s) == WAITER_GRANTED && pending_for_units(s)->r == sum->r)
			sum->units += s->q.units.n;
	}
}

static void
check_waiters(const struct lk_resource *r, const struct semaphore *s)
{
	const struct lot_bucket *b = check_lot_bucket(r);
	struct cds_list_head *node;
	uint64_t wanted = 0;
	unsigned waiting = 0;

	cds_list_for_each(node, &b->waiters)
	{
		const struct waiter *q = container_of(node, struct waiter, node);

		if (q->r != r || q->units.n == 0)
			continue;
		if (q->units.of != s)
			fail("who waits for units knows another semaphore, or there is none (SU1)");
		if (q->units.has != semaphore_has(q->party->owner.v, r))
			fail("who waits for units says that it has %u, and has %u (SU6)",
			     q->units.has, semaphore_has(q->party->owner.v, r));
		waiting++;
		wanted += q->units.n;
	}
	if (s != NULL && (s->waiting != waiting || s->wanted != wanted))
		fail("a semaphore counts %u who wait for %llu, there are %u who want %llu (SU1)",
		     s->waiting, (unsigned long long)s->wanted, waiting,
		     (unsigned long long)wanted);
}

void
units_check(const struct lk_resource *r)
{
	const struct semaphore *s = semaphore_of(r);
	struct sum sum = { r, 0 };

	manager_each_owner(play.m, add_owner, &sum);
	if ((s != NULL ? s->used : 0) != sum.units)
		fail("a semaphore counts %u units, its holders have %llu (SU3)",
		     s != NULL ? s->used : 0, (unsigned long long)sum.units);
	check_waiters(r, s);
	if (s != NULL && play.m->remote != NULL && s->reserve > s->used && !abroad_has_cover(r))
		fail("units are kept of a name that this process does not have (SU9)");
}

bool
units_are_there(const struct waiter *q)
{
	return q->units.n == 0 || q->units.of->reserve - q->units.of->used >= q->units.n;
}

/* ------------------------------------------------------------------ the graph */

/* Without what `w` has, there is too little for `q`, beside what its own owner has. */
bool
units_in_the_way(struct lk_owner *w, const struct waiter *q)
{
	const struct lk_owner *own = q->party->owner.v;
	const uint64_t theirs = units_by_grants(w, q->r);
	uint64_t free = q->units.permits;

	if (q->units.n == 0 || theirs == 0 || w == own)
		return false;
	free -= theirs;
	return free < units_by_grants((struct lk_owner *)(uintptr_t)own, q->r) + q->units.n;
}
