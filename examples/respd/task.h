/* SPDX-License-Identifier: MIT */
/*
 * A task: what a connection is doing for its client, from a request to its reply.
 *
 *	TASK_NONE ---begin---> TASK_RUNS ---last step---> TASK_NONE
 *	    | ^                    ^
 *	    | '--locks refused--.  | locks granted
 *	    '-----begin------> TASK_WAITS
 *
 * It can be put aside between any two steps, and is where it was when it is taken up again: all that it
 * knows is in here, nothing on a stack.  Without a queue of answers it never is in TASK_WAITS.
 */
#ifndef RESPD_TASK_H
#define RESPD_TASK_H

#include "buffer.h"
#include "command.h"
#include "locks.h"
#include "request.h"
#include "transaction.h"

enum task_state {
	TASK_NONE,
	TASK_WAITS, /* for its locks: `locks.answer` will be called */
	TASK_RUNS   /* it has them: more steps are to be made */
};

struct task {
	enum task_state state;
	struct call call;
	struct locks locks;
	struct transaction transaction; /* goes from task to task */
	struct buffer value;            /* for copies of values */
};

/* A task in TASK_NONE.  An LK_E_ code. */
int task_init(struct task *t, struct lk_manager *manager, const char *label);
void task_fini(struct task *t);

/* Begin to carry out `r` in database `db` of `s`; replies go to `out`. */
void task_begin(struct task *t, struct server *s, unsigned db, const struct request *r,
		struct buffer *out);

/* From `locks.answer`: the locks were granted, or refused with this code. */
void task_answered(struct task *t, int rc);

/* Of a task that runs, for at most `n_steps`. */
void task_go_on(struct task *t, size_t n_steps);

/* Of a task that runs and has made no step: it never will. */
void task_drop(struct task *t);

#endif /* RESPD_TASK_H */
