/* SPDX-License-Identifier: MIT */
/* A process with one manager and one owner that does what it reads, line by line, and answers with a code. */
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <latchkey.h>

#include "child.h"

struct puppet {
	struct lk_manager *m;
	struct lk_owner *w;
	char report[512];
	lk_grant last;
};

static void answer(int rc, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
answer(int rc, const char *format, ...)
{
	char text[600];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	printf("%d %s\n", rc, text);
	(void)fflush(stdout);
}

static lk_mode
mode_of(const char *text)
{
	lk_mode m = LK_IS;

	while (m < LK_X && strcmp(lk_modename(m), text) != 0)
		m++;
	return m;
}

static void
do_open(struct puppet *p, const char *url)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	int rc;

	cfg.report = p->report;
	cfg.report_cap = sizeof(p->report);
	rc = lk_open(url, &cfg, &p->m);
	if (rc == 0)
		rc = lk_owner_open(p->m, NULL, &p->w);
	answer(rc, "%s", p->report);
}

/* acquire NAME MODE MILLISECONDS; 0: do not wait.  The answer: fence and flags; or the store's own words. */
static void
do_acquire(struct puppet *p, const char *name, const char *mode, const char *ms)
{
	const long wait = strtol(ms, NULL, 10);
	const struct lk_options o = { .size = sizeof(o),
				      .flags = wait == 0 ? LK_NOWAIT : 0,
				      .timeout_ns = wait * 1000000L };
	struct lk_grant_info info = { .size = sizeof(info) };
	char words[400] = "";
	int rc = lk_acquire(p->w, name, mode_of(mode), &o, &p->last);

	if (rc == 0)
		rc = lk_grant_info(p->w, p->last, &info);
	if (rc != 0)
		(void)!lk_store_error(p->m, words, sizeof(words));
	answer(rc, "%llu%s%s%s", (unsigned long long)info.fence,
	       (info.flags & LK_OWNER_DIED) != 0 ? " died" : "", words[0] != '\0' ? " " : "",
	       words);
}

static void *
take_and_end(void *arg)
{
	const struct puppet *p = arg;

	return (void *)(intptr_t)lk_acquire(lk_self(p->m), "thread", LK_X, NULL, NULL);
}

/* thread: another one takes the name "thread", and ends. */
static void
do_thread(struct puppet *p)
{
	void *rc = NULL;
	pthread_t t;

	if (pthread_create(&t, NULL, take_and_end, p) != 0 || pthread_join(t, &rc) != 0)
		answer(LK_E_LIMIT, "no thread");
	else
		answer((int)(intptr_t)rc, "has ended");
}

/* detach NAME MODE MILLISECONDS, of the lease.  The answer: the token. */
static void
do_detach(struct puppet *p, const char *name, const char *mode, const char *ms)
{
	const struct lk_options o = { .size = sizeof(o),
				      .timeout_ns = INT64_C(20000000000),
				      .lease_ns = strtoull(ms, NULL, 10) * 1000000 };
	char token[LK_TOKEN_MAX];
	int rc = lk_detach(p->m, name, mode_of(mode), &o, token, sizeof(token));

	answer(rc, "%s", token);
}

/* token WHAT TOKEN. */
static void
do_token(struct puppet *p, const char *what, const char *token)
{
	int rc = LK_E_INVAL;

	if (strcmp(what, "check") == 0)
		rc = lk_token_check(p->m, token);
	else if (strcmp(what, "renew") == 0)
		rc = lk_token_renew(p->m, token, 0);
	else if (strcmp(what, "release") == 0)
		rc = lk_token_release(p->m, token);
	answer(rc, "%s", what);
}

/* read.  The answer: the value of the name that it got last, and whether it is invalid. */
static void
do_read(struct puppet *p)
{
	struct lk_value v = { .size = sizeof(v) };
	int rc = lk_value_read(p->w, p->last, &v);

	answer(rc, "%.*s%s", (int)v.len, (const char *)v.bytes,
	       (v.flags & LK_VALUE_INVALID) != 0 ? " invalid" : "");
}

/* What a child may not do: nothing. */
static int
use_what_is_the_parents(struct puppet *p)
{
	if (lk_try_acquire(p->w, "other", LK_S, NULL) != LK_E_FORKED ||
	    lk_release(p->w, p->last) != LK_E_FORKED || lk_release_all(p->w) != LK_E_FORKED)
		return 1;
	return lk_close(p->m) != LK_E_FORKED;
}

/* fork: a child tries and ends; fork stay: … and stays.  The answer: its id. */
static void
do_fork(struct puppet *p, bool stays)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		int rc = use_what_is_the_parents(p);

		if (rc != 0 || !stays)
			_exit(rc);
		for (;;)
			(void)pause();
	}
	if (!stays && (waitpid(pid, &status, 0) != pid || status != 0)) {
		answer(LK_E_INVAL, "status 0x%x", (unsigned)status);
		return;
	}
	answer(0, "%d", (int)pid);
}

/* Another program, in a child that lives on, or in this process: it knows nothing of any lock. */
static void
do_start(bool here)
{
	pid_t pid = here ? 0 : fork();

	if (pid == 0) {
		if (here) {
			answer(0, "as another program");
			(void)!freopen("/dev/null", "w", stdout);
		} else {
			(void)close(1);
		}
		(void)execlp("sleep", "sleep", "600", (char *)NULL);
		_exit(127);
	}
	answer(0, "%d", (int)pid);
}

/* What the clocks say, in seconds. */
static void
do_clocks(void)
{
	struct timespec wall = { 0, 0 }, boot = { 0, 0 };

	(void)clock_gettime(CLOCK_REALTIME, &wall);
	(void)clock_gettime(CLOCK_BOOTTIME, &boot);
	answer(0, "%lld %lld", (long long)wall.tv_sec, (long long)boot.tv_sec);
}

/* A command of the shell, where this process is. */
static void
do_run(const char *command)
{
	const int status = system(command);

	answer(status == 0 ? 0 : LK_E_STORE, "status 0x%x", (unsigned)status);
}

static int
do_end(struct puppet *p)
{
	int rc = p->w != NULL ? lk_owner_close(p->w) : 0;

	if (rc == 0 && p->m != NULL)
		rc = lk_close(p->m);
	return rc;
}

static void
obey_words(struct puppet *p, char *line)
{
	const char *what = strtok(line, " ");
	const char *a = strtok(NULL, " ");
	const char *b = strtok(NULL, " ");
	const char *c = strtok(NULL, " ");

	if (what == NULL || strcmp(what, "open") == 0)
		do_open(p, a);
	else if (strcmp(what, "acquire") == 0)
		do_acquire(p, a, b, c);
	else if (strcmp(what, "release") == 0)
		answer(lk_release_name(p->w, a, strlen(a)), "released");
	else if (strcmp(what, "convert") == 0)
		answer(lk_convert(p->w, p->last, mode_of(a), NULL), "converted");
	else if (strcmp(what, "check") == 0)
		answer(lk_check(p->w, p->last), "checked");
	else if (strcmp(what, "thread") == 0)
		do_thread(p);
	else if (strcmp(what, "detach") == 0)
		do_detach(p, a, b, c);
	else if (strcmp(what, "token") == 0)
		do_token(p, a, b);
	else if (strcmp(what, "write") == 0)
		answer(lk_value_write(p->w, p->last, a, strlen(a)), "written");
	else if (strcmp(what, "read") == 0)
		do_read(p);
	else if (strcmp(what, "fork") == 0)
		do_fork(p, a != NULL);
	else if (strcmp(what, "start") == 0)
		do_start(false);
	else if (strcmp(what, "become") == 0)
		do_start(true);
	else if (strcmp(what, "clocks") == 0)
		do_clocks();
	else
		answer(LK_E_INVAL, "what is %s", what);
}

static void
obey(struct puppet *p, char *line)
{
	static const char run[] = "run ";

	if (strncmp(line, run, sizeof(run) - 1) == 0)
		do_run(line + sizeof(run) - 1);
	else
		obey_words(p, line);
}

int
puppet_main(void)
{
	static struct puppet p;
	char line[600];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, "end") == 0) {
			int rc = do_end(&p);

			answer(rc, "ends");
			return rc != 0;
		}
		obey(&p, line);
	}
	return 0;
}
