/* SPDX-License-Identifier: MIT */
/*
 * Where events go: into the ring, to the hook, into the log.
 *
 * N1  hook and log are called with no latch of ours held, in the thread that acted; not at all by who releases
 *     for others (`quiet`), as that is done under the owner's latch or the registry's lock.
 * N2  what no kind in `wanted` asks for costs one look at `wanted`, and that only off the plain ways: kinds that
 *     are seen on plain ways make all owners noted (HOLDS_NOTED), so that they go none of them.
 */
#ifndef LK_CORE_TRACER_H
#define LK_CORE_TRACER_H

#include "trace/order.h"
#include "trace/ring.h"

/* Kinds that plain ways know nothing of.  (N2) */
#define EVENTS_NOTED                                                             \
	(LK_EVENT_BEFORE_ACQUIRE | LK_EVENT_ACQUIRED | LK_EVENT_BEFORE_CONVERT | \
	 LK_EVENT_CONVERT | LK_EVENT_RELEASE)

struct tracer {
	/* These four may change at any time; who sees some of them new and some old tells a kind too much or too little. */
	a32 wanted; /* kinds that go anywhere at all */
	a32 kinds;  /* those of the ring and the hook */
	a32 logged; /* those that may make a line */
	a32 level;  /* enum lk_log_level; 0: no log */
	int (*hook)(void *arg, const struct lk_event *event);
	void *hook_arg;
	void (*log)(void *arg, enum lk_log_level level, const char *line);
	void *log_arg;
	struct order *order; /* NULL: not learnt */
	const struct env *env;
	struct ring ring;
};

struct settings;

/* `order`: orders are to be learnt.  False: no memory, and nothing to undo. */
bool tracer_init(struct tracer *t, struct env *env, const struct settings *s, bool order);
void tracer_fini(struct tracer *t);

/* From now on `events` and `log_level`.  Kinds of EVENTS_NOTED are or are not among both, the old and the new. */
void tracer_set(struct tracer *t, uint64_t events, uint64_t log_level);

LK_HOT enum lk_log_level
tracer_level(const struct tracer *t)
{
	return (enum lk_log_level)shim_load(&t->level, SHIM_RELAXED);
}

/* Must the owners be noted? */
bool tracer_notes(const struct tracer *t);

/* Take an event to the ring; to the hook and the log.  What the hook returned.  (N1) */
void tracer_record(struct tracer *t, struct lk_event *e);
int tracer_call(struct tracer *t, const struct lk_event *e, bool quiet);

/* Both. */
int tracer_tell(struct tracer *t, struct lk_event *e, bool quiet);

/* A line that is no event. */
void tracer_say(struct tracer *t, enum lk_log_level level, const char *line);

/* The line of a ring. */
void tracer_say_ring(struct tracer *t, const struct lk_deadlock *d);

#endif /* LK_CORE_TRACER_H */
