/* SPDX-License-Identifier: MIT */
/* Paths as the file system knows them. */
#ifndef LK_BASE_REAL_PATH_H
#define LK_BASE_REAL_PATH_H

#include <stdbool.h>
#include <stddef.h>

enum { REAL_PATH_MAX = 4096 }; /* with the NUL */

/*
 * The absolute path without links, "." and "..".  Its last part may be missing, unless `must_exist`.  0, or an errno;
 * the caller's errno stays.
 */
int real_path(const char *path, bool must_exist, char out[REAL_PATH_MAX]);

#endif /* LK_BASE_REAL_PATH_H */
