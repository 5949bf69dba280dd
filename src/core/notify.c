/* SPDX-License-Identifier: MIT */
/* Notices on their way, and who is in whose way.  (X1-X3) */
#include "core/notify.h"
#include "base/guest.h"
#include "base/rcu.h"
#include "core/alarm.h"
#include "core/call.h"
#include "core/semaphore.h"

/* ------------------------------------------------------------------- owners */

int
notify_check(struct lk_manager *m, const struct lk_owner_options *o)
{
	if ((o->flags & LK_NOTIFY_BLOCKING) != 0 && o->queue == NULL && o->on_notice == NULL)
		return LK_E_INVAL;
	if (o->queue != NULL && o->queue->manager != m)
		return LK_E_INVAL;
	return o->queue != NULL || o->on_notice != NULL ? alarm_prepare(m) : 0;
}

void
notify_begin(struct lk_owner *w, const struct lk_owner_options *o)
{
	struct lk_manager *m = w->manager;

	w->queue = o->queue;
	w->on_notice = o->on_notice;
	w->notice_arg = o->notice_arg;
	if (!notify_wanted(w))
		return;
	owner_share_now(w); /* so that it is closed by the way on which this ends */
	if (w->queue != NULL)
		shim_add(&w->queue->n_owners, 1u, SHIM_RELAXED);
	alarm_listen(w);
	if ((o->flags & LK_NOTIFY_BLOCKING) == 0)
		return;
	CDS_INIT_LIST_HEAD(&w->notices);
	latch_lock(&m->told_latch);
	cds_list_add_tail(&w->told, &m->told);
	w->wants_notices = true;
	latch_unlock(&m->told_latch);
	shim_add(&m->n_told, 1u, SHIM_SEQ_CST);
}

/* Its notices of whom it blocks: those that are in a queue go when they are reaped. */
static void
drop_notices(struct lk_owner *w)
{
	struct lk_manager *m = w->manager;
	struct cds_list_head *node;
	struct cds_list_head *next;

	latch_lock(&m->told_latch);
	cds_list_del(&w->told);
	w->wants_notices = false;
	cds_list_for_each_safe(node, next, &w->notices)
	{
		struct notice *n = container_of(node, struct notice, node);

		n->is_listed = false;
		if (!n->is_on_its_way)
			slab_put(&m->notices, n);
	}
	latch_unlock(&m->told_latch);
	shim_sub(&m->n_told, 1u, SHIM_RELAXED);
}

void
notify_end(struct lk_owner *w)
{
	if (w->wants_notices)
		drop_notices(w);
	alarm_leave(w);
	if (w->queue != NULL)
		shim_sub(&w->queue->n_owners, 1u, SHIM_RELEASE);
	w->queue = NULL;
	w->on_notice = NULL;
}

/* -------------------------------------------------------------- functions called */

/* With `told_latch`.  (X2) */
static void
begin_telling(struct lk_owner *w, struct telling *t)
{
	thread_note_me(&t->by);
	t->w = w;
	t->next = w->tellings;
	w->tellings = t;
}

static void
end_telling(struct telling *t)
{
	struct lk_manager *m = t->w->manager;
	struct telling **at = &t->w->tellings;

	latch_lock(&m->told_latch);
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	shim_add(&t->w->tellings_ended, 1u, SHIM_ACQ_REL);
	latch_unlock(&m->told_latch);
	env_wake(&m->env, &t->w->tellings_ended);
}

/* Is another thread telling one? */
static bool
others_tell(struct lk_owner *w)
{
	struct lk_manager *m = w->manager;
	bool others = false;

	latch_lock(&m->told_latch);
	for (const struct telling *t = w->tellings; t != NULL; t = t->next)
		others |= !thread_is_me(&t->by);
	latch_unlock(&m->told_latch);
	return others;
}

void
notify_drain(struct lk_owner *w)
{
	for (;;) {
		uint32_t seen = shim_load(&w->tellings_ended, SHIM_ACQUIRE);

		if (!others_tell(w))
			return;
		env_wait(&w->manager->env, &w->tellings_ended, seen, SHIM_NEVER);
	}
}

/* With nothing latched. */
static void
call(lk_notice_fn *fn, void *arg, const struct lk_notice *says, struct telling *t)
{
	struct guest g;

	guest_enter(&g);
	fn(arg, says);
	guest_leave(&g);
	end_telling(t);
}

void
notify_run(struct notify_calls *calls)
{
	for (uint32_t i = 0; i < calls->n; i++) {
		struct notify_call *c = &calls->call[i];

		call(c->fn, c->arg, &c->says, &c->telling);
	}
	calls->n = 0;
}

/* ------------------------------------------------------------------ a notice */

static void
set_name(struct lk_notice *says, const struct lk_resource *r)
{
	size_t len;
	bool is_id;
	const void *name = resource_name(r, &len, &is_id);

	memcpy(says->name, name, len < sizeof(says->name) ? len : sizeof(says->name));
	says->name_len = (uint32_t)len;
	says->flags = is_id ? LK_NAME_IS_ID : 0;
}

void
notify_fill(struct lk_notice *says, struct lk_owner *w, enum lk_kind kind, lk_grant g,
	    const struct lk_resource *r)
{
	*says = (struct lk_notice){
		.size = sizeof(*says),
		.kind = kind,
		.owner = w,
		.owner_id = shim_load(&w->id, SHIM_ACQUIRE),
		.grant = g,
	};
	set_name(says, r);
}

/* One that is not about anything yet; NULL: no memory. */
static struct notice *
make(struct lk_owner *w)
{
	struct notice *n = slab_get(&w->manager->notices);

	if (n == NULL)
		return NULL;
	n->w = w;
	n->is_listed = n->is_on_its_way = false;
	n->fn = w->on_notice;
	n->arg = w->notice_arg;
	return n;
}

/* It goes, and is the queue's. */
static void
send(struct notice *n)
{
	n->post.kind = n->says.kind;
	n->is_on_its_way = true;
	queue_expect(n->w->queue, &n->post);
	queue_post(n->w->queue, &n->post);
}

bool
notify_tell(struct lk_owner *w, const struct lk_notice *says)
{
	lk_notice_fn *const fn = w->on_notice;
	void *const arg = w->notice_arg;
	struct telling t;
	struct notice *n;

	if (w->queue != NULL) {
		n = make(w);
		if (n == NULL)
			return false;
		n->says = *says;
		send(n);
		return true;
	}
	latch_lock(&w->manager->told_latch);
	begin_telling(w, &t);
	latch_unlock(&w->manager->told_latch);
	latch_unlock(&w->latch);
	call(fn, arg, says, &t);
	latch_lock(&w->latch);
	return true;
}

bool
notify_take(struct notice *n, struct lk_notice *says, lk_notice_fn **fn, void **arg)
{
	struct lk_manager *m = n->w->manager;
	bool valid;

	latch_lock(&m->told_latch);
	*says = n->says;
	*fn = n->fn;
	*arg = n->arg;
	valid = shim_load(&n->w->id, SHIM_ACQUIRE) == says->owner_id &&
		shim_load(&n->w->state, SHIM_ACQUIRE) > OWNER_KEEPING;
	n->is_on_its_way = false;
	if (!n->is_listed)
		slab_put(&m->notices, n);
	latch_unlock(&m->told_latch);
	return valid;
}

/* -------------------------------------------------------------- who is blocked */

/* A hold that others read.  (H3) */
struct seen {
	uint64_t head; /* 0: none */
	uint32_t slot;
	uint32_t units;
};

static uint64_t
read_head(const struct hold *s, const struct lk_resource *r)
{
	uint64_t head;
	bool is;

	do {
		head = shim_load(&s->head, SHIM_ACQUIRE);
		is = shim_load(&s->resource, SHIM_ACQUIRE) == r;
	} while (shim_load(&s->head, SHIM_RELAXED) != head);
	return is && (head & (HEAD_REENTRY | HEAD_IMPLIED)) == 0 ? head : 0;
}

/* What `w` has on `r`.  Its slots may be in memory that it gives back when it closes.  (RC1) */
static struct seen
find_hold(const struct lk_owner *w, const struct lk_resource *r)
{
	const uint32_t n = shim_load(&w->holds.n_slots, SHIM_ACQUIRE);
	struct seen seen = { 0, 0, 0 };

	shim_rcu_read_lock();
	for (uint32_t i = 0; i < n && seen.head == 0; i++) {
		const uint32_t k = slot_segment(i);
		const struct hold *segment = shim_load(&w->holds.segment[k], SHIM_ACQUIRE);

		if (segment != NULL)
			seen.head = read_head(&segment[i - segment_first(k)], r);
		if (seen.head != 0)
			seen.units = hold_units(&segment[i - segment_first(k)], seen.head);
		seen.slot = i;
	}
	shim_rcu_read_unlock();
	return seen;
}

/* The notice of `w` about `r`; one about what it does not hold any more will do.  NULL: no memory. */
static struct notice *
notice_about(struct lk_owner *w, const struct lk_resource *r)
{
	struct notice *idle = NULL;
	struct cds_list_head *node;

	cds_list_for_each(node, &w->notices)
	{
		struct notice *n = container_of(node, struct notice, node);

		if (n->r == r)
			return n;
		if (idle == NULL && !n->is_on_its_way && find_hold(w, n->r).head == 0)
			idle = n;
	}
	if (idle == NULL) {
		idle = make(w);
		if (idle == NULL)
			return NULL;
		idle->is_listed = true;
		cds_list_add(&idle->node, &w->notices);
	}
	notify_fill(&idle->says, w, LK_NOTICE_BLOCKING, 0, r);
	idle->r = r;
	idle->head = 0;
	return idle;
}

/* Does it have to be told, as something has risen, or the hold is another one?  (X3) */
static bool
note_rise(struct notice *n, const struct blocked_by *b, struct seen seen)
{
	struct lk_notice *says = &n->says;
	const lk_mode before = n->head == seen.head ? says->wanted : LK_NL;
	const lk_mode wanted = mode_supremum(before, b->want);
	const bool rises = n->head != seen.head || wanted != before || b->priority > says->priority;

	if (n->head != seen.head || b->priority > says->priority)
		says->priority = b->priority;
	n->head = seen.head;
	says->wanted = wanted;
	says->held = head_effective(seen.head);
	says->grant = (seen.head & HEAD_GONE) == 0 ? grant_of(seen.head, seen.slot) : 0;
	says->n_waiters = b->n_waiters;
	return rises;
}

/* Its function, once nothing is latched. */
static void
call_later(struct lk_owner *w, const struct notice *n, struct notify_calls *calls)
{
	struct notify_call *c = &calls->call[calls->n++];

	c->fn = n->fn;
	c->arg = n->arg;
	c->says = n->says;
	begin_telling(w, &c->telling);
}

static bool
is_in_the_way(const struct blocked_by *b, struct seen seen)
{
	return (mode_conflicts(b->want) & MODE_BIT(head_effective(seen.head))) != 0 ||
	       (b->lacks_units && seen.units != 0);
}

/* With the latch of those who are told. */
static void
tell(struct lk_owner *w, const struct blocked_by *b, struct notify_calls *calls)
{
	const struct seen seen = find_hold(w, b->r);
	struct notice *n;

	if (seen.head == 0 || !is_in_the_way(b, seen) ||
	    (w->queue == NULL && (calls == NULL || calls->n == NOTIFY_CALLS)))
		return;
	n = notice_about(w, b->r);
	if (n == NULL || !note_rise(n, b, seen))
		return;
	if (w->queue == NULL)
		call_later(w, n, calls);
	else if (!n->is_on_its_way)
		send(n);
}

void
notify_blocked_slow(struct lk_owner *who, struct blocked_by b, struct notify_calls *calls)
{
	struct lk_manager *m = who->manager;
	struct cds_list_head *node;

	b.n_waiters = line_length(&m->lot, b.r);
	b.lacks_units = semaphore_lacks(m, b.r, b.units);
	latch_lock(&m->told_latch);
	cds_list_for_each(node, &m->told)
	{
		struct lk_owner *w = container_of(node, struct lk_owner, told);

		if (w != who)
			tell(w, &b, calls);
	}
	latch_unlock(&m->told_latch);
}

/* What is wanted by those whom `w` blocks with what it has in `held`, and how urgently. */
struct crowd {
	const struct lk_owner *w;
	lk_mode held;
	uint32_t units; /* that it has there */
	struct blocked_by b;
};

static void
join_crowd(void *arg, const struct waiter *q)
{
	struct crowd *c = arg;

	const bool lacks = c->units != 0 && !units_fit(q, 0);

	c->b.n_waiters++;
	if (((mode_conflicts(q->want) & MODE_BIT(c->held)) == 0 && !lacks) ||
	    shim_load(&q->party->owner, SHIM_RELAXED) == c->w)
		return;
	c->b.lacks_units |= lacks;
	if (c->b.want == LK_NL || q->priority > c->b.priority)
		c->b.priority = q->priority;
	c->b.want = mode_supremum(c->b.want, q->want);
}

void
notify_came(struct lk_owner *w, struct lk_resource *r, struct notify_calls *calls)
{
	struct lk_manager *m = w->manager;
	const struct seen seen = find_hold(w, r);
	struct crowd c = { w, head_effective(seen.head), seen.units, { .r = r, .want = LK_NL } };

	if (!w->wants_notices || (shim_load(&r->word, SHIM_ACQUIRE) & WORD_WAITERS) == 0)
		return;
	line_each(&m->lot, r, join_crowd, &c);
	if (c.b.want == LK_NL)
		return;
	latch_lock(&m->told_latch);
	tell(w, &c.b, calls);
	latch_unlock(&m->told_latch);
}
