/* SPDX-License-Identifier: MIT */
/*
 * The plain way of owners whose first slots are taken, or that have holds beyond them: as acquire_glimpsed() and
 * acquire_new(), but that room is reserved first and that the table is looked into.  (H5, H13)  It is not inlined into
 * the way of owners with few holds, which pays nothing for it.
 */
#ifndef LK_CORE_MANY_H
#define LK_CORE_MANY_H

#include "core/acquire.h"

/* A short name or a number, for an owner that is not plain; what is not as simple as that goes the general way. */
int many_acquire(struct lk_owner *w, const void *bytes, uint32_t tail, lk_mode mode, uint32_t flags,
		 lk_grant *out);

/* The same, of an owner that is plain of many and was entered: PLAIN_DONE, or PLAIN_NOT. */
enum plain many_take(struct lk_owner *w, const void *bytes, const struct key *k, lk_mode mode,
		     uint32_t flags, lk_grant *out);

#endif /* LK_CORE_MANY_H */
