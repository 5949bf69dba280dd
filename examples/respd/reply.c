/* SPDX-License-Identifier: MIT */
/* Replies: see reply.h. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "reply.h"

void
reply_status(struct buffer *out, const char *text)
{
	buffer_printf(out, "+%s\r\n", text);
}

void
reply_refusal(struct buffer *out, const char *kind, const char *text)
{
	buffer_printf(out, "-%s %s\r\n", kind, text);
}

void
reply_error(struct buffer *out, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (char *c = text; *c != '\0'; c++) {
		if (*c == '\r' || *c == '\n')
			*c = ' ';
	}
	buffer_printf(out, "-ERR %s\r\n", text);
}

void
reply_integer(struct buffer *out, int64_t n)
{
	buffer_printf(out, ":%" PRId64 "\r\n", n);
}

void
reply_bulk(struct buffer *out, struct bytes b)
{
	buffer_printf(out, "$%zu\r\n", b.len);
	buffer_append(out, b.data, b.len);
	buffer_append(out, "\r\n", 2);
}

void
reply_null(struct buffer *out)
{
	buffer_append(out, "$-1\r\n", 5);
}

void
reply_array(struct buffer *out, size_t n)
{
	buffer_printf(out, "*%zu\r\n", n);
}
