/* SPDX-License-Identifier: MIT */
/*
 * A script: who does what, as a file of lines.  README.md has the language.
 */
#ifndef LK_INTERLEAVE_SCRIPT_H
#define LK_INTERLEAVE_SCRIPT_H

#include <latchkey.h>

#include "world.h"

enum {
	STEPS_OF_LINE = 24,
	NAMES_MAX = 16,
	LABELS_MAX = 24,
	VARS_MAX = 8,
	PROCESSES_MAX = 3,
	GUEST = PROCESSES_MAX, /* in the place of a process: who is in a store for one step of a script */
	BATCH_MAX = 4,
	WORD_MAX = 64,
};

#define VERB_LIST(X)                    \
	X(ACQUIRE, acquire)             \
	X(TRY, try)                     \
	X(ID, id)                       \
	X(ON, on)                       \
	X(MANY, many)                   \
	X(CONVERT, convert)             \
	X(CAN, can)                     \
	X(DOWNGRADE, downgrade)         \
	X(RELEASE, release)             \
	X(RELEASE_NAME, release_name)   \
	X(RELEASE_ALL, release_all)     \
	X(CLOSE, close)                 \
	X(REOPEN, reopen)               \
	X(SELF, self)                   \
	X(EXIT, exit)                   \
	X(CANCEL, cancel)               \
	X(HANDLE, handle)               \
	X(UNHANDLE, unhandle)           \
	X(SWEEP, sweep)                 \
	X(SNAPSHOT, snapshot)           \
	X(INFO, info)                   \
	X(STATS, stats)                 \
	X(EVENTS, events)               \
	X(SHUTDOWN, shutdown)           \
	X(PASS, pass)                   \
	X(FILL, fill)                   \
	X(GROWS, grows)                 \
	X(STREAKS, streaks)             \
	X(SPREAD, spread)               \
	X(FOLDS, folds)                 \
	X(READ, read)                   \
	X(WRITE, write)                 \
	X(SET, set)                     \
	X(OUTSIDE, outside)             \
	X(INSIDE, inside)               \
	X(SHARE, share)                 \
	X(SEIZE, seize)                 \
	X(ENDS, ends)                   \
	X(SERVE, serve)                 \
	X(SUBMIT, submit)               \
	X(SUBMIT_MANY, submit_many)     \
	X(SUBMIT_CONVERT, converts)     \
	X(WITHDRAW, withdraw)           \
	X(AWAIT, await)                 \
	X(REAP, reap)                   \
	X(REAPING, reaping)             \
	X(QUEUE_OPEN, queue_open)       \
	X(QUEUE_CLOSE, queue_close)     \
	X(TOLD, told)                   \
	X(ADVANCE, advance)             \
	X(SERVING, serving)             \
	X(CHECK, check)                 \
	X(RENEW, renew)                 \
	X(POOL_OPEN, pool_open)         \
	X(POOL_CLOSE, pool_close)       \
	X(TAKE, take)                   \
	X(GIVE, give)                   \
	X(NOTE_OWNER, note_owner)       \
	X(GIVE_AGAIN, give_again)       \
	X(TOKEN, token)                 \
	X(TOKEN_CHECK, token_check)     \
	X(TOKEN_RENEW, token_renew)     \
	X(TOKEN_RELEASE, token_release) \
	X(ESCALATES, escalates)         \
	X(DEESCALATE, deescalate)       \
	X(TRANSFER, transfer)           \
	X(MOVE, move)                   \
	X(CHILD, child)                 \
	X(PASSES, passes)               \
	X(TENDING, tending)             \
	X(UNANSWERED, unanswered)       \
	X(UNMADE, unmade)               \
	X(REFUSES, refuses)             \
	X(DIES, dies)                   \
	X(BEATS, beats)                 \
	X(POLLS, polls)                 \
	X(LINGERS, lingers)             \
	X(BROKEN, broken)               \
	X(HEARING, hearing)             \
	X(VALUE_READ, value_read)       \
	X(VALUE_WRITE, value_write)     \
	X(FENCE, fence)                 \
	X(DETACH, detach)               \
	X(BREAKS, breaks)               \
	X(DAMAGED, damaged)             \
	X(REPAIRS, repairs)             \
	X(BREAKER, breaker)             \
	X(ASKS, asks)                   \
	X(ASKS_BAD, asks_bad)           \
	X(RESETS, resets)               \
	X(MIGRATES, migrates)           \
	X(KILLS, kills)                 \
	X(BURIES, buries)               \
	X(CUTS, cuts)                   \
	X(DOOMS, dooms)                 \
	X(VISITS, visits)               \
	X(YIELD, yield)

enum verb {
#define VERB_ENUM(upper, lower) VERB_##upper,
	VERB_LIST(VERB_ENUM)
#undef VERB_ENUM
		VERBS
};

#define RESULT_LIST(X)                        \
	X(ok, 0)                              \
	X(busy, LK_E_BUSY)                    \
	X(timedout, LK_E_TIMEDOUT)            \
	X(canceled, LK_E_CANCELED)            \
	X(inval, LK_E_INVAL)                  \
	X(nomem, LK_E_NOMEM)                  \
	X(stale, LK_E_STALE)                  \
	X(lost, LK_E_LOST)                    \
	X(suspect, LK_E_SUSPECT)              \
	X(deadlock, LK_E_CONVERSION_DEADLOCK) \
	X(limit, LK_E_LIMIT)                  \
	X(unsupported, LK_E_UNSUPPORTED)      \
	X(ring, LK_E_DEADLOCK)                \
	X(condition, LK_E_CONDITION)          \
	X(closed, LK_E_CLOSED)                \
	X(noent, LK_E_NOENT)                  \
	X(corrupt, LK_E_CORRUPT)              \
	X(store, LK_E_STORE)                  \
	X(unknown, LK_E_UNKNOWN)              \
	X(barred, LK_E_BREAKER)               \
	X(moved, LK_E_MOVED)

enum result {
#define RESULT_ENUM(name, code) RESULT_##name,
	RESULT_LIST(RESULT_ENUM)
#undef RESULT_ENUM
		RESULTS
};

struct step {
	enum verb verb;
	bool if_ok; /* only if the fiber's last request was granted */
	unsigned fiber;
	unsigned n_names;
	unsigned name[BATCH_MAX]; /* or a label, a variable, a fiber */
	lk_mode mode[BATCH_MAX];
	unsigned label; /* what the grant, or the handle, is called */
	uint32_t flags;
	int64_t within_ns;
	uint64_t lease_ns;
	uint64_t max_hold_ns;
	uint32_t units;
	uint32_t permits;
	int32_t priority;
	unsigned when;      /* 0: always; else if variable `when - 1` is set */
	unsigned expected;  /* one bit for each result */
	unsigned completes; /* … of the completion */
	unsigned named;     /* the label that stood before `as`; or a number */
	bool releases;      /* its callback gives back what it was granted */
	bool by_queue;      /* notices of an owner: through the queue, … */
	bool by_function;   /* … or by a function, at once */
	unsigned line;
};

struct steps {
	struct step step[STEPS_OF_LINE];
	unsigned n;
};

struct script {
	const char *path;
	char url[256];
	unsigned bound;
	unsigned most[SURPRISES];
	unsigned random; /* schedules at random in a short run */
	unsigned cap;    /* … and exhaustively, at most; 0: as many as the run allows */
	unsigned cold;   /* owners that have never had a grant */
	unsigned hook;   /* events have a hook, in which others may go on */
	unsigned notice; /* owners have a callback for notices, in which others may go on */
	unsigned queue;  /* there is one */
	unsigned ask;    /* 0: no callback for victims; else it chooses member `ask - 1` */
	unsigned n_fibers;
	char fiber[FIBERS_MAX][WORD_MAX];
	struct steps body[FIBERS_MAX];
	struct steps setup;
	struct steps after;
	/* managers that share a store, as processes do; 0: there is one, without a store */
	unsigned n_processes;
	char process[PROCESSES_MAX][WORD_MAX];
	unsigned process_of[FIBERS_MAX];
	unsigned
		hints; /* 1: the store hints at what has changed; 2: a fiber of each process's hears them */
	unsigned mortal;   /* sessions end by time */
	unsigned far;      /* the store is on another host */
	unsigned apart;    /* the store updates several names at a time */
	unsigned polls;    /* 0: nobody looks from time to time */
	unsigned edges[8]; /* of covers: those that some schedule must drive, from row to column */
	/* names of locks; of grants and handles; of plain variables */
	unsigned n_names;
	char name[NAMES_MAX][WORD_MAX];
	unsigned n_labels;
	char label[LABELS_MAX][WORD_MAX];
	unsigned n_vars;
	char var[VARS_MAX][WORD_MAX];
	/* the end */
	bool free_at_end[NAMES_MAX];
	struct {
		enum result result;
		unsigned least;
		unsigned most;
	} count[RESULTS];
	unsigned n_counts;
};

extern const char *const verb_name[VERBS];
extern const char *const result_name[RESULTS];

/* Exits with a message if the file is not a script. */
void script_read(struct script *s, const char *path);

/* The state of a cover that has this name, in small letters; less than 0: there is none.  (abroad.c) */
int abroad_state(const char *name);

/* RESULTS: none of those that a script can name. */
enum result result_of(int rc);

#endif /* LK_INTERLEAVE_SCRIPT_H */
