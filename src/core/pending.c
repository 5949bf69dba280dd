/* SPDX-License-Identifier: MIT */
/* The life of a request without a thread.  (U1-U5) */
#include "core/settle.h"
#include "core/ancestors.h"
#include "core/convert.h"
#include "core/events.h"
#include "core/release.h"
#include "core/semaphore.h"
#include "core/undone.h"

/* ------------------------------------------------------------------- memory */

static struct pending *
of_party(struct parker *p)
{
	return container_of(container_of(p, struct party, parker), struct pending, party);
}

static struct timers *
timers_of(const struct pending *s)
{
	return &s->manager->service.timers;
}

static bool
has_sleeper(const struct pending *s)
{
	return shim_load(&s->sleeper, SHIM_RELAXED) != NULL;
}

static void
wake_sleeper(const struct pending *s)
{
	struct lk_owner *sleeper = shim_load(&s->sleeper, SHIM_RELAXED);

	park_wake(&s->manager->env, &sleeper->party.parker);
}

/* Its party has news, with no latch of a line held.  Perhaps it is another request's by now.  (P4, U2) */
static void
ring(struct parker *p)
{
	struct pending *s = of_party(p);
	struct lk_owner *w = shim_load(&s->owner, SHIM_ACQUIRE);
	struct lk_owner *sleeper = shim_load(&s->sleeper, SHIM_ACQUIRE);
	bool soon = shim_load(&s->has_parts, SHIM_RELAXED) != 0;

	if (sleeper != NULL) { /* (U7) */
		park_wake(&s->manager->env, &sleeper->party.parker);
		return;
	}
	if (w == NULL)
		return;
	if (sequence_waits(shim_load(&s->party.sequence, SHIM_ACQUIRE))) {
		soon = true; /* it was moved, or is the oldest of its kind */
	} else {
		shim_store(&w->news, 1u, SHIM_SEQ_CST); /* (U4) */
		soon |= shim_load(&w->away, SHIM_SEQ_CST) != 0;
		queue_bring(&s->post);
	}
	if (soon)
		timer_set(timers_of(s), &s->timer, 0);
}

static void
init(struct pending *s, struct lk_manager *m)
{
	s->manager = m;
	party_init(&s->party);
	s->party.parker.ring = ring;
	s->timer.fire = attend_fire;
	s->post.kind = LK_DONE;
}

/* What is of this request alone: all but what is type-stable (U2). */
static void
reset(struct pending *s)
{
	s->phase = PENDING_FREE;
	s->is_listed = s->is_joined = s->is_withdrawn = s->is_canceled = false;
	shim_store(&s->has_parts, 0u, SHIM_RELAXED);
	memset(&s->b, 0, sizeof(s->b));
	memset(&s->l, 0, sizeof(s->l));
	s->n_anchors = 0;
	s->converts = 0;
	s->c = NULL;
	s->names = s->room = NULL;
	s->code = 0;
	s->due_ns = SHIM_NEVER;
}

struct pending *
pending_make(struct lk_manager *m, size_t n, size_t bytes)
{
	struct pending *s = slab_get(&m->pending);
	void *memory;

	if (s == NULL)
		return NULL;
	if (s->manager == NULL) /* new memory (S3) */
		init(s, m);
	reset(s);
	memory = s->small;
	s->names_bytes = n * ITEM_BYTES + bytes;
	if (s->names_bytes > sizeof(s->small))
		memory = s->names = env_alloc(&m->env, s->names_bytes, LK_LINE);
	if (memory == NULL) {
		slab_put(&m->pending, s);
		return NULL;
	}
	s->b.item = memory;
	s->b.at = (struct ranked *)(void *)(s->b.item + n);
	s->b.n = n;
	s->b.x = &m->index;
	s->b.q = &s->q;
	s->b.reserve = s->b.few;
	return s;
}

void
pending_free(struct pending *s)
{
	struct lk_manager *m = s->manager;

	env_free(&m->env, s->names, s->names_bytes);
	env_free(&m->env, s->room, s->room_bytes);
	s->names = s->room = NULL;
	s->phase = PENDING_FREE;
	slab_put(&m->pending, s);
}

/* Names and tag move to the request's own memory, which has room. */
static void
keep_words(struct pending *s)
{
	unsigned char *to =
		(unsigned char *)(s->b.item + s->b.n) + 2 * s->b.n * sizeof(struct ranked);

	for (size_t i = 0; i < s->b.n; i++) {
		struct name *n = &s->b.item[i].name;

		memcpy(to, n->bytes, n->len);
		n->bytes = to;
		to += n->len;
	}
	if (s->q.tag != NULL) {
		memcpy(to, s->q.tag, s->q.tag_len);
		s->q.tag = to;
	}
}

static size_t
words_of(const struct lk_request *r, size_t n, const struct request *q)
{
	size_t bytes = q->tag_len;

	for (size_t i = 0; i < n; i++) {
		if (r[i].name == NULL)
			continue; /* it is refused */
		bytes += (r[i].flags & LK_NAME_IS_ID) != 0 ? sizeof(uint64_t)
			 : r[i].len != 0                   ? r[i].len
							   : strlen(r[i].name);
	}
	return bytes;
}

int
pending_read(struct lk_owner *w, struct lk_owner *who, const struct lk_request *r, size_t n,
	     const struct request *q, struct pending **out)
{
	struct pending *s = pending_make(w->manager, n, words_of(r, n, q));
	int rc;

	if (s == NULL)
		return LK_E_NOMEM;
	s->q = *q;
	s->b.w = w;
	s->who = who;
	rc = batch_read(&s->b, r);
	if (rc != 0) {
		pending_free(s);
		return rc;
	}
	keep_words(s);
	s->id = shim_add(&w->manager->request_numbers, (uint64_t)1, SHIM_RELAXED) + 1;
	*out = s;
	return 0;
}

/* Levels, anchors on them, and the reserves of both halves.  False: no memory. */
static bool
make_room(struct pending *s)
{
	const size_t levels = levels_count(&s->b);
	const size_t reserves = levels + batch_count_reserves(&s->b);

	if (s->room != NULL)
		return true;
	s->room_bytes =
		levels * sizeof(struct level) + (levels + reserves) * sizeof(struct reserve);
	s->room = env_alloc(&s->manager->env, s->room_bytes, LK_LINE);
	if (s->room == NULL)
		return false;
	s->anchor = s->room;
	s->b.reserve = s->anchor + levels;
	s->l.at = (struct level *)(void *)(s->b.reserve + reserves);
	s->l.room = levels;
	return true;
}

/* ------------------------------------------------------- acting for an owner */

struct posture
pending_act(struct lk_owner *w)
{
	const struct posture p = { w->is_latched, w->is_quiet, owner_begins_moving(w) };

	if (p.is_latched) /* in its own call */
		w->is_latched = false;
	w->is_quiet = true;
	return p;
}

void
pending_act_no_more(struct lk_owner *w, struct posture p)
{
	if (p.is_latched)
		w->is_latched = true;
	w->is_quiet = p.is_quiet;
	owner_ends_moving(w, p.moves);
}

void
pending_unlist(struct pending *s)
{
	cds_list_del(&s->node);
	s->is_listed = false;
	shim_store(&s->owner, NULL, SHIM_RELAXED);
}

/* ------------------------------------------------------------------ the wait */

bool
pending_leave(struct pending *s, enum waiter_state state)
{
	const struct line_tally t = owner_line_tally(pending_owner(s));
	struct lot *l = &s->manager->lot;

	return s->c != NULL ? composite_leave(l, s->c, state) : line_leave(l, &s->alone, state, &t);
}

struct waiter *
pending_for_units(struct pending *s)
{
	for (uint32_t i = 0; s->c != NULL && i < s->c->n_parts; i++) {
		if (s->c->part[i].units.n != 0)
			return &s->c->part[i];
	}
	return &s->alone;
}

void
pending_has_units(struct pending *s)
{
	if (likely(s->q.units.n == 0))
		return;
	s->q.units.of = pending_for_units(s)->units.of;
	s->q.units_counted = true;
}

void
pending_drop_wait(struct pending *s)
{
	const struct line_tally t = owner_line_tally(pending_owner(s));
	struct lot *l = &s->manager->lot;

	s->is_joined = false;
	if (s->c == NULL)
		return;
	request_passed(s->manager, s->c, &t);
	composite_destroy(l, s->c);
	s->c = NULL;
	shim_store(&s->has_parts, 0u, SHIM_RELAXED);
}

void
pending_note_end(struct pending *s, int rc)
{
	struct lk_manager *m = s->manager;
	const uint64_t now = env_now(&m->env);
	const uint64_t ns = now > s->since_ns ? now - s->since_ns : 0;

	times_waited(&m->times, rc, ns);
	times_waited_for(&m->times, pending_face(s)->r, ns);
	if (rc != 0 && has_sleeper(s)) {
		s->q.waited_ns += ns;
		return; /* its thread tells of that */
	}
	if (events_want(pending_owner(s), EVENTS_OF_WAITS))
		event_wait_ends(pending_owner(s), pending_face(s), &s->q, rc, now);
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void
pending_arm(struct pending *s, uint64_t now)
{
	const struct env *e = &s->manager->env;
	const uint64_t due = least(least(s->deadline_ns, s->fair_at), s->watch_at);

	if (has_sleeper(s)) {
		if (due < s->due_ns) /* than it may sleep */
			wake_sleeper(s);
		s->due_ns = due;
	} else if (due != SHIM_NEVER) {
		timer_set(timers_of(s), &s->timer, env_boottime(e) + (due > now ? due - now : 0));
	}
}

/* A party like no other before, so that nobody takes it for one that he saw.  (D2) */
static void
begin_party(struct pending *s, struct lk_owner *w)
{
	s->incarnation++;
	shim_store(&s->party.sequence, (uint64_t)s->incarnation << 40, SHIM_RELEASE);
	shim_store(&s->party.priority, (uint32_t)party_priority(&s->who->party), SHIM_RELAXED);
	shim_store(&s->party.moves, (void *)&w->moves, SHIM_RELAXED);
	shim_store(&s->party.owner, (void *)w, SHIM_RELEASE);
	shim_store(&s->owner, (void *)w, SHIM_RELEASE);
}

static void
set_part(struct pending *s, struct waiter *q)
{
	struct lk_owner *w = pending_owner(s);

	request_face(&q->face, w, &s->q, s->label);
	q->priority = s->q.priority != 0 ? s->q.priority : party_priority(&s->who->party);
}

/* The units that it comes for, if any, are those of its last level.  False: no memory. */
static bool
bring_units(struct pending *s)
{
	return likely(s->q.units.n == 0) ||
	       semaphore_bring(pending_owner(s), s->l.at[s->l.n - 1].r, &s->q.units);
}

/* One level: as any other waiter. */
static enum line_outcome
join_alone(struct pending *s, bool *nomem)
{
	struct lk_owner *w = pending_owner(s);
	const struct line_tally t = owner_line_tally(w);
	const struct level *v = s->l.at;
	bool head;

	*nomem = !bring_units(s);
	if (*nomem)
		return LINE_SHUT;
	while (!v->is_part)
		v++;
	s->alone = (struct waiter){
		.r = v->r,
		.party = &s->party,
		.held = v->counted,
		.want = v->want,
		.seat = level_seat(&s->b, v),
		.since_ns = s->since_ns,
	};
	if (level_takes_units(&s->b, v))
		s->alone.units = s->q.units;
	set_part(s, &s->alone);
	return line_join(&s->manager->lot, &s->alone, true, &head, &t);
}

static enum line_outcome
join_together(struct pending *s, uint32_t parts, bool *nomem)
{
	struct lot *l = &s->manager->lot;

	s->c = composite_create(l, &s->party, parts);
	*nomem = s->c == NULL || !bring_units(s);
	if (*nomem)
		return LINE_SHUT;
	shim_store(&s->has_parts, 1u, SHIM_RELAXED);
	levels_add_parts(&s->b, &s->l, s->c);
	for (uint32_t i = 0; i < parts; i++)
		set_part(s, &s->c->part[i]);
	s->c->since_ns = s->since_ns;
	return composite_join(l, s->c);
}

static void
begin_watch(struct pending *s)
{
	const struct lk_manager *m = s->manager;

	s->fair_at = m->lot.strict ? SHIM_NEVER
				   : s->since_ns + shim_load(&m->fair_after_ns, SHIM_RELAXED);
	s->watch_ns = shim_load(&m->deadlock_delay_ns, SHIM_RELAXED);
	s->watch_at =
		s->watch_ns == LK_OFF || s->is_impatient ? SHIM_NEVER : s->since_ns + s->watch_ns;
}

/* ------------------------------------------------------------------- anchors */

static void
weigh_anchors(struct pending *s)
{
	while (s->n_anchors > 0) {
		const struct reserve *r = &s->anchor[--s->n_anchors];

		count_give(pending_owner(s), hold_find(&pending_owner(s)->holds, r->r), r->mode);
	}
}

/* A count on what the owner has there already.  0 or LK_E_NOMEM.  (U3) */
static int
drop_anchors(struct pending *s)
{
	for (size_t i = 0; i < s->l.n; i++) {
		const struct level *v = &s->l.at[i];
		int rc;

		if (v->counted == LK_NL)
			continue;
		s->q.extra = NULL;
		rc = count_take(pending_owner(s), v->r, v->counted, &s->q);
		if (rc != 0)
			return rc;
		s->anchor[s->n_anchors++] = (struct reserve){ v->r, v->counted };
	}
	return 0;
}

/* ------------------------------------------------------------------- the end */

/* Without waiting; or all that it needs is there. */
static int
take(struct pending *s)
{
	int rc;

	if (s->converts == 0)
		return batch_take(&s->b);
	rc = convert_inside(pending_owner(s), s->converts, &s->q);
	batch_forget_reserves(&s->b);
	pending_owner(s)->made_real = 0; /* (H10) */
	return rc;
}

void
pending_give_back(struct pending *s)
{
	semaphore_return(pending_owner(s), &s->q);
	levels_undo(&s->b, &s->l);
}

/* All words count it.  CALL_AGAIN: not on the basis of what the owner holds now.  (K7, U3, U5) */
static int
take_granted(struct pending *s)
{
	const int gate = manager_gate(s->manager);
	int rc;

	if (gate != 0 || !levels_stand(&s->b, &s->l)) {
		pending_give_back(s);
		return gate != 0 ? gate : CALL_AGAIN;
	}
	rc = levels_adopt(&s->b, &s->l);
	if (rc == 0) {
		s->q.flags |= LK_TIMED; /* what waited says since when it is held */
		rc = take(s);
	}
	if (rc != 0)
		semaphore_return(pending_owner(s), &s->q);
	s->q.units_counted = false; /* they are the grant's, or nobody's */
	return rc;
}

/* Who was in the way, if its thread is to be told. */
static void
report(struct pending *s, int rc)
{
	if (likely(s->q.report == NULL) || rc >= 0)
		return;
	s->q.above = s->b.n == 1 && pending_face(s)->r != s->l.at[s->l.n - 1].r;
	request_report(pending_owner(s), pending_face(s), s->c != NULL ? s->c->n_parts : 1, &s->q,
		       rc);
	s->q.above = false;
	if (rc == LK_E_DEADLOCK)
		s->q.report->deadlock = RD(s->party.verdict);
}

/* One less that waits; one that waited for it to end may be begun.  (U3) */
static void
count_less(struct lk_owner *w)
{
	struct cds_list_head *node;

	if (--w->n_pending == 0) {
		w->pending_names = 0;
		return;
	}
	cds_list_for_each(node, &w->pending)
	{
		if (pending_of(node)->is_withdrawn)
			WR(w->is_due, true);
	}
}

void
pending_finish(struct pending *s, int code)
{
	struct lk_owner *w = pending_owner(s);

	if (code == 0 && unlikely(s->manager->remote != NULL) && !has_sleeper(s))
		code = wish_in_time(s);
	weigh_anchors(s);
	levels_unpin(&s->l);
	(void)timer_unset(timers_of(s), &s->timer);
	s->code = code;
	s->phase = PENDING_DONE;
	count_less(w);
	if (has_sleeper(s)) { /* who tells of it himself */
		wake_sleeper(s);
		return;
	}
	if (events_want(w, EVENTS_OF_REQUESTS) && s->converts == 0)
		batch_tell(&s->b, code);
	queue_post(shim_load(&s->post.queue, SHIM_RELAXED), &s->post);
}

static void
finish_unless_waiting(struct pending *s, int rc)
{
	if (!s->is_joined && !s->is_withdrawn)
		pending_finish(s, rc);
}

/* One that does not wait has waited for other processes only. */
static int
result_of(const struct pending *s)
{
	if (s->is_impatient && pending_state(s) == WAITER_TIMEDOUT)
		return s->trouble;
	return request_state_result(pending_owner(s), pending_state(s));
}

void
pending_settle(struct pending *s)
{
	int rc = result_of(s);

	if (rc == 0)
		pending_has_units(s);
	pending_note_end(s, rc);
	report(s, rc);
	pending_drop_wait(s);
	if (rc == 0)
		rc = take_granted(s);
	if (rc == CALL_AGAIN)
		rc = pending_start(s);
	finish_unless_waiting(s, rc);
}

void
pending_settle_or_leave(struct pending *s)
{
	struct lk_owner *w = pending_owner(s);
	struct posture p;

	if (RD(w->is_away)) {
		owner_leave_due(w);
		return;
	}
	p = pending_act(w);
	pending_settle(s);
	pending_act_no_more(w, p);
	if (RD(w->is_due)) /* of others that it made room for */
		owner_catch_up(w);
}

/* ----------------------------------------------------------------- the begin */

/* First without waiting: LK_E_BUSY leaves nothing behind, not even a count. */
static int
attempt(struct pending *s)
{
	struct counted before;
	int rc;

	if (s->converts == 0)
		return batch_attempt(&s->b);
	before = counted_now(pending_owner(s));
	s->q.flags |= LK_NOWAIT;
	s->q.tentative = true;
	rc = take(s);
	s->q.flags &= ~(uint32_t)LK_NOWAIT;
	s->q.tentative = false;
	if (rc == LK_E_BUSY)
		uncount(pending_owner(s), &before);
	return rc;
}

/* Does it strengthen what it has there? */
static bool
strengthens(const struct pending *s, const struct lk_resource *r)
{
	for (size_t i = 0; i < s->l.n; i++) {
		const struct level *v = &s->l.at[i];

		if (v->r == r)
			return v->is_part && v->counted != LK_NL;
	}
	return false;
}

struct pending *
pending_rival(struct lk_owner *w, const struct lk_resource *r)
{
	struct cds_list_head *node;

	cds_list_for_each(node, &w->pending)
	{
		struct pending *s = pending_of(node);

		if (s->phase == PENDING_WAITS && s->is_joined && strengthens(s, r))
			return s;
	}
	return NULL;
}

/* Is it to wait until another one of its owner has ended?  (U3) */
static bool
is_held_off(const struct pending *s)
{
	for (size_t i = 0; i < s->l.n; i++) {
		const struct level *v = &s->l.at[i];

		if (v->is_part && v->counted != LK_NL &&
		    pending_rival(pending_owner(s), v->r) != NULL)
			return true;
	}
	return false;
}

/* Into the lines, with all that may fail done before. */
static int
join(struct pending *s)
{
	struct lk_owner *w = pending_owner(s);
	const uint32_t parts = levels_weigh(&s->b, &s->l);
	enum line_outcome outcome;
	bool nomem = false;
	int rc;

	if (s->is_impatient && /* (U8) */
	    (is_held_off(s) || !wish_may_help(s)))
		return LK_E_BUSY;
	if (is_held_off(s)) {
		s->is_withdrawn = true;
		return 0;
	}
	rc = drop_anchors(s);
	if (rc != 0)
		return rc;
	if (parts == 0) /* it was only a latch that was in the way */
		return take(s);
	s->since_ns = env_now(&s->manager->env);
	outcome = parts == 1 ? join_alone(s, &nomem) : join_together(s, parts, &nomem);
	if (outcome == LINE_JOINED) {
		s->is_joined = true;
		owner_tally(w, &w->count.waits);
		for (size_t i = 0; i < s->l.n; i++)
			w->pending_names |= pending_bit(s->l.at[i].r);
		begin_watch(s);
		pending_arm(s, s->since_ns);
		if (events_want(w, EVENTS_OF_WAITS))
			event_wait_begins(w, pending_face(s), &s->q);
		if (unlikely(wish_abroad(s) != 0) && pending_leave(s, WAITER_CANCELED)) {
			pending_drop_wait(s);
			return LK_E_NOMEM;
		}
		return 0;
	}
	rc = nomem ? LK_E_NOMEM : request_result(w, outcome);
	if (rc == 0)
		pending_has_units(s);
	if (!nomem)
		report(s, rc);
	pending_drop_wait(s);
	return rc != 0 ? rc : take_granted(s);
}

int
pending_start(struct pending *s)
{
	int rc;

	s->is_withdrawn = false;
	weigh_anchors(s);
	levels_unpin(&s->l);
	do {
		rc = manager_gate(s->manager);
		if (rc == 0)
			rc = attempt(s);
		if (rc != LK_E_BUSY || (s->is_impatient && s->manager->remote == NULL))
			return rc;
		rc = has_sleeper(s) ? 0 : service_start(&s->manager->service);
		if (rc == 0)
			rc = make_room(s) ? levels_find(&s->b, &s->l) : LK_E_NOMEM;
		if (rc == 0)
			rc = join(s);
		if (rc == CALL_AGAIN) {
			weigh_anchors(s);
			levels_unpin(&s->l);
		}
	} while (rc == CALL_AGAIN);
	return rc;
}

/* What says that there never was a request. */
static bool
is_refusal(int rc)
{
	return rc == LK_E_NOMEM || rc == LK_E_CLOSED || rc == LK_E_INVAL;
}

/* Whom does it wait for? */
static void
notify_of(const struct pending *s, struct notify_calls *calls)
{
	if (s->c == NULL)
		notify_blocked(pending_owner(s), &s->alone, calls);
	for (uint32_t i = 0; s->c != NULL && i < s->c->n_parts; i++)
		notify_blocked(pending_owner(s), &s->c->part[i], calls);
}

int
pending_begin(struct pending *s, struct lk_owner *w, struct lk_queue *queue,
	      struct notify_calls *calls)
{
	const uint64_t now = env_now(&s->manager->env);
	struct posture p;
	int rc;

	s->b.w = w;
	s->fair_at = s->watch_at = SHIM_NEVER;
	s->is_impatient = (s->q.flags & LK_NOWAIT) != 0;
	s->q.flags &= ~(uint32_t)LK_NOWAIT;
	s->deadline_ns = request_deadline(s->who, &s->q, now);
	s->trouble = LK_E_BUSY;
	if (s->is_impatient)
		s->deadline_ns = least(s->deadline_ns, now + REMOTE_TRY_NS);
	begin_party(s, w);
	if (queue != NULL)
		queue_expect(queue, &s->post);
	cds_list_add_tail(&s->node, &w->pending);
	s->is_listed = true;
	s->phase = PENDING_WAITS;
	w->n_pending++;
	p = pending_act(w);
	rc = pending_start(s);
	if (is_refusal(rc)) {
		weigh_anchors(s);
		levels_unpin(&s->l);
		count_less(w);
		s->phase = PENDING_FREE;
		pending_unlist(s);
		if (queue != NULL)
			queue_forget(queue, &s->post);
	} else {
		finish_unless_waiting(s, rc);
		rc = 0;
	}
	pending_act_no_more(w, p);
	if (s->is_joined && !s->is_impatient && notify_is_wanted(s->manager))
		notify_of(s, calls);
	if (rc == 0 && s->is_withdrawn && s->deadline_ns != SHIM_NEVER)
		pending_arm(s, now);
	return rc;
}
