/* SPDX-License-Identifier: MIT */
/*
 * Guesses: where an owner has found names lately.  From the bytes of a name it reaches the entry at once: neither the
 * hash nor the bucket is on the way, which are more than half of what a lock by name waits for.
 *
 * A table of entries, by some bits of the name: the owner's own, and only who comes back to names has one.  Nobody else
 * writes there, and nothing is taken out when it is not so any more.  An entry is told by the number of its line, from
 * GUESS_SPAN / 2 before one of them on: so the table is half as large, and stays in the nearest cache.
 *
 * GS1  what a guess gives is a glimpse: word, ident and name are read, in that order, of what is an entry (S1), though
 *      perhaps of another name by now, and whoever makes a hold compares afterwards (R3).  Who came from the bucket may
 *      have been stopped on the way for as long as a guess is old.
 * GS2  a guess that is wrong proves nothing: the bucket is looked at.
 *      Where many are wrong, whoever has several names come nearer does not go by them: their buckets are on the way
 *      instead, and what is noted of each still says whether it would have been right.
 * GS3  who is not within the span is not guessed; number 0 is nobody.
 * GS4  the table goes back when the owner is closed and its memory is not kept for the thread's next one (F3), else with
 *      that memory: so a thread keeps one table at most, besides those of owners that are open.  Without memory an owner
 *      goes on without one.
 */
#ifndef LK_INDEX_GUESS_H
#define LK_INDEX_GUESS_H

#include "index/index.h"

/* So many entries have room, and so often a name was found before there is a table; a tester makes both small. */
#ifndef LK_GUESS_BITS
#define LK_GUESS_BITS  12
#define LK_GUESS_AFTER 256
#endif

enum { GUESS_LEN_MAX = 64 }; /* longer names are not guessed */
enum { WRONG_WEIGHS = 4, WRONG_ENOUGH = 32, WRONG_MOST = 64 };
enum { GUESS_BYTES = sizeof(uint32_t) << LK_GUESS_BITS };

#define GUESS_SPAN ((uintptr_t)LK_LINE << 32) /* of memory that has numbers for its lines */

/*
 * Where the name's entry would be.  Names that differ in a few digits, wherever these are, are to have places of their own: the two
 * factors were looked for with such names (decision 77).  The hash, which does not need that, comes later.
 */
LK_HOT uint32_t
guess_place(const struct key *k)
{
	const uint64_t rest = k->word[1] ^ (k->word[2] << 32 | k->word[2] >> 32);
	const uint64_t x =
		k->word[0] * UINT64_C(0x73bfd792b89c8425) + rest * UINT64_C(0x0dd015536ee470d1);

	return (uint32_t)(x >> (64 - LK_GUESS_BITS));
}

/*
 * … of a long name, all of whose bytes count: of some names the middle tells them apart.  A step for each sixteen bytes, as each waits
 * for the one before.
 */
LK_HOT uint32_t
guess_place_long(const unsigned char *p, size_t len)
{
	const size_t last = len - 8;
	uint64_t x = name_load8(p + last) * UINT64_C(0xc2b2ae3d27d4eb4f);

	for (size_t i = 0; i < last; i += 16) {
		const size_t next = i + 8 < last ? i + 8 : last;

		x = ((x << 32 | x >> 32) ^ name_load8(p + i)) * UINT64_C(0x9e3779b97f4a7c15) +
		    name_load8(p + next) * UINT64_C(0xc2b2ae3d27d4eb4f);
	}
	return (uint32_t)(x >> (64 - LK_GUESS_BITS));
}

/* Who was found there lately, as it looks; NULL: nobody. */
LK_HOT struct lk_resource *
guess_entry(const struct index_cache *c, uint32_t place)
{
	uint32_t line;

	if (unlikely(c->guess == NULL))
		return NULL;
	line = c->guess[place];
	if (unlikely(line == 0))
		return NULL;
	return (struct lk_resource *)(c->guess_base + (uintptr_t)line * LK_LINE);
}

LK_HOT bool
guess_read(const struct index_cache *c, uint32_t place, struct glimpse *g)
{
	g->r = guess_entry(c, place);
	if (unlikely(g->r == NULL))
		return false;
	g->word = shim_load(&g->r->word, SHIM_ACQUIRE);
	g->ident = shim_load(&g->r->ident, SHIM_ACQUIRE);
	return true;
}

/* False: look into the bucket.  (GS1, GS2) */
LK_HOT bool
guess_glimpse(const struct index_cache *c, const struct key *k, uint32_t place, struct glimpse *g)
{
	return guess_read(c, place, g) && likely(key_matches(k, g->r, g->ident));
}

/* The same of a long name. */
LK_HOT bool
guess_glimpse_long(const struct index_cache *c, const void *bytes, uint32_t len, uint32_t place,
		   struct glimpse *g)
{
	return guess_read(c, place, g) && (g->ident & IDENT_TAIL_MASK) == len &&
	       likely(resource_has_bytes(g->r, g->ident, bytes, len));
}

/* Of late, one in five was wrong at most. */
LK_HOT bool
guess_is_likely(const struct index_cache *c)
{
	return c->wrong < WRONG_ENOUGH;
}

LK_HOT void
guess_was_right(struct index_cache *c)
{
	c->wrong -= c->wrong != 0;
}

/* The name's entry was found on line `line`, and not guessed, or not to be. */
LK_HOT void
guess_reckon(struct index_cache *c, uint32_t was, uint32_t line)
{
	if (was == line)
		guess_was_right(c);
	else if (was != 0 && c->wrong < WRONG_MOST)
		c->wrong += WRONG_WEIGHS;
}

/* It was found in its bucket, in whichever line of it.  False: it is time for a table, which guess_begin() makes. */
LK_HOT bool
guess_note(struct index_cache *c, uint32_t place, struct lk_resource *r)
{
	uintptr_t far;
	uint32_t line;

	if (unlikely(c->guess == NULL)) {
		c->guess_base = (uintptr_t)r - GUESS_SPAN / 2;
		return ++c->found <= LK_GUESS_AFTER;
	}
	far = ((uintptr_t)r - c->guess_base) / LK_LINE;
	line = far <= UINT32_MAX ? (uint32_t)far : 0; /* (GS3) */
	guess_reckon(c, c->guess[place], line);
	c->guess[place] = line;
	return true;
}

void guess_begin(struct index_cache *c, struct env *env);

/* The table goes back, if there is one.  (GS4) */
void guess_end(struct index_cache *c, struct env *env);

#endif /* LK_INDEX_GUESS_H */
