/* SPDX-License-Identifier: MIT */
/* `latchkey ls` and `latchkey tree`: who holds what, and who waits. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "rows.h"

enum { NAME_COLUMN = 28, STATE_COLUMN = 13, SINCE_COLUMN = 9 };

/* So many blanks that a column is full; one at least. */
static void
fill(size_t used, size_t column)
{
	do
		putchar(' ');
	while (++used < column);
}

static void
put_row(const struct row *r)
{
	char state[48], since[32];
	const char *s = row_state(r, state, sizeof(state));

	fputs(s, stdout);
	fill(strlen(s), STATE_COLUMN);
	s = row_since(r, since, sizeof(since));
	fputs(s, stdout);
	fill(strlen(s), SINCE_COLUMN);
	put_who(r);
	putchar('\n');
}

static size_t
put_row_name(const struct row *r)
{
	uint64_t number;

	if (r->name == NULL)
		return (size_t)printf("?");
	if ((r->flags & LK_RECORD_ID) != 0 && r->len == sizeof(number)) {
		memcpy(&number, r->name, sizeof(number));
		return (size_t)printf("#%llu", (unsigned long long)number);
	}
	return put_name(r->name, r->len);
}

static void
list_rows(const struct rows *rows, const char *pattern)
{
	size_t n = 0;

	for (size_t i = 0; i < rows->n; i++) {
		if (!row_fits(&rows->all[i], pattern, rows->separator))
			continue;
		if (n++ == 0) {
			put_heading("NAME                        STATE        SINCE    WHO");
			putchar('\n');
		}
		fill(put_row_name(&rows->all[i]), NAME_COLUMN);
		put_row(&rows->all[i]);
	}
}

/* ---------------------------------------------------------------------------- the tree */

static size_t
depth_of(const struct row *r, int by)
{
	size_t n = 0;

	for (size_t i = 1; i + 1 < r->len; i++)
		n += r->name[i] == by && r->name[i - 1] != by && r->name[i + 1] != by;
	return n;
}

static const char *
last_segment(const struct row *r, int by, size_t *len)
{
	size_t from = r->len;

	while (from > 0 && (r->name[from - 1] != by || from == 1 || from == r->len))
		from--;
	*len = r->len - from;
	return (const char *)r->name + from;
}

static void
tree_of_rows(const struct rows *rows, const char *pattern)
{
	const struct row *before = NULL;

	for (size_t i = 0; i < rows->n; i++) {
		const struct row *r = &rows->all[i];
		const int indent = (int)(r->name != NULL ? 2 * depth_of(r, rows->separator) : 0);
		const char *segment;
		size_t len;

		if (!row_fits(r, pattern, rows->separator))
			continue;
		if (r->name == NULL || (r->flags & LK_RECORD_ID) != 0) {
			(void)put_row_name(r);
			putchar('\n');
		} else if (before == NULL || !row_is_of(before, r->name, r->len)) {
			segment = last_segment(r, rows->separator, &len);
			printf("%*s", indent, "");
			put_name(depth_of(r, rows->separator) > 0 ? segment : (const char *)r->name,
				 depth_of(r, rows->separator) > 0 ? len : r->len);
			putchar('\n');
		}
		before = r;
		printf("%*s", indent + 4, "");
		put_row(r);
	}
}

/* ----------------------------------------------------------------------------- the call */

static int
json_of_rows(const struct rows *rows, const char *pattern)
{
	json_t *all = json_array();

	for (size_t i = 0; i < rows->n; i++) {
		if (row_fits(&rows->all[i], pattern, rows->separator))
			(void)json_array_append_new(all, row_json(&rows->all[i]));
	}
	return put_json(all);
}

static int
show(struct call *c, void (*put)(const struct rows *rows, const char *pattern))
{
	const char *pattern = c->n_operands > 0 ? c->operands[0] : NULL;
	struct lk_manager *m;
	struct rows rows;
	int code = rows_open(c, &m);
	int rc;

	if (code != 0)
		return code;
	rc = rows_read(m, pattern, pattern != NULL ? pattern_prefix(pattern) : 0, &rows);
	forget(lk_close(m));
	if (rc != 0)
		return complain_of(c, c->url, rc);
	if (c->json)
		code = json_of_rows(&rows, pattern);
	else
		put(&rows, pattern);
	rows_free(&rows);
	return code;
}

int
ls_run(struct call *c)
{
	return show(c, list_rows);
}

int
tree_run(struct call *c)
{
	return show(c, tree_of_rows);
}
