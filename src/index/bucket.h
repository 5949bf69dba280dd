/* SPDX-License-Identifier: MIT */
/*
 * A bucket of the index: one cache line with a latch and five slots, and further lines when five are
 * not enough.
 *
 *   latch | notes | tags: one byte a slot | floor | slot 0 … slot 4
 *   notes   30..28 window   27..25 hand   24..0 five bits a slot
 *
 * A tag is 0 for an empty slot, TAG_LINK in the last slot if that points to a further line (its
 * lowest bit says so too), else some bits of the name's hash, so that one word says which slots are
 * worth a look.  Tags and slots are changed under the bucket's latch and read without it.
 *
 * B1  an entry stands in one slot of the one bucket that its hash selects, or is free.
 * B2  a reader without the latch may miss an entry that is there (it is being moved), or meet one that
 *     the tag did not announce; it never follows a pointer to anything but an entry or a line (S1).  A
 *     miss without the latch proves nothing.
 * B3  `floor` >= the last fence of every name of this bucket that has no entry.  It is raised before
 *     the latch is let go.
 * B4  a line that has an entry in a slot notes five bits of its hash: those of its window, number w being the bits
 *     from 5w up.  All lines of a chain have the same window.  Notes are read and changed under the bucket's latch.
 *     So a split, which looks at one bit, reads the names of entries only if it is not in the window: once
 *     in five doublings, and else no entry at all.  A bucket in which a streak wrote none (I8) says so by a window
 *     in which no bit is ever looked for; its entries are read once more.
 */
#ifndef LK_INDEX_BUCKET_H
#define LK_INDEX_BUCKET_H

#include "base/slab.h"
#include "index/resource.h"

enum { BUCKET_SLOTS = 5, BUCKET_LAST = BUCKET_SLOTS - 1, BUCKET_HOPS = 16, TAG_LINK = 255 };

struct bucket {
	struct latch latch;
	uint32_t
		notes; /* under the latch (B4); of the first line also where the next eviction begins to look */
	a64 tags;
	a64 floor; /* under the latch */
	aptr slot[BUCKET_SLOTS];
} LK_ALIGNED;

_Static_assert(sizeof(struct bucket) == LK_LINE, "a bucket is one line");

/* A slot of some line of a chain. */
struct place {
	struct bucket *line; /* NULL: none */
	unsigned slot;
};

enum { NOTE_BITS = 5, NOTE_MASK = 31, HAND_SHIFT = 25, HAND_MASK = 7, WINDOW_SHIFT = 28 };

/* The last window, of no bit that selects a bucket: nobody asks for it, and who asks for another notes all anew.  (B4) */
#define NOTES_UNKNOWN (UINT32_C(7) << WINDOW_SHIFT)

#define TAG_EACH      UINT64_C(0x0000000101010101)
#define TAG_TOPS      (TAG_EACH << 7)
#define TAG_REST      (TAG_EACH * 0x7f)

/* 1 … 128: seven bits cost two instructions, and an entry in a hundred looks like another. */
LK_HOT uint64_t
tag_of(uint64_t hash)
{
	return (hash >> 57) + 1;
}

/* The tops of the bytes that equal `tag`; at times one too many above one that does. */
LK_HOT uint64_t
tags_like(uint64_t tags, uint64_t tag)
{
	uint64_t x = tags ^ tag * TAG_EACH;

	return (x - TAG_EACH) & ~x & TAG_TOPS;
}

/* The tops of exactly the bytes that are not 0. */
LK_HOT uint64_t
tags_set(uint64_t tags)
{
	return (((tags & TAG_REST) + TAG_REST) | tags) & TAG_TOPS;
}

/* The tops of the slots with an entry: not a link, not nothing. */
LK_HOT uint64_t
tags_entries(uint64_t tags)
{
	const bool linked = tags >> (8 * BUCKET_LAST) == TAG_LINK;

	return tags_set(tags) & (unlikely(linked) ? TAG_TOPS >> 8 : TAG_TOPS);
}

/* The tags with that of one slot changed: it is turned to the end, and back. */
LK_HOT uint64_t
tags_with(uint64_t tags, unsigned slot, uint64_t tag)
{
	const unsigned n = 8 * slot;
	const uint64_t turned = tags >> n | tags << (-n & 63);
	const uint64_t with = (turned & ~UINT64_C(0xff)) | tag;

	return with << n | with >> (-n & 63);
}

/* Are the slots with these tops taken, others than the last, in a line without a further one?  `asked`: tags_ask() of them. */
LK_HOT bool
tags_taken(uint64_t tags, uint64_t tops, uint64_t asked)
{
	return ((tags + TAG_REST) & asked) == tops;
}

/* Of the tags only that of a link and 0x7f are more than a byte together. */
LK_HOT uint64_t
tags_ask(uint64_t tops)
{
	return tops | UINT64_C(1) << (8 * BUCKET_SLOTS);
}

/* The slot of the lowest top. */
LK_HOT unsigned
tops_first(uint64_t tops)
{
	return (unsigned)__builtin_ctzll(tops) / 8;
}

LK_HOT unsigned
tops_count(uint64_t tops)
{
	return (unsigned)((tops >> 7) * TAG_EACH >> 32 & 0xff);
}

LK_HOT bool
tags_linked(uint64_t tags)
{
	return tags >> (8 * BUCKET_LAST) == TAG_LINK;
}

/* Is what stands in a slot an entry?  A reader without the latch may have been told so falsely. */
LK_HOT bool
slot_is_entry(const void *p)
{
	return p != NULL && ((uintptr_t)p & 1) == 0;
}

LK_HOT struct bucket *
slot_line(void *p)
{
	return ((uintptr_t)p & 1) != 0 ? (struct bucket *)((uintptr_t)p - 1) : NULL;
}

/* The next line of a chain, or NULL. */
LK_HOT struct bucket *
bucket_next(const struct bucket *b)
{
	if (likely(!tags_linked(shim_load(&b->tags, SHIM_ACQUIRE))))
		return NULL;
	return slot_line(shim_load(&b->slot[BUCKET_LAST], SHIM_ACQUIRE));
}

/* All below with the bucket's latch. */

LK_HOT struct lk_resource *
place_entry(struct place p)
{
	return shim_load(&p.line->slot[p.slot], SHIM_RELAXED);
}

LK_HOT void
place_set(struct place p, void *entry, uint64_t tag)
{
	const uint64_t tags = shim_load(&p.line->tags, SHIM_RELAXED);

	shim_store(&p.line->slot[p.slot], entry, SHIM_RELEASE);
	shim_store(&p.line->tags, tags_with(tags, p.slot, tag), SHIM_RELEASE);
}

LK_HOT void
place_clear(struct place p)
{
	uint64_t tags = shim_load(&p.line->tags, SHIM_RELAXED);

	shim_store(&p.line->tags, tags & ~(UINT64_C(0xff) << (8 * p.slot)), SHIM_RELEASE);
}

LK_HOT uint32_t
bucket_window(const struct bucket *b)
{
	return RD(b->notes) >> WINDOW_SHIFT;
}

LK_HOT uint32_t
bucket_hand(const struct bucket *b)
{
	return RD(b->notes) >> HAND_SHIFT & HAND_MASK;
}

LK_HOT void
bucket_set_hand(struct bucket *b, uint32_t hand)
{
	WR(b->notes, (RD(b->notes) & ~((uint32_t)HAND_MASK << HAND_SHIFT)) | hand << HAND_SHIFT);
}

/* What a line with this window notes of a hash. */
LK_HOT uint32_t
note_of(uint64_t hash, uint32_t window)
{
	return (uint32_t)(hash >> (NOTE_BITS * window)) & NOTE_MASK;
}

LK_HOT uint32_t
place_note(struct place p)
{
	return RD(p.line->notes) >> (NOTE_BITS * p.slot) & NOTE_MASK;
}

/* The tops of the slots of whose notes a bit, one of the five, is set. */
LK_HOT uint64_t
notes_tops(uint32_t notes, uint32_t bit)
{
	const uint64_t n = notes >> bit;

	return (n & 1) << 7 | (n & UINT64_C(1) << 5) << 10 | (n & UINT64_C(1) << 10) << 13 |
	       (n & UINT64_C(1) << 15) << 16 | (n & UINT64_C(1) << 20) << 19;
}

/* The notes with that of one slot changed. */
LK_HOT uint32_t
notes_with(uint32_t notes, unsigned slot, uint32_t note)
{
	const unsigned n = NOTE_BITS * slot;
	const uint32_t turned = notes >> n | notes << (-n & 31);
	const uint32_t with = (turned & ~(uint32_t)NOTE_MASK) | note;

	return with << n | with >> (-n & 31);
}

/* Before an entry is put there.  (B4) */
LK_HOT void
place_set_note(struct place p, uint32_t note)
{
	WR(p.line->notes, notes_with(RD(p.line->notes), p.slot, note));
}

/* The same in the first line, of one that takes the place of another: the next eviction begins behind it. */
LK_HOT void
bucket_note_replaced(struct bucket *b, unsigned slot, uint32_t note)
{
	const uint32_t gone = (uint32_t)NOTE_MASK << (NOTE_BITS * slot) | (uint32_t)HAND_MASK
										  << HAND_SHIFT;

	WR(b->notes, (RD(b->notes) & ~gone) | note << (NOTE_BITS * slot) |
			     (uint32_t)(slot + 1) << HAND_SHIFT);
}

/* Is there an entry (not a link, not nothing) in slot i, going by `tags`? */
LK_HOT bool
tags_entry(uint64_t tags, unsigned i)
{
	uint64_t tag = tags >> (8 * i) & 0xff;

	return tag != 0 && tag != TAG_LINK;
}

/* The entry of a name, or NULL. */
LK_HOT struct lk_resource *
bucket_find(const struct bucket *b, const struct name *n)
{
	for (; b != NULL; b = bucket_next(b)) {
		uint64_t tags = shim_load(&b->tags, SHIM_RELAXED);

		for (uint64_t like = tags_like(tags, tag_of(n->hash)); like != 0;
		     like &= like - 1) {
			struct lk_resource *r;

			if (!tags_entry(tags, tops_first(like)))
				continue;
			r = shim_load(&b->slot[tops_first(like)], SHIM_RELAXED);
			if (resource_matches(r, shim_load(&r->ident, SHIM_RELAXED), n))
				return r;
		}
	}
	return NULL;
}

/* Has the short name with these words an entry?  As bucket_find(); all stays in registers. */
bool bucket_has_words(const struct bucket *b, uint64_t tag, uint32_t tail, uint64_t word0,
		      uint64_t word1, uint64_t word2);

LK_HOT bool
bucket_has_somewhere(const struct bucket *b, const struct key *k)
{
	return bucket_has_words(b, tag_of(k->hash), k->tail, k->word[0], k->word[1], k->word[2]);
}

/* The same, the first line's tags being `tags`: most say that it has none. */
LK_HOT bool
bucket_has(const struct bucket *b, uint64_t tags, const struct key *k)
{
	if (likely(tags_like(tags, tag_of(k->hash)) == 0) && likely(!tags_linked(tags)))
		return false;
	return bucket_has_somewhere(b, k);
}

unsigned bucket_used_far(const struct bucket *b);

/* Slots in use, the first line's tags being `tags`; reads no entry. */
LK_HOT unsigned
bucket_used(const struct bucket *b, uint64_t tags)
{
	unsigned used = tops_count(tags_set(tags));

	return likely(!tags_linked(tags)) ? used : used - 1 + bucket_used_far(b);
}

/* Have the entries of a line come nearer, all at once.  What is read without the latch is believed by nobody.  (B2) */
void line_expect(const struct bucket *b);

/* An empty slot, in a further line if need be; line NULL: no memory for one, and nothing changed. */
struct place bucket_empty(struct bucket *b, struct slab *lines);

/* Lines enough that `entries` more can be inserted without memory; false if there is none. */
bool bucket_reserve(struct bucket *b, unsigned entries, struct slab *lines);

/* Give back empty lines at the end of the chain. */
void bucket_trim(struct bucket *b, struct slab *lines);

#endif /* LK_INDEX_BUCKET_H */
