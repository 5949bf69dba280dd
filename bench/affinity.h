/* SPDX-License-Identifier: MIT */
/* What runs on which processor.  (bench/README.md says why) */
#ifndef BENCH_AFFINITY_H
#define BENCH_AFFINITY_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct settings;

enum bench_affinity {
	AFFINITY_IN_TURN, /* lane i on the i-th processor, and so round; what they start, where it likes */
	AFFINITY_APART, /* a server on the second; on the first the lanes, with all that they start */
	AFFINITY_ONE    /* all on the first */
};

/* The processor of a lane; and of a server: -1, where it likes. */
int affinity_of_lane(enum bench_affinity a, const struct settings *s, unsigned number);
int affinity_of_server(enum bench_affinity a, const struct settings *s);

/* In words, for people. */
void affinity_say(enum bench_affinity a, const struct settings *s, char *buf, unsigned cap);

/* The calling thread, and what it starts from now on; granted? */
bool affinity_pin(int processor);

/* Servers that are started from now on are to run there; and the calling process, which becomes one, does. */
void affinity_serve_on(int processor);
void affinity_become_server(void);

#ifdef __cplusplus
}
#endif

#endif /* BENCH_AFFINITY_H */
