/* SPDX-License-Identifier: MIT */
/*
 * Events: what happened to requests, remembered in a ring, told to a hook, written as lines of a log.
 *
 * What cannot be seen from outside costs nothing: by default only what waits or is refused is remembered
 * (LK_EVENTS_SLOW), and that is slow already.  Whoever asks for the other kinds (lk_config.events) pays for
 * them with every lock: one that meets nobody then takes 200 to 600 ns instead of 20, and reads the clock.
 */
#include <latchkey.h> /* all parts, in their order, whichever is asked for first */

#ifndef LATCHKEY_EVENTS_H
#define LATCHKEY_EVENTS_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Kinds of events; what `from` and `to` are.  X(name, bit, what happened)
 *
 * before_acquire  a request begins.  `to`: what it asks for.  Only for a hook that wants to refuse.
 * acquired        a request was granted, re-entries included.  `from`: what the owner held on that name.  Of a
 *                 batch: one for each of its names, when all are granted.
 * wait            a request joined a line.  `other`: whose line, if it is that of an ancestor of `name`;
 *                 `from` and `to`: what the owner holds and wants there; `blockers`: how many are in the way.
 * grant           … and was granted there.  `waited_ns`.
 * refused         a request, or a conversion, ended with `code`; not with LK_E_BUSY, nor by a mistake in the call.
 * busy            … ended with LK_E_BUSY.
 * deadlock        … ended with LK_E_DEADLOCK or LK_E_CONVERSION_DEADLOCK.
 * before_convert  a conversion that does not only weaken begins.
 * convert         a grant was converted `from` … `to`.
 * release         a grant was given back.  `from`: its mode; `held_ns`.
 * order           LK_DEBUG_ORDER: see there.  `name`: the class that is wanted in `to`, `other`: one that is
 *                 held in `from`.  `code` LK_E_LIMIT: there are too many classes, `name` is not watched.
 * expire          a grant was lost with its lease (lease.h).  `from`: its mode; `held_ns`; `code` LK_E_LOST.  A hook is
 *                 called soon after, in the thread that serves the manager, unless the loss is forgotten by then.
 * escalate        an owner was to hold `name` in place of many names below it (escalate.h).  `from`, `to`: its hold
 *                 there, before and after.  `code`: 0; LK_E_BUSY: others were in the way, `blockers`; LK_E_PERM:
 *                 on_escalate said no; LK_E_LIMIT, LK_E_NOMEM.
 * transfer        a grant went to another owner (transfer.h).  `from`: its mode; `grant`: what it is there; `other_owner`.
 */
#define LK_EVENT_LIST(X)                                        \
	X(before_acquire, 0x001, "a request begins")            \
	X(acquired, 0x002, "a request was granted")             \
	X(wait, 0x004, "a request joined a line")               \
	X(grant, 0x008, "a request that waited was granted")    \
	X(refused, 0x010, "a request was refused")              \
	X(busy, 0x020, "a request that must not wait was busy") \
	X(deadlock, 0x040, "a request ended because of a ring") \
	X(before_convert, 0x080, "a conversion begins")         \
	X(convert, 0x100, "a grant was converted")              \
	X(release, 0x200, "a grant was given back")             \
	X(order, 0x400, "two classes of names in either order") \
	X(expire, 0x800, "a grant was lost with its lease")     \
	X(escalate, 0x1000, "many locks became one above them") \
	X(transfer, 0x2000, "a grant went to another owner")

#define LK_EVENT_BEFORE_ACQUIRE 0x001u
#define LK_EVENT_ACQUIRED       0x002u
#define LK_EVENT_WAIT           0x004u
#define LK_EVENT_GRANT          0x008u
#define LK_EVENT_REFUSED        0x010u
#define LK_EVENT_BUSY           0x020u
#define LK_EVENT_DEADLOCK       0x040u
#define LK_EVENT_BEFORE_CONVERT 0x080u
#define LK_EVENT_CONVERT        0x100u
#define LK_EVENT_RELEASE        0x200u
#define LK_EVENT_ORDER          0x400u
#define LK_EVENT_EXPIRE         0x800u
#define LK_EVENT_ESCALATE       0x1000u
#define LK_EVENT_TRANSFER       0x2000u

#define LK_EVENT_NAME_MAX       64 /* bytes kept of a name */

/*
 * One event.  What a kind does not have is zero.  The name is that which was asked for: of more than
 * LK_EVENT_NAME_MAX bytes the first are kept.
 */
struct lk_event {
	uint32_t size;
	uint32_t kind;     /* one of LK_EVENT_ */
	uint64_t sequence; /* from 1, in the order in which they were put down; 0: it is not kept */
	uint64_t at_ns;    /* CLOCK_MONOTONIC */
	uint64_t owner_id; /* as in lk_snapshot() */
	lk_grant grant;
	uint64_t fence;     /* as lk_fence(); 0: also one that nobody fetched yet */
	uint64_t waited_ns; /* in lines, by this request so far */
	uint64_t held_ns;   /* since it was granted, or last waited for */
	int32_t code;       /* 0, or LK_E_ */
	uint32_t flags;     /* LK_NAME_IS_ID, LK_IMPLIED */
	lk_mode from;
	lk_mode to;
	uint32_t blockers;  /* owners that hold it in a mode that does not agree with `to` */
	uint32_t n_classes; /* of an `order`: in the ring; 2: the two are taken in either order */
	uint32_t name_len;  /* of the whole name */
	uint32_t other_len;
	unsigned char name[LK_EVENT_NAME_MAX];
	unsigned char other[LK_EVENT_NAME_MAX];
	char owner_label[LK_LABEL_MAX + 1];
	uint64_t other_owner; /* of a transfer: who has it now, as owner_id */
};

/*
 * lk_config.on_event - a hook: called for each event of the kinds in lk_config.events, in the thread that
 * acted, with nothing latched.
 *
 * Ownership   `event` is the library's, and ends with the call.
 * Threads     any, several at a time.  It may call Latchkey with other owners, whose events call it again, but
 *             not with the owner of the event (lk_owner_cancel() excepted), nor lk_shutdown() or lk_close().
 *             It must return: no longjmp(), no exception.  Meanwhile the thread cannot be cancelled.
 * Blocking    whoever calls Latchkey waits for it.  In a `wait` event the request is in the line; a grant that comes
 *             meanwhile is held until the hook returns.
 * Returns     of before_acquire and before_convert: 0, or anything else to refuse the request, which then ends with
 *             LK_E_PERM; nothing is taken.  A batch asks about all its names first.  Of the others: no matter.
 *
 * The grants of a thread that ends, and those that lk_shutdown() gives back for others, have their `release`
 * events in the ring, but no hook is called for them.
 */

/* Which events lk_event_each() and lk_history() give.  Zero in a field: it does not matter. */
struct lk_event_filter {
	uint32_t size;
	uint32_t kinds;     /* any of LK_EVENT_ */
	uint64_t owner_id;  /* of this owner */
	uint64_t since_ns;  /* not before that moment */
	uint64_t after;     /* with a higher sequence: what is new since the last call */
	uint64_t newest;    /* of all that fit no more than so many, the latest */
	const void *prefix; /* names that begin with these bytes; numbers do not */
	size_t prefix_len;  /* at most LK_EVENT_NAME_MAX */
	int32_t code;       /* with this code */
	uint32_t reserved;
	const void *
		pattern; /* names that fit, with the manager's separator: see lk_name_match() in names.h */
	size_t pattern_len; /* neither numbers do, nor names of more than LK_EVENT_NAME_MAX bytes */
};

#define LK_EVENT_FILTER_INIT                                     \
	{                                                        \
		.size = (uint32_t)sizeof(struct lk_event_filter) \
	}

/*
 * lk_event_each - call `fn` for each event that is kept and fits, the oldest first, until it returns
 * non-zero.
 *
 * The latest lk_config.event_ring events are kept.  What is overwritten during the call, or is being put
 * down, is left out: none is ever shown in parts.
 *
 * Ownership   `fn` gets a copy, which ends with the call.  `filter` NULL: all events.
 * Threads     any.  `fn` may call anything but lk_close().  Nobody waits for the reader.
 * Returns     0, or what `fn` returned; LK_E_INVAL for a prefix that is too long.
 */
LK_API LK_NODISCARD int lk_event_each(struct lk_manager *m, const struct lk_event_filter *filter,
				      int (*fn)(void *arg, const struct lk_event *event),
				      void *arg);

/* How many events there were. */
struct lk_event_counts {
	uint32_t size;
	uint32_t reserved;
	uint64_t recorded;    /* put down since the manager was opened */
	uint64_t overwritten; /* … of which so many had to make room */
	uint64_t dropped; /* not put down: no memory, or its place was being written for too long */
};

/* lk_event_count - set `out->size`.  Returns 0; LK_E_VERSION. */
LK_API LK_NODISCARD int lk_event_count(struct lk_manager *m, struct lk_event_counts *out);

/*
 * lk_history - the same as text, a line for each event, or as one JSON array.
 *
 * Returns     0, or what `write` returned; LK_E_INVAL for LK_DOT, or a prefix that is too long.
 */
LK_API LK_NODISCARD int lk_history(struct lk_manager *m, const struct lk_event_filter *filter,
				   enum lk_format format, lk_write_fn *write, void *arg);

/* lk_eventname - "wait"; "?" for what is not one kind. */
LK_API const char *lk_eventname(uint32_t kind);

/* lk_advice - what to do about a code, in one sentence; never NULL, never freed. */
LK_API const char *lk_advice(int rc);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_EVENTS_H */
