/* SPDX-License-Identifier: MIT */
/* Value blocks.  (U1-U3) */
#include "core/value.h"
#include "core/call.h"
#include "core/leases.h"
#include "core/release.h"
#include "remote/values.h"

struct block {
	uint64_t version; /* 0: its first write is under way, with the latch held */
	uint32_t flags;
	uint32_t len;
	unsigned char bytes[LK_VALUE_MAX];
};

/* What is done with a block under its latch. */
struct touch {
	struct lk_manager *m;
	struct lk_value *out;
	const void *bytes;
	size_t len;
};

static struct table_key
key_of(const struct lk_manager *m, const struct lk_resource *r)
{
	struct table_key k;
	bool is_id;

	k.name = resource_name(r, &k.len, &is_id);
	k.hash = hash_bytes(k.name, k.len, m->index.seed);
	k.kind = is_id;
	return k;
}

static struct table *
values_made(struct lk_manager *m)
{
	return shim_load(&m->values, SHIM_ACQUIRE);
}

/* The table, made when it is first wanted; NULL: no memory. */
static struct table *
values_of(struct lk_manager *m)
{
	struct table *t = values_made(m);

	if (t != NULL)
		return t;
	latch_lock(&m->guards_latch);
	t = values_made(m);
	if (t == NULL) {
		t = table_create_of(&m->env, sizeof(struct block));
		shim_store(&m->values, (void *)t, SHIM_RELEASE);
	}
	latch_unlock(&m->guards_latch);
	return t;
}

static void
invalidate(void *arg, void *record)
{
	struct block *b = record;

	(void)arg;
	b->flags |= LK_VALUE_INVALID;
}

void
value_invalidate(struct lk_manager *m, const struct lk_resource *r)
{
	struct table *t = values_made(m);
	struct table_key k;

	if (m->remote != NULL)
		remote_value_invalidate(m->remote, r);
	if (t == NULL)
		return;
	k = key_of(m, r);
	(void)table_visit(t, &k, false, invalidate, NULL); /* (VB3) */
}

static void
copy_out(void *arg, void *record)
{
	struct touch *t = arg;
	const struct block *b = record;

	t->out->flags = b->flags;
	t->out->version = b->version;
	t->out->len = b->len;
	memcpy(t->out->bytes, b->bytes, sizeof(b->bytes));
}

static void
raise_last(struct lk_manager *m, uint64_t version)
{
	uint64_t last = shim_load(&m->last_version, SHIM_RELAXED);

	while (last < version && !shim_cas(&m->last_version, &last, version, SHIM_RELAXED))
		;
}

static void
copy_in(void *arg, void *record)
{
	const struct touch *t = arg;
	struct block *b = record;

	b->version = (b->version != 0 ? b->version : t->m->floor) + 1; /* (VB2) */
	b->flags = 0;
	b->len = (uint32_t)t->len;
	memset(b->bytes, 0, sizeof(b->bytes));
	if (t->len != 0)
		memcpy(b->bytes, t->bytes, t->len);
	raise_last(t->m, b->version);
}

static const struct hold *
hold_of(struct lk_owner *w, lk_grant g)
{
	uint32_t slot;
	struct hold *s = grant_find(w, g, &slot);

	return s != NULL ? grant_hold(w, s) : NULL;
}

/* By its own hold, or by one above that gives as much. */
static bool
may_write(struct lk_owner *w, const struct hold *s)
{
	const struct lk_resource *r = hold_resource(s);
	lk_mode mode = hold_effective(s);

	while ((r = resource_parent(r)) != NULL) {
		const uint32_t slot = hold_find(&w->holds, r);

		if (slot != SLOT_NONE)
			mode = mode_supremum(mode,
					     mode_below(hold_effective(hold_at(&w->holds, slot))));
	}
	return mode_writes(mode);
}

/* Where the store has it: with nothing latched, as it takes time.  (VB4) */
static int
read_abroad(struct lk_owner *w, lk_grant g, struct lk_value *value)
{
	const struct hold *s = hold_of(w, g);
	struct lk_resource *r;
	struct lk_owner *who;
	bool is_implied;
	int rc;

	if (s == NULL)
		return LK_E_STALE;
	is_implied = hold_is(s, HEAD_IMPLIED);
	r = hold_resource(s);
	resource_pin(r); /* of a family others may give it back meanwhile */
	who = call_away(w);
	rc = remote_value_read(w->manager->remote, r, is_implied, value);
	call_back(w, who);
	resource_unpin(r);
	return rc != 0 ? rc : leases_look(w, g);
}

static int
write_abroad(struct lk_owner *w, lk_grant g, const void *bytes, size_t len)
{
	const struct hold *s = hold_of(w, g);
	struct lk_resource *r;
	struct lk_owner *who;
	bool is_implied;
	int rc;

	if (s == NULL)
		return LK_E_STALE;
	if (!may_write(w, s))
		return LK_E_PERM;
	/* What it has of its own may be too weak, and what is above enough. */
	is_implied = hold_is(s, HEAD_IMPLIED) || !mode_writes(hold_effective(s));
	r = hold_resource(s);
	resource_pin(r);
	who = call_away(w);
	rc = remote_value_write(w->manager->remote, r, is_implied, bytes, len);
	call_back(w, who);
	resource_unpin(r);
	return rc != 0 ? rc : leases_look(w, g);
}

static int
read_value(struct lk_owner *w, lk_grant g, struct lk_value *value)
{
	struct touch touch = { .out = value };
	const struct hold *s = hold_of(w, g);
	struct table *t = values_made(w->manager);
	struct table_key k;

	if (s == NULL)
		return LK_E_STALE;
	if (t == NULL)
		return 0;
	k = key_of(w->manager, hold_resource(s));
	(void)table_visit(t, &k, false, copy_out, &touch);
	return 0;
}

int
lk_value_read(struct lk_owner *w, lk_grant g, struct lk_value *out)
{
	struct lk_value value = { 0 };
	struct lk_owner *h;
	int rc;

	if (w == NULL || out == NULL)
		return LK_E_INVAL;
	rc = check_struct(out, out->size, sizeof(value));
	if (rc == 0)
		rc = release_enter(w);
	if (rc != 0)
		return rc;
	h = call_holder(w);
	rc = leases_look(h, g);
	if (rc == 0)
		rc = h->manager->remote != NULL ? read_abroad(h, g, &value)
						: read_value(h, g, &value);
	call_end(w);
	if (rc == 0)
		copy_struct(out, &value, sizeof(value));
	return rc;
}

static int
write_value(struct lk_owner *w, lk_grant g, const void *bytes, size_t len)
{
	struct touch touch = { .m = w->manager, .bytes = bytes, .len = len };
	const struct hold *s = hold_of(w, g);
	struct table_key k;
	struct table *t;

	if (s == NULL)
		return LK_E_STALE;
	if (!may_write(w, s))
		return LK_E_PERM;
	t = values_of(w->manager);
	k = key_of(w->manager, hold_resource(s));
	if (t == NULL || !table_visit(t, &k, true, copy_in, &touch))
		return LK_E_NOMEM;
	return 0;
}

int
lk_value_write(struct lk_owner *w, lk_grant g, const void *bytes, size_t len)
{
	struct lk_owner *h;
	int rc;

	if (w == NULL || (bytes == NULL && len != 0) || len > LK_VALUE_MAX)
		return LK_E_INVAL;
	rc = release_enter(w);
	if (rc != 0)
		return rc;
	h = call_holder(w);
	rc = leases_look(h, g);
	if (rc == 0)
		rc = h->manager->remote != NULL ? write_abroad(h, g, bytes, len)
						: write_value(h, g, bytes, len);
	call_end(w);
	return rc;
}
