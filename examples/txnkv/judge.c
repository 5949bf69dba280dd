/* SPDX-License-Identifier: MIT */
/* Is a history serializable: see judge.h. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include <latchkey.h>

#include "arrows.h"
#include "judge.h"

/* Somebody who wrote a row: its version is the number of the commit. */
struct writer {
	size_t row;
	uint64_t version;
	size_t txn;
};

/* A row, and its writers, in their order. */
struct known {
	struct bytes table, key;
	size_t first, n; /* in `writer` */
};

struct court {
	struct history *history;
	FILE *out;
	struct record **txn; /* by their numbers */
	size_t n_txns;
	struct known *row; /* by table and key */
	size_t n_rows;
	struct writer *writer; /* by row and version */
	size_t n_writers;
	struct arrows arrows;
	size_t n_reads;
	bool is_odd; /* a version without a writer, or a number given twice */
};

/* ------------------------------------------------------------------ transactions */

static int
by_number(const void *a, const void *b)
{
	const struct record *x = *(struct record *const *)a;
	const struct record *y = *(struct record *const *)b;

	return (x->number > y->number) - (x->number < y->number);
}

static void
link_again(struct court *c)
{
	struct record **end = &c->history->first;

	for (size_t i = 0; i < c->n_txns; i++) {
		*end = c->txn[i];
		end = &c->txn[i]->next;
	}
	*end = NULL;
	c->history->end = end;
}

static int
list_txns(struct court *c)
{
	size_t i = 0;

	c->n_txns = c->history->n;
	c->txn = malloc((c->n_txns + 1) * sizeof(struct record *));
	if (c->txn == NULL)
		return LK_E_NOMEM;
	for (struct record *r = c->history->first; r != NULL; r = r->next)
		c->txn[i++] = r;
	qsort(c->txn, c->n_txns, sizeof(struct record *), by_number);
	link_again(c);
	for (i = 1; i < c->n_txns; i++) {
		if (c->txn[i]->number != c->txn[i - 1]->number)
			continue;
		fprintf(c->out, "two transactions have the number %" PRIu64 "\n",
			c->txn[i]->number);
		c->is_odd = true;
	}
	return 0;
}

/* ------------------------------------------------------------------------- rows */

static int
by_name(const void *a, const void *b)
{
	const struct seen *x = *(struct seen *const *)a;
	const struct seen *y = *(struct seen *const *)b;
	int order = bytes_compare(x->table, y->table);

	return order != 0 ? order : bytes_compare(x->key, y->key);
}

static size_t
count_seen(const struct court *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_txns; i++)
		n += c->txn[i]->n_seen + c->txn[i]->n_wrote;
	return n;
}

/* Whatever was read or written anywhere, by its name. */
static void
list_seen(const struct court *c, struct seen **all)
{
	for (size_t i = 0; i < c->n_txns; i++) {
		struct record *r = c->txn[i];

		for (size_t k = 0; k < r->n_seen; k++)
			*all++ = &r->seen[k];
		for (size_t k = 0; k < r->n_wrote; k++)
			*all++ = &r->wrote[k];
	}
}

/* Number the rows in the order of their names. */
static int
number_rows(struct court *c)
{
	size_t n = count_seen(c);
	struct seen **all = malloc((n + 1) * sizeof(*all));

	c->row = malloc((n + 1) * sizeof(*c->row));
	if (all == NULL || c->row == NULL) {
		free(all);
		return LK_E_NOMEM;
	}
	list_seen(c, all);
	qsort(all, n, sizeof(*all), by_name);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || by_name(&all[i - 1], &all[i]) != 0)
			c->row[c->n_rows++] =
				(struct known){ .table = all[i]->table, .key = all[i]->key };
		all[i]->row = c->n_rows - 1;
	}
	free(all);
	return 0;
}

/* ---------------------------------------------------------------------- writers */

static int
by_version(const void *a, const void *b)
{
	const struct writer *x = a;
	const struct writer *y = b;

	if (x->row != y->row)
		return x->row < y->row ? -1 : 1;
	return (x->version > y->version) - (x->version < y->version);
}

static int
list_writers(struct court *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_txns; i++)
		n += c->txn[i]->n_wrote;
	c->writer = malloc((n + 1) * sizeof(*c->writer));
	if (c->writer == NULL)
		return LK_E_NOMEM;
	for (size_t i = 0; i < c->n_txns; i++)
		for (size_t k = 0; k < c->txn[i]->n_wrote; k++)
			c->writer[c->n_writers++] =
				(struct writer){ c->txn[i]->wrote[k].row, c->txn[i]->number, i };
	qsort(c->writer, c->n_writers, sizeof(*c->writer), by_version);
	for (size_t i = 0; i < c->n_writers; i++) {
		struct known *row = &c->row[c->writer[i].row];

		if (row->n++ == 0)
			row->first = i;
	}
	return 0;
}

/* The first writer of the row after that version; the end of its writers if there is none. */
static size_t
writer_after(const struct court *c, size_t row, uint64_t version)
{
	size_t low = c->row[row].first;
	size_t high = low + c->row[row].n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->writer[middle].version > version)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* ----------------------------------------------------------------------- arrows */

static int
no_writer(struct court *c, size_t txn, size_t row, uint64_t version)
{
	const struct known *k = &c->row[row];

	c->is_odd = true;
	fprintf(c->out,
		"transaction %" PRIu64 " read %.*s/%.*s as %" PRIu64
		" left it, which did not write it\n",
		c->txn[txn]->number, (int)k->table.len, k->table.data, (int)k->key.len, k->key.data,
		version);
	return 0;
}

/* `txn` has read the row in this version. */
static int
arrows_of_read(struct court *c, size_t txn, size_t row, uint64_t version)
{
	size_t next = writer_after(c, row, version);
	const struct known *k = &c->row[row];
	int rc = 0;

	c->n_reads++;
	if (version != 0 && (next == k->first || c->writer[next - 1].version != version))
		return no_writer(c, txn, row, version);
	if (version != 0)
		rc = arrows_add(&c->arrows, ARROW_WR, c->writer[next - 1].txn, txn, row);
	if (rc == 0 && next < k->first + k->n)
		rc = arrows_add(&c->arrows, ARROW_RW, txn, c->writer[next].txn, row);
	return rc;
}

/* The rows of a table stand together.  The first one of it, or of what comes after it. */
static size_t
first_row(const struct court *c, struct bytes table)
{
	size_t low = 0;
	size_t high = c->n_rows;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (bytes_compare(c->row[middle].table, table) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What a scan saw is read anyway; it has also read that others were not there.  `saw` is room for a mark per row. */
static int
arrows_of_scan(struct court *c, size_t txn, const struct scan *s, bool *saw)
{
	const struct record *r = c->txn[txn];
	int rc = 0;

	for (size_t i = s->first; i < s->first + s->n; i++)
		saw[r->seen[i].row] = true;
	for (size_t i = first_row(c, s->table);
	     rc == 0 && i < c->n_rows && bytes_compare(c->row[i].table, s->table) == 0; i++)
		if (!saw[i])
			rc = arrows_of_read(c, txn, i, 0);
	for (size_t i = s->first; i < s->first + s->n; i++)
		saw[r->seen[i].row] = false;
	return rc;
}

static int
arrows_of_txn(struct court *c, size_t txn, bool *saw)
{
	const struct record *r = c->txn[txn];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < r->n_seen; i++)
		rc = arrows_of_read(c, txn, r->seen[i].row, r->seen[i].version);
	for (size_t i = 0; rc == 0 && i < r->n_scans; i++)
		rc = arrows_of_scan(c, txn, &r->scan[i], saw);
	return rc;
}

static int
draw_arrows(struct court *c)
{
	bool *saw = calloc(c->n_rows + 1, sizeof(*saw));
	int rc = saw == NULL ? LK_E_NOMEM : 0;

	for (size_t i = 0; rc == 0 && i < c->n_txns; i++)
		rc = arrows_of_txn(c, i, saw);
	for (size_t i = 1; rc == 0 && i < c->n_writers; i++)
		if (c->writer[i].row == c->writer[i - 1].row)
			rc = arrows_add(&c->arrows, ARROW_WW, c->writer[i - 1].txn,
					c->writer[i].txn, c->writer[i].row);
	free(saw);
	return rc;
}

/* ---------------------------------------------------------------------- verdict */

static void
say_arrow(const struct court *c, const struct arrow *a)
{
	static const char *const what[] = {
		[ARROW_WR] = "%" PRIu64 " wrote %.*s/%.*s, which %" PRIu64 " read\n",
		[ARROW_RW] = "%" PRIu64 " read %.*s/%.*s as it was before %" PRIu64 " wrote it\n",
		[ARROW_WW] = "%" PRIu64 " wrote %.*s/%.*s, and %" PRIu64 " wrote over it\n",
	};
	const struct known *k = &c->row[a->row];

	fputs("  transaction ", c->out);
	fprintf(c->out, what[a->kind], c->txn[a->from]->number, (int)k->table.len, k->table.data,
		(int)k->key.len, k->key.data, c->txn[a->to]->number);
}

static void
say_ring(const struct court *c, const struct arrow *const *ring, size_t n)
{
	fprintf(c->out, "not serializable: %zu transactions, each of which comes before the next\n",
		n);
	for (size_t i = 0; i < n; i++)
		say_arrow(c, ring[i]);
}

/* Every ring has an arrow that points back, so it is enough to look at those. */
static int
find_verdict(struct court *c, enum verdict *verdict)
{
	const struct arrow *back = NULL;
	const struct arrow **ring = malloc((c->n_txns + 1) * sizeof(struct arrow *));
	int rc = ring == NULL ? LK_E_NOMEM : arrows_sort(&c->arrows, c->n_txns);
	size_t n = 0;

	for (size_t i = 0; rc == 0 && n == 0 && i < c->arrows.n; i++) {
		const struct arrow *a = &c->arrows.arrow[i];

		if (a->from <= a->to)
			continue;
		back = a;
		rc = arrows_ring(&c->arrows, a, ring, &n);
	}
	if (rc == 0 && n > 0) {
		*verdict = JUDGE_CYCLE;
		say_ring(c, ring, n);
	} else if (rc == 0 && c->is_odd) {
		*verdict = JUDGE_NO_WRITER;
	} else if (rc == 0 && back != NULL) {
		*verdict = JUDGE_OTHER_ORDER;
		fputs("serializable, but not in the order of the commits:\n", c->out);
		say_arrow(c, back);
	} else if (rc == 0) {
		*verdict = JUDGE_SERIAL;
		fprintf(c->out,
			"serializable in the order of the commits: %zu transactions, %zu reads, "
			"%zu writes, %zu arrows\n",
			c->n_txns, c->n_reads, c->n_writers, c->arrows.n);
	}
	free(ring);
	return rc;
}

int
judge(struct history *h, FILE *out, enum verdict *verdict)
{
	struct court c = { .history = h, .out = out };
	int rc = list_txns(&c);

	if (rc == 0)
		rc = number_rows(&c);
	if (rc == 0)
		rc = list_writers(&c);
	if (rc == 0)
		rc = draw_arrows(&c);
	if (rc == 0)
		rc = find_verdict(&c, verdict);
	arrows_free(&c.arrows);
	free(c.writer);
	free(c.row);
	free(c.txn);
	return rc;
}
