/* SPDX-License-Identifier: MIT */
/*
 * Who is in the way of a request on one name: its holders, found by a walk over all owners, as no resource
 * keeps a list of them; and who is ahead in its line.  Allocates nothing, calls nobody, stops nobody.
 */
#ifndef LK_CORE_BLOCKERS_H
#define LK_CORE_BLOCKERS_H

#include "core/manager.h"

/* What is looked for. */
struct blocked {
	struct lk_manager *m;
	const struct lk_owner *who; /* not in its own way; NULL: an owner to come */
	struct lk_resource *r;      /* cannot be retired meanwhile: held or pinned */
	lk_mode held;               /* what `who` holds there */
	lk_mode want;
	int32_t priority;
	const struct waiter
		*in_line; /* its place in the line; NULL: where one that came now would stand */
	bool takes_units; /* of a semaphore … */
	bool lacks_units; /* … of which there are too few: who has some is in the way too */
	bool above;       /* the name is an ancestor of what was asked for */
	uint64_t now;
};

/* Where they go. */
struct blockers {
	struct lk_blocker *at;
	uint32_t room;
	uint32_t n; /* may exceed `room`: how many there are */
};

/* Add those that hold, then those that are ahead, from the head of the line. */
void blockers_add_holders(struct blockers *b, const struct blocked *what);
void blockers_add_ahead(struct blockers *b, const struct blocked *what);

/*
 * Read the tag that `e` has, of somebody else's grant: the first `cap` bytes, a multiple of 8; its whole
 * length.  And since when, 0: not noted.
 */
uint32_t extra_read_tag(const struct extra *e, void *buf, uint32_t cap);

#endif /* LK_CORE_BLOCKERS_H */
