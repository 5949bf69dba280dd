/* SPDX-License-Identifier: MIT */
/* Opening, closing and cancelling owners; the thread's own. */
#include "core/leases.h"
#include "core/notify.h"
#include "core/pending.h"
#include "core/release.h"
#include "core/sample.h"

static int
open_owner(struct lk_manager *m, const struct lk_owner_options *o, enum owner_state state,
	   struct lk_owner **out)
{
	struct lk_owner *w;
	int gate = manager_gate(m);

	if (gate != 0)
		return gate;
	w = slab_get(&m->owners);
	if (w == NULL)
		return LK_E_NOMEM;
	if (unlikely(w->manager == NULL)) { /* new memory (S3) */
		const uint64_t number = shim_add(&m->owner_numbers, (uint64_t)1, SHIM_RELAXED);

		owner_init(w, m, &m->env, &m->member.gate, number);
		w->seat = seat_offset(&m->spread, (uint32_t)number);
		sample_begin(w);
	}
	owner_begin(w, &m->member.gate, state, o, m->flags & (LK_TIMED | OWNER_LEASES));
	if (unlikely(m->notes_opening))
		w->opened_ns = env_now(&m->env);
	*out = w;
	return 0;
}

static LK_NOINLINE int
open_with_options(struct lk_manager *m, const struct lk_owner_options *given, struct lk_owner **out)
{
	struct lk_owner_options o = { .size = sizeof(o) };
	struct lk_owner *w;
	int rc = check_struct(given, given->size, sizeof(o));

	if (rc != 0)
		return rc;
	memcpy(&o, given, given->size < sizeof(o) ? given->size : sizeof(o));
	if ((o.flags & ~LK_NOTIFY_BLOCKING) != 0 || o.reserved != 0)
		return LK_E_INVAL;
	rc = notify_check(m, &o);
	if (rc == 0)
		rc = open_owner(m, &o, OWNER_OPEN, &w);
	if (rc != 0)
		return rc;
	notify_begin(w, &o);
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
static void
end_owner(struct lk_owner *w)
{
	struct slab *home = &w->manager->owners;

	release_everything(w, false);
	owner_end(w);
	owner_leave(w);
	slab_put(home, w);
}

/* The same of one whose latch the call may have: its leases end, and its notices are told to their end. */
static void
end_any_owner(struct lk_owner *w)
{
	struct slab *home = &w->manager->owners;

	if (RD(w->is_due))
		owner_catch_up(w);
	pending_end_all(w);
	losses_forget(w);
	notify_end(w);
	release_everything(w, false);
	call_away(w);
	notify_drain(w);
	call_back(w);
	if (RD(w->is_due))
		owner_catch_up(w);
	if (w->keeps != NULL) {
		owner_linger(w); /* what keeps it lets its memory go */
		call_end(w);
		return;
	}
	owner_end(w);
	call_end(w);
	slab_put(home, w);
}

static void
forget_thread(struct lk_owner *w)
{
	if (shim_load(&w->state, SHIM_RELAXED) == OWNER_OF_THREAD)
		process_forget_owner(&w->manager->member, w);
}

static LK_NOINLINE int
close_slowly(struct lk_owner *w)
{
	int rc = release_enter(w);

	if (rc != 0)
		return rc;
	forget_thread(w);
	end_any_owner(w);
	return 0;
}

int
lk_owner_close(struct lk_owner *w)
{
	if (w == NULL)
		return LK_E_INVAL;
	if (unlikely(owner_enter(w) != 0))
		return close_slowly(w);
	forget_thread(w);
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
