/* SPDX-License-Identifier: MIT */
/* The list of stores that must hear of a fork.  (FK1) */
#include "common/forks.h"

#include <pthread.h>
#include <stddef.h>

static struct {
	pthread_once_t once;
	pthread_mutex_t lock;
	bool works;
	struct fork_note *first;
} forks = { .once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER };

static void
lock_list(void)
{
	pthread_mutex_lock(&forks.lock);
}

static void
unlock_list(void)
{
	pthread_mutex_unlock(&forks.lock);
}

static void
tell_all(void)
{
	for (struct fork_note *n = forks.first; n != NULL; n = n->next) {
		atomic_store_explicit(&n->is_foreign, true, memory_order_relaxed);
		if (n->in_child != NULL)
			n->in_child(n); /* (FK1) */
	}
	forks.first = NULL;
	unlock_list();
}

static void
set_up(void)
{
	forks.works = pthread_atfork(lock_list, unlock_list, tell_all) == 0;
}

bool
forks_join(struct fork_note *note)
{
	pthread_once(&forks.once, set_up);
	if (!forks.works)
		return false;
	atomic_init(&note->is_foreign, false);
	lock_list();
	note->next = forks.first;
	note->at = &forks.first;
	if (note->next != NULL)
		note->next->at = &note->next;
	forks.first = note;
	unlock_list();
	return true;
}

void
forks_leave(struct fork_note *note)
{
	if (fork_note_is_foreign(note))
		return;
	lock_list();
	*note->at = note->next;
	if (note->next != NULL)
		note->next->at = note->at;
	unlock_list();
}
