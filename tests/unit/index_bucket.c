/* SPDX-License-Identifier: MIT */
/* Buckets: tags against the same done byte by byte, and chains of lines that grow and shrink. */
#include "harness.h"

#include "index/bucket.h"

/* ------------------------------------------------------------------------ tags */

enum { TRIES = 300000 };

static unsigned
byte_of(uint64_t tags, unsigned i)
{
	return (unsigned)(tags >> (8 * i) & 0xff);
}

/* Five bytes, most of them of the kinds on which a carry could go wrong, or close to `tag`. */
static uint64_t
draw_tags(uint64_t *seed, unsigned tag)
{
	const unsigned some[] = {
		0, 0, 1, 2, 0x7f, 0x80, 0x81, 0xfe, tag, tag, tag ^ 1, tag ^ 0x80
	};
	uint64_t tags = 0;

	for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
		uint64_t x = test_random(seed);
		unsigned byte = x % 4 == 0 ? (unsigned)(x >> 32) & 0xff
					   : some[(x >> 8) % countof(some)] & 0xff;

		tags |= (uint64_t)byte << (8 * i);
	}
	return tags;
}

static void
check_like(uint64_t tags, unsigned tag)
{
	uint64_t like = tags_like(tags, tag);
	bool matched = false;

	for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
		bool equal = byte_of(tags, i) == tag;
		bool told = (like >> (8 * i) & 0x80) != 0;

		cr_assert(told || !equal, "%llx: %02x is missed in slot %u",
			  (unsigned long long)tags, tag, i);
		cr_assert(!told || equal || matched, "%llx: %02x is seen in slot %u",
			  (unsigned long long)tags, tag, i);
		matched |= equal;
	}
	cr_assert_eq(like & ~(uint64_t)TAG_TOPS, 0);
	cr_assert_eq(like != 0, matched);
}

Test(bucket, tags_like)
{
	uint64_t seed = 1;

	for (unsigned i = 0; i < TRIES; i++) {
		unsigned tag = 1 + (unsigned)(test_random(&seed) % 254);

		check_like(draw_tags(&seed, tag), tag);
	}
}

/* One slot and its neighbour, all values of both. */
Test(bucket, tags_like_for_all_pairs)
{
	for (unsigned tag = 1; tag < 255; tag += tag < 4 || tag > 250 ? 1 : 31) {
		for (uint64_t pair = 0; pair < 0x10000; pair++)
			check_like(pair << 24, tag);
	}
}

static void
check_set(uint64_t tags)
{
	uint64_t set = tags_set(tags);
	unsigned count = 0;

	for (unsigned i = BUCKET_SLOTS; i-- > 0;) {
		bool is_set = byte_of(tags, i) != 0;

		cr_assert_eq((set >> (8 * i) & 0xff), is_set ? 0x80 : 0, "%llx, slot %u",
			     (unsigned long long)tags, i);
		cr_assert_eq(tags_entry(tags, i), is_set && byte_of(tags, i) != TAG_LINK);
		count += is_set;
		if (is_set)
			cr_assert_eq(tops_first(set & ~UINT64_C(0) << (8 * i)), i);
	}
	cr_assert_eq(set >> 40, 0);
	cr_assert_eq(tops_count(set), count);
	cr_assert_eq(tags_linked(tags), byte_of(tags, BUCKET_LAST) == TAG_LINK);
}

/* Slots that are taken, of tags as they are: 1 to 128, or a link in the last slot. */
Test(bucket, tags_taken)
{
	const unsigned some[] = { 0, 1, 2, 0x7f, 0x80, 0x55 };

	for (unsigned i = 0; i < 6 * 6 * 6 * 6 * 7; i++) {
		const unsigned last = i / (6 * 6 * 6 * 6);
		uint64_t tags = (uint64_t)(last < 6 ? some[last] : TAG_LINK) << (8 * BUCKET_LAST);
		bool taken = last < 6;

		for (unsigned slot = 0, left = i; slot < BUCKET_LAST; slot++, left /= 6)
			tags |= (uint64_t)some[left % 6] << (8 * slot);
		for (unsigned n = 1; n <= BUCKET_LAST; n++) {
			const uint64_t tops = TAG_TOPS >> (8 * (BUCKET_SLOTS - n));

			taken = taken && byte_of(tags, n - 1) != 0;
			cr_assert_eq(tags_taken(tags, tops, tags_ask(tops)), taken, "%llx, %u",
				     (unsigned long long)tags, n);
		}
	}
}

/* One byte changes, and no other; the same of notes, whose hand and window stay. */
Test(bucket, one_of_all)
{
	uint64_t seed = 3;

	for (unsigned i = 0; i < TRIES; i++) {
		const unsigned slot = i % BUCKET_SLOTS;
		const uint64_t tags = draw_tags(&seed, 7);
		const uint64_t to = test_random(&seed);
		const uint32_t notes = (uint32_t)test_random(&seed);
		const uint32_t note = (uint32_t)to & NOTE_MASK;
		const uint64_t byte = UINT64_C(0xff) << (8 * slot);
		const uint32_t bits = (uint32_t)NOTE_MASK << (NOTE_BITS * slot);

		cr_assert_eq(tags_with(tags, slot, to & 0xff),
			     (tags & ~byte) | (to & 0xff) << (8 * slot));
		cr_assert_eq(notes_with(notes, slot, note),
			     (notes & ~bits) | note << (NOTE_BITS * slot));
	}
}

Test(bucket, tags_set)
{
	uint64_t seed = 2;

	for (unsigned i = 0; i < TRIES; i++)
		check_set(draw_tags(&seed, TAG_LINK));
	for (uint64_t pair = 0; pair < 0x10000; pair++)
		check_set(pair << 24);
}

/* The upper seven bits; 0 and 255 mean something else. */
Test(bucket, tag_of)
{
	for (uint64_t top = 0; top < 128; top++) {
		cr_expect_eq(tag_of(top << 57), top + 1);
		cr_expect_eq(tag_of(top << 57 | UINT64_C(0x1ffffffffffffff)), top + 1);
	}
}

Test(bucket, what_stands_in_a_slot)
{
	static struct bucket line;

	cr_expect_not(slot_is_entry(NULL));
	cr_expect(slot_is_entry(&line));
	cr_expect_not(slot_is_entry((char *)&line + 1));
	cr_expect_null(slot_line(NULL));
	cr_expect_null(slot_line(&line));
	cr_expect_eq(slot_line((char *)&line + 1), &line);
}

/* ---------------------------------------------------------------------- chains */

enum { ENTRIES = 200 };

static struct test_heap heap;
static struct env env;
static struct slab lines;
static struct slab none; /* has no memory */
static struct bucket bucket;
static struct lk_resource entries[ENTRIES];
static struct name names[ENTRIES];
static char texts[ENTRIES][8];
static struct place places[ENTRIES];

static void
set_up(void)
{
	static void *no_line[1];

	test_heap_init(&heap);
	env_init(&env, &heap.allocator, NULL);
	slab_init(&lines, &env, NULL, sizeof(struct bucket), offsetof(struct bucket, floor));
	slab_init(&none, &env, NULL, sizeof(struct bucket), offsetof(struct bucket, floor));
	cr_assert_eq(slab_get_many(&lines, no_line, 1), 1);
	slab_put_many(&lines, no_line, 1); /* so that there is a chunk */
	test_heap_fail(&heap, 1, true);
	for (unsigned i = 0; i < ENTRIES; i++) {
		int n = snprintf(texts[i], sizeof(texts[i]), "n%u", i);

		cr_assert(name_set(&names[i], texts[i], (size_t)n, 0, 1));
		shim_store(&entries[i].name[0], names[i].word[0], SHIM_RELAXED);
		shim_store(&entries[i].ident, IDENT_STEP + names[i].tail, SHIM_RELAXED);
	}
}

static void
tear_down(void)
{
	slab_fini(&lines);
	slab_fini(&none);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}

#define ChainTest(name) Test(bucket, name, .init = set_up, .fini = tear_down)

static unsigned
used(void)
{
	return bucket_used(&bucket, shim_load(&bucket.tags, SHIM_RELAXED));
}

static unsigned
length(void)
{
	unsigned n = 0;

	for (const struct bucket *b = &bucket; b != NULL; b = bucket_next(b))
		n++;
	return n;
}

static bool
insert_from(unsigned i, struct slab *from)
{
	struct place p = bucket_empty(&bucket, from);

	if (p.line == NULL)
		return false;
	cr_assert_lt(p.slot, BUCKET_SLOTS);
	place_set(p, &entries[i], tag_of(names[i].hash));
	return true;
}

static void
insert(unsigned i)
{
	cr_assert(insert_from(i, &lines));
}

/* Where each entry is, by looking at every slot: what makes the chain longer moves some. */
static void
locate(void)
{
	memset(places, 0, sizeof(places));
	for (struct bucket *b = &bucket; b != NULL; b = bucket_next(b)) {
		for (unsigned slot = 0; slot < BUCKET_SLOTS; slot++) {
			const struct place p = { b, slot };

			if (tags_entry(shim_load(&b->tags, SHIM_RELAXED), slot))
				places[place_entry(p) - entries] = p;
		}
	}
}

static void
take_out(unsigned i)
{
	locate();
	cr_assert_not_null(places[i].line);
	place_clear(places[i]);
	bucket_trim(&bucket, &lines);
}

/* Entries [from, to) are found, and no others. */
static void
holds_just(unsigned from, unsigned to)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		cr_assert_eq(bucket_find(&bucket, &names[i]),
			     i >= from && i < to ? &entries[i] : NULL, "entry %u", i);
	cr_assert_eq(used(), to - from);
}

ChainTest(a_chain_grows)
{
	holds_just(0, 0);
	for (unsigned i = 0; i < ENTRIES; i++) {
		insert(i);
		holds_just(0, i + 1);
		/* Four in each line but the last, which has room for five. */
		cr_assert_eq(length(), i < 5 ? 1 : 1 + (i - 1) / 4);
	}
}

ChainTest(a_chain_shrinks)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		insert(i);
	for (unsigned i = 0; i < ENTRIES; i++) {
		take_out(i);
		holds_just(i + 1, ENTRIES);
	}
	cr_expect_eq(length(), 1);
	cr_expect_eq(shim_load(&bucket.tags, SHIM_RELAXED), 0);
	/* All lines were given back. */
	for (unsigned i = 0; i < ENTRIES; i++)
		insert(i);
	cr_expect_eq(atomic_load(&heap.blocks), 1);
}

/* Lines are only given back from the end: one in the middle may be empty for a while. */
ChainTest(a_chain_with_holes)
{
	for (unsigned i = 0; i < 40; i++)
		insert(i);
	for (unsigned i = 1; i < 40; i++) {
		if (i != 39)
			take_out(i);
	}
	cr_expect_eq(used(), 2);
	cr_expect_eq(bucket_find(&bucket, &names[0]), &entries[0]);
	cr_expect_eq(bucket_find(&bucket, &names[39]), &entries[39]);
	for (unsigned i = 1; i < 39; i++)
		insert(i);
	holds_just(0, 40);
}

ChainTest(random_order)
{
	bool in[ENTRIES] = { false };
	uint64_t seed = 3;
	unsigned n = 0;

	for (unsigned round = 0; round < 20000; round++) {
		unsigned i = (unsigned)(test_random(&seed) % (round % 2000 < 1000 ? ENTRIES : 20));

		if (in[i]) {
			take_out(i);
			n--;
		} else {
			insert(i);
			n++;
		}
		in[i] = !in[i];
		i = (unsigned)(test_random(&seed) % ENTRIES);
		cr_assert_eq(bucket_find(&bucket, &names[i]), in[i] ? &entries[i] : NULL);
		cr_assert_eq(used(), n);
	}
}

/* Names of one tag are told apart by the names. */
ChainTest(names_with_one_tag)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		names[i].hash = UINT64_C(0x4200000000000000);
	for (unsigned i = 0; i < ENTRIES; i++)
		insert(i);
	holds_just(0, ENTRIES);
}

ChainTest(no_memory_for_a_line)
{
	for (unsigned i = 0; i < BUCKET_SLOTS; i++)
		cr_assert(insert_from(i, &none), "the first five need none");
	cr_expect_not(insert_from(5, &none));
	holds_just(0, 5);
	insert(5);
	holds_just(0, 6);
}

/* What was reserved can be used without memory, from whatever state. */
ChainTest(reserved_room)
{
	for (unsigned before = 0; before <= 14; before++) {
		for (unsigned wanted = 0; wanted <= 20; wanted++) {
			for (unsigned i = 0; i < before; i++)
				insert(i);
			cr_assert(bucket_reserve(&bucket, wanted, &lines));
			holds_just(0, before);
			for (unsigned i = 0; i < wanted; i++)
				cr_assert(insert_from(before + i, &none), "%u of %u after %u", i,
					  wanted, before);
			holds_just(0, before + wanted);
			while (used() > 0)
				take_out(used() - 1);
			cr_assert_eq(length(), 1);
		}
	}
}

ChainTest(what_was_reserved_in_vain_is_given_back)
{
	for (unsigned i = 0; i < 5; i++)
		insert(i);
	cr_assert(bucket_reserve(&bucket, 50, &lines));
	cr_expect_ge(length(), 13);
	holds_just(0, 5);
	bucket_trim(&bucket, &lines);
	cr_expect_eq(length(), 2);
	holds_just(0, 5);
}

ChainTest(no_memory_to_reserve)
{
	for (unsigned i = 0; i < 5; i++)
		insert(i);
	cr_expect(bucket_reserve(&bucket, 0, &none));
	cr_expect_not(bucket_reserve(&bucket, 1, &none));
	holds_just(0, 5);
	take_out(4);
	cr_expect(bucket_reserve(&bucket, 1, &none));
	cr_expect_not(bucket_reserve(&bucket, 2, &none));
	holds_just(0, 4);
}
