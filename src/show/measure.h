/* SPDX-License-Identifier: MIT */
/* Numbers as text.  Whole numbers all the way: what is written does not depend on the host's locale. */
#ifndef LK_SHOW_MEASURE_H
#define LK_SHOW_MEASURE_H

#include "base/out.h"

/* Nanoseconds as seconds, all of them: 1500000000 is 1.5. */
void measure_seconds(struct out *o, uint64_t ns);

/* `part` of `whole` as a number with so many decimals, times `scale`; 0 if there is no whole. */
void measure_ratio(struct out *o, uint64_t part, uint64_t whole, double scale, unsigned decimals);

/* A number in JSON; as a string if a double could not hold it. */
void measure_json(struct out *o, uint64_t x);

/* For people, into `text`: "812 ns", "1.52 ms"; "1.5 KiB". */
enum { MEASURE_ROOM = 24 };
const char *measure_time(char text[MEASURE_ROOM], uint64_t ns);
const char *measure_bytes(char text[MEASURE_ROOM], uint64_t bytes);

#endif /* LK_SHOW_MEASURE_H */
