/* SPDX-License-Identifier: MIT */
/*
 * A resource: one name that is locked, or was lately, in one cache line.
 *
 * Entries are type-stable (S1), so a reader that found one a while ago reads an entry, though
 * perhaps of another name by now.  `ident` tells: it never repeats for an entry (50 bits of
 * sequence; at 30 million reuses a second of one entry it takes a year to come round).
 *
 * R1  while the word counts a hold or has WAITERS, or `pins` is not 0, name and ident do not
 *     change.
 * R2  ident is moved on before the name is changed and again after it, so that a name read
 *     between two equal idents belongs to that ident.  (All stores of the name release and all
 *     loads by strangers acquire, so a reader that saw new bytes sees the new ident.)
 * R3  whoever makes a hold on an entry that it did not have pinned compares ident afterwards
 *     with the one under which it compared the name; on a mismatch it gives the hold back like
 *     any other, with a scan.  What can remain of it is a BUSY for a *try* on the other name.
 * R4  a pin is taken before DEAD is looked at; a retirer sets DEAD before it looks at the pins
 *     (both seq_cst): one of them sees the other.  Who has the pin may make a hold, or join the line, in
 *     spite of DEAD, and then unpin: so a retirer that finds no pin looks at the word again, and if it
 *     finds something in either takes DEAD back, and nothing else.
 * R5  `fence` is written only by the holder in U, SIX or X, of which there is one; or, of a name that
 *     is covered, by whoever covers it, of whom there is one too.
 * R6  an entry pins its parent's from the moment it is made until it is retired, and `parent` changes
 *     with the name (R1, R2).  So whoever has an entry pinned or held has the chain of its ancestors.
 */
#ifndef LK_INDEX_RESOURCE_H
#define LK_INDEX_RESOURCE_H

#include "index/name.h"
#include "word/word.h"

struct lk_resource {
	a64 word;             /* word/word.h */
	a64 fence;            /* the latest given out */
	a64 ident;            /* sequence | NAME_ID | length; length 0: no name */
	a32 pins;             /* handles and requests under way; and PINS_DIED */
	a32 spread;           /* number of the entry's array of slots; 0: none (C7) */
	aptr parent;          /* the entry of the name that this one lies below, or NULL (R6) */
	a64 name[NAME_WORDS]; /* the bytes; of a long name the first word is its block */
} LK_ALIGNED;

_Static_assert(sizeof(struct lk_resource) == LK_LINE, "an entry is one line");

/* In `pins`, so that the entry stays: the last writer's thread ended without a release. */
#define PINS_DIED UINT32_C(0x80000000)

/* How far a sequence moves on; a tester makes it 512, so that the generation in the word comes round at once. */
#ifndef LK_IDENT_STEP
#define LK_IDENT_STEP 1
#endif

#define IDENT_STEP      ((uint64_t)LK_IDENT_STEP << NAME_BITS)
#define IDENT_TAIL_MASK ((UINT64_C(1) << NAME_BITS) - 1)

/* A long name's bytes, in type-stable memory of a size that fits its length. */
struct name_block {
	a64 word[1];
};

LK_HOT uint32_t
ident_len(uint64_t ident)
{
	return (uint32_t)ident & NAME_LEN_MASK;
}

/* The block of a long name, if the entry still is what `ident` says; else NULL (R2). */
const struct name_block *resource_block(const struct lk_resource *r, uint64_t ident);

/* Does its block have these bytes of a long name?  `ident` says how many. */
bool resource_has_bytes(const struct lk_resource *r, uint64_t ident, const void *bytes,
			uint32_t len);

/*
 * Without a branch for each word: nearly always they are all the same.  Who refuses by what was glimpsed changes nothing that would order its
 * second look at the ident after these loads.  (R2)
 */
LK_HOT bool
resource_has_words(const struct lk_resource *r, const uint64_t word[NAME_WORDS])
{
	return ((shim_load(&r->name[0], SHIM_ACQUIRE) ^ word[0]) |
		(shim_load(&r->name[1], SHIM_ACQUIRE) ^ word[1]) |
		(shim_load(&r->name[2], SHIM_ACQUIRE) ^ word[2])) == 0;
}

/* Does the entry bear this name under `ident`?  True may be out of date: R3. */
LK_HOT bool
resource_matches(const struct lk_resource *r, uint64_t ident, const struct name *n)
{
	if ((ident & IDENT_TAIL_MASK) != n->tail)
		return false;
	if (unlikely(n->len > NAME_INLINE))
		return resource_has_bytes(r, ident, n->bytes, n->len);
	return resource_has_words(r, n->word);
}

/* Does the entry bear the short name under `ident`?  True may be out of date: R3. */
LK_HOT bool
key_matches(const struct key *k, const struct lk_resource *r, uint64_t ident)
{
	return ((ident ^ k->tail) & IDENT_TAIL_MASK) == 0 && resource_has_words(r, k->word);
}

/*
 * Copy the name out while it may be changing; false if it did change (R2).  `buf` has room for
 * LK_NAME_MAX bytes.
 */
bool resource_copy_name(const struct lk_resource *r, uint64_t ident, void *buf);

/* The bytes of a name that cannot change (R1). */
const void *resource_name(const struct lk_resource *r, size_t *len, bool *is_id);

LK_HOT void
resource_pin(struct lk_resource *r)
{
	shim_add(&r->pins, 1u, SHIM_SEQ_CST);
}

LK_HOT void
resource_unpin(struct lk_resource *r)
{
	shim_sub(&r->pins, 1u, SHIM_RELEASE);
}

LK_HOT struct lk_resource *
resource_parent(const struct lk_resource *r)
{
	return shim_load(&r->parent, SHIM_ACQUIRE);
}

/* How many there are from this one up to the root, itself included; NULL: none. */
uint32_t resource_levels(const struct lk_resource *r);

/* So many levels up. */
struct lk_resource *resource_climb(struct lk_resource *r, uint32_t levels);

#endif /* LK_INDEX_RESOURCE_H */
