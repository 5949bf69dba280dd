/* SPDX-License-Identifier: MIT */
/* Sums, and sizes of extents.  (SF4) */
#include "file/format.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t
file_sum(const void *p, size_t len, uint64_t seed)
{
	return XXH3_64bits_withSeed(p, len, seed);
}

/* Where something is belongs to what it is. */
static uint64_t
placed(uint64_t key, uint64_t place)
{
	return key ^ (place * UINT64_C(0x9e3779b97f4a7c15) + 1);
}

static uint32_t
entry_sum(const struct file_entry *e, uint64_t index, uint64_t key)
{
	return (uint32_t)file_sum(e, offsetof(struct file_entry, sum), placed(key, index));
}

void
file_entry_seal(struct file_entry *e, uint64_t index, uint64_t key)
{
	e->sum = entry_sum(e, index, key);
}

bool
file_entry_is_sealed(const struct file_entry *e, uint64_t index, uint64_t key)
{
	return e->sum == entry_sum(e, index, key);
}

static uint64_t
extent_sum(const struct file_extent *x, uint64_t key)
{
	const size_t body = file_extent_used(x) - sizeof(*x);
	const uint64_t seed = file_sum(x, offsetof(struct file_extent, sum), key);

	return file_sum(x + 1, x->magic == FILE_LIVE_MAGIC ? body : 0, seed);
}

void
file_extent_seal(struct file_extent *x, uint64_t key)
{
	x->sum = extent_sum(x, key);
}

bool
file_extent_is_sealed(const struct file_extent *x, uint64_t at, uint64_t key)
{
	return x->at == at && x->sum == extent_sum(x, key);
}

static uint64_t
slot_sum(const struct file_slot *s, uint64_t key)
{
	return file_sum(s->who, sizeof(s->who), file_sum(s, offsetof(struct file_slot, sum), key));
}

void
file_slot_seal(struct file_slot *s, uint64_t key)
{
	s->sum = slot_sum(s, key);
}

bool
file_slot_is_sealed(const struct file_slot *s, uint64_t number, uint64_t key)
{
	return s->number == number && s->sum == slot_sum(s, key);
}

static uint32_t
hint_sum(const struct file_hint *h, uint32_t stripe, uint64_t key)
{
	return (uint32_t)file_sum(h->name, sizeof(h->name),
				  file_sum(h, offsetof(struct file_hint, sum),
					   placed(key, stripe)));
}

void
file_hint_seal(struct file_hint *h, uint32_t stripe, uint64_t key)
{
	h->sum = hint_sum(h, stripe, key);
}

bool
file_hint_is_sealed(const struct file_hint *h, uint32_t stripe, uint64_t key)
{
	return h->sum == hint_sum(h, stripe, key);
}

unsigned
file_class_of(size_t need)
{
	unsigned class = 0;

	while (file_class_size(class) < need)
		class ++;
	return class;
}
