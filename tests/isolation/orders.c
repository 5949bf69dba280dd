/* SPDX-License-Identifier: MIT */
/* Orders of steps with what is expected of each; and all orders, of which nothing is but what is watched. */
#include "play.h"

#include <string.h>

/* ---------------------------------------------------------------- one order */

static bool
has_result(const struct spec_result *in, unsigned n, struct spec_result r)
{
	for (unsigned i = 0; i < n; i++) {
		if (in[i].step == r.step && in[i].outcome == r.outcome)
			return true;
	}
	return false;
}

/* The same, in whatever order. */
static bool
is_expected(const struct spec_line *line, const struct spec_result *result, unsigned n)
{
	for (unsigned i = 0; i < line->n_results; i++) {
		if (!has_result(result, n, line->result[i]))
			return false;
	}
	return n == line->n_results;
}

static void
play_count(struct watch *w, const struct spec_line *line)
{
	struct lk_stats stats = { .size = sizeof(stats) };
	uint64_t value;

	spec_print(w->t->spec, line, NULL, 0, w->out);
	fputc('\n', w->out);
	if (lk_stats(w->t->m, &stats) != 0) {
		watch_fail(w, "lk_stats");
		return;
	}
	value = spec_counter(&stats, line->counter);
	if (value != line->value)
		watch_fail(w, "line %u: the count is %llu", line->at, (unsigned long long)value);
}

static bool
may_begin(struct watch *w, const struct spec_line *line)
{
	const struct spec_step *step = &w->t->spec->step[line->step];
	const bool about_itself = step->verb == SPEC_CANCEL;

	if (stage_is_busy(w->t, step->session))
		return watch_fail(w, "line %u: %s while its session waits", line->at, step->label);
	if ((w->t->session[step->session].lk == NULL) != (step->verb == SPEC_OPEN))
		return watch_fail(w, "line %u: %s is not open, or open already", line->at,
				  w->t->spec->session[step->session].name);
	return !about_itself || w->t->session[step->other_session].lk != NULL;
}

static void
play_line(struct watch *w, const struct spec_line *line)
{
	struct spec_result result[2 * SPEC_RESULTS];
	unsigned n;

	if (line->kind == SPEC_COUNT) {
		play_count(w, line);
		return;
	}
	if (line->kind == SPEC_STEP && !may_begin(w, line))
		return;
	n = line->kind == SPEC_STEP ? watch_step(w, &w->t->spec->step[line->step], result)
				    : watch_pass(w, line->ns, result);
	spec_print(w->t->spec, line, result, n, w->out);
	fputc('\n', w->out);
	if (is_expected(line, result, n))
		return;
	watch_fail(w, "line %u should be", line->at);
	spec_print(w->t->spec, line, line->result, line->n_results, w->out);
	fputc('\n', w->out);
}

/* -------------------------------------------------------- what is remembered */

static int
show_deadlock(void *arg, const struct lk_deadlock *d)
{
	struct watch *w = arg;

	if (d->kept != d->n || d->victim >= d->kept ||
	    (d->member[d->victim].flags & LK_VICTIM) == 0)
		watch_fail(w, "what is remembered of the ring is not right");
	return graph_show_deadlock(w->out, d);
}

static void
check_end(struct watch *w)
{
	struct lk_stats stats = { .size = sizeof(stats) };

	for (int i = 0; i < w->t->spec->n_sessions; i++) {
		if (!stage_is_busy(w->t, i))
			continue;
		watch_fail(w, "%s waits at the end", w->t->spec->session[i].name);
		(void)lk_owner_cancel(w->t->session[i].lk);
	}
	stage_pass(w->t, w->t->now);
	if (lk_deadlock_each(w->t->m, show_deadlock, w) != 0)
		watch_fail(w, "lk_deadlock_each");
	if (lk_stats(w->t->m, &stats) != 0 || stats.deadlocks > w->victims)
		watch_fail(w, "%llu deadlocks are counted, but there were %u victims",
			   (unsigned long long)stats.deadlocks, w->victims);
}

static bool
play_order(struct stage *stage, const struct spec *spec, const struct spec_order *order, FILE *out)
{
	struct watch w;

	fputs("order\n", out);
	if (!stage_open(stage, spec))
		return false;
	watch_begin(&w, stage, out);
	for (unsigned i = 0; i < order->n && w.good; i++)
		play_line(&w, &order->line[i]);
	check_end(&w);
	if (!stage_close(stage))
		watch_fail(&w, "something is left");
	return w.good;
}

bool
play_orders(const struct spec *spec, FILE *out)
{
	struct stage stage = { .spec = NULL };
	bool good = true;

	for (int i = 0; i < spec->n_orders; i++)
		good = play_order(&stage, spec, &spec->order[i], out) && good;
	stage_free(&stage);
	return good;
}
