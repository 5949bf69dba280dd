/* SPDX-License-Identifier: MIT */
/* Records, as rows of a table. */
#ifndef LK_ADAPTERS_SQLITE_ROWS_H
#define LK_ADAPTERS_SQLITE_ROWS_H

#include "common/arena.h"
#include "sqlite/transaction.h"

/* A hash of bytes; of a record it is kept with it, so that one that somebody changed is known by it. */
uint64_t rows_hash(const void *bytes, size_t len, uint64_t seed);

/* An update on its way, or a read: what is asked, and the memory of what is told. */
struct change {
	struct transaction t;
	struct lk_store_record *r;
	size_t n;
	lk_store_change_fn *fn;
	void *arg;
	struct arena arena; /* large: so the rest is set one by one, and this is not cleared */
};

/* What a transaction has changed: so much is to be heard of, and so much need not. */
struct tally {
	uint64_t hints;
	uint64_t quiet;
};

/*
 * The steps of an update, in a transaction that is open.  What is found lives in the arena; `*is_damaged`: one of them is, and
 * nobody has said that he repairs it.
 */
int rows_find(struct change *c, bool *is_damaged);
int rows_say_damaged(struct change *c);
bool rows_change_durable(const struct change *c);
int rows_write(struct change *c, struct tally *tally);

/* Last, before the commit; then the number of the first hint is known.  (SQ3, SQ8) */
int rows_count(struct transaction *t, const struct tally *tally);
uint64_t rows_first_hint(const struct transaction *t, const struct tally *tally);

int rows_update(struct lk_store *base, struct lk_store_record *r, size_t n, lk_store_change_fn *fn,
		void *arg, uint64_t deadline_ns);
int rows_read(struct lk_store *base, struct lk_store_record *r, size_t n, lk_store_change_fn *fn,
	      void *arg, uint64_t deadline_ns);
int rows_scan(struct lk_store *base, const void *prefix, size_t len, lk_store_each_fn *fn,
	      void *arg, uint64_t deadline_ns);

#endif /* LK_ADAPTERS_SQLITE_ROWS_H */
