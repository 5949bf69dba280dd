/* SPDX-License-Identifier: MIT */
/*
 * Lines of words: see inline.h.  A word without its quotes and escapes is never longer than with
 * them, so each is written over itself.
 */
#include <stdio.h>

#include "inline.h"

struct cursor {
	char *at;
	char *end;
	char *to; /* where the present word is written; never behind `at` */
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\0';
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What comes after a backslash in double quotes. */
static char
escaped(struct cursor *c)
{
	char what = *c->at++;

	switch (what) {
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case 'b':
		return '\b';
	case 'a':
		return '\a';
	case 'x':
		if (c->end - c->at >= 2 && hex_digit(c->at[0]) >= 0 && hex_digit(c->at[1]) >= 0) {
			c->at += 2;
			return (char)(hex_digit(c->at[-2]) << 4 | hex_digit(c->at[-1]));
		}
		return 'x';
	default:
		return what;
	}
}

/* From behind the opening quote to behind the closing one, which a blank or the end must follow. */
static bool
quoted(struct cursor *c, char quote)
{
	while (c->at < c->end) {
		char now = *c->at++;

		if (now == quote)
			return c->at == c->end || is_blank(*c->at);
		if (now == '\\' && c->at < c->end && quote == '"')
			now = escaped(c);
		else if (now == '\\' && c->at < c->end && *c->at == quote)
			now = *c->at++;
		*c->to++ = now;
	}
	return false;
}

/* One word, whose first byte is no blank. */
static bool
word(struct cursor *c)
{
	while (c->at < c->end && !is_blank(*c->at)) {
		char now = *c->at++;

		if (now == '"' || now == '\'')
			return quoted(c, now);
		*c->to++ = now;
	}
	return true;
}

bool
inline_split(struct request *r, char *line, size_t len, size_t offset)
{
	struct cursor c = { .at = line, .end = line + len };

	for (;;) {
		char *start;

		while (c.at < c.end && is_blank(*c.at))
			c.at++;
		if (c.at == c.end)
			return true;
		start = c.to = c.at;
		if (!word(&c)) {
			snprintf(r->error, sizeof(r->error), "unbalanced quotes in request");
			return false;
		}
		if (!request_add(r, offset + (size_t)(start - line), (size_t)(c.to - start)))
			return false;
	}
}
