/* SPDX-License-Identifier: MIT */
/* When many locks are too many, and one in place of them.  (ES1-ES6) */
#include "core/escalate.h"
#include "base/guest.h"
#include "core/ancestors.h"
#include "core/call.h"
#include "core/events.h"
#include "core/implied.h"
#include "core/release.h"
#include "core/semaphore.h"

/* An attempt: where, and what there is to gain. */
struct attempt {
	struct lk_owner *w;
	struct lk_resource *r; /* the ancestor */
	struct hold *s;        /* … the owner's hold there */
	uint32_t slot;
	uint64_t after;
	uint32_t reads;  /* names below that an S would cover, each with a lock of its own */
	uint32_t writes; /* … that need an X */
	uint32_t grants_read;
	uint32_t grants_written;
};

/* ------------------------------------------------------------------ what is there */

/* The grants of one hold. */
struct own {
	uint32_t n;
	lk_mode mode; /* all together; not what is counted there for others */
	bool parents;
	bool units;
	bool leased;
};

static void
add_grant(struct own *o, const struct hold *s)
{
	const uint64_t head = shim_load(&s->head, SHIM_RELAXED);

	o->n++;
	o->mode = mode_supremum(o->mode, head_mode(head));
	o->parents |= (head & HEAD_PARENTS) != 0;
	o->units |= grant_has_units(s); /* (SU8) */
	o->leased |= hold_extra(s) != NULL && (hold_extra(s)->flags & EXTRA_LEASED) != 0;
}

static struct own
own_grants(struct lk_owner *w, const struct hold *s)
{
	struct own o = { .mode = LK_NL };
	uint32_t slot = SLOT_NONE;

	if (!hold_is(s, HEAD_GONE))
		add_grant(&o, s);
	if (hold_is(s, HEAD_COUNTED))
		slot = hold_extra(s)->newest;
	while (slot != SLOT_NONE) {
		const struct hold *more = hold_at(&w->holds, slot);

		add_grant(&o, more);
		slot = (uint32_t)((uintptr_t)shim_load(&more->resource, SHIM_RELAXED) >> 1);
	}
	return o;
}

/* Does it cover anything? */
static bool
covers(const struct hold *s)
{
	return hold_is(s, HEAD_COUNTED) && hold_extra(s)->n_below != 0 &&
	       mode_below(hold_effective(s)) != LK_NL;
}

/* May its grants become implied, as far as they themselves go?  (ES5) */
static bool
may_go(const struct lk_owner *w, const struct hold *s, const struct own *o)
{
	if (o->parents || o->units ||
	    (hold_is(s, HEAD_COUNTED) && (hold_extra(s)->flags & EXTRA_KEPT) != 0))
		return false;
	return !o->leased || (w->manager->lock_delay_ns == LK_OFF && !covers(s));
}

/* Is there a barrier, with something below it? */
static bool
is_barrier(const struct hold *s)
{
	return hold_is(s, HEAD_COUNTED) && (hold_extra(s)->flags & EXTRA_BARRED) != 0 &&
	       hold_extra(s)->n_below != 0;
}

static bool
is_barred(struct lk_owner *w, const struct lk_resource *r)
{
	const uint32_t slot = hold_find(&w->holds, r);

	return slot != SLOT_NONE && is_barrier(hold_at(&w->holds, slot));
}

/* Does it lie below the ancestor, and no barrier between? */
static bool
is_below(const struct attempt *a, const struct lk_resource *r)
{
	bool barred = false;

	for (r = resource_parent(r); r != NULL && r != a->r; r = resource_parent(r))
		barred |= is_barred(a->w, r);
	return r != NULL && !barred;
}

/* A hold of the owner's that lies below the ancestor; NULL: this slot has none. */
static struct hold *
hold_below(const struct attempt *a, uint32_t slot)
{
	struct hold *s = hold_at(&a->w->holds, slot);
	const uint64_t head = shim_load(&s->head, SHIM_RELAXED);

	if (head == 0 || (head & (HEAD_REENTRY | HEAD_INTENT)) != 0)
		return NULL;
	return is_below(a, hold_resource(s)) ? s : NULL;
}

/* One lock of its own: of what modes the grants are that it stands for? */
static void
add_lock(struct attempt *a, const struct hold *s)
{
	const struct own o = own_grants(a->w, s);
	const lk_mode mode = o.n != 0 ? o.mode : mode_below(hold_effective(s));

	if (mode == LK_NL || !may_go(a->w, s, &o) || is_barrier(s))
		return;
	if (mode_covers(LK_S, mode)) {
		a->reads++;
		a->grants_read += o.n;
	} else {
		a->writes++;
		a->grants_written += o.n;
	}
}

static void
weigh(struct attempt *a)
{
	const uint32_t n = shim_load(&a->w->holds.n_slots, SHIM_RELAXED);

	a->reads = a->writes = a->grants_read = a->grants_written = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct hold *s = hold_below(a, i);

		if (s != NULL && !hold_is(s, HEAD_IMPLIED))
			add_lock(a, s);
	}
}

/* ------------------------------------------------------------------------ the step */

/* Will what the ancestor gives cover the hold, and may it go? */
static bool
will_go(const struct attempt *a, const struct hold *s, lk_mode gives)
{
	struct own o;

	if (hold_is(s, HEAD_IMPLIED))
		return false;
	o = own_grants(a->w, s);
	return o.n != 0 && mode_covers(gives, o.mode) && may_go(a->w, s, &o);
}

/* What an implied hold keeps besides its slot.  False: no memory, and nothing is different for anybody.  (ES4) */
static bool
prepare(const struct attempt *a, lk_mode gives)
{
	const uint32_t n = shim_load(&a->w->holds.n_slots, SHIM_RELAXED);

	for (uint32_t i = 0; i < n; i++) {
		struct hold *s = hold_below(a, i);

		if (s != NULL && will_go(a, s, gives) && hold_count(a->w, s) == NULL)
			return false;
	}
	return true;
}

/* Is it implied by a hold below the ancestor, which may give it away?  (ES5) */
static bool
may_move(const struct attempt *a, const struct hold *s, lk_mode gives)
{
	const struct hold *cover = hold_at(&a->w->holds, hold_extra(s)->cover);
	struct own o;

	if (cover == a->s || !is_below(a, hold_resource(cover)) ||
	    !mode_covers(gives, hold_effective(s)))
		return false;
	o = own_grants(a->w, cover);
	return o.n == 0 || may_go(a->w, cover, &o);
}

/* One hold, if it can go by now.  True: it went. */
static bool
move(const struct attempt *a, struct hold *s, lk_mode gives)
{
	struct extra *e = hold_extra(s);

	if (hold_is(s, HEAD_IMPLIED)) {
		if (!may_move(a, s, gives))
			return false;
		implied_move(a->w, s, a->slot);
	} else {
		if (!will_go(a, s, gives) || e->n_below != 0)
			return false;
		implied_become(a->w, s, a->slot);
	}
	e->flags |= EXTRA_ESCALATED; /* (ES6) */
	return true;
}

/*
 * What is below first: as often as there are levels.  One count more keeps the ancestor what it is meanwhile, as what
 * goes settles what is above it; then it falls to what there is.  Returns how many went.  (ES3)
 */
static uint32_t
move_all(const struct attempt *a, lk_mode to)
{
	const uint32_t n = shim_load(&a->w->holds.n_slots, SHIM_RELAXED);
	const bool wrote_nothing = a->w->wrote_nothing;
	const lk_mode gives = mode_below(to);
	uint32_t all = 0;
	uint32_t moved;

	a->w->wrote_nothing = true; /* it is held as before, if elsewhere (CW4) */
	hold_count_more(a->s, to, 1);
	do {
		moved = 0;
		for (uint32_t i = 0; i < n; i++) {
			struct hold *s = hold_below(a, i);

			moved += s != NULL && move(a, s, gives);
		}
		all += moved;
	} while (moved != 0);
	count_give(a->w, a->slot, to);
	a->w->wrote_nothing = wrote_nothing;
	return all;
}

/* ----------------------------------------------------------------------- attempts */

/* What the ancestor would be, to cover the reads, or all. */
static lk_mode
wanted(const struct attempt *a, lk_mode more)
{
	return mode_supremum(hold_effective(a->s), more);
}

/* Nothing is latched.  The caller may use other owners, not this one; so nothing of it changes meanwhile. */
static bool
ask(const struct attempt *a, lk_mode more)
{
	struct lk_owner *w = a->w;
	const struct lk_manager *m = w->manager;
	const bool all = more == LK_X;
	struct extra *e = hold_extra(a->s);
	char label[LK_LABEL_MAX + 1];
	struct lk_escalation asked = {
		.size = sizeof(asked),
		.owner_id = shim_load(&w->id, SHIM_RELAXED),
		.owner_label = label,
		.held = hold_effective(a->s),
		.mode = wanted(a, more),
		.locks = a->reads + (all ? a->writes : 0),
		.grants = a->grants_read + (all ? a->grants_written : 0),
	};
	struct guest guest;
	bool is_id;
	int no;

	if (m->on_escalate == NULL)
		return true;
	owner_label(w, label);
	asked.name = resource_name(a->r, &asked.name_len, &is_id);
	(void)call_away(w); /* it is in no family */
	guest_enter(&guest);
	no = m->on_escalate(m->on_escalate_arg, &asked);
	guest_leave(&guest);
	call_back(w, NULL);
	e->flags = no != 0 ? e->flags | EXTRA_BARRED : e->flags & ~EXTRA_BARRED;
	return no == 0;
}

/* Would the ancestor be had at once?  So that an attempt in vain takes no memory.  0, LK_E_BUSY, LK_E_LIMIT. */
static int
probe(const struct attempt *a, lk_mode to)
{
	const struct waiter q = {
		.r = a->r,
		.held = hold_effective(a->s),
		.want = to,
		.seat = hold_is(a->s, HEAD_SEAT) ? seat_of(a->w, a->r) : NULL,
		.priority = party_priority(&a->w->party),
		.units.has = semaphore_has(a->w, a->r), /* (SU6) */
	};
	const enum line_outcome outcome = line_probe(&a->w->manager->lot, &q);

	if (outcome == LINE_GRANTED)
		return 0;
	return outcome == LINE_LIMIT ? LK_E_LIMIT : LK_E_BUSY;
}

/* The ancestor, at once or not at all; then the step.  0 or a code: then nothing has changed.  (ES3) */
static int
take_and_move(const struct attempt *a, lk_mode more)
{
	struct request q = { .flags = LK_NOWAIT, .casual = true, .tentative = true };
	const lk_mode to = wanted(a, more);
	const bool strengthens = to != hold_effective(a->s);
	int rc = strengthens ? probe(a, to) : 0;

	if (rc == 0 && !prepare(a, mode_below(to)))
		rc = LK_E_NOMEM;
	if (rc == 0 && strengthens)
		rc = hold_strengthen(a->w, a->s, to, &q);
	if (rc != 0)
		return rc;
	if (move_all(a, to) == 0)
		rc = LK_E_BUSY; /* a request of its own needs them all */
	return rc;
}

static bool
try_with(const struct attempt *a, lk_mode more)
{
	struct lk_owner *w = a->w;
	const lk_mode from = hold_effective(a->s);
	const lk_mode to = wanted(a, more);
	const int rc = ask(a, more) ? take_and_move(a, more) : LK_E_PERM;
	bool is_id;
	size_t len;
	const void *name = resource_name(a->r, &len, &is_id);

	owner_tally(w, rc == 0 ? &w->count.escalations : &w->count.escalations_refused);
	PROBE4(escalate, shim_load(&w->id, SHIM_RELAXED), name, len, rc == 0 ? (int)to : rc);
	if (events_want(w, LK_EVENT_ESCALATE))
		event_escalated(w, a->r, from, to, rc);
	return rc == 0;
}

/* Returns how many locks are left below. */
static uint32_t
try_all(const struct attempt *a)
{
	const uint32_t all = a->reads + a->writes;

	if (a->writes == 0)
		return try_with(a, LK_S) ? 0 : all;
	if (a->writes > a->after || a->reads <= a->after) {
		if (try_with(a, LK_X))
			return 0;
		if (a->reads <= a->after || is_barrier(a->s))
			return all;
	}
	return try_with(a, LK_S) ? a->writes : all;
}

/* -------------------------------------------------------------------------- when */

/*
 * `left` locks are there below it: so many more may come before there can be too many.  To look costs as much as there
 * is, so it is not done for one lock that comes and goes.  After an attempt in vain it is a quarter.  (ES2)
 */
static void
pace(struct extra *e, uint64_t after, uint32_t left)
{
	const uint64_t room = left <= after ? after - left + 1 : 0;
	const uint64_t least = left <= after ? after / 16 : after / 4;

	e->escalate_in = (uint32_t)(room > least ? room : least) + (room == 0 && least == 0);
	e->flags |= EXTRA_PACED;
}

/* May there be too many below it? */
static bool
is_due(const struct hold *s, uint64_t after)
{
	const uint64_t head = shim_load(&s->head, SHIM_RELAXED);
	const uint64_t counts = shim_load(&s->fence, SHIM_RELAXED);
	const struct extra *e = hold_extra(s);

	if (head == 0 || (head & (HEAD_REENTRY | HEAD_IMPLIED)) != 0)
		return false;
	if ((head & HEAD_INTENT) != 0)
		return (counts >> 32) + (uint32_t)counts > after;
	if ((head & HEAD_COUNTED) == 0)
		return false;
	return (e->flags & EXTRA_PACED) != 0 ? e->escalate_in == 0 : e->n_below > after;
}

/* The one with the most levels above it, so the nearest to what is below; or SLOT_NONE. */
static uint32_t
next_due(struct lk_owner *w, uint64_t after)
{
	const uint32_t n = shim_load(&w->holds.n_slots, SHIM_RELAXED);
	uint32_t found = SLOT_NONE;
	uint32_t levels = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct hold *s = hold_at(&w->holds, i);

		if (!is_due(s, after) || resource_levels(hold_resource(s)) <= levels)
			continue;
		found = i;
		levels = resource_levels(hold_resource(s));
	}
	return found;
}

/* False: there is no memory to note that it was looked at, let alone to do it. */
static bool
look(struct lk_owner *w, uint32_t slot, uint64_t after)
{
	struct attempt a = { .w = w, .s = hold_at(&w->holds, slot), .slot = slot, .after = after };
	struct extra *e = hold_count(w, a.s);
	uint32_t left;

	if (e == NULL)
		return false;
	a.r = hold_resource(a.s);
	weigh(&a);
	left = a.reads + a.writes;
	if (left > after)
		left = try_all(&a);
	pace(e, after, left);
	return true;
}

LK_COLD void
escalate_slowly(struct lk_owner *w)
{
	const uint64_t after = escalate_after(w);
	uint32_t slot;

	w->may_escalate = false;
	if (after == LK_OFF ||
	    call_is_family(w)) /* on_escalate is asked in the midst of it (FA3) */
		return;
	while ((slot = next_due(w, after)) != SLOT_NONE && look(w, slot, after))
		;
}

void
escalate_pause(struct lk_owner *w, uint32_t slot)
{
	const uint64_t after = escalate_after(w);

	if (after == LK_OFF)
		return;
	while (slot != SLOT_NONE) {
		struct hold *s = hold_at(&w->holds, slot);
		const struct lk_resource *above = resource_parent(hold_resource(s));
		struct extra *e = hold_count(w, s);

		if (e != NULL)
			pace(e, after, UINT32_MAX);
		slot = above != NULL ? hold_find(&w->holds, above) : SLOT_NONE;
	}
}
