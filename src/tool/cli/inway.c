/* SPDX-License-Identifier: MIT */
/*
 * Who is in the way of a lock, as the store says it.
 *
 * That is what processes have, not what their threads do with it: one that is told may only keep a name that nobody
 * there uses, and give it back when it is asked for.
 */
#include <string.h>

#include "inway.h"

/* By lk_mode: row wanted, column held.  From the table in <latchkey.h>. */
static bool
agree(lk_mode wanted, lk_mode held)
{
	static const bool together[LK_X + 1][LK_X + 1] = {
		[LK_IS] = { [LK_IS] = 1, [LK_IX] = 1, [LK_S] = 1, [LK_U] = 1, [LK_SIX] = 1 },
		[LK_IX] = { [LK_IS] = 1, [LK_IX] = 1 },
		[LK_S] = { [LK_IS] = 1, [LK_S] = 1, [LK_U] = 1 },
		[LK_U] = { [LK_IS] = 1, [LK_S] = 1 },
		[LK_SIX] = { [LK_IS] = 1 },
	};

	return held == LK_NL || together[wanted][held];
}

/* Would it be in the way?  Of the dead nobody is. */
static bool
is_in_way(const struct row *r, lk_mode wanted)
{
	if ((r->flags & LK_RECORD_DEAD) != 0)
		return false;
	if ((r->flags & (LK_RECORD_DAMAGED | LK_RECORD_NEWER)) != 0)
		return true;
	return !agree(wanted, r->wanted != LK_NL ? r->wanted : r->held);
}

struct search {
	struct lk_manager *m;
	const unsigned char *name;
	size_t len;
	bool others;
	int (*fn)(void *arg, const struct row *r);
	void *arg;
};

/* One name: the lock's, or one above it in an intent. */
static int
look_at(const struct search *s, size_t len, lk_mode wanted)
{
	struct rows rows;
	int rc = rows_read(s->m, s->name, len, &rows);
	const int read = rc;

	for (size_t i = 0; rc == 0 && i < rows.n; i++) {
		const struct row *r = &rows.all[i];

		if (row_is_of(r, s->name, len) && is_in_way(r, wanted) &&
		    !(s->others && (r->flags & LK_RECORD_OURS) != 0))
			rc = s->fn(s->arg, r);
	}
	if (read == 0)
		rows_free(&rows);
	return rc;
}

int
inway_each(struct lk_manager *m, const void *name, size_t len, lk_mode mode, bool others,
	   int (*fn)(void *arg, const struct row *r), void *arg)
{
	const lk_mode intent = mode == LK_S || mode == LK_IS ? LK_IS : LK_IX;
	const struct search s = { m, name, len, others, fn, arg };
	const int by = rows_separator(m);
	int rc = 0;

	for (size_t i = 1; rc == 0 && i + 1 < len; i++) {
		if (s.name[i] == by && s.name[i - 1] != by && s.name[i + 1] != by)
			rc = look_at(&s, i, intent);
	}
	return rc == 0 ? look_at(&s, len, mode) : rc;
}
