/* SPDX-License-Identifier: MIT */
/* The caller's report on why its request was refused. */
#ifndef LK_CORE_REPORT_H
#define LK_CORE_REPORT_H

#include "core/blockers.h"

/* Empty the caller's report, which may be NULL: 0, or why that cannot be done. */
int report_begin(struct lk_report *report);

/* Forget who was in the way. */
void report_clear(struct lk_report *report);

/* Who else is in the way now: holders, and unless it was thrown out of the line those who are ahead. */
void report_fill(struct lk_report *report, const struct blocked *what, bool has_place);

/* The request came to `rc`: a report of something else is emptied. */
void report_end(struct lk_report *report, int rc);

#endif /* LK_CORE_REPORT_H */
