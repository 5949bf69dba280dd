/* SPDX-License-Identifier: MIT */
/* The service's thread, held up at an access of its own: what no test of threads would come upon. */
#include <stdatomic.h>

#include "harness.h"

#include "core/manager.h"
#include "record.h"

static struct service service;
static atomic_bool is_there;
static atomic_bool goes_on;

/* Before its first look at the news it stands until it is to stop, and was woken for that. */
static void
hold_up(uintptr_t at, enum lines_access access)
{
	if (access != LINES_READ || at != (uintptr_t)&service.timers.news || is_there)
		return;
	is_there = true;
	while (!goes_on || atomic_load((_Atomic uint32_t *)at) == 0)
		sched_yield();
}

static void
stop(void *arg, unsigned index)
{
	(void)arg;
	(void)index;
	goes_on = true;
	service_stop(&service);
}

/* It sleeps over no news: not over those that came before it looked whether it is to stop.  (J3) */
Test(service, is_stopped_whenever_it_is_told, .timeout = 60)
{
	struct env env;

	env_init(&env, NULL, NULL);
	service_init(&service, &env, false);
	lines_watch_by(hold_up);
	cr_assert_eq(service_start(&service), 0);
	wait_until(is_there);
	test_threads(1, stop, NULL);
	lines_watch_by(NULL);
}
