/* SPDX-License-Identifier: MIT */
/* Is a manager well?  Each part by itself. */
#include <stdarg.h>
#include <stdio.h>

#include <latchkey/format.h>
#include <latchkey/health.h>

#include "core/upkeep.h"

#define SLOW_NS  UINT64_C(1000000000)
#define STUCK_NS UINT64_C(60000000000)

enum { BACK_MS = 1000, NAME_SHOWN = 48, DURATION_ROOM = 32 };

struct look {
	struct lk_manager *m;
	struct lk_health *out;
};

__attribute__((format(printf, 5, 6))) static void
say(struct look *l, unsigned part, enum lk_health_status status, uint64_t value, const char *format,
    ...)
{
	struct lk_health_part *p = &l->out->part[part];
	va_list args;

	p->status = status;
	p->value = value;
	va_start(args, format);
	(void)vsnprintf(p->words, sizeof(p->words), format, args);
	va_end(args);
	if (status > l->out->status)
		l->out->status = status;
}

/* ------------------------------------------------------------------------ the manager */

static void
count_owner(struct lk_owner *w, void *arg)
{
	(void)w;
	++*(uint64_t *)arg;
}

static void
look_at_manager(struct look *l)
{
	const int gate = manager_gate(l->m);
	uint64_t n = 0;

	manager_each_owner(l->m, count_owner, &n);
	if (gate != 0)
		say(l, LK_HEALTH_PART_manager, LK_HEALTH_BAD, n, "it takes no requests: %s",
		    lk_strerror(gate));
	else
		say(l, LK_HEALTH_PART_manager, LK_HEALTH_OK, n, "open");
}

/* The wall clock against the one that nobody sets: fences of the next opening begin with it. */
static void
look_at_clock(struct look *l)
{
	const uint64_t passed_ms = (shim_boottime() - l->m->opened_boot_ns) / 1000000;
	const uint64_t expected_ms = l->m->opened_wall_ms + passed_ms;
	const uint64_t wall_ms = shim_wall_ms();
	const uint64_t behind_ms = expected_ms > wall_ms ? expected_ms - wall_ms : 0;
	char text[DURATION_ROOM];

	(void)lk_format_duration_ms(behind_ms, text, sizeof(text));
	if (behind_ms > BACK_MS)
		say(l, LK_HEALTH_PART_clock, LK_HEALTH_WARN, behind_ms,
		    "the wall clock has been set back by %s since the manager was opened", text);
	else
		say(l, LK_HEALTH_PART_clock, LK_HEALTH_OK, behind_ms, "it goes on");
}

/* What is due at 0 is due when it was said, and nobody knows when that was: as good as now. */
static uint64_t
late_by(struct timers *ts, uint64_t now)
{
	const uint64_t due_ns = timers_due(ts);

	return due_ns != 0 && due_ns < now ? now - due_ns : 0;
}

static void
look_at_service(struct look *l)
{
	const uint64_t now = env_boottime(&l->m->env);
	const uint64_t a = late_by(&l->m->service.timers, now);
	const uint64_t b = late_by(&l->m->errands.timers, now);
	const uint64_t late_ns = a > b ? a : b;
	char text[DURATION_ROOM];

	(void)lk_format_duration_ns(late_ns, text, sizeof(text));
	if (late_ns > l->out->slow_ns)
		say(l, LK_HEALTH_PART_service, LK_HEALTH_WARN, late_ns,
		    "something has been due for %s", text);
	else
		say(l, LK_HEALTH_PART_service, LK_HEALTH_OK, late_ns, "nothing is late");
}

/* -------------------------------------------------------------------------- the store */

static void
look_at_store(struct look *l, struct upkeep *u)
{
	const uint64_t begun_ns = env_now(&l->m->env);
	uint64_t floor;
	const int rc = upkeep_floor(u, &floor);
	const uint64_t ns = env_now(&l->m->env) - begun_ns;
	char words[180] = "";
	char text[DURATION_ROOM];

	(void)lk_format_duration_ns(ns, text, sizeof(text));
	if (rc != 0)
		(void)remote_error(l->m->remote, words, sizeof(words));
	else
		(void)remote_inside(l->m->remote, words, sizeof(words));
	if (rc != 0)
		say(l, LK_HEALTH_PART_store, LK_HEALTH_BAD, ns, "%s%s%s", lk_strerror(rc),
		    words[0] != '\0' ? ": " : "", words);
	else if (ns > l->out->slow_ns)
		say(l, LK_HEALTH_PART_store, LK_HEALTH_WARN, ns, "it took %s to answer%s%s", text,
		    words[0] != '\0' ? "; " : "", words);
	else
		say(l, LK_HEALTH_PART_store, LK_HEALTH_OK, ns, "it answered in %s%s%s", text,
		    words[0] != '\0' ? "; " : "", words);
}

struct failing {
	uint64_t n;
	uint64_t n_open;
	struct lk_breaker store;
};

static int
count_failing(void *arg, const struct lk_breaker *row)
{
	struct failing *f = arg;

	if (row->name == NULL) {
		f->store = *row;
		return 0;
	}
	f->n++;
	f->n_open += row->state != LK_BREAKER_CLOSED;
	return 0;
}

static int
look_at_breaker(struct look *l)
{
	struct failing f = { .store.state = LK_BREAKER_CLOSED };
	char text[DURATION_ROOM];
	int rc = lk_breaker_each(l->m, count_failing, &f);

	(void)lk_format_duration_ns(f.store.next_attempt_ns, text, sizeof(text));
	if (f.store.state != LK_BREAKER_CLOSED)
		say(l, LK_HEALTH_PART_breaker, LK_HEALTH_BAD, f.n,
		    "it is %s after %llu failures in a row, the last of them %s; the store is "
		    "asked again in %s",
		    lk_breakername(f.store.state), (unsigned long long)f.store.failures,
		    lk_errname(f.store.last_code), text);
	else if (f.n_open != 0)
		say(l, LK_HEALTH_PART_breaker, LK_HEALTH_WARN, f.n, "it is open for %llu names",
		    (unsigned long long)f.n_open);
	else
		say(l, LK_HEALTH_PART_breaker, LK_HEALTH_OK, f.n,
		    l->m->breaker != NULL ? "closed" : "there is none");
	return rc;
}

static void
look_at_session(struct look *l, struct upkeep *u, const struct remote_state *is)
{
	struct record_id me;

	memcpy(&me, &is->session, sizeof(me));
	if (!is->has_session)
		say(l, LK_HEALTH_PART_session, LK_HEALTH_BAD, 0,
		    "it is over, and another one could not be begun yet");
	else if (upkeep_asks_whether_dead(u, &me))
		say(l, LK_HEALTH_PART_session, LK_HEALTH_BAD, 0,
		    "the store says that it is dead: what it held is lost");
	else
		say(l, LK_HEALTH_PART_session, LK_HEALTH_OK, 1, "it lives");
}

static void
look_at_deadline(struct look *l, const struct remote_state *is)
{
	char text[DURATION_ROOM];

	if (is->left_ns == SHIM_NEVER) {
		say(l, LK_HEALTH_PART_deadline, LK_HEALTH_OK, LK_OFF,
		    "there is none: the store sees the end of a process");
		return;
	}
	(void)lk_format_duration_ns(is->left_ns, text, sizeof(text));
	if (is->left_ns < is->ttl_ns / 3)
		say(l, LK_HEALTH_PART_deadline, LK_HEALTH_WARN, is->left_ns,
		    "in %s, as the session could not be renewed lately", text);
	else
		say(l, LK_HEALTH_PART_deadline, LK_HEALTH_OK, is->left_ns, "in %s", text);
}

static void
look_at_covers(struct look *l, const struct remote_state *is)
{
	if (is->lost != 0 || is->owing != 0)
		say(l, LK_HEALTH_PART_covers, LK_HEALTH_WARN, is->covers,
		    "of %llu names the store has not heard that they were given back, %llu are "
		    "lost",
		    (unsigned long long)is->owing, (unsigned long long)is->lost);
	else
		say(l, LK_HEALTH_PART_covers, LK_HEALTH_OK, is->covers, "%llu names",
		    (unsigned long long)is->covers);
}

static void
look_at_hints(struct look *l, const struct remote_state *is)
{
	if (is->hints != 0)
		say(l, LK_HEALTH_PART_hints, LK_HEALTH_WARN, 0,
		    "there are none (%s): changes are seen by looking from time to time",
		    lk_errname(is->hints));
	else
		say(l, LK_HEALTH_PART_hints, LK_HEALTH_OK, 1, "the store tells what has changed");
}

static int
look_abroad(struct look *l)
{
	struct remote_state is;
	struct upkeep *u;
	int rc = upkeep_of(l->m, &u);

	if (rc != 0)
		return rc;
	look_at_store(l, u);
	rc = look_at_breaker(l);
	remote_state(l->m->remote, &is);
	look_at_session(l, u, &is);
	look_at_deadline(l, &is);
	look_at_covers(l, &is);
	look_at_hints(l, &is);
	upkeep_close(u);
	return rc;
}

static void
say_there_is_no_store(struct look *l)
{
	static const unsigned parts[] = { LK_HEALTH_PART_store,   LK_HEALTH_PART_breaker,
					  LK_HEALTH_PART_session, LK_HEALTH_PART_deadline,
					  LK_HEALTH_PART_covers,  LK_HEALTH_PART_hints };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		say(l, parts[i], LK_HEALTH_OK, 0, "there is no store");
}

/* -------------------------------------------------------------------------- the lines */

struct lines {
	uint64_t stuck_ns;
	uint64_t n;
	uint64_t longest_ns;
	uint64_t n_stuck; /* names */
	uint64_t waiter;  /* of the longest wait: its owner, … */
	uint64_t holder;  /* … and one who holds the name; 0: nobody here */
	bool is_id;       /* … which is this */
	size_t len;
	unsigned char name[LK_NAME_MAX];
	size_t last_len; /* of the last row that was stuck: lines come one after the other */
	unsigned char last[LK_NAME_MAX];
};

static bool
is_name(const struct lk_snapshot_row *row, const void *name, size_t len)
{
	return row->name_len == len && memcmp(row->name, name, len) == 0;
}

static int
add_waiter(void *arg, const struct lk_snapshot_row *row)
{
	struct lines *k = arg;

	if (row->wanted == LK_NL)
		return 0;
	k->n++;
	if (row->age_ns > k->stuck_ns && !is_name(row, k->last, k->last_len)) {
		k->n_stuck++;
		k->last_len = row->name_len;
		memcpy(k->last, row->name, row->name_len);
	}
	if (row->age_ns <= k->longest_ns)
		return 0;
	k->longest_ns = row->age_ns;
	k->waiter = row->owner_id;
	k->is_id = (row->flags & LK_NAME_IS_ID) != 0;
	k->len = row->name_len;
	memcpy(k->name, row->name, row->name_len);
	return 0;
}

static int
find_holder(void *arg, const struct lk_snapshot_row *row)
{
	struct lines *k = arg;

	if (row->held == LK_NL || row->owner_id == k->waiter || !is_name(row, k->name, k->len))
		return 0;
	k->holder = row->owner_id;
	return 1;
}

/* For people; what is not plain text is a dot, and what is long is cut. */
static void
name_shown(const struct lines *k, char out[NAME_SHOWN + 8])
{
	size_t n = k->len < NAME_SHOWN ? k->len : NAME_SHOWN;
	uint64_t id;

	if (k->is_id) {
		memcpy(&id, k->name, sizeof(id));
		(void)snprintf(out, NAME_SHOWN, "#%llu", (unsigned long long)id);
		return;
	}
	for (size_t i = 0; i < n; i++)
		out[i] = k->name[i] > ' ' && k->name[i] <= '~' ? (char)k->name[i] : '.';
	strcpy(out + n, n < k->len ? "..." : "");
}

static void
say_lines(struct look *l, const struct lines *k)
{
	char name[NAME_SHOWN + 8];
	char text[DURATION_ROOM];

	name_shown(k, name);
	(void)lk_format_duration_ns(k->longest_ns, text, sizeof(text));
	if (k->n == 0)
		say(l, LK_HEALTH_PART_lines, LK_HEALTH_OK, 0, "nobody waits");
	else
		say(l, LK_HEALTH_PART_lines, k->n_stuck != 0 ? LK_HEALTH_WARN : LK_HEALTH_OK, k->n,
		    "in lines: %llu, the oldest for %s", (unsigned long long)k->n, text);
	if (k->n_stuck == 0)
		say(l, LK_HEALTH_PART_holders, LK_HEALTH_OK, 0, "nobody has waited for long");
	else if (k->holder != 0)
		say(l, LK_HEALTH_PART_holders, LK_HEALTH_WARN, k->n_stuck,
		    "owner %llu has \"%s\", for which owner %llu has waited for %s",
		    (unsigned long long)k->holder, name, (unsigned long long)k->waiter, text);
	else
		say(l, LK_HEALTH_PART_holders, LK_HEALTH_WARN, k->n_stuck,
		    "another process has \"%s\", for which owner %llu has waited for %s", name,
		    (unsigned long long)k->waiter, text);
}

static int
look_at_lines(struct look *l)
{
	struct env *env = &l->m->env;
	struct lines *k = env_zalloc(env, sizeof(*k), sizeof(uint64_t));
	int rc;

	if (k == NULL)
		return LK_E_NOMEM;
	k->stuck_ns = l->out->stuck_ns;
	rc = lk_snapshot(l->m, add_waiter, k);
	if (rc == 0 && k->n_stuck != 0)
		rc = lk_snapshot(l->m, find_holder, k);
	if (rc >= 0)
		say_lines(l, k);
	env_free(env, k, sizeof(*k));
	return rc < 0 ? rc : 0;
}

/* ---------------------------------------------------------------------------- the call */

int
lk_health(struct lk_manager *m, struct lk_health *out)
{
	struct lk_health h = { .status = LK_HEALTH_OK, .slow_ns = SLOW_NS, .stuck_ns = STUCK_NS };
	struct look l = { m, &h };
	int rc = check_reading(m, out, sizeof(h));

	if (rc != 0)
		return rc;
	if (out->size >= offsetof(struct lk_health, part) && out->slow_ns != 0)
		h.slow_ns = out->slow_ns;
	if (out->size >= offsetof(struct lk_health, part) && out->stuck_ns != 0)
		h.stuck_ns = out->stuck_ns;
	look_at_manager(&l);
	look_at_clock(&l);
	look_at_service(&l);
	if (m->remote != NULL)
		rc = look_abroad(&l);
	else
		say_there_is_no_store(&l);
	if (rc == 0)
		rc = look_at_lines(&l);
	if (rc == 0)
		copy_struct(out, &h, sizeof(h));
	return rc;
}

const char *
lk_healthname(uint32_t status)
{
	static const char *const names[] = { "?", "ok", "warn", "bad" };

	return status < sizeof(names) / sizeof(names[0]) ? names[status] : "?";
}

const char *
lk_healthpartname(uint32_t part)
{
	static const char *const names[] = {
#define NAME(name, text) #name,
		LK_HEALTH_LIST(NAME)
#undef NAME
	};

	return part < LK_HEALTH_PARTS ? names[part] : "?";
}
