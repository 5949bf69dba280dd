/* SPDX-License-Identifier: MIT */
/* Two processes at one store, which do as they are told. */
#ifndef TESTS_PROCESSES_PAIR_H
#define TESTS_PROCESSES_PAIR_H

#include "processes.h"

struct pair {
	struct ground ground;
	struct puppet a;
	struct puppet b;
	char token[LK_TOKEN_MAX]; /* that one of them has */
};

static inline void
pair_begin(struct pair *p)
{
	ground_make(&p->ground, "");
	puppet_start(&p->a, p->ground.url);
	puppet_start(&p->b, p->ground.url);
}

static inline void
pair_end(struct pair *p)
{
	if (p->a.pid != 0)
		puppet_end(&p->a);
	if (p->b.pid != 0)
		puppet_end(&p->b);
	ground_remove(&p->ground);
}

/* All these waits are shorter than any time to live. */
#define WAIT "20000"

#endif /* TESTS_PROCESSES_PAIR_H */
