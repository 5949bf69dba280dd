/* SPDX-License-Identifier: MIT */
/*
 * The file of a flat store: all that the store knows, read whole and replaced whole.
 *
 * FL1  It is read and replaced by one thread of one process at a time: who has `flat_enter()`ed.
 * FL2  It is never written in place.  A new one is written beside it and takes its name, so that whoever is killed
 *      at any moment leaves the old one or the new one.
 * FL3  What does not add up is said to be damaged; it is never taken for empty.
 *
 * Of one thread inside the process a mutex takes care; of processes a lock of the system's on FILE.lock, which the system
 * takes from who dies, and which a child does not inherit.  FILE itself cannot be locked: it is another one after
 * each change.
 */
#ifndef FLAT_FILE_H
#define FLAT_FILE_H

#include <pthread.h>
#include <stdbool.h>

#include <latchkey/store.h>

enum { FLAT_RECORD, FLAT_SESSION };

/* A record, or a session.  Where it is new its bytes are somebody else's, until the file is written. */
struct flat_cell {
	uint32_t kind;
	uint32_t len;  /* of the name */
	uint32_t size; /* of the bytes; 0: it is to be left out */
	const unsigned char *name;
	const unsigned char *bytes; /* aligned to 8 */
};

/* The file as it was read. */
struct flat_image {
	unsigned char *buf;
	size_t cap; /* bytes at `buf`, as the allocator has it */
	struct flat_cell *cell;
	size_t n_cells;
	size_t room; /* cells that there is room for */
};

struct flat_file {
	const struct lk_allocator *memory;
	const struct lk_environment *world;
	char path[4000];
	char boot[40]; /* which boot of the machine its clock counts from */
	int lock;      /* of who has entered */
	pthread_mutex_t words_lock;
	char words[256]; /* on the latest failure */
};

/* Keep the failure in words, and return `rc`. */
int flat_say(struct flat_file *f, int rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* What was kept; there is room for f->words. */
void flat_words(struct flat_file *f, char *out);

/* Be the one, until flat_leave().  0, LK_E_TIMEDOUT, LK_E_PERM, LK_E_STORE. */
int flat_enter(struct flat_file *f, uint64_t deadline_ns);
void flat_leave(struct flat_file *f);

/* Read all of it; there is room for `extra` further cells.  0, LK_E_CORRUPT, LK_E_VERSION, LK_E_NOMEM, LK_E_PERM, LK_E_STORE. */
int flat_load(struct flat_file *f, struct flat_image *image, size_t extra);
void flat_forget(struct flat_file *f, struct flat_image *image);

struct flat_cell *flat_find(struct flat_image *image, uint32_t kind, const void *name, size_t len);

/* Find it, or add one without bytes, for which there must be room. */
struct flat_cell *flat_make(struct flat_image *image, uint32_t kind, const void *name, size_t len);

/*
 * Replace the file.  Nothing is synced: after a power cut it may be an older one, or a damaged one.
 *
 * Returns     0; nothing was changed: LK_E_LIMIT (the disk is full), LK_E_NOMEM, LK_E_PERM, LK_E_STORE.
 */
int flat_save(struct flat_file *f, const struct flat_image *image);

#endif /* FLAT_FILE_H */
