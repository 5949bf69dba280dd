/* SPDX-License-Identifier: MIT */
/*
 * What the C++ library has: std::shared_mutex, by handle, and what C++ programs make of it for names, a
 * map of them.
 *
 * The map is 256 maps, each with a mutex: std::unordered_map from the name to a count and a shared_mutex.
 * Who wants a lock counts itself in under the mutex, locks outside of it, and whoever counts itself out
 * last erases the entry, so that memory is for what is locked.  The hash is XXH3, taken once and kept with
 * the name.  It has no owners, intents, conversions, deadlines or fences, and is as fair as the shared_mutex
 * is, which in glibc prefers readers.
 *
 * Needs: libxxhash-dev <xxhash.h>
 */
#include <cstring>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <string>
#include <unordered_map>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "peers/lines.h"

/* --------------------------------------------------------------- one shared_mutex */

static void *
mutex_open(void *, const char *)
{
	return new (lines(sizeof(std::shared_mutex))) std::shared_mutex;
}

static void
mutex_close(void *, void *target)
{
	static_cast<std::shared_mutex *>(target)->~shared_mutex();
	free(target);
}

BENCH_INLINE void
lock(std::shared_mutex &mutex, lk_mode mode)
{
	if (mode == LK_S)
		mutex.lock_shared();
	else
		mutex.lock();
}

BENCH_INLINE void
unlock(std::shared_mutex &mutex, lk_mode mode)
{
	if (mode == LK_S)
		mutex.unlock_shared();
	else
		mutex.unlock();
}

static inline std::shared_mutex &
mutex_of(const void *target)
{
	return *static_cast<std::shared_mutex *>(const_cast<void *>(target));
}

BENCH_INLINE void
mutex_acquire(void *, const void *target, lk_mode mode, lk_mode *ticket)
{
	lock(mutex_of(target), mode);
	*ticket = mode;
}

BENCH_INLINE void
mutex_release(void *, const void *target, lk_mode *ticket)
{
	unlock(mutex_of(target), *ticket);
}

#define PEER              std_shared_mutex
#define PEER_WHAT         "std::shared_mutex of libstdc++: a pthread_rwlock"
#define PEER_BY           BY_HANDLE
#define PEER_MODES        MODES_SX
#define PEER_TICKET       lk_mode
#define PEER_TARGET_OPEN  mutex_open
#define PEER_TARGET_CLOSE mutex_close
#define PEER_ACQUIRE      mutex_acquire
#define PEER_RELEASE      mutex_release
#include "contestant.h"

/* ------------------------------------------------------------------- a map of them */

static constexpr size_t n_shards = 256;

struct map_key {
	std::string name;
	size_t hash;

	bool
	operator==(const map_key &other) const
	{
		return name == other.name;
	}
};

struct map_hash {
	size_t
	operator()(const map_key &key) const noexcept
	{
		return key.hash;
	}
};

struct map_entry {
	size_t n_users = 0; /* holders and waiters; guarded by the shard's mutex */
	std::shared_mutex mutex;
};

using map = std::unordered_map<map_key, map_entry, map_hash>;

struct alignas(64) map_shard {
	std::mutex latch;
	map entries;
};

/* Entries stay where they are while others come and go. */
struct map_ticket {
	map::iterator entry;
	lk_mode mode;
};

static void *
map_open(size_t, size_t)
{
	return new map_shard[n_shards];
}

static void
map_close(void *world)
{
	delete[] static_cast<map_shard *>(world);
}

static inline map_shard &
shard_of(void *session, size_t hash)
{
	return static_cast<map_shard *>(session)[hash >> 56];
}

BENCH_INLINE void
map_acquire(void *session, const void *target, lk_mode mode, map_ticket *ticket)
{
	const char *name = static_cast<const char *>(target);
	const size_t len = strlen(name);
	map_key key{ std::string(name, len), XXH3_64bits(name, len) };
	map_shard &shard = shard_of(session, key.hash);

	shard.latch.lock();
	ticket->entry = shard.entries.try_emplace(std::move(key)).first;
	ticket->entry->second.n_users++;
	shard.latch.unlock();
	lock(ticket->entry->second.mutex, mode);
	ticket->mode = mode;
}

BENCH_INLINE void
map_release(void *session, const void *, map_ticket *ticket)
{
	map_shard &shard = shard_of(session, ticket->entry->first.hash);

	unlock(ticket->entry->second.mutex, ticket->mode);
	shard.latch.lock();
	if (--ticket->entry->second.n_users == 0)
		shard.entries.erase(ticket->entry);
	shard.latch.unlock();
}

#define PEER         shared_mutex_map
#define PEER_WHAT    "256 x (mutex, unordered_map of name to shared_mutex), erased when unused"
#define PEER_BY      BY_NAME
#define PEER_MODES   MODES_SX
#define PEER_TICKET  map_ticket
#define PEER_OPEN    map_open
#define PEER_CLOSE   map_close
#define PEER_ACQUIRE map_acquire
#define PEER_RELEASE map_release
#include "contestant.h"
