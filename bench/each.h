/* SPDX-License-Identifier: MIT */
/*
 * A lock that the store is asked for each time, without a manager: an update that takes a free record, another that frees
 * it again.  Who finds it taken waits for a hint that the record has changed, of which each wakes one thread of the process,
 * and looks again after a millisecond without one.  There is no line, nobody finds out who died, and there is one mode.
 */
#ifndef BENCH_EACH_H
#define BENCH_EACH_H

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <latchkey/store.h>

#include "ours.h"
#include "updates.h"

#define EACH_LOOK_NS 1000000L

struct each {
	struct lk_store *s;
	pthread_mutex_t latch;
	pthread_cond_t came;
	uint64_t n_hints;
};

static inline void
each_hear(void *arg, const void *name, size_t len)
{
	struct each *e = (struct each *)arg;

	(void)name;
	(void)len;
	pthread_mutex_lock(&e->latch);
	e->n_hints++;
	pthread_cond_signal(&e->came);
	pthread_mutex_unlock(&e->latch);
}

static inline void *
each_open(const char *url)
{
	struct each *e = (struct each *)calloc(1, sizeof(*e));

	if (e == NULL)
		bench_die(url, "out of memory");
	pthread_mutex_init(&e->latch, NULL);
	pthread_cond_init(&e->came, NULL);
	must(lk_store_open(url, NULL, &e->s), url);
	must(e->s->ops->watch(e->s, each_hear, e), url);
	return e;
}

static inline void
each_close(void *world)
{
	struct each *e = (struct each *)world;

	e->s->ops->unwatch(e->s);
	lk_store_close(e->s);
	pthread_cond_destroy(&e->came);
	pthread_mutex_destroy(&e->latch);
	free(e);
}

static inline int
each_take(void *arg, struct lk_store_record *r, size_t n)
{
	static const char bytes[UPDATE_HELD] = "a record";

	(void)arg;
	(void)n;
	if (r->old_len == UPDATE_HELD)
		return LK_E_BUSY;
	r->fresh = bytes;
	r->fresh_len = UPDATE_HELD;
	r->changed = 1;
	r->is_quiet = 1; /* nobody waits for it to be taken */
	return 0;
}

static inline uint64_t
each_heard(struct each *e)
{
	uint64_t n;

	pthread_mutex_lock(&e->latch);
	n = e->n_hints;
	pthread_mutex_unlock(&e->latch);
	return n;
}

static inline void
each_wait(struct each *e, uint64_t heard)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += EACH_LOOK_NS;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_mutex_lock(&e->latch);
	while (e->n_hints == heard && pthread_cond_timedwait(&e->came, &e->latch, &until) == 0)
		;
	pthread_mutex_unlock(&e->latch);
}

BENCH_INLINE void
each_acquire(void *session, const void *target, lk_mode mode, char *ticket)
{
	struct each *e = (struct each *)session;
	struct lk_store_record r = { .name = target, .len = strlen((const char *)target) };
	int rc;

	(void)mode;
	(void)ticket;
	for (;;) {
		const uint64_t heard = each_heard(e);

		rc = e->s->ops->update(e->s, &r, 1, each_take, NULL, UINT64_MAX);
		if (rc != LK_E_BUSY)
			break;
		each_wait(e, heard);
	}
	must(rc, "an update");
}

BENCH_INLINE void
each_release(void *session, const void *target, char *ticket)
{
	(void)ticket;
	update_record(((struct each *)session)->s, target, UPDATE_FREE);
}

#endif /* BENCH_EACH_H */
