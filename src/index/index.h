/* SPDX-License-Identifier: MIT */
/*
 * The index: name -> resource.
 *
 * A linear hash table.  It grows by one bucket at a time: bucket n-th is made of the half of the
 * entries of one older bucket that hash there from now on.  Buckets live in segments that never
 * move, so there are no old arrays to keep and nothing ever stops to copy a million entries.
 *
 *   shape = mask << 32 | n          bucket of a hash = hash & mask, and if that is >= n,
 *                                   hash & (mask >> 1)
 *
 * Names that are used often are found without a latch (index_glimpse); the rest, and all
 * changes, take the latch of one bucket.
 *
 * I1  under the latch of bucket b, "hash h belongs to b" does not change: only a split of b,
 *     or b's end, changes it, and both hold b's latch.  So whoever has taken a latch compares the
 *     shape again (bucket_lock), else one name could get two entries.
 * I2  a miss without the latch proves nothing (B2); entries are made only after a miss with it.
 * I3  a name has at most one entry (I1, I2), so the order of its grants is that of one word.
 * I4  an entry is retired only under its bucket's latch, when nothing is held, nobody waits and
 *     nobody has it pinned: DEAD first, then the pins (R4); then floor (B3), then ident (R2).
 * I5  An insertion into a bucket that has its share of max_idle retires an idle entry there, if there
 *     is one, so that a bucket has at most its share, or one, of idle entries that came by insertion;
 *     and now and then it looks at two further buckets, so that what a mass release left goes too:
 *     names in the index <= held + pinned + max_idle + n, soon after.  A user whose last LOOKS_IN_VAIN
 *     looks in a row found nothing idle leaves LOOK_SKIP out between two of them, until one finds
 *     something: so few are idle then that to look for them costs more than they do, and of names that
 *     each come and go none are left out, as each look finds one.  If those are in vain too it leaves out twice
 *     as many each time, up to LOOK_SKIP_MAX, as long as the tour finds nothing either.
 * I6  An index gives its last bucket up, its entries to the one it was split from, when insertions meet
 *     nearly empty buckets: so max_idle / n grows again, and what is idle is found.  That too happens
 *     under the latches of both, so I1 holds for it.  A bucket that was made is not made again: a
 *     reader or a latch taker with an old shape may still be on its way to it.
 * I7  An index grows when an insertion meets a crowded bucket among well-filled ones.  For the sake of
 *     idle entries it grows only for users who come back to names, and only while what they find says that all of theirs
 *     would have room in two thirds of max_idle: who uses each name once, or more names than that, does better
 *     with a small index that stays in the nearest cache; and only as far as each bucket may still be
 *     crowded by them, so that as many are kept as may be.  While there is a user who comes back to names
 *     it grows for all others too: else the first pass of a newcomer would throw out the names of who works
 *     there, and have his entries, side by side with others of his (S4).
 * I8  A user whose insertions find their names new goes on in *streaks*: between two tours, an insertion into a
 *     bucket of one line that has its share of max_idle in its first slots has the entry in one of them make way
 *     (I4), the same slot in all buckets for STREAKS_A_SLOT streaks, then another: so what is in the others stays for a
 *     while, and who comes back to it in the same order finds it.  It reckons nothing: no averages, no
 *     hand, no notes (B4); the next insertion that is not of a streak reckons for all.  A name that is there is found
 *     without a latch, if not at once.  An entry that is not to be
 *     had changes places with one that is; a bucket without one ends the streak.  None begins as long as the index
 *     is to grow for others who come back to names.
 *     Where there can be no streak, as for names with ancestors, and long ones, the hand of a bucket stays for
 *     HAND_STAYS insertions of such a user, to the same end.
 * I9  An index that was told how many names will be held (index_reserve) begins with buckets for them, and never has
 *     fewer (I6).  It gets no more as long as these are as full as they were meant to be.  If an entry, or a line, is
 *     not to be had from the allocator, what idles anywhere makes way, as far as its bucket's latch is to be had at once: so
 *     an insertion fails only if all entries are held, pinned, or spare ones of other users.
 *
 * Order of latches: bucket, then that of a slab.  Two buckets only in a split: the older first.
 */
#ifndef LK_INDEX_INDEX_H
#define LK_INDEX_INDEX_H

#include "index/bucket.h"
#include "word/spread.h"

/*
 * The first segment of a small index has room for 32 times the buckets that it begins with, so that those of as many names
 * as are kept while they idle are in one piece.  Only as many as there are were ever touched.
 */
#ifndef LK_INDEX_ROOM_BITS
#define LK_INDEX_ROOM_BITS 5 /* a tester makes it 0 */
#endif
enum { INDEX_ROOM_MAX = 11 };

enum { INDEX_SEGMENTS = 27, NAME_CLASSES = 7, CACHE_SIZE = 8, PATH_DEPTH_MAX = LK_NAME_MAX / 2 };

/* Entries of a user's first run, and of those that come when it makes many: a page.  (S4) */
enum { RUN_FIRST = 4, RUN_GROWTH = 4, RUN_MAX = SLAB_PAGE / sizeof(struct lk_resource) };

struct index {
	struct env *env;
	uint64_t seed;
	const struct spread *spread; /* of the manager; NULL: no entry is ever spread */
	uint64_t max_idle;           /* under `grow`; LK_OFF: no limit */
	uint32_t separator;          /* between the segments of a path; 0: none */
	bool is_frozen;      /* names begin with FREEZE (W9), as other processes may hold them */
	bool needs_look;     /* is_frozen, or separator is 0: see path_key_is_flat() */
	unsigned first_bits; /* log2 of … */
	uint32_t first_room; /* the buckets that the first segment has room for */
	a64 shape;
	a32 idle_allowed; /* per bucket: max_idle / n */
	a32 idle_next;    /* … if there were one bucket more */
	a32 full;         /* buckets that are as full as this are too full (I7, I9) */
	uintptr_t segment[INDEX_SEGMENTS]; /* biased: segment[k] + 64 * bucket number */
	uint32_t first_n;                  /* buckets that it began with */
	uint32_t ready_n;                  /* … for what will be held; 0: nobody said (I9) */
	struct latch grow;                 /* one split or merge at a time */
	uint32_t made;                     /* under it: buckets that were ever made */
	a32 returning;                     /* users who come back to names: cache_returns() */
	struct slab entries;
	struct slab lines;
	struct slab blocks[NAME_CLASSES]; /* of long names, 64 … 4096 bytes */
} LK_ALIGNED;

/*
 * What one user of the index (an owner) keeps for itself: free entries, and how keenly it
 * looks for idle ones.
 */
struct index_cache {
	struct lk_resource *spare[CACHE_SIZE];
	uint32_t n_spare;
	uint32_t run;               /* entries in the run that it was given last, */
	uint32_t n_run;             /* … of which so many are left, */
	struct lk_resource *in_run; /* … from here on (S4) */

	uint32_t tour_skip;    /* insertions until it goes on with its tour of all buckets */
	uint32_t tour_backoff; /* how many to skip after a look in vain */
	uint32_t cursor;       /* where on the tour it is */
	uint32_t vain_looks;   /* for an idle entry, in a row: cache_looks() */
	uint32_t look_skip;    /* insertions that do not look for one */
	uint32_t reuse;        /* names found for each that was not, of late: cache_reuses() */
	uint32_t is_returning; /* 1: counted in the index's `returning` (I7) */
	uint32_t load;         /* entries in the buckets that it inserts into: cache_finds_load() */
	uint32_t misses;       /* is the next name new?  cache_missed(), cache_met() */
	uint32_t orphaned;     /* entries retired that had a parent */
	uint32_t found;        /* names found in their buckets: guess_note() */
	uint32_t wrong;        /* are guesses wrong, of late?  guess_is_likely() */
	uint32_t *guess;       /* index/guess.h; NULL: no table */
	uintptr_t guess_base;  /* … lines from here */
	uint64_t last_uses;    /* *uses at the last insertion */
	const a64 *uses;       /* the user's grants; NULL: does not count them */
	uint64_t
		streak_tops; /* slots that are taken in the buckets that a streak goes through, … */
	uint64_t streak_asked; /* … as tags_taken() has them */
	uint32_t streak_slot;  /* whose entries make way in it */
	uint32_t n_streaks;    /* that began, ever */
	uint64_t streak_end;   /* `replaced` when the streak is over (I8) */
	uint64_t reckoned;     /* … as far as the averages go */
	a64 replaced; /* insertions in streaks: as many created and evicted, not counted below */
	a64 created;
	a64 evicted;
};

/* Entries that it made, and that it retired. */
LK_HOT uint64_t
cache_created(const struct index_cache *c)
{
	return shim_load(&c->created, SHIM_RELAXED) + shim_load(&c->replaced, SHIM_RELAXED);
}

LK_HOT uint64_t
cache_evicted(const struct index_cache *c)
{
	return shim_load(&c->evicted, SHIM_RELAXED) + shim_load(&c->replaced, SHIM_RELAXED);
}

/* An entry as it looked without a latch: to be confirmed by R3. */
struct glimpse {
	struct lk_resource *r;
	uint64_t ident;
	uint64_t word;
};

enum index_outcome {
	INDEX_PINNED, /* it is there; the caller has a pin */
	INDEX_HELD,   /* it was made, with the caller's hold in the word */
	INDEX_NOMEM,
	INDEX_BUSY,    /* not patient, and the latch was not to be had without sleeping */
	INDEX_BAD_HASH /* the hash that the caller gave is not the name's */
};

/* False: out of memory, nothing is left. */
bool index_init(struct index *x, struct env *env, void *home, uint64_t seed, uint64_t max_idle,
		uint64_t buckets, uint64_t floor);
void index_fini(struct index *x);

/* The buckets that so many names want. */
uint64_t index_buckets_for(uint64_t held);

/*
 * Entries and lines for so many names, ready and touched, before anybody else knows of the index, which began with buckets
 * for them.  False: out of memory; what it took, index_fini() gives back.  (I9)
 */
bool index_reserve(struct index *x, uint64_t held);

/* From now on so many; what is idle beyond it goes as names come in. */
void index_set_max_idle(struct index *x, uint64_t max_idle);

/*
 * The entry of a name, its hold made in `first` if the entry is new (LK_NL: pinned then too).
 * Takes the bucket's latch; `patient` false: never sleeps for it.
 */
enum index_outcome index_enter(struct index *x, struct index_cache *c, const struct name *n,
			       lk_mode first, bool patient, struct lk_resource **out);

/* index_glimpse() past the first line of a bucket. */
bool index_glimpse_far(const struct bucket *b, const struct name *n, struct glimpse *g);

/* A pin on the entry of a name that has one, else NULL. */
struct lk_resource *index_pin(struct index *x, const struct name *n);

/* One bucket less, if it can and nobody else is changing the shape. */
void index_try_shrink(struct index *x);

/* A user inserts nothing for a while, or never again: it comes back to no names, for the others.  (I7) */
void index_user_rests(struct index *x, struct index_cache *c);

/* Retire every idle entry. */
void index_sweep(struct index *x, struct index_cache *c);

/* No fence was given out that is larger.  Nobody else is in the index any more. */
uint64_t index_last_fence(const struct index *x);

/* Long names stand in blocks of 64, 128, … 4096 bytes. */
LK_HOT size_t
name_class_size(unsigned class)
{
	return (size_t)64 << class;
}

LK_HOT unsigned
name_class(uint32_t len)
{
	return len <= 64 ? 0 : 26u - (unsigned)__builtin_clz(len - 1);
}

LK_HOT uint32_t
shape_bucket(uint64_t shape, uint64_t hash)
{
	uint32_t mask = (uint32_t)(shape >> 32);
	uint32_t b = (uint32_t)hash & mask;

	return b < (uint32_t)shape ? b : b & mask >> 1;
}

/* The segment of a bucket. */
LK_HOT uint32_t
segment_of(const struct index *x, uint32_t b)
{
	uint32_t k = b >> x->first_bits;

	return k == 0 ? 0 : 32u - (uint32_t)__builtin_clz(k);
}

/* Of all but large indexes it is in the first segment: a branch that is foreseen. */
LK_HOT struct bucket *
index_bucket(const struct index *x, uint32_t b)
{
	uintptr_t segment = x->segment[0];

	if (unlikely(b >= x->first_room))
		segment = x->segment[segment_of(x, b)];
	return (struct bucket *)(segment + (uintptr_t)b * sizeof(struct bucket));
}

/* Does this slot hold the name?  Then `g` is its entry as it looked. */
LK_HOT bool
slot_glimpse(const aptr *slot, const struct name *n, struct glimpse *g)
{
	g->r = shim_load(slot, SHIM_ACQUIRE);
	if (unlikely(!slot_is_entry(g->r)))
		return false;
	g->word = shim_load(&g->r->word, SHIM_ACQUIRE);
	g->ident = shim_load(&g->r->ident, SHIM_ACQUIRE);
	return resource_matches(g->r, g->ident, n) && (g->word & WORD_DEAD) == 0;
}

/* Has it more buckets than it began with? */
LK_HOT bool
index_can_shrink(const struct index *x)
{
	return (uint32_t)shim_load(&x->shape, SHIM_RELAXED) > x->first_n;
}

/* Where a name would be, for now. */
LK_HOT struct bucket *
index_locate(const struct index *x, uint64_t hash)
{
	return index_bucket(x, shape_bucket(shim_load(&x->shape, SHIM_ACQUIRE), hash));
}

/*
 * Find a name without a latch.  True: `g` is an entry that bore the name while its word was
 * `g->word` (read before the name, so that its generation is not newer).  False: look under the
 * latch (I2).
 */
LK_HOT bool
index_glimpse(const struct index *x, const struct name *n, struct glimpse *g)
{
	const struct bucket *b = index_locate(x, n->hash);
	uint64_t tags = shim_load(&b->tags, SHIM_ACQUIRE);
	uint64_t like = tags_like(tags, tag_of(n->hash));

	for (; like != 0; like &= like - 1) {
		if (likely(slot_glimpse(&b->slot[tops_first(like)], n, g)))
			return true;
	}
	return unlikely(tags_linked(tags)) && index_glimpse_far(b, n, g);
}

/*
 * index_glimpse() of a short name in the first line of its bucket, where nearly all are: it tells of the
 * entry alone, and of one that is DEAD too.
 */
LK_HOT bool
index_glimpse_near(const struct bucket *b, const struct key *k, struct glimpse *g)
{
	uint64_t like = tags_like(shim_load(&b->tags, SHIM_ACQUIRE), tag_of(k->hash));

	for (; likely(like != 0); like &= like - 1) {
		g->r = shim_load(&b->slot[tops_first(like)], SHIM_ACQUIRE);
		if (unlikely(!slot_is_entry(g->r)))
			continue;
		g->word = shim_load(&g->r->word, SHIM_ACQUIRE);
		g->ident = shim_load(&g->r->ident, SHIM_ACQUIRE);
		if (likely(key_matches(k, g->r, g->ident)))
			return true;
	}
	return false;
}

/*
 * For those who know several names in advance: have the bucket of each come nearer, and when all are on
 * their way, the entries.
 */
LK_HOT void
index_expect(const struct index *x, uint64_t hash)
{
	prefetch(index_locate(x, hash));
}

LK_HOT void
index_expect_entry(const struct index *x, uint64_t hash)
{
	const struct bucket *b = index_locate(x, hash);
	uint64_t like = tags_like(shim_load(&b->tags, SHIM_RELAXED), tag_of(hash));

	if (like != 0)
		prefetch(shim_load(&b->slot[tops_first(like)], SHIM_RELAXED));
}

/* Was the word that of the name?  It was read first, and may be of what the entry was before. */
LK_HOT bool
glimpse_is_coherent(const struct glimpse *g)
{
	return ((g->ident >> NAME_BITS) * WORD_GEN_ONE & WORD_GEN_MASK) ==
	       (g->word & WORD_GEN_MASK);
}

/* Is a hold made after a glimpse a hold on the name that was meant?  (R3) */
LK_HOT bool
glimpse_confirmed(const struct glimpse *g)
{
	return shim_load(&g->r->ident, SHIM_RELAXED) == g->ident;
}

/*
 * A pin without a latch on what was glimpsed: false, it may be another name's by now.  After the pin the
 * entry cannot be retired (R4), and if it still has its ident, it was not before.
 */
LK_HOT bool
glimpse_pin(const struct glimpse *g)
{
	resource_pin(g->r);
	if (likely((shim_load(&g->r->word, SHIM_SEQ_CST) & WORD_DEAD) == 0) &&
	    likely(shim_load(&g->r->ident, SHIM_ACQUIRE) == g->ident))
		return true;
	resource_unpin(g->r);
	return false;
}

#endif /* LK_INDEX_INDEX_H */
