/* SPDX-License-Identifier: MIT */
/* The machine that is measured on, and how the program was built. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

struct machine {
	char cpu[128];
	char arch[72];
	char system[72];
	char kernel[128];
	char governor[64]; /* "": not known */
	bool is_virtual;
	long n_cpus;
	double memory_bytes;
	long cache_bytes[4]; /* by level, [1] is data; 0: not known */
};

void machine_look(struct machine *m);

/* Memory that could be had now, in bytes; 0: not known. */
double machine_available(void);

/* What the host has kept from this machine's processors since it began, in ns of all of them together, in steps of a tick or so; 0: not known. */
double machine_stolen_ns(void);

const char *machine_compiler(void);
const char *machine_flags(void);
bool machine_is_sanitized(void);

#endif /* BENCH_MACHINE_H */
