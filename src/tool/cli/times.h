/* SPDX-License-Identifier: MIT */
/* Times that were measured: by size, within 6 %. */
#ifndef LATCHKEY_CLI_TIMES_H
#define LATCHKEY_CLI_TIMES_H

#include <stdint.h>

enum { TIMES_STEPS = 16, TIMES_BUCKETS = 64 * TIMES_STEPS };

struct times {
	uint64_t n;
	uint64_t max_ns;
	uint64_t sum_ns;
	uint64_t bucket[TIMES_BUCKETS];
};

uint64_t times_now(void);
void times_note(struct times *t, uint64_t ns);
void times_add(struct times *to, const struct times *from);

/* The time within which the share `q` of all ended; 0: there are none. */
uint64_t times_quantile(const struct times *t, double q);

#endif /* LATCHKEY_CLI_TIMES_H */
