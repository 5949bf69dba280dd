/* SPDX-License-Identifier: MIT */
/* The parser of requests: see request.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inline.h"
#include "number.h"
#include "request.h"

#define HEADER_MAX 64  /* bytes in "*N" and "$N" lines; numbers are shorter */
#define ARGS_KEPT  256 /* arguments whose memory is kept for the next request */

static enum request_state
bad(struct request *r, const char *why)
{
	snprintf(r->error, sizeof(r->error), "%s", why);
	return REQUEST_BAD;
}

void
request_fini(struct request *r)
{
	free(r->arg);
	free(r->offset);
	*r = (struct request){ 0 };
}

void
request_reset(struct request *r)
{
	if (r->cap > ARGS_KEPT)
		request_fini(r);
	r->n_args = 0;
	r->pos = 0;
	r->n_wanted = 0;
	r->is_in_bulk = false;
}

static bool
grow(struct request *r)
{
	size_t cap = r->cap == 0 ? 8 : r->cap * 2;
	struct bytes *arg = realloc(r->arg, cap * sizeof(*arg));
	size_t *offset;

	if (arg == NULL)
		return false;
	r->arg = arg;
	offset = realloc(r->offset, cap * sizeof(*offset));
	if (offset == NULL)
		return false;
	r->offset = offset;
	r->cap = cap;
	return true;
}

bool
request_add(struct request *r, size_t offset, size_t len)
{
	if (r->n_args == r->cap && !grow(r)) {
		bad(r, "out of memory");
		return false;
	}
	r->offset[r->n_args] = offset;
	r->arg[r->n_args].len = len;
	r->n_args++;
	return true;
}

/* All is there and stays where it is until the input is touched: offsets become pointers. */
static enum request_state
ready(struct request *r, const struct buffer *in)
{
	for (size_t i = 0; i < r->n_args; i++)
		r->arg[i].data = in->data + in->start + r->offset[i];
	return REQUEST_READY;
}

/* The line at the parser's place, without its end; `pos` is left behind it. */
static enum request_state
take_line(struct request *r, const struct buffer *in, size_t max, struct bytes *line)
{
	const char *from = in->data + in->start + r->pos;
	size_t there = buffer_len(in) - r->pos;
	const char *end = memchr(from, '\n', there < max ? there : max);

	if (end == NULL)
		return there < max ? REQUEST_MORE : bad(r, "too big a line");
	*line = (struct bytes){ .data = from, .len = (size_t)(end - from) };
	r->pos += line->len + 1;
	if (line->len > 0 && end[-1] == '\r')
		line->len--;
	return REQUEST_READY;
}

/* "*N": how many arguments come.  None, or less than none, is an empty request. */
static enum request_state
parse_array(struct request *r, const struct buffer *in)
{
	enum request_state state;
	struct bytes line;
	int64_t n;

	state = take_line(r, in, HEADER_MAX, &line);
	if (state != REQUEST_READY)
		return state;
	line.data++;
	line.len--;
	if (!number_parse(line, &n) || n > (int64_t)REQUEST_ARGS_MAX)
		return bad(r, "invalid multibulk length");
	r->n_wanted = n > 0 ? (size_t)n : 0;
	return REQUEST_READY;
}

/* "$N": how long the next argument is. */
static enum request_state
parse_bulk_header(struct request *r, const struct buffer *in)
{
	enum request_state state;
	struct bytes line;
	int64_t n;

	if (r->pos == buffer_len(in))
		return REQUEST_MORE;
	if (in->data[in->start + r->pos] != '$') {
		snprintf(r->error, sizeof(r->error), "expected '$', got '%c'",
			 in->data[in->start + r->pos]);
		return REQUEST_BAD;
	}
	state = take_line(r, in, HEADER_MAX, &line);
	if (state != REQUEST_READY)
		return state;
	line.data++;
	line.len--;
	if (!number_parse(line, &n) || n < 0 || n > (int64_t)REQUEST_BULK_MAX)
		return bad(r, "invalid bulk length");
	if (r->pos + (size_t)n + 2 > REQUEST_MAX)
		return bad(r, "too big a request");
	r->bulk_len = (size_t)n;
	r->is_in_bulk = true;
	return REQUEST_READY;
}

static enum request_state
parse_bulk(struct request *r, const struct buffer *in)
{
	const char *end;

	if (buffer_len(in) - r->pos < r->bulk_len + 2)
		return REQUEST_MORE;
	end = in->data + in->start + r->pos + r->bulk_len;
	if (end[0] != '\r' || end[1] != '\n')
		return bad(r, "a bulk string does not end where it should");
	if (!request_add(r, r->pos, r->bulk_len))
		return REQUEST_BAD;
	r->pos += r->bulk_len + 2;
	r->is_in_bulk = false;
	return REQUEST_READY;
}

static enum request_state
parse_inline(struct request *r, const struct buffer *in)
{
	enum request_state state;
	struct bytes line;
	size_t offset = r->pos;

	state = take_line(r, in, REQUEST_INLINE_MAX, &line);
	if (state != REQUEST_READY)
		return state;
	if (!inline_split(r, in->data + in->start + offset, line.len, offset))
		return REQUEST_BAD;
	return ready(r, in);
}

enum request_state
request_parse(struct request *r, struct buffer *in)
{
	enum request_state state;

	if (r->n_wanted == 0) {
		if (buffer_len(in) == 0)
			return REQUEST_MORE;
		if (in->data[in->start] != '*')
			return parse_inline(r, in);
		state = parse_array(r, in);
		if (state != REQUEST_READY)
			return state;
	}
	while (r->n_args < r->n_wanted) {
		state = r->is_in_bulk ? parse_bulk(r, in) : parse_bulk_header(r, in);
		if (state != REQUEST_READY)
			return state;
	}
	return ready(r, in);
}

size_t
request_missing(const struct request *r, const struct buffer *in)
{
	size_t there = buffer_len(in) - r->pos;

	if (!r->is_in_bulk || there > r->bulk_len + 2)
		return 0;
	return r->bulk_len + 2 - there;
}
