/* SPDX-License-Identifier: MIT */
/*
 * Acquire by a name that does not fit into its entry, but stands in a block (R2): as acquire_short(), but that its bytes are not kept in
 * registers.  Of a name that is not very long the owner guesses where it is, as of any other.  (GS1 to GS4)
 */
#ifndef LK_CORE_LONG_H
#define LK_CORE_LONG_H

#include "core/acquire.h"

/* More than NAME_INLINE bytes, or none, or too many. */
int acquire_long(struct lk_owner *w, const void *bytes, size_t len, lk_mode mode, uint32_t flags,
		 lk_grant *out);

#endif /* LK_CORE_LONG_H */
