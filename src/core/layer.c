/* SPDX-License-Identifier: MIT */
/* What one source says of the settings. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text_file.h"
#include "core/settings.h"
#include "core/text.h"

/* Of "name=value", or a line without its comment; and of the path of a file, when it is spoken of. */
enum { TEXT_ROOM = 256, PATH_SHOWN = 128, VARIABLE_ROOM = 48 };

static size_t
say_place(const struct complaint *c)
{
	int n = 0;

	c->text[0] = '\0';
	if (c->file != NULL && c->line != 0)
		n = snprintf(c->text, c->cap, "%.*s:%u: ", PATH_SHOWN, c->file, c->line);
	else if (c->file != NULL)
		n = snprintf(c->text, c->cap, "%.*s: ", PATH_SHOWN, c->file);
	else if (c->variable != NULL)
		n = snprintf(c->text, c->cap, "%s: ", c->variable);
	return (size_t)n < c->cap ? (size_t)n : c->cap - 1;
}

int
complain(const struct complaint *c, int rc, const char *format, ...)
{
	va_list args;
	size_t n;

	if (c->text == NULL || c->cap == 0)
		return rc;
	n = say_place(c);
	va_start(args, format);
	(void)vsnprintf(c->text + n, c->cap - n, format, args);
	va_end(args);
	return rc;
}

/* " in the URL": where it matters which of two places is meant. */
static const char *
in_url(const struct layer *l)
{
	return l->to.in_url ? " in the URL" : "";
}

void
layer_begin(struct layer *l, enum lk_setting_from from, const struct complaint *to)
{
	memset(l, 0, sizeof(*l));
	l->from = from;
	l->to = *to;
}

static bool
has_said(const struct layer *l, unsigned number)
{
	return (l->said & UINT64_C(1) << number) != 0;
}

/* -------------------------------------------------------------------------- values */

static int
check_range(const struct layer *l, const struct setting_row *row, uint64_t x)
{
	if (x == LK_OFF ? row->may_be_off : x >= row->lowest && x <= row->highest)
		return 0;
	if (row->kind == SETTING_FLAG)
		return complain(&l->to, LK_E_INVAL, "%s: must be 0 or 1", row->name);
	return complain(&l->to, LK_E_INVAL, "%s: %llu is not between %llu and %llu%s", row->name,
			(unsigned long long)x, (unsigned long long)row->lowest,
			(unsigned long long)row->highest, row->may_be_off ? ", nor LK_OFF" : "");
}

/* What more than its range a value must keep to. */
static int
check_alone(const struct layer *l, unsigned number, uint64_t x)
{
	if (number == SETTING_separator && x != LK_OFF &&
	    (x == '%' || name_byte_is_plain((unsigned char)x)))
		return complain(&l->to, LK_E_INVAL, "separator: '%c' is used by lk_name_escape",
				(char)x);
	if (number == SETTING_lot_buckets && (x & (x - 1)) != 0)
		return complain(&l->to, LK_E_INVAL, "lot_buckets: %llu is not a power of 2",
				(unsigned long long)x);
	return 0;
}

static int
put_checked(struct layer *l, unsigned number, uint64_t x)
{
	const struct setting_row *row = &setting_rows[number];

	if (has_said(l, number) && l->value[number] != x) {
		if (row->kind == SETTING_FLAG && l->to.in_url)
			return complain(&l->to, LK_E_INVAL,
					"%s: %llu in the URL contradicts the flag", row->name,
					(unsigned long long)x);
		return complain(&l->to, LK_E_INVAL, "%s: %llu%s contradicts %llu", row->name,
				(unsigned long long)x, in_url(l),
				(unsigned long long)l->value[number]);
	}
	l->value[number] = x;
	l->said |= UINT64_C(1) << number;
	return 0;
}

int
layer_put(struct layer *l, unsigned number, uint64_t x)
{
	const struct setting_row *row = &setting_rows[number];
	int rc;

	if (x == 0 && row->kind != SETTING_FLAG)
		return 0;
	rc = check_range(l, row, x);
	if (rc == 0)
		rc = check_alone(l, number, x);
	return rc == 0 ? put_checked(l, number, x) : rc;
}

/* As much of it as is kept; what is said twice must be the same. */
static int
put_label(struct layer *l, const char *text)
{
	char label[LK_LABEL_MAX + 1] = { 0 };

	memcpy(label, text, strnlen(text, LK_LABEL_MAX));
	if (label[0] == '\0' && !has_said(l, SETTING_label))
		return 0;
	if (has_said(l, SETTING_label) && strcmp(l->label, label) != 0)
		return complain(&l->to, LK_E_INVAL, "label: '%s'%s contradicts '%s'", label,
				in_url(l), l->label);
	memcpy(l->label, label, sizeof(label));
	l->said |= UINT64_C(1) << SETTING_label;
	return 0;
}

static int
put_preset(struct layer *l, const char *text)
{
	unsigned preset = preset_find(text);

	if (preset == 0)
		return complain(&l->to, LK_E_INVAL, "preset: there is no '%.32s'", text);
	if (has_said(l, SETTING_preset) && l->preset != preset)
		return complain(&l->to, LK_E_INVAL, "preset: '%s'%s contradicts '%s'", text,
				in_url(l), preset_name(l->preset));
	l->preset = preset;
	l->said |= UINT64_C(1) << SETTING_preset;
	return 0;
}

int
layer_put_text(struct layer *l, unsigned number, const char *text)
{
	const struct setting_row *row = &setting_rows[number];
	uint64_t x;

	if (number == SETTING_label)
		return put_label(l, text);
	if (number == SETTING_preset)
		return put_preset(l, text);
	if (!setting_parse(row, text, &x))
		return complain(&l->to, LK_E_INVAL, "%s: '%.32s' is not %s", row->name, text,
				row->kind == SETTING_FLAG ? "0 or 1" : "a value of it");
	if (strcmp(text, "default") == 0) /* even if that is 0 */
		return put_checked(l, number, x);
	return layer_put(l, number, x);
}

static int
put_named(struct layer *l, const char *name, const char *text)
{
	unsigned number = setting_find(name);

	if (number == SETTING_N && l->has_store)
		return 0;
	if (number == SETTING_N)
		return complain(&l->to, LK_E_INVAL, "%.64s: there is no such setting", name);
	return layer_put_text(l, number, text);
}

int
layer_put_parameters(struct layer *l, const char *query)
{
	while (*query != '\0') {
		char text[TEXT_ROOM];
		size_t n = strcspn(query, "&");
		char *equals;
		int rc;

		if (n >= sizeof(text) && !l->has_store)
			return complain(&l->to, LK_E_INVAL, "'%.16s…' in the URL is too long",
					query);
		if (n >= sizeof(text)) { /* no setting is */
			query += n + (query[n] == '&');
			continue;
		}
		memcpy(text, query, n);
		text[n] = '\0';
		equals = strchr(text, '=');
		if (equals == NULL || equals == text)
			return complain(&l->to, LK_E_INVAL, "'%s' in the URL is not name=value",
					text);
		*equals = '\0';
		rc = put_named(l, text, equals + 1);
		if (rc != 0)
			return rc;
		query += n + (query[n] == '&');
	}
	return 0;
}

int
layer_check(const struct layer *l)
{
	if (has_said(l, SETTING_strict) && l->value[SETTING_strict] == 1 &&
	    has_said(l, SETTING_fair_after_ns))
		return complain(&l->to, LK_E_INVAL,
				"fair_after_ns: has no meaning in a strict manager");
	return 0;
}

/* ----------------------------------------------------------------------- variables */

static void
name_variable(const char *name, char out[VARIABLE_ROOM])
{
	size_t n = (size_t)snprintf(out, VARIABLE_ROOM, "LATCHKEY_%s", name);

	for (size_t i = 0; i < n; i++) {
		if (out[i] >= 'a' && out[i] <= 'z')
			out[i] = (char)(out[i] - 'a' + 'A');
	}
}

int
layer_read_variables(struct layer *l, variable_fn *get)
{
	char name[VARIABLE_ROOM];
	int rc = 0;

	l->to.variable = name;
	for (unsigned i = 0; rc == 0 && i < SETTING_N; i++) {
		const char *text;

		name_variable(setting_rows[i].name, name);
		text = get(name);
		if (text != NULL && *text != '\0')
			rc = layer_put_text(l, i, text);
	}
	if (rc == 0) {
		l->to.variable = "LATCHKEY_FAIR_AFTER_NS";
		rc = layer_check(l);
	}
	l->to.variable = NULL;
	return rc;
}

/* --------------------------------------------------------------------------- files */

struct line {
	size_t n;
	bool ends_file;
	char text[TEXT_ROOM];
};

static bool
is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next line, without its comment.  What is wrong is said. */
static int
read_line(struct text_file *f, struct line *line, const struct complaint *to)
{
	bool comment = false;
	int c;

	for (line->n = 0; (c = text_file_next(f)) >= 0 && c != '\n';) {
		if (c == '\0')
			return complain(to, LK_E_INVAL, "a NUL is no text");
		comment |= c == '#' && (line->n == 0 || is_blank(line->text[line->n - 1]));
		if (comment)
			continue;
		if (line->n == sizeof(line->text) - 1)
			return complain(to, LK_E_INVAL, "the line is too long");
		line->text[line->n++] = (char)c;
	}
	line->text[line->n] = '\0';
	line->ends_file = c != '\n';
	return c != TEXT_FILE_FAILED ? 0 : LK_E_IO;
}

/* Without blanks at both ends. */
static char *
trim(char *text)
{
	size_t n;

	while (is_blank(*text))
		text++;
	n = strlen(text);
	while (n > 0 && is_blank(text[n - 1]))
		text[--n] = '\0';
	return text;
}

/* "name = value", or nothing */
static int
put_line(struct layer *l, char *text)
{
	char *equals = strchr(text, '=');

	text = trim(text);
	if (*text == '\0')
		return 0;
	if (equals == NULL || equals == text)
		return complain(&l->to, LK_E_INVAL, "'%.32s' is not name = value", text);
	*equals = '\0';
	return put_named(l, trim(text), trim(equals + 1));
}

static int
cannot_read(struct layer *l, int error)
{
	char text[64];

	l->to.line = 0;
	text_file_error(error, text, sizeof(text));
	return complain(&l->to, LK_E_IO, "cannot be read: %s", text);
}

int
layer_read_file(struct layer *l, const char *path)
{
	struct line line = { 0 };
	struct text_file f;
	int rc;

	l->to.file = path;
	rc = text_file_open(&f, path);
	if (rc != 0)
		return cannot_read(l, rc);
	while (rc == 0 && !line.ends_file) {
		l->to.line++;
		rc = read_line(&f, &line, &l->to);
		if (rc == 0)
			rc = put_line(l, line.text);
	}
	if (rc == LK_E_IO)
		rc = cannot_read(l, f.error);
	text_file_close(&f);
	l->to.line = 0;
	return rc == 0 ? layer_check(l) : rc;
}
