/* SPDX-License-Identifier: MIT */
/* The phantom goes forward in the line.  (BN1-BN4) */
#include "remote/inside.h"

static void
come_forward(struct cover *c, uint64_t most)
{
	const struct line_tally t = remote_tally(c->of);

	line_bring_forward(c->of->p.lot, &c->waiter, most, &t);
}

static uint64_t
time_of(const struct cover *c)
{
	return shim_load(c->of->p.max_cover_ns, SHIM_RELAXED);
}

void
bound_begins(struct cover *c)
{
	c->bound = (struct bound){ .is_asked = false };
	if (shim_load(&c->is_early, SHIM_RELAXED) == 0)
		bound_asked(c);
}

void
bound_asked(struct cover *c)
{
	const uint64_t most = shim_load(c->of->p.max_local_passes, SHIM_RELAXED);

	if (c->bound.is_asked) /* (BN4) */
		return;
	c->bound.is_asked = true;
	c->bound.since_ns = env_now(c->of->p.env);
	if (most != LK_OFF)
		come_forward(c, most); /* (BN2) */
	if (time_of(c) != LK_OFF)
		cover_look_in(c, bound_sooner(c, c->delay_ns));
}

void
bound_ends(struct cover *c)
{
	const uint64_t ns = time_of(c);

	if (!c->bound.is_asked || c->bound.is_first || ns == LK_OFF ||
	    env_now(c->of->p.env) - c->bound.since_ns < ns)
		return;
	c->bound.is_first = true; /* (BN4) */
	come_forward(c, 0);       /* (BN3) */
}

uint64_t
bound_sooner(const struct cover *c, uint64_t ns)
{
	const uint64_t most = time_of(c);
	uint64_t over;

	if (c->state != COVER_YIELDS || !c->bound.is_asked || c->bound.is_first || most == LK_OFF)
		return ns;
	over = env_now(c->of->p.env) - c->bound.since_ns;
	if (over >= most)
		return 0;
	return most - over < ns ? most - over : ns;
}
