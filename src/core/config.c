/* SPDX-License-Identifier: MIT */
/*
 * Settings of a manager that is open: read back, and changed while others lock.
 *
 * What may change is one word each, which requests read once; no two of them belong together but for the kinds of
 * the tracer, which say what is seen in between.  The text of what is in force is kept beside them, under a latch.
 */
#include <stdio.h>
#include <string.h>

#include "core/manager.h"
#include "remote/breaker.h"

/* What stands against a change of it; NULL: nothing. */
static const char *
obstacle(unsigned number, const struct lk_manager *m)
{
	switch (number) {
	case SETTING_max_idle:
	case SETTING_max_reentry:
	case SETTING_timeout_ns:
	case SETTING_spin_ns:
	case SETTING_escalate_after:
	case SETTING_linger_ns:
	case SETTING_max_local_passes:
	case SETTING_max_cover_ns:
	case SETTING_victim:
	case SETTING_events:
	case SETTING_log_level:
		return NULL;
	case SETTING_breaker_threshold:
	case SETTING_breaker_reset_ns:
	case SETTING_max_failure_entries:
		return m->remote == NULL || m->breaker != NULL
			       ? NULL
			       : "it was off when the manager was opened, so nothing was counted";
	case SETTING_spread_after: /* a cover falls to what the word says is held here (AB2) */
		return m->remote == NULL ? NULL : "names of a store are not spread";
	case SETTING_fair_after_ns:
		return (m->flags & LK_STRICT) == 0 ? NULL : "it has no meaning in a strict manager";
	case SETTING_deadlock_delay_ns:
		return detector_keeps(&m->detector) ? NULL
						    : "it was off when the manager was opened, so "
						      "nothing was made to look";
	case SETTING_event_ring:
		return "the ring was made for so many events";
	case SETTING_separator:
		return "names were split at it";
	case SETTING_sample_every:
		return "what was sampled is counted by it";
	case SETTING_reserve:
		return "memory was made ready when it was opened";
	case SETTING_index_buckets:
		return "the index began with them";
	case SETTING_lot_buckets:
		return "waiters stand in them";
	case SETTING_strict:
		return "the lines were made for it";
	case SETTING_timed:
		return "grants that there are were timed, or not";
	case SETTING_debug_order:
		return "what was locked before was learnt, or not";
	case SETTING_label:
		return "what was told already bears it";
	case SETTING_preset:
		return "it stands for others";
	default:
		return "the manager was built with it";
	}
}

/* … of a change to `x`. */
static const char *
obstacle_to(unsigned number, uint64_t x, const struct lk_manager *m)
{
	const uint64_t old = m->settings.events != LK_OFF ? m->settings.events : 0;
	const uint64_t new = x != LK_OFF ? x : 0;

	if (number == SETTING_victim && !m->notes_opening &&
	    (x == LK_VICTIM_YOUNGEST || x == LK_VICTIM_OLDEST))
		return "nobody noted when owners were opened";
	if (number == SETTING_events && ((old ^ new) & EVENTS_NOTED) != 0)
		return "kinds that make every lock slower come and go with the manager";
	return obstacle(number, m);
}

/* Let those see it who lock. */
static void
apply(struct lk_manager *m, unsigned number, uint64_t x)
{
	switch (number) {
	case SETTING_max_idle:
		index_set_max_idle(&m->index, x);
		break;
	case SETTING_max_reentry:
		shim_store(&m->max_reentry, x, SHIM_RELAXED);
		break;
	case SETTING_timeout_ns:
		shim_store(&m->timeout_ns, x, SHIM_RELAXED);
		break;
	case SETTING_fair_after_ns:
		shim_store(&m->fair_after_ns, x, SHIM_RELAXED);
		break;
	case SETTING_linger_ns:
		shim_store(&m->linger_ns, x, SHIM_RELAXED);
		if (m->remote != NULL)
			remote_lingers(m->remote);
		break;
	case SETTING_max_local_passes:
		shim_store(&m->max_local_passes, x, SHIM_RELAXED);
		break;
	case SETTING_max_cover_ns:
		shim_store(&m->max_cover_ns, x, SHIM_RELAXED);
		break;
	case SETTING_spin_ns:
		shim_store(&m->spin_ns, x, SHIM_RELAXED);
		break;
	case SETTING_spread_after:
		shim_store(&m->spread.after, m->many_cpus ? x : LK_OFF, SHIM_RELAXED);
		break;
	case SETTING_escalate_after:
		shim_store(&m->escalate_after, x, SHIM_RELAXED);
		break;
	case SETTING_deadlock_delay_ns:
		shim_store(&m->deadlock_delay_ns, x, SHIM_RELAXED);
		shim_store(&m->detector.delay_ns, x, SHIM_RELAXED);
		break;
	case SETTING_victim:
		detector_set_victim(&m->detector, (enum lk_victim)x);
		break;
	case SETTING_breaker_threshold:
	case SETTING_breaker_reset_ns:
	case SETTING_max_failure_entries:
		if (m->breaker != NULL)
			breaker_set(m->breaker,
				    &(struct breaker_limits){ m->settings.breaker_threshold,
							      m->settings.breaker_reset_ns,
							      m->settings.max_failure_entries });
		break;
	default: /* events, log_level */
		tracer_set(&m->tracer, m->settings.events, m->settings.log_level);
	}
}

/* With the latch. */
static int
change(struct lk_manager *m, unsigned number, uint64_t x, const struct complaint *to)
{
	const char *why = obstacle_to(number, x, m);

	if (why != NULL)
		return complain(to, LK_E_UNSUPPORTED, "%s: cannot be changed: %s",
				setting_rows[number].name, why);
	m->settings.value[number] = x;
	m->settings.from[number] = LK_FROM_SET;
	apply(m, number, x);
	return 0;
}

/* The number that `value` stands for, as lk_open() would take it. */
static int
read_value(unsigned number, const char *value, const struct complaint *to, uint64_t *x)
{
	struct layer l;
	int rc;

	layer_begin(&l, LK_FROM_SET, to);
	rc = layer_put_text(&l, number, value);
	if (rc == 0 && number < SETTING_NUMBERS)
		*x = l.said != 0 ? l.value[number] : setting_rows[number].standard;
	return rc;
}

int
lk_config_set(struct lk_manager *m, const char *name, const char *value, char *why, size_t cap)
{
	const struct complaint to = { .text = why, .cap = why != NULL ? cap : 0 };
	uint64_t x = 0;
	unsigned number;
	int rc;

	if (m == NULL || name == NULL || value == NULL || (why == NULL && cap != 0))
		return LK_E_INVAL;
	if (manager_gate(m) == LK_E_FORKED)
		return LK_E_FORKED;
	if (cap > 0)
		why[0] = '\0';
	number = setting_find(name);
	if (number == SETTING_N)
		return complain(&to, LK_E_NOENT, "%.64s: there is no such setting", name);
	rc = read_value(number, value, &to, &x);
	if (rc != 0)
		return rc;
	latch_lock(&m->settings_latch);
	rc = change(m, number, x, &to);
	latch_unlock(&m->settings_latch);
	return rc;
}

static void
copy_settings(struct lk_manager *m, struct settings *out)
{
	latch_lock(&m->settings_latch);
	*out = m->settings;
	latch_unlock(&m->settings_latch);
}

int
lk_config_get(struct lk_manager *m, const char *name, char *buf, size_t cap)
{
	char text[LK_CONFIG_TEXT_MAX];
	struct settings s;
	unsigned number;

	if (m == NULL || name == NULL || (buf == NULL && cap != 0))
		return LK_E_INVAL;
	if (manager_gate(m) == LK_E_FORKED)
		return LK_E_FORKED;
	if (cap > 0)
		buf[0] = '\0';
	number = setting_find(name);
	if (number == SETTING_N)
		return LK_E_NOENT;
	copy_settings(m, &s);
	settings_print(&s, number, text);
	if (strlen(text) >= cap)
		return LK_E_INVAL;
	memcpy(buf, text, strlen(text) + 1);
	return 0;
}

int
lk_config_each(struct lk_manager *m, int (*fn)(void *arg, const struct lk_setting *setting),
	       void *arg)
{
	struct settings s;
	int rc = 0;

	if (m == NULL || fn == NULL)
		return LK_E_INVAL;
	if (manager_gate(m) == LK_E_FORKED)
		return LK_E_FORKED;
	copy_settings(m, &s);
	for (unsigned i = 0; rc == 0 && i < SETTING_N; i++) {
		char text[LK_CONFIG_TEXT_MAX];
		const struct lk_setting one = {
			.size = sizeof(one),
			.from = (enum lk_setting_from)s.from[i],
			.name = setting_rows[i].name,
			.value = text,
			.may_change = obstacle(i, m) == NULL,
		};

		settings_print(&s, i, text);
		rc = fn(arg, &one);
	}
	return rc;
}
