/* SPDX-License-Identifier: MIT */
/* What the list of names promises, against exact counts of the same stream.  (V3, V4, V5) */
#include "harness.h"
#include "trace/sketch.h"

enum { KINDS = 2000 };

static struct sketch_name
name_of(uint64_t i)
{
	struct sketch_name n = { .hash = i * UINT64_C(0x9e3779b97f4a7c15), .tail = 8 };

	memcpy(n.bytes, &i, sizeof(i));
	return n;
}

static uint64_t
number_of(const struct sketch_name *n)
{
	uint64_t i;

	memcpy(&i, n->bytes, sizeof(i));
	return i;
}

/* One of KINDS, the small numbers far more often: about 1 / (i + 1), `flat` of 8 by plain chance. */
static uint64_t
draw(uint64_t *state, unsigned flat)
{
	const uint64_t x = test_random(state);
	uint64_t i;

	if (x % 8 < flat)
		return (x >> 8) % KINDS;
	i = UINT64_C(1) << (x >> 8) % 11;
	return (i + (x >> 16) % i - 1) % KINDS;
}

/* Every promise, for the stream that was counted in `exact`. */
static void
check(struct sketch *s, const uint64_t *exact, uint64_t all)
{
	struct sketch_entry e[LK_TOP_NAMES];
	uint32_t n = sketch_read(s, e);
	bool is_there[KINDS] = { false };
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t kind = number_of(&e[i].name);

		cr_assert_lt(kind, KINDS);
		cr_assert(!is_there[kind], "twice");
		is_there[kind] = true;
		cr_assert_ge(e[i].count, exact[kind]);
		cr_assert_le(e[i].count - e[i].error, exact[kind]);
		cr_assert(i == 0 || e[i - 1].count >= e[i].count);
		sum += e[i].count;
	}
	cr_assert_eq(sum, all);
	for (uint64_t kind = 0; kind < KINDS; kind++)
		cr_assert(is_there[kind] || exact[kind] <= all / LK_TOP_NAMES,
			  "%llu came %llu times", (unsigned long long)kind,
			  (unsigned long long)exact[kind]);
}

Test(sketch, keeps_its_promises_on_random_streams)
{
	for (uint64_t seed = 1; seed <= 24; seed++) {
		uint64_t exact[KINDS] = { 0 };
		uint64_t state = seed, all = 0;
		struct sketch s;

		sketch_init(&s);
		for (int i = 0; i < 20000; i++) {
			uint64_t kind = draw(&state, (unsigned)seed % 9);
			uint64_t weight = seed % 2 != 0 ? 1 : 1 + test_random(&state) % 7;
			struct sketch_name n = name_of(kind);

			sketch_add(&s, &n, 1, weight);
			exact[kind] += weight;
			all += weight;
			if (i % 4000 == 0)
				check(&s, exact, all);
		}
		check(&s, exact, all);
	}
}

Test(sketch, is_exact_as_long_as_there_is_room)
{
	struct sketch_entry e[LK_TOP_NAMES];
	struct sketch s;

	sketch_init(&s);
	cr_expect_eq(sketch_read(&s, e), 0);
	for (uint64_t i = 0; i < LK_TOP_NAMES; i++) {
		struct sketch_name n = name_of(i);

		for (uint64_t k = 0; k <= i; k++)
			sketch_add(&s, &n, 10 * k, 2);
	}
	cr_assert_eq(sketch_read(&s, e), LK_TOP_NAMES);
	for (uint64_t i = 0; i < LK_TOP_NAMES; i++) {
		const uint64_t kind = LK_TOP_NAMES - 1 - i;

		cr_expect_eq(number_of(&e[i].name), kind);
		cr_expect_eq(e[i].count, 2 * (kind + 1));
		cr_expect_eq(e[i].error, 0);
		cr_expect_eq(e[i].total_ns, 10 * kind * (kind + 1));
		cr_expect_eq(e[i].max_ns, 10 * kind);
	}
}

Test(sketch, a_name_that_finds_no_room_takes_the_place_of_the_least)
{
	struct sketch_entry e[LK_TOP_NAMES];
	struct sketch_name n;
	struct sketch s;

	sketch_init(&s);
	for (uint64_t i = 0; i < LK_TOP_NAMES; i++) {
		n = name_of(i);
		sketch_add(&s, &n, 100, i == 17 ? 3 : 5);
	}
	n = name_of(1000);
	sketch_add(&s, &n, 7, 4);
	cr_assert_eq(sketch_read(&s, e), LK_TOP_NAMES);
	cr_expect_eq(number_of(&e[0].name), 1000);
	cr_expect_eq(e[0].count, 7);
	cr_expect_eq(e[0].error, 3);
	cr_expect_eq(e[0].total_ns, 28);
	cr_expect_eq(e[0].max_ns, 7);
	for (uint32_t i = 1; i < LK_TOP_NAMES; i++)
		cr_expect_neq(number_of(&e[i].name), 17);
}

/* Over all its comings and goings.  (V5) */
Test(sketch, counts_of_a_name_never_go_back)
{
	static uint64_t told[KINDS];
	struct sketch_entry e[LK_TOP_NAMES];
	uint64_t state = 99;
	struct sketch s;

	sketch_init(&s);
	for (int i = 0; i < 20000; i++) {
		struct sketch_name name = name_of(draw(&state, 6));
		uint32_t n;

		sketch_add(&s, &name, 1, 1 + test_random(&state) % 3);
		n = sketch_read(&s, e);
		for (uint32_t k = 0; k < n; k++) {
			uint64_t *before = &told[number_of(&e[k].name)];

			cr_assert_ge(e[k].count, *before);
			*before = e[k].count;
		}
	}
}

Test(sketch, a_number_a_name_and_one_that_is_longer_are_not_the_same)
{
	struct sketch_name n[4] = { name_of(5), name_of(5), name_of(5), name_of(5) };
	struct sketch_entry e[LK_TOP_NAMES];
	struct sketch s;

	n[1].tail |= NAME_ID;
	n[2].tail = 9;
	n[3].hash++;
	sketch_init(&s);
	for (unsigned i = 0; i < countof(n); i++) {
		for (unsigned k = 0; k <= i; k++)
			sketch_add(&s, &n[i], 0, 1);
	}
	cr_assert_eq(sketch_read(&s, e), countof(n));
	for (unsigned i = 0; i < countof(n); i++) {
		cr_expect_eq(e[i].count, countof(n) - i);
		cr_expect_eq(memcmp(&e[i].name, &n[countof(n) - 1 - i], sizeof(n[0])), 0);
	}
}

Test(sketch, sums_stay_at_their_end)
{
	struct sketch_entry e[LK_TOP_NAMES];
	struct sketch_name n = name_of(1);
	struct sketch s;

	sketch_init(&s);
	sketch_add(&s, &n, UINT64_MAX / 2, 3);
	sketch_add(&s, &n, 1, 1);
	cr_assert_eq(sketch_read(&s, e), 1);
	cr_expect_eq(e[0].total_ns, UINT64_MAX);
	cr_expect_eq(e[0].max_ns, UINT64_MAX / 2);
	cr_expect_eq(e[0].count, 4);
}

enum { THREADS = 4, EACH = 5000 };

static void
add_many(void *arg, unsigned index)
{
	uint64_t state = index;

	for (int i = 0; i < EACH; i++) {
		struct sketch_name n = name_of(draw(&state, 4));

		sketch_add(arg, &n, 1, 1);
	}
}

Test(sketch, nothing_is_lost_between_threads)
{
	struct sketch_entry e[LK_TOP_NAMES];
	uint64_t sum = 0;
	struct sketch s;
	uint32_t n;

	sketch_init(&s);
	test_threads(THREADS, add_many, &s);
	n = sketch_read(&s, e);
	for (uint32_t i = 0; i < n; i++)
		sum += e[i].count;
	cr_expect_eq(sum, THREADS * EACH);
}
