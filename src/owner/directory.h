/* SPDX-License-Identifier: MIT */
/*
 * Directory: owners by their number, for those who know an owner by its id only.
 *
 * DI1  a place is written once: the memory of an owner keeps its number until the manager closes (O1).  So an owner that
 *      is found is an owner, perhaps of another opening: whoever finds it compares the id under its latch.
 *
 * Owners are entered when somebody will want to find them.  Places come in segments, each as large as all before
 * it, which do not move; nobody needs a latch.
 */
#ifndef LK_OWNER_DIRECTORY_H
#define LK_OWNER_DIRECTORY_H

#include "owner/owner.h"

enum { DIRECTORY_FIRST = 64, DIRECTORY_SEGMENTS = 19 };

struct directory {
	aptr segment[DIRECTORY_SEGMENTS]; /* of aptr: segment 0 has DIRECTORY_FIRST places */
};

enum directory_result { DIRECTORY_OK, DIRECTORY_NOMEM, DIRECTORY_FULL };

/* The memory is all zeros. */
void directory_fini(struct directory *d, struct env *env);

/* DIRECTORY_FULL: so many owners are open that this one has the number of another. */
enum directory_result directory_enter(struct directory *d, struct env *env, struct lk_owner *w);

/* The owner whose id that is, or was; NULL: none was entered. */
struct lk_owner *directory_find(const struct directory *d, uint64_t id);

#endif /* LK_OWNER_DIRECTORY_H */
