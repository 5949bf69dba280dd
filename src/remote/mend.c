/* SPDX-License-Identifier: MIT */
/* Records that are damaged, made anew.  (HR3, HR4, HR5) */
#include "remote/accord.h"
#include "remote/floor.h"
#include "remote/frozen.h"
#include "remote/upkeep_inside.h"

#define ROOM_ABOVE (UINT64_C(1) << 52) /* (HR3) */

/* ----------------------------------------------------------------------- one name's */

struct mend {
	struct upkeep *u;
	const struct upkeep_mend *how;
	struct decide_view v;
	uint64_t above; /* and the floor, which comes with the step */
	struct record_id nobody;
};

static uint64_t
most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Nobody's, and kept from all for a while: who had it sees that it is not his any more.  (HR4) */
static void
keep(struct record *r, const struct mend *d)
{
	struct record_holder *h = &r->holder[0];

	memset(h, 0, sizeof(*h));
	h->who = d->nobody;
	h->born = h->request = 1;
	h->since = h->renewed = d->v.now;
	h->lease = d->how->keep_ns;
	h->mode = LK_X;
	h->flags = HOLDER_KEPT;
	r->n_holders = 1;
}

static int
make_anew(void *arg, struct lk_store_record *r, size_t n)
{
	struct mend *d = arg;
	struct upkeep *u = d->u;
	struct record *fresh = &u->fresh;
	enum record_fault fault = r->status != 0 ? RECORD_DAMAGED : RECORD_FINE;
	struct floor floor;

	(void)n;
	if (r->old_len != 0)
		fault = frozen_decode(&u->old, r->old, r->old_len, u->name + 1, u->name_len - 1);
	if (fault == RECORD_FINE)
		return UPKEEP_FINE; /* (HR5) */
	if (fault == RECORD_NEWER)
		return LK_E_VERSION;
	if (!floor_read(&r[1], &floor))
		return LK_E_CORRUPT;
	if (floor.state != FLOOR_HERE)
		return floor.state == FLOOR_GONE ? LK_E_MOVED : LK_E_BUSY; /* (MV1) */
	record_init(fresh, u->name + 1, u->name_len - 1);
	fresh->fence = most(d->above, floor.is) + ROOM_ABOVE;
	fresh->generation = fresh->fence;
	fresh->settings = d->v.settings;
	fresh->clock = d->v.clock;
	fresh->is_orphaned = 1;
	if (d->how->keep_ns != 0 && d->v.clock != 0)
		keep(fresh, d);
	if (fresh->fence >= RECORD_FENCE_MAX - 1)
		return LK_E_LIMIT;
	r->fresh_len = record_encode(fresh, u->bytes);
	r->fresh = u->bytes;
	r->changed = 1;
	return 0;
}

int
upkeep_mend(struct upkeep *u, const void *name, size_t len, bool is_id,
	    const struct upkeep_mend *how)
{
	struct mend d = { .u = u, .how = how, .above = most(how->above, shim_wall_ms() << 20) };
	struct lk_store_record r[2];

	if (!upkeep_set_name(u, name, len, is_id))
		return LK_E_NAME;
	d.v = upkeep_view(u);
	for (size_t i = 0; i < sizeof(d.nobody.byte); i++)
		d.nobody.byte[i] = (uint8_t)(env_random(u->p.env) | 1);
	r[0] = (struct lk_store_record){ .name = u->name,
					 .len = u->name_len,
					 .flags = LK_STORE_REPAIR };
	r[1] = (struct lk_store_record){ .name = "f", .len = 1, .flags = LK_STORE_DURABLE };
	return u->p.store->ops->update(u->p.store, r, 2, make_anew, &d, upkeep_soon(u));
}

/* ------------------------------------------------------------------------ the floor */

bool
upkeep_floor_is_damaged(struct upkeep *u)
{
	uint64_t floor;

	return upkeep_floor(u, &floor) == LK_E_CORRUPT;
}

static int
find_highest(void *arg, const struct upkeep_row *row)
{
	uint64_t *highest = arg;

	if (row->r != NULL)
		*highest = most(*highest, most(row->r->fence, row->r->generation));
	return 0;
}

static int
put_floor(void *arg, struct lk_store_record *r, size_t n)
{
	struct floor f;

	(void)n;
	if (floor_read(r, &f))
		return UPKEEP_FINE; /* (HR5) */
	r->fresh = arg;
	r->fresh_len = sizeof(uint64_t);
	r->changed = 1;
	return 0;
}

int
upkeep_mend_floor(struct upkeep *u)
{
	struct lk_store_record r = { .name = "f",
				     .len = 1,
				     .flags = LK_STORE_DURABLE | LK_STORE_REPAIR };
	uint64_t floor = shim_wall_ms() << 20;
	int rc = upkeep_each(u, NULL, 0, find_highest, &floor);

	if (rc != 0)
		return rc;
	floor += ROOM_ABOVE;
	if (floor >= RECORD_FENCE_MAX - 1)
		return LK_E_LIMIT;
	return u->p.store->ops->update(u->p.store, &r, 1, put_floor, &floor, upkeep_soon(u));
}

/* ------------------------------------------------------------- what managers agree on */

int
upkeep_others(struct upkeep *u, size_t *n)
{
	return accord_others(u->p.env, u->p.store, &u->p.me, n);
}

int
upkeep_mend_accord(struct upkeep *u)
{
	return accord_mend(u->p.store, upkeep_soon(u));
}
