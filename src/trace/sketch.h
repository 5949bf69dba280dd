/* SPDX-License-Identifier: MIT */
/*
 * Sketch: which names come most often, in room for few ("space-saving": Metwally, Agrawal, El Abbadi 2005).
 *
 * A name that is not there and finds no room takes the place of the one with the least count, and goes on from that
 * count, which is the most that it can have missed.
 *
 * V3  the counts of all names together are all that was added.
 * V4  a name's true count is at most its count, and at least that without its error.  So a name that came more often
 *     than the least count is there, and that is at most all that was added / LK_TOP_NAMES.
 * V5  the least count only grows, so a name's count does too, over all its comings and goings.
 *
 * A latch of its own guards it, taken last and by slow paths alone.
 */
#ifndef LK_TRACE_SKETCH_H
#define LK_TRACE_SKETCH_H

#include "base/latch.h"
#include "index/resource.h"
#include "trace/histogram.h"

/* A name, as much of it as is kept. */
struct sketch_name {
	uint64_t hash; /* lk_name_hash() */
	uint32_t tail; /* its length, and NAME_ID */
	unsigned char bytes[LK_TOP_NAME_MAX];
};

struct sketch_entry {
	struct sketch_name name;
	uint64_t count;
	uint64_t error;
	uint64_t total_ns;
	uint64_t max_ns;
};

struct sketch {
	struct latch latch;
	uint32_t n;
	struct sketch_entry entry[LK_TOP_NAMES];
};

void sketch_init(struct sketch *s);

/* The name of a resource, which cannot change (R1). */
void sketch_name(struct sketch_name *out, const struct lk_resource *r, uint64_t seed);

/* `name` came once more, for so long, and counts as `weight`. */
void sketch_add(struct sketch *s, const struct sketch_name *name, uint64_t ns, uint64_t weight);

/* A copy of all entries, the largest count first; how many. */
uint32_t sketch_read(struct sketch *s, struct sketch_entry out[LK_TOP_NAMES]);

#endif /* LK_TRACE_SKETCH_H */
