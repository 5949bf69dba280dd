/* SPDX-License-Identifier: MIT */
/* Numbers for people. */
#ifndef LATCHKEY_FORMAT_H
#define LATCHKEY_FORMAT_H

#include <latchkey.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * lk_format_bytes - a size in words: 1048576 becomes "1 MB", 1536 "1.5 KB", 999 "999 B".
 *
 * Units of 1024 up to EB; at most two decimals, the last one rounded, zeros at the end left out.  Every
 * value has a text, of at most 10 bytes.
 *
 * Ownership   `buf` is the caller's; it may be NULL if `cap` is 0.
 * Threads     any; async-signal-safe.
 * Returns     the bytes of the whole text without its NUL, as snprintf(): it fits if that is less than `cap`.
 *             What fits is written, and ended by a NUL if `cap` > 0.
 * Units       bytes.
 */
LK_API size_t lk_format_bytes(uint64_t bytes, char *buf, size_t cap);

/*
 * lk_format_duration_ns, lk_format_duration_ms - a duration in words: 3661000 ms become "1h 1m",
 * 65 s "1m 5s", 1500 us "1.5ms", 0 "0s".
 *
 * From a minute on the two largest units (d, h, m, s), of which the second is left out if it is 0; below, one unit
 * (s, ms, us, ns) with one decimal.  Rounded down: so long at least.  Every value has a text, of at most 17
 * bytes.
 *
 * Otherwise as lk_format_bytes().
 */
LK_API size_t lk_format_duration_ns(uint64_t ns, char *buf, size_t cap);
LK_API size_t lk_format_duration_ms(uint64_t ms, char *buf, size_t cap);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_FORMAT_H */
