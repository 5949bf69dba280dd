/* SPDX-License-Identifier: MIT */
/* The stores that are always there. */
#include "common/builtin.h"

__attribute__((visibility("hidden"))) extern const struct lk_store_ops *const lk_store_builtin[];

const struct lk_store_ops *const lk_store_builtin[] = { &file_store_ops, &test_store_ops, NULL };
