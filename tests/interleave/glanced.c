/* SPDX-License-Identifier: MIT */
/*
 * Optimistic reads (OR1-OR7).  Two words say the same, but for while somebody writes both, who has the name: a read that is good has not
 * met them in between.  For the model the caller's accesses have the orders that shim_order_stores() and shim_order_loads() give them.
 */
#include "play.h"

/* A writer takes so many steps, so that he is met. */
enum { LONG = 8 };

static a64 *
twin(const struct step *t, int i)
{
	return (a64 *)(void *)play.var[t->name[i]];
}

static int
publish(const struct step *t)
{
	const uint64_t is = shim_load(twin(t, 0), SHIM_RELAXED) + 1;

	shim_store(twin(t, 0), is, SHIM_RELEASE);
	for (int i = 0; i < LONG; i++)
		(void)shim_load(twin(t, 1), SHIM_RELAXED);
	shim_store(twin(t, 1), is, SHIM_RELEASE);
	return 0;
}

static int
glance(const struct step *t)
{
	struct lk_resource *r = play.handle[t->label];
	uint64_t seen[2];
	uint64_t stamp;
	int rc;

	if (r == NULL)
		fail("line %u: there is no such handle", t->line);
	rc = lk_read_begin(r, &stamp);
	if (rc != 0)
		return rc;
	for (int i = 0; i < 2; i++)
		seen[i] = shim_load(twin(t, i), SHIM_ACQUIRE);
	rc = lk_read_validate(r, stamp);
	if (rc == 0 && seen[0] != seen[1])
		fail("a read is good, and what it read is half written (OR1-OR6)");
	return rc;
}

bool
glanced_step(const struct step *t, int *rc)
{
	switch (t->verb) {
	case VERB_GLANCES:
		*rc = glance(t);
		return true;
	case VERB_PUBLISHES:
		*rc = publish(t);
		return true;
	default:
		return false;
	}
}
