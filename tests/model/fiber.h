/* SPDX-License-Identifier: MIT */
/*
 * Fibers: calls that can be left in the middle and gone on with, all in one thread.
 *
 * The thread that uses them is the *driver*: it starts a call on a fiber and goes on when the call has
 * returned or has gone to sleep in fiber_sleep().  So one thread plays all owners, and nothing depends
 * on a scheduler.
 */
#ifndef MODEL_FIBER_H
#define MODEL_FIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <ucontext.h>

struct fiber {
	ucontext_t context;
	void *stack;
	void (*body)(void *arg);
	void *arg;
	bool busy;        /* in a call */
	void *fake_stack; /* of AddressSanitizer */
	void *tsan;       /* of ThreadSanitizer */
};

/* False: no memory. */
bool fiber_init(struct fiber *f);
void fiber_fini(struct fiber *f);

/* Run body(arg) on an idle fiber, until it returns or sleeps. */
void fiber_call(struct fiber *f, void (*body)(void *arg), void *arg);

/* Go on with a call that sleeps, until it returns or sleeps again. */
void fiber_resume(struct fiber *f);

/* Back to the driver, until fiber_resume().  On a fiber only. */
void fiber_sleep(void);

/* The fiber that runs, NULL: the driver itself. */
struct fiber *fiber_current(void);

/* Forget the call that sleeps: it will never be gone on with. */
void fiber_abandon(struct fiber *f);

#endif /* MODEL_FIBER_H */
