/* SPDX-License-Identifier: MIT */
/*
 * Text that the library wrote, in memory of the test; and whether it is well-formed: one JSON value in UTF-8,
 * or one graph in the part of Graphviz's language that is written here.
 */
#ifndef LATCHKEY_TESTS_API_TEXT_H
#define LATCHKEY_TESTS_API_TEXT_H

#include "support.h"

/* What arrived, and the call at which the writer says no (0: never). */
struct page {
	char *text;
	size_t n;
	size_t room;
	unsigned calls;
	unsigned refuse_at;
};

enum { PAGE_REFUSED = 4712 };

static inline int
page_write(void *arg, const char *text, size_t len)
{
	struct page *p = arg;

	if (++p->calls == p->refuse_at)
		return PAGE_REFUSED;
	if (p->n + len >= p->room) {
		p->room = 2 * (p->n + len) + 64;
		p->text = realloc(p->text, p->room);
		must(p->text != NULL);
	}
	must(memchr(text, '\0', len) == NULL);
	memcpy(p->text + p->n, text, len);
	p->n += len;
	p->text[p->n] = '\0';
	return 0;
}

static inline void
page_clear(struct page *p)
{
	free(p->text);
	*p = (struct page){ 0 };
}

static inline const char *
page_text(const struct page *p)
{
	return p->text != NULL ? p->text : "";
}

static inline bool
page_has(const struct page *p, const char *part)
{
	return strstr(page_text(p), part) != NULL;
}

/* How often. */
static inline unsigned
page_count(const struct page *p, const char *part)
{
	unsigned n = 0;

	for (const char *at = page_text(p); (at = strstr(at, part)) != NULL; at += strlen(part))
		n++;
	return n;
}

/* ------------------------------------------------------------------------- JSON */

static const char *json_value(const char *p);

static inline const char *
json_hex(const char *p)
{
	for (int i = 0; i < 4; i++, p++) {
		if (!((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f')))
			return NULL;
	}
	return p;
}

/* One character of a string: plain, escaped, or of several bytes.  NULL: none. */
static inline const char *
json_character(const char *p)
{
	const unsigned char c = (unsigned char)*p;
	const int more = c < 0x80 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc2 ? 1 : -1;

	if (c < 0x20 || more < 0 || c > 0xf4)
		return NULL;
	if (c == '\\')
		return p[1] == 'u'                                          ? json_hex(p + 2)
		       : p[1] != '\0' && strchr("\"\\/bfnrt", p[1]) != NULL ? p + 2
									    : NULL;
	for (int i = 1; i <= more; i++) {
		if (((unsigned char)p[i] & 0xc0) != 0x80)
			return NULL;
	}
	return p + 1 + more;
}

static inline const char *
json_string(const char *p)
{
	if (*p++ != '"')
		return NULL;
	while (p != NULL && *p != '"')
		p = json_character(p);
	return p != NULL ? p + 1 : NULL;
}

static inline const char *
json_number(const char *p)
{
	const char *digits = *p == '-' ? ++p : p;

	while (*p >= '0' && *p <= '9')
		p++;
	return p == digits || (*digits == '0' && p - digits > 1) || p - digits > 16 ? NULL : p;
}

/* What is between brackets, of members or of values. */
static inline const char *
json_list(const char *p, char end, bool members)
{
	if (*++p == end)
		return p + 1;
	for (;;) {
		if (members) {
			p = json_string(p);
			if (p == NULL || *p++ != ':')
				return NULL;
		}
		p = json_value(p);
		if (p == NULL)
			return NULL;
		if (*p == end)
			return p + 1;
		if (*p++ != ',')
			return NULL;
	}
}

/* The end of the value that begins here, without blanks; NULL: there is none. */
static inline const char *
json_value(const char *p)
{
	if (*p == '{')
		return json_list(p, '}', true);
	if (*p == '[')
		return json_list(p, ']', false);
	if (*p == '"')
		return json_string(p);
	if (strncmp(p, "true", 4) == 0)
		return p + 4;
	if (strncmp(p, "false", 5) == 0)
		return p + 5;
	return json_number(p);
}

/* One value, one line. */
static inline bool
is_json(const struct page *p)
{
	const char *end = json_value(page_text(p));

	return end != NULL && strcmp(end, "\n") == 0;
}

/* -------------------------------------------------------------------------- DOT */

/* Printable ASCII, quotes and backslashes escaped, and `&` only where it begins `&amp;`. */
static inline const char *
dot_string(const char *p)
{
	for (p++; *p != '"'; p++) {
		if (*p < 0x20 || *p > 0x7e || (*p == '&' && strncmp(p, "&amp;", 5) != 0))
			return NULL;
		if (*p == '\\' && strchr("\"\\n", *++p) == NULL)
			return NULL;
	}
	return p + 1;
}

static inline const char *
dot_id(const char *p)
{
	const char *begin = p;

	if (*p == '"')
		return dot_string(p);
	while (*p == '_' || (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
	       (*p >= 'A' && *p <= 'Z'))
		p++;
	return p > begin ? p : NULL;
}

/* [a=b, c=d] */
static inline const char *
dot_attributes(const char *p)
{
	do {
		p = dot_id(p + (*p == '[' ? 1 : 2));
		if (p == NULL || *p != '=' || (p = dot_id(p + 1)) == NULL)
			return NULL;
	} while (*p == ',');
	return *p == ']' ? p + 1 : NULL;
}

/* One line: a setting, a box, an edge. */
static inline const char *
dot_statement(const char *p)
{
	p = dot_id(p);
	if (p != NULL && *p == '=')
		p = dot_id(p + 1);
	else if (p != NULL && strncmp(p, " -> ", 4) == 0)
		p = dot_id(p + 4);
	if (p != NULL && strncmp(p, " [", 2) == 0)
		p = dot_attributes(p + 1);
	return p != NULL && strncmp(p, ";\n", 2) == 0 ? p + 2 : NULL;
}

static inline bool
is_dot(const struct page *page)
{
	const char *p = strstr(page_text(page), " {\n");

	if (strncmp(page_text(page), "digraph ", 8) != 0 || p == NULL)
		return false;
	for (p += 3; p != NULL && *p == '\t';)
		p = dot_statement(p + 1);
	return p != NULL && strcmp(p, "}\n") == 0;
}

#endif /* LATCHKEY_TESTS_API_TEXT_H */
