/* SPDX-License-Identifier: MIT */
/* Tokens as text, and back. */
#include <string.h>

#include "base/token_text.h"

static const char head[] = "lk1";
static const char detached_head[] = "lk2";
static const char digits[] = "0123456789abcdef";

enum { DIGITS = 16, NUMBERS = 4 };

_Static_assert(sizeof(head) + (size_t)NUMBERS * (1 + DIGITS) == TOKEN_TEXT_BYTES,
	       "head, numbers with a dash before each, NUL");

static char *
write_number(char *at, uint64_t x)
{
	*at++ = '-';
	for (int shift = 60; shift >= 0; shift -= 4)
		*at++ = digits[x >> shift & 15];
	return at;
}

void
token_text_write(char *out, const struct token_text *t)
{
	char *at = out + sizeof(head) - 1;

	memcpy(out, t->is_detached != 0 ? detached_head : head, sizeof(head) - 1);
	at = write_number(at, t->fence);
	at = write_number(at, t->owner);
	at = write_number(at, t->grant);
	at = write_number(at, t->check);
	*at = '\0';
}

/* Where it ends; NULL: it is not there.  Never looks behind a NUL. */
static const char *
read_number(const char *at, uint64_t *x)
{
	if (*at++ != '-')
		return NULL;
	*x = 0;
	for (int i = 0; i < DIGITS; i++) {
		const char *digit = *at != '\0' ? strchr(digits, *at++) : NULL;

		if (digit == NULL)
			return NULL;
		*x = *x << 4 | (uint64_t)(digit - digits);
	}
	return at;
}

bool
token_text_read(const char *text, struct token_text *t)
{
	uint64_t x[NUMBERS];
	const char *at = text + sizeof(head) - 1;
	const uint64_t is_detached = strncmp(text, detached_head, sizeof(head) - 1) == 0;

	if (is_detached == 0 && strncmp(text, head, sizeof(head) - 1) != 0)
		return false;
	for (int i = 0; i < NUMBERS; i++) {
		at = read_number(at, &x[i]);
		if (at == NULL)
			return false;
	}
	if (*at != '\0')
		return false;
	*t = (struct token_text){ x[0], x[1], x[2], x[3], is_detached };
	return true;
}
