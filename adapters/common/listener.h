/* SPDX-License-Identifier: MIT */
/* A thread that says when a file was written to. */
#ifndef LK_ADAPTERS_LISTENER_H
#define LK_ADAPTERS_LISTENER_H

#include <pthread.h>
#include <stdbool.h>

struct listener {
	pthread_t thread;
	int notify; /* inotify */
	int stop;   /* eventfd */
	void *arg;
	/* In that thread.  `is_last`: the file is gone, nothing more will be heard of it. */
	void (*news)(void *arg, bool is_last);
};

/* Nothing is open. */
void listener_init(struct listener *l);

/* It looks at the file of `fd` from before `begin`, which may be NULL, is called; the thread runs.  0 or an errno. */
int listener_start(struct listener *l, int fd, void (*begin)(void *arg),
		   void (*news)(void *arg, bool is_last), void *arg);

/* The thread has ended when it returns. */
void listener_stop(struct listener *l);

/* In a child: the descriptors only. */
void listener_close(struct listener *l);

#endif /* LK_ADAPTERS_LISTENER_H */
