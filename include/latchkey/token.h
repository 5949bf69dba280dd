/* SPDX-License-Identifier: MIT */
/*
 * Tokens: a grant as text.
 *
 * Whoever has the token of a grant may ask whether it is held, renew its lease and release it, from any thread, while
 * the owner goes on: for work that is handed on from thread to thread, to a supervisor, or through a program's own
 * messages.  The owner itself stays with its thread.
 *
 *	lk1-<fence>-<owner>-<grant>-<check>     each of 16 digits of 0-9a-f
 *
 * All tokens have the same length and are made of [0-9a-z-], so they can be names of files and parts of URLs; as text
 * they sort by fence.  The check is a hash with random numbers of the manager: a token that was changed, or of
 * another manager, or of an earlier run, is LK_E_STALE and never somebody else's grant.  That is against mistakes
 * and against guessing.  It is no signature: whoever sees tokens can use them, and may in time learn to make some.  Keep
 * them to those who may release the lock.
 *
 * An owner that made a token costs what one with leases costs: a latch in each of its calls until it is closed.
 */
#include <latchkey.h> /* all parts, in their order, whichever is asked for first */

#ifndef LATCHKEY_TOKEN_H
#define LATCHKEY_TOKEN_H

#ifdef __cplusplus
extern "C" {
#endif

#define LK_TOKEN_MAX 72u /* bytes of a token, the NUL included */

/* What a token says. */
struct lk_token_info {
	uint32_t size;
	uint32_t reserved;
	uint64_t fence;    /* as lk_fence() was when the token was made */
	uint64_t owner_id; /* as in lk_snapshot(); 0: of a detached grant in a store (detach.h) */
	lk_grant grant;    /* … */
};

/*
 * lk_token - the token of a grant.
 *
 * It is good until the grant ends, whichever way.  Any number may be made of one grant; after an upgrade make
 * another, as the fence is a new one.
 *
 * Ownership   `buf` is written, always ended by a NUL if `cap` is not 0; on failure it is "".
 * Threads     as all calls with the owner.
 * Blocking    no, but where lk_fence() fetches the fence.
 * Returns     0; LK_E_INVAL (also if `cap` is less than LK_TOKEN_MAX); LK_E_LOST; LK_E_STALE;
 *             LK_E_NOMEM; LK_E_LIMIT: 2^24 owners are open; where the fence could not be fetched, what the store
 *             says, or LK_E_BUSY: another process keeps the name.  Nothing changed.
 */
LK_API LK_NODISCARD int lk_token(struct lk_owner *w, lk_grant g, char *buf, size_t cap);

/*
 * lk_token_check - is the grant of a token held?
 *
 * Threads     any.
 * Blocking    as long as a call of the owner is under way that does not wait; not while it waits.
 * Returns     0 it is; LK_E_SUSPECT, LK_E_LOST: as lk_check(); LK_E_STALE: it is not, or the token is none of this
 *             manager's; LK_E_INVAL: it is no token.
 */
LK_API LK_NODISCARD int lk_token_check(struct lk_manager *m, const char *token);

/*
 * lk_token_renew - another term for the lease of the grant, as lk_renew().
 *
 * Threads     any.
 * Blocking    as lk_token_check().
 * Returns     0: HELD; LK_E_LOST; LK_E_STALE; LK_E_INVAL; LK_E_NOMEM; LK_E_BUSY: the grant has no lease, and
 *             cannot get one while a call of the owner waits, or is in a callback of the program.
 * Units       nanoseconds.
 */
LK_API LK_NODISCARD int lk_token_renew(struct lk_manager *m, const char *token, uint64_t lease_ns);

/*
 * lk_token_release - give the grant back, as lk_release().
 *
 * For the owner it is as if it had released it: the grant is LK_E_STALE from then on.  If a call of the owner
 * waits meanwhile, or is in a callback of the program, only its thread can give the grant back: it is woken for that, and
 * then goes on waiting.  Token and grant are LK_E_STALE at once; the name is free when that thread has run.  The
 * hook and the log are told of the release in the caller's thread.
 *
 * Threads     any.
 * Blocking    as lk_token_check().  Never allocates.
 * Ordering    everything before it happens-before what a later conflicting holder does.
 * Returns     0; LK_E_LOST, as lk_release(): the next one is LK_E_STALE; LK_E_STALE; LK_E_INVAL.
 */
LK_API LK_NODISCARD int lk_token_release(struct lk_manager *m, const char *token);

/*
 * lk_token_parse - what a token says, without asking anybody whether it is true.
 *
 * For a resource that checks fences and knows no manager.  Set `out->size`.
 *
 * Threads     any; no manager is needed.
 * Returns     0; LK_E_INVAL: it is no token; LK_E_VERSION.  `*out` is not written then.
 */
LK_API LK_NODISCARD int lk_token_parse(const char *token, struct lk_token_info *out);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_TOKEN_H */
