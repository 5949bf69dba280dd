/* SPDX-License-Identifier: MIT */
/* Any bytes as one segment of a path: what they become, and that it is never taken for another. */
#include "support.h"

enum { ROOM = 1024 };

static bool
is_plain(unsigned char c)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

	return c != '\0' && strchr(plain, c) != NULL;
}

Test(escape, gives_what_the_table_says)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *escaped;
	} rows[] = {
		{ "", 0, "%" },
		{ "abc", 3, "abc" },
		{ "a/b", 3, "a%2Fb" },
		{ "/", 1, "%2F" },
		{ "a.b", 3, "a%2Eb" },
		{ "..", 2, "%2E%2E" },
		{ "%", 1, "%25" },
		{ "%2F", 3, "%252F" },
		{ "a b", 3, "a%20b" },
		{ "\0", 1, "%00" },
		{ "a\0b", 3, "a%00b" },
		{ "\xff\x80", 2, "%FF%80" },
		{ "Az09_-", 6, "Az09_-" },
		{ "\xc3\xa9t\xc3\xa9", 5, "%C3%A9t%C3%A9" },
		{ "@[`{", 4, "%40%5B%60%7B" }, /* the neighbours of the letters … */
		{ "/:^~", 4, "%2F%3A%5E%7E" }, /* … and of the digits */
	};

	for (size_t i = 0; i < countof(rows); i++) {
		char out[ROOM];
		size_t n = lk_name_escape(rows[i].bytes, rows[i].len, out, sizeof(out));

		cr_expect_str_eq(out, rows[i].escaped, "row %zu: %s", i, out);
		cr_expect_eq(n, strlen(rows[i].escaped), "row %zu", i);
	}
}

Test(escape, keeps_letters_digits_underscore_and_minus_and_nothing_else)
{
	for (int c = 0; c < 256; c++) {
		unsigned char byte = (unsigned char)c;
		char out[ROOM], expected[8];

		if (is_plain(byte))
			(void)snprintf(expected, sizeof(expected), "%c", c);
		else
			(void)snprintf(expected, sizeof(expected), "%%%02X", c);
		cr_expect_eq(lk_name_escape(&byte, 1, out, sizeof(out)), strlen(expected));
		cr_expect_str_eq(out, expected, "byte %d", c);
	}
}

/* Whatever the room: the length of the whole, whole bytes as far as they go, and nothing behind. */
Test(escape, writes_whole_bytes_and_never_more_than_there_is_room_for)
{
	static const char bytes[] = "ab/c%/\xff-d..e";
	char whole[ROOM], out[ROOM];
	size_t len = sizeof(bytes) - 1, n;

	n = lk_name_escape(bytes, len, whole, sizeof(whole));
	cr_assert_str_eq(whole, "ab%2Fc%25%2F%FF-d%2E%2Ee");
	cr_assert_eq(n, strlen(whole));
	for (size_t cap = 0; cap <= n + 2; cap++) {
		size_t fits = cap == 0 ? 0 : cap - 1 < n ? cap - 1 : n;

		/* not in the middle of a byte */
		while (fits > 0 && fits < n &&
		       (whole[fits - 1] == '%' || (fits > 1 && whole[fits - 2] == '%')))
			fits--;
		memset(out, '!', sizeof(out));
		cr_expect_eq(lk_name_escape(bytes, len, out, cap), n, "room for %zu", cap);
		cr_expect_eq(memcmp(out, whole, fits), 0, "room for %zu", cap);
		if (cap > 0)
			cr_expect_eq(out[fits], '\0', "room for %zu", cap);
		for (size_t i = cap; i < sizeof(out); i++)
			cr_assert_eq(out[i], '!', "room for %zu, at %zu", cap, i);
	}
}

Test(escape, of_nothing_needs_room_for_two)
{
	char out[3] = "!!";

	cr_expect_eq(lk_name_escape("", 0, NULL, 0), 1);
	cr_expect_eq(lk_name_escape("", 0, out, 1), 1);
	cr_expect_eq(out[0], '\0');
	cr_expect_eq(out[1], '!');
	cr_expect_eq(lk_name_escape("", 0, out, 2), 1);
	cr_expect_str_eq(out, "%");
}

Test(escape, only_measures_without_a_buffer)
{
	char bytes[ROOM];

	memset(bytes, '/', sizeof(bytes));
	for (size_t len = 1; len < sizeof(bytes); len++)
		cr_assert_eq(lk_name_escape(bytes, len, NULL, 0), 3 * len);
	memset(bytes, 'x', sizeof(bytes));
	for (size_t len = 1; len < sizeof(bytes); len++)
		cr_assert_eq(lk_name_escape(bytes, len, NULL, 0), len);
}

static int
digit(char c)
{
	return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* Back to the bytes: if that is always possible, no two of them became the same. */
static size_t
unescape(const char *text, unsigned char *bytes)
{
	size_t n = 0;

	if (strcmp(text, "%") == 0)
		return 0;
	while (*text != '\0') {
		if (*text != '%') {
			bytes[n++] = (unsigned char)*text++;
			continue;
		}
		bytes[n++] = (unsigned char)(digit(text[1]) << 4 | digit(text[2]));
		text += 3;
	}
	return n;
}

static void
must_come_back(const unsigned char *bytes, size_t len)
{
	unsigned char back[ROOM] = { 0 };
	char out[ROOM];

	cr_assert_lt(lk_name_escape(bytes, len, out, sizeof(out)), sizeof(out));
	cr_assert_eq(unescape(out, back), len, "\"%s\"", out);
	cr_assert_eq(memcmp(back, bytes, len), 0, "\"%s\"", out);
}

Test(escape, makes_different_bytes_different)
{
	uint64_t seed = 1;
	unsigned char bytes[200] = { 0 };

	must_come_back(bytes, 0);
	for (unsigned a = 0; a < 256; a++) {
		bytes[0] = (unsigned char)a;
		must_come_back(bytes, 1);
		for (unsigned b = 0; b < 256; b++) {
			bytes[1] = (unsigned char)b;
			must_come_back(bytes, 2);
		}
	}
	for (int i = 0; i < 2000; i++) {
		size_t len = test_random(&seed) % sizeof(bytes);

		for (size_t k = 0; k < len; k++)
			bytes[k] = (unsigned char)test_random(&seed);
		must_come_back(bytes, len);
	}
}

/* All bytes in one segment, below "t": under every separator that there can be, one level. */
Test(escape, gives_one_segment_whatever_the_separator)
{
	unsigned char bytes[256];
	char name[ROOM];
	unsigned opened = 0;

	for (int c = 0; c < 256; c++)
		bytes[c] = (unsigned char)c;
	for (int c = 1; c < 256; c++) {
		struct lk_config cfg = { .size = sizeof(cfg), .separator = (uint64_t)c };
		struct lk_manager *m;
		struct lk_owner *w;

		if (is_plain((unsigned char)c) || c == '%')
			continue;
		ok(lk_open(NULL, &cfg, &m));
		open_owners(m, &w, 1);
		name[0] = 't';
		name[1] = (char)c;
		cr_assert_lt(lk_name_escape(bytes, sizeof(bytes), name + 2, ROOM - 2), ROOM - 2);
		take(w, name, LK_S);
		cr_expect_eq(stats_of(m).holds, 2, "separator %d", c);
		cr_expect_eq(lk_holds(w, "t", 1), LK_IS, "separator %d", c);
		close_all(m, &w, 1);
		opened++;
	}
	cr_expect_eq(opened, 255 - 26 - 26 - 10 - 2 - 1);
}

Test(escape, keeps_a_key_with_a_separator_apart_from_a_path)
{
	struct lk_manager *m = open_manager(NULL);
	char name[64] = "keys/";
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	(void)lk_name_escape("a/b", 3, name + 5, sizeof(name) - 5);
	take(w[0], name, LK_X);
	cr_expect_eq(holds(w[0], "keys/a"), LK_NL);
	cr_expect(is_open_to(w[1], "keys/a/b", LK_X));
	cr_expect(is_open_to(w[1], "keys/a", LK_X));
	cr_expect(!is_open_to(w[1], "keys/a%2Fb", LK_IS));
	close_all(m, w, 2);
}
