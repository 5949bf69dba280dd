/* SPDX-License-Identifier: MIT */
/* The covers of a manager: found, made, looked at from time to time. */
#include "remote/accord.h"
#include "remote/breaker.h"
#include "remote/detached.h"
#include "remote/inside.h"
#include "remote/knots.h"
#include "remote/values.h"

/* How long the store has time to answer. */
enum { OPERATION_NS = 2000000000 };

/* Who brings hints listens for so much of the time that he has worked, at least. */
enum { LISTENS_PART = 4 };
#define POLL_MOST_NS INT64_C(5000000000)

/* ---------------------------------------------------------------------- the table */

static struct cds_list_head *
chain_of(struct remote *m, const struct lk_resource *r)
{
	return &m->chain[((uintptr_t)r / LK_LINE * UINT64_C(0x9e3779b97f4a7c15) >> 32) % CHAINS];
}

struct cover *
cover_find(struct remote *m, const struct lk_resource *r)
{
	struct cds_list_head *chain = chain_of(m, r);
	struct cds_list_head *node;

	cds_list_for_each(node, chain)
	{
		struct cover *c = container_of(node, struct cover, node);

		if (c->r == r)
			return c;
	}
	return NULL;
}

/* The party of a phantom has news, with no latch of a line held.  (P4) */
static void
ring(struct parker *p)
{
	struct cover *c = container_of(container_of(p, struct party, parker), struct cover, party);

	if (!sequence_waits(shim_load(&c->party.sequence, SHIM_ACQUIRE)))
		linger_leaves(c);
}

/* Units came back that are for others.  (SU10) */
static void
ring_keeper(struct parker *p)
{
	struct cover *c = container_of(p, struct cover, keeper);

	timer_set(c->of->p.timers, &c->timer, 0);
}

static void
init(struct remote *m, struct cover *c)
{
	c->of = m;
	c->timer.fire = cover_fire;
	c->linger.fire = cover_linger_fire;
	party_init(&c->party);
	c->party.parker.ring = ring;
	park_init(&c->keeper);
	c->keeper.ring = ring_keeper;
	shim_init(&c->moves, (uint64_t)0);
	shim_store(&c->party.moves, (void *)&c->moves, SHIM_RELAXED);
	shim_store(&c->party.owner, (void *)m->p.owner, SHIM_RELAXED);
	shim_store(&c->party.priority, (uint32_t)INT32_MIN,
		   SHIM_RELAXED); /* of a ring, it is the one that can wait */
}

struct cover *
cover_get(struct remote *m, struct lk_resource *r)
{
	struct cover *c = cover_find(m, r);

	if (c != NULL)
		return c;
	c = slab_get(&m->covers);
	if (c == NULL)
		return NULL;
	if (c->of == NULL) /* new memory (S3) */
		init(m, c);
	resource_pin(r); /* (CO4) */
	c->r = r;
	c->has = c->asked = c->wish = c->demand = c->leaves = LK_NL;
	c->look = c->trim = c->owes = c->is_unheard = c->is_lost = c->steps_back = false;
	c->is_hinted = c->hears = false;
	c->dozes = c->may_end = false;
	shim_store(&c->is_early, 0u, SHIM_RELAXED);
	shim_store(&c->defers, 0u, SHIM_RELAXED);
	c->gave_ns = 0;
	c->needs = c->tries = c->rests = NULL;
	c->question = shim_add(&m->last_request, (uint64_t)1, SHIM_RELAXED)
		      << 32; /* that no cover of that name ever had */
	c->fence_end = c->fence_begin = c->keep_ns = 0;
	value_forget(c);
	c->trouble = 0;
	c->units = c->demand_units = 0;
	c->asked_pool = (struct pool){ .permits = 0 };
	cover_becomes(c, COVER_NONE);
	cds_list_add(&c->node, chain_of(m, r));
	m->n_covers++;
	return c;
}

void
cover_rest(struct cover *c)
{
	struct remote *m = c->of;
	struct need *next;

	for (struct need *n = c->rests; n != NULL; n = next) {
		next = n->next;
		need_tell(m, n, 0);
	}
	c->rests = NULL;
	WR(c->is_busy, false);
	if (c->state != COVER_NONE || c->owes)
		return;
	knots_forget(m->knots, c);
	cds_list_del(&c->node);
	m->n_covers--;
	cover_becomes(c, COVER_FREE);
	(void)timer_unset(m->p.timers, &c->timer);
	(void)timer_unset(m->p.timers, &c->linger);
	resource_unpin(c->r);
	slab_put(&m->covers, c);
}

/* ------------------------------------------------------------------ what there is to do */

bool
cover_begin_work(struct cover *c)
{
	const bool was = c->is_busy;

	WR(c->is_busy, true);
	return !was;
}

/*
 * Nobody changes what it is, or is about to: whoever needs it when it has just been given up asks for it at once, and
 * does not wait for another thread to do so.  With the latch.
 */
static bool
is_free(const struct cover *c)
{
	return !c->is_busy && !c->is_lost && !c->dozes &&
	       (c->state != COVER_YIELDS || waiter_state(&c->waiter) == WAITER_WAITING);
}

static bool
is_covered(const struct cover *c, lk_mode want)
{
	return is_free(c) && abroad_admits(c->has, want);
}

int
remote_need(struct remote *m, struct lk_resource *r, lk_mode held, lk_mode want,
	    const struct units *units, bool is_patient)
{
	struct need n = {
		.held = held,
		.want = want,
		.is_patient = is_patient,
		.until_ns = is_patient ? 0 : env_boottime(m->p.env) + REMOTE_TRY_NS,
		.units = units != NULL ? *units : (struct units){ .n = 0 },
	};
	struct cover *c;
	bool mine;

	shim_init(&n.word, (uint32_t)NEED_OPEN);
	latch_lock(&m->latch);
	c = cover_get(m, r);
	if (c == NULL ||
	    (is_free(c) && cover_serves(c, &n))) { /* it is a thread of ours that bars it */
		latch_unlock(&m->latch);
		return c == NULL ? LK_E_NOMEM : is_patient ? 0 : LK_E_BUSY;
	}
	n.next = c->needs;
	c->needs = &n;
	mine = cover_begin_work(c);
	latch_unlock(&m->latch);
	if (mine)
		cover_work(c);
	return need_wait(m, &n);
}

/* Whoever has his own time and his own sleep says himself when it passes, and who wakes. */
void
remote_stay_awake(struct remote *m, const struct waiter *q, uint64_t deadline_ns)
{
	if (!m->p.env->is_callers && waiter_state(q) == WAITER_WAITING &&
	    remote_may_bar(m, q->r, q->want))
		vigil_keep(&m->vigil, m->p.env, q, deadline_ns);
}

bool
remote_may_bar(struct remote *m, const struct lk_resource *r, lk_mode want)
{
	const struct cover *c;
	bool may;

	latch_lock(&m->latch);
	c = cover_find(m, r);
	may = c == NULL || !is_covered(c, want);
	latch_unlock(&m->latch);
	return may;
}

int
remote_word(struct remote *m, const struct lk_resource *r)
{
	const struct cover *c;
	int rc = LK_E_BUSY;

	latch_lock(&m->latch);
	c = cover_find(m, r);
	if (c != NULL)
		rc = c->is_busy || c->wish != LK_NL ? 0 : c->trouble != 0 ? c->trouble : LK_E_BUSY;
	latch_unlock(&m->latch);
	return rc;
}

int
remote_wish(struct remote *m, struct lk_resource *r, lk_mode want)
{
	struct cover *c;

	latch_lock(&m->latch);
	c = cover_get(m, r);
	if (c != NULL && (!is_covered(c, want) || cover_lacks_units(c))) {
		c->wish = mode_supremum(c->wish, want);
		timer_set(m->p.timers, &c->timer, 0);
	}
	latch_unlock(&m->latch);
	return c != NULL ? 0 : LK_E_NOMEM;
}

/* ---------------------------------------------------------------- a look at all of them */

/*
 * The next in a chain that was not looked at in this round.  One that somebody works on already is passed over, unless
 * all are to go back.
 */
static struct cover *
next_of(struct cds_list_head *chain, uint32_t round, bool trim)
{
	struct cds_list_head *node;

	cds_list_for_each(node, chain)
	{
		struct cover *c = container_of(node, struct cover, node);

		if (c->round != round && (c->is_busy ? trim : c->state == COVER_HELD))
			return c;
	}
	return NULL;
}

/* False: there is none left in this chain. */
static bool
look_at_next(struct remote *m, struct cds_list_head *chain, uint32_t round, bool trim)
{
	struct need n = { .want = LK_NL };
	struct cover *c;
	bool mine = true;

	shim_init(&n.word, (uint32_t)NEED_OPEN);
	latch_lock(&m->latch);
	c = next_of(chain, round, trim);
	if (c != NULL) {
		c->round = round;
		c->look = true;
		c->trim = trim || m->n_covers > m->p.max_covers;
		mine = cover_begin_work(c);
	}
	if (!mine) {
		n.next = c->rests;
		c->rests = &n;
	}
	latch_unlock(&m->latch);
	if (c != NULL && mine)
		cover_work(c);
	if (!mine)
		(void)need_wait(m, &n);
	return c != NULL;
}

static void
look_at_all(struct remote *m, bool trim)
{
	uint32_t round;

	latch_lock(&m->latch);
	round = ++m->round;
	latch_unlock(&m->latch);
	for (uint32_t i = 0; i < CHAINS; i++) {
		while (look_at_next(m, &m->chain[i], round, trim))
			;
	}
}

/* However long it may be: fences are to be fetched in time. */
static uint64_t
next_poll(const struct remote *m, uint64_t now)
{
	return now +
	       remote_about(m, m->p.poll_ns < POLL_MOST_NS ? m->p.poll_ns : (uint64_t)POLL_MOST_NS);
}

static void
poll(struct timer *t, uint64_t now)
{
	struct remote *m = container_of(t, struct remote, poll);

	look_at_all(m, false);
	timer_set(m->p.timers, &m->poll, next_poll(m, now));
}

void
remote_trim(struct remote *m)
{
	look_at_all(m, true);
	detached_sweep(m);
}

void
remote_hear(struct remote *m, const void *record, size_t len)
{
	struct lk_resource *r = ask_named(m, record, len);
	struct cover *c;

	if (r == NULL)
		return;
	latch_lock(&m->latch);
	c = cover_find(m, r);
	if (c != NULL)
		timer_set(m->p.timers, &c->timer, 0);
	latch_unlock(&m->latch);
	resource_unpin(r);
}

/*
 * Somebody has to look at it.  True: whoever brought the hint, as to wake another thread for it takes longer than to do
 * it.  But a part of his time is for further hints: they are lost when they come faster than he listens.  With the latch.
 */
static bool
look_at_hinted(struct cover *c, uint64_t now)
{
	struct remote *m = c->of;

	c->is_hinted = true;
	if (m->p.is_manual || (now < m->listens_ns && !c->is_busy)) {
		timer_set(m->p.timers, &c->timer, 0);
		return false;
	}
	c->look = true; /* who works on it already looks for word (CO1) */
	return cover_begin_work(c);
}

/* A hint of the store's, in a thread of its own. */
static void
hint(void *arg, const void *bytes, size_t len)
{
	struct remote *m = arg;
	const uint64_t now = env_boottime(m->p.env);
	struct lk_resource *r = NULL;
	struct cover *c;
	uint64_t done;
	bool mine = false;

	if (bytes == NULL) {
		timer_set(m->p.timers, &m->poll, 0);
		return;
	}
	if (knots_is_board(bytes, len)) {
		latch_lock(&m->latch);
		knots_hear(m->knots);
		latch_unlock(&m->latch);
		return;
	}
	r = ask_named(m, bytes, len);
	if (r == NULL)
		return;
	latch_lock(&m->latch);
	c = cover_find(m, r);
	if (c != NULL)
		mine = look_at_hinted(c, now);
	latch_unlock(&m->latch);
	resource_unpin(r);
	if (!mine)
		return;
	cover_work_briefly(c);
	done = env_boottime(m->p.env);
	m->listens_ns = done + (done - now) / LISTENS_PART;
}

/* ---------------------------------------------------------------------- the session */

/* With the latch. */
static void
lose(struct cover *c, enum lk_loss why, uint64_t now)
{
	if (!c->is_busy && (c->state == COVER_NONE || c->state == COVER_LOST))
		return;
	c->loss = (struct remote_loss){ why, now };
	c->is_lost =
		true; /* of one that is busy, who works on it looks what there is to lose (CO1, CO6) */
	value_forget(c);
	abroad_lose(c->r);
	timer_set(c->of->p.timers, &c->timer, 0);
}

void
remote_loses(struct remote *m, struct cover *c)
{
	latch_lock(&m->latch);
	lose(c, LK_LOSS_BROKEN, env_boottime(m->p.env));
	latch_unlock(&m->latch);
	remote_ring(m);
}

/* The session is over: all covers are lost, in the word at once.  With the latch. */
static void
end_session(struct remote *m, enum lk_loss why)
{
	const uint64_t now = env_boottime(m->p.env);

	if (!m->has_session)
		return;
	m->era++;
	m->has_session = false;
	for (uint32_t i = 0; i < CHAINS; i++) {
		struct cds_list_head *node;

		cds_list_for_each(node, &m->chain[i])
			lose(container_of(node, struct cover, node), why, now);
	}
	remote_ring(m);
	timer_set(m->p.timers, &m->beat, 0);
}

bool
remote_is_mortal(const struct remote *m)
{
	return (m->store->ops->capabilities & LK_STORE_SEES_DEATH) == 0;
}

static bool
is_late(const struct remote *m)
{
	const uint64_t deadline_ns = shim_load(&m->deadline_ns, SHIM_ACQUIRE);

	return deadline_ns != SHIM_NEVER && env_boottime(m->p.env) >= deadline_ns;
}

bool
remote_is_over(struct remote *m)
{
	bool is_over;

	if (!is_late(m))
		return false;
	latch_lock(&m->latch);
	is_over = is_late(m); /* or it was renewed meanwhile */
	if (is_over)
		end_session(m, LK_LOSS_UNREACHABLE);
	latch_unlock(&m->latch);
	return is_over;
}

/* … but not longer than the session lives: whoever asks the store then comes back, and hears that all is lost. */
uint64_t
remote_patience(struct remote *m)
{
	const uint64_t deadline_ns = shim_load(&m->deadline_ns, SHIM_RELAXED);
	uint64_t ns = OPERATION_NS;

	if (deadline_ns == SHIM_NEVER)
		return env_now(m->p.env) + ns;
	latch_lock(&m->latch);
	if (m->has_session) {
		const uint64_t now = env_boottime(m->p.env);
		const uint64_t left = deadline_ns > now ? deadline_ns - now : 0;

		ns = left < ns ? left : ns;
	}
	latch_unlock(&m->latch);
	return env_now(m->p.env) + ns;
}

/* It was renewed by what was sent at that moment.  With the latch. */
static void
set_deadline(struct remote *m, uint64_t sent_ns)
{
	shim_store(&m->deadline_ns, remote_is_mortal(m) ? sent_ns + remote_lifetime(m) : SHIM_NEVER,
		   SHIM_RELEASE);
}

/* Sooner when the last one failed; and when all is over. */
static uint64_t
next_beat(const struct remote *m, int rc)
{
	const uint64_t now = env_boottime(m->p.env);
	const uint64_t ns = rc == 0 ? m->p.heartbeat_ns : m->p.heartbeat_ns / 10;
	const uint64_t deadline_ns = shim_load(&m->deadline_ns, SHIM_RELAXED);

	return now < deadline_ns && deadline_ns < now + ns ? deadline_ns : now + ns;
}

/* On the settings, and on the floor of fences: the store may have lost it with the session. */
static int
agree(struct remote *m, const struct lk_session_id *id, char why[REMOTE_WHY])
{
	int rc = accord_join(m, id, why);

	if (rc != 0)
		return rc;
	rc = ask_floor(m, shim_wall_ms() << 20);
	if (rc == LK_E_MOVED || rc == LK_E_BUSY)
		ask_where(m, why, REMOTE_WHY);
	if (rc != 0)
		accord_leave(m, id);
	return rc;
}

static int
begin_session(struct remote *m, char why[REMOTE_WHY])
{
	const struct lk_store_ops *ops = m->store->ops;
	const uint64_t sent_ns = env_boottime(m->p.env);
	struct lk_session_id id;
	int rc;

	for (size_t i = 0; i < sizeof(id.bytes); i += sizeof(uint64_t)) {
		const uint64_t bits = env_random(m->p.env);

		memcpy(&id.bytes[i], &bits, sizeof(bits));
	}
	rc = ops->session_open(m->store, &id, m->p.ttl_ns, m->p.who, remote_patience(m));
	if (rc == 0) {
		rc = agree(m, &id, why);
		if (rc != 0)
			(void)ops->session_close(m->store, &id, remote_patience(m));
	}
	if (rc != 0)
		return rc;
	latch_lock(&m->latch);
	m->session = id;
	m->era++;
	m->has_session = true;
	set_deadline(m, sent_ns);
	latch_unlock(&m->latch);
	remote_ring(m);
	return 0;
}

void
remote_begin_anew(struct remote *m)
{
	char why[REMOTE_WHY];
	bool mine;

	latch_lock(&m->latch);
	mine = !m->has_session && !m->is_beginning;
	m->is_beginning |= mine;
	latch_unlock(&m->latch);
	if (!mine)
		return;
	(void)begin_session(m, why);
	latch_lock(&m->latch);
	m->is_beginning = false;
	latch_unlock(&m->latch);
}

/* What the store says of the session of that era, as of when it was asked.  What is over is not begun anew.  (CO8) */
static void
take_news(struct remote *m, int rc, uint32_t era, uint64_t sent_ns)
{
	latch_lock(&m->latch);
	if (m->era == era && (rc == LK_E_LOST || is_late(m)))
		end_session(m, rc == LK_E_LOST ? LK_LOSS_SESSION : LK_LOSS_UNREACHABLE);
	else if (m->era == era && m->has_session && rc == 0)
		set_deadline(m, sent_ns);
	latch_unlock(&m->latch);
}

/* Still alive?  And when it is over, another one. */
static void
beat(struct timer *t, uint64_t now)
{
	struct remote *m = container_of(t, struct remote, beat);
	const struct lk_store_ops *ops = m->store->ops;
	struct lk_session_id id;
	bool has_session;
	uint32_t era;
	int rc = LK_E_LOST;

	latch_lock(&m->latch);
	has_session = m->has_session;
	id = m->session;
	era = m->era;
	latch_unlock(&m->latch);
	if (has_session)
		rc = ops->session_renew(m->store, &id, remote_patience(m));
	take_news(m, rc, era, now);
	if (rc == 0)
		accord_stay(m, &id);
	remote_begin_anew(m);
	timer_set(m->p.timers, &m->beat, next_beat(m, rc));
}

bool
remote_is_barred(struct remote *m)
{
	return m->p.breaker != NULL && breaker_bars(m->p.breaker);
}

/* The store is not asked any more: heartbeats find out when it answers again, so the next is soon. */
static void
hasten(void *arg)
{
	struct remote *m = arg;

	timer_set(m->p.timers, &m->beat, next_beat(m, LK_E_BREAKER));
}

int
remote_level(struct remote *m, struct lk_guarantee *out)
{
	return m->store->ops->level(m->store, out);
}

size_t
remote_error(struct remote *m, char *buf, size_t cap)
{
	return m->store->ops->error(m->store, buf, cap);
}

size_t
remote_inside(struct remote *m, char *buf, size_t cap)
{
	if (cap > 0)
		buf[0] = '\0';
	return m->store->ops->state != NULL ? m->store->ops->state(m->store, buf, cap) : 0;
}

size_t
remote_figures(struct remote *m, struct lk_store_figure *out, size_t cap)
{
	const struct lk_store_ops *ops = m->store->ops;
	const size_t n = ops->figures != NULL ? ops->figures(m->store, out, cap) : 0;

	return n < cap ? n : cap;
}

/* ------------------------------------------------------------------ beginning and end */

int
remote_open(struct remote **out, const struct remote_parts *parts, struct lk_store *store,
	    char why[REMOTE_WHY])
{
	struct remote *m = env_zalloc(parts->env, sizeof(*m), LK_LINE);
	int rc = 0;

	if (m == NULL)
		return LK_E_NOMEM;
	m->p = *parts;
	m->store = store;
	latch_init(&m->latch);
	combine_init(&m->combine);
	vigil_init(&m->vigil);
	for (uint32_t i = 0; i < CHAINS; i++)
		CDS_INIT_LIST_HEAD(&m->chain[i]);
	slab_init(&m->covers, parts->env, m, sizeof(struct cover), offsetof(struct cover, link));
	m->poll.fire = poll;
	m->beat.fire = beat;
	if (parts->detector != NULL) {
		m->knots = knots_open(m);
		rc = m->knots != NULL ? 0 : LK_E_NOMEM;
	}
	if (rc == 0)
		rc = begin_session(m, why);
	if (rc != 0) {
		knots_close(m->knots);
		slab_fini(&m->covers);
		env_free(parts->env, m, sizeof(*m));
		return rc;
	}
	m->hints = store->ops->watch(store, hint, m); /* without, we look from time to time */
	timer_set(m->p.timers, &m->poll, next_poll(m, env_boottime(m->p.env)));
	timer_set(m->p.timers, &m->beat, next_beat(m, 0));
	if (m->p.breaker != NULL)
		breaker_watch(m->p.breaker, hasten, m);
	*out = m;
	return 0;
}

/* Nobody has any of it here, or waits for it. */
static void
give_all_back(struct remote *m)
{
	for (uint32_t i = 0; i < CHAINS; i++) {
		struct cds_list_head *node;

		cds_list_for_each(node, &m->chain[i])
		{
			struct cover *c = container_of(node, struct cover, node);
			struct lk_value value;
			const struct ask q = {
				.value = value_leaves(c, &value) ? &value : NULL,
				.id = c->question + 1,
				.has_died = (shim_load(&c->r->pins, SHIM_RELAXED) & PINS_DIED) != 0,
				.is_unheard = c->is_unheard,
				.fence = c->fence_end != 0 ? shim_load(&c->r->fence, SHIM_RELAXED)
							   : 0,
			};

			(void)ask_store(m, c->r, &q);
		}
	}
}

void
remote_close(struct remote *m)
{
	struct env *env = m->p.env;

	m->store->ops->unwatch(m->store);
	knots_close(m->knots);
	if (m->p.breaker != NULL)
		breaker_watch(m->p.breaker, NULL, NULL);
	give_all_back(m);
	accord_leave(m, &m->session);
	(void)m->store->ops->session_close(m->store, &m->session, remote_patience(m));
	lk_store_close(m->store);
	ask_fini(m);
	slab_fini(&m->covers);
	env_free(env, m, sizeof(*m));
}
