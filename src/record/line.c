/* SPDX-License-Identifier: MIT */
/* The line of a record: who goes before whom, who is let in.  (DE2-DE4; as wait/line.h Q7 and Q8) */
#include "record/inside.h"

#include <string.h>

/* What those before a place keep others from. */
struct ahead {
	mode_set modes;
	bool units; /* somebody waits for units */
};

/* What a session has already, and what is kept from others in its name: it keeps them out all the same. */
struct held {
	lk_mode mode;
	uint32_t units;
};

static struct held
held_by(const struct record *r, const struct record_waiter *w)
{
	const struct record_holder *kept = record_kept_of(r, &w->who);
	struct held h;

	h.mode = record_held(r, &w->who, &h.units);
	if ((w->flags & WAITER_POOL) != 0)
		h.units = w->firm; /* the others come back, whoever waits (DE11) */
	if (kept != NULL) {
		h.mode = mode_supremum(h.mode, (lk_mode)kept->mode);
		h.units += kept->units;
	}
	return h;
}

/* As long as somebody has `h`, can `w` not have what it wants, whatever others do? */
static bool
keeps_out(const struct record *r, struct held h, const struct record_waiter *w)
{
	if ((mode_conflicts((lk_mode)w->want) & MODE_BIT(h.mode)) != 0)
		return true;
	return w->units > 0 && h.units > 0 && r->permits - h.units < w->units;
}

static void
add_ahead(struct ahead *a, const struct record_waiter *w)
{
	a->modes |= mode_conflicts((lk_mode)w->want);
	a->units |= w->units > 0;
}

static struct ahead
ahead_of(const struct record *r, unsigned place)
{
	struct ahead a = { 0, false };

	for (unsigned i = 0; i < place; i++)
		add_ahead(&a, &r->waiter[i]);
	return a;
}

static bool
ahead_admits(struct ahead a, const struct record_waiter *w)
{
	return (a.modes & MODE_BIT(w->want)) == 0 && !(a.units && w->units > 0);
}

/* May `w` go past `other` for its priority?  Not if it could not be granted before it anyway. */
static bool
may_pass(const struct record *r, const struct record_waiter *w, const struct record_waiter *other)
{
	return w->priority > other->priority && other->passed < PASSED_MOST_RECORD &&
	       !keeps_out(r, held_by(r, other), w);
}

/* Where `w`, which is not in the line, belongs.  (DE3) */
static unsigned
place_of(const struct record *r, const struct record_waiter *w)
{
	const struct held held = held_by(r, w);
	unsigned place = r->n_waiters;

	while (place > 0 && may_pass(r, w, &r->waiter[place - 1]))
		place--;
	for (unsigned i = 0; i < place; i++) {
		if (keeps_out(r, held, &r->waiter[i]))
			return i;
	}
	return place;
}

/* Do the holders, and those before it, admit it? */
static bool
fits(const struct record *r, const struct record_waiter *w, struct ahead a)
{
	const uint32_t asks = record_asks(r, w);

	if (!ahead_admits(a, w))
		return false;
	for (unsigned i = 0; i < r->n_holders; i++) {
		if (record_in_way(r, &r->holder[i], &w->who, (lk_mode)w->want, asks))
			return false;
	}
	return w->units == 0 || asks <= r->permits; /* its own pool may have them all */
}

/*
 * What would become of a line with one more in it, if everybody who does not wait gave back what he has, and everybody
 * who waits did so once he was served: by its places, of which one is that of the newcomer.
 */
struct forecast {
	const struct record *r;
	const struct record_waiter *newcomer;
	unsigned n;
	uint8_t place[RECORD_WAITERS + 1]; /* numbers of waiters; NEWCOMER */
	bool is_served[RECORD_WAITERS + 1];
};

enum { NEWCOMER = UINT8_MAX };

_Static_assert(RECORD_WAITERS < (int)NEWCOMER, "a number for one who has none");

static const struct record_waiter *
forecast_waiter(const struct forecast *f, unsigned i)
{
	return f->place[i] == NEWCOMER ? f->newcomer : &f->r->waiter[f->place[i]];
}

/* The places as enter() will make them. */
static void
forecast_init(struct forecast *f, const struct record *r, const struct record_waiter *w,
	      unsigned place)
{
	f->r = r;
	f->newcomer = w;
	f->n = 0;
	for (unsigned i = 0; i < place; i++)
		f->place[f->n++] = (uint8_t)i;
	for (unsigned i = place; i < r->n_waiters; i++) {
		if (keeps_out(r, held_by(r, &r->waiter[i]), w))
			f->place[f->n++] = (uint8_t)i;
	}
	f->place[f->n++] = NEWCOMER;
	for (unsigned i = place; i < r->n_waiters; i++) {
		if (!keeps_out(r, held_by(r, &r->waiter[i]), w))
			f->place[f->n++] = (uint8_t)i;
	}
	memset(f->is_served, 0, sizeof(f->is_served));
}

/* Whose wait keeps what `h` has?  Only one who waits, and was not served yet; NULL: it is given back. */
static const struct record_waiter *
forecast_keeper(const struct forecast *f, const struct record_holder *h)
{
	if ((h->flags & HOLDER_KEPT) != 0)
		return NULL;
	for (unsigned i = 0; i < f->n; i++) {
		if (record_id_is(&forecast_waiter(f, i)->who, &h->who))
			return f->is_served[i] ? NULL : forecast_waiter(f, i);
	}
	return NULL;
}

static bool
forecast_admits(const struct forecast *f, const struct record_waiter *w)
{
	uint64_t units = w->units;

	for (unsigned i = 0; i < f->r->n_holders; i++) {
		const struct record_holder *h = &f->r->holder[i];
		const struct record_waiter *by = forecast_keeper(f, h);

		if (by == NULL || record_id_is(&h->who, &w->who))
			continue;
		if ((mode_conflicts((lk_mode)w->want) & MODE_BIT(h->mode)) != 0)
			return false;
		units += (by->flags & WAITER_POOL) != 0 ? by->firm : h->units;
	}
	return w->units == 0 || units <= f->r->permits;
}

/* One walk; true: somebody was served. */
static bool
forecast_walk(struct forecast *f)
{
	struct ahead a = { 0, false };
	bool served = false;

	for (unsigned i = 0; i < f->n; i++) {
		const struct record_waiter *w = forecast_waiter(f, i);

		if (f->is_served[i])
			continue;
		if (ahead_admits(a, w) && forecast_admits(f, w))
			served = f->is_served[i] = true;
		else
			add_ahead(&a, w);
	}
	return served;
}

/* Nobody waits for ever for what it has. */
static bool
has_nothing_firm(const struct record *r, const struct record_waiter *w)
{
	const struct record_holder *h = record_holder_of(r, &w->who);

	return h == NULL || ((w->flags & WAITER_POOL) != 0 && w->firm == 0 && h->mode == LK_IX &&
			     w->want == LK_IX);
}

/*
 * With `w` at that place, would some wait for each other for ever?  Only one who has something can bring that about, as
 * what others wait for; or one who goes before others.  (DE4)
 */
static bool
is_deadlock(const struct record *r, const struct record_waiter *w, unsigned place)
{
	struct forecast f;

	if (has_nothing_firm(r, w) && place == r->n_waiters)
		return false;
	forecast_init(&f, r, w, place);
	while (forecast_walk(&f))
		;
	for (unsigned i = 0; i < f.n; i++) {
		if (!f.is_served[i])
			return true;
	}
	return false;
}

static void
insert(struct record *r, const struct record_waiter *w, unsigned place)
{
	memmove(&r->waiter[place + 1], &r->waiter[place],
		(r->n_waiters - place) * sizeof(r->waiter[0]));
	r->waiter[place] = *w;
	r->n_waiters++;
}

void
turn_leave(struct record *r, struct record_waiter *w)
{
	const size_t i = (size_t)(w - r->waiter);

	r->n_waiters--;
	memmove(w, w + 1, (r->n_waiters - i) * sizeof(*w));
}

/*
 * For those who came before: whose hold the one at `place` waits for goes before it, as it would if it came now.
 * Behind it, it could wait for nothing but the order, and for ever.
 */
static void
let_ahead(struct record *r, unsigned place)
{
	const struct record_waiter w = r->waiter[place];

	for (unsigned i = place + 1; i < r->n_waiters; i++) {
		struct record_waiter p = r->waiter[i];

		if (!keeps_out(r, held_by(r, &p), &w))
			continue;
		turn_leave(r, &r->waiter[i]);
		insert(r, &p, place++);
	}
}

/* A newcomer has gone past those behind it. */
static void
note_passed(struct record *r, unsigned place)
{
	for (unsigned i = place + 1; i < r->n_waiters; i++)
		r->waiter[i].passed++;
}

static void
enter(struct record *r, const struct record_waiter *w, unsigned place, bool is_new)
{
	insert(r, w, place);
	if (is_new && held_by(r, w).mode == LK_NL)
		note_passed(r, place);
	let_ahead(r, place);
}

static uint32_t
max_waiters(const struct decide_view *v)
{
	return v->max_waiters != 0 && v->max_waiters < RECORD_WAITERS ? v->max_waiters
								      : RECORD_WAITERS;
}

/* `w` is not in the line; if it does not get in, all is as it was. */
static enum decide_result
judge(struct decision *d, const struct record_waiter *w, unsigned place, bool patient)
{
	struct record *r = d->r;

	if (fits(r, w, ahead_of(r, place))) {
		d->trouble = holder_has_room(d, w);
		if (d->trouble != DECIDE_FINE)
			return DECIDE_NOTHING;
		holder_make(d, w);
		return DECIDE_GRANTED;
	}
	if (is_deadlock(r, w, place))
		return DECIDE_DEADLOCK;
	if (!patient)
		return DECIDE_BUSY;
	if (r->n_waiters >= max_waiters(d->v)) {
		d->trouble = DECIDE_FULL_LINE;
		return DECIDE_NOTHING;
	}
	return DECIDE_WAITS;
}

enum decide_result
turn_join(struct decision *d, struct record_waiter *w, bool patient)
{
	struct record *r = d->r;
	struct record_waiter *there = record_waiter_of(r, &w->who);
	const bool is_new = there == NULL;
	struct record_waiter was;
	enum decide_result result;
	unsigned was_at = 0;
	unsigned place;

	if (is_new) {
		place = place_of(r, w);
	} else {
		was = *there;
		place = (unsigned)(there - r->waiter);
		w->since = was.since;
		w->passed = was.passed;
		turn_leave(r, there);
		was_at = place;
	}
	if (has_nothing_firm(r, w) && is_deadlock(r, w, place))
		place = r->n_waiters; /* it is not that urgent */
	result = judge(d, w, place, patient);
	if (result == DECIDE_WAITS)
		enter(r, w, place, is_new);
	else if (result != DECIDE_GRANTED && !is_new)
		insert(r, &was, was_at);
	return result;
}

void
turn_replace(struct decision *d, const struct record_id *who)
{
	struct record_waiter *there = record_waiter_of(d->r, who);
	struct record_waiter w;
	unsigned was, place;

	if (there == NULL)
		return;
	w = *there;
	was = (unsigned)(there - d->r->waiter);
	turn_leave(d->r, there);
	place = place_of(d->r, &w);
	if (is_deadlock(d->r, &w, place))
		place = was;
	enter(d->r, &w, place, false);
}

/* One walk from the head.  True: after a grant more may fit before it, as something was given up with it. */
static bool
scan_once(struct decision *d)
{
	struct record *r = d->r;
	struct ahead a = { 0, false };

	for (unsigned i = 0; i < r->n_waiters;) {
		const struct record_waiter w = r->waiter[i];
		const struct held had = held_by(r, &w);

		if (!fits(r, &w, a) || holder_has_room(d, &w) != DECIDE_FINE) {
			add_ahead(&a, &w);
			i++;
			continue;
		}
		turn_leave(r, &r->waiter[i]);
		holder_make(d, &w);
		if (!mode_covers((lk_mode)w.want, had.mode) || w.units < had.units)
			return true;
	}
	return false;
}

void
turn_scan(struct decision *d)
{
	while (scan_once(d))
		;
}
