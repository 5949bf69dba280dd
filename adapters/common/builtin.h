/* SPDX-License-Identifier: MIT */
/* The tables of the stores that are part of the library. */
#ifndef LK_ADAPTERS_BUILTIN_H
#define LK_ADAPTERS_BUILTIN_H

#include <latchkey/store.h>

extern const struct lk_store_ops test_store_ops;
extern const struct lk_store_ops file_store_ops;

#endif /* LK_ADAPTERS_BUILTIN_H */
