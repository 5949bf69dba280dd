/* SPDX-License-Identifier: MIT */
/*
 * respd - a key-value server that speaks the Redis protocol, and whose isolation is Latchkey's.
 *
 * This file: options, signals, start and stop.  README.md says where to read on.
 */
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "server.h"

static const char usage[] =
	"usage: respd [--port N] [--threads N | --async [--steps N]] [--stripes N] [--bind "
	"ADDRESS]\n"
	"             [--timeout MS] [--no-locks]\n"
	"A key-value server for redis-cli and redis-benchmark, isolated by Latchkey.\n"
	"  --port N        listen there; 0 (the default): on any port that is free\n"
	"  --bind ADDRESS  … of this address (127.0.0.1)\n"
	"  --threads N     threads that serve connections (4)\n"
	"  --async         one thread for all, which never waits for a lock\n"
	"  --steps N       … and lets others have their turn after so many steps of a command "
	"(64)\n"
	"  --stripes N     parts of the store, each with a latch of its own (64)\n"
	"  --timeout MS    how long a command waits for its locks before it is refused (10000)\n"
	"  --no-locks      lock nothing, and let others have their turn after each step: wrong, to "
	"show\n"
	"                  what locks are for\n"
	"  --help          this text\n"
	"Prints \"listening on ADDRESS:PORT\".  SIGINT and SIGTERM end it; then it prints "
	"statistics.\n"
	"Exit status: 0 ended by a signal, 1 could not start, 2 usage.\n";

/* A whole number from `lowest` to `highest`, or the end of the program. */
static size_t
number(const char *text, size_t lowest, size_t highest)
{
	char *end;
	unsigned long long n = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || n < lowest || n > highest) {
		fprintf(stderr, "respd: %s is not a number from %zu to %zu\n%s", text, lowest,
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
		{ "bind", required_argument, NULL, 'b' },
		{ "threads", required_argument, NULL, 't' },
		{ "stripes", required_argument, NULL, 's' },
		{ "async", no_argument, NULL, 'a' },
		{ "steps", required_argument, NULL, 'S' },
		{ "timeout", required_argument, NULL, 'T' },
		{ "no-locks", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "p:b:t:s:aS:T:nh", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			s->port = (uint16_t)number(optarg, 0, UINT16_MAX);
			break;
		case 'b':
			s->address = optarg;
			break;
		case 't':
			s->n_threads = number(optarg, 1, SERVER_THREADS_MAX);
			break;
		case 's':
			s->n_stripes = number(optarg, 1, SERVER_STRIPES_MAX);
			break;
		case 'a':
			s->is_async = true;
			break;
		case 'S':
			s->n_steps = number(optarg, 1, SERVER_STEPS_MAX);
			break;
		case 'T':
			s->timeout_ms = number(optarg, 1, SERVER_TIMEOUT_MAX_MS);
			break;
		case 'n':
			s->has_locks = false;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (optind != argc) {
		fputs(usage, stderr);
		exit(2);
	}
	if (!s->has_locks)
		s->n_steps = 1;
	if (s->is_async)
		s->n_threads = 1;
}

/*
 * A descriptor that can be read when it is time to stop.  The signals are blocked before the first
 * thread is started, so that no thread gets them.
 */
static int
stop_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

int
main(int argc, char **argv)
{
	struct settings settings = {
		.address = "127.0.0.1",
		.n_threads = 4,
		.n_stripes = 64,
		.has_locks = true,
		.n_steps = SERVER_STEPS,
		.timeout_ms = SERVER_TIMEOUT_MS,
	};
	struct server server;
	bool has_run;
	int stop_fd;

	read_options(argc, argv, &settings);
	stop_fd = stop_signals();
	if (stop_fd < 0) {
		perror("respd: signalfd");
		return 1;
	}
	if (!server_start(&server, &settings))
		return 1;
	printf("listening on %s:%" PRIu16 "\n", settings.address, server.port);
	fflush(stdout);
	has_run = server_run(&server, stop_fd);
	server_stop(&server);
	close(stop_fd);
	return has_run ? 0 : 1;
}
