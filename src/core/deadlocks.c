/* SPDX-License-Identifier: MIT */
/* The calls about deadlocks: what was found, and what is waited for outside. */
#include "core/call.h"

int
lk_deadlock_each(struct lk_manager *m, int (*fn)(void *arg, const struct lk_deadlock *d), void *arg)
{
	struct lk_deadlock *copy;
	uint64_t number = 0;
	int rc = 0;

	if (m == NULL || fn == NULL)
		return LK_E_INVAL;
	if (manager_gate(m) == LK_E_FORKED)
		return LK_E_FORKED;
	copy = env_alloc(&m->env, sizeof(*copy), LK_LINE);
	if (copy == NULL)
		return LK_E_NOMEM;
	while (rc == 0 && detector_copy(&m->detector, number, copy)) {
		number = copy->number;
		rc = fn(arg, copy);
	}
	env_free(&m->env, copy, sizeof(*copy));
	return rc;
}

int
lk_external_wait_begin(struct lk_owner *w, struct lk_owner *on)
{
	struct lk_owner *who;
	int rc;

	if (w == NULL || on == NULL || w->manager != on->manager ||
	    call_holder(w) == call_holder(on))
		return LK_E_INVAL;
	rc = call_begin(w);
	if (rc != 0)
		return rc;
	who = call_away(call_holder(w)); /* for on_victim */
	rc = detector_begin_outside(&w->manager->detector, w, call_holder(on));
	call_back(call_holder(w), who);
	call_end(w);
	return rc;
}

int
lk_external_wait_end(struct lk_owner *w)
{
	if (w == NULL)
		return LK_E_INVAL;
	if (manager_gate(w->manager) == LK_E_FORKED)
		return LK_E_FORKED;
	return detector_end_outside(&w->manager->detector, w) ? 0 : LK_E_INVAL;
}
