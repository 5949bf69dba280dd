/* SPDX-License-Identifier: MIT */
/* What Latchkey is to reach, measured in one run with what it is compared with. */
#include <string.h>

#include "cases.h"

#define BY_HANDLE_GOAL(m)                                                                         \
	{                                                                                         \
		"by handle, nobody else there, " #m, "handle/" #m, "handle/" #m, "pthread_mutex", \
			FIGURE_NS, false, 1.15, NULL                                              \
	}

/* A price, as a multiple of theirs. */
#define COST(text, ours, theirs, contestant, limit)                           \
	{                                                                     \
		text, ours, theirs, contestant, FIGURE_NS, false, limit, NULL \
	}

/* … in a thread of several. */
#define THREAD_COST(text, ours, theirs, contestant, limit)                           \
	{                                                                            \
		text, ours, theirs, contestant, FIGURE_THREAD_NS, false, limit, NULL \
	}

/* Throughput, as a multiple of theirs: so many times faster. */
#define FASTER(text, ours, theirs, contestant, limit)                                \
	{                                                                            \
		text, ours, theirs, contestant, FIGURE_THROUGHPUT, true, limit, NULL \
	}

#define AT_LEAST(text, ours, figure, limit)                       \
	{                                                         \
		text, ours, NULL, NULL, figure, true, limit, NULL \
	}

#define AT_MOST(text, ours, figure, limit)                         \
	{                                                          \
		text, ours, NULL, NULL, figure, false, limit, NULL \
	}

/* The simple table is the one that the limit was set by; the careful one shall not be the faster one. */
#define BY_NAME_GOALS(count, text, striped, bdb, rocks, simple)                               \
	COST("by name, " text, "name/" #count, "name/" #count, "striped_mutex", striped),     \
		FASTER("by name, " text, "name/" #count, "name/" #count, "berkeley_db", bdb), \
		FASTER("by name, " text, "name/" #count, "name/" #count, "rocksdb", rocks),   \
		FASTER("by name, " text, "name/" #count, "name/" #count, "sharded_simple",    \
		       simple),                                                               \
		FASTER("… a table made with care", "name/" #count, "name/" #count,            \
		       "sharded_table", 1)

/* Two processes; of the mean two thirds is half of what the other has. */
#define STORE_GOALS(scheme, contestant)                                                         \
	{ "from process to process, " scheme ":, half of them",                                 \
	  "store/" scheme "/2-processes",                                                       \
	  "store/" scheme "/2-processes",                                                       \
	  contestant,                                                                           \
	  FIGURE_P50,                                                                           \
	  false,                                                                                \
	  3,                                                                                    \
	  NULL },                                                                               \
		{ "… all but a hundredth",                                                      \
		  "store/" scheme "/2-processes",                                               \
		  "store/" scheme "/2-processes",                                               \
		  contestant,                                                                   \
		  FIGURE_P99,                                                                   \
		  false,                                                                        \
		  3,                                                                            \
		  NULL },                                                                       \
		AT_LEAST("… the slower one's part of the mean", "store/" scheme "/2-processes", \
			 FIGURE_SLOWEST, 2.0 / 3)

/* Two processes of eight threads on one name: what it is worth to keep it; and nobody starves. */
#define MANY_GOALS(scheme)                                                                         \
	FASTER("two processes of 8 threads on one name, " scheme ":",                              \
	       "store/" scheme "/2-processes/8-threads", "store/" scheme "/2-processes/8-threads", \
	       "latchkey_store", 20),                                                              \
		AT_LEAST("… the slower process's part of the mean",                                \
			 "store/" scheme "/2-processes/8-threads", FIGURE_SLOWEST, 2.0 / 3)

#define US 1e3
#define MS 1e6

const struct bench_goal bench_goals[] = {
	BY_HANDLE_GOAL(IS),
	BY_HANDLE_GOAL(IX),
	BY_HANDLE_GOAL(S),
	BY_HANDLE_GOAL(SIX),
	BY_HANDLE_GOAL(U),
	BY_HANDLE_GOAL(X),

	BY_NAME_GOALS(1, "one name", 2.2, 6.5, 20, 4),
	BY_NAME_GOALS(1000, "a thousand names", 2.3, 6, 19, 3.7),
	BY_NAME_GOALS(1000000, "a million names", 3.3, 4.5, 13, 2.7),
	FASTER("by name, a million names", "name/1000000", "name/1000000", "tbb_map", 9),
	COST("ten million names against a thousand", "name/10000000", "name/1000", "latchkey", 1.5),
	FASTER("two threads with names of their own against one", "own-names/2-threads",
	       "name/1000", "latchkey", 1.65),

	COST("IS+IS+S in one call against one name", "path/S", "name/1000", "latchkey", 3),
	THREAD_COST("… a thread of two against one alone", "path/S/2-threads", "path/S", "latchkey",
		    1.3),
	COST("… with the ancestors held, against one name", "path-in-transaction/S", "name/1000",
	     "latchkey", 1.3),

	FASTER("two threads that share a lock against one, S", "shared-hot/S/2-threads",
	       "shared-hot/S/1-thread", "latchkey", 1.8),
	FASTER("two threads that share a lock against one, IS", "shared-hot/IS/2-threads",
	       "shared-hot/IS/1-thread", "latchkey", 1.8),
	/* ten times fair_after_ns, and two slices of the scheduler */
	AT_MOST("… an X now and then: its longest wait", "shared-hot/X-now-and-then/2-threads",
		FIGURE_MAX, 10 * MS + 2 * 3 * MS),
	FASTER("two threads that exclude each other, 100 ns", "exclusive-hot/100ns/2-threads",
	       "exclusive-hot/100ns/2-threads", "pthread_mutex", 2.3),
	AT_LEAST("… the slower one's part of the mean", "exclusive-hot/100ns/2-threads",
		 FIGURE_SLOWEST, 0.9),
	AT_MOST("… all but a thousandth of the waits", "exclusive-hot/100ns/2-threads", FIGURE_P999,
		1 * US),
	FASTER("16 such threads on two processors against two", "convoy/100ns/16-threads",
	       "exclusive-hot/100ns/2-threads", "latchkey", 0.8),
	AT_LEAST("… the slowest one's part of the mean", "convoy/100ns/16-threads", FIGURE_SLOWEST,
		 0.3),

	COST("S to X to S by handle against a plain pair", "convert/S-X-S", "handle/X", "latchkey",
	     2.2),

	COST("a million held: acquire", "held/1000000/acquire", "held/1000000/acquire",
	     "berkeley_db", 0.4),
	/* the least that it shall keep; 0.4 is for those who say what they will hold, as Berkeley DB has it */
	{ "… of which nothing was said before", "held/1000000/acquire", "held/1000000/acquire",
	  "berkeley_db", FIGURE_NS, false, 0.7, "latchkey_unready" },
	COST("a million held: release", "held/1000000/release", "held/1000000/release",
	     "berkeley_db", 0.25),
	AT_MOST("a million held: bytes each", "held/1000000/acquire", FIGURE_BYTES, 160),
	{ "… of which nothing was said: bytes each", "held/1000000/acquire", NULL, NULL,
	  FIGURE_BYTES, false, 160, "latchkey_unready" },
	/* cold: in the index, and in no cache; of others there is nothing to fetch together */
	{ "a batch of 64 cold names against one by one", "batch/64-cold", "one-by-one/64-cold",
	  "latchkey_idle", FIGURE_THROUGHPUT, true, 1.5, "latchkey_idle" },
	FASTER("… of new names", "batch/64-cold", "one-by-one/64-cold", "latchkey", 1.0),

	COST("an owner used once against a pair by name", "owner/once", "name/1000", "latchkey",
	     2.5),

	AT_MOST("a search among 1000 who wait, 10^5 grants: a chain", "deadlock/search-chain",
		FIGURE_NS, 10 * MS),
	AT_MOST("… all in one line", "deadlock/search-line", FIGURE_NS, 10 * MS),
	COST("searches on against off, nobody waits, by handle", "handle/X", "handle/X",
	     "latchkey_no_search", 1.03),
	COST("… by name", "name/1000", "name/1000", "latchkey_no_search", 1.1),

	COST("a name that this process has of its store", "store/file/kept", "store/file/kept",
	     "latchkey_memory", 2.5),
	FASTER("a lock that the store is asked for, file:", "store/file/asked", "store/file/asked",
	       "ofd_locks", 1.0 / 3),
	FASTER("… sqlite:", "store/sqlite/asked", "store/sqlite/asked", "sqlite_row", 0.8),
	FASTER("… redis:", "store/redis/asked", "store/redis/asked", "redis_evalsha", 0.9),
	FASTER("… against Node's", "store/redis/asked", "store/redis/asked", "node_redlock", 2),
	FASTER("… 8 threads against one", "store/redis/asked/8-threads", "store/redis/asked",
	       "latchkey", 4),
	STORE_GOALS("file", "inotify_turns"),
	STORE_GOALS("sqlite", "sqlite_turns"),
	STORE_GOALS("redis", "redis_turns"),
	MANY_GOALS("file"),
	MANY_GOALS("sqlite"),
	MANY_GOALS("redis"),
	{ 0 },
};

bool
goals_compare(const struct bench_case *ours, const struct bench_case *theirs)
{
	for (const struct bench_goal *g = bench_goals; g->what != NULL; g++)
		if (g->theirs != NULL && strcmp(g->ours, ours->name) == 0 &&
		    strcmp(g->theirs, theirs->name) == 0)
			return true;
	return false;
}
