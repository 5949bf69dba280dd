/* SPDX-License-Identifier: MIT */
/* Settings, read from a structure and a URL: the values that come out, and what is refused. */
#include <stdlib.h>

#include "harness.h"

#include "core/manager.h"

struct row {
	const char *name;
	size_t in_config;
	size_t in_settings;
	uint64_t standard;
	uint64_t lowest;
	uint64_t highest;
	bool may_be_off;
};

static const struct row rows[] = {
#define ROW(field, standard, lowest, highest, off) \
	{ #field,                                  \
	  offsetof(struct lk_config, field),       \
	  offsetof(struct settings, field),        \
	  (standard),                              \
	  (lowest),                                \
	  (highest),                               \
	  (off) },
	LK_SETTING_LIST(ROW)
#undef ROW
};

static uint64_t
setting(const struct settings *s, const struct row *row)
{
	uint64_t x;

	memcpy(&x, (const char *)s + row->in_settings, sizeof(x));
	return x;
}

static void
configure(struct lk_config *cfg, const struct row *row, uint64_t x)
{
	memcpy((char *)cfg + row->in_config, &x, sizeof(x));
}

static int
read_url(struct settings *s, const char *url)
{
	return settings_read(s, url, NULL);
}

/* lot_buckets has a further rule. */
static bool
is_allowed(const struct row *row, uint64_t x)
{
	if (strcmp(row->name, "lot_buckets") == 0 && (x & (x - 1)) != 0)
		return false;
	return x == LK_OFF ? row->may_be_off : x >= row->lowest && x <= row->highest;
}

Test(settings, standards)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	static const char *const urls[] = { NULL, "memory:", "memory:?" };

	for (size_t u = 0; u < countof(urls); u++) {
		for (int with = 0; with < 2; with++) {
			struct settings s;

			memset(&s, 0xee, sizeof(s));
			cr_assert_eq(settings_read(&s, urls[u], with ? &cfg : NULL), 0);
			for (size_t i = 0; i < countof(rows); i++)
				cr_expect_eq(setting(&s, &rows[i]), rows[i].standard, "%s",
					     rows[i].name);
			cr_expect_eq(s.flags, 0);
			cr_expect_not(s.has_allocator || s.has_environment);
		}
	}
}

/* The numbers that users are told. */
Test(settings, standards_by_hand)
{
	struct settings s;

	cr_assert_eq(read_url(&s, NULL), 0);
	cr_expect_eq(s.max_idle, 4096);
	cr_expect_eq(s.max_reentry, LK_OFF);
	cr_expect_eq(s.timeout_ns, LK_OFF);
	cr_expect_eq(s.fair_after_ns, 1000000);
	cr_expect_eq(s.spin_ns, 0);
	cr_expect_eq(s.index_buckets, 64);
	cr_expect_eq(s.lot_buckets, 256);
}

static void
try_value(const struct row *row, uint64_t x)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	int expected = is_allowed(row, x) ? 0 : LK_E_INVAL;
	char report[200] = "old";
	char url[100];
	struct settings s;

	configure(&cfg, row, x);
	cfg.report = report;
	cfg.report_cap = sizeof(report);
	cr_expect_eq(settings_read(&s, NULL, &cfg), expected, "%s", report);
	if (expected == 0) {
		cr_expect_eq(setting(&s, row), x, "%s", row->name);
		cr_expect_str_eq(report, "");
	} else {
		cr_expect_eq(strncmp(report, row->name, strlen(row->name)), 0, "%s", report);
	}
	snprintf(url, sizeof(url), "memory:?%s=%llu", row->name, (unsigned long long)x);
	cr_expect_eq(read_url(&s, url), expected, "%s", url);
	if (expected == 0)
		cr_expect_eq(setting(&s, row), x, "%s", url);
	cr_expect_eq(settings_read(&s, url, &cfg), expected, "the same twice: %s", url);
}

Test(settings, bounds)
{
	for (size_t i = 0; i < countof(rows); i++) {
		const uint64_t values[] = {
			rows[i].lowest, rows[i].lowest + 1, rows[i].highest,   rows[i].highest + 1,
			LK_OFF,         LK_OFF - 1,         rows[i].lowest - 1
		};

		for (size_t k = 0; k < countof(values); k++) {
			if (values[k] != 0)
				try_value(&rows[i], values[k]);
		}
	}
}

Test(settings, lot_buckets_are_a_power_of_2)
{
	const struct row *row = &rows[countof(rows) - 1];

	cr_assert_str_eq(row->name, "lot_buckets");
	for (uint64_t x = 1; x <= 70; x++)
		try_value(row, x);
}

Test(settings, off)
{
	for (size_t i = 0; i < countof(rows); i++) {
		char url[100];
		struct settings s;

		snprintf(url, sizeof(url), "memory:?%s=off", rows[i].name);
		if (rows[i].may_be_off) {
			cr_expect_eq(read_url(&s, url), 0, "%s", url);
			cr_expect_eq(setting(&s, &rows[i]), UINT64_MAX, "%s", url);
		} else {
			cr_expect_eq(read_url(&s, url), LK_E_INVAL, "%s", url);
		}
	}
}

/* ------------------------------------------------------------------------- the URL */

Test(settings, urls)
{
	static const struct {
		const char *url;
		int rc;
		const char *names; /* what the report must name */
	} urls[] = {
		{ "memory:?max_idle=7&max_reentry=3&strict=1", 0, "" },
		{ "memory:?max_idle=7&max_idle=7", 0, "" },
		{ "memory:?max_idle=7&", 0, "" },
		{ "memory:?timed=1&timed=1", 0, "" },
		{ "memory:?timed=0", 0, "" },
		{ "memory:?max_idle=0", 0, "" }, /* the default */
		{ "memory:?max_idle=18446744073709551615", 0, "" },
		{ "", LK_E_INVAL, "''" },
		{ "memory", LK_E_INVAL, "'memory'" },
		{ "Memory:", 0, "" },         /* … */
		{ "file:/somewhere", 0, "" }, /* what it is, the store says */
		{ "memory:x", LK_E_INVAL, "'x'" },
		{ "memory://", LK_E_INVAL, "'//'" },
		{ "memory:?max_idle=7&max_idle=8", LK_E_INVAL, "max_idle" },
		{ "memory:?idle=7", LK_E_INVAL, "idle" },
		{ "memory:?MAX_IDLE=7", LK_E_INVAL, "MAX_IDLE" },
		{ "memory:?max_idle", LK_E_INVAL, "max_idle" },
		{ "memory:?=7", LK_E_INVAL, "=7" },
		{ "memory:?&max_idle=7", LK_E_INVAL, "''" },
		{ "memory:?max_idle=", LK_E_INVAL, "max_idle" },
		{ "memory:?max_idle=-1", LK_E_INVAL, "max_idle" },
		{ "memory:?max_idle=+1", LK_E_INVAL, "max_idle" },
		{ "memory:?max_idle= 1", LK_E_INVAL, "max_idle" },
		{ "memory:?max_idle=1 ", LK_E_INVAL, "max_idle" },
		{ "memory:?max_idle=0x10", LK_E_INVAL, "max_idle" },
		{ "memory:?max_idle=1e3", LK_E_INVAL, "max_idle" },
		{ "memory:?max_idle=OFF", LK_E_INVAL, "max_idle" },
		{ "memory:?max_idle=18446744073709551616", LK_E_INVAL, "max_idle" },
		{ "memory:?strict=2", LK_E_INVAL, "strict" },
		{ "memory:?strict=off", LK_E_INVAL, "strict" },
		{ "memory:?strict=yes", LK_E_INVAL, "strict" },
		{ "memory:?strict=1&strict=0", LK_E_INVAL, "strict" },
		{ "memory:?strict=1&fair_after_ns=5000", LK_E_INVAL, "fair_after_ns" },
		{ "memory:?lot_buckets=3", LK_E_INVAL, "lot_buckets" },
		{ "memory:?a_name_that_is_much_longer_than_any_setting_that_there_could_ever_be=1",
		  LK_E_INVAL, "a_name" },
	};

	for (size_t i = 0; i < countof(urls); i++) {
		struct lk_config cfg = LK_CONFIG_INIT;
		struct settings s;
		char report[200];

		memset(report, 'r', sizeof(report));
		cfg.report = report;
		cfg.report_cap = sizeof(report);
		cr_expect_eq(settings_read(&s, urls[i].url, &cfg), urls[i].rc, "%s", urls[i].url);
		cr_assert_not_null(memchr(report, '\0', sizeof(report)), "%s", urls[i].url);
		cr_expect_not_null(strstr(report, urls[i].names), "%s: %s", urls[i].url, report);
		cr_expect_eq(report[0] == '\0', urls[i].rc == 0, "%s", urls[i].url);
		cr_expect_eq(read_url(&s, urls[i].url), urls[i].rc, "%s", urls[i].url);
	}
}

Test(settings, url_values_arrive)
{
	struct settings s;

	cr_assert_eq(read_url(&s, "memory:?max_idle=7&max_reentry=3&timed=1&spin_ns=off"), 0);
	cr_expect_eq(s.max_idle, 7);
	cr_expect_eq(s.max_reentry, 3);
	cr_expect_eq(s.spin_ns, LK_OFF);
	cr_expect_eq(s.timeout_ns, LK_OFF);
	cr_expect_eq(s.lot_buckets, 256);
	cr_expect_eq(s.flags, LK_TIMED);
	cr_assert_eq(read_url(&s, "memory:?strict=1"), 0);
	cr_expect_eq(s.flags, LK_STRICT);
}

/* ------------------------------------------------------------------- both together */

Test(settings, url_and_structure_must_agree)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct settings s;

	cfg.max_idle = 7;
	cfg.flags = LK_STRICT;
	cr_expect_eq(settings_read(&s, "memory:?max_idle=7&strict=1&max_reentry=2", &cfg), 0);
	cr_expect_eq(s.max_idle, 7);
	cr_expect_eq(s.max_reentry, 2);
	cr_expect_eq(s.flags, LK_STRICT);
	cr_expect_eq(settings_read(&s, "memory:?max_idle=8", &cfg), LK_E_INVAL);
	cr_expect_eq(settings_read(&s, "memory:?strict=0", &cfg), LK_E_INVAL);
	cr_expect_eq(settings_read(&s, "memory:?fair_after_ns=5000", &cfg), LK_E_INVAL);
	/* Not even the standard value, if it is not the same. */
	cr_expect_eq(settings_read(&s, "memory:?max_idle=4096", &cfg), LK_E_INVAL);
}

/* A report never has more room than it was given. */
Test(settings, short_reports)
{
	for (size_t cap = 0; cap <= 20; cap++) {
		struct lk_config cfg = LK_CONFIG_INIT;
		struct settings s;
		char report[32];

		memset(report, '#', sizeof(report));
		cfg.report = report;
		cfg.report_cap = cap;
		cr_expect_eq(settings_read(&s, "memory:?nothing=1", &cfg), LK_E_INVAL);
		cr_expect_eq(report[cap], '#', "%zu bytes", cap);
		if (cap > 0)
			cr_expect_eq(strlen(report), cap - 1, "%zu bytes", cap);
	}
}

Test(settings, flags_that_are_not_known)
{
	for (unsigned bit = 0; bit < 32; bit++) {
		struct lk_config cfg = LK_CONFIG_INIT;
		struct settings s;

		cfg.flags = UINT32_C(1) << bit;
		cr_expect_eq(settings_read(&s, NULL, &cfg), bit < 5 ? 0 : LK_E_INVAL, "bit %u",
			     bit);
	}
}

/* ------------------------------------------------------------------------- the rest */

static void *
no_alloc(void *state, size_t size, size_t align)
{
	(void)state;
	(void)size;
	(void)align;
	return NULL;
}

static void
no_free(void *state, void *p, size_t size)
{
	(void)state;
	(void)p;
	(void)size;
}

Test(settings, an_allocator_is_both_or_none)
{
	int state;
	struct lk_allocator a = { no_alloc, no_free, &state };
	struct lk_config cfg = LK_CONFIG_INIT;
	struct settings s;

	cfg.allocator = &a;
	cr_assert_eq(settings_read(&s, NULL, &cfg), 0);
	cr_expect(s.has_allocator);
	cr_expect_eq(s.allocator.state, (void *)&state);
	cr_expect(s.allocator.alloc == no_alloc && s.allocator.free == no_free);
	a.free = NULL;
	cr_expect_eq(settings_read(&s, NULL, &cfg), LK_E_INVAL);
	a = (struct lk_allocator){ NULL, no_free, NULL };
	cr_expect_eq(settings_read(&s, NULL, &cfg), LK_E_INVAL);
}

Test(settings, an_environment_is_all_or_none)
{
	struct test_world world;
	struct lk_environment e;
	struct lk_config cfg = LK_CONFIG_INIT;
	struct settings s;

	test_world_init(&world);
	cfg.environment = &e;
	e = world.environment;
	cr_assert_eq(settings_read(&s, NULL, &cfg), 0);
	cr_expect(s.has_environment);
	cr_expect_eq(s.environment.state, (void *)&world);
	e.now = NULL;
	cr_expect_eq(settings_read(&s, NULL, &cfg), LK_E_INVAL);
	e = world.environment;
	e.wait = NULL;
	cr_expect_eq(settings_read(&s, NULL, &cfg), LK_E_INVAL);
	e = world.environment;
	e.wake = NULL;
	cr_expect_eq(settings_read(&s, NULL, &cfg), LK_E_INVAL);
	e = world.environment;
	e.random = NULL;
	cr_expect_eq(settings_read(&s, NULL, &cfg), LK_E_INVAL);
}

/* Older callers have less, newer ones more: all that matters is that nothing unknown is asked. */
Test(settings, sizes_of_the_structure)
{
	struct {
		struct lk_config known;
		uint64_t more[2];
	} newer = { .known = LK_CONFIG_INIT };
	struct settings s;

	newer.known.max_idle = 7;
	newer.known.max_reentry = 9;
	newer.known.size = (uint32_t)sizeof(newer);
	cr_expect_eq(settings_read(&s, NULL, &newer.known), 0);
	cr_expect_eq(s.max_idle, 7);
	newer.more[1] = 1;
	cr_expect_eq(settings_read(&s, NULL, &newer.known), LK_E_VERSION);
	newer.known.size = (uint32_t)offsetof(struct lk_config, max_reentry);
	cr_expect_eq(settings_read(&s, NULL, &newer.known), 0);
	cr_expect_eq(s.max_idle, 7);
	cr_expect_eq(s.max_reentry, LK_OFF, "not the caller's to say");
	newer.known.size = 0;
	cr_expect_eq(settings_read(&s, NULL, &newer.known), LK_E_INVAL);
	newer.known.size = 4;
	cr_expect_eq(settings_read(&s, NULL, &newer.known), LK_E_INVAL);
}

/* ------------------------------------------------------------------------- variables */

static const char *
no_variable(const char *name)
{
	(void)name;
	return NULL;
}

static const char *
one_variable(const char *name)
{
	return strcmp(name, "LATCHKEY_MAX_IDLE") == 0 ? "7" : NULL;
}

/* As in a program with more rights than who started it has: there all look-ups find nothing. */
Test(settings, variables_that_are_not_to_be_seen)
{
	struct settings s;

	cr_assert_eq(setenv("LATCHKEY_MAX_IDLE", "9", 1), 0);
	cr_assert_eq(setenv("LATCHKEY_CONFIG", "/nonexistent/settings", 1), 0);
	cr_assert_eq(settings_read_with(&s, NULL, NULL, no_variable), 0);
	cr_expect_eq(s.max_idle, 4096);
	cr_assert_eq(settings_read_with(&s, NULL, NULL, one_variable), 0);
	cr_expect_eq(s.max_idle, 7);
	cr_expect_eq(s.from[SETTING_max_idle], LK_FROM_ENVIRONMENT);
	cr_expect_eq(settings_read(&s, NULL, NULL), LK_E_IO);
	cr_assert_eq(unsetenv("LATCHKEY_CONFIG"), 0);
	cr_assert_eq(settings_read(&s, NULL, NULL), 0);
	cr_expect_eq(s.max_idle, 9);
}

/* --------------------------------------------------------------------------- the table */

Test(settings, times_are_known_by_their_names)
{
	for (unsigned i = 0; i < SETTING_ROWS; i++) {
		const char *name = setting_rows[i].name;
		const char *unit = strrchr(name, '_');
		bool is_time = unit != NULL && strcmp(unit, "_ns") == 0;

		cr_expect_eq(setting_rows[i].kind == SETTING_TIME, is_time, "%s", name);
	}
}

/* Each value that is in range has a text, which is read as that value. */
Test(settings, text_and_back)
{
	for (unsigned i = 0; i < SETTING_NUMBERS; i++) {
		const struct setting_row *row = &setting_rows[i];
		const uint64_t values[] = { row->lowest, row->highest, row->standard,
					    row->lowest + (row->highest - row->lowest) / 3,
					    LK_OFF };
		size_t n = row->may_be_off ? countof(values) : countof(values) - 1;

		for (size_t k = 0; k < n; k++) {
			char text[LK_CONFIG_TEXT_MAX];
			uint64_t x = 0;

			setting_print(row, values[k], text);
			cr_assert(setting_parse(row, text, &x), "%s=%s", row->name, text);
			cr_expect_eq(x, values[k], "%s=%s", row->name, text);
		}
	}
}
