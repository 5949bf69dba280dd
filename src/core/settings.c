/* SPDX-License-Identifier: MIT */
/* struct lk_config and the URL, read into checked settings. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/manager.h"

enum { FLAGS_KNOWN = LK_STRICT | LK_TIMED | LK_DEBUG_ORDER | LK_MANUAL, NAME_ROOM = 64 };

/* One row of the table of settings. */
struct setting {
	const char *name;
	size_t offset; /* in struct settings */
	uint64_t standard;
	uint64_t lowest;
	uint64_t highest;
	bool may_be_off;
};

static const struct setting rows[] = {
#define ROW(field, standard, lowest, highest, off) \
	{ #field, offsetof(struct settings, field), (standard), (lowest), (highest), (off) },
	LK_SETTING_LIST(ROW)
#undef ROW
};

enum { ROW_N = sizeof(rows) / sizeof(rows[0]) };

static const struct {
	const char *name;
	uint32_t bit;
} flag_rows[] = { { "strict", LK_STRICT },
		  { "timed", LK_TIMED },
		  { "debug_order", LK_DEBUG_ORDER },
		  { "manual", LK_MANUAL } };

enum { FLAG_N = sizeof(flag_rows) / sizeof(flag_rows[0]) };

int
settings_refuse(const struct lk_config *cfg, int rc, const char *format, ...)
{
	va_list args;

	if (cfg == NULL || cfg->size < sizeof(*cfg) || cfg->report == NULL || cfg->report_cap == 0)
		return rc;
	va_start(args, format);
	(void)vsnprintf(cfg->report, cfg->report_cap, format, args);
	va_end(args);
	return rc;
}

static uint64_t *
value_of(struct settings *s, const struct setting *row)
{
	return (uint64_t *)(void *)((char *)s + row->offset);
}

static bool
in_range(const struct setting *row, uint64_t x)
{
	return x == LK_OFF ? row->may_be_off : x >= row->lowest && x <= row->highest;
}

/* A value that may come from the configuration and from the URL, but not two of them. */
static int
set_value(struct settings *s, const struct lk_config *cfg, const struct setting *row, uint64_t x)
{
	uint64_t *value = value_of(s, row);

	if (x == 0)
		return 0;
	if (!in_range(row, x))
		return settings_refuse(cfg, LK_E_INVAL, "%s: %llu is not between %llu and %llu%s",
				       row->name, (unsigned long long)x,
				       (unsigned long long)row->lowest,
				       (unsigned long long)row->highest,
				       row->may_be_off ? ", nor LK_OFF" : "");
	if (*value != 0 && *value != x)
		return settings_refuse(cfg, LK_E_INVAL, "%s: %llu in the URL contradicts %llu",
				       row->name, (unsigned long long)x,
				       (unsigned long long)*value);
	*value = x;
	return 0;
}

/* A byte that is no digit stands for itself. */
static bool
parse_byte(const char *text, uint64_t *x)
{
	if (text[0] == '\0' || text[1] != '\0' || (text[0] >= '0' && text[0] <= '9'))
		return false;
	*x = (unsigned char)text[0];
	return true;
}

/* "off", or a number in decimal.  Nothing else, no sign, no space. */
static bool
parse_number(const char *text, uint64_t *x)
{
	char *end;
	int saved = errno;
	bool ok;

	if (strcmp(text, "off") == 0) {
		*x = LK_OFF;
		return true;
	}
	errno = 0;
	*x = strtoull(text, &end, 10);
	ok = text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
	errno = saved;
	return ok;
}

/* The names of enum lk_victim, from 1. */
static bool
parse_victim(const char *text, uint64_t *x)
{
	static const char *const names[] = { "requester", "youngest", "oldest", "fewest", "most" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		*x = i + 1;
		if (strcmp(text, names[i]) == 0)
			return true;
	}
	return false;
}

/* The names of enum lk_log_level, from 1. */
static bool
parse_level(const char *text, uint64_t *x)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		*x = i + 1;
		if (strcmp(text, names[i]) == 0)
			return true;
	}
	return false;
}

/* The bits of one kind of events, or of a family of them; 0: there is no such kind. */
static uint32_t
kinds_named(const char *text, size_t len)
{
	static const struct {
		const char *name;
		uint32_t kinds;
	} names[] = {
#define KIND(name, bit, text) { #name, (bit) },
		LK_EVENT_LIST(KIND)
#undef KIND
			{ "slow", LK_EVENTS_SLOW },
		{ "all", LK_EVENTS_ALL },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i].name) == len && memcmp(names[i].name, text, len) == 0)
			return names[i].kinds;
	}
	return 0;
}

/* "wait+grant" */
static bool
parse_kinds(const char *text, uint64_t *x)
{
	for (*x = 0;; text++) {
		size_t len = strcspn(text, "+");
		uint32_t kinds = kinds_named(text, len);

		if (kinds == 0)
			return false;
		*x |= kinds;
		text += len;
		if (*text == '\0')
			return true;
	}
}

static bool
parse_value(const char *name, const char *text, uint64_t *x)
{
	if (strcmp(name, "separator") == 0 && parse_byte(text, x))
		return true;
	if (strcmp(name, "victim") == 0 && parse_victim(text, x))
		return true;
	if (strcmp(name, "events") == 0 && parse_kinds(text, x))
		return true;
	if (strcmp(name, "log_level") == 0 && parse_level(text, x))
		return true;
	return parse_number(text, x);
}

static int
set_flag(struct settings *s, const struct lk_config *cfg, const char *name, uint32_t bit,
	 uint64_t x)
{
	if (x > 1)
		return settings_refuse(cfg, LK_E_INVAL, "%s: must be 0 or 1", name);
	if (x == 0 && (s->flags & bit) != 0)
		return settings_refuse(cfg, LK_E_INVAL, "%s: 0 in the URL contradicts the flag",
				       name);
	if (x == 1)
		s->flags |= bit;
	return 0;
}

/* As much of it as is kept; what is said twice must be the same. */
static int
set_label(struct settings *s, const struct lk_config *cfg, const char *text)
{
	char label[LK_LABEL_MAX + 1] = { 0 };

	memcpy(label, text, strnlen(text, LK_LABEL_MAX));
	if (s->label[0] != '\0' && strcmp(s->label, label) != 0)
		return settings_refuse(cfg, LK_E_INVAL, "label: '%s' in the URL contradicts '%s'",
				       label, s->label);
	memcpy(s->label, label, sizeof(label));
	return 0;
}

static int
set_parameter(struct settings *s, const struct lk_config *cfg, const char *name, const char *text)
{
	uint64_t x;

	if (strcmp(name, "label") == 0)
		return set_label(s, cfg, text);
	if (!parse_value(name, text, &x))
		return settings_refuse(cfg, LK_E_INVAL, "%s: '%.32s' is not a number", name, text);
	for (size_t i = 0; i < FLAG_N; i++) {
		if (strcmp(name, flag_rows[i].name) == 0)
			return set_flag(s, cfg, name, flag_rows[i].bit, x);
	}
	for (size_t i = 0; i < ROW_N; i++) {
		if (strcmp(name, rows[i].name) != 0)
			continue;
		return set_value(s, cfg, &rows[i], x);
	}
	return settings_refuse(cfg, LK_E_INVAL, "%s: there is no such setting", name);
}

/* "name=value&name=value" */
static int
read_parameters(struct settings *s, const struct lk_config *cfg, const char *query)
{
	while (*query != '\0') {
		char text[NAME_ROOM];
		size_t n = strcspn(query, "&");
		char *equals;
		int rc;

		if (n >= sizeof(text))
			return settings_refuse(cfg, LK_E_INVAL, "'%.16s…' in the URL is too long",
					       query);
		memcpy(text, query, n);
		text[n] = '\0';
		equals = strchr(text, '=');
		if (equals == NULL || equals == text)
			return settings_refuse(cfg, LK_E_INVAL, "'%s' in the URL is not name=value",
					       text);
		*equals = '\0';
		rc = set_parameter(s, cfg, text, equals + 1);
		if (rc != 0)
			return rc;
		query += n + (query[n] == '&');
	}
	return 0;
}

static int
read_url(struct settings *s, const struct lk_config *cfg, const char *url)
{
	static const char scheme[] = "memory:";

	if (url == NULL)
		return 0;
	if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
		return settings_refuse(cfg,
				       strchr(url, ':') != NULL ? LK_E_UNSUPPORTED : LK_E_INVAL,
				       "'%.64s': this version has no store but memory:", url);
	url += sizeof(scheme) - 1;
	if (*url == '?')
		return read_parameters(s, cfg, url + 1);
	if (*url != '\0')
		return settings_refuse(cfg, LK_E_INVAL,
				       "'%.64s' is not expected after memory:", url);
	return 0;
}

static int
read_tables(struct settings *s, const struct lk_config *cfg)
{
	const struct lk_allocator *a = cfg->allocator;
	const struct lk_environment *e = cfg->environment;

	if (a != NULL) {
		if (a->alloc == NULL || a->free == NULL)
			return settings_refuse(cfg, LK_E_INVAL,
					       "allocator: needs both alloc and free");
		s->allocator = *a;
		s->has_allocator = true;
	}
	if (e != NULL) {
		if (e->now == NULL || e->wait == NULL || e->wake == NULL || e->random == NULL)
			return settings_refuse(
				cfg, LK_E_INVAL,
				"environment: needs all of now, wait, wake and random");
		s->environment = *e;
		s->has_environment = true;
	}
	return 0;
}

static int
read_config(struct settings *s, const struct lk_config *cfg)
{
#define VALUE(field, standard, lowest, highest, off) cfg->field,
	const uint64_t value[ROW_N] = { LK_SETTING_LIST(VALUE) };
#undef VALUE

	if ((cfg->flags & ~(uint32_t)FLAGS_KNOWN) != 0)
		return settings_refuse(cfg, LK_E_INVAL, "flags: 0x%x has bits that are not known",
				       cfg->flags);
	s->flags = cfg->flags;
	for (size_t i = 0; i < ROW_N; i++) {
		int rc = set_value(s, cfg, &rows[i], value[i]);

		if (rc != 0)
			return rc;
	}
	s->on_victim = cfg->on_victim;
	s->on_victim_arg = cfg->on_victim_arg;
	s->on_event = cfg->on_event;
	s->on_event_arg = cfg->on_event_arg;
	s->on_log = cfg->on_log;
	s->on_log_arg = cfg->on_log_arg;
	if (cfg->label != NULL) /* the first that is said contradicts nothing */
		(void)set_label(s, cfg, cfg->label);
	return read_tables(s, cfg);
}

static int
check_together(const struct settings *s, const struct lk_config *cfg)
{
	if ((s->flags & LK_STRICT) != 0 && s->fair_after_ns != 0)
		return settings_refuse(cfg, LK_E_INVAL,
				       "fair_after_ns: has no meaning in a strict manager");
	if (s->separator != 0 && s->separator != LK_OFF &&
	    (s->separator == '%' || name_byte_is_plain((unsigned char)s->separator)))
		return settings_refuse(cfg, LK_E_INVAL, "separator: '%c' is used by lk_name_escape",
				       (char)s->separator);
	if ((s->lot_buckets & (s->lot_buckets - 1)) != 0)
		return settings_refuse(cfg, LK_E_INVAL, "lot_buckets: %llu is not a power of 2",
				       (unsigned long long)s->lot_buckets);
	return 0;
}

static void
set_standards(struct settings *s)
{
	for (size_t i = 0; i < ROW_N; i++) {
		uint64_t *value = value_of(s, &rows[i]);

		if (*value == 0)
			*value = rows[i].standard;
	}
}

int
settings_read(struct settings *s, const char *url, const struct lk_config *cfg)
{
	struct lk_config known;
	int rc = 0;

	memset(s, 0, sizeof(*s));
	if (cfg != NULL) {
		rc = check_struct(cfg, cfg->size, sizeof(*cfg));
		if (rc != 0)
			return settings_refuse(cfg, rc,
					       "lk_config: of a newer version, or no size");
		memset(&known, 0, sizeof(known));
		memcpy(&known, cfg, cfg->size < sizeof(known) ? cfg->size : sizeof(known));
		known.size = sizeof(known);
		cfg = &known;
		if (cfg->report != NULL && cfg->report_cap > 0)
			cfg->report[0] = '\0';
		rc = read_config(s, cfg);
	}
	if (rc == 0)
		rc = read_url(s, cfg, url);
	if (rc == 0)
		rc = check_together(s, cfg);
	set_standards(s);
	return rc;
}
