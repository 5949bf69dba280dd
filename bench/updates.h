/* SPDX-License-Identifier: MIT */
/*
 * A store without a manager: the two updates of a record by which a lock comes and goes, of about the bytes that such
 * records have.  What a lock costs beyond them is the manager's: the line, the decision, threads that are told.
 */
#ifndef BENCH_UPDATES_H
#define BENCH_UPDATES_H

#include <string.h>

#include <latchkey/store.h>

#include "ours.h"

enum { UPDATE_HELD = 126, UPDATE_FREE = 70 };

static inline int
update_change(void *arg, struct lk_store_record *r, size_t n)
{
	static const char bytes[UPDATE_HELD] = "a record";

	(void)n;
	r->fresh = bytes;
	r->fresh_len = *(const size_t *)arg;
	r->changed = 1;
	return 0;
}

BENCH_INLINE void
update_record(void *session, const void *target, size_t len)
{
	struct lk_store *s = (struct lk_store *)session;
	struct lk_store_record r = { .name = target, .len = strlen((const char *)target) };

	must(s->ops->update(s, &r, 1, update_change, &len, UINT64_MAX), "an update");
}

static inline void *
updates_open(const char *url)
{
	struct lk_store *s;

	must(lk_store_open(url, NULL, &s), url);
	return s;
}

static inline void
updates_close(void *world)
{
	lk_store_close((struct lk_store *)world);
}

BENCH_INLINE void
updates_acquire(void *session, const void *target, lk_mode mode, char *ticket)
{
	(void)mode;
	(void)ticket;
	update_record(session, target, UPDATE_HELD);
}

BENCH_INLINE void
updates_release(void *session, const void *target, char *ticket)
{
	(void)ticket;
	update_record(session, target, UPDATE_FREE);
}

#endif /* BENCH_UPDATES_H */
