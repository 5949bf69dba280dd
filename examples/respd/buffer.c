/* SPDX-License-Identifier: MIT */
/* Buffers: see buffer.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

#define SMALLEST 1024

void
buffer_init(struct buffer *b, size_t max)
{
	*b = (struct buffer){ .max = max };
}

void
buffer_fini(struct buffer *b)
{
	free(b->data);
	buffer_init(b, b->max);
}

/* Make the memory at least `need` bytes; twice what it was, so that growing stays cheap. */
static bool
buffer_grow(struct buffer *b, size_t need)
{
	size_t cap = b->cap < SMALLEST ? SMALLEST : b->cap;
	char *data;

	while (cap < need)
		cap *= 2;
	data = realloc(b->data, cap);
	if (data == NULL)
		return false;
	b->data = data;
	b->cap = cap;
	return true;
}

char *
buffer_room(struct buffer *b, size_t n)
{
	size_t len = buffer_len(b);

	if (b->failed)
		return NULL;
	if (n > b->max || len > b->max - n) {
		b->failed = true;
		return NULL;
	}
	/* Move down only what is less than half, so that a byte moves about once. */
	if (b->cap - b->end < n && len < b->cap / 2 && b->start > 0) {
		memmove(b->data, b->data + b->start, len);
		b->start = 0;
		b->end = len;
	}
	if ((b->data == NULL || b->cap - b->end < n) && !buffer_grow(b, b->end + n)) {
		b->failed = true;
		return NULL;
	}
	return b->data + b->end;
}

void
buffer_filled(struct buffer *b, size_t n)
{
	b->end += n;
}

void
buffer_append(struct buffer *b, const void *data, size_t n)
{
	char *room = buffer_room(b, n);

	if (room == NULL)
		return;
	memcpy(room, data, n);
	buffer_filled(b, n);
}

void
buffer_printf(struct buffer *b, const char *format, ...)
{
	char text[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n > 0)
		buffer_append(b, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

void
buffer_consume(struct buffer *b, size_t n)
{
	b->start += n;
	if (b->start == b->end)
		b->start = b->end = 0;
}

void
buffer_reset(struct buffer *b, size_t keep)
{
	b->start = b->end = 0;
	b->failed = false;
	if (b->cap > keep)
		buffer_fini(b);
}
