/* SPDX-License-Identifier: MIT */
/* Processors of lanes, and of servers. */
#define _GNU_SOURCE 1
#include <sched.h>
#include <stdio.h>

#include "affinity.h"
#include "settings.h"

static int servers_on = -1;

static int
nth(const struct settings *s, unsigned n)
{
	return s->cpu[n % s->n_cpus];
}

int
affinity_of_lane(enum bench_affinity a, const struct settings *s, unsigned number)
{
	return nth(s, a == AFFINITY_IN_TURN ? number : 0);
}

int
affinity_of_server(enum bench_affinity a, const struct settings *s)
{
	return a == AFFINITY_IN_TURN ? -1 : nth(s, a == AFFINITY_APART ? 1 : 0);
}

void
affinity_say(enum bench_affinity a, const struct settings *s, char *buf, unsigned cap)
{
	const int server = affinity_of_server(a, s);
	const int lanes = affinity_of_lane(a, s, 0);

	if (a == AFFINITY_IN_TURN)
		snprintf(buf, cap, "threads on the processors in turn");
	else if (server == lanes)
		snprintf(buf, cap, "server and clients on processor %d", lanes);
	else
		snprintf(buf, cap, "server on processor %d, clients on processor %d", server,
			 lanes);
}

bool
affinity_pin(int processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)processor, &set);
	return sched_setaffinity(0, sizeof(set), &set) == 0;
}

void
affinity_serve_on(int processor)
{
	servers_on = processor;
}

void
affinity_become_server(void)
{
	if (servers_on >= 0)
		(void)affinity_pin(servers_on);
}
