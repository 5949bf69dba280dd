/* SPDX-License-Identifier: MIT */
/*
 * Globs: see glob.h.  Only the last '*' is ever tried again, so no pattern takes longer than its
 * length times the text's.
 */
#include "glob.h"

/* One byte of a set: itself, or after a backslash the next.  `*at` is left behind it. */
static unsigned char
set_byte(struct bytes pattern, size_t *at)
{
	if (pattern.data[*at] == '\\' && *at + 1 < pattern.len)
		(*at)++;
	return (unsigned char)pattern.data[(*at)++];
}

/* Is `c` in the set whose '[' is at `*at`?  `*at` is left behind its ']', or at the end. */
static bool
set_matches(struct bytes pattern, size_t *at, unsigned char c)
{
	bool is_negated;
	bool is_in = false;

	(*at)++;
	is_negated = *at < pattern.len && pattern.data[*at] == '^';
	*at += is_negated;
	while (*at < pattern.len && pattern.data[*at] != ']') {
		unsigned char low = set_byte(pattern, at);
		unsigned char high = low;

		if (*at + 1 < pattern.len && pattern.data[*at] == '-') {
			(*at)++;
			high = set_byte(pattern, at);
		}
		if (low <= high ? low <= c && c <= high : high <= c && c <= low)
			is_in = true;
	}
	if (*at < pattern.len)
		(*at)++;
	return is_in != is_negated;
}

/* Does the one byte `c` match what is at `*at`, which is not '*'?  `*at` is left behind that. */
static bool
one_matches(struct bytes pattern, size_t *at, unsigned char c)
{
	switch (pattern.data[*at]) {
	case '?':
		(*at)++;
		return true;
	case '[':
		return set_matches(pattern, at, c);
	default:
		return set_byte(pattern, at) == c;
	}
}

bool
glob_matches(struct bytes pattern, struct bytes text)
{
	size_t p = 0;
	size_t t = 0;
	size_t star = 0;  /* behind the last '*' … */
	size_t eaten = 0; /* … and behind what it stands for */
	bool has_star = false;

	while (t < text.len) {
		size_t next = p;

		if (p < pattern.len && pattern.data[p] == '*') {
			has_star = true;
			star = ++p;
			eaten = t;
		} else if (p < pattern.len &&
			   one_matches(pattern, &next, (unsigned char)text.data[t])) {
			p = next;
			t++;
		} else if (has_star) {
			p = star;
			t = ++eaten;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.data[p] == '*')
		p++;
	return p == pattern.len;
}
