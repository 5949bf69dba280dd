/* SPDX-License-Identifier: MIT */
/* The calls of the floors (floor.c), which a program makes as it makes those of a library. */
#ifndef BENCH_PEERS_FLOOR_H
#define BENCH_PEERS_FLOOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct floor_table;
struct floor_line;

/* False: somebody has it.  Nobody waits. */
bool floor_word_take(atomic_ulong *word);
void floor_word_give(atomic_ulong *word);

/* A table for names of which few are held at a time. */
struct floor_table *floor_open(void);
bool floor_take(struct floor_table *t, const char *name, struct floor_line **line);

/* A table for `n` names that are all held at once. */
struct floor_table *floor_held_open(size_t n);
bool floor_held_take(struct floor_table *t, const char *name, struct floor_line **line);

/* For both. */
void floor_give(struct floor_line *line);
void floor_close(struct floor_table *t);

#endif /* BENCH_PEERS_FLOOR_H */
