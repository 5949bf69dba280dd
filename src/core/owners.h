/* SPDX-License-Identifier: MIT */
/* Owners that somebody else has the memory of: they are opened and closed without the slab. */
#ifndef LK_CORE_OWNERS_H
#define LK_CORE_OWNERS_H

#include "core/manager.h"

/* The caller's options, checked and copied (`given` is not NULL): 0 or the code to return. */
int owner_options(struct lk_manager *m, const struct lk_owner_options *given,
		  struct lk_owner_options *o);

/* Memory for an owner, not open; NULL: there is none. */
struct lk_owner *owner_memory(struct lk_manager *m);

/* It goes back, when it is not open any more: what it was in the index ends.  (I7) */
void owner_memory_put(struct lk_manager *m, struct lk_owner *w);

/* Open it. */
void owner_open_as(struct lk_owner *w, enum owner_state state, const struct lk_owner_options *o);

/*
 * In a call of it (release_enter()), which this ends: as lk_owner_close().  False: its memory is not the caller's any more, as
 * what it lost is kept from others for a while.  (LE9)
 */
bool owner_shut(struct lk_owner *w);

#endif /* LK_CORE_OWNERS_H */
