/* SPDX-License-Identifier: MIT */
/* Histories as text: see history.h. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include <latchkey.h>

#include "history.h"
#include "kv.h"

/* ---------------------------------------------------------------------- print */

static void
print_name(struct bytes name, FILE *out)
{
	char text[3 * KV_KEY_MAX + 2];

	lk_name_escape(name.data, name.len, text, sizeof(text));
	fprintf(out, " %s", text);
}

static void
print_row(const char *what, const struct seen *s, FILE *out)
{
	fputs(what, out);
	print_name(s->table, out);
	print_name(s->key, out);
}

static void
print_reads(const struct record *r, size_t first, size_t end, FILE *out)
{
	for (size_t i = first; i < end; i++) {
		print_row("read", &r->seen[i], out);
		fprintf(out, " %" PRIu64 "\n", r->seen[i].version);
	}
}

static void
print_record(const struct record *r, FILE *out)
{
	size_t next = 0;

	fprintf(out, "txn %" PRIu64 "\n", r->number);
	for (size_t i = 0; i < r->n_scans; i++) {
		const struct scan *s = &r->scan[i];

		print_reads(r, next, s->first, out);
		fputs("scan", out);
		print_name(s->table, out);
		fputs("\n", out);
		print_reads(r, s->first, s->first + s->n, out);
		fputs("end\n", out);
		next = s->first + s->n;
	}
	print_reads(r, next, r->n_seen, out);
	for (size_t i = 0; i < r->n_wrote; i++) {
		print_row("write", &r->wrote[i], out);
		fputs("\n", out);
	}
}

int
history_print(const struct history *h, FILE *out)
{
	for (const struct record *r = h->first; r != NULL; r = r->next)
		print_record(r, out);
	return fflush(out) != 0 || ferror(out) ? LK_E_IO : 0;
}

/* ----------------------------------------------------------------------- scan */

/* What is being read. */
struct reader {
	struct history *h;
	struct record *record; /* the latest; NULL: none yet */
	bool is_in_scan;
};

#define N_WORDS 4

/* Cut a line into words, in place.  More than there may be: N_WORDS + 1. */
static size_t
cut(char *line, char *word[N_WORDS])
{
	size_t n = 0;
	char *rest = line;
	char *w;

	while ((w = strsep(&rest, " \n")) != NULL) {
		if (*w == '\0')
			continue;
		if (n == N_WORDS)
			return N_WORDS + 1;
		word[n++] = w;
	}
	return n;
}

static bool
number(const char *text, uint64_t *out)
{
	char *end;

	*out = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0';
}

/* Back to the bytes, in place. */
static bool
name(char *text, struct bytes *out)
{
	out->data = text;
	return lk_name_unescape(text, strlen(text), text, strlen(text), &out->len) == 0;
}

static int
begin_txn(struct reader *r, const char *text)
{
	uint64_t n;

	if (r->is_in_scan || !number(text, &n) || n == 0)
		return LK_E_INVAL;
	r->record = record_make();
	if (r->record == NULL)
		return LK_E_NOMEM;
	history_add(r->h, r->record, n);
	return 0;
}

static int
add_read(struct reader *r, char *word[N_WORDS])
{
	struct bytes table, key;
	uint64_t version;

	if (!name(word[1], &table) || !name(word[2], &key) || !number(word[3], &version))
		return LK_E_INVAL;
	return record_read(r->record, table, key, version);
}

static int
add_write(struct reader *r, char *word[N_WORDS])
{
	struct bytes table, key;

	if (r->is_in_scan || !name(word[1], &table) || !name(word[2], &key))
		return LK_E_INVAL;
	return record_write(r->record, table, key);
}

static int
begin_scan(struct reader *r, char *text)
{
	struct bytes table;

	if (r->is_in_scan || !name(text, &table))
		return LK_E_INVAL;
	r->is_in_scan = true;
	return record_scan(r->record, table);
}

static int
end_scan(struct reader *r)
{
	if (!r->is_in_scan)
		return LK_E_INVAL;
	r->is_in_scan = false;
	record_scan_end(r->record);
	return 0;
}

static int
take_line(struct reader *r, char *line)
{
	char *word[N_WORDS];
	size_t n = cut(line, word);

	if (n == 0)
		return 0;
	if (n == 2 && strcmp(word[0], "txn") == 0)
		return begin_txn(r, word[1]);
	if (r->record == NULL)
		return LK_E_INVAL;
	if (n == 4 && strcmp(word[0], "read") == 0)
		return add_read(r, word);
	if (n == 3 && strcmp(word[0], "write") == 0)
		return add_write(r, word);
	if (n == 2 && strcmp(word[0], "scan") == 0)
		return begin_scan(r, word[1]);
	if (n == 1 && strcmp(word[0], "end") == 0)
		return end_scan(r);
	return LK_E_INVAL;
}

int
history_scan(struct history *h, FILE *in, size_t *line)
{
	struct reader r = { .h = h };
	char *text = NULL;
	size_t cap = 0;
	int rc = 0;

	for (*line = 1; rc == 0 && getline(&text, &cap, in) >= 0; ++*line)
		rc = take_line(&r, text);
	free(text);
	if (rc == 0 && (r.is_in_scan || ferror(in)))
		rc = LK_E_INVAL;
	--*line;
	return rc;
}
