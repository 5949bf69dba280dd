/* SPDX-License-Identifier: MIT */
/*
 * Acquire by a name that does not fit into its entry, but stands in a block (R2): as by a short one, but that its bytes are not kept in
 * registers.  Of a name that is not very long the owner guesses where it is, as of any other.  (GS1 to GS4)
 */
#ifndef LK_CORE_LONG_H
#define LK_CORE_LONG_H

#include "core/acquire.h"
#include "index/guess.h"

/* More than NAME_INLINE bytes, or none, or too many. */
int acquire_long(struct lk_owner *w, const void *bytes, size_t len, lk_mode mode, uint32_t flags,
		 lk_grant *out);

/* As many_take(). */
enum plain long_take(struct lk_owner *w, const void *bytes, uint32_t len, lk_mode mode,
		     uint32_t flags, lk_grant *out);

LK_HOT bool
key_is_long(const struct key *k)
{
	return (k->tail & NAME_LEN_MASK) > NAME_INLINE;
}

/* Where its entry is likely to be, or NULL. */
LK_HOT const struct lk_resource *
long_expected(const struct index_cache *c, const void *bytes, uint32_t len)
{
	return len <= GUESS_LEN_MAX ? guess_entry(c, guess_place_long(bytes, len)) : NULL;
}

#endif /* LK_CORE_LONG_H */
