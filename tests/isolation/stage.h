/* SPDX-License-Identifier: MIT */
/*
 * The stage: each session is an owner in a fiber of its own, time is ours, and sleep ends when we say so.
 *
 * A session that sleeps in the library sleeps here, and of those who can go on one does at a time, the first
 * first.  So the stage knows, without waiting for any length of time, when everybody is either done or waits:
 * then it is *quiet*, and only then goes time on, from one moment at which somebody has something to do to the
 * next.  And what happens is always the same.
 */
#ifndef ISOLATION_STAGE_H
#define ISOLATION_STAGE_H

#include "graph.h"
#include "spec.h"

#include "../model/fiber.h"

enum { STAGE_GRANTS = 64 };

struct stage;

/* A grant, and the name it was asked for. */
struct stage_grant {
	const char *name;
	lk_grant grant;
};

struct session {
	struct stage *stage;
	int index;
	struct lk_owner *lk; /* NULL: closed */

	const struct spec_step *step; /* NULL: in no call, and what came of the last was told */
	int rc;

	const uint32_t *word; /* where it sleeps; NULL: it does not */
	uint64_t until;
	bool woken;

	unsigned n_grants;
	struct stage_grant grant[STAGE_GRANTS];
	bool is_outside; /* it waits outside, … */
	int outside;     /* … for this one; -1: for nobody any more */
	bool was_stuck;  /* when it was last seen waiting it was in a ring */
};

struct stage {
	const struct spec *spec;
	struct lk_manager *m;
	uint64_t now;
	uint64_t delay_ns; /* deadlock_delay_ns */
	struct session session[SPEC_SESSIONS];
	struct fiber fiber[SPEC_SESSIONS]; /* kept from one opening to the next */
};

/* A stage begins as zeros.  False, with a word on stderr: the manager did not open. */
bool stage_open(struct stage *t, const struct spec *spec);

/* All calls are over.  False: something was left. */
bool stage_close(struct stage *t);

/* It is not opened any more. */
void stage_free(struct stage *t);

/* Begin a step, and go on until it is quiet. */
void stage_begin(struct stage *t, const struct spec_step *step);

/*
 * Let time pass up to `end`, but not past the next moment at which somebody has something to do.  False:
 * `end` is reached.
 */
bool stage_pass(struct stage *t, uint64_t end);

/* Calls that have ended since the last call of this, in the order of the sessions. */
unsigned stage_results(struct stage *t, struct spec_result result[SPEC_RESULTS]);

/* Is the session in a call? */
bool stage_is_busy(const struct stage *t, int session);

/* A session that is in no call stops to wait outside, if it did, and releases all. */
bool stage_give_all(struct session *s);

/* Who holds and who waits.  It must be quiet. */
void stage_graph(struct stage *t, struct graph *g);

#endif /* ISOLATION_STAGE_H */
