/* SPDX-License-Identifier: MIT */
/* Numbers in words: units, rounding, and what JSON can hold. */
#include "harness.h"
#include "show/measure.h"

struct written {
	char text[256];
	size_t len;
};

static int
keep(void *arg, const char *text, size_t len)
{
	struct written *w = arg;

	memcpy(w->text + w->len, text, len);
	w->len += len;
	w->text[w->len] = '\0';
	return 0;
}

static struct written
seconds(uint64_t ns)
{
	struct written w = { 0 };
	struct out o;

	out_begin(&o, keep, &w);
	measure_seconds(&o, ns);
	cr_assert_eq(out_end(&o), 0);
	return w;
}

static struct written
ratio(uint64_t part, uint64_t whole, double scale, unsigned decimals)
{
	struct written w = { 0 };
	struct out o;

	out_begin(&o, keep, &w);
	measure_ratio(&o, part, whole, scale, decimals);
	cr_assert_eq(out_end(&o), 0);
	return w;
}

static struct written
json(uint64_t x)
{
	struct written w = { 0 };
	struct out o;

	out_begin(&o, keep, &w);
	measure_json(&o, x);
	cr_assert_eq(out_end(&o), 0);
	return w;
}

Test(measure, seconds_have_all_their_digits_and_no_more)
{
	cr_expect_str_eq(seconds(0).text, "0.0");
	cr_expect_str_eq(seconds(1).text, "0.000000001");
	cr_expect_str_eq(seconds(120).text, "0.00000012");
	cr_expect_str_eq(seconds(1500000000).text, "1.5");
	cr_expect_str_eq(seconds(2000000000).text, "2.0");
	cr_expect_str_eq(seconds(UINT64_MAX).text, "18446744073.709551615");
}

Test(measure, ratios)
{
	cr_expect_str_eq(ratio(1, 3, 100, 3).text, "33.333");
	cr_expect_str_eq(ratio(2, 3, 100, 3).text, "66.667");
	cr_expect_str_eq(ratio(2, 3, 1, 0).text, "1");
	cr_expect_str_eq(ratio(1, 1000, 1, 1).text, "0.0");
	cr_expect_str_eq(ratio(5, 0, 1, 1).text, "0.0"); /* of nothing */
	cr_expect_str_eq(ratio(UINT64_MAX, 1, 1e9, 1).text, "100000000000000000.0"); /* enough */
}

Test(measure, numbers_that_a_double_cannot_hold_are_strings_in_json)
{
	cr_expect_str_eq(json(0).text, "0");
	cr_expect_str_eq(json((UINT64_C(1) << 53) - 1).text, "9007199254740991");
	cr_expect_str_eq(json(UINT64_C(1) << 53).text, "\"9007199254740992\"");
	cr_expect_str_eq(json(UINT64_MAX).text, "\"18446744073709551615\"");
}

Test(measure, times_for_people_have_three_digits)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{ 0, "0 ns" },
		{ 999, "999 ns" },
		{ 1000, "1.00 us" },
		{ 1999, "1.99 us" },
		{ 10500, "10.5 us" },
		{ 99999, "99.9 us" },
		{ 100000, "100 us" },
		{ 999999, "999 us" },
		{ 1000000, "1.00 ms" },
		{ UINT64_C(59999999999), "59.9 s" },
		{ UINT64_C(60000000000), "1.00 min" },
		{ UINT64_C(5400000000000), "1.50 h" },
		{ UINT64_C(86400000000000), "1.00 d" },
		{ UINT64_MAX, "213503 d" },
	};
	char text[MEASURE_ROOM];

	for (size_t i = 0; i < countof(rows); i++)
		cr_expect_str_eq(measure_time(text, rows[i].ns), rows[i].text);
}

Test(measure, bytes_for_people)
{
	char text[MEASURE_ROOM];

	cr_expect_str_eq(measure_bytes(text, 1023), "1023 bytes");
	cr_expect_str_eq(measure_bytes(text, 1024), "1.00 KiB");
	cr_expect_str_eq(measure_bytes(text, 1536), "1.50 KiB");
	cr_expect_str_eq(measure_bytes(text, 5u << 20), "5.00 MiB");
	cr_expect_str_eq(measure_bytes(text, UINT64_MAX), "16777215 TiB");
}
