/* SPDX-License-Identifier: MIT */
/* The times and states of a lease.  (LE1, LE2, LE3) */
#include "lease/lease.h"

bool
lease_may_go(enum lk_lease_state from, enum lk_lease_state to)
{
	static const bool legal[LK_LEASE_LOST + 1][LK_LEASE_LOST + 1] = {
		/*                    NONE HELD SUSPECT LOST */
		[LK_LEASE_NONE] = { 0, 1, 0, 0 },
		[LK_LEASE_HELD] = { 1, 1, 1, 1 },
		[LK_LEASE_SUSPECT] = { 1, 1, 0, 1 },
		[LK_LEASE_LOST] = { 1, 0, 0, 0 }, /* (LE2) */
	};

	return legal[from][to];
}

/* A moment after another; or never. */
static uint64_t
after(uint64_t now, uint64_t ns)
{
	return ns < SHIM_NEVER - now ? now + ns : SHIM_NEVER;
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* So many hundredths of a time, without leaving 64 bits. */
static uint64_t
hundredths(uint64_t ns, uint32_t pct)
{
	return ns / 100 * pct + ns % 100 * pct / 100;
}

void
term_begin(struct term *t, uint64_t now, uint64_t lease_ns, uint64_t max_hold_ns)
{
	t->lease_ns = lease_ns;
	t->began_at = now;
	t->max_hold_at = after(now, max_hold_ns);
	t->ends_at = earlier(after(now, lease_ns), t->max_hold_at); /* (LE1) */
	t->renew_at = SHIM_NEVER;
}

bool
term_renew(struct term *t, enum lk_lease_state state, uint64_t now, uint64_t lease_ns)
{
	if (state == LK_LEASE_LOST || now >= t->ends_at)
		return false; /* (LE2, LE3) */
	if (lease_ns != 0)
		t->lease_ns = lease_ns;
	t->began_at = now;
	t->ends_at = earlier(after(now, t->lease_ns), t->max_hold_at); /* (LE1) */
	return true;
}

void
term_aim(struct term *t, uint64_t lot)
{
	const uint64_t third = t->lease_ns / 3;
	const uint64_t jitter = third / 5 != 0 ? lot % (third / 5) : 0;

	t->renew_at =
		term_can_grow(t) ? after(t->began_at, third - third / 10 + jitter) : SHIM_NEVER;
}

static uint64_t
suspect_at(const struct term *t, uint32_t suspect_pct)
{
	if (t->ends_at == SHIM_NEVER)
		return SHIM_NEVER;
	return t->began_at + hundredths(t->ends_at - t->began_at, suspect_pct);
}

struct term_next
term_next(const struct term *t, enum lk_lease_state state, uint64_t now, uint32_t suspect_pct)
{
	const uint64_t suspect = suspect_at(t, suspect_pct);
	struct term_next next = { TERM_WAIT, t->ends_at };

	if (state == LK_LEASE_LOST || state == LK_LEASE_NONE)
		return (struct term_next){ TERM_WAIT, SHIM_NEVER };
	if (now >= t->ends_at)
		next.step = TERM_LOSE;
	else if (now >= t->renew_at)
		next.step = TERM_RENEW;
	else if (now >= suspect && state == LK_LEASE_HELD)
		next.step = TERM_SUSPECT;
	if (state == LK_LEASE_HELD)
		next.due = earlier(next.due, suspect);
	next.due = earlier(next.due, t->renew_at);
	return next;
}

enum lk_lease_state
term_state(const struct term *t, enum lk_lease_state state, uint64_t now, uint32_t suspect_pct)
{
	if (state == LK_LEASE_LOST || state == LK_LEASE_NONE)
		return state;
	if (now >= t->ends_at)
		return LK_LEASE_LOST;
	return state == LK_LEASE_SUSPECT || now >= suspect_at(t, suspect_pct) ? LK_LEASE_SUSPECT
									      : LK_LEASE_HELD;
}

enum lk_loss
term_loss(const struct term *t)
{
	return t->ends_at == t->max_hold_at ? LK_LOSS_MAX_HOLD : LK_LOSS_EXPIRED;
}

bool
term_can_grow(const struct term *t)
{
	return t->ends_at < t->max_hold_at && t->lease_ns != SHIM_NEVER;
}
