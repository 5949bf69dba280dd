/* SPDX-License-Identifier: MIT */
/* latchkey-bench: what a lock costs, beside what others cost in the same run. */
#define _GNU_SOURCE 1
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

#define N_ENTRANTS_MAX 16 /* contestants in one case */

static const char usage[] =
	"usage: latchkey-bench [--filter TEXT] [--quick] [--json FILE] [--note TEXT]\n"
	"Measure what a lock costs, interleaved with what others cost, and print ratios.\n"
	"  -f, --filter TEXT   only the cases with TEXT in their name\n"
	"  -l, --list          name the cases and contestants, measure nothing\n"
	"  -q, --quick         few, short samples at normal priority: does it run at all?\n"
	"  -r, --repeat N      samples of each, at least 3 (11)\n"
	"  -m, --ms N          milliseconds of a sample (20)\n"
	"  -n, --normal        do not ask for real-time priority\n"
	"  -j, --json FILE     write all samples there\n"
	"      --note TEXT     kept in the JSON: a commit, a reason\n"
	"  -h, --help          this text\n"
	"Exit status: 0 measured, 1 something failed, 2 usage.  No figure makes it fail.\n";

void
bench_die(const char *what, const char *why)
{
	fprintf(stderr, "latchkey-bench: %s: %s\n", what, why);
	exit(1);
}

/* ----------------------------------------------------------------------- cases */

static bool
is_wanted(const struct bench_case *b, const struct settings *s)
{
	return s->filter == NULL || strstr(b->name, s->filter) != NULL;
}

static bool
takes_part(const struct contestant *c, const struct bench_case *b)
{
	return c->by == b->by && (c->modes & MODE_BIT(b->mode)) != 0;
}

/* One sample of each in turn, so that what slows the machine for a while slows all. */
static void
measure(struct entrant *e, unsigned n, const struct settings *s)
{
	for (unsigned i = 0; i < s->n_samples; i++)
		for (unsigned k = 0; k < n; k++)
			entrant_measure(&e[(k + i) % n]);
}

/* All contestants of a case.  What the threads were allowed is added to `p`. */
static void
run_case(const struct bench_case *b, const struct settings *s, struct results *rs,
	 struct privileges *p)
{
	static struct entrant entrants[N_ENTRANTS_MAX];
	unsigned n = 0;

	for (size_t i = 0; contestants[i] != NULL; i++) {
		if (!takes_part(contestants[i], b))
			continue;
		if (n == N_ENTRANTS_MAX)
			bench_die(b->name, "has more contestants than there is room for");
		entrant_init(&entrants[n++], contestants[i], b, s);
	}
	measure(entrants, n, s);
	for (unsigned i = 0; i < n; i++) {
		struct privileges mine = entrant_privileges(&entrants[i]);

		p->pinned = p->pinned && mine.pinned;
		p->fifo = p->fifo && mine.fifo;
		results_add(rs, &entrants[i]);
		entrant_fini(&entrants[i]);
	}
}

static void
run_all(const struct settings *s, struct results *rs, struct privileges *p)
{
	for (const struct bench_case *b = bench_cases; b->name != NULL; b++) {
		size_t first = rs->n;

		if (!is_wanted(b, s))
			continue;
		if (b->n_lanes > s->n_cpus) {
			printf("%-22s skipped: it wants %u processors\n", b->name, b->n_lanes);
			continue;
		}
		run_case(b, s, rs, p);
		report_case(rs, first);
	}
}

static void
list(void)
{
	for (const struct bench_case *b = bench_cases; b->name != NULL; b++) {
		printf("%-22s %s:", b->name, b->what);
		for (size_t i = 0; contestants[i] != NULL; i++)
			if (takes_part(contestants[i], b))
				printf(" %s", contestants[i]->name);
		printf("\n");
	}
}

/* --------------------------------------------------------------------- options */

/* The first processors that this process may use. */
static void
find_cpus(struct settings *s)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		bench_die("processors", "cannot be listed");
	for (int i = 0; i < CPU_SETSIZE && s->n_cpus < N_LANES_MAX; i++)
		if (CPU_ISSET((size_t)i, &set))
			s->cpu[s->n_cpus++] = i;
}

static unsigned
number(const char *text, unsigned lowest, unsigned highest)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || n < lowest || n > highest) {
		fprintf(stderr, "latchkey-bench: %s is not a number from %u to %u\n%s", text,
			lowest, highest, usage);
		exit(2);
	}
	return (unsigned)n;
}

static void
be_quick(struct settings *s)
{
	s->n_samples = 3;
	s->sample_ns = 1e6;
	s->want_fifo = false;
}

/* Do what one option says. */
static void
read_option(int c, struct settings *s)
{
	switch (c) {
	case 'f':
		s->filter = optarg;
		break;
	case 'l':
		list();
		exit(0);
	case 'q':
		be_quick(s);
		break;
	case 'r':
		s->n_samples = number(optarg, 3, 10000);
		break;
	case 'm':
		s->sample_ns = number(optarg, 1, 10000) * 1e6;
		break;
	case 'n':
		s->want_fifo = false;
		break;
	case 'j':
		s->json = optarg;
		break;
	case 'N':
		s->note = optarg;
		break;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	default:
		fputs(usage, stderr);
		exit(2);
	}
}

static void
read_options(int argc, char **argv, struct settings *s)
{
	static const struct option options[] = {
		{ "filter", required_argument, NULL, 'f' },
		{ "list", no_argument, NULL, 'l' },
		{ "quick", no_argument, NULL, 'q' },
		{ "repeat", required_argument, NULL, 'r' },
		{ "ms", required_argument, NULL, 'm' },
		{ "normal", no_argument, NULL, 'n' },
		{ "json", required_argument, NULL, 'j' },
		{ "note", required_argument, NULL, 'N' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "f:lqr:m:nj:h", options, NULL)) != -1)
		read_option(c, s);
	if (optind != argc)
		read_option('?', s);
}

int
main(int argc, char **argv)
{
	struct settings s = { .n_samples = 11, .sample_ns = 20e6, .want_fifo = true };
	struct privileges p = { .pinned = true, .fifo = true };
	struct results rs = { 0 };

	read_options(argc, argv, &s);
	find_cpus(&s);
	report_head(&s);
	report_columns();
	run_all(&s, &rs, &p);
	if (rs.n == 0)
		bench_die("filter", "no case was run; see --list");
	report_ratios(&rs);
	printf("\n");
	report_privileges(&s, p);
	if (s.json != NULL)
		report_json(&rs, &s, p);
	results_fini(&rs);
	return 0;
}
