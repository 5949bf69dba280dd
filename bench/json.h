/* SPDX-License-Identifier: MIT */
/* Everything that was measured, with all samples, for programs to read. */
#ifndef BENCH_JSON_H
#define BENCH_JSON_H

#include "results.h"

/* Write it to s->json. */
void json_write(const struct results *rs, const struct settings *s, struct privileges p);

#endif /* BENCH_JSON_H */
