/* SPDX-License-Identifier: MIT */
/* `latchkey stats` and `latchkey metrics`: how much there is of everything in a store. */
#include <stdio.h>

#include "commands.h"
#include "rows.h"

/* X(name, what it counts) */
#define COUNT_LIST(X)                                      \
	X(names, "names that somebody holds or waits for") \
	X(holders, "processes that hold a name")           \
	X(waiters, "processes that wait for a name")       \
	X(dead, "of both, processes that have ended")      \
	X(detached, "grants that belong to a token")       \
	X(damaged, "records that are damaged")             \
	X(orphaned, "names whose last writer did not end well")

struct counts {
#define COUNT_FIELD(name, text) uint64_t name;
	COUNT_LIST(COUNT_FIELD)
#undef COUNT_FIELD
};

static void
count(struct counts *n, const struct row *r, const struct row *before)
{
	const bool is_new = before == NULL || r->name == NULL || before->name == NULL ||
			    !row_is_of(before, r->name, r->len) || r->flags != before->flags;

	n->damaged += (r->flags & LK_RECORD_DAMAGED) != 0;
	n->names += is_new && (r->held != LK_NL || r->wanted != LK_NL) && r->position <= 1;
	n->holders += r->held != LK_NL;
	n->waiters += r->wanted != LK_NL;
	n->dead += (r->flags & LK_RECORD_DEAD) != 0;
	n->detached += (r->flags & LK_RECORD_DETACHED) != 0;
	n->orphaned += is_new && (r->flags & LK_RECORD_ORPHANED) != 0;
}

static int
count_all(struct call *c, struct counts *n)
{
	struct lk_manager *m;
	struct rows rows;
	const int code = rows_open(c, &m);
	int rc;

	if (code != 0)
		return code;
	rc = rows_read(m, NULL, 0, &rows);
	forget(lk_close(m));
	if (rc != 0)
		return complain_of(c, c->url, rc);
	for (size_t i = 0; i < rows.n; i++)
		count(n, &rows.all[i], i > 0 ? &rows.all[i - 1] : NULL);
	rows_free(&rows);
	return 0;
}

int
stats_run(struct call *c)
{
	struct counts n = { 0 };
	const int code = count_all(c, &n);
	json_t *all;

	if (code != 0)
		return code;
	if (!c->json) {
#define COUNT_LINE(name, text) printf("%-9s %10llu  %s\n", #name, (unsigned long long)n.name, text);
		COUNT_LIST(COUNT_LINE)
#undef COUNT_LINE
		return 0;
	}
	all = json_object();
#define COUNT_MEMBER(name, text) \
	(void)json_object_set_new(all, #name, json_integer((json_int_t)n.name));
	COUNT_LIST(COUNT_MEMBER)
#undef COUNT_MEMBER
	return put_json(all);
}

int
metrics_run(struct call *c)
{
	struct counts n = { 0 };
	const int code = count_all(c, &n);

	if (code != 0)
		return code;
#define COUNT_METRIC(name, text)                                                              \
	printf("# TYPE latchkey_store_" #name " gauge\n# HELP latchkey_store_" #name " " text \
	       "\nlatchkey_store_" #name " %llu\n",                                           \
	       (unsigned long long)n.name);
	COUNT_LIST(COUNT_METRIC)
#undef COUNT_METRIC
	printf("# EOF\n");
	return 0;
}
