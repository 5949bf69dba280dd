/* SPDX-License-Identifier: MIT */
/*
 * A small runner for the same tests (LK_MINI_RUNNER): each test in a child that ends through
 * exit(), so that the leak and thread sanitizers get to say what they saw.
 *
 * usage: PROGRAM [-v] [-l] [-j N] [PART_OF_A_NAME ...]
 *   -j   so many tests at once (1)
 */
#define _GNU_SOURCE
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef LK_TIMEOUT_FACTOR
#define LK_TIMEOUT_FACTOR 2 /* sanitizer builds are slower; the Makefile says by how much */
#endif
#define LEAST_TIMEOUT 100.0 /* a busy machine is no reason to fail */

enum { JOBS_MAX = 8 };

/* What the sanitizers are told, unless the environment says more. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);
const char *__ubsan_default_options(void);

const char *
__asan_default_options(void)
{
	return "detect_leaks=1:detect_stack_use_after_return=1:exitcode=99";
}

const char *
__tsan_default_options(void)
{
	/* liburcu comes without instrumentation; the hand-over points are annotated */
	return "ignore_noninstrumented_modules=1:exitcode=66:die_after_fork=0"
	       ":second_deadlock_stack=1:history_size=4";
}

const char *
__ubsan_default_options(void)
{
	return "print_stacktrace=1";
}

static struct runner_test *first;
static _Atomic bool failed;

void
runner_add(struct runner_test *test)
{
	struct runner_test **at = &first;

	while (*at &&
	       (strcmp((*at)->suite, test->suite) < 0 ||
		(strcmp((*at)->suite, test->suite) == 0 && strcmp((*at)->name, test->name) < 0)))
		at = &(*at)->next;
	test->next = *at;
	*at = test;
}

void
runner_check(bool ok, bool fatal, const char *file, int line, const char *text, const char *message,
	     ...)
{
	char said[512];
	va_list args;

	if (ok)
		return;
	va_start(args, message);
	vsnprintf(said, sizeof(said), message, args);
	va_end(args);
	fprintf(stderr, "%s:%d: %s:%s\n", file, line, text, said);
	atomic_store(&failed, true);
	if (fatal) {
		fflush(NULL);
		_exit(1);
	}
}

/* The child's part: never returns. */
static void
run_body(const struct runner_test *t, const sigset_t *mask)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0); /* a test that hangs is killed with its own children */
	sigprocmask(SIG_SETMASK, mask, NULL);
	if (t->init)
		t->init();
	t->body();
	if (t->fini)
		t->fini();
	exit(atomic_load(&failed));
}

static double
time_limit(const struct runner_test *t)
{
	double limit = t->timeout > LEAST_TIMEOUT ? t->timeout : LEAST_TIMEOUT;

	return limit * LK_TIMEOUT_FACTOR +
	       20 * test_seconds(0); /* one test may have several long parts */
}

static bool
is_as_wanted(const struct runner_test *t, int status)
{
	if (t->signal)
		return WIFSIGNALED(status) && WTERMSIG(status) == t->signal;
	return WIFEXITED(status) && WEXITSTATUS(status) == t->exit_code;
}

static void
report(const struct runner_test *t, bool ok, bool timed_out, int status, double seconds)
{
	printf("%s %s.%s (%.2f s)", ok ? "ok    " : "FAILED", t->suite, t->name, seconds);
	if (timed_out)
		printf(": no end after %.0f s", time_limit(t));
	else if (!ok && WIFSIGNALED(status))
		printf(": signal %d, %s", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (!ok)
		printf(": exit status %d", WEXITSTATUS(status));
	putchar('\n');
}

/* A test that is under way. */
struct running {
	const struct runner_test *test; /* NULL: none */
	pid_t child;
	uint64_t began;
	uint64_t end; /* when it is killed, with its own children; 0: it was */
};

static struct running under_way[JOBS_MAX];
static unsigned n_under_way;
static unsigned n_passed, n_failed;

/* SIGCHLD is blocked from the beginning, so that none slips through between a look and the sleep after it. */
static void
start_test(const struct runner_test *t, const sigset_t *mask)
{
	struct running *r = under_way;

	while (r->test != NULL)
		r++;
	*r = (struct running){ .test = t, .began = test_now() };
	r->end = r->began + (uint64_t)(time_limit(t) * 1e9);
	fflush(NULL);
	r->child = fork();
	if (r->child == 0)
		run_body(t, mask);
	if (r->child < 0) {
		perror("fork");
		exit(2);
	}
	n_under_way++;
}

static void
test_ended(struct running *r, int status, bool verbose)
{
	const bool timed_out = r->end == 0;
	const bool ok = !timed_out && is_as_wanted(r->test, status);

	if (!ok || verbose)
		report(r->test, ok, timed_out, status, (double)(test_now() - r->began) / 1e9);
	n_passed += ok;
	n_failed += !ok;
	r->test = NULL;
	n_under_way--;
}

static void
kill_test(struct running *r)
{
	r->end = 0;
	kill(-r->child, SIGKILL);
	kill(r->child, SIGKILL); /* it may not have its own group yet */
}

/* Until one of them has a child that ended, or is out of time. */
static void
sleep_for_tests(void)
{
	const uint64_t now = test_now();
	uint64_t left = UINT64_C(3600000000000);
	struct timespec t;
	sigset_t set;

	for (struct running *r = under_way; r < under_way + JOBS_MAX; r++) {
		if (r->test == NULL || r->end == 0)
			continue;
		if (r->end <= now)
			kill_test(r);
		else if (r->end - now < left)
			left = r->end - now;
	}
	t = (struct timespec){ (time_t)(left / 1000000000), (long)(left % 1000000000) };
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigtimedwait(&set, NULL, &t);
}

/* Until at most so many are under way. */
static void
wait_for_tests(unsigned at_most, bool verbose)
{
	int status;

	while (n_under_way > at_most) {
		const unsigned before = n_under_way;

		for (struct running *r = under_way; r < under_way + JOBS_MAX; r++) {
			if (r->test != NULL && waitpid(r->child, &status, WNOHANG) == r->child)
				test_ended(r, status, verbose);
		}
		if (n_under_way == before)
			sleep_for_tests();
	}
}

static bool
is_wanted(const struct runner_test *t, char **filters)
{
	char full[256];

	if (t->disabled)
		return false;
	snprintf(full, sizeof(full), "%s.%s", t->suite, t->name);
	for (char **f = filters; *f; f++)
		if (strstr(full, *f))
			return true;
	return !*filters;
}

int
main(int argc, char **argv)
{
	bool verbose = false, list = false;
	unsigned jobs = 1;
	sigset_t block, old;
	int option;

	while ((option = getopt(argc, argv, "j:lv")) != -1) {
		list |= option == 'l';
		verbose |= option == 'v';
		if (option == 'j')
			jobs = (unsigned)atoi(optarg);
		if (option == '?' || jobs < 1 || jobs > JOBS_MAX)
			return 2;
	}
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, &old);
	for (struct runner_test *t = first; t; t = t->next) {
		if (!is_wanted(t, argv + optind))
			continue;
		if (list) {
			printf("%s.%s\n", t->suite, t->name);
			continue;
		}
		wait_for_tests(jobs - 1, verbose);
		start_test(t, &old);
	}
	wait_for_tests(0, verbose);
	if (!list)
		printf("%u passed, %u failed\n", n_passed, n_failed);
	return n_failed != 0;
}
