/* SPDX-License-Identifier: MIT */
/* Names of locks that stand for files. */
#include <latchkey.h> /* above the guard: it includes this file, for others that need it */

#ifndef LATCHKEY_PATH_H
#define LATCHKEY_PATH_H

#ifdef __cplusplus
extern "C" {
#endif

#define LK_PATH_MUST_EXIST 0x1u /* flags: LK_E_NOENT if there is no such file */

/*
 * lk_name_from_path - the name under which all who lock this file meet: its absolute path without links, "." and "..".
 *
 * "data/../x.db", "./x.db", "/srv/x.db" and a link to any of them have one name, "/srv/x.db".  Names need not exist as files: without
 * LK_PATH_MUST_EXIST the last part may be missing (a link whose end is missing stands for that end), the folder above it not.
 * With the default separator the name lies below those of its folders, "/srv": so an S on a folder keeps out
 * writers of all that is below it.  Two hard links of one file are two names.  What is renamed later, or another
 * link then, has another name.
 *
 * Ownership   `out` is the caller's; it may be NULL if `cap` is 0.
 * Threads     any; the folder in which a path that is not absolute begins is the process's.
 * Blocking    as long as the file system takes.
 * Returns     the bytes of the whole name without its NUL: it fits if that is less than `cap`; else nothing but a NUL is
 *             written.  Below 0: LK_E_INVAL (no path, an empty one, unknown flags), LK_E_NOENT, LK_E_PERM (a folder that
 *             may not be searched), LK_E_NAME (longer than LK_NAME_MAX, a ring of links, or a part of it is no folder), LK_E_NOMEM,
 *             LK_E_IO.
 */
LK_API LK_NODISCARD int lk_name_from_path(const char *path, uint32_t flags, char *out, size_t cap);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_PATH_H */
