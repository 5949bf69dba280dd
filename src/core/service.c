/* SPDX-License-Identifier: MIT */
/* The thread behind the timers. */
#include "core/manager.h"

/*
 * The system sleeps on a clock that stands still while the machine is suspended, and what is due does not wait: so
 * nobody sleeps for long.
 */
enum { NAP_NS = 1000000000 };

void
service_init(struct service *s, struct env *env, bool is_manual)
{
	timers_init(&s->timers, env);
	latch_init(&s->latch);
	shim_init(&s->state, (uint32_t)SERVICE_IDLE);
	s->is_manual = is_manual;
}

/* When to be awake again, on the clock of sleep. */
static uint64_t
wake_at(const struct env *e, uint64_t due_ns)
{
	uint64_t now;
	uint64_t left;

	if (due_ns == SHIM_NEVER)
		return SHIM_NEVER;
	now = env_boottime(e);
	left = due_ns > now ? due_ns - now : 0;
	return env_now(e) + (left < NAP_NS ? left : NAP_NS);
}

static void
serve(void *arg)
{
	struct service *s = arg;
	const struct env *e = s->timers.env;

	for (;;) {
		/* Before the look (J3), and before it looks whether it is to stop: else it could sleep over either. */
		const uint32_t seen = shim_load(&s->timers.news, SHIM_ACQUIRE);

		if (shim_load(&s->state, SHIM_ACQUIRE) != SERVICE_RUNS)
			return;
		env_wait(e, &s->timers.news, seen, wake_at(e, timers_serve(&s->timers)));
	}
}

int
service_start(struct service *s)
{
	int rc = 0;

	if (s->is_manual || likely(shim_load(&s->state, SHIM_ACQUIRE) == SERVICE_RUNS))
		return 0;
	latch_lock(&s->latch);
	if (shim_load(&s->state, SHIM_RELAXED) == SERVICE_IDLE) {
		shim_store(&s->state, (uint32_t)SERVICE_RUNS, SHIM_RELEASE);
		if (!thread_start(&s->thread, serve, s)) {
			shim_store(&s->state, (uint32_t)SERVICE_IDLE, SHIM_RELEASE);
			rc = LK_E_NOMEM;
		}
	}
	latch_unlock(&s->latch);
	return rc;
}

void
service_stop(struct service *s)
{
	if (shim_load(&s->state, SHIM_ACQUIRE) != SERVICE_RUNS)
		return;
	shim_store(&s->state, (uint32_t)SERVICE_STOPS, SHIM_RELEASE);
	timers_wake(&s->timers);
	thread_join(&s->thread);
}

int
lk_serve(struct lk_manager *m, uint64_t *next_ns)
{
	uint64_t errands_ns;
	uint64_t due_ns;
	uint64_t now;

	if (m == NULL || !m->service.is_manual)
		return LK_E_INVAL;
	if (manager_gate(m) == LK_E_FORKED)
		return LK_E_FORKED;
	due_ns = timers_run(&m->service.timers);
	errands_ns = timers_run(&m->errands.timers);
	due_ns = errands_ns < due_ns ? errands_ns : due_ns;
	now = env_boottime(&m->env);
	if (next_ns != NULL)
		*next_ns = due_ns == SHIM_NEVER ? LK_OFF : due_ns > now ? due_ns - now : 0;
	return 0;
}
