/* SPDX-License-Identifier: MIT */
/*
 * A batch that has to wait: what it needs as one composite, and what it was granted as reserves.  (K7)
 *
 * Its *levels* are all distinct names of the batch and all their ancestors, in the order of paths.  What is
 * needed there, beside what the owner has, is a part of the composite; but not what will be covered, by a
 * hold above that is there or by what the batch itself needs above.
 */
#include "core/ancestors.h"
#include "core/batch.h"
#include "core/implied.h"
#include "core/release.h"

#define LEVEL_NONE UINT32_MAX

struct level {
	struct lk_resource *r; /* pinned */
	uint32_t len;          /* of its name */
	uint32_t above;        /* the level of its parent, or LEVEL_NONE */
	lk_mode need;          /* of the batch */
	lk_mode held;          /* what the owner's hold is, in effect */
	lk_mode counted;       /* … and in the word or its slot: LK_NL of an IMPLIED one */
	lk_mode want;          /* held and needed together */
	bool covered;
	bool is_part; /* of what is waited for */
};

struct levels {
	struct level *at;
	size_t n;
	size_t room;
};

static size_t
count_levels(const struct batch *b)
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

/* All levels, each after those above it. */
static int
find_levels(struct batch *b, struct levels *l)
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

	if ((b->q->flags & LK_PARENTS) != 0)
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

static void
weigh_levels(struct batch *b, struct levels *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct level *v = &l->at[i];

		v->want = mode_supremum(v->held, v->need);
		v->covered = is_covered(b, l, v);
	}
	for (size_t i = l->n; i > 0; i--) {
		struct level *v = &l->at[i - 1];

		v->want = mode_supremum(v->held, v->need);
		need_above(l, v);
	}
}

static void
add_parts(struct batch *b, struct levels *l, struct composite *c)
{
	for (size_t i = 0; i < l->n; i++) {
		struct level *v = &l->at[i];
		const struct hold *s = hold_on(b, v->r);
		a64 *seat = NULL;

		if (v->covered || v->want == v->counted)
			continue;
		if (s != NULL && hold_is(s, HEAD_SEAT))
			seat = seat_of(b->w, v->r);
		composite_add(c, v->r, v->counted, seat, v->want);
		v->is_part = true;
	}
}

/* Its word counts it: write it down.  0, or the code to return; then it is only in the word.  (K7) */
static int
adopt(struct batch *b, const struct level *v)
{
	int rc;

	b->q->extra = NULL;
	b->q->adopts = v->r;
	rc = count_take(b->w, v->r, v->need, b->q);
	b->q->adopts = NULL;
	if (rc == 0)
		b->reserve[b->n_reserves++] = (struct reserve){ v->r, v->need };
	return rc;
}

/* What is held in a slot of a spread name was granted in the word, with what is new.  (C5) */
static void
leave_seats(struct batch *b, const struct levels *l)
{
	for (size_t i = 0; i < l->n; i++) {
		uint32_t slot = hold_find(&b->w->holds, l->at[i].r);

		if (l->at[i].is_part && slot != SLOT_NONE)
			hold_set_seated(hold_at(&b->w->holds, slot), false);
	}
}

/* From the root down; or nothing, and what was granted goes back from the leaf up. */
static int
adopt_all(struct batch *b, const struct levels *l)
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
	for (size_t i = l->n; rc != 0 && i > done; i--) {
		const struct level *v = &l->at[i - 1];

		if (v->is_part)
			release_word(b->w, v->r, v->want, v->counted, false);
	}
	if (rc != 0) {
		batch_forget_reserves(b);
		b->w->made_real = 0; /* (H10) */
	}
	return rc;
}

/* Everything at once, in all the words. */
static int
wait_for_levels(struct batch *b, struct levels *l)
{
	struct composite *c = composite_create(&b->w->manager->lot, &b->w->party, (uint32_t)l->n);
	int rc = 0;

	if (c == NULL)
		return LK_E_NOMEM;
	weigh_levels(b, l);
	add_parts(b, l, c);
	if (c->n_parts > 0) /* else it was only a latch that was in the way */
		rc = request_wait_for_all(b->w, c, b->q);
	composite_destroy(&b->w->manager->lot, c);
	return rc;
}

/* Room for those of the parts, and for what batch_take() takes on top. */
static struct reserve *
make_room(const struct batch *b, size_t *n, size_t parts)
{
	*n = parts + batch_count_reserves(b);
	return env_alloc(&b->w->manager->env, *n * sizeof(struct reserve), sizeof(void *));
}

/* The levels are there: wait, write down, take. */
static int
take_levels(struct batch *b, struct levels *l)
{
	struct env *env = &b->w->manager->env;
	struct reserve *const before = b->reserve;
	size_t room;
	int rc = LK_E_NOMEM;

	b->reserve = make_room(b, &room, l->n);
	if (b->reserve != NULL) {
		rc = wait_for_levels(b, l);
		if (rc == 0)
			rc = adopt_all(b, l);
		if (rc == 0) {
			b->q->flags |= LK_TIMED; /* what waited says since when it is held */
			rc = batch_take(b);
		}
		env_free(env, b->reserve, room * sizeof(struct reserve));
	}
	b->reserve = before;
	return rc;
}

int
batch_take_together(struct batch *b)
{
	struct env *env = &b->w->manager->env;
	struct levels l = { .room = count_levels(b) };
	int rc;

	b->taken = 0;
	l.at = env_alloc(env, l.room * sizeof(*l.at), sizeof(void *));
	if (l.at == NULL)
		return LK_E_NOMEM;
	rc = find_levels(b, &l);
	if (rc == 0)
		rc = take_levels(b, &l);
	while (l.n > 0)
		resource_unpin(l.at[--l.n].r);
	env_free(env, l.at, l.room * sizeof(*l.at));
	return rc;
}
