/* SPDX-License-Identifier: MIT */
/* The reports: OpenMetrics text by a strict reader, the performance report as text and as JSON. */
#include <inttypes.h>
#include <locale.h>

#include "exposition.h"
#include "support.h"

/* What was written, as a string. */
struct paper {
	char *text;
	size_t len;
	size_t limit;   /* 0: none; else writing fails beyond it */
	unsigned calls; /* after it failed, too */
};

static int
write_paper(void *arg, const char *text, size_t len)
{
	struct paper *p = arg;

	p->calls++;
	if (p->limit != 0 && p->len + len > p->limit)
		return 77;
	p->text = realloc(p->text, p->len + len + 1);
	memcpy(p->text + p->len, text, len);
	p->len += len;
	p->text[p->len] = '\0';
	return 0;
}

static void
throw_away(struct paper *p)
{
	free(p->text);
	*p = (struct paper){ 0 };
}

static struct paper
metrics_of(struct lk_manager *m)
{
	struct paper p = { 0 };

	ok(lk_metrics(m, write_paper, &p));
	return p;
}

static bool
says(const struct paper *p, const char *line)
{
	return strstr(p->text, line) != NULL;
}

#define expect_says(p, line) cr_expect(says(p, line), "it does not say: %s", line)

struct scene {
	struct test_world world;
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w[2];
	struct asker a;
};

static void
scene_open(struct scene *s, const char *url)
{
	test_heap_init(&s->heap);
	test_world_init(&s->world);
	s->world.manual = true;
	s->m = open_with(url, &s->heap, &s->world);
	open_owners(s->m, s->w, countof(s->w));
}

static void
scene_close(struct scene *s)
{
	close_all(s->m, s->w, countof(s->w));
	cr_expect_eq(atomic_load(&s->heap.blocks), 0);
}

static void
hold(struct scene *s, const void *name, size_t len, uint64_t ns)
{
	lk_grant g;

	ok(lk_acquire_bytes(s->w[0], name, len, LK_X, NULL, &g));
	test_world_advance(&s->world, ns);
	ok(lk_release(s->w[0], g));
}

/* -------------------------------------------------------------- OpenMetrics */

Test(reports, the_reader_finds_what_is_wrong)
{
#define HEAD "# TYPE a counter\n# HELP a b\n"
#define HIST "# TYPE h histogram\n# HELP h b\n"
	static const char *const bad[] = {
		"",
		"# EOF",
		"\n# EOF\n",
		"a_total 1\n# EOF\n",
		HEAD "a_total 1\n",
		HEAD "a 1\n# EOF\n",
		HEAD "a_total 1\na_total 2\n# EOF\n",
		HEAD "a_total{x=\"1\",x=\"2\"} 1\n# EOF\n",
		HEAD "a_total{x=\"\\x\"} 1\n# EOF\n",
		HEAD "a_total{x=\"\xff\"} 1\n# EOF\n",
		HEAD "a_total{x=\"1\"}1\n# EOF\n",
		HEAD "a_total -1\n# EOF\n",
		HEAD "a_total 1,5\n# EOF\n",
		HEAD "b_total 1\n# EOF\n",
		HEAD "# TYPE b gauge\n# HELP b b\nb 1\na_total 1\n# EOF\n",
		HEAD "a_total 1\n# EOF\n\n",
		HEAD "a_total 1\n# TYPE b gauge\n# TYPE a counter\n# EOF\n",
		"# TYPE a gauge\n# UNIT a seconds\n# HELP a b\na 1\n# EOF\n",
		HIST "h_bucket{x=\"1\",le=\"1\"} 1\nh_count{x=\"1\"} 1\nh_sum{x=\"1\"} 1\n# EOF\n",
		HIST
		"h_bucket{x=\"1\",le=\"1\"} 2\nh_bucket{x=\"1\",le=\"+Inf\"} 1\nh_count{x=\"1\"} "
		"1\nh_sum{x=\"1\"} 1\n# EOF\n",
		HIST "h_bucket{x=\"1\",le=\"2\"} 1\nh_bucket{x=\"1\",le=\"1\"} 1\n# EOF\n",
		HIST
		"h_bucket{x=\"1\",le=\"+Inf\"} 1\nh_count{x=\"1\"} 2\nh_sum{x=\"1\"} 1\n# EOF\n",
		HIST "h_bucket{x=\"1\",le=\"+Inf\"} 1\nh_count{x=\"1\"} 1\n# EOF\n",
	};
	static const char good[] =
		HEAD "a_total{x=\"\\\\\\\"\\n\"} 1\na_total 1.5\n" HIST
		     "h_bucket{x=\"1\",le=\"0.5\"} 1\nh_bucket{x=\"1\",le=\"+Inf\"} 2\n"
		     "h_count{x=\"1\"} 2\nh_sum{x=\"1\"} 1\n# EOF\n";

	for (size_t i = 0; i < countof(bad); i++)
		cr_expect_not_null(exposition_fault(bad[i], strlen(bad[i]), NULL, NULL), "%s",
				   bad[i]);
	cr_expect_null(exposition_fault(good, strlen(good), NULL, NULL));
}

static void
expect_well_formed(const struct paper *p)
{
	const char *fault = exposition_fault(p->text, p->len, NULL, NULL);

	cr_expect_null(fault, "%s", fault != NULL ? fault : "");
}

Test(reports, metrics_of_a_new_manager)
{
	struct lk_manager *m = open_manager(NULL);
	struct paper p = metrics_of(m);

	expect_well_formed(&p);
	expect_says(&p, "\nlatchkey_build_info{version=\"0.1.0\"} 1\n");
	expect_says(&p, "\nlatchkey_grants_total 0\n");
	expect_says(&p, "\nlatchkey_hold_seconds_count{mode=\"SIX\"} 0\n");
	throw_away(&p);
	ok(lk_close(m));
}

/* Every number of lk_stats(), and every histogram, is there as it is. */
Test(reports, metrics_say_what_was_counted)
{
	struct paper p;
	struct scene s;
	lk_grant g;

	scene_open(&s, "memory:?timed=1&spin_ns=off");
	hold(&s, "n", 1, 1000);
	hold(&s, "n", 1, 1500000000);
	g = take(s.w[0], "db/t", LK_S);
	ask(s.m, &s.a, s.w[1], "db", LK_X);
	is(lk_try_acquire(s.w[0], "other", (lk_mode)9, NULL), LK_E_INVAL);
	test_world_advance(&s.world, 64);
	ok(lk_release(s.w[0], g));
	ok(answer(&s.a));
	is(lk_try_acquire(s.w[0], "db", LK_S, NULL), LK_E_BUSY);
	p = metrics_of(s.m);
	expect_well_formed(&p);
	expect_says(&p, "\nlatchkey_grants_total 4\n");
	expect_says(&p, "\nlatchkey_intents_total 1\n");
	expect_says(&p, "\nlatchkey_busy_total 1\n");
	expect_says(&p, "\nlatchkey_waits_total 1\n");
	expect_says(&p, "\nlatchkey_owners 2\n");
	expect_says(&p, "\nlatchkey_holds 1\n");
	expect_says(&p, "\nlatchkey_uptime_seconds 1.500001064\n");
	expect_says(
		&p,
		"\n# HELP latchkey_spun requests that found somebody in the way and were granted "
		"without joining the line\n");
	expect_says(&p, "\nlatchkey_mode_grants_total{mode=\"X\"} 3\n");
	expect_says(&p, "\nlatchkey_hold_seconds_bucket{mode=\"X\",le=\"0.000000511\"} 0\n");
	expect_says(&p, "\nlatchkey_hold_seconds_bucket{mode=\"X\",le=\"0.000001023\"} 1\n");
	expect_says(&p, "\nlatchkey_hold_seconds_bucket{mode=\"X\",le=\"1.073741823\"} 1\n");
	expect_says(&p, "\nlatchkey_hold_seconds_bucket{mode=\"X\",le=\"+Inf\"} 2\n");
	expect_says(&p, "\nlatchkey_hold_seconds_sum{mode=\"X\"} 1.500001\n");
	expect_says(&p, "\nlatchkey_hold_seconds_count{mode=\"S\"} 1\n");
	expect_says(&p,
		    "\nlatchkey_wait_seconds_bucket{outcome=\"granted\",le=\"0.000000063\"} 0\n");
	expect_says(&p,
		    "\nlatchkey_wait_seconds_bucket{outcome=\"granted\",le=\"0.000000127\"} 1\n");
	expect_says(&p, "\nlatchkey_wait_seconds_sum{outcome=\"granted\"} 0.000000064\n");
	expect_says(&p, "\nlatchkey_name_waits_total{name=\"db\"} 1\n");
	expect_says(&p, "\nlatchkey_name_grants_total{name=\"n\"} 2\n");
	expect_says(&p, "\nlatchkey_name_hold_seconds{name=\"n\"} 1.500001\n");
	throw_away(&p);
	scene_close(&s);
}

/* Any bytes are a name, and different names are different series. */
Test(reports, names_of_any_bytes_are_labels)
{
	static const struct {
		const char *name;
		size_t len;
		const char *label;
	} rows[] = {
		{ "plain", 5, "name=\"plain\"" },
		{ "\"q\"", 3, "name=\"\\\"q\\\"\"" },
		{ "a\\b", 3, "name=\"a\\\\x5cb\"" },
		{ "a\nb", 3, "name=\"a\\\\x0ab\"" },
		{ "nul\0", 4, "name=\"nul\\\\x00\"" },
		{ "\xff", 1, "name=\"\\\\xff\"" },
		{ "\\xff", 4, "name=\"\\\\x5cxff\"" },
		{ "\xc3\xbf", 2, "name=\"\xc3\xbf\"" },
		{ "\xc3", 1, "name=\"\\\\xc3\"" },
		{ "\xed\xa0\x80", 3, "name=\"\\\\xed\\\\xa0\\\\x80\"" },
		{ "}", 1, "name=\"}\"" },
	};
	char longer[2][100];
	struct paper p;
	struct scene s;
	lk_grant g;

	scene_open(&s, "memory:?timed=1");
	for (size_t i = 0; i < countof(rows); i++)
		hold(&s, rows[i].name, rows[i].len, 1);
	for (int i = 0; i < 2; i++) {
		memset(longer[i], 'x', sizeof(longer[i]));
		longer[i][99] = (char)('0' + i);
		hold(&s, longer[i], sizeof(longer[i]), 1);
	}
	ok(lk_acquire_id(s.w[0], 5, LK_S, NULL, &g));
	ok(lk_release(s.w[0], g));
	hold(&s, "5", 1, 1);
	p = metrics_of(s.m);
	expect_well_formed(&p);
	for (size_t i = 0; i < countof(rows); i++)
		expect_says(&p, rows[i].label);
	expect_says(&p, "{id=\"5\"}");
	expect_says(&p, "{name=\"5\"}");
	expect_says(&p, "xxx\",hash=\"");
	throw_away(&p);
	scene_close(&s);
}

Test(reports, a_manager_s_label_is_on_every_series)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_manager *m;
	struct paper p;
	const char *at;

	cfg.label = "a \"b\" and more than the thirty-one bytes that are kept";
	ok(lk_open("memory:?timed=1", &cfg, &m));
	p = metrics_of(m);
	expect_well_formed(&p);
	for (at = p.text; at != NULL && at[1] != '\0'; at = strchr(at + 1, '\n')) {
		if (strncmp(at, "\nlatchkey_", 10) == 0)
			cr_assert(strstr(at, "{manager=\"a \\\"b\\\" and more than the thirty-") ==
					  strchr(at, '{'),
				  "%.80s", at);
	}
	throw_away(&p);
	ok(lk_performance(m, LK_TEXT, write_paper, &p));
	expect_says(&p, "Latchkey 0.1.0, a \"b\" and more than the thirty-: open for");
	throw_away(&p);
	ok(lk_performance(m, LK_JSON, write_paper, &p));
	expect_says(&p, "\"label\":\"a \\\"b\\\" and more than the thirty-\"");
	throw_away(&p);
	ok(lk_close(m));
}

Test(reports, a_label_by_url_and_by_structure_must_agree)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	char report[100];
	struct lk_manager *m;
	struct paper p;

	cfg.label = "bank";
	cfg.report = report;
	cfg.report_cap = sizeof(report);
	is(lk_open("memory:?label=other", &cfg, &m), LK_E_INVAL);
	cr_expect_str_eq(report, "label: 'other' in the URL contradicts 'bank'");
	ok(lk_open("memory:?label=bank", &cfg, &m));
	p = metrics_of(m);
	expect_says(&p, "\nlatchkey_owners{manager=\"bank\"} 0\n");
	throw_away(&p);
	ok(lk_close(m));
	m = open_manager("memory:?label=x=y z");
	p = metrics_of(m);
	expect_says(&p, "\nlatchkey_owners{manager=\"x=y z\"} 0\n");
	throw_away(&p);
	ok(lk_close(m));
}

/* A decimal point, wherever the host thinks it is. */
Test(reports, numbers_do_not_depend_on_the_locale)
{
	static const char *const locales[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE",
					       "nl_NL.UTF-8" };
	struct paper p = { 0 };
	struct scene s;

	for (size_t i = 0; i < countof(locales); i++) {
		if (setlocale(LC_ALL, locales[i]) != NULL)
			break; /* else there is none, and this shows less */
	}
	scene_open(&s, "memory:?timed=1");
	hold(&s, "n", 1, 1500000000);
	p = metrics_of(s.m);
	expect_well_formed(&p);
	expect_says(&p, "\nlatchkey_uptime_seconds 1.5\n");
	throw_away(&p);
	ok(lk_performance(s.m, LK_TEXT, write_paper, &p));
	expect_says(&p, "open for 1.50 s\n");
	throw_away(&p);
	scene_close(&s);
}

/* ----------------------------------------------------- counters only grow */

enum { WORKERS = 3, KNOWN = 4096 };

struct watch {
	struct lk_manager *m;
	atomic_bool stop;
	unsigned n;
	char *series[KNOWN];
	double value[KNOWN];
	uint64_t went_back;
};

static void
watch_sample(void *arg, const struct exposed *x)
{
	struct watch *w = arg;
	unsigned i = 0;

	if (!x->only_grows)
		return;
	while (i < w->n && strcmp(w->series[i], x->series) != 0)
		i++;
	if (i == w->n) {
		if (w->n == KNOWN)
			return;
		w->series[w->n++] = strdup(x->series);
	} else if (x->value < w->value[i]) {
		w->went_back++;
		fprintf(stderr, "%s went from %f to %f\n", x->series, w->value[i], x->value);
	}
	w->value[i] = x->value;
}

/* Rows, tables, conversions, refusals and waits, of owners that come and go. */
static void
work(void *arg, unsigned index)
{
	const struct lk_options soon = { .size = sizeof(soon), .timeout_ns = 20000 };
	struct watch *watch = arg;
	uint64_t state = index;

	while (!atomic_load(&watch->stop)) {
		struct lk_owner *w;
		char row[32];
		lk_grant g;

		must(lk_owner_open(watch->m, NULL, &w) == 0);
		for (int i = 0; i < 4; i++) {
			const uint64_t x = test_random(&state);

			snprintf(row, sizeof(row), "db/t%d/%d", (int)(x % 3), (int)(x / 3 % 100));
			if (lk_acquire(w, row, x % 5 != 0 ? LK_S : LK_X, &soon, &g) == 0 && i == 2)
				(void)!lk_convert(w, g, LK_X, &soon);
		}
		must(lk_owner_close(w) == 0);
	}
}

Test(reports, counters_never_go_back, .timeout = 120)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	struct test_thread threads[WORKERS];
	struct lk_stats before = { 0 };
	unsigned rounds = 0;

	watch->m = open_manager("memory:?sample_every=3&spread_after=1");
	test_spawn(threads, WORKERS, work, watch);
	while (rounds < 60 || stats_of(watch->m).waits < 20) {
		struct paper p = metrics_of(watch->m);
		const char *fault = exposition_fault(p.text, p.len, watch_sample, watch);

		cr_expect_null(fault, "%s", fault != NULL ? fault : "");
		for (int i = 0; i < 200; i++) {
			struct lk_stats s = stats_of(watch->m);

			cr_assert_ge(s.grants, before.grants);
			before = s;
		}
		throw_away(&p);
		if (fault != NULL || ++rounds == 100000)
			break;
	}
	atomic_store(&watch->stop, true);
	test_join(threads, WORKERS);
	cr_expect_eq(watch->went_back, 0);
	cr_expect_gt(watch->n, 400);
	/* All is quiet: what was some too low has come right. */
	cr_expect_eq(stats_of(watch->m).holds, 0);
	cr_expect_ge(stats_of(watch->m).grants, before.grants);
	for (unsigned i = 0; i < watch->n; i++)
		free(watch->series[i]);
	ok(lk_close(watch->m));
	free(watch);
}

/* -------------------------------------------------------------- performance */

/* Is it one JSON value?  Returns what is after it, or NULL. */
static const char *
json_value(const char *p, int depth)
{
	if (depth > 10)
		return NULL;
	if (*p == '"') {
		for (p++; *p != '"'; p++) {
			if ((unsigned char)*p < 0x20)
				return NULL;
			if (*p == '\\' && strchr("\"\\/bfnrtu", *++p) == NULL)
				return NULL;
		}
		return p + 1;
	}
	if (*p == '{' || *p == '[') {
		const char close = *p == '{' ? '}' : ']';

		if (*++p == close)
			return p + 1;
		for (;; p++) {
			if (close == '}' &&
			    (*p != '"' || (p = json_value(p, depth + 1)) == NULL || *p++ != ':'))
				return NULL;
			p = json_value(p, depth + 1);
			if (p == NULL || (*p != ',' && *p != close))
				return NULL;
			if (*p == close)
				return p + 1;
		}
	}
	if (strncmp(p, "true", 4) == 0 || strncmp(p, "null", 4) == 0)
		return p + 4;
	if (strncmp(p, "false", 5) == 0)
		return p + 5;
	if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9'))
		return NULL;
	p += strspn(p, "0123456789");
	if (*p == '.')
		p += 1 + strspn(p + 1, "0123456789");
	return p;
}

static void
expect_json(const struct paper *p)
{
	const char *end = json_value(p->text, 0);

	cr_assert_not_null(end);
	cr_expect_str_eq(end, "\n");
}

/* A manager of which something can be told. */
static void
make_history(struct scene *s)
{
	lk_grant g;

	for (int i = 0; i < 99; i++)
		hold(s, "n", 1, 1000);
	hold(s, "n", 1, 5000000);
	g = take(s->w[0], "m", LK_S);
	ask(s->m, &s->a, s->w[1], "m", LK_X);
	test_world_advance(&s->world, 2000000);
	ok(lk_release(s->w[0], g));
	ok(answer(&s->a));
	for (int i = 0; i < 3; i++)
		is(lk_try_acquire(s->w[0], "m", LK_S, NULL), LK_E_BUSY);
	test_world_advance(&s->world, 1000000000 - 99000 - 5000000 - 2000000);
}

Test(reports, performance_for_people)
{
	struct paper p = { 0 };
	struct scene s;

	scene_open(&s, "memory:?timed=1&spin_ns=off&label=shop");
	make_history(&s);
	ok(lk_performance(s.m, LK_TEXT, write_paper, &p));
	expect_says(&p, "Latchkey 0.1.0, shop: open for 1.00 s\n");
	expect_says(&p, "  grants                              102  102.0 per second\n");
	expect_says(&p, "  refusals                              3  3.0 per second\n");
	expect_says(&p, "    LK_E_BUSY                           3\n");
	expect_says(&p, "  granted, of all requests 97.143 %\n");
	expect_says(&p, "  granted               1    2.00 ms    2.00 ms    2.00 ms    2.00 ms    "
			"2.00 ms    "
			"2.00 ms\n");
	expect_says(&p, "  X                   100    50.9 us    1.02 us    1.02 us    1.02 us    "
			"5.00 ms    "
			"5.00 ms\n");
	expect_says(&p, "  1                     1          0    2.00 ms    2.00 ms  m\n");
	expect_says(&p, "\nNow: 2 owners, 1 holds, 0 waiting, 0 handles, 2 names, ");
	cr_expect(!says(&p, "estimated"));
	throw_away(&p);
	scene_close(&s);
}

Test(reports, performance_for_programs)
{
	struct paper p = { 0 };
	struct scene s;

	scene_open(&s, "memory:?timed=1&spin_ns=off");
	make_history(&s);
	hold(&s, "\"\\\xff", 3, 1);
	ok(lk_performance(s.m, LK_JSON, write_paper, &p));
	expect_json(&p);
	expect_says(&p, "{\"latchkey\":\"0.1.0\",\"label\":\"\",\"uptime_ns\":1000000001,");
	expect_says(&p, "\"grants\":103,");
	expect_says(&p, "\"granted_percent\":97.170,");
	expect_says(&p, "\"LK_E_BUSY\":3,");
	expect_says(&p,
		    "\"granted\":{\"samples\":1,\"count\":1,\"mean_ns\":2000000,\"p50\":2000000,");
	expect_says(&p, "\"holds_are_exact\":true,");
	expect_says(&p, "\"p99\":1023,\"p999\":5000000,\"max_ns\":5000000}");
	expect_says(&p, "\"waited_for\":[{\"name\":\"m\",\"name_len\":1,\"count\":1,\"error\":0,"
			"\"total_ns\":2000000,\"max_ns\":2000000}]");
	expect_says(&p, "{\"name\":\"\\\"\\\\\\u00ff\",\"name_len\":3,\"count\":1,");
	throw_away(&p);
	scene_close(&s);
}

/* Of a manager that did nothing, and of one that samples nothing. */
Test(reports, performance_of_nothing)
{
	struct lk_manager *m = open_manager("memory:?sample_every=off");
	struct paper p = { 0 };

	ok(lk_performance(m, LK_TEXT, write_paper, &p));
	expect_says(&p, "  granted, of all requests 100.000 %\n");
	expect_says(&p, "  (estimated)\n");
	throw_away(&p);
	ok(lk_performance(m, LK_JSON, write_paper, &p));
	expect_json(&p);
	expect_says(&p, "\"sample_every\":null,");
	throw_away(&p);
	ok(lk_close(m));
}

/* ----------------------------------------------------------- what goes wrong */

Test(reports, say_what_the_writer_said)
{
	struct paper p = { 0 };
	struct scene s;

	scene_open(&s, "memory:?timed=1");
	hold(&s, "n", 1, 1);
	for (p.limit = 1; p.limit < 20000; p.limit += 2000) {
		is(lk_metrics(s.m, write_paper, &p), 77);
		cr_expect_le(p.calls, p.limit / 1024 + 1);
		p = (struct paper){ .text = (free(p.text), NULL), .limit = p.limit };
	}
	p.limit = 10;
	is(lk_performance(s.m, LK_TEXT, write_paper, &p), 77);
	is(lk_performance(s.m, LK_JSON, write_paper, &p), 77);
	cr_expect_eq(p.calls, 2);
	throw_away(&p);
	scene_close(&s);
}

Test(reports, need_memory)
{
	struct paper p = { 0 };
	struct scene s;

	scene_open(&s, NULL);
	test_heap_fail(&s.heap, 1, true);
	is(lk_metrics(s.m, write_paper, &p), LK_E_NOMEM);
	is(lk_performance(s.m, LK_TEXT, write_paper, &p), LK_E_NOMEM);
	is(lk_performance(s.m, LK_JSON, write_paper, &p), LK_E_NOMEM);
	cr_expect_eq(p.calls, 0);
	test_heap_fail(&s.heap, 0, false);
	scene_close(&s);
}

Test(reports, arguments_that_are_not_valid)
{
	struct lk_manager *m = open_manager(NULL);
	struct paper p = { 0 };

	is(lk_metrics(NULL, write_paper, &p), LK_E_INVAL);
	is(lk_metrics(m, NULL, &p), LK_E_INVAL);
	is(lk_performance(NULL, LK_TEXT, write_paper, &p), LK_E_INVAL);
	is(lk_performance(m, LK_TEXT, NULL, &p), LK_E_INVAL);
	is(lk_performance(m, (enum lk_format)0, write_paper, &p), LK_E_INVAL);
	is(lk_performance(m, (enum lk_format)4, write_paper, &p), LK_E_INVAL);
	is(lk_performance(m, LK_DOT, write_paper, &p), LK_E_UNSUPPORTED);
	cr_expect_eq(p.calls, 0);
	ok(lk_close(m));
}
