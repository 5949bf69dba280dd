/* SPDX-License-Identifier: MIT */
/* What a manager promises across processes, and what its store says. */
#include <latchkey.h> /* above the guard: it includes this file, for others that need it */

#ifndef LATCHKEY_REMOTE_H
#define LATCHKEY_REMOTE_H

#include <latchkey/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * lk_guarantee - what the locks of this manager are good for, and on which assumptions.
 *
 * In memory it is LK_LEVEL_GUARDED, among the threads of this process; over a store what the store can give with its
 * present settings.  Nobody can promise that what two machines *do* never overlaps: a process may be stopped, and go
 * on after its lock has gone to another.  What only a fence or a guard lets in is safe all the same.
 *
 * Ownership   `out` is the caller's; its size is set.
 * Threads     any.
 * Returns     0; LK_E_INVAL, LK_E_VERSION: `out`; LK_E_FORKED.
 */
LK_API LK_NODISCARD int lk_guarantee(struct lk_manager *m, struct lk_guarantee *out);

/*
 * lk_store_error - the store's own words on its latest failure, in any thread; "": there was none, or there is no store.
 *
 * Ownership   `buf` is the caller's; it gets a NUL, and as much as there is room for.
 * Threads     any.
 * Returns     0; LK_E_INVAL; LK_E_FORKED.
 */
LK_API LK_NODISCARD int lk_store_error(struct lk_manager *m, char *buf, size_t cap);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_REMOTE_H */
