/* SPDX-License-Identifier: MIT */
/*
 * The circuit breaker of a manager's store: who fails again and again is not asked for a while, so that requests which
 * need the store fail at once instead of each waiting for an answer that does not come.
 *
 *   closed      all calls go to the store.  breaker_threshold failures in a row open it.
 *   open        requests that need the store end with LK_E_BREAKER.  What the process has of the store already is locked
 *               and released as ever, for as long as its session lives.
 *   half open   breaker_reset_ns after it opened, or the last probe failed: one call goes to the store, as a probe; all others
 *               are refused still.  If it is answered the breaker is closed; if not, it is open for as long again.
 *
 * A failure is LK_E_STORE or LK_E_UNKNOWN.  Contention is none: LK_E_BUSY, LK_E_TIMEDOUT, a lock that others have.  Nor is what
 * the store says of a request: that a record is damaged, that there is no room, that it is not allowed.
 *
 * Heartbeats of the session always go to the store: to hold them back would lose every lock to an outage that was short.  One
 * that is answered while the breaker is open makes it half open at once; it does not close it, as a store that answers them
 * may still be unable to write.  While it is open they come thirty times in a time to live.
 *
 * Each name that fails has a breaker of its own too, for stores that fail in parts (a damaged stripe, a slot of a cluster):
 * it opens after breaker_threshold failures in a row of calls for that name, while the store answers others in between.
 */
#include <latchkey.h> /* above the guard: it includes this file, for others that need it */

#ifndef LATCHKEY_BREAKER_H
#define LATCHKEY_BREAKER_H

#ifdef __cplusplus
extern "C" {
#endif

enum lk_breaker_state { LK_BREAKER_CLOSED = 1, LK_BREAKER_OPEN, LK_BREAKER_HALF_OPEN };

#define LK_BREAKER_ID 0x1u /* lk_breaker.flags: the name is 8 bytes, a uint64_t */

enum { LK_BREAKER_STORE_MAX = 128 };

/* The breaker of the store, or of one name. */
struct lk_breaker {
	uint32_t size;
	uint32_t flags;           /* LK_BREAKER_ID */
	uint32_t state;           /* enum lk_breaker_state */
	int32_t last_code;        /* of the latest failure; 0: there was none */
	uint64_t failures;        /* in a row, up to now */
	uint64_t last_failure_ns; /* so long ago; LK_OFF: there was none */
	uint64_t next_attempt_ns; /* OPEN: until a probe may go; else 0 */
	uint64_t opened;          /* how often it has opened; of a name: since it last answered */
	uint64_t refused;         /* calls that it has refused; … */
	const void *name; /* the library's, as long as the callback; NULL: the store as a whole */
	size_t name_len;
	char store
		[LK_BREAKER_STORE_MAX]; /* which store: its URL without parameters, user or password */
};

/*
 * lk_breaker_status - how it is with the store, or with one name of it (`name` not NULL).  Set `out->size`.
 *
 * A name that has not failed since it last answered is closed, with zeros.  In memory all is closed.
 *
 * Ownership   `out` is the caller's; `out->name` is NULL.
 * Threads     any.
 * Blocking    no; the store is not asked.
 * Returns     0; LK_E_NAME.
 */
LK_API LK_NODISCARD int lk_breaker_status(struct lk_manager *m, const void *name, size_t len,
					  struct lk_breaker *out);

/*
 * lk_breaker_each - call `fn` for the store, and then for each name that fails, until it returns non-zero.
 *
 * At most max_failure_entries names are remembered: those that failed longest ago are forgotten first, and open ones never.
 *
 * Threads     any.  `fn` may call anything but lk_close(); rows are of one moment.
 * Returns     0, or what `fn` returned; LK_E_NOMEM before a row is told.  In memory nothing is told.
 */
LK_API LK_NODISCARD int lk_breaker_each(struct lk_manager *m,
					int (*fn)(void *arg, const struct lk_breaker *row),
					void *arg);

/*
 * lk_breaker_reset - close it, and forget its failures: of one name, or with NULL of the store and all its names.
 *
 * A call that is under way still counts for nothing.
 *
 * Threads     any.
 * Returns     0, also if it was closed; LK_E_NAME.
 */
LK_API LK_NODISCARD int lk_breaker_reset(struct lk_manager *m, const void *name, size_t len);

LK_API const char *lk_breakername(uint32_t state); /* "closed", "open", "half-open"; "?" */

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_BREAKER_H */
