/* SPDX-License-Identifier: MIT */
/* The end of all locking in a manager, by a deadline.  (O2, O3) */
#include "core/leases.h"
#include "core/owners.h"
#include "core/pending.h"
#include "core/pool.h"
#include "core/release.h"

enum { NAP_NS = 1000000 };

struct leftovers {
	uint64_t holds; /* still held */
	bool force;     /* release what idle owners hold */
	bool in_calls;  /* some owner was inside a call */
};

/*
 * `inside` is read before the holds: an owner seen outside cannot gain any, as the gate is shut; read
 * the other way round, a call could end in between with a grant that we do not see.
 */
static void
look_at_owner(struct lk_owner *w, void *arg)
{
	struct leftovers *l = arg;
	bool over = false;

	latch_lock(&w->latch);
	if (owner_inside(w))
		l->in_calls = true;
	else {
		pending_catch_up(w); /* what was not written down, goes back (U5) */
		if (l->force)
			release_quietly(w, false);
		over = keeps_end(w); /* nobody is to be kept away any more */
	}
	l->holds += holds_n(&w->holds);
	latch_unlock(&w->latch);
	if (over)
		owner_memory_put(w->manager, w);
}

static struct leftovers
look(struct lk_manager *m, bool force)
{
	struct leftovers l = { .force = force };

	manager_each_owner(m, look_at_owner, &l);
	return l;
}

/* Sleep a moment: there is nobody to wake us when the last hold goes. */
static void
nap(struct lk_manager *m, uint64_t now, uint64_t deadline)
{
	a32 nobody;

	shim_init(&nobody, 0u);
	env_wait(&m->env, &nobody, 0, now + NAP_NS < deadline ? now + NAP_NS : deadline);
}

static bool
is_drained(struct lk_manager *m, bool force)
{
	struct leftovers l = look(m, force);

	return l.holds == 0 && !l.in_calls;
}

/* False: the deadline passed. */
static bool
drain(struct lk_manager *m, uint64_t deadline)
{
	while (!is_drained(m, false)) {
		uint64_t now = env_now(&m->env);

		if (now >= deadline)
			return false;
		nap(m, now, deadline);
	}
	return true;
}

uint64_t
manager_deadline(const struct lk_manager *m, const struct request *q, uint64_t now)
{
	uint64_t timeout = q->timeout_ns != 0 ? (uint64_t)q->timeout_ns
					      : shim_load(&m->timeout_ns, SHIM_RELAXED);
	uint64_t deadline = q->deadline_ns != 0 ? q->deadline_ns : SHIM_NEVER;

	if ((q->flags & LK_NOWAIT) != 0)
		return 0;
	if (q->timeout_ns == 0 && q->deadline_ns != 0)
		return deadline;
	if (timeout < (uint64_t)LK_FOREVER && now + timeout < deadline)
		deadline = now + timeout;
	return deadline;
}

/*
 * Release what is left.  While somebody is inside a call that saw the gate open, that call could be granted
 * what we take back; so not before one whole look has found nobody inside.  Who enters later finds the
 * gate shut.
 */
static bool
take_back(struct lk_manager *m)
{
	return !look(m, false).in_calls && is_drained(m, true);
}

/* Requests are refused from now on; the rest of it, by the deadline of `q`. */
static int
shut_down(struct lk_manager *m, const struct request *q)
{
	bool seen = shim_barrier_all(); /* (O2) */

	lot_close(&m->lot);
	pools_shut(m);
	if (!seen)
		nap(m, env_now(&m->env), SHIM_NEVER); /* time for what is on its way to memory */
	if (drain(m, manager_deadline(m, q, env_now(&m->env))))
		return 0;
	return seen && take_back(m) ? 0 : LK_E_TIMEDOUT;
}

int
lk_shutdown(struct lk_manager *m, const struct lk_options *o)
{
	struct request q;
	uint32_t open = 0;
	int rc;

	if (m == NULL)
		return LK_E_INVAL;
	rc = request_read(&q, LK_X, o);
	if (rc != 0)
		return rc;
	if ((q.flags & (LK_PARENTS | REQUEST_LEASED | REQUEST_UNITS)) != 0)
		return LK_E_INVAL; /* of what? */
	if (q.report != NULL || q.condition != NULL || q.retry != NULL || q.max_retries != 0)
		return LK_E_UNSUPPORTED;
	if (!shim_cas(&m->member.gate, &open, (uint32_t)LK_E_CLOSED, SHIM_SEQ_CST) &&
	    open == (uint32_t)LK_E_FORKED)
		return LK_E_FORKED;
	tracer_say(&m->tracer, LK_LOG_INFO, "shutdown: new requests are refused");
	rc = shut_down(m, &q);
	tracer_say(&m->tracer, LK_LOG_INFO,
		   rc == 0 ? "shutdown: nothing is held"
			   : "shutdown: something is still held at its deadline");
	return rc;
}
