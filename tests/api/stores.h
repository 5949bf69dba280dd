/* SPDX-License-Identifier: MIT */
/* What the tests over stores share: two managers of one store "test:", folders, and vandals. */
#ifndef LATCHKEY_TESTS_API_STORES_H
#define LATCHKEY_TESTS_API_STORES_H

#include <stdlib.h>
#include <unistd.h>

#include "support.h"

#define SECOND INT64_C(1000000000)

/* Two managers that share a store, as "a" and "b", with an owner each. */
struct pair {
	struct lk_manager *m[2];
	struct lk_owner *w[2];
};

static inline void
pair_open(struct pair *p, const char *parameters)
{
	for (int i = 0; i < 2; i++) {
		char url[160];

		snprintf(url, sizeof(url), "test:pair?as=%c&breaker_threshold=off%s", 'a' + i,
			 parameters);
		p->m[i] = open_manager(url);
		open_owners(p->m[i], &p->w[i], 1);
	}
}

static inline void
pair_close(struct pair *p)
{
	for (int i = 0; i < 2; i++)
		close_all(p->m[i], &p->w[i], 1);
}

static inline void
cut_off(const char *as, bool is_cut)
{
	const struct lk_test_faults f = {
		.size = sizeof(f),
		.flags = is_cut ? LK_TEST_PARTITIONED : 0,
	};

	ok(lk_test_store_faults("pair", as, &f));
}

/* Granted in the end: what another manager keeps without using it is given back. */
static inline lk_grant
get(struct lk_owner *w, const char *name, lk_mode mode)
{
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = 120 * SECOND };
	lk_grant g = 0;

	ok(lk_acquire(w, name, mode, &o, &g));
	return g;
}

static inline void
give(struct lk_owner *w, lk_grant g)
{
	ok(lk_release(w, g));
}

/* ----------------------------------------------------------------------------- records */

struct bytes {
	const void *at;
	size_t len;
};

static inline int
put_bytes(void *arg, struct lk_store_record *r, size_t n)
{
	const struct bytes *b = arg;

	(void)n;
	r->fresh = b->at;
	r->fresh_len = b->len;
	r->changed = 1;
	return 0;
}

/* Write over a record of the store, whatever is in it: "nNAME", "f", "s". */
static inline void
put_record(struct lk_store *s, const char *name, const void *at, size_t len, uint32_t flags)
{
	struct lk_store_record r = { .name = name, .len = strlen(name), .flags = flags };
	struct bytes b = { at, len };

	ok(s->ops->update(s, &r, 1, put_bytes, &b, UINT64_MAX));
}

static inline int
copy_len(void *arg, struct lk_store_record *r, size_t n)
{
	(void)n;
	*(size_t *)arg = r->old_len;
	return 0;
}

/* Bytes of a record; 0: there is none. */
static inline size_t
record_len(struct lk_store *s, const char *name, uint32_t flags)
{
	struct lk_store_record r = { .name = name, .len = strlen(name), .flags = flags };
	size_t len = 0;

	ok(s->ops->read(s, &r, 1, copy_len, &len, UINT64_MAX));
	return len;
}

static inline int
copy_number(void *arg, struct lk_store_record *r, size_t n)
{
	(void)n;
	*(uint64_t *)arg = 0;
	if (r->old_len == sizeof(uint64_t))
		memcpy(arg, r->old, sizeof(uint64_t));
	return 0;
}

static inline uint64_t
floor_of(struct lk_store *s)
{
	struct lk_store_record r = { .name = "f", .len = 1, .flags = LK_STORE_DURABLE };
	uint64_t floor;

	ok(s->ops->read(s, &r, 1, copy_number, &floor, UINT64_MAX));
	return floor;
}

static inline struct lk_store *
open_vandal(const char *url)
{
	struct lk_store *s = NULL;

	ok(lk_store_open(url, NULL, &s));
	return s;
}

/* ----------------------------------------------------------------------------- folders */

struct place {
	char top[32];
	char url[64]; /* of a store in it that is not there yet */
};

static inline void
place_make(struct place *p)
{
	strcpy(p->top, "/tmp/latchkey-XXXXXX");
	cr_assert_not_null(mkdtemp(p->top));
	snprintf(p->url, sizeof(p->url), "file:%s/store", p->top);
}

static inline void
place_remove(struct place *p)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", p->top);
	cr_assert_eq(system(command), 0);
}

#endif /* LATCHKEY_TESTS_API_STORES_H */
