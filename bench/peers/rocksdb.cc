/* SPDX-License-Identifier: MIT */
/*
 * RocksDB's pessimistic transactions, for their point locks alone: GetForUpdate() without a value locks a
 * key and reads nothing, UndoGetForUpdate() gives the lock back, Rollback() all of a transaction's.  The
 * database is empty, in memory (NewMemEnv), and is never written to, so there is no log either.
 *
 * Set up for locking: 128 stripes (16 is the default; the end of a
 * transaction pays for each), waits without timeout, no deadlock detection, no
 * snapshot and nothing validated.  A session is a transaction; an owner is one more, whose memory the next
 * one uses again, as BeginTransaction() advises.
 *
 * What it lacks: intents, downgrading, fencing, order among waiters, release in any order after writing.
 * What it does more: the locks are part of transactions that write; detection of deadlocks if asked for.
 *
 * Needs: librocksdb-dev <rocksdb/utilities/transaction_db.h> -lrocksdb
 * Not under: thread
 */
#include <memory>
#include <string>

#include <rocksdb/env.h>
#include <rocksdb/utilities/transaction.h>
#include <rocksdb/utilities/transaction_db.h>

#include "bench.h"

namespace db = rocksdb;

static constexpr size_t n_stripes = 128;

struct point_world {
	std::unique_ptr<db::Env> env;
	std::unique_ptr<db::TransactionDB> locks;
};

static inline void
must(const db::Status &status, const char *what)
{
	if (__builtin_expect(!status.ok(), 0))
		bench_die(what, status.ToString().c_str());
}

static db::Options
memory_only(db::Env *env)
{
	db::Options options;

	options.env = env;
	options.create_if_missing = true;
	options.avoid_flush_during_shutdown = true;
	return options;
}

static void *
point_open(size_t, size_t)
{
	auto *world = new point_world;
	db::TransactionDBOptions options;
	db::TransactionDB *locks;

	options.num_stripes = n_stripes;
	options.transaction_lock_timeout = -1;
	world->env.reset(db::NewMemEnv(db::Env::Default()));
	must(db::TransactionDB::Open(memory_only(world->env.get()), options, "/bench", &locks),
	     "rocksdb: open");
	world->locks.reset(locks);
	return world;
}

static void
point_close(void *world)
{
	delete static_cast<point_world *>(world);
}

static void *
session_open(void *world, void *, unsigned)
{
	return static_cast<point_world *>(world)->locks->BeginTransaction(db::WriteOptions());
}

/* A transaction that ends gives back what it has. */
static void
session_close(void *session)
{
	delete static_cast<db::Transaction *>(session);
}

BENCH_INLINE void
point_acquire(void *session, const void *target, lk_mode mode, char *)
{
	static const db::ReadOptions options;
	auto *transaction = static_cast<db::Transaction *>(session);
	const db::Slice name(static_cast<const char *>(target));
	std::string *const nothing = nullptr;

	must(transaction->GetForUpdate(options, name, nothing, mode != LK_S, false),
	     "rocksdb: lock");
}

BENCH_INLINE void
point_release(void *session, const void *target, char *)
{
	const db::Slice name(static_cast<const char *>(target));

	static_cast<db::Transaction *>(session)->UndoGetForUpdate(name);
}

BENCH_INLINE void
point_release_all(void *session)
{
	must(static_cast<db::Transaction *>(session)->Rollback(), "rocksdb: rollback");
}

/* -------------------------------------------------------------------------- owners */

/* A thread's last transaction; it does not outlive the thread, nor that the world. */
static thread_local std::unique_ptr<db::Transaction> spare;

BENCH_INLINE void *
owner_open(void *world)
{
	return static_cast<point_world *>(world)->locks->BeginTransaction(db::WriteOptions(),
									  db::TransactionOptions(),
									  spare.release());
}

BENCH_INLINE void
owner_close(void *owner)
{
	point_release_all(owner);
	spare.reset(static_cast<db::Transaction *>(owner));
}

#define PEER               rocksdb
#define PEER_WHAT          "TransactionDB: GetForUpdate() without a value, UndoGetForUpdate()"
#define PEER_BY            BY_NAME
#define PEER_MODES         MODES_SX
#define PEER_TICKET        char
#define PEER_OPEN          point_open
#define PEER_CLOSE         point_close
#define PEER_SESSION_OPEN  session_open
#define PEER_SESSION_CLOSE session_close
#define PEER_ACQUIRE       point_acquire
#define PEER_RELEASE       point_release
#define PEER_RELEASE_ALL   point_release_all
#define PEER_OWNER_OPEN    owner_open
#define PEER_OWNER_CLOSE   owner_close
#include "contestant.h"
