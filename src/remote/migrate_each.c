/* SPDX-License-Identifier: MIT */
/* The records of a store that is moved, one after the other: frozen, copied, removed. */
#include <string.h>

#include "remote/frozen.h"
#include "remote/migrate.h"

/* Not a record of a lock's name? */
static bool
is_name(const struct lk_store_record *r)
{
	const unsigned char *name = r->name;

	return r->len > 1 && r->len <= LK_NAME_MAX + 1 && (name[0] == 'n' || name[0] == 'i');
}

static bool
is_token(const struct lk_store_record *r)
{
	return r->len == 1 + sizeof(struct record_id) && *(const unsigned char *)r->name == 'd';
}

/* What a program keeps beside a lock: the value of a key of `latchkey stdio`. */
static bool
is_note(const struct lk_store_record *r)
{
	return r->len >= 1 && r->len <= LK_NAME_MAX + 1 && *(const unsigned char *)r->name == 'k';
}

/* Settings that are stored with the locks. */
static bool
is_settings(const struct lk_store_record *r)
{
	return r->len == 1 && *(const unsigned char *)r->name == 'c';
}

static void
set_name(struct migrate *g, const struct lk_store_record *r)
{
	memcpy(g->name, r->name, r->len);
	g->name_len = r->len;
}

static void
note_height(struct migrate *g, const struct record *r)
{
	g->highest = r->fence > g->highest ? r->fence : g->highest;
	g->highest = r->generation > g->highest ? r->generation : g->highest;
}

/* A hold that needs no session: it is for a token, or kept from all for a while. */
static bool
is_nobodys(const struct record_holder *h)
{
	return (h->flags & (HOLDER_DETACHED | HOLDER_KEPT)) != 0;
}

static bool
is_held(const struct record *r)
{
	for (uint32_t i = 0; i < r->n_holders; i++) {
		if (!is_nobodys(&r->holder[i]))
			return true;
	}
	return false;
}

static bool
has_tokens(const struct record *r)
{
	for (uint32_t i = 0; i < r->n_holders; i++) {
		if (is_nobodys(&r->holder[i]))
			return true;
	}
	return false;
}

static bool
has_units(const struct record *r)
{
	uint32_t units = 0;

	for (uint32_t i = 0; i < r->n_holders; i++)
		units |= r->holder[i].units;
	return units != 0;
}

static int
decode(struct migrate *g, const struct lk_store_record *r, struct record *out)
{
	const struct thawed t = frozen_look(r->old, r->old_len);

	if (r->status != 0)
		return LK_E_CORRUPT;
	return record_fault_code(record_decode(out, t.bytes, t.len, g->name + 1, g->name_len - 1));
}

static struct record_id
me(const struct migrate_side *s)
{
	struct record_id id;

	memcpy(&id, &s->id, sizeof(id));
	return id;
}

/* ------------------------------------------------------------------------- freezing */

/* What came of a step. */
struct freeze {
	struct migrate *g;
	struct decide_view v;
	bool is_frozen;
	bool is_changed; /* by the latest decision */
};

/* Of one session, in a record that has these settings. */
static int
decide_as(struct freeze *z, const struct record *old, enum decide_op op, lk_mode mode,
	  struct record *fresh)
{
	struct migrate *g = z->g;
	struct decide_outcome out;
	const struct decide_request q = {
		.op = op,
		.flags = op == DECIDE_ACQUIRE   ? DECIDE_WAIT
			 : op == DECIDE_RELEASE ? DECIDE_UNHEARD
						: 0u,
		.name = g->name + 1,
		.name_len = g->name_len - 1,
		.who = me(&g->from),
		.request = g->out->attempts + 1,
		.mode = mode,
		.n_fences = 1,
		.tag = "latchkey migrate",
		.tag_len = 16,
	};

	int rc;

	z->v.settings = old->settings;
	rc = decide(old, &q, &z->v, fresh, &out);
	z->is_changed = rc == 0 && out.changed;
	return rc;
}

/*
 * What is over is over; then, if no session but ours has anything in it, what is left without us and without those who wait.
 * Else, in line.  In `fresh`; true: it may be frozen.
 */
static int
settle(struct freeze *z, bool *is_free)
{
	struct migrate *g = z->g;
	const struct record_id id = me(&g->from);
	int rc = decide_as(z, &g->old, DECIDE_SWEEP, LK_NL, &g->spare);
	const bool is_ours = rc == 0 && record_holder_of(&g->spare, &id) != NULL;

	*is_free = rc == 0 && (is_ours || !is_held(&g->spare));
	if (rc != 0)
		return rc;
	if (!*is_free)
		return decide_as(z, &g->old, DECIDE_ACQUIRE, LK_X, &g->fresh);
	memset(g->spare.waiter, 0, g->spare.n_waiters * sizeof(g->spare.waiter[0]));
	memset(g->spare.ending, 0, sizeof(g->spare.ending));
	g->spare.n_waiters = g->spare.n_endings = 0;
	g->spare.permits = has_units(&g->spare) ? g->spare.permits : 0;
	if (is_ours)
		return decide_as(z, &g->spare, DECIDE_RELEASE, LK_NL, &g->fresh);
	record_copy(&g->fresh, &g->spare);
	return 0;
}

static int
freeze_one(void *arg, struct lk_store_record *r, size_t n)
{
	struct freeze *z = arg;
	struct migrate *g = z->g;
	struct thawed t;
	struct floor f;
	bool is_free;
	int rc;

	(void)n;
	z->is_frozen = true;
	if (!floor_read(&r[1], &f))
		return LK_E_CORRUPT;
	if (f.state != FLOOR_LEAVES || !record_id_is(&f.move, &g->move))
		return LK_E_LOST; /* (MV2) */
	if (r->old_len == 0)
		return 0; /* a sweep has removed it, and nobody makes it anew (MV1) */
	rc = decode(g, r, &g->old);
	t = frozen_look(r->old, r->old_len);
	if (rc != 0 || (t.is_frozen && record_id_is(&t.move, &g->move)))
		return rc;
	rc = settle(z, &is_free);
	if (rc != 0)
		return rc;
	z->is_frozen = is_free;
	if (!is_free && !z->is_changed)
		return 0; /* it stands in the line already */
	r->fresh = g->bytes;
	r->fresh_len = is_free ? frozen_encode(&g->fresh, &g->move, g->bytes)
			       : record_encode(&g->fresh, g->bytes);
	r->changed = r->fresh_len != 0;
	return r->changed ? 0 : LK_E_LIMIT;
}

struct pass {
	struct migrate *g;
	uint64_t n;
	uint64_t in_use;
};

static int
freeze(void *arg, const struct lk_store_record *row)
{
	struct pass *p = arg;
	struct migrate *g = p->g;
	struct freeze z = { .g = g };
	struct lk_store_record r[2] = { { .name = g->name },
					{ .name = "f", .len = 1, .flags = LK_STORE_DURABLE } };
	struct lk_store *store = g->from.store;
	struct thawed t;
	int rc;

	if (row->name == NULL)
		return LK_E_CORRUPT;
	if (!is_name(row))
		return 0;
	set_name(g, row);
	p->n++;
	rc = decode(g, row, &g->old);
	t = frozen_look(row->old, row->old_len);
	if (rc != 0 || (t.is_frozen && record_id_is(&t.move, &g->move)))
		return rc;
	upkeep_know(g->from.u, &g->old);
	z.v = upkeep_view(g->from.u);
	r[0].len = g->name_len;
	do {
		rc = store->ops->update(store, r, 2, freeze_one, &z, migrate_soon(g));
	} while (migrate_again(g, rc));
	p->in_use += rc == 0 && !z.is_frozen;
	return rc == 0 ? migrate_stay(g) : rc;
}

/* All sessions are asked about anew, in each pass. */
int
migrate_freeze_all(struct migrate *g, uint64_t *in_use)
{
	struct pass p = { .g = g };
	struct lk_store *store = g->from.store;
	int rc;

	upkeep_forget(g->from.u);
	rc = store->ops->scan(store, NULL, 0, freeze, &p, upkeep_later(g->from.u));
	*in_use = p.in_use;
	g->out->names = p.n;
	return rc;
}

/* ----------------------------------------------------------------------- withdrawing */

static int
withdraw_one(void *arg, struct lk_store_record *r, size_t n)
{
	struct freeze *z = arg;
	struct migrate *g = z->g;
	const struct record_id id = me(&g->from);
	int rc;

	(void)n;
	if (r->old_len == 0 || frozen_look(r->old, r->old_len).is_frozen ||
	    decode(g, r, &g->old) != 0)
		return 0;
	if (record_waiter_of(&g->old, &id) == NULL && record_holder_of(&g->old, &id) == NULL)
		return 0;
	rc = decide_as(z, &g->old, DECIDE_RELEASE, LK_NL, &g->fresh);
	r->fresh = g->bytes;
	r->fresh_len = record_encode(&g->fresh, g->bytes);
	r->changed = 1;
	return rc;
}

static int
withdraw(void *arg, const struct lk_store_record *row)
{
	struct migrate *g = arg;
	const struct record_id id = me(&g->from);
	struct freeze z = { .g = g };
	struct lk_store_record r = { .name = g->name };
	struct lk_store *store = g->from.store;
	int rc;

	if (row->name == NULL || !is_name(row))
		return 0;
	set_name(g, row);
	if (decode(g, row, &g->old) != 0 ||
	    (record_waiter_of(&g->old, &id) == NULL && record_holder_of(&g->old, &id) == NULL))
		return 0;
	z.v = upkeep_view(g->from.u);
	r.len = g->name_len;
	rc = store->ops->update(store, &r, 1, withdraw_one, &z, migrate_soon(g));
	return rc == LK_E_UNKNOWN ? 0 : rc;
}

int
migrate_withdraw(struct migrate *g)
{
	struct lk_store *store = g->from.store;

	return store->ops->scan(store, NULL, 0, withdraw, g, upkeep_later(g->from.u));
}

/* --------------------------------------------------------------------------- copying */

/* Bytes for a record of one side, … */
struct put {
	const struct migrate_side *side;
	const void *bytes;
	size_t len;
};

/* … as long as it is what we know it to be: who was slow does nothing to a store that is in use again.  (MI5) */
static int
put(void *arg, struct lk_store_record *r, size_t n)
{
	const struct put *p = arg;
	struct floor f;

	(void)n;
	if (!floor_read(&r[1], &f))
		return LK_E_CORRUPT;
	if (!floor_is(&f, &p->side->floor))
		return LK_E_LOST;
	r->fresh = p->bytes;
	r->fresh_len = p->len;
	r->changed = 1;
	return 0;
}

/* The record whose name was set. */
static int
write_to(struct migrate *g, const struct migrate_side *side, const void *bytes, size_t len)
{
	struct lk_store_record r[2] = {
		{ .name = g->name, .len = g->name_len, .flags = len == 0 ? LK_STORE_REPAIR : 0 },
		{ .name = "f", .len = 1, .flags = LK_STORE_DURABLE }
	};
	struct put p = { side, bytes, len };
	int rc;

	do {
		rc = side->store->ops->update(side->store, r, 2, put, &p, migrate_soon(g));
	} while (migrate_again(g, rc));
	return rc;
}

/* Times are of another clock: what has an end gets all its time again. */
static void
set_clock(struct migrate *g, struct record *r)
{
	r->clock = g->to_clock;
	for (uint32_t i = 0; i < r->n_holders; i++) {
		r->holder[i].since = g->to_now;
		r->holder[i].renewed = g->to_now;
	}
}

static int
copy_name(struct migrate *g, const struct lk_store_record *row)
{
	const struct thawed t = frozen_look(row->old, row->old_len);
	int rc = decode(g, row, &g->old);

	if (rc != 0)
		return rc;
	if (!t.is_frozen || !record_id_is(&t.move, &g->move))
		return LK_E_LOST; /* somebody has thawed it */
	note_height(g, &g->old);
	if (record_is_idle(&g->old))
		return 0; /* the floor says all that there is to say of it (DE8) */
	if (has_tokens(&g->old) && g->to_clock == 0)
		return migrate_say(g, LK_E_UNSUPPORTED, "%s has no clock for the leases of tokens",
				   g->to.name);
	set_clock(g, &g->old);
	rc = write_to(g, &g->to, g->bytes, record_encode(&g->old, g->bytes));
	g->out->copied += rc == 0;
	return rc;
}

static int
copy(void *arg, const struct lk_store_record *row)
{
	struct migrate *g = arg;
	int rc = 0;

	if (row->name == NULL || row->status != 0)
		return LK_E_CORRUPT;
	set_name(g, row);
	if (is_name(row)) {
		rc = copy_name(g, row);
	} else if (is_token(row) || is_note(row) || is_settings(row)) {
		memcpy(g->bytes, row->old, row->old_len);
		rc = write_to(g, &g->to, g->bytes, row->old_len);
		g->out->tokens += rc == 0 && is_token(row);
	}
	return rc == 0 ? migrate_stay(g) : rc;
}

int
migrate_copy_all(struct migrate *g)
{
	struct lk_store *store = g->from.store;

	g->out->copied = g->out->tokens = 0;
	(void)upkeep_clock(g->to.u, &g->to_now, &g->to_clock);
	return store->ops->scan(store, NULL, 0, copy, g, upkeep_later(g->from.u));
}

/* -------------------------------------------------------------------------- clearing */

struct clearing {
	struct migrate *g;
	struct migrate_side *side;
};

static int
clear(void *arg, const struct lk_store_record *row)
{
	const struct clearing *c = arg;
	int rc;

	if (row->name == NULL)
		return LK_E_CORRUPT;
	if (!is_name(row) && !is_token(row) && !is_note(row) &&
	    !(is_settings(row) && c->side == &c->g->from))
		return 0;
	set_name(c->g, row);
	rc = write_to(c->g, c->side, NULL, 0);
	return rc == 0 ? migrate_stay(c->g) : rc;
}

int
migrate_clear(struct migrate *g, struct migrate_side *side)
{
	struct clearing c = { g, side };

	return side->store->ops->scan(side->store, NULL, 0, clear, &c, upkeep_later(side->u));
}

/* -------------------------------------------------------------------------- counting */

struct counting {
	struct migrate *g;
	struct migrate_side *side;
	uint64_t *names;
	uint64_t *needed;
	uint64_t *in_use;
};

static bool
is_used(struct upkeep *u, const struct record *r)
{
	for (uint32_t i = 0; i < r->n_holders; i++) {
		if (!is_nobodys(&r->holder[i]) && !upkeep_is_dead(u, &r->holder[i].who))
			return true;
	}
	for (uint32_t i = 0; i < r->n_waiters; i++) {
		if (!upkeep_is_dead(u, &r->waiter[i].who))
			return true;
	}
	return false;
}

static int
count(void *arg, const struct lk_store_record *row)
{
	const struct counting *c = arg;
	struct migrate *g = c->g;
	bool used;

	if (row->name == NULL)
		return LK_E_CORRUPT;
	if (!is_name(row))
		return 0;
	set_name(g, row);
	if (decode(g, row, &g->old) != 0)
		return LK_E_CORRUPT;
	upkeep_know(c->side->u, &g->old);
	note_height(g, &g->old);
	used = is_used(c->side->u, &g->old);
	++*c->names;
	*c->in_use += used;
	*c->needed +=
		used || has_tokens(&g->old) || g->old.value.version != 0 || g->old.is_orphaned != 0;
	return 0;
}

int
migrate_count(struct migrate *g, struct migrate_side *side, uint64_t *names, uint64_t *needed,
	      uint64_t *in_use)
{
	struct counting c = { g, side, names, needed, in_use };

	*names = *needed = *in_use = 0;
	upkeep_forget(side->u);
	return side->store->ops->scan(side->store, NULL, 0, count, &c, upkeep_later(side->u));
}
