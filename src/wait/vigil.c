/* SPDX-License-Identifier: MIT */
/* Staying awake.  (VG1, VG2) */
#include "wait/vigil.h"

/* About what it takes to sleep, to be woken, and to wake the next: so it costs at most twice what is best. */
enum { AWAKE_NS = 200000, IN_VAIN_MOST = 6 };

void
vigil_init(struct vigil *v)
{
	shim_init(&v->is_kept, 0u);
	WR(v->in_vain, 0);
	WR(v->sleepers, 0);
}

/* For him; or others here have the name now (W9), who need the processor: it was not in vain. */
static bool
has_news(const struct waiter *q, uint64_t was)
{
	return waiter_state(q) != WAITER_WAITING || park_has_news(&q->party->parker) ||
	       (was & ~shim_load(&q->r->word, SHIM_RELAXED) & WORD_FREEZE) != 0;
}

/* False: in vain. */
static bool
stay_awake(const struct env *e, const struct waiter *q, uint64_t deadline_ns)
{
	const uint64_t now = env_now(e);
	const uint64_t until = deadline_ns > now + AWAKE_NS ? now + AWAKE_NS : deadline_ns;
	const uint64_t was = shim_load(&q->r->word, SHIM_RELAXED);

	while (!has_news(q, was)) {
		if (env_now(e) >= until)
			return false;
		shim_yield();
	}
	return true;
}

/* With it. */
static void
keep(struct vigil *v, const struct env *e, const struct waiter *q, uint64_t deadline_ns)
{
	if (RD(v->sleepers) > 0) {
		WR(v->sleepers, RD(v->sleepers) - 1);
	} else if (stay_awake(e, q, deadline_ns)) {
		WR(v->in_vain, 0);
	} else {
		WR(v->in_vain, RD(v->in_vain) + (RD(v->in_vain) < IN_VAIN_MOST));
		WR(v->sleepers, (1u << RD(v->in_vain)) - 1);
	}
}

void
vigil_keep(struct vigil *v, const struct env *e, const struct waiter *q, uint64_t deadline_ns)
{
	uint32_t free = 0;

	if (has_news(q, 0) || env_now(e) >= deadline_ns ||
	    !shim_cas(&v->is_kept, &free, 1u, SHIM_ACQUIRE))
		return;
	keep(v, e, q, deadline_ns);
	shim_store(&v->is_kept, 0u, SHIM_RELEASE);
}
