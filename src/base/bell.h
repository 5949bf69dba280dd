/* SPDX-License-Identifier: MIT */
/* A bell: a descriptor that is readable from when it is rung until it is silenced. */
#ifndef LK_BASE_BELL_H
#define LK_BASE_BELL_H

#include "base/compiler.h"

/* A new one, silent; -1: the system has none left. */
int bell_open(void);
void bell_close(int fd);

void bell_ring(int fd);
void bell_silence(int fd);

#endif /* LK_BASE_BELL_H */
