/* SPDX-License-Identifier: MIT */
/*
 * The reference: one lock in place of many below it, and back.
 *
 * To escalate is to say of grants that they are implied: all else follows from the lists.  When an attempt is made is
 * left to the library, but that there is one as soon as there are too many locks; what it is about, and what comes of it, is computed
 * here.
 */
#include "inside.h"
#include "matrix.h"

#include <string.h>

static struct ref_hold *
hold_of(struct ref *m, int owner, const char *name)
{
	return (struct ref_hold *)(uintptr_t)ref_hold_of(m, owner, name);
}

/* The owner's own grants on a name. */
struct own {
	uint32_t n;
	lk_mode mode;
	bool stays; /* it has LK_PARENTS, or units */
};

static struct own
own_grants(const struct ref *m, int owner, const char *name)
{
	struct own o = { 0, LK_NL, false };

	for (size_t i = 0; i < m->n_grants; i++) {
		const struct ref_grant *g = &m->grant[i];

		if (g->owner != owner || g->name != name)
			continue;
		o.n++;
		o.mode = supremum[o.mode][g->mode];
		o.stays |= g->parents || g->units != 0;
	}
	return o;
}

static bool
is_barrier(const struct ref *m, const struct ref_hold *h)
{
	return h->barred && ref_is_needed_below(m, h->owner, h->name);
}

/* Of that owner, below `name`, with no barrier between? */
static bool
counts_below(const struct ref *m, const struct ref_hold *h, int owner, const char *name)
{
	if (h->owner != owner || !ref_is_below(h->name, name))
		return false;
	for (size_t i = 0; i < m->n_holds; i++) {
		const struct ref_hold *between = &m->hold[i];

		if (between->owner == owner && ref_is_below(h->name, between->name) &&
		    ref_is_below(between->name, name) && is_barrier(m, between))
			return false;
	}
	return true;
}

/* Names below, each with a lock of its own that may go. */
struct locks {
	uint32_t reads;
	uint32_t writes;
	uint32_t grants_read;
	uint32_t grants_written;
};

static void
add_lock(const struct ref *m, const struct ref_hold *h, struct locks *l)
{
	const struct own o = own_grants(m, h->owner, h->name);
	const lk_mode mode = o.n != 0 ? o.mode : below(ref_effective(m, h->owner, h->name));

	if (mode == LK_NL || o.stays || is_barrier(m, h))
		return;
	if (covers(LK_S, mode)) {
		l->reads++;
		l->grants_read += o.n;
	} else {
		l->writes++;
		l->grants_written += o.n;
	}
}

static struct locks
locks_below(const struct ref *m, int owner, const char *name)
{
	struct locks l = { 0, 0, 0, 0 };

	for (size_t i = 0; i < m->n_holds; i++) {
		const struct ref_hold *h = &m->hold[i];

		if (h->cover == NULL && counts_below(m, h, owner, name))
			add_lock(m, h, &l);
	}
	return l;
}

/* Can that hold go to `name`, by now?  What covers others, or has locks below it, goes after those. */
static bool
can_go(const struct ref *m, const struct ref_hold *h, const char *name, lk_mode gives)
{
	struct own o;

	if (h->cover != NULL) {
		const struct ref_hold *cover = ref_hold_of(m, h->owner, h->cover);

		return h->cover != name && counts_below(m, cover, h->owner, name) &&
		       covers(gives, ref_effective(m, h->owner, h->name)) &&
		       !own_grants(m, h->owner, h->cover).stays;
	}
	o = own_grants(m, h->owner, h->name);
	if (m->fault == REF_FOR_READERS && o.mode == LK_X)
		o.mode = LK_S;
	return o.n != 0 && !o.stays && covers(gives, o.mode) &&
	       !ref_is_needed_below(m, h->owner, h->name);
}

/* All that can, with `name` held in `mode` meanwhile: how many. */
static uint32_t
go(struct ref *m, int owner, const char *name, lk_mode mode)
{
	uint32_t n = 0;
	bool more;

	ref_add_claim(m, owner, name, mode);
	ref_settle(m, owner); /* a fence, if it writes now and did not */
	do {
		more = false;
		for (size_t i = 0; i < m->n_holds; i++) {
			struct ref_hold *h = &m->hold[i];

			if (!counts_below(m, h, owner, name) || !can_go(m, h, name, below(mode)))
				continue;
			h->cover = name;
			more = true;
			n++;
		}
		ref_settle(m, owner); /* those between that are for nothing now */
	} while (more);
	ref_drop_claim(m, owner, name, mode);
	ref_settle(m, owner);
	return n;
}

/* The next attempt of the library in this call is this one.  NULL: it is another, or there is none. */
static const struct ref_asked *
next_asked(struct ref *m, int owner, size_t *at, const char *name, lk_mode mode,
	   const struct locks *l, bool all)
{
	const struct ref_asked *a = &m->asked[owner][*at];

	if (m->wrong != NULL)
		return NULL;
	if (*at >= m->owner[owner].n_asked)
		m->wrong = "it did not try to escalate in another mode";
	else if (a->name != name)
		m->wrong = "it tried to escalate to another name";
	else if (a->held != ref_in_word(m, owner, name) || a->mode != supremum[a->held][mode])
		m->wrong = "it tried to escalate in a wrong mode";
	else if (a->locks != l->reads + (all ? l->writes : 0) ||
		 a->grants != l->grants_read + (all ? l->grants_written : 0))
		m->wrong = "it counted the locks below wrongly";
	if (m->wrong != NULL)
		return NULL;
	++*at;
	return a;
}

/* One attempt: did it work? */
static bool
attempt(struct ref *m, int owner, size_t *at, const char *name, lk_mode more, const struct locks *l)
{
	const struct ref_asked *a = next_asked(m, owner, at, name, more, l, more == LK_X);
	bool worked;

	if (a == NULL)
		return false;
	hold_of(m, owner, name)->barred = a->barred;
	worked = !a->barred && ref_would_fit(m, owner, name, a->mode) &&
		 (m->fault != REF_SHY || m->n_waiters == 0) && go(m, owner, name, a->mode) != 0;
	m->escalated += worked;
	m->not_escalated += !worked;
	return worked;
}

/* Attempts at one name, as many as are made; how many locks are left below it. */
static uint32_t
attempt_all(struct ref *m, int owner, size_t *at, const char *name, const struct locks *l)
{
	const uint32_t all = l->reads + l->writes;
	const uint64_t after = m->escalate_after;

	if (l->writes == 0)
		return attempt(m, owner, at, name, LK_S, l) ? 0 : all;
	if (l->writes > after || l->reads <= after) {
		if (attempt(m, owner, at, name, LK_X, l))
			return 0;
		if (l->reads <= after || is_barrier(m, hold_of(m, owner, name)))
			return all;
	}
	return attempt(m, owner, at, name, LK_S, l) ? l->writes : all;
}

/* After `left` there may be a quarter of the threshold more before it tries again. */
static void
pause(struct ref *m, struct ref_hold *h, uint32_t left)
{
	h->most = left > m->escalate_after ? left + (uint32_t)m->escalate_after / 4 - 1 : 0;
}

static void
look(struct ref *m, int owner, size_t *at)
{
	const char *name = m->asked[owner][*at].name;
	const struct ref_hold *h = ref_hold_of(m, owner, name);
	struct locks l;

	if (h == NULL || h->cover != NULL) {
		m->wrong = "it tried to escalate to what is not held";
		return;
	}
	l = locks_below(m, owner, name);
	if (l.reads + l.writes <= m->escalate_after) {
		m->wrong = "it tried to escalate for too few locks";
		return;
	}
	pause(m, hold_of(m, owner, name), attempt_all(m, owner, at, name, &l));
}

/* Nobody may have too many, and not have tried; barriers, and what goes with LK_PARENTS, are not counted on the way. */
static void
check_all(struct ref *m, int owner)
{
	for (size_t i = 0; i < m->n_holds && !m->owner[owner].has_parents; i++) {
		const struct ref_hold *h = &m->hold[i];
		struct locks l;

		if (h->owner != owner || h->cover != NULL)
			continue;
		l = locks_below(m, owner, h->name);
		if (l.reads + l.writes > (h->most != 0 ? h->most : m->escalate_after) &&
		    !m->barriers)
			m->wrong = "it did not try to escalate";
	}
}

void
ref_escalate(struct ref *m, int owner)
{
	size_t at = 0;

	if (m->escalate_after == 0)
		return;
	while (m->wrong == NULL && at < m->owner[owner].n_asked)
		look(m, owner, &at);
	m->owner[owner].n_asked = 0;
	if (m->wrong == NULL)
		check_all(m, owner);
}

/* -------------------------------------------------------------------- the way back */

static uint32_t
grants_implied_by(const struct ref *m, int owner, const char *name)
{
	uint32_t n = 0;

	for (size_t i = 0; i < m->n_grants; i++) {
		const struct ref_hold *h;

		if (m->grant[i].owner != owner)
			continue;
		h = ref_hold_of(m, owner, m->grant[i].name);
		n += h->cover != NULL && h->cover == name;
	}
	return n;
}

/* One that is implied by `name`, or NULL. */
static const struct ref_hold *
implied_by(const struct ref *m, int owner, const char *name)
{
	for (size_t i = 0; i < m->n_holds; i++) {
		const struct ref_hold *h = &m->hold[i];

		if (h->owner == owner && h->cover != NULL && h->cover == name)
			return h;
	}
	return NULL;
}

/* The same as after an attempt in vain, there and above. */
static void
pause_path(struct ref *m, int owner, const char *name)
{
	const char *path[REF_DEPTH];
	size_t n = ref_path(name, path);

	while (n-- > 0) {
		struct locks l = locks_below(m, owner, path[n]);
		uint32_t left = l.reads + l.writes;

		if (left <= m->escalate_after)
			left = (uint32_t)m->escalate_after + 1;
		if (hold_of(m, owner, path[n]) != NULL)
			pause(m, hold_of(m, owner, path[n]), left);
	}
}

int
ref_deescalate(struct ref *m, int owner, const char *name)
{
	struct ref_request q = { .nowait = true, .claims = true };
	const uint32_t grants = grants_implied_by(m, owner, name);
	const lk_mode mode = ref_in_word(m, owner, name);
	const struct ref_hold *h = ref_hold_of(m, owner, name);

	if (m->closed)
		return LK_E_CLOSED;
	if (h == NULL)
		return LK_E_STALE;
	if (grants == 0 || m->fault == REF_STAYS_IMPLIED)
		return (int)grants;
	ref_add_claim(m, owner, name, mode); /* it stays what it is, until all is done */
	while ((h = implied_by(m, owner, name)) != NULL) {
		if (ref_make_real(m, owner, h->name, ref_effective(m, owner, h->name), &q) != 0)
			m->wrong = "somebody is in the way below what is covered";
		ref_settle(m, owner);
	}
	ref_drop_claim(m, owner, name, mode);
	ref_settle(m, owner);
	pause_path(m, owner, name);
	return (int)grants;
}
