/* SPDX-License-Identifier: MIT */
/* What the machine is, and what file systems are. */
#ifndef LK_ADAPTERS_HOST_H
#define LK_ADAPTERS_HOST_H

#include <stdbool.h>
#include <stdint.h>

/* Which boot of which kernel this is; zeros if it cannot be told. */
void host_boot(unsigned char boot[16]);

/* The clock that runs through suspension, and which one that is: of this boot, in this time namespace. */
uint64_t host_now(void);
uint64_t host_clock_id(void);

/*
 * Can a store be kept there?  NULL: yes; else what it is: a file system whose locks, or whose order of writes, other hosts
 * may see otherwise, or one that is not known.
 */
const char *host_objection(int dir, bool any, bool *is_volatile, int *error);

#endif /* LK_ADAPTERS_HOST_H */
