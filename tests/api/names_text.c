/* SPDX-License-Identifier: MIT */
/* Names as text: patterns, separators that are too many, and what was escaped. */
#include "support.h"

static int
match(const char *pattern, const char *name)
{
	return lk_name_match(pattern, strlen(pattern), name, strlen(name), '/');
}

Test(match, as_the_table_says)
{
	static const struct {
		const char *pattern, *name;
		int fits;
	} rows[] = {
		{ "", "", 1 },
		{ "", "a", 0 },
		{ "a", "", 0 },
		{ "db", "db", 1 },
		{ "db", "dbx", 0 },
		{ "db/orders", "db/orders", 1 },
		{ "db/orders", "db", 0 },
		{ "db", "db/orders", 0 },
		/* one byte */
		{ "?", "a", 1 },
		{ "?", "", 0 },
		{ "?", "/", 0 },
		{ "a?c", "abc", 1 },
		{ "a?c", "a/c", 0 },
		{ "??", "ab", 1 },
		{ "??", "abc", 0 },
		/* any bytes of one segment */
		{ "*", "", 1 },
		{ "*", "abc", 1 },
		{ "*", "a/b", 0 },
		{ "*/*", "a/b", 1 },
		{ "db/*", "db/42", 1 },
		{ "db/*", "db/", 1 },
		{ "db/*", "db", 0 },
		{ "db/*", "db/42/x", 0 },
		{ "a*b*c", "abc", 1 },
		{ "a*b*c", "axxbxxbxxc", 1 },
		{ "a*b*c", "axxbxxbxxcx", 0 },
		{ "*ab", "aab", 1 },
		{ "*aab", "aaab", 1 },
		{ "a***b", "ab", 1 },
		{ "a**b", "axyb", 1 },
		{ "a**b", "a/b", 0 },
		{ "***", "a/b", 0 },
		{ "*?", "", 0 },
		{ "*?", "abc", 1 },
		/* any number of segments */
		{ "**", "", 1 },
		{ "**", "a", 1 },
		{ "**", "a/b/c", 1 },
		{ "db/**", "db", 1 },
		{ "db/**", "db/", 1 },
		{ "db/**", "db/a", 1 },
		{ "db/**", "db/a/b", 1 },
		{ "db/**", "dbx", 0 },
		{ "db/*/**", "db", 0 },
		{ "db/*/**", "db/a", 1 },
		{ "**/x", "x", 1 },
		{ "**/x", "a/x", 1 },
		{ "**/x", "a/b/x", 1 },
		{ "**/x", "ax", 0 },
		{ "a/**/c", "a/c", 1 },
		{ "a/**/c", "a/x/y/c", 1 },
		{ "a/**/c", "a/x/y/cc", 0 },
		{ "a/**/b/**/c", "a/b/b/x/c", 1 },
		{ "a/**/b/**/c", "a/c/b", 0 },
		{ "**/a/*/b/**", "x/a/a/y/b/z", 1 },
		{ "**/a/b", "a/a/a/b", 1 },
		{ "**/**", "a", 1 },
		{ "a/*/c", "a/x/c", 1 },
		{ "a/*/c", "a/x/y/c", 0 },
		/* segments that are empty */
		{ "a//b", "a//b", 1 },
		{ "a/b", "a//b", 0 },
		{ "a/*/b", "a//b", 1 },
		{ "a/?/b", "a//b", 0 },
		{ "/var", "/var", 1 },
		{ "*/var", "/var", 1 },
		{ "db/", "db/", 1 },
		/* a byte itself */
		{ "\\*", "*", 1 },
		{ "\\*", "a", 0 },
		{ "\\?", "?", 1 },
		{ "\\?", "a", 0 },
		{ "\\\\", "\\", 1 },
		{ "a\\bc", "abc", 1 },
		{ "a\\", "a\\", 1 },
		{ "a\\/b", "a\\/b", 1 },
		{ "\\**", "*abc", 1 },
		{ "\\**", "a", 0 },
		{ "*\\*", "abc*", 1 },
		{ "[a]", "[a]", 1 },
		{ "[a]", "a", 0 },
	};

	for (size_t i = 0; i < countof(rows); i++)
		cr_expect_eq(match(rows[i].pattern, rows[i].name), rows[i].fits, "'%s' and '%s'",
			     rows[i].pattern, rows[i].name);
}

Test(match, of_any_bytes_and_separators)
{
	cr_expect_eq(lk_name_match("a\0*", 3, "a\0b\0", 4, '/'), 1);
	cr_expect_eq(lk_name_match("a\0?", 3, "a\0", 2, '/'), 0);
	cr_expect_eq(lk_name_match("\xff*", 2, "\xff\xfe", 2, '/'), 1);
	cr_expect_eq(lk_name_match("a.*", 3, "a.b", 3, '.'), 1);
	cr_expect_eq(lk_name_match("a.*", 3, "a.b.c", 5, '.'), 0);
	cr_expect_eq(lk_name_match("a.**", 4, "a.b.c", 5, '.'), 1);
	cr_expect_eq(lk_name_match("*", 1, "a.b/c", 5, LK_NO_SEPARATOR), 1);
	cr_expect_eq(lk_name_match("**", 2, "a.b/c", 5, LK_NO_SEPARATOR), 1);
	cr_expect_eq(lk_name_match("?", 1, "\0", 1, LK_NO_SEPARATOR), 1);
	cr_expect_eq(lk_name_match("*", 1, "a\0b", 3, 0), 0);
	cr_expect_eq(lk_name_match("*\xff*", 3, "a\xff", 2, 0xff), 1);
	cr_expect_eq(lk_name_match("a*b", 3, "a*b", 3, '*'), 1);
	cr_expect_eq(lk_name_match("a*b", 3, "axb", 3, '*'), 0);
}

Test(match, of_nothing)
{
	cr_expect_eq(lk_name_match(NULL, 0, NULL, 0, '/'), 1);
	cr_expect_eq(lk_name_match("**", 2, NULL, 0, '/'), 1);
	cr_expect_eq(lk_name_match(NULL, 1, "a", 1, '/'), 0);
	cr_expect_eq(lk_name_match("a", 1, NULL, 1, '/'), 0);
	cr_expect_eq(lk_name_match("a", 1, "a", 1, -2), 0);
	cr_expect_eq(lk_name_match("a", 1, "a", 1, 256), 0);
}

/* What would take for ever if every star were tried with every other. */
Test(match, of_many_stars_ends_soon, .timeout = 20)
{
	enum { N = 4000 };
	static char pattern[N], name[N], path[N], paths[N];

	memset(name, 'a', N);
	for (size_t i = 0; i < N; i++)
		pattern[i] = i % 2 == 0 ? '*' : 'a';
	pattern[N - 1] = 'b';
	cr_expect_eq(lk_name_match(pattern, N, name, N, '/'), 0);
	pattern[N - 1] = 'a';
	cr_expect_eq(lk_name_match(pattern, N, name, N, '/'), 1);
	for (size_t i = 0; i < N; i++)
		path[i] = i % 2 == 0 ? 'a' : '/';
	for (size_t i = 0; i + 5 <= N; i += 5)
		memcpy(paths + i, "**/a/", 5);
	paths[N - 2] = 'b';
	cr_expect_eq(lk_name_match(paths, N - 1, path, N - 1, '/'), 0);
	paths[N - 2] = 'a';
	cr_expect_eq(lk_name_match(paths, N - 1, path, N - 1, '/'), 1);
}

/* --------------------------------------------------------------------------- normalize */

static void
becomes(const char *name, const char *result)
{
	char out[64], same[64];
	size_t n = strlen(result);

	memset(out, '#', sizeof(out));
	cr_expect_eq(lk_name_normalize(name, strlen(name), '/', out, sizeof(out)), n, "%s", name);
	cr_expect_eq(memcmp(out, result, n), 0, "%s", name);
	cr_expect_eq(out[n], '#', "%s", name);
	strcpy(same, name);
	cr_expect_eq(lk_name_normalize(same, strlen(name), '/', same, strlen(name)), n);
	cr_expect_eq(memcmp(same, result, n), 0, "in its place: %s", name);
	for (size_t cap = 0; cap <= n; cap++) {
		memset(out, '#', sizeof(out));
		cr_expect_eq(lk_name_normalize(name, strlen(name), '/', out, cap), n);
		cr_expect_eq(memcmp(out, result, cap), 0);
		cr_expect_eq(out[cap], '#');
	}
}

Test(normalize, leaves_one_separator_between_segments)
{
	becomes("", "");
	becomes("a", "a");
	becomes("a/b", "a/b");
	becomes("/", "");
	becomes("///", "");
	becomes("/a", "a");
	becomes("a/", "a");
	becomes("//a//b///c//", "a/b/c");
	becomes("a b", "a b");
	becomes("/db//orders/", "db/orders");
}

Test(normalize, leaves_dots_alone)
{
	becomes("a/./b", "a/./b");
	becomes("a/../b", "a/../b");
	becomes("../a", "../a");
	becomes("/..//", "..");
}

Test(normalize, of_other_separators)
{
	char out[8];

	cr_expect_eq(lk_name_normalize(".a..b/", 6, '.', out, sizeof(out)), 4);
	cr_expect_eq(memcmp(out, "a.b/", 4), 0);
	cr_expect_eq(lk_name_normalize("//a", 3, LK_NO_SEPARATOR, out, sizeof(out)), 3);
	cr_expect_eq(memcmp(out, "//a", 3), 0);
	cr_expect_eq(lk_name_normalize("\0a\0\0b", 5, 0, out, sizeof(out)), 3);
	cr_expect_eq(memcmp(out, "a\0b", 3), 0);
	cr_expect_eq(lk_name_normalize("\xff\xff"
				       "a",
				       3, 0xff, out, sizeof(out)),
		     1);
	cr_expect_eq(lk_name_normalize(NULL, 0, '/', NULL, 0), 0);
}

/* ----------------------------------------------------------------------------- unescape */

Test(unescape, gives_back_what_was_escaped)
{
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b += 5) {
			const unsigned char bytes[2] = { (unsigned char)a, (unsigned char)b };
			unsigned char back[2];
			char text[8];
			size_t n, len = lk_name_escape(bytes, 2, text, sizeof(text));

			ok(lk_name_unescape(text, len, back, sizeof(back), &n));
			cr_assert_eq(n, 2);
			cr_assert_eq(memcmp(back, bytes, 2), 0);
			ok(lk_name_unescape(text, len, text, sizeof(text), &n));
			cr_assert_eq(memcmp(text, bytes, 2), 0, "in its place");
		}
	}
}

Test(unescape, of_nothing)
{
	size_t n = 7;

	ok(lk_name_unescape("%", 1, NULL, 0, &n));
	cr_expect_eq(n, 0);
}

Test(unescape, refuses_what_is_not_escaped_so)
{
	static const char *const bad[] = { "",      "a/b",      "a b", "%%",    "%2",  "a%",
					   "%2f",   "%41",      "%5F", "%GG",   "a.b", "%2 ",
					   "a%2F%", "\xc3\xa4", "%-1", "%2F%2", "%0x1" };

	for (size_t i = 0; i < countof(bad); i++) {
		char out[16] = "#";
		size_t n = 7;

		is(lk_name_unescape(bad[i], strlen(bad[i]), out, sizeof(out), &n), LK_E_INVAL);
		cr_expect_eq(n, 7);
		cr_expect_eq(out[0], '#');
	}
	is(lk_name_unescape(NULL, 1, NULL, 0, &(size_t){ 0 }), LK_E_INVAL);
	is(lk_name_unescape("a", 1, NULL, 0, NULL), LK_E_INVAL);
	is(lk_name_unescape("a", 1, NULL, 1, &(size_t){ 0 }), LK_E_INVAL);
}

Test(unescape, writes_what_there_is_room_for)
{
	for (size_t cap = 0; cap <= 4; cap++) {
		char out[8];
		size_t n = 0;

		memset(out, '#', sizeof(out));
		ok(lk_name_unescape("a%2Fb%20", 8, out, cap, &n));
		cr_expect_eq(n, 4);
		cr_expect_eq(memcmp(out, "a/b ", cap), 0);
		cr_expect_eq(out[cap], '#');
	}
}
