/* SPDX-License-Identifier: MIT */
/* What the two halves of `latchkey run` share: the locks (run.c), and the process (child.c). */
#ifndef LATCHKEY_CLI_RUN_H
#define LATCHKEY_CLI_RUN_H

#include <signal.h>

#include "cli.h"

/* What becomes of the command when a lock is lost. */
enum loss { LOSS_KILL, LOSS_WARN, LOSS_IGNORE };

struct run {
	const struct call *c;
	struct lk_manager *m;
	struct lk_owner *owner;
	int n; /* names */
	lk_mode mode;
	enum loss loss;
	uint64_t grace_ns; /* from TERM to KILL */
	lk_grant *grants;
	sigset_t signals; /* those that are blocked while a command runs, … */
	sigset_t mask;    /* … and what was, which the command gets */
};

/* Start it, look after it, and return its code. */
int run_child(struct run *r);

/* The command. */
int run_run(struct call *c);

#endif /* LATCHKEY_CLI_RUN_H */
