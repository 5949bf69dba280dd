/* SPDX-License-Identifier: MIT */
/* Slots of one bucket, under its latch (B1, B2). */
#include "index/bucket.h"

static bool
is_entry(uint64_t slot)
{
	return slot != 0 && (slot & SLOT_LINK) == 0;
}

struct lk_resource *
bucket_find(struct bucket *b, const struct name *n)
{
	for (; b != NULL; b = bucket_next(b)) {
		for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
			uint64_t slot = shim_load(&b->slot[i], SHIM_RELAXED);
			struct lk_resource *r = slot_resource(slot);

			if (is_entry(slot) && SLOT_TAG(slot) == SLOT_TAG(n->hash) &&
			    resource_matches(r, shim_load(&r->ident, SHIM_RELAXED), n))
				return r;
		}
	}
	return NULL;
}

unsigned
bucket_used(const struct bucket *b)
{
	unsigned used = 0;

	for (; b != NULL; b = bucket_next(b)) {
		for (unsigned i = 0; i < BUCKET_SLOTS; i++)
			used += is_entry(shim_load(&b->slot[i], SHIM_RELAXED));
	}
	return used;
}

static a64 *
empty_slot(struct bucket *b, struct bucket **last)
{
	for (; b != NULL; b = bucket_next(b)) {
		for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
			if (shim_load(&b->slot[i], SHIM_RELAXED) == 0)
				return &b->slot[i];
		}
		*last = b;
	}
	return NULL;
}

/*
 * One more line behind `last`, its first slot what stood in the place of the link.  The line is
 * filled before it is linked, so that nothing is missing in between.
 */
static struct bucket *
add_line(struct bucket *last, struct slab *lines)
{
	struct bucket *line = slab_get(lines);

	if (line == NULL)
		return NULL;
	shim_store(&line->slot[0], shim_load(&last->slot[BUCKET_LAST], SHIM_RELAXED), SHIM_RELAXED);
	for (unsigned i = 1; i < BUCKET_SLOTS; i++)
		shim_store(&line->slot[i], (uint64_t)0, SHIM_RELAXED);
	shim_store(&last->slot[BUCKET_LAST], (uint64_t)(uintptr_t)line | SLOT_LINK, SHIM_RELEASE);
	return line;
}

bool
bucket_insert(struct bucket *b, uint64_t slot, struct slab *lines)
{
	struct bucket *last = b;
	a64 *empty = empty_slot(b, &last);

	if (empty == NULL) {
		struct bucket *line = add_line(last, lines);

		if (line == NULL)
			return false;
		empty = &line->slot[1];
	}
	shim_store(empty, slot, SHIM_RELEASE);
	return true;
}

bool
bucket_reserve(struct bucket *b, unsigned entries, struct slab *lines)
{
	unsigned room = 0;

	for (;;) {
		struct bucket *next = bucket_next(b);

		for (unsigned i = 0; i < BUCKET_SLOTS; i++)
			room += shim_load(&b->slot[i], SHIM_RELAXED) == 0;
		if (room >= entries)
			return true;
		if (next == NULL) {
			next = add_line(b, lines);
			if (next == NULL)
				return false;
			/* What stood in the last slot has moved, and will be counted there. */
			room -= shim_load(&next->slot[0], SHIM_RELAXED) == 0;
		}
		b = next;
	}
}

static bool
line_empty(const struct bucket *line)
{
	for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
		if (shim_load(&line->slot[i], SHIM_RELAXED) != 0)
			return false;
	}
	return true;
}

void
bucket_trim(struct bucket *b, struct slab *lines)
{
	struct bucket *next = bucket_next(b);

	if (next == NULL)
		return;
	bucket_trim(next, lines);
	if (line_empty(next)) {
		shim_store(&b->slot[BUCKET_LAST], (uint64_t)0, SHIM_RELAXED);
		slab_put(lines, next);
	}
}
