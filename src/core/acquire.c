/* SPDX-License-Identifier: MIT */
/*
 * Acquire: from a name or a handle to a grant.
 *
 *   by name    index_glimpse -> one compare-and-swap -> is it still that name? -> grant_write
 *   by handle                   one compare-and-swap                            -> grant_write
 *
 * When that does not work out: index_enter() makes the entry or pins it, and request_wait() joins the
 * line.  Whatever fails later leaves nothing behind.
 */
#include "core/grant.h"
#include "core/release.h"

static int
reserve(struct lk_owner *w)
{
	switch (holds_reserve(&w->holds)) {
	case ROOM_OK:
		return 0;
	case ROOM_NOMEM:
		return LK_E_NOMEM;
	case ROOM_LIMIT:
		break;
	}
	tally(&w->count.limits);
	return LK_E_LIMIT;
}

static int
written(struct lk_owner *w, struct lk_resource *r, struct request *q, lk_grant *out)
{
	lk_grant g = grant_write(w, r, q->mode, q);

	q->extra = NULL; /* the slot's now */
	if (out != NULL)
		*out = g;
	return 0;
}

/* A hold that turned out to be on another name goes back like any other (R3). */
static void
undo(struct lk_owner *w, struct lk_resource *r, lk_mode mode)
{
	release_word(w, r, mode, LK_NL);
}

/* Take what was glimpsed, if the word still is of the entry that we read the name of. */
static bool
take_glimpsed(struct glimpse *g, lk_mode mode)
{
	uint64_t w = g->word;

	do {
		if (unlikely(((w ^ g->word) & WORD_GEN_MASK) != 0 || (w & WORD_STOP) != 0) ||
		    unlikely(!word_admits(w, LK_NL, mode)))
			return false;
	} while (unlikely(!shim_cas(&g->r->word, &w, w + word_row[mode].add, SHIM_ACQ_REL)));
	return true;
}

enum glimpsed { GLIMPSED_TAKEN, GLIMPSED_HELD, GLIMPSED_BUSY, GLIMPSED_NOT };

/* The way of names that are used often: no latch, no pin. */
static enum glimpsed
try_glimpse(struct lk_owner *w, const struct name *n, struct request *q, struct glimpse *g,
	    uint32_t *slot)
{
	if (!index_glimpse(&w->manager->index, n, g))
		return GLIMPSED_NOT;
	*slot = hold_find(&w->holds, g->r);
	if (unlikely(*slot != SLOT_NONE))
		return GLIMPSED_HELD; /* our hold keeps the name on the entry (R1) */
	if (unlikely(!take_glimpsed(g, q->mode))) {
		if ((q->flags & LK_NOWAIT) != 0 && !word_admits(g->word, LK_NL, q->mode) &&
		    !word_at_limit(g->word, LK_NL, q->mode) && glimpse_confirmed(g))
			return GLIMPSED_BUSY; /* as of the moment of g->word */
		if (!request_spin(w, g->r, LK_NL, q->mode, q))
			return GLIMPSED_NOT;
		tally(&w->count.contended);
	}
	if (likely(glimpse_confirmed(g)))
		return GLIMPSED_TAKEN;
	undo(w, g->r, q->mode);
	return GLIMPSED_NOT;
}

/* On an entry that cannot go away: take it, or join its line. */
static int
acquire_pinned(struct lk_owner *w, struct lk_resource *r, struct request *q, lk_grant *out)
{
	uint32_t slot = hold_find(&w->holds, r);
	int rc;

	if (unlikely(slot != SLOT_NONE))
		return grant_again(w, slot, q, out);
	if (unlikely(!line_try_take(r, LK_NL, q->mode))) {
		tally(&w->count.contended);
		if (!request_spin(w, r, LK_NL, q->mode, q)) {
			rc = request_wait(w, r, LK_NL, q->mode, q);
			if (rc != 0)
				return rc;
		}
	}
	return written(w, r, q, out);
}

/* The way of names that are new, rare or contended. */
static LK_NOINLINE int
acquire_entered(struct lk_owner *w, const struct name *n, struct request *q, lk_grant *out)
{
	struct lk_resource *r;
	int rc;

	switch (index_enter(&w->manager->index, &w->cache, n, q->mode,
			    (q->flags & LK_NOWAIT) == 0, &r)) {
	case INDEX_HELD:
		return written(w, r, q, out);
	case INDEX_PINNED:
		break;
	case INDEX_NOMEM:
		return LK_E_NOMEM;
	case INDEX_BUSY:
		tally(&w->count.busy);
		return LK_E_BUSY;
	case INDEX_BAD_HASH:
		return LK_E_INVAL;
	}
	rc = acquire_pinned(w, r, q, out);
	resource_unpin(r);
	return rc;
}

static int
acquire_named(struct lk_owner *w, const struct name *n, struct request *q, lk_grant *out)
{
	struct glimpse g;
	uint32_t slot;

	switch (try_glimpse(w, n, q, &g, &slot)) {
	case GLIMPSED_TAKEN:
		return written(w, g.r, q, out);
	case GLIMPSED_HELD:
		return grant_again(w, slot, q, out);
	case GLIMPSED_BUSY:
		tally(&w->count.busy);
		return LK_E_BUSY;
	case GLIMPSED_NOT:
		break;
	}
	return acquire_entered(w, n, q, out);
}

/* Between entering and leaving the owner: room, what the grant keeps, the grant. */
static int
acquire_with(struct lk_owner *w, const struct name *n, struct lk_resource *r, struct request *q,
	     lk_grant *out)
{
	int rc = owner_enter(w);

	if (likely(rc == 0))
		rc = reserve(w);
	if (likely(rc == 0))
		rc = request_prepare(w, q);
	if (likely(rc == 0)) {
		rc = r != NULL ? acquire_pinned(w, r, q, out) : acquire_named(w, n, q, out);
		if (unlikely(q->extra != NULL))
			request_drop(w, q);
	}
	owner_leave(w);
	return rc;
}

static int
acquire_bytes(struct lk_owner *w, const void *bytes, size_t len, struct request *q, lk_grant *out)
{
	struct name n;

	if (unlikely(!name_set(&n, bytes, len, q->name_hash, w->manager->index.seed)))
		return LK_E_NAME;
	return acquire_with(w, &n, NULL, q, out);
}

int
lk_acquire(struct lk_owner *w, const char *name, lk_mode mode, const struct lk_options *o,
	   lk_grant *out)
{
	struct request q;
	int rc;

	if (unlikely(w == NULL || name == NULL))
		return LK_E_INVAL;
	rc = request_read(&q, mode, o);
	return likely(rc == 0) ? acquire_bytes(w, name, strlen(name), &q, out) : rc;
}

int
lk_try_acquire(struct lk_owner *w, const char *name, lk_mode mode, lk_grant *out)
{
	struct request q;
	int rc;

	if (unlikely(w == NULL || name == NULL))
		return LK_E_INVAL;
	rc = request_read(&q, mode, NULL);
	q.flags = LK_NOWAIT;
	return likely(rc == 0) ? acquire_bytes(w, name, strlen(name), &q, out) : rc;
}

int
lk_acquire_bytes(struct lk_owner *w, const void *name, size_t len, lk_mode mode,
		 const struct lk_options *o, lk_grant *out)
{
	struct request q;
	int rc;

	if (unlikely(w == NULL || name == NULL))
		return LK_E_INVAL;
	rc = request_read(&q, mode, o);
	return likely(rc == 0) ? acquire_bytes(w, name, len, &q, out) : rc;
}

int
lk_acquire_id(struct lk_owner *w, uint64_t id, lk_mode mode, const struct lk_options *o,
	      lk_grant *out)
{
	struct request q;
	struct name n;
	int rc;

	if (unlikely(w == NULL))
		return LK_E_INVAL;
	rc = request_read(&q, mode, o);
	if (unlikely(rc != 0))
		return rc;
	name_set_id(&n, &id, w->manager->index.seed);
	return acquire_with(w, &n, NULL, &q, out);
}

int
lk_acquire_on(struct lk_owner *w, struct lk_resource *r, lk_mode mode, const struct lk_options *o,
	      lk_grant *out)
{
	struct request q;
	int rc;

	if (unlikely(w == NULL || r == NULL) || unlikely(slab_home(r) != w->manager))
		return LK_E_INVAL;
	rc = request_read(&q, mode, o);
	return likely(rc == 0) ? acquire_with(w, NULL, r, &q, out) : rc;
}

uint64_t
lk_name_hash(struct lk_manager *m, const void *name, size_t len)
{
	if (m == NULL || name == NULL || len == 0 || len > LK_NAME_MAX)
		return 0;
	return hash_bytes(name, len, m->index.seed);
}
