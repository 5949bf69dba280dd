/* SPDX-License-Identifier: MIT */
/* decide() and the reference, side by side: each step is made by both, compared, and held against what must be so. */
#ifndef RECORD_STAGE_H
#define RECORD_STAGE_H

#include "harness.h"
#include "reference.h"

/* Where both are. */
struct scene {
	bool is_there; /* a record has been written */
	struct record record;
	struct ref ref;
};

extern const char stage_name[];
enum { STAGE_NAME = 6 };

struct record_id stage_id(int who);

/* A view without surprises, at `now`. */
struct decide_view stage_view(uint64_t now);

/* The request as decide() wants it. */
struct decide_request stage_request(const struct ref_ask *a);

/*
 * Make a step in `*from`, if `dead` is not negative with that session dead, and check all that can be checked;
 * `*to` is where it leads.  False: both refused it as nonsense, and `*to` is of no use.
 */
bool stage_step(const struct scene *from, const struct ref_ask *a, int dead, uint64_t now,
		struct scene *to);

/* All who hold and do not wait release, until nobody is left: it must come to that. */
void stage_drain(const struct scene *from);

#endif /* RECORD_STAGE_H */
