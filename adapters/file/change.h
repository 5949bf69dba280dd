/* SPDX-License-Identifier: MIT */
/* One update of some records, or one look at them: from the lock of their stripes to what others are told. */
#ifndef LK_ADAPTERS_FILE_CHANGE_H
#define LK_ADAPTERS_FILE_CHANGE_H

#include "common/arena.h"
#include "file/batch.h"

struct file_change {
	struct file_store *s;
	struct lk_store_record *r;
	size_t n;
	lk_store_change_fn *fn;
	void *arg;
	struct file_item *items; /* `n` of them */
	uint64_t stripes;        /* in which the records are */
	bool is_torn; /* it failed as it was written: what is known of them is not what is there */
	struct arena arena; /* large: so the rest is set one by one, and this is not cleared */
};

/* In which stripes are its records? */
void file_change_place(struct file_change *c);

/* The records are found in memory of the arena; decided on; and written.  Their stripes are locked.  0, what `fn` returned, or any code of update. */
int file_change_make(struct file_change *c);

/* The same of a look: nothing is written. */
int file_change_look(struct file_change *c);

/* Tell the others, if it is there or may be.  No stripe is locked. */
void file_change_tell(const struct file_change *c);

#endif /* LK_ADAPTERS_FILE_CHANGE_H */
