/* SPDX-License-Identifier: MIT */
/* Sizes and durations for people. */
#include <inttypes.h>

#include "support.h"

typedef size_t formatter(uint64_t x, char *buf, size_t cap);

static void
expect(formatter *f, uint64_t x, const char *wanted)
{
	char text[64];

	cr_expect_eq(f(x, text, sizeof(text)), strlen(wanted), "of %" PRIu64, x);
	cr_expect_str_eq(text, wanted, "%" PRIu64 ": \"%s\", not \"%s\"", x, text, wanted);
}

Test(format, sizes)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {
		{ 0, "0 B" },
		{ 1, "1 B" },
		{ 999, "999 B" },
		{ 1023, "1023 B" },
		{ 1024, "1 KB" },
		{ 1029, "1 KB" },
		{ 1030, "1.01 KB" }, /* 1.00586 */
		{ 1126, "1.1 KB" },
		{ 1536, "1.5 KB" },
		{ 10240, "10 KB" },
		{ 1048569, "1023.99 KB" },
		{ 1048571, "1 MB" }, /* rounded to 1024 KB */
		{ 1048576, "1 MB" },
		{ 1234567, "1.18 MB" },
		{ 1073741824, "1 GB" },
		{ 1099511627776, "1 TB" },
		{ UINT64_C(1) << 50, "1 PB" },
		{ UINT64_C(1) << 60, "1 EB" },
		{ (UINT64_C(1) << 60) + (UINT64_C(1) << 57), "1.13 EB" }, /* 1.125: up */
		{ UINT64_MAX, "16 EB" },
	};

	for (size_t i = 0; i < countof(rows); i++)
		expect(lk_format_bytes, rows[i].bytes, rows[i].text);
}

Test(format, durations_in_milliseconds)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} rows[] = {
		{ 0, "0s" },
		{ 1, "1ms" },
		{ 999, "999ms" },
		{ 1000, "1s" },
		{ 1500, "1.5s" },
		{ 1999, "1.9s" },
		{ 59999, "59.9s" },
		{ 60000, "1m" },
		{ 65000, "1m 5s" },
		{ 3599999, "59m 59s" },
		{ 3600000, "1h" },
		{ 3661000, "1h 1m" },
		{ 3601000, "1h" }, /* a second is no minute */
		{ 86400000, "1d" },
		{ 93784000, "1d 2h" },
		{ UINT64_MAX, "213503982334d 14h" },
	};

	for (size_t i = 0; i < countof(rows); i++)
		expect(lk_format_duration_ms, rows[i].ms, rows[i].text);
}

Test(format, durations_in_nanoseconds)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{ 0, "0s" },
		{ 1, "1ns" },
		{ 999, "999ns" },
		{ 1000, "1us" },
		{ 1590, "1.5us" },
		{ 999999, "999.9us" },
		{ 1000000, "1ms" },
		{ 1500000, "1.5ms" },
		{ 999999999, "999.9ms" },
		{ 1000000000, "1s" },
		{ 3200000000, "3.2s" },
		{ 59999999999, "59.9s" },
		{ 60000000000, "1m" },
		{ 3661000000000, "1h 1m" },
		{ UINT64_MAX, "213503d 23h" },
	};

	for (size_t i = 0; i < countof(rows); i++)
		expect(lk_format_duration_ns, rows[i].ns, rows[i].text);
}

/* Whatever the room: what fits, a NUL, nothing behind it, and always the same length. */
Test(format, fits_into_any_room)
{
	static const struct {
		formatter *f;
		uint64_t x;
		const char *text;
	} rows[] = {
		{ lk_format_bytes, 1048569, "1023.99 KB" },
		{ lk_format_duration_ms, 3661000, "1h 1m" },
		{ lk_format_duration_ns, UINT64_MAX, "213503d 23h" },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		const size_t len = strlen(rows[i].text);

		cr_expect_eq(rows[i].f(rows[i].x, NULL, 0), len);
		for (size_t cap = 0; cap < len + 3; cap++) {
			const size_t fits = cap == 0 ? 0 : cap - 1 < len ? cap - 1 : len;
			char buf[32];

			memset(buf, '#', sizeof(buf));
			cr_expect_eq(rows[i].f(rows[i].x, buf, cap), len);
			cr_expect_eq(memcmp(buf, rows[i].text, fits), 0);
			cr_expect_eq(buf[fits], cap == 0 ? '#' : '\0');
			cr_expect_eq(buf[fits + 1], '#', "it wrote behind byte %zu of %zu", fits,
				     cap);
		}
	}
}

/* Every value has a text of the length that the header promises, and more is never said to be less. */
Test(format, every_value_has_a_text)
{
	uint64_t seed = 17;

	for (int i = 0; i < 200000; i++) {
		uint64_t x = test_random(&seed) >> test_random(&seed) % 64;
		char text[64];

		cr_assert_le(lk_format_bytes(x, text, sizeof(text)), 10, "%s", text);
		cr_assert_not_null(strchr(text, ' '));
		cr_assert_le(lk_format_duration_ns(x, text, sizeof(text)), 16, "%s", text);
		cr_assert_le(lk_format_duration_ms(x, text, sizeof(text)), 17, "%s", text);
		cr_assert(text[0] >= '0' && text[0] <= '9');
	}
}
