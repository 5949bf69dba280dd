/* SPDX-License-Identifier: MIT */
/*
 * Requests that no thread waits for (U1-U5), and the queue that their completions come through (A1-A4): one
 * completion for each that was accepted, whatever became of it.
 */
#include "base/bell.h"
#include "play.h"

enum { BELL = 7 }; /* the only descriptor there is */

/* ------------------------------------------------- what takes the place of base/bell.c */

int
bell_open(void)
{
	return BELL;
}

void
bell_close(int fd)
{
	(void)fd;
}

void
bell_ring(int fd)
{
	(void)fd;
	shim_store(play.bell, 1u, SHIM_RELEASE);
	shim_futex_wake(play.bell, 1);
}

void
bell_silence(int fd)
{
	(void)fd;
	shim_store(play.bell, 0u, SHIM_RELAXED);
}

/* --------------------------------------------------------------------- submitting */

static struct submission *
submission_of(const struct step *t)
{
	return &play.submitted[t->fiber][t->label];
}

/* Whoever reaps tells whoever awaits it. */
static void
completed(void *arg, const struct lk_completion *c)
{
	const struct step *t = arg;
	struct submission *s = submission_of(t);
	const enum result result = result_of(c->code);

	if (c->kind != LK_DONE || !s->is_out || c->id != s->id)
		fail("line %u: a completion that nobody expects", t->line);
	if (result == RESULTS || (t->completes & 1u << result) == 0)
		fail("line %u: the completion says %s", t->line, lk_errname(c->code));
	s->is_out = false;
	play.n_out--;
	play.results[result]++;
	play.refused[t->fiber] = c->code != 0;
	/* Reaped late, it may be of an owner that was closed, or taken back by a shutdown. */
	if (c->code == 0 && !play.is_shut && play.owner[t->fiber] == c->owner &&
	    c->owner->id.v == s->owner_id)
		play_granted(t, c->grant, s->began_at);
	shim_store(&play.words[t->fiber], 1u, SHIM_RELEASE);
	shim_futex_wake(&play.words[t->fiber], 1);
}

int
queued_submit(const struct step *t, const struct lk_options *o)
{
	struct submission *s = submission_of(t);
	struct lk_owner *w = play.owner[t->fiber];
	void *arg = (void *)(uintptr_t)t;
	int rc;

	*s = (struct submission){ .is_out = true, .owner_id = w->id.v, .began_at = world.now };
	play.n_out++;
	shim_store(&play.words[t->fiber], 0u, SHIM_RELAXED);
	if (t->verb == VERB_SUBMIT_CONVERT)
		rc = lk_submit_convert(play.queue, w, play.grant[t->fiber][t->label], t->mode[0], o,
				       completed, arg, &s->id);
	else
		rc = lk_submit(play.queue, w, play_script->name[t->name[0]], t->mode[0], o,
			       completed, arg, &s->id);
	if (rc != 0) {
		if (!s->is_out)
			fail("line %u: a request was refused, and completed", t->line);
		s->is_out = false;
		play.n_out--;
	}
	return rc;
}

int
queued_cancel(const struct step *t)
{
	return lk_cancel(play.owner[t->fiber], submission_of(t)->id);
}

/* Until the request of that label has completed. */
int
queued_await(const struct step *t)
{
	const struct submission *s = submission_of(t);

	while (s->is_out) {
		(void)shim_load(&play.words[t->fiber], SHIM_ACQUIRE);
		if (s->is_out)
			(void)sched_sleep((uintptr_t)&play.words[t->fiber], 0, NEVER, false);
	}
	(void)shim_load(&play.words[t->fiber], SHIM_ACQUIRE);
	return 0;
}

/* As a loop with the bell's descriptor does: once; or until all others have ended. */
int
queued_reap(const struct step *t)
{
	bool more;

	do {
		int rc = 0;

		if (t->verb == VERB_REAP || shim_load(play.bell, SHIM_ACQUIRE) != 0)
			rc = lk_queue_dispatch(play.queue, 64);
		if (rc < 0)
			return rc;
		more = t->verb == VERB_REAPING && sched_serve((uintptr_t)play.bell, 0, NEVER);
	} while (more);
	return 0;
}

void
queued_open(void)
{
	play.words = region_alloc((FIBERS_MAX + 1) * sizeof(a32), 64);
	memset(play.words, 0, (FIBERS_MAX + 1) * sizeof(a32));
	play.bell = &play.words[FIBERS_MAX];
	if (lk_queue_open(play.m, &play.queue) != 0)
		fail("the queue was not opened");
}

/* Nobody is left who would reap. */
void
queued_check_end(void)
{
	if (play.n_out != 0)
		fail("%u requests that were accepted were never completed", play.n_out);
}

void
queued_close(void)
{
	if (play.queue == NULL)
		return;
	(void)lk_queue_dispatch(play.queue, 64);
	if (lk_queue_close(play.queue) != 0)
		fail("all requests have completed, and the queue cannot be closed");
	region_free(play.words, (FIBERS_MAX + 1) * sizeof(a32));
}
