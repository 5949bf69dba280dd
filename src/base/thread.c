/* SPDX-License-Identifier: MIT */
/* Threads, as the system has them. */
#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

_Static_assert(sizeof(pthread_t) == sizeof(unsigned long), "a handle holds a pthread_t");

static void *
begin(void *arg)
{
	const struct thread *t = arg;

	t->main(t->arg);
	return NULL;
}

bool
thread_start(struct thread *t, void (*main)(void *arg), void *arg)
{
	const int saved = errno;
	sigset_t all;
	sigset_t before;
	pthread_t handle;
	bool good;

	t->main = main;
	t->arg = arg;
	(void)sigfillset(&all); /* signals are for the threads of the program */
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	good = pthread_create(&handle, NULL, begin, t) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (good)
		t->handle = (unsigned long)handle;
	errno = saved;
	return good;
}

void
thread_join(const struct thread *t)
{
	(void)pthread_join((pthread_t)t->handle, NULL);
}

void
thread_note_me(struct thread *t)
{
	t->handle = (unsigned long)pthread_self();
}

bool
thread_is_me(const struct thread *t)
{
	return pthread_equal((pthread_t)t->handle, pthread_self()) != 0;
}
