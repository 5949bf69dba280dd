/* SPDX-License-Identifier: MIT */
/* A manager whose owners take units, and wait for them. */
#ifndef LATCHKEY_TESTS_API_SEMAPHORE_STAGE_H
#define LATCHKEY_TESTS_API_SEMAPHORE_STAGE_H

#include "semaphore.h"

enum { OWNERS = 6 };

struct stage {
	struct lk_manager *m;
	struct lk_owner *w[OWNERS];
	struct asker a[OWNERS];
	struct lk_options o[OWNERS];
};

static inline void
stage_open(struct stage *s, const char *url)
{
	memset(s, 0, sizeof(*s));
	s->m = open_manager(url);
	open_owners(s->m, s->w, OWNERS);
}

static inline void
stage_close(struct stage *s)
{
	close_all(s->m, s->w, OWNERS);
}

/* Owner `i` asks for units that are not there now. */
static inline void
ask_units(struct stage *s, int i, const char *name, uint32_t units, uint32_t permits)
{
	s->o[i] = want(units, permits);
	ask_with(s->m, &s->a[i], s->w[i], name, LK_IX, &s->o[i]);
}

#endif /* LATCHKEY_TESTS_API_SEMAPHORE_STAGE_H */
