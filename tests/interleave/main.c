/* SPDX-License-Identifier: MIT */
/*
 * interleave - run scripts under every schedule, or many.
 *
 *   interleave [options] SCRIPT...
 *     --bound N      surprises in a schedule, whatever the script says
 *     --seconds N    time for each script's search at random (default: as many as the script says)
 *     --cap N        at most so many schedules of one exhaustive search (0: no limit)
 *     --seed N       where the search at random begins
 *     --replay TEXT  run this one schedule, and show it;  --weak if it is one of the weak model
 *     --sc, --weak   only that model
 *     --quiet        print only failures
 *     --short        no more schedules of an exhaustive search than the script says, if it does
 *     --ways         print which ways there are for covers, and nothing else
 */
#include <stdlib.h>
#include <time.h>

#include "play.h"
#include "search.h"

struct settings_of_run {
	int bound;
	double seconds;
	uint64_t cap;
	uint64_t seed;
	const char *replay;
	bool sc;
	bool weak;
	bool quiet;
	bool is_short;
};

static struct settings_of_run run = {
	.bound = -1, .cap = 200000, .seed = 1, .sc = true, .weak = true
};
static struct script script;
static struct play kept;

static double
seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One schedule from the setup to the end of the manager. */
static enum verdict
run_schedule(void)
{
	region_restore();
	play = kept;
	graph_begin();
	shared_begin();
	abroad_begin();
	if (setjmp(verdict_jump) != 0)
		return verdict;
	sched_run(play_fiber);
	if (verdict == VERDICT_PRUNED)
		search.pruned++;
	if (verdict != VERDICT_OK)
		return verdict;
	play_end();
	play_close();
	return verdict;
}

static void
report(void)
{
	printf("FAIL %s: %s\n", script.path, verdict_text);
	printf("  model: %s\n", world_weak ? "weak" : "sequential");
	if (search.mode == SEARCH_RANDOM)
		printf("  seed: %llu\n", (unsigned long long)search.seed);
	printf("  after %llu schedules; again with:\n  --replay '%s'%s %s\n",
	       (unsigned long long)search.schedules, search_text(), world_weak ? " --weak" : "",
	       script.path);
}

static bool
run_one(void)
{
	if (run_schedule() != VERDICT_FAILED)
		return true;
	report();
	return false;
}

/* All schedules with at most `bound` surprises.  `*complete`: there were no more. */
static bool
search_all(unsigned bound, bool *complete)
{
	const bool few = run.is_short && script.cap != 0 && script.cap < run.cap;
	const uint64_t last = search.schedules + (few ? script.cap : run.cap);

	search.mode = SEARCH_ALL;
	search.bound = bound;
	do {
		if (run.cap != 0 && search.schedules >= last) {
			*complete = false;
			return true;
		}
		if (!run_one())
			return false;
	} while (search_next());
	*complete = true;
	return true;
}

/* Until nothing new is learned of who shares what. */
static bool
search_bound(unsigned bound, bool *complete)
{
	do {
		search_apply_learned();
		if (!search_all(bound, complete))
			return false;
	} while (*complete && search_apply_learned());
	return true;
}

static bool
search_random(uint64_t n, double most)
{
	double end = seconds() + most;

	search.mode = SEARCH_RANDOM;
	for (uint64_t i = 0; most > 0 ? i % 64 != 0 || seconds() < end : i < n; i++) {
		search.seed = run.seed + i;
		if (i % 16 == 0)
			search_apply_learned();
		if (!run_one())
			return false;
	}
	return true;
}

static bool
search_model(bool weak, unsigned *reached)
{
	const unsigned bound = run.bound >= 0 ? (unsigned)run.bound : script.bound;
	bool complete = true;

	world_weak = weak;
	memcpy(search.most, script.most, sizeof(search.most));
	if (!weak)
		search.most[SURPRISE_STALE] = 0;
	search_forget();
	if (!search_random(64, 0))
		return false;
	*reached = 0;
	for (unsigned b = 0; b <= bound && complete; b++) {
		if (!search_bound(b, &complete))
			return false;
		if (complete)
			*reached = b;
	}
	search.most[SURPRISE_WAKE] += 2;
	search.most[SURPRISE_TIME] += 2;
	search.most[SURPRISE_STALE] *= 8;
	return search_random(script.random, run.seconds / 2);
}

static bool
set_up(const char *path)
{
	script_read(&script, path);
	memset(&play, 0, sizeof(play));
	if (setjmp(verdict_jump) != 0) {
		printf("FAIL %s: in the setup: %s\n", path, verdict_text);
		return false;
	}
	play_setup(&script);
	kept = play;
	region_keep();
	memset(&search, 0, sizeof(search));
	memset(play_seen, 0, sizeof(play_seen));
	return true;
}

static void
replay(void)
{
	enum verdict v;

	world_weak = run.weak && !run.sc;
	world_verbose = true;
	search.mode = SEARCH_REPLAY;
	search.replay = run.replay;
	v = run_schedule();
	printf("%s\n", v == VERDICT_FAILED ? verdict_text : "nothing wrong");
}

/* What a script expects and what no schedule brought. */
static void
tell_unseen(void)
{
	for (unsigned f = 0; f <= FIBERS_MAX; f++) {
		const struct steps *steps = f < FIBERS_MAX ? &script.body[f] : &script.after;

		for (unsigned i = 0; i < steps->n; i++) {
			const struct step *t = &steps->step[i];

			for (unsigned r = 0; r < RESULTS; r++) {
				if ((t->expected & ~play_seen[f][i] & 1u << r) != 0)
					printf("  line %u: %s was never %s\n", t->line,
					       verb_name[t->verb], result_name[r]);
			}
		}
	}
}

static bool
run_script(const char *path)
{
	double start = seconds();
	unsigned sc = 0;
	unsigned weak = 0;
	bool ok = (!run.sc || search_model(false, &sc)) && (!run.weak || search_model(true, &weak));

	ok = ok && abroad_drove_all();
	if (!ok || run.quiet)
		return ok;
	printf("ok   %-44s %9llu schedules, %llu cut short, %llu steps, bounds %u and %u, %.1f s\n",
	       path, (unsigned long long)search.schedules, (unsigned long long)search.pruned,
	       (unsigned long long)search.steps, sc, weak, seconds() - start);
	tell_unseen();
	abroad_tell_ways(false);
	return true;
}

static int
read_option(int argc, char **argv, int i)
{
	const char *value = i + 1 < argc ? argv[i + 1] : "";

	if (strcmp(argv[i], "--bound") == 0)
		run.bound = atoi(value);
	else if (strcmp(argv[i], "--seconds") == 0)
		run.seconds = atof(value);
	else if (strcmp(argv[i], "--cap") == 0)
		run.cap = strtoull(value, NULL, 10);
	else if (strcmp(argv[i], "--seed") == 0)
		run.seed = strtoull(value, NULL, 10);
	else if (strcmp(argv[i], "--replay") == 0)
		run.replay = value;
	else if (strcmp(argv[i], "--sc") == 0)
		return run.weak = false, i;
	else if (strcmp(argv[i], "--weak") == 0)
		return run.sc = false, i;
	else if (strcmp(argv[i], "--quiet") == 0)
		return run.quiet = true, i;
	else if (strcmp(argv[i], "--short") == 0)
		return run.is_short = true, i;
	else {
		(void)fprintf(stderr, "interleave: %s: no such option\n", argv[i]);
		exit(2);
	}
	return i + 1;
}

/* Each script in a fresh world: one a process is simplest, so this program takes one. */
int
main(int argc, char **argv)
{
	const char *path = NULL;

	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-' && strcmp(argv[i], "--ways") != 0)
			i = read_option(argc, argv, i);
		else
			path = argv[i];
	}
	if (path == NULL) {
		(void)fprintf(stderr, "usage: interleave [options] SCRIPT\n");
		return 2;
	}
	region_open();
	if (strcmp(path, "--ways") == 0) {
		abroad_tell_ways(true);
		return 0;
	}
	if (!set_up(path))
		return 1;
	if (run.replay != NULL) {
		replay();
		return 0;
	}
	return run_script(path) ? 0 : 1;
}
