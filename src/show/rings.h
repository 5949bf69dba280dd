/* SPDX-License-Identifier: MIT */
/* Deadlocks in words: whole rings.  Pure: of what is told about them, whoever tells it. */
#ifndef LK_SHOW_RINGS_H
#define LK_SHOW_RINGS_H

#include <latchkey/deadlock.h>

#include "show/say.h"

struct rings {
	struct out *o;
	enum lk_format format;
	uint64_t now; /* on the clock of lk_deadlock.at_ns */
	uint32_t n;   /* written so far */
};

void rings_begin(struct rings *r);
void rings_add(struct rings *r, const struct lk_deadlock *d);
void rings_end(struct rings *r);

#endif /* LK_SHOW_RINGS_H */
