/* SPDX-License-Identifier: MIT */
/* A family, and an owner beside it. */
#ifndef LATCHKEY_TESTS_API_FAMILY_H
#define LATCHKEY_TESTS_API_FAMILY_H

#include "support.h"

enum { FAMILY_MOST = 8 };

struct family {
	struct lk_manager *m;
	struct lk_owner *head;
	struct lk_owner *other;
	struct lk_owner *child[FAMILY_MOST];
	int n;
};

static inline struct lk_owner *
open_child(struct lk_manager *m, struct lk_owner *parent)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct lk_owner *w = NULL;

	o.parent = parent;
	ok(lk_owner_open(m, &o, &w));
	return w;
}

static inline void
family_of(struct family *f, struct lk_manager *m, int n)
{
	*f = (struct family){ .m = m, .n = n };
	ok(lk_owner_open(m, NULL, &f->head));
	ok(lk_owner_open(m, NULL, &f->other));
	for (int i = 0; i < n; i++)
		f->child[i] = open_child(m, f->head);
}

static inline void
family_open(struct family *f, const char *url, int n)
{
	family_of(f, open_manager(url), n);
}

/* All owners are closed, the manager is not. */
static inline void
family_end(struct family *f)
{
	for (int i = 0; i < f->n; i++)
		ok(lk_owner_close(f->child[i]));
	ok(lk_owner_close(f->head));
	ok(lk_owner_close(f->other));
}

static inline void
family_close(struct family *f)
{
	family_end(f);
	ok(lk_close(f->m));
}

#endif /* LATCHKEY_TESTS_API_FAMILY_H */
