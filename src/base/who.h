/* SPDX-License-Identifier: MIT */
/* Who this process is, for people. */
#ifndef LK_BASE_WHO_H
#define LK_BASE_WHO_H

#include <stddef.h>

/* "host:pid", with a NUL, as much as there is room for. */
void who_am_i(char *buf, size_t cap);

#endif /* LK_BASE_WHO_H */
