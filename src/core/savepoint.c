/* SPDX-License-Identifier: MIT */
/*
 * Savepoints.  Stamps of one owner rise (H1), so what was granted since a mark has a stamp that is not below it.
 *
 *   mark   63..24 the stamp that comes next   23..0 of whom: opening and number of the owner, mixed
 *
 * To release the newest first takes an order, and a release must not need memory: the newest few hundred are put in
 * order on the stack, and so on until none is left.  If there is memory, that is done at one go.
 */
#include "core/call.h"
#include "core/family.h"
#include "core/leases.h"
#include "core/release.h"

enum { PICKED_ON_STACK = 256 };

/* Of those that were granted since `mark`, the newest `n`: stamps since then, each above its slot. */
struct picked {
	uint64_t mark;
	uint64_t *at;
	size_t room;
	size_t n;
	size_t others; /* that found no room */
};

static uint64_t
whose(const struct lk_owner *w)
{
	const uint64_t id = shim_load(&w->id, SHIM_RELAXED);
	const uint64_t number = id & (OWNER_OPENING - 1);

	return (id / OWNER_OPENING + number * UINT64_C(0x9e3779b1)) & (OWNER_OPENING - 1);
}

_Static_assert(OWNER_OPENING == SLOT_MAX, "a mark has a stamp where a grant has it");

/* How many stamps `stamp` is after the mark; of one from before: more than half of all there are. */
static uint64_t
since(uint64_t mark, uint64_t stamp)
{
	return (stamp - (mark >> SLOT_BITS)) << SLOT_BITS >> SLOT_BITS;
}

static bool
is_since(uint64_t mark, uint64_t stamp)
{
	return since(mark, stamp) >> (63 - SLOT_BITS) == 0;
}

lk_mark
lk_savepoint(struct lk_owner *w)
{
	struct lk_owner *h;
	lk_mark mark = 0;

	if (w == NULL)
		return 0;
	if (release_enter(w) != 0)
		return 0;
	h = call_holder(w);
	if (shim_load(&h->drawn, SHIM_RELAXED) == h->block_end)
		grant_stamps_refill(h); /* or the next one is not known yet */
	mark = (h->stamp_base + shim_load(&h->drawn, SHIM_RELAXED)) << SLOT_BITS | whose(w);
	call_end(w);
	return mark;
}

/* ------------------------------------------------------------------- the order */

static void
swap(uint64_t *a, uint64_t *b)
{
	const uint64_t x = *a;

	*a = *b;
	*b = x;
}

/* The least of `n` comes to be on top, if all below the top are in order. */
static void
sink(uint64_t *at, size_t n)
{
	size_t i = 0;

	for (;;) {
		size_t least = 2 * i + 1;

		if (least + 1 < n && at[least + 1] < at[least])
			least++;
		if (least >= n || at[i] <= at[least])
			return;
		swap(&at[i], &at[least]);
		i = least;
	}
}

static void
rise(uint64_t *at, size_t i)
{
	while (i > 0 && at[i] < at[(i - 1) / 2]) {
		swap(&at[i], &at[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
}

/* One more, or instead of the oldest. */
static void
pick(struct picked *p, uint64_t key)
{
	if (p->n < p->room) {
		p->at[p->n] = key;
		rise(p->at, p->n++);
		return;
	}
	p->others++;
	if (key > p->at[0]) {
		p->at[0] = key;
		sink(p->at, p->n);
	}
}

/* The newest first. */
static void
put_in_order(struct picked *p)
{
	for (size_t n = p->n; n > 1; n--) {
		swap(&p->at[0], &p->at[n - 1]);
		sink(p->at, n - 1);
	}
}

static void
pick_newest(struct lk_owner *w, struct picked *p)
{
	const uint32_t slots = shim_load(&w->holds.n_slots, SHIM_RELAXED);

	p->n = p->others = 0;
	for (uint32_t i = 0; i < slots; i++) {
		const struct hold *s = hold_at(&w->holds, i);
		const uint64_t head = shim_load(&s->head, SHIM_RELAXED);

		if (head != 0 && (head & HEAD_GONE) == 0 && is_since(p->mark, head >> SLOT_BITS) &&
		    family_has_made(w, s))
			pick(p, since(p->mark, head >> SLOT_BITS) << SLOT_BITS | i);
	}
}

/* ----------------------------------------------------------------- the rollback */

static lk_grant
grant_picked(const struct picked *p, size_t i)
{
	const uint64_t stamp = (p->mark >> SLOT_BITS) + (p->at[i] >> SLOT_BITS);

	return stamp << SLOT_BITS | (p->at[i] & (SLOT_MAX - 1));
}

static int
release_picked(struct lk_owner *w, struct picked *p, size_t *released)
{
	int rc = 0;

	put_in_order(p);
	for (size_t i = 0; i < p->n; i++) {
		const int one = release_inside(w, grant_picked(p, i));

		*released += one == 0;
		if (one != 0)
			rc = one; /* its lease was over */
	}
	return rc;
}

/* As many as there are more than fit, if there is memory for so many. */
static uint64_t *
more_room(struct lk_owner *w, struct picked *p)
{
	const size_t n = p->n + p->others;
	uint64_t *at = env_alloc(&w->manager->env, n * sizeof(*at), sizeof(*at));

	if (at == NULL)
		return NULL;
	p->at = at;
	p->room = n;
	pick_newest(w, p);
	return at;
}

static int
roll_back(struct lk_owner *w, lk_mark mark, size_t *released)
{
	uint64_t on_stack[PICKED_ON_STACK];
	struct picked p = { .mark = mark, .at = on_stack, .room = PICKED_ON_STACK };
	uint64_t *more = NULL;
	size_t bytes = 0;
	int rc = 0;

	pick_newest(w, &p);
	if (p.others > 0)
		more = more_room(w, &p);
	if (more != NULL)
		bytes = p.room * sizeof(*more);
	while (p.n > 0) {
		const int one = release_picked(w, &p, released);

		if (one != 0)
			rc = one;
		if (p.others == 0)
			break;
		pick_newest(w, &p);
	}
	env_free(&w->manager->env, more, bytes);
	return rc;
}

/* Is it a mark of this opening, and of a moment that was?  In a call of it. */
static bool
is_mark_of(struct lk_owner *w, lk_mark mark)
{
	const struct lk_owner *h = call_holder(w);

	return mark >> SLOT_BITS != 0 && (mark & (SLOT_MAX - 1)) == whose(w) &&
	       is_since(mark, h->stamp_base + shim_load(&h->drawn, SHIM_RELAXED));
}

int
lk_rollback(struct lk_owner *w, lk_mark mark, size_t *released)
{
	struct lk_owner *h;
	size_t done = 0;
	int rc;

	if (w == NULL)
		return LK_E_INVAL;
	rc = release_enter(w);
	if (rc != 0)
		return rc;
	h = call_holder(w);
	if (!is_mark_of(w, mark))
		rc = LK_E_STALE;
	else
		rc = roll_back(h, mark, &done);
	if (rc != LK_E_STALE && unlikely(w->is_latched) &&
	    losses_forget_since(h, mark >> SLOT_BITS))
		rc = LK_E_LOST;
	call_end(w);
	if (released != NULL)
		*released = done;
	return rc;
}
