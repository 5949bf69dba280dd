/* SPDX-License-Identifier: MIT */
/* Buckets, sums and quantiles of histograms, against sorted arrays and by their definition. */
#include <stdlib.h>

#include "harness.h"
#include "trace/histogram.h"

static struct lk_histogram
read_one(const struct histogram *h)
{
	struct lk_histogram out = { .size = sizeof(out) };

	histogram_read(h, &out);
	return out;
}

Test(histogram, buckets_follow_each_other_without_a_gap)
{
	uint64_t first = 0;

	for (unsigned i = 0; i < LK_HISTOGRAM_BUCKETS; i++) {
		uint64_t last = lk_histogram_bound(i);

		cr_assert_ge(last, first, "bucket %u", i);
		cr_assert_eq(histogram_bucket(first), i);
		cr_assert_eq(histogram_bucket(last), i);
		cr_assert_eq(histogram_bucket(first + (last - first) / 2), i);
		first = last + 1;
	}
	cr_expect_eq(first, 0); /* one more than the largest number */
	cr_expect_eq(lk_histogram_bound(LK_HISTOGRAM_BUCKETS), UINT64_MAX);
	cr_expect_eq(lk_histogram_bound(UINT32_MAX), UINT64_MAX);
}

Test(histogram, a_bucket_is_a_quarter_of_what_is_between_two_powers_of_two)
{
	static const struct {
		uint64_t ns;
		uint64_t bound;
	} rows[] = {
		{ 0, 0 },
		{ 1, 1 },
		{ 3, 3 },
		{ 4, 4 },
		{ 7, 7 },
		{ 8, 9 },
		{ 9, 9 },
		{ 10, 11 },
		{ 15, 15 },
		{ 16, 19 },
		{ 100, 111 },
		{ 1000, 1023 },
		{ 1024, 1279 },
		{ 1279, 1279 },
		{ 1280, 1535 },
		{ 1u << 31, (UINT64_C(5) << 29) - 1 },
		{ UINT64_C(7) << 61, UINT64_MAX },
		{ (UINT64_C(7) << 61) - 1, (UINT64_C(7) << 61) - 1 },
	};

	for (size_t i = 0; i < countof(rows); i++)
		cr_expect_eq(lk_histogram_bound(histogram_bucket(rows[i].ns)), rows[i].bound,
			     "%llu ns", (unsigned long long)rows[i].ns);
}

Test(histogram, counts_what_a_sample_stands_for)
{
	struct histogram h = { 0 };
	struct lk_histogram r;

	histogram_add(&h, 100, 1);
	histogram_add(&h, 101, 1024);
	histogram_add(&h, 5, 10);
	r = read_one(&h);
	cr_expect_eq(r.samples, 3);
	cr_expect_eq(r.count, 1035);
	cr_expect_eq(r.sum_ns, 100 + 101 * 1024 + 50);
	cr_expect_eq(r.max_ns, 101);
	cr_expect_eq(r.bucket[5], 10);
	cr_expect_eq(r.bucket[histogram_bucket(100)], 1025);
}

Test(histogram, sums_stay_at_their_end)
{
	struct histogram h = { 0 };
	struct lk_histogram r;

	histogram_add(&h, 0, 1);
	histogram_add(&h, UINT64_MAX - 5, 1);
	cr_expect_eq(read_one(&h).sum_ns, UINT64_MAX - 5);
	histogram_add(&h, 6, 1);
	cr_expect_eq(read_one(&h).sum_ns, UINT64_MAX);
	histogram_add(&h, UINT64_MAX, 1024);
	r = read_one(&h);
	cr_expect_eq(r.sum_ns, UINT64_MAX);
	cr_expect_eq(r.max_ns, UINT64_MAX);
	cr_expect_eq(r.bucket[0], 1);
	cr_expect_eq(r.bucket[LK_HISTOGRAM_BUCKETS - 1], 1025);
	cr_expect_eq(lk_histogram_quantile(&r, 1), UINT64_MAX);
	cr_expect_eq(lk_histogram_quantile(&r, 0), 0);
	histogram_read(&h, &r); /* once more */
	cr_expect_eq(r.sum_ns, UINT64_MAX);
	cr_expect_eq(r.count, 2 * 1027);
}

Test(histogram, of_nothing_and_of_one)
{
	struct histogram h = { 0 };
	struct lk_histogram r = read_one(&h);

	cr_expect_eq(lk_histogram_quantile(&r, 0.5), 0);
	cr_expect_eq(lk_histogram_quantile(NULL, 0.5), 0);
	histogram_add(&h, 1000, 1);
	r = read_one(&h);
	for (double q = -1; q <= 2; q += 0.25)
		cr_expect_eq(lk_histogram_quantile(&r, q), 1000, "%f", q); /* it is the longest */
	cr_expect_eq(lk_histogram_quantile(&r, __builtin_nan("")), 1000);
}

static int
compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The q-quantile of a sorted array: the least that has at least the share q at or below it. */
static uint64_t
exact_quantile(const uint64_t *sorted, size_t n, unsigned thousandths)
{
	size_t rank = (n * thousandths + 999) / 1000;

	return sorted[rank > 0 ? rank - 1 : 0];
}

Test(histogram, quantiles_are_at_most_a_quarter_above_those_of_a_sorted_array)
{
	static const unsigned thousandths[] = { 0, 1, 10, 250, 500, 900, 990, 999, 1000 };
	enum { N = 5000 };
	uint64_t *x = malloc(N * sizeof(*x));
	uint64_t state = 7;

	for (unsigned round = 0; round < 60; round++) {
		struct histogram h = { 0 };
		struct lk_histogram r;
		size_t n = 1 + test_random(&state) % N;

		for (size_t i = 0; i < n; i++) { /* of all sizes up to 2^(round + 4) */
			x[i] = test_random(&state) >> (60 - round) >>
			       test_random(&state) % (round + 4);
			histogram_add(&h, x[i], 1);
		}
		qsort(x, n, sizeof(*x), compare);
		r = read_one(&h);
		cr_assert_eq(r.count, n);
		cr_assert_eq(r.max_ns, x[n - 1]);
		for (size_t i = 0; i < countof(thousandths); i++) {
			uint64_t exact = exact_quantile(x, n, thousandths[i]);
			uint64_t said = lk_histogram_quantile(&r, thousandths[i] / 1000.0);

			cr_assert_ge(said, exact);
			cr_assert_le(said - exact, exact / 4);
		}
	}
	free(x);
}

Test(histogram, readings_add_up)
{
	struct histogram h[3] = { 0 };
	struct lk_histogram parts = { .size = sizeof(parts) }, all;
	uint64_t state = 3;

	for (uint64_t i = 0; i < 3000; i++) {
		uint64_t ns = test_random(&state) >> test_random(&state) % 64;

		histogram_add(&h[i % 2], ns >> 20, 1 + i % 3);
		histogram_add(&h[2], ns >> 20, 1 + i % 3);
	}
	histogram_read(&h[0], &parts);
	histogram_read(&h[1], &parts);
	all = read_one(&h[2]);
	cr_expect_eq(memcmp(parts.bucket, all.bucket, sizeof(all.bucket)), 0);
	cr_expect_eq(parts.count, all.count);
	cr_expect_eq(parts.sum_ns, all.sum_ns);
	cr_expect_eq(parts.samples, all.samples);
	cr_expect_eq(parts.max_ns, all.max_ns);
}

enum { THREADS = 4, EACH = 20000 };

static void
add_many(void *arg, unsigned index)
{
	for (uint64_t i = 0; i < EACH; i++)
		histogram_add(arg, i * THREADS + index, 2);
}

Test(histogram, nothing_is_lost_between_threads)
{
	const uint64_t n = (uint64_t)THREADS * EACH;
	struct histogram h = { 0 };
	struct lk_histogram r;

	test_threads(THREADS, add_many, &h);
	r = read_one(&h);
	cr_expect_eq(r.samples, n);
	cr_expect_eq(r.count, 2 * n);
	cr_expect_eq(r.sum_ns, n * (n - 1));
	cr_expect_eq(r.max_ns, n - 1);
}
