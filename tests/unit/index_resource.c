/* SPDX-License-Identifier: MIT */
/* An entry's name: told from others byte by byte, copied, and gone when the identity moved on. */
#include "harness.h"

#include "index/resource.h"

enum { SEED = 3, SEQUENCE = 77 };

static struct lk_resource entry;
static a64 block[LK_NAME_MAX / 8];
static unsigned char text[LK_NAME_MAX];

static struct name
name_of(size_t len)
{
	struct name n = { .len = 0 };

	cr_assert(name_set(&n, text, len, 0, SEED));
	return n;
}

static void
store(a64 *to, size_t len)
{
	for (size_t i = 0; i < len; i += 8) {
		uint64_t x = 0;

		memcpy(&x, text + i, len - i < 8 ? len - i : 8);
		shim_store(&to[i / 8], x, SHIM_RELAXED);
	}
}

static uint64_t
ident(void)
{
	return shim_load(&entry.ident, SHIM_RELAXED);
}

/* Make the entry one of the first `len` bytes of `text`. */
static struct name
make_entry(size_t len)
{
	struct name n = name_of(len);

	memset(&entry, 0, sizeof(entry));
	shim_store(&entry.ident, SEQUENCE * IDENT_STEP + n.tail, SHIM_RELAXED);
	store(len <= NAME_INLINE ? entry.name : block, len);
	if (len > NAME_INLINE)
		shim_store(&entry.name[0], (uint64_t)(uintptr_t)block, SHIM_RELAXED);
	return n;
}

static bool
matches(const struct name *n)
{
	return resource_matches(&entry, ident(), n);
}

static void
fill_text(void)
{
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (unsigned char)(i * 7 + 200);
}

#define ResourceTest(title) Test(resource, title, .init = fill_text)

static const size_t lengths[] = { 1,  2,  3,  7,  8,  9,  15,  16,  17,  24,   25,   31,
				  32, 33, 40, 63, 64, 65, 128, 200, 999, 1000, 4095, 4096 };

ResourceTest(matches_its_own_name)
{
	for (size_t i = 0; i < countof(lengths); i++) {
		struct name n = make_entry(lengths[i]);

		cr_expect(matches(&n), "%zu bytes", lengths[i]);
	}
}

/* Another byte anywhere, one more, one less: another name, whatever its hash. */
ResourceTest(matches_no_other)
{
	for (size_t i = 0; i < countof(lengths); i++) {
		struct name n = make_entry(lengths[i]);
		struct name other;

		for (size_t at = 0; at < lengths[i]; at++) {
			text[at] ^= 0x80;
			other = name_of(lengths[i]);
			text[at] ^= 0x80;
			other.hash = n.hash;
			if (lengths[i] <= NAME_INLINE)
				cr_assert_not(matches(&other), "%zu, byte %zu", lengths[i], at);
		}
		if (lengths[i] < LK_NAME_MAX) {
			other = name_of(lengths[i] + 1);
			other.hash = n.hash;
			cr_expect_not(matches(&other));
		}
		if (lengths[i] > 1) {
			other = name_of(lengths[i] - 1);
			other.hash = n.hash;
			cr_expect_not(matches(&other));
		}
	}
}

/* Long names are read where they are, so the byte must be another at that time. */
ResourceTest(long_names_match_no_other)
{
	for (size_t len = NAME_INLINE + 1; len <= 300; len++) {
		struct name n = make_entry(len);

		for (size_t at = 0; at < len; at++) {
			text[at] ^= 1;
			cr_assert_not(matches(&n), "%zu bytes, byte %zu", len, at);
			text[at] ^= 1;
		}
		cr_assert(matches(&n));
	}
}

ResourceTest(a_number_is_not_its_bytes)
{
	struct name bytes = make_entry(8);
	struct name number;
	uint64_t id;
	size_t len;
	bool is_id;

	memcpy(&id, text, sizeof(id));
	name_set_id(&number, &id, SEED);
	cr_expect_not(matches(&number));
	shim_store(&entry.ident, IDENT_STEP + number.tail, SHIM_RELAXED);
	cr_expect(matches(&number));
	cr_expect_not(matches(&bytes));
	cr_expect_eq(memcmp(resource_name(&entry, &len, &is_id), &id, 8), 0);
	cr_expect_eq(len, 8);
	cr_expect(is_id);
}

ResourceTest(copies_and_pointers)
{
	static unsigned char copy[LK_NAME_MAX + 1];

	for (size_t i = 0; i < countof(lengths); i++) {
		size_t len = 0;
		bool is_id = true;

		(void)make_entry(lengths[i]);
		memset(copy, '#', sizeof(copy));
		cr_assert(resource_copy_name(&entry, ident(), copy));
		cr_expect_eq(memcmp(copy, text, lengths[i]), 0, "%zu bytes", lengths[i]);
		cr_expect_eq(copy[lengths[i]], '#', "no byte more than %zu", lengths[i]);
		cr_expect_eq(memcmp(resource_name(&entry, &len, &is_id), text, lengths[i]), 0);
		cr_expect_eq(len, lengths[i]);
		cr_expect_not(is_id);
	}
}

/* (R2) what was read under an identity that is not the entry's any more is no name. */
ResourceTest(an_identity_that_moved_on)
{
	static unsigned char copy[LK_NAME_MAX];

	for (size_t i = 0; i < countof(lengths); i++) {
		struct name n = make_entry(lengths[i]);
		uint64_t seen = ident();

		shim_store(&entry.ident, seen + IDENT_STEP, SHIM_RELAXED);
		cr_expect_not(resource_copy_name(&entry, seen, copy), "%zu bytes", lengths[i]);
		if (lengths[i] > NAME_INLINE) {
			cr_expect_not(resource_matches(&entry, seen, &n));
			cr_expect_null(resource_block(&entry, seen));
		}
		cr_expect(resource_copy_name(&entry, ident(), copy));
	}
}

/* An entry without a name matches none. */
ResourceTest(no_name)
{
	struct name n = make_entry(5);

	shim_store(&entry.ident, (SEQUENCE + 1) * IDENT_STEP, SHIM_RELAXED);
	cr_expect_not(matches(&n));
	cr_expect_eq(ident_len(ident()), 0);
}

Test(resource, pins)
{
	resource_pin(&entry);
	resource_pin(&entry);
	cr_expect_eq(shim_load(&entry.pins, SHIM_RELAXED), 2);
	shim_or(&entry.pins, PINS_DIED, SHIM_RELAXED);
	resource_unpin(&entry);
	resource_unpin(&entry);
	cr_expect_eq(shim_load(&entry.pins, SHIM_RELAXED), PINS_DIED);
}
