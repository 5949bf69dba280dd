/* SPDX-License-Identifier: MIT */
/* What must be true of any schedule. */
#include "play.h"

#include <stdarg.h>
#include <string.h>

bool
watch_fail(struct watch *w, const char *format, ...)
{
	va_list args;

	w->good = false;
	fputs("FAILED: ", w->out);
	va_start(args, format);
	vfprintf(w->out, format, args);
	va_end(args);
	fputc('\n', w->out);
	return false;
}

void
watch_begin(struct watch *w, struct stage *t, FILE *out)
{
	w->t = t;
	w->out = out;
	w->since = t->now;
	w->victims = 0;
	w->good = true;
	stage_graph(t, &w->graph);
}

static const char *
label_of(const struct watch *w, int step)
{
	return w->t->spec->step[step].label;
}

static int
session_of(const struct watch *w, int step)
{
	return w->t->spec->step[step].session;
}

/* Who is in a call waits in a line, and nobody else does. */
static void
check_waiters(struct watch *w)
{
	const uint64_t waiting = w->graph.waiting;

	for (int i = 0; i < w->t->spec->n_sessions; i++) {
		const bool waits = (waiting >> i & 1) != 0;

		if (!w->t->session[i].is_outside && waits != stage_is_busy(w->t, i))
			watch_fail(w, "%s %s, but lk_snapshot() says otherwise",
				   w->t->spec->session[i].name, waits ? "is done" : "waits");
	}
	if (!graph_is_exclusive(&w->graph))
		watch_fail(w, "two owners hold a name in modes that conflict");
}

static void
check_victim(struct watch *w, const struct graph *before, int step)
{
	const int i = session_of(w, step);
	struct graph all = *before;

	/* whoever began to wait just now may have closed the ring */
	for (int k = 0; k < GRAPH_OWNERS; k++)
		all.edge[k] |= w->graph.edge[k];
	if (w->t->spec->step[step].verb == SPEC_OUTSIDE_BEGIN)
		graph_add(&all, i, w->t->spec->step[step].other_session);
	graph_close(&all);
	if (!graph_in_ring(&all, i))
		watch_fail(w, "%s ended with LK_E_DEADLOCK, but was in no ring", label_of(w, step));
	if (w->t->session[i].is_outside)
		watch_fail(w, "%s was the victim, but waits outside", label_of(w, step));
}

static void
check_conversion(struct watch *w, const struct graph *before, int step)
{
	const struct spec_step *s = &w->t->spec->step[step];

	if (s->verb != SPEC_MANY && strchr(s->name[0], '/') == NULL &&
	    !graph_conversions_meet(before, s->session, s->name[0],
				    s->verb == SPEC_UPGRADE ? LK_X : s->mode[0]))
		watch_fail(w, "%s: no other conversion is in the way", s->label);
}

static unsigned
check_results(struct watch *w, const struct graph *before, const struct spec_result *result,
	      unsigned n)
{
	unsigned victims = 0;

	for (unsigned i = 0; i < n; i++) {
		if (result[i].outcome == LK_E_DEADLOCK) {
			check_victim(w, before, result[i].step);
			victims++;
		} else if (result[i].outcome == LK_E_CONVERSION_DEADLOCK) {
			check_conversion(w, before, result[i].step);
		}
	}
	w->victims += victims;
	return victims;
}

/* Its step began: its own result comes first. */
static void
own_first(struct spec_result *result, unsigned n, int own)
{
	for (unsigned i = 1; i < n; i++) {
		const struct spec_result r = result[i];

		if (r.step != own)
			continue;
		memmove(&result[1], &result[0], i * sizeof(r));
		result[0] = r;
	}
}

unsigned
watch_step(struct watch *w, const struct spec_step *step, struct spec_result result[SPEC_RESULTS])
{
	const int own = (int)(step - w->t->spec->step);
	struct graph before = w->graph;
	unsigned n = 0;

	stage_begin(w->t, step);
	w->since = w->t->now;
	n = stage_results(w->t, result);
	if (stage_is_busy(w->t, step->session))
		result[n++] = (struct spec_result){ own, SPEC_WAITS };
	own_first(result, n, own);
	stage_graph(w->t, &w->graph);
	check_waiters(w);
	check_results(w, &before, result, n);
	return n;
}

static void
check_rings(struct watch *w, int before, unsigned victims, bool others)
{
	const int after = graph_rings(&w->graph);

	if (after != 0 && w->t->delay_ns != LK_OFF && w->t->now >= w->since + w->t->delay_ns)
		watch_fail(w, "a ring is left");
	if (before >= 0 && after >= 0 && !others && (int)victims != before - after)
		watch_fail(w, "%d rings became %d with %u victims", before, after, victims);
}

/* Did a request end by itself, and perhaps a ring with it? */
static bool
any_by_itself(const struct spec_result *result, unsigned n)
{
	bool any = false;

	for (unsigned i = 0; i < n; i++)
		any |= result[i].outcome != 0 && result[i].outcome != LK_E_DEADLOCK;
	return any;
}

unsigned
watch_pass(struct watch *w, uint64_t ns, struct spec_result result[SPEC_RESULTS])
{
	const uint64_t end = w->t->now + ns;
	const int rings = graph_rings(&w->graph);
	unsigned n = 0, victims = 0;
	bool more;

	do {
		struct graph before = w->graph;
		unsigned k;

		more = stage_pass(w->t, end);
		k = stage_results(w->t, &result[n]);
		stage_graph(w->t, &w->graph);
		check_waiters(w);
		victims += check_results(w, &before, &result[n], k);
		n += k;
	} while (more);
	check_rings(w, rings, victims, any_by_itself(result, n));
	return n;
}
