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

/* The loads acquire for the same reason as those of resource_has_words(). */
bool
resource_has_bytes(const struct lk_resource *r, uint64_t ident, const void *bytes, uint32_t len)
{
	const struct name_block *b = resource_block(r, ident);
	const uint32_t last = (len - 1) / 8;
	const unsigned char *p = bytes;

	if (b == NULL || shim_load(&b->word[last], SHIM_ACQUIRE) != name_load_last(p, len))
		return false;
	for (uint32_t i = 0; i < last; i++) {
		if (shim_load(&b->word[i], SHIM_ACQUIRE) != name_load8(p + (size_t)i * 8))
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
