/* SPDX-License-Identifier: MIT */
/* What `latchkey top` shows of its board: on a terminal, as text, as JSON. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "page.h"

static const double shares[] = { 0.5, 0.9, 0.99 };
static const char *const share_names[] = { "p50_ms", "p90_ms", "p99_ms" };
static const char *const order_names[] = { "waiters", "grants", "holds", "names" };
enum { SHARES = sizeof(shares) / sizeof(shares[0]), ORDERS = 4 };

bool
page_order(const char *word, enum board_order *order)
{
	for (int i = 0; i < ORDERS; i++) {
		if (word != NULL && strcmp(word, order_names[i]) != 0)
			continue;
		*order = (enum board_order)i;
		return true;
	}
	return false;
}

/* ---------------------------------------------------------------------------- its text */

static const char *
duration(uint64_t ns, char *buf, size_t cap)
{
	if (ns == 0)
		return "-";
	(void)lk_format_duration_ns(ns, buf, cap);
	return buf;
}

static void
write_clock(FILE *out)
{
	time_t now = time(NULL);
	char text[16];
	struct tm tm;

	(void)localtime_r(&now, &tm);
	(void)strftime(text, sizeof(text), "%H:%M:%S", &tm);
	fputs(text, out);
}

enum { CLOCK_COLUMNS = 8, HEAD_COLUMNS = 14, LEAST_COLUMNS = 40 };

static void
write_head(FILE *out, const struct page *p, size_t columns)
{
	const size_t room = columns - HEAD_COLUMNS - CLOCK_COLUMNS - 2;
	size_t used;

	fputs("latchkey top  ", out);
	used = write_name(out, p->url, strlen(p->url), room);
	fprintf(out, "%*s", (int)(room - used + 2), "");
	write_clock(out);
}

static void
write_counts(FILE *out, const struct page *p, size_t columns)
{
	const struct board *b = &p->board;
	char text[256];

	if (p->trouble != 0)
		snprintf(text, sizeof(text), "the store: %s", lk_strerror(p->trouble));
	else
		snprintf(text, sizeof(text),
			 "%u hold  %u wait  %u ended  %u of tokens  %u damaged  %.1f grants/s",
			 b->holders, b->waiters, b->dead, b->detached, b->damaged, b->rate);
	(void)write_name(out, text, strlen(text), columns);
}

static void
write_times_head(FILE *out, size_t columns)
{
	char text[128];

	snprintf(text, sizeof(text), "%-8s%9s%9s%9s%9s%9s", "", "seen", "p50", "p90", "p99",
		 "longest");
	(void)write_name(out, text, strlen(text), columns);
}

static void
write_times(FILE *out, const char *what, const struct times *t, size_t columns)
{
	char text[128], time[32];
	size_t n =
		(size_t)snprintf(text, sizeof(text), "%-8s%9llu", what, (unsigned long long)t->n);

	for (int i = 0; i < SHARES; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%9s",
				      duration(times_quantile(t, shares[i]), time, sizeof(time)));
	n += (size_t)snprintf(text + n, sizeof(text) - n, "%9s",
			      duration(t->max_ns, time, sizeof(time)));
	(void)write_name(out, text, n, columns);
}

/* ------------------------------------------------------------------------------ its table */

/* Of eighty columns names have 26, and who has them 14; wider terminals give both more. */
enum { NUMBERS_COLUMNS = 38, NAME_COLUMNS = 26, WHO_LEAST = 4 };

static size_t
name_columns(size_t columns)
{
	const size_t spare = columns > 80 ? (columns - 80) / 2 : 0;

	if (columns < NUMBERS_COLUMNS + NAME_COLUMNS)
		return columns > NUMBERS_COLUMNS + 8 ? columns - NUMBERS_COLUMNS - 1 : 8;
	return NAME_COLUMNS + spare;
}

static void
write_table_head(FILE *out, size_t columns)
{
	char text[512];
	size_t names = name_columns(columns);

	names = names < 300 ? names : 300;
	snprintf(text, sizeof(text), "%-*s %-4s%5s%5s%7s%8s%8s  %s", (int)names, "NAME", "MODE",
		 "HOLD", "WAIT", "RATE/S", "FOR", "WAITED", "WHO");
	(void)write_name(out, text, strlen(text), columns);
}

static size_t
write_key(FILE *out, const struct board_name *k, size_t most)
{
	uint64_t number;
	char text[32];

	if (k->name != NULL && k->is_number && k->len == sizeof(number)) {
		memcpy(&number, k->name, sizeof(number));
		snprintf(text, sizeof(text), "#%llu", (unsigned long long)number);
		return write_name(out, text, strlen(text), most);
	}
	return k->name != NULL ? write_name(out, k->name, k->len, most)
			       : write_name(out, "?", 1, most);
}

static void
write_entry(FILE *out, const struct board_name *k, size_t columns)
{
	const size_t names = name_columns(columns);
	char held[32], waited[32], text[128];
	size_t used = write_key(out, k, names);
	int n;

	fprintf(out, "%*s", (int)(names - used + 1), "");
	n = snprintf(text, sizeof(text), "%-4s%5u%5u%7.1f%8s%8s  ",
		     k->held != LK_NL ? lk_modename(k->held) : "-", k->holders, k->waiters, k->rate,
		     duration(k->held_ns, held, sizeof(held)),
		     duration(k->waited_ns, waited, sizeof(waited)));
	used = names + 1;
	if (columns <= used)
		return;
	used += write_name(out, text, (size_t)n, columns - used);
	if (k->who != NULL && columns >= used + WHO_LEAST)
		(void)write_end(out, k->who, columns - used);
}

/* ----------------------------------------------------------------------------- on a terminal */

static bool
is_wide_enough(const struct screen *s)
{
	return s->columns >= LEAST_COLUMNS;
}

static void
draw_head(const struct page *p, struct screen *s)
{
	if (screen_line(s))
		write_head(s->page, p, s->columns);
	if (screen_line(s))
		write_counts(s->page, p, s->columns);
	if (screen_line(s))
		write_times_head(s->page, s->columns);
	if (screen_line(s))
		write_times(s->page, "waits", &p->board.waits, s->columns);
	if (screen_line(s))
		write_times(s->page, "holds", &p->board.holds, s->columns);
	if (screen_line(s)) {
		screen_loud(s);
		write_table_head(s->page, s->columns);
		screen_plain(s);
	}
}

static void
draw_table(const struct page *p, struct screen *s, const struct board_name **all)
{
	const char *const keys = "q ends; in order of: w waiters, g grants, h holds, n names";
	const bool has_foot = s->rows >= 12;
	size_t n;

	board_sort(&p->board, p->order, all, &n);
	for (size_t i = 0; i < n && s->row + has_foot < s->rows && screen_line(s); i++)
		write_entry(s->page, all[i], s->columns);
	while (has_foot && s->row + 1 < s->rows)
		(void)screen_line(s);
	if (has_foot && screen_line(s))
		(void)write_name(s->page, keys, strlen(keys), s->columns);
}

bool
page_draw(const struct page *p, struct screen *s)
{
	const struct board_name **all = calloc(p->board.n + 1, sizeof(const struct board_name *));

	if (all == NULL || !screen_begin(s)) {
		free(all);
		return false;
	}
	if (is_wide_enough(s)) {
		draw_head(p, s);
		draw_table(p, s, all);
	} else if (screen_line(s)) {
		(void)write_name(s->page, "too narrow; q ends", 18, s->columns);
	}
	free(all);
	return screen_show(s);
}

/* -------------------------------------------------------------------------------- elsewhere */

enum { PRINT_COLUMNS = 120, PRINT_NAMES = 40 };

static void
print_text(const struct page *p, const struct board_name *const *all, size_t n)
{
	write_head(stdout, p, 80);
	putchar('\n');
	write_counts(stdout, p, PRINT_COLUMNS);
	putchar('\n');
	write_times_head(stdout, PRINT_COLUMNS);
	putchar('\n');
	write_times(stdout, "waits", &p->board.waits, PRINT_COLUMNS);
	putchar('\n');
	write_times(stdout, "holds", &p->board.holds, PRINT_COLUMNS);
	putchar('\n');
	write_table_head(stdout, PRINT_COLUMNS);
	putchar('\n');
	for (size_t i = 0; i < n && i < PRINT_NAMES; i++) {
		write_entry(stdout, all[i], PRINT_COLUMNS);
		putchar('\n');
	}
	putchar('\n');
}

static json_t *
times_json(const struct times *t)
{
	json_t *o = json_pack("{s:I}", "seen", (json_int_t)t->n);

	for (int i = 0; i < SHARES; i++)
		(void)json_object_set_new(o, share_names[i],
					  json_real((double)times_quantile(t, shares[i]) / 1e6));
	(void)json_object_set_new(o, "longest_ms", json_real((double)t->max_ns / 1e6));
	return o;
}

static json_t *
entry_json(const struct board_name *k)
{
	json_t *o = json_object();

	if (k->name != NULL)
		put_bytes(o, "name", k->name, k->len);
	if (k->is_number)
		(void)json_object_set_new(o, "number", json_true());
	if (k->held != LK_NL)
		(void)json_object_set_new(o, "held", json_string(lk_modename(k->held)));
	(void)json_object_set_new(o, "holders", json_integer(k->holders));
	(void)json_object_set_new(o, "waiters", json_integer(k->waiters));
	(void)json_object_set_new(o, "grants_per_second", json_real(k->rate));
	if (k->held_ns != 0)
		(void)json_object_set_new(o, "held_ms", json_real((double)k->held_ns / 1e6));
	if (k->waited_ns != 0)
		(void)json_object_set_new(o, "waited_ms", json_real((double)k->waited_ns / 1e6));
	if (k->who != NULL)
		put_bytes(o, "who", k->who, strlen(k->who));
	return o;
}

static void
print_json(const struct page *p, const struct board_name *const *all, size_t n)
{
	const struct board *b = &p->board;
	json_t *names = json_array();

	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(names, entry_json(all[i]));
	(void)put_json(json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:o, s:o, s:o}", "store",
				 p->url, "holders", (json_int_t)b->holders, "waiters",
				 (json_int_t)b->waiters, "dead", (json_int_t)b->dead, "detached",
				 (json_int_t)b->detached, "damaged", (json_int_t)b->damaged,
				 "grants_per_second", b->rate, "waits", times_json(&b->waits),
				 "holds", times_json(&b->holds), "names", names));
}

void
page_print(const struct page *p)
{
	const struct board_name **all = calloc(p->board.n + 1, sizeof(const struct board_name *));
	size_t n;

	if (all == NULL)
		return;
	board_sort(&p->board, p->order, all, &n);
	if (p->is_json)
		print_json(p, all, n);
	else
		print_text(p, all, n);
	free(all);
}
