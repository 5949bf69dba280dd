/* SPDX-License-Identifier: MIT */
/* See reference.h. */
#include "reference.h"

/* By hand, in the order NL IS IX S SIX U X. */
static const char *const conflicts[] = {
	/* NL  */ ".......",
	/* IS  */ "......x",
	/* IX  */ "...xxxx",
	/* S   */ "..x.x.x",
	/* SIX */ "..xxxxx",
	/* U   */ "..x.xxx",
	/* X   */ ".xxxxxx",
};

bool
ref_conflict(lk_mode a, lk_mode b)
{
	return conflicts[a][b] == 'x';
}

/* Does whoever conflicts with b conflict with a?  That is what it is to be stronger. */
static bool
covers(lk_mode a, lk_mode b)
{
	for (int m = 0; m <= LK_X; m++) {
		if (ref_conflict(b, (lk_mode)m) && !ref_conflict(a, (lk_mode)m))
			return false;
	}
	return true;
}

/* The weakest mode that covers both: there is one, as weaker is to conflict with fewer. */
static lk_mode
both(lk_mode a, lk_mode b)
{
	static const lk_mode from_weak[] = { LK_NL, LK_IS, LK_IX, LK_S, LK_U, LK_SIX, LK_X };

	for (int i = 0; i < 7; i++) {
		if (covers(from_weak[i], a) && covers(from_weak[i], b))
			return from_weak[i];
	}
	return LK_X;
}

static bool
writes(lk_mode m)
{
	return m == LK_U || m == LK_SIX || m == LK_X;
}

struct ref_hold *
ref_hold_of(struct ref *r, int who)
{
	for (int i = 0; i < r->n_holds; i++) {
		if (r->hold[i].who == who)
			return &r->hold[i];
	}
	return NULL;
}

struct ref_wait *
ref_wait_of(struct ref *r, int who)
{
	for (int i = 0; i < r->n_line; i++) {
		if (r->line[i].who == who)
			return &r->line[i];
	}
	return NULL;
}

static lk_mode
held(struct ref *r, int who)
{
	struct ref_hold *h = ref_hold_of(r, who);

	return h == NULL ? LK_NL : h->mode;
}

static void
drop_hold(struct ref *r, int who)
{
	struct ref_hold *h = ref_hold_of(r, who);

	if (h != NULL)
		*h = r->hold[--r->n_holds];
}

static void
drop_wait(struct ref *r, int who)
{
	int n = 0;

	for (int i = 0; i < r->n_line; i++) {
		if (r->line[i].who != who)
			r->line[n++] = r->line[i];
	}
	r->n_line = n;
}

static void
put_at(struct ref *r, struct ref_wait w, int at)
{
	for (int i = r->n_line++; i > at; i--)
		r->line[i] = r->line[i - 1];
	r->line[at] = w;
}

static bool
holders_admit(struct ref *r, int who, lk_mode want)
{
	for (int i = 0; i < r->n_holds; i++) {
		if (r->hold[i].who != who && ref_conflict(r->hold[i].mode, want))
			return false;
	}
	return true;
}

static bool
earlier_admit(struct ref *r, int place, lk_mode want)
{
	for (int i = 0; i < place; i++) {
		if (ref_conflict(r->line[i].want, want))
			return false;
	}
	return true;
}

static void
grant(struct ref *r, struct ref_wait w, uint64_t floor)
{
	struct ref_hold *h = ref_hold_of(r, w.who);

	if (h == NULL) {
		h = &r->hold[r->n_holds++];
		*h = (struct ref_hold){ .who = w.who, .born = w.request };
	}
	h->told |= r->orphaned;
	r->orphaned = false;
	if (writes(w.want) && !writes(h->mode)) {
		r->fence = (r->fence > floor ? r->fence : floor) + 1;
		h->fence = r->fence;
	}
	h->mode = w.want;
	h->latest = w.request;
}

/* Whoever fits the holders and all who stay before him is granted, until nobody is. */
static void
scan(struct ref *r, uint64_t floor)
{
	for (int i = 0; i < r->n_line; i++) {
		struct ref_wait w = r->line[i];

		if (holders_admit(r, w.who, w.want) && earlier_admit(r, i, w.want)) {
			drop_wait(r, w.who);
			grant(r, w, floor);
			i = -1; /* from the head */
		}
	}
}

/* Before the first whom its hold blocks; else behind the last whom it may not pass. */
static int
place_of(struct ref *r, struct ref_wait w)
{
	int tail = 0;

	for (int i = 0; i < r->n_line; i++) {
		struct ref_wait *o = &r->line[i];

		if (w.priority <= o->priority || o->passed >= 16 ||
		    ref_conflict(w.want, held(r, o->who)))
			tail = i + 1;
	}
	for (int i = 0; i < tail; i++) {
		if (ref_conflict(r->line[i].want, held(r, w.who)))
			return i;
	}
	return tail;
}

/* Into the line at that place; those behind it whose holds block it go before it, in their order. */
static void
enter(struct ref *r, struct ref_wait w, int at, bool counts)
{
	struct ref_wait before[REF_SESSIONS], after[REF_SESSIONS];
	int nb = 0, na = 0;

	for (int i = at; i < r->n_line; i++) {
		if (counts)
			r->line[i].passed++;
		if (ref_conflict(w.want, held(r, r->line[i].who)))
			before[nb++] = r->line[i];
		else
			after[na++] = r->line[i];
	}
	r->n_line = at;
	for (int i = 0; i < nb; i++)
		put_at(r, before[i], r->n_line);
	put_at(r, w, r->n_line);
	for (int i = 0; i < na; i++)
		put_at(r, after[i], r->n_line);
}

/* A queued conversion waits for my hold, and I should wait for its. */
static bool
deadlock(struct ref *r, int who, lk_mode want)
{
	for (int i = 0; i < r->n_line; i++) {
		int p = r->line[i].who;

		if (p != who && ref_conflict(want, held(r, p)) &&
		    ref_conflict(r->line[i].want, held(r, who)))
			return true;
	}
	return false;
}

static enum decide_result
join(struct ref *r, const struct ref_ask *a, lk_mode want, bool wait)
{
	struct ref_wait *there = ref_wait_of(r, a->who);
	struct ref_wait w = { a->who, want, a->request, a->priority, 0 };
	int place;

	if (there != NULL) {
		w.passed = there->passed;
		place = (int)(there - r->line);
	} else {
		place = place_of(r, w);
	}
	if (holders_admit(r, w.who, want) && earlier_admit(r, place, want)) {
		drop_wait(r, w.who);
		grant(r, w, a->floor);
		return DECIDE_GRANTED;
	}
	if (deadlock(r, w.who, want))
		return DECIDE_DEADLOCK;
	if (!wait)
		return DECIDE_BUSY;
	drop_wait(r, w.who);
	enter(r, w, place, there == NULL && held(r, w.who) == LK_NL);
	return DECIDE_WAITS;
}

static enum decide_result
at_least(struct ref *r, const struct ref_ask *a, lk_mode mode, bool wait)
{
	struct ref_wait *there = ref_wait_of(r, a->who);
	lk_mode want = both(mode, held(r, a->who));

	if (want == held(r, a->who))
		return DECIDE_GRANTED;
	if (there != NULL && a->op == DECIDE_ACQUIRE)
		want = both(want, there->want);
	return join(r, a, want, wait);
}

/* It will have no more than `left`.  What was told is over; what was not is for others to tell, once it does not write. */
static void
tell_on(struct ref *r, const struct ref_ask *a, struct ref_hold *h, lk_mode left)
{
	const bool known = h->told || (a->untold && writes(h->mode));
	const bool still = known && (a->untold || a->unheard);

	h->told = still && writes(left);
	if (still && !writes(left))
		r->orphaned = true;
}

static enum decide_result
exactly(struct ref *r, const struct ref_ask *a)
{
	struct ref_hold *h = ref_hold_of(r, a->who);
	struct ref_wait *there = ref_wait_of(r, a->who);
	struct ref_wait w;

	if (h == NULL)
		return DECIDE_ABSENT;
	if (!covers(h->mode, a->mode))
		return join(r, a, a->mode, a->wait);
	tell_on(r, a, h, a->mode);
	h->mode = a->mode;
	h->latest = a->request;
	if (there != NULL) {
		w = *there;
		drop_wait(r, w.who);
		enter(r, w, place_of(r, w), false);
	}
	return DECIDE_GRANTED;
}

static enum decide_result
give(struct ref *r, const struct ref_ask *a)
{
	struct ref before = *r;
	struct ref_hold *h = ref_hold_of(r, a->who);
	enum decide_result result;

	if (h != NULL) {
		drop_wait(r, a->who);
		tell_on(r, a, h, a->mode);
		if (a->mode == LK_NL)
			drop_hold(r, a->who);
		else if (covers(h->mode, a->mode))
			h->mode = a->mode;
		else if (!covers(a->mode, h->mode)) {
			*r = before;
			return DECIDE_NOTHING;
		}
		scan(r, a->floor);
	}
	result = at_least(r, a, a->want, true);
	if (result == DECIDE_DEADLOCK)
		*r = before;
	return result;
}

static void
end_badly(struct ref *r, int who)
{
	const struct ref_hold *h = ref_hold_of(r, who);

	if (h != NULL && h->told)
		r->orphaned = true;
	if (writes(held(r, who))) {
		r->orphaned = true;
		r->invalid = r->version != 0;
	}
	drop_wait(r, who);
	drop_hold(r, who);
}

void
ref_die(struct ref *r, int who)
{
	end_badly(r, who);
}

static enum decide_result
break_it(struct ref *r, const struct ref_ask *a)
{
	struct ref_hold *h = ref_hold_of(r, a->who);
	bool other_writes = false;

	if (h == NULL && ref_wait_of(r, a->who) == NULL)
		return DECIDE_ABSENT;
	for (int i = 0; i < r->n_holds; i++)
		other_writes |= r->hold[i].who != a->who && writes(r->hold[i].mode);
	if (h != NULL && h->fence != 0 && !other_writes)
		r->fence = (r->fence > a->floor ? r->fence : a->floor) + 1;
	end_badly(r, a->who);
	return DECIDE_DONE;
}

static enum decide_result
release(struct ref *r, const struct ref_ask *a)
{
	const int who = a->who;
	const bool holds = ref_hold_of(r, who) != NULL, waits = ref_wait_of(r, who) != NULL;

	if (holds)
		tell_on(r, a, ref_hold_of(r, who), LK_NL);
	drop_wait(r, who);
	drop_hold(r, who);
	return holds ? DECIDE_RELEASED : waits ? DECIDE_CANCELED : DECIDE_ABSENT;
}

static enum decide_result
write_value(struct ref *r, const struct ref_ask *a)
{
	if (ref_hold_of(r, a->who) == NULL)
		return DECIDE_ABSENT;
	if (!writes(held(r, a->who)))
		return DECIDE_DENIED;
	if (a->brings != 0)
		return DECIDE_DONE; /* that is it */
	if (r->version == 0)
		r->version = r->fence;
	r->version = (r->version > a->floor ? r->version : a->floor) + 1;
	r->invalid = false;
	return DECIDE_DONE;
}

/* A writer has written that, and did not say so until now. */
static void
bring(struct ref *r, const struct ref_ask *a)
{
	if (ref_hold_of(r, a->who) == NULL || !writes(held(r, a->who)) || a->brings < r->version)
		return;
	r->invalid = a->brings_invalid || (a->brings == r->version && r->invalid);
	r->version = a->brings;
}

static enum decide_result
reserve(struct ref *r, const struct ref_ask *a)
{
	if (ref_hold_of(r, a->who) == NULL)
		return DECIDE_ABSENT;
	if (!writes(held(r, a->who)))
		return DECIDE_DENIED;
	r->fence = (r->fence > a->floor ? r->fence : a->floor) + 1;
	return DECIDE_DONE;
}

static enum decide_result
look(struct ref *r, int who)
{
	return ref_wait_of(r, who) != NULL   ? DECIDE_WAITS
	       : ref_hold_of(r, who) != NULL ? DECIDE_GRANTED
					     : DECIDE_ABSENT;
}

static enum decide_result
leave(struct ref *r, int who)
{
	const enum decide_result was = look(r, who);

	drop_wait(r, who);
	return was == DECIDE_WAITS ? DECIDE_CANCELED : was;
}

static enum decide_result
run(struct ref *r, const struct ref_ask *a)
{
	switch (a->op) {
	case DECIDE_ACQUIRE:
		return at_least(r, a, a->mode, a->wait);
	case DECIDE_CONVERT:
		return exactly(r, a);
	case DECIDE_RELEASE:
		return release(r, a);
	case DECIDE_CANCEL:
		return leave(r, a->who);
	case DECIDE_POLL:
		return look(r, a->who);
	case DECIDE_GIVE_AND_WAIT:
		return give(r, a);
	case DECIDE_BREAK:
		return break_it(r, a);
	case DECIDE_VALUE_WRITE:
		return write_value(r, a);
	case DECIDE_RESERVE:
		return reserve(r, a);
	case DECIDE_RENEW:
		return ref_hold_of(r, a->who) == NULL ? DECIDE_ABSENT : DECIDE_DENIED;
	case DECIDE_GUARD:
		return ref_hold_of(r, a->who) == NULL ? DECIDE_ABSENT : DECIDE_DONE;
	case DECIDE_SWEEP:
	case DECIDE_VALUE_READ:
	case DECIDE_OPS:
		break;
	}
	return DECIDE_DONE;
}

static bool
asks(const struct ref_ask *a)
{
	return a->op == DECIDE_ACQUIRE || a->op == DECIDE_CONVERT || a->op == DECIDE_GIVE_AND_WAIT;
}

enum decide_result
ref_ask(struct ref *r, const struct ref_ask *a)
{
	enum decide_result result;
	struct ref_hold *h;

	scan(r, a->floor);
	if (a->brings != 0)
		bring(r, a);
	result = run(r, a);
	scan(r, a->floor);
	h = ref_hold_of(r, a->who);
	if (result == DECIDE_GRANTED && asks(a) && r->orphaned &&
	    h != NULL) { /* nobody came who had nothing: it is for it to tell */
		h->told = true;
		h->latest = a->request;
		r->orphaned = false;
	}
	if (result == DECIDE_WAITS && ref_wait_of(r, a->who) == NULL)
		result = DECIDE_GRANTED;
	return result;
}
