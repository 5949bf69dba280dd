/* SPDX-License-Identifier: MIT */
/*
 * No lock, but the measure of what two threads can be: two additions on a line of memory that is the thread's own.  Threads that
 * share nothing should do twice what one does; what they do instead is the machine's, whose processors may be halves of one, or be
 * lent to others meanwhile, and no lock can do better there.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "peers/lines.h"

static void *
line_open(void *world, const char *name)
{
	(void)name;
	(void)world;
	return lines(1);
}

static void
line_close(void *world, void *target)
{
	(void)world;
	free(target);
}

static void *
session_open(void *world, void *target, unsigned lane)
{
	(void)world;
	(void)target;
	(void)lane;
	return lines(sizeof(atomic_ulong));
}

BENCH_INLINE void
line_acquire(void *session, const void *target, lk_mode mode, char *ticket)
{
	(void)target;
	(void)mode;
	(void)ticket;
	atomic_fetch_add((atomic_ulong *)session, 1);
}

BENCH_INLINE void
line_release(void *session, const void *target, char *ticket)
{
	(void)target;
	(void)ticket;
	atomic_fetch_sub((atomic_ulong *)session, 1);
}

#define PEER               own_line
#define PEER_WHAT          "no lock: two additions on a line of the thread's own"
#define PEER_BY            BY_HANDLE
#define PEER_MODES         MODE_BIT(LK_S)
#define PEER_TICKET        char
#define PEER_TARGET_OPEN   line_open
#define PEER_TARGET_CLOSE  line_close
#define PEER_SESSION_OPEN  session_open
#define PEER_SESSION_CLOSE free
#define PEER_ACQUIRE       line_acquire
#define PEER_RELEASE       line_release
#include "contestant.h"
