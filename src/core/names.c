/* SPDX-License-Identifier: MIT */
/* Names as text, for callers: patterns, one form of many, and what was escaped. */
#include <string.h>

#include <latchkey.h>

#include "base/glob.h"
#include "core/manager.h"
#include "core/text.h"

int
lk_name_match(const void *pattern, size_t pattern_len, const void *name, size_t len, int separator)
{
	if ((pattern == NULL && pattern_len != 0) || (name == NULL && len != 0) ||
	    separator < LK_NO_SEPARATOR || separator > 255)
		return 0;
	return glob_match(pattern, pattern_len, name, len, separator);
}

size_t
lk_name_normalize(const void *name, size_t len, int separator, void *out, size_t cap)
{
	const unsigned char *bytes = name;
	unsigned char *to = out;
	bool pending = false; /* a separator, if anything follows it */
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		const unsigned char byte = bytes[i]; /* before `out`, which may be `name` */

		if (byte == separator) {
			pending = n != 0;
			continue;
		}
		if (pending && n++ < cap)
			to[n - 1] = (unsigned char)separator;
		if (n++ < cap)
			to[n - 1] = byte;
		pending = false;
	}
	return n;
}

/* The number of a digit as lk_name_escape() writes it; 16: it is none. */
static unsigned
digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	return c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10 : 16;
}

/* The byte that `text` begins with, of `left`, and how many of `text` it took; 0: not as it is written. */
static size_t
unescape_byte(const char *text, size_t left, unsigned char *byte)
{
	unsigned high;
	unsigned low;

	*byte = (unsigned char)text[0];
	if (name_byte_is_plain(*byte))
		return 1;
	if (text[0] != '%' || left < 3)
		return 0;
	high = digit_of(text[1]);
	low = digit_of(text[2]);
	if (high > 15 || low > 15)
		return 0;
	*byte = (unsigned char)(high << 4 | low);
	return name_byte_is_plain(*byte) ? 0 : 3;
}

/* How many bytes it stands for.  False: it is nothing that was escaped. */
static bool
count_bytes(const char *segment, size_t len, size_t *n)
{
	unsigned char byte;

	for (*n = 0; len > 0; ++*n) {
		size_t took = unescape_byte(segment, len, &byte);

		if (took == 0)
			return false;
		segment += took;
		len -= took;
	}
	return true;
}

int
lk_name_unescape(const char *segment, size_t len, void *out, size_t cap, size_t *out_len)
{
	unsigned char *to = out;
	size_t n = 0;

	if (segment == NULL || out_len == NULL || (out == NULL && cap != 0) || len == 0)
		return LK_E_INVAL;
	if (len == 1 && segment[0] == '%') {
		*out_len = 0;
		return 0;
	}
	if (!count_bytes(segment, len, &n))
		return LK_E_INVAL;
	*out_len = n;
	for (size_t i = 0; i < n && i < cap; i++) {
		unsigned char byte;

		segment += unescape_byte(segment, 3, &byte);
		to[i] = byte;
	}
	return 0;
}

uint64_t
lk_name_hash(struct lk_manager *m, const void *name, size_t len)
{
	struct name n;

	if (m == NULL || name == NULL || !name_set(&n, name, len, 0, m->index.seed))
		return 0;
	return n.hash;
}
