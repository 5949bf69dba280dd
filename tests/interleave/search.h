/* SPDX-License-Identifier: MIT */
/*
 * Search: which of the possible schedules is run next.
 *
 * The scheduler asks at every decision; the search answers from a stack of choices (exhaustively), from a
 * seed (at random), or from a schedule as text (replay).
 */
#ifndef LK_INTERLEAVE_SEARCH_H
#define LK_INTERLEAVE_SEARCH_H

#include "world.h"

/* What can be next. */
struct option {
	enum option_kind {
		OPTION_RUN,
		OPTION_WAKE, /* it wakes for no reason, and runs */
		OPTION_TIME, /* so much time passes that its sleep ends, and it runs */
	} kind;
	unsigned fiber;
};

enum search_mode { SEARCH_ALL, SEARCH_RANDOM, SEARCH_REPLAY };

struct search {
	enum search_mode mode;
	unsigned bound;           /* surprises in a schedule */
	unsigned most[SURPRISES]; /* … of each kind */
	uint64_t seed;            /* of a random schedule */
	const char *replay;       /* the rest of a schedule as text */
	/* of all schedules */
	uint64_t schedules;
	uint64_t pruned;
	uint64_t steps;
};

extern struct search search;

/* Is a step on this word a decision?  Only if several fibers use it, and some fiber changes it. */
bool search_branches(uintptr_t at);
void search_learn(uintptr_t at, bool wrote);
/* Take what was learned; false: there was nothing new. */
bool search_apply_learned(void);
void search_forget(void);

/* May there be one more surprise of this kind? */
bool search_allows(enum surprise kind);

/* `o[0]` is what happens without a surprise; `goes_on`: it is the fiber that ran last. */
unsigned search_pick(const struct option *o, unsigned n, bool goes_on);
/* By how many values is this load behind?  0 to `most`. */
unsigned search_stale(unsigned most);

void search_begin(void);
/* After a schedule of SEARCH_ALL: is there another? */
bool search_next(void);

/* The schedule that runs, as text. */
void search_note_step(unsigned fiber);
void search_note_option(const struct option *o);
const char *search_text(void);

/* A step, for whoever reads along. */
void search_tell(const char *by, const char *op, uintptr_t at, uint64_t was, uint64_t is);

#endif /* LK_INTERLEAVE_SEARCH_H */
