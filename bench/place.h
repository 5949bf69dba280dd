/* SPDX-License-Identifier: MIT */
/* Folders for stores: in memory if the machine has a place for that, so that locks are measured and not disks. */
#ifndef BENCH_PLACE_H
#define BENCH_PLACE_H

#include <limits.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { PLACE_MAX = 256 };

/* A new folder, in which worlds are from now on; it goes when the program ends, by place_remove(). */
const char *place_fresh(void);

/* One that is there, and somebody else's. */
void place_use(const char *folder);

/* The path of `name` in it. */
void place_path(char path[PLACE_MAX], const char *name);

/* What it lies on: "/dev/shm (in memory)", for people. */
const char *place_medium(void);

/* All folders that were made by this process. */
void place_remove(void);

#ifdef __cplusplus
}
#endif

#endif /* BENCH_PLACE_H */
