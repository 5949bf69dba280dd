/* SPDX-License-Identifier: MIT */
/* The phantom in the word, and in the line.  (AB1, AB2) */
#include "wait/abroad.h"
#include "wait/composite.h"
#include "wait/inside.h"
#include "wait/units.h"

lk_mode
abroad_yields(lk_mode cover, lk_mode demand)
{
	static const lk_mode strongest[] = { LK_X, LK_SIX, LK_IX, LK_S, LK_IS };

	if ((mode_conflicts(demand) & MODE_BIT(cover)) == 0)
		return cover;
	for (size_t i = 0; i < sizeof(strongest) / sizeof(strongest[0]); i++) {
		if (mode_covers(cover, strongest[i]) &&
		    (mode_conflicts(demand) & MODE_BIT(strongest[i])) == 0)
			return strongest[i];
	}
	return LK_NL;
}

/* The word when the cover has become another.  FREEZE is a bit, and may be there already. */
static uint64_t
with_cover(uint64_t w, lk_mode from, lk_mode to)
{
	w = from == LK_NL ? w & ~WORD_FREEZE : w - word_add(abroad_phantom(from));
	return to == LK_NL ? w | WORD_FREEZE : w + word_add(abroad_phantom(to));
}

void
abroad_rises(struct lot *l, struct lk_resource *r, lk_mode from, lk_mode to,
	     const struct line_tally *t)
{
	struct lot_bucket *b = lot_bucket_of(l, r);
	struct plan plan = PLAN_INIT;
	uint64_t w;

	latch_lock(&b->latch);
	do {
		w = shim_load(&r->word, SHIM_ACQUIRE);
	} while (!plan_try(&plan, l, b, r, w, with_cover(w, from, to)));
	latch_unlock(&b->latch);
	plan_finish(&plan, l, b, r, t);
}

void
abroad_waiter(struct waiter *q, struct lk_resource *r, struct party *party, lk_mode from,
	      lk_mode to)
{
	q->r = r;
	q->party = party;
	q->is_abroad = true;
	q->held = from == LK_NL ? LK_NL : abroad_phantom(from);
	q->want = abroad_phantom(to);
}

/* Under the latch or not: one step. */
static void
change_word(struct lk_resource *r, uint64_t less, uint64_t more)
{
	uint64_t w = shim_load(&r->word, SHIM_RELAXED);

	while (!shim_cas(&r->word, &w, (w - less) | more, SHIM_ACQ_REL))
		;
}

void
abroad_freeze(struct lk_resource *r)
{
	change_word(r, word_add(LK_X), WORD_FREEZE);
}

void
abroad_lose(struct lk_resource *r)
{
	change_word(r, 0, WORD_FREEZE);
}

void
abroad_lost_all(struct lk_resource *r, lk_mode cover)
{
	if (cover != LK_NL)
		change_word(r, word_add(abroad_phantom(cover)), WORD_FREEZE);
}

bool
abroad_bars_alone(struct lot *l, const struct waiter *q, lk_mode cover)
{
	struct lot_bucket *b = lot_bucket_of(l, q->r);
	const lk_mode phantom = abroad_phantom(cover);
	enum line_outcome outcome = LINE_BUSY;
	mode_set ahead;
	uint64_t w;

	latch_lock(&b->latch);
	w = shim_load(&q->r->word, SHIM_ACQUIRE);
	if ((w & WORD_FREEZE) == 0 && phantom != LK_NL && word_holders(w, phantom) != 0) {
		(void)line_place(b, q, &ahead);
		outcome = line_judge(l, b, q, w - word_add(phantom), ahead);
	}
	latch_unlock(&b->latch);
	return outcome == LINE_GRANTED;
}

/* Of a word that has only what is held here. */
static lk_mode
supremum_of(uint64_t w)
{
	lk_mode all = LK_NL;

	for (lk_mode m = LK_IS; m <= LK_X; m++) {
		if (word_holders(w, m) != 0)
			all = mode_supremum(all, m);
	}
	return all;
}

/* Under the latch. */
static lk_mode
wanted_beyond(const struct lot_bucket *b, const struct lk_resource *r, lk_mode cover)
{
	struct cds_list_head *node;
	lk_mode all = LK_NL;

	cds_list_for_each(node, &b->waiters)
	{
		const struct waiter *q = container_of(node, struct waiter, node);

		if (q->r == r && !q->is_abroad && !abroad_admits(cover, q->want))
			all = mode_supremum(all, q->want);
	}
	return all;
}

/* Under the latch: one who is to be refused; NULL: there is none. */
static struct waiter *
refused_in(const struct lot_bucket *b, const struct lk_resource *r, lk_mode cover, lk_mode demand,
	   enum waiter_state state)
{
	struct cds_list_head *node;

	cds_list_for_each(node, &b->waiters)
	{
		struct waiter *q = container_of(node, struct waiter, node);

		if (q->r == r && !q->is_abroad && !abroad_admits(cover, q->want) &&
		    (state == WAITER_MOVED || abroad_is_refused(q->held, demand)))
			return q;
	}
	return NULL;
}

/* False: there is nobody. */
static bool
refuse_one(struct lot *l, struct lk_resource *r, lk_mode cover, lk_mode demand,
	   enum waiter_state state)
{
	struct lot_bucket *b = lot_bucket_of(l, r);
	struct plan plan = PLAN_INIT;
	struct composite *c = NULL;
	struct waiter *q;

	latch_lock(&b->latch);
	q = refused_in(b, r, cover, demand, state);
	if (q != NULL)
		c = composite_pin_of(q);
	if (q != NULL && c == NULL) {
		struct parker *parker = &q->party->parker;

		line_dequeue(l, b, q);
		party_turns(q->party);
		shim_store(&q->state, (uint32_t)state, SHIM_RELEASE); /* (Q1, Q2) */
		plan_add_wake(&plan, parker);
		line_replan(l, b, r, LK_NL, LK_NL, &plan); /* (Q5) */
	}
	latch_unlock(&b->latch);
	plan_finish(&plan, l, b, r, NULL);
	if (c != NULL) {
		composite_refuse(l, c, state);
		composite_unpin(l, c);
	}
	return q != NULL;
}

void
abroad_refuses(struct lot *l, struct lk_resource *r, lk_mode cover, lk_mode demand)
{
	while (refuse_one(l, r, cover, demand, WAITER_REFUSED))
		;
}

void
abroad_ends_losers(struct lot *l, struct lk_resource *r)
{
	while (refuse_one(l, r, LK_NL, LK_NL, WAITER_LOST))
		;
}

void
abroad_moves(struct lot *l, struct lk_resource *r)
{
	while (refuse_one(l, r, LK_NL, LK_NL, WAITER_MOVED))
		;
}

lk_mode
abroad_falls(struct lot *l, struct lk_resource *r, lk_mode from, lk_mode *wanted)
{
	struct lot_bucket *b = lot_bucket_of(l, r);
	lk_mode to;
	uint64_t w;

	latch_lock(&b->latch);
	w = shim_load(&r->word, SHIM_ACQUIRE);
	do {
		to = supremum_of(with_cover(w, from, LK_NL));
	} while (!shim_cas(&r->word, &w, with_cover(w, from, to), SHIM_ACQ_REL));
	*wanted = wanted_beyond(b, r, to);
	latch_unlock(&b->latch);
	return to;
}

bool
abroad_freezes_idle(struct lot *l, struct lk_resource *r, lk_mode cover)
{
	struct lot_bucket *b = lot_bucket_of(l, r);
	bool is_idle;
	uint64_t w;

	latch_lock(&b->latch);
	w = shim_load(&r->word, SHIM_ACQUIRE);
	do {
		is_idle = (w & WORD_WAITERS) == 0 &&
			  supremum_of(with_cover(w, cover, LK_NL)) == LK_NL;
	} while (is_idle && !shim_cas(&r->word, &w, with_cover(w, cover, LK_NL), SHIM_ACQ_REL));
	latch_unlock(&b->latch);
	return is_idle;
}

lk_mode
abroad_wanted(struct lot *l, struct lk_resource *r, lk_mode cover)
{
	struct lot_bucket *b = lot_bucket_of(l, r);
	lk_mode all;

	latch_lock(&b->latch);
	all = wanted_beyond(b, r, cover);
	latch_unlock(&b->latch);
	return all;
}

struct kept_look {
	struct abroad_kept is;
	lk_mode cover;
	mode_set blocked; /* by the composite */
};

/* Under the latch, from the head on. */
static void
note_kept(void *arg, const struct waiter *q)
{
	struct kept_look *l = arg;
	const bool is_part = q->together != NULL;

	if (q->is_abroad)
		return;
	if (!abroad_admits(l->cover, q->want)) {
		const bool is_barred = (l->blocked & waiter_asks(q)) != 0;

		l->is.bars |= is_barred;
		l->is.joins |= !is_barred && is_part;
		l->is.enters |= !is_barred && !is_part;
	} else if (is_part && waiter_holds_back(q)) {
		l->is.mode = q->want;
		l->is.since_ns = q->since_ns;
		l->blocked = waiter_keeps_back(q);
	}
}

struct abroad_kept
abroad_kept(struct lot *l, const struct lk_resource *r, lk_mode cover)
{
	struct kept_look look = { .is = { .mode = LK_NL }, .cover = cover };

	line_each(l, r, note_kept, &look);
	return look.is;
}

static void
note_part(void *arg, const struct waiter *q)
{
	bool *is_there = arg;

	*is_there |= q->together != NULL;
}

bool
abroad_waits_together(struct lot *l, const struct lk_resource *r)
{
	bool is_there = false;

	line_each(l, r, note_part, &is_there);
	return is_there;
}

bool
abroad_is_held(const struct lk_resource *r)
{
	return supremum_of(shim_load(&r->word, SHIM_ACQUIRE)) != LK_NL;
}

bool
abroad_has_excess(const struct lk_resource *r, lk_mode cover)
{
	lk_mode held;

	if (cover == LK_NL)
		return false;
	held = supremum_of(with_cover(shim_load(&r->word, SHIM_ACQUIRE), cover, LK_NL));
	return held != LK_NL && held != cover;
}

bool
abroad_spares(struct lot *l, struct lk_resource *r, lk_mode cover)
{
	return abroad_has_excess(r, cover) && abroad_wanted(l, r, LK_NL) == LK_NL;
}
