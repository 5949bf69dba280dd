/* SPDX-License-Identifier: MIT */
/* Units: taken with the hold, written down with the grant, given back with it; and the calls.  (SU1-SU8) */
#include "core/semaphore.h"
#include "core/acquire.h"
#include "core/pending.h"
#include "index/path.h"

uint32_t
semaphore_has(const struct lk_owner *w, const struct lk_resource *r)
{
	const uint32_t slot = hold_find(&w->holds, r);
	const struct hold *s;

	if (slot == SLOT_NONE)
		return 0;
	s = hold_at((struct holds *)(uintptr_t)&w->holds, slot);
	return hold_units(s, shim_load(&s->head, SHIM_RELAXED));
}

static int
pin_entry(struct lk_owner *w, const struct name *n, const struct request *q, struct lk_resource **r)
{
	const bool patient = (q->flags & LK_NOWAIT) == 0;
	struct index *x = &w->manager->index;
	struct glimpse g;

	if (index_glimpse(x, n, &g) && glimpse_pin(&g)) {
		*r = g.r;
		return 0;
	}
	switch (path_enter(x, &w->cache, n, patient, r)) {
	case INDEX_NOMEM:
		return LK_E_NOMEM;
	case INDEX_BUSY:
		owner_tally(w, &w->count.busy);
		return LK_E_BUSY;
	case INDEX_BAD_HASH:
		return LK_E_INVAL;
	case INDEX_HELD:
	case INDEX_PINNED:
		break;
	}
	return 0;
}

bool
semaphore_bring(struct lk_owner *w, const struct lk_resource *r, struct units *u)
{
	u->has = semaphore_has(w, r);
	u->of = slab_get(&w->manager->semaphores);
	return u->of != NULL;
}

int
semaphore_take(struct lk_owner *w, struct lk_resource *r, lk_mode from, lk_mode to, bool *seated,
	       struct request *q)
{
	const uint64_t waits = shim_load(&w->count.waits, SHIM_RELAXED);
	int rc;

	if (!semaphore_bring(w, r, &q->units))
		return LK_E_NOMEM;
	rc = request_wait(w, r, from, *seated ? seat_of(w, r) : NULL, to, q);
	if (rc == LK_E_BUSY || shim_load(&w->count.waits, SHIM_RELAXED) != waits)
		owner_tally(w, &w->count.contended);
	if (rc == 0)
		*seated = false;
	return rc;
}

/* Requests of its own that wait for more go by that.  (SU6) */
static void
change_hold(struct lk_owner *w, struct hold *hold, uint32_t to)
{
	const struct lk_resource *r = hold_resource(hold);

	shim_store(&hold_extra(hold)->all_units, to, SHIM_RELEASE);
	if (unlikely((w->pending_names & pending_bit(r)) != 0))
		pending_note_units(w, r);
}

static void
leave_hold(struct lk_owner *w, struct hold *hold, uint32_t n)
{
	change_hold(w, hold, shim_load(&hold_extra(hold)->all_units, SHIM_RELAXED) - n);
}

static void
join_hold(struct lk_owner *w, struct hold *hold, uint32_t n)
{
	change_hold(w, hold, shim_load(&hold_extra(hold)->all_units, SHIM_RELAXED) + n);
}

/* … out of it, for good or for another one. */
static uint32_t
take_out(struct lk_owner *w, struct hold *s)
{
	struct extra *e = hold_extra(s);
	const uint32_t n = shim_load(&e->units, SHIM_RELAXED);

	shim_store(&e->units, 0u, SHIM_RELEASE);
	e->flags &= ~EXTRA_UNITS;
	leave_hold(w, grant_hold(w, s), n);
	return n;
}

static void
put_in(struct lk_owner *w, struct hold *s, struct semaphore *of, uint32_t n)
{
	struct extra *e = hold_extra(s);

	e->flags |= EXTRA_UNITS;
	e->semaphore = of;
	shim_store(&e->units, n, SHIM_RELEASE);
	join_hold(w, grant_hold(w, s), n);
}

void
units_pass(struct lk_owner *w, struct hold *s, struct lk_owner *to, struct hold *taken)
{
	struct semaphore *of = hold_extra(s)->semaphore;

	put_in(to, taken, of, take_out(w, s));
}

/* The units that were taken for `q` go to its grant. */
static void
note(struct lk_owner *w, const struct request *q, lk_grant g)
{
	uint32_t slot;
	struct hold *s = grant_find(w, g, &slot);

	put_in(w, s, q->units.of, q->units.n);
}

/* With units: its way leads through the line, whoever is there.  (SU2) */
int
semaphore_acquire(struct lk_owner *w, const struct name *n, struct lk_resource *r,
		  struct request *q, lk_grant *out)
{
	int rc;

	rc = n != NULL ? pin_entry(w, n, q, &r) : 0;
	if (rc != 0)
		return rc;
	rc = acquire_pinned(w, r, q, out);
	if (rc == 0)
		note(w, q, *out);
	if (n != NULL)
		resource_unpin(r);
	return rc;
}

static void
give(struct lk_owner *w, struct semaphore *of, uint32_t n)
{
	const struct line_tally t = owner_line_tally(w);

	units_give(&w->manager->lot, of, n, &t);
}

void
semaphore_return(struct lk_owner *w, struct request *q)
{
	if (!q->units_counted)
		return;
	q->units_counted = false;
	give(w, q->units.of, q->units.n);
}

void
semaphore_end(struct lk_owner *w, struct hold *s)
{
	struct semaphore *of = hold_extra(s)->semaphore;

	give(w, of, take_out(w, s));
}

bool
semaphore_lacks(struct lk_manager *m, const struct lk_resource *r, uint32_t units)
{
	struct units_info i;

	return units != 0 && units_look(&m->lot, r, &i) && (uint64_t)i.used + units > i.permits;
}

/* --------------------------------------------------------------------- calls */

int
lk_acquire_units(struct lk_owner *w, const void *name, size_t len, uint32_t units, uint32_t permits,
		 const struct lk_options *o, lk_grant *out)
{
	struct lk_options with = LK_OPTIONS_INIT;
	int rc = o != NULL ? check_struct(o, o->size, sizeof(with)) : 0;

	if (rc != 0)
		return rc;
	if (o != NULL)
		memcpy(&with, o, o->size < sizeof(with) ? o->size : sizeof(with));
	if (units == 0 || with.units != 0 || with.permits != 0)
		return LK_E_INVAL; /* it is said once */
	with.size = sizeof(with);
	with.units = units;
	with.permits = permits;
	return lk_acquire_bytes(w, name, len, LK_IX, &with, out);
}

static int
info_named(struct lk_manager *m, const struct name *n, struct lk_semaphore_info *out)
{
	struct lk_semaphore_info info = { 0 };
	struct lk_resource *r = index_pin(&m->index, n);
	struct units_info i;

	if (r != NULL) {
		if (units_look(&m->lot, r, &i)) {
			info.permits = i.permits;
			info.used = i.used;
			info.waiting = i.waiting;
			info.wanted = i.wanted;
		}
		resource_unpin(r);
	}
	copy_struct(out, &info, sizeof(info));
	return 0;
}

int
lk_semaphore_info(struct lk_manager *m, const void *name, size_t len, struct lk_semaphore_info *out)
{
	struct name n;
	int rc = check_reading(m, out, sizeof(*out));

	if (rc != 0)
		return rc;
	if (name == NULL)
		return LK_E_INVAL;
	if (!name_set(&n, name, len, 0, m->index.seed))
		return LK_E_NAME;
	return info_named(m, &n, out);
}

int
lk_semaphore_info_id(struct lk_manager *m, uint64_t id, struct lk_semaphore_info *out)
{
	struct name n;
	int rc = check_reading(m, out, sizeof(*out));

	if (rc != 0)
		return rc;
	name_set_id(&n, &id, m->index.seed);
	return info_named(m, &n, out);
}
