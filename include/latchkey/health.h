/* SPDX-License-Identifier: MIT */
/*
 * Health: is a manager well, and its store?  What stores say of names; what to do about records that are damaged, and
 * about holders that should not have them any more.
 */
#include <latchkey.h> /* above the guard: it includes this file, for others that need it */

#ifndef LATCHKEY_HEALTH_H
#define LATCHKEY_HEALTH_H

#include <latchkey/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --------------------------------------------------------------------------- health */

enum lk_health_status {
	LK_HEALTH_OK = 1,
	LK_HEALTH_WARN, /* it works, and something should be looked at */
	LK_HEALTH_BAD   /* something does not work */
};

/*
 * The parts of a manager.  X(name, what `value` is)
 *
 *   manager   is it open?  BAD: it shuts down
 *   store     one look at it, there and back.  WARN: it took longer than slow_ns; BAD: it does not answer, or is damaged
 *   breaker   in front of the store (breaker.h).  WARN: it is open for a name; BAD: … for all: what needs the store is refused
 *   session   does the store say that this process lives?  BAD: no, and what it held is lost
 *   deadline  until when the session lives without another sign of life.  WARN: less than a third of ttl_ns
 *   covers    names that this process has there.  WARN: of some it could not tell the store what it gave back
 *   hints     WARN: there are none, so changes are seen late (poll_max_ns)
 *   clock     WARN: the wall clock is behind what was last seen in the store, or when the manager was opened: it went back
 *   service   its threads.  WARN: something was due more than slow_ns ago
 *   lines     requests that wait.  WARN: one of them has waited for longer than stuck_ns
 *   holders   WARN: somebody waits longer than stuck_ns for one that holds the name; the sentence names both
 */
#define LK_HEALTH_LIST(X)                                 \
	X(manager, "owners that are open")                \
	X(store, "nanoseconds that the look took")        \
	X(breaker, "names that fail")                     \
	X(session, "1: it lives")                         \
	X(deadline, "nanoseconds; LK_OFF: there is none") \
	X(covers, "names")                                \
	X(hints, "1: there are hints")                    \
	X(clock, "milliseconds that it is behind")        \
	X(service, "nanoseconds that it is late")         \
	X(lines, "requests that wait")                    \
	X(holders, "names that are stuck")

enum lk_health_part_number {
#define LK_HEALTH_NUMBER(name, text) LK_HEALTH_PART_##name,
	LK_HEALTH_LIST(LK_HEALTH_NUMBER)
#undef LK_HEALTH_NUMBER
		LK_HEALTH_PARTS
};

struct lk_health_part {
	uint32_t status; /* enum lk_health_status */
	uint32_t reserved;
	uint64_t value;  /* as LK_HEALTH_LIST says */
	char words[240]; /* a sentence */
};

struct lk_health {
	uint32_t size;
	uint32_t status;   /* the worst of all parts */
	uint64_t slow_ns;  /* in: when a look is slow, or a thread late; 0: one second */
	uint64_t stuck_ns; /* in: when a wait is long; 0: one minute */
	struct lk_health_part part[LK_HEALTH_PARTS]; /* by enum lk_health_part_number */
};

/*
 * lk_health - look at all parts of a manager.  Set `out->size`, and the rest of it to zero or to limits.
 *
 * Of a manager without a store the parts that are about one are OK, and say so.
 *
 * Ownership   `out` is the caller's.
 * Threads     any.
 * Blocking    two steps of the store, each of two seconds at most.  Never stops others: lines are read as by lk_snapshot().
 * Returns     0, however unwell it is; LK_E_NOMEM: nothing was looked at.
 */
LK_API LK_NODISCARD int lk_health(struct lk_manager *m, struct lk_health *out);

/*
 * lk_health_text - the same in words: a line for each part, or JSON: {"status":"ok","parts":{"store":{"status":…,
 * "value":…,"words":…},…}}.
 *
 * `limits` (may be NULL) has slow_ns and stuck_ns; the rest of it is not looked at.
 *
 * Threads, blocking   as lk_health(); `write` is called with nothing locked.
 * Returns     0, or what `write` returned; LK_E_INVAL; LK_E_UNSUPPORTED: LK_DOT.
 */
LK_API LK_NODISCARD int lk_health_text(struct lk_manager *m, const struct lk_health *limits,
				       enum lk_format format, lk_write_fn *write, void *arg);

LK_API const char *lk_healthname(uint32_t status);   /* "ok", "warn", "bad"; "?" */
LK_API const char *lk_healthpartname(uint32_t part); /* "store"; "?" */

/* ---------------------------------------------------------- what the store has of names */

#define LK_RECORD_ID       0x1u /* lk_record_row.flags: the name is 8 bytes, a uint64_t */
#define LK_RECORD_OURS     0x2u /* … it is this manager's */
#define LK_RECORD_DEAD     0x4u /* … of a session that is dead: whoever comes next gets it */
#define LK_RECORD_DETACHED 0x8u /* … of a token, not of a process */
#define LK_RECORD_KEPT \
	0x10u /* … nobody's: the name is kept from others for a while (lock_delay_ns, or a repair) */
#define LK_RECORD_DAMAGED \
	0x20u /* … there is nothing but the name, and perhaps not even that: the record is damaged */
#define LK_RECORD_ORPHANED 0x40u /* … the last writer did not end well, and nobody was told yet */
#define LK_RECORD_NEWER \
	0x80u /* … with DAMAGED: it is whole, but a later version of Latchkey wrote it */

/* A process (a session) that holds a name, or waits for it, as the store says. */
struct lk_record_row {
	uint32_t size;
	uint32_t flags;    /* LK_RECORD_OURS, … */
	lk_mode held;      /* LK_NL: it does not hold it */
	lk_mode wanted;    /* LK_NL: it does not wait */
	uint32_t position; /* of a waiter: 1 is the head of the line */
	uint32_t units;    /* of a semaphore */
	uint64_t fence; /* of the name: the latest that is handed out, or reserved; 0: not known */
	uint64_t since_ns; /* so long ago, on the store's clock; 0: not known */
	struct lk_session_id session;
	const char *who;  /* what it said of itself, with a NUL: "label@host:pid"; any bytes */
	const void *name; /* valid during the call of `fn`, as `who`; NULL: not known */
	size_t name_len;
};

/*
 * lk_record_each - call `fn` for whoever holds or waits for a name that begins with these bytes, as the store says, until it
 * returns non-zero: all processes together, as each of them has a name once, whatever its threads do with it.
 *
 * No bytes: all names, and numbers.  The rows of one name are of one moment, holders first; names come in no order.  A
 * process also has what it has given back here and keeps (linger_ns).  Damaged records are told as such.
 *
 * Ownership   the row ends with the call of `fn`.
 * Threads     any.  `fn` may call anything but lk_close().
 * Blocking    as long as the store takes to read all it has: two minutes at most.
 * Returns     0, or what `fn` returned; LK_E_UNSUPPORTED: there is no store; LK_E_STORE, LK_E_TIMEDOUT, LK_E_CORRUPT, LK_E_NOMEM.
 */
LK_API LK_NODISCARD int lk_record_each(struct lk_manager *m, const void *prefix, size_t len,
				       int (*fn)(void *arg, const struct lk_record_row *row),
				       void *arg);

/* One name in the store. */
struct lk_record_info {
	uint32_t size;
	uint32_t
		status; /* enum lk_health_status: BAD: damaged; WARN: somebody dead is in it, or it was written by a newer version */
	uint32_t
		flags; /* LK_RECORD_DAMAGED, LK_RECORD_ORPHANED, LK_RECORD_OURS: this manager holds it, LK_RECORD_NEWER */
	uint32_t holders; /* sessions, and tokens */
	uint32_t waiters;
	uint32_t dead;   /* of both */
	uint64_t fence;  /* the latest that is handed out, or reserved; 0: there is no record */
	char words[240]; /* a sentence */
};

/*
 * lk_record_info - what the store has of one name: can it be read, who holds it, who waits, is somebody of them dead?
 *
 * Ownership   `out` is the caller's; its size is set.
 * Threads     any.
 * Blocking    two steps of the store.
 * Returns     0, also if it is damaged; LK_E_NAME; LK_E_UNSUPPORTED: there is no store; LK_E_STORE, LK_E_TIMEDOUT, LK_E_NOMEM.
 */
LK_API LK_NODISCARD int lk_record_info(struct lk_manager *m, const void *name, size_t len,
				       struct lk_record_info *out);

/* The same of a name that is a number. */
LK_API LK_NODISCARD int lk_record_info_id(struct lk_manager *m, uint64_t id,
					  struct lk_record_info *out);

/*
 * lk_record_text - lk_record_each() in words: a line for each row, or JSON: an array of objects.
 *
 * Returns     as lk_record_each(), or what `write` returned; LK_E_INVAL; LK_E_UNSUPPORTED also for LK_DOT.
 */
LK_API LK_NODISCARD int lk_record_text(struct lk_manager *m, const void *prefix, size_t len,
				       enum lk_format format, lk_write_fn *write, void *arg);

/* ------------------------------------------------------------------ ending by force */

/* What an end by force has ended. */
struct lk_break {
	uint32_t size;
	uint32_t n; /* holds that were ended */
	uint64_t
		fence; /* above all that they were given; 0: none of them was the latest to write */
};

/*
 * lk_break - end the hold that others have on a name, or this process, by force.
 *
 * For an operator who knows that a holder will not give it back.  Its processes find LK_E_LOST at their next look at the
 * lock (lk_check(), lk_convert(), lk_release()), which is soon but not now: what they are about to write is only
 * kept out by fences.  The next who is granted the name in U, SIX or X is told (LK_OWNER_DIED), and gets fences above
 * `out->fence`; nobody is granted it for lock_delay_ns, if that is set.  Waiters stay.
 *
 * `session` (NULL: all) is one of lk_record_each().
 *
 * Threads     any.
 * Blocking    a few steps of the store.
 * Returns     0; LK_E_NOENT: nobody holds it, or not that one; LK_E_UNSUPPORTED: there is no store (in memory an owner is
 *             closed, or its lease ends); LK_E_NAME; LK_E_CORRUPT: repair it; LK_E_STORE, LK_E_UNKNOWN: perhaps some
 *             were ended, which `out` does not say; LK_E_NOMEM.
 */
LK_API LK_NODISCARD int lk_break(struct lk_manager *m, const void *name, size_t len,
				 const struct lk_session_id *session, struct lk_break *out);

/* The same of a name that is a number. */
LK_API LK_NODISCARD int lk_break_id(struct lk_manager *m, uint64_t id,
				    const struct lk_session_id *session, struct lk_break *out);

/* --------------------------------------------------------------------------- repair */

#define LK_REPAIR_WRITE \
	0x1u /* do it; without it nothing is changed, and all is told that would be done */
#define LK_REPAIR_PREFIX \
	0x2u /* all names that begin with these bytes; with none, also what the whole store needs */
#define LK_REPAIR_FORCE 0x4u /* also what somebody alive may hold */

enum lk_repair_what {
	LK_REPAIR_FINE = 1, /* it can be read, or is not there: left alone */
	LK_REPAIR_DONE,     /* damaged, and made anew; or would be */
	LK_REPAIR_LIVE, /* damaged, and left alone, as somebody alive may hold it: see LK_REPAIR_FORCE */
	LK_REPAIR_NAMELESS, /* damaged, and the store does not know whose it is: repair it by its name */
	LK_REPAIR_FAILED /* the store would not: `rc` */
};

/* Of one record. */
struct lk_repair_row {
	uint32_t size;
	uint32_t what;    /* enum lk_repair_what */
	int32_t rc;       /* FAILED: why; else 0 */
	uint32_t flags;   /* LK_RECORD_ID */
	const void *name; /* of a lock; valid during the call of `fn`; NULL: not known, or `part` */
	size_t name_len;
	const char *part; /* "floor", "accord": what the whole store needs; else NULL */
};

/* All together. */
struct lk_repaired {
	uint32_t size;
	uint32_t reserved;
	uint64_t looked_at;
	uint64_t damaged;
	uint64_t done; /* made anew, or would be */
	uint64_t live;
	uint64_t nameless;
	uint64_t failed;
};

/*
 * lk_repair - make records anew that are damaged.  By default it only says what it would do.
 *
 * What was in a damaged record is not known: perhaps a lock that somebody holds.  So as long as another process has the
 * store open, or this one has the name, it is left alone (LIVE), unless LK_REPAIR_FORCE says otherwise; then nobody is
 * granted the name for ten seconds, in which whoever held it finds LK_E_LOST at its next look, if it runs (and poll_max_ns is not longer).  A detached grant that
 * was in it is lost.  Records that can be read are never touched: to free those, lk_break().
 *
 * The new record has a fence above all that can have been given out for the name, and its first writer is told
 * (LK_OWNER_DIED).  Its value is gone.
 *
 * With no bytes and LK_REPAIR_PREFIX also: the floor of all fences ("floor"), made anew above all that is in the store; and what
 * the managers of the store have agreed on ("accord"), which they write anew within a third of ttl_ns: until
 * then all else needs LK_REPAIR_FORCE, as nobody knows who lives.
 *
 * Of files that are damaged where the names are the store does not know them.  Names that this process has in use are tried
 * then; others have to be said.
 *
 * Ownership   `out` is the caller's (NULL: not wanted); its size is set.  `fn` (may be NULL) is called for each record that is damaged, and for a
 *             single name in any case; what it returns, if not 0, ends the repair and is returned.
 * Threads     any.  `fn` may call anything but lk_close().
 * Blocking    as lk_record_each(), and a few steps of the store for each damaged record.
 * Returns     0, whatever was found; LK_E_NAME; LK_E_UNSUPPORTED: there is no store; LK_E_STORE, LK_E_TIMEDOUT, LK_E_NOMEM.
 */
LK_API LK_NODISCARD int lk_repair(struct lk_manager *m, const void *name, size_t len,
				  uint32_t flags,
				  int (*fn)(void *arg, const struct lk_repair_row *row), void *arg,
				  struct lk_repaired *out);

/* The same of a name that is a number; LK_REPAIR_PREFIX is LK_E_INVAL. */
LK_API LK_NODISCARD int lk_repair_id(struct lk_manager *m, uint64_t id, uint32_t flags,
				     int (*fn)(void *arg, const struct lk_repair_row *row),
				     void *arg, struct lk_repaired *out);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_HEALTH_H */
