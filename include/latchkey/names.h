/* SPDX-License-Identifier: MIT */
/* Names as text: segments of any bytes, patterns, one form of many. */
#include <latchkey.h> /* above the guard: it includes this file, for others that need it */

#ifndef LATCHKEY_NAMES_H
#define LATCHKEY_NAMES_H

#ifdef __cplusplus
extern "C" {
#endif

#define LK_NO_SEPARATOR (-1) /* for `separator` below: names have no segments */

/*
 * lk_name_escape - make one segment of a path of any bytes: "a/b" becomes "a%2Fb".
 *
 * Letters, digits, '_' and '-' stay, every other byte becomes '%' and two hexadecimal digits, and no bytes
 * at all become "%": so the result is never empty, has no separator whatever the manager's is, and
 * different bytes have different results.
 *
 * Returns     the bytes of the whole result without its NUL, as snprintf(): it fits if that is less than
 *             `cap`, and is at most 3 * `len`, or 1.  What fits is written, and ended by a NUL if
 *             `cap` > 0; a byte is written whole or not at all.  `out` may be NULL if `cap` is 0.
 */
LK_API size_t lk_name_escape(const void *segment, size_t len, char *out, size_t cap);

/*
 * lk_name_match - does a name fit a pattern?
 *
 * Pattern and name are cut into segments at each byte `separator`, also at the ends and where two stand together:
 * there a segment is empty.  Segments are compared one by one:
 *
 *   *     any bytes, or none, of one segment
 *   ?     one byte
 *   \b    the byte b itself, whatever it is; at the end of a segment a backslash
 *   **    as a whole segment: any number of segments, or none.  Elsewhere the same as *
 *
 * All other bytes, NUL included, stand for themselves.  So "db/?/x*" fits "db/a/xyz"; "db/" and two stars fit "db",
 * "db/a" and "db/a/b" (but not "dbx"); and a star between two others fits "a/x/c" but not "a/x/y/c".  A separator that
 * is '*', '?' or '\' separates first.
 *
 * Ownership   nothing is kept; a pointer may be NULL if its length is 0.
 * Threads     any; async-signal-safe.
 * Blocking    no.  No memory, no recursion; at most about `pattern_len` * `len` comparisons.
 * Returns     1: it fits, 0: it does not (a `separator` that is neither a byte nor LK_NO_SEPARATOR fits nothing).
 */
LK_API LK_NODISCARD int lk_name_match(const void *pattern, size_t pattern_len, const void *name,
				      size_t len, int separator);

/*
 * lk_name_normalize - a path without separators at its ends, and with one where there were several:
 * "/db//orders/" becomes "db/orders".
 *
 * Latchkey itself never does that: names are the same if their bytes are.  "." and ".." are segments like any other and
 * stay: a name is no file, so nothing says what is above it, and two names that a program keeps apart must not
 * become one.
 *
 * Ownership   `out` may be `name`; else they do not overlap.
 * Threads     any; async-signal-safe.
 * Returns     the bytes of the whole result, at most `len`; 0 if there were only separators.  The first `cap` of them are
 *             written.  There is no NUL at the end.
 */
LK_API size_t lk_name_normalize(const void *name, size_t len, int separator, void *out, size_t cap);

/*
 * lk_name_unescape - the bytes that lk_name_escape() made this segment of.
 *
 * Ownership   `out` may be `segment`; else they do not overlap.  It may be NULL if `cap` is 0.
 * Threads     any; async-signal-safe.
 * Returns     0: `*out_len` is the bytes of the whole result, at most `len`, of which the first `cap` are written.
 *             LK_E_INVAL: lk_name_escape() makes no such text (two texts never have the same bytes); nothing is
 *             written.
 */
LK_API LK_NODISCARD int lk_name_unescape(const char *segment, size_t len, void *out, size_t cap,
					 size_t *out_len);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_NAMES_H */
