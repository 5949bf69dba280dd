/* SPDX-License-Identifier: MIT */
/* All that reports tell of a manager's work, read at about one moment. */
#ifndef LK_SHOW_READINGS_H
#define LK_SHOW_READINGS_H

#include "base/out.h"
#include "core/manager.h"

struct readings {
	struct lk_stats stats;
	struct lk_counts counts;
	struct lk_histogram wait[1 + WAIT_OUTCOMES]; /* [0]: all */
	struct lk_histogram hold[MODE_N];            /* [0]: all */
	uint32_t n_waited;
	uint32_t n_held;
	struct sketch_entry waited[LK_TOP_NAMES];
	struct sketch_entry held[LK_TOP_NAMES];
};

/* "granted", "timedout", …; [0] is "all". */
extern const char *const readings_outcome[1 + WAIT_OUTCOMES];

/* From the manager's allocator; 0, or the code to return. */
int readings_take(struct lk_manager *m, struct readings **out);
void readings_free(struct lk_manager *m, struct readings *r);

/* Requests that ended with a refusal, conversions too. */
uint64_t readings_refused(const struct readings *r);

#endif /* LK_SHOW_READINGS_H */
