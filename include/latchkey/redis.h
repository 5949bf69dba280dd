/* SPDX-License-Identifier: MIT */
/*
 * Locks that are kept in a Redis server: "redis://[user:password@]host[:port][/db]", "redis:/path/of/a/socket", or, as sentinels
 * say where it is, "redis+sentinel://host:port,host:port/master[/db]"; with TLS, "rediss://host".
 *
 * All of it is in a library of its own, liblatchkey-redis, which lk_open() and lk_store_open() load when a URL says
 * "redis:" or "rediss:".  Who links it statically registers it first:
 *
 *	lk_store_register(lk_store_redis());
 *	lk_store_register(lk_store_rediss());
 *
 * A connection of the program's (lk_config.store_handle, lk_store_open.handle; a redisContext *, and "redis:" without a place) is used for
 * everything, and never closed.  It is logged in, its database is chosen, it has no answer outstanding; until the store is
 * closed it is the store's alone.  There are no hints then, as it cannot listen and ask.  When an answer does not come in time,
 * or the connection ends, the store is of no use any more.
 */
#include <latchkey.h> /* above the guard: it includes this file, for others that need it */

#ifndef LATCHKEY_REDIS_H
#define LATCHKEY_REDIS_H

#include <latchkey/store.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LK_REDIS_API __attribute__((visibility("default")))

/* lk_store_redis - the table of the store, a constant: of "redis:". */
LK_REDIS_API const struct lk_store_ops *lk_store_redis(void);

/* lk_store_rediss - the same with TLS: of "rediss:". */
LK_REDIS_API const struct lk_store_ops *lk_store_rediss(void);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_REDIS_H */
