/* SPDX-License-Identifier: MIT */
/* The table on the terminal, and the goals below it. */
#include <stdio.h>
#include <string.h>

#include "machine.h"
#include "place.h"
#include "table.h"

/* Whoever looks for them in the tables shall know why they are not there. */
static void
put_missing(void)
{
	unsigned n = 0;

	for (size_t i = 0; contestant_names[i] != NULL; i++)
		if (contestants[i] == NULL)
			printf("%s%s", n++ == 0 ? "not built in (make bench-deps): " : ", ",
			       contestant_names[i]);
	if (n > 0)
		printf("\n");
}

void
table_head(const struct settings *s)
{
	struct machine m;

	machine_look(&m);
	printf("latchkey %s%s%s, compiled by %s, %s\n", lk_version(),
	       s->commit != NULL ? " at " : "", s->commit != NULL ? s->commit : "",
	       machine_compiler(), machine_flags());
	printf("%s, %s %s\n", m.cpu, m.system, m.kernel);
	printf("%u rounds, with a sample of %.0f ms each; nanoseconds for each operation, of all "
	       "threads together\n",
	       s->n_samples, s->sample_ns / 1e6);
	printf("processors:");
	for (unsigned i = 0; i < s->n_cpus; i++)
		printf(" %d", s->cpu[i]);
	printf("; threads, and processes with all their threads, are pinned to them in "
	       "turn, where nothing else is said\n");
	put_missing();
	if (s->is_quick)
		printf("a quick run, to see that it runs: the figures mean little\n");
	if (machine_is_sanitized())
		printf("built with a sanitizer: the figures mean nothing\n");
}

/* ------------------------------------------------------------------------ cases */

/* Where the processes of the case run: what a hand-over costs is a matter of that. */
static void
put_processes(const struct bench_case *b, const struct settings *s)
{
	for (unsigned i = 0; i < b->n_lanes; i++)
		printf("%sprocess %u on processor %d", i == 0 ? "  " : ", ", i,
		       affinity_of_lane(b->affinity, s, i));
	if (b->n_threads > 1)
		printf(", each with %u threads", b->n_threads);
	printf("\n");
}

static void
put_affinity(const struct bench_case *b, const struct settings *s)
{
	char text[96];

	affinity_say(b->affinity, s, text, sizeof(text));
	printf("  %s\n", text);
}

static void
case_head(const struct bench_case *b, const struct settings *s)
{
	printf("\n%s: %s\n", b->name, b->what);
	if (b->realm != REALM_MEMORY)
		printf("  files in %s\n", place_medium());
	if (b->in_processes)
		put_processes(b, s);
	if (b->affinity != AFFINITY_IN_TURN)
		put_affinity(b, s);
	printf("  %-22s %10s %10s %8s", case_unit(b), "median", "min", "iqr");
	if (b->n_lanes > 1)
		printf(" %8s %8s", "slowest", "Jain");
	if (b->hist_modes != 0)
		printf(" %9s %9s %9s", "p50", b->in_processes ? "p99" : "p99.9", "longest");
	if (b->loop == LOOP_HOLD)
		printf(" %8s", "bytes");
	printf("\n");
}

/* A wait in the unit that suits it. */
static void
put_wait(double ns)
{
	if (ns < 1e4)
		printf(" %6.0f ns", ns);
	else if (ns < 1e7)
		printf(" %6.0f us", ns / 1e3);
	else
		printf(" %6.0f ms", ns / 1e6);
}

static void
case_line(const struct result *r)
{
	const struct bench_case *b = r->bench_case;

	printf("  %-22s %10.2f %10.2f %8.2f", r->contestant->name, r->median, r->min,
	       r->quartile[1] - r->quartile[0]);
	if (b->n_lanes > 1)
		printf(" %8.2f %8.2f", r->slowest, r->jain);
	if (r->hist != NULL) {
		put_wait(result_wait(r, 0.5));
		put_wait(result_wait(r, b->in_processes ? 0.99 : 0.999));
		put_wait(result_wait(r, 1));
	}
	if (b->loop == LOOP_HOLD)
		printf(" %8.0f", r->held_bytes);
	printf("\n");
}

void
table_case(const struct results *rs, size_t first, const struct settings *s)
{
	if (first < rs->n)
		case_head(rs->result[first].bench_case, s);
	for (size_t i = first; i < rs->n; i++)
		case_line(&rs->result[i]);
	fflush(stdout);
}

/* ------------------------------------------------------------------------ goals */

/* Text in a column of `width` characters, some of which may have more than one byte. */
static void
put_column(const char *text, int width)
{
	int n = 0;

	for (const char *at = text; *at != '\0'; at++)
		n += (*at & 0xc0) != 0x80;
	printf("%s%*s", text, n < width ? width - n : 0, "");
}

/* What of the goal is possible at all, on this machine. */
static void
put_limits(struct verdict v)
{
	if (v.own_lines.n > 0)
		printf("  (two that share nothing against one: %.2fx)", v.own_lines.median);
	if (v.floor.n > 0)
		printf("  (the floor has %.2fx)", v.floor.median);
}

/* One figure of all rounds has no spread. */
static void
put_measured(struct spread m, double scale)
{
	if (m.n > 1)
		printf(" %8.2f %6.2f %2u/%-2u", m.median / scale,
		       (m.quartile[1] - m.quartile[0]) / scale, m.n_calm, m.n_rounds);
	else
		printf(" %8.2f %6s %5s", m.median / scale, "-", "-");
}

static void
goal_line(const struct bench_goal *g, struct verdict v)
{
	bool is_time = g->figure == FIGURE_NS || g->figure == FIGURE_THREAD_NS ||
		       g->figure == FIGURE_P50 || g->figure == FIGURE_P99 ||
		       g->figure == FIGURE_P999 || g->figure == FIGURE_MAX;
	double scale = g->theirs == NULL && is_time ? 1e3 : 1;
	const char *unit = g->theirs != NULL ? "x" : is_time ? "us" : "";
	const char *other = g->theirs != NULL ? g->contestant : "";

	if (g->theirs != NULL && strcmp(other, goal_mine(g)) == 0)
		other = "itself";
	printf("  ");
	put_column(g->what, 52);
	put_column(other, 18);
	put_measured(v.measured, scale);
	printf(" %s %7.2f%-3s %s", g->at_least ? ">=" : "<=", g->limit / scale, unit,
	       v.is_reached ? "reached" : "NOT REACHED");
	if (v.measured.n > v.measured.n_calm && v.measured.n > 1)
		printf("  (not calm: all rounds counted)");
	put_limits(v);
	printf("\n");
}

void
table_goals(const struct results *rs)
{
	unsigned n_reached = 0;
	unsigned n_measured = 0;
	unsigned n = 0;

	printf("\n  %-52s%-18s %8s %6s %-5s    %s\n", "goal", "against", "measured", "iqr", "calm",
	       "to reach");
	for (const struct bench_goal *g = bench_goals; g->what != NULL; g++) {
		struct verdict v = goal_judge(g, rs);

		n++;
		n_measured += v.is_measured;
		n_reached += v.is_reached;
		if (v.is_measured)
			goal_line(g, v);
	}
	printf("%u of %u goals measured, %u reached\n", n_measured, n, n_reached);
}

/* How it was with the machine meanwhile. */
void
table_machine(const struct results *rs)
{
	unsigned long n_retaken = 0, n_calm = 0, n = 0;

	for (size_t i = 0; i < rs->n; i++) {
		const struct result *r = &rs->result[i];

		n_retaken += r->n_retaken;
		for (unsigned k = 0; k < r->n_samples; k++) {
			n += r->pace[k] > 0;
			n_calm += r->pace[k] > 0 && result_is_calm(rs, r, k);
		}
	}
	if (n > 0)
		printf("the processors had their pace in %lu of %lu samples; %lu were taken again, "
		       "as one was "
		       "lent to others meanwhile\n",
		       n_calm, n, n_retaken);
}

/* --------------------------------------------------------------------- the rest */

void
table_privileges(const struct settings *s, struct privileges p)
{
	printf("threads %s, at %s priority\n", p.pinned ? "pinned" : "NOT PINNED (not permitted)",
	       p.fifo ? "real-time" : "normal");
	if (s->want_fifo && !p.fifo)
		printf("(SCHED_FIFO is not permitted here: expect more spread)\n");
}

void
table_progress(const struct settings *s, const char *text, unsigned done, unsigned all)
{
	if (s->shows_progress)
		fprintf(stderr, "\r\033[K[%u/%u] %s", done + 1, all, text);
}

void
table_progress_end(const struct settings *s)
{
	if (s->shows_progress)
		fprintf(stderr, "\r\033[K");
}
