/* SPDX-License-Identifier: MIT */
/*
 * lk_name_match against a matcher that tries everything; lk_name_normalize and lk_name_unescape against what they
 * promise.
 *
 * The first byte of the input says where it is cut into a pattern and a name, the second which separator there is.
 */
#include <string.h>

#include <latchkey.h>

#include "fuzz.h"

enum { LONGEST = 120, NONE = LK_NO_SEPARATOR };

/* ------------------------------------------------------------- every way, remembered */

struct text {
	const uint8_t *at;
	size_t n;
};

static bool
segment_fits(struct text p, struct text s)
{
	static bool fits[LONGEST + 2][LONGEST + 2]; /* the rest of p from i, of s from k */

	for (size_t i = p.n + 1; i-- > 0;) {
		for (size_t k = s.n + 1; k-- > 0;) {
			bool quoted = i + 1 < p.n && p.at[i] == '\\';

			if (i == p.n)
				fits[i][k] = k == s.n;
			else if (p.at[i] == '*')
				fits[i][k] = fits[i + 1][k] || (k < s.n && fits[i][k + 1]);
			else if (quoted)
				fits[i][k] =
					k < s.n && p.at[i + 1] == s.at[k] && fits[i + 2][k + 1];
			else
				fits[i][k] = k < s.n && (p.at[i] == '?' || p.at[i] == s.at[k]) &&
					     fits[i + 1][k + 1];
		}
	}
	return fits[0][0];
}

static size_t
split(struct text t, int separator, struct text *out)
{
	size_t n = 0;

	out[0] = (struct text){ t.at, 0 };
	for (size_t i = 0; i < t.n; i++) {
		if (t.at[i] == separator)
			out[++n] = (struct text){ t.at + i + 1, 0 };
		else
			out[n].n++;
	}
	return n + 1;
}

static bool
fits_all(struct text pattern, struct text name, int separator)
{
	static struct text p[LONGEST + 1], s[LONGEST + 1];
	static bool fits[LONGEST + 2][LONGEST + 2];
	size_t np = split(pattern, separator, p), ns = split(name, separator, s);

	for (size_t i = np + 1; i-- > 0;) {
		for (size_t k = ns + 1; k-- > 0;) {
			if (i == np)
				fits[i][k] = k == ns;
			else if (p[i].n == 2 && memcmp(p[i].at, "**", 2) == 0)
				fits[i][k] = fits[i + 1][k] || (k < ns && fits[i][k + 1]);
			else
				fits[i][k] =
					k < ns && fits[i + 1][k + 1] && segment_fits(p[i], s[k]);
		}
	}
	return fits[0][0];
}

/* ------------------------------------------------------------------------- the others */

static void
try_normalize(struct text name, int separator)
{
	uint8_t out[LONGEST + 1], twice[LONGEST + 1];
	size_t n;

	memset(out, 0x7f, sizeof(out));
	n = lk_name_normalize(name.at, name.n, separator, out, LONGEST);
	must(n <= name.n && out[n] == 0x7f);
	must(lk_name_normalize(out, n, separator, twice, LONGEST) == n);
	must(memcmp(out, twice, n) == 0);
	must(n == 0 || (out[0] != separator && out[n - 1] != separator));
	for (size_t i = 1; i < n; i++)
		must(out[i] != separator || out[i - 1] != separator);
	for (size_t cap = 0; cap <= n; cap += 1 + n / 8) {
		memset(twice, 0x7f, sizeof(twice));
		must(lk_name_normalize(name.at, name.n, separator, twice, cap) == n);
		must(memcmp(twice, out, cap) == 0 && twice[cap] == 0x7f);
	}
}

/* Either it is what was made of its bytes, or it is refused. */
static void
try_unescape(struct text t)
{
	uint8_t bytes[LONGEST + 1];
	char again[3 * LONGEST + 2];
	size_t n = 0;
	int rc;

	memset(bytes, 0x7f, sizeof(bytes));
	rc = lk_name_unescape((const char *)t.at, t.n, bytes, LONGEST, &n);
	must(rc == 0 || rc == LK_E_INVAL);
	if (rc != 0) {
		must(bytes[0] == 0x7f && n == 0);
		return;
	}
	must(n <= t.n && bytes[n] == 0x7f);
	must(lk_name_escape(bytes, n, again, sizeof(again)) == t.n);
	must(memcmp(again, t.at, t.n) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct text pattern, name;
	uint8_t *copy;
	int separator;

	if (n < 2 || n > LONGEST)
		return 0;
	separator = bytes[1] == 0 ? NONE : bytes[1];
	copy = malloc(n - 1); /* exactly, so that a look behind its end is found */
	must(copy != NULL);
	memcpy(copy, bytes + 2, n - 2);
	pattern = (struct text){ copy, bytes[0] % (n - 1) };
	name = (struct text){ copy + pattern.n, n - 2 - pattern.n };
	must((lk_name_match(pattern.at, pattern.n, name.at, name.n, separator) == 1) ==
	     fits_all(pattern, name, separator));
	try_normalize(name, separator);
	try_unescape(name);
	free(copy);
	return 0;
}
