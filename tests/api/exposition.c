/* SPDX-License-Identifier: MIT */
/* OpenMetrics 1.0: families are whole and come once, series come once, names, labels and numbers are well formed. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exposition.h"

enum { NAME = 128, SERIES = 1024, KEYS = 8192, LABELS = 8 };

struct reader {
	const char *at;
	const char *end;
	unsigned line;
	char fault[256];
	/* The family. */
	char family[NAME];
	char type[NAME];
	char unit[NAME];
	bool has_type, has_unit, has_help, has_samples;
	char families[KEYS][NAME / 2];
	unsigned n_families;
	char *series[KEYS];
	unsigned n_series;
	/* The sample. */
	char key[SERIES];
	char le[NAME];
	char rest[SERIES]; /* labels without le */
	/* The histogram under way: of one set of labels. */
	char histogram[SERIES];
	double last_le;
	double last_count;
	double total;
	bool in_buckets, has_count, has_sum;
};

static bool
fault(struct reader *r, const char *format, ...)
{
	char what[160];
	va_list args;

	if (r->fault[0] == '\0') {
		va_start(args, format);
		vsnprintf(what, sizeof(what), format, args);
		va_end(args);
		snprintf(r->fault, sizeof(r->fault), "line %u: %s", r->line, what);
	}
	return false;
}

static bool
is_first_of_name(char c)
{
	return isalpha((unsigned char)c) || c == '_' || c == ':';
}

/* A name of metrics, or with `label` of labels, which has no colon. */
static bool
read_name(struct reader *r, char *out, bool label)
{
	size_t n = 0;

	if (r->at == r->end || !is_first_of_name(*r->at) || (label && *r->at == ':'))
		return fault(r, "a name was expected");
	while (r->at < r->end && (is_first_of_name(*r->at) || isdigit((unsigned char)*r->at)) &&
	       !(label && *r->at == ':')) {
		if (n + 1 >= NAME)
			return fault(r, "a name is very long");
		out[n++] = *r->at++;
	}
	out[n] = '\0';
	return true;
}

static bool
expect(struct reader *r, char c)
{
	if (r->at == r->end || *r->at != c)
		return fault(r, "'%c' was expected", c);
	r->at++;
	return true;
}

/* The bytes of the UTF-8 sequence here; 0: it is none. */
static size_t
utf8(const struct reader *r)
{
	const unsigned char *p = (const unsigned char *)r->at;
	size_t left = (size_t)(r->end - r->at), n;

	if (p[0] < 0x80)
		return 1;
	n = p[0] >= 0xc2 && p[0] < 0xe0   ? 2
	    : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
	    : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
					  : 0;
	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

/* Up to `last`, which is left; the only escapes are \\ \" and \n. */
static bool
read_escaped(struct reader *r, char last, char *out, size_t cap)
{
	size_t n = 0;

	while (r->at < r->end && *r->at != last) {
		size_t len = utf8(r);

		if (len == 0 || *r->at == '\n' || *r->at == '\0')
			return fault(r, "a byte that may not stand there");
		if (*r->at == '\\') {
			r->at++;
			if (r->at == r->end || (*r->at != '\\' && *r->at != '"' && *r->at != 'n'))
				return fault(r, "an escape that there is not");
		}
		for (size_t i = 0; i < len && n + 1 < cap; i++)
			out[n++] = r->at[i];
		r->at += len;
	}
	out[n] = '\0';
	return r->at < r->end ? true : fault(r, "it ends too soon");
}

static bool
read_labels(struct reader *r)
{
	char names[LABELS][NAME];
	char value[SERIES / 2];
	unsigned n = 0;

	r->le[0] = r->rest[0] = '\0';
	if (r->at == r->end || *r->at != '{')
		return true;
	do {
		r->at++;
		if (n == LABELS || !read_name(r, names[n], true) || !expect(r, '=') ||
		    !expect(r, '"') || !read_escaped(r, '"', value, sizeof(value)) ||
		    !expect(r, '"'))
			return fault(r, "labels");
		for (unsigned i = 0; i < n; i++) {
			if (strcmp(names[i], names[n]) == 0)
				return fault(r, "label %s comes twice", names[n]);
		}
		if (strcmp(names[n], "le") == 0)
			snprintf(r->le, sizeof(r->le), "%.100s", value);
		else
			snprintf(r->rest + strlen(r->rest), sizeof(r->rest) - strlen(r->rest),
				 "%s=%s;", names[n], value);
		n++;
	} while (r->at < r->end && *r->at == ',');
	return expect(r, '}');
}

/* Decimal, an exponent allowed, nothing else but +Inf. */
static bool
read_number(struct reader *r, char last, double *out)
{
	char text[64];
	size_t n = 0;
	char *end;

	while (r->at < r->end && *r->at != last && n + 1 < sizeof(text)) {
		if (strchr("0123456789.eE+-Inf", *r->at) == NULL)
			return fault(r, "no number");
		text[n++] = *r->at++;
	}
	text[n] = '\0';
	*out = strtod(text, &end);
	return n > 0 && *end == '\0' ? true : fault(r, "\"%s\" is no number", text);
}

static bool
ends_with(const char *text, const char *end)
{
	size_t a = strlen(text), b = strlen(end);

	return a >= b && strcmp(text + a - b, end) == 0;
}

static bool
end_histogram(struct reader *r)
{
	if (r->histogram[0] == '\0')
		return true;
	r->histogram[0] = '\0';
	if (r->in_buckets)
		return fault(r, "a histogram without +Inf");
	return r->has_count && r->has_sum ? true : fault(r, "a histogram without count or sum");
}

static bool
begin_family(struct reader *r, const char *name)
{
	if (!end_histogram(r))
		return false;
	for (unsigned i = 0; i < r->n_families; i++) {
		if (strcmp(r->families[i], name) == 0)
			return fault(r, "family %s comes twice", name);
	}
	snprintf(r->families[r->n_families++], NAME / 2, "%.60s", name);
	snprintf(r->family, sizeof(r->family), "%s", name);
	r->type[0] = r->unit[0] = '\0';
	r->has_type = r->has_unit = r->has_help = r->has_samples = false;
	return true;
}

static bool
read_rest(struct reader *r, char *out, size_t cap)
{
	return read_escaped(r, '\n', out, cap);
}

/* After "# ": TYPE, UNIT or HELP of the family that begins here or goes on. */
static bool
read_meta(struct reader *r)
{
	char what[NAME], name[NAME], text[SERIES];
	bool *has;

	if (!read_name(r, what, true) || !expect(r, ' ') || !read_name(r, name, false) ||
	    !expect(r, ' '))
		return false;
	if (strcmp(name, r->family) != 0 && !begin_family(r, name))
		return false;
	if (r->has_samples)
		return fault(r, "%s after samples", what);
	if (!read_rest(r, text, sizeof(text)))
		return false;
	has = strcmp(what, "TYPE") == 0   ? &r->has_type
	      : strcmp(what, "UNIT") == 0 ? &r->has_unit
	      : strcmp(what, "HELP") == 0 ? &r->has_help
					  : NULL;
	if (has == NULL || *has)
		return fault(r, "%s", what);
	*has = true;
	if (has == &r->has_type)
		snprintf(r->type, sizeof(r->type), "%.100s", text);
	if (has == &r->has_unit) {
		snprintf(r->unit, sizeof(r->unit), "_%.100s", text);
		if (!ends_with(name, r->unit))
			return fault(r, "%s does not end in its unit", name);
	}
	return true;
}

/* A bucket, the count or the sum of a histogram. */
static bool
check_histogram(struct reader *r, const char *suffix, double value)
{
	double le;

	if (strcmp(r->histogram, r->rest) != 0 || r->histogram[0] == '\0') {
		if (!end_histogram(r))
			return false;
		snprintf(r->histogram, sizeof(r->histogram), "%s", r->rest);
		r->last_le = -1;
		r->last_count = 0;
		r->in_buckets = true;
		r->has_count = r->has_sum = false;
	}
	if (strcmp(suffix, "_bucket") != 0) {
		bool *has = suffix[1] == 'c' ? &r->has_count : &r->has_sum;

		if (r->in_buckets || r->le[0] != '\0' || *has)
			return fault(r, "%s in the wrong place", suffix);
		*has = true;
		return has == &r->has_sum || value == r->total ? true
							       : fault(r, "count is not +Inf");
	}
	if (!r->in_buckets || r->le[0] == '\0')
		return fault(r, "a bucket in the wrong place");
	le = strtod(r->le, NULL);
	if (le <= r->last_le || value < r->last_count)
		return fault(r, "buckets go back");
	r->last_le = le;
	r->total = r->last_count = value;
	r->in_buckets = strcmp(r->le, "+Inf") != 0;
	return true;
}

static bool
check_suffix(struct reader *r, const char *name, double value)
{
	const char *suffix = name + strlen(r->family);

	if (strncmp(name, r->family, strlen(r->family)) != 0)
		return fault(r, "%s is not of family %s", name, r->family);
	if (value < 0)
		return fault(r, "less than nothing");
	if (strcmp(r->type, "counter") == 0)
		return strcmp(suffix, "_total") == 0 ? true : fault(r, "counter%s", suffix);
	if (strcmp(r->type, "gauge") == 0)
		return suffix[0] == '\0' ? true : fault(r, "gauge%s", suffix);
	if (strcmp(r->type, "info") == 0)
		return strcmp(suffix, "_info") == 0 && value == 1 ? true
								  : fault(r, "info%s", suffix);
	if (strcmp(r->type, "histogram") == 0 &&
	    (strcmp(suffix, "_bucket") == 0 || strcmp(suffix, "_count") == 0 ||
	     strcmp(suffix, "_sum") == 0))
		return check_histogram(r, suffix, value);
	return fault(r, "%s%s", r->type, suffix);
}

static bool
remember(struct reader *r)
{
	for (unsigned i = 0; i < r->n_series; i++) {
		if (strcmp(r->series[i], r->key) == 0)
			return fault(r, "twice: %s", r->key);
	}
	if (r->n_series == KEYS)
		return fault(r, "very many series");
	r->series[r->n_series++] = strdup(r->key);
	return true;
}

static bool
read_sample(struct reader *r, void (*fn)(void *arg, const struct exposed *x), void *arg)
{
	struct exposed x = { .family = r->family, .type = r->type, .series = r->key };
	char name[NAME];

	if (!read_name(r, name, false) || !read_labels(r) || !expect(r, ' ') ||
	    !read_number(r, '\n', &x.value))
		return false;
	if (!r->has_type || !r->has_help)
		return fault(r, "a sample of a family without type or help");
	r->has_samples = true;
	snprintf(r->key, sizeof(r->key), "%s %.400s le=%s", name, r->rest, r->le);
	x.only_grows = strcmp(r->type, "counter") == 0 || strcmp(r->type, "histogram") == 0;
	if (!remember(r) || !check_suffix(r, name, x.value))
		return false;
	if (fn != NULL)
		fn(arg, &x);
	return true;
}

static bool
read_all(struct reader *r, void (*fn)(void *arg, const struct exposed *x), void *arg)
{
	static const char end[] = "# EOF\n";

	for (r->line = 1; r->at < r->end; r->line++) {
		if ((size_t)(r->end - r->at) == sizeof(end) - 1 &&
		    memcmp(r->at, end, sizeof(end) - 1) == 0)
			return end_histogram(r);
		if (*r->at == '#') {
			r->at++;
			if (!expect(r, ' ') || !read_meta(r))
				return false;
		} else if (!read_sample(r, fn, arg)) {
			return false;
		}
		if (!expect(r, '\n'))
			return false;
	}
	return fault(r, "no # EOF");
}

const char *
exposition_fault(const char *text, size_t len, void (*fn)(void *arg, const struct exposed *x),
		 void *arg)
{
	static _Thread_local char said[256];
	struct reader *r = calloc(1, sizeof(*r));
	bool good;

	r->at = text;
	r->end = text + len;
	good = read_all(r, fn, arg);
	memcpy(said, r->fault, sizeof(said));
	for (unsigned i = 0; i < r->n_series; i++)
		free(r->series[i]);
	free(r);
	return good ? NULL : said;
}
