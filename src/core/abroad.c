/* SPDX-License-Identifier: MIT */
/* A manager with a store: its URL, its session, and the owner that stands for all others. */
#include <stdio.h>

#include <latchkey/store.h>

#include "base/hash.h"
#include "base/who.h"
#include "core/abroad.h"
#include "core/stored.h"
#include "core/upkeep.h"
#include "remote/breaker.h"
#include "record/record.h"

enum { PATIENCE_NS = 50000000 };

void
abroad_plain_url(const char *url, char *out)
{
	const char *query = strchr(url, '?');
	size_t n = query != NULL ? (size_t)(query - url) : strlen(url);
	char mark = '?';

	memcpy(out, url, n);
	while (query != NULL) {
		const char *text = query + 1;
		const size_t len = strcspn(text, "&");
		const size_t name = strcspn(text, "=&");
		char copy[64];

		query = text[len] != '\0' ? text + len : NULL;
		if (name < sizeof(copy)) {
			memcpy(copy, text, name);
			copy[name] = '\0';
			if (setting_find(copy) != SETTING_N)
				continue;
		}
		out[n++] = mark;
		memcpy(out + n, text, len);
		n += len;
		mark = '&';
	}
	out[n] = '\0';
}

static int
open_store(struct lk_manager *m, const struct settings *s, const struct lk_config *cfg,
	   struct lk_store **out)
{
	const size_t size = strlen(s->store) + 1;
	struct lk_store_open o = {
		.size = sizeof(o),
		.flags = m->env.is_callers ? LK_STORE_TIME_IS_GIVEN : 0,
		.handle = s->store_handle,
		.allocator = &m->env.memory,
		.environment = &m->env.world,
	};
	char *url = env_alloc(&m->env, size, 1);
	char report[256] = "";
	int rc;

	if (url == NULL)
		return settings_refuse(cfg, LK_E_NOMEM, "out of memory");
	o.report = report;
	o.report_cap = sizeof(report);
	o.say = says_hear;
	o.say_arg = m;
	abroad_plain_url(s->store, url);
	rc = lk_store_open(url, &o, out);
	env_free(&m->env, url, size);
	return rc == 0 ? 0 : settings_refuse(cfg, rc, report[0] != '\0' ? report : lk_strerror(rc));
}

/* As large as any label, as it is copied like one. */
static const char label_of_others[LK_LABEL_MAX + 1] = "(another process)";

/* Stands for all others where an owner is looked for: it holds nothing. */
static int
open_owner(struct lk_manager *m, struct lk_owner **out)
{
	const struct lk_owner_options o = { .size = sizeof(o), .label = label_of_others };
	int rc = lk_owner_open(m, &o, out);

	if (rc == 0)
		shim_store(&(*out)->state, (uint32_t)OWNER_KEEPING,
			   SHIM_RELEASE); /* nobody has to close it */
	return rc;
}

static void
say_who(const struct lk_manager *m, char who[REMOTE_WHO])
{
	int n = snprintf(who, REMOTE_WHO, "%s%s", m->label, m->label[0] != '\0' ? "@" : "");

	who_am_i(who + n, (size_t)(REMOTE_WHO - n));
}

/* What managers of one store must have in common: else they would take other names for the ancestors of a name. */
static void
say_settings(const struct settings *s, struct remote_parts *parts)
{
	char text[LK_CONFIG_TEXT_MAX];

	setting_print(&setting_rows[SETTING_separator], s->separator, text);
	(void)snprintf(parts->words, sizeof(parts->words), "separator=%.8s", text);
	parts->settings = hash_bytes(parts->words, sizeof(parts->words), RECORD_FORMAT);
}

/* Three in the life of a session at least, so that one may fail. */
static uint64_t
heartbeat_of(const struct settings *s)
{
	const uint64_t third = s->ttl_ns / 3;

	return s->heartbeat_ns != 0 && s->heartbeat_ns < third ? s->heartbeat_ns : third;
}

static int
begin(struct lk_manager *m, const struct settings *s, struct lk_store *store, char why[REMOTE_WHY])
{
	struct remote_parts parts = {
		.env = &m->env,
		.lot = &m->lot,
		.index = &m->index,
		.timers = &m->errands.timers,
		.detector = detector_keeps(&m->detector) ? &m->detector : NULL,
		.gate = &m->member.gate,
		.fair_after_ns = &m->fair_after_ns,
		.linger_ns = &m->linger_ns,
		.max_local_passes = &m->max_local_passes,
		.max_cover_ns = &m->max_cover_ns,
		.poll_ns = s->poll_max_ns,
		.patience_ns = s->poll_max_ns < PATIENCE_NS ? s->poll_max_ns : PATIENCE_NS,
		.max_covers = s->max_idle,
		.ttl_ns = s->ttl_ns,
		.heartbeat_ns = heartbeat_of(s),
		.is_manual = m->errands.is_manual,
		.breaker = m->breaker,
		.alarm_timers = &m->service.timers,
		.alarm = &m->alarm,
		.n_listeners = &m->n_listeners,
	};
	int rc = open_owner(m, &parts.owner);

	if (rc == 0)
		rc = service_start(&m->errands);
	if (rc != 0)
		return rc;
	parts.face.owner_id = shim_load(&parts.owner->id, SHIM_RELAXED);
	parts.face.owner_label = label_of_others;
	say_who(m, parts.who);
	say_settings(s, &parts);
	rc = remote_open(&m->remote, &parts, store, why);
	if (rc != 0)
		return rc;
	says_begin(m);
	upkeep_begin(m, s->sweep_ns);
	if (remote_is_mortal(m->remote))
		m->flags |= LK_TIMED; /* no plain ways: each grant looks at the clock (CO8) */
	return 0;
}

/* Does it promise as much as is required? */
static int
check_promise(const struct settings *s, const struct lk_config *cfg, struct lk_store *store)
{
	struct lk_guarantee g = { .size = sizeof(g) };
	char wanted[LK_CONFIG_TEXT_MAX];
	char has[LK_CONFIG_TEXT_MAX] = "nothing that is known";
	char text[2 * LK_CONFIG_TEXT_MAX + 64];
	int rc;

	if (s->require == LK_OFF)
		return 0;
	rc = store->ops->level(store, &g);
	if (rc != 0)
		return settings_refuse(cfg, rc, lk_strerror(rc));
	if (g.level >= s->require && g.level <= LK_LEVEL_GUARDED)
		return 0;
	setting_print(&setting_rows[SETTING_require], s->require, wanted);
	if (g.level >= LK_LEVEL_ADVISORY && g.level <= LK_LEVEL_GUARDED)
		setting_print(&setting_rows[SETTING_require], g.level, has);
	(void)snprintf(text, sizeof(text), "require=%.32s: the store promises no more than %.64s",
		       wanted, has);
	return settings_refuse(cfg, LK_E_UNSUPPORTED, text);
}

/* From now on it is asked through the breaker, if there is to be one. */
static int
guard(struct lk_manager *m, const struct settings *s, struct lk_store **store)
{
	const struct breaker_limits limits = {
		.threshold = s->breaker_threshold,
		.reset_ns = s->breaker_reset_ns,
		.max_entries = s->max_failure_entries,
	};

	if (s->breaker_threshold == LK_OFF)
		return 0;
	m->breaker = breaker_open(&m->env, *store, s->store, &limits);
	if (m->breaker == NULL)
		return LK_E_NOMEM;
	*store = &m->breaker->store;
	return 0;
}

int
abroad_open_store(struct lk_manager *m, struct settings *s, const struct lk_config *cfg,
		  struct lk_store **out)
{
	char why[REMOTE_WHY] = "";
	int rc;

	says_init(m);
	rc = open_store(m, s, cfg, out);
	if (rc != 0)
		return rc;
	rc = stored_lay(s, &m->env, *out, why, sizeof(why));
	if (rc != 0)
		(void)settings_refuse(cfg, rc, why);
	else
		rc = check_promise(s, cfg, *out);
	if (rc != 0)
		lk_store_close(*out);
	return rc;
}

/* Of what nobody has said more: the store's own words, or the code's. */
static void
say_why(struct lk_store *store, int rc, char why[REMOTE_WHY])
{
	char said[REMOTE_WHY - 32] = "";

	if (rc != LK_E_NOMEM)
		(void)store->ops->error(store, said, sizeof(said));
	(void)snprintf(why, REMOTE_WHY, "the store: no session: %s",
		       said[0] != '\0' ? said : lk_strerror(rc));
}

int
abroad_open(struct lk_manager *m, const struct settings *s, const struct lk_config *cfg,
	    struct lk_store *store)
{
	char why[REMOTE_WHY] = "";
	int rc = guard(m, s, &store);

	if (rc == 0)
		rc = begin(m, s, store, why);
	if (rc == 0)
		return 0;
	if (why[0] == '\0')
		say_why(store, rc, why);
	lk_store_close(store);
	return settings_refuse(cfg, rc, why);
}

int
lk_guarantee(struct lk_manager *m, struct lk_guarantee *out)
{
	struct lk_guarantee g = { .size = sizeof(g), .level = LK_LEVEL_GUARDED };
	int rc = check_reading(m, out, sizeof(g));

	if (rc != 0)
		return rc;
	if (m->remote != NULL)
		rc = remote_level(m->remote, &g);
	else
		(void)snprintf(g.words, sizeof(g.words),
			       "Locks in the memory of this process, for its threads: others know "
			       "nothing of them.");
	if (rc == 0)
		copy_struct(out, &g, sizeof(g));
	return rc;
}

int
lk_store_error(struct lk_manager *m, char *buf, size_t cap)
{
	if (m == NULL || buf == NULL || cap == 0)
		return LK_E_INVAL;
	if (manager_gate(m) == LK_E_FORKED)
		return LK_E_FORKED;
	buf[0] = '\0';
	if (m->remote != NULL)
		(void)remote_error(m->remote, buf, cap);
	return 0;
}
