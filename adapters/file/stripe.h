/* SPDX-License-Identifier: MIT */
/* One stripe: its file, its head, what is in it.  All with its lock.  (SF1, SF4, SF5, SF6, SF7) */
#ifndef LK_ADAPTERS_FILE_STRIPE_H
#define LK_ADAPTERS_FILE_STRIPE_H

#include "common/arena.h"
#include "file/store.h"

enum file_found { FILE_ABSENT, FILE_FOUND, FILE_DAMAGED };

#define FILE_NOWHERE UINT64_MAX

/* Where a name is in its stripe, or would be. */
struct file_find {
	enum file_found found;
	uint64_t
		index; /* of its entry; if it is absent, of one that it can have; FILE_NOWHERE: there is none */
	bool was_gone; /* … which is not empty */
	uint64_t at;   /* FOUND: its extent */
	uint32_t size; /* … of which so much is its */
	const void *record;
	size_t len;
};

/*
 * Open the file that has the stripe's name now, if another was open, or none.  Its head is not looked at.  `names` is of
 * names_now(), or 0: look by name in any case.
 */
int file_stripe_use(struct file_store *s, uint32_t stripe, uint64_t names);

/*
 * As that, and read its head.  `*is_dirty`: there is a log, or a hint at one, and the head means nothing (SF2).
 * 0; LK_E_CORRUPT; LK_E_STORE.
 */
int file_stripe_load(struct file_store *s, uint32_t stripe, uint64_t names, bool *is_dirty);

/* Make an empty one in a new file, and put it in the place of what there is.  With the exclusive lock.  (SF6) */
int file_stripe_make(struct file_store *s, uint32_t stripe);

/*
 * Room for `n` more entries, and no more waste than there should be: perhaps in a new file.  Nothing else changes.  With
 * the exclusive lock, and its head loaded.
 */
int file_stripe_make_room(struct file_store *s, uint32_t stripe, uint64_t n);

/* Write it anew without what is damaged.  (SF8) */
int file_stripe_purge(struct file_store *s, uint32_t stripe);

uint64_t file_hash(const struct file_store *s, const void *name, size_t len);
uint32_t file_stripe_of(const struct file_store *s, uint64_t hash, uint32_t flags);

/* Is the head, as it was loaded, what the head of that stripe can be? */
bool file_head_is_good(const struct file_store *s, uint32_t stripe, const struct file_head *h);

/* The record is read into the arena.  0; LK_E_STORE; LK_E_NOMEM. */
int file_find(struct file_store *s, uint32_t stripe, const void *name, size_t len, uint64_t hash,
	      struct arena *a, struct file_find *out);

/* Read `n` entries; those that are not sealed become ENTRY_DAMAGED. */
int file_read_entries(struct file_store *s, uint32_t stripe, uint64_t index, size_t n,
		      struct file_entry *out);

/* A whole live extent.  `*out` NULL: damaged. */
int file_read_extent(struct file_store *s, uint32_t stripe, uint64_t at, struct arena *a,
		     struct file_extent **out);

#endif /* LK_ADAPTERS_FILE_STRIPE_H */
