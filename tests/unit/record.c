/* SPDX-License-Identifier: MIT */
/* Records as bytes: the format byte for byte, and everything that is not a record.  (RF1-RF4) */
#include "base/hash.h"
#include "harness.h"
#include "record/record.h"

#include <stdlib.h>

static struct record r, back;
static uint8_t bytes[RECORD_BYTES + 64], copy[RECORD_BYTES + 64], again[RECORD_BYTES];

static struct record_id
id_of(uint8_t x)
{
	struct record_id id;

	memset(&id, x, sizeof(id));
	return id;
}

static struct record_holder *
add_holder(uint8_t who, lk_mode mode)
{
	struct record_holder *h = &r.holder[r.n_holders++];

	memset(h, 0, sizeof(*h));
	h->who = id_of(who);
	h->born = h->request = 0x100 + who;
	h->since = 5;
	h->mode = (uint8_t)mode;
	if (mode == LK_U || mode == LK_SIX || mode == LK_X) {
		h->fence = r.fence;
		h->n_fences = 1;
	}
	return h;
}

static struct record_waiter *
add_waiter(uint8_t who, lk_mode want)
{
	struct record_waiter *w = &r.waiter[r.n_waiters++];

	memset(w, 0, sizeof(*w));
	w->who = id_of(who);
	w->request = 0x200 + who;
	w->since = 6;
	w->renewed = 7;
	w->n_fences = 1;
	w->want = (uint8_t)want;
	return w;
}

static void
begin(const char *name)
{
	record_init(&r, name, strlen(name));
	r.generation = 0x1122334455667788;
	r.settings = 1;
	r.clock = 2;
	r.fence = 0x0102030405060708;
	r.epoch = 3;
}

/* One with all there can be in one. */
static void
fill_sample(void)
{
	struct record_holder *h;
	struct record_waiter *w;

	begin("accounts/17");
	r.is_orphaned = 1;
	r.permits = 8;
	r.value.version = 0x99;
	r.value.request = 0x98;
	r.value.is_invalid = 1;
	r.value.len = 3;
	memcpy(r.value.bytes, "abc", 3);
	h = add_holder(1, LK_IX);
	h->units = 5;
	h->request = 0x1ff;
	h->tag_len = 4;
	memcpy(h->tag, "host", 4);
	h = add_holder(2, LK_IX);
	h->flags = HOLDER_DETACHED | HOLDER_TOLD;
	h->renewed = 0x40;
	h->lease = 0x50;
	h->fence = r.fence - 9;
	h->n_fences = 10;
	h = add_holder(3, LK_IS);
	h->flags = HOLDER_KEPT;
	h->renewed = 0x60;
	h->lease = 0x70;
	w = add_waiter(2, LK_U);
	w->flags = HOLDER_DETACHED;
	w->ttl = 0x80;
	w->lease = 0x90;
	w->priority = -2;
	w->passed = 16;
	w = add_waiter(4, LK_S);
	w->units = 8;
	w->tag_len = 1;
	w->tag[0] = 't';
	r.n_endings = 1;
	memset(r.ending, 0, sizeof(r.ending));
	r.ending[0].who = id_of(9);
	r.ending[0].born = 0x33;
	r.ending[0].at = 0x44;
	r.ending[0].fence = 0x55;
	r.ending[0].mode = LK_X;
	r.ending[0].why = RECORD_WHY_BROKEN;
}

static enum record_fault
decode(size_t n)
{
	/* A block of its own, so that whoever reads beyond it is found. */
	uint8_t *block = malloc(n > 0 ? n : 1);
	enum record_fault fault;

	cr_assert_not_null(block);
	memcpy(block, bytes, n);
	fault = record_decode(&back, block, n, r.name, r.name_len);
	free(block);
	return fault;
}

static void
sign(size_t n)
{
	const uint64_t sum = hash_bytes(bytes, n - 8, 0);

	for (int i = 0; i < 8; i++)
		bytes[n - 8 + (size_t)i] = (uint8_t)(sum >> 8 * i);
}

/* The format is frozen: what these bytes are is never changed, only another format added. */
Test(record, is_these_bytes)
{
	static const uint8_t
		golden[] = {
			'L',  'K',  'r',  0x1a, 1,    0,    0,    0,    113,  0,    0,    0, 3,
			0,    0,    0,    0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, /* generation */
			1,    0,    0,    0,    0,    0,    0,    0,    2,    0,    0,    0, 0,
			0,    0,    0,                                       /* settings, clock */
			8,    7,    6,    5,    4,    3,    2,    1,         /* fence */
			1,    0,    1,    0,    0,    0,    0,    0,    'n', /* lengths, the name */
			7,    7,    7,    7,    7,    7,    7,    7,    7,    7,    7,    7, 7,
			7,    7,    7, /* who */
			7,    1,    0,    0,    0,    0,    0,    0,    5,    0,    0,    0, 0,
			0,    0,    0, /* born, since */
			6,    16,   0,    0,    8,    7,    6,    5,    4,    3,    2,    1, 1,
			0,    0,    0,                                 /* X, and its fence */
			0xa3, 0x18, 0x41, 0x2f, 0x3a, 0x87, 0x33, 0xb8 /* checksum */
		};
	size_t n;

	begin("n");
	add_holder(7, LK_X);
	n = record_encode(&r, bytes);
	cr_assert_eq(n, sizeof(golden), "%zu bytes", n);
	for (size_t i = 0; i < n; i++)
		cr_expect_eq(bytes[i], golden[i], "byte %zu is %02x", i, bytes[i]);
	cr_assert_eq(n, 112 + strlen("n"));
}

/* The same, of all parts, by their checksum. */
Test(record, with_everything_in_it_is_these_bytes)
{
	size_t n;

	fill_sample();
	cr_assert_null(record_absurdity(&r), "%s", record_absurdity(&r));
	n = record_encode(&r, bytes);
	cr_expect_eq(n, 461u, "%zu", n);
	cr_expect_eq(hash_bytes(bytes, n, 0), 0xe1ab0bd4f468bec5u, "%llx",
		     (unsigned long long)hash_bytes(bytes, n, 0));
}

Test(record, comes_back_as_it_was)
{
	size_t n;

	fill_sample();
	n = record_encode(&r, bytes);
	cr_assert_eq(n, record_size(&r));
	cr_assert_eq(decode(n), RECORD_FINE);
	cr_assert(record_same(&r, &back));
	cr_assert_eq(r.generation, back.generation);
	cr_assert_eq(record_encode(&back, copy), n);
	cr_assert(memcmp(bytes, copy, n) == 0);
	record_copy(&back, &r);
	cr_assert(record_same(&r, &back));
}

Test(record, cut_anywhere_is_a_fault)
{
	size_t n;

	fill_sample();
	n = record_encode(&r, bytes);
	for (size_t cut = 0; cut < n; cut++)
		cr_expect_eq(decode(cut), RECORD_CUT, "at %zu", cut);
	bytes[n] = 0;
	cr_expect_eq(decode(n + 1), RECORD_CUT);
}

Test(record, with_any_bit_flipped_is_a_fault)
{
	size_t n;

	fill_sample();
	n = record_encode(&r, bytes);
	for (size_t bit = 0; bit < 8 * n; bit++) {
		enum record_fault fault;

		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		fault = decode(n);
		cr_expect(fault != RECORD_FINE && fault != RECORD_NEWER, "bit %zu: %s", bit,
			  record_fault_text(fault));
		cr_expect_eq(back.n_holders + back.n_waiters, 0);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	cr_expect_eq(decode(n), RECORD_FINE);
}

/* As above, but signed: what is absurd is found, and what is not is written in this one way.  (RF1, RF2) */
Test(record, that_is_signed_but_absurd_is_a_fault)
{
	unsigned fine = 0;
	size_t n;

	fill_sample();
	n = record_encode(&r, bytes);
	memcpy(copy, bytes, n);
	for (size_t bit = 8 * 4; bit < 8 * (n - 8); bit++) {
		enum record_fault fault;

		memcpy(bytes, copy, n);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		sign(n);
		fault = record_decode(&back, bytes, n, NULL, 0);
		cr_expect_neq(fault, RECORD_ALIEN);
		cr_expect_neq(fault, RECORD_DAMAGED);
		if (fault != RECORD_FINE)
			continue;
		fine++;
		cr_assert_eq(record_size(&back), n);
		cr_assert_eq(record_encode(&back, again), n);
		cr_expect(memcmp(again, bytes, n) == 0, "bit %zu", bit);
	}
	cr_expect_gt(fine, 8u * 11, "another name, at least, would be fine");
}

Test(record, of_another_name_or_format_is_a_fault)
{
	size_t n;

	begin("name");
	n = record_encode(&r, bytes);
	cr_expect_eq(record_decode(&back, bytes, n, "Name", 4), RECORD_MISNAMED);
	cr_expect_eq(record_decode(&back, bytes, n, "nam", 3), RECORD_MISNAMED);
	cr_expect_eq(record_decode(&back, bytes, n, NULL, 0), RECORD_FINE);
	cr_expect(back.name_len == 4 && memcmp(back.name, "name", 4) == 0);
	cr_expect_eq(record_decode(&back, NULL, 0, "name", 4), RECORD_CUT);
	bytes[4] = RECORD_FORMAT + 1;
	cr_expect_eq(record_decode(&back, bytes, n, "name", 4), RECORD_DAMAGED);
	sign(n);
	cr_expect_eq(record_decode(&back, bytes, n, "name", 4), RECORD_NEWER);
	bytes[4] = 0;
	sign(n);
	cr_expect_eq(record_decode(&back, bytes, n, "name", 4), RECORD_ABSURD);
	bytes[0] = 'l';
	cr_expect_eq(record_decode(&back, bytes, n, "name", 4), RECORD_ALIEN);
}

Test(record, faults_have_codes_and_words)
{
	cr_expect_eq(record_fault_code(RECORD_FINE), 0);
	cr_expect_eq(record_fault_code(RECORD_NEWER), LK_E_VERSION);
	for (int f = RECORD_CUT; f < RECORD_FAULTS; f++) {
		if (f != RECORD_NEWER)
			cr_expect_eq(record_fault_code((enum record_fault)f), LK_E_CORRUPT);
		for (int g = 0; g < f; g++)
			cr_expect_str_neq(record_fault_text((enum record_fault)f),
					  record_fault_text((enum record_fault)g));
	}
}

/* The longest there can be, with a name of all bytes. */
Test(record, has_at_most_so_many_bytes)
{
	static char name[LK_NAME_MAX];
	size_t n;

	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = (char)i;
	fill_sample();
	r.name = name;
	r.name_len = sizeof(name);
	r.value.len = LK_VALUE_MAX;
	r.n_holders = 0;
	r.n_waiters = 0;
	r.permits = RECORD_PERMITS_MAX;
	for (int i = 0; i < RECORD_HOLDERS; i++) {
		struct record_holder *h = add_holder((uint8_t)(i + 1), LK_IX);

		h->request++;
		h->flags = HOLDER_DETACHED;
		h->lease = h->units = 1;
		h->fence = h->n_fences = 1;
		h->tag_len = RECORD_TAG;
	}
	for (int i = 0; i < RECORD_WAITERS; i++) {
		struct record_waiter *w = add_waiter((uint8_t)(i + 1), LK_X);

		w->flags = HOLDER_DETACHED;
		w->ttl = w->lease = 1;
		w->tag_len = RECORD_TAG;
	}
	for (r.n_endings = 0; r.n_endings < RECORD_ENDINGS; r.n_endings++)
		r.ending[r.n_endings] = r.ending[0];
	n = record_encode(&r, bytes);
	cr_expect_le(n, (size_t)RECORD_BYTES, "%zu bytes", n);
	cr_expect_gt(n, 55000u);
	cr_assert_eq(decode(n), RECORD_FINE);
	cr_expect(record_same(&r, &back));
}

/* Each rule of RF2 broken once. */
struct absurdity {
	const char *what;
	void (*make)(void);
};

static void
two_writers(void)
{
	add_holder(20, LK_X);
}
static void
holder_twice(void)
{
	add_holder(1, LK_IS)->units = 0;
}
static void
nobody_holds(void)
{
	r.holder[0].who = id_of(0);
}
static void
no_lease(void)
{
	r.holder[1].lease = 0;
}
static void
lease_of_nothing(void)
{
	r.holder[1].flags = 0;
}
static void
fence_of_tomorrow(void)
{
	r.holder[1].n_fences = 11;
}
static void
writer_without_fence(void)
{
	begin("x");
	add_holder(1, LK_U)->fence = 0;
	r.holder[0].n_fences = 0;
}
static void
too_many_units(void)
{
	r.holder[1].units = 4;
}
static void
wants_too_many(void)
{
	r.waiter[1].units = 9;
}
static void
permits_of_nobody(void)
{
	r.holder[0].units = r.waiter[1].units = 0;
}
static void
waiter_twice(void)
{
	r.waiter[1].who = r.waiter[0].who;
	r.waiter[1].flags = HOLDER_DETACHED;
	r.waiter[1].ttl = r.waiter[1].lease = 1;
}
static void
waiter_without_ttl(void)
{
	r.waiter[0].ttl = 0;
}
static void
waiter_of_another_kind(void)
{
	r.waiter[1].who = id_of(2);
	r.waiter[0].who = id_of(4);
}
static void
no_numbers_wanted(void)
{
	r.waiter[0].n_fences = 0;
}
static void
value_by_nobody(void)
{
	r.value.request = 0;
}
static void
ending_without_why(void)
{
	r.ending[0].why = 0;
}
static void
endless_fence(void)
{
	r.fence = RECORD_FENCE_MAX;
}

Test(record, is_what_can_have_been_decided)
{
	static const struct absurdity rows[] = {
		{ "two writers", two_writers },
		{ "a holder twice", holder_twice },
		{ "nobody as holder", nobody_holds },
		{ "detached without a lease", no_lease },
		{ "a lease without a reason", lease_of_nothing },
		{ "numbers not handed out", fence_of_tomorrow },
		{ "a writer without a fence", writer_without_fence },
		{ "more units than permits", too_many_units },
		{ "a wish for more than all", wants_too_many },
		{ "permits, but no units", permits_of_nobody },
		{ "a waiter twice", waiter_twice },
		{ "a detached waiter for ever", waiter_without_ttl },
		{ "a waiter of another kind than its hold", waiter_of_another_kind },
		{ "a waiter for no numbers", no_numbers_wanted },
		{ "a value by nobody", value_by_nobody },
		{ "an ending without a reason", ending_without_why },
		{ "a fence without an end", endless_fence },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		fill_sample();
		cr_assert_null(record_absurdity(&r));
		rows[i].make();
		cr_expect_not_null(record_absurdity(&r), "%s", rows[i].what);
		cr_expect_eq(decode(record_encode(&r, bytes)), RECORD_ABSURD, "%s", rows[i].what);
	}
}

Test(record, is_idle_when_nothing_is_left)
{
	begin("n");
	cr_expect(record_is_idle(&r));
	add_holder(1, LK_S);
	cr_expect(!record_is_idle(&r));
	begin("n");
	add_waiter(1, LK_S);
	cr_expect(!record_is_idle(&r));
	begin("n");
	r.is_orphaned = 1;
	cr_expect(!record_is_idle(&r));
	begin("n");
	r.value.version = 1;
	cr_expect(!record_is_idle(&r));
	begin("n");
	r.n_endings = 1;
	cr_expect(!record_is_idle(&r));
}

Test(record, says_who_is_in_the_way)
{
	struct record_demand d;
	struct record_id who = id_of(9);

	begin("n");
	r.permits = 10;
	add_holder(1, LK_IX)->units = 6;
	add_holder(2, LK_IX);
	add_waiter(3, LK_S)->priority = -3;
	add_waiter(4, LK_IX)->units = 5;
	r.waiter[1].priority = -7;
	d = record_demand_on(&r, &r.holder[0]);
	cr_expect_eq(d.mode, LK_SIX);
	cr_expect_eq(d.units, 5u);
	cr_expect_eq(d.n, 2u);
	cr_expect_eq(d.priority, -3);
	d = record_demand_on(&r, &r.holder[1]);
	cr_expect_eq(d.mode, LK_S);
	cr_expect_eq(d.n, 1u);
	cr_expect(!record_in_way(&r, &r.holder[0], &who, LK_IX, 4));
	cr_expect(record_in_way(&r, &r.holder[0], &who, LK_IX, 5));
	cr_expect(!record_in_way(&r, &r.holder[1], &who, LK_IX, 5), "it has no units");
	cr_expect(!record_in_way(&r, &r.holder[0], &r.holder[0].who, LK_X, 10));
}
