/* SPDX-License-Identifier: MIT */
/* What happened, in words: lk_history(), the log, and advice. */
#include "support.h"

struct text {
	size_t n;
	char bytes[8192];
	int rc;
};

static int
add(void *arg, const char *bytes, size_t len)
{
	struct text *t = arg;

	if (t->rc != 0)
		return t->rc;
	cr_assert_lt(t->n + len, sizeof(t->bytes));
	memcpy(t->bytes + t->n, bytes, len);
	t->n += len;
	t->bytes[t->n] = '\0';
	return 0;
}

static struct lk_manager *
open_at(struct test_world *world, uint64_t now, const char *url)
{
	test_world_init(world);
	world->manual = true;
	atomic_store(&world->time_ns, now);
	return open_with(url, NULL, world);
}

static struct lk_owner *
open_labelled(struct lk_manager *m, const char *label)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct lk_owner *w = NULL;

	o.label = label;
	ok(lk_owner_open(m, &o, &w));
	return w;
}

/* What a text says of its first owner: its number is no promise. */
static unsigned long long
first_owner(struct lk_manager *m)
{
	struct text t = { 0 };
	unsigned long long id = 0;
	char *at;

	ok(lk_history(m, NULL, LK_TEXT, add, &t));
	at = strstr(t.bytes, "owner ");
	cr_assert_not_null(at);
	cr_assert_eq(sscanf(at, "owner %llu", &id), 1);
	return id;
}

Test(history, as_text)
{
	struct text t = { 0 };
	struct test_world world;
	struct lk_manager *m = open_at(&world, 5000000007, "memory:?events=acquired+busy+release");
	struct lk_owner *w = open_labelled(m, "loa\nder");
	struct lk_owner *other;
	char expected[1024];
	unsigned long long id;
	lk_grant g;

	open_owners(m, &other, 1);
	ok(lk_acquire_bytes(w, "a\\\x01z", 4, LK_S, NULL, &g));
	is(lk_try_acquire(other, "a\\\x01z", LK_X, NULL), LK_E_BUSY);
	test_world_advance(&world, 1234567);
	ok(lk_release(w, g));
	ok(lk_acquire_id(w, 42, LK_IS, NULL, NULL));
	id = first_owner(m);
	ok(lk_history(m, NULL, LK_TEXT, add, &t));
	snprintf(expected, sizeof(expected),
		 "1  5.000000007  acquired a\\x5c\\x01z, S, owner %llu (loa\\x0ader)\n"
		 "2  5.000000007  busy a\\x5c\\x01z, X, LK_E_BUSY, owner %llu\n"
		 "3  5.001234574  release a\\x5c\\x01z, S, held 1.23 ms, owner %llu (loa\\x0ader)\n"
		 "4  5.001234574  acquired id 42, IS, owner %llu (loa\\x0ader)\n",
		 id, id + 1, id, id);
	cr_expect_str_eq(t.bytes, expected);
	ok(lk_owner_close(other));
	close_all(m, &w, 1);
}

Test(history, as_json)
{
	struct text t = { 0 };
	struct test_world world;
	struct lk_manager *m = open_at(&world, UINT64_C(1) << 60, "memory:?events=acquired+busy");
	struct lk_owner *w = open_labelled(m, "\"q\"");
	struct lk_owner *other;
	char expected[1024];
	unsigned long long id;
	unsigned long long at = 1ull << 60;
	lk_grant g[2];

	open_owners(m, &other, 1);
	ok(lk_acquire(w, "a\"\n", LK_S, NULL, &g[0]));
	is(lk_try_acquire(other, "a\"\n", LK_X, NULL), LK_E_BUSY);
	ok(lk_acquire_id(w, UINT64_MAX, LK_S, NULL, &g[1]));
	id = first_owner(m);
	ok(lk_history(m, NULL, LK_JSON, add, &t));
	snprintf(expected, sizeof(expected),
		 "[\n{\"kind\":\"acquired\",\"sequence\":1,\"at_ns\":\"%llu\",\"owner\":%llu,"
		 "\"label\":\"\\\"q\\\"\",\"name\":\"a\\\"\\u000a\",\"to\":\"S\",\"grant\":%llu},\n"
		 "{\"kind\":\"busy\",\"sequence\":2,\"at_ns\":\"%llu\",\"owner\":%llu,"
		 "\"name\":\"a\\\"\\u000a\",\"to\":\"X\",\"code\":\"LK_E_BUSY\"},\n"
		 "{\"kind\":\"acquired\",\"sequence\":3,\"at_ns\":\"%llu\",\"owner\":%llu,"
		 "\"label\":\"\\\"q\\\"\",\"id\":\"18446744073709551615\",\"to\":\"S\","
		 "\"grant\":%llu}\n]\n",
		 at, id, (unsigned long long)g[0], at, id + 1, at, id, (unsigned long long)g[1]);
	cr_expect_str_eq(t.bytes, expected);
	ok(lk_owner_close(other));
	close_all(m, &w, 1);
}

Test(history, of_nothing)
{
	struct lk_manager *m = open_manager(NULL);
	struct text t = { 0 };

	ok(lk_history(m, NULL, LK_TEXT, add, &t));
	cr_expect_str_eq(t.bytes, "");
	ok(lk_history(m, NULL, LK_JSON, add, &t));
	cr_expect_str_eq(t.bytes, "[\n]\n");
	ok(lk_close(m));
}

Test(history, through_a_filter_and_a_writer_that_fails)
{
	struct lk_manager *m = open_manager("memory:?events=acquired+release");
	struct lk_event_filter f = LK_EVENT_FILTER_INIT;
	struct text t = { 0 };
	struct lk_owner *w;

	open_owners(m, &w, 1);
	ok(lk_release(w, take(w, "a", LK_X)));
	ok(lk_release(w, take(w, "b", LK_X)));
	f.kinds = LK_EVENT_RELEASE;
	f.newest = 1;
	ok(lk_history(m, &f, LK_TEXT, add, &t));
	cr_expect_eq(strncmp(t.bytes, "4  ", 3), 0, "%s", t.bytes);
	cr_expect_not_null(strstr(t.bytes, "release b, X, held "));
	t.rc = LK_E_IO;
	is(lk_history(m, NULL, LK_TEXT, add, &t), LK_E_IO);
	is(lk_history(m, NULL, LK_JSON, add, &t), LK_E_IO);
	is(lk_history(m, NULL, LK_DOT, add, &t), LK_E_INVAL);
	is(lk_history(m, NULL, (enum lk_format)0, add, &t), LK_E_INVAL);
	is(lk_history(NULL, NULL, LK_TEXT, add, &t), LK_E_INVAL);
	is(lk_history(m, NULL, LK_TEXT, NULL, &t), LK_E_INVAL);
	f.prefix_len = 1;
	is(lk_history(m, &f, LK_TEXT, add, &t), LK_E_INVAL);
	close_all(m, &w, 1);
}

/* -------------------------------------------------------------------------------- log */

struct log {
	unsigned n[LK_LOG_DEBUG + 1];
	char last[1100];
};

static void
write_log(void *arg, enum lk_log_level level, const char *line)
{
	struct log *log = arg;

	cr_assert(level >= LK_LOG_ERROR && level <= LK_LOG_DEBUG);
	cr_expect_null(strchr(line, '\n'));
	log->n[level]++;
	snprintf(log->last, sizeof(log->last), "%s", line);
}

static struct lk_manager *
open_logging(struct log *log, uint64_t level, struct test_heap *heap)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_manager *m = NULL;

	memset(log, 0, sizeof(*log));
	cfg.on_log = write_log;
	cfg.on_log_arg = log;
	cfg.log_level = level;
	cfg.allocator = heap != NULL ? &heap->allocator : NULL;
	ok(lk_open("memory:?events=off", &cfg, &m));
	return m;
}

/* One of each: a timeout, a cancel, a conversion deadlock, no memory, a shutdown. */
static void
go_wrong(struct lk_manager *m, struct test_heap *heap)
{
	struct lk_options o = { .size = sizeof(o), .timeout_ns = 1 };
	struct lk_owner *w[2];
	struct asker a;
	lk_grant g;

	open_owners(m, w, 2);
	take(w[0], "a", LK_S);
	g = take(w[1], "a", LK_S);
	ask(m, &a, w[0], "a", LK_X);
	is(lk_upgrade(w[1], g, NULL), LK_E_CONVERSION_DEADLOCK);
	ok(lk_owner_cancel(w[0]));
	is(answer(&a), LK_E_CANCELED);
	is(lk_acquire(w[0], "a", LK_X, &o, NULL), LK_E_TIMEDOUT);
	is(lk_try_acquire(w[0], "a", LK_X, NULL), LK_E_BUSY);
	test_heap_fail(heap, 1, true);
	for (int i = 0, rc = 0; rc == 0; i++) {
		char name[40];

		snprintf(name, sizeof(name), "a name of more than an entry %d", i);
		rc = lk_acquire(w[0], name, LK_X, NULL, NULL);
		cr_assert(rc == 0 || rc == LK_E_NOMEM);
	}
	test_heap_fail(heap, 0, false);
	close_owners(w, 2);
	ok(lk_shutdown(m, NULL));
}

Test(log, has_what_its_level_says)
{
	static const unsigned expected[][LK_LOG_DEBUG + 1] = {
		/*  -  error  warn  info  debug */
		{ 0, 0, 0, 0, 0 }, /* off */
		{ 0, 2, 0, 0, 0 }, { 0, 2, 1, 0, 0 }, { 0, 2, 1, 3, 0 }, { 0, 2, 1, 3, 2 },
	};

	for (unsigned level = 0; level < countof(expected); level++) {
		struct test_heap heap;
		struct lk_manager *m;
		struct log log;

		test_heap_init(&heap);
		m = open_logging(&log, level, &heap);
		go_wrong(m, &heap);
		for (unsigned i = 0; i < countof(log.n); i++)
			cr_expect_eq(log.n[i], expected[level][i], "level %u: %u of %u", level,
				     log.n[i], i);
		ok(lk_close(m));
	}
}

Test(log, says_who_is_in_the_way_and_what_to_do)
{
	struct lk_options o = { .size = sizeof(o), .timeout_ns = 1 };
	struct lk_manager *m;
	struct lk_owner *w;
	struct lk_owner *other;
	struct log log;

	m = open_logging(&log, LK_LOG_WARN, NULL);
	w = open_labelled(m, "job\x1b[31m");
	open_owners(m, &other, 1);
	take(other, "a\nb", LK_X);
	is(lk_acquire(w, "a\nb", LK_S, &o, NULL), LK_E_TIMEDOUT);
	cr_expect_eq(strncmp(log.last, "refused a\\x0ab, S, LK_E_TIMEDOUT, waited ", 40), 0, "%s",
		     log.last);
	cr_expect_not_null(strstr(log.last, ", 1 in the way, owner "), "%s", log.last);
	cr_expect_not_null(strstr(log.last, " (job\\x1b[31m): "), "%s", log.last);
	cr_expect_not_null(strstr(log.last, lk_advice(LK_E_TIMEDOUT)), "%s", log.last);
	ok(lk_owner_close(other));
	close_all(m, &w, 1);
}

struct lines {
	unsigned n;
	char line[4][1100];
};

static void
keep_line(void *arg, enum lk_log_level level, const char *line)
{
	struct lines *l = arg;

	must(level == LK_LOG_ERROR && l->n < 4);
	snprintf(l->line[l->n++], sizeof(l->line[0]), "%s", line);
}

static int
find_deadlock(void *arg, const struct lk_event *event)
{
	*(bool *)arg |= event->kind == LK_EVENT_DEADLOCK && event->code == LK_E_DEADLOCK;
	return 0;
}

/* Two owners in a ring: the one that ends says so, and the other's name and lock. */
Test(log, names_the_ring_of_a_deadlock)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_manager *m = NULL;
	struct lines lines = { 0 };
	struct lk_owner *w[2];
	struct asker a;
	bool found = false;

	cfg.on_log = keep_line;
	cfg.on_log_arg = &lines;
	cfg.log_level = LK_LOG_ERROR;
	ok(lk_open("memory:?deadlock_delay_ns=1000&victim=fewest", &cfg, &m));
	w[0] = open_labelled(m, "anna");
	w[1] = open_labelled(m, "ben");
	take(w[0], "a", LK_X);
	take(w[0], "c", LK_X); /* so the victim is the other */
	take(w[1], "b", LK_X);
	ask(m, &a, w[0], "b", LK_X);
	is(lk_acquire(w[1], "a", LK_S, NULL, NULL), LK_E_DEADLOCK);
	ok(lk_release_all(w[1]));
	ok(answer(&a));
	cr_assert_eq(lines.n, 2, "%u", lines.n);
	cr_expect_eq(strncmp(lines.line[0], "deadlock ", 9), 0, "%s", lines.line[0]);
	cr_expect_not_null(strstr(lines.line[0], lk_advice(LK_E_DEADLOCK)));
	cr_expect_eq(strncmp(lines.line[1], "deadlock 1 of 2: owner ", 23), 0, "%s", lines.line[1]);
	cr_expect_not_null(strstr(lines.line[1], "(anna) wants b in X, held in X by "), "%s",
			   lines.line[1]);
	cr_expect_not_null(strstr(lines.line[1], "(ben) wants a in S, held in X by "), "%s",
			   lines.line[1]);
	ok(lk_event_each(m, NULL, find_deadlock, &found));
	cr_expect(found);
	close_all(m, w, 2);
}

/* A line that is too long is cut off, not lost. */
Test(log, of_long_names)
{
	struct lk_options o = { .size = sizeof(o), .timeout_ns = 1 };
	unsigned char name[3000];
	struct lk_owner *w[2];
	struct lk_manager *m;
	struct log log;

	memset(name, 1, sizeof(name));
	m = open_logging(&log, LK_LOG_WARN, NULL);
	open_owners(m, w, 2);
	ok(lk_acquire_bytes(w[0], name, sizeof(name), LK_X, NULL, NULL));
	is(lk_acquire_bytes(w[1], name, sizeof(name), LK_X, &o, NULL), LK_E_TIMEDOUT);
	cr_expect_eq(log.n[LK_LOG_WARN], 1);
	cr_expect_not_null(strstr(log.last, "\\x01... (3000 bytes)"), "%s", log.last);
	close_all(m, w, 2);
}

/* ----------------------------------------------------------------------------- advice */

Test(advice, is_there_for_every_code)
{
	static const int codes[] = {
#define CODE(name, number, text) LK_E_##name,
		LK_ERROR_LIST(CODE)
#undef CODE
	};
	const char *none = lk_advice(-1);

	cr_expect_str_eq(lk_advice(0), "go on");
	for (size_t i = 0; i < countof(codes); i++) {
		const char *advice = lk_advice(codes[i]);

		cr_assert_not_null(advice);
		cr_expect_gt(strlen(advice), 15, "%s", lk_errname(codes[i]));
		cr_expect_str_neq(advice, none, "%s", lk_errname(codes[i]));
		for (size_t k = 0; k < i; k++)
			cr_expect_str_neq(advice, lk_advice(codes[k]), "%s and %s",
					  lk_errname(codes[i]), lk_errname(codes[k]));
	}
}
