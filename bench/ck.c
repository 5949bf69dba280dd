/* SPDX-License-Identifier: MIT */
/* A spinning read-write lock of Concurrency Kit, for interest: it never sleeps and is inlined. */
#include <stdlib.h>

#include <ck_rwlock.h>

#include "bench.h"

static void *
ck_open(void *world, const char *name)
{
	ck_rwlock_t *lock = aligned_alloc(64, 64);

	(void)world;
	(void)name;
	if (lock == NULL)
		bench_die("ck_rwlock", "out of memory");
	ck_rwlock_init(lock);
	return lock;
}

static void
ck_close(void *world, void *target)
{
	(void)world;
	free(target);
}

/* The mode is the ticket. */
static bench_ticket
ck_acquire(void *session, const void *target, lk_mode mode)
{
	(void)session;
	if (mode == LK_S)
		ck_rwlock_read_lock((ck_rwlock_t *)target);
	else
		ck_rwlock_write_lock((ck_rwlock_t *)target);
	return mode;
}

static void
ck_release(void *session, const void *target, bench_ticket ticket)
{
	(void)session;
	if (ticket == LK_S)
		ck_rwlock_read_unlock((ck_rwlock_t *)target);
	else
		ck_rwlock_write_unlock((ck_rwlock_t *)target);
}

static void
ck_loop(struct run *r)
{
	bench_loop(r, ck_acquire, ck_release);
}

const struct contestant ck_rwlock = {
	.name = "ck_rwlock",
	.by = BY_HANDLE,
	.modes = MODE_BIT(LK_S) | MODE_BIT(LK_X),
	.target_open = ck_open,
	.target_close = ck_close,
	.acquire = ck_acquire,
	.release = ck_release,
	.loop = ck_loop,
};
