/* SPDX-License-Identifier: MIT */
/* Time and chance, as the system has them. */
#ifndef LK_BASE_CLOCK_H
#define LK_BASE_CLOCK_H

#include "base/compiler.h"

uint64_t shim_now(void);      /* CLOCK_MONOTONIC, ns */
uint64_t shim_boottime(void); /* CLOCK_BOOTTIME, ns: goes on while the machine is suspended */
uint64_t shim_wall_ms(void);  /* CLOCK_REALTIME, ms */
uint64_t shim_random(void);   /* 64 bits nobody can guess */

#endif /* LK_BASE_CLOCK_H */
