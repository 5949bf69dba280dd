/* SPDX-License-Identifier: MIT */
/* The store of a manager swept, and holds in it ended by force. */
#include "core/upkeep.h"

#include <latchkey/health.h>

/* Changes in one go of the service's thread, which has other things to do too; and the pause before the next. */
enum { SWEEP_AT_ONCE = 256, SWEEP_PAUSE_NS = 100000000 };

int
upkeep_of(struct lk_manager *m, struct upkeep **out)
{
	struct upkeep_parts parts;

	if (m->remote == NULL)
		return LK_E_UNSUPPORTED;
	remote_parts_of(m->remote, &parts);
	if (m->lock_delay_ns != LK_OFF)
		parts.lock_delay_ns = m->lock_delay_ns;
	*out = upkeep_open(&parts);
	return *out != NULL ? 0 : LK_E_NOMEM;
}

int
upkeep_check(const struct lk_manager *m, const void *name, size_t len, bool may_be_empty)
{
	if (m == NULL || (name == NULL && len != 0))
		return LK_E_INVAL;
	if (manager_gate(m) == LK_E_FORKED)
		return LK_E_FORKED;
	if (m->remote == NULL)
		return LK_E_UNSUPPORTED;
	return len > LK_NAME_MAX || (len == 0 && !may_be_empty) ? LK_E_NAME : 0;
}

/* ------------------------------------------------------------------------- sweeping */

static int
sweep(struct lk_manager *m, size_t most, struct upkeep_swept *out)
{
	struct upkeep *u;
	int rc = upkeep_of(m, &u);

	*out = (struct upkeep_swept){ .is_all = true };
	if (rc != 0)
		return rc;
	rc = upkeep_sweep(u, most, out);
	upkeep_close(u);
	return rc;
}

int
upkeep_sweep_all(struct lk_manager *m, size_t *n)
{
	struct upkeep_swept swept;
	int rc = sweep(m, SIZE_MAX, &swept);

	*n = swept.removed;
	return rc;
}

/* In the service's thread. */
static void
sweep_now(struct timer *t, uint64_t now)
{
	struct lk_manager *m = container_of(t, struct lk_manager, sweep);
	struct upkeep_swept swept;
	int rc = sweep(m, SWEEP_AT_ONCE, &swept);
	const bool goes_on = rc == 0 && !swept.is_all && m->sweep_ns > SWEEP_PAUSE_NS;

	(void)now;
	timer_set(&m->errands.timers, t,
		  env_boottime(&m->env) + (goes_on ? SWEEP_PAUSE_NS : m->sweep_ns));
}

void
upkeep_begin(struct lk_manager *m, uint64_t sweep_ns)
{
	m->sweep_ns = sweep_ns;
	m->sweep.fire = sweep_now;
	if (sweep_ns != LK_OFF)
		timer_set(&m->errands.timers, &m->sweep, env_boottime(&m->env) + sweep_ns);
}

/* ------------------------------------------------------------------ ending by force */

static int
break_it(struct lk_manager *m, const void *name, size_t len, bool is_id,
	 const struct lk_session_id *session, struct upkeep_broken *out)
{
	struct record_id who;
	struct upkeep *u;
	int rc = upkeep_of(m, &u);

	if (rc != 0)
		return rc;
	if (session != NULL)
		memcpy(&who, session, sizeof(who));
	rc = upkeep_break(u, name, len, is_id, session != NULL ? &who : NULL, out);
	upkeep_close(u);
	remote_look(m->remote, name, len, is_id); /* it may have been ours */
	return rc;
}

static int
break_named(struct lk_manager *m, const void *name, size_t len, bool is_id,
	    const struct lk_session_id *session, struct lk_break *out)
{
	struct lk_break result = { .size = sizeof(result) };
	struct upkeep_broken broken = { 0 };
	int rc = upkeep_check(m, name, len, false);

	if (rc == 0 && out != NULL)
		rc = check_struct(out, out->size, sizeof(result));
	if (rc == 0)
		rc = break_it(m, name, len, is_id, session, &broken);
	if (rc != 0 || out == NULL)
		return rc;
	result.n = (uint32_t)broken.n;
	result.fence = broken.fence;
	copy_struct(out, &result, sizeof(result));
	return 0;
}

int
lk_break(struct lk_manager *m, const void *name, size_t len, const struct lk_session_id *session,
	 struct lk_break *out)
{
	return break_named(m, name, len, false, session, out);
}

int
lk_break_id(struct lk_manager *m, uint64_t id, const struct lk_session_id *session,
	    struct lk_break *out)
{
	return break_named(m, &id, sizeof(id), true, session, out);
}
