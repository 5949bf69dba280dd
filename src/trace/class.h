/* SPDX-License-Identifier: MIT */
/*
 * Classes of names: what is left of a name when its numbers go, so that all rows of a table are one class.
 *
 *   db/orders/42                                  db/orders/#
 *   job-0x1f2e                                    job-#
 *   user42/550e8400-e29b-41d4-a716-446655440000   user#/#-#-#-#-#
 *   deadbeef                                      deadbeef: without a digit it is a word
 *   the number 42 (lk_acquire_id)                 id #, as all numbers
 *
 * A run of letters and digits is a number if all of it are digits; or hexadecimal digits with a digit among
 * them, four at least or after 0x.  In other runs each run of digits becomes '#'.
 */
#ifndef LK_TRACE_CLASS_H
#define LK_TRACE_CLASS_H

#include <latchkey.h>

#include "base/compiler.h"

enum { CLASS_KEPT = LK_EVENT_NAME_MAX };

struct class
{
	uint64_t
		hash; /* of all of it, and of whether it is that of numbers: what tells classes apart */
	uint32_t len;                   /* of all of it */
	unsigned char text[CLASS_KEPT]; /* the first bytes */
};

void class_of(struct class *c, const void *name, size_t len, bool is_id);

#endif /* LK_TRACE_CLASS_H */
