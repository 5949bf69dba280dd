/* SPDX-License-Identifier: MIT */
/*
 * Concurrency Kit's read-write locks, by handle.  All of them spin and are inlined; none knows names,
 * owners, deadlines, fences or fairness among writers (ck_pflock has the last).
 *
 *   ck_rwlock    a word for the writer, a count of the readers; writers go before new readers
 *   ck_pflock    phase-fair: readers and writers take turns, tickets among writers
 *   ck_bytelock  a byte of one cache line for each reader with a slot; can be upgraded and downgraded
 *   ck_brlock    a count in each reader's own line; a writer looks at all of them
 *
 * A session is the slot of a bytelock, the reader of a brlock, as its thread would keep them.
 *
 * Needs: libck-dev <ck_rwlock.h>
 * Not under: thread
 */
#include <ck_brlock.h>
#include <ck_bytelock.h>
#include <ck_pflock.h>
#include <ck_rwlock.h>

#include "peers/lines.h"

static void
ck_close(void *world, void *target)
{
	(void)world;
	free(target);
}

/* ----------------------------------------------------------------------- ck_rwlock */

static void *
rwlock_open(void *world, const char *name)
{
	ck_rwlock_t *lock = (ck_rwlock_t *)lines(sizeof(*lock));

	(void)world;
	(void)name;
	ck_rwlock_init(lock);
	return lock;
}

/* The mode is the ticket. */
BENCH_INLINE void
rwlock_acquire(void *session, const void *target, lk_mode mode, lk_mode *ticket)
{
	(void)session;
	if (mode == LK_S)
		ck_rwlock_read_lock((ck_rwlock_t *)target);
	else
		ck_rwlock_write_lock((ck_rwlock_t *)target);
	*ticket = mode;
}

BENCH_INLINE void
rwlock_release(void *session, const void *target, lk_mode *ticket)
{
	(void)session;
	if (*ticket == LK_S)
		ck_rwlock_read_unlock((ck_rwlock_t *)target);
	else
		ck_rwlock_write_unlock((ck_rwlock_t *)target);
}

#define PEER              ck_rwlock
#define PEER_WHAT         "ck_rwlock_t: a word for the writer, a count of readers; inlined"
#define PEER_BY           BY_HANDLE
#define PEER_MODES        MODES_SX
#define PEER_TRAITS       PEER_SPINS
#define PEER_TICKET       lk_mode
#define PEER_TARGET_OPEN  rwlock_open
#define PEER_TARGET_CLOSE ck_close
#define PEER_ACQUIRE      rwlock_acquire
#define PEER_RELEASE      rwlock_release
#include "contestant.h"

/* ----------------------------------------------------------------------- ck_pflock */

static void *
pflock_open(void *world, const char *name)
{
	ck_pflock_t *lock = (ck_pflock_t *)lines(sizeof(*lock));

	(void)world;
	(void)name;
	ck_pflock_init(lock);
	return lock;
}

BENCH_INLINE void
pflock_acquire(void *session, const void *target, lk_mode mode, lk_mode *ticket)
{
	(void)session;
	if (mode == LK_S)
		ck_pflock_read_lock((ck_pflock_t *)target);
	else
		ck_pflock_write_lock((ck_pflock_t *)target);
	*ticket = mode;
}

BENCH_INLINE void
pflock_release(void *session, const void *target, lk_mode *ticket)
{
	(void)session;
	if (*ticket == LK_S)
		ck_pflock_read_unlock((ck_pflock_t *)target);
	else
		ck_pflock_write_unlock((ck_pflock_t *)target);
}

#define PEER              ck_pflock
#define PEER_WHAT         "ck_pflock_t: readers and writers take turns, tickets; inlined"
#define PEER_BY           BY_HANDLE
#define PEER_MODES        MODES_SX
#define PEER_TRAITS       PEER_SPINS
#define PEER_TICKET       lk_mode
#define PEER_TARGET_OPEN  pflock_open
#define PEER_TARGET_CLOSE ck_close
#define PEER_ACQUIRE      pflock_acquire
#define PEER_RELEASE      pflock_release
#include "contestant.h"

/* --------------------------------------------------------------------- ck_bytelock */

static void *
bytelock_open(void *world, const char *name)
{
	ck_bytelock_t *lock = (ck_bytelock_t *)lines(sizeof(*lock));

	(void)world;
	(void)name;
	ck_bytelock_init(lock);
	return lock;
}

/* The session is a number: slots begin with 1. */
static void *
bytelock_slot(void *world, void *target, unsigned lane)
{
	(void)world;
	(void)target;
	return (void *)(uintptr_t)(lane + 1);
}

BENCH_INLINE void
bytelock_lock(void *session, const void *target, lk_mode mode)
{
	unsigned slot = (unsigned)(uintptr_t)session;

	if (mode == LK_S)
		ck_bytelock_read_lock((ck_bytelock_t *)target, slot);
	else
		ck_bytelock_write_lock((ck_bytelock_t *)target, slot);
}

BENCH_INLINE void
bytelock_acquire(void *session, const void *target, lk_mode mode, lk_mode *ticket)
{
	bytelock_lock(session, target, mode);
	*ticket = mode;
}

/* A reader that locks to write is upgraded, a writer that locks to read is downgraded. */
BENCH_INLINE void
bytelock_convert(void *session, const void *target, lk_mode *ticket, lk_mode from, lk_mode to)
{
	(void)from;
	bytelock_lock(session, target, to);
	*ticket = to;
}

BENCH_INLINE void
bytelock_release(void *session, const void *target, lk_mode *ticket)
{
	if (*ticket == LK_S)
		ck_bytelock_read_unlock((ck_bytelock_t *)target, (unsigned)(uintptr_t)session);
	else
		ck_bytelock_write_unlock((ck_bytelock_t *)target);
}

#define PEER              ck_bytelock
#define PEER_WHAT         "ck_bytelock_t: a byte for each reader, in one line; inlined"
#define PEER_BY           BY_HANDLE
#define PEER_MODES        MODES_SX
#define PEER_TRAITS       PEER_SPINS
#define PEER_TICKET       lk_mode
#define PEER_TARGET_OPEN  bytelock_open
#define PEER_TARGET_CLOSE ck_close
#define PEER_SESSION_OPEN bytelock_slot
#define PEER_ACQUIRE      bytelock_acquire
#define PEER_RELEASE      bytelock_release
#define PEER_CONVERT      bytelock_convert
#include "contestant.h"

/* ----------------------------------------------------------------------- ck_brlock */

struct reader {
	ck_brlock_reader_t reader;
	ck_brlock_t *lock;
};

static void *
brlock_open(void *world, const char *name)
{
	ck_brlock_t *lock = (ck_brlock_t *)lines(sizeof(*lock));

	(void)world;
	(void)name;
	ck_brlock_init(lock);
	return lock;
}

static void *
brlock_register(void *world, void *target, unsigned lane)
{
	struct reader *r = (struct reader *)lines(sizeof(*r));

	(void)world;
	(void)lane;
	r->lock = target;
	ck_brlock_read_register(r->lock, &r->reader);
	return r;
}

static void
brlock_unregister(void *session)
{
	struct reader *r = session;

	ck_brlock_read_unregister(r->lock, &r->reader);
	free(r);
}

BENCH_INLINE void
brlock_acquire(void *session, const void *target, lk_mode mode, lk_mode *ticket)
{
	struct reader *r = session;

	if (mode == LK_S)
		ck_brlock_read_lock((ck_brlock_t *)target, &r->reader);
	else
		ck_brlock_write_lock((ck_brlock_t *)target);
	*ticket = mode;
}

BENCH_INLINE void
brlock_release(void *session, const void *target, lk_mode *ticket)
{
	struct reader *r = session;

	if (*ticket == LK_S)
		ck_brlock_read_unlock(&r->reader);
	else
		ck_brlock_write_unlock((ck_brlock_t *)target);
}

#define PEER               ck_brlock
#define PEER_WHAT          "ck_brlock_t: a count in each reader's own line; inlined"
#define PEER_BY            BY_HANDLE
#define PEER_MODES         MODES_SX
#define PEER_TRAITS        PEER_SPINS
#define PEER_TICKET        lk_mode
#define PEER_TARGET_OPEN   brlock_open
#define PEER_TARGET_CLOSE  ck_close
#define PEER_SESSION_OPEN  brlock_register
#define PEER_SESSION_CLOSE brlock_unregister
#define PEER_ACQUIRE       brlock_acquire
#define PEER_RELEASE       brlock_release
#include "contestant.h"
