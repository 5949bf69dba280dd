/* SPDX-License-Identifier: MIT */
/*
 * An open store in a Redis server.  Its keys, all of one hash tag, so that in a cluster they are in one place:
 *
 *   {PREFIX}e         the epoch: "1 RUN RANDOM"
 *   {PREFIX}g         how many records were removed
 *   {PREFIX}r NAME    a record: 16 bytes of version, and what is kept
 *   {PREFIX}s ID      a session: "TTL_MS EPOCH;NONCE WHO", with a time to live of the server's
 *   {PREFIX}w         nothing: written so that the replicas have something to acknowledge
 *   {PREFIX}h         the channel on which is told who has changed what, and what is there now (scripts.h); "": any
 *
 * RD1  a version is never used twice: it is 64 random bits of the opening, and a number.  So who finds a record with the
 *      version that it has seen finds those bytes, whatever was lost, restored or repeated in between; and an update that
 *      arrives twice, or late, is made once or not at all.
 * RD2  of a record that is not there the number of removals is its version.
 * RD3  a script looks at all that an update has seen, before it writes the first byte; and what can fail for want of memory
 *      or rights fails at the first write.  So it is all or nothing.
 * RD4  the epoch says in which run of the server (INFO's run_id) it began.  No connection is used before it is known which
 *      run it leads to; if the epoch is of another run, or gone, there is a new one.  After a restart, a failover or a
 *      FLUSHALL all that was there before may be there, or not, or older: it is another store.
 * RD5  every script is told the epoch that the opening knows, and does nothing if it is another.  The opening takes the
 *      new one when it has no session that is open, or opens one: so nobody who has lost his session without knowing it
 *      is given a lock.
 * RD6  a session lives in the epoch in which it was opened only.
 * RD7  of a connection on which an answer did not come in time nothing is read any more.
 * RD8  with `replicas`, what was written is told as written only when so many have it.  Until it is known that they have all
 *      that may have been written and was not told, nothing of records is asked or told.
 */
#ifndef LK_ADAPTERS_REDIS_STORE_H
#define LK_ADAPTERS_REDIS_STORE_H

#include <latchkey/redis.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "common/forks.h"
#include "common/place.h"
#include "common/turns.h"
#include "common/words.h"
#include "redis/cache.h"
#include "redis/connection.h"
#include "redis/hints.h"
#include "redis/scripts.h"
#include "redis/where.h"

enum {
	STORE_EPOCH = 96,
	STORE_PREFIX = 64,
	STORE_CONNECTIONS = 64,
	STORE_VERSION = CACHE_VERSION /* bytes */
};

struct own_session;
struct clock;

/* What became of those who wanted a connection, and of connections. */
struct pool_state {
	unsigned in_use, most_in_use;
	uint64_t taken;     /* so often */
	uint64_t waited;    /* … after all were in use */
	uint64_t waited_ns; /* … for so long together */
	uint64_t gave_up;   /* … for nothing */
	uint64_t opened;    /* connections */
	uint64_t closed;    /* … as nobody needed them for a while */
	uint64_t broken;    /* … that ended by themselves */
};

struct redis_store {
	struct lk_store base;
	struct fork_note fork;
	struct redis_store *left; /* by a fork, the next (store.c) */
	struct place place;
	struct words words;
	char prefix[STORE_PREFIX]; /* "{latchkey}" */
	size_t prefix_len;
	bool is_read_only;
	bool is_given; /* the one connection is the program's */
	uint64_t timeout_ns;
	unsigned replicas; /* so many have to acknowledge (RD8) … */
	uint64_t replica_wait_ms;
	_Atomic uint64_t doubts;  /* how often it was not known whether they have */
	_Atomic uint64_t assured; /* … and of those, how many are settled */
	struct transport transport;
	_Atomic unsigned generation; /* of the place: what was opened before leads to another one */
	_Atomic unsigned sentinel;   /* who was asked last */
	struct scripts scripts;
	unsigned char opening[8]; /* (RD1) */
	_Atomic uint64_t last_version;
	struct turns turns; /* for a connection */
	unsigned n_connections;
	unsigned pool_min; /* stay open when nobody needs them */
	uint64_t pool_wait_ns;
	uint64_t pool_idle_ns;

	pthread_mutex_t lock;    /* of what follows */
	struct where where;      /* a cluster may have another place for it */
	char epoch[STORE_EPOCH]; /* that we know (RD5) */
	struct own_session *sessions;
	struct connection *idle;
	struct pool_state pool;
	uint64_t looked_ns; /* for connections that nobody needs */
	struct clock *clock;

	struct connection connections[STORE_CONNECTIONS];
	struct cache cache;
	struct hints hints;
};

static inline struct redis_store *
redis_store_of(struct lk_store *base)
{
	return (struct redis_store *)base;
}

/* A failure in words; returns `rc`. */
int store_complain(struct redis_store *s, int rc, const char *what);

/* The number of a database is part of where; as it is now. */
void store_where(struct redis_store *s, struct where *out);

#endif /* LK_ADAPTERS_REDIS_STORE_H */
