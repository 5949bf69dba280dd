/* SPDX-License-Identifier: MIT */
/* Two managers that share a store, as two processes do, with two owners each; over any of the stores that are built in. */
#ifndef API_PAIR_H
#define API_PAIR_H

#include <latchkey/store.h>
#include <latchkey/test_store.h>

#include <stdlib.h>

#include "support.h"

#define SECOND INT64_C(1000000000)

struct pair {
	struct lk_manager *m[2];
	struct lk_owner *w[2][2];
	char folder[32]; /* "": none */
	char url[64];    /* with "%c" for who opens it */
};

enum { PAIR_STORES = 2 };

static inline struct lk_manager *
pair_open_one(const struct pair *p, int i, const char *parameters)
{
	char url[192];

	snprintf(url, sizeof(url), "%s%s", p->url, parameters);
	if (p->folder[0] == '\0')
		url[strlen("test:pair?as=")] = (char)('a' + i);
	return open_manager(url);
}

/* `parameters`: "" or "&…". */
static inline void
pair_open(struct pair *p, int store, const char *parameters)
{
	*p = (struct pair){ .url = "test:pair?as=a" };
	if (store == 1) {
		strcpy(p->folder, "/tmp/lk-pair-XXXXXX");
		cr_assert_not_null(mkdtemp(p->folder));
		snprintf(p->url, sizeof(p->url), "file:%s/s?stripes=2", p->folder);
	}
	for (int i = 0; i < 2; i++) {
		p->m[i] = pair_open_one(p, i, parameters);
		open_owners(p->m[i], p->w[i], 2);
	}
}

static inline void
pair_remove(struct pair *p)
{
	char command[64];

	if (p->folder[0] == '\0')
		return;
	snprintf(command, sizeof(command), "rm -r %s", p->folder);
	cr_assert_eq(system(command), 0);
}

static inline void
pair_close(struct pair *p)
{
	for (int i = 0; i < 2; i++)
		close_all(p->m[i], p->w[i], 2);
	pair_remove(p);
}

/* Granted in the end: what another manager keeps without using it is given back. */
static inline lk_grant
get(struct lk_owner *w, const char *name, lk_mode mode)
{
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = 60 * SECOND };
	lk_grant g = 0;

	ok(lk_acquire(w, name, mode, &o, &g));
	return g;
}

static inline void
give(struct lk_owner *w, lk_grant g)
{
	ok(lk_release(w, g));
}

static inline void
pair_faults(const char *as, struct lk_test_faults f)
{
	f.size = sizeof(f);
	ok(lk_test_store_faults("pair", as, &f));
}

static inline void
pair_cut(const char *as, bool is_cut)
{
	pair_faults(as, (struct lk_test_faults){ .flags = is_cut ? LK_TEST_PARTITIONED : 0 });
}

#endif /* API_PAIR_H */
