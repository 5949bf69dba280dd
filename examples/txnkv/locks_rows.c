/* SPDX-License-Identifier: MIT */
/*
 * Locks of rows, and of tables above them: all of Latchkey that a store needs.
 *
 * A transaction is an owner.  It keeps no list of its locks: lk_holds() says what it has on a name, by itself or from
 * above (after a scan nothing more is needed to read a row), and lk_owner_close() gives back whatever there is.
 *
 * Who locks very many rows of a table gets a lock of the table for them, if nobody is in the way (escalate_after).
 *
 * Who has a row in S or U and writes it asks for one more grant, in X.  An owner has one effective mode on a name, so
 * that is an upgrade, which goes before those who wait; and when a rollback takes that grant back, S or U is left.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "locks.h"
#include "store.h"

static int
rows_open(struct locks *l, const struct db_options *o)
{
	struct lk_config config = LK_CONFIG_INIT;

	config.label = "txnkv";
	config.timeout_ns = o->timeout_ns;
	config.escalate_after = o->escalate_after;
	return lk_open("memory:", &config, &l->manager);
}

/* Every owner was closed, so nothing can be in the way. */
static void
rows_close(struct locks *l)
{
	if (lk_close(l->manager) != 0)
		abort();
}

/*
 * The priority counts when somebody has to be chosen out of a deadlock: who was begun again more often is spared.
 * So nobody begins again for ever.
 */
static int
rows_begin(struct holder *h, unsigned attempt)
{
	struct lk_owner_options options = LK_OWNER_OPTIONS_INIT;
	char label[LK_LABEL_MAX + 1];

	options.label = "transaction";
	options.priority = (int32_t)attempt;
	if (h->locks->explains) {
		h->report = malloc(sizeof(*h->report));
		if (h->report == NULL)
			return LK_E_NOMEM;
		*h->report = (struct lk_report)LK_REPORT_INIT;
		snprintf(label, sizeof(label), "transaction %" PRIu64,
			 atomic_fetch_add(&h->locks->n_begun, 1) + 1);
		options.label = label;
	}
	return lk_owner_open(h->locks->manager, &options, &h->owner);
}

static void
rows_end(struct holder *h)
{
	if (h->owner != NULL && lk_owner_close(h->owner) != 0)
		abort();
	free(h->report);
}

/* Hold `name` in `mode`, S, U or X, unless it is held in that or more already. */
static int
hold(struct holder *h, const char *name, size_t len, lk_mode mode)
{
	struct lk_options options = LK_OPTIONS_INIT;
	int held = lk_holds(h->owner, name, len);

	if (held < 0 ||
	    held >= (int)mode) /* S, SIX, U, X: each later one allows what those before it do */
		return held < 0 ? held : 0;
	options.report = h->report;
	return lk_acquire_bytes(h->owner, name, len, mode, &options, NULL);
}

/* "table/key", both escaped, so that any bytes can be in them.  It fits: see KV_TABLE_MAX. */
static size_t
row_name(char name[LK_NAME_MAX + 1], const struct table *t, struct bytes key)
{
	size_t len = t->lock_name.len;

	memcpy(name, t->lock_name.data, len);
	name[len++] = '/';
	return len + lk_name_escape(key.data, key.len, name + len, LK_NAME_MAX + 1 - len);
}

static int
rows_row(struct holder *h, const struct table *t, struct bytes key, enum access access)
{
	static const lk_mode modes[] = {
		[ACCESS_READ] = LK_S, [ACCESS_UPDATE] = LK_U, [ACCESS_WRITE] = LK_X
	};
	char name[LK_NAME_MAX + 1];

	if (access != ACCESS_WRITE && !h->locks->reads_lock)
		return 0;
	return hold(h, name, row_name(name, t, key), modes[access]);
}

static int
rows_table(struct holder *h, const struct table *t)
{
	if (!h->locks->reads_lock)
		return 0;
	return hold(h, t->lock_name.data, t->lock_name.len, LK_S);
}

/*
 * A savepoint of the owner: what was granted since goes back.  A row that was held before in S or U, and then in X by one
 * more grant, falls to what it was.
 */
static uint64_t
rows_mark(struct holder *h)
{
	return lk_savepoint(h->owner);
}

static int
rows_rollback(struct holder *h, uint64_t mark)
{
	return lk_rollback(h->owner, mark, NULL);
}

const struct locks_kind locks_rows = {
	.open = rows_open,
	.close = rows_close,
	.begin = rows_begin,
	.end = rows_end,
	.row = rows_row,
	.table = rows_table,
	.mark = rows_mark,
	.rollback = rows_rollback,
};
