/* SPDX-License-Identifier: MIT */
/*
 * Latchkey - locks by name, at the price of a latch.
 *
 * Read first; these are the things that bite:
 *
 *   - A lock keeps other *lock users* out, nothing else: it is advisory.
 *   - An owner is used by one thread at a time (lk_owner_cancel excepted).  Which
 *     thread may change; pass it on with the ordering you would give any object.
 *   - Owners that wait for each other in a ring are found after a millisecond: one of their requests
 *     ends with LK_E_DEADLOCK.  What its owner holds stays: release, and begin again.
 *   - After fork() the child holds nothing and every call says LK_E_FORKED; it may
 *     open a manager of its own (of an SQLite database that is open in the parent only after exec()).
 *   - A grant is a value.  Using an old one is a clear error (LK_E_STALE); using
 *     the *pointer* of a closed manager or resource is undefined.
 *   - Threads must not be cancelled asynchronously (PTHREAD_CANCEL_ASYNCHRONOUS)
 *     inside the library.  Deferred cancellation is safe: no call is a
 *     cancellation point.
 *
 * Words: a *manager* is a space of locks.  A *resource* is what a name stands for.
 * An *owner* holds locks: a thread, a transaction, a request.  A *mode* says how.
 * What an owner asks for is a *request*, what it gets a *grant*; changing a grant's
 * mode is a *conversion*.  A *handle* is a resource resolved once.
 *
 * Rules for every call:
 *
 *   - The result is 0 or a negative LK_E_ code.  A non-zero result leaves what the owner
 *     holds as it was.  Both unless said otherwise.
 *   - LK_E_INVAL (NULL or out-of-range argument), LK_E_FORKED and, for calls that
 *     take an owner which has been closed, LK_E_STALE can come from every call that
 *     returns a code, and are not repeated below.
 *   - No call changes errno (lk_write_file() excepted), is a cancellation point, or is cut short by a signal.
 *   - Structures begin with `size`: set it to sizeof; zero elsewhere means default.
 *     A structure larger than the library knows is LK_E_VERSION if the part that it
 *     does not know is not zero.
 *   - No user code is called with an internal latch held (the allocator and the
 *     environment of struct lk_config excepted).
 *   - Only lk_owner_cancel() may be called from a signal handler.
 *
 * Ordering: a grant synchronizes-with every earlier release, or weakening, of the
 * same name that it had to wait for or could have conflicted with: what was done
 * before an X is released is seen by whoever is granted after it.
 */
#ifndef LATCHKEY_H
#define LATCHKEY_H

#include <stddef.h>
#include <stdint.h>

#include <latchkey/config.h>
#include <latchkey/error.h>

#if defined(__GNUC__)
#define LK_API       __attribute__((visibility("default")))
#define LK_NODISCARD __attribute__((warn_unused_result))
#else
#define LK_API
#define LK_NODISCARD
#endif

#define LATCHKEY_VERSION_MAJOR 0
#define LATCHKEY_VERSION_MINOR 1
#define LATCHKEY_VERSION_PATCH 0
#define LATCHKEY_VERSION       "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

#define LK_NAME_MAX  4096 /* bytes in a name */
#define LK_TAG_MAX   256  /* bytes in a tag */
#define LK_LABEL_MAX 31   /* bytes kept of a label */

struct lk_manager;
struct lk_owner;
struct lk_resource;

/*
 * A grant: slot (24 bits) and stamp (40 bits).  0 is never a grant, and no value recurs within 2^40
 * grants of a manager.
 */
typedef uint64_t lk_grant;

/*
 * Modes.  Who may hold a name together (row wanted, column held by others):
 *
 *        IS  IX  S   U   SIX X
 *   IS   +   +   +   +   +   -     intent to read below
 *   IX   +   +   -   -   -   -     intent to write below
 *   S    +   -   +   +   -   -     read
 *   U    +   -   +   -   -   -     read now, perhaps write later: one at a time
 *   SIX  +   -   -   -   -   -     read all, write some below
 *   X    -   -   -   -   -   -     write
 *
 * U admits readers until its owner asks for X; from then on new readers wait.
 * Source: Gray, Lorie, Putzolu, Traiger 1976; U as in System R and SQL Server.
 */
typedef enum lk_mode {
	LK_NL, /* holds nothing */
	LK_IS,
	LK_IX,
	LK_S,
	LK_SIX,
	LK_U,
	LK_X,
	LK_SHARED = LK_S,
	LK_READ = LK_S,
	LK_UPDATE = LK_U,
	LK_EXCLUSIVE = LK_X,
	LK_WRITE = LK_X
} lk_mode;

/*
 * Hierarchy.  A name is a path: it is split at each separator (lk_config.separator, by default '/') that
 * has another byte on both sides.  "db/orders/42" lies below "db/orders", which lies below "db"; "/var",
 * "db/" and "a//b" are not split, so every byte string is a name.  Numbers (lk_acquire_id) lie below nothing.
 *
 *   intents     a grant in IS or S holds all its ancestors in IS, one in U, IX, SIX or X holds them in
 *               IX, for as long as it lasts.  So an S on "db" keeps writers out of everything below it,
 *               and an X everybody.  They are taken from the root down and given back from the leaf up;
 *               a conversion that needs a stronger intent takes that first.
 *   coverage    if the owner holds an ancestor in a mode that already says as much (X: anything; S, U or
 *               SIX: S or IS), the new grant is *implied*: it is counted on that ancestor's hold (in S
 *               for S and IS, else in X) and above that in its intent, and no lock word is touched.  Releasing or weakening the
 *               ancestor never fails; it stays in what its implied grants need.
 *
 * All or nothing: a path has one deadline, and a refusal anywhere on it leaves nothing behind.  A name
 * without a separator pays nothing for any of this.
 * Source: Gray, Lorie, Putzolu, Traiger 1976.
 */

/* Flags of struct lk_options.  LK_TIMED (config.h) is one too. */
#define LK_NOWAIT 0x100u /* LK_E_BUSY rather than wait */
#define LK_PARENTS \
	0x200u /* hold the ancestors in the same mode, not in intents; nothing is implied */

struct lk_retry;  /* see retry.h */
struct lk_report; /* see explain.h */

/*
 * How a request is made.  NULL options, and zero in a field, mean the default.
 */
struct lk_options {
	uint32_t size;
	uint32_t flags;     /* LK_NOWAIT, LK_PARENTS, LK_TIMED, LK_RENEW (lease.h) */
	int64_t timeout_ns; /* from now; LK_FOREVER; 0: the manager's, unless deadline_ns is set */
	uint64_t
		deadline_ns; /* absolute, CLOCK_MONOTONIC; 0: none.  The earlier of the two counts */
	uint64_t lease_ns;   /* see lease.h; 0: the manager's; LK_OFF: none */
	int32_t priority;    /* higher goes first in the line; 0: the owner's */
	uint32_t max_retries; /* when the store does not answer: see retry.h; 0: the manager's */
	const struct lk_retry *retry; /* … and the pauses between them; NULL: the manager's */
	uint64_t max_hold_ns;         /* see lease.h; 0: the manager's; LK_OFF: none */
	uint64_t name_hash;           /* lk_name_hash() of the name, if known; 0: not known */
	const void *tag;              /* copied, kept with the grant, shown to others: "why" */
	size_t tag_len;               /* at most LK_TAG_MAX */
	int (*condition)(void *arg);  /* grant only if it returns non-zero: see below; NULL: none */
	void *condition_arg;
	struct lk_report
		*report; /* out: who was in the way; not of lk_shutdown(): LK_E_UNSUPPORTED */
	uint32_t units, permits; /* see semaphore.h; 0: none */
};

/*
 * Conditions.  `condition(condition_arg)` is asked in the caller's thread, with the lock held (of a batch: with
 * all of them) and nothing of Latchkey's latched.  Non-zero: the request is granted.  0: everything goes back.
 *
 *   LK_NOWAIT   LK_E_CONDITION
 *   else        the request waits, holding nothing of what it asked for, until a writer leaves one of its names,
 *               or an ancestor: by releasing U, SIX or X, or by weakening it.  Then it takes the locks
 *               like any newcomer, and asks again.  At the deadline: LK_E_CONDITION, or LK_E_TIMEDOUT if it
 *               waited for a lock then.
 *
 * It may look at whatever the lock protects in the mode that was asked for; of changes that are made without
 * the lock, or under locks on names below, it is not told.  It may be asked more often than that.  It may call
 * Latchkey with other owners, not with this one, and has to return.  What the owner holds besides stays held while it
 * waits, and so may keep out the very writer: nobody looks for deadlocks there, as a condition is nobody's to
 * hold.  lk_convert() has none, as it would hold on to what it has: LK_E_UNSUPPORTED; a batch of no names asks
 * for nothing.  An argument without a condition is LK_E_INVAL.
 * Source: nsync's conditional critical sections; Hoare 1972.
 */
#define LK_OPTIONS_INIT                                     \
	{                                                   \
		.size = (uint32_t)sizeof(struct lk_options) \
	}

struct lk_queue;  /* see queue.h */
struct lk_notice; /* see notice.h */
typedef void lk_notice_fn(void *arg, const struct lk_notice *notice);

/* Flags of struct lk_owner_options. */
#define LK_NOTIFY_BLOCKING 0x1u /* tell it when a grant of its is in somebody's way */
#define LK_OWNER_SHARED    0x2u /* others may hand it grants at any time: see transfer.h */

/* What an owner is.  The label is copied; the first LK_LABEL_MAX bytes are kept. */
struct lk_owner_options {
	uint32_t size;
	uint32_t flags; /* LK_NOTIFY_BLOCKING, LK_OWNER_SHARED */
	const char *label;
	uint64_t deadline_ns; /* absolute, CLOCK_MONOTONIC: bounds every wait; 0: none */
	int32_t priority;     /* of requests that say none, and as a victim: the lowest is chosen */
	uint32_t reserved;
	struct lk_queue *queue; /* where its notices go: see notice.h */
	lk_notice_fn *on_notice;
	void *notice_arg;
	uint64_t escalate_after; /* as in lk_config; 0: the manager's; LK_OFF: any number */
	struct lk_owner
		*parent; /* it is a child of that one, in its family: see family.h; NULL: none */
};

#define LK_OWNER_OPTIONS_INIT                                     \
	{                                                         \
		.size = (uint32_t)sizeof(struct lk_owner_options) \
	}

/* ------------------------------------------------------------------ managers */

/*
 * lk_open - open a space of locks.
 *
 * `url` says who shares the locks, with settings as parameters ("memory:?max_idle=64&strict=1"):
 *
 *   "memory:" or NULL       the threads of this process
 *   "file:/run/app/locks"   all processes of this host that open that folder (made if it is missing), or a
 *                           database ("sqlite:/var/lib/app.db")
 *   "redis://host:6379/0"   all that reach that server
 *
 * or a store of one's own (store.h).  What `cfg` sets and the URL sets too must agree.  What neither
 * sets is taken from variables LATCHKEY_… and a file: see settings.h.
 *
 * Ownership   `*out` is the caller's until lk_close(); `url` and `cfg` are copied; `cfg->report` ends with a NUL.
 * Threads     any.  Several managers may live in one process; their names do not meet.
 * Blocking    no, but for reading a file of settings, and until the store answers.  Reads the wall clock once, where
 *             fences begin.
 * Returns     0; LK_E_INVAL (a setting out of range, unknown or contradictory, a bad
 *             URL: `cfg->report` says which), LK_E_IO (the file of settings cannot be read),
 *             LK_E_UNSUPPORTED (no such store, or not as `require` wants it), LK_E_VERSION, LK_E_NOMEM.  Of a store
 *             also LK_E_STORE, LK_E_TIMEDOUT, LK_E_UNKNOWN (it cannot be reached, or fails), LK_E_PERM, LK_E_CORRUPT,
 *             LK_E_LIMIT, LK_E_BUSY, LK_E_MOVED (migrate.h).  On failure `*out` is not written, and `cfg->report` has the reason.
 */
LK_API LK_NODISCARD int lk_open(const char *url, const struct lk_config *cfg,
				struct lk_manager **out);

/*
 * lk_close - close a manager and free all its memory.
 *
 * Ownership   on success `m` is gone.  (A thread that called lk_self() keeps some bytes until it ends.)
 * Threads     no other thread may be in a call with `m`, or make one afterwards.
 * Returns     0; LK_E_BUSY, and nothing changed, while an owner of lk_owner_open(),
 *             a handle, queue or pool is open, or a thread's own owner holds something.  Threads that
 *             only have an idle lk_self() owner are no obstacle.
 *             LK_E_FORKED in a child: the memory is left as it is.
 */
LK_API LK_NODISCARD int lk_close(struct lk_manager *m);

/*
 * lk_shutdown - end all locking, by a deadline.
 *
 * From its start every new request is refused with LK_E_CLOSED and every waiter is
 * woken with it.  Then waits for the owners to release what they hold; at the
 * deadline of `o` (timeout_ns, deadline_ns; LK_NOWAIT: at once; NULL: the manager's
 * default) releases what is left by itself, unless some owner is inside a call.
 * As nobody can be granted anything any more, that lets nobody in.
 *
 * Threads     any; once or more often.
 * Blocking    until nothing is held, or the deadline.
 * Returns     0: nothing is held, nobody waits; lk_close() succeeds once owners and
 *             handles are closed.  LK_E_TIMEDOUT: some owner was inside a call at the
 *             deadline (or, where the kernel has no membarrier(2), some owner held
 *             something); the manager stays shut down, call again.
 *             LK_E_UNSUPPORTED for options that this version lacks; nothing changed.
 */
LK_API LK_NODISCARD int lk_shutdown(struct lk_manager *m, const struct lk_options *o);

/* -------------------------------------------------------------------- owners */

/*
 * lk_owner_open - open an owner.  Costs tens of nanoseconds: one per transaction or
 * request is the intended use.
 *
 * Ownership   `*out` is the caller's until lk_owner_close().
 * Threads     any; the owner is then used by one thread at a time.
 * Returns     0; LK_E_CLOSED, LK_E_NOMEM, LK_E_VERSION: `*out` is not written.  With a parent (family.h) also
 *             LK_E_STALE, LK_E_UNSUPPORTED.
 */
LK_API LK_NODISCARD int lk_owner_open(struct lk_manager *m, const struct lk_owner_options *o,
				      struct lk_owner **out);

/*
 * lk_owner_close - release all that the owner holds, and close it.
 *
 * Blocking    no; but an owner that had more than 64 grants at a time waits for a grace period of
 *             liburcu's "bp" flavour (for running lk_snapshot() calls), so not inside a read-side
 *             critical section of that flavour.  The same holds for a thread that ends with such an
 *             lk_self() owner.
 * Ordering    as lk_release() for each grant.
 * Returns     0; LK_E_STALE if it is closed already (as long as the manager is open
 *             and the memory has not become another owner's); LK_E_INVAL: it is a
 *             pool's, see lk_pool_give(); LK_E_BUSY, and nothing changed: it has
 *             children, see family.h.  A thread's own owner
 *             (lk_self) may be closed by its thread; the next lk_self() opens another.
 */
LK_API LK_NODISCARD int lk_owner_close(struct lk_owner *w);

/*
 * lk_owner_cancel - end the owner's present wait, or its next one, with LK_E_CANCELED.
 *
 * A request that can be granted without waiting is not affected.  If a grant wins the
 * race, the grant stands and the *next* wait is ended.
 *
 * Threads     any thread, also while the owner is in use; async-signal-safe.
 * Returns     0.
 */
LK_API int lk_owner_cancel(struct lk_owner *w);

/*
 * lk_self - the calling thread's own owner in `m`, opened at the first call.
 *
 * Ownership   the library's: closed when the thread ends.  What it still holds then is
 *             released, and the next holder of a name that it held in U, SIX or X is
 *             told once (LK_OWNER_DIED in lk_grant_info()).
 * Threads     the owner is for the calling thread only.
 * Returns     NULL on failure: NULL manager, forked, shut down, out of memory.
 */
LK_API struct lk_owner *lk_self(struct lk_manager *m);

/* -------------------------------------------------------------- taking locks */

/*
 * lk_acquire - lock `name` in `mode` on behalf of `w`, waiting if need be.
 *
 * An owner never conflicts with itself: a name that it holds already gets one more
 * grant, and the owner's effective mode there becomes the weakest mode that is at
 * least all of them.
 *
 * Ownership   `name` (a C string) is copied if it must be kept.  `out`, if not NULL, is
 *             written only on success; the grant lives until it is released or `w` closes.
 * Threads     one call at a time per owner; owners are independent.
 * Blocking    up to the deadline of `o`, of the owner, or of the manager.  Never a system
 *             call, clock reading or allocation when nobody is in the way (an owner's
 *             first grants, and names not seen lately, may allocate; of lk_config.sample_every
 *             grants one reads the clock, and may allocate).
 * Ordering    see the top of this page.
 * Returns     0 granted.  Otherwise nothing was taken, what `w` already holds is still held:
 *               LK_E_BUSY       LK_NOWAIT was asked and somebody is in the way
 *               LK_E_TIMEDOUT   the deadline passed; it was tried at least once
 *               LK_E_CANCELED   lk_owner_cancel()
 *               LK_E_CONVERSION_DEADLOCK  `w` holds the name, or an ancestor, and wants more there,
 *                               and so does another holder who waits: each stands in the other's way, neither
 *                               could ever be granted.  Release, and try again
 *               LK_E_DEADLOCK   `w` was one of a ring of owners that wait for each other, and its request was
 *                               chosen to end (lk_config.victim).  Release, and begin again
 *               LK_E_LIMIT      max_reentry; 2^24 grants of one owner; or 2^13 holders in
 *                               S or IX (2^15 in IS) of one name, or ancestor, at a time
 *               LK_E_CONDITION  the condition of `o` was not true, and no writer has left since
 *               LK_E_PERM       lk_config.on_event refused it
 *               LK_E_NAME       an empty name, or one longer than LK_NAME_MAX
 *               LK_E_CLOSED     lk_shutdown()
 *               LK_E_NOMEM, LK_E_UNSUPPORTED, LK_E_VERSION
 *             and with a store:
 *               LK_E_STORE      it failed, and nothing was written; LK_E_UNKNOWN: perhaps it was: lk_store_error();
 *                               LK_E_BREAKER: too often, so it is not asked; LK_E_CORRUPT: the record: lk_repair()
 *               LK_E_LOST       `w` holds the name, or an ancestor, and has lost it
 *               LK_E_MOVED      the locks are in another store: lk_migrate()
 * Units       nanoseconds.
 * Source      modes: Gray et al. 1976; order of the line: PostgreSQL's lock manager.
 */
LK_API LK_NODISCARD int lk_acquire(struct lk_owner *w, const char *name, lk_mode mode,
				   const struct lk_options *o, lk_grant *out);

/*
 * lk_try_acquire - the same, but LK_E_BUSY instead of a wait.  Never sleeps and makes no
 * system call (but for memory, when the owner or the index must grow; and with a store, to ask it: for ten milliseconds
 * it then waits for another process to give back what nobody there uses).  LK_E_BUSY may rarely be
 * said of a name that is free: when a thread was stopped inside the library and keeps a latch.
 */
LK_API LK_NODISCARD int lk_try_acquire(struct lk_owner *w, const char *name, lk_mode mode,
				       lk_grant *out);

/* lk_acquire_bytes - the same for any `len` bytes, NUL included. */
LK_API LK_NODISCARD int lk_acquire_bytes(struct lk_owner *w, const void *name, size_t len,
					 lk_mode mode, const struct lk_options *o, lk_grant *out);

/*
 * lk_acquire_id - the same for a 64-bit number.  Numbers are a space of their own: 0x61 and
 * "a" are different names.
 */
LK_API LK_NODISCARD int lk_acquire_id(struct lk_owner *w, uint64_t id, lk_mode mode,
				      const struct lk_options *o, lk_grant *out);

/*
 * lk_name_hash - what to put into lk_options.name_hash for this name in this manager.
 *
 * It saves the hashing when a name is locked often.  A hash that is not the name's own is
 * found out before it can do harm (LK_E_INVAL), or has no effect.
 *
 * Returns     the hash, never 0; or 0 for a NULL manager or a bad name.
 */
LK_API uint64_t lk_name_hash(struct lk_manager *m, const void *name, size_t len);

/* --------------------------------------------------- several at once, and scopes */

/* One name of a batch.  This structure is frozen. */
struct lk_request {
	const char *name;
	lk_mode mode;
	uint32_t flags; /* LK_NAME_IS_ID: `name` points to a uint64_t, and `len` is 0 or 8 */
	size_t len;     /* 0: `name` is a C string */
};

/*
 * lk_acquire_many - lock `n` names, all or none.
 *
 * All are tried without waiting, each name in all that the batch will need there: an ancestor in the intents
 * of all that is below it.  If somebody is in the way, what was had goes back, and the batch waits in the lines
 * of all its names and their ancestors at once.  It is granted when it fits in all of them, in one step.  So
 * while it waits, it holds nothing on its own account, others see the names as free, and batches of owners
 * that hold nothing else never wait for each other in a ring.  A name may occur more than once: it is waited for once, in the weakest mode that is
 * at least all that were asked for, and has a grant for each.
 *
 * Of all batches that wait in a manager, only the one that has waited longest keeps others out of its lines,
 * once it has waited for `fair_after_ns` (in a strict manager, at once).  So each is granted in the end, if those
 * who hold its names release them.
 *
 * Ownership   `r` and its names are not kept.  `out`, if not NULL, has room for `n` grants, in the order
 *             of `r`; it is written only on success.
 * Blocking    one wait for all, with one deadline.  lk_snapshot() and lk_info() show the owner as a waiter in
 *             every line.
 * Returns     0 (also for n = 0); otherwise nothing was taken, and the value is one of lk_acquire()'s.
 *             LK_E_INVAL also for a name_hash in `o`.  `tag` is kept with each grant.
 */
LK_API LK_NODISCARD int lk_acquire_many(struct lk_owner *w, const struct lk_request *r, size_t n,
					const struct lk_options *o, lk_grant *out);

/*
 * lk_release_many - give `n` grants back, the last one first.
 *
 * Returns     0: all were held.  LK_E_STALE: some were not; the others are given back.  `*released` (may
 *             be NULL) is how many were.
 */
LK_API LK_NODISCARD int lk_release_many(struct lk_owner *w, const lk_grant *g, size_t n,
					size_t *released);

/*
 * lk_with - call `body` under a lock, and release it whatever `body` returns.
 *
 * Returns     0: the lock was held to the end; `*body_rc` (may be NULL) is what `body` returned.
 *             LK_E_STALE: `body` ran, but released the grant itself (or `w` was closed, and it did
 *             not run).  Any other code is lk_acquire()'s: `body` did not run, and `*body_rc` was not
 *             written.
 */
LK_API LK_NODISCARD int lk_with(struct lk_owner *w, const char *name, lk_mode mode,
				const struct lk_options *o, int (*body)(void *arg), void *arg,
				int *body_rc);

/* A grant that ends with its scope: see LK_GUARD. */
struct lk_guard {
	struct lk_owner *owner;
	lk_grant grant; /* 0: none */
};

/*
 * LK_GUARD - declare a guard that releases what lk_guard_acquire() gave it when its scope is left, by
 * any way but longjmp() or the end of the thread (GNU C and GNU C++ only):
 *
 *	LK_GUARD(guard);
 *	rc = lk_guard_acquire(&guard, owner, "name", LK_X, NULL);
 */
#if defined(__GNUC__)
#define LK_GUARD(guard) \
	__attribute__((cleanup(lk_guard_release))) struct lk_guard guard = { NULL, 0 }
#endif

/* lk_guard_acquire - lk_acquire() into an empty guard; LK_E_INVAL if it is not empty. */
LK_API LK_NODISCARD int lk_guard_acquire(struct lk_guard *guard, struct lk_owner *w,
					 const char *name, lk_mode mode,
					 const struct lk_options *o);

/* lk_guard_release - release what the guard has, if anything, and empty it.  Before its scope's end. */
LK_API void lk_guard_release(struct lk_guard *guard);

/* ------------------------------------------------------------------- handles */

/*
 * lk_resource_open - resolve a name once, for hot paths.  A handle is not a lock.
 *
 * Ownership   `*out` is the caller's until lk_resource_close(); it keeps the name in the
 *             index.  Opening a name twice gives two opens of one resource.
 * Threads     any; a handle may be shared by all threads.
 * Returns     0; LK_E_NAME, LK_E_NOMEM, LK_E_CLOSED: `*out` is not written.
 */
LK_API LK_NODISCARD int lk_resource_open(struct lk_manager *m, const char *name,
					 struct lk_resource **out);
LK_API LK_NODISCARD int lk_resource_open_bytes(struct lk_manager *m, const void *name, size_t len,
					       struct lk_resource **out);
LK_API LK_NODISCARD int lk_resource_open_id(struct lk_manager *m, uint64_t id,
					    struct lk_resource **out);

/* lk_resource_close - close a handle (NULL is allowed).  Grants made on it stay. */
LK_API void lk_resource_close(struct lk_resource *r);

/* lk_acquire_on - lk_acquire() by handle.  LK_E_INVAL if `r` is of another manager. */
LK_API LK_NODISCARD int lk_acquire_on(struct lk_owner *w, struct lk_resource *r, lk_mode mode,
				      const struct lk_options *o, lk_grant *out);

/* ------------------------------------------------------------------ releasing */

/*
 * lk_release - give a grant back.
 *
 * If the owner has other grants on the name, its effective mode there falls to what they
 * need; else the name is free of it.  Whoever can be granted now is granted or woken.
 *
 * Blocking    no (a short internal latch when somebody waits, or the grant was timed).  Never allocates.
 * Ordering    everything before it happens-before what a later conflicting holder does.
 * Returns     0; LK_E_STALE if `g` is not a grant that `w` holds now: nothing changed, and
 *             nobody else's lock was touched.
 */
LK_API LK_NODISCARD int lk_release(struct lk_owner *w, lk_grant g);

/*
 * lk_release_name - give back the owner's newest grant on a name.
 *
 * Returns     0; LK_E_STALE if `w` holds no grant there; LK_E_NAME.
 */
LK_API LK_NODISCARD int lk_release_name(struct lk_owner *w, const void *name, size_t len);
LK_API LK_NODISCARD int lk_release_id(struct lk_owner *w, uint64_t id);

/* lk_release_all - give back all that the owner holds.  Returns 0. */
LK_API LK_NODISCARD int lk_release_all(struct lk_owner *w);

/* ----------------------------------------------------------------- converting */

/*
 * lk_convert - change the mode of a grant, in either direction.
 *
 * Weakening is immediate and cannot fail.  Strengthening waits like a request, but goes ahead
 * of those who wait for `w`.  LK_NL is not a target: release instead (LK_E_INVAL).
 *
 * Returns     0: the grant has mode `to`.  Otherwise it has the mode it had, and the value is
 *             one of those of lk_acquire(), or LK_E_STALE.  Of the options only the flags and the
 *             deadline count.  LK_PARENTS goes with the grant, and is LK_E_INVAL here.
 */
LK_API LK_NODISCARD int lk_convert(struct lk_owner *w, lk_grant g, lk_mode to,
				   const struct lk_options *o);

/*
 * lk_can_convert - would lk_convert() succeed at once?  Advisory: it may be different a
 * moment later.
 *
 * Returns     0 it would; LK_E_BUSY it would wait; LK_E_CONVERSION_DEADLOCK it would be refused; LK_E_LIMIT;
 *             LK_E_CLOSED; LK_E_STALE; and where a store had to be asked, which takes one look at it, its codes.
 */
LK_API LK_NODISCARD int lk_can_convert(struct lk_owner *w, lk_grant g, lk_mode to);

/* lk_upgrade - convert to X. */
LK_API LK_NODISCARD int lk_upgrade(struct lk_owner *w, lk_grant g, const struct lk_options *o);

/*
 * lk_downgrade - convert to S.  A grant in IS or IX, which S does not weaken, is LK_E_INVAL.
 * Never blocks or allocates.
 */
LK_API LK_NODISCARD int lk_downgrade(struct lk_owner *w, lk_grant g);

/* ---------------------------------------------------------------- seeing inside */

#define LK_OWNER_DIED 0x1u /* lk_grant_info.flags: the last writer ended without releasing */
#define LK_NAME_IS_ID 0x2u /* … and lk_snapshot_row.flags: the name is 8 bytes, a uint64_t */
#define LK_IMPLIED    0x4u /* … both: covered by the owner's hold on an ancestor, and counted there */

/* One grant, as its owner sees it.  `name` and `tag` are valid until the grant is released. */
struct lk_grant_info {
	uint32_t size;
	uint32_t flags; /* LK_OWNER_DIED, LK_NAME_IS_ID, LK_IMPLIED */
	lk_grant grant;
	lk_mode mode;      /* of this grant */
	lk_mode effective; /* of the owner on this name, all its grants together */
	uint64_t fence;    /* as lk_fence(); 0: also one that nobody fetched yet */
	uint64_t since_ns; /* CLOCK_MONOTONIC; 0: not noted (no wait, no LK_TIMED, not sampled) */
	const void *name;
	size_t name_len;
	const void *tag;
	size_t tag_len;
	uint64_t lease_ns;      /* of each term; 0: none */
	uint64_t lease_ends_ns; /* CLOCK_BOOTTIME; 0: it has no end */
	uint32_t state;         /* enum lk_lease_state */
	uint32_t units;         /* of a semaphore, that this grant has; 0: none */
};

/* lk_grant_info - set `out->size`.  Returns 0; LK_E_STALE; LK_E_VERSION. */
LK_API LK_NODISCARD int lk_grant_info(struct lk_owner *w, lk_grant g, struct lk_grant_info *out);

/*
 * lk_owner_each - call `fn` for each grant of the owner, until it returns non-zero.
 *
 * `fn` must not call Latchkey with this owner, lk_owner_cancel() excepted.
 * Returns     0, or what `fn` returned.
 */
LK_API LK_NODISCARD int lk_owner_each(struct lk_owner *w,
				      int (*fn)(void *arg, const struct lk_grant_info *grant),
				      void *arg);

/*
 * lk_holds - the mode in which `w` holds a name: LK_NL (0) or more.  A negative value is an
 * error: LK_E_NAME.
 *
 * What ancestors give is included: below an X it is X, below S, U and SIX at least S.  So are the intents
 * on a name for what is held below it.
 */
LK_API LK_NODISCARD int lk_holds(struct lk_owner *w, const void *name, size_t len);
LK_API LK_NODISCARD int lk_holds_id(struct lk_owner *w, uint64_t id);

/*
 * One name, as of about one moment: the waiters are counted right after the holders, and of a name that is
 * spread a hold that is just being converted, or replaced, may be counted as what it was and as what it is.
 */
struct lk_info {
	uint32_t size;
	uint32_t flags; /* LK_OWNER_DIED: the next holder will be told */
	uint32_t
		holders[LK_X +
			1]; /* owners that hold it, by effective mode; not those that are implied */
	uint32_t waiters;   /* requests in the line */
	uint64_t fence;     /* the latest given out, or where the next begins; 0: not in use */
};

/* lk_info - set `out->size`.  A name that nobody uses has zeros.  Returns 0; LK_E_NAME; LK_E_VERSION. */
LK_API LK_NODISCARD int lk_info(struct lk_manager *m, const void *name, size_t len,
				struct lk_info *out);
LK_API LK_NODISCARD int lk_info_id(struct lk_manager *m, uint64_t id, struct lk_info *out);

/* One holder or waiter, as lk_snapshot() found it. */
struct lk_snapshot_row {
	uint32_t size;
	uint32_t flags;    /* LK_NAME_IS_ID, LK_IMPLIED */
	lk_mode held;      /* what the owner holds on this name; LK_NL: nothing */
	lk_mode wanted;    /* what it waits for; LK_NL: it does not wait */
	uint32_t position; /* of a waiter: 1 is the head of the line */
	uint32_t grants; /* of a holder: its grants on this name; 0: only for what it holds below */
	uint64_t owner_id; /* unique in the manager */
	uint64_t fence;    /* of a holder: the token it works with; 0: none */
	uint64_t age_ns;   /* held or waited for so long; 0: not known (see LK_TIMED) */
	const char *owner_label;
	const void *name; /* valid during the call of `fn` only, as `tag` and the label */
	size_t name_len;
	const void *tag;
	size_t tag_len;
	uint32_t units; /* of a semaphore: of a holder, that it has; of a waiter, that it wants */
	uint32_t reserved;
};

/*
 * lk_snapshot - call `fn` for every holder and then every waiter, until it returns non-zero.
 *
 * Never stops the world: each row was true at some moment of the call, rows of one line are of
 * one moment, two rows need not be.  A name that was held throughout is in it; but not surely what was handed from
 * owner to owner meanwhile (lk_transfer()).
 *
 * Threads     any.  `fn` may call anything but lk_close().
 * Returns     0, or what `fn` returned; LK_E_NOMEM before a row is lost.
 */
LK_API LK_NODISCARD int lk_snapshot(struct lk_manager *m,
				    int (*fn)(void *arg, const struct lk_snapshot_row *row),
				    void *arg);

/*
 * Counters, since the manager was opened.  X(name, what it counts)
 */
#define LK_COUNTER_LIST(X)                                                           \
	X(grants, "grants made, re-entries included")                                \
	X(reentries, "grants on a name that the owner held already")                 \
	X(implied, "grants covered by a hold on an ancestor")                        \
	X(intents, "holds made on ancestors for what is below them")                 \
	X(conversions, "conversions made")                                           \
	X(busy, "requests refused with LK_E_BUSY")                                   \
	X(contended, "requests that found somebody in the way")                      \
	X(spun, "… and were granted without joining the line")                       \
	X(waits, "… and joined the line")                                            \
	X(parks, "times that a waiter went to sleep")                                \
	X(timeouts, "requests that ended with LK_E_TIMEDOUT")                        \
	X(cancels, "requests that ended with LK_E_CANCELED")                         \
	X(conversion_deadlocks, "requests that ended with LK_E_CONVERSION_DEADLOCK") \
	X(deadlocks, "requests that ended with LK_E_DEADLOCK")                       \
	X(searches, "times that a waiter looked for a ring that it is in")           \
	X(reorders, "rings that were dissolved by a change of order in a line")      \
	X(limits, "requests that ended with LK_E_LIMIT")                             \
	X(handovers, "grants given to a waiter by whoever made room")                \
	X(wakes, "waiters woken to try for themselves")                              \
	X(closings, "times that a line was closed to newcomers for fairness")        \
	X(created, "names entered into the index")                                   \
	X(evicted, "idle names dropped from the index")                              \
	X(renewals, "terms that leases were given after their first")                \
	X(leases_expired, "grants that were lost with their leases")                 \
	X(escalations, "times that one lock took the place of many below it")        \
	X(escalations_refused, "… that this was tried in vain, or barred")           \
	X(transfers, "grants that went to another owner")

struct lk_stats {
	uint32_t size;
	uint32_t reserved;
#define LK_COUNTER_FIELD(name, text) uint64_t name;
	LK_COUNTER_LIST(LK_COUNTER_FIELD)
#undef LK_COUNTER_FIELD
	uint64_t owners;  /* open now */
	uint64_t holds;   /* (owner, name) pairs held now */
	uint64_t waiting; /* requests in lines now */
	uint64_t handles; /* open now */
	uint64_t names;   /* in the index now, held or idle */
	uint64_t buckets; /* of the index */
	uint64_t bytes;   /* taken from the allocator */
};

/*
 * lk_stats - the manager's counters.  Set `out->size`.
 *
 * Costs a walk over the owners; the counting itself costs nobody anything shared.
 * Returns     0; LK_E_VERSION.
 */
LK_API LK_NODISCARD int lk_stats(struct lk_manager *m, struct lk_stats *out);

/*
 * lk_owner_stats - the same for one owner, since it was opened; `owners` is 1, and `handles`,
 * `names`, `buckets`, `bytes` are 0.
 */
LK_API LK_NODISCARD int lk_owner_stats(struct lk_owner *w, struct lk_stats *out);

/*
 * lk_sweep - drop all idle names from the index now, rather than when room is wanted; and sweep the store, if there is one.
 *
 * In the store it gives back what this process keeps without using it; then it goes through all records, those of other
 * processes too: what is over ends (leases of tokens, holders and waiters whose processes are dead), and records of
 * nothing are removed.  Nobody who lives loses anything, and fences go on rising over a removal.
 *
 * Threads     any.
 * Blocking    no; with a store it reads all that is in it, which takes some microseconds for each record in files and some
 *             tens in databases, and as long as a write for each that changes; two minutes at most.  Others lock
 *             meanwhile: no step is longer than one record.  The setting sweep_ns does the same in the manager's thread, 256
 *             changes at a time with pauses of a tenth of a second between them.
 * Returns     0; `*removed` (may be NULL) is how many names, and records, went.  With a store also its codes
 *             (LK_E_STORE, LK_E_TIMEDOUT, …) and LK_E_NOMEM: what was removed by then is.
 */
LK_API LK_NODISCARD int lk_sweep(struct lk_manager *m, size_t *removed);

/*
 * lk_serve - do what is due in a manager with LK_MANUAL, which has no thread for it.
 *
 * Callbacks of leases and requests that end now run in it.  A caller that has an event loop calls it when `*next_ns`
 * has passed, or earlier; and after calls that may have made something due earlier.
 *
 * Threads     any, several at a time; not from a callback of its own.
 * Blocking    no.
 * Returns     0; `*next_ns` (may be NULL): in how many nanoseconds something will be due, LK_OFF: nothing will.
 *             LK_E_INVAL: the manager is not of that kind.
 */
LK_API LK_NODISCARD int lk_serve(struct lk_manager *m, uint64_t *next_ns);

/* ----------------------------------------------------------------------- text */

LK_API const char *lk_strerror(int rc);       /* one sentence; never NULL, never freed */
LK_API const char *lk_errname(int rc);        /* "LK_E_BUSY"; "LK_E_?" for a number that is none */
LK_API const char *lk_modename(lk_mode mode); /* "SIX"; "?" for a number that is none */
LK_API const char *lk_version(void);          /* "0.1.0" */

#ifdef __cplusplus
}
#endif

#include <latchkey/fence.h>
#include <latchkey/deadlock.h>
#include <latchkey/escalate.h>
#include <latchkey/explain.h>
#include <latchkey/family.h>
#include <latchkey/format.h>
#include <latchkey/text.h>
#include <latchkey/metrics.h>
#include <latchkey/read.h>
#include <latchkey/value.h>
#include <latchkey/breaker.h>
#include <latchkey/events.h>
#include <latchkey/lease.h>
#include <latchkey/notice.h>
#include <latchkey/queue.h>
#include <latchkey/semaphore.h>
#include <latchkey/pool.h>
#include <latchkey/token.h>
#include <latchkey/detach.h>
#include <latchkey/names.h>
#include <latchkey/settings.h>
#include <latchkey/savepoint.h>
#include <latchkey/transfer.h>
#include <latchkey/store.h>
#include <latchkey/migrate.h>
#include <latchkey/remote.h>
#include <latchkey/health.h>
#include <latchkey/retry.h>
#include <latchkey/path.h>
#include <latchkey/stored.h>
#include <latchkey/test_store.h>

#endif /* LATCHKEY_H */
