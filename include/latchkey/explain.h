/* SPDX-License-Identifier: MIT */
/*
 * Why a request waits or was refused, and who waits for whom: for people, and for programs.
 *
 * All of it is made of looks at others while they work.  Nobody is stopped, so what is told was true at some
 * moment of the call, and two things that are told need not have been true at the same moment; a grant that
 * is made, or given back, at that very moment may be missing.  No resource keeps a list of its holders: each
 * look is a walk over all owners and what they hold, some nanoseconds for each hold.
 */
#include <latchkey.h> /* above the guard: it includes this file */

#ifndef LATCHKEY_EXPLAIN_H
#define LATCHKEY_EXPLAIN_H

#include <latchkey/text.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LK_BLOCKER_NAME_MAX 64 /* bytes kept of a name, and of a tag */
#define LK_REPORT_BLOCKERS  8  /* kept in a report */
#define LK_REPORT_STORE_MAX 128

/* Why somebody is in the way. */
enum lk_why_cause {
	LK_WHY_HELD = 1, /* it holds the name in a mode that conflicts */
	LK_WHY_AHEAD, /* it waits for a mode that conflicts, ahead in an open line: who comes may overtake it */
	LK_WHY_CLOSED /* … in a line that is closed to newcomers: nobody overtakes it */
};

#define LK_ON_ANCESTOR 0x20u /* lk_blocker.flags: the name is an ancestor of what was asked for */

/* Somebody who is in the way of a request. */
struct lk_blocker {
	uint32_t why;      /* enum lk_why_cause */
	uint32_t flags;    /* LK_NAME_IS_ID, LK_ON_ANCESTOR */
	uint64_t owner_id; /* as in lk_snapshot() */
	lk_mode held;      /* what it holds on that name; LK_NL: nothing */
	lk_mode wanted;    /* what it waits for there; LK_NL: it does not */
	lk_mode asked;     /* what the request needs there: on an ancestor an intent */
	uint32_t position; /* its place in the line, from 1; 0: it is a holder */
	uint64_t age_ns;   /* held, or waited for, so long; 0: not known (see LK_TIMED) */
	uint32_t name_len; /* of the whole name; LK_BLOCKER_NAME_MAX bytes of it are kept */
	uint32_t tag_len;  /* … of its tag */
	unsigned char name[LK_BLOCKER_NAME_MAX];
	unsigned char tag[LK_BLOCKER_NAME_MAX];
	char owner_label[LK_LABEL_MAX + 1];
};

/*
 * lk_options.report: who was in the way of a request that was refused.  Set `size`; the rest is written by
 * the call that the options are given to, and is all zeros if its result is another than those below.
 *
 *   LK_E_BUSY, LK_E_TIMEDOUT, LK_E_CANCELED   who was in the way when it was decided, on the name that the
 *                                             request had come to, which may be an ancestor, or one of a batch
 *   LK_E_CONVERSION_DEADLOCK                  the same; one of them is the other conversion
 *   LK_E_DEADLOCK                             the same, of those that hold; `deadlock` says which ring it was
 *
 * `n` may be 0 for LK_E_BUSY: of a try that found a latch taken nobody can be named.
 *
 * Costs a walk over all owners, when a request is refused and asked for a report; takes no memory.
 */
struct lk_report {
	uint32_t size;
	int32_t code; /* the result; 0: none of those above */
	uint32_t n;   /* who was in the way, … */
	uint32_t
		kept; /* … and so many of them are in `blocker`: holders, then waiters from the head */
	uint64_t deadlock; /* lk_deadlock.number; 0: none */
	struct lk_blocker blocker[LK_REPORT_BLOCKERS];
	char store[LK_REPORT_STORE_MAX]; /* what a store said: in memory nothing, so it is "" */
};

#define LK_REPORT_INIT                                     \
	{                                                  \
		.size = (uint32_t)sizeof(struct lk_report) \
	}

/*
 * lk_why - who would be in the way of a new owner that asked for `mode` on a name?
 *
 * Calls `fn` for everybody who holds the name in a mode that conflicts, and who waits for one; before that the
 * same for each ancestor, from the root down, in the intent that is needed there.  Not called: nobody is.
 *
 * Threads     any.  `fn` gets a copy with nothing locked, and may call anything but lk_close().
 * Blocking    no.
 * Returns     0, or what `fn` returned, which ends the call if it is not 0; LK_E_NAME; LK_E_NOMEM: `fn` was
 *             not called.
 */
LK_API LK_NODISCARD int lk_why(struct lk_manager *m, const void *name, size_t len, lk_mode mode,
			       int (*fn)(void *arg, const struct lk_blocker *b), void *arg);
LK_API LK_NODISCARD int lk_why_id(struct lk_manager *m, uint64_t id, lk_mode mode,
				  int (*fn)(void *arg, const struct lk_blocker *b), void *arg);

/*
 * lk_why_text - the same in words, or as one JSON object.
 *
 *	orders/42 cannot be had in X:
 *	  orders/42 is held in S by owner 17 "import", for 3.2s, tag "nightly"
 *
 * Returns     0, or what `write` returned; LK_E_UNSUPPORTED: there is no picture of it (LK_DOT); the rest as
 *             lk_why().
 */
LK_API LK_NODISCARD int lk_why_text(struct lk_manager *m, const void *name, size_t len,
				    lk_mode mode, enum lk_format format, lk_write_fn *write,
				    void *arg);
LK_API LK_NODISCARD int lk_why_id_text(struct lk_manager *m, uint64_t id, lk_mode mode,
				       enum lk_format format, lk_write_fn *write, void *arg);

/*
 * lk_report_text - what a report says in words, or as one JSON object.
 *
 * Returns     0, or what `write` returned; LK_E_VERSION; LK_E_UNSUPPORTED (LK_DOT).
 */
LK_API LK_NODISCARD int lk_report_text(const struct lk_report *report, enum lk_format format,
				       lk_write_fn *write, void *arg);

/*
 * lk_tree - what is held and waited for, as a tree of the names by their paths.
 *
 * Made of what lk_snapshot() tells.  As text with one line to a name, holder or waiter, indented by the depth
 * of the name; as JSON, objects within objects; as DOT, a graph of boxes.
 *
 * Threads     any.  `write` is called with nothing locked; it may call anything but lk_close().
 * Blocking    no.
 * Returns     0, or what `write` returned; LK_E_NOMEM: nothing was written.
 */
LK_API LK_NODISCARD int lk_tree(struct lk_manager *m, enum lk_format format, lk_write_fn *write,
				void *arg);

/*
 * lk_graph - who waits for whom: an edge from each owner that waits to each that is in its way.
 *
 * An edge is *hard* if that one holds the name in a mode that conflicts, *soft* if it only is ahead in the
 * line, *external* if lk_external_wait_begin() said so.  Made of what lk_snapshot() tells, so a ring may be seen that never was at one moment: those that were
 * are told by lk_deadlocks().
 *
 * Otherwise as lk_tree().
 */
LK_API LK_NODISCARD int lk_graph(struct lk_manager *m, enum lk_format format, lk_write_fn *write,
				 void *arg);

/*
 * lk_deadlocks - the latest deadlocks, as lk_deadlock_each() tells them: whole rings, who waited for whom on
 * what, and whose request was ended.
 *
 * Threads     any.  `write` is called with nothing locked; it may call anything but lk_close().
 * Blocking    no.
 * Returns     0, or what `write` returned; LK_E_NOMEM: nothing was written.
 */
LK_API LK_NODISCARD int lk_deadlocks(struct lk_manager *m, enum lk_format format,
				     lk_write_fn *write, void *arg);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_EXPLAIN_H */
