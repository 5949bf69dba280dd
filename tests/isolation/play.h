/* SPDX-License-Identifier: MIT */
/* Playing schedules, and what must be true of any of them. */
#ifndef ISOLATION_PLAY_H
#define ISOLATION_PLAY_H

#include "stage.h"

/*
 * What is watched while a schedule is played, whatever is expected of it:
 *
 * no two owners hold a name in modes that conflict; a request ends with LK_E_DEADLOCK only if its owner was in a
 * ring the last time that all was quiet, and waits in the lines; with LK_E_CONVERSION_DEADLOCK only if two
 * conversions are in each other's way; a ring is gone once the delay after its last member's request is over;
 * and of rings that have nobody in common exactly one request each ends.
 */
struct watch {
	struct stage *t;
	FILE *out;
	struct graph graph; /* of the last quiet moment */
	uint64_t since;     /* when a call was last begun */
	unsigned victims;
	bool good;
};

void watch_begin(struct watch *w, struct stage *t, FILE *out);

/* Note what is wrong.  Always false. */
__attribute__((format(printf, 2, 3))) bool watch_fail(struct watch *w, const char *format, ...);

/* Begin a step; its results and others' of this moment, the step's own first (perhaps SPEC_WAITS). */
unsigned watch_step(struct watch *w, const struct spec_step *step,
		    struct spec_result result[SPEC_RESULTS]);

/* Let time pass. */
unsigned watch_pass(struct watch *w, uint64_t ns, struct spec_result result[SPEC_RESULTS]);

/* The orders of a spec, one after the other; `out` gets what happened.  False: not what was expected. */
bool play_orders(const struct spec *spec, FILE *out);

/* All orders of the steps of a spec that has none. */
bool play_all(const struct spec *spec, FILE *out);

#endif /* ISOLATION_PLAY_H */
