/* SPDX-License-Identifier: MIT */
/* What a manager knows of times: of waits, all of them; of holds, those that are timed; and which names. */
#ifndef LK_TRACE_TIMES_H
#define LK_TRACE_TIMES_H

#include "mode/mode.h"
#include "trace/sketch.h"

enum { WAIT_OUTCOMES = LK_WAITS_CLOSED - LK_WAITS };

struct times {
	uint64_t seed;                        /* of the hash of names */
	struct histogram wait[WAIT_OUTCOMES]; /* [0]: LK_WAITS_GRANTED */
	struct histogram hold[MODE_N];        /* by the mode of the grant as it ended */
	a64 granted[MODE_N];                  /* by the mode that was asked for */
	a64 timed;                            /* grants that these come from */
	struct sketch waited;
	struct sketch held;
};

/* The memory is zero. */
void times_init(struct times *t, uint64_t seed);

/* A wait ended with `rc`. */
void times_waited(struct times *t, int rc, uint64_t ns);

/* … and was in the line of `r`, which cannot be retired. */
void times_waited_for(struct times *t, const struct lk_resource *r, uint64_t ns);

/* A grant that is timed was made; it counts as `weight`. */
void times_granted(struct times *t, lk_mode mode, uint64_t weight);

/* … and ended. */
void times_held(struct times *t, const struct sketch_name *name, lk_mode mode, uint64_t ns,
		uint64_t weight);

/* Add up the histograms of one kind; false: `which` is none of enum lk_times. */
bool times_read(const struct times *t, int which, struct lk_histogram *out);

#endif /* LK_TRACE_TIMES_H */
