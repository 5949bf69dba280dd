/* SPDX-License-Identifier: MIT */
/*
 * Names that are paths: where they are split, and the entries of a name and its ancestors.
 *
 * A name is split at a separator that has another byte on both sides; all else is a part of a segment.
 * So what stands before a split is a name that is split at the same places.
 */
#ifndef LK_INDEX_PATH_H
#define LK_INDEX_PATH_H

#include "index/index.h"

/* The length of the name's parent, which is its first bytes; 0: it has none. */
uint32_t path_parent(const struct index *x, const struct name *n);

/*
 * Of an ancestor of `len` bytes, or of nothing (0): the length of the next below it, at most n->len.  The
 * name is not flat.
 */
uint32_t path_child(const struct index *x, const struct name *n, uint32_t len);

/*
 * The order of paths: a name, then all that is below it, then its next sibling.  Numbers come before all
 * bytes.  Negative, 0 or positive, as memcmp().
 */
int path_compare(const struct index *x, const struct name *a, const struct name *b);

/* Are the first `len` bytes of `n`, an ancestor of it or the whole, also `other` or an ancestor of it? */
bool path_shares(const struct index *x, const struct name *n, uint32_t len,
		 const struct name *other);

/* The first `len` bytes of `n` as a name: its ancestor. */
void path_ancestor(const struct index *x, const struct name *n, uint32_t len,
		   struct name *ancestor);

/* A pin on the entry of `n`, made below those of its ancestors if there is none.  INDEX_PINNED, or why not. */
enum index_outcome path_enter(struct index *x, struct index_cache *c, const struct name *n,
			      bool patient, struct lk_resource **out);

#define PATH_EACH UINT64_C(0x0101010101010101)

/* path_words_are_flat() of words that need a longer look; they come one by one, or they could not stay in registers. */
bool path_words_are_flat_exactly(uint64_t separators, uint64_t a, uint64_t b, uint64_t c);

/*
 * Is there no separator in the words of a short name?  With `same` a byte that is 0 sets the top of one; so may one that is above
 * 0x80, as those of names in ASCII are not: a first look at all words leaves that out.
 */
LK_HOT bool
path_words_are_flat(const struct index *x, const uint64_t word[NAME_WORDS])
{
	const uint64_t separators = x->separator * PATH_EACH;
	const uint64_t maybe = ((word[0] ^ separators) - PATH_EACH) |
			       ((word[1] ^ separators) - PATH_EACH) |
			       ((word[2] ^ separators) - PATH_EACH);

	if (likely((maybe & PATH_EACH << 7) == 0))
		return true;
	return path_words_are_flat_exactly(separators, word[0], word[1], word[2]);
}

/* Is it known at once that there is none?  And may its entry be made with a hold in it? */
LK_HOT bool
path_key_is_flat(const struct index *x, const struct key *k)
{
	if (unlikely(x->needs_look))
		return !x->is_frozen; /* then no name is taken the quick way */
	return (k->tail & NAME_ID) != 0 || path_words_are_flat(x, k->word);
}

/* Is there no separator in the name?  False may be wrong, of names that need a longer look. */
LK_HOT bool
path_is_flat(const struct index *x, const struct name *n)
{
	if (unlikely(x->separator == 0) || (n->tail & NAME_ID) != 0)
		return true;
	if (unlikely(n->len > NAME_INLINE))
		return memchr(n->bytes, (int)x->separator, n->len) == NULL;
	return path_words_are_flat(x, n->word);
}

#endif /* LK_INDEX_PATH_H */
