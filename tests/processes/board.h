/* SPDX-License-Identifier: MIT */
/*
 * The board: memory that all processes of a test share, on which each says what it holds.  Whoever comes in looks at all
 * that others say there, so that two who hold together what they must not are found, in whatever processes they are.
 *
 *   take: acquire, claim, look at all others        leave: take the claim away, release
 *
 * BO1  a claim is there only while its lock is held: so two that conflict are a mistake, whatever happens next.
 * BO2  of two whose locks overlap at least one sees the other: each writes first, and looks then.
 * BO3  who was killed may leave a claim behind.  Whoever looks at it waits until the parent has seen the end of that
 *      process, for half a minute at most: if it comes, nothing was wrong.
 * BO4  nothing is locked here, as who holds a lock might be killed.
 */
#ifndef TESTS_PROCESSES_BOARD_H
#define TESTS_PROCESSES_BOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <latchkey.h>

enum {
	BOARD_PROCESSES = 8,
	BOARD_THREADS = 2,
	BOARD_CLAIMS = 3, /* of a thread */
	BOARD_NAMES = 10,
	BOARD_TEXT = 4096
};

extern const char *const board_names[BOARD_NAMES];

/* What the threads did, to see that they did something. */
#define BOARD_COUNT_LIST(X) \
	X(waited)           \
	X(tried)            \
	X(busy)             \
	X(timedout)         \
	X(canceled)         \
	X(batches)          \
	X(upgraded)         \
	X(refused)          \
	X(downgraded)       \
	X(told)             \
	X(deadlocks)

enum board_count {
#define BOARD_COUNT(name) COUNT_##name,
	BOARD_COUNT_LIST(BOARD_COUNT)
#undef BOARD_COUNT
		COUNTS
};

struct board_name {
	_Atomic uint64_t fence;  /* the highest so far */
	_Atomic uint64_t grants; /* so far */
	_Atomic uint64_t orphan; /* the number of the kill by which a writer died; 0: all is well */
};

struct board_process {
	_Atomic uint32_t life;  /* which process this is: 1 is the first in this place */
	_Atomic uint32_t gone;  /* … and up to which they have ended */
	_Atomic uint32_t stops; /* how often it was stopped */
	_Atomic uint64_t claims[BOARD_THREADS][BOARD_CLAIMS];
	_Atomic uint64_t progress[BOARD_THREADS]; /* grants */
};

struct board {
	_Atomic uint32_t stop;
	_Atomic uint32_t wrong;       /* things that were */
	_Atomic uint64_t kills;       /* begun */
	_Atomic uint64_t most_passed; /* grants of others while somebody waited for that name */
	_Atomic uint64_t counts[COUNTS];
	_Atomic uint64_t text_used;
	char text[BOARD_TEXT]; /* what was wrong */
	struct board_name names[BOARD_NAMES];
	struct board_process processes[BOARD_PROCESSES];
};

/* A claim in one word: which of the process's lives, which of its claims, name and mode. */
struct claim {
	uint32_t life;
	uint32_t number;
	unsigned name;
	lk_mode mode; /* LK_NL: none */
};

struct claim claim_of(uint64_t word);
uint64_t claim_word(const struct claim *c);

/* Can both be held by two owners?  By tables of our own. */
bool claims_agree(const struct claim *a, const struct claim *b);

/* Does a name lie below this one? */
bool board_is_leaf(unsigned name);

/* Of a file; NULL: it cannot be. */
struct board *board_open(const char *path, bool is_new);
void board_close(struct board *b);

void board_says(struct board *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A thread's view of it. */
struct place {
	struct board *b;
	unsigned process;
	unsigned thread;
	uint32_t life;
	uint32_t number; /* of its claims so far */
};

/* The lock is held in `mode`: say so, and look around.  (BO1, BO2) */
void board_claims(struct place *p, unsigned slot, unsigned name, lk_mode mode);
void board_leaves(struct place *p, unsigned slot);

/* A grant that begins to write has a fence above all before.  It is held. */
void board_fence(struct place *p, unsigned name, uint64_t fence);

/*
 * A new hold of the name was told that the last writer died, or not.  Who has it for himself must have been, if a writer
 * was killed since, and nobody else who may have been told.
 */
void board_told(struct place *p, unsigned name, lk_mode mode, bool is_told);

/* For the parent: a process has ended, by which kill (0: none); its claims are void.  (BO3) */
void board_buries(struct board *b, unsigned process, uint64_t kill);

static inline void
board_counts(struct board *b, enum board_count which)
{
	atomic_fetch_add_explicit(&b->counts[which], 1, memory_order_relaxed);
}

#endif /* TESTS_PROCESSES_BOARD_H */
