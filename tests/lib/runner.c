/* SPDX-License-Identifier: MIT */
/*
 * A small runner for the same tests (LK_MINI_RUNNER): each test in a child that ends through
 * exit(), so that the leak and thread sanitizers get to say what they saw.
 *
 * usage: PROGRAM [-v] [-l] [PART_OF_A_NAME ...]
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

/* Wait for the child; SIGCHLD is blocked, so it cannot slip through. */
static int
reap(pid_t child, double seconds, bool *timed_out)
{
	const uint64_t end = test_now() + (uint64_t)(seconds * 1e9);
	sigset_t set;
	int status;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	while (waitpid(child, &status, WNOHANG) == 0) {
		uint64_t now = test_now();
		uint64_t left = now < end ? end - now : 0;
		struct timespec t = { (time_t)(left / 1000000000), (long)(left % 1000000000) };

		if (left == 0 && !*timed_out) {
			*timed_out = true;
			kill(-child, SIGKILL);
			kill(child, SIGKILL); /* it may not have its own group yet */
		} else {
			sigtimedwait(&set, NULL, *timed_out ? NULL : &t);
		}
	}
	return status;
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

static bool
run_test(const struct runner_test *t, bool verbose)
{
	const uint64_t start = test_now();
	bool timed_out = false;
	sigset_t block, old;
	pid_t child;
	bool ok;
	int status;

	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, &old);
	fflush(NULL);
	child = fork();
	if (child == 0)
		run_body(t, &old);
	if (child < 0) {
		perror("fork");
		exit(2);
	}
	status = reap(child, time_limit(t), &timed_out);
	sigprocmask(SIG_SETMASK, &old, NULL);
	ok = !timed_out && is_as_wanted(t, status);
	if (!ok || verbose)
		report(t, ok, timed_out, status, (double)(test_now() - start) / 1e9);
	return ok;
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
	unsigned passed = 0, n_failed = 0;
	int option;

	while ((option = getopt(argc, argv, "lv")) != -1) {
		list |= option == 'l';
		verbose |= option == 'v';
		if (option == '?')
			return 2;
	}
	for (struct runner_test *t = first; t; t = t->next) {
		if (!is_wanted(t, argv + optind))
			continue;
		if (list)
			printf("%s.%s\n", t->suite, t->name);
		else if (run_test(t, verbose))
			passed++;
		else
			n_failed++;
	}
	if (!list)
		printf("%u passed, %u failed\n", passed, n_failed);
	return n_failed != 0;
}
