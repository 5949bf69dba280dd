/* SPDX-License-Identifier: MIT */
/*
 * One mutex for each table, for comparison: what many would write first.
 *
 * Whoever touches a row holds the mutex of its table to the end of the transaction.  A mutex finds no deadlocks, so a
 * transaction waits only for tables after all those that it holds; for others it tries, and begins again if they are taken.
 * There are no timeouts, and the thread that began a transaction has to end it.
 */
#include <stdlib.h>

#include "locks.h"
#include "store.h"

static int
tables_open(struct locks *l, const struct db_options *o)
{
	(void)o;
	l->table = malloc(KV_TABLES_MAX * sizeof(*l->table));
	if (l->table == NULL)
		return LK_E_NOMEM;
	for (size_t i = 0; i < KV_TABLES_MAX; i++)
		pthread_mutex_init(&l->table[i], NULL);
	return 0;
}

static void
tables_close(struct locks *l)
{
	for (size_t i = 0; i < KV_TABLES_MAX; i++)
		pthread_mutex_destroy(&l->table[i]);
	free(l->table);
}

static int
tables_begin(struct holder *h, unsigned attempt)
{
	(void)h;
	(void)attempt;
	return 0;
}

static void
tables_end(struct holder *h)
{
	for (size_t i = 0; i < h->next_table; i++)
		if (h->table[i / 64] >> i % 64 & 1)
			pthread_mutex_unlock(&h->locks->table[i]);
}

static int
tables_table(struct holder *h, const struct table *t)
{
	size_t i = t->number;

	if (h->table[i / 64] >> i % 64 & 1)
		return 0;
	if (i >= h->next_table)
		pthread_mutex_lock(&h->locks->table[i]);
	else if (pthread_mutex_trylock(&h->locks->table[i]) != 0)
		return LK_E_BUSY;
	h->table[i / 64] |= (uint64_t)1 << i % 64;
	if (i >= h->next_table)
		h->next_table = i + 1;
	return 0;
}

static int
tables_row(struct holder *h, const struct table *t, struct bytes key, enum access access)
{
	(void)key;
	(void)access;
	return tables_table(h, t);
}

static uint64_t
tables_mark(struct holder *h)
{
	(void)h;
	return 0;
}

/* More is held than is needed. */
static int
tables_rollback(struct holder *h, uint64_t mark)
{
	(void)h;
	(void)mark;
	return 0;
}

const struct locks_kind locks_tables = {
	.open = tables_open,
	.close = tables_close,
	.begin = tables_begin,
	.end = tables_end,
	.row = tables_row,
	.table = tables_table,
	.mark = tables_mark,
	.rollback = tables_rollback,
};
