/* SPDX-License-Identifier: MIT */
/* Settings read back, and changed while others lock. */
#include "support.h"

static void
value_is(struct lk_manager *m, const char *name, const char *value)
{
	char text[LK_CONFIG_TEXT_MAX];

	ok(lk_config_get(m, name, text, sizeof(text)));
	cr_expect_str_eq(text, value, "%s is %s, not %s", name, text, value);
}

static void
set(struct lk_manager *m, const char *name, const char *value)
{
	char why[200] = "old";
	int rc = lk_config_set(m, name, value, why, sizeof(why));

	cr_expect_eq(rc, 0, "%s = %s: %s", name, value, why);
	cr_expect_str_eq(why, "");
}

/* It is refused with `code`, in words that have `word` in them, and stays as it was. */
static void
refused(struct lk_manager *m, const char *name, const char *value, int code, const char *word)
{
	char why[200], before[LK_CONFIG_TEXT_MAX] = "", after[LK_CONFIG_TEXT_MAX] = "";
	int there = lk_config_get(m, name, before, sizeof(before));

	memset(why, 'w', sizeof(why));
	is(lk_config_set(m, name, value, why, sizeof(why)), code);
	cr_assert_not_null(memchr(why, '\0', sizeof(why)));
	cr_expect_not_null(strstr(why, word), "\"%s\" does not say %s", why, word);
	is(lk_config_get(m, name, after, sizeof(after)), there);
	cr_expect_str_eq(before, after);
}

/* ---------------------------------------------------------------------- read back */

Test(config_get, tells_what_a_url_would_take)
{
	static const struct {
		const char *given, *name, *value;
	} rows[] = {
		{ "", "max_idle", "4096" },
		{ "?max_idle=64k", "max_idle", "65536" },
		{ "?max_idle=off", "max_idle", "off" },
		{ "?timeout_ns=1500us", "timeout_ns", "1500000" },
		{ "?timeout_ns=2s", "timeout_ns", "2000000000" },
		{ "?timeout_ns=7ns", "timeout_ns", "7" },
		{ "?event_ring=1M", "event_ring", "1048576" },
		{ "?sample_every=1G", "sample_every", "1073741824" },
		{ "", "spin_ns", "0" },
		{ "", "victim", "requester" },
		{ "?victim=5", "victim", "most" },
		{ "", "events", "slow" },
		{ "?events=all", "events", "all" },
		{ "?events=busy+wait", "events", "wait+busy" },
		{ "?events=off", "events", "off" },
		{ "", "log_level", "off" },
		{ "?log_level=2", "log_level", "warn" },
		{ "", "separator", "/" },
		{ "?separator=off", "separator", "off" },
		{ "?separator=38", "separator", "38" },
		{ "?separator=35", "separator", "35" },
		{ "?separator=32", "separator", "32" },
		{ "?separator=200", "separator", "200" },
		{ "", "strict", "0" },
		{ "?strict=1", "strict", "1" },
		{ "?label=bank", "label", "bank" },
		{ "", "label", "" },
		{ "", "preset", "" },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		char url[128];
		struct lk_manager *m;

		snprintf(url, sizeof(url), "memory:%s", rows[i].given);
		m = open_manager(url);
		value_is(m, rows[i].name, rows[i].value);
		ok(lk_close(m));
		if (rows[i].value[0] == '\0')
			continue;
		/* And it is taken again, as it was told. */
		snprintf(url, sizeof(url), "memory:?%s=%s", rows[i].name, rows[i].value);
		m = open_manager(url);
		value_is(m, rows[i].name, rows[i].value);
		ok(lk_close(m));
	}
}

/* Every set of kinds has a text, which fits and is taken again. */
Test(config_get, has_room_for_all_kinds_of_events)
{
	for (uint32_t kinds = 1; kinds <= LK_EVENTS_ALL; kinds += 1 + kinds / 40) {
		struct lk_config cfg = { .size = sizeof(cfg), .events = kinds };
		char text[LK_CONFIG_TEXT_MAX], url[LK_CONFIG_TEXT_MAX + 32];
		struct lk_manager *m;

		ok(lk_open(NULL, &cfg, &m));
		ok(lk_config_get(m, "events", text, sizeof(text)));
		ok(lk_close(m));
		snprintf(url, sizeof(url), "memory:?events=%s", text);
		ok(lk_open(url, &cfg, &m)); /* the same, or they would contradict each other */
		ok(lk_close(m));
	}
}

Test(config_get, has_bounds)
{
	struct lk_manager *m = open_manager("memory:?max_idle=1234");
	char text[8];

	is(lk_config_get(m, "nonsense", text, sizeof(text)), LK_E_NOENT);
	is(lk_config_get(m, "", text, sizeof(text)), LK_E_NOENT);
	is(lk_config_get(m, "MAX_IDLE", text, sizeof(text)), LK_E_NOENT);
	is(lk_config_get(NULL, "max_idle", text, sizeof(text)), LK_E_INVAL);
	is(lk_config_get(m, NULL, text, sizeof(text)), LK_E_INVAL);
	is(lk_config_get(m, "max_idle", NULL, 3), LK_E_INVAL);
	is(lk_config_get(m, "max_idle", NULL, 0), LK_E_INVAL);
	for (size_t cap = 1; cap <= 4; cap++) {
		memset(text, 'x', sizeof(text));
		is(lk_config_get(m, "max_idle", text, cap), LK_E_INVAL);
		cr_expect_eq(text[0], '\0');
		cr_expect_eq(text[cap], 'x');
	}
	ok(lk_config_get(m, "max_idle", text, 5));
	cr_expect_str_eq(text, "1234");
	ok(lk_close(m));
}

struct seen {
	unsigned n;
	unsigned changeable;
	struct lk_manager *m;
};

static int
compare(void *arg, const struct lk_setting *s)
{
	struct seen *seen = arg;
	char text[LK_CONFIG_TEXT_MAX];

	cr_expect_ge(s->size, sizeof(*s));
	ok(lk_config_get(seen->m, s->name, text, sizeof(text)));
	cr_expect_str_eq(text, s->value);
	seen->n++;
	seen->changeable += s->may_change;
	return 0;
}

static int
stop_at_third(void *arg, const struct lk_setting *s)
{
	(void)s;
	return ++*(int *)arg == 3 ? 42 : 0;
}

Test(config_each, tells_all)
{
	struct lk_manager *m = open_manager("memory:?label=x&preset=diagnose");
	struct seen seen = { .m = m };
	unsigned rows = 0;
	int n = 0;

#define COUNT(field, standard, lowest, highest, off) rows++;
	LK_SETTING_LIST(COUNT)
#undef COUNT
	ok(lk_config_each(m, compare, &seen));
	cr_expect_eq(seen.n, rows + 6);
	cr_expect_eq(seen.changeable, 17);
	is(lk_config_each(m, stop_at_third, &n), 42);
	cr_expect_eq(n, 3);
	is(lk_config_each(NULL, stop_at_third, &n), LK_E_INVAL);
	is(lk_config_each(m, NULL, &n), LK_E_INVAL);
	ok(lk_close(m));
}

/* --------------------------------------------------------------------------- change */

static int
is_set(void *arg, const struct lk_setting *s)
{
	if (s->from == LK_FROM_SET) {
		cr_expect_str_eq(s->name, "max_idle");
		++*(int *)arg;
	}
	return 0;
}

Test(config_set, says_from_where_it_is)
{
	struct lk_manager *m = open_manager(NULL);
	int n = 0;

	set(m, "max_idle", "3");
	ok(lk_config_each(m, is_set, &n));
	cr_expect_eq(n, 1);
	ok(lk_close(m));
}

Test(config_set, refuses_what_lk_open_refuses)
{
	struct lk_manager *m = open_manager(NULL), *strict = open_manager("memory:?strict=1");

	refused(m, "nonsense", "1", LK_E_NOENT, "nonsense");
	refused(m, "max_idle", "nonsense", LK_E_INVAL, "max_idle");
	refused(m, "max_idle", "", LK_E_INVAL, "max_idle");
	refused(m, "max_idle", "5G", LK_E_INVAL, "between");
	refused(m, "fair_after_ns", "999", LK_E_INVAL, "between 1000");
	refused(m, "fair_after_ns", "off", LK_E_INVAL, "fair_after_ns");
	refused(m, "spin_ns", "1", LK_E_INVAL, "spin_ns");
	refused(m, "victim", "6", LK_E_INVAL, "victim");
	refused(m, "separator", "a", LK_E_INVAL, "separator");
	refused(m, "strict", "2", LK_E_INVAL, "strict");
	refused(m, "preset", "nonsense", LK_E_INVAL, "nonsense");
	refused(strict, "fair_after_ns", "5ms", LK_E_UNSUPPORTED, "strict");
	is(lk_config_set(NULL, "max_idle", "1", NULL, 0), LK_E_INVAL);
	is(lk_config_set(m, NULL, "1", NULL, 0), LK_E_INVAL);
	is(lk_config_set(m, "max_idle", NULL, NULL, 0), LK_E_INVAL);
	is(lk_config_set(m, "max_idle", "1", NULL, 5), LK_E_INVAL);
	ok(lk_config_set(m, "max_idle", "1", NULL, 0));
	ok(lk_close(m));
	ok(lk_close(strict));
}

Test(config_set, refuses_what_the_manager_was_built_with)
{
	static const char *const fixed[][2] = {
		{ "separator", "." },     { "index_buckets", "128" }, { "lot_buckets", "512" },
		{ "event_ring", "2000" }, { "sample_every", "off" },  { "strict", "1" },
		{ "timed", "1" },         { "debug_order", "1" },     { "label", "other" },
		{ "preset", "strict" },   { "reserve", "1000" },
	};
	struct lk_manager *m = open_manager(NULL);

	for (size_t i = 0; i < countof(fixed); i++) {
		refused(m, fixed[i][0], fixed[i][1], LK_E_UNSUPPORTED, fixed[i][0]);
		refused(m, fixed[i][0], fixed[i][1], LK_E_UNSUPPORTED, "cannot be changed");
	}
	refused(m, "victim", "youngest", LK_E_UNSUPPORTED, "victim");
	refused(m, "victim", "oldest", LK_E_UNSUPPORTED, "opened");
	refused(m, "events", "all", LK_E_UNSUPPORTED, "events");
	refused(m, "events", "release", LK_E_UNSUPPORTED, "events");
	ok(lk_close(m));
	m = open_manager("memory:?deadlock_delay_ns=off&events=all&victim=oldest");
	refused(m, "deadlock_delay_ns", "1ms", LK_E_UNSUPPORTED, "off");
	refused(m, "events", "slow", LK_E_UNSUPPORTED, "events");
	refused(m, "events", "off", LK_E_UNSUPPORTED, "events");
	set(m, "victim", "youngest");
	set(m, "victim", "most");
	ok(lk_close(m));
}

/* What others have elsewhere stands in the word, and so must all that is held here. */
Test(config_set, names_of_a_store_are_not_spread)
{
	struct lk_manager *m = open_manager("test:spread");

	refused(m, "spread_after", "1", LK_E_UNSUPPORTED, "store");
	refused(m, "spread_after", "off", LK_E_UNSUPPORTED, "store");
	ok(lk_close(m));
}

Test(config_set, a_reason_never_leaves_its_buffer)
{
	struct lk_manager *m = open_manager(NULL);

	for (size_t cap = 0; cap <= 40; cap++) {
		char why[48];

		memset(why, 'w', sizeof(why));
		is(lk_config_set(m, "separator", ".", why, cap), LK_E_UNSUPPORTED);
		for (size_t i = cap; i < sizeof(why); i++)
			cr_assert_eq(why[i], 'w');
		if (cap > 0)
			cr_expect_not_null(memchr(why, '\0', cap));
	}
	ok(lk_close(m));
}

/* -------------------------------------------------------------------- what it changes */

Test(config_set, max_idle)
{
	struct lk_manager *m = open_manager("memory:?max_idle=off");
	struct lk_stats stats = { .size = sizeof(stats) };
	struct lk_owner *w;
	char name[16];

	open_owners(m, &w, 1);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 500; i++) {
			lk_grant g;

			snprintf(name, sizeof(name), "%d-%d", round, i);
			ok(lk_acquire(w, name, LK_X, NULL, &g));
			ok(lk_release(w, g));
		}
		ok(lk_stats(m, &stats));
		if (round == 0) {
			cr_expect_eq(stats.evicted, 0);
			set(m, "max_idle", "1");
		}
	}
	cr_expect_gt(stats.evicted, 0);
	cr_expect_lt(stats.names, 500);
	close_all(m, &w, 1);
}

Test(config_set, max_reentry)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	take(w, "n", LK_S);
	take(w, "n", LK_S);
	set(m, "max_reentry", "2");
	is(lk_try_acquire(w, "n", LK_S, NULL), LK_E_LIMIT);
	set(m, "max_reentry", "off");
	take(w, "n", LK_S);
	close_all(m, &w, 1);
}

Test(config_set, timeout_ns)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	take(w[0], "n", LK_X);
	set(m, "timeout_ns", "1ns");
	is(lk_acquire(w[1], "n", LK_S, NULL, NULL), LK_E_TIMEDOUT);
	set(m, "timeout_ns", "0");
	value_is(m, "timeout_ns", "off");
	close_all(m, w, 2);
}

/* A waiter, and time that only we move. */
Test(config_set, fair_after_ns)
{
	struct test_world world;
	struct lk_manager *m;
	struct lk_owner *w[2];
	struct asker a;

	test_world_init(&world);
	world.manual = true;
	m = open_with("memory:?spin_ns=off&fair_after_ns=3600s&deadlock_delay_ns=off", NULL,
		      &world);
	open_owners(m, w, 2);
	take(w[0], "n", LK_X);
	set(m, "fair_after_ns", "1us");
	ask(m, &a, w[1], "n", LK_X);
	test_world_advance(&world, 2000);
	wait_until(stats_of(m).closings > 0);
	ok(lk_release_all(w[0]));
	granted(&a);
	close_all(m, w, 2);
}

/* Two that wait for each other, and nobody who looks, until that is changed for those who wait later. */
Test(config_set, deadlock_delay_ns)
{
	struct lk_manager *m = open_manager("memory:?victim=most");
	struct lk_owner *w[2];
	struct asker a;

	set(m, "deadlock_delay_ns", "off");
	set(m, "timeout_ns", "20ms");
	open_owners(m, w, 2);
	take(w[0], "a", LK_X);
	take(w[1], "b", LK_X);
	set(m, "timeout_ns", "off");
	ask(m, &a, w[0], "b", LK_X);
	set(m, "timeout_ns", "20ms");
	is(lk_acquire(w[1], "a", LK_X, NULL, NULL), LK_E_TIMEDOUT);
	set(m, "timeout_ns", "off");
	set(m, "deadlock_delay_ns", "1us");
	set(m, "victim", "requester");
	is(lk_acquire(w[1], "a", LK_X, NULL, NULL), LK_E_DEADLOCK);
	ok(lk_release_all(w[1]));
	granted(&a);
	close_all(m, w, 2);
}

static int
count(void *arg, const struct lk_event *e)
{
	(void)e;
	++*(int *)arg;
	return 0;
}

static int
busy_events(struct lk_manager *m)
{
	struct lk_event_filter f = { .size = sizeof(f), .kinds = LK_EVENT_BUSY };
	int n = 0;

	ok(lk_event_each(m, &f, count, &n));
	return n;
}

Test(config_set, events)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	take(w[0], "n", LK_X);
	is(lk_try_acquire(w[1], "n", LK_S, NULL), LK_E_BUSY);
	cr_expect_eq(busy_events(m), 0);
	set(m, "events", "slow+busy");
	is(lk_try_acquire(w[1], "n", LK_S, NULL), LK_E_BUSY);
	cr_expect_eq(busy_events(m), 1);
	set(m, "events", "off");
	is(lk_try_acquire(w[1], "n", LK_S, NULL), LK_E_BUSY);
	cr_expect_eq(busy_events(m), 1);
	close_all(m, w, 2);
}

static void
count_lines(void *arg, enum lk_log_level level, const char *line)
{
	cr_expect_le((int)level, (int)LK_LOG_WARN);
	cr_expect_gt(strlen(line), 0);
	++*(int *)arg;
}

Test(config_set, log_level)
{
	int lines = 0;
	struct lk_config cfg = { .size = sizeof(cfg), .on_log = count_lines, .on_log_arg = &lines };
	struct lk_options o = { .size = sizeof(o), .timeout_ns = 1 };
	struct lk_manager *m;
	struct lk_owner *w[2];

	ok(lk_open(NULL, &cfg, &m));
	open_owners(m, w, 2);
	take(w[0], "n", LK_X);
	is(lk_acquire(w[1], "n", LK_S, &o, NULL), LK_E_TIMEDOUT);
	cr_expect_eq(lines, 0);
	set(m, "log_level", "warn");
	is(lk_acquire(w[1], "n", LK_S, &o, NULL), LK_E_TIMEDOUT);
	cr_expect_eq(lines, 1);
	set(m, "log_level", "off");
	is(lk_acquire(w[1], "n", LK_S, &o, NULL), LK_E_TIMEDOUT);
	cr_expect_eq(lines, 1);
	close_all(m, w, 2);
}

/* ------------------------------------------------------------------------ at any time */

struct busy {
	struct lk_manager *m;
	_Atomic bool stop;
	_Atomic unsigned rounds;
};

static void
lock_and_unlock(void *arg, unsigned index)
{
	struct busy *b = arg;
	struct lk_owner *w;

	must(lk_owner_open(b->m, NULL, &w) == 0);
	while (!b->stop) {
		lk_grant g;
		char name[16];
		int rc;

		snprintf(name, sizeof(name), "a/%u", b->rounds++ % 50);
		rc = lk_acquire(w, index == 0 ? "a" : name, index == 0 ? LK_S : LK_X, NULL, &g);
		must(rc == 0 || rc == LK_E_TIMEDOUT || rc == LK_E_DEADLOCK);
		if (rc == 0)
			must(lk_release(w, g) == 0);
	}
	must(lk_owner_close(w) == 0);
}

/* The thread sanitizer looks on. */
Test(config_set, while_others_lock)
{
	static const char *const changes[][2] = {
		{ "max_idle", "3" },      { "max_reentry", "5" },
		{ "timeout_ns", "1us" },  { "fair_after_ns", "1us" },
		{ "spin_ns", "off" },     { "deadlock_delay_ns", "1us" },
		{ "victim", "most" },     { "events", "grant+busy" },
		{ "log_level", "debug" }, { "spread_after", "1" },
		{ "max_idle", "0" },      { "max_reentry", "off" },
		{ "timeout_ns", "0" },    { "fair_after_ns", "0" },
		{ "spin_ns", "1us" },     { "spread_after", "off" },
		{ "events", "slow" },     { "log_level", "off" },
		{ "victim", "fewest" },   { "deadlock_delay_ns", "off" },
	};
	struct busy b = { .m = open_manager(NULL) };
	struct test_thread t[3];

	test_spawn(t, 3, lock_and_unlock, &b);
	for (unsigned round = 0; round < 20; round++) {
		for (size_t i = 0; i < countof(changes); i++)
			set(b.m, changes[i][0], changes[i][1]);
		const unsigned seen = b.rounds;
		wait_until(b.rounds > seen + 10);
	}
	b.stop = true;
	test_join(t, 3);
	ok(lk_close(b.m));
}
