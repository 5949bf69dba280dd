/* SPDX-License-Identifier: MIT */
/*
 * latchkey-store-check: does a store keep what <latchkey/store.h> promises?  Of any URL; names begin with a prefix of the
 * run's own, and are removed at its end.  Ends with `N passed, N failed`.
 *
 * usage: latchkey-store-check [-v] [-s SEED] [-c CASE] URL
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

struct check_run run;

static _Atomic int failures; /* of this case */

void
check_failed(const char *file, int line, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (atomic_fetch_add(&failures, 1) < 10) /* one of a kind is enough */
		fprintf(stderr, "%s:%d: %s\n", file, line, text);
}

void
check_give_up(void)
{
	fflush(NULL);
	_exit(3);
}

uint64_t
check_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

uint64_t
check_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* ------------------------------------------------------------------------ the store */

struct lk_store *
check_open_flags(uint32_t flags)
{
	struct lk_store_open o = { .size = sizeof(o), .flags = flags };
	struct lk_store *s = NULL;
	char report[256] = "";
	int rc;

	o.report = report;
	o.report_cap = sizeof(report);
	rc = lk_store_open(run.url, &o, &s);
	MUST(rc == 0, "%s: %s: %s", run.url, lk_errname(rc), report);
	return s;
}

struct lk_store *
check_open(void)
{
	return check_open_flags(0);
}

struct name *
check_name(struct name *out, const char *what, unsigned number)
{
	out->len = (size_t)snprintf((char *)out->bytes, sizeof(out->bytes), "%s%s/%u", run.prefix,
				    what, number);
	return out;
}

struct bytes {
	const void *bytes;
	size_t n;
};

static int
set_fresh(void *arg, struct lk_store_record *r, size_t n)
{
	const struct bytes *b = arg;

	(void)n;
	r[0].fresh = b->bytes;
	r[0].fresh_len = b->n;
	r[0].changed = 1;
	return 0;
}

int
put(struct lk_store *s, const void *name, size_t len, const void *bytes, size_t n)
{
	struct lk_store_record r = { .name = name, .len = len };
	struct bytes b = { bytes, n };

	return s->ops->update(s, &r, 1, set_fresh, &b, NEVER);
}

int
put_name(struct lk_store *s, const struct name *name, const void *bytes, size_t n)
{
	return put(s, name->bytes, name->len, bytes, n);
}

struct copy {
	void *buf;
	size_t cap;
	size_t len;
	bool is_aligned;
};

static int
copy_old(void *arg, struct lk_store_record *r, size_t n)
{
	struct copy *c = arg;

	(void)n;
	c->len = r[0].old_len;
	c->is_aligned = ((uintptr_t)r[0].old & 7) == 0 && (r[0].old == NULL) == (c->len == 0);
	if (c->len > 0 && c->cap > 0)
		memcpy(c->buf, r[0].old, c->len < c->cap ? c->len : c->cap);
	return 0;
}

ssize_t
get(struct lk_store *s, const void *name, size_t len, void *buf, size_t cap)
{
	struct lk_store_record r = { .name = name, .len = len };
	struct copy c = { .buf = buf, .cap = cap };
	int rc = s->ops->read(s, &r, 1, copy_old, &c, NEVER);

	CHECK(rc != 0 || c.is_aligned, "an old record is not aligned, or NULL with a length");
	return rc != 0 ? rc : (ssize_t)c.len;
}

ssize_t
get_name(struct lk_store *s, const struct name *name, void *buf, size_t cap)
{
	return get(s, name->bytes, name->len, buf, cap);
}

static int
remove_one(void *arg, const struct lk_store_record *r)
{
	if (r->name != NULL)
		(void)put(arg, r->name, r->len, NULL, 0);
	return 0;
}

/* What was written as it is, and by managers, who put an `n` before their names. */
void
check_clean(void)
{
	struct lk_store *s = check_open();
	char prefix[sizeof(run.prefix) + 1];

	(void)snprintf(prefix, sizeof(prefix), "n%s", run.prefix);
	OK(s->ops->scan(s, run.prefix, strlen(run.prefix), remove_one, s, NEVER));
	OK(s->ops->scan(s, prefix, strlen(prefix), remove_one, s, NEVER));
	lk_store_close(s);
}

/* --------------------------------------------------------------------- other processes */

void
other_start(struct other *o, const char *role, const char *argument)
{
	int to[2], from[2];
	char seed[32];

	(void)snprintf(seed, sizeof(seed), "%llu", (unsigned long long)run.seed);
	MUST(pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0, "no pipes");
	o->pid = fork();
	MUST(o->pid >= 0, "no process");
	if (o->pid == 0) {
		(void)dup2(to[0], 0);
		(void)dup2(from[1], 1);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)execl("/proc/self/exe", "latchkey-store-check", "-s", seed, "-r", role, "-a",
			    argument, run.url, (char *)NULL);
		_exit(127);
	}
	(void)close(to[0]);
	(void)close(from[1]);
	o->to = to[1];
	o->from = from[0];
}

int
other_next(struct other *o)
{
	unsigned char byte;
	ssize_t n;

	do
		n = read(o->from, &byte, 1);
	while (n < 0 && errno == EINTR);
	return n == 1 ? byte : -1;
}

int
other_wait(struct other *o)
{
	int status = 0;

	(void)close(o->to);
	while (waitpid(o->pid, &status, 0) < 0 && errno == EINTR)
		;
	(void)close(o->from);
	return status;
}

int
other_kill(struct other *o)
{
	(void)kill(o->pid, SIGKILL);
	return other_wait(o);
}

void
say(char byte)
{
	MUST(write(1, &byte, 1) == 1, "nobody listens");
}

void
wait_for_word(void)
{
	char byte;

	while (read(0, &byte, 1) < 0 && errno == EINTR)
		;
}

/* ----------------------------------------------------------------------------- main */

static unsigned n_passed, n_failed, n_skipped;

/* Each in a process of its own: a crash is a failure, and nothing is left over. */
static void
run_case(const struct check_case *c)
{
	const uint64_t start = check_now();
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)alarm(120);
		c->body();
		check_clean();
		exit(atomic_load(&failures) != 0);
	}
	if (pid > 0)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	if (pid > 0 && status == 0)
		n_passed++;
	else
		n_failed++;
	if (status != 0 || pid < 0)
		printf("FAILED %s: status 0x%x; again: -s %llu -c '%s' %s\n", c->name, status,
		       (unsigned long long)run.seed, c->name, run.url);
	else if (run.is_verbose)
		printf("ok     %s (%.2f s)\n", c->name, (double)(check_now() - start) / 1e9);
}

static void
run_cases(const struct check_case *c, const char *wanted)
{
	for (; c->name != NULL; c++) {
		if (wanted != NULL && strcmp(wanted, c->name) != 0)
			continue;
		if ((c->needs & ~run.capabilities) != 0 ||
		    (c->is_for_many && (run.capabilities & LK_STORE_ONE_PROCESS) != 0))
			n_skipped++;
		else
			run_case(c);
	}
}

static int
play(const char *name, const char *argument)
{
	const struct role *lists[] = { roles_atomic, roles_sessions, roles_hints, roles_crash,
				       roles_calls };

	for (size_t i = 0; i < countof(lists); i++) {
		for (const struct role *r = lists[i]; r->name != NULL; r++) {
			if (strcmp(r->name, name) == 0) {
				int rc = r->body(argument);

				return rc != 0 ? rc : atomic_load(&failures) != 0;
			}
		}
	}
	return 2;
}

/* In a process of its own, as every case is: this one never has the store open. */
static void
look_at_store(void)
{
	uint32_t capabilities = 0;
	int ends[2];
	pid_t pid;

	fflush(NULL);
	MUST(pipe2(ends, O_CLOEXEC) == 0, "no pipe");
	pid = fork();
	if (pid == 0) {
		struct lk_store *s = check_open();

		capabilities = s->ops->capabilities;
		lk_store_close(s);
		_exit(write(ends[1], &capabilities, sizeof(capabilities)) < 0);
	}
	(void)close(ends[1]);
	if (read(ends[0], &capabilities, sizeof(capabilities)) != sizeof(capabilities))
		exit(1);
	(void)close(ends[0]);
	(void)waitpid(pid, NULL, 0);
	run.capabilities = capabilities;
}

static int
run_all(const char *wanted)
{
	const struct check_case *lists[] = { cases_records,  cases_atomic, cases_many,
					     cases_sessions, cases_hints,  cases_crash,
					     cases_locks,    cases_units,  cases_calls };

	if (wanted == NULL)
		printf("%s, seed %llu\n", run.url, (unsigned long long)run.seed);
	look_at_store();
	for (size_t i = 0; i < countof(lists); i++)
		run_cases(lists[i], wanted);
	if (n_skipped > 0)
		printf("skipped: %u that need what the store does not have\n", n_skipped);
	printf("%u passed, %u failed\n", n_passed, n_failed);
	return n_failed != 0 || n_passed == 0;
}

int
main(int argc, char **argv)
{
	const char *role = NULL, *argument = "", *wanted = NULL;
	int option;

	run.seed = check_now();
	while ((option = getopt(argc, argv, "vs:c:r:a:")) != -1) {
		switch (option) {
		case 'v':
			run.is_verbose = true;
			break;
		case 's':
			run.seed = strtoull(optarg, NULL, 10);
			break;
		case 'c':
			wanted = optarg;
			break;
		case 'r':
			role = optarg;
			break;
		case 'a':
			argument = optarg;
			break;
		default:
			return 2;
		}
	}
	if (optind + 1 != argc) {
		fprintf(stderr, "usage: latchkey-store-check [-v] [-s SEED] [-c CASE] URL\n");
		return 2;
	}
	run.url = argv[optind];
	(void)snprintf(run.prefix, sizeof(run.prefix), "check-%llx-", (unsigned long long)run.seed);
	return role != NULL ? play(role, argument) : run_all(wanted);
}
