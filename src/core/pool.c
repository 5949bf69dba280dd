/* SPDX-License-Identifier: MIT */
/* Pools of owners.  (PO1-PO5) */
#include "core/pool.h"
#include "core/owners.h"
#include "core/queue.h"
#include "core/release.h"
#include "core/request.h"

/* ------------------------------------------------------------- under the latch */

/* One more owner; NULL: no memory. */
static struct lk_owner *
add_owner(struct lk_pool *p)
{
	struct lk_owner *w = owner_memory(p->manager);

	if (w == NULL)
		return NULL;
	p->n_open++;
	p->stats.created++;
	return w;
}

static void
put_idle(struct lk_pool *p, struct lk_owner *w)
{
	w->pooled = p->idle;
	p->idle = w;
	p->n_idle++;
}

static struct lk_owner *
take_idle(struct lk_pool *p)
{
	struct lk_owner *w = p->idle;

	if (w == NULL)
		return NULL;
	p->idle = w->pooled;
	p->n_idle--;
	return w;
}

/* It is somebody's now.  (PO1) */
static void
hand_out(struct lk_pool *p, struct lk_owner *w)
{
	shim_store(&w->pool, (void *)p, SHIM_RELAXED);
	p->stats.takes++;
}

static struct turn *
first_turn(struct lk_pool *p)
{
	if (p->line.next == &p->line)
		return NULL;
	return container_of(p->line.next, struct turn, node);
}

/* It waits no more; who ends it for somebody else wakes that one once the latch is open.  (PO3) */
static void
end_turn(struct lk_pool *p, struct turn *t, enum turn_state state, struct lk_owner *w)
{
	cds_list_del(&t->node);
	p->n_waiting--;
	WR(t->w, w);
	if (w != NULL)
		hand_out(p, w);
	shim_store(&t->state, (uint32_t)state, SHIM_RELEASE);
}

/* An owner can be had: for the first who waits, who is to be woken; or it is idle (NULL).  (PO2) */
static struct turn *
pass_on(struct lk_pool *p, struct lk_owner *w)
{
	struct turn *t = first_turn(p);

	if (t != NULL)
		end_turn(p, t, TURN_HANDED, w);
	else
		put_idle(p, w);
	return t;
}

/* ----------------------------------------------------------------- others' turns */

static void
open_and_wake(struct lk_pool *p, struct turn *t)
{
	const struct env *env = &p->manager->env;

	latch_unlock(&p->latch);
	if (t != NULL) /* or another one's by now (PO4) */
		park_wake(env, &t->parker);
}

/* All who wait are refused. */
static void
refuse_all(struct lk_pool *p)
{
	struct turn *t;

	do {
		latch_lock(&p->latch);
		t = first_turn(p);
		if (t != NULL)
			end_turn(p, t, TURN_CLOSED, NULL);
		open_and_wake(p, t);
	} while (t != NULL);
}

/* There are fewer than there may be, as one lingers: make others for those who wait, as long as there is memory. */
static void
make_up(struct lk_pool *p)
{
	struct turn *t;

	do {
		struct lk_owner *w = NULL;

		latch_lock(&p->latch);
		t = p->n_open < p->max ? first_turn(p) : NULL;
		if (t != NULL) {
			w = add_owner(p);
			end_turn(p, t, w != NULL ? TURN_HANDED : TURN_NOMEM, w);
		}
		open_and_wake(p, t);
	} while (t != NULL);
}

static bool
shut_pool(void *object, void *arg)
{
	struct lk_pool *p = object;

	(void)arg;
	if (shim_load(&p->is_made, SHIM_ACQUIRE) != 0)
		refuse_all(p);
	return true;
}

void
pools_shut(struct lk_manager *m)
{
	slab_each(&m->pools, shut_pool, NULL);
}

/* ---------------------------------------------------------------------- opening */

static int
read_options(struct lk_manager *m, const struct lk_pool_options *given, struct lk_pool_options *o,
	     struct lk_owner_options *owner)
{
	int rc = 0;

	*o = (struct lk_pool_options)LK_POOL_OPTIONS_INIT;
	*owner = (struct lk_owner_options)LK_OWNER_OPTIONS_INIT;
	if (given != NULL) {
		rc = check_struct(given, given->size, sizeof(*o));
		if (rc != 0)
			return rc;
		memcpy(o, given, given->size < sizeof(*o) ? given->size : sizeof(*o));
	}
	if (o->max == 0)
		o->max = LK_POOL_MAX;
	if (o->reserved != 0 || o->min > o->max || o->timeout_ns < 0)
		return LK_E_INVAL;
	if (o->owner == NULL)
		return 0;
	rc = owner_options(m, o->owner, owner);
	return rc == 0 && owner->parent != NULL ? LK_E_UNSUPPORTED : rc;
}

static void
init(struct lk_pool *p, struct lk_manager *m)
{
	latch_init(&p->latch);
	CDS_INIT_LIST_HEAD(&p->line);
	p->manager = m;
	shim_store(&p->is_made, 1u, SHIM_RELEASE);
}

static void
set_owner(struct lk_pool *p, const struct lk_owner_options *o)
{
	p->owner = *o;
	if (o->label != NULL) {
		memset(p->label, 0, sizeof(p->label));
		memcpy(p->label, o->label, strnlen(o->label, LK_LABEL_MAX));
		p->owner.label = p->label;
	}
	if (o->queue != NULL)
		shim_add(&o->queue->n_owners, 1u, SHIM_RELAXED);
}

/* Those that are idle go back to the slab. */
static void
drop_idle(struct lk_manager *m, struct lk_owner *w)
{
	while (w != NULL) {
		struct lk_owner *next = w->pooled;

		owner_memory_put(m, w);
		w = next;
	}
}

/* False: no memory, and nothing changed. */
static bool
fill(struct lk_pool *p, uint32_t n)
{
	while (p->n_open < n) {
		struct lk_owner *w = add_owner(p);

		if (w == NULL) {
			drop_idle(p->manager, p->idle);
			return false;
		}
		put_idle(p, w);
	}
	return true;
}

/* Of a pool that nobody knows of.  False: no memory. */
static bool
begin(struct lk_pool *p, const struct lk_pool_options *o, const struct lk_owner_options *owner)
{
	bool filled;

	latch_lock(&p->latch);
	p->max = o->max;
	p->timeout_ns = o->timeout_ns;
	p->n_open = p->n_idle = 0;
	p->idle = NULL;
	memset(&p->stats, 0, sizeof(p->stats));
	p->is_closing = false;
	filled = fill(p, o->min);
	if (filled)
		set_owner(p, owner);
	p->is_open = filled;
	latch_unlock(&p->latch);
	return filled;
}

int
lk_pool_open(struct lk_manager *m, const struct lk_pool_options *given, struct lk_pool **out)
{
	struct lk_pool_options o;
	struct lk_owner_options owner;
	struct lk_pool *p;
	int rc;

	if (m == NULL || out == NULL)
		return LK_E_INVAL;
	rc = read_options(m, given, &o, &owner);
	if (rc == 0)
		rc = manager_gate(m);
	if (rc != 0)
		return rc;
	p = slab_get(&m->pools);
	if (p == NULL)
		return LK_E_NOMEM;
	if (p->manager == NULL) /* new memory (S3) */
		init(p, m);
	if (!begin(p, &o, &owner)) {
		slab_put(&m->pools, p);
		return LK_E_NOMEM;
	}
	shim_add(&m->n_pools, 1u, SHIM_RELAXED);
	*out = p;
	return 0;
}

/* Before its latch is taken, which in a child of fork() may be held for ever. */
static int
check(const struct lk_pool *p)
{
	if (p == NULL)
		return LK_E_INVAL;
	return manager_gate(p->manager) == LK_E_FORKED ? LK_E_FORKED : 0;
}

/* ----------------------------------------------------------------------- taking */

/* What a taker may say: whether and how long it waits. */
static int
read_patience(struct request *q, const struct lk_options *o)
{
	int rc = request_read(q, LK_X, o);

	if (rc != 0)
		return rc;
	if ((q->flags & ~(uint32_t)LK_NOWAIT) != 0 || q->tag != NULL || q->report != NULL ||
	    q->condition != NULL || q->name_hash != 0 || q->priority != 0 || q->retry != NULL ||
	    q->max_retries != 0)
		return LK_E_INVAL;
	return 0;
}

static uint64_t
deadline_of(const struct lk_pool *p, const struct request *q, uint64_t now)
{
	uint64_t timeout = q->timeout_ns != 0 ? (uint64_t)q->timeout_ns : (uint64_t)p->timeout_ns;
	uint64_t deadline = q->deadline_ns != 0 ? q->deadline_ns : SHIM_NEVER;

	if (q->timeout_ns == 0 && q->deadline_ns != 0)
		return deadline; /* the caller said when, if not how long */
	if (timeout == 0)
		timeout = shim_load(&p->manager->timeout_ns, SHIM_RELAXED);
	if (timeout < (uint64_t)LK_FOREVER && now + timeout < deadline)
		deadline = now + timeout;
	return deadline;
}

static bool
waits(const struct turn *t)
{
	return shim_load(&t->state, SHIM_ACQUIRE) == TURN_WAITS;
}

static void
sleep_until(const struct env *env, struct turn *t, uint64_t deadline)
{
	for (;;) {
		(void)park_take(&t->parker); /* before the look (P3) */
		if (!waits(t) || env_now(env) >= deadline)
			return;
		park_sleep(env, &t->parker, deadline);
	}
}

/* With the latch. */
static void
note_wait(struct lk_pool *p, uint64_t ns)
{
	p->stats.wait_ns += ns;
	if (ns > p->stats.longest_wait_ns)
		p->stats.longest_wait_ns = ns;
}

static int
result_of(enum turn_state state)
{
	switch (state) {
	case TURN_HANDED:
		return 0;
	case TURN_WAITS:
		return LK_E_TIMEDOUT;
	case TURN_NOMEM:
		return LK_E_NOMEM;
	case TURN_CLOSED:
		break;
	}
	return LK_E_CLOSED;
}

/* What it came to.  Only as long as a taker waits, or has an owner of it, the pool is certain to be the same.  (PO3, PO4) */
static int
leave_line(struct lk_pool *p, struct turn *t, uint64_t since, struct lk_owner **out)
{
	const uint64_t now = env_now(&p->manager->env);
	enum turn_state state;

	latch_lock(&p->latch);
	state = (enum turn_state)shim_load(&t->state, SHIM_RELAXED);
	if (state == TURN_WAITS) {
		end_turn(p, t, TURN_CLOSED, NULL);
		p->stats.timeouts++;
	}
	if (state == TURN_WAITS || state == TURN_HANDED)
		note_wait(p, now > since ? now - since : 0);
	*out = RD(t->w);
	latch_unlock(&p->latch);
	return result_of(state);
}

/* With the latch, which it opens. */
static int
stand_in_line(struct lk_pool *p, const struct request *q, struct lk_owner **out)
{
	struct lk_manager *m = p->manager;
	struct turn *t = slab_get(&m->turns);
	uint64_t since;
	uint64_t deadline;
	int rc;

	if (t == NULL) {
		latch_unlock(&p->latch);
		return LK_E_NOMEM;
	}
	shim_store(&t->state, (uint32_t)TURN_WAITS, SHIM_RELAXED);
	cds_list_add_tail(&t->node, &p->line);
	p->n_waiting++;
	p->stats.waits++;
	since = env_now(&m->env);
	deadline = deadline_of(p, q, since);
	latch_unlock(&p->latch);
	sleep_until(&m->env, t, deadline);
	rc = leave_line(p, t, since, out);
	slab_put(&m->turns, t);
	return rc;
}

/* With the latch: may somebody take, or wait? */
static int
check_open(const struct lk_pool *p)
{
	if (!p->is_open)
		return LK_E_STALE;
	return p->is_closing ? LK_E_CLOSED : manager_gate(p->manager); /* (PO5) */
}

/* With the latch: one that can be had at once.  NULL: `*rc` says why not, 0: all are out.  (PO2) */
static struct lk_owner *
take_at_once(struct lk_pool *p, int *rc)
{
	struct lk_owner *w;

	*rc = check_open(p);
	if (*rc != 0)
		return NULL;
	w = take_idle(p);
	if (w == NULL && p->n_open < p->max) {
		w = add_owner(p);
		*rc = w != NULL ? 0 : LK_E_NOMEM;
	}
	if (w != NULL)
		hand_out(p, w);
	return w;
}

static int
take(struct lk_pool *p, const struct request *q, struct lk_owner **out)
{
	int rc;

	latch_lock(&p->latch);
	*out = take_at_once(p, &rc);
	if (*out == NULL && rc == 0) {
		if ((q->flags & LK_NOWAIT) == 0)
			return stand_in_line(p, q, out);
		rc = LK_E_BUSY;
	}
	latch_unlock(&p->latch);
	return rc;
}

int
lk_pool_take(struct lk_pool *p, const struct lk_options *o, struct lk_owner **out)
{
	struct request q;
	struct lk_owner *w;
	int rc = check(p);

	if (rc != 0)
		return rc;
	if (out == NULL)
		return LK_E_INVAL;
	rc = read_patience(&q, o);
	if (rc == 0)
		rc = take(p, &q, &w);
	if (rc != 0)
		return rc;
	owner_open_as(w, OWNER_POOLED, &p->owner);
	*out = w;
	return 0;
}

/* ----------------------------------------------------------------------- giving */

/* It is not the taker's any more: so only one of two who give it back does.  (PO1) */
static int
claim(struct lk_pool *p, struct lk_owner *w)
{
	int rc = LK_E_STALE;

	latch_lock(&p->latch);
	if (p->is_open && shim_load(&w->pool, SHIM_RELAXED) == p) {
		shim_store(&w->pool, NULL, SHIM_RELAXED);
		rc = 0;
	} else if (p->is_open && shim_load(&w->state, SHIM_RELAXED) > OWNER_KEEPING) {
		rc = LK_E_INVAL;
	}
	latch_unlock(&p->latch);
	return rc;
}

/* A grant that was not released; what is kept from others is none. */
static bool
has_grants(struct lk_owner *w)
{
	const uint32_t n = holds_n(&w->holds) != 0 ? shim_load(&w->holds.n_slots, SHIM_RELAXED) : 0;

	for (uint32_t i = 0; i < n; i++) {
		const uint64_t head = shim_load(&hold_at(&w->holds, i)->head, SHIM_RELAXED);

		if (head != 0 && (head & HEAD_GONE) == 0)
			return true;
	}
	return false;
}

int
lk_pool_give(struct lk_pool *p, struct lk_owner *w)
{
	struct turn *t = NULL;
	bool holding;
	bool is_ours;
	int rc = check(p);

	if (rc != 0)
		return rc;
	if (w == NULL || w->manager != p->manager)
		return LK_E_INVAL;
	rc = claim(p, w);
	if (rc == 0)
		rc = release_enter(w);
	if (rc != 0)
		return rc;
	holding = has_grants(w);
	is_ours = owner_shut(w);
	latch_lock(&p->latch);
	p->stats.given_holding += holding;
	if (is_ours)
		t = pass_on(p, w);
	else
		p->n_open--;
	open_and_wake(p, t);
	if (!is_ours)
		make_up(p);
	return 0;
}

/* --------------------------------------------------------------- looking, closing */

int
lk_pool_stats(struct lk_pool *p, struct lk_pool_stats *out)
{
	struct lk_pool_stats s;
	int rc = check(p);

	if (rc == 0 && out == NULL)
		rc = LK_E_INVAL;
	if (rc == 0)
		rc = check_struct(out, out->size, sizeof(s));
	if (rc != 0)
		return rc;
	latch_lock(&p->latch);
	s = p->stats;
	s.max = p->max;
	s.open = p->n_open;
	s.idle = p->n_idle;
	s.taken = p->n_open - p->n_idle;
	s.waiting = p->n_waiting;
	rc = p->is_open ? 0 : LK_E_STALE;
	latch_unlock(&p->latch);
	if (rc == 0)
		copy_struct(out, &s, sizeof(s));
	return rc;
}

/* The pool is no more, and what it had is in `*idle`; or takers are refused from now on. */
static int
end(struct lk_pool *p, struct lk_owner **idle)
{
	int rc = 0;

	*idle = NULL;
	latch_lock(&p->latch);
	if (!p->is_open) {
		rc = LK_E_STALE;
	} else if (p->n_open != p->n_idle) {
		rc = LK_E_BUSY;
	} else {
		p->is_open = false;
		*idle = p->idle;
	}
	p->is_closing = true;
	latch_unlock(&p->latch);
	return rc;
}

int
lk_pool_close(struct lk_pool *p)
{
	struct lk_owner *idle;
	struct lk_manager *m;
	int rc = check(p);

	if (rc != 0)
		return rc;
	m = p->manager;
	rc = end(p, &idle);
	if (rc != LK_E_STALE)
		refuse_all(p);
	if (rc != 0)
		return rc;
	drop_idle(m, idle);
	if (p->owner.queue != NULL)
		shim_sub(&p->owner.queue->n_owners, 1u, SHIM_RELEASE);
	shim_sub(&m->n_pools, 1u, SHIM_RELEASE);
	slab_put(&m->pools, p);
	return 0;
}
