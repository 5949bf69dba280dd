/* SPDX-License-Identifier: MIT */
/*
 * The stores that this process knows, by the scheme of their URLs: built in, registered by the program, or loaded.
 *
 * KS1  a scheme is in the list once, and stays while it is in use.
 * KS2  libraries are loaded with the list open: what a constructor there registers finds its way in.
 */
#ifndef LK_BASE_SCHEMES_H
#define LK_BASE_SCHEMES_H

#include <latchkey/store.h>

#include "base/compiler.h"

struct scheme; /* one store that is known */

enum scheme_outcome { SCHEME_ADDED, SCHEME_TAKEN, SCHEME_NOMEM };

enum scheme_outcome schemes_add(const struct lk_store_ops *ops);

enum scheme_removal { SCHEME_REMOVED, SCHEME_UNKNOWN, SCHEME_IN_USE };

enum scheme_removal schemes_remove(const struct lk_store_ops *ops);

/* In use from now on, until schemes_put(); NULL: nothing is known of it. */
struct scheme *schemes_get(const char *scheme);
void schemes_put(struct scheme *s);

const struct lk_store_ops *scheme_ops(const struct scheme *s);

/*
 * The table of "liblatchkey-<scheme>.so.<major>", which stays loaded; NULL: the system's loader has no such library, or it
 * has no such function.  Only for a scheme whose bytes have been checked.
 */
const struct lk_store_ops *schemes_load(const char *scheme);

#endif /* LK_BASE_SCHEMES_H */
