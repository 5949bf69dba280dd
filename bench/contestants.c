/* SPDX-License-Identifier: MIT */
/*
 * Who can take part.  A weak reference is NULL if the peer was not there when this was built.
 * Latchkey first: the others are what it is compared with.
 */
#include "cases.h"

#define CONTESTANTS(X)               \
	X(latchkey_by_handle)        \
	X(latchkey_handle_no_search) \
	X(pthread_mutex)             \
	X(pthread_rwlock)            \
	X(pthread_spin)              \
	X(ck_rwlock)                 \
	X(ck_pflock)                 \
	X(ck_bytelock)               \
	X(ck_brlock)                 \
	X(absl_mutex)                \
	X(absl_mutex_checked)        \
	X(std_shared_mutex)          \
	X(tbb_spin_rw)               \
	X(own_line)                  \
	X(handle_floor)              \
	X(latchkey_by_name)          \
	X(latchkey_name_no_search)   \
	X(latchkey_idle)             \
	X(latchkey_unready)          \
	X(striped_mutex)             \
	X(striped_rwlock)            \
	X(sharded_simple)            \
	X(sharded_table)             \
	X(shared_mutex_map)          \
	X(tbb_map)                   \
	X(tbb_map_erase)             \
	X(berkeley_db)               \
	X(rocksdb)                   \
	X(cds_lfht)                  \
	X(cds_lfht_erase)            \
	X(ck_hs)                     \
	X(name_floor)                \
	X(held_floor)                \
	X(latchkey_kept)             \
	X(latchkey_memory)           \
	X(latchkey_file)             \
	X(file_updates)              \
	X(ofd_locks)                 \
	X(latchkey_sqlite)           \
	X(sqlite_updates)            \
	X(sqlite_row)                \
	X(latchkey_file_two)         \
	X(inotify_turns)             \
	X(latchkey_sqlite_two)       \
	X(sqlite_turns)              \
	X(latchkey_redis)            \
	X(redis_updates)             \
	X(redis_evalsha)             \
	X(node_redlock)              \
	X(latchkey_redis_two)        \
	X(redis_turns)               \
	X(latchkey_file_many)        \
	X(file_each)                 \
	X(ofd_lock)                  \
	X(latchkey_sqlite_many)      \
	X(sqlite_each)               \
	X(latchkey_redis_many)       \
	X(redis_each)

#define DECLARE(symbol) extern const struct contestant peer_##symbol __attribute__((weak));
CONTESTANTS(DECLARE)

#define POINTER(symbol) &peer_##symbol,
const struct contestant *const contestants[] = { CONTESTANTS(POINTER) };

#define NAME(symbol) #symbol,
const char *const contestant_names[] = { CONTESTANTS(NAME) NULL };

/* A contestant that knows one lock at a time has no place where several are held. */
static bool
holds_several(const struct bench_case *b)
{
	switch (b->loop) {
	case LOOP_PATH:
	case LOOP_UNDER:
	case LOOP_TX:
	case LOOP_BATCH:
	case LOOP_HOLD:
	case LOOP_DROP:
		return true;
	default:
		return false;
	}
}

static bool
holds_many(const struct bench_case *b)
{
	return b->loop == LOOP_HOLD || b->loop == LOOP_DROP;
}

static bool
knows_modes(const struct bench_case *b, const struct contestant *c)
{
	unsigned wanted = MODE_BIT(b->mode);

	if (b->to != LK_NL)
		wanted |= MODE_BIT(b->to);
	if (b->loop == LOOP_MIXED)
		wanted |= MODES_SX;
	return (c->modes & wanted) == wanted;
}

bool
case_suits(const struct bench_case *b, const struct contestant *c)
{
	return c != NULL && c->realm == b->realm && c->by == b->by &&
	       c->loop[b->loop].pairs != NULL && knows_modes(b, c) &&
	       !(holds_several(b) && (c->traits & PEER_COLLIDES) != 0) &&
	       !(b->n_lanes > 1 && (c->traits & PEER_ALONE) != 0) &&
	       !(!holds_many(b) && (c->traits & PEER_HOLDS) != 0) &&
	       (b->has_variants || (c->traits & PEER_VARIANT) == 0);
}
