/* SPDX-License-Identifier: MIT */
/* Who is in the way, in words. */
#ifndef LK_SHOW_BLAME_H
#define LK_SHOW_BLAME_H

#include <latchkey/explain.h>

#include "show/say.h"

void blame_request(struct out *o, enum lk_format format, const struct said *name, lk_mode mode,
		   const struct lk_blocker *b, uint32_t n);
void blame_report(struct out *o, enum lk_format format, const struct lk_report *report);

#endif /* LK_SHOW_BLAME_H */
