/* SPDX-License-Identifier: MIT */
/* What `latchkey top` knows: two looks at a store, compared. */
#include <stdlib.h>
#include <string.h>

#include "board.h"

/* A name's rows stand together. */
struct group {
	const struct row *row;
	size_t n;
};

static bool
same_name(const struct row *a, const struct row *b)
{
	return a->name != NULL && b->name != NULL && a->len == b->len &&
	       ((a->flags ^ b->flags) & LK_RECORD_ID) == 0 && memcmp(a->name, b->name, a->len) == 0;
}

static struct group
group_at(const struct rows *rows, size_t i)
{
	size_t end = i + 1;

	while (end < rows->n && same_name(&rows->all[i], &rows->all[end]))
		end++;
	return (struct group){ rows->all + i, end - i };
}

/* Who it is in a group, as holder or as waiter; NULL: not there. */
static const struct row *
find(const struct group *g, const struct row *r, bool waits)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct row *x = &g->row[i];

		if ((x->wanted != LK_NL) == waits &&
		    memcmp(&x->session, &r->session, sizeof(x->session)) == 0)
			return x;
	}
	return NULL;
}

static bool
is_hold(const struct row *r)
{
	return r->held != LK_NL && r->wanted == LK_NL &&
	       (r->flags & (LK_RECORD_KEPT | LK_RECORD_DEAD)) == 0;
}

/* The same hold as before?  One that began anew is younger than it was. */
static bool
is_same_hold(const struct row *was, const struct row *is)
{
	return was != NULL && is != NULL && is->held != LK_NL && is->since_ns >= was->since_ns;
}

/* --------------------------------------------------------------------- what has happened */

/* Between two looks at one name; either may have nothing of it. */
struct change {
	struct board *b;
	struct group was, is;
	uint64_t passed_ns;
};

static void
note_grant(struct change *c, const struct row *r)
{
	const struct row *waited = find(&c->was, r, true);
	const uint64_t until_ns = waited != NULL ? waited->since_ns + c->passed_ns : 0;

	c->b->grants++;
	if (waited != NULL && r->since_ns != 0 && until_ns > r->since_ns)
		times_note(&c->b->waits, until_ns - r->since_ns);
}

/* It ended some time since the last look: half of that, as nobody knows better. */
static void
note_end(struct change *c, const struct row *r)
{
	if (r->since_ns != 0)
		times_note(&c->b->holds, r->since_ns + c->passed_ns / 2);
}

/* How many grants were seen. */
static uint64_t
compare_groups(struct change *c)
{
	const uint64_t before = c->b->grants;

	for (size_t i = 0; i < c->is.n; i++) {
		const struct row *r = &c->is.row[i];

		if (is_hold(r) && !is_same_hold(find(&c->was, r, false), r))
			note_grant(c, r);
	}
	for (size_t i = 0; i < c->was.n; i++) {
		const struct row *r = &c->was.row[i];

		if (is_hold(r) && !is_same_hold(r, find(&c->is, r, false)))
			note_end(c, r);
	}
	return c->b->grants - before;
}

/* --------------------------------------------------------------------------- the names */

static void
put_state(struct board *b, struct board_name *k, const struct group *g)
{
	const struct row *oldest = NULL;

	for (size_t i = 0; i < g->n; i++) {
		const struct row *r = &g->row[i];

		b->dead += (r->flags & LK_RECORD_DEAD) != 0;
		b->detached += (r->flags & LK_RECORD_DETACHED) != 0 && r->held != LK_NL;
		b->damaged += (r->flags & LK_RECORD_DAMAGED) != 0;
		if (r->wanted != LK_NL) {
			k->waiters++;
			k->waited_ns = r->since_ns > k->waited_ns ? r->since_ns : k->waited_ns;
		} else if (r->held != LK_NL) {
			k->holders++;
			k->held = r->held > k->held ? r->held : k->held;
			if (oldest == NULL || r->since_ns > oldest->since_ns)
				oldest = r;
		}
	}
	b->holders += k->holders;
	b->waiters += k->waiters;
	if (oldest == NULL)
		return;
	k->held_ns = oldest->since_ns;
	k->who = strdup(oldest->who);
}

/* A new entry for what stands at `g`, with the counts of the one before. */
static bool
name_init(struct board_name *k, const struct row *r, const struct board_name *old)
{
	*k = (struct board_name){ .len = r->len, .is_number = (r->flags & LK_RECORD_ID) != 0 };
	if (old != NULL) {
		k->grants = old->grants;
		k->before = old->before;
		k->rate = old->rate;
	}
	if (r->name == NULL)
		return true;
	k->name = malloc(r->len + 1);
	if (k->name != NULL)
		memcpy(k->name, r->name, r->len);
	return k->name != NULL;
}

static int
compare_bytes(const struct row *r, const unsigned char *name, size_t len, bool is_number)
{
	const bool is = (r->flags & LK_RECORD_ID) != 0;
	const size_t n = r->len < len ? r->len : len;
	const int d = n != 0 && r->name != NULL && name != NULL ? memcmp(r->name, name, n) : 0;

	if (r->name == NULL || name == NULL)
		return (r->name == NULL) - (name == NULL);
	if (is != is_number)
		return is - is_number;
	return d != 0 ? d : r->len < len ? -1 : r->len > len;
}

/* What was in demand at the last turn stays until the next one, so that its rate is told. */
static bool
is_remembered(const struct board_name *old)
{
	return old->grants != old->before || old->rate > 0;
}

static void
free_names(struct board_name *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(all[i].name);
		free(all[i].who);
	}
	free(all);
}

/* Two lists in the same order become one: of what is there now, and of what is remembered. */
struct merge {
	struct board *b;
	struct rows *now;
	struct board_name *all;
	size_t n, at_row, at_old, at_before; /* `before`: rows of the last look */
	uint64_t passed_ns;
};

static struct group
before_of(struct merge *g, const struct row *r)
{
	const struct rows *old = &g->b->rows;

	while (g->at_before < old->n && r->name != NULL &&
	       compare_bytes(&old->all[g->at_before], r->name, r->len,
			     (r->flags & LK_RECORD_ID) != 0) < 0)
		g->at_before += group_at(old, g->at_before).n;
	if (g->at_before < old->n && same_name(&old->all[g->at_before], r))
		return group_at(old, g->at_before);
	return (struct group){ NULL, 0 };
}

static bool
take_rows(struct merge *g, const struct board_name *old)
{
	struct change c = {
		.b = g->b,
		.is = group_at(g->now, g->at_row),
		.passed_ns = g->passed_ns,
	};
	struct board_name *k = &g->all[g->n++];

	if (!name_init(k, c.is.row, old))
		return false;
	c.was = before_of(g, c.is.row);
	if (g->b->looked_ns != 0)
		k->grants += compare_groups(&c);
	put_state(g->b, k, &c.is);
	g->at_row += c.is.n;
	return true;
}

/* Nobody has it any more. */
static bool
take_old(struct merge *g, const struct board_name *old)
{
	const struct row r = { .name = old->name,
			       .len = old->len,
			       .flags = old->is_number ? LK_RECORD_ID : 0 };
	struct change c = { .b = g->b, .was = before_of(g, &r), .passed_ns = g->passed_ns };

	(void)compare_groups(&c);
	return !is_remembered(old) || name_init(&g->all[g->n++], &r, old);
}

static bool
merge_all(struct merge *g)
{
	bool is_fine = true;

	while (is_fine && (g->at_row < g->now->n || g->at_old < g->b->n)) {
		const struct board_name *old = g->at_old < g->b->n ? &g->b->all[g->at_old] : NULL;
		const struct row *r = g->at_row < g->now->n ? &g->now->all[g->at_row] : NULL;
		const int d = r == NULL     ? 1
			      : old == NULL ? -1
					    : compare_bytes(r, old->name, old->len, old->is_number);

		is_fine = d > 0 ? take_old(g, old) : take_rows(g, d == 0 ? old : NULL);
		g->at_old += d >= 0;
	}
	return is_fine;
}

/* Rows that no pattern wants go. */
static void
keep_fitting(struct rows *rows, const char *pattern)
{
	size_t n = 0;

	for (size_t i = 0; i < rows->n; i++) {
		struct row *r = &rows->all[i];

		if (row_fits(r, pattern, rows->separator)) {
			rows->all[n++] = *r;
			continue;
		}
		free(r->name);
		free(r->who);
	}
	rows->n = n;
}

int
board_look(struct board *b, struct lk_manager *m, const char *pattern)
{
	struct rows now;
	struct merge g = { .b = b, .now = &now };
	const int rc = rows_read(m, pattern, pattern != NULL ? pattern_prefix(pattern) : 0, &now);
	const uint64_t at = times_now();

	if (rc != 0)
		return rc;
	keep_fitting(&now, pattern);
	g.all = calloc(now.n + b->n + 1, sizeof(*g.all));
	if (g.all == NULL) {
		rows_free(&now);
		return LK_E_NOMEM;
	}
	g.passed_ns = at - b->looked_ns;
	b->holders = b->waiters = b->dead = b->detached = b->damaged = 0;
	const bool is_fine = merge_all(&g);

	free_names(b->all, b->n);
	rows_free(&b->rows);
	b->all = g.all;
	b->n = g.n;
	b->rows = now;
	b->looked_ns = at;
	if (b->turned_ns == 0)
		b->turned_ns = at;
	return is_fine ? 0 : LK_E_NOMEM;
}

void
board_turn(struct board *b)
{
	const uint64_t now = times_now();
	const double seconds = (double)(now - b->turned_ns) / 1e9;

	if (b->turned_ns == 0 || seconds <= 0)
		return;
	for (size_t i = 0; i < b->n; i++) {
		struct board_name *k = &b->all[i];

		k->rate = (double)(k->grants - k->before) / seconds;
		k->before = k->grants;
	}
	b->rate = (double)(b->grants - b->grants_before) / seconds;
	b->grants_before = b->grants;
	b->turned_ns = now;
}

/* --------------------------------------------------------------------------- in order */

static int
by_name(const struct board_name *x, const struct board_name *y)
{
	const size_t n = x->len < y->len ? x->len : y->len;
	const int d =
		x->name != NULL && y->name != NULL && n != 0 ? memcmp(x->name, y->name, n) : 0;

	if (x->name == NULL || y->name == NULL)
		return (x->name == NULL) - (y->name == NULL);
	return d != 0 ? d : x->len < y->len ? -1 : x->len > y->len;
}

/* The larger first, by the first number in which they differ. */
static int
by_numbers(const double *x, const double *y)
{
	for (int i = 0; i < 3; i++) {
		if (x[i] != y[i])
			return x[i] > y[i] ? -1 : 1;
	}
	return 0;
}

static int
by_order(const void *a, const void *b, void *arg)
{
	const struct board_name *x = *(const struct board_name *const *)a;
	const struct board_name *y = *(const struct board_name *const *)b;
	const double xw[] = { x->waiters, x->rate, (double)x->held_ns };
	const double yw[] = { y->waiters, y->rate, (double)y->held_ns };
	const double xr[] = { x->rate, x->waiters, (double)x->held_ns };
	const double yr[] = { y->rate, y->waiters, (double)y->held_ns };
	const double xa[] = { (double)x->held_ns, x->waiters, x->rate };
	const double ya[] = { (double)y->held_ns, y->waiters, y->rate };
	const enum board_order order = *(const enum board_order *)arg;
	const int d = order == BY_WAITERS ? by_numbers(xw, yw)
		      : order == BY_RATE  ? by_numbers(xr, yr)
		      : order == BY_AGE   ? by_numbers(xa, ya)
					  : 0;

	return d != 0 ? d : by_name(x, y);
}

void
board_sort(const struct board *b, enum board_order order, const struct board_name **out, size_t *n)
{
	*n = 0;
	for (size_t i = 0; i < b->n; i++) {
		const struct board_name *k = &b->all[i];

		if (k->holders != 0 || k->waiters != 0 || k->rate > 0)
			out[(*n)++] = k;
	}
	qsort_r(out, *n, sizeof(const struct board_name *), by_order, &order);
}

void
board_free(struct board *b)
{
	free_names(b->all, b->n);
	rows_free(&b->rows);
}
