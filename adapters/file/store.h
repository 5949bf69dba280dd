/* SPDX-License-Identifier: MIT */
/* An open store in a folder. */
#ifndef LK_ADAPTERS_FILE_STORE_H
#define LK_ADAPTERS_FILE_STORE_H

#include <latchkey/store.h>

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "common/forks.h"
#include "common/io.h"
#include "common/listener.h"
#include "common/names.h"
#include "common/place.h"
#include "common/words.h"
#include "file/format.h"
#include "file/gate.h"

/* Which file a name stands for: another one has another. */
struct file_ident {
	dev_t dev;
	ino_t ino;
};

struct file_stripe {
	struct file_gate gate;
	int fd;
	struct file_ident ident;
	uint64_t names;        /* when it was looked at by its name (SF9) */
	unsigned char *map;    /* its bytes; NULL: by calls (SF10) */
	uint64_t map_size;     /* of memory that is kept for it */
	uint64_t size;         /* … of which the file had so much when it was locked */
	uint64_t seen;         /* the highest generation that was (SF7) */
	struct file_head head; /* as read after it was locked */
	_Atomic uint64_t
		own[FILE_HINT_CELLS]; /* numbers of our own changes: nobody is told of those */
};

/* A session of this opening. */
struct file_own {
	struct file_own *next;
	struct lk_session_id id;
	uint64_t slot;
};

struct file_watch {
	lk_store_hint_fn *fn;
	void *arg;
	struct listener listener;
	uint64_t seen[FILE_STRIPES_MAX + 1];
};

enum { FILE_DURABLE = FILE_STRIPES_MAX, FILE_STRIPES_ALL };

struct file_store {
	struct lk_store base;
	struct fork_note fork;
	struct place place;
	struct words words;
	char path[PATH_MAX]; /* of the folder, without links */
	int dir;
	int space;
	int sessions;
	int hints;
	struct file_ident dir_ident;
	struct file_ident space_ident;
	struct names names;
	_Atomic uint64_t space_names; /* when it was looked at by its name (SF9) */
	unsigned char id[16];
	uint64_t key;
	uint64_t clock_id;
	uint64_t max_size;  /* of a stripe; UINT64_MAX: any */
	uint32_t n_stripes; /* without the durable one */
	bool is_read_only;
	bool is_volatile; /* a file system in memory */
	bool time_is_given;
	struct file_gate setup;
	struct file_gate table; /* of the sessions */
	pthread_mutex_t own_lock;
	struct file_own *own; /* with own_lock */
	struct file_ident sessions_ident;
	struct file_watch watch;
	struct file_stripe stripes[FILE_STRIPES_ALL];
};

static inline struct file_store *
file_store_of(struct lk_store *base)
{
	return (struct file_store *)base;
}

/* The name of a stripe's file. */
void file_stripe_name(uint32_t stripe, char name[16]);

/* Is there a stripe of that number? */
static inline bool
file_has_stripe(const struct file_store *s, uint32_t stripe)
{
	return stripe < s->n_stripes || stripe == FILE_DURABLE;
}

/* A stripe in a set of them. */
static inline uint64_t
file_bit(uint32_t stripe)
{
	return UINT64_C(1) << stripe;
}

/* The next stripe of a set, from `from` on; FILE_STRIPES_ALL: none. */
static inline uint32_t
file_next(uint64_t stripes, uint32_t from)
{
	const uint64_t rest = from < FILE_STRIPES_ALL ? stripes >> from : 0;
	const uint32_t next = rest != 0 ? from + (uint32_t)__builtin_ctzll(rest) : FILE_STRIPES_ALL;

	return next < FILE_STRIPES_ALL ? next : FILE_STRIPES_ALL;
}

/* A failure in words: "DIR/what: …"; returns `rc`. */
int file_say(struct file_store *s, int rc, const char *what, int error);
int file_complain(struct file_store *s, int rc, const char *what, const char *why);

#endif /* LK_ADAPTERS_FILE_STORE_H */
