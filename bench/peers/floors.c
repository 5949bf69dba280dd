/* SPDX-License-Identifier: MIT */
/*
 * No locks, but the measure of what a lock can be on the machine at hand: those steps that none of its kind does without, in the
 * cheapest way, in functions that are called as a library's are (floor.c).
 *
 *   handle_floor  a locked compare-and-swap of one word, a locked subtraction
 *   name_floor    the name is read and hashed with XXH3; a bucket, which is a cache line, has the hash and points to a line that has the
 *                 name, which is compared; compare-and-swap of the word in that line.  The release is a locked subtraction.  The table
 *                 has 32 buckets, however many names there are: a name that nobody holds loses its line to the next, so the
 *                 table is never out of the nearest cache, and of many names it is all but certain that another one is there
 *   held_floor    … of names that are all held: a line each, 3 for 2 names, open addressing
 *
 * They leave out everything else: modes, owners, fences, a ticket that tells a stale release from a good one, growth, waiting (who finds it
 * taken ends the program), a second thread, any figure or trace of what is held.  Each of these may cost next to nothing, but none costs less than
 * nothing; so a ratio that a floor does not have against somebody is out of reach there for any lock that does what the floor does, by that hash
 * function.  It is not a proof: who keeps other tables, or trusts a hash without comparing the name, can be below it.
 *
 * Needs: libxxhash-dev <xxhash.h>
 */
#include "peers/floor.h"
#include "peers/lines.h"

BENCH_INLINE void
must_take(bool is_taken)
{
	if (__builtin_expect(!is_taken, 0))
		bench_die("floor", "somebody has it");
}

/* ------------------------------------------------------------------- by handle */

static void *
word_open(void *world, const char *name)
{
	atomic_ulong *word = lines(sizeof(*word));

	(void)world;
	(void)name;
	atomic_init(word, 0);
	return word;
}

static void
word_close(void *world, void *target)
{
	(void)world;
	free(target);
}

BENCH_INLINE void
word_acquire(void *session, const void *target, lk_mode mode, char *ticket)
{
	(void)session;
	(void)mode;
	(void)ticket;
	must_take(floor_word_take((atomic_ulong *)target));
}

BENCH_INLINE void
word_release(void *session, const void *target, char *ticket)
{
	(void)session;
	(void)ticket;
	floor_word_give((atomic_ulong *)target);
}

#define PEER              handle_floor
#define PEER_WHAT         "no lock: one compare-and-swap and one locked subtraction, each in a call"
#define PEER_BY           BY_HANDLE
#define PEER_MODES        MODES_ALL
#define PEER_TRAITS       (PEER_ALONE | PEER_COLLIDES)
#define PEER_TICKET       char
#define PEER_TARGET_OPEN  word_open
#define PEER_TARGET_CLOSE word_close
#define PEER_ACQUIRE      word_acquire
#define PEER_RELEASE      word_release
#include "contestant.h"

/* --------------------------------------------------------------------- by name */

static void *
table_open(size_t n_names, size_t n_held)
{
	(void)n_names;
	(void)n_held;
	return floor_open();
}

static void
table_close(void *world)
{
	floor_close(world);
}

BENCH_INLINE void
name_acquire(void *session, const void *target, lk_mode mode, struct floor_line **ticket)
{
	(void)mode;
	must_take(floor_take((struct floor_table *)session, (const char *)target, ticket));
}

BENCH_INLINE void
line_release(void *session, const void *target, struct floor_line **ticket)
{
	(void)session;
	(void)target;
	floor_give(*ticket);
}

#define PEER name_floor
#define PEER_WHAT                                                                           \
	"no lock: a name hashed, a bucket's line and an entry's, compare-and-swap, locked " \
	"subtraction"
#define PEER_BY      BY_NAME
#define PEER_MODES   MODES_ALL
#define PEER_TRAITS  (PEER_ALONE | PEER_COLLIDES)
#define PEER_TICKET  struct floor_line *
#define PEER_OPEN    table_open
#define PEER_CLOSE   table_close
#define PEER_ACQUIRE name_acquire
#define PEER_RELEASE line_release
#include "contestant.h"

/* ----------------------------------------------------------------- by name, held */

static void *
held_open(size_t n_names, size_t n_held)
{
	(void)n_names;
	return floor_held_open(n_held);
}

BENCH_INLINE void
held_acquire(void *session, const void *target, lk_mode mode, struct floor_line **ticket)
{
	(void)mode;
	must_take(floor_held_take((struct floor_table *)session, (const char *)target, ticket));
}

#define PEER         held_floor
#define PEER_WHAT    "no lock: a name hashed, a line of its own in a table that need not grow"
#define PEER_BY      BY_NAME
#define PEER_MODES   MODES_ALL
#define PEER_TRAITS  (PEER_ALONE | PEER_HOLDS)
#define PEER_TICKET  struct floor_line *
#define PEER_OPEN    held_open
#define PEER_CLOSE   table_close
#define PEER_ACQUIRE held_acquire
#define PEER_RELEASE line_release
#include "contestant.h"
