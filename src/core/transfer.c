/* SPDX-License-Identifier: MIT */
/* A grant goes to another owner.  (TR5-TR9) */
#include "core/transfer.h"
#include "core/ancestors.h"
#include "core/events.h"
#include "core/implied.h"
#include "core/leases.h"
#include "core/notify.h"
#include "core/pending.h"
#include "core/reentry.h"
#include "core/release.h"
#include "core/semaphore.h"
#include "core/undone.h"
#include "wait/resplit.h"

enum { LEVELS = 16 };

/* -------------------------------------------------------------- one level of it */

/* What of the grant is on this level. */
static lk_mode
mode_on(const struct transfer *t, const struct lk_resource *r)
{
	return r == t->leaf ? t->mode : t->above;
}

/* What an owner has there, or NULL. */
static struct hold *
hold_on(struct lk_owner *w, const struct lk_resource *r)
{
	uint32_t slot = hold_find(&w->holds, r);

	return slot != SLOT_NONE ? hold_at(&w->holds, slot) : NULL;
}

static a64 *
seat_on(const struct lk_owner *w, const struct hold *s)
{
	return hold_is(s, HEAD_SEAT) ? seat_of(w, hold_resource(s)) : NULL;
}

static struct request
request_now(lk_mode mode)
{
	return (struct request){ .mode = mode, .flags = LK_NOWAIT };
}

/* From the root down to the leaf, until one is not 0: that, and `*failed` is where. */
static int
descend(struct transfer *t, int (*visit)(struct transfer *t, struct lk_resource *r),
	struct lk_resource **failed)
{
	struct lk_resource *level[LEVELS];
	uint32_t left = resource_levels(t->leaf);

	while (left > 0) {
		uint32_t n = left < LEVELS ? left : LEVELS;

		left -= n;
		level[0] = resource_climb(t->leaf, left);
		for (uint32_t i = 1; i < n; i++)
			level[i] = resource_parent(level[i - 1]);
		while (n-- > 0) {
			int rc = visit(t, level[n]);

			if (rc != 0) {
				*failed = level[n];
				return rc;
			}
		}
	}
	return 0;
}

/* Would what `w` has left there be in the way? */
static int
agree_on(struct transfer *t, struct lk_resource *r)
{
	const lk_mode mode = mode_on(t, r);
	const lk_mode left = hold_without(hold_on(t->w, r), mode);
	const struct hold *s = hold_on(t->to, r);
	const lk_mode has = s != NULL ? hold_effective(s) : LK_NL;

	return (mode_conflicts(mode_supremum(has, mode)) & MODE_BIT(left)) != 0 ? LK_E_BUSY : 0;
}

/* What `to` has there is in the word, and none of its requests relies on that it stays as it is.  (H9, TR9) */
static int
prepare_on(struct transfer *t, struct lk_resource *r)
{
	struct hold *s = hold_on(t->to, r);
	struct request q = request_now(mode_on(t, r));
	bool seated;

	if (s == NULL)
		return 0;
	if (hold_is(s, HEAD_IMPLIED)) {
		q.tentative = true;
		return implied_make_real(t->to, s, hold_effective(s), &q);
	}
	if ((t->to->pending_names & pending_bit(r)) == 0 ||
	    mode_covers(hold_effective(s), mode_on(t, r)))
		return 0;
	return pending_mind(t->to, r, hold_effective(s), &seated, &q);
}

/* A count on each ancestor: the word says so soon. */
static int
count_on(struct transfer *t, struct lk_resource *r)
{
	struct request q = request_now(t->above);

	if (r == t->leaf)
		return 0;
	q.adopts = r;
	return count_take(t->to, r, t->above, &q);
}

/* One hold falls to what it is without the grant, the other has risen from that. */
static int
resplit_on(const struct transfer *t, struct lk_resource *r, struct lk_owner *gives,
	   struct lk_owner *takes, bool undoes)
{
	const struct line_tally tally = owner_line_tally(t->w);
	const lk_mode mode = mode_on(t, r);
	const struct hold *from = hold_on(gives, r);
	struct hold *to = hold_on(takes, r);
	const struct resplit s = {
		.r = r,
		.gives = { hold_effective(from), hold_without(from, mode), seat_on(gives, from) },
		.takes = { hold_without(to, mode), hold_effective(to), seat_on(takes, to) },
		.undoes = undoes,
	};

	switch (line_resplit(&t->w->manager->lot, &s, &tally)) {
	case LINE_GRANTED:
		if (s.takes.from != s.takes.to)
			hold_set_seated(to, false); /* (TR3) */
		return 0;
	case LINE_LIMIT:
		return LK_E_LIMIT;
	default:
		return LK_E_BUSY;
	}
}

static int
resplit_word(struct transfer *t, struct lk_resource *r)
{
	return resplit_on(t, r, t->w, t->to, false);
}

/* ------------------------------------------------------- what `to` has written down */

/* Does the grant keep more than its slot? */
static bool
has_notes(const struct hold *s)
{
	const uint32_t flags =
		LK_OWNER_DIED | EXTRA_TIMED | EXTRA_SAMPLED | EXTRA_LEASED | EXTRA_UNITS;
	const struct extra *e = hold_extra(s);

	return hold_is(s, HEAD_EXTRA) &&
	       ((e->flags & flags) != 0 || shim_load(&e->since_ns, SHIM_RELAXED) != 0 ||
		shim_load(&e->tag, SHIM_RELAXED) != NULL);
}

/* It is no grant that was made, so it is not counted as one.  (O5) */
static uint64_t
stamp_for(struct lk_owner *to)
{
	const uint64_t drawn = shim_load(&to->drawn, SHIM_RELAXED);

	uncount_next(to);
	if (unlikely(drawn == shim_load(&to->drawn_end, SHIM_RELAXED)))
		grant_stamps_refill(to);
	shim_store(&to->drawn, drawn + 1, SHIM_RELEASE);
	return to->stamp_base + drawn;
}

static uint64_t
fence_of(const struct hold *s)
{
	return hold_fence(s, hold_resource(s), shim_load(&s->head, SHIM_RELAXED));
}

/* The grant as the first on a hold of its own. */
static void
write_hold(struct transfer *t, struct extra *e)
{
	const uint64_t path =
		resource_parent(t->leaf) != NULL ? HEAD_PATH | grant_above(t->to, t->leaf) : 0;
	const uint64_t head =
		head_make(stamp_for(t->to), t->mode, t->mode,
			  path | (t->parents ? HEAD_PARENTS : 0) | (e != NULL ? HEAD_EXTRA : 0));

	t->taken_slot = hold_add(&t->to->holds, t->leaf, fence_of(grant_hold(t->w, t->s)), head, e);
	t->out = grant_of(head, t->taken_slot);
}

/* … as one more on what `to` has there, which is COUNTED, and becomes what both need.  (H11) */
static void
write_more(struct transfer *t, uint32_t slot, struct extra *notes)
{
	const struct request q = {
		.mode = t->mode,
		.flags = t->parents ? LK_PARENTS : 0,
		.extra = notes,
	};
	struct hold *s = hold_at(&t->to->holds, slot);
	const uint64_t fence = fence_of(grant_hold(t->w, t->s));
	struct extra *e = hold_extra(s);
	uint64_t head;

	t->fence_before = shim_load(&s->fence, SHIM_RELAXED);
	if (fence > t->fence_before)
		shim_store(&s->fence, fence, SHIM_RELEASE);
	head = shim_load(&s->head, SHIM_RELAXED);
	shim_store(&s->head,
		   head_with_modes(head, head_mode(head),
				   mode_supremum(head_effective(head), t->mode)),
		   SHIM_RELEASE);
	e->grants[t->mode]++;
	shim_store(&e->n_grants, shim_load(&e->n_grants, SHIM_RELAXED) + 1, SHIM_RELAXED);
	t->out = reentry_chain(t->to, slot, stamp_for(t->to), &q);
	t->taken_slot = (uint32_t)(t->out & (SLOT_MAX - 1));
}

/* The counts of what `to` has on the leaf already, with room for one more grant.  0 or the code to return. */
static int
count_leaf(struct transfer *t, uint32_t slot)
{
	const struct extra *e = hold_count(t->to, hold_at(&t->to->holds, slot));

	if (e == NULL)
		return LK_E_NOMEM;
	if (shim_load(&e->n_grants, SHIM_RELAXED) >=
	    shim_load(&t->w->manager->max_reentry, SHIM_RELAXED))
		return LK_E_LIMIT;
	return 0;
}

static int
write_grant(struct transfer *t)
{
	const uint32_t slot = hold_find(&t->to->holds, t->leaf);
	struct extra *notes = NULL;
	int rc = grant_reserve(t->to);

	if (rc == 0 && has_notes(t->s)) {
		notes = owner_extra(t->to, &t->w->manager->extras);
		rc = notes != NULL ? 0 : LK_E_NOMEM;
	}
	if (rc != 0)
		return rc;
	if (slot != SLOT_NONE)
		write_more(t, slot, notes);
	else
		write_hold(t, notes);
	t->taken = hold_at(&t->to->holds, t->taken_slot);
	if ((t->to->pending_names & pending_bit(t->leaf)) != 0)
		pending_note(t->to, t->leaf, hold_effective(hold_on(t->to, t->leaf)));
	return 0;
}

static void
unwrite_grant(struct transfer *t)
{
	const bool is_more = hold_is(t->taken, HEAD_REENTRY);

	release_forget(t->to, t->taken, t->taken_slot);
	if (is_more)
		shim_store(&hold_on(t->to, t->leaf)->fence, t->fence_before, SHIM_RELEASE);
}

/* An owner's counts above the leaf, from `nearest` up, are no more. */
static void
forget_counts(struct lk_owner *w, struct lk_resource *nearest, lk_mode mode)
{
	struct lk_resource *above;

	for (struct lk_resource *r = nearest; r != NULL; r = above) {
		above = resource_parent(r); /* one of the two holds it */
		count_forget(w, hold_find(&w->holds, r), mode);
	}
}

static int
write_down(struct transfer *t)
{
	const uint32_t slot = hold_find(&t->to->holds, t->leaf);
	struct lk_resource *failed = t->leaf;
	int rc = slot != SLOT_NONE ? count_leaf(t, slot) : 0;

	if (rc != 0) /* before what is counted above can make a fence (TR8) */
		return rc;
	rc = descend(t, count_on, &failed);
	if (rc == 0)
		rc = write_grant(t);
	if (rc != 0)
		forget_counts(t->to, resource_parent(failed), t->above);
	return rc;
}

/* --------------------------------------------------------------------- the step */

/* All words, or none. */
static int
resplit_words(struct transfer *t)
{
	struct lk_resource *failed = NULL;
	int rc = descend(t, resplit_word, &failed);

	if (rc == 0)
		return 0;
	for (struct lk_resource *r = resource_parent(failed); r != NULL; r = resource_parent(r))
		(void)resplit_on(t, r, t->to, t->w, true); /* (TR4) */
	unwrite_grant(t);
	forget_counts(t->to, resource_parent(t->leaf), t->above);
	return rc;
}

/* What the grant keeps besides its slot. */
static void
pass_notes(struct transfer *t)
{
	const uint32_t flags = LK_OWNER_DIED | EXTRA_TIMED | EXTRA_SAMPLED;
	struct extra *from = hold_extra(t->s);
	struct extra *to = hold_extra(t->taken);

	if (!has_notes(t->s))
		return;
	shim_store(&to->since_ns, shim_load(&from->since_ns, SHIM_RELAXED), SHIM_RELEASE);
	shim_store(&to->tag, shim_load(&from->tag, SHIM_RELAXED), SHIM_RELEASE);
	shim_store(&from->tag, NULL, SHIM_RELEASE);
	to->flags |= from->flags & flags;
	from->flags &= ~flags;
	if ((from->flags & EXTRA_UNITS) != 0)
		units_pass(t->w, t->s, t->to, t->taken);
	if ((from->flags & EXTRA_LEASED) != 0)
		leases_pass(t->w, from, t->to, to, t->out);
}

/* What was kept there from others after a loss of `to`'s, it has again.  (LE9) */
static void
end_keeps(struct transfer *t)
{
	const uint32_t slot = hold_find(&t->to->holds, t->leaf);
	const struct extra *e = hold_extra(hold_at(&t->to->holds, slot));

	if (hold_is(hold_at(&t->to->holds, slot), HEAD_EXTRA) && (e->flags & EXTRA_KEPT) != 0)
		keeps_taken_over(t->to, slot, t->mode);
}

/* `to` has it: what that means for those who wait for `to`, or with it. */
static void
tell_of_it(struct transfer *t, struct notify_calls *calls)
{
	if (unlikely(t->to->n_pending != 0))
		pending_disturb(t->to);
	if (!notify_is_wanted(t->w->manager))
		return;
	for (struct lk_resource *r = t->leaf; r != NULL; r = resource_parent(r))
		notify_came(t->to, r, calls);
}

static int
check_grant(struct transfer *t, lk_grant g)
{
	const struct hold *hold;
	uint64_t head;
	int rc = leases_look(t->w, g);

	if (rc != 0)
		return rc;
	t->s = grant_find(t->w, g, &t->slot);
	if (t->s == NULL)
		return LK_E_STALE;
	hold = grant_hold(t->w, t->s);
	if (hold_is(hold, HEAD_IMPLIED))
		return LK_E_UNSUPPORTED;
	if (t->w->n_pending != 0 && pending_converts(t->w, g))
		return LK_E_BUSY;
	head = shim_load(&t->s->head, SHIM_RELAXED);
	t->leaf = hold_resource(hold);
	t->mode = head_mode(head);
	t->parents = (head & HEAD_PARENTS) != 0;
	t->above = ancestors_mode(t->mode, t->parents);
	return 0;
}

/* What it made real goes back to its cover.  (H10) */
static void
put_back(struct transfer *t)
{
	struct lk_resource *r = t->to->made_real != 0 ? t->leaf : NULL;

	for (; r != NULL; r = resource_parent(r)) {
		struct hold *s = hold_on(t->to, r);

		if (s != NULL && hold_is(s, HEAD_COUNTED))
			implied_put_back(t->to, s);
	}
}

/* All that may fail. */
static int
take_over(struct transfer *t)
{
	struct lk_resource *failed;
	int rc = descend(t, agree_on, &failed);

	if (rc == 0 && hold_is(t->s, HEAD_EXTRA) && (hold_extra(t->s)->flags & EXTRA_LEASED) != 0 &&
	    t->to->gate != &t->to->turnstile)
		owner_share_now(t->to); /* (LE5) */
	if (rc == 0)
		rc = descend(t, prepare_on, &failed);
	if (rc == 0)
		rc = write_down(t);
	if (rc == 0)
		rc = resplit_words(t);
	if (rc != 0)
		put_back(t);
	t->to->made_real = 0;
	return rc;
}

static void
event_of(const struct transfer *t, struct lk_event *e)
{
	event_begin(e, t->w, LK_EVENT_TRANSFER);
	event_name_is(e, t->leaf);
	e->grant = t->out;
	e->fence = fence_of(grant_hold(t->to, t->taken));
	e->from = t->mode;
	e->other_owner = shim_load(&t->to->id, SHIM_RELAXED);
	tracer_record(&t->w->manager->tracer, e);
}

/* In a call of `w` that has the latches of both.  `e`: what there is to tell, if anybody wants to know. */
static int
transfer(struct transfer *t, lk_grant g, struct lk_event *e, struct notify_calls *calls)
{
	const struct counted before = counted_now(t->to);
	int rc = check_grant(t, g);

	if (rc != 0)
		return rc;
	rc = take_over(t);
	if (rc != 0) {
		uncount(t->to, &before);
		return rc;
	}
	pass_notes(t);
	if (unlikely(events_want(t->w, LK_EVENT_TRANSFER)))
		event_of(t, e);
	release_forget(t->w, t->s, t->slot);
	forget_counts(t->w, resource_parent(t->leaf), t->above);
	end_keeps(t);
	owner_tally(t->w, &t->w->count.transfers);
	tell_of_it(t, calls);
	return 0;
}

/* To itself: it is held already. */
static int
stay(struct lk_owner *w, lk_grant g)
{
	uint32_t slot;
	int rc = call_begin(w);

	if (rc != 0)
		return rc;
	rc = leases_look(w, g);
	if (rc == 0 && grant_find(w, g, &slot) == NULL)
		rc = LK_E_STALE;
	call_end(w);
	return rc;
}

static int
transfer_and_tell(struct lk_owner *w, lk_grant g, struct lk_owner *to, lk_grant *out)
{
	struct transfer t = { .w = w, .to = to };
	struct lk_manager *m = w->manager;
	struct notify_calls calls = { .n = 0 };
	struct lk_event e = { .kind = 0 };
	int rc = call_begin_both(w, to);

	if (rc != 0)
		return rc;
	rc = transfer(&t, g, &e, &calls);
	call_end_both(w, to);
	if (rc == 0 && out != NULL)
		*out = t.out;
	if (unlikely(e.kind != 0))
		(void)tracer_call(&m->tracer, &e, false);
	notify_run(&calls);
	if (rc == 0)
		detector_look_outside(&m->detector, to); /* (D3) */
	return rc;
}

int
lk_transfer(struct lk_owner *w, lk_grant g, struct lk_owner *to, lk_grant *out)
{
	int rc;

	if (w == NULL || to == NULL || to->manager != w->manager)
		return LK_E_INVAL;
	if (unlikely(call_is_family(w)))
		return LK_E_UNSUPPORTED; /* whose would it be, and whose the counts above? */
	if (to != w)
		return transfer_and_tell(w, g, to, out);
	rc = stay(w, g);
	if (rc == 0 && out != NULL)
		*out = g;
	return rc;
}
