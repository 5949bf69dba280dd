/* SPDX-License-Identifier: MIT */
/*
 * What was noted of cache lines.  One thread plays all the parties in turn, each of which stands for a core
 * of its own: so what is counted is always the same.
 */
#ifndef LK_LINES_RECORD_H
#define LK_LINES_RECORD_H

#include <stdint.h>

#include "base/atomic.h"

/* Two whose operations are counted, and one who looks on. */
enum { LINES_A, LINES_B, LINES_ONLOOKER, LINES_PARTIES };

/* Forget everything, and note nothing until a turn begins. */
void lines_clear(void);

/* Is told of each access before it is made, by the thread that makes it, whether it is noted or not.  NULL: nobody is. */
typedef void lines_watch(uintptr_t at, enum lines_access access);
void lines_watch_by(lines_watch *watch);

/* An operation of this party begins, and everything is noted until it ends. */
void lines_begin(unsigned party);
void lines_end(void);

/* Sums over all operations of A and B.  A line counts once in an operation. */
struct lines_sum {
	uint64_t operations;
	uint64_t written; /* lines that it wrote, and another party wrote too */
	uint64_t rmws;    /* … read-modify-writes on those: not lines but instructions */
	uint64_t
		moved; /* lines that it wrote and others only read, or that it only read and others wrote */
	uint64_t quiet; /* lines that it read, as others did, and nobody wrote */
	uint64_t
		hottest; /* of the lines that A and B wrote: operations that wrote the busiest one */
};

struct lines_sum lines_sum(void);

#endif /* LK_LINES_RECORD_H */
