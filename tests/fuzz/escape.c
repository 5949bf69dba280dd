/* SPDX-License-Identifier: MIT */
/*
 * lk_name_escape: the result has only letters, digits, '_', '-' and '%', can be undone, is different for
 * different bytes, and is written as far as there is room and no further.
 *
 * The first byte of the input says where it is cut into two segments.
 */
#include <ctype.h>
#include <string.h>

#include <latchkey.h>

#include "fuzz.h"

enum { SEGMENT = 1024, ROOM = 3 * SEGMENT + 2 };

static unsigned
digit(char c)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	must(at != NULL);
	return (unsigned)(at - digits);
}

static bool
stays(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* What was escaped; every byte is written in the one way that it has. */
static size_t
undo(const char *text, unsigned char *out)
{
	size_t n = 0;

	if (strcmp(text, "%") == 0)
		return 0;
	while (*text != '\0') {
		if (*text != '%') {
			must(stays(*text));
			out[n++] = (unsigned char)*text++;
			continue;
		}
		out[n] = (unsigned char)(digit(text[1]) * 16 + digit(text[2]));
		must(!stays((char)out[n]));
		text += 3;
		n++;
	}
	return n;
}

static size_t
escape(const uint8_t *segment, size_t n, char *out)
{
	unsigned char back[SEGMENT];
	size_t len = lk_name_escape(segment, n, out, ROOM);

	must(len > 0 && len < ROOM && len == strlen(out));
	must(len <= (n > 0 ? 3 * n : 1));
	must(undo(out, back) == n && (n == 0 || memcmp(back, segment, n) == 0));
	must(lk_name_escape(segment, n, NULL, 0) == len);
	return len;
}

/* With less room: the same number, whole pieces of the same text, and a NUL. */
static void
try_room(const uint8_t *segment, size_t n, const char *whole, size_t len, size_t cap)
{
	char *out = malloc(cap + 1);
	size_t wrote;

	must(out != NULL);
	memset(out, 0x7f, cap + 1);
	must(lk_name_escape(segment, n, out, cap) == len);
	must(out[cap] == 0x7f);
	if (cap > 0) {
		wrote = strnlen(out, cap);
		must(wrote < cap && wrote <= len && memcmp(out, whole, wrote) == 0);
		must(wrote == len || len >= cap);
		must(wrote < 1 || out[wrote - 1] != '%' || len == 1);
		must(wrote < 2 || out[wrote - 2] != '%');
		must(wrote == len || cap - 1 - wrote < (whole[wrote] == '%' ? 3 : 1));
	}
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static char a[ROOM], b[ROOM];
	size_t cut, len, rest;

	if (n == 0 || n > SEGMENT)
		return 0;
	cut = bytes[0] % n;
	bytes++;
	rest = n - 1 - cut;
	len = escape(bytes, cut, a);
	(void)escape(bytes + cut, rest, b);
	must((strcmp(a, b) == 0) == (cut == rest && memcmp(bytes, bytes + cut, cut) == 0));
	for (size_t cap = 0; cap < len + 3 && cap < 64; cap++)
		try_room(bytes, cut, a, len, cap);
	return 0;
}
