/* SPDX-License-Identifier: MIT */
/* Reading the name of an entry: long names, copies, and pointers while it is pinned. */
#include "index/resource.h"

const struct name_block *
resource_block(const struct lk_resource *r, uint64_t ident)
{
	uint64_t block = shim_load(&r->name[0], SHIM_ACQUIRE);

	if (shim_load(&r->ident, SHIM_ACQUIRE) != ident)
		return NULL;
	return (const struct name_block *)(uintptr_t)block;
}

/* The i-th word of a name as an entry or a block keeps it. */
static uint64_t
word_of(const struct name *n, uint32_t i)
{
	return name_load((const unsigned char *)n->bytes + (size_t)i * 8, n->len - (size_t)i * 8);
}

bool
resource_matches_long(const struct lk_resource *r, uint64_t ident, const struct name *n)
{
	const struct name_block *b;

	b = resource_block(r, ident);
	if (b == NULL)
		return false;
	for (uint32_t i = 0; i * 8 < n->len; i++) {
		if (shim_load(&b->word[i], SHIM_RELAXED) != word_of(n, i))
			return false;
	}
	return true;
}

bool
resource_copy_name(const struct lk_resource *r, uint64_t ident, void *buf)
{
	uint32_t len = ident_len(ident);
	const a64 *from = r->name;

	if (len > NAME_INLINE) {
		const struct name_block *b = resource_block(r, ident);

		if (b == NULL)
			return false;
		from = b->word;
	}
	for (uint32_t i = 0; i * 8 < len; i++) {
		uint64_t x = shim_load(&from[i], SHIM_ACQUIRE);

		memcpy((char *)buf + i * 8, &x, len - i * 8 < 8 ? len - i * 8 : 8);
	}
	return shim_load(&r->ident, SHIM_RELAXED) == ident;
}

const void *
resource_name(const struct lk_resource *r, size_t *len, bool *is_id)
{
	uint64_t ident = shim_load(&r->ident, SHIM_RELAXED);

	*len = ident_len(ident);
	*is_id = (ident & NAME_ID) != 0;
	if (*len <= NAME_INLINE)
		return r->name;
	return (const void *)(uintptr_t)shim_load(&r->name[0], SHIM_RELAXED);
}

uint32_t
resource_levels(const struct lk_resource *r)
{
	uint32_t n = 0;

	for (; r != NULL; r = resource_parent(r))
		n++;
	return n;
}

struct lk_resource *
resource_climb(struct lk_resource *r, uint32_t levels)
{
	while (levels-- > 0)
		r = resource_parent(r);
	return r;
}
