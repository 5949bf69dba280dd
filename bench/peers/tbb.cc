/* SPDX-License-Identifier: MIT */
/*
 * oneTBB: its spinning read-write lock by handle, and by name the accessors of concurrent_hash_map, which
 * lock an entry for as long as they live.  Two ways to use the map:
 *
 *   tbb_map        entries stay for ever: an acquire finds one; memory is for every name ever seen
 *   tbb_map_erase  an acquire inserts, a release erases: memory is for what is locked; X only
 *
 * Names are looked up as views, hashed by XXH3; the map has a bucket for each name from the start.  Waiters
 * spin, then yield.  There are no owners, intents, deadlines, fences, batches, nor any order among waiters;
 * an accessor cannot be upgraded without giving the entry up.
 *
 * Needs: libtbb-dev <tbb/concurrent_hash_map.h> -ltbb
 * Needs: libxxhash-dev <xxhash.h>
 * Not under: thread
 */
#include <new>
#include <string>
#include <string_view>

#include <tbb/concurrent_hash_map.h>
#include <tbb/spin_rw_mutex.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "peers/lines.h"

/* ------------------------------------------------------------------ spin_rw_mutex */

using scoped_lock = tbb::spin_rw_mutex::scoped_lock;

/* Room for an object that acquire makes and release ends. */
struct spin_ticket {
	alignas(scoped_lock) unsigned char room[sizeof(scoped_lock)];
};

static inline scoped_lock *
scoped_of(spin_ticket *ticket)
{
	return std::launder(reinterpret_cast<scoped_lock *>(ticket->room));
}

static void *
spin_open(void *, const char *)
{
	return new (lines(sizeof(tbb::spin_rw_mutex))) tbb::spin_rw_mutex;
}

static void
spin_close(void *, void *target)
{
	static_cast<tbb::spin_rw_mutex *>(target)->~spin_rw_mutex();
	free(target);
}

BENCH_INLINE void
spin_acquire(void *, const void *target, lk_mode mode, spin_ticket *ticket)
{
	auto *mutex = static_cast<tbb::spin_rw_mutex *>(const_cast<void *>(target));

	new (ticket->room) scoped_lock(*mutex, mode != LK_S);
}

BENCH_INLINE void
spin_release(void *, const void *, spin_ticket *ticket)
{
	scoped_of(ticket)->~scoped_lock();
}

/* Of two readers that upgrade one has to let go of the lock for a while; it does not matter here. */
BENCH_INLINE void
spin_convert(void *, const void *, spin_ticket *ticket, lk_mode, lk_mode to)
{
	if (to == LK_S)
		scoped_of(ticket)->downgrade_to_reader();
	else
		scoped_of(ticket)->upgrade_to_writer();
}

#define PEER              tbb_spin_rw
#define PEER_WHAT         "tbb::spin_rw_mutex by scoped_lock: one word, writers go before readers"
#define PEER_BY           BY_HANDLE
#define PEER_MODES        MODES_SX
#define PEER_TRAITS       PEER_SPINS
#define PEER_TICKET       spin_ticket
#define PEER_TARGET_OPEN  spin_open
#define PEER_TARGET_CLOSE spin_close
#define PEER_ACQUIRE      spin_acquire
#define PEER_RELEASE      spin_release
#define PEER_CONVERT      spin_convert
#include "contestant.h"

/* ---------------------------------------------------------- concurrent_hash_map */

struct name_compare {
	using is_transparent = void;

	static size_t
	hash(std::string_view name)
	{
		return XXH3_64bits(name.data(), name.size());
	}

	static bool
	equal(std::string_view a, std::string_view b)
	{
		return a == b;
	}
};

struct nothing {
};

static constexpr size_t n_buckets_min = 1024;

using map = tbb::concurrent_hash_map<std::string, nothing, name_compare>;

/* An accessor is a const_accessor that holds its entry to write. */
struct map_ticket {
	alignas(map::accessor) unsigned char room[sizeof(map::accessor)];
};

static void *
map_open(size_t n_names, size_t)
{
	return new map(n_names);
}

/* Of entries that come and go, only those that are held need buckets; and threads not to meet there. */
static void *
map_open_erase(size_t, size_t n_held)
{
	return new map(n_held + n_buckets_min);
}

static void
map_close(void *world)
{
	delete static_cast<map *>(world);
}

/* Find the entry, as nearly always, or make it. */
template <typename accessor>
BENCH_INLINE void
map_enter(map *names, std::string_view name, map_ticket *ticket)
{
	auto *a = new (ticket->room) accessor;

	if (!names->find(*a, name))
		names->insert(*a, name);
}

BENCH_INLINE void
map_acquire(void *session, const void *target, lk_mode mode, map_ticket *ticket)
{
	const std::string_view name(static_cast<const char *>(target));

	if (mode == LK_S)
		map_enter<map::const_accessor>(static_cast<map *>(session), name, ticket);
	else
		map_enter<map::accessor>(static_cast<map *>(session), name, ticket);
}

BENCH_INLINE void
map_release(void *, const void *, map_ticket *ticket)
{
	std::launder(reinterpret_cast<map::const_accessor *>(ticket->room))->~const_accessor();
}

#define PEER         tbb_map
#define PEER_WHAT    "tbb::concurrent_hash_map accessors, a bucket for each name, entries stay"
#define PEER_BY      BY_NAME
#define PEER_MODES   MODES_SX
#define PEER_TRAITS  PEER_KEEPS
#define PEER_TICKET  map_ticket
#define PEER_OPEN    map_open
#define PEER_CLOSE   map_close
#define PEER_ACQUIRE map_acquire
#define PEER_RELEASE map_release
#include "contestant.h"

/* Whoever finds the entry waits for it, until it is erased or theirs. */
BENCH_INLINE void
erase_acquire(void *session, const void *target, lk_mode, map_ticket *ticket)
{
	const std::string_view name(static_cast<const char *>(target));

	static_cast<map *>(session)->insert(*new (ticket->room) map::accessor, name);
}

BENCH_INLINE void
erase_release(void *session, const void *, map_ticket *ticket)
{
	auto *a = std::launder(reinterpret_cast<map::accessor *>(ticket->room));

	static_cast<map *>(session)->erase(*a);
	a->~accessor();
}

#define PEER         tbb_map_erase
#define PEER_WHAT    "tbb::concurrent_hash_map accessors, inserted and erased each time"
#define PEER_BY      BY_NAME
#define PEER_MODES   MODE_BIT(LK_X)
#define PEER_TICKET  map_ticket
#define PEER_OPEN    map_open_erase
#define PEER_CLOSE   map_close
#define PEER_ACQUIRE erase_acquire
#define PEER_RELEASE erase_release
#include "contestant.h"
