/* SPDX-License-Identifier: MIT */
/* latchkey-bench: what a lock costs, beside what others cost in the same run. */
#define _GNU_SOURCE 1
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "place.h"
#include "run.h"
#include "table.h"

#define N_NAMES_QUICK 16000 /* a multiple of every batch */

static const char usage[] =
	"usage: latchkey-bench [--filter TEXT] [--contestant NAME,…] [--quick] [--json FILE]\n"
	"Measure what a lock costs, interleaved with what others cost, and compare with what is to "
	"be reached.\n"
	"  -f, --filter TEXT      only the cases with TEXT in their name, and what goals compare "
	"them "
	"with\n"
	"  -c, --contestant LIST  only these contestants beside Latchkey, with commas between "
	"them\n"
	"  -l, --list             name the cases and contestants, measure nothing\n"
	"  -q, --quick            few, short samples, few names, normal priority: does it run at "
	"all?\n"
	"  -r, --repeat N         rounds, in each of which all are sampled once, at least 3 (25); "
	"some "
	"cases have fewer\n"
	"  -m, --ms N             milliseconds of a sample (5)\n"
	"  -n, --normal           do not ask for real-time priority\n"
	"  -j, --json FILE        write all figures there\n"
	"      --require NAME     fail if this contestant is not built in; \"all\": if any is not\n"
	"      --commit TEXT      kept in the JSON: what was measured\n"
	"      --note TEXT        kept in the JSON: why\n"
	"  -h, --help             this text\n"
	"Exit status: 0 measured, 1 something failed, 2 usage.  No figure makes it fail.\n";

void
bench_die(const char *what, const char *why)
{
	fflush(stdout);
	fprintf(stderr, "latchkey-bench: %s: %s\n", what, why);
	place_remove();
	_exit(1); /* other threads may be in the middle of anything */
}

static void
misused(const char *what, const char *why)
{
	fprintf(stderr, "latchkey-bench: %s: %s\n%s", what, why, usage);
	exit(2);
}

/* --------------------------------------------------------------------- contestants */

/* The number of a contestant by its symbol, or by the name it is shown by; or -1. */
static int
contestant_find(const char *name, size_t len)
{
	for (int i = 0; contestant_names[i] != NULL; i++) {
		const char *symbol = contestant_names[i];
		const char *shown = contestants[i] != NULL ? contestants[i]->name : symbol;

		if ((strlen(symbol) == len && strncmp(symbol, name, len) == 0) ||
		    (strlen(shown) == len && strncmp(shown, name, len) == 0))
			return i;
	}
	return -1;
}

static void
require(const char *name)
{
	bool all = strcmp(name, "all") == 0;

	if (!all && contestant_find(name, strlen(name)) < 0)
		misused(name, "there is no such contestant; see --list");
	for (int i = 0; contestant_names[i] != NULL; i++)
		if (contestants[i] == NULL && (all || strcmp(contestant_names[i], name) == 0))
			bench_die(contestant_names[i],
				  "is not built in; `make bench-deps` installs what it needs");
}

/* All that are named must be there: a misspelt name would measure nobody. */
static void
check_listed(const char *list)
{
	for (const char *at = list; *at != '\0'; at += *at == ',') {
		size_t len = strcspn(at, ",");
		int i = contestant_find(at, len);

		if (i < 0)
			misused(list, "there is no such contestant; see --list");
		if (contestants[i] == NULL)
			bench_die(list,
				  "is not built in; `make bench-deps` installs what it needs");
		at += len;
	}
}

static void
list(const struct settings *s)
{
	printf("Cases, and who takes part in them:\n");
	for (const struct bench_case *b = bench_cases; b->name != NULL; b++) {
		printf("\n%s: %s%s\n   ", b->name, b->what,
		       b->is_large ? "  (only if asked for by its whole name)" : "");
		for (size_t i = 0; contestant_names[i] != NULL; i++)
			if (run_takes_part(contestants[i], b, s))
				printf(" %s", contestants[i]->name);
		printf("\n");
	}
	printf("\nContestants:\n\n");
	for (size_t i = 0; contestant_names[i] != NULL; i++)
		if (contestants[i] != NULL)
			printf("%-20s by %-6s  %s\n", contestants[i]->name,
			       contestants[i]->by == BY_NAME ? "name" : "handle",
			       contestants[i]->what);
		else
			printf("%-20s not built in: make bench-deps\n", contestant_names[i]);
}

/* ------------------------------------------------------------------------- options */

/* The first processors that this process may use. */
static void
find_cpus(struct settings *s)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		bench_die("processors", "cannot be listed");
	for (int i = 0; i < CPU_SETSIZE && s->n_cpus < 2; i++)
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
	s->is_quick = true;
	s->n_samples = 3;
	s->n_latency_samples = 1;
	s->sample_ns = 1e6;
	s->n_names_most = N_NAMES_QUICK;
	s->want_fifo = false;
}

/* Do what one option says; false: there is no such option. */
static bool
read_option(int c, struct settings *s)
{
	switch (c) {
	case 'f':
		s->filter = optarg;
		return true;
	case 'c':
		check_listed(optarg);
		s->contestant = optarg;
		return true;
	case 'q':
		be_quick(s);
		return true;
	case 'r':
		s->n_samples = number(optarg, 3, 10000);
		return true;
	case 'm':
		s->sample_ns = number(optarg, 1, 10000) * 1e6;
		return true;
	case 'n':
		s->want_fifo = false;
		return true;
	case 'j':
		s->json = optarg;
		return true;
	case 'R':
		require(optarg);
		return true;
	case 'C':
		s->commit = *optarg != '\0' ? optarg : NULL;
		return true;
	case 'N':
		s->note = optarg;
		return true;
	default:
		return false;
	}
}

static void
read_options(int argc, char **argv, struct settings *s)
{
	static const struct option options[] = {
		{ "filter", required_argument, NULL, 'f' },
		{ "contestant", required_argument, NULL, 'c' },
		{ "list", no_argument, NULL, 'l' },
		{ "quick", no_argument, NULL, 'q' },
		{ "repeat", required_argument, NULL, 'r' },
		{ "ms", required_argument, NULL, 'm' },
		{ "normal", no_argument, NULL, 'n' },
		{ "json", required_argument, NULL, 'j' },
		{ "require", required_argument, NULL, 'R' },
		{ "commit", required_argument, NULL, 'C' },
		{ "note", required_argument, NULL, 'N' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	bool wants_list = false;
	int c;

	while ((c = getopt_long(argc, argv, "f:c:lqr:m:nj:h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			exit(0);
		}
		wants_list = wants_list || c == 'l';
		if (c != 'l' && !read_option(c, s)) {
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (optind != argc)
		misused(argv[optind], "is not an option");
	if (wants_list) {
		list(s);
		exit(0);
	}
}

/* --held-child CASE CONTESTANT N PRIORITY: not for people, see held.c. */
static int
be_held_child(char **argv, struct settings *s)
{
	const struct bench_case *b = case_find(argv[2]);

	s->want_fifo = strcmp(argv[5], "fifo") == 0;
	for (size_t i = 0; b != NULL && contestant_names[i] != NULL; i++) {
		if (!case_suits(b, contestants[i]) || strcmp(contestants[i]->name, argv[3]) != 0)
			continue;
		held_child(contestants[i], b, strtoul(argv[4], NULL, 10), s);
		return 0;
	}
	misused(argv[2], "is no case that holds locks");
	return 2;
}

/* --process-child CASE CONTESTANT LANE FD FOLDER PRIORITY: the same, see processes.c. */
static int
be_process_child(char **argv, struct settings *s)
{
	const struct bench_case *b = case_find(argv[2]);

	s->want_fifo = strcmp(argv[7], "favored") == 0;
	place_use(argv[6]);
	for (size_t i = 0; b != NULL && contestant_names[i] != NULL; i++) {
		if (!case_suits(b, contestants[i]) || strcmp(contestants[i]->name, argv[3]) != 0)
			continue;
		process_child(contestants[i], b, (unsigned)strtoul(argv[4], NULL, 10),
			      (int)strtol(argv[5], NULL, 10), s);
		return 0;
	}
	misused(argv[2], "is no case of processes");
	return 2;
}

int
main(int argc, char **argv)
{
	struct settings s = {
		.n_samples = 25,
		.n_latency_samples = 11,
		.sample_ns = 5e6,
		.n_names_most = SIZE_MAX,
		.want_fifo = true,
		.shows_progress = isatty(STDERR_FILENO) == 1,
	};
	struct privileges p = { .pinned = true, .fifo = true };
	struct results rs = { 0 };

	find_cpus(&s);
	if (argc == 6 && strcmp(argv[1], "--held-child") == 0)
		return be_held_child(argv, &s);
	if (argc == 8 && strcmp(argv[1], "--process-child") == 0)
		return be_process_child(argv, &s);
	read_options(argc, argv, &s);
	s.tick_ns = clock_tick_ns();
	s.step_ns = clock_step_ns();
	table_head(&s);
	run_all(&s, &rs, &p);
	if (rs.n == 0)
		bench_die("filter", "no case was run; see --list");
	table_goals(&rs);
	printf("\n");
	table_machine(&rs);
	table_privileges(&s, p);
	if (s.json != NULL)
		json_write(&rs, &s, p);
	results_fini(&rs);
	place_remove();
	return 0;
}
