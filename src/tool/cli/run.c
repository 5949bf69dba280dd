/* SPDX-License-Identifier: MIT */
/*
 * `latchkey run`: a command under locks.
 *
 * While it waits for them, a signal ends the wait; while the command runs, signals go to the command, and this process ends
 * when that does.  Whatever way it ends, the locks are free then: in the best case because they are released, in the worst
 * because this process is gone.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "run.h"

/* Signals that end a wait, and that a command gets. */
static const int forwarded[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };
enum { FORWARDED = sizeof(forwarded) / sizeof(forwarded[0]), ENDING = 4 /* the first so many */ };

/* Whose wait a signal ends.  Signals are only let in while it is set. */
static struct lk_owner *waiting;
static volatile sig_atomic_t caught;

static void
end_wait(int signal)
{
	caught = signal;
	(void)lk_owner_cancel(waiting);
}

/* All threads of the library have them blocked, as they begin with what is blocked here. */
static void
block_signals(sigset_t *ending, sigset_t *all, sigset_t *before)
{
	sigemptyset(ending);
	sigemptyset(all);
	for (int i = 0; i < FORWARDED; i++) {
		sigaddset(all, forwarded[i]);
		if (i < ENDING)
			sigaddset(ending, forwarded[i]);
	}
	sigaddset(all, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, all, before);
}

/* Somebody wanted it not to be told (nohup): then it is not. */
static bool
is_ignored(int signal)
{
	struct sigaction was;

	return sigaction(signal, NULL, &was) == 0 && was.sa_handler == SIG_IGN;
}

static void
let_signals_in(struct lk_owner *owner, const sigset_t *ending)
{
	struct sigaction action = { .sa_handler = end_wait };

	waiting = owner;
	sigemptyset(&action.sa_mask);
	for (int i = 0; i < ENDING; i++) {
		if (!is_ignored(forwarded[i]))
			(void)sigaction(forwarded[i], &action, NULL);
	}
	(void)sigprocmask(SIG_UNBLOCK, ending, NULL);
}

static void
keep_signals_out(const sigset_t *ending)
{
	(void)sigprocmask(SIG_BLOCK, ending, NULL);
}

/* -------------------------------------------------------------------------- the locks */

static int
refused(const struct call *c, struct lk_manager *m, const struct lk_report *report, int rc)
{
	char words[256] = "";

	if (rc == LK_E_CANCELED && caught != 0) {
		complain(c, "%s: given up by a signal: %s", c->operands[0], strsignal((int)caught));
		return EXIT_SIGNAL + (int)caught;
	}
	if (rc == LK_E_STORE || rc == LK_E_BREAKER || rc == LK_E_UNKNOWN || rc == LK_E_CORRUPT)
		forget(lk_store_error(m, words, sizeof(words)));
	else
		snprintf(words, sizeof(words), "%s", report->store); /* who is in the way */
	complain(c, "%s%s: %s%s%s", c->operands[0], c->n_operands > 1 ? ", …" : "", words_of(rc),
		 words[0] != '\0' ? ": " : "", words);
	return exit_of(rc);
}

static int
acquire(struct run *r, struct lk_options *o)
{
	const struct call *c = r->c;
	struct lk_request request[r->n];

	if (r->n == 1)
		return lk_acquire(r->owner, c->operands[0], r->mode, o, r->grants);
	for (int i = 0; i < r->n; i++)
		request[i] = (struct lk_request){ .name = c->operands[i], .mode = r->mode };
	return lk_acquire_many(r->owner, request, (size_t)r->n, o, r->grants);
}

/* What is said of a semaphore: it is taken in IX, which those who have units share. */
static bool
wants_units(struct run *r, struct lk_options *o)
{
	uint64_t permits = 0, units = 1;

	if (call_number(r->c, "semaphore", 1, 1 << 30, &permits) ||
	    call_number(r->c, "units", 1, 1 << 30, &units))
		return false;
	if (permits == 0 && call_option(r->c, "units") == NULL)
		return true;
	if (permits < units) {
		complain(r->c, "--units %llu: --semaphore says how many there are, which is less",
			 (unsigned long long)units);
		return false;
	}
	if (r->n > 1 || call_option(r->c, "mode") != NULL) {
		complain(r->c, "--semaphore is for one name, and has no --mode");
		return false;
	}
	o->units = (uint32_t)units;
	o->permits = (uint32_t)permits;
	r->mode = LK_IX;
	return true;
}

static bool
read_loss(struct run *r)
{
	const char *said = call_option(r->c, "lost");

	r->loss = LOSS_KILL;
	if (said == NULL || strcmp(said, "kill") == 0)
		return true;
	if (strcmp(said, "warn") == 0)
		r->loss = LOSS_WARN;
	else if (strcmp(said, "ignore") == 0)
		r->loss = LOSS_IGNORE;
	else
		complain(r->c, "--lost %s: it is kill, warn or ignore", said);
	return r->loss != LOSS_KILL;
}

static bool
read_options(struct run *r, struct lk_options *o)
{
	const struct call *c = r->c;
	uint64_t lease_ns = 0;

	r->mode = LK_X;
	r->grace_ns = 5 * UINT64_C(1000000000);
	if (call_mode(c, "mode", &r->mode) || call_patience(c, o) ||
	    call_time(c, "lease", &lease_ns) || call_time(c, "grace", &r->grace_ns) ||
	    !read_loss(r) || !wants_units(r, o))
		return false;
	if (call_option(c, "lease") != NULL && lease_ns < 100 * UINT64_C(1000000)) {
		complain(c, "--lease: less than 100ms cannot be renewed in time");
		return false;
	}
	if (lease_ns != 0) {
		o->lease_ns = lease_ns;
		o->flags |= LK_RENEW;
	}
	return true;
}

/* ------------------------------------------------------------------------ its environment */

/* LATCHKEY_<word>, and for one of several names LATCHKEY_<word>_<number>. */
static int
set_variable(const char *word, int number, const char *value)
{
	char name[64];

	if (number == 0)
		snprintf(name, sizeof(name), "LATCHKEY_%s", word);
	else
		snprintf(name, sizeof(name), "LATCHKEY_%s_%d", word, number);
	return setenv(name, value, 1);
}

static int
set_variables(struct run *r, int which, int number)
{
	char fence[24], token[LK_TOKEN_MAX];
	int rc = lk_token(r->owner, r->grants[which], token, sizeof(token));

	if (rc != 0)
		return rc;
	snprintf(fence, sizeof(fence), "%llu",
		 (unsigned long long)lk_fence(r->owner, r->grants[which]));
	if (set_variable("NAME", number, r->c->operands[which]) != 0 ||
	    set_variable("FENCE", number, fence) != 0 || set_variable("TOKEN", number, token) != 0)
		return LK_E_NOMEM;
	return 0;
}

static int
tell_command(struct run *r)
{
	int rc = set_variables(r, 0, 0);

	for (int i = 0; rc == 0 && r->n > 1 && i < r->n; i++)
		rc = set_variables(r, i, i + 1);
	if (rc == 0 && setenv("LATCHKEY_URL", r->c->url, 1) != 0)
		rc = LK_E_NOMEM;
	return rc;
}

/* ------------------------------------------------------------------------------ its life */

static int
run_under_locks(struct run *r)
{
	int rc = tell_command(r);

	if (rc != 0)
		return complain_of(r->c, r->c->operands[0], rc);
	return run_child(r);
}

static int
run_with_owner(struct run *r, struct lk_options *o, const sigset_t *ending)
{
	struct lk_report report = LK_REPORT_INIT;
	int rc;

	o->report = &report;
	let_signals_in(r->owner, ending);
	rc = acquire(r, o);
	keep_signals_out(ending);
	if (rc != 0)
		return refused(r->c, r->m, &report, rc);
	if (caught != 0) /* it came with the grant */
		return refused(r->c, r->m, &report, LK_E_CANCELED);
	return run_under_locks(r);
}

static int
run_with_manager(struct run *r, struct lk_options *o, const sigset_t *ending)
{
	struct lk_owner_options who = LK_OWNER_OPTIONS_INIT;
	int code, rc;

	who.label = r->c->start[0];
	rc = lk_owner_open(r->m, &who, &r->owner);
	if (rc != 0)
		return complain_of(r->c, "an owner", rc);
	code = run_with_owner(r, o, ending);
	forget(lk_owner_close(r->owner));
	return code;
}

int
run_run(struct call *c)
{
	lk_grant grants[c->n_operands];
	struct run r = { .c = c, .n = c->n_operands, .grants = grants };
	struct lk_options o = LK_OPTIONS_INIT;
	struct lk_config config = LK_CONFIG_INIT;
	sigset_t ending;
	int code;

	if (!read_options(&r, &o))
		return EXIT_USAGE;
	block_signals(&ending, &r.signals, &r.mask);
	config.label = "latchkey run";
	code = place_open(c, &config, &r.m);
	if (code != 0)
		return code;
	code = run_with_manager(&r, &o, &ending);
	forget(lk_close(r.m));
	return code;
}
