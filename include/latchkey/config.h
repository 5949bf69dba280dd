/* SPDX-License-Identifier: MIT */
/*
 * The settings of a manager, once.  LK_SETTING_LIST makes the number-valued
 * fields of struct lk_config and the parameters of the URL ("memory:?max_idle=64").
 *
 * 0 means the default everywhere.  LK_OFF (the largest uint64_t) means off or
 * unlimited where the table says so.  A file and variables may give settings too, and some may be changed
 * later: see settings.h.
 */
#ifndef LATCHKEY_CONFIG_H
#define LATCHKEY_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#define LK_OFF     UINT64_MAX /* a setting that is off, or without limit */
#define LK_FOREVER INT64_MAX  /* a timeout that never comes */

/* Flags of struct lk_config; in a URL: "memory:?strict=1&timed=1". */
#define LK_STRICT 0x1u /* no barging: a free lock always goes to the head of the line */
#define LK_TIMED  0x2u /* note the time of every grant (one clock reading each) */

/*
 * Learn in which order classes of names are taken, and report it when two are taken in either order in modes
 * that do not agree, before anything hangs: as an `order` event, once for each pair.  A class is a path in
 * which runs of digits, and of hexadecimal digits with a digit among them, are '#': "db/orders/42" is of class
 * "db/orders/#".  All numbers (lk_acquire_id) are one class.  See lk_event_each(3).  Every lock is slower;
 * half a megabyte.  In a URL: "debug_order=1".
 */
#define LK_DEBUG_ORDER 0x4u

/*
 * No thread of Latchkey's: what is to be done when nobody calls (leases that end, deadlines of requests without a
 * thread) the caller does, with lk_serve().  In a URL: "manual=1".
 */
#define LK_MANUAL 0x8u

/*
 * Take no settings from outside: neither the variables LATCHKEY_… nor the file that LATCHKEY_CONFIG names.
 * See settings.h.
 */
#define LK_NO_ENVIRONMENT 0x10u

/* Which events are remembered and told: bits, see LK_EVENT_LIST in events.h. */
#define LK_EVENTS_SLOW 0x3c5cu /* what waited, was refused, or was found out */
#define LK_EVENTS_ALL  0x3fffu

/* Which lines a log has: each level those before it too. */
enum lk_log_level {
	LK_LOG_ERROR = 1, /* what should not happen: deadlocks, no memory */
	LK_LOG_WARN,      /* timeouts, limits, requests that a hook refused, inversions of order */
	LK_LOG_INFO,      /* cancelled requests, a manager that shuts down */
	LK_LOG_DEBUG      /* all kinds of lk_config.events, and whatever waits */
};

struct lk_event; /* events.h */

/* Which request of a ring ends, of those with the lowest priority.  See lk_deadlock_each() in deadlock.h. */
enum lk_victim {
	LK_VICTIM_REQUESTER = 1, /* the one in whose thread the ring was found */
	LK_VICTIM_YOUNGEST,      /* of the owner that was opened last */
	LK_VICTIM_OLDEST,        /* … first */
	LK_VICTIM_FEWEST,        /* of the owner with the fewest grants */
	LK_VICTIM_MOST           /* … the most */
};

/*
 * X(field, default, lowest, highest, LK_OFF allowed)
 *
 * max_idle       names that nobody holds but that may stay in the index, so that
 *                the next acquire of one of them is cheap; and at most one more for
 *                each bucket (lk_stats.buckets), which come with what is held and go
 *                again.  Insertions of other names, and lk_sweep(), drop the rest.
 *                A name that stays keeps its ancestors.
 *                LK_OFF: never evict.
 * max_reentry    grants that one owner may have on one name at a time; 1 makes
 *                locks strict (not re-entrant).  Default LK_OFF: no limit.
 * timeout_ns     how long a call waits that says nothing else.  Nanoseconds.
 *                Default LK_OFF: for ever.
 * fair_after_ns  how long the head of a line may be overtaken before the lock is
 *                closed to newcomers.  Nanoseconds; at most one hour.
 * spin_ns        how long a request tries before it joins the line.  Default:
 *                adaptive, some microseconds.  LK_OFF: not at all.
 * deadlock_delay_ns  how long a request waits before it looks whether it is in a ring of owners that wait
 *                for each other; then it looks again after twice as long, and so on.  Nanoseconds.
 *                LK_OFF: nobody looks.
 * victim         whose request of a ring ends with LK_E_DEADLOCK, of those with the lowest priority: one of
 *                enum lk_victim.  In a URL its number, or "requester", "youngest", "oldest", "fewest", "most".
 * event_ring     events that are kept for lk_event_each().  They take a quarter of a kilobyte each, as
 *                they come.  LK_OFF: none; a hook is called all the same.
 * events         the kinds of events that are kept and told: bits, see events.h.  In a URL a number, or names
 *                with '+' between them: "events=wait+grant+release", "events=slow+busy", "events=all".
 *                before_acquire, acquired, before_convert, convert or release among them: as LK_TIMED, and every
 *                lock is slower.  LK_OFF: none.
 * log_level      which lines on_log gets: one of enum lk_log_level.  In a URL its number, or "error", "warn",
 *                "info", "debug".  Default LK_OFF: none.
 * separator      the byte between the segments of a path: see Hierarchy in latchkey.h.  Any byte that
 *                lk_name_escape() does not use.  In a URL the byte itself or its number: "separator=.",
 *                "separator=38".  Default '/'.  LK_OFF: names have no ancestors.
 * spread_after   attempts at a shared mode (IS, IX, S) that an owner loses to others with whom it could
 *                share the name before the name is spread: counted in slots on cache lines of their own, so that
 *                its holders do not disturb each other.  On one processor nothing is ever lost.
 *                Default 16.  LK_OFF: never.
 * sample_every   of so many grants of an owner one, drawn by lot, is timed: see metrics.h.  1: all are.
 *                LK_OFF: none are (but those with LK_TIMED).
 * lease_ns       the lease of every grant that says nothing else: see lease.h.  Nanoseconds; every lock is slower.
 *                Default LK_OFF: none.
 * max_hold_ns    how long a grant that says nothing else can be held, however often its lease is renewed.
 *                Nanoseconds; every lock is slower.  Default LK_OFF: as long as it is wanted.
 * lock_delay_ns  for so long after the end of a lease nobody is granted the name but the owner that lost it: time for what
 *                it has begun to come to rest.  Meanwhile the name shows as held by that owner, closed or not.  Nanoseconds.
 *                Default LK_OFF: no delay.
 * suspect_pct    hundredths of a term after which its lease is suspect; and of ttl_ns (50 at least), after which all that is
 *                held is, if the store does not answer.
 * linger_ns      of a manager with a store: how long what nobody here holds stays with this process, so that the
 *                next lock of it needs no store.  Nanoseconds; it goes before twice that is over.  Default: until another
 *                process asks for it.  LK_OFF: not at all.  Names that others often need in between go back at once, whatever it says.
 * max_local_passes  … how many requests of this process that wait for a name already come before one of another process, at most,
 *                once that one is heard of; none that comes later does.  What is held is never taken away; who holds the name and wants
 *                more of it goes first, as ever.  Default LK_OFF: the other one has his turn in the line here.
 * max_cover_ns   … how long after that any of them comes first.  Nanoseconds.  Default LK_OFF: as long as they are before it in the
 *                line.
 * poll_max_ns    … how long at most until it looks for what others need or gave back, whatever hints come.
 *                Nanoseconds.  Default one second.
 * ttl_ns         … how long its session lives without a sign of life, in stores that do not see the end of a
 *                process.  Nanoseconds.  Default 30 seconds.
 * heartbeat_ns   … how often it gives one.  Nanoseconds.  Default: a third of ttl_ns, and never seldomer; a tenth of that after
 *                one that failed.
 * escalate_after locks that an owner may hold below one name before it is tried to hold that name in place of
 *                them: see escalate.h.  Default LK_OFF: any number.
 * require        the least that the store has to promise, or lk_open() fails: 1 to 4, as enum lk_level. In a URL its number,
 *                or "advisory", "lease", "fenced", "guarded", in lower or upper case.  Default LK_OFF: nothing.
 * sweep_ns       of a manager with a store: how often its thread removes records of nothing from the store, and those
 *                who are dead from records: see lk_sweep().  Nanoseconds.  Default LK_OFF: never.
 * max_retries    how often a request is tried again, after its first attempt, when the store did not answer: see
 *                retry.h.  Default LK_OFF: not at all.
 * retry          … how the pauses follow each other: 1 to 4, as enum lk_retry_strategy.  In a URL its number, or
 *                "decorrelated", "fixed", "linear", "exponential".
 * retry_first_ns, retry_cap_ns  … the first pause, and the longest.  Nanoseconds.
 * breaker_threshold  failures of the store in a row after which it is not asked for a while: see breaker.h.  LK_OFF: it is
 *                asked however often it fails.
 * breaker_reset_ns  … for so long at most, until one call is tried again.  Nanoseconds.  Default 30 seconds.
 * max_failure_entries  … names of which failures are counted, at most.
 * reserve        locks that will be held at once: the manager has the memory for them, all of it touched, when it is
 *                open.  See "Many locks at once" in latchkey(7).  Default 0: it grows with what is held.
 * index_buckets  buckets that the index starts with (it grows by itself).
 * lot_buckets    buckets of the parking lot, where the queues are.  A power of 2.
 */
#define LK_SETTING_LIST(X)                                          \
	X(max_idle, 4096, 1, UINT32_MAX, 1)                         \
	X(max_reentry, LK_OFF, 1, UINT32_MAX, 1)                    \
	X(timeout_ns, LK_OFF, 1, INT64_MAX, 1)                      \
	X(fair_after_ns, 1000000, 1000, 3600000000000, 0)           \
	X(spin_ns, 0, 100, 1000000000, 1)                           \
	X(deadlock_delay_ns, 1000000, 1000, 3600000000000, 1)       \
	X(victim, LK_VICTIM_REQUESTER, 1, LK_VICTIM_MOST, 0)        \
	X(event_ring, 1000, 1, 1u << 20, 1)                         \
	X(events, LK_EVENTS_SLOW, 1, LK_EVENTS_ALL, 1)              \
	X(log_level, LK_OFF, LK_LOG_ERROR, LK_LOG_DEBUG, 1)         \
	X(separator, '/', 1, 255, 1)                                \
	X(spread_after, 16, 1, 1u << 20, 1)                         \
	X(sample_every, 1024, 1, 1u << 30, 1)                       \
	X(lease_ns, LK_OFF, 1000, INT64_MAX, 1)                     \
	X(max_hold_ns, LK_OFF, 1000, INT64_MAX, 1)                  \
	X(lock_delay_ns, LK_OFF, 1, INT64_MAX, 1)                   \
	X(suspect_pct, 67, 1, 99, 0)                                \
	X(linger_ns, 0, 1, INT64_MAX, 1)                            \
	X(max_local_passes, LK_OFF, 1, UINT32_MAX, 1)               \
	X(max_cover_ns, LK_OFF, 1000, INT64_MAX, 1)                 \
	X(poll_max_ns, 1000000000, 1000000, 3600000000000, 0)       \
	X(ttl_ns, 30000000000, 1000000000, INT64_MAX, 0)            \
	X(heartbeat_ns, 0, 1000000, INT64_MAX, 0)                   \
	X(escalate_after, LK_OFF, 16, 1u << 24, 1)                  \
	X(require, LK_OFF, LK_LEVEL_ADVISORY, LK_LEVEL_GUARDED, 1)  \
	X(sweep_ns, LK_OFF, 1000000, INT64_MAX, 1)                  \
	X(max_retries, LK_OFF, 1, 1u << 20, 1)                      \
	X(retry, LK_RETRY_DECORRELATED, 1, LK_RETRY_EXPONENTIAL, 0) \
	X(retry_first_ns, 10000000, 1000, 3600000000000, 0)         \
	X(retry_cap_ns, 1000000000, 1000, 3600000000000, 0)         \
	X(breaker_threshold, 5, 1, UINT32_MAX, 1)                   \
	X(breaker_reset_ns, 30000000000, 1000000, INT64_MAX, 0)     \
	X(max_failure_entries, 1000, 1, 1u << 20, 0)                \
	X(reserve, 0, 1, 1u << 28, 0)                               \
	X(index_buckets, 64, 1, 1u << 24, 0)                        \
	X(lot_buckets, 256, 1, 1u << 16, 0)

/*
 * An allocator of the caller's.  Both calls or neither.  `alloc` returns memory
 * aligned to `align` (a power of 2, at most 65536) or NULL; `free` gets the size
 * back that was asked for.  They may run in any thread that calls Latchkey, with
 * an internal latch held, and must not call Latchkey.
 */
struct lk_allocator {
	void *(*alloc)(void *state, size_t size, size_t align);
	void (*free)(void *state, void *memory, size_t size);
	void *state;
};

/*
 * Time, sleep and chance of the caller's, for tests and for hosts with their own
 * scheduler.  All four calls or none.
 *
 * now     nanoseconds on a clock that never goes back.
 * wait    sleep while *word == value, until woken or until `deadline_ns` of that
 *         clock (UINT64_MAX: no deadline).  May return early for any reason.
 * wake    wake whoever sleeps in wait() on `word`.  Must be async-signal-safe if
 *         lk_owner_cancel() is to be called from signal handlers.
 * random  64 random bits.
 */
struct lk_environment {
	uint64_t (*now)(void *state);
	void (*wait)(void *state, const uint32_t *word, uint32_t value, uint64_t deadline_ns);
	void (*wake)(void *state, const uint32_t *word);
	uint64_t (*random)(void *state);
	void *state;
};

/*
 * Which member of a ring is to be the victim: its place in `d` (see deadlock.h), of those that are not
 * LK_EXTERNAL; d->victim is what lk_config.victim says, and what any other number means.  Called in the thread of
 * an owner of the ring, in the middle of its request: it may call Latchkey, but not with that owner, and
 * should be quick.
 */
struct lk_deadlock;
typedef uint32_t lk_victim_fn(void *arg, const struct lk_deadlock *d);

/* A barrier: see escalate.h. */
struct lk_escalation;
typedef int lk_escalate_fn(void *arg, const struct lk_escalation *escalation);

/*
 * What lk_open() is told.  Set `size` to sizeof(struct lk_config) (LK_CONFIG_INIT
 * does), the rest to zero but for what is wanted.  All is copied.
 */
struct lk_config {
	uint32_t size;
	uint32_t flags; /* LK_STRICT, LK_TIMED, LK_DEBUG_ORDER, LK_MANUAL, LK_NO_ENVIRONMENT */
#define LK_SETTING_FIELD(field, standard, lowest, highest, off) uint64_t field;
	LK_SETTING_LIST(LK_SETTING_FIELD)
#undef LK_SETTING_FIELD
	const struct lk_allocator *allocator;     /* NULL: malloc */
	const struct lk_environment *environment; /* NULL: the system's */
	char *report;            /* out: one sentence on why lk_open() failed, or "" */
	size_t report_cap;       /* bytes at `report` */
	lk_victim_fn *on_victim; /* NULL: as `victim` says */
	void *on_victim_arg;
	/* A hook, see events.h; NULL: none. */
	int (*on_event)(void *arg, const struct lk_event *event);
	void *on_event_arg;
	/*
	 * Gets a log, line by line without a newline, in the thread that acted and with nothing latched.  All but
	 * printable ASCII is escaped.  May do what on_event may; NULL: no log.
	 */
	void (*on_log)(void *arg, enum lk_log_level level, const char *line);
	void *on_log_arg;
	const char *label;           /* whose locks these are; LK_LABEL_MAX bytes are kept */
	const char *file;            /* of settings; NULL: what LATCHKEY_CONFIG names; "": none */
	lk_escalate_fn *on_escalate; /* asked before an escalation; NULL: nobody is */
	void *on_escalate_arg;
	void *store_handle; /* a connection of the program's, as lk_store_open.handle; it is never closed */
};

#define LK_CONFIG_INIT                                     \
	{                                                  \
		.size = (uint32_t)sizeof(struct lk_config) \
	}

#endif /* LATCHKEY_CONFIG_H */
