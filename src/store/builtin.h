/* SPDX-License-Identifier: MIT */
/* The stores that are part of this library.  They are beside src/, and know the public headers only. */
#ifndef LK_STORE_BUILTIN_H
#define LK_STORE_BUILTIN_H

#include <latchkey/store.h>

/* NULL at the end.  Weak: a build of the core alone has none. */
extern const struct lk_store_ops *const lk_store_builtin[]
	__attribute__((weak, visibility("hidden")));

#endif /* LK_STORE_BUILTIN_H */
