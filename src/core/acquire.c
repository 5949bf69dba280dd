/* SPDX-License-Identifier: MIT */
/*
 * Acquire: from a name or a handle to a grant.
 *
 *   by name    guess_glimpse, or
 *              index_glimpse -> one compare-and-swap -> is it still that name? -> grant_write
 *   by handle                   one compare-and-swap                            -> grant_write
 *   on a path  the leaf is pinned -> counts on its ancestors -> as by handle       (H6)
 *
 * Else index_enter() makes the entry or pins it, and request_wait() joins the line.  What fails leaves nothing behind.
 */
#include "core/acquire.h"
#include "core/ancestors.h"
#include "core/below.h"
#include "core/condition.h"
#include "core/escalate.h"
#include "core/events.h"
#include "index/guess.h"
#include "core/implied.h"
#include "core/late.h"
#include "core/long.h"
#include "core/many.h"
#include "core/member.h"
#include "core/plain.h"
#include "core/reentry.h"
#include "core/release.h"
#include "core/report.h"
#include "core/retry.h"
#include "core/semaphore.h"
#include "core/spell.h"
#include "index/path.h"

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
LK_NOINLINE void
plain_undo(struct lk_owner *w, struct lk_resource *r, lk_mode mode, bool seated)
{
	release_word(w, r, mode, LK_NL, seated);
}

/* The same of a name that is spread: one addition in the owner's slot, and a look at the word. */
LK_NOINLINE enum plain
plain_seated(struct lk_owner *w, const struct glimpse *g, lk_mode mode, uint32_t few, lk_grant *out)
{
	lk_grant grant;

	if (unlikely(!seat_try(w, g->r, LK_NL, mode)))
		return PLAIN_NOT;
	if (unlikely(!glimpse_confirmed(g)) ||
	    unlikely((shim_load(&g->r->pins, SHIM_RELAXED) & PINS_DIED) != 0)) {
		plain_undo(w, g->r, mode, true);
		return PLAIN_NOT;
	}
	grant = grant_write_plain(w, g->r, mode, HEAD_SEAT, few);
	if (out != NULL)
		*out = grant;
	return PLAIN_DONE;
}

enum glimpsed { GLIMPSED_TAKEN, GLIMPSED_HELD, GLIMPSED_PINNED, GLIMPSED_BUSY, GLIMPSED_NOT };

/* The way of names that are used often: no latch, no pin. */
static enum glimpsed
try_glimpse(struct lk_owner *w, const struct name *n, struct request *q, struct glimpse *g,
	    uint32_t *slot)
{
	uint32_t lost = 0;

	if (!index_glimpse(&w->manager->index, n, g))
		return GLIMPSED_NOT;
	*slot = hold_find(&w->holds, g->r);
	if (unlikely(*slot != SLOT_NONE))
		return GLIMPSED_HELD; /* our hold keeps the name on the entry (R1) */
	if (resource_parent(g->r) !=
		    NULL || /* the ancestors come first, and only a pin keeps them */
	    unlikely(w->pending_names != 0)) /* (U3) */
		return glimpse_pin(g) ? GLIMPSED_PINNED : GLIMPSED_NOT;
	spell_mind(w, g->r, q->mode, q);
	if (unlikely(!take_glimpsed(g, q->mode, &lost))) {
		if ((q->flags & LK_NOWAIT) != 0 && q->report == NULL &&
		    !word_admits(g->word, LK_NL, q->mode) &&
		    !word_at_limit(g->word, LK_NL, q->mode) && w->manager->remote == NULL &&
		    glimpse_is_coherent(g) && glimpse_confirmed(g))
			return GLIMPSED_BUSY; /* as of the moment of g->word */
		q->seated = seat_try(w, g->r, LK_NL, q->mode);
		if (!q->seated) {
			if (!request_spin(w, g->r, LK_NL, q->mode, q))
				return GLIMPSED_NOT;
			owner_tally(w, &w->count.contended);
			spell_begin(w, g->r);
		}
	}
	if (likely(glimpse_confirmed(g)))
		return GLIMPSED_TAKEN;
	plain_undo(w, g->r, q->mode, q->seated);
	q->seated = false;
	return GLIMPSED_NOT;
}

/* The ancestors, then the leaf: by counts on all of them, or one on a hold that covers it. */
static LK_NOINLINE int
acquire_below(struct lk_owner *w, struct lk_resource *r, struct lk_resource *above,
	      struct request *q, lk_grant *out)
{
	const bool parents = (q->flags & LK_PARENTS) != 0;
	const lk_mode mode = ancestors_mode(q->mode, parents);
	uint32_t cover = parents || unlikely(q->units.n != 0) /* (SU8) */
				 ? SLOT_NONE
				 : implied_cover(w, above, q->mode);
	int rc;

	if (cover != SLOT_NONE)
		return implied_acquire(w, r, cover, q, out);
	rc = ancestors_take(w, above, mode, q);
	if (rc != 0)
		return rc;
	rc = grant_reserve(w); /* the ancestors took what there was */
	if (rc == 0)
		rc = hold_take(w, r, LK_NL, q->mode, &q->seated, q);
	if (rc == 0)
		return written(w, r, q, out);
	ancestors_give(w, above, mode);
	return rc;
}

int
acquire_pinned(struct lk_owner *w, struct lk_resource *r, struct request *q, lk_grant *out)
{
	uint32_t slot = hold_find(&w->holds, r);
	struct lk_resource *above = resource_parent(r);
	int rc;

	if (unlikely(slot != SLOT_NONE))
		return grant_again(w, slot, q, out);
	if (unlikely(above != NULL))
		return acquire_below(w, r, above, q, out);
	rc = hold_take(w, r, LK_NL, q->mode, &q->seated, q);
	return rc == 0 ? written(w, r, q, out) : rc;
}

/* Make or pin the entry of a name; of a path, below those of its ancestors. */
static enum index_outcome
enter(struct lk_owner *w, const struct name *n, const struct request *q, struct lk_resource **r)
{
	const bool patient = (q->flags & LK_NOWAIT) == 0;
	struct index *x = &w->manager->index;

	if (unlikely(path_parent(x, n) != 0))
		return path_enter(x, &w->cache, n, patient, r);
	return index_enter(x, &w->cache, n, q->mode, patient, r);
}

/* The way of names that are new, rare or contended. */
static LK_NOINLINE int
acquire_entered(struct lk_owner *w, const struct name *n, struct request *q, lk_grant *out)
{
	struct lk_resource *r;
	int rc;

	switch (enter(w, n, q, &r)) {
	case INDEX_HELD:
		return written(w, r, q, out);
	case INDEX_PINNED:
		break;
	case INDEX_NOMEM:
		return LK_E_NOMEM;
	case INDEX_BUSY:
		owner_tally(w, &w->count.busy);
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
	int rc;

	switch (try_glimpse(w, n, q, &g, &slot)) {
	case GLIMPSED_TAKEN:
		return written(w, g.r, q, out);
	case GLIMPSED_HELD:
		return grant_again(w, slot, q, out);
	case GLIMPSED_PINNED:
		rc = acquire_pinned(w, g.r, q, out);
		resource_unpin(g.r);
		return rc;
	case GLIMPSED_BUSY:
		owner_tally(w, &w->count.busy);
		return LK_E_BUSY;
	case GLIMPSED_NOT:
		break;
	}
	return acquire_entered(w, n, q, out);
}

/* It was granted, and its extra is the slot's; or not, and what was prepared goes back. */
LK_HOT int
finish(struct lk_owner *w, struct request *q, int rc, const lk_grant *out)
{
	if (unlikely(q->extra != NULL))
		request_drop(w, q);
	else if (unlikely(q->keeps_more) && rc == 0)
		request_granted(w, q, *out);
	return rc;
}

int
acquire_untold(struct lk_owner *w, const struct name *n, struct lk_resource *r, struct request *q,
	       lk_grant *out)
{
	int rc = grant_reserve(w);

	q->seated = false;
	if (likely(rc == 0))
		rc = request_prepare(w, q);
	if (likely(rc == 0)) {
		rc = n != NULL ? acquire_named(w, n, q, out) : acquire_pinned(w, r, q, out);
		return finish(w, q, rc, out);
	}
	if (rc == PREPARED_UNITS)
		rc = finish(w, q, semaphore_acquire(w, n, r, q, out), out);
	return rc;
}

/* … once more, if it was interrupted.  (Z2) */
static int
acquire_at_last(struct lk_owner *w, const struct name *n, struct lk_resource *r, struct request *q,
		lk_grant *out)
{
	lk_grant g;
	int rc;

	if (out == NULL)
		out = &g;
	rc = acquire_untold(w, n, r, q, out);
	while (unlikely(rc == CALL_AGAIN)) {
		w->made_real = 0; /* (H10) */
		owner_catch_up(w);
		rc = acquire_untold(w, n, r, q, out);
	}
	return rc;
}

/* A request for one name, as it is taken and given back while its condition is asked. */
struct one_name {
	struct lk_owner *w;
	const struct name *n;
	struct lk_resource *r;
	struct request *q;
	lk_grant g;
};

static int
take_one(void *arg)
{
	struct one_name *o = arg;

	return acquire_at_last(o->w, o->n, o->r, o->q, &o->g);
}

static void
undo_one(void *arg)
{
	const struct one_name *o = arg;

	grant_untell_died(o->w, o->g);
	release_undone(o->w, o->g);
	o->w->made_real = 0; /* (H10) */
}

static lk_grant
grant_of_one(void *arg, size_t i)
{
	(void)i;
	return ((const struct one_name *)arg)->g;
}

static LK_NOINLINE int
acquire_on_condition(struct lk_owner *w, const struct name *n, struct lk_resource *r,
		     struct request *q, lk_grant *out)
{
	struct one_name one = { w, n, r, q, 0 };
	const struct taking t = { take_one, undo_one, grant_of_one, 1, &one };
	int rc = condition_take(w, q, &t);

	if (rc == 0 && out != NULL)
		*out = one.g;
	return rc;
}

/* As the request wants it. */
static int
acquire_as_asked(struct lk_owner *w, const struct name *n, struct lk_resource *r, struct request *q,
		 lk_grant *out)
{
	if (unlikely(q->condition != NULL))
		return acquire_on_condition(w, n, r, q, out);
	return acquire_at_last(w, n, r, q, out);
}

/* The same for those who want to be told of requests, not only of what becomes of those that wait. */
static LK_NOINLINE int
acquire_told(struct lk_owner *w, const struct name *n, struct lk_resource *r, struct request *q,
	     lk_grant *out)
{
	lk_grant g = 0;
	int rc = 0;

	if (events_want(w, EVENTS_BEFORE_REQUESTS))
		rc = event_request_begins(w, q);
	if (likely(rc == 0))
		rc = acquire_as_asked(w, n, r, q, &g);
	if (rc != 0 || events_want(w, LK_EVENT_ACQUIRED))
		event_request_ends(w, q, g, rc);
	if (rc == 0 && out != NULL)
		*out = g;
	return rc;
}

int
acquire_inside(struct lk_owner *w, const struct name *n, struct lk_resource *r, struct request *q,
	       lk_grant *out)
{
	int rc;

	event_request_is(q, n, r);
	if (unlikely(events_want(w, EVENTS_BEFORE_REQUESTS | LK_EVENT_ACQUIRED))) {
		rc = acquire_told(w, n, r, q, out);
	} else {
		rc = acquire_as_asked(w, n, r, q, out);
		if (unlikely(rc != 0) && events_want(w, EVENTS_OF_REFUSALS))
			event_request_ends(w, q, 0, rc);
	}
	if (unlikely(rc != 0))
		PROBE2(refuse, shim_load(&w->id, SHIM_RELAXED), rc);
	event_request_is(q, NULL, NULL);
	return rc;
}

static int
acquire_with(struct lk_owner *w, const struct name *n, struct lk_resource *r, struct request *q,
	     lk_grant *out)
{
	int rc;

	do {
		rc = call_begin(w);
		if (unlikely(rc != 0))
			break;
		rc = late_acquire(w, n, r, q, out);
		if (likely(rc == 0))
			escalate(w);
		call_end(w);
	} while (unlikely(retry_is_for(rc)) && retry_again(w, q, &rc));
	if (unlikely(q->report != NULL))
		report_end(q->report, rc);
	return rc;
}

LK_COLD int
acquire_died(struct lk_owner *w, struct lk_resource *r, lk_mode mode, lk_grant *out)
{
	struct request q = { .mode = mode };
	int rc = written(w, r, &q, out);

	owner_leave(w);
	return rc;
}

/* The rest of a quick acquire that glimpsed a name with ancestors; the owner was entered. */
static LK_NOINLINE int
acquire_glimpsed_path(struct lk_owner *w, struct lk_resource *r, lk_mode mode, uint32_t flags,
		      lk_grant *out)
{
	struct request q = { .mode = mode, .flags = flags };
	int rc = acquire_inside(w, NULL, r, &q, out);

	w->made_real = 0; /* (H10) */
	if (likely(rc == 0))
		escalate(w);
	resource_unpin(r);
	owner_leave(w);
	return rc;
}

/* As acquire_flat(), of a name with ancestors, if they are held: else below_climb() is to be gone on with. */
LK_HOT bool
acquire_below_held(struct lk_owner *w, const struct glimpse *g, lk_mode mode, uint32_t few,
		   lk_grant *out, int *rc)
{
	const enum plain plain = below_take(w, g, mode, few, out);

	*rc = 0;
	if (likely(plain == PLAIN_DONE))
		owner_leave(w);
	else if (plain == PLAIN_DIED)
		*rc = acquire_died(w, g->r, mode, out);
	return likely(plain == PLAIN_DONE) || plain == PLAIN_DIED;
}

LK_NOINLINE int
acquire_slowly(struct lk_owner *w, const void *bytes, uint32_t tail, lk_mode mode, uint32_t flags,
	       lk_grant *out)
{
	struct request q = { .mode = mode, .flags = flags };
	struct name n;

	if (unlikely(!mode_valid(mode)))
		return LK_E_INVAL;
	name_set_tail(&n, bytes, tail, w->manager->index.seed);
	return acquire_with(w, &n, NULL, &q, out);
}

/* … and when it found nothing, or did not look; the owner is plain and was entered. */
static LK_NOINLINE int
acquire_missed(struct lk_owner *w, const void *bytes, uint32_t tail, lk_mode mode, uint32_t flags,
	       lk_grant *out)
{
	struct key k;

	key_set(&k, bytes, tail, w->manager->index.seed);
	if (unlikely(!acquire_new(w, &k, mode, out)))
		return acquire_slowly(w, bytes, tail, mode, flags, out);
	owner_leave(w);
	return 0;
}

/* A short name that may be in a further line of its bucket; the owner is plain and was entered. */
static LK_NOINLINE int
acquire_far(struct lk_owner *w, const void *bytes, uint32_t tail, lk_mode mode, uint32_t flags,
	    lk_grant *out)
{
	struct glimpse g;
	struct name n;
	struct key k;
	int rc;

	key_set(&k, bytes, tail, w->manager->index.seed);
	name_of_key(&n, &k, bytes);
	if (!index_glimpse(&w->manager->index, &n, &g))
		return acquire_missed(w, bytes, tail, mode, flags, out);
	cache_met(&w->cache);
	if (unlikely(!guess_note(&w->cache, guess_place(&k), g.r)))
		guess_begin(&w->cache, &w->manager->env);
	if (resource_parent(g.r) != NULL)
		return below_acquire(w, g.r, g.ident, bytes, asked_make(tail, mode, flags), out);
	if (likely(acquire_flat(w, &g, mode, owner_few(w), out, &rc)))
		return rc;
	return acquire_slowly(w, bytes, tail, mode, flags, out);
}

/* The same, of an owner that came back to names so often that it is to have a table of guesses. */
static LK_NOINLINE int
acquire_to_guess(struct lk_owner *w, const void *bytes, uint32_t tail, lk_mode mode, uint32_t flags,
		 lk_grant *out)
{
	guess_begin(&w->cache, &w->manager->env);
	return acquire_far(w, bytes, tail, mode, flags, out);
}

LK_NOINLINE bool
acquire_wide_in_streak(struct lk_owner *w, const void *bytes, uint32_t len, lk_mode mode,
		       lk_grant *out)
{
	struct key k;

	key_read(&k, bytes, len);
	return acquire_key_in_streak(w, &k, mode, owner_few(w), out);
}

/* acquire_short() after so many misses in a row that it would be in vain to look for the name.  (I8) */
LK_HOT int
acquire_expecting_miss(struct lk_owner *w, const void *bytes, uint32_t tail, lk_mode mode,
		       uint32_t flags, lk_grant *out)
{
	const uint32_t few = owner_few(w);

	if (unlikely(!mode_valid(mode)) || unlikely(!owner_is_plain(w, few)) ||
	    unlikely(owner_enter(w) != 0))
		return many_acquire(w, bytes, tail, mode, flags, out);
	if (unlikely(!streak_is_on(&w->cache)))
		return acquire_missed(w, bytes, tail, mode, flags, out);
	if (unlikely(!acquire_in_streak(w, bytes, tail, mode, few, out)))
		return acquire_far(w, bytes, tail, mode, flags, out); /* it may be there */
	owner_leave(w);
	return 0;
}

/*
 * A short name or a number, without options: the plain way if it can be gone.  All of it stays in
 * registers; what leaves the plain way begins again with the bytes.
 */
LK_HOT int
acquire_short(struct lk_owner *w, const void *bytes, uint32_t tail, lk_mode mode, uint32_t flags,
	      lk_grant *out)
{
	const uint32_t few = owner_few(w);
	const struct bucket *b;
	struct glimpse g;
	struct key k;
	uint32_t place;
	int rc;

	if (cache_expects_miss(&w->cache))
		return acquire_expecting_miss(w, bytes, tail, mode, flags, out);
	if (unlikely(!mode_valid(mode)) || unlikely(!owner_is_plain(w, few)) ||
	    unlikely(owner_enter(w) != 0))
		return many_acquire(w, bytes, tail, mode, flags, out);
	key_read(&k, bytes, tail);
	place = guess_place(&k);
	if (!guess_glimpse(&w->cache, &k, place, &g)) {
		key_hash(&k, w->manager->index.seed);
		b = index_locate(&w->manager->index, k.hash);
		if (unlikely(!index_glimpse_near(b, &k, &g)))
			return bucket_next(b) != NULL
				       ? acquire_far(w, bytes, tail, mode, flags, out)
				       : acquire_missed(w, bytes, tail, mode, flags, out);
		if (unlikely(!guess_note(&w->cache, place, g.r)))
			return acquire_to_guess(w, bytes, tail, mode, flags, out);
	}
	if (resource_parent(g.r) != NULL) {
		if (few == FEW_ALL)
			return below_begin(w, g.r, g.ident, bytes, asked_make(tail, mode, flags),
					   out);
		if (likely(acquire_below_held(w, &g, mode, few, out, &rc)))
			return rc;
		return below_climb(w, g.r, g.ident, bytes, asked_make(tail, mode, flags), out);
	}
	if (likely(acquire_flat(w, &g, mode, few, out, &rc)))
		return rc;
	return acquire_slowly(w, bytes, tail, mode, flags, out);
}

static LK_NOINLINE int
acquire_with_options(struct lk_owner *w, const void *bytes, size_t len, lk_mode mode,
		     const struct lk_options *o, lk_grant *out)
{
	struct request q;
	struct name n;
	int rc = request_read(&q, mode, o);

	if (rc != 0)
		return rc;
	if (!name_set(&n, bytes, len, q.name_hash, w->manager->index.seed))
		return LK_E_NAME;
	return acquire_with(w, &n, NULL, &q, out);
}

LK_HOT int
acquire_bytes(struct lk_owner *w, const void *bytes, size_t len, lk_mode mode,
	      const struct lk_options *o, uint32_t flags, lk_grant *out)
{
	if (unlikely(o != NULL))
		return acquire_with_options(w, bytes, len, mode, o, out);
	if (unlikely(len - 1 >= NAME_INLINE))
		return acquire_long(w, bytes, len, mode, flags, out);
	return acquire_short(w, bytes, (uint32_t)len, mode, flags, out);
}

int
lk_acquire(struct lk_owner *w, const char *name, lk_mode mode, const struct lk_options *o,
	   lk_grant *out)
{
	if (unlikely(w == NULL || name == NULL))
		return LK_E_INVAL;
	return acquire_bytes(w, name, strlen(name), mode, o, 0, out);
}

int
lk_try_acquire(struct lk_owner *w, const char *name, lk_mode mode, lk_grant *out)
{
	if (unlikely(w == NULL || name == NULL))
		return LK_E_INVAL;
	return acquire_bytes(w, name, strlen(name), mode, NULL, LK_NOWAIT, out);
}

int
lk_acquire_bytes(struct lk_owner *w, const void *name, size_t len, lk_mode mode,
		 const struct lk_options *o, lk_grant *out)
{
	if (unlikely(w == NULL || name == NULL))
		return LK_E_INVAL;
	return acquire_bytes(w, name, len, mode, o, 0, out);
}

static LK_NOINLINE int
acquire_id_with_options(struct lk_owner *w, uint64_t id, lk_mode mode, const struct lk_options *o,
			lk_grant *out)
{
	struct request q;
	struct name n;
	int rc = request_read(&q, mode, o);

	name_set_id(&n, &id, w->manager->index.seed);
	return rc == 0 ? acquire_with(w, &n, NULL, &q, out) : rc;
}

int
lk_acquire_id(struct lk_owner *w, uint64_t id, lk_mode mode, const struct lk_options *o,
	      lk_grant *out)
{
	if (unlikely(w == NULL))
		return LK_E_INVAL;
	if (unlikely(o != NULL))
		return acquire_id_with_options(w, id, mode, o, out);
	return acquire_short(w, &id, 8 | NAME_ID, mode, 0, out);
}

static LK_NOINLINE int
acquire_on(struct lk_owner *w, struct lk_resource *r, lk_mode mode, const struct lk_options *o,
	   lk_grant *out)
{
	struct request q;
	int rc = request_read(&q, mode, o);

	return rc == 0 ? acquire_with(w, NULL, r, &q, out) : rc;
}

LK_NOINLINE int
acquire_path(struct lk_owner *w, struct lk_resource *r, uint64_t ident, const void *bytes,
	     uint64_t asked, lk_grant *out)
{
	const struct glimpse g = { r, ident, 0 };
	const uint32_t flags = asked_flags(asked);
	const lk_mode mode = asked_mode(asked);

	if (bytes == NULL)
		return acquire_on(w, r, mode, NULL, out);
	if (likely(glimpse_pin(&g)))
		return acquire_glimpsed_path(w, r, mode, flags, out);
	return acquire_slowly(w, bytes, asked_tail(asked), mode, flags, out);
}

/* The attempt was lost to somebody else's, if the word is open now. */
static LK_COLD int
acquire_on_lost(struct lk_owner *w, struct lk_resource *r, lk_mode mode, lk_grant *out)
{
	if ((shim_load(&r->word, SHIM_RELAXED) & word_modes.open[mode]) == 0)
		seat_note_lost(w, r, mode, 1);
	return acquire_on(w, r, mode, NULL, out);
}

static LK_COLD int
acquire_on_unseated(struct lk_owner *w, struct lk_resource *r, lk_mode mode, lk_grant *out)
{
	plain_undo(w, r, mode, true);
	return acquire_on(w, r, mode, NULL, out);
}

/* The rest of an acquire that is counted in the owner's slot. */
LK_HOT int
acquire_on_seated(struct lk_owner *w, struct lk_resource *r, lk_mode mode, uint32_t few,
		  lk_grant *out)
{
	lk_grant g = grant_write_plain(w, r, mode, HEAD_SEAT, few);

	if (out != NULL)
		*out = g;
	owner_leave(w);
	return 0;
}

/* The rest of an acquire that the word barred: perhaps as the name is spread. */
static LK_NOINLINE int
acquire_on_barred(struct lk_owner *w, struct lk_resource *r, lk_mode mode, uint32_t few,
		  lk_grant *out)
{
	if (unlikely(!seat_open(shim_load(&r->word, SHIM_ACQUIRE), mode)))
		return acquire_on_lost(w, r, mode, out);
	if (unlikely(!seat_enter(seat_near(w, r), &r->word, LK_NL, mode)) || unlikely(has_died(r)))
		return acquire_on_unseated(w, r, mode, out);
	return acquire_on_seated(w, r, mode, few, out);
}

/* The word became another one meanwhile, or the slot is full, or there is a death to tell of. */
static LK_COLD int
acquire_on_changed(struct lk_owner *w, struct lk_resource *r, lk_mode mode, lk_grant *out)
{
	if (!seat_entered(w->near.seat, &r->word, mode) || has_died(r))
		return acquire_on_unseated(w, r, mode, out);
	return acquire_on_seated(w, r, mode, FEW_ALL, out);
}

/* … by an owner that holds nothing, and used the same slot last: it calls nothing that it comes back from. */
static LK_NOINLINE int
acquire_on_barred_first(struct lk_owner *w, struct lk_resource *r, lk_mode mode, lk_grant *out)
{
	const uint64_t seen = shim_load(&r->word, SHIM_ACQUIRE);

	if (unlikely(!seat_open(seen, mode)) || unlikely(w->near.r != r))
		return acquire_on_barred(w, r, mode, FEW_ALL, out);
	if (unlikely(!seat_enter_unchanged(w->near.seat, &r->word, seen, mode)) ||
	    unlikely(has_died(r)))
		return acquire_on_changed(w, r, mode, out);
	return acquire_on_seated(w, r, mode, FEW_ALL, out);
}

/* What an acquire by handle comes to, of an owner that is plain and was entered, on a name without ancestors. */
LK_HOT int
acquire_on_plain(struct lk_owner *w, struct lk_resource *r, lk_mode mode, uint32_t few,
		 lk_grant *out)
{
	switch (acquire_plain(w, r, mode, few, out)) {
	case PLAIN_DIED:
		return acquire_died(w, r, mode, out);
	case PLAIN_NOT:
		return acquire_on(w, r, mode, NULL, out);
	case PLAIN_BARRED:
		return few == FEW_ALL ? acquire_on_barred_first(w, r, mode, out)
				      : acquire_on_barred(w, r, mode, few, out);
	case PLAIN_DONE:
		break;
	}
	owner_leave(w);
	return 0;
}

/* The same, when the owner holds other names too, or is not plain, or the name has ancestors; it was entered. */
static LK_NOINLINE int
acquire_on_beside(struct lk_owner *w, struct lk_resource *r, lk_mode mode, lk_grant *out)
{
	const uint32_t few = owner_few(w);

	if (unlikely(!owner_is_plain(w, few)))
		return acquire_on(w, r, mode, NULL, out);
	if (unlikely(resource_parent(r) != NULL))
		return below_acquire(w, r, shim_load(&r->ident, SHIM_RELAXED), NULL,
				     asked_make(0, mode, 0), out);
	return acquire_on_plain(w, r, mode, few, out);
}

int
lk_acquire_on(struct lk_owner *w, struct lk_resource *r, lk_mode mode, const struct lk_options *o,
	      lk_grant *out)
{
	if (unlikely(w == NULL || r == NULL) || unlikely(slab_home(r) != w->manager))
		return LK_E_INVAL;
	if (unlikely(o != NULL) || unlikely(!mode_valid(mode)) || unlikely(owner_enter(w) != 0))
		return acquire_on(w, r, mode, o, out);
	if (unlikely(!owner_is_free(w)) || unlikely(resource_parent(r) != NULL))
		return acquire_on_beside(w, r, mode, out);
	return acquire_on_plain(w, r, mode, FEW_ALL, out);
}
