/* SPDX-License-Identifier: MIT */
/*
 * respd-check - look for what a server without isolation does wrong.
 *
 * It goes by rounds, not by time, so that its outcome does not depend on how fast the machine is: with
 * locks every round is right, and without them one of so many is wrong.  A check ends at the first
 * violation that it sees.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const char usage[] =
	"usage: respd-check --port N [--rounds N] [--clients N]\n"
	"Drive the server at 127.0.0.1:N with concurrent clients and see whether anything is lost "
	"or torn.\n"
	"All data of the server is deleted.\n"
	"  --rounds N   how often each client does what a check makes it do (1000)\n"
	"  --clients N  clients of each check, at least 2 (8)\n"
	"  --help       this text\n"
	"Exit status: 0 nothing wrong, 1 something wrong was seen, 2 usage, 3 a check could not be "
	"made.\n";

static const struct {
	const char *name;
	void (*run)(struct check *ch);
} checks[] = {
	{ "incr", check_incr },         { "append", check_append }, { "mutex", check_mutex },
	{ "mset", check_mset },         { "rename", check_rename }, { "msetnx", check_msetnx },
	{ "flushall", check_flushall }, { "exec", check_exec },
};

#define N_CHECKS (sizeof(checks) / sizeof(checks[0]))

/* ------------------------------------------------------------- what checks share */

static void
say(struct check *ch, const char *format, va_list args)
{
	vsnprintf(ch->text, sizeof(ch->text), format, args);
}

void
check_violated(struct check *ch, const char *format, ...)
{
	va_list args;

	pthread_mutex_lock(&ch->mutex);
	if (!atomic_load(&ch->is_violated)) {
		va_start(args, format);
		say(ch, format, args);
		va_end(args);
		atomic_store(&ch->is_violated, true);
	}
	pthread_mutex_unlock(&ch->mutex);
}

void
check_broken(struct check *ch, const struct client *c)
{
	pthread_mutex_lock(&ch->mutex);
	if (check_goes_on(ch)) {
		snprintf(ch->text, sizeof(ch->text), "%s", c->why);
		atomic_store(&ch->is_broken, true);
	}
	pthread_mutex_unlock(&ch->mutex);
}

void
check_sum(struct check *ch, const char *format, ...)
{
	va_list args;

	if (!check_goes_on(ch))
		return;
	va_start(args, format);
	say(ch, format, args);
	va_end(args);
}

bool
check_goes_on(const struct check *ch)
{
	return !atomic_load(&ch->is_violated) && !atomic_load(&ch->is_broken);
}

bool
check_connect(struct check *ch, struct client *c)
{
	struct reply r = { 0 };

	client_open(c, ch->settings->port);
	if (client_ask(c, &r, "SELECT", ch->database, NULL) && client_want(c, REPLY_STATUS, &r))
		return true;
	check_broken(ch, c);
	return false;
}

static void *
party_run(void *arg)
{
	struct party *p = arg;

	check_connect(p->check, &p->client);
	/* Also if there is no connection: others may wait at a barrier. */
	pthread_barrier_wait(&p->check->barrier);
	p->run(p);
	if (p->client.is_broken)
		check_broken(p->check, &p->client);
	client_close(&p->client);
	return NULL;
}

void
check_run(struct check *ch, void (*run)(struct party *p))
{
	struct party party[N_CLIENTS_MAX];
	size_t n = ch->settings->n_clients;

	pthread_barrier_init(&ch->barrier, NULL, (unsigned)n);
	atomic_store(&ch->n_working, n);
	for (size_t i = 0; i < n; i++) {
		party[i] = (struct party){ .check = ch, .number = i, .run = run };
		if (pthread_create(&party[i].thread, NULL, party_run, &party[i]) != 0) {
			fprintf(stderr, "respd-check: cannot start a thread\n");
			exit(3);
		}
	}
	for (size_t i = 0; i < n; i++)
		pthread_join(party[i].thread, NULL);
	pthread_barrier_destroy(&ch->barrier);
}

/* ------------------------------------------------------------------ the program */

static size_t
number(const char *text, size_t lowest, size_t highest)
{
	char *end;
	unsigned long long n = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || n < lowest || n > highest) {
		fprintf(stderr, "respd-check: %s is not a number from %zu to %zu\n%s", text, lowest,
			highest, usage);
		exit(2);
	}
	return (size_t)n;
}

static void
read_options(int argc, char **argv, struct settings *s)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "clients", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "p:r:c:h", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			s->port = (uint16_t)number(optarg, 1, UINT16_MAX);
			break;
		case 'r':
			s->n_rounds = number(optarg, 1, 1000000);
			break;
		case 'c':
			s->n_clients = number(optarg, 2, N_CLIENTS_MAX);
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (optind != argc || s->port == 0) {
		fputs(usage, stderr);
		exit(2);
	}
}

/* Begin with an empty server. */
static bool
prepare(struct check *ch)
{
	struct client c;
	struct reply r = { 0 };

	if (check_connect(ch, &c) && client_ask(&c, &r, "FLUSHALL", NULL))
		client_want(&c, REPLY_STATUS, &r);
	if (c.is_broken)
		check_broken(ch, &c);
	client_close(&c);
	return check_goes_on(ch);
}

/* 0 nothing wrong, 1 something was, 3 it could not be made. */
static int
run_check(size_t i, const struct settings *s)
{
	char database[8];
	struct check ch = { .name = checks[i].name, .database = database, .settings = s };
	int verdict;

	snprintf(database, sizeof(database), "%zu", i + 1);
	pthread_mutex_init(&ch.mutex, NULL);
	if (prepare(&ch))
		checks[i].run(&ch);
	pthread_mutex_destroy(&ch.mutex);
	verdict = atomic_load(&ch.is_violated) ? 1 : atomic_load(&ch.is_broken) ? 3 : 0;
	printf("%-9s %s%s\n", ch.name,
	       verdict == 1   ? "VIOLATED: "
	       : verdict == 3 ? "NOT MADE: "
			      : "",
	       ch.text);
	fflush(stdout);
	return verdict;
}

int
main(int argc, char **argv)
{
	struct settings settings = { .n_clients = 8, .n_rounds = 1000 };
	size_t n_failed = 0;
	int worst = 0;

	read_options(argc, argv, &settings);
	for (size_t i = 0; i < N_CHECKS; i++) {
		int verdict = run_check(i, &settings);

		n_failed += verdict != 0;
		worst = verdict > worst ? verdict : worst;
	}
	printf("%zu passed, %zu failed\n", N_CHECKS - n_failed, n_failed);
	return worst;
}
