/* SPDX-License-Identifier: MIT */
/* Opening stores, for whoever has taken the URL apart already. */
#ifndef LK_STORE_OPEN_H
#define LK_STORE_OPEN_H

#include <latchkey/store.h>

#include "base/env.h"
#include "store/url.h"

/*
 * As lk_store_open(), but of parts: `scheme`, `rest` and the parameters are set in `o`, and so are `allocator` and
 * `environment`, with LK_STORE_TIME_IS_GIVEN if it is the program's own; all of both stays until the store is closed.
 * So a manager gives the parameters that are not its own settings.
 */
int store_open(const struct lk_store_open *o, struct lk_store **out);

/* Is it a parameter of stores of that scheme?  False also if nothing is known of the scheme. */
bool store_has_parameter(const char *scheme, const char *name);

void store_close(struct lk_store *s);

#endif /* LK_STORE_OPEN_H */
