/* SPDX-License-Identifier: MIT */
/* The reference: lists, linear scans, and nothing clever. */
#include "inside.h"
#include "matrix.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { PASSED_MOST = 16 }; /* how often a waiter lets a higher priority past */

bool
ref_conflict(const struct ref *m, lk_mode a, lk_mode b)
{
	if (m->fault == REF_S_WITH_IX && ((a == LK_S && b == LK_IX) || (a == LK_IX && b == LK_S)))
		return false;
	return conflicts[a][b];
}

static bool
writes(const struct ref *m, lk_mode mode)
{
	return mode == LK_X || mode == LK_SIX || (mode == LK_U && m->fault != REF_LATE_FENCE);
}

static struct ref_hold *
hold_of(struct ref *m, int owner, const char *name)
{
	return (struct ref_hold *)(uintptr_t)ref_hold_of(m, owner, name);
}

static struct ref_grant *
grant_of(struct ref *m, int owner, lk_grant id)
{
	return (struct ref_grant *)(uintptr_t)ref_grant_of(m, owner, id);
}

static uint64_t
next_fence(struct ref *m, const char *name)
{
	size_t i = 0;

	while (i < m->n_fences && m->fence[i].name != name)
		i++;
	if (i == m->n_fences) {
		assert(i < REF_NAMES);
		m->fence[m->n_fences++] = (struct ref_fence){ name, 0 };
	}
	return ++m->fence[i].last;
}

/* ----------------------------------------------------------------- the line */

/* Of the batches that wait only the oldest keeps others back. */
static bool
holds_back(const struct ref *m, const struct ref_waiter *w)
{
	for (size_t i = 0; i < m->n_waiters && w->age != 0; i++) {
		if (m->waiter[i].age != 0 && m->waiter[i].age < w->age)
			return false;
	}
	return true;
}

/* May it be granted, with the first `ahead` waiters before it? */
static bool
fits(const struct ref *m, const struct ref_waiter *w, size_t ahead)
{
	for (int other = 0; other < REF_OWNERS; other++) {
		if (other != w->owner && ref_conflict(m, ref_in_word(m, other, w->name), w->want))
			return false;
	}
	for (size_t i = 0; i < ahead && m->fault != REF_OVERTAKES; i++) {
		const struct ref_waiter *p = &m->waiter[i];
		const bool both = p->units != 0 && w->units != 0 && m->fault != REF_FEW_FIRST;

		if (p->name == w->name && (both || ref_conflict(m, p->want, w->want)) &&
		    holds_back(m, p))
			return false;
	}
	return ref_units_fit(m, w);
}

static void
insert(struct ref *m, size_t at, struct ref_waiter w)
{
	memmove(&m->waiter[at + 1], &m->waiter[at], (m->n_waiters - at) * sizeof(w));
	m->waiter[at] = w;
	m->n_waiters++;
}

static struct ref_waiter
take_out(struct ref *m, size_t at)
{
	struct ref_waiter w = m->waiter[at];

	m->n_waiters--;
	memmove(&m->waiter[at], &m->waiter[at + 1], (m->n_waiters - at) * sizeof(w));
	return w;
}

static void
give(struct ref *m, const struct ref_waiter *w)
{
	struct ref_owner *o = &m->owner[w->owner];

	o->given = w->name;
	o->mode = covers(w->held, w->want) ? w->held : w->want;
	o->given_units = w->units;
	o->given_permits = w->permits;
	o->outcome = 0;
}

static void update_holds(struct ref *m);

/* All parts of a batch are granted: their claims are there at once, and only then what was implied is not. */
static void
give_parts(struct ref *m, const struct ref_waiter *part, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ref_add_claim(m, part[i].owner, part[i].name, part[i].need);
		ref_ensure_hold(m, part[i].owner, part[i].name, NULL);
		m->owner[part[i].owner].outcome = 0;
	}
	update_holds(m);
	for (size_t i = 0; i < n; i++)
		hold_of(m, part[i].owner, part[i].name)->cover = NULL;
}

/* The batch of that age: does every part of it fit in its place? */
static bool
batch_fits(const struct ref *m, uint64_t age)
{
	for (size_t i = 0; i < m->n_waiters; i++) {
		const struct ref_waiter *w = &m->waiter[i];

		if (w->age == age && !fits(m, w, i))
			return false;
	}
	return true;
}

static void
give_batch(struct ref *m, uint64_t age)
{
	struct ref_waiter part[REF_NAMES];
	size_t n = 0;

	for (size_t i = m->n_waiters; i-- > 0;) {
		if (m->waiter[i].age == age)
			part[n++] = take_out(m, i);
	}
	give_parts(m, part, n);
}

/* The oldest batch that can be granted; false: none can. */
static bool
scan_batches(struct ref *m)
{
	for (uint64_t age = 1; age <= m->last_age; age++) {
		bool waits = false;

		for (size_t i = 0; i < m->n_waiters; i++)
			waits |= m->waiter[i].age == age;
		if (waits && batch_fits(m, age)) {
			give_batch(m, age);
			return true;
		}
	}
	return false;
}

/* Grant whoever waits for one name and fits the holders and all before it that are left. */
static void
scan_singles(struct ref *m)
{
	for (size_t i = 0; i < m->n_waiters; i++) {
		struct ref_waiter w = m->waiter[i];

		if (w.age != 0)
			continue;
		if (!fits(m, &w, i)) {
			if (m->fault == REF_STOPS)
				return;
			continue;
		}
		(void)take_out(m, i);
		give(m, &w);
		i = (size_t)-1; /* from the head again */
	}
}

/* Something was given up. */
static void
scan(struct ref *m)
{
	do {
		scan_singles(m);
	} while (scan_batches(m));
}

/* After all that have its priority or more, were passed often enough, or hold what it waits for. */
static size_t
place_by_priority(const struct ref *m, const struct ref_waiter *q)
{
	size_t at = m->n_waiters;

	for (size_t i = m->n_waiters; i-- > 0 && m->fault != REF_NO_PRIORITY;) {
		const struct ref_waiter *p = &m->waiter[i];

		if (p->name != q->name)
			continue;
		if (q->priority <= p->priority || p->passed >= PASSED_MOST ||
		    ref_must_wait(m, q, p->held, p->has))
			break;
		at = i;
	}
	return at;
}

/* But before the first waiter that has to wait for us anyway. */
static size_t
place_of(const struct ref *m, const struct ref_waiter *q)
{
	const uint32_t has = m->fault != REF_MORE_WAITS ? q->has : 0;
	size_t end = place_by_priority(m, q), i = 0;

	while (i < end && (m->fault == REF_TAIL || m->waiter[i].name != q->name ||
			   !ref_must_wait(m, &m->waiter[i], q->held, has)))
		i++;
	return i;
}

/* Each wants more, and holds what the other cannot have beside it. */
static bool
is_deadlock(const struct ref *m, const struct ref_waiter *q)
{
	for (size_t i = 0; i < m->n_waiters && m->fault != REF_NO_DEADLOCK; i++) {
		const struct ref_waiter *p = &m->waiter[i];

		if (p->name == q->name && ref_must_wait(m, q, p->held, p->has) &&
		    ref_must_wait(m, p, q->held, q->has))
			return true;
	}
	return false;
}

static void
join_line(struct ref *m, size_t at, struct ref_waiter q)
{
	insert(m, at, q);
	for (size_t i = at + 1; i < m->n_waiters && q.held == LK_NL; i++)
		m->waiter[i].passed += m->waiter[i].name == q.name;
	for (size_t i = at + 1; i < m->n_waiters; i++) { /* their holds are in its way */
		const struct ref_waiter *p = &m->waiter[i];

		if (p->name == q.name && ref_must_wait(m, &q, p->held, p->has) &&
		    m->fault != REF_STAY)
			insert(m, at++, take_out(m, i));
	}
}

static int
leave(struct ref *m, int owner, int rc)
{
	for (size_t i = m->n_waiters; i-- > 0;) {
		if (m->waiter[i].owner == owner)
			(void)take_out(m, i);
	}
	scan(m);
	return rc;
}

static int
wait_for_turn(struct ref *m, int owner)
{
	struct ref_owner *o = &m->owner[owner];

	for (;;) {
		if (o->outcome != 1)
			return o->outcome;
		if (o->canceled) {
			o->canceled = false;
			return leave(m, owner, LK_E_CANCELED);
		}
		if (m->now >= o->deadline)
			return leave(m, owner, LK_E_TIMEDOUT);
		m->sleep();
	}
}

bool
ref_is_due(const struct ref *m, int owner)
{
	const struct ref_owner *o = &m->owner[owner];

	return o->outcome != 1 || o->canceled || m->now >= o->deadline;
}

static void
begin_wait(struct ref *m, int owner, struct ref_request *q)
{
	if (q->deadline == 0 || m->fault == REF_KEEPS_DEADLINE)
		q->deadline = q->timeout != 0 ? m->now + q->timeout : UINT64_MAX;
	m->owner[owner].outcome = 1;
	m->owner[owner].deadline = q->deadline;
}

static struct ref_waiter
waiter_for(const struct ref *m, int owner, const char *name, lk_mode want)
{
	return (struct ref_waiter){
		.owner = owner,
		.name = name,
		.held = ref_in_word(m, owner, name),
		.want = want,
		.need = LK_NL,
		.has = ref_units_of(m, owner, name),
	};
}

/*
 * From what the owner holds on `name` to `want`: at once, after a wait, or not at all.  After 0 the name
 * is given; the caller writes down for what, and calls ref_settle().
 */
static int
change(struct ref *m, int owner, const char *name, lk_mode want, struct ref_request *q)
{
	struct ref_waiter w = waiter_for(m, owner, name, want);
	size_t at;
	int rc;

	w.priority = q->priority != 0 ? q->priority : m->owner[owner].priority;
	if (q->units_of == name) {
		w.units = q->units;
		w.permits = q->permits;
	}
	rc = ref_units_check(m, &w);
	if (rc != 0)
		return rc;
	at = place_of(m, &w);
	if ((covers(w.held, want) && w.units == 0) || fits(m, &w, q->claims ? 0 : at)) {
		give(m, &w);
		return 0;
	}
	if (is_deadlock(m, &w))
		return LK_E_CONVERSION_DEADLOCK;
	if (q->nowait)
		return LK_E_BUSY;
	begin_wait(m, owner, q);
	join_line(m, at, w);
	scan(m);
	return wait_for_turn(m, owner);
}

bool
ref_would_fit(const struct ref *m, int owner, const char *name, lk_mode want)
{
	struct ref_waiter w = waiter_for(m, owner, name, want);

	w.priority = m->owner[owner].priority;
	return covers(w.held, want) || fits(m, &w, place_of(m, &w));
}

int
ref_wait_for_all(struct ref *m, struct ref_waiter *part, size_t n, struct ref_request *q)
{
	bool all = true;

	for (size_t i = 0; i < n; i++) {
		struct ref_waiter *w = &part[i];

		w->priority = q->priority != 0 ? q->priority : m->owner[w->owner].priority;
		if (is_deadlock(m, w))
			return LK_E_CONVERSION_DEADLOCK;
		all &= fits(m, w, place_of(m, w));
	}
	m->last_age++;
	for (size_t i = 0; i < n; i++) {
		part[i].age = m->last_age;
	}
	if (all) {
		give_parts(m, part, n);
		return 0;
	}
	begin_wait(m, part[0].owner, q);
	for (size_t i = 0; i < n; i++)
		join_line(m, place_of(m, &part[i]), part[i]);
	scan(m);
	return wait_for_turn(m, part[0].owner);
}

/* ---------------------------------------------------------- grants, claims */

/* Holds end, fences begin. */
static void
update_holds(struct ref *m)
{
	size_t left = 0;

	for (size_t i = 0; i < m->n_holds; i++) {
		struct ref_hold h = m->hold[i];
		lk_mode mode = ref_effective(m, h.owner, h.name);

		if (writes(m, mode) && !h.writes)
			h.fence = next_fence(m, h.name);
		h.writes = writes(m, mode);
		if (mode != LK_NL)
			m->hold[left++] = h;
	}
	m->n_holds = left;
}

/* The lists have changed: holds end, fences begin, others come in. */
void
ref_settle(struct ref *m, int owner)
{
	m->owner[owner].given = NULL;
	update_holds(m);
	scan(m);
}

void
ref_ensure_hold(struct ref *m, int owner, const char *name, const char *cover)
{
	if (ref_hold_of(m, owner, name) != NULL)
		return;
	assert(m->n_holds < REF_OWNERS * REF_NAMES);
	m->hold[m->n_holds++] = (struct ref_hold){ .owner = owner, .name = name, .cover = cover };
}

void
ref_add_claim(struct ref *m, int owner, const char *name, lk_mode mode)
{
	assert(m->n_claims < REF_CLAIMS);
	m->claim[m->n_claims++] = (struct ref_claim){ .owner = owner, .name = name, .mode = mode };
}

/* One claim less; ref_settle() is the caller's. */
void
ref_drop_claim(struct ref *m, int owner, const char *name, lk_mode mode)
{
	for (size_t i = m->n_claims; i-- > 0;) {
		struct ref_claim *c = &m->claim[i];

		if (c->owner == owner && c->mode == mode && c->name == name) {
			*c = m->claim[--m->n_claims];
			return;
		}
	}
	abort(); /* there was none */
}

void
ref_put_back(struct ref *m, int owner, const char *name)
{
	struct ref_hold *h = hold_of(m, owner, name);
	const struct ref_before *b = &m->before[owner];

	for (size_t i = 0; i < b->n && h != NULL; i++) {
		const struct ref_hold *was = &b->hold[i];

		if (was->name == name && h->cover == NULL && !ref_is_needed_below(m, owner, name) &&
		    covers(below(ref_in_word(m, owner, was->cover)), ref_effective(m, owner, name)))
			*h = *was;
	}
}

void
ref_undo_claim(struct ref *m, int owner, const char *name, lk_mode mode)
{
	ref_drop_claim(m, owner, name, mode);
	ref_put_back(m, owner, name);
	ref_settle(m, owner);
}

static void
undo_path(struct ref *m, int owner, const char **path, size_t n, lk_mode mode)
{
	while (n-- > 0)
		ref_undo_claim(m, owner, path[n], mode);
}

/* Claims of `mode` on the first `n` of a path, from the root down; or none. */
static int
claim_path(struct ref *m, int owner, const char **path, size_t n, lk_mode mode,
	   struct ref_request *q)
{
	for (size_t i = 0; i < n; i++) {
		int rc = ref_claim(m, owner, path[i], mode, q);

		if (rc == 0)
			continue;
		undo_path(m, owner, path, i, mode);
		ref_settle(m, owner);
		return rc;
	}
	return 0;
}

static void
drop_path(struct ref *m, int owner, const char **path, size_t n, lk_mode mode)
{
	while (n-- > 0)
		ref_drop_claim(m, owner, path[n], mode);
}

int
ref_make_real(struct ref *m, int owner, const char *name, lk_mode want, struct ref_request *q)
{
	const char *path[REF_DEPTH];
	size_t above = ref_path(name, path) - 1;
	lk_mode mode = intent(ref_effective(m, owner, name));
	int rc = claim_path(m, owner, path, above, mode, q);

	if (rc != 0)
		return rc;
	rc = change(m, owner, name, want, q);
	if (rc == 0) {
		hold_of(m, owner, name)->cover = NULL;
		drop_path(m, owner, path, above, mode);
		return 0;
	}
	undo_path(m, owner, path, above, mode);
	ref_settle(m, owner);
	return rc;
}

/* `name` in `mode` or more, whatever its ancestors. */
int
ref_claim(struct ref *m, int owner, const char *name, lk_mode mode, struct ref_request *q)
{
	lk_mode want = supremum[ref_effective(m, owner, name)][mode];
	int rc;

	if (ref_is_implied(m, owner, name))
		rc = ref_make_real(m, owner, name, want, q);
	else
		rc = change(m, owner, name, want, q);
	if (rc != 0)
		return rc;
	ref_add_claim(m, owner, name, mode);
	if (q->units_of == name) {
		m->claim[m->n_claims - 1].units = q->units;
		m->claim[m->n_claims - 1].permits = q->permits;
	}
	ref_ensure_hold(m, owner, name, NULL);
	ref_settle(m, owner);
	return 0;
}

static void
add_grant(struct ref *m, int owner, const char *name, lk_mode mode, bool parents, lk_grant *out)
{
	struct ref_grant *g = &m->grant[m->n_grants++];

	assert(m->n_grants <= REF_GRANTS);
	m->owner[owner].has_parents |= parents;
	*out = ++m->last_id;
	*g = (struct ref_grant){
		.owner = owner, .name = name, .mode = mode, .parents = parents, .id = *out
	};
	g->above[ref_path(name, g->above) - 1] = NULL;
}

/* The hold that would cover a new grant: the nearest ancestor's that is real and says as much. */
const char *
ref_cover_of(const struct ref *m, int owner, const char *name, lk_mode mode)
{
	const struct ref_hold *h = ref_hold_of(m, owner, name);
	const char *path[REF_DEPTH];
	size_t n = ref_path(name, path) - 1;

	if (m->fault == REF_NO_COVER)
		return NULL;
	if (h != NULL)
		return h->cover != NULL && covers(below(ref_effective(m, owner, h->cover)), mode)
			       ? h->cover
			       : NULL;
	for (; n > 0; n--) {
		if (covers(below(ref_in_word(m, owner, path[n - 1])), mode))
			return path[n - 1];
	}
	return NULL;
}

/* The latest grant has them. */
static void
note_units(struct ref *m, const struct ref_request *q)
{
	struct ref_grant *g = &m->grant[m->n_grants - 1];

	g->units = q->units;
	g->permits = q->permits;
	m->owner[g->owner].has_parents = true; /* what stays where it is, as those do */
}

int
ref_acquire(struct ref *m, int owner, const char *name, lk_mode mode, struct ref_request *q,
	    lk_grant *out)
{
	ref_remember(m, owner);
	return ref_acquire_one(m, owner, name, mode, q, out);
}

int
ref_acquire_one(struct ref *m, int owner, const char *name, lk_mode mode, struct ref_request *q,
		lk_grant *out)
{
	const lk_mode need = q->parents ? mode : intent(mode);
	const char *path[REF_DEPTH];
	size_t above = ref_path(name, path) - 1;
	const char *cover;
	int rc;

	if (m->closed)
		return LK_E_CLOSED;
	if (ref_grants_on(m, owner, name) >= m->max_reentry)
		return LK_E_LIMIT;
	cover = q->parents || (q->units_of != NULL && m->fault != REF_UNITS_OF_NONE)
			? NULL
			: ref_cover_of(m, owner, name, mode);
	if (cover != NULL) {
		add_grant(m, owner, name, mode, false, out);
		ref_ensure_hold(m, owner, name, cover);
		ref_settle(m, owner);
		return 0;
	}
	rc = claim_path(m, owner, path, above, need, q);
	if (rc != 0)
		return rc;
	rc = ref_claim(m, owner, name, mode, q);
	if (rc == 0) {
		add_grant(m, owner, name, mode, q->parents, out);
		if (q->units_of != NULL)
			note_units(m, q);
		ref_drop_claim(m, owner, name, mode);
		drop_path(m, owner, path, above, need);
	} else {
		undo_path(m, owner, path, above, need);
	}
	ref_settle(m, owner);
	return rc;
}

/* What a grant needs above its name, from the nearest up, as claims, so that they can go one by one. */
static size_t
keep_above(struct ref *m, const struct ref_grant *g, struct ref_claim kept[REF_NAMES])
{
	const char *cover = ref_hold_of(m, g->owner, g->name)->cover;
	const char *path[REF_DEPTH];
	size_t n = 0;

	for (size_t above = ref_path(g->name, path) - 1; above > 0; above--) {
		lk_mode need = ref_need_of(m, g, path[above - 1]);

		if (cover != NULL && ref_is_below(path[above - 1], cover))
			continue;
		kept[n++] = (struct ref_claim){ .owner = g->owner,
						.name = path[above - 1],
						.mode = need };
	}
	for (size_t i = 0; i < n; i++)
		ref_add_claim(m, kept[i].owner, kept[i].name, kept[i].mode);
	return n;
}

/* The leaf has given up: now what is above it, and each time others may come in. */
static void
drop_above(struct ref *m, const struct ref_claim *kept, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ref_settle(m, kept[i].owner);
		ref_drop_claim(m, kept[i].owner, kept[i].name, kept[i].mode);
	}
}

static int
convert(struct ref *m, int owner, lk_grant id, lk_mode to, struct ref_request *q)
{
	struct ref_grant *g = grant_of(m, owner, id);
	const char *path[REF_DEPTH];
	struct ref_claim kept[REF_NAMES];
	const char *name, *cover;
	lk_mode was, is, need;
	size_t above, n;
	int rc;

	if (g == NULL)
		return LK_E_STALE;
	if (g->units != 0)
		return LK_E_UNSUPPORTED;
	name = g->name;
	above = ref_path(name, path) - 1;
	cover = ref_hold_of(m, owner, name)->cover;
	was = ref_effective(m, owner, name);
	is = ref_effective_with(m, owner, name, g, to);
	need = g->parents ? to : intent(to);
	if (m->closed && !(covers(was, is) && covers(g->mode, to)))
		return LK_E_CLOSED;
	if (cover != NULL ? covers(below(ref_effective(m, owner, cover)), to)
			  : covers(g->mode, to)) { /* nothing to wait for */
		n = keep_above(m, g, kept);
		g->mode = to;
		drop_above(m, kept, n);
		ref_settle(m, owner);
		return 0;
	}
	rc = claim_path(m, owner, path, above, need, q);
	if (rc != 0)
		return rc;
	if (ref_is_implied(m, owner, name))
		rc = ref_make_real(m, owner, name, is, q);
	else
		rc = change(m, owner, name, is, q);
	if (rc == 0) {
		g = grant_of(m, owner, id); /* the list may have moved meanwhile */
		n = keep_above(m, g, kept);
		g->mode = to;
		drop_path(m, owner, path, above, need);
		drop_above(m, kept, n);
	} else {
		undo_path(m, owner, path, above, need);
	}
	ref_settle(m, owner);
	return rc;
}

int
ref_convert(struct ref *m, int owner, lk_grant id, lk_mode to, struct ref_request *q)
{
	ref_remember(m, owner);
	return convert(m, owner, id, to, q);
}

void
ref_remove_grant(struct ref *m, int owner, lk_grant id)
{
	size_t i = (size_t)(ref_grant_of(m, owner, id) - m->grant);

	m->n_grants--;
	memmove(&m->grant[i], &m->grant[i + 1], (m->n_grants - i) * sizeof(m->grant[0]));
}

void
ref_undo_grant(struct ref *m, int owner, lk_grant id)
{
	const struct ref_grant g = *ref_grant_of(m, owner, id);
	const lk_mode need = g.parents ? g.mode : intent(g.mode);
	const char *path[REF_DEPTH];
	size_t above = ref_is_implied(m, owner, g.name) ? 0 : ref_path(g.name, path) - 1;

	for (size_t i = 0; i < above; i++)
		ref_add_claim(m, owner, path[i], need);
	ref_remove_grant(m, owner, id);
	ref_put_back(m, owner, g.name);
	undo_path(m, owner, path, above, need);
	ref_settle(m, owner);
}

int
ref_release(struct ref *m, int owner, lk_grant id)
{
	const struct ref_grant *g = ref_grant_of(m, owner, id);
	struct ref_claim kept[REF_NAMES];
	size_t n;

	if (g == NULL)
		return LK_E_STALE;
	n = keep_above(m, g, kept);
	ref_remove_grant(m, owner, id);
	drop_above(m, kept, n);
	ref_settle(m, owner);
	return 0;
}

/* ----------------------------------------------------------------- the rest */

/* Nobody comes in any more, nobody waits; and if nobody was in a call, nothing is held. */
int
ref_shutdown(struct ref *m)
{
	int rc = m->n_waiters > 0 ? LK_E_TIMEDOUT : 0;

	m->closed = true;
	while (m->n_waiters > 0)
		m->owner[take_out(m, 0).owner].outcome = LK_E_CLOSED;
	if (rc == 0)
		m->n_grants = 0; /* nobody waits for it */
	for (int owner = 0; owner < REF_OWNERS; owner++)
		ref_settle(m, owner);
	return rc;
}
