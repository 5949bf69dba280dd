/* SPDX-License-Identifier: MIT */
/* Gathering text, and writing what must be escaped. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/out.h"

void
out_begin(struct out *o, lk_write_fn *write, void *arg)
{
	o->write = write;
	o->arg = arg;
	o->rc = 0;
	o->n = 0;
}

static void
flush(struct out *o)
{
	if (o->rc == 0 && o->n > 0)
		o->rc = o->write(o->arg, o->buf, o->n);
	o->n = 0;
}

int
out_end(struct out *o)
{
	flush(o);
	return o->rc;
}

void
out_bytes(struct out *o, const char *text, size_t len)
{
	while (len > 0 && o->rc == 0) {
		size_t n = sizeof(o->buf) - o->n < len ? sizeof(o->buf) - o->n : len;

		memcpy(o->buf + o->n, text, n);
		o->n += n;
		text += n;
		len -= n;
		if (o->n == sizeof(o->buf))
			flush(o);
	}
}

void
out_text(struct out *o, const char *text)
{
	out_bytes(o, text, strlen(text));
}

void
out_format(struct out *o, const char *format, ...)
{
	char text[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n > 0)
		out_bytes(o, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

/* The bytes of the UTF-8 sequence at `p`; 0: there is none (RFC 3629, table 3-7 of Unicode). */
static size_t
utf8_len(const unsigned char *p, size_t left)
{
	static const struct {
		unsigned char first, last, low, high;
		size_t len;
	} rows[] = {
		{ 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (p[0] < rows[i].first || p[0] > rows[i].last)
			continue;
		if (rows[i].len > left ||
		    (rows[i].len > 1 && (p[1] < rows[i].low || p[1] > rows[i].high)))
			return 0;
		for (size_t k = 2; k < rows[i].len; k++) {
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		}
		return rows[i].len;
	}
	return 0;
}

void
out_json(struct out *o, const void *text, size_t len)
{
	const unsigned char *p = text;

	out_text(o, "\"");
	for (size_t i = 0; i < len;) {
		size_t n = utf8_len(p + i, len - i);

		if (n == 0 || p[i] < 0x20 || p[i] == 0x7f)
			out_format(o, "\\u%04x", p[i]);
		else if (p[i] == '"' || p[i] == '\\')
			out_format(o, "\\%c", p[i]);
		else
			out_bytes(o, (const char *)p + i, n);
		i += n != 0 ? n : 1;
	}
	out_text(o, "\"");
}

void
out_plain(struct out *o, const void *text, size_t len)
{
	const unsigned char *p = text;

	for (size_t i = 0; i < len; i++) {
		if (p[i] < 0x20 || p[i] > 0x7e || p[i] == '\\')
			out_format(o, "\\x%02x", p[i]);
		else
			out_bytes(o, (const char *)p + i, 1);
	}
}

void
out_label(struct out *o, const void *text, size_t len)
{
	const unsigned char *p = text;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_len(p + i, len - i);

		if (n == 0 || p[i] < 0x20 || p[i] == 0x7f || p[i] == '\\')
			out_format(o, "\\\\x%02x", p[i]);
		else if (p[i] == '"')
			out_text(o, "\\\"");
		else
			out_bytes(o, (const char *)p + i, n);
		i += n != 0 ? n : 1;
	}
}

int
lk_write_file(void *file, const char *text, size_t len)
{
	return fwrite(text, 1, len, file) == len ? 0 : LK_E_IO;
}
