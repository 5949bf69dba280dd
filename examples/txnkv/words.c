/* SPDX-License-Identifier: MIT */
/* Lines of words: see words.h. */
#include <stdbool.h>

#include "words.h"

/* Where the reading is: from `at`, to `to`, which never overtakes it. */
struct cutter {
	const char *at, *end;
	char *to;
	const char *why;
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int
hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c);

	return found == NULL ? -1 : (int)(found - digits);
}

/* After \x. */
static char
hex_byte(struct cutter *c)
{
	int high = c->end - c->at >= 2 ? hex(c->at[0]) : -1;
	int low = high < 0 ? -1 : hex(c->at[1]);

	if (low < 0) {
		c->why = "\\x needs two hexadecimal digits";
		return 0;
	}
	c->at += 2;
	return (char)(high << 4 | low);
}

/* After a backslash. */
static char
escape(struct cutter *c)
{
	char which = c->at == c->end ? '\0' : *c->at++;

	switch (which) {
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case '\\':
	case '"':
		return which;
	case 'x':
		return hex_byte(c);
	default:
		c->why = "after \\ comes one of n t \\ \" x";
		return 0;
	}
}

/* After a quotation mark, up to the next one. */
static void
quoted(struct cutter *c)
{
	while (c->why == NULL && c->at < c->end && *c->at != '"') {
		char one = *c->at++;

		*c->to++ = one == '\\' ? escape(c) : one;
	}
	if (c->why != NULL)
		return;
	if (c->at == c->end)
		c->why = "a quotation mark is missing";
	else if (++c->at < c->end && !is_blank(*c->at))
		c->why = "a blank is missing after a quotation mark";
}

static void
plain(struct cutter *c)
{
	while (c->at < c->end && !is_blank(*c->at))
		*c->to++ = *c->at++;
}

void
words_cut(struct words *w, char *line, size_t len)
{
	struct cutter c = { .at = line, .end = line + len, .to = line };

	*w = (struct words){ 0 };
	for (;;) {
		char *begin;

		while (c.at < c.end && is_blank(*c.at))
			c.at++;
		if (c.at == c.end || *c.at == '#' || c.why != NULL)
			break;
		if (w->n == WORDS_MAX) {
			c.why = "too many words";
			break;
		}
		begin = c.to;
		if (*c.at == '"') {
			c.at++;
			quoted(&c);
		} else {
			plain(&c);
		}
		w->word[w->n++] = (struct bytes){ begin, (size_t)(c.to - begin) };
	}
	w->why = c.why;
}

/* Bytes that a word without quotation marks may have. */
static bool
is_plain(struct bytes word)
{
	for (size_t i = 0; i < word.len; i++)
		if (word.data[i] <= ' ' || word.data[i] > '~' || word.data[i] == '"' ||
		    word.data[i] == '\\')
			return false;
	return word.len > 0 && word.data[0] != '#';
}

void
words_print(struct bytes word, FILE *out)
{
	if (is_plain(word)) {
		fwrite(word.data, 1, word.len, out);
		return;
	}
	fputc('"', out);
	for (size_t i = 0; i < word.len; i++) {
		unsigned char c = (unsigned char)word.data[i];

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < ' ' || c > '~')
			fprintf(out, "\\x%02x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}
