/* SPDX-License-Identifier: MIT */
/*
 * Text on its way out: pieces are gathered and handed to the caller's function, with nothing locked.
 * After that function has said no, nothing more is made: `rc` keeps what it said.
 */
#ifndef LK_BASE_OUT_H
#define LK_BASE_OUT_H

#include <latchkey/text.h>

#include "base/compiler.h"

enum { OUT_ROOM = 1024 };

struct out {
	lk_write_fn *write;
	void *arg;
	int rc;
	size_t n;
	char buf[OUT_ROOM];
};

void out_begin(struct out *o, lk_write_fn *write, void *arg);

/* What is left goes out; returns what the function said. */
int out_end(struct out *o);

void out_bytes(struct out *o, const char *text, size_t len);
void out_text(struct out *o, const char *text);
void out_format(struct out *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A JSON string, quotes and all.  What is not UTF-8 is said byte by byte, as U+0080 to U+00FF. */
void out_json(struct out *o, const void *text, size_t len);

/* Bytes for people: what is not printable becomes \xNN. */
void out_plain(struct out *o, const void *text, size_t len);

/*
 * What stands between the quotes of a label in OpenMetrics text.  UTF-8 stays; other bytes, control characters and the
 * backslash become \\xNN there, which is read as \xNN: so different bytes are different labels.
 */
void out_label(struct out *o, const void *text, size_t len);

#endif /* LK_BASE_OUT_H */
