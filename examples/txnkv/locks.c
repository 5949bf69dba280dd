/* SPDX-License-Identifier: MIT */
/* Locks of either kind: see locks.h. */
#include "locks.h"

int
locks_open(struct locks *l, const struct db_options *o)
{
	l->kind = o->locks == DB_LOCK_TABLES ? &locks_tables : &locks_rows;
	l->reads_lock = o->locks != DB_LOCK_NO_READING;
	l->explains = o->explains;
	return l->kind->open(l, o);
}

void
locks_close(struct locks *l)
{
	l->kind->close(l);
}

int
locks_begin(struct holder *h, struct locks *l, unsigned attempt)
{
	h->locks = l;
	return l->kind->begin(h, attempt);
}

void
locks_end(struct holder *h)
{
	h->locks->kind->end(h);
}

int
locks_row(struct holder *h, const struct table *t, struct bytes key, enum access access)
{
	return h->locks->kind->row(h, t, key, access);
}

int
locks_table(struct holder *h, const struct table *t)
{
	return h->locks->kind->table(h, t);
}

uint64_t
locks_mark(struct holder *h)
{
	return h->locks->kind->mark(h);
}

int
locks_rollback(struct holder *h, uint64_t mark)
{
	return h->locks->kind->rollback(h, mark);
}
