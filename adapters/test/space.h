/* SPDX-License-Identifier: MIT */
/*
 * A space of the test store: what all who opened one name share.
 *
 * TS1  all of a space, and of its openers, is read and written with its lock held, but what an opener set when it opened.
 * TS2  no function of the program's is called with a lock held: an update copies, asks, and writes only if the buckets
 *      of its names are as they were when it copied.
 * TS3  a bucket's version grows with every change in it, so that "there is none" has a version too.
 * TS4  a session that is dead is taken out at once, by whoever finds out, and an id is never taken in twice at a time.
 */
#ifndef LK_ADAPTERS_TEST_SPACE_H
#define LK_ADAPTERS_TEST_SPACE_H

#include <latchkey/store.h>
#include <latchkey/test_store.h>

#include <pthread.h>
#include <stdbool.h>

#include "common/forks.h"
#include "common/place.h"
#include "common/words.h"

enum { SPACE_BUCKETS = 256, AS_MAX = 31 };

struct kept {
	struct kept *next;
	size_t len;
	size_t size;
	unsigned char bytes[]; /* the name, then the record at a multiple of 8 */
};

struct bucket {
	struct kept *first;
	uint64_t version; /* (TS3) */
};

struct session {
	struct session *next;
	struct lk_session_id id;
	struct test_store *of;
	uint64_t ttl_ns;
	uint64_t ends_ns; /* on the space's clock */
	char who[LK_STORE_WHO_MAX + 1];
};

struct hint {
	struct hint *next;
	size_t len;
	unsigned char name[];
};

struct test_store {
	struct lk_store base;
	struct fork_note fork;
	struct place place;
	struct words words;
	struct space *space;
	struct test_store *next; /* in the space's list */
	bool is_read_only;
	char as[AS_MAX + 1];

	bool is_crashed; /* (TS1) from here on */
	struct lk_test_faults faults;
	uint64_t lot;

	lk_store_hint_fn *hint;
	void *hint_arg;
	bool hint_stops;
	pthread_t hint_thread;
	pthread_cond_t hint_news;
	struct hint *hints;     /* the next to be told first */
	struct hint *hint_late; /* told after the next one */
};

struct space {
	struct space *next;
	unsigned n_open; /* under the lock of the list of spaces */
	pthread_mutex_t lock;
	struct bucket buckets[SPACE_BUCKETS];
	struct session *sessions;
	struct test_store *openers;
	int64_t step_ns;
	uint64_t clock_id;
	char name[];
};

/* The space of that name, made if it is not there; NULL: out of memory.  Until space_put(). */
struct space *space_get(const char *name);
void space_put(struct space *sp);

/* The same, if it is there. */
struct space *space_find(const char *name);

struct bucket *space_bucket(struct space *sp, const void *name, size_t len);
struct kept *bucket_find(const struct bucket *b, const void *name, size_t len);

static inline const unsigned char *
kept_record(const struct kept *k)
{
	return k->bytes + ((k->len + 7) & ~(size_t)7);
}

/* NULL: out of memory. */
struct kept *kept_make(const struct lk_store_record *r);

/* In its bucket, in place of what is there of that name; `fresh` NULL: nothing.  */
void bucket_put(struct bucket *b, const struct lk_store_record *r, struct kept *fresh);

uint64_t space_now(const struct space *sp, const struct test_store *s);

/* Alive, or NULL; those that are over go.  (TS4) */
struct session *space_session(struct space *sp, uint64_t now, const struct lk_session_id *id);
void space_end_sessions(struct space *sp, const struct test_store *of);

/* ------------------------------------------------------------------------ faults */

/* So many of a thousand? */
bool faults_draw(struct test_store *s, uint32_t of_thousand);

/* What every call begins with.  0: go on, with the space locked; else the code. */
int faults_enter(struct test_store *s, uint64_t deadline_ns);

/* ------------------------------------------------------------------------- hints */

/* To all who watch, with the space locked; what there is no memory for is lost. */
void hints_send(struct space *sp, const void *name, size_t len);

int hints_watch(struct lk_store *base, lk_store_hint_fn *fn, void *arg);
void hints_unwatch(struct lk_store *base);

#endif /* LK_ADAPTERS_TEST_SPACE_H */
