/* SPDX-License-Identifier: MIT */
/* Opening, closing and cancelling owners; the thread's own. */
#include "core/owners.h"
#include "core/family.h"
#include "core/leases.h"
#include "core/notify.h"
#include "core/pending.h"
#include "core/release.h"
#include "core/sample.h"
#include "index/guess.h"

/* Memory that is no thread's spare; NULL: there is none. */
static LK_NOINLINE struct lk_owner *
get_from_slab(struct lk_manager *m)
{
	struct lk_owner *w = slab_get(&m->owners);

	if (w != NULL && unlikely(w->manager == NULL)) { /* new memory (S3) */
		const uint64_t number = shim_add(&m->owner_numbers, (uint64_t)1, SHIM_RELAXED);

		owner_init(w, m, &m->hold_memory, &m->member.gate, number);
		w->seat = seat_offset(&m->spread, (uint32_t)number);
		sample_begin(w);
	}
	return w;
}

LK_HOT struct lk_owner *
get_memory(struct lk_manager *m)
{
	struct lk_owner *w = process_take_spare(&m->member);

	return likely(w != NULL) ? w : get_from_slab(m);
}

LK_HOT void
begin_owner(struct lk_manager *m, struct lk_owner *w, const struct lk_owner_options *o,
	    enum owner_state state)
{
	owner_begin(w, &m->member.gate, state, o, m->flags & (LK_TIMED | OWNER_LEASES));
	if (unlikely(m->notes_opening))
		w->opened_ns = env_now(&m->env);
}

LK_HOT int
open_owner(struct lk_manager *m, const struct lk_owner_options *o, enum owner_state state,
	   struct lk_owner **out)
{
	struct lk_owner *w;
	int gate = manager_gate(m);

	if (gate != 0)
		return gate;
	w = get_memory(m);
	if (w == NULL)
		return LK_E_NOMEM;
	begin_owner(m, w, o, state);
	*out = w;
	return 0;
}

/* The same range as the setting of that name. */
static bool
escalates_well(uint64_t after)
{
	const struct setting_row *row = &setting_rows[SETTING_escalate_after];

	return after == 0 || after == LK_OFF || (after >= row->lowest && after <= row->highest);
}

struct lk_owner *
owner_memory(struct lk_manager *m)
{
	return get_memory(m);
}

void
owner_memory_put(struct lk_manager *m, struct lk_owner *w)
{
	index_user_rests(&m->index, &w->cache);
	guess_end(&w->cache, &m->env);
	slab_put(&m->owners, w);
}

/* What of its options is not for every owner. */
static void
take_options(struct lk_owner *w, const struct lk_owner_options *o)
{
	if (o->escalate_after != 0) {
		w->escalate_after = o->escalate_after;
		w->flags |= OWNER_ESCALATES;
	}
	notify_begin(w, o);
	if ((o->flags & LK_OWNER_SHARED) != 0)
		owner_share_now(w);
}

void
owner_open_as(struct lk_owner *w, enum owner_state state, const struct lk_owner_options *o)
{
	begin_owner(w->manager, w, o, state);
	take_options(w, o);
}

int
owner_options(struct lk_manager *m, const struct lk_owner_options *given,
	      struct lk_owner_options *o)
{
	int rc = check_struct(given, given->size, sizeof(*o));

	if (rc != 0)
		return rc;
	*o = (struct lk_owner_options){ .size = sizeof(*o) };
	memcpy(o, given, given->size < sizeof(*o) ? given->size : sizeof(*o));
	if ((o->flags & ~(LK_NOTIFY_BLOCKING | LK_OWNER_SHARED)) != 0 || o->reserved != 0 ||
	    !escalates_well(o->escalate_after))
		return LK_E_INVAL;
	return notify_check(m, o);
}

/* In a call of its parent. */
static int
open_child(struct lk_manager *m, const struct lk_owner_options *o, struct lk_owner **out)
{
	struct lk_owner *parent = o->parent;
	struct lk_owner *w;
	int rc;

	if (parent->manager != m)
		return LK_E_INVAL;
	if (o->queue != NULL || o->on_notice != NULL || (o->flags & LK_OWNER_SHARED) != 0 ||
	    o->escalate_after != 0)
		return LK_E_UNSUPPORTED; /* the head hears of all that the family holds */
	rc = call_begin(parent);
	if (rc != 0)
		return rc;
	rc = LK_E_UNSUPPORTED; /* a thread that ends, or a pool, cannot wait for children */
	if (shim_load(&parent->state, SHIM_RELAXED) == OWNER_OPEN)
		rc = open_owner(m, o, OWNER_OPEN, &w);
	if (rc == 0)
		family_join(w, parent);
	call_end(parent);
	if (rc == 0)
		*out = w;
	return rc;
}

static LK_NOINLINE int
open_with_options(struct lk_manager *m, const struct lk_owner_options *given, struct lk_owner **out)
{
	struct lk_owner_options o;
	struct lk_owner *w;
	int rc = owner_options(m, given, &o);

	if (rc == 0 && o.parent != NULL)
		return open_child(m, &o, out);
	if (rc == 0)
		rc = open_owner(m, &o, OWNER_OPEN, &w);
	if (rc != 0)
		return rc;
	take_options(w, &o);
	*out = w;
	return 0;
}

int
lk_owner_open(struct lk_manager *m, const struct lk_owner_options *given, struct lk_owner **out)
{
	if (m == NULL || out == NULL)
		return LK_E_INVAL;
	if (unlikely(given != NULL))
		return open_with_options(m, given, out);
	return open_owner(m, NULL, OWNER_OPEN, out);
}

/* Nobody is in a call with it any more; its memory becomes another owner's. */
LK_HOT void
end_owner(struct lk_owner *w)
{
	struct lk_manager *m = w->manager;

	release_everything(w, false);
	owner_end(w);
	owner_leave(w);
	if (unlikely(!process_keep_spare(&m->member, w)))
		owner_memory_put(m, w);
}

bool
owner_shut(struct lk_owner *w)
{
	if (unlikely(call_is_family(w)))
		family_dissolve(w);
	if (RD(w->is_due))
		owner_catch_up(w);
	pending_end_all(w, w);
	losses_forget(w);
	notify_end(w);
	release_everything(w, false);
	(void)call_away(w); /* it is in no family any more */
	notify_drain(w);
	call_back(w, NULL);
	if (RD(w->is_due))
		owner_catch_up(w);
	if (w->keeps != NULL) {
		owner_linger(w); /* what keeps it lets its memory go */
		call_end(w);
		return false;
	}
	owner_end(w);
	guess_end(&w->cache, &w->manager->env);
	call_end(w);
	return true;
}

/* The same of one whose latch the call may have: its leases end, and its notices are told to their end. */
static void
end_any_owner(struct lk_owner *w)
{
	struct lk_manager *m = w->manager; /* its memory may be another's once it is shut */

	if (owner_shut(w))
		owner_memory_put(m, w);
}

static LK_NOINLINE int
close_slowly(struct lk_owner *w)
{
	int rc = release_enter(w);
	uint32_t state;

	if (rc != 0)
		return rc;
	if (unlikely(w->n_children != 0)) {
		call_end(w);
		return LK_E_BUSY;
	}
	if (unlikely(w->parent != NULL)) {
		family_end_child(w);
		return 0;
	}
	state = shim_load(&w->state, SHIM_RELAXED);
	if (state == OWNER_POOLED) { /* it is given back (PO1) */
		call_end(w);
		return LK_E_INVAL;
	}
	if (state == OWNER_OF_THREAD)
		process_forget_owner(&w->manager->member, w);
	end_any_owner(w);
	return 0;
}

int
lk_owner_close(struct lk_owner *w)
{
	if (w == NULL)
		return LK_E_INVAL;
	if (unlikely(owner_enter(w) != 0) ||
	    unlikely(shim_load(&w->state, SHIM_RELAXED) != OWNER_OPEN))
		return close_slowly(w);
	end_owner(w);
	return 0;
}

void
owner_thread_ends(struct member *me, void *owner)
{

	(void)me;
	if (release_enter(owner) != 0)
		return;
	release_quietly(owner, true); /* the registry's lock is held (N1) */
	end_any_owner(owner);
}

void
owner_spare_returns(struct member *me, void *owner)
{
	owner_memory_put(container_of(me, struct lk_manager, member), owner);
}

int
lk_owner_cancel(struct lk_owner *w)
{
	if (w == NULL)
		return LK_E_INVAL;
	if (manager_gate(w->manager) == LK_E_FORKED)
		return LK_E_FORKED;
	if (shim_load(&w->state, SHIM_ACQUIRE) <= OWNER_KEEPING)
		return LK_E_STALE;
	park_cancel(&w->manager->env, &w->party.parker);
	return 0;
}

struct lk_owner *
lk_self(struct lk_manager *m)
{
	struct lk_owner *w;

	if (m == NULL)
		return NULL;
	w = process_owner(&m->member);
	if (likely(w != NULL))
		return w;
	if (open_owner(m, NULL, OWNER_OF_THREAD, &w) != 0)
		return NULL;
	if (process_set_owner(&m->member, w))
		return w;
	owner_enter(w);
	end_owner(w);
	return NULL;
}
