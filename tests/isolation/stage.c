/* SPDX-License-Identifier: MIT */
/* Sessions: their fibers, their sleep, their calls. */
#include "stage.h"

#include <stdlib.h>
#include <string.h>

enum { TICK_NS = 1000, BEGIN_NS = 1000000000, STANDARD_DELAY_NS = 1000000 };

/* -------------------------------------------------------------- environment */

static uint64_t
stage_now(void *state)
{
	const struct stage *t = state;

	return t->now;
}

static struct session *
session_on(struct stage *t, const struct fiber *f)
{
	return f != NULL ? &t->session[f - t->fiber] : NULL;
}

/* The runner does not sleep: may come back early. */
static void
stage_wait(void *state, const uint32_t *word, uint32_t value, uint64_t deadline)
{
	struct session *s = session_on(state, fiber_current());

	if (s == NULL || *word != value)
		return;
	s->word = word;
	s->until = deadline;
	s->woken = false;
	fiber_sleep();
	s->word = NULL;
}

static void
stage_wake(void *state, const uint32_t *word)
{
	struct stage *t = state;

	for (int i = 0; i < t->spec->n_sessions; i++) {
		if (t->session[i].word == word)
			t->session[i].woken = true;
	}
}

static uint64_t
stage_random(void *state)
{
	(void)state;
	return 4;
}

/* -------------------------------------------------------------------- calls */

static struct lk_options
options_of(const struct spec_step *step)
{
	struct lk_options o = LK_OPTIONS_INIT;

	o.flags = (step->nowait ? LK_NOWAIT : 0) | (step->parents ? LK_PARENTS : 0);
	o.timeout_ns = step->timeout_ns;
	o.priority = step->priority;
	return o;
}

static void
keep(struct session *s, const char *name, lk_grant g)
{
	if (s->n_grants == STAGE_GRANTS)
		abort();
	s->grant[s->n_grants++] = (struct stage_grant){ name, g };
}

/* The newest grant on a name; NULL: none. */
static struct stage_grant *
newest(struct session *s, const char *name)
{
	for (unsigned i = s->n_grants; i-- > 0;) {
		if (strcmp(s->grant[i].name, name) == 0)
			return &s->grant[i];
	}
	return NULL;
}

static lk_grant
newest_grant(struct session *s, const char *name)
{
	const struct stage_grant *g = newest(s, name);

	return g != NULL ? g->grant : 0;
}

static int
call_acquire(struct session *s, const struct spec_step *step, const struct lk_options *o)
{
	lk_grant g;
	int rc = step->verb == SPEC_TRY ? lk_try_acquire(s->lk, step->name[0], step->mode[0], &g)
					: lk_acquire(s->lk, step->name[0], step->mode[0], o, &g);

	if (rc == 0)
		keep(s, step->name[0], g);
	return rc;
}

static int
call_many(struct session *s, const struct spec_step *step, const struct lk_options *o)
{
	struct lk_request r[SPEC_ITEMS];
	lk_grant g[SPEC_ITEMS];
	int rc;

	memset(r, 0, sizeof(r));
	for (unsigned i = 0; i < step->n_items; i++) {
		r[i].name = step->name[i];
		r[i].mode = step->mode[i];
	}
	rc = lk_acquire_many(s->lk, r, step->n_items, o, g);
	for (unsigned i = 0; rc == 0 && i < step->n_items; i++)
		keep(s, step->name[i], g[i]);
	return rc;
}

static int
call_release(struct session *s, const char *name)
{
	struct stage_grant *g = newest(s, name);
	lk_grant grant = g != NULL ? g->grant : 0;

	if (g != NULL) {
		s->n_grants--;
		memmove(g, g + 1, (size_t)(&s->grant[s->n_grants] - g) * sizeof(*g));
	}
	return lk_release(s->lk, grant);
}

static int
call_open(struct session *s, int32_t priority)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;

	o.label = s->stage->spec->session[s->index].name;
	o.priority = priority;
	s->n_grants = 0;
	s->is_outside = false;
	return lk_owner_open(s->stage->m, &o, &s->lk);
}

/* Who waits outside for an owner that ends waits for nobody. */
static void
forget_outside(struct stage *t, int other)
{
	for (int i = 0; i < t->spec->n_sessions; i++) {
		if (t->session[i].is_outside && t->session[i].outside == other)
			t->session[i].outside = -1;
	}
}

static int
call_close(struct session *s)
{
	int rc = lk_owner_close(s->lk);

	forget_outside(s->stage, s->index);
	s->lk = NULL;
	s->n_grants = 0;
	return rc;
}

static int
call_outside(struct session *s, int other)
{
	int rc;

	if (other < 0) {
		s->is_outside = false;
		return lk_external_wait_end(s->lk);
	}
	rc = lk_external_wait_begin(s->lk, s->stage->session[other].lk);
	if (rc == 0) {
		s->is_outside = true;
		s->outside = other;
	}
	return rc;
}

static int
call(struct session *s, const struct spec_step *step)
{
	const struct lk_options o = options_of(step);
	const char *name = step->name[0];

	switch (step->verb) {
	case SPEC_ACQUIRE:
	case SPEC_TRY:
		return call_acquire(s, step, &o);
	case SPEC_MANY:
		return call_many(s, step, &o);
	case SPEC_CONVERT:
		return lk_convert(s->lk, newest_grant(s, name), step->mode[0], &o);
	case SPEC_UPGRADE:
		return lk_upgrade(s->lk, newest_grant(s, name), &o);
	case SPEC_DOWNGRADE:
		return lk_downgrade(s->lk, newest_grant(s, name));
	case SPEC_RELEASE:
		return call_release(s, name);
	case SPEC_RELEASE_ALL:
		s->n_grants = 0;
		return lk_release_all(s->lk);
	case SPEC_CLOSE:
		return call_close(s);
	case SPEC_OPEN:
		return call_open(s, step->priority);
	case SPEC_CANCEL:
		return lk_owner_cancel(s->stage->session[step->other_session].lk);
	case SPEC_OUTSIDE_BEGIN:
		return call_outside(s, step->other_session);
	case SPEC_OUTSIDE_END:
		return call_outside(s, -1);
	case SPEC_VERBS:
		break;
	}
	abort();
}

static void
session_call(void *arg)
{
	struct session *s = arg;

	s->rc = call(s, s->step);
}

/* ------------------------------------------------------------------ quietness */

static bool
is_busy(const struct session *s)
{
	return s->stage->fiber[s->index].busy;
}

/* One after the other, so that it is always the same: the first that can goes on, until nobody can. */
static void
settle(struct stage *t)
{
	int i = 0;

	while (i < t->spec->n_sessions) {
		struct session *s = &t->session[i++];

		if (!is_busy(s) || !(s->woken || t->now >= s->until))
			continue;
		fiber_resume(&t->fiber[s->index]);
		i = 0;
	}
}

void
stage_begin(struct stage *t, const struct spec_step *step)
{
	struct session *s = &t->session[step->session];

	t->now += TICK_NS; /* so that no two requests are of one moment */
	s->step = step;
	fiber_call(&t->fiber[s->index], session_call, s);
	settle(t);
}

/* The next moment at which a session that sleeps goes on by itself. */
static uint64_t
next_moment(struct stage *t)
{
	uint64_t next = UINT64_MAX;

	for (int i = 0; i < t->spec->n_sessions; i++) {
		struct session *s = &t->session[i];

		if (is_busy(s) && s->until < next)
			next = s->until;
	}
	return next;
}

bool
stage_pass(struct stage *t, uint64_t end)
{
	const uint64_t next = next_moment(t);

	t->now = next < end ? next : end;
	settle(t);
	return next <= end;
}

unsigned
stage_results(struct stage *t, struct spec_result result[SPEC_RESULTS])
{
	unsigned n = 0;

	for (int i = 0; i < t->spec->n_sessions; i++) {
		struct session *s = &t->session[i];

		if (s->step == NULL || is_busy(s))
			continue;
		result[n++] = (struct spec_result){ (int)(s->step - t->spec->step), s->rc };
		s->step = NULL;
	}
	return n;
}

bool
stage_is_busy(const struct stage *t, int session)
{
	return t->session[session].step != NULL;
}

bool
stage_give_all(struct session *s)
{
	int rc = s->is_outside ? call_outside(s, -1) : 0;

	s->n_grants = 0;
	return rc == 0 && lk_release_all(s->lk) == 0;
}

/* An owner's label is its session's name. */
static int
owner_of(void *arg, const char *label)
{
	const struct stage *t = arg;

	for (int i = 0; i < t->spec->n_sessions; i++) {
		if (strcmp(t->spec->session[i].name, label) == 0)
			return i;
	}
	return -1;
}

void
stage_graph(struct stage *t, struct graph *g)
{
	if (!graph_read(g, t->m, owner_of, t))
		abort();
	for (int i = 0; i < t->spec->n_sessions; i++) {
		if (t->session[i].is_outside && t->session[i].outside >= 0)
			graph_add(g, i, t->session[i].outside);
	}
	graph_close(g);
}

/* ------------------------------------------------------------- begin and end */

static bool
open_manager(struct stage *t)
{
	const struct lk_environment world = { stage_now, stage_wait, stage_wake, stage_random, t };
	struct lk_config cfg = LK_CONFIG_INIT;
	char report[SPEC_TEXT], url[2 * SPEC_TEXT];

	snprintf(url, sizeof(url), "memory:%s%s", t->spec->settings[0] != '\0' ? "?" : "",
		 t->spec->settings);
	cfg.spin_ns = LK_OFF;
	cfg.lot_buckets = 2;
	cfg.environment = &world;
	cfg.report = report;
	cfg.report_cap = sizeof(report);
	if (lk_open(url, &cfg, &t->m) == 0)
		return true;
	fprintf(stderr, "%s: %s\n", url, report);
	return false;
}

/* When requests look for rings, as the settings say. */
static uint64_t
delay_of(const struct spec *spec)
{
	static const char key[] = "deadlock_delay_ns=";
	const char *at = strstr(spec->settings, key);

	if (at == NULL)
		return STANDARD_DELAY_NS;
	at += sizeof(key) - 1;
	return strncmp(at, "off", 3) == 0 ? LK_OFF : strtoull(at, NULL, 10);
}

static void
open_session(struct stage *t, int i)
{
	struct session *s = &t->session[i];

	*s = (struct session){ .stage = t, .index = i };
	t->now += TICK_NS;
	if (t->fiber[i].stack == NULL && !fiber_init(&t->fiber[i]))
		abort();
	fiber_abandon(&t->fiber[i]);
	if (call_open(s, t->spec->session[i].priority) != 0)
		abort();
}

bool
stage_open(struct stage *t, const struct spec *spec)
{
	t->spec = spec;
	t->now = BEGIN_NS;
	t->delay_ns = delay_of(spec);
	if (!open_manager(t))
		return false;
	for (int i = 0; i < spec->n_sessions; i++)
		open_session(t, i);
	return true;
}

bool
stage_close(struct stage *t)
{
	bool good = true;

	for (int i = 0; i < t->spec->n_sessions; i++) {
		struct session *s = &t->session[i];

		if (s->is_outside)
			good = call_outside(s, -1) == 0 && good;
		if (s->lk != NULL)
			good = lk_owner_close(s->lk) == 0 && good;
	}
	return lk_close(t->m) == 0 && good;
}

void
stage_free(struct stage *t)
{
	for (int i = 0; i < SPEC_SESSIONS; i++) {
		if (t->fiber[i].stack != NULL)
			fiber_fini(&t->fiber[i]);
		t->fiber[i].stack = NULL;
	}
}
