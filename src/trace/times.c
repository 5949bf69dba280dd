/* SPDX-License-Identifier: MIT */
/* Where times are recorded, and put together again. */
#include "trace/times.h"

void
times_init(struct times *t, uint64_t seed)
{
	t->seed = seed;
	sketch_init(&t->waited);
	sketch_init(&t->held);
}

/* In the order of enum lk_times. */
static unsigned
outcome_of(int rc)
{
	switch (rc) {
	case 0:
		return 0;
	case LK_E_TIMEDOUT:
		return LK_WAITS_TIMEDOUT - LK_WAITS_GRANTED;
	case LK_E_CANCELED:
		return LK_WAITS_CANCELED - LK_WAITS_GRANTED;
	case LK_E_DEADLOCK:
		return LK_WAITS_DEADLOCK - LK_WAITS_GRANTED;
	default:
		return LK_WAITS_CLOSED - LK_WAITS_GRANTED;
	}
}

void
times_waited(struct times *t, int rc, uint64_t ns)
{
	histogram_add(&t->wait[outcome_of(rc)], ns, 1);
}

void
times_waited_for(struct times *t, const struct lk_resource *r, uint64_t ns)
{
	struct sketch_name name;

	sketch_name(&name, r, t->seed);
	sketch_add(&t->waited, &name, ns, 1);
}

void
times_granted(struct times *t, lk_mode mode, uint64_t weight)
{
	shim_add(&t->granted[mode], weight, SHIM_RELAXED); /* order: a number for people */
	shim_add(&t->timed, (uint64_t)1, SHIM_RELAXED);
}

void
times_held(struct times *t, const struct sketch_name *name, lk_mode mode, uint64_t ns,
	   uint64_t weight)
{
	histogram_add(&t->hold[mode], ns, weight);
	sketch_add(&t->held, name, ns, weight);
}

bool
times_read(const struct times *t, int which, struct lk_histogram *out)
{
	if (which == LK_WAITS) {
		for (unsigned i = 0; i < WAIT_OUTCOMES; i++)
			histogram_read(&t->wait[i], out);
	} else if (which >= LK_WAITS_GRANTED && which <= LK_WAITS_CLOSED) {
		histogram_read(&t->wait[which - LK_WAITS_GRANTED], out);
	} else if (which == LK_HOLDS) {
		for (unsigned i = LK_IS; i < MODE_N; i++)
			histogram_read(&t->hold[i], out);
	} else if (which > LK_HOLDS && which < LK_HOLDS + MODE_N) {
		histogram_read(&t->hold[which - LK_HOLDS], out);
	} else {
		return false;
	}
	return true;
}
