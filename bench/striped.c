/* SPDX-License-Identifier: MIT */
/*
 * What people write who need locks by name: an array of mutexes, indexed by a hash of the name.
 * Two names may share a mutex, so it cannot hold two locks at once safely; as a price it is fair.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "bench.h"

#define N_STRIPES 1024 /* a power of 2 */

struct stripe {
	_Alignas(64) pthread_mutex_t mutex;
};

static void
must(int error, const char *what)
{
	if (__builtin_expect(error != 0, 0))
		bench_die(what, strerror(error));
}

static void *
striped_open(void)
{
	struct stripe *stripes =
		aligned_alloc(_Alignof(struct stripe), N_STRIPES * sizeof(*stripes));

	if (stripes == NULL)
		bench_die("striped", "out of memory");
	for (size_t i = 0; i < N_STRIPES; i++)
		must(pthread_mutex_init(&stripes[i].mutex, NULL), "striped: init");
	return stripes;
}

static void
striped_close(void *world)
{
	struct stripe *stripes = world;

	for (size_t i = 0; i < N_STRIPES; i++)
		must(pthread_mutex_destroy(&stripes[i].mutex), "striped: destroy");
	free(stripes);
}

/* The stripe is the ticket: whoever hashes by hand keeps the index, too. */
static bench_ticket
striped_acquire(void *session, const void *target, lk_mode mode)
{
	struct stripe *stripes = session;
	const char *name = target;
	uint64_t i = XXH3_64bits(name, strlen(name)) & (N_STRIPES - 1);

	(void)mode;
	must(pthread_mutex_lock(&stripes[i].mutex), "striped: lock");
	return i;
}

static void
striped_release(void *session, const void *target, bench_ticket ticket)
{
	struct stripe *stripes = session;

	(void)target;
	must(pthread_mutex_unlock(&stripes[ticket].mutex), "striped: unlock");
}

static void
striped_loop(struct run *r)
{
	bench_loop(r, striped_acquire, striped_release);
}

const struct contestant striped_mutex = {
	.name = "striped_mutex",
	.by = BY_NAME,
	.modes = MODES_ALL,
	.open = striped_open,
	.close = striped_close,
	.acquire = striped_acquire,
	.release = striped_release,
	.loop = striped_loop,
};
