/* SPDX-License-Identifier: MIT */
/* A manager with a store: opened by its URL. */
#ifndef LK_CORE_ABROAD_H
#define LK_CORE_ABROAD_H

#include "core/manager.h"

/*
 * Open the store of `s`, and take from it what is stored there of settings: `m` has its environment, and nothing else yet.
 * Then all that is remote, which has the store from then on.  0, or the code to return; what is wrong is said in the report.
 */
int abroad_open_store(struct lk_manager *m, struct settings *s, const struct lk_config *cfg,
		      struct lk_store **out);
int abroad_open(struct lk_manager *m, const struct settings *s, const struct lk_config *cfg,
		struct lk_store *store);

/* The URL without the parameters that are settings; `out` has room for all of it. */
void abroad_plain_url(const char *url, char *out);

#endif /* LK_CORE_ABROAD_H */
