/* SPDX-License-Identifier: MIT */
/* Looking at the records of a store. */
#include "remote/floor.h"
#include "remote/frozen.h"
#include "remote/upkeep.h"
#include "remote/upkeep_inside.h"

#define SOON_NS  UINT64_C(2000000000)
#define LATER_NS UINT64_C(120000000000)

struct upkeep *
upkeep_open(const struct upkeep_parts *parts)
{
	struct upkeep *u = env_alloc(parts->env, sizeof(*u), LK_LINE);

	if (u == NULL)
		return NULL;
	u->p = *parts;
	u->n_known = u->n_dead = 0;
	return u;
}

void
upkeep_close(struct upkeep *u)
{
	if (u != NULL)
		env_free(u->p.env, u, sizeof(*u));
}

uint64_t
upkeep_soon(const struct upkeep *u)
{
	return env_now(u->p.env) + SOON_NS;
}

uint64_t
upkeep_later(const struct upkeep *u)
{
	return env_now(u->p.env) + LATER_NS;
}

/* ---------------------------------------------------------------------------- names */

bool
upkeep_set_name(struct upkeep *u, const void *name, size_t len, bool is_id)
{
	if (len == 0 || len > LK_NAME_MAX || (is_id && len != sizeof(uint64_t)))
		return false;
	u->name[0] = is_id ? 'i' : 'n';
	memcpy(u->name + 1, name, len);
	u->name_len = len + 1;
	return true;
}

bool
upkeep_name_of(const struct lk_store_record *r, struct upkeep_row *row)
{
	const unsigned char *bytes = r->name;

	if (bytes == NULL || r->len < 2 || r->len > UPKEEP_NAME ||
	    (bytes[0] != 'n' && bytes[0] != 'i') ||
	    (bytes[0] == 'i' && r->len != 1 + sizeof(uint64_t)))
		return false;
	row->name = bytes + 1;
	row->len = r->len - 1;
	row->is_id = bytes[0] == 'i';
	return true;
}

/* ------------------------------------------------------------------------- sessions */

static bool
is_known(const struct upkeep *u, const struct record_id *who)
{
	for (size_t i = 0; i < u->n_known; i++) {
		if (memcmp(&u->known[i], who, sizeof(*who)) == 0)
			return true;
	}
	return false;
}

static void
note(struct upkeep *u, const struct record_id *who, uint8_t flags)
{
	if ((flags & (HOLDER_DETACHED | HOLDER_KEPT)) != 0 || u->n_known == KNOWN_MOST ||
	    is_known(u, who))
		return;
	memcpy(&u->known[u->n_known++], who, sizeof(*who));
}

/* Those from `first` on are new: which are dead?  If the store does not say, they are not known. */
static void
ask_who_lives(struct upkeep *u, size_t first)
{
	unsigned char alive[KNOWN_MOST];
	const size_t n = u->n_known - first;

	if (n == 0)
		return;
	if (u->p.store->ops->session_alive(u->p.store, &u->known[first], n, alive,
					   upkeep_soon(u)) != 0) {
		u->n_known = first;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (alive[i] == 0) /* and stays it */
			memcpy(&u->dead[u->n_dead++], &u->known[first + i], sizeof(u->dead[0]));
	}
}

void
upkeep_know(struct upkeep *u, const struct record *r)
{
	size_t first;

	if (u->n_known + r->n_holders + r->n_waiters > KNOWN_MOST)
		u->n_known = u->n_dead = 0; /* what is forgotten is asked again */
	first = u->n_known;
	for (uint32_t i = 0; i < r->n_holders; i++)
		note(u, &r->holder[i].who, r->holder[i].flags);
	for (uint32_t i = 0; i < r->n_waiters; i++)
		note(u, &r->waiter[i].who, r->waiter[i].flags);
	ask_who_lives(u, first);
}

bool
upkeep_asks_whether_dead(struct upkeep *u, const struct record_id *who)
{
	const size_t first = u->n_known < KNOWN_MOST ? u->n_known : 0;

	if (first == 0)
		u->n_known = u->n_dead = 0;
	note(u, who, 0);
	ask_who_lives(u, first);
	return upkeep_is_dead(u, who);
}

bool
upkeep_is_dead(const struct upkeep *u, const struct record_id *who)
{
	for (size_t i = 0; i < u->n_dead; i++) {
		if (record_id_is(&u->dead[i], who))
			return true;
	}
	return false;
}

void
upkeep_forget(struct upkeep *u)
{
	u->n_known = u->n_dead = 0;
}

bool
upkeep_clock(struct upkeep *u, uint64_t *now, uint64_t *clock)
{
	if (u->p.store->ops->now(u->p.store, now, clock, upkeep_soon(u)) == 0)
		return true;
	*now = *clock = 0; /* then nothing is ever over by it (DE9) */
	return false;
}

struct decide_view
upkeep_view(struct upkeep *u)
{
	struct decide_view v = {
		.settings = u->p.settings,
		.lock_delay_ns = u->p.lock_delay_ns,
		.dead = u->dead,
		.n_dead = u->n_dead,
	};

	(void)upkeep_clock(u, &v.now, &v.clock);
	return v;
}

/* ------------------------------------------------------------------------- looking */

struct look {
	struct upkeep *u;
	upkeep_fn *fn;
	void *arg;
};

/* One record of a scan: nothing of the store's is locked. */
static int
tell(void *arg, const struct lk_store_record *r)
{
	const struct look *l = arg;
	struct upkeep *u = l->u;
	struct upkeep_row row = { .fault = RECORD_DAMAGED };

	if (!upkeep_name_of(r, &row))
		return r->name == NULL ? l->fn(l->arg, &row) : 0;
	if (r->status == 0 && r->old != NULL)
		row.fault = frozen_decode(&u->old, r->old, r->old_len, row.name, row.len);
	if (row.fault == RECORD_FINE)
		row.r = &u->old;
	return l->fn(l->arg, &row);
}

int
upkeep_each(struct upkeep *u, const void *prefix, size_t len, upkeep_fn *fn, void *arg)
{
	struct look l = { u, fn, arg };
	const struct lk_store_ops *ops = u->p.store->ops;
	unsigned char first[UPKEEP_NAME];
	int rc;

	if (len > LK_NAME_MAX)
		return 0;
	if (len == 0)
		return ops->scan(u->p.store, NULL, 0, tell, &l, upkeep_later(u));
	first[0] = 'n';
	memcpy(first + 1, prefix, len);
	rc = ops->scan(u->p.store, first, len + 1, tell, &l, upkeep_later(u));
	return rc;
}

static int
take(void *arg, struct lk_store_record *r, size_t n)
{
	struct upkeep *u = arg;

	(void)n;
	u->is_there = r->old_len != 0 || r->status != 0;
	u->fault = r->status != 0 ? RECORD_DAMAGED : RECORD_FINE;
	if (r->old_len != 0)
		u->fault = frozen_decode(&u->old, r->old, r->old_len, u->name + 1, u->name_len - 1);
	return 0;
}

int
upkeep_read(struct upkeep *u, const void *name, size_t len, bool is_id, upkeep_fn *fn, void *arg)
{
	struct lk_store_record r;
	struct upkeep_row row = { .len = len, .is_id = is_id };
	int rc;

	if (!upkeep_set_name(u, name, len, is_id))
		return LK_E_NAME;
	r = (struct lk_store_record){ .name = u->name, .len = u->name_len };
	u->is_there = false;
	rc = u->p.store->ops->read(u->p.store, &r, 1, take, u, upkeep_soon(u));
	if (rc != 0 && rc != LK_E_CORRUPT)
		return rc;
	if (rc == LK_E_CORRUPT) {
		u->is_there = true;
		u->fault = RECORD_DAMAGED;
	}
	row.name = u->name + 1;
	row.fault = u->fault;
	if (u->is_there && u->fault == RECORD_FINE)
		row.r = &u->old;
	return fn(arg, &row);
}

int
upkeep_update(struct upkeep *u, uint32_t flags, lk_store_change_fn *fn, void *arg)
{
	struct lk_store_record r = { .name = u->name, .len = u->name_len, .flags = flags };

	return u->p.store->ops->update(u->p.store, &r, 1, fn, arg, upkeep_soon(u));
}

/* ------------------------------------------------------------------ the whole store */

static int
take_floor(void *arg, struct lk_store_record *r, size_t n)
{
	struct floor f;

	(void)n;
	if (!floor_read(r, &f))
		return LK_E_CORRUPT;
	*(uint64_t *)arg = f.is;
	return 0;
}

int
upkeep_floor(struct upkeep *u, uint64_t *floor)
{
	struct lk_store_record r = { .name = "f", .len = 1, .flags = LK_STORE_DURABLE };

	*floor = 0;
	return u->p.store->ops->read(u->p.store, &r, 1, take_floor, floor, upkeep_soon(u));
}

struct raising {
	uint64_t floor;
	unsigned char bytes[FLOOR_BYTES];
};

static int
raise(void *arg, struct lk_store_record *r, size_t n)
{
	struct raising *raising = arg;

	(void)n;
	return floor_raise(r, raising->floor, raising->bytes);
}

int
upkeep_raise(struct upkeep *u, uint64_t floor)
{
	struct lk_store_record r = { .name = "f", .len = 1, .flags = LK_STORE_DURABLE };
	struct raising raising = { .floor = floor };

	return u->p.store->ops->update(u->p.store, &r, 1, raise, &raising, upkeep_soon(u));
}
