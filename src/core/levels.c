/* SPDX-License-Identifier: MIT */
/* What a batch needs where, and what it was granted of that written down.  (K7) */
#include "core/levels.h"
#include "core/ancestors.h"
#include "core/implied.h"
#include "core/pending.h"
#include "core/release.h"
#include "core/semaphore.h"
#include "wait/resplit.h"

size_t
levels_count(const struct batch *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		uint32_t len = batch_next_level(b, i, 0);

		for (; len != 0; len = batch_next_level(b, i, len))
			n += batch_comes_first(b, i, len);
	}
	return n;
}

/* The level of `len` bytes that is `from` or above it. */
static uint32_t
level_up(const struct levels *l, uint32_t from, uint32_t len)
{
	while (l->at[from].len != len)
		from = l->at[from].above;
	return from;
}

static const struct hold *
hold_on(const struct batch *b, const struct lk_resource *r)
{
	uint32_t slot = hold_find(&b->w->holds, r);

	return slot != SLOT_NONE ? hold_at(&b->w->holds, slot) : NULL;
}

static int
add_level(struct batch *b, struct levels *l, size_t i, uint32_t len, uint32_t above)
{
	struct level *v = &l->at[l->n];
	const struct hold *s;
	int rc;

	*v = (struct level){ .len = len, .above = above, .need = batch_need(b, i, len) };
	rc = batch_enter(b, i, len, &v->r);
	if (rc != 0)
		return rc;
	s = hold_on(b, v->r);
	v->held = s != NULL ? hold_effective(s) : LK_NL;
	v->counted = s != NULL && !hold_is(s, HEAD_IMPLIED) ? v->held : LK_NL;
	l->n++;
	return 0;
}

int
levels_find(struct batch *b, struct levels *l)
{
	uint32_t leaf = LEVEL_NONE; /* of the element before */
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < b->n; i++) {
		uint32_t len = batch_next_level(b, i, 0);
		uint32_t above = LEVEL_NONE;

		for (; rc == 0 && len != 0; len = batch_next_level(b, i, len)) {
			if (!batch_comes_first(b, i, len)) {
				above = level_up(l, leaf, len);
				continue;
			}
			rc = add_level(b, l, i, len, above);
			above = (uint32_t)l->n - 1;
		}
		leaf = above;
	}
	return rc;
}

static bool
gives_below(const struct level *v, lk_mode mode)
{
	return mode_covers(mode_below(v->want), mode);
}

/* By the hold that covers it already, which is on one of the levels above. */
static bool
stays_covered(struct batch *b, const struct levels *l, const struct level *v, const struct hold *s)
{
	const struct lk_resource *cover =
		hold_resource(hold_at(&b->w->holds, hold_extra(s)->cover));
	uint32_t k = v->above;

	while (l->at[k].r != cover)
		k = l->at[k].above;
	return gives_below(&l->at[k], v->need);
}

/* Will what is held above, once the levels above are what the batch needs, give all that is needed here? */
static bool
is_covered(struct batch *b, const struct levels *l, const struct level *v)
{
	const struct hold *s = hold_on(b, v->r);

	if ((b->q->flags & (LK_PARENTS | REQUEST_UNITS)) != 0) /* (SU8) */
		return false;
	if (s != NULL)
		return hold_is(s, HEAD_IMPLIED) && stays_covered(b, l, v, s);
	for (uint32_t k = v->above; k != LEVEL_NONE; k = l->at[k].above) {
		if (!l->at[k].covered && gives_below(&l->at[k], v->need))
			return true;
	}
	return false;
}

/* What an implied hold needs above once it is in its word.  (H9) */
static void
need_above(struct levels *l, const struct level *v)
{
	if (v->covered || v->held == v->counted)
		return;
	for (uint32_t k = v->above; k != LEVEL_NONE; k = l->at[k].above)
		l->at[k].need = mode_supremum(l->at[k].need, mode_intent(v->held));
}

bool
level_takes_units(const struct batch *b, const struct level *v)
{
	return unlikely(b->q->units.n != 0) && !b->q->units_counted &&
	       v->len == item_at(b, 0)->name.len;
}

uint32_t
levels_weigh(struct batch *b, struct levels *l)
{
	uint32_t parts = 0;

	for (size_t i = 0; i < l->n; i++) {
		struct level *v = &l->at[i];

		v->want = mode_supremum(v->held, v->need);
		v->covered = is_covered(b, l, v);
	}
	for (size_t i = l->n; i > 0; i--) {
		struct level *v = &l->at[i - 1];

		v->want = mode_supremum(v->held, v->need);
		need_above(l, v);
		v->is_part = !v->covered && (v->want != v->counted || level_takes_units(b, v));
		parts += v->is_part;
	}
	return parts;
}

a64 *
level_seat(const struct batch *b, const struct level *v)
{
	const struct hold *s = hold_on(b, v->r);

	return s != NULL && hold_is(s, HEAD_SEAT) ? seat_of(b->w, v->r) : NULL;
}

void
levels_add_parts(const struct batch *b, const struct levels *l, struct composite *c)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct level *v = &l->at[i];

		if (!v->is_part)
			continue;
		composite_add(c, v->r, v->counted, level_seat(b, v), v->want);
		if (level_takes_units(b, v))
			c->part[c->n_parts - 1].units = b->q->units;
	}
}

/* What was granted makes the owner's hold stronger, which is `has`: to `both`. */
static void
strengthen_with(const struct batch *b, const struct level *v, struct hold *s, lk_mode has,
		lk_mode both)
{
	const struct line_tally t = owner_line_tally(b->w);
	struct resplit one = {
		.r = v->r,
		.gives = { .from = v->want, .to = LK_NL },
		.takes = { .from = has, .to = both },
		.undoes = true, /* nobody is in the way of what is there already */
	};

	/* Another one that was to do so goes by what it is now; granted, it even is out of its slot.  (U3) */
	pending_withdraw(b->w, v->r);
	one.takes.seat = hold_is(s, HEAD_SEAT) ? seat_of(b->w, v->r) : NULL;
	(void)line_resplit(&b->w->manager->lot, &one, &t); /* (TR2) */
	hold_set_seated(s, false);
}

/* … and what the owner has taken itself since, into one. */
static lk_mode
merge(const struct batch *b, const struct level *v, struct hold *s)
{
	const lk_mode has = hold_effective(s);
	const lk_mode both =
		mode_supremum(has, v->want); /* admits nobody whom one of them kept out */

	if (both == has)
		release_word(b->w, v->r, v->want, LK_NL, false);
	else
		strengthen_with(b, v, s, has, both);
	return both;
}

/* Its word counts it: write it down.  0, or the code to return; then it is only in the word.  (K7) */
static int
adopt(struct batch *b, struct level *v)
{
	const uint32_t slot = v->counted == LK_NL ? hold_find(&b->w->holds, v->r) : SLOT_NONE;
	struct hold *s = slot != SLOT_NONE ? hold_at(&b->w->holds, slot) : NULL;
	lk_mode both = LK_NL;
	int rc;

	if (s != NULL && !hold_is(s, HEAD_IMPLIED))
		both = merge(b, v, s);
	b->q->extra = NULL;
	b->q->adopts = v->r;
	rc = count_take(b->w, v->r, v->need, b->q);
	b->q->adopts = NULL;
	if (rc == 0) {
		b->reserve[b->n_reserves++] = (struct reserve){ v->r, v->need };
	} else if (both != LK_NL) {
		v->is_part = false; /* it goes back to what the owner has taken */
		if (both != hold_effective(s))
			release_word(b->w, v->r, both, hold_effective(s), false);
	}
	return rc;
}

/* What is held in a slot of a spread name was granted in the word, with what is new.  (C5) */
static void
leave_seats(struct batch *b, const struct levels *l)
{
	for (size_t i = 0; i < l->n; i++) {
		uint32_t slot = hold_find(&b->w->holds, l->at[i].r);

		if (l->at[i].is_part && l->at[i].counted != LK_NL && slot != SLOT_NONE)
			hold_set_seated(hold_at(&b->w->holds, slot), false);
	}
}

/* What was granted beyond the first `done` levels goes back from the leaf up. */
static void
give_back(struct batch *b, const struct levels *l, size_t done)
{
	for (size_t i = l->n; i > done; i--) {
		const struct level *v = &l->at[i - 1];

		if (v->is_part)
			release_word(b->w, v->r, v->want, v->counted, false);
	}
}

void
levels_undo(struct batch *b, const struct levels *l)
{
	leave_seats(b, l);
	give_back(b, l, 0);
}

int
levels_adopt(struct batch *b, struct levels *l)
{
	size_t done = 0;
	int rc = 0;

	leave_seats(b, l);
	while (done < l->n) {
		if (l->at[done].is_part)
			rc = adopt(b, &l->at[done]);
		if (rc != 0)
			break;
		done++;
	}
	if (rc != 0) {
		give_back(b, l, done);
		batch_forget_reserves(b);
		b->w->made_real = 0; /* (H10) */
	}
	return rc;
}

void
levels_unpin(struct levels *l)
{
	while (l->n > 0)
		resource_unpin(l->at[--l->n].r);
}

bool
levels_stand(const struct batch *b, const struct levels *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct level *v = &l->at[i];
		const struct hold *s = hold_on(b, v->r);
		const bool implied = s != NULL && hold_is(s, HEAD_IMPLIED);
		const lk_mode now = s != NULL ? hold_effective(s) : LK_NL;

		if (v->held != v->counted || implied) {
			if (v->is_part && (!implied || v->counted != LK_NL || now != v->held))
				return false;
		} else if (v->counted != LK_NL && v->is_part && now != v->held) {
			return false;
		}
	}
	return true;
}
