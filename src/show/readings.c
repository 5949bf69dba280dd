/* SPDX-License-Identifier: MIT */
/* Taking all readings at once. */
#include "show/readings.h"

LK_HIDDEN const char *const readings_outcome[1 + WAIT_OUTCOMES] = {
	"all", "granted", "timedout", "canceled", "deadlock", "closed",
};

static int
take(struct lk_manager *m, struct readings *r)
{
	int rc;

	r->stats.size = sizeof(r->stats);
	r->counts.size = sizeof(r->counts);
	rc = lk_stats(m, &r->stats);
	if (rc == 0)
		rc = lk_counts(m, &r->counts);
	for (int i = 0; rc == 0 && i <= WAIT_OUTCOMES; i++)
		(void)times_read(&m->times, LK_WAITS + i, &r->wait[i]);
	for (int i = 0; rc == 0 && i < MODE_N; i++)
		(void)times_read(&m->times, LK_HOLDS + i, &r->hold[i]);
	r->n_waited = sketch_read(&m->times.waited, r->waited);
	r->n_held = sketch_read(&m->times.held, r->held);
	return rc;
}

int
readings_take(struct lk_manager *m, struct readings **out)
{
	struct readings *r;
	int rc;

	if (manager_gate(m) == LK_E_FORKED)
		return LK_E_FORKED;
	r = env_zalloc(&m->env, sizeof(*r), sizeof(void *));
	if (r == NULL)
		return LK_E_NOMEM;
	rc = take(m, r);
	if (rc == 0)
		*out = r;
	else
		readings_free(m, r);
	return rc;
}

void
readings_free(struct lk_manager *m, struct readings *r)
{
	env_free(&m->env, r, sizeof(*r));
}

uint64_t
readings_refused(const struct readings *r)
{
	const struct lk_stats *s = &r->stats;

	return s->busy + s->timeouts + s->cancels + s->conversion_deadlocks + s->deadlocks +
	       s->limits;
}
