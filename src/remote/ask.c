/* SPDX-License-Identifier: MIT */
/*
 * One question to the store: the record is read, decided on, and written, in one step of the store's.
 *
 * A name is the record "n" and its bytes, a number "i" and its eight bytes, least first.  The record "f" is the floor
 * of all fences (record/decide.h, DE8): eight bytes.  It is looked at in the same step that makes a record where
 * there was none.
 */
#include "remote/ask_inside.h"
#include "remote/frozen.h"

enum {
	TRIES = 8,
	AGAIN = 9001, /* what no store returns: the floor is needed too */
	OLD = 9002    /* … the clock was read too long ago */
};

#define FENCES UINT32_MAX /* at a time */
#define OLD_NS UINT64_C(1000000000)

struct desk *
desk_take(struct remote *m)
{
	struct lk_session_id id;
	struct desk *d;

	latch_lock(&m->latch);
	d = m->desks;
	if (d != NULL)
		m->desks = d->next;
	id = m->session;
	latch_unlock(&m->latch);
	if (d == NULL)
		d = env_alloc(m->p.env, sizeof(*d), LK_LINE);
	if (d == NULL)
		return NULL;
	memcpy(&d->me, &id, sizeof(d->me));
	d->is_asked = d->is_left = d->looks_first = d->is_hinted = d->is_unsure = false;
	d->out = (struct decide_outcome){
		.trouble = DECIDE_FINE
	}; /* of what was decided here before */
	return d;
}

void
desk_leave(struct remote *m, struct desk *d)
{
	latch_lock(&m->latch);
	d->next = m->desks;
	m->desks = d;
	latch_unlock(&m->latch);
}

void
ask_fini(struct remote *m)
{
	while (m->desks != NULL) {
		struct desk *d = m->desks;

		m->desks = d->next;
		env_free(m->p.env, d, sizeof(*d));
	}
}

/* ------------------------------------------------------------------------- names */

size_t
ask_record_name(const struct lk_resource *r, unsigned char *buf)
{
	size_t len;
	bool is_id;
	const void *bytes = resource_name(r, &len, &is_id);

	buf[0] = is_id ? 'i' : 'n';
	memcpy(buf + 1, bytes, len);
	return len + 1;
}

void
desk_name(struct desk *d, const struct lk_resource *r)
{
	d->name_len = ask_record_name(r, d->name);
}

struct lk_resource *
ask_named(struct remote *m, const void *record, size_t len)
{
	const unsigned char *bytes = record;
	struct index *x = m->p.index;
	struct name n;
	uint64_t id;

	if (len > 1 && bytes[0] == 'n' && name_set(&n, bytes + 1, len - 1, 0, x->seed))
		return index_pin(x, &n);
	if (len != 1 + sizeof(id) || bytes[0] != 'i')
		return NULL;
	memcpy(&id, bytes + 1, sizeof(id));
	name_set_id(&n, &id, x->seed);
	return index_pin(x, &n);
}

/* ---------------------------------------------------------------------- one change */

static bool is_among_dead(const struct desk *d, const struct record_id *who);

/*
 * There is no record, or it is frozen: what the record "f" says of that, which is the second.  If it was to leave with one who
 * is dead it stays, and is to say so; what is frozen for another move is not frozen.  (MV1, MV2)
 */
static int
look_at_floor(struct desk *d, struct lk_store_record *r, const struct thawed *t)
{
	struct floor *f = &d->floor;

	if (!floor_read(&r[1], f))
		return LK_E_CORRUPT;
	d->v.floor = f->is;
	if (f->state == FLOOR_GONE)
		return LK_E_MOVED;
	if (f->state == FLOOR_COMES)
		return LK_E_STORE;
	if (f->state != FLOOR_LEAVES || (t->is_frozen && !record_id_is(&t->move, &f->move)))
		return 0;
	d->is_left = !is_among_dead(d, &f->mover);
	if (!d->is_left) {
		f->state = FLOOR_HERE;
		floor_write(&r[1], f, d->floor_bytes);
	}
	return 0;
}

/* Nobody is let in as long as they are being moved: it is as if somebody else had the name. */
static void
keep_out(struct desk *d)
{
	struct decide_outcome *o = &d->out;

	if (d->q.op == DECIDE_GIVE_AND_WAIT && (o->changed || o->result == DECIDE_GRANTED)) {
		*o = (struct decide_outcome){ .result = DECIDE_WAITS };
		o->want = d->q.want;
		o->waits_id = d->q.request;
	}
	o->changed = false;
}

static int
change(void *arg, struct lk_store_record *r, size_t n)
{
	struct desk *d = arg;
	const struct record *old = NULL;
	struct thawed t = { .bytes = NULL };
	int rc;

	d->fault = RECORD_FINE;
	d->out.result = DECIDE_NOTHING;
	d->is_left = false;
	if (ask_is_old(d->of, d->read_at))
		return OLD;
	if (r->old_len != 0)
		t = frozen_look(r->old, r->old_len);
	if (r->old_len == 0 || t.is_frozen) {
		rc = n < 2 ? AGAIN : look_at_floor(d, r, &t);
		if (rc != 0)
			return rc;
		record_init(&d->old, d->name + 1, d->name_len - 1);
	}
	if (r->old_len != 0) {
		d->fault = record_decode(&d->old, t.bytes, t.len, d->name + 1, d->name_len - 1);
		if (d->fault != RECORD_FINE)
			return record_fault_code(d->fault);
		old = &d->old;
	}
	rc = decide(old, &d->q, &d->v, &d->fresh, &d->out);
	if (d->is_left)
		keep_out(d);
	if (rc != 0 || !d->out.changed)
		return rc;
	r->fresh_len = record_encode(&d->fresh, d->bytes);
	r->fresh = d->bytes;
	r->changed = 1;
	r->is_quiet = decide_hints(old, &d->fresh, &d->me, NULL, 0) == 0;
	return 0;
}

/* Before that, so that it is never later than it says. */
static void
read_clock(struct remote *m, struct desk *d)
{
	struct decide_view *v = &d->v;

	d->of = m;
	d->read_at = env_now(m->p.env);
	if (m->store->ops->now(m->store, &v->now, &v->clock, remote_patience(m)) != 0)
		v->now = v->clock = 0; /* then nothing is ever over by it (DE9) */
}

static void
look_at_clock(struct remote *m, struct desk *d)
{
	d->v = (struct decide_view){ .settings = m->p.settings };
	read_clock(m, d);
}

/* They are asked at the same moment: nothing is known but the time yet. */
static void
look_as(struct desk *d, const struct desk *other)
{
	d->of = other->of;
	d->read_at = other->read_at;
	d->v = other->v;
}

bool
ask_is_old(const struct remote *m, uint64_t read_at)
{
	return env_now(m->p.env) - read_at > OLD_NS;
}

static int
update(struct remote *m, struct desk *d)
{
	struct lk_store_record r[2] = {
		{ .name = d->name, .len = d->name_len },
		{ .name = "f", .len = 1, .flags = LK_STORE_DURABLE },
	};
	bool was_unknown = false;
	size_t n = 1;
	int tries = 0;
	int rc;

	do {
		rc = d->is_asked ? combine_answer(m, &d->errand)
				 : combine_update(m, r, n, change, d);
		d->is_asked = false;
		n += rc == AGAIN;
		was_unknown |= rc == LK_E_UNKNOWN;
		if (rc == OLD)
			read_clock(m, d);
	} while (rc == AGAIN || ((rc == LK_E_UNKNOWN || rc == OLD) && ++tries < TRIES));
	if (rc == LK_E_BREAKER && was_unknown)
		rc = LK_E_UNKNOWN; /* nobody asks any more what became of it */
	return rc == OLD ? LK_E_TIMEDOUT : rc;
}

static bool
is_among_dead(const struct desk *d, const struct record_id *who)
{
	for (size_t i = 0; i < d->v.n_dead; i++) {
		if (record_id_is(&d->v.dead[i], who))
			return true;
	}
	return false;
}

static void
note_other(struct desk *d, const struct record_id *who, uint8_t flags)
{
	if ((flags & (HOLDER_DETACHED | HOLDER_KEPT)) != 0 || d->n_others == DEAD_MAX ||
	    record_id_is(who, &d->me))
		return;
	memcpy(&d->others[d->n_others++], who, sizeof(*who));
}

static void
list_others(struct desk *d)
{
	const struct record *now = d->out.changed ? &d->fresh : &d->old;

	d->n_others = 0;
	for (uint32_t i = 0; i < now->n_holders; i++)
		note_other(d, &now->holder[i].who, now->holder[i].flags);
	for (uint32_t i = 0; i < now->n_waiters; i++)
		note_other(d, &now->waiter[i].who, now->waiter[i].flags);
	if (d->is_left)
		note_other(d, &d->floor.mover, 0);
}

static void
note_living(struct remote *m, const struct desk *d, const unsigned char *alive, uint64_t asked_at)
{
	latch_lock(&m->latch);
	for (size_t i = 0; i < d->n_others; i++) {
		if (alive[i] != 0)
			living_note(&m->living, &d->others[i], asked_at);
	}
	latch_unlock(&m->latch);
}

/* Which sessions in the record, as it is now, are dead?  True: there are some. */
static bool
find_dead(struct remote *m, struct desk *d)
{
	const uint64_t asked_at = env_now(m->p.env);
	unsigned char alive[DEAD_MAX];
	size_t n = 0;

	list_others(d);
	if (d->n_others == 0 || m->store->ops->session_alive(m->store, d->others, d->n_others,
							     alive, remote_patience(m)) != 0)
		return false;
	note_living(m, d, alive, asked_at);
	for (size_t i = 0; i < d->n_others; i++) {
		if (alive[i] == 0)
			memcpy(&d->dead[n++], &d->others[i], sizeof(d->dead[0]));
	}
	d->v.dead = d->dead;
	d->v.n_dead = n;
	return n != 0;
}

/* Is there a mark that another session has to tell?  If that one is dead, it is for us.  (DE7) */
static bool
is_told_of_others(const struct desk *d)
{
	const struct record *now = d->out.changed ? &d->fresh : &d->old;

	for (uint32_t i = 0; i < now->n_holders; i++) {
		if ((now->holder[i].flags & HOLDER_TOLD) != 0 &&
		    !record_id_is(&now->holder[i].who, &d->me))
			return true;
	}
	return false;
}

/* Would it be otherwise without those who are dead? */
static bool
is_barred(const struct desk *d, int rc)
{
	if (rc != 0)
		return rc == LK_E_INVAL && d->out.trouble == DECIDE_BAD_SETTINGS;
	if (d->out.result == DECIDE_GRANTED && is_told_of_others(d))
		return true;
	return d->out.result == DECIDE_WAITS || d->out.result == DECIDE_BUSY ||
	       d->out.result == DECIDE_DEADLOCK;
}

/* Are those who keep it waiting surely alive?  (LV2) */
static bool
are_living(struct remote *m, struct desk *d)
{
	if (d->out.result != DECIDE_WAITS && d->out.result != DECIDE_DEADLOCK)
		return false;
	list_others(d);
	latch_lock(&m->latch);
	d->is_unsure = living_are_all(&m->living, d->others, d->n_others, env_now(m->p.env),
				      remote_is_mortal(m) ? LIVING_MORTAL_NS : LIVING_NS);
	latch_unlock(&m->latch);
	return d->is_unsure;
}

/* (CO11) */
static uint32_t
heard(const struct remote *m, bool is_hinted)
{
	const bool can = (m->store->ops->capabilities & LK_STORE_CAN_HEAR) != 0;

	return is_hinted && can ? LK_STORE_HEARD : 0;
}

/* What was asked before has been decided, or others have to give way first: most often there is nothing to write.  (CO10) */
static int
look_or_update(struct remote *m, struct desk *d)
{
	struct lk_store_record r = { .name = d->name,
				     .len = d->name_len,
				     .flags = heard(m, d->is_hinted) };
	const bool looks = d->looks_first && !d->is_asked;

	d->looks_first = d->is_hinted = false;
	if (looks && m->store->ops->read(m->store, &r, 1, change, d, remote_patience(m)) == 0 &&
	    !d->out.changed)
		return 0;
	return update(m, d);
}

/* Decide, and again when somebody who was in the way is dead. */
static int
decide_in_store(struct remote *m, struct desk *d)
{
	int rc;

	if (!d->is_asked)
		look_at_clock(m, d);
	do {
		if (!d->is_asked)
			d->out.trouble = DECIDE_FINE;
		rc = look_or_update(m, d);
	} while (is_barred(d, rc) && d->v.n_dead == 0 && (rc != 0 || !are_living(m, d)) &&
		 find_dead(m, d));
	return rc;
}

/* ----------------------------------------------------------------------- questions */

/* Does one ahead keep back one behind it, by its place alone?  (DE2) */
static bool
keeps_back(const struct record_waiter *ahead, const struct record_waiter *w)
{
	return (mode_conflicts((lk_mode)ahead->want) & MODE_BIT(w->want)) != 0 ||
	       (ahead->units != 0 && w->units != 0);
}

static void
see_line(const struct desk *d, struct answer_line *line)
{
	const struct record *r = d->out.changed ? &d->fresh : &d->old;
	const struct record_waiter *me = record_waiter_of(r, &d->me);
	const unsigned at = me != NULL ? (unsigned)(me - r->waiter) : 0;

	if (me == NULL)
		return;
	for (unsigned i = at; i-- > 0 && line->n_ahead < COVER_AHEAD;) {
		const struct record_waiter *q = &r->waiter[i];

		if (keeps_back(q, me) && (q->flags & HOLDER_DETACHED) == 0)
			memcpy(&line->ahead[line->n_ahead++], &q->who, sizeof(q->who));
	}
	for (unsigned i = at + 1; i < r->n_waiters; i++)
		line->has_behind |= keeps_back(me, &r->waiter[i]);
}

static struct answer
answer_of(const struct desk *d, int rc)
{
	const struct decide_outcome *o = &d->out;
	struct answer a = { .kind = ANSWER_FAILED, .rc = rc };

	a.is_misfit = rc == LK_E_INVAL && o->trouble == DECIDE_BAD_PERMITS;
	if (rc != 0)
		return a;
	a.kind = o->result == DECIDE_WAITS      ? ANSWER_WAITS
		 : o->result == DECIDE_DEADLOCK ? ANSWER_DEADLOCK
						: ANSWER_HAS;
	a.has = o->held;
	a.demand = o->demand.mode;
	a.units = o->units;
	a.demand_units = o->demand.units;
	a.has_died = o->is_orphaned;
	a.is_unsure = d->is_unsure;
	if (a.kind == ANSWER_WAITS)
		see_line(d, &a.line);
	a.value = o->value;
	a.last_fence = o->last_fence;
	if (o->n_fences != 0) {
		a.last_fence = a.fence_from = o->fence - 1;
		a.fence_end = o->fence - 1 + o->n_fences;
	}
	return a;
}

static void
set_pool(struct decide_request *q, const struct ask *a)
{
	const struct pool *p = &a->pool;

	if (q->op == DECIDE_CONVERT && p->keeps != 0) {
		q->units = p->keeps;
		q->permits = p->permits;
	}
	if (q->op != DECIDE_GIVE_AND_WAIT || (p->permits == 0 && !a->had_units))
		return;
	q->flags |= DECIDE_POOL;
	q->permits = p->permits;
	q->keeps = p->keeps;
	q->units = p->units;
	q->firm = p->firm;
	q->earlier = a->earlier;
}

static void
set_request(struct remote *m, struct desk *d, enum decide_op op, const struct ask *q)
{
	const bool tells =
		op == DECIDE_GIVE_AND_WAIT || op == DECIDE_CONVERT || op == DECIDE_RELEASE;

	d->q = (struct decide_request){
		.op = op,
		.flags = (tells && q->has_died ? DECIDE_UNTOLD : 0u) |
			 (tells && q->is_unheard ? DECIDE_UNHEARD : 0u),
		.name = d->name + 1,
		.who = d->me,
		.name_len = d->name_len - 1,
		.request = q->id,
		.mode = q->has,
		.want = op == DECIDE_GIVE_AND_WAIT ? q->want : LK_NL,
		.n_fences = FENCES,
		.fence = q->fence,
		.tag = m->p.who,
		.tag_len = strnlen(m->p.who, RECORD_TAG),
	};
	if (q->value != NULL) {
		d->q.value = q->value->bytes;
		d->q.value_len = q->value->len;
		d->q.version = q->value->version;
		d->q.is_invalid = (q->value->flags & LK_VALUE_INVALID) != 0;
	}
	set_pool(&d->q, q);
}

static struct answer
decide_on(struct remote *m, struct desk *d, enum decide_op op, const struct ask *q)
{
	set_request(m, d, op, q);
	return answer_of(d, decide_in_store(m, d));
}

static enum decide_op
op_of(const struct ask *q)
{
	if (q->want != q->has || q->pool.units != q->pool.firm)
		return DECIDE_GIVE_AND_WAIT;
	return q->has == LK_NL ? DECIDE_RELEASE : DECIDE_CONVERT;
}

/* ------------------------------------------------------------------- several at once */

void
asks_init(struct asks *all)
{
	all->list = NULL;
	all->last = &all->list;
}

void
ask_begin(struct remote *m, const struct lk_resource *r, struct ask *q, struct asks *all)
{
	struct desk *d = desk_take(m);

	if (d == NULL)
		return;
	desk_name(d, r);
	set_request(m, d, op_of(q), q);
	if (all->list == NULL)
		look_at_clock(m, d);
	else
		look_as(d, container_of(all->list, struct desk, errand));
	d->record = (struct lk_store_record){ .name = d->name, .len = d->name_len };
	d->errand = (struct errand){ .u = { .r = &d->record, .n = 1, .fn = change, .arg = d } };
	d->is_asked = true;
	*all->last = &d->errand;
	all->last = &d->errand.next;
	q->desk = d;
}

void
ask_all(struct remote *m, struct asks *all)
{
	if (all->list != NULL)
		combine_ask(m, all->list);
}

/* ---------------------------------------------------------------------- the questions */

/* No more than that, and no place in the line. */
static struct answer
fall(struct remote *m, struct desk *d, const struct ask *q)
{
	struct answer a = decide_on(m, d, q->has == LK_NL ? DECIDE_RELEASE : DECIDE_CONVERT, q);

	if (a.kind == ANSWER_HAS && d->out.want != LK_NL) {
		const struct ask any = { .has = q->has };

		a = decide_on(m, d, DECIDE_CANCEL, &any);
	}
	return a;
}

struct answer
ask_fences(struct remote *m, const struct lk_resource *r)
{
	struct desk *d = desk_take(m);
	struct answer a = { .kind = ANSWER_FAILED, .rc = LK_E_NOMEM };
	const struct ask any = { .has = LK_NL };

	if (d == NULL)
		return a;
	desk_name(d, r);
	a = decide_on(m, d, DECIDE_RESERVE, &any);
	desk_leave(m, d);
	return a;
}

struct answer
ask_store(struct remote *m, const struct lk_resource *r, const struct ask *q)
{
	struct desk *d = q->desk != NULL ? q->desk : desk_take(m);
	struct answer a = { .kind = ANSWER_FAILED, .rc = LK_E_NOMEM };

	if (d == NULL)
		return a;
	desk_name(d, r);
	d->looks_first = q->earlier != 0 && q->earlier == q->id;
	d->is_hinted = q->is_hinted;
	a = op_of(q) == DECIDE_GIVE_AND_WAIT ? decide_on(m, d, DECIDE_GIVE_AND_WAIT, q)
					     : fall(m, d, q);
	if (a.kind ==
	    ANSWER_DEADLOCK) { /* then it keeps what it had, and that may be more than it uses */
		struct ask less = *q;

		less.want = LK_NL;
		a = fall(m, d, &less);
		if (a.kind == ANSWER_HAS)
			a.kind = ANSWER_DEADLOCK;
	}
	desk_leave(m, d);
	return a;
}

struct answer
ask_shed(struct remote *m, const struct lk_resource *r, const struct ask *q)
{
	struct desk *d = desk_take(m);
	struct answer a = { .kind = ANSWER_FAILED, .rc = LK_E_NOMEM };

	if (d == NULL)
		return a;
	desk_name(d, r);
	a = decide_on(m, d, DECIDE_CONVERT, q);
	desk_leave(m, d);
	return a;
}

struct answer
ask_value(struct remote *m, const struct lk_resource *r, const struct ask *q)
{
	struct desk *d = desk_take(m);
	struct answer a = { .kind = ANSWER_FAILED, .rc = LK_E_NOMEM };

	if (d == NULL)
		return a;
	desk_name(d, r);
	a = decide_on(m, d, DECIDE_VALUE_WRITE, q);
	if (a.kind == ANSWER_HAS && d->out.result != DECIDE_DONE) {
		a.kind = ANSWER_FAILED;
		a.rc = LK_E_LOST; /* we do not have it any more */
	}
	desk_leave(m, d);
	return a;
}

static int
read_value(void *arg, struct lk_store_record *r, size_t n)
{
	struct desk *d = arg;

	(void)n;
	record_init(&d->old, d->name + 1, d->name_len - 1);
	if (r->old_len == 0)
		return 0;
	d->fault = frozen_decode(&d->old, r->old, r->old_len, d->name + 1, d->name_len - 1);
	return record_fault_code(d->fault);
}

/* Somebody has it in a mode that writes, and is dead, which nobody has seen yet: he may have been at it. */
static bool
has_dead_writer(struct remote *m, struct desk *d)
{
	struct record *r = &d->old;
	unsigned i = 0;

	d->out.changed = false;
	if (!find_dead(m, d))
		return false;
	while (i < r->n_holders &&
	       !(mode_writes((lk_mode)r->holder[i].mode) && is_among_dead(d, &r->holder[i].who)))
		i++;
	return i < r->n_holders;
}

int
ask_for_value(struct remote *m, const struct lk_resource *r, struct lk_value *out)
{
	struct desk *d = desk_take(m);
	struct lk_store_record record;
	const struct record_value *v;
	int rc;

	if (d == NULL)
		return LK_E_NOMEM;
	desk_name(d, r);
	record = (struct lk_store_record){ .name = d->name, .len = d->name_len };
	rc = m->store->ops->read(m->store, &record, 1, read_value, d, remote_patience(m));
	v = &d->old.value;
	*out = (struct lk_value){ .version = v->version, .len = v->len };
	memcpy(out->bytes, v->bytes, sizeof(out->bytes));
	if (rc == 0 && v->version != 0 && (v->is_invalid || has_dead_writer(m, d)))
		out->flags = LK_VALUE_INVALID;
	desk_leave(m, d);
	return rc;
}

static int
look(void *arg, struct lk_store_record *r, size_t n)
{
	struct desk *d = arg;
	const struct record_holder *h;

	(void)n;
	d->out = (struct decide_outcome){ .result = DECIDE_DONE };
	if (r->old_len == 0)
		return 0;
	d->fault = frozen_decode(&d->old, r->old, r->old_len, d->name + 1, d->name_len - 1);
	if (d->fault != RECORD_FINE)
		return record_fault_code(d->fault);
	h = record_holder_of(&d->old, &d->me);
	if (h != NULL) {
		d->out.held = (lk_mode)h->mode;
		d->out.units = h->units;
		d->out.demand = record_demand_on(&d->old, h);
	}
	return 0;
}

struct answer
ask_look(struct remote *m, const struct lk_resource *r, bool is_hinted)
{
	struct desk *d = desk_take(m);
	struct answer a = { .kind = ANSWER_FAILED, .rc = LK_E_NOMEM };
	struct lk_store_record record;

	if (d == NULL)
		return a;
	desk_name(d, r);
	record = (struct lk_store_record){ .name = d->name,
					   .len = d->name_len,
					   .flags = heard(m, is_hinted) };
	a = answer_of(d, m->store->ops->read(m->store, &record, 1, look, d, remote_patience(m)));
	desk_leave(m, d);
	return a;
}
