/* SPDX-License-Identifier: MIT */
/* Updates that make a record longer, of which a test puts several into one call of update_many. */
#ifndef LK_TESTS_GROWTH_H
#define LK_TESTS_GROWTH_H

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <latchkey/store.h>

#include "harness.h"

/* One of them: so many bytes more in a record. */
struct growth {
	struct lk_store_record r;
	size_t by;
	int rc;         /* what the function returns */
	bool is_lethal; /* it ends the process */
	size_t seen;
	char fresh[64];
};

static inline int
grow(void *arg, struct lk_store_record *r, size_t n)
{
	struct growth *w = arg;

	cr_assert_eq(n, 1);
	w->seen = r->old_len;
	if (w->is_lethal)
		(void)kill(getpid(), SIGKILL);
	memset(w->fresh, 'x', sizeof(w->fresh));
	r->fresh = w->fresh;
	r->fresh_len = r->old_len + w->by;
	r->changed = w->by != 0;
	return w->rc;
}

static inline void
set(struct growth *w, struct lk_store_update *u, const char *name, size_t by)
{
	*w = (struct growth){ .r = { .name = name, .len = strlen(name) }, .by = by };
	*u = (struct lk_store_update){
		.r = &w->r, .n = 1, .fn = grow, .arg = w, .rc = 77, .is_left = 77
	};
}

/* It was not left, and answered with `rc`. */
static inline void
is_made(const struct lk_store_update *u, int rc)
{
	cr_assert_eq(u->is_left, 0);
	cr_assert_eq(u->rc, rc, "%s", lk_errname(u->rc));
	cr_assert_null(u->r->old);
}

#endif /* LK_TESTS_GROWTH_H */
