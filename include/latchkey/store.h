/* SPDX-License-Identifier: MIT */
/*
 * Stores: where the locks of several processes meet.  A store knows nothing of locks.  It keeps small *records* of
 * bytes by name, replaces them atomically, knows which *sessions* (processes) are alive, and may hint that
 * something has changed.  All that makes a lock of it is Latchkey's, and is the same over every store.
 *
 * Read this before you write one:
 *
 * - An answer that did not come is not a failure.  LK_E_STORE says that nothing was written and nothing will be;
 *   if that is not certain, it is LK_E_UNKNOWN.
 * - A record that cannot be read is LK_E_CORRUPT.  Never say that it is not there: somebody's lock is in it.
 * - A session that was once said to be dead stays dead.  Say "alive" when in doubt.
 * - Names are any bytes, NUL included.  Two names are the same record if and only if their bytes are the same.
 * - Contention is no failure: wait and try again, until the deadline.
 *
 * tests/store has a program that tests all of it on any store: latchkey-store-check URL.
 */
#include <latchkey.h> /* above the guard: it includes this file, for others that need it */

#ifndef LATCHKEY_STORE_H
#define LATCHKEY_STORE_H

#ifdef __cplusplus
extern "C" {
#endif

#define LK_STORE_VERSION 1 /* of struct lk_store_ops */
#define LK_STORE_SCHEME_MAX \
	15 /* bytes of a scheme: a letter, then letters and digits, all lower case */
#define LK_STORE_NAME_MAX \
	4352 /* bytes of a record's name: LK_NAME_MAX, and what Latchkey puts before */
#define LK_STORE_RECORD_MAX 65536 /* bytes of a record */
#define LK_STORE_BATCH_MAX  256   /* records in one call */
#define LK_STORE_WHO_MAX    255   /* bytes that say who a session is */

/* ------------------------------------------------------------------------- records */

#define LK_STORE_DURABLE 0x1u /* lk_store_record.flags: outlives a power cut, see update */
#define LK_STORE_REPAIR  0x2u /* … a damaged record is no failure: it is about to be written anew */
/*
 * … with LK_STORE_CAN_HEAR, of a read of it alone: a hint has come since it was asked for last.  What that said is there will do, if the
 * store knows that it came after all that it has answered and written of it before.
 */
#define LK_STORE_HEARD 0x4u

/* One record in a call, or told by a scan. */
struct lk_store_record {
	const void *name; /* the caller's: 1 to LK_STORE_NAME_MAX bytes */
	size_t len;
	uint32_t flags; /* the caller's: LK_STORE_DURABLE, LK_STORE_REPAIR, LK_STORE_HEARD */
	int32_t status; /* the store's: 0, or LK_E_CORRUPT: damaged, `old` is NULL */
	const void
		*old; /* the store's: what is there, while the function runs; aligned to 8 bytes */
	size_t old_len; /* 0: there is no such record.  An empty one is none */
	const void *
		fresh; /* the function's: what shall be there; memory that stays until update returns */
	size_t fresh_len; /* 0: nothing shall be there; at most LK_STORE_RECORD_MAX */
	uint32_t changed; /* the function's: 1: `fresh` is to be written; 0: it stays as it is */
	uint32_t
		is_quiet; /* the function's: 1: nobody else need hear of it, so hints may be left out */
};

/*
 * What becomes of n records.  Pure: it looks at `arg` and what is in `r`, and sets `fresh`, `fresh_len`, `changed` and
 * `is_quiet`, which are NULL, 0, 0, 0 whenever it is called.  It may be called several times in one update, with other old records, and
 * only the last call counts; so what it keeps in `arg` it sets anew each time.  It runs in the thread of the
 * update, must be quick, and must not call Latchkey or the store, as locks of the store may be held.
 *
 * Returns     0: write what is changed.  Anything else: write nothing, and return that from the update.
 */
typedef int lk_store_change_fn(void *arg, struct lk_store_record *r, size_t n);

/* One of several updates that are made in one exchange with the store. */
struct lk_store_update {
	struct lk_store_record *r; /* the caller's */
	size_t n;                  /* … how many */
	lk_store_change_fn *fn;
	void *arg;
	int32_t rc;       /* the store's: what update would have returned */
	uint32_t is_left; /* the store's: 1: it was not made, and is to be asked for alone */
};

/* What a store counts, or has at the moment.  New fields only at the end. */
struct lk_store_figure {
	const char *name; /* static: a letter, then letters, digits and single _, all lower case */
	const char *help; /* static: one line */
	uint64_t value;
	uint32_t is_counter; /* 1: it only grows; 0: how much there is now */
	uint32_t
		is_time; /* 1: nanoseconds, and the name ends in _seconds, which is how it is shown */
};

#define LK_STORE_FIGURES_MAX 32 /* of one store */

/* One record of a scan; the same rules.  Not 0: that is enough. */
typedef int lk_store_each_fn(void *arg, const struct lk_store_record *r);

/* ------------------------------------------------------------------------ sessions */

/* A process, or one manager of it, as the store sees it: 128 random bits, drawn by whoever opens it. */
struct lk_session_id {
	unsigned char bytes[16];
};

/* --------------------------------------------------------------------------- hints */

/*
 * The record of this name has changed, or with NULL: any may have.  Called in a thread of the store's, one at a time.
 * It may call the store, but not close or unwatch, and takes as long as a few of such calls take: so nothing that they need
 * is locked by that thread, or done by it.  Hints that come meanwhile wait, or become one without a name.
 */
typedef void lk_store_hint_fn(void *arg, const void *name, size_t len);

/* ----------------------------------------------------------------- what is promised */

/* What a store gives, each more than those before it. */
enum lk_level {
	LK_LEVEL_ADVISORY = 1, /* those who ask are kept apart */
	LK_LEVEL_LEASE, /* … at most one holder, if clocks run alike and pauses are shorter than the guard */
	LK_LEVEL_FENCED, /* … fences never go back: a resource that checks them is safe whatever pauses */
	LK_LEVEL_GUARDED /* … the test of the lock and the write are one step */
};

struct lk_guarantee {
	uint32_t size;
	uint32_t level;  /* enum lk_level */
	char words[504]; /* on which assumptions: a few sentences */
};

/* ------------------------------------------------------------------- opening a store */

#define LK_STORE_READ_ONLY     0x1u /* lk_store_open.flags: to look only; update is LK_E_PERM */
#define LK_STORE_TIME_IS_GIVEN 0x2u /* … set by Latchkey: `environment` is not the system's */

/* A parameter of the URL. */
struct lk_store_parameter {
	const char *name;
	const char *value;
};

/*
 * Told of what is not well though the store works, or is well again: once for each change, as a line without its end.  No secret
 * is in it.  Called in any thread of the store's or of its callers, with anything of the store's latched: it must be quick, and not
 * call the store.
 */
typedef void lk_store_say_fn(void *arg, enum lk_log_level level, const char *line);

/*
 * How a store is opened.  The first part is the caller's, 0 and NULL where there is nothing to say; the second is
 * Latchkey's and reaches the store complete.  All of it ends with the call; what `allocator` and `environment` point
 * to stays until the store is closed.
 */
struct lk_store_open {
	uint32_t size;
	uint32_t flags; /* LK_STORE_READ_ONLY */
	void *handle;   /* a connection of the program's, for stores that take one */
	const struct lk_allocator *allocator; /* the store sees it set */
	const struct lk_environment
		*environment; /* the store sees it set; its clock is that of deadlines */
	char *report;         /* out: one sentence on why it failed, or "" */
	size_t report_cap;    /* bytes at `report` */
	const char *scheme;   /* "file" of "file:/run/app?stripes=4" */
	const char *rest;     /* "/run/app": between ':' and '?', with %XX undone */
	const struct lk_store_parameter
		*parameters; /* {"stripes", "4"}, with %XX undone; each name once */
	size_t n_parameters;
	lk_store_say_fn *say; /* what somebody should see to; NULL: nobody listens */
	void *say_arg;
};

/* An open store.  The store's own structure begins with it. */
struct lk_store {
	const struct lk_store_ops *ops; /* Latchkey sets both when `open` has returned */
	void *inside;
};

/* ------------------------------------------------------------------------ the table */

#define LK_STORE_CAN_WATCH   0x1u /* capabilities: there are hints */
#define LK_STORE_CAN_DURABLE 0x2u /* … LK_STORE_DURABLE outlives a power cut */
#define LK_STORE_SEES_DEATH \
	0x4u /* … a session ends with its process, whatever its time to live: renewing is not needed */
#define LK_STORE_HAS_CLOCK   0x8u  /* … `now` works */
#define LK_STORE_ONE_HOST    0x10u /* … sessions are processes of one host, under one kernel */
#define LK_STORE_ONE_PROCESS 0x20u /* … other processes do not see it at all */
#define LK_STORE_CAN_MANY \
	0x40u /* … there is `update_many`, which is quicker than one after the other */
#define LK_STORE_CAN_HEAR 0x80u /* … it knows LK_STORE_HEARD */
#define LK_STORE_CONCURRENT \
	0x100u /* … it updates several names at a time: who asks for one gains nothing by waiting for others, and going with them */

/*
 * What a store can do.  A constant.  All functions but `open` and `close` may run in several threads at once, with one
 * store; `close` and `unwatch` run alone.  None changes errno, is a cancellation point, or leaves through a signal.  In
 * a child after fork() each returns LK_E_FORKED, and `close` does nothing to the parent.  Deadlines are on the
 * environment's clock; UINT64_MAX: none.
 */
struct lk_store_ops {
	uint32_t version;      /* LK_STORE_VERSION */
	uint32_t capabilities; /* LK_STORE_CAN_WATCH, … */
	const char *scheme;    /* "file" */
	const char *const
		*parameters; /* those that a URL may have, NULL at the end; may be NULL: none */

	/*
	 * open - make `*out` of what `o` says.
	 *
	 * Returns     0, or with a sentence in o->report: LK_E_INVAL (what the URL says), LK_E_PERM (not allowed, or
	 *             somebody else could write there), LK_E_UNSUPPORTED (a file system or server that cannot keep the
	 *             promises), LK_E_CORRUPT, LK_E_VERSION (kept in a newer format), LK_E_STORE, LK_E_NOMEM.
	 */
	int (*open)(const struct lk_store_open *o, struct lk_store **out);

	/* close - end its sessions that are still open, and free all.  What the program gave it stays open. */
	void (*close)(struct lk_store *s);

	/*
	 * update - replace n records at once by what `fn` makes of them: all, or none.
	 *
	 * Names are of any order, and each is there once.  A name has LK_STORE_DURABLE in each call or in none, all
	 * its life; then a change of it that was answered with 0 outlives a power cut.
	 *
	 * Ordering    the old records of the last call of `fn` were what the store had at one moment between the
	 *             beginning of the update and its end, whatever `fn` returned; if something is written, nobody else
	 *             has written any of them since that moment.  A later update, by any session, sees what was
	 *             written.  Those who watch are told, but perhaps not of what is quiet.
	 * Returns     0; what `fn` returned.  Nothing was written: LK_E_STORE (see error), LK_E_TIMEDOUT, LK_E_CORRUPT
	 *             (`status` of the records says which), LK_E_PERM, LK_E_NOMEM, LK_E_NAME (a name is
	 *             missing, empty or too long), LK_E_INVAL (no record, no function, a name twice, a flag that is none, a
	 *             fresh record that is missing or too long), LK_E_LIMIT (too many records, or the store is full), LK_E_FORKED.
	 *             Perhaps written: LK_E_UNKNOWN.
	 */
	int (*update)(struct lk_store *s, struct lk_store_record *r, size_t n,
		      lk_store_change_fn *fn, void *arg, uint64_t deadline_ns);

	/*
	 * read - call `fn` once with n records as they were at one moment.  What it sets as fresh is not looked at.
	 *
	 * Returns     as update, but LK_E_UNKNOWN.  If some are damaged, `fn` is called all the same, their `status` says
	 *             which, and the result is LK_E_CORRUPT if `fn` returns 0.
	 */
	int (*read)(struct lk_store *s, struct lk_store_record *r, size_t n, lk_store_change_fn *fn,
		    void *arg, uint64_t deadline_ns);

	/*
	 * scan - call `fn` for each record whose name begins with `prefix`, in no order, until it returns non-zero.
	 *
	 * A record that is there all the time is told at least once; one that comes, goes or changes meanwhile, or not,
	 * in the one state or the other.  A damaged one is told too, whatever its name: `status` is LK_E_CORRUPT, `name` may
	 * be NULL.  Nothing of the store's is locked when `fn` runs: it may call the store.
	 *
	 * Returns     0; what `fn` returned; as read.
	 */
	int (*scan)(struct lk_store *s, const void *prefix, size_t len, lk_store_each_fn *fn,
		    void *arg, uint64_t deadline_ns);

	/*
	 * session_open - begin a session.  It is alive from when this returns 0, for `ttl_ns` unless it is renewed;
	 * with LK_STORE_SEES_DEATH for as long as the process has the store open.
	 *
	 * `who` is text that says who it is, for people: at most LK_STORE_WHO_MAX bytes are kept.
	 * Returns     0; LK_E_INVAL (all 0, or that id is there already), LK_E_STORE, LK_E_UNKNOWN (close it), LK_E_LIMIT,
	 *             LK_E_PERM, LK_E_NOMEM, LK_E_TIMEDOUT, LK_E_FORKED.
	 */
	int (*session_open)(struct lk_store *s, const struct lk_session_id *id, uint64_t ttl_ns,
			    const char *who, uint64_t deadline_ns);

	/*
	 * session_renew - another `ttl_ns` from now.  The time of a session that is not alive any more is not begun anew.
	 *
	 * Returns     0; LK_E_LOST: it is over, or the store is not the one any more that it was opened in;
	 *             LK_E_STORE, LK_E_UNKNOWN, LK_E_TIMEDOUT, LK_E_FORKED.
	 */
	int (*session_renew)(struct lk_store *s, const struct lk_session_id *id,
			     uint64_t deadline_ns);

	/* session_close - end it.  Returns as session_renew; 0 if it is over already. */
	int (*session_close)(struct lk_store *s, const struct lk_session_id *id,
			     uint64_t deadline_ns);

	/*
	 * session_alive - which of n sessions are alive?  `alive[i]` is 1 or 0; of one that never was, 0.
	 *
	 * Returns     0; else nothing is known: LK_E_STORE, LK_E_CORRUPT, LK_E_TIMEDOUT, LK_E_NOMEM, LK_E_FORKED.
	 */
	int (*session_alive)(struct lk_store *s, const struct lk_session_id *ids, size_t n,
			     unsigned char *alive, uint64_t deadline_ns);

	/*
	 * session_who - the text of a session that is alive, with a NUL, as much as there is room for.
	 *
	 * Returns     0; LK_E_NOENT: there is no such session; as session_alive.
	 */
	int (*session_who)(struct lk_store *s, const struct lk_session_id *id, char *buf,
			   size_t cap, uint64_t deadline_ns);

	/*
	 * watch - from now on call `fn` when records change, own changes included or not.  Hints may be lost, come late, twice,
	 * or without a reason: who waits also looks by himself from time to time.
	 *
	 * Returns     0; LK_E_UNSUPPORTED: there are none; LK_E_BUSY: it is watched already; LK_E_LIMIT, LK_E_STORE,
	 *             LK_E_NOMEM, LK_E_FORKED: there will be none.
	 */
	int (*watch)(struct lk_store *s, lk_store_hint_fn *fn, void *arg);

	/* unwatch - no more hints; none is under way when it returns.  Nothing if it is not watched. */
	void (*unwatch)(struct lk_store *s);

	/*
	 * now - the time on the store's clock, which is the same for all sessions as long as `*clock_id` is.
	 *
	 * Returns     0; LK_E_UNSUPPORTED; LK_E_STORE, LK_E_TIMEDOUT, LK_E_FORKED.
	 */
	int (*now)(struct lk_store *s, uint64_t *ns, uint64_t *clock_id, uint64_t deadline_ns);

	/* level - what the store gives with its present settings; `out->size` is set by the caller.  Returns 0. */
	int (*level)(struct lk_store *s, struct lk_guarantee *out);

	/*
	 * error - the store's own words on the latest failure, in any thread: with a NUL, as much as there is room for; "": none.
	 * No secret (password, token) is ever in it.
	 *
	 * Returns     the bytes of the whole text, without its NUL.
	 */
	size_t (*error)(struct lk_store *s, char *buf, size_t cap);

	/*
	 * update_many - with LK_STORE_CAN_MANY, else it is not looked at: several updates in one exchange, at most
	 * LK_STORE_BATCH_MAX records in all.
	 *
	 * Each is by itself all or nothing, as if n threads had called update; their order is the store's, and what became of
	 * one says nothing of the others.  `fn` of one may be called again when it was called for others.  The store may leave
	 * any of them as if it had not been asked (`is_left`), when it would keep the others waiting: others were faster, it
	 * has a record in common with another, it is to be synced.  Ordering and results of each as update.
	 */
	void (*update_many)(struct lk_store *s, struct lk_store_update *u, size_t n,
			    uint64_t deadline_ns);

	/*
	 * state - what is going on inside, for who looks after it, in one sentence with figures: connections, say.  May be NULL: there
	 * is nothing to say.  It asks nobody and does not wait; no secret is in it.
	 *
	 * Returns     as error.
	 */
	size_t (*state)(struct lk_store *s, char *buf, size_t cap);

	/*
	 * figures - the same in numbers, for who draws them over time: at most LK_STORE_FIGURES_MAX, and as many as there is room for.
	 * May be NULL: there are none.  Always the same ones, in the same order.  It asks nobody and does not wait.
	 *
	 * Returns     how many there are.
	 */
	size_t (*figures)(struct lk_store *s, struct lk_store_figure *out, size_t cap);
};

/* ------------------------------------------------------------------------- the calls */

/*
 * lk_store_register - from now on URLs that begin with "ops->scheme:" are opened by `ops`.
 *
 * Ownership   `ops`, and all that it points to, stays the caller's, as it is, until it is unregistered, or the process ends.
 * Threads     any.  Not after fork() without exec() in a child whose parent had threads.
 * Returns     0; LK_E_INVAL: a function is missing, or the scheme is not one; LK_E_VERSION: the table is of another version;
 *             LK_E_BUSY: there is a store of that scheme; LK_E_NOMEM.
 */
LK_API LK_NODISCARD int lk_store_register(const struct lk_store_ops *ops);

/*
 * lk_store_unregister - take it back.
 *
 * Returns     0; LK_E_NOENT: it is not registered; LK_E_BUSY: a store of it is open.
 */
LK_API LK_NODISCARD int lk_store_unregister(const struct lk_store_ops *ops);

/*
 * lk_store_open - open the store of a URL by itself, without a manager: to test it, or to look into it.
 *
 * Of a scheme that nobody has registered the library "liblatchkey-<scheme>.so.<major>" is loaded, if the system's
 * loader finds it; its function `const struct lk_store_ops *lk_store_<scheme>(void)` says what it is.  "file:" and "test:"
 * are always there.
 *
 * Ownership   `*out` is the caller's until lk_store_close(); its calls are those of out->ops.  `o` may be NULL.
 * Threads     any.
 * Blocking    as long as the store takes.
 * Returns     0; LK_E_UNSUPPORTED: nothing is known of that scheme, or as `open` above; LK_E_INVAL: no URL, or a parameter
 *             that the store does not have, or has twice; LK_E_VERSION: `o`, or what was loaded, is newer; LK_E_NOMEM.
 *             o->report says why in words.
 */
LK_API LK_NODISCARD int lk_store_open(const char *url, const struct lk_store_open *o,
				      struct lk_store **out);

/* lk_store_close - no other call with `s` is under way, or comes later.  NULL: nothing. */
LK_API void lk_store_close(struct lk_store *s);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_STORE_H */
