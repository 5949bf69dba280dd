/* SPDX-License-Identifier: MIT */
/* Hints of the test store: a list and a thread for each who watches. */
#include "test/space.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/quiet.h"

static void
push(struct test_store *s, const void *name, size_t len)
{
	struct hint *h = malloc(sizeof(*h) + len);
	struct hint **at = &s->hints;

	if (h == NULL)
		return;
	h->next = NULL;
	h->len = len;
	memcpy(h->name, name, len);
	while (*at != NULL)
		at = &(*at)->next;
	*at = h;
}

/* What was put off comes behind the one that is there now. */
static void
push_late(struct test_store *s)
{
	if (s->hint_late == NULL)
		return;
	push(s, s->hint_late->name, s->hint_late->len);
	free(s->hint_late);
	s->hint_late = NULL;
}

static void
put_off(struct test_store *s, const void *name, size_t len)
{
	struct hint *h = malloc(sizeof(*h) + len);

	push_late(s);
	if (h == NULL)
		return;
	h->len = len;
	memcpy(h->name, name, len);
	s->hint_late = h;
}

static void
send(struct test_store *s, const void *name, size_t len)
{
	if (s->hint == NULL || s->is_crashed || (s->faults.flags & LK_TEST_PARTITIONED) != 0 ||
	    faults_draw(s, s->faults.hints_lost))
		return;
	if (faults_draw(s, s->faults.hints_late)) {
		put_off(s, name, len);
	} else {
		push(s, name, len);
		if (faults_draw(s, s->faults.hints_twice))
			push(s, name, len);
		push_late(s);
	}
	pthread_cond_signal(&s->hint_news);
}

void
hints_send(struct space *sp, const void *name, size_t len)
{
	for (struct test_store *s = sp->openers; s != NULL; s = s->next)
		send(s, name, len);
}

static void *
tell(void *arg)
{
	struct test_store *s = arg;
	struct space *sp = s->space;

	pthread_mutex_lock(&sp->lock);
	while (!s->hint_stops) {
		struct hint *h = s->hints;

		if (h == NULL) {
			pthread_cond_wait(&s->hint_news, &sp->lock);
			continue;
		}
		s->hints = h->next;
		pthread_mutex_unlock(&sp->lock);
		s->hint(s->hint_arg, h->name, h->len); /* (TS2) */
		free(h);
		pthread_mutex_lock(&sp->lock);
	}
	pthread_mutex_unlock(&sp->lock);
	return NULL;
}

/* A thread that gets no signals: they are for those of the program. */
static int
start(struct test_store *s)
{
	sigset_t all, before;
	int rc;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&s->hint_thread, NULL, tell, s);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc == 0 ? 0 : LK_E_LIMIT;
}

static int
watch(struct test_store *s, lk_store_hint_fn *fn, void *arg)
{
	int rc;

	if (s->hint != NULL)
		return LK_E_BUSY;
	s->hint = fn;
	s->hint_arg = arg;
	s->hint_stops = false;
	rc = start(s);
	if (rc != 0)
		s->hint = NULL;
	return rc;
}

int
hints_watch(struct lk_store *base, lk_store_hint_fn *fn, void *arg)
{
	struct test_store *s = (struct test_store *)base;
	const struct quiet q = quiet_enter();
	int rc = fn == NULL ? LK_E_INVAL : faults_enter(s, UINT64_MAX);

	if (rc == 0) {
		rc = watch(s, fn, arg);
		pthread_mutex_unlock(&s->space->lock);
	}
	return quiet_leave(q, rc);
}

static void
drop_all(struct test_store *s)
{
	push_late(s);
	while (s->hints != NULL) {
		struct hint *h = s->hints;

		s->hints = h->next;
		free(h);
	}
	free(s->hint_late); /* if there was no memory to push it */
	s->hint_late = NULL;
}

void
hints_unwatch(struct lk_store *base)
{
	struct test_store *s = (struct test_store *)base;
	const struct quiet q = quiet_enter();
	bool is_watched;

	if (fork_note_is_foreign(&s->fork)) {
		(void)quiet_leave(q, 0);
		return;
	}
	pthread_mutex_lock(&s->space->lock);
	is_watched = s->hint != NULL;
	s->hint_stops = true;
	pthread_cond_signal(&s->hint_news);
	pthread_mutex_unlock(&s->space->lock);
	if (is_watched)
		(void)pthread_join(s->hint_thread, NULL);
	pthread_mutex_lock(&s->space->lock);
	s->hint = NULL;
	drop_all(s);
	pthread_mutex_unlock(&s->space->lock);
	(void)quiet_leave(q, 0);
}
