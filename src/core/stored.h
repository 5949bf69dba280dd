/* SPDX-License-Identifier: MIT */
/*
 * Settings that are stored: the record "c" of a store, text of lines.
 *
 *   latchkey settings 1
 *   linger_ns=off
 *   ...
 *
 * Names that are not known are left as they are; the rest must be as lk_open() would take it.
 */
#ifndef LK_CORE_STORED_H
#define LK_CORE_STORED_H

#include "core/manager.h"

/*
 * Lay what the store says below all that was said of `s` otherwise.  0; LK_E_INVAL: all must agree in one that was said
 * otherwise; or what the store says.  `why` has a sentence.
 */
int stored_lay(struct settings *s, struct env *env, struct lk_store *store, char *why, size_t cap);

#endif /* LK_CORE_STORED_H */
