/* SPDX-License-Identifier: MIT */
/* What the terminal shows. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include "results.h"

/* Where and how the samples are taken: the lines above the table. */
void table_head(const struct settings *s);

/* The lines of the results from `first` on, which are of one case. */
void table_case(const struct results *rs, size_t first, const struct settings *s);

/* What was to be reached. */
void table_goals(const struct results *rs);

/* How calm the machine was. */
void table_machine(const struct results *rs);

void table_privileges(const struct settings *s, struct privileges p);

/* How far it is, on stderr, on one line that is written over. */
void table_progress(const struct settings *s, const char *text, unsigned done, unsigned all);
void table_progress_end(const struct settings *s);

#endif /* BENCH_TABLE_H */
