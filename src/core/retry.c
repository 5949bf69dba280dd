/* SPDX-License-Identifier: MIT */
/* Attempts, and the pauses between them. */
#include <latchkey/retry.h>
#include <latchkey/savepoint.h>

#include "base/guest.h"
#include "core/retry.h"

enum { ATTEMPTS = 8, FACTOR_LEAST = 100, FACTOR = 200, FACTOR_MOST = 100000 };

/* A shutdown wakes nobody who pauses: so long at most until it is seen. */
enum { NAP_NS = 50000000 };

#define FIRST_NS UINT64_C(10000000)
#define CAP_NS   UINT64_C(1000000000)

int
retry_check(const struct lk_retry *given)
{
	struct lk_retry r = { .size = 0 };
	int rc;

	if (given == NULL)
		return 0;
	rc = check_struct(given, given->size, sizeof(r));
	if (rc != 0)
		return rc;
	memcpy(&r, given, given->size < sizeof(r) ? given->size : sizeof(r));
	if (r.strategy > LK_RETRY_CUSTOM || (r.strategy == LK_RETRY_CUSTOM) != (r.next != NULL) ||
	    (r.factor_pct != 0 && (r.factor_pct < FACTOR_LEAST || r.factor_pct > FACTOR_MOST)) ||
	    (r.first_ns != 0 && r.cap_ns != 0 && r.cap_ns < r.first_ns))
		return LK_E_INVAL;
	return 0;
}

/* What was checked, complete; what it does not say is by default. */
static struct lk_retry
complete(const struct lk_retry *given)
{
	struct lk_retry r = { .size = 0 };

	if (given != NULL)
		memcpy(&r, given, given->size < sizeof(r) ? given->size : sizeof(r));
	if (r.strategy == 0)
		r.strategy = LK_RETRY_DECORRELATED;
	if (r.max_attempts == 0)
		r.max_attempts = ATTEMPTS;
	if (r.factor_pct == 0)
		r.factor_pct = FACTOR;
	if (r.first_ns == 0)
		r.first_ns = r.cap_ns != 0 && r.cap_ns < FIRST_NS ? r.cap_ns : FIRST_NS;
	if (r.cap_ns == 0)
		r.cap_ns = r.first_ns > CAP_NS ? r.first_ns : CAP_NS;
	return r;
}

/* What the manager's settings say.  The first attempt counts too. */
static struct lk_retry
of_manager(const struct lk_manager *m)
{
	const struct settings *s = &m->settings; /* these do not change */

	return (struct lk_retry){
		.strategy = (uint32_t)s->retry,
		.max_attempts = s->max_retries != LK_OFF ? (uint32_t)s->max_retries + 1 : 1,
		.factor_pct = FACTOR,
		.first_ns = s->retry_first_ns,
		.cap_ns = s->retry_cap_ns > s->retry_first_ns ? s->retry_cap_ns : s->retry_first_ns,
	};
}

/* --------------------------------------------------------------------------- pauses */

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t
times(uint64_t a, uint64_t b)
{
	uint64_t x;

	return __builtin_mul_overflow(a, b, &x) ? UINT64_MAX : x;
}

/* From `low` to `high`, both included. */
static uint64_t
draw(const struct env *e, uint64_t low, uint64_t high)
{
	const uint64_t span = high - low;

	return high <= low
		       ? low
		       : low + (span == UINT64_MAX ? env_random(e) : env_random(e) % (span + 1));
}

/* How far it has grown after so many attempts. */
static uint64_t
grown(const struct lk_retry *r, uint32_t attempts)
{
	uint64_t ns = r->first_ns;

	for (uint32_t i = 1; i < attempts && ns < r->cap_ns; i++) {
		const unsigned __int128 next = (unsigned __int128)ns * r->factor_pct / 100;

		if (r->factor_pct == FACTOR_LEAST)
			break;
		ns = next > r->cap_ns ? r->cap_ns : next > ns ? (uint64_t)next : ns + 1;
	}
	return least(ns, r->cap_ns);
}

static uint64_t
ask_caller(const struct lk_retry *r, uint32_t attempt, uint64_t last_ns)
{
	struct guest guest;
	uint64_t ns;

	guest_enter(&guest);
	ns = r->next(r->arg, attempt, last_ns);
	guest_leave(&guest);
	return ns;
}

/* The pause after so many attempts, the last of which came after one of `last_ns`.  LK_OFF: that was the last one. */
static uint64_t
pause_after(const struct env *e, const struct lk_retry *r, uint32_t attempts, uint64_t last_ns)
{
	if (attempts >= r->max_attempts)
		return LK_OFF;
	switch (r->strategy) {
	case LK_RETRY_FIXED:
		return least(r->first_ns, r->cap_ns);
	case LK_RETRY_LINEAR:
		return least(times(r->first_ns, attempts), r->cap_ns);
	case LK_RETRY_EXPONENTIAL:
		return draw(e, 0, grown(r, attempts));
	case LK_RETRY_CUSTOM:
		return ask_caller(r, attempts + 1, last_ns);
	default:
		break;
	}
	last_ns = last_ns > r->first_ns ? last_ns : r->first_ns;
	return least(draw(e, r->first_ns, times(last_ns, 3)), r->cap_ns);
}

int
lk_retry_next(struct lk_manager *m, const struct lk_retry *given, struct lk_retry_state *state,
	      uint64_t *pause_ns)
{
	struct lk_retry r;
	uint64_t ns;
	int rc;

	if (m == NULL || state == NULL || pause_ns == NULL || state->size < sizeof(*state))
		return LK_E_INVAL;
	if (manager_gate(m) == LK_E_FORKED)
		return LK_E_FORKED;
	rc = check_struct(state, state->size, sizeof(*state));
	if (rc == 0)
		rc = retry_check(given);
	if (rc != 0)
		return rc;
	r = complete(given);
	if (state->attempts == UINT32_MAX)
		return LK_E_LIMIT;
	ns = pause_after(&m->env, &r, state->attempts + 1, state->last_ns);
	if (ns == LK_OFF)
		return LK_E_LIMIT;
	state->attempts++;
	state->last_ns = ns;
	*pause_ns = ns;
	return 0;
}

/*
 * Until then; 0, or why it ended.  Nobody is in a call: what is due of a shared owner is done by whoever finds it, and a
 * shutdown need not wait for this.
 */
static int
rest_until(struct lk_owner *w, uint64_t until_ns)
{
	const struct env *e = &w->manager->env;
	struct parker *p = &w->party.parker;
	uint64_t now;
	int gate;

	for (;;) {
		(void)park_take(p); /* before the looks (P3) */
		gate = manager_gate(w->manager);
		if (gate != 0)
			return gate;
		if (park_canceled(p)) {
			park_clear_cancel(p);
			owner_tally(w, &w->count.cancels);
			return LK_E_CANCELED;
		}
		now = env_now(e);
		if (now >= until_ns)
			return 0;
		park_sleep(e, p, least(until_ns, now + NAP_NS));
	}
}

/* One pause, if it ends before the deadline.  True: it is over, and there is another attempt. */
static bool
pause_for(struct lk_owner *w, uint64_t ns, uint64_t deadline_ns, int *rc)
{
	const uint64_t now = env_now(&w->manager->env);
	int ended;

	if (ns == LK_OFF || ns >= UINT64_MAX - now || now + ns >= deadline_ns)
		return false;
	ended = rest_until(w, now + ns);
	if (ended != 0)
		*rc = ended;
	return ended == 0;
}

/* ------------------------------------------------------------------------- requests */

static struct lk_retry
of_request(const struct lk_owner *w, const struct request *q)
{
	struct lk_retry r = q->retry != NULL ? complete(q->retry) : of_manager(w->manager);

	if (q->max_retries != 0)
		r.max_attempts = q->max_retries < UINT32_MAX ? q->max_retries + 1 : UINT32_MAX;
	return r;
}

LK_COLD bool
retry_again(struct lk_owner *w, struct request *q, int *rc)
{
	const struct lk_retry r = of_request(w, q);
	uint64_t ns;

	if ((q->flags & LK_NOWAIT) != 0)
		return false;
	request_fix_deadline(w, q); /* if the attempt ended before it waited */
	ns = pause_after(&w->manager->env, &r, ++q->attempts, q->pause_ns);
	q->pause_ns = ns;
	return pause_for(w, ns, q->deadline_ns, rc);
}

/* --------------------------------------------------------------------- transactions */

static bool
run_is_for(int rc)
{
	return retry_is_for(rc) || rc == LK_E_DEADLOCK || rc == LK_E_CONVERSION_DEADLOCK;
}

/* One attempt; what it took goes back if it failed. */
static int
attempt(struct lk_owner *w, lk_mark mark, int (*body)(void *arg), void *arg)
{
	int rc = manager_gate(w->manager);

	if (rc != 0)
		return rc;
	rc = body(arg);
	if (rc != 0 && lk_rollback(w, mark, NULL) != 0)
		return rc; /* some were lost with their leases, and none is left: all the same */
	return rc;
}

int
lk_retry_run(struct lk_owner *w, const struct lk_retry *given, const struct lk_options *o,
	     int (*body)(void *arg), void *arg)
{
	struct request q = { .mode = LK_X };
	struct lk_retry r;
	uint64_t ns = 0;
	lk_mark mark;
	int rc;

	if (w == NULL || body == NULL)
		return LK_E_INVAL;
	rc = retry_check(given);
	if (rc == 0 && o != NULL)
		rc = request_read(&q, LK_X, o);
	if (rc != 0)
		return rc;
	mark = lk_savepoint(w);
	if (mark == 0)
		return manager_gate(w->manager) == LK_E_FORKED ? LK_E_FORKED : LK_E_STALE;
	r = complete(given);
	request_fix_deadline(w, &q);
	for (uint32_t n = 1;; n++) {
		rc = attempt(w, mark, body, arg);
		if (!run_is_for(rc) || (q.flags & LK_NOWAIT) != 0)
			return rc;
		ns = pause_after(&w->manager->env, &r, n, ns);
		if (!pause_for(w, ns, q.deadline_ns, &rc))
			return rc;
	}
}
