/* SPDX-License-Identifier: MIT */
/* Work of `latchkey stdio`: jobs, strands, and the threads that see to them.  (WK1-WK3) */
#include <signal.h>
#include <stdlib.h>

#include "cli.h"
#include "lines.h"
#include "serve.h"
#include "work.h"

enum { STACK_BYTES = 512 * 1024 };

void
work_init(struct work *k, struct stdio *of)
{
	*k = (struct work){
		.of = of,
		.latch = PTHREAD_MUTEX_INITIALIZER,
		.news = PTHREAD_COND_INITIALIZER,
	};
	k->ready_end = &k->ready;
}

/* --------------------------------------------------------------------------- strands */

struct strand *
strand_make(void)
{
	struct strand *s = calloc(1, sizeof(*s));

	if (s != NULL)
		s->uses = 1;
	return s;
}

void
strand_own(struct work *k, struct strand *s, struct lk_owner *owner)
{
	pthread_mutex_lock(&k->latch);
	s->owner = owner;
	pthread_mutex_unlock(&k->latch);
}

void
strand_use(struct work *k, struct strand *s)
{
	pthread_mutex_lock(&k->latch);
	s->uses++;
	pthread_mutex_unlock(&k->latch);
}

void
strand_leave(struct work *k, struct strand *s)
{
	bool is_last;

	pthread_mutex_lock(&k->latch);
	is_last = --s->uses == 0;
	pthread_mutex_unlock(&k->latch);
	if (!is_last)
		return;
	if (s->owner != NULL)
		forget(lk_owner_close(s->owner));
	free(s);
}

/* ------------------------------------------------------------------------------ jobs */

/* With the latch. */
static void
enlist(struct work *k, struct job *j)
{
	j->older = k->all;
	if (k->all != NULL)
		k->all->newer = j;
	k->all = j;
	k->n_jobs++;
	k->n_waiting += j->may_wait;
}

static void
delist(struct work *k, struct job *j)
{
	if (j->older != NULL)
		j->older->newer = j->newer;
	if (j->newer != NULL)
		j->newer->older = j->older;
	else
		k->all = j->older;
	k->n_jobs--;
	k->n_waiting -= j->may_wait;
}

/* With the latch: somebody is to go on with it. */
static void
make_ready(struct work *k, struct strand *s)
{
	s->next = NULL;
	k->n_ready++;
	*k->ready_end = s;
	k->ready_end = &s->next;
	pthread_cond_signal(&k->news);
}

/* With the latch: the next strand, whose first job is the caller's now; NULL: all is over. */
static struct strand *
next_strand(struct work *k)
{
	struct strand *s;

	while (k->ready == NULL && !k->is_over) {
		k->n_idle++;
		pthread_cond_wait(&k->news, &k->latch);
		k->n_idle--;
	}
	s = k->ready;
	if (s != NULL) {
		k->n_ready--;
		k->ready = s->next;
		if (k->ready == NULL)
			k->ready_end = &k->ready;
	}
	return s;
}

static void
run_first(struct work *k, struct strand *s)
{
	struct job *j = s->first;

	j->is_running = true;
	pthread_mutex_unlock(&k->latch);
	j->run(k->of, j);
	pthread_mutex_lock(&k->latch);
	delist(k, j);
	s->first = j->next;
	if (s->first != NULL)
		make_ready(k, s);
	else
		s->is_busy = false;
	pthread_mutex_unlock(&k->latch);
	json_decref(j->id);
	json_decref(j->request);
	free(j);
	strand_leave(k, s);
	lines_ring(&k->of->lines);
	pthread_mutex_lock(&k->latch);
}

static void *
worker(void *arg)
{
	struct work *k = arg;
	struct strand *s;

	pthread_mutex_lock(&k->latch);
	while ((s = next_strand(k)) != NULL)
		run_first(k, s);
	pthread_mutex_unlock(&k->latch);
	return NULL;
}

/* With the latch.  Signals are for the first thread. */
static bool
begin_worker(struct work *k)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int rc;

	if (k->n_workers == WORKERS_MAX)
		return k->n_workers > 0;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&k->workers[k->n_workers], &attr, worker, k);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (rc == 0)
		k->n_workers++;
	return rc == 0 || k->n_workers > 0;
}

bool
work_submit(struct work *k, struct strand *s, struct job *j)
{
	bool is_fine = true;

	pthread_mutex_lock(&k->latch);
	if (j->may_wait && k->n_waiting >= WORKERS_MAX - WORKERS_KEPT)
		is_fine = false;
	else if (!s->is_busy && k->n_ready >= k->n_idle) /* (WK3) */
		is_fine = begin_worker(k);
	if (is_fine) {
		j->strand = s;
		j->next = NULL;
		s->uses++;
		enlist(k, j);
		if (s->is_busy) {
			s->last->next = j;
		} else {
			s->first = j;
			s->is_busy = true;
			make_ready(k, s);
		}
		s->last = j;
	}
	pthread_mutex_unlock(&k->latch);
	return is_fine;
}

unsigned
work_cancel(struct work *k, const json_t *id, const struct job *but)
{
	unsigned n = 0;

	pthread_mutex_lock(&k->latch);
	for (struct job *j = k->all; j != NULL; j = j->older) {
		if (j == but || (id != NULL && !json_equal((json_t *)j->id, (json_t *)id)))
			continue;
		n++;
		j->is_canceled = true;
		if (j->is_running && j->strand->owner != NULL)
			(void)lk_owner_cancel(j->strand->owner);
	}
	pthread_mutex_unlock(&k->latch);
	return n;
}

bool
work_is_canceled(struct work *k, struct job *j)
{
	bool is;

	pthread_mutex_lock(&k->latch);
	is = j->is_canceled;
	pthread_mutex_unlock(&k->latch);
	return is;
}

unsigned
work_jobs(struct work *k)
{
	unsigned n;

	pthread_mutex_lock(&k->latch);
	n = k->n_jobs;
	pthread_mutex_unlock(&k->latch);
	return n;
}

void
work_fini(struct work *k)
{
	pthread_mutex_lock(&k->latch);
	k->is_over = true;
	pthread_cond_broadcast(&k->news);
	pthread_mutex_unlock(&k->latch);
	for (unsigned i = 0; i < k->n_workers; i++)
		pthread_join(k->workers[i], NULL);
}
