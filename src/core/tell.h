/* SPDX-License-Identifier: MIT */
/* Events in words. */
#ifndef LK_CORE_TELL_H
#define LK_CORE_TELL_H

#include "base/out.h"

/* How much it matters. */
enum lk_log_level tell_level(const struct lk_event *e);

/* One line without its newline, number and time. */
void tell_event(struct out *o, const struct lk_event *e);

/* A ring: who waits for what, which the next one holds. */
void tell_ring(struct out *o, const struct lk_deadlock *d);

/* A name, or what is kept of it, in words: a number is "id 42". */
void tell_name(struct out *o, const unsigned char *name, uint32_t len, bool is_id);

#endif /* LK_CORE_TELL_H */
