/* SPDX-License-Identifier: MIT */
/* lk_open: settings in a structure and in a URL, and what it says of those it will not take. */
#include "support.h"

enum { REPORT = 256 };

/* Open, and see that it is refused with `code`, in words that name `word`. */
static void
refused(const char *url, struct lk_config *cfg, int code, const char *word)
{
	struct lk_manager *m = NULL;
	char report[REPORT];

	memset(report, 'r', sizeof(report));
	cfg->report = report;
	cfg->report_cap = sizeof(report);
	is(lk_open(url, cfg, &m), code);
	cr_expect_null(m);
	cr_assert_not_null(memchr(report, '\0', sizeof(report)));
	cr_expect_not_null(strstr(report, word), "\"%s\" does not name %s", report, word);
}

static void
accepted(const char *url, struct lk_config *cfg)
{
	struct lk_manager *m = NULL;
	char report[REPORT] = "old";

	cfg->report = report;
	cfg->report_cap = sizeof(report);
	is(lk_open(url, cfg, &m), 0);
	cr_expect_str_eq(report, "");
	ok(lk_close(m));
}

/* A setting by its place in LK_SETTING_LIST. */
struct setting {
	const char *name;
	size_t offset;
	uint64_t lowest;
	uint64_t highest;
	bool may_be_off;
};

static const struct setting settings[] = {
#define SETTING(field, standard, lowest, highest, off) \
	{ #field, offsetof(struct lk_config, field), lowest, highest, off },
	LK_SETTING_LIST(SETTING)
#undef SETTING
};

static struct lk_config
config_with(const struct setting *s, uint64_t value)
{
	struct lk_config cfg = LK_CONFIG_INIT;

	memcpy((char *)&cfg + s->offset, &value, sizeof(value));
	return cfg;
}

/* The same value by structure and by URL. */
static void
try_value(const struct setting *s, uint64_t value, bool good)
{
	struct lk_config cfg = config_with(s, value), plain = LK_CONFIG_INIT;
	char url[REPORT];

	snprintf(url, sizeof(url), "memory:?%s=%llu", s->name, (unsigned long long)value);
	if (good) {
		accepted(NULL, &cfg);
		accepted(url, &plain);
		accepted(url, &cfg);
	} else {
		refused(NULL, &cfg, LK_E_INVAL, s->name);
		refused(url, &plain, LK_E_INVAL, s->name);
	}
}

Test(config, every_setting_has_its_bounds)
{
	for (size_t i = 0; i < countof(settings); i++) {
		const struct setting *s = &settings[i];
		bool is_huge = s->highest > 1u << 20 && (strstr(s->name, "buckets") != NULL ||
							 strcmp(s->name, "reserve") == 0);

		try_value(s, s->lowest, true);
		if (!is_huge) /* 2^24 buckets are a gigabyte */
			try_value(s, s->highest, true);
		if (s->lowest > 1)
			try_value(s, s->lowest - 1, false);
		try_value(s, s->highest + 1, false);
		try_value(s, UINT64_MAX - 1, false);
		try_value(s, LK_OFF, s->may_be_off);
		try_value(s, 0, true);
	}
}

Test(config, the_parking_lot_is_a_power_of_two)
{
	struct lk_config cfg = { .size = sizeof(cfg), .lot_buckets = 3 };

	refused(NULL, &cfg, LK_E_INVAL, "lot_buckets");
	cfg.lot_buckets = 0;
	refused("memory:?lot_buckets=100", &cfg, LK_E_INVAL, "lot_buckets");
	cfg.lot_buckets = 2;
	accepted(NULL, &cfg);
}

Test(config, structure_and_url_must_agree)
{
	struct lk_config cfg = { .size = sizeof(cfg), .max_idle = 64 };

	accepted("memory:?max_idle=64", &cfg);
	accepted("memory:?max_reentry=2", &cfg);
	refused("memory:?max_idle=65", &cfg, LK_E_INVAL, "max_idle");
	cfg = (struct lk_config){ .size = sizeof(cfg), .flags = LK_STRICT };
	accepted("memory:?strict=1", &cfg);
	accepted("memory:?timed=1", &cfg);
	refused("memory:?strict=0", &cfg, LK_E_INVAL, "strict");
}

Test(config, a_strict_manager_has_no_use_for_fairness)
{
	struct lk_config cfg = { .size = sizeof(cfg), .flags = LK_STRICT, .fair_after_ns = 1000 };

	refused(NULL, &cfg, LK_E_INVAL, "fair_after_ns");
	cfg.fair_after_ns = 0;
	refused("memory:?fair_after_ns=1000", &cfg, LK_E_INVAL, "fair_after_ns");
	cfg.flags = 0;
	refused("memory:?strict=1&fair_after_ns=1000", &cfg, LK_E_INVAL, "fair_after_ns");
	accepted("memory:?strict=0&fair_after_ns=1000", &cfg);
}

Test(config, urls_that_are_fine)
{
	static const char *const urls[] = {
		NULL,
		"memory:",
		"memory:?max_idle=64",
		"memory:?max_idle=64&strict=1",
		"memory:?strict=1&timed=1&max_reentry=1&spin_ns=100&index_buckets=1&lot_buckets=1",
	};

	for (size_t i = 0; i < countof(urls); i++) {
		struct lk_config cfg = LK_CONFIG_INIT;

		accepted(urls[i], &cfg);
	}
}

Test(config, urls_that_are_not)
{
	static const struct {
		const char *url, *word;
	} bad[] = {
		{ "memory", "memory" },
		{ "memory:?nonsense=1", "nonsense" },
		{ "memory:?MAX_IDLE=1", "MAX_IDLE" },
		{ "memory:?max_idl=1", "max_idl" },
		{ "memory:?max_idlee=1", "max_idlee" },
		{ "memory:?max_idle", "max_idle" },
		{ "memory:?max_idle=", "max_idle" },
		{ "memory:?max_idle=abc", "max_idle" },
		{ "memory:?max_idle=-1", "max_idle" },
		{ "memory:?max_idle=+1", "max_idle" },
		{ "memory:?max_idle= 1", "max_idle" },
		{ "memory:?max_idle=64x", "max_idle" },
		{ "memory:?max_idle=18446744073709551617", "max_idle" },
		{ "memory:?max_idle=99999999999999999999999", "max_idle" },
		{ "memory:?max_idle=64&max_idle=65", "max_idle" },
		{ "memory:?strict=maybe", "strict" },
		{ "memory:?strict=2", "strict" },
		{ "memory:?label=x&label=y", "label" },
		{ "memory:?labels=x", "labels" },
	};

	for (size_t i = 0; i < countof(bad); i++) {
		struct lk_config cfg = LK_CONFIG_INIT;

		refused(bad[i].url, &cfg, LK_E_INVAL, bad[i].word);
	}
}

Test(config, stores_that_there_are_not)
{
	static const char *const urls[] = { "nosuch://localhost", "filex:/tmp/x", "memoryx:" };

	for (size_t i = 0; i < countof(urls); i++) {
		struct lk_config cfg = LK_CONFIG_INIT;

		refused(urls[i], &cfg, LK_E_UNSUPPORTED, "");
	}
}

Test(config, flags_and_sizes_that_are_wrong)
{
	struct lk_config bad[] = {
		{ .size = sizeof(bad[0]), .flags = 0x20 },
		{ .size = sizeof(bad[0]), .flags = 0x80000000 },
		{ .size = sizeof(bad[0]), .flags = LK_NOWAIT },
	};
	struct lk_manager *m = NULL;

	for (size_t i = 0; i < countof(bad); i++)
		refused(NULL, &bad[i], LK_E_INVAL, "flags");
	is(lk_open(NULL, &(struct lk_config){ .size = 3 }, &m), LK_E_INVAL);
	cr_expect_null(m);
}

Test(config, an_allocator_or_environment_in_part)
{
	struct test_heap heap;
	struct test_world world;
	struct lk_environment part;
	struct lk_allocator half;
	struct lk_config cfg = LK_CONFIG_INIT;

	test_heap_init(&heap);
	test_world_init(&world);
	half = (struct lk_allocator){ .alloc = heap.allocator.alloc };
	cfg.allocator = &half;
	refused(NULL, &cfg, LK_E_INVAL, "allocator");
	half = (struct lk_allocator){ .free = heap.allocator.free };
	refused(NULL, &cfg, LK_E_INVAL, "allocator");
	cfg.allocator = NULL;
	cfg.environment = &part;
	for (int i = 0; i < 4; i++) {
		part = world.environment;
		if (i == 0)
			part.now = NULL;
		else if (i == 1)
			part.wait = NULL;
		else if (i == 2)
			part.wake = NULL;
		else
			part.random = NULL;
		refused(NULL, &cfg, LK_E_INVAL, "environment");
	}
}

Test(config, a_report_never_leaves_its_buffer)
{
	for (size_t cap = 0; cap <= 40; cap++) {
		struct lk_config cfg = { .size = sizeof(cfg), .report_cap = cap };
		struct lk_manager *m = NULL;
		char report[64];

		memset(report, 'r', sizeof(report));
		cfg.report = report;
		is(lk_open("memory:?nonsense=1", &cfg, &m), LK_E_INVAL);
		for (size_t i = cap; i < sizeof(report); i++)
			cr_assert_eq(report[i], 'r');
		if (cap > 0)
			cr_expect_not_null(memchr(report, '\0', cap));
		cfg.report = NULL;
		is(lk_open("memory:?nonsense=1", &cfg, &m), LK_E_INVAL);
	}
}

Test(config, says_why_whatever_it_was)
{
	NEWER(struct lk_config) newer = { .known.size = sizeof(newer), .unknown = { 1 } };
	struct lk_config cfg = LK_CONFIG_INIT;
	struct test_heap heap;

	refused(NULL, &newer.known, LK_E_VERSION, " ");
	test_heap_init(&heap);
	test_heap_fail(&heap, 1, true);
	cfg.allocator = &heap.allocator;
	refused(NULL, &cfg, LK_E_NOMEM, " ");
}

Test(config, is_copied)
{
	char url[] = "memory:?max_reentry=1";
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_manager *m;
	struct lk_owner *w;

	ok(lk_open(url, &cfg, &m));
	memset(url, 'x', sizeof(url) - 1);
	memset(&cfg, 0xff, sizeof(cfg));
	open_owners(m, &w, 1);
	take(w, "n", LK_S);
	is(lk_try_acquire(w, "n", LK_S, NULL), LK_E_LIMIT);
	close_all(m, &w, 1);
}
