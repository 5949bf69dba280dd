/* SPDX-License-Identifier: MIT */
/* What a URL wants of a store. */
#ifndef LK_ADAPTERS_REDIS_WISHES_H
#define LK_ADAPTERS_REDIS_WISHES_H

#include "redis/store.h"

extern const char *const wishes_redis[];  /* the parameters of "redis:", NULL at the end */
extern const char *const wishes_rediss[]; /* … of "rediss:" */

/* 0 or a code, said.  The transport is made. */
int wishes_read(struct redis_store *s, const struct lk_store_open *o);

#endif /* LK_ADAPTERS_REDIS_WISHES_H */
