/* SPDX-License-Identifier: MIT */
/* Numbers in a URL. */
#ifndef LK_ADAPTERS_NUMBER_H
#define LK_ADAPTERS_NUMBER_H

#include <stdint.h>

/* "64k", "1M": 0 if it is no such number. */
uint64_t number_of_bytes(const char *text);

#endif /* LK_ADAPTERS_NUMBER_H */
