/* SPDX-License-Identifier: MIT */
/* Detached grants in a store.  (DT1-DT3) */
#include "remote/detached.h"
#include "index/path.h"
#include "record/decide.h"
#include "remote/floor.h"
#include "remote/frozen.h"
#include "remote/inside.h"

#define MAGIC "LKdetch1"

enum {
	LEVELS_MAX = 30,
	DEAD_MAX = 64,
	TRIES = 8,
	TRY_NS = 10000000,
	FIRST_DELAY_NS = 1000000,
	NOTE_HEAD = 9,  /* bytes of the record "d" before the name's: MAGIC, and the mode … */
	NOTE_ID = 0x80, /* … with this bit: the name is a number */
	SWEEP_MAX = 64,
	LEFT = 9004, /* … its locks are being moved away */
	OLD = 9002   /* what no store returns: the clock was read too long ago */
};

/* A waiter that says nothing for so long is gone. */
#define TTL_NS UINT64_C(2000000000)

/* One of the records of a grant: the name itself is the last. */
struct level {
	uint32_t len; /* of the record's name */
	lk_mode mode;
	struct record old;
	struct record fresh;
	_Alignas(8) unsigned char bytes[RECORD_BYTES];
};

/* What one operation needs. */
struct parcel {
	struct remote *m;
	struct record_id who;
	enum decide_op op;
	struct decide_request q;
	struct decide_view v;
	uint64_t read_at; /* when the clock was, on that of env_now() */
	enum decide_result result;
	struct decide_outcome leaf;
	bool was_unknown; /* it may have been done before */
	bool is_noted;    /* there is a record "d" */
	struct floor floor;
	unsigned char floor_bytes[FLOOR_BYTES];
	struct record_id dead[DEAD_MAX];
	struct lk_session_id others[DEAD_MAX];
	size_t n_others;
	unsigned char d[1 + sizeof(struct record_id)]; /* the name of that */
	unsigned char note[NOTE_HEAD + LK_NAME_MAX];   /* what it says */
	unsigned char name[1 + LK_NAME_MAX];
	uint32_t name_len; /* with the kind */
	size_t n;
	struct decide_part *part;
	struct level *level;
};

static struct record_id
id_of(const struct detached_id *id)
{
	struct record_id who;

	_Static_assert(sizeof(who) == sizeof(*id), "both are 16 bytes");
	memcpy(&who, id, sizeof(who));
	return who;
}

/* -------------------------------------------------------------------------- parcels */

static struct parcel *
parcel_new(struct remote *m, const struct detached_id *id)
{
	struct parcel *p = env_zalloc(m->p.env, sizeof(*p), LK_LINE);

	if (p == NULL)
		return NULL;
	p->m = m;
	p->who = id_of(id);
	p->d[0] = 'd';
	memcpy(p->d + 1, &p->who, sizeof(p->who));
	return p;
}

static void
parcel_free(struct parcel *p)
{
	struct env *env = p->m->p.env;

	if (p->part != NULL)
		env_free(env, p->part, p->n * sizeof(*p->part));
	if (p->level != NULL)
		env_free(env, p->level, p->n * sizeof(*p->level));
	env_free(env, p, sizeof(*p));
}

static size_t
count_levels(const struct index *x, const struct name *name, uint32_t len[LEVELS_MAX])
{
	struct name below = *name, above;
	size_t n = 0;

	while (n < LEVELS_MAX) {
		const uint32_t shorter = path_is_flat(x, &below) ? 0 : path_parent(x, &below);

		len[n++] = below.len;
		if (shorter == 0)
			return n;
		path_ancestor(x, name, shorter, &above);
		below = above;
	}
	return 0;
}

/* The levels of a name, with room for their records.  0, LK_E_LIMIT, LK_E_NOMEM. */
static int
parcel_fill(struct parcel *p, const struct name *name, lk_mode mode)
{
	struct env *env = p->m->p.env;
	uint32_t len[LEVELS_MAX];
	size_t n = count_levels(p->m->p.index, name, len);

	if (n == 0)
		return LK_E_LIMIT;
	p->n = n;
	p->part = env_zalloc(env, n * sizeof(*p->part), LK_LINE);
	p->level = env_alloc(env, n * sizeof(*p->level), LK_LINE);
	if (p->part == NULL || p->level == NULL)
		return LK_E_NOMEM;
	p->name[0] = (name->tail & NAME_ID) != 0 ? 'i' : 'n';
	memcpy(p->name + 1, name->bytes, name->len);
	p->name_len = name->len + 1;
	for (size_t i = 0; i < n; i++) {
		p->level[i].len = len[n - 1 - i];
		p->level[i].mode = mode == LK_S || mode == LK_IS ? LK_IS : LK_IX;
	}
	p->level[n - 1].mode = mode;
	memcpy(p->note, MAGIC, sizeof(MAGIC) - 1);
	p->note[NOTE_HEAD - 1] = (unsigned char)(mode | (p->name[0] == 'i' ? NOTE_ID : 0));
	memcpy(p->note + NOTE_HEAD, p->name + 1, name->len);
	return 0;
}

static struct decide_request
request_of(const struct parcel *p, const struct level *l)
{
	struct decide_request q = p->q;

	q.op = p->op;
	q.flags = p->op == DECIDE_ACQUIRE ? DECIDE_DETACHED | DECIDE_WAIT : 0;
	q.name = p->name + 1;
	q.name_len = l->len;
	q.who = p->who;
	q.mode = l->mode;
	q.tag = p->m->p.who;
	q.tag_len = strnlen(p->m->p.who, RECORD_TAG);
	return q;
}

/* ------------------------------------------------------------------------ one change */

static bool
is_dead(const struct parcel *p, const struct record_id *who)
{
	size_t i = 0;

	while (i < p->v.n_dead && !record_id_is(&p->dead[i], who))
		i++;
	return i < p->v.n_dead;
}

/* Are the locks here?  If they were to leave with one who is dead they are, and that is to be said.  (MV1, MV2) */
static int
look_at_floor(struct parcel *p, struct lk_store_record *r)
{
	struct floor *f = &p->floor;

	if (!floor_read(r, f))
		return LK_E_CORRUPT;
	p->v.floor = f->is;
	if (f->state == FLOOR_GONE)
		return LK_E_MOVED;
	if (f->state == FLOOR_COMES)
		return LK_E_STORE;
	if (f->state == FLOOR_HERE)
		return 0;
	if (!is_dead(p, &f->mover))
		return LEFT;
	f->state = FLOOR_HERE;
	floor_write(r, f, p->floor_bytes);
	return 0;
}

/* Each level as it is. */
static int
read_levels(struct parcel *p, const struct lk_store_record *r)
{
	for (size_t i = 0; i < p->n; i++) {
		struct level *l = &p->level[i];
		struct decide_part *part = &p->part[i];
		enum record_fault fault = RECORD_FINE;

		*part = (struct decide_part){ .q = request_of(p, l), .fresh = &l->fresh };
		if (r[i].old_len == 0)
			continue;
		fault = frozen_decode(&l->old, r[i].old, r[i].old_len, p->name + 1, l->len);
		if (fault != RECORD_FINE)
			return record_fault_code(fault);
		part->old = &l->old;
	}
	return 0;
}

/* The same of each level.  What the first that is not `good` comes to, or the last. */
static int
decide_each(struct parcel *p, enum decide_result good)
{
	p->result = good;
	for (size_t i = 0; i < p->n; i++) {
		struct decide_part *part = &p->part[i];
		int rc = decide(part->old, &part->q, &p->v, part->fresh, &part->out);

		if (rc != 0)
			return rc;
		if (p->result == good)
			p->result = part->out.result;
	}
	return 0;
}

static int
decide_all(struct parcel *p)
{
	size_t first;

	switch (p->op) {
	case DECIDE_ACQUIRE:
		return decide_many(p->part, p->n, &p->v, &p->result, &first);
	case DECIDE_RENEW:
		return decide_each(p, DECIDE_DONE);
	case DECIDE_POLL:
		return decide_each(p, DECIDE_GRANTED);
	default:
		return decide_each(p, DECIDE_RELEASED);
	}
}

/* What is written: of a renewal all or nothing. */
static void
write_levels(struct parcel *p, struct lk_store_record *r)
{
	if (p->op == DECIDE_RENEW && p->result != DECIDE_DONE)
		return;
	for (size_t i = 0; i < p->n; i++) {
		struct level *l = &p->level[i];

		if (!p->part[i].out.changed)
			continue;
		r[i].fresh_len = record_encode(&l->fresh, l->bytes);
		r[i].fresh = l->bytes;
		r[i].changed = 1;
	}
}

/* (DT1) */
static void
write_note(struct parcel *p, struct lk_store_record *r)
{
	p->is_noted = r->old_len != 0;
	if (p->op == DECIDE_RELEASE && p->is_noted) {
		r->changed = 1;
	} else if (p->op == DECIDE_ACQUIRE && p->result == DECIDE_GRANTED && !p->is_noted) {
		r->fresh = p->note;
		r->fresh_len = NOTE_HEAD + p->name_len - 1;
		r->changed = 1;
	}
}

static int
change(void *arg, struct lk_store_record *r, size_t n)
{
	struct parcel *p = arg;
	int rc;

	if (ask_is_old(p->m, p->read_at))
		return OLD;
	rc = look_at_floor(p, &r[n - 1]);
	if (rc == 0)
		rc = read_levels(p, r);
	if (rc == 0)
		rc = decide_all(p);
	if (rc != 0)
		return rc;
	p->leaf = p->part[p->n - 1].out;
	write_levels(p, r);
	write_note(p, &r[n - 2]);
	return 0;
}

static int
read_clock(struct parcel *p)
{
	struct remote *m = p->m;

	p->read_at = env_now(m->p.env);
	return m->store->ops->now(m->store, &p->v.now, &p->v.clock, remote_patience(m));
}

static int
look_at_clock(struct parcel *p)
{
	p->v = (struct decide_view){ .settings = p->m->p.settings };
	return read_clock(p);
}

/* A while, or until the deadline.  0; LK_E_TIMEDOUT; LK_E_CLOSED. */
static int
rest(const struct remote *m, uint64_t *delay_ns, uint64_t deadline)
{
	const uint64_t now = env_now(m->p.env);
	const uint64_t until = now + *delay_ns < deadline ? now + *delay_ns : deadline;
	const uint64_t most = m->p.patience_ns;
	a32 nobody;

	if (now >= deadline)
		return LK_E_TIMEDOUT;
	shim_init(&nobody, 0u);
	env_wait(m->p.env, &nobody, 0, until);
	*delay_ns = *delay_ns * 2 < most ? *delay_ns * 2 : most;
	return shim_load(m->p.gate, SHIM_RELAXED) != 0 ? LK_E_CLOSED : 0;
}

/* Somebody moves the locks away: is he dead?  Else a while.  0: it may be tried again. */
static int
wait_for_mover(struct parcel *p, uint64_t *delay_ns, uint64_t deadline_ns)
{
	struct lk_store *store = p->m->store;
	struct lk_session_id id;
	unsigned char alive = 1;
	int rc;

	memcpy(&id, &p->floor.mover, sizeof(id));
	rc = store->ops->session_alive(store, &id, 1, &alive, deadline_ns);
	if (rc == 0 && alive == 0 && p->v.n_dead < DEAD_MAX) {
		p->dead[p->v.n_dead++] = p->floor.mover;
		p->v.dead = p->dead;
		return 0;
	}
	return rc == 0 ? rest(p->m, delay_ns, deadline_ns) : rc;
}

/* One step over all its records.  0: `result`, `leaf` and `is_noted` say what came of it. */
static int
update(struct parcel *p, enum decide_op op)
{
	const struct lk_store_ops *ops = p->m->store->ops;
	struct lk_store_record r[LEVELS_MAX + 2];
	const uint64_t deadline_ns = remote_patience(p->m);
	uint64_t delay_ns = FIRST_DELAY_NS;
	int tries = 0;
	int rc;

	memset(r, 0, sizeof(r));
	for (size_t i = 0; i < p->n; i++) {
		r[i].name = p->name; /* each is the beginning of the last */
		r[i].len = p->level[i].len + 1;
	}
	r[p->n] = (struct lk_store_record){ .name = p->d, .len = sizeof(p->d) };
	r[p->n + 1] = (struct lk_store_record){ .name = "f", .len = 1, .flags = LK_STORE_DURABLE };
	p->op = op;
	p->was_unknown = false;
	do {
		rc = (op == DECIDE_POLL ? ops->read : ops->update)(p->m->store, r, p->n + 2, change,
								   p, deadline_ns);
		p->was_unknown |= rc == LK_E_UNKNOWN;
		if (rc == OLD && read_clock(p) != 0)
			break;
		if (rc == LEFT) {
			rc = wait_for_mover(p, &delay_ns, deadline_ns);
			tries -= rc == 0;
			rc = rc == 0 ? OLD : rc;
		}
	} while ((rc == LK_E_UNKNOWN || rc == OLD) && ++tries < TRIES);
	if (rc == LK_E_BREAKER && p->was_unknown)
		rc = LK_E_UNKNOWN; /* nobody asks any more what became of it */
	return rc == OLD ? LK_E_TIMEDOUT : rc;
}

/* -------------------------------------------------------------------------- the dead */

static void
note_other(struct parcel *p, const struct record_id *who, uint8_t flags)
{
	if ((flags & (HOLDER_DETACHED | HOLDER_KEPT)) == 0 && p->n_others < DEAD_MAX)
		memcpy(&p->others[p->n_others++], who, sizeof(*who));
}

/* Which sessions in the records are dead?  True: there are some, and none was known. */
static bool
find_dead(struct parcel *p)
{
	struct remote *m = p->m;
	unsigned char alive[DEAD_MAX];

	p->n_others = 0;
	for (size_t i = 0; i < p->n; i++) {
		const struct record *r = p->part[i].fresh;

		for (uint32_t k = 0; k < r->n_holders; k++)
			note_other(p, &r->holder[k].who, r->holder[k].flags);
		for (uint32_t k = 0; k < r->n_waiters; k++)
			note_other(p, &r->waiter[k].who, r->waiter[k].flags);
	}
	if (p->v.n_dead != 0 || p->n_others == 0 ||
	    m->store->ops->session_alive(m->store, p->others, p->n_others, alive,
					 remote_patience(m)) != 0)
		return false;
	for (size_t i = 0; i < p->n_others; i++) {
		if (alive[i] == 0)
			memcpy(&p->dead[p->v.n_dead++], &p->others[i], sizeof(p->dead[0]));
	}
	p->v.dead = p->dead;
	return p->v.n_dead != 0;
}

/* ---------------------------------------------------------------------------- taking */

/* This process may keep it, without using it: it is another's here as well (DT3). */
static void
look_at_home(struct parcel *p)
{
	for (size_t i = 0; i < p->n; i++)
		remote_hear(p->m, p->name, p->level[i].len + 1);
}

static int
ask(struct parcel *p)
{
	int rc = look_at_clock(p);

	if (rc != 0)
		return rc;
	do {
		rc = update(p, DECIDE_ACQUIRE);
	} while (rc == 0 && p->result != DECIDE_GRANTED && find_dead(p));
	return rc;
}

/* Nothing of it stays, in so far as the store answers. */
static void
drop(struct parcel *p)
{
	if (look_at_clock(p) == 0)
		(void)update(p, DECIDE_RELEASE);
}

/* Levels that were granted one after the other begin their time together.  `result` is GRANTED, unless it is over. */
static int
begin_time(struct parcel *p)
{
	int rc = update(p, DECIDE_RENEW);

	p->result = p->result == DECIDE_DONE ? DECIDE_GRANTED : DECIDE_ABSENT;
	return rc;
}

static int
wait_for_it(struct parcel *p, uint64_t deadline)
{
	uint64_t delay_ns = FIRST_DELAY_NS;
	bool has_waited = false;
	int rc;

	for (;;) {
		rc = ask(p);
		if (rc == 0 && p->result == DECIDE_GRANTED && has_waited)
			rc = begin_time(p);
		if (rc == LK_E_TIMEDOUT && env_now(p->m->p.env) < deadline)
			continue; /* the locks are being moved, for long */
		if (rc != 0 || p->result == DECIDE_GRANTED)
			return rc;
		has_waited = true;
		look_at_home(p);
		rc = rest(p->m, &delay_ns, deadline);
		if (rc != 0)
			return rc;
	}
}

static int
take(struct parcel *p, uint64_t deadline)
{
	int rc = wait_for_it(p, deadline != 0 ? deadline : env_now(p->m->p.env) + TRY_NS);

	if (rc != 0)
		drop(p);
	return rc == LK_E_TIMEDOUT && deadline == 0 ? LK_E_BUSY : rc;
}

int
detached_take(struct remote *m, const struct detached_request *q, struct detached_id *id,
	      uint64_t *fence)
{
	struct parcel *p;
	int rc;

	if ((m->store->ops->capabilities & LK_STORE_HAS_CLOCK) == 0)
		return LK_E_UNSUPPORTED;
	id->half[0] = env_random(m->p.env);
	id->half[1] = env_random(m->p.env) | 1; /* 0 is nobody */
	p = parcel_new(m, id);
	if (p == NULL)
		return LK_E_NOMEM;
	p->q = (struct decide_request){
		.request = 1,
		.lease_ns = q->lease_ns,
		.ttl_ns = TTL_NS,
		.priority = q->priority,
		.n_fences = 1,
	};
	rc = parcel_fill(p, q->name, q->mode);
	if (rc == 0)
		rc = take(p, q->deadline_ns);
	*fence = rc == 0 ? p->leaf.fence : 0;
	parcel_free(p);
	return rc;
}

/* ------------------------------------------------------------------------ by a token */

static int
read_note(void *arg, struct lk_store_record *r, size_t n)
{
	struct parcel *p = arg;

	(void)n;
	if (!floor_read(&r[1], &p->floor))
		return LK_E_CORRUPT;
	if (p->floor.state == FLOOR_GONE)
		return LK_E_MOVED;
	p->name_len = 0;
	if (r->old_len == 0)
		return 0;
	if (r->old_len <= NOTE_HEAD || r->old_len > sizeof(p->note) ||
	    memcmp(r->old, MAGIC, sizeof(MAGIC) - 1) != 0)
		return LK_E_CORRUPT;
	memcpy(p->note, r->old, r->old_len);
	p->name_len = (uint32_t)r->old_len - NOTE_HEAD;
	return 0;
}

/* The name and the mode in the note. */
static bool
set_noted(const struct parcel *p, struct name *name, lk_mode *mode)
{
	const uint64_t seed = p->m->p.index->seed;
	const unsigned char *bytes = p->note + NOTE_HEAD;
	const unsigned char how = p->note[NOTE_HEAD - 1];
	uint64_t id;

	*mode = (lk_mode)(how & ~NOTE_ID);
	if (!mode_valid(*mode))
		return false;
	if ((how & NOTE_ID) == 0)
		return name_set(name, bytes, p->name_len, 0, seed);
	if (p->name_len != sizeof(id))
		return false;
	memcpy(&id, bytes, sizeof(id));
	name_set_id(name, &id, seed);
	name->bytes = bytes; /* of the same bytes, which stay */
	return true;
}

/* The parcel of a grant that was made.  0; LK_E_STALE: nobody knows of it; what the store says. */
static int
find(struct remote *m, const struct detached_id *id, struct parcel **out)
{
	struct parcel *p = parcel_new(m, id);
	struct lk_store_record r[2];
	struct name name = { 0 };
	lk_mode mode = LK_NL;
	int rc;

	if (p == NULL)
		return LK_E_NOMEM;
	r[0] = (struct lk_store_record){ .name = p->d, .len = sizeof(p->d) };
	r[1] = (struct lk_store_record){ .name = "f", .len = 1, .flags = LK_STORE_DURABLE };
	rc = m->store->ops->read(m->store, r, 2, read_note, p, remote_patience(m));
	if (rc == 0 && p->name_len == 0)
		rc = LK_E_STALE;
	if (rc == 0 && !set_noted(p, &name, &mode))
		rc = LK_E_CORRUPT;
	if (rc == 0)
		rc = parcel_fill(p, &name, mode);
	if (rc == 0)
		rc = look_at_clock(p);
	if (rc != 0) {
		parcel_free(p);
		return rc;
	}
	*out = p;
	return 0;
}

/* It is over: lost to its time or to an operator, as long as the record remembers that. */
static int
code_of(const struct parcel *p, enum decide_result good)
{
	if (p->result == good)
		return 0;
	return p->result == DECIDE_ABSENT && !p->is_noted ? LK_E_STALE : LK_E_LOST;
}

/* Of its time so much is over. */
static bool
is_suspect(const struct parcel *p, uint32_t suspect_pct)
{
	const struct record_holder *h = record_holder_of(p->part[p->n - 1].fresh, &p->who);
	uint64_t over;

	if (h == NULL)
		return false;
	over = p->v.now > h->renewed ? p->v.now - h->renewed : 0;
	return over >= h->lease / 100 * suspect_pct;
}

int
detached_check(struct remote *m, const struct detached_id *id, uint32_t suspect_pct)
{
	struct parcel *p;
	int rc = find(m, id, &p);

	if (rc != 0)
		return rc;
	rc = update(p, DECIDE_POLL);
	if (rc == 0)
		rc = code_of(p, DECIDE_GRANTED);
	if (rc == 0 && is_suspect(p, suspect_pct))
		rc = LK_E_SUSPECT;
	parcel_free(p);
	return rc;
}

int
detached_renew(struct remote *m, const struct detached_id *id, uint64_t lease_ns)
{
	struct parcel *p;
	int rc = find(m, id, &p);

	if (rc != 0)
		return rc;
	p->q.lease_ns = lease_ns;
	rc = update(p, DECIDE_RENEW);
	if (rc == 0)
		rc = code_of(p, DECIDE_DONE);
	parcel_free(p);
	return rc;
}

int
detached_release(struct remote *m, const struct detached_id *id)
{
	struct parcel *p;
	int rc = find(m, id, &p);

	if (rc != 0)
		return rc;
	rc = update(p, DECIDE_RELEASE);
	if (rc == 0)
		rc = code_of(p, DECIDE_RELEASED);
	if (rc == LK_E_STALE && p->was_unknown)
		rc = 0; /* it was done when no answer came */
	parcel_free(p);
	return rc;
}

/* --------------------------------------------------------------------------- sweeping */

struct sweep {
	size_t n;
	struct detached_id id[SWEEP_MAX];
};

static int
note_token(void *arg, const struct lk_store_record *r)
{
	struct sweep *s = arg;

	if (r->status == 0 && r->len == 1 + sizeof(s->id[0]))
		memcpy(&s->id[s->n++], (const unsigned char *)r->name + 1, sizeof(s->id[0]));
	return s->n == SWEEP_MAX;
}

void
detached_sweep(struct remote *m)
{
	struct sweep s = { 0 };

	(void)m->store->ops->scan(m->store, "d", 1, note_token, &s, remote_patience(m));
	for (size_t i = 0; i < s.n; i++) {
		if (detached_check(m, &s.id[i], 100) == LK_E_LOST)
			(void)!detached_release(m, &s.id[i]);
	}
}
