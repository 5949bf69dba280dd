/* SPDX-License-Identifier: MIT */
/* Names as words: against a copy made byte by byte, and never a byte beyond either end read. */
#include "harness.h"

#include <sys/mman.h>
#include <unistd.h>

#include "index/name.h"

enum { LONGEST_TRIED = 40, SEED = 7 };

/* Little-endian, the missing bytes zero. */
static uint64_t
word_by_hand(const unsigned char *p, size_t n)
{
	uint64_t x = 0;

	for (size_t i = 0; i < n && i < 8; i++)
		x |= (uint64_t)p[i] << (8 * i);
	return x;
}

/* One page with nothing before it and nothing behind it. */
static unsigned char *page;
static size_t page_size;

static void
map_page(void)
{
	unsigned char *p;

	page_size = (size_t)sysconf(_SC_PAGESIZE);
	p = mmap(NULL, 3 * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert(p != MAP_FAILED);
	page = p + page_size;
	cr_assert_eq(mprotect(page, page_size, PROT_READ | PROT_WRITE), 0);
	for (size_t i = 0; i < page_size; i++)
		page[i] = (unsigned char)(i * 37 + 129); /* many of them above 127 */
}

static void
unmap_page(void)
{
	munmap(page - page_size, 3 * page_size);
}

#define PageTest(title) Test(name, title, .init = map_page, .fini = unmap_page)

/* Where `len` bytes can stand: right behind the gap, right before it. */
static const unsigned char *
at_edge(unsigned edge, size_t len)
{
	return edge == 0 ? page : page + page_size - len;
}

PageTest(loads_of_every_length)
{
	for (unsigned edge = 0; edge < 2; edge++) {
		for (size_t len = 0; len <= LONGEST_TRIED; len++) {
			const unsigned char *p = at_edge(edge, len);

			cr_expect_eq(name_load(p, len), word_by_hand(p, len), "%zu bytes", len);
		}
	}
}

PageTest(last_words_of_every_length)
{
	for (unsigned edge = 0; edge < 2; edge++) {
		for (size_t len = 8; len <= LONGEST_TRIED; len++) {
			const unsigned char *p = at_edge(edge, len);
			size_t last = (len - 1) / 8 * 8;

			cr_expect_eq(name_load_last(p, len), word_by_hand(p + last, len - last),
				     "%zu bytes", len);
		}
	}
}

PageTest(words_of_every_length)
{
	for (unsigned edge = 0; edge < 2; edge++) {
		for (size_t len = 1; len <= NAME_INLINE; len++) {
			const unsigned char *p = at_edge(edge, len);
			struct name n;

			cr_assert(name_set(&n, p, len, 0, SEED));
			cr_expect_eq(n.bytes, (const void *)p);
			cr_expect_eq(n.len, len);
			cr_expect_eq(n.tail, len);
			for (size_t i = 0; i * 8 < len; i++)
				cr_expect_eq(n.word[i], word_by_hand(p + i * 8, len - i * 8),
					     "word %zu of %zu bytes", i, len);
		}
	}
}

PageTest(long_names_are_read_in_place)
{
	for (size_t len = NAME_INLINE + 1; len <= LK_NAME_MAX; len++) {
		struct name n = { .len = 0 };

		cr_assert(name_set(&n, at_edge(1, len), len, 0, SEED));
		cr_assert_eq(n.len, len);
		cr_assert_eq(n.hash, hash_bytes(n.bytes, len, SEED));
	}
}

Test(name, names_that_are_none)
{
	static const char bytes[LK_NAME_MAX + 1];
	struct name n;

	cr_expect_not(name_set(&n, bytes, 0, 0, SEED));
	cr_expect_not(name_set(&n, bytes, LK_NAME_MAX + 1, 0, SEED));
	cr_expect_not(name_set(&n, bytes, SIZE_MAX, 0, SEED));
	cr_expect_not(name_set(&n, bytes, (UINT64_C(1) << 32) + 1, 0, SEED));
	cr_expect(name_set(&n, bytes, LK_NAME_MAX, 0, SEED));
}

Test(name, hashes)
{
	const uint64_t id = UINT64_C(0x6161616161616161);
	struct name n;
	struct name again;
	struct name number;
	struct key k;

	cr_assert(name_set(&n, "abc", 3, 0, SEED));
	cr_expect_not(n.hash_given);
	cr_expect_neq(n.hash, 0);
	key_set(&k, "abc", n.tail, SEED);
	cr_expect_eq(k.hash, n.hash);
	cr_expect_eq(k.word[0], n.word[0]);
	cr_assert(name_set(&again, "abc\0", 4, 0, SEED));
	cr_expect_neq(again.hash, n.hash, "the length counts");
	cr_assert(name_set(&again, "aaaaaaaa", 8, 0, SEED));
	name_set_id(&number, &id, SEED);
	cr_expect_neq(again.hash, number.hash, "a number is not its bytes");
	cr_assert(name_set(&again, "abc", 3, n.hash, SEED));
	cr_expect(again.hash_given);
	cr_expect_eq(again.hash, n.hash);
	cr_assert(name_set(&again, "abc", 3, 0, SEED + 1));
	cr_expect_neq(again.hash, n.hash, "the seed counts");
}

/* Numbers are a space of their own, though they too have eight bytes. */
Test(name, numbers)
{
	const uint64_t id = UINT64_C(0xfedcba9876543210);
	struct name number;
	struct name bytes;

	name_set_id(&number, &id, SEED);
	cr_assert(name_set(&bytes, &id, sizeof(id), 0, SEED));
	cr_expect_eq(number.len, 8);
	cr_expect_eq(number.word[0], id);
	cr_expect_eq(bytes.word[0], id);
	cr_expect_eq(number.tail, 8 | NAME_ID);
	cr_expect_neq(number.tail, bytes.tail);
	cr_expect_neq(number.hash, bytes.hash);
	cr_expect_eq(bytes.tail & ~NAME_LEN_MASK, 0);
	cr_expect_eq(number.tail & NAME_LEN_MASK, 8);
	cr_expect_ge(NAME_LEN_MASK, LK_NAME_MAX);
}

/* The same through the front door. */
PageTest(the_library_reads_no_further)
{
	struct lk_manager *m = NULL;
	struct lk_owner *w;

	cr_assert_eq(lk_open(NULL, NULL, &m), 0);
	w = lk_self(m);
	for (size_t len = 1; len <= LK_NAME_MAX; len += len < 300 ? 1 : 97) {
		const unsigned char *p = at_edge(1, len);
		uint64_t h = lk_name_hash(m, p, len);
		lk_grant g = 0;

		cr_assert_neq(h, 0);
		cr_assert_eq(lk_name_hash(m, at_edge(1, len), len), h);
		cr_assert_eq(lk_acquire_bytes(w, p, len, LK_X, NULL, &g), 0, "%zu bytes", len);
		cr_assert_eq(lk_holds(w, p, len), (int)LK_X);
		cr_assert_eq(lk_release(w, g), 0);
		cr_assert_eq(lk_acquire_bytes(w, at_edge(0, len), len, LK_S, NULL, NULL), 0);
		cr_assert_eq(lk_release_name(w, at_edge(0, len), len), 0);
	}
	cr_expect_eq(lk_close(m), 0);
}

/* The fullest of 1024 parts that 65536 names in a row fall into, by the low bits or the high ones. */
static uint32_t
fullest_part(const char *format, uint64_t seed)
{
	uint32_t part[2][1024] = { 0 };
	uint32_t most = 0;

	for (unsigned i = 0; i < 65536; i++) {
		char text[NAME_INLINE + 1];
		int len = snprintf(text, sizeof(text), format, i);
		struct name n = { .hash = 0 };

		cr_assert(len <= NAME_INLINE);
		cr_assert(name_set(&n, text, (size_t)len, 0, seed));
		part[0][n.hash & 1023]++;
		part[1][n.hash >> 54]++;
	}
	for (unsigned i = 0; i < 1024; i++) {
		most = part[0][i] > most ? part[0][i] : most;
		most = part[1][i] > most ? part[1][i] : most;
	}
	return most;
}

/* As even as chance: of 64 on average, more than 128 would not come by chance in all the time there is. */
Test(name, hashes_are_spread)
{
	static const char *const formats[] = {
		"%u",
		"%05u",
		"%08u",
		"%-8u",
		"user:%07u",
		"%05u:row:of:us",
		"row:of:user:%04x",
		"%05u:customer:of:region",
		"customer:of:region:%05u",
	};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		for (uint64_t seed = SEED; seed < SEED + 16; seed++) {
			uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15);

			cr_expect(fullest_part(formats[i], random) <= 128, "%s", formats[i]);
		}
	}
}
