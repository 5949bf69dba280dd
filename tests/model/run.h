/* SPDX-License-Identifier: MIT */
/* A script, played by the library and by the reference in lock-step. */
#ifndef MODEL_RUN_H
#define MODEL_RUN_H

#include "script.h"

/* What happened of what is rare, so that it cannot be nothing. */
struct rarities {
	uint64_t transfers; /* grants that went to another owner */
	uint64_t rolled_back;
	uint64_t escalated; /* attempts that worked … */
	uint64_t in_vain;   /* … and did not */
	uint64_t deescalated;
};

/* How it went. */
struct verdict {
	bool agree;
	size_t step;    /* where not: the operation; script.n is the end of the script */
	char what[256]; /* in words */
	struct rarities met;
};

/*
 * Play it and compare after every operation.  `trace`, if not NULL, gets each operation and what came of
 * it.  `fault` is for the reference.  Not for several threads at a time.
 */
bool run_script(const struct script *s, enum ref_fault fault, FILE *trace, struct verdict *v);

/* If not NULL: called before every operation, for what nobody may notice (spread/between.c). */
extern void (*run_between)(struct lk_manager *m, size_t step);

/* The same for the script that these bytes are. */
bool model_run(const uint8_t *bytes, size_t n, FILE *trace);

#endif /* MODEL_RUN_H */
