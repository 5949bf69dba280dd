/* SPDX-License-Identifier: MIT */
/* Sleeping and waking.  (P1-P4) */
#include "wait/park.h"

void
park_sleep(const struct env *e, struct parker *p, uint64_t deadline_ns)
{
	uint32_t seen = 0;

	if (!shim_cas(&p->word, &seen, (uint32_t)PARK_SLEEPING, SHIM_ACQ_REL))
		return; /* (P2) */
	env_wait(e, &p->word, PARK_SLEEPING, deadline_ns);
	shim_and(&p->word, ~(uint32_t)PARK_SLEEPING, SHIM_RELAXED);
}

static void
tell(const struct env *e, struct parker *p, uint32_t news)
{
	if ((shim_or(&p->word, news, SHIM_ACQ_REL) & PARK_SLEEPING) != 0)
		env_wake(e, &p->word);
}

void
park_wake(const struct env *e, struct parker *p)
{
	if (unlikely(p->ring != NULL))
		p->ring(p);
	else
		tell(e, p, PARK_WOKEN);
}

void
park_cancel(const struct env *e, struct parker *p)
{
	tell(e, p, PARK_CANCEL);
}
