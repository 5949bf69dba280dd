/* SPDX-License-Identifier: MIT */
/*
 * The board: a record of the store ("w") in which processes say which of their waits may be part of a ring through
 * several of them.  This is what stands there, and the search; remote/knots.h says what, and who looks when.
 *
 * A row is a wait and one thing that it keeps from others: "as long as this waits for `wants`, nobody else comes to have
 * `holds` in what does not agree with `has`".  Row y comes after row x if x wants what y has.  So a ring of rows is
 * a ring of waits.
 *
 * A place in the line of the store is something to have, too: who stands there keeps those behind him waiting (RG9).
 *
 * RG1  the board has a turn, which moves with each change; and a number that was drawn when it was made, so that turns of
 *      another one, that was there before, are not taken for its own.
 * RG2  `since` of a row is a turn that its process had seen before it looked whether all of it is true; so it was true at some
 *      moment after that turn began.  `print` is another one whenever anything of it has changed in between.
 * RG3  whoever reads a row, not having seen it so before, notes as `first` the turn after the one that he reads.  What the row
 *      says was true before that turn began, if it ever does.
 * RG4  so all rows of a ring were true when turn F began, if no `first` is later than F, and no `since` earlier: true before and
 *      after it, and the same.  Then each of them waited for the next at that moment, and none can go on but by a timeout, a
 *      cancel, or a loss.
 * RG5  of each ring one row is the one to end, by an order of all rows that all processes have: so its process looks for rings
 *      whose other rows come after it, and no message is needed.
 */
#ifndef LK_REMOTE_BOARD_H
#define LK_REMOTE_BOARD_H

#include <latchkey/deadlock.h>
#include <latchkey/store.h>

#include <stdbool.h>

#include "mode/mode.h"

enum { BOARD_ROWS = 240, BOARD_MINE = 48, BOARD_DEAD = 16 };

/* A name as it is in the store, in two numbers. */
struct board_name {
	uint64_t part[2];
};

/* What can be done about a row, from the last thing to the first. */
enum board_end {
	BOARD_STAYS, /* nothing */
	BOARD_MAY_END, /* the request ends, though it has nothing that others wait for, but its place here */
	BOARD_ENDS,  /* the request ends */
	BOARD_STEPS, /* it gives up its place in the line of the store, and comes again */
	BOARD_END_N
};

/* As bytes in the record; each of them is set. */
struct board_row {
	struct lk_session_id who;
	uint64_t since; /* (RG2) */
	uint64_t print;
	struct board_name wants;
	struct board_name holds;
	uint64_t merit; /* of equal priority, the larger one ends */
	uint64_t opened_ns;
	int32_t priority;
	uint32_t n_grants;
	uint32_t name_len; /* of the whole name that it waits for */
	uint8_t is_id;
	uint8_t held;  /* modes: what it has of that, … */
	uint8_t want;  /* … what it wants of it … */
	uint8_t has;   /* … and what is had of `holds` */
	uint8_t end;   /* enum board_end */
	uint8_t asked; /* for people: what it wants there, should `want` not say so */
	uint8_t zero[6];
	unsigned char name[LK_DEADLOCK_NAME_MAX];
	char label[LK_LABEL_MAX + 1];
};

struct board {
	char magic[8];
	uint64_t made; /* (RG1) */
	uint64_t turn;
	uint64_t sum;
	uint64_t n;
	struct board_row row[BOARD_ROWS];
};

/* What one process has to say, and what it knows. */
struct board_self {
	struct lk_session_id who;
	struct lk_session_id was; /* its session before that one; or the same */
	uint64_t made;            /* the board that it saw last, … */
	uint64_t turn;            /* … and its turn */
	size_t n;
	struct board_row row[BOARD_MINE];
	size_t n_dead;
	struct lk_session_id dead[BOARD_DEAD]; /* sessions that the store says are over */
};

struct board_name board_name(const void *record, size_t len);

/* The place that a session has in the line of that name. */
struct board_name board_place(struct board_name name, const void *session);

/* The record as it was read; damaged, or none: an empty board without a turn.  False: it is damaged. */
bool board_read(struct board *b, const void *bytes, size_t len);

/*
 * What `self` says takes the place of what it said.  `made`: if there is no board yet.  True: it is to be written; if not, the
 * board is as it was read.
 */
bool board_change(struct board *b, struct board_self *self, uint64_t made);

/* Its bytes to be written; 0: none, as nobody has anything to say. */
size_t board_size(const struct board *b);

/* What is known of the rows of the board, in their order. */
struct board_seen {
	uint64_t made; /* of that one */
	size_t n;
	uint64_t key[BOARD_ROWS];
	uint64_t first[BOARD_ROWS]; /* (RG3) */
	uint64_t was_key[BOARD_ROWS];
	uint64_t was_first[BOARD_ROWS];
};

/* The board was read as it is, or, if it `is_written`, written as it is.  True: there is something on it that was not. */
bool board_learn(struct board_seen *s, const struct board *b, bool is_written);

/*
 * A ring with that row in it; its rows, in order, from that one on, are in `ring`, at most so many of them.  `first` NULL: any
 * ring.  Else one that is certain (RG4), and of which that row is to end (RG5).  The number of rows, or 0.
 */
size_t board_ring(const struct board *b, const uint64_t *first, size_t from, uint16_t *ring,
		  size_t most);

/* What a row is known by as long as it says the same. */
uint64_t board_key(const struct board_row *row);

/* Is `a` rather to end than `b`?  An order of all rows.  (RG5) */
bool board_is_victim(const struct board_row *a, const struct board_row *b);

#endif /* LK_REMOTE_BOARD_H */
