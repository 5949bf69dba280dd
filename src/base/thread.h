/* SPDX-License-Identifier: MIT */
/* A thread of ours: there is none until something needs it. */
#ifndef LK_BASE_THREAD_H
#define LK_BASE_THREAD_H

#include "base/compiler.h"

struct thread {
	unsigned long handle;
	void (*main)(void *arg);
	void *arg;
};

/* Begin `main(arg)`, with all signals blocked.  False: the system has no thread for us. */
bool thread_start(struct thread *t, void (*main)(void *arg), void *arg);

/* Wait until it has ended. */
void thread_join(const struct thread *t);

/* Note the calling thread, to ask thread_is_me() later. */
void thread_note_me(struct thread *t);

/* Is it the calling thread? */
bool thread_is_me(const struct thread *t);

#endif /* LK_BASE_THREAD_H */
