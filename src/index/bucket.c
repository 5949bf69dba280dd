/* SPDX-License-Identifier: MIT */
/* The chain of lines of one bucket, under its latch (B1, B2, B4). */
#include "index/bucket.h"

bool
bucket_has_words(const struct bucket *b, uint64_t tag, uint32_t tail, uint64_t word0,
		 uint64_t word1, uint64_t word2)
{
	const struct key k = { .word = { word0, word1, word2 }, .tail = tail };

	for (; b != NULL; b = bucket_next(b)) {
		const uint64_t tags = shim_load(&b->tags, SHIM_RELAXED);

		for (uint64_t like = tags_like(tags, tag); like != 0; like &= like - 1) {
			const unsigned slot = tops_first(like);
			const struct lk_resource *r = shim_load(&b->slot[slot], SHIM_RELAXED);

			if (tags_entry(tags, slot) &&
			    key_matches(&k, r, shim_load(&r->ident, SHIM_RELAXED)))
				return true;
		}
	}
	return false;
}

unsigned
bucket_used_far(const struct bucket *b)
{
	const struct bucket *next = bucket_next(b);

	return next != NULL ? bucket_used(next, shim_load(&next->tags, SHIM_RELAXED)) : 0;
}

/* Also of what is empty or a link: which it is could not be foreseen, and costs more than a line too many. */
void
line_expect(const struct bucket *b)
{
	for (unsigned i = 0; i < BUCKET_SLOTS; i++)
		prefetch(shim_load(&b->slot[i], SHIM_RELAXED));
}

static struct place
empty_slot(struct bucket *b, struct bucket **last)
{
	for (; b != NULL; b = bucket_next(b)) {
		uint64_t free = tags_set(shim_load(&b->tags, SHIM_RELAXED)) ^ TAG_TOPS;

		if (free != 0)
			return (struct place){ b, tops_first(free) };
		*last = b;
	}
	return (struct place){ NULL, 0 };
}

/*
 * One more line behind `last`, its first slot what stood in the place of the link.  For an instant that
 * entry is in neither place for a reader without the latch (B2).
 */
static struct bucket *
add_line(struct bucket *last, struct slab *lines)
{
	struct bucket *line = slab_get(lines);
	uint64_t tag = shim_load(&last->tags, SHIM_RELAXED) >> (8 * BUCKET_LAST);

	if (line == NULL)
		return NULL;
	shim_store(&line->tags, (uint64_t)0, SHIM_RELAXED);
	WR(line->notes, bucket_window(last) << WINDOW_SHIFT);
	if (tag != 0) {
		place_set_note((struct place){ line, 0 },
			       place_note((struct place){ last, BUCKET_LAST }));
		place_set((struct place){ line, 0 },
			  shim_load(&last->slot[BUCKET_LAST], SHIM_RELAXED), tag);
	}
	place_clear((struct place){ last, BUCKET_LAST });
	place_set((struct place){ last, BUCKET_LAST }, (char *)line + 1, TAG_LINK);
	return line;
}

struct place
bucket_empty(struct bucket *b, struct slab *lines)
{
	struct bucket *last = b;
	struct place p = empty_slot(b, &last);

	if (p.line != NULL)
		return p;
	return (struct place){ add_line(last, lines), 1 };
}

bool
bucket_reserve(struct bucket *b, unsigned entries, struct slab *lines)
{
	unsigned room = 0;

	for (;;) {
		struct bucket *next = bucket_next(b);

		room += BUCKET_SLOTS - tops_count(tags_set(shim_load(&b->tags, SHIM_RELAXED)));
		if (room >= entries)
			return true;
		if (next == NULL) {
			next = add_line(b, lines);
			if (next == NULL)
				return false;
			/* What stood in the last slot has moved, and will be counted there. */
			room -= !tags_entry(shim_load(&next->tags, SHIM_RELAXED), 0);
		}
		b = next;
	}
}

void
bucket_trim(struct bucket *b, struct slab *lines)
{
	struct bucket *next = bucket_next(b);

	if (next == NULL)
		return;
	bucket_trim(next, lines);
	if (shim_load(&next->tags, SHIM_RELAXED) == 0) {
		place_clear((struct place){ b, BUCKET_LAST });
		slab_put(lines, next);
	}
}
