/* SPDX-License-Identifier: MIT */
/* Events on their way to the ring, the hook and the log.  (N1, N2) */
#include "core/manager.h"

#include "base/guest.h"
#include "core/tell.h"

enum { LINE_ROOM = 1024 };

/* A log's kinds: at every level those that may matter so much. */
static uint32_t
kinds_of_level(enum lk_log_level level, uint32_t kinds)
{
	uint32_t all = 0;

	if (level >= LK_LOG_ERROR)
		all |= LK_EVENT_DEADLOCK | LK_EVENT_REFUSED;
	if (level >= LK_LOG_WARN)
		all |= LK_EVENT_ORDER | LK_EVENT_EXPIRE;
	if (level >= LK_LOG_DEBUG)
		all |= LK_EVENTS_SLOW | kinds;
	return all;
}

void
tracer_set(struct tracer *t, uint64_t events, uint64_t log_level)
{
	uint32_t level = t->log != NULL && log_level != LK_OFF ? (uint32_t)log_level : 0;
	uint32_t kinds = events != LK_OFF ? (uint32_t)events : 0;
	uint32_t logged;

	kinds = t->order != NULL ? kinds | LK_EVENT_ORDER : kinds & ~LK_EVENT_ORDER;
	logged = kinds_of_level((enum lk_log_level)level, kinds);
	if (t->ring.n == 0 && t->hook == NULL)
		kinds = 0; /* nobody to tell */
	shim_store(&t->level, level, SHIM_RELAXED);
	shim_store(&t->logged, logged, SHIM_RELAXED);
	shim_store(&t->kinds, kinds, SHIM_RELAXED);
	shim_store(&t->wanted, kinds | logged, SHIM_RELAXED);
}

bool
tracer_init(struct tracer *t, struct env *env, const struct settings *s, bool order)
{
	t->env = env;
	t->hook = s->on_event;
	t->hook_arg = s->on_event_arg;
	t->log = s->on_log;
	t->log_arg = s->on_log_arg;
	ring_init(&t->ring, env, s->event_ring != LK_OFF ? s->event_ring : 0);
	if (order) {
		t->order = order_create(env);
		if (t->order == NULL)
			return false;
	}
	shim_init(&t->level, 0u);
	shim_init(&t->logged, 0u);
	shim_init(&t->kinds, 0u);
	shim_init(&t->wanted, 0u);
	tracer_set(t, s->events, s->log_level);
	/* A release makes no entries. */
	if ((shim_load(&t->kinds, SHIM_RELAXED) & EVENTS_NOTED) != 0 && !ring_prepare(&t->ring)) {
		tracer_fini(t);
		return false;
	}
	return true;
}

void
tracer_fini(struct tracer *t)
{
	order_destroy(t->order);
	ring_fini(&t->ring);
}

bool
tracer_notes(const struct tracer *t)
{
	return (shim_load(&t->wanted, SHIM_RELAXED) & EVENTS_NOTED) != 0 || t->order != NULL;
}

/* A line, cut off where it does not fit. */
struct line {
	size_t n;
	char text[LINE_ROOM];
};

static int
add_to_line(void *arg, const char *text, size_t len)
{
	struct line *l = arg;
	size_t room = sizeof(l->text) - 1 - l->n;

	if (len > room)
		len = room;
	memcpy(l->text + l->n, text, len);
	l->n += len;
	l->text[l->n] = '\0';
	return 0;
}

/* What went wrong comes with what to do about it. */
static void
log_event(struct tracer *t, const struct lk_event *e)
{
	enum lk_log_level level = tell_level(e);
	struct line l = { 0 };
	struct out o;

	out_begin(&o, add_to_line, &l);
	tell_event(&o, e);
	if (e->code != 0 && level <= LK_LOG_WARN)
		out_format(&o, ": %s", lk_advice(e->code));
	(void)out_end(&o);
	t->log(t->log_arg, level, l.text);
}

void
tracer_say(struct tracer *t, enum lk_log_level level, const char *line)
{
	struct guest g;

	if (likely(level > tracer_level(t)))
		return;
	guest_enter(&g);
	t->log(t->log_arg, level, line);
	guest_leave(&g);
}

void
tracer_say_ring(struct tracer *t, const struct lk_deadlock *d)
{
	struct line l = { 0 };
	struct out o;

	out_begin(&o, add_to_line, &l);
	tell_ring(&o, d);
	(void)out_end(&o);
	tracer_say(t, LK_LOG_ERROR, l.text);
}

void
tracer_record(struct tracer *t, struct lk_event *e)
{
	if (e->at_ns == 0)
		e->at_ns = env_now(t->env);
	if ((shim_load(&t->kinds, SHIM_RELAXED) & e->kind) != 0)
		ring_put(&t->ring, e);
}

int
tracer_call(struct tracer *t, const struct lk_event *e, bool quiet)
{
	const bool logs = (shim_load(&t->logged, SHIM_RELAXED) & e->kind) != 0 &&
			  tell_level(e) <= tracer_level(t);
	struct guest g;
	int rc = 0;

	if (quiet)
		return 0;
	guest_enter(&g);
	if (t->hook != NULL && (shim_load(&t->kinds, SHIM_RELAXED) & e->kind) != 0)
		rc = t->hook(t->hook_arg, e);
	if (logs)
		log_event(t, e);
	guest_leave(&g);
	return rc;
}

int
tracer_tell(struct tracer *t, struct lk_event *e, bool quiet)
{
	tracer_record(t, e);
	return tracer_call(t, e, quiet);
}
