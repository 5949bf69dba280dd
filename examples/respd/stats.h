/* SPDX-License-Identifier: MIT */
/* Latchkey's counters, for INFO and for the end. */
#ifndef RESPD_STATS_H
#define RESPD_STATS_H

#include <latchkey.h>

struct counter {
	const char *name;
	const char *text; /* what it counts */
	uint64_t value;
};

#define STATS_ONE(name, text) +1
#define STATS_N               (0 LK_COUNTER_LIST(STATS_ONE))

/* Read all counters of a manager; an LK_E_ code. */
int stats_read(struct lk_manager *m, struct counter counter[STATS_N]);

/* Print a table of those that are not 0. */
void stats_print(struct lk_manager *m);

#endif /* RESPD_STATS_H */
