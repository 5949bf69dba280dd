/* SPDX-License-Identifier: MIT */
/* Counts on ancestors.  (H6, H7) */
#include "core/ancestors.h"
#include "core/escalate.h"
#include "core/implied.h"
#include "core/release.h"

enum { LEVELS = 16 };

/* The stamp of a hold that has no grant of its own.  (O5) */
static uint64_t
intent_stamp(struct lk_owner *w)
{
	uint64_t drawn = shim_load(&w->drawn, SHIM_RELAXED);

	tally(&w->count.intents);
	if (unlikely(drawn == shim_load(&w->drawn_end, SHIM_RELAXED)))
		grant_stamps_refill(w);
	shim_store(&w->drawn, drawn + 1, SHIM_RELEASE);
	return w->stamp_base + drawn;
}

/* Write down a hold that has no grant of its own, and keeps more than two counts. */
static void
write_counted(struct lk_owner *w, struct lk_resource *r, lk_mode mode, const struct request *q,
	      struct extra *e, bool seated)
{
	const uint64_t flags = HEAD_GONE | HEAD_EXTRA | HEAD_COUNTED | grant_above(w, r) |
			       (seated ? HEAD_SEAT : 0);

	e->grants[mode] = 1;
	e->n_below = 1;
	if (q->extra != NULL)
		shim_store(&e->since_ns, shim_load(&q->extra->since_ns, SHIM_RELAXED),
			   SHIM_RELEASE);
	hold_add(&w->holds, r, mode_writes(mode) ? grant_mint(r) : 0,
		 head_make(intent_stamp(w), LK_NL, mode, flags), e);
}

/* … and one that does not. */
static void
write_intent(struct lk_owner *w, struct lk_resource *r, lk_mode mode, bool seated)
{
	const uint64_t flags =
		HEAD_GONE | HEAD_INTENT | grant_above(w, r) | (seated ? HEAD_SEAT : 0);

	hold_add_bare(&w->holds, r, intent_one(mode),
		      head_make(intent_stamp(w), LK_NL, mode, flags), NULL);
}

/* Does the request say since when what it takes is held?  Not, if that is one grant's sample. */
static bool
notes_since(const struct request *q)
{
	return q->extra != NULL && !sample_alone(q) &&
	       shim_load(&q->extra->since_ns, SHIM_RELAXED) != 0;
}

/* A hold that has no grant of its own. */
static int
make_hold(struct lk_owner *w, struct lk_resource *r, lk_mode mode, struct request *q)
{
	struct extra *e = NULL;
	bool seated = false;
	int rc = grant_reserve(w);

	if (rc != 0)
		return rc;
	if (!mode_is_intent(mode) || notes_since(q)) {
		e = owner_extra(w, &w->manager->extras);
		if (e == NULL)
			return LK_E_NOMEM;
	}
	rc = hold_take(w, r, LK_NL, mode, &seated, q);
	if (rc != 0) {
		if (e != NULL)
			owner_extra_done(w, &w->manager->extras, &w->manager->tags, e);
		return rc;
	}
	if (e == NULL && notes_since(q))                 /* it waited */
		e = owner_extra(w, &w->manager->extras); /* for the time; we can do without */
	if (e != NULL)
		write_counted(w, r, mode, q, e, seated);
	else
		write_intent(w, r, mode, seated);
	return 0;
}

/* One count more on a hold that counts intents alone. */
static int
count_intent(struct lk_owner *w, struct hold *s, lk_mode intent, struct request *q)
{
	const uint64_t head = shim_load(&s->head, SHIM_RELAXED);
	const lk_mode wanted = mode_supremum(head_effective(head), intent);

	if (wanted != head_effective(head)) {
		bool seated = (head & HEAD_SEAT) != 0;
		int rc = hold_take(w, hold_resource(s), head_effective(head), wanted, &seated, q);

		if (rc != 0)
			return rc;
		shim_store(&s->head, head_with_modes(head, LK_NL, wanted), SHIM_RELEASE);
		hold_set_seated(s, seated);
	}
	hold_count_more(s, intent, 1);
	escalate_note_intent(w, shim_load(&s->fence, SHIM_RELAXED));
	return 0;
}

int
count_take(struct lk_owner *w, struct lk_resource *r, lk_mode mode, struct request *q)
{
	uint32_t slot = hold_find(&w->holds, r);
	struct extra *e;
	struct hold *s;
	lk_mode wanted;
	int rc = 0;

	if (slot == SLOT_NONE)
		return make_hold(w, r, mode, q);
	s = hold_at(&w->holds, slot);
	if (hold_is(s, HEAD_INTENT) && mode_is_intent(mode))
		return count_intent(w, s, mode, q);
	e = hold_count(w, s);
	if (e == NULL)
		return LK_E_NOMEM;
	wanted = mode_supremum(hold_effective(s), mode);
	if (hold_is(s, HEAD_IMPLIED)) /* what is counted here must be in the word */
		rc = implied_make_real(w, s, wanted, q);
	else if (wanted != hold_effective(s))
		rc = hold_strengthen(w, s, wanted, q);
	if (rc != 0)
		return rc;
	e->grants[mode]++;
	e->n_below++;
	escalate_note(w, e);
	return 0;
}

void
count_give(struct lk_owner *w, uint32_t slot, lk_mode mode)
{
	struct hold *s = hold_at(&w->holds, slot);

	hold_count_less(s, mode, 1);
	hold_settle(w, s, slot);
}

void
ancestors_give(struct lk_owner *w, struct lk_resource *nearest, lk_mode mode)
{
	struct lk_resource *above;

	for (struct lk_resource *r = nearest; r != NULL; r = above) {
		above = resource_parent(r); /* as long as we hold `r` */
		count_give(w, hold_find(&w->holds, r), mode);
	}
}

/* The links go up and the way is down: so many levels at a time are turned round on the stack. */
int
ancestors_take(struct lk_owner *w, struct lk_resource *nearest, lk_mode mode, struct request *q)
{
	struct lk_resource *level[LEVELS];
	uint32_t left = resource_levels(nearest);
	const bool above = q->above;

	q->above = true;

	while (left > 0) {
		uint32_t n = left < LEVELS ? left : LEVELS;

		left -= n;
		level[0] = resource_climb(nearest, left);
		for (uint32_t i = 1; i < n; i++)
			level[i] = resource_parent(level[i - 1]);
		while (n-- > 0) {
			int rc = count_take(w, level[n], mode, q);

			if (rc != 0) {
				ancestors_give(w, resource_parent(level[n]), mode);
				q->above = above;
				return rc;
			}
		}
	}
	q->above = above;
	return 0;
}
