/* SPDX-License-Identifier: MIT */
/* Changing the mode of a grant in place, and with it what the grant needs above. */
#include "core/convert.h"
#include "core/ancestors.h"
#include "core/escalate.h"
#include "core/events.h"
#include "core/implied.h"
#include "core/late.h"
#include "core/leases.h"
#include "core/member.h"
#include "core/release.h"
#include "core/report.h"
#include "core/retry.h"
#include "core/semaphore.h"

/* A grant, the hold it is part of, and what becomes of both. */
struct conversion {
	struct hold *grant;
	struct hold *hold;
	lk_mode was;     /* of the grant */
	lk_mode becomes; /* … */
	lk_mode from;    /* of the hold: its effective mode */
	lk_mode to;      /* … */
};

static lk_mode
effective_with(const struct hold *hold, lk_mode was, lk_mode becomes)
{
	struct extra changed;

	if (!hold_is(hold, HEAD_COUNTED))
		return becomes;
	memcpy(changed.grants, hold_extra(hold)->grants, sizeof(changed.grants));
	changed.grants[was]--;
	changed.grants[becomes]++;
	return counts_effective(&changed);
}

/* False: stale. */
static bool
find_conversion(struct lk_owner *w, lk_grant g, lk_mode to, struct conversion *c)
{
	uint32_t slot;

	c->grant = grant_find(w, g, &slot);
	if (c->grant == NULL)
		return false;
	c->hold = grant_hold(w, c->grant);
	c->was = head_mode(shim_load(&c->grant->head, SHIM_RELAXED));
	c->becomes = to;
	c->from = hold_effective(c->hold);
	c->to = effective_with(c->hold, c->was, to);
	return true;
}

/* Who has units has them in IX. */
static int
check_units(const struct conversion *c)
{
	return unlikely(grant_has_units(c->grant)) ? LK_E_UNSUPPORTED : 0;
}

/* The hold is strong enough: write down what the grant and the hold are now. */
static void
note(const struct conversion *c)
{
	uint64_t head = shim_load(&c->grant->head, SHIM_RELAXED);

	if (hold_is(c->hold, HEAD_COUNTED)) {
		hold_extra(c->hold)->grants[c->was]--;
		hold_extra(c->hold)->grants[c->becomes]++;
	}
	shim_store(&c->grant->head,
		   head_with_modes(head, c->becomes, c->grant == c->hold ? c->to : c->becomes),
		   SHIM_RELEASE);
	if (c->grant != c->hold)
		hold_note(c->hold, c->to);
}

/* Does the hold become no stronger? */
static bool
is_weaker(const struct conversion *c)
{
	return mode_covers(c->from, c->to);
}

/* An implied grant that remains one. */
static bool
stays_implied(const struct lk_owner *w, const struct conversion *c)
{
	return hold_is(c->hold, HEAD_IMPLIED) && implied_covers(w, c->hold, c->becomes);
}

static void
convert_implied(struct lk_owner *w, const struct conversion *c)
{
	if (!is_weaker(c))
		implied_note(w, c->hold, c->to);
	note(c);
	implied_count(w, hold_extra(c->hold)->cover, c->was, c->becomes);
}

/* What the conversion does above: one count in `is` for one in `was`. */
struct above {
	struct lk_resource *nearest;
	lk_mode was;
	lk_mode is;
	bool first; /* the new count comes before the leaf changes, as it may have to wait */
};

static struct above
above_of(const struct conversion *c)
{
	const bool parents = hold_is(c->grant, HEAD_PARENTS);
	struct above a = {
		.nearest = resource_parent(hold_resource(c->hold)),
		.was = ancestors_mode(c->was, parents),
		.is = ancestors_mode(c->becomes, parents),
	};

	a.first = hold_is(c->hold, HEAD_IMPLIED) || !mode_covers(a.was, a.is);
	return a;
}

/* Make the hold what it must become, if that is not weaker. */
static int
strengthen(struct lk_owner *w, const struct conversion *c, struct request *q)
{
	if (hold_is(c->hold, HEAD_IMPLIED))
		return implied_make_real(w, c->hold, c->to, q);
	return is_weaker(c) ? 0 : hold_strengthen(w, c->hold, c->to, q);
}

static int
convert(struct lk_owner *w, const struct conversion *c, struct request *q)
{
	const struct above a = above_of(c);
	int rc = 0;

	if (a.first)
		rc = ancestors_take(w, a.nearest, a.is, q);
	if (rc != 0)
		return rc;
	rc = strengthen(w, c, q);
	if (rc != 0) {
		if (a.first)
			ancestors_give(w, a.nearest, a.is);
		return rc;
	}
	note(c);
	if (c->from != c->to && is_weaker(c))
		release_word(w, hold_resource(c->hold), c->from, c->to,
			     hold_is(c->hold, HEAD_SEAT));
	if (!a.first && a.was != a.is)
		rc = ancestors_take(w, a.nearest, a.is, q); /* 0: it is there, and stronger */
	if (a.first || a.was != a.is)
		ancestors_give(w, a.nearest, a.was);
	return rc;
}

/* A manager that shuts down weakens only. */
static int
check_gate(const struct lk_owner *w, const struct conversion *c)
{
	return is_weaker(c) && mode_covers(c->was, c->becomes) ? 0 : manager_gate(w->manager);
}

static int
convert_any(struct lk_owner *w, const struct conversion *c, struct request *q)
{
	int rc = check_gate(w, c);

	if (rc != 0)
		return rc;
	hold_keep_fence(c->hold);
	if (stays_implied(w, c))
		convert_implied(w, c);
	else
		rc = convert(w, c, q);
	if (rc == 0)
		owner_tally(w, &w->count.conversions);
	return rc;
}

void
convert_tell(struct lk_owner *w, lk_grant g, struct request *q, lk_mode was, int rc)
{
	if (rc != 0)
		PROBE2(refuse, shim_load(&w->id, SHIM_RELAXED), rc);
	if (rc != 0 || events_want(w, LK_EVENT_CONVERT))
		event_conversion_ends(w, q, was, g, rc);
}

/* The same, told. */
static int
convert_told(struct lk_owner *w, lk_grant g, const struct conversion *c, struct request *q)
{
	const bool weakens = is_weaker(c) && mode_covers(c->was, c->becomes);
	int rc = 0;

	event_request_is(q, NULL, hold_resource(c->hold));
	if (!weakens && events_want(w, EVENTS_BEFORE_CONVERSIONS))
		rc = event_conversion_begins(w, q, c->was);
	if (likely(rc == 0))
		rc = convert_any(w, c, q);
	if (unlikely(rc == CALL_AGAIN))
		return rc;
	convert_tell(w, g, q, c->was, rc);
	return rc;
}

/* What is said of a grant that is not there. */
static int
result_of_gone(struct lk_owner *w, lk_grant g)
{
	return losses_find(w, g) != NULL ? LK_E_LOST : LK_E_STALE;
}

int
convert_inside(struct lk_owner *w, lk_grant g, struct request *q)
{
	struct conversion c;
	int rc = find_conversion(w, g, q->mode, &c) ? convert_any(w, &c, q) : result_of_gone(w, g);

	if (unlikely(q->extra != NULL))
		request_drop(w, q);
	w->made_real = 0; /* (H10) */
	return rc;
}

struct lk_resource *
convert_needs(struct lk_owner *w, lk_grant g, uint32_t *flags)
{
	struct conversion c;

	if (!find_conversion(w, g, LK_X, &c))
		return NULL;
	*flags = hold_is(c.grant, HEAD_PARENTS) ? LK_PARENTS : 0;
	return hold_resource(c.hold);
}

lk_mode
convert_mode(struct lk_owner *w, lk_grant g)
{
	uint32_t slot;

	return head_mode(shim_load(&grant_find(w, g, &slot)->head, SHIM_RELAXED));
}

int
convert_ask(struct lk_owner *w, lk_grant g, struct request *q)
{
	struct conversion c;

	if (!find_conversion(w, g, q->mode, &c))
		return result_of_gone(w, g);
	if (check_units(&c) != 0)
		return check_units(&c);
	if ((is_weaker(&c) && mode_covers(c.was, c.becomes)) ||
	    !events_want(w, EVENTS_BEFORE_CONVERSIONS))
		return 0;
	event_request_is(q, NULL, hold_resource(c.hold));
	return event_conversion_begins(w, q, c.was);
}

static int
convert_grant(struct lk_owner *w, lk_grant g, struct request *q)
{
	struct conversion c;
	int rc = release_enter(w);

	if (unlikely(rc != 0))
		return rc;
	if (unlikely(call_is_family(w))) {
		rc = member_convert(w, g, q);
		if (rc == 0 && unlikely(late_is(call_holder(w), g)))
			rc = LK_E_LOST;
		call_end(w);
		return rc;
	}
	do {
		w->made_real = 0; /* (H10) */
		if (unlikely(rc == CALL_AGAIN))
			owner_catch_up(w); /* (Z2) */
		rc = leases_look(w, g);
		if (likely(rc == 0))
			rc = find_conversion(w, g, q->mode, &c) ? check_units(&c) : LK_E_STALE;
		if (likely(rc == 0))
			rc = convert_told(w, g, &c, q);
		if (unlikely(q->extra != NULL))
			request_drop(w, q);
	} while (unlikely(rc == CALL_AGAIN));
	w->made_real = 0; /* (H10) */
	if (likely(rc == 0) && unlikely(late_is(w, g)))
		rc = LK_E_LOST;
	if (likely(rc == 0))
		escalate(w);
	call_end(w);
	return rc;
}

/*
 * A plain grant in the word, made stronger at one go, or weaker.  False: not as simple as that; nothing
 * was done.  The owner was entered.
 */
LK_HOT bool
convert_plain(struct lk_owner *w, struct hold *s, uint64_t head, lk_mode to)
{
	struct lk_resource *r = shim_load(&s->resource, SHIM_RELAXED);
	const lk_mode from = head_effective(head);
	uint32_t lost = 0;

	if (mode_covers(from, to)) {
		/* The fence first (H11), then the mode, then the word: as every weakening (H3). */
		if (mode_writes(from) && !mode_writes(to) && (head & HEAD_FENCE) == 0) {
			shim_store(&s->fence, shim_load(&r->fence, SHIM_RELAXED), SHIM_RELEASE);
			head |= HEAD_FENCE;
		}
		shim_store(&s->head, head_with_modes(head, to, to), SHIM_RELEASE);
		if (likely(to != from) && unlikely(!line_weaken(r, from, to)))
			pass_to_waiters(w, r, from);
		return true;
	}
	if (unlikely(!mode_covers(to, from)) || unlikely(!line_try_take(r, from, to, &lost)))
		return false;
	if (mode_writes(to) && !mode_writes(from)) {
		(void)grant_mint(r);
		head &= ~HEAD_FENCE; /* the new one is the resource's (H11) */
	}
	shim_store(&s->head, head_with_modes(head, to, to), SHIM_RELEASE);
	return true;
}

static LK_NOINLINE int
convert_with(struct lk_owner *w, lk_grant g, lk_mode to, const struct lk_options *o)
{
	struct request q;
	int rc = request_read(&q, to, o);

	if (unlikely((q.flags & (LK_PARENTS | REQUEST_LEASED | REQUEST_UNITS)) != 0))
		return LK_E_INVAL; /* the grant has it or not */
	if (unlikely(rc == 0 && q.condition != NULL))
		return LK_E_UNSUPPORTED; /* it would keep what it has while it waits, and so keep writers out */
	if (likely(rc == 0)) {
		do
			rc = convert_grant(w, g, &q);
		while (unlikely(retry_is_for(rc)) && retry_again(w, &q, &rc));
	}
	if (unlikely(q.report != NULL))
		report_end(q.report, rc);
	return rc;
}

int
lk_convert(struct lk_owner *w, lk_grant g, lk_mode to, const struct lk_options *o)
{
	const uint32_t slot = (uint32_t)(g & (SLOT_MAX - 1));

	if (unlikely(w == NULL))
		return LK_E_INVAL;
	if (likely(slot < SLOTS_INLINE && o == NULL && mode_valid(to))) {
		struct hold *s = &w->holds.first[slot];
		uint64_t head = shim_load(&s->head, SHIM_RELAXED);

		if (likely(grant_is_plain(g, head)) && likely((head & HEAD_SEAT) == 0) &&
		    likely(owner_enter(w) == 0) && likely(convert_plain(w, s, head, to))) {
			owner_tally(w, &w->count.conversions);
			owner_leave(w);
			return 0;
		}
	}
	return convert_with(w, g, to, o);
}

int
lk_upgrade(struct lk_owner *w, lk_grant g, const struct lk_options *o)
{
	return lk_convert(w, g, LK_X, o);
}

int
lk_downgrade(struct lk_owner *w, lk_grant g)
{
	const struct hold *s;
	uint32_t slot;
	bool weaker;
	int rc;

	if (unlikely(w == NULL))
		return LK_E_INVAL;
	rc = release_enter(w);
	if (unlikely(rc != 0))
		return rc;
	rc = leases_look(call_holder(w), g);
	s = rc == 0 ? grant_find(call_holder(w), g, &slot) : NULL;
	weaker = s != NULL && mode_covers(head_mode(shim_load(&s->head, SHIM_RELAXED)), LK_S);
	call_end(w);
	if (s == NULL)
		return rc != 0 ? rc : LK_E_STALE;
	return weaker ? lk_convert(w, g, LK_S, NULL) : LK_E_INVAL;
}

/* If only the others of the store may be in the way, the store knows whether they are. */
static int
probe_abroad(struct lk_owner *w, const struct waiter *q)
{
	struct remote *m = w->manager->remote;
	struct lk_owner *who;
	int rc;

	if (m == NULL || !abroad_bars_alone(&w->manager->lot, q, remote_cover(m, q->r)))
		return LK_E_BUSY;
	who = call_away(w);
	rc = remote_bars(m, q->r, q->held, q->want);
	call_back(w, who);
	return rc;
}

/* Would one step be made at once? */
static int
probe(struct lk_owner *w, struct lk_resource *r, lk_mode held, a64 *seat, lk_mode want)
{
	const struct waiter q = {
		.r = r,
		.held = held,
		.want = want,
		.seat = seat,
		.priority = party_priority(&w->party),
		.units.has = semaphore_has(w, r), /* as it would wait (SU6) */
	};

	if (mode_covers(held, want))
		return 0;
	switch (line_probe(&w->manager->lot, &q)) {
	case LINE_GRANTED:
		return 0;
	case LINE_LIMIT:
		return LK_E_LIMIT;
	case LINE_DEADLOCK:
		return LK_E_CONVERSION_DEADLOCK;
	case LINE_JOINED:
	case LINE_BUSY:
	case LINE_PERMITS:
	case LINE_SHUT:
		break;
	}
	return probe_abroad(w, &q);
}

/* What is counted on `r` of this owner, and where. */
static lk_mode
counted(struct lk_owner *w, const struct lk_resource *r, a64 **seat)
{
	uint32_t slot = hold_find(&w->holds, r);
	const struct hold *s;

	*seat = NULL;
	if (slot == SLOT_NONE)
		return LK_NL;
	s = hold_at(&w->holds, slot);
	if (hold_is(s, HEAD_SEAT))
		*seat = seat_of(w, r);
	return hold_is(s, HEAD_IMPLIED) ? LK_NL : hold_effective(s);
}

static int
probe_step(struct lk_owner *w, struct lk_resource *r, lk_mode more)
{
	uint32_t slot = hold_find(&w->holds, r);
	lk_mode held = slot != SLOT_NONE ? hold_effective(hold_at(&w->holds, slot)) : LK_NL;
	a64 *seat;
	lk_mode is = counted(w, r, &seat);

	return probe(w, r, is, seat, mode_supremum(held, more));
}

/* The steps are made from the root down, so what the highest says is what the caller would hear. */
static int
probe_all(struct lk_owner *w, const struct conversion *c)
{
	const struct above a = above_of(c);
	struct lk_resource *r = hold_resource(c->hold);
	int rc = check_gate(w, c);

	if (rc != 0 || stays_implied(w, c))
		return rc;
	if (!is_weaker(c) || hold_is(c->hold, HEAD_IMPLIED)) {
		a64 *seat;
		lk_mode is = counted(w, r, &seat);

		rc = probe(w, r, is, seat, c->to);
	}
	for (r = a.nearest; a.first && r != NULL; r = resource_parent(r)) {
		int above = probe_step(w, r, a.is);

		rc = above != 0 ? above : rc;
	}
	return rc;
}

int
lk_can_convert(struct lk_owner *w, lk_grant g, lk_mode to)
{
	struct conversion c;
	struct lk_owner *h;
	int rc;

	if (w == NULL || !mode_valid(to))
		return LK_E_INVAL;
	rc = release_enter(w);
	if (rc != 0)
		return rc;
	h = call_holder(w);
	rc = leases_look(h, g);
	if (rc == 0)
		rc = find_conversion(h, g, to, &c) ? check_units(&c) : LK_E_STALE;
	if (rc == 0)
		rc = probe_all(h, &c);
	call_end(w);
	return rc;
}
