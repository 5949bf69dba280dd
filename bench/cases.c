/* SPDX-License-Identifier: MIT */
/* The cases.  A line each where they are alike. */
#include <string.h>

#include "cases.h"

#define HANDLE_CASE(m)                                                                       \
	{                                                                                    \
		.name = "handle/" #m, .group = "handle",                                     \
		.what = "one lock by handle in " #m ", nobody else there", .by = BY_HANDLE,  \
		.mode = LK_##m, .n_lanes = 1, .shared = true, .has_variants = LK_##m == LK_X \
	}

#define NAME_MODE_CASE(m)                                                                 \
	{                                                                                 \
		.name = "name-mode/" #m, .group = "name",                                 \
		.what = "a thousand names in " #m ", in random order, nobody else there", \
		.by = BY_NAME, .mode = LK_##m, .n_lanes = 1, .n_names = 1000              \
	}

/*
 * Longer samples, and fewer: where tables are larger than caches, and whoever comes has to fetch his own again; and where threads are in each
 * other's way, for who was the slower one in some milliseconds need not be that in the long run.
 */
#define LONG_SAMPLES .stretch = 4, .n_samples_most = 13
#define MANY_NAMES(count) \
	.stretch = (count) >= 10000 ? 4 : 1, .n_samples_most = (count) >= 10000 ? 13 : 0

#define NAME_CASE(count, text)                                                                   \
	{                                                                                        \
		.name = "name/" #count, .group = "name",                                         \
		.what = text " in X, in random order, nobody else there", .by = BY_NAME,         \
		.mode = LK_X, .n_lanes = 1, .n_names = (count), .has_variants = (count) == 1000, \
		MANY_NAMES(count)                                                                \
	}

#define ZIPF_CASE(count, text)                                                         \
	{                                                                              \
		.name = "zipf/" #count, .group = "name",                               \
		.what = text " in X, by Zipf's law, nobody else there", .by = BY_NAME, \
		.kind = NAMES_ZIPF, .mode = LK_X, .n_lanes = 1, .n_names = (count),    \
		MANY_NAMES(count)                                                      \
	}

/* Two threads that share a lock without being in each other's way. */
#define SHARED_CASE(m)                                                                       \
	{                                                                                    \
		.name = "shared-hot/" #m "/2-threads", .group = "hot",                       \
		.what = "two threads on one lock by handle in " #m, .by = BY_HANDLE,         \
		.mode = LK_##m, .n_lanes = 2, .shared = true, .hist_modes = MODE_BIT(LK_##m) \
	}

/* … and one of them, that does under the lock what each of two does: it looks at what the lock guards. */
#define ALONE_CASE(m)                                                                              \
	{                                                                                          \
		.name = "shared-hot/" #m "/1-thread", .group = "hot",                              \
		.what = "one thread on such a lock in " #m ", nobody else there", .by = BY_HANDLE, \
		.mode = LK_##m, .n_lanes = 1, .shared = true, .guards = true                       \
	}

/* Threads that exclude each other. */
#define HOT_CASE(ns)                                                                             \
	{                                                                                        \
		.name = "exclusive-hot/" #ns "ns/2-threads", .group = "hot",                     \
		.what = "two threads on one lock by handle in X, held for " #ns " ns",           \
		.by = BY_HANDLE, .mode = LK_X, .n_lanes = 2, .shared = true, .section_ns = (ns), \
		.hist_modes = MODE_BIT(LK_X), LONG_SAMPLES                                       \
	}

#define MIX_CASE(s, x)                                                                           \
	{                                                                                        \
		.name = "mix/" #s "-" #x "/2-threads", .group = "mix",                           \
		.what = "two threads on one lock by handle, " #s " % in S, " #x " % in X",       \
		.by = BY_HANDLE, .loop = LOOP_MIXED, .mode = LK_S, .n_lanes = 2, .shared = true, \
		.n_x = N_MODES * (x) / 100, .hist_modes = MODE_BIT(LK_X), LONG_SAMPLES           \
	}

#define MIX_NAME_CASE(s, x)                                                                 \
	{                                                                                   \
		.name = "mix-name/" #s "-" #x "/2-threads", .group = "mix",                 \
		.what = "two threads on a thousand names by Zipf's law, " #s " % in S, " #x \
			" % in X",                                                          \
		.by = BY_NAME, .kind = NAMES_ZIPF, .n_names = 1000, .loop = LOOP_MIXED,     \
		.mode = LK_S, .n_lanes = 2, .shared = true, .n_x = N_MODES * (x) / 100,     \
		LONG_SAMPLES                                                                \
	}

#define PATH_CASE(m, n, suffix, text)                                                          \
	{                                                                                      \
		.name = "path/" #m suffix, .group = "path",                                    \
		.what = "a row in " #m " and the intents above it, of 1000 in 16 tables" text, \
		.by = BY_NAME, .kind = NAMES_PATHS, .n_names = 1000, .n_tables = 16,           \
		.loop = LOOP_PATH, .mode = LK_##m, .n_lanes = (n)                              \
	}

#define UNDER_CASE(m)                                                                            \
	{                                                                                        \
		.name = "path-in-transaction/" #m, .group = "path",                              \
		.what = "a row in " #m ", of 1000, by an owner that holds another of its table", \
		.by = BY_NAME, .kind = NAMES_PATHS, .n_names = 1000, .n_tables = 1,              \
		.loop = LOOP_UNDER, .mode = LK_##m, .n_lanes = 1                                 \
	}

#define ROOT_CASE(m)                                                                           \
	{                                                                                      \
		.name = "root/" #m "/2-threads", .group = "path",                              \
		.what = "two threads that take the root of all paths in " #m ", by name",      \
		.by = BY_NAME, .kind = NAMES_ROOT, .n_names = 1, .mode = LK_##m, .n_lanes = 2, \
		.shared = true                                                                 \
	}

#define HELD_CASE(count, large, samples)                                                       \
	{ .name = "held/" #count "/acquire",                                                   \
	  .group = "held",                                                                     \
	  .what = #count " names acquired in X by one owner, and kept",                        \
	  .by = BY_NAME,                                                                       \
	  .loop = LOOP_HOLD,                                                                   \
	  .unit = UNIT_ACQUIRE,                                                                \
	  .mode = LK_X,                                                                        \
	  .n_lanes = 1,                                                                        \
	  .n_names = (count),                                                                  \
	  .is_normal = true,                                                                   \
	  .is_large = (large),                                                                 \
	  .n_samples_most = (samples),                                                         \
	  .twin = "held/" #count "/release" },                                                 \
	{                                                                                      \
		.name = "held/" #count "/release", .group = "held",                            \
		.what = "… and released one by one, in the order of acquiring", .by = BY_NAME, \
		.loop = LOOP_DROP, .unit = UNIT_RELEASE, .mode = LK_X, .n_lanes = 1,           \
		.n_names = (count), .is_large = (large), .n_samples_most = (samples),          \
		.twin = "held/" #count "/acquire"                                              \
	}

#define CROWD_OWNERS 1000

#define SEARCH_CASE(suffix, how, text)                                                  \
	{                                                                               \
		.name = "deadlock/search-" suffix, .group = "deadlock",                 \
		.what = "a search for a ring among a thousand owners that wait, " text, \
		.by = BY_NAME, .loop = LOOP_SEARCH, .unit = UNIT_SEARCH, .mode = LK_X,  \
		.n_lanes = 1, .n_names = CROWD_OWNERS * 100, .n_owners = CROWD_OWNERS,  \
		.order = (how), LONG_SAMPLES                                            \
	}

/* The store is asked for each lock: of names in turn, as what comes back at once would not even have been given back. */
#define ASKED_CASE(text, where) ASKED_BY_CASE(text, where, 1, AFFINITY_IN_TURN, "")
#define ASKED_BY_CASE(text, where, n, place, place_text)                                          \
	{                                                                                         \
		.name = text, .group = "store",                                                   \
		.what = "a thousand names in X, in random order, each from and to the "           \
			"store" place_text,                                                       \
		.by = BY_NAME, .realm = where, .mode = LK_X, .n_lanes = n, .n_names = 1000,       \
		.stretch = 10, .n_samples_most = 15, .is_normal = true, .has_variants = (n) == 1, \
		.affinity = place                                                                 \
	}

#define EACH "each on a processor with all its threads"
#define BOTH "both on one processor, the server on another"

/* Two processes want one name all the time. */
#define HAND_OVER_CASE(text, where, place, place_text)                                       \
	{                                                                                    \
		.name = text, .group = "store",                                              \
		.what = "two processes, " place_text ", on one name in X; the waits are "    \
			"from a release to the acquire of the other",                        \
		.by = BY_NAME, .realm = where, .in_processes = true, .loop = LOOP_HAND_OVER, \
		.mode = LK_X, .n_lanes = 2, .n_names = 1, .shared = true, .stretch = 40,     \
		.n_samples_most = 11, .is_normal = true, .hist_modes = MODE_BIT(LK_X),       \
		.affinity = place                                                            \
	}

/* … and eight threads in each: those of one process can pass it on among themselves. */
#define MANY_CASE(text, where, place, place_text)                                             \
	{                                                                                     \
		.name = text, .group = "store",                                               \
		.what = "two processes of eight threads, " place_text                         \
			", on one name in X; the waits are from a release to the acquire in " \
			"the other process",                                                  \
		.by = BY_NAME, .realm = where, .in_processes = true, .loop = LOOP_HAND_OVER,  \
		.mode = LK_X, .n_lanes = 2, .n_threads = 8, .n_names = 1, .shared = true,     \
		.stretch = 40, .n_samples_most = 11, .is_normal = true,                       \
		.hist_modes = MODE_BIT(LK_X), .affinity = place                               \
	}

const struct bench_case bench_cases[] = {
	HANDLE_CASE(IS),
	HANDLE_CASE(IX),
	HANDLE_CASE(S),
	HANDLE_CASE(SIX),
	HANDLE_CASE(U),
	HANDLE_CASE(X),

	NAME_CASE(1, "one name"),
	NAME_CASE(1000, "a thousand names"),
	NAME_CASE(10000, "ten thousand names"),
	NAME_CASE(100000, "a hundred thousand names"),
	NAME_CASE(1000000, "a million names"),
	NAME_CASE(10000000, "ten million names"),
	ZIPF_CASE(1000, "a thousand names"),
	ZIPF_CASE(10000, "ten thousand names"),
	ZIPF_CASE(100000, "a hundred thousand names"),
	ZIPF_CASE(1000000, "a million names"),
	ZIPF_CASE(10000000, "ten million names"),
	NAME_MODE_CASE(IS),
	NAME_MODE_CASE(IX),
	NAME_MODE_CASE(S),
	NAME_MODE_CASE(SIX),
	NAME_MODE_CASE(U),
	NAME_MODE_CASE(X),

	{
		.name = "own-names/2-threads",
		.group = "own",
		.what = "two threads, each with a thousand names of its own, in X",
		.by = BY_NAME,
		.mode = LK_X,
		.n_lanes = 2,
		.n_names = 1000,
	},
	SHARED_CASE(IS),
	SHARED_CASE(IX),
	SHARED_CASE(S),
	ALONE_CASE(IS),
	ALONE_CASE(S),
	{
		.name = "shared-hot-name/S/2-threads",
		.group = "hot",
		.what = "two threads on one name in S",
		.by = BY_NAME,
		.mode = LK_S,
		.n_lanes = 2,
		.n_names = 1,
		.shared = true,
	},
	{
		.name = "shared-hot/X-now-and-then/2-threads",
		.group = "hot",
		.what = "two threads on one lock in S, 6 of 65536 times in X: how long does X "
			"wait?",
		.by = BY_HANDLE,
		.loop = LOOP_MIXED,
		.mode = LK_S,
		.n_lanes = 2,
		.shared = true,
		.n_x = 6,
		.hist_modes = MODE_BIT(LK_X),
		LONG_SAMPLES,
	},
	HOT_CASE(0),
	HOT_CASE(100),
	HOT_CASE(1000),
	{
		.name = "exclusive-hot-name/100ns/2-threads",
		.group = "hot",
		.what = "two threads on one name in X, held for 100 ns",
		.by = BY_NAME,
		.mode = LK_X,
		.n_lanes = 2,
		.n_names = 1,
		.shared = true,
		.section_ns = 100,
		.hist_modes = MODE_BIT(LK_X),
		LONG_SAMPLES,
	},
	{
		.name = "convoy/100ns/16-threads",
		.group = "hot",
		.what = "16 threads on two processors and one lock by handle in X, held for 100 ns",
		.by = BY_HANDLE,
		.mode = LK_X,
		.n_lanes = 16,
		.shared = true,
		.section_ns = 100,
		.hist_modes = MODE_BIT(LK_X),
		.stretch = 20,
		.n_samples_most = 11,
		.is_normal = true,
	},
	{
		.name = "convoy-name/100ns/16-threads",
		.group = "hot",
		.what = "16 threads on two processors and one name in X, held for 100 ns",
		.by = BY_NAME,
		.mode = LK_X,
		.n_lanes = 16,
		.n_names = 1,
		.shared = true,
		.section_ns = 100,
		.stretch = 20,
		.n_samples_most = 11,
		.is_normal = true,
	},

	MIX_CASE(99, 1),
	MIX_CASE(90, 10),
	MIX_NAME_CASE(99, 1),
	MIX_NAME_CASE(90, 10),

	{
		.name = "open/half-load/2-threads",
		.group = "open",
		.what = "one lock in X, held for 100 ns; requests at half the rate that the "
			"contestant can bear",
		.by = BY_HANDLE,
		.loop = LOOP_OPEN,
		.mode = LK_X,
		.n_lanes = 2,
		.shared = true,
		.section_ns = 100,
		.hist_modes = MODE_BIT(LK_X),
		.load_percent = 50,
		LONG_SAMPLES,
	},
	{
		.name = "open/1M-per-s/2-threads",
		.group = "open",
		.what = "one lock in X, held for 100 ns; a million requests a second",
		.by = BY_HANDLE,
		.loop = LOOP_OPEN,
		.mode = LK_X,
		.n_lanes = 2,
		.shared = true,
		.section_ns = 100,
		.hist_modes = MODE_BIT(LK_X),
		.load = 1e6,
		LONG_SAMPLES,
	},

	PATH_CASE(S, 1, "", ""),
	PATH_CASE(X, 1, "", ""),
	PATH_CASE(S, 2, "/2-threads", "; two threads, rows of their own"),
	PATH_CASE(X, 2, "/2-threads", "; two threads, rows of their own"),
	UNDER_CASE(S),
	UNDER_CASE(X),
	ROOT_CASE(IS),
	ROOT_CASE(IX),

	{
		.name = "transaction/10",
		.group = "several",
		.what = "ten of a thousand names in X, then all released at once",
		.by = BY_NAME,
		.loop = LOOP_TX,
		.unit = UNIT_LOCK,
		.mode = LK_X,
		.n_lanes = 1,
		.n_names = 1000,
		.batch = 10,
	},
	{
		.name = "transaction/10/2-threads",
		.group = "several",
		.what = "… two threads, each with a thousand names of its own",
		.by = BY_NAME,
		.loop = LOOP_TX,
		.unit = UNIT_LOCK,
		.mode = LK_X,
		.n_lanes = 2,
		.n_names = 1000,
		.batch = 10,
	},
	{
		.name = "one-by-one/8",
		.group = "several",
		.what = "eight of a thousand names in X, one by one, then all released at once",
		.by = BY_NAME,
		.loop = LOOP_TX,
		.unit = UNIT_LOCK,
		.mode = LK_X,
		.n_lanes = 1,
		.n_names = 1000,
		.batch = 8,
	},
	{
		.name = "batch/8",
		.group = "several",
		.what = "eight of a thousand names in X, all in one call",
		.by = BY_NAME,
		.loop = LOOP_BATCH,
		.unit = UNIT_LOCK,
		.mode = LK_X,
		.n_lanes = 1,
		.n_names = 1000,
		.batch = 8,
	},
	{
		.name = "one-by-one/64-cold",
		.group = "several",
		.what = "64 of a million names in X, one by one, then all released at once",
		.by = BY_NAME,
		.loop = LOOP_TX,
		.unit = UNIT_LOCK,
		.mode = LK_X,
		.n_lanes = 1,
		.n_names = 1000000,
		.batch = 64,
		LONG_SAMPLES,
		.has_variants = true,
	},
	{
		.name = "batch/64-cold",
		.group = "several",
		.what = "64 of a million names in X, all in one call",
		.by = BY_NAME,
		.loop = LOOP_BATCH,
		.unit = UNIT_LOCK,
		.mode = LK_X,
		.n_lanes = 1,
		.n_names = 1000000,
		.batch = 64,
		LONG_SAMPLES,
		.has_variants = true,
	},

	{
		.name = "convert/U-X",
		.group = "convert",
		.what = "one lock by handle in U, converted to X, released",
		.by = BY_HANDLE,
		.loop = LOOP_UPGRADE,
		.mode = LK_U,
		.to = LK_X,
		.n_lanes = 1,
		.shared = true,
	},
	{
		.name = "convert/S-X-S",
		.group = "convert",
		.what = "one lock by handle, held in S, converted to X and back",
		.by = BY_HANDLE,
		.loop = LOOP_UP_DOWN,
		.unit = UNIT_UP_DOWN,
		.mode = LK_S,
		.to = LK_X,
		.n_lanes = 1,
		.shared = true,
	},
	{
		.name = "convert-name/S-X",
		.group = "convert",
		.what = "a thousand names in S, converted to X, released",
		.by = BY_NAME,
		.loop = LOOP_UPGRADE,
		.mode = LK_S,
		.to = LK_X,
		.n_lanes = 1,
		.n_names = 1000,
	},

	HELD_CASE(1000000, false, 7),
	HELD_CASE(10000000, true, 1),

	{
		.name = "owner/once",
		.group = "owner",
		.what = "an owner opened, one of a thousand names locked in X, the owner closed",
		.by = BY_NAME,
		.loop = LOOP_OWNER_ONCE,
		.mode = LK_X,
		.n_lanes = 1,
		.n_names = 1000,
	},
	{
		.name = "owner/unused",
		.group = "owner",
		.what = "an owner opened and closed",
		.by = BY_NAME,
		.loop = LOOP_OWNER,
		.unit = UNIT_OWNER,
		.mode = LK_X,
		.n_lanes = 1,
		.n_names = 1,
	},

	SEARCH_CASE("chain", ORDER_CHAIN, "each for a name of the one before it"),
	SEARCH_CASE("line", ORDER_LINE, "all for one name"),

	{
		.name = "store/file/kept",
		.group = "store",
		.what = "one name in X, which this process has of its store, and keeps",
		.by = BY_NAME,
		.realm = REALM_KEPT,
		.mode = LK_X,
		.n_lanes = 1,
		.n_names = 1,
	},
	ASKED_CASE("store/file/asked", REALM_FILE),
	ASKED_CASE("store/sqlite/asked", REALM_SQLITE),
	ASKED_BY_CASE("store/redis/asked", REALM_REDIS, 1, AFFINITY_APART,
		      "; the server on a processor of its own"),
	ASKED_BY_CASE("store/redis/asked/8-threads", REALM_REDIS, 8, AFFINITY_APART,
		      "; the server on a processor of its own"),
	ASKED_BY_CASE("store/redis/asked/one-processor", REALM_REDIS, 1, AFFINITY_ONE,
		      "; all on one processor, the server too"),
	HAND_OVER_CASE("store/file/2-processes", REALM_FILE_TWO, AFFINITY_IN_TURN, EACH),
	HAND_OVER_CASE("store/sqlite/2-processes", REALM_SQLITE_TWO, AFFINITY_IN_TURN, EACH),
	HAND_OVER_CASE("store/redis/2-processes", REALM_REDIS_TWO, AFFINITY_APART, BOTH),
	MANY_CASE("store/file/2-processes/8-threads", REALM_FILE_MANY, AFFINITY_IN_TURN, EACH),
	MANY_CASE("store/sqlite/2-processes/8-threads", REALM_SQLITE_MANY, AFFINITY_IN_TURN, EACH),
	MANY_CASE("store/redis/2-processes/8-threads", REALM_REDIS_MANY, AFFINITY_APART, BOTH),
	{ 0 },
};

const struct bench_case *
case_find(const char *name)
{
	for (const struct bench_case *b = bench_cases; b->name != NULL; b++)
		if (strcmp(b->name, name) == 0)
			return b;
	return NULL;
}

const char *
case_unit(const struct bench_case *b)
{
	static const char *const unit[] = {
		[UNIT_PAIR] = "pair",           [UNIT_LOCK] = "lock",
		[UNIT_UP_DOWN] = "up and down", [UNIT_OWNER] = "owner",
		[UNIT_ACQUIRE] = "acquire",     [UNIT_RELEASE] = "release",
		[UNIT_SEARCH] = "search",
	};

	return unit[b->unit];
}

size_t
case_held(const struct bench_case *b)
{
	size_t each = 1;

	if (b->loop == LOOP_HOLD || b->loop == LOOP_DROP)
		each = b->n_names;
	else if (b->loop == LOOP_PATH || b->loop == LOOP_UNDER)
		each = N_LEVELS + 1;
	else if (b->batch > 0)
		each = b->batch;
	return each * b->n_lanes;
}
