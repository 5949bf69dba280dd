/* SPDX-License-Identifier: MIT */
/* Splitting a path, and entering it into the index from the root down.  (R6) */
#include "index/path.h"

bool
path_words_are_flat_exactly(uint64_t separators, uint64_t a, uint64_t b, uint64_t c)
{
	const uint64_t same[] = { a ^ separators, b ^ separators, c ^ separators };

	return ((((same[0] - PATH_EACH) & ~same[0]) | ((same[1] - PATH_EACH) & ~same[1]) |
		 ((same[2] - PATH_EACH) & ~same[2])) &
		PATH_EACH << 7) == 0;
}

/* Is there a separator at `i` that splits? */
static bool
splits_at(const struct index *x, const struct name *n, uint32_t i)
{
	const unsigned char *p = n->bytes;

	return x->separator != 0 && p[i] == x->separator && i > 0 && i + 1 < n->len &&
	       p[i - 1] != x->separator && p[i + 1] != x->separator;
}

uint32_t
path_parent(const struct index *x, const struct name *n)
{
	if (path_is_flat(x, n))
		return 0;
	for (uint32_t i = n->len - 1; i > 0; i--) {
		if (splits_at(x, n, i))
			return i;
	}
	return 0;
}

uint32_t
path_child(const struct index *x, const struct name *n, uint32_t len)
{
	for (uint32_t i = len + 1; i < n->len; i++) {
		if (splits_at(x, n, i))
			return i;
	}
	return n->len;
}

void
path_ancestor(const struct index *x, const struct name *n, uint32_t len, struct name *ancestor)
{
	(void)name_set(ancestor, n->bytes, len, 0,
		       x->seed); /* shorter than a name, and not empty */
}

/* A pin on the nearest ancestor that is in the index, and its length; none: NULL and 0. */
static struct lk_resource *
pin_nearest(const struct index *x, const struct name *n, uint32_t *len)
{
	struct name above = *n;
	struct glimpse g;

	while ((*len = path_parent(x, &above)) != 0) {
		path_ancestor(x, n, *len, &above);
		if (index_glimpse(x, &above, &g) && glimpse_pin(&g))
			return g.r;
	}
	return NULL;
}

enum index_outcome
path_enter(struct index *x, struct index_cache *c, const struct name *n, bool patient,
	   struct lk_resource **out)
{
	enum index_outcome outcome;
	struct lk_resource *above;
	uint32_t len;

	if (path_is_flat(x, n))
		return index_enter(x, c, n, LK_NL, patient, out);
	*out = NULL;
	above = pin_nearest(x, n, &len);
	do {
		struct name next = *n;

		len = path_child(x, n, len);
		if (len < n->len)
			path_ancestor(x, n, len, &next);
		next.parent = above;
		outcome = index_enter(x, c, &next, LK_NL, patient, out);
		if (above != NULL)
			resource_unpin(above); /* its child has it pinned now */
		above = *out;
	} while (outcome == INDEX_PINNED && len < n->len);
	return outcome;
}

/* The end of a name sorts before a split, and that before any byte. */
static uint32_t
rank_at(const struct index *x, const struct name *n, uint32_t i)
{
	if (i == n->len)
		return 0;
	if (splits_at(x, n, i))
		return 1;
	return 2 + (uint32_t)((const unsigned char *)n->bytes)[i];
}

static uint32_t
common_length(const struct name *a, const struct name *b)
{
	const unsigned char *p = a->bytes;
	const unsigned char *q = b->bytes;
	uint32_t least = a->len < b->len ? a->len : b->len;
	uint32_t i = 0;

	while (i < least && p[i] == q[i])
		i++;
	return i;
}

int
path_compare(const struct index *x, const struct name *a, const struct name *b)
{
	uint32_t same;

	if ((a->tail & NAME_ID) != (b->tail & NAME_ID))
		return (a->tail & NAME_ID) != 0 ? -1 : 1;
	if ((a->tail & NAME_ID) != 0)
		return memcmp(a->bytes, b->bytes, a->len);
	same = common_length(a, b);
	/* Whether the byte before the first difference splits depends on what comes after it. */
	for (uint32_t i = same > 0 ? same - 1 : 0; i <= same; i++) {
		uint32_t ra = rank_at(x, a, i);
		uint32_t rb = rank_at(x, b, i);

		if (ra != rb)
			return ra < rb ? -1 : 1;
		if (ra == 0)
			break;
	}
	return 0;
}

bool
path_shares(const struct index *x, const struct name *n, uint32_t len, const struct name *other)
{
	if ((n->tail & NAME_ID) != (other->tail & NAME_ID) || other->len < len ||
	    memcmp(n->bytes, other->bytes, len) != 0)
		return false;
	return other->len == len || ((other->tail & NAME_ID) == 0 && splits_at(x, other, len));
}
