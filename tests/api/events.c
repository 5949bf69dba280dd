/* SPDX-License-Identifier: MIT */
/* Events: which there are of what, what they say, and how they are found again. */
#include "support.h"

enum { LOG_MAX = 64 };

/* What was seen, in the order in which it was. */
struct seen {
	unsigned n;
	struct lk_event event[LOG_MAX];
};

static int
see(void *arg, const struct lk_event *event)
{
	struct seen *seen = arg;

	must(seen->n < LOG_MAX);
	seen->event[seen->n++] = *event;
	return 0;
}

static struct seen
history_of(struct lk_manager *m)
{
	struct seen seen = { 0 };

	ok(lk_event_each(m, NULL, see, &seen));
	return seen;
}

static struct lk_event_counts
counts_of(struct lk_manager *m)
{
	struct lk_event_counts c = { .size = sizeof(c) };

	ok(lk_event_count(m, &c));
	return c;
}

static bool
is_named(const struct lk_event *e, const char *name)
{
	return e->name_len == strlen(name) && memcmp(e->name, name, strlen(name)) == 0;
}

/* "acquired a, release a": kinds and names, in order. */
static void
expect_events(struct lk_manager *m, const char *expected)
{
	struct seen seen = history_of(m);
	char text[1024] = "";
	size_t n = 0;

	for (unsigned i = 0; i < seen.n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s %.*s", i > 0 ? ", " : "",
				      lk_eventname(seen.event[i].kind), (int)seen.event[i].name_len,
				      (const char *)seen.event[i].name);
	cr_expect_str_eq(text, expected);
}

static struct lk_options
within(int64_t ns)
{
	return (struct lk_options){ .size = sizeof(struct lk_options), .timeout_ns = ns };
}

/* ---------------------------------------------------------------------- by default */

Test(events, of_what_meets_nobody_there_are_none)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant g;

	open_owners(m, &w, 1);
	g = take(w, "db/a", LK_S);
	ok(lk_upgrade(w, g, NULL));
	ok(lk_release(w, g));
	expect_events(m, "");
	cr_expect_eq(counts_of(m).recorded, 0);
	close_all(m, &w, 1);
}

/* And no memory is taken for any, nor a clock read. */
Test(events, cost_nothing_until_there_is_one)
{
	struct lk_options o = within(1);
	struct test_heap heap;
	struct test_world world;
	struct lk_manager *m;
	struct lk_owner *w[2];
	uint64_t bytes;
	uint64_t nows;

	test_heap_init(&heap);
	test_world_init(&world);
	m = open_with(NULL, &heap, &world);
	open_owners(m, w, 2);
	take(w[0], "a", LK_X);
	nows = atomic_load(&world.nows);
	is(lk_try_acquire(w[1], "a", LK_X, NULL), LK_E_BUSY);
	cr_expect_eq(atomic_load(&world.nows), nows, "a try that is refused reads no clock");
	bytes = atomic_load(&heap.bytes);
	is(lk_acquire(w[1], "a", LK_X, &o, NULL), LK_E_TIMEDOUT);
	cr_expect_ge(atomic_load(&heap.bytes), bytes + 2 * sizeof(struct lk_event));
	close_all(m, w, 2);
	cr_expect_eq(atomic_load(&heap.bytes), 0);
}

Test(events, of_a_wait_that_ends_with_a_grant)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct lk_owner *w[2];
	struct seen seen;
	struct asker a;
	lk_grant g;

	open_owners(m, w, 1);
	o.label = "second";
	ok(lk_owner_open(m, &o, &w[1]));
	g = take(w[0], "a", LK_X);
	ask(m, &a, w[1], "a", LK_S);
	wait_until(counts_of(m).recorded == 1);
	ok(lk_release(w[0], g));
	granted(&a);
	expect_events(m, "wait a, grant a");
	seen = history_of(m);
	cr_expect_eq(seen.event[0].sequence, 1);
	cr_expect_eq(seen.event[1].sequence, 2);
	for (unsigned i = 0; i < 2; i++) {
		cr_expect_eq(seen.event[i].size, sizeof(struct lk_event));
		cr_expect_str_eq(seen.event[i].owner_label, "second");
		cr_expect_eq(seen.event[i].from, LK_NL);
		cr_expect_eq(seen.event[i].to, LK_S);
		cr_expect_eq(seen.event[i].other_len, 0);
		cr_expect_eq(seen.event[i].code, 0);
	}
	cr_expect_eq(seen.event[0].blockers, 1);
	cr_expect_eq(seen.event[0].waited_ns, 0);
	cr_expect_eq(seen.event[1].waited_ns, seen.event[1].at_ns - seen.event[0].at_ns);
	close_all(m, w, 2);
}

Test(events, of_a_timeout_say_who_is_in_the_way)
{
	struct lk_options o = within(1);
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[4];
	struct seen seen;

	open_owners(m, w, 4);
	for (int i = 0; i < 3; i++)
		take(w[i], "a", i < 2 ? LK_S : LK_IS);
	is(lk_acquire(w[3], "a", LK_IX, &o, NULL), LK_E_TIMEDOUT);
	is(lk_acquire(w[0], "a", LK_X, &o, NULL), LK_E_TIMEDOUT);
	expect_events(m, "wait a, refused a, wait a, refused a");
	seen = history_of(m);
	cr_expect_eq(seen.event[1].code, LK_E_TIMEDOUT);
	cr_expect_eq(seen.event[1].blockers, 2, "IS is not in the way of IX");
	cr_expect_gt(seen.event[1].waited_ns, 0);
	cr_expect_eq(seen.event[3].blockers, 2, "nobody is in the own way");
	cr_expect_eq(seen.event[3].from, LK_S);
	cr_expect_eq(seen.event[3].to, LK_X);
	close_all(m, w, 4);
}

Test(events, of_a_path_say_where_it_stands)
{
	struct lk_options o = within(1);
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	struct lk_resource *r;
	struct seen seen;

	open_owners(m, w, 2);
	ok(lk_resource_open(m, "db/a", &r));
	take(w[0], "db", LK_S);
	is(lk_acquire(w[1], "db/a", LK_X, &o, NULL), LK_E_TIMEDOUT);
	is(lk_acquire_on(w[1], r, LK_X, &o, NULL), LK_E_TIMEDOUT);
	expect_events(m, "wait db/a, refused db/a, wait db/a, refused db/a");
	seen = history_of(m);
	for (unsigned i = 0; i < 4; i++) {
		cr_expect_eq(seen.event[i].other_len, 2);
		cr_expect_eq(memcmp(seen.event[i].other, "db", 2), 0);
		cr_expect_eq(seen.event[i].to, LK_IX);
	}
	lk_resource_close(r);
	close_all(m, w, 2);
}

Test(events, of_a_cancel_and_of_a_ring)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	struct seen seen;
	struct asker a;
	lk_grant g;

	open_owners(m, w, 2);
	take(w[0], "a", LK_S);
	g = take(w[1], "a", LK_S);
	ask(m, &a, w[0], "a", LK_X);
	wait_until(counts_of(m).recorded == 1);
	is(lk_upgrade(w[1], g, NULL), LK_E_CONVERSION_DEADLOCK);
	ok(lk_owner_cancel(w[0]));
	is(answer(&a), LK_E_CANCELED);
	expect_events(m, "wait a, deadlock a, refused a");
	seen = history_of(m);
	cr_expect_eq(seen.event[1].code, LK_E_CONVERSION_DEADLOCK);
	cr_expect_eq(seen.event[2].code, LK_E_CANCELED);
	close_all(m, w, 2);
}

Test(events, of_numbers_have_their_bytes)
{
	const uint64_t id = 0x0102030405060708;
	struct lk_options o = within(1);
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	struct seen seen;

	open_owners(m, w, 2);
	ok(lk_acquire_id(w[0], id, LK_X, NULL, NULL));
	is(lk_acquire_id(w[1], id, LK_X, &o, NULL), LK_E_TIMEDOUT);
	seen = history_of(m);
	cr_assert_eq(seen.n, 2);
	cr_expect_eq(seen.event[1].flags, LK_NAME_IS_ID);
	cr_expect_eq(seen.event[1].name_len, 8);
	cr_expect_eq(memcmp(seen.event[1].name, &id, 8), 0);
	close_all(m, w, 2);
}

Test(events, keep_the_beginning_of_a_long_name)
{
	struct lk_options o = within(1);
	struct lk_manager *m = open_manager("memory:?separator=off");
	struct lk_owner *w[2];
	struct seen seen;
	char name[301];

	memset(name, 'n', 300);
	name[300] = '\0';
	open_owners(m, w, 2);
	take(w[0], name, LK_X);
	is(lk_acquire(w[1], name, LK_X, &o, NULL), LK_E_TIMEDOUT);
	seen = history_of(m);
	cr_assert_eq(seen.n, 2);
	cr_expect_eq(seen.event[0].name_len, 300);
	cr_expect_eq(memcmp(seen.event[0].name, name, LK_EVENT_NAME_MAX), 0);
	close_all(m, w, 2);
}

/* ------------------------------------------------------------------- all that happens */

Test(events, of_all_kinds_if_asked_for)
{
	struct lk_manager *m = open_manager("memory:?events=all");
	struct lk_owner *w[2];
	struct seen seen;
	lk_grant g;
	uint64_t fence;

	open_owners(m, w, 2);
	g = take(w[0], "a", LK_S);
	ok(lk_convert(w[0], g, LK_X, NULL));
	fence = lk_fence(w[0], g);
	is(lk_try_acquire(w[1], "a", LK_S, NULL), LK_E_BUSY);
	ok(lk_downgrade(w[0], g));
	ok(lk_release(w[0], g));
	expect_events(m, "before_acquire a, acquired a, before_convert a, convert a, "
			 "before_acquire a, busy a, convert a, release a");
	seen = history_of(m);
	cr_expect_eq(seen.event[0].to, LK_S);
	cr_expect_eq(seen.event[1].grant, g);
	cr_expect_eq(seen.event[1].from, LK_NL);
	cr_expect_eq(seen.event[1].to, LK_S);
	cr_expect_eq(seen.event[2].from, LK_S);
	cr_expect_eq(seen.event[2].to, LK_X);
	cr_expect_eq(seen.event[3].fence, fence);
	cr_expect_eq(seen.event[5].code, LK_E_BUSY);
	cr_expect_eq(seen.event[6].to, LK_S);
	cr_expect_eq(seen.event[7].from, LK_S);
	cr_expect_eq(seen.event[7].grant, g);
	cr_expect_eq(seen.event[7].fence, fence);
	close_all(m, w, 2);
}

/* Whatever way it is taken and given back by, each grant has one event at either end. */
Test(events, of_every_way_in_and_out)
{
	const struct lk_request many[] = { { "m/1", LK_X, 0, 0 }, { "m/2", LK_S, 0, 0 } };
	struct lk_manager *m = open_manager("memory:?events=acquired+release");
	struct lk_options tagged = { .size = sizeof(tagged), .tag = "t", .tag_len = 1 };
	struct lk_resource *r;
	struct lk_owner *w;
	lk_grant g[2];
	char name[200];

	memset(name, 'n', sizeof(name));
	open_owners(m, &w, 1);
	ok(lk_resource_open(m, "h", &r));
	ok(lk_acquire_on(w, r, LK_X, NULL, &g[0]));
	ok(lk_release(w, g[0]));
	ok(lk_acquire_many(w, many, 2, NULL, g));
	ok(lk_release_many(w, g, 2, NULL));
	ok(lk_acquire(w, "r", LK_S, NULL, &g[0]));
	ok(lk_acquire(w, "r", LK_X, &tagged, &g[1]));
	ok(lk_release(w, g[0]));
	ok(lk_release_name(w, "r", 1));
	take(w, "p", LK_X);
	take(w, "p/q", LK_S);
	ok(lk_release_all(w));
	ok(lk_acquire_bytes(w, name, 40, LK_IS, NULL, NULL));
	ok(lk_owner_close(w));
	lk_resource_close(r);
	expect_events(m, "acquired h, release h, acquired m/1, acquired m/2, release m/2, "
			 "release m/1, acquired r, acquired r, release r, release r, acquired p, "
			 "acquired p/q, release p/q, release p, "
			 "acquired nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn, "
			 "release nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn");
	ok(lk_close(m));
}

Test(events, of_reentry_and_cover)
{
	struct lk_manager *m = open_manager("memory:?events=acquired+release");
	struct lk_owner *w;
	struct seen seen;

	open_owners(m, &w, 1);
	take(w, "p", LK_S);
	take(w, "p", LK_IX);
	take(w, "p/q", LK_S);
	seen = history_of(m);
	cr_assert_eq(seen.n, 3);
	cr_expect_eq(seen.event[0].from, LK_NL);
	cr_expect_eq(seen.event[1].from, LK_S, "what it held before");
	cr_expect_eq(seen.event[1].to, LK_IX);
	cr_expect_gt(seen.event[1].fence, 0, "together that is SIX");
	cr_expect_eq(seen.event[2].flags, LK_IMPLIED);
	close_all(m, &w, 1);
}

Test(events, know_how_long_it_was_held_and_waited_for)
{
	struct test_world world;
	struct lk_manager *m;
	struct lk_owner *w[2];
	struct seen seen;
	struct asker a;
	lk_grant g;

	test_world_init(&world);
	world.manual = true;
	atomic_store(&world.time_ns, 1000);
	m = open_with("memory:?events=wait+acquired+release&deadlock_delay_ns=off", NULL, &world);
	open_owners(m, w, 2);
	g = take(w[0], "a", LK_X);
	test_world_advance(&world, 50);
	ask(m, &a, w[1], "a", LK_X);
	wait_until(counts_of(m).recorded == 2);
	test_world_advance(&world, 700);
	ok(lk_release(w[0], g));
	g = granted(&a);
	test_world_advance(&world, 9);
	ok(lk_release(w[1], g));
	expect_events(m, "acquired a, wait a, release a, acquired a, release a");
	seen = history_of(m);
	cr_expect_eq(seen.event[0].at_ns, 1000);
	cr_expect_eq(seen.event[1].at_ns, 1050);
	cr_expect_eq(seen.event[2].held_ns, 750);
	cr_expect_eq(seen.event[3].waited_ns, 700);
	cr_expect_eq(seen.event[4].held_ns, 9);
	close_all(m, w, 2);
}

/* ------------------------------------------------------------------------ finding them */

static unsigned
releases_of(struct lk_manager *m, const char *pattern, uint64_t newest)
{
	struct lk_event_filter f = LK_EVENT_FILTER_INIT;
	struct seen seen = { 0 };

	f.kinds = LK_EVENT_RELEASE;
	f.newest = newest;
	f.pattern = pattern;
	f.pattern_len = strlen(pattern);
	ok(lk_event_each(m, &f, see, &seen));
	return (unsigned)seen.n;
}

Test(events, of_names_that_fit_a_pattern)
{
	struct lk_manager *m = open_manager("memory:?events=all&separator=.");
	struct lk_owner *w;
	char longer[LK_EVENT_NAME_MAX + 2];
	lk_grant g;

	open_owners(m, &w, 1);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	ok(lk_release(w, take(w, "db.1", LK_X)));
	ok(lk_release(w, take(w, "db.2.x", LK_X)));
	ok(lk_release(w, take(w, "row", LK_X)));
	ok(lk_release(w, take(w, longer, LK_X)));
	ok(lk_acquire_id(w, 7, LK_X, NULL, &g));
	ok(lk_release(w, g));
	cr_expect_eq(releases_of(m, "db.*", 0), 1);
	cr_expect_eq(releases_of(m, "db.**", 0), 2);
	cr_expect_eq(releases_of(m, "db.**", 1), 1);
	cr_expect_eq(releases_of(m, "db/**", 0), 0, "another separator");
	cr_expect_eq(releases_of(m, "**", 0), 3, "no number, and none that was cut off");
	cr_expect_eq(releases_of(m, "x**", 0), 0);
	longer[LK_EVENT_NAME_MAX] = '\0';
	ok(lk_release(w, take(w, longer, LK_X)));
	cr_expect_eq(releases_of(m, "x**", 0), 1);
	close_all(m, &w, 1);
}

Test(events, can_be_filtered)
{
	struct lk_manager *m = open_manager("memory:?events=all");
	struct lk_event_filter f = LK_EVENT_FILTER_INIT;
	struct seen seen = { 0 };
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	ok(lk_release(w[0], take(w[0], "job/1", LK_X)));
	ok(lk_release(w[1], take(w[1], "job/2", LK_X)));
	ok(lk_release(w[1], take(w[1], "row/2", LK_X)));
	f.kinds = LK_EVENT_RELEASE;
	f.prefix = "job";
	f.prefix_len = 3;
	ok(lk_event_each(m, &f, see, &seen));
	cr_assert_eq(seen.n, 2);
	f.owner_id = seen.event[1].owner_id;
	f.prefix_len = 0;
	seen.n = 0;
	ok(lk_event_each(m, &f, see, &seen));
	cr_assert_eq(seen.n, 2);
	cr_expect(is_named(&seen.event[0], "job/2") && is_named(&seen.event[1], "row/2"));
	f.newest = 1;
	f.size = offsetof(struct lk_event_filter, after); /* of an older header */
	seen.n = 0;
	ok(lk_event_each(m, &f, see, &seen));
	cr_assert_eq(seen.n, 2);
	close_all(m, w, 2);
}

static int
stop(void *arg, const struct lk_event *event)
{
	(void)arg;
	return (int)event->sequence + 40;
}

Test(events, end_when_the_caller_has_had_enough)
{
	struct lk_manager *m = open_manager("memory:?events=all");
	struct lk_owner *w;

	open_owners(m, &w, 1);
	take(w, "a", LK_X);
	is(lk_event_each(m, NULL, stop, NULL), 41);
	close_all(m, &w, 1);
}

Test(events, arguments_that_are_wrong)
{
	NEWER(struct lk_event_filter) newer = { .known.size = sizeof(newer) };
	struct lk_event_filter f = LK_EVENT_FILTER_INIT;
	struct lk_event_counts c = { 0 };
	struct seen seen = { 0 };
	struct lk_manager *m = open_manager(NULL);

	is(lk_event_each(NULL, NULL, see, &seen), LK_E_INVAL);
	is(lk_event_each(m, NULL, NULL, &seen), LK_E_INVAL);
	is(lk_event_count(NULL, &c), LK_E_INVAL);
	is(lk_event_count(m, NULL), LK_E_INVAL);
	is(lk_event_count(m, &c), LK_E_INVAL);
	ok(lk_event_each(m, &newer.known, see, &seen));
	newer.unknown[3] = 1;
	is(lk_event_each(m, &newer.known, see, &seen), LK_E_VERSION);
	f.size = 2;
	is(lk_event_each(m, &f, see, &seen), LK_E_INVAL);
	f = (struct lk_event_filter)LK_EVENT_FILTER_INIT;
	f.prefix_len = 3;
	is(lk_event_each(m, &f, see, &seen), LK_E_INVAL);
	f.prefix_len = 0;
	f.pattern_len = 3;
	is(lk_event_each(m, &f, see, &seen), LK_E_INVAL);
	f.pattern_len = 0;
	f.reserved = 1;
	is(lk_event_each(m, &f, see, &seen), LK_E_INVAL);
	ok(lk_close(m));
}

Test(events, are_counted)
{
	struct lk_manager *m = open_manager("memory:?events=acquired+release&event_ring=3");
	struct lk_owner *w;
	struct lk_event_counts c;

	open_owners(m, &w, 1);
	for (int i = 0; i < 5; i++)
		ok(lk_release(w, take(w, "a", LK_X)));
	c = counts_of(m);
	cr_expect_eq(c.recorded, 10);
	cr_expect_eq(c.overwritten, 7);
	cr_expect_eq(c.dropped, 0);
	expect_events(m, "release a, acquired a, release a");
	close_all(m, &w, 1);
}

Test(events, can_be_switched_off)
{
	static const char *const urls[] = { "memory:?events=off", "memory:?event_ring=off" };
	struct lk_options o = within(1);

	for (size_t i = 0; i < countof(urls); i++) {
		struct test_heap heap;
		struct lk_manager *m;
		struct lk_owner *w[2];

		test_heap_init(&heap);
		m = open_with(urls[i], &heap, NULL);
		open_owners(m, w, 2);
		take(w[0], "a", LK_X);
		is(lk_acquire(w[1], "a", LK_X, &o, NULL), LK_E_TIMEDOUT);
		expect_events(m, "");
		cr_expect_eq(counts_of(m).recorded, 0);
		close_all(m, w, 2);
	}
}

Test(events, kinds_by_name)
{
	static const struct {
		const char *url;
		int rc;
	} rows[] = {
		{ "memory:?events=wait", 0 },
		{ "memory:?events=wait+grant+order", 0 },
		{ "memory:?events=slow+busy+transfer", 0 },
		{ "memory:?events=2047", 0 },
		{ "memory:?events=1073741824", LK_E_INVAL },
		{ "memory:?events=wait+", LK_E_INVAL },
		{ "memory:?events=+wait", LK_E_INVAL },
		{ "memory:?events=waits", LK_E_INVAL },
		{ "memory:?log_level=warn", 0 },
		{ "memory:?log_level=4", 0 },
		{ "memory:?log_level=5", LK_E_INVAL },
		{ "memory:?log_level=loud", LK_E_INVAL },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct lk_manager *m = NULL;
		int rc = lk_open(rows[i].url, NULL, &m);

		cr_expect_eq(rc, rows[i].rc, "%s: %s", rows[i].url, lk_errname(rc));
		if (rc == 0)
			ok(lk_close(m));
	}
	for (uint32_t bit = 1; bit < LK_EVENTS_ALL; bit *= 2)
		cr_expect_str_neq(lk_eventname(bit), "?");
	cr_expect_str_eq(lk_eventname(LK_EVENT_GRANT), "grant");
	cr_expect_str_eq(lk_eventname(0), "?");
	cr_expect_str_eq(lk_eventname(LK_EVENT_WAIT | LK_EVENT_GRANT), "?");
	cr_expect_str_eq(lk_eventname(LK_EVENTS_ALL + 1), "?");
}

/* ---------------------------------------------------------------------------- memory */

/* Every allocation of a manager with all of it fails once: nothing leaks, and it says so. */
Test(events, a_manager_that_there_is_no_memory_for)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_manager *m = NULL;
	struct test_heap heap;
	int rc = LK_E_NOMEM;

	test_heap_init(&heap);
	cfg.allocator = &heap.allocator;
	for (uint64_t nth = 1; rc != 0; nth++) {
		test_heap_fail(&heap, nth, false);
		rc = lk_open("memory:?events=all&debug_order=1", &cfg, &m);
		cr_assert(rc == 0 || rc == LK_E_NOMEM);
		cr_assert(rc == 0 || atomic_load(&heap.bytes) == 0, "allocation %u", (unsigned)nth);
		cr_assert(nth < 50);
	}
	ok(lk_close(m));
	cr_expect_eq(atomic_load(&heap.bytes), 0);
}

/* The ring that comes with the first event: without it the request goes its way all the same. */
Test(events, that_there_is_no_memory_for_are_dropped_and_counted)
{
	struct lk_options o = within(1);
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w[2];

	test_heap_init(&heap);
	m = open_with(NULL, &heap, NULL);
	open_owners(m, w, 2);
	take(w[0], "a", LK_X);
	is(lk_acquire(w[1], "b", LK_X, &o, NULL), 0); /* so that it has its first grants */
	test_heap_fail(&heap, 1, true);
	is(lk_acquire(w[1], "a", LK_X, &o, NULL), LK_E_TIMEDOUT);
	cr_expect_eq(counts_of(m).dropped, 2);
	cr_expect_eq(counts_of(m).recorded, 0);
	test_heap_fail(&heap, 0, false);
	is(lk_acquire(w[1], "a", LK_X, &o, NULL), LK_E_TIMEDOUT);
	expect_events(m, "wait a, refused a");
	close_all(m, w, 2);
}

Test(events, of_a_request_that_there_is_no_memory_for)
{
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w;
	struct seen seen;

	test_heap_init(&heap);
	m = open_with("memory:?events=all", &heap, NULL);
	open_owners(m, &w, 1);
	test_heap_fail(&heap, 1, true);
	is(lk_acquire(w, "a", LK_X, NULL, NULL), LK_E_NOMEM);
	test_heap_fail(&heap, 0, false);
	expect_events(m, "before_acquire a, refused a");
	seen = history_of(m);
	cr_expect_eq(seen.event[1].code, LK_E_NOMEM);
	close_all(m, &w, 1);
}

/* --------------------------------------------------------------------------- threads */

enum { THREADS = 4, ROUNDS = 300 };

static void
work(void *arg, unsigned index)
{
	static const char *const names[] = { "t/a", "t/b" };
	struct lk_manager *m = arg;
	struct lk_owner *w;

	must(lk_owner_open(m, NULL, &w) == 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		lk_grant g;

		must(lk_acquire(w, names[(i + index) % 2], i % 3 ? LK_X : LK_S, NULL, &g) == 0);
		must(lk_release(w, g) == 0);
	}
	must(lk_owner_close(w) == 0);
}

static int
check_event(void *arg, const struct lk_event *e)
{
	uint64_t *last = arg;

	must(e->sequence > *last && e->size == sizeof(*e));
	must(e->name_len == 3 && memcmp(e->name, "t/", 2) == 0);
	must(lk_eventname(e->kind)[0] != '?');
	*last = e->sequence;
	return 0;
}

static void
work_or_read(void *arg, unsigned index)
{
	if (index < THREADS) {
		work(arg, index);
		return;
	}
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t last = 0;

		must(lk_event_each(arg, NULL, check_event, &last) == 0);
	}
}

Test(events, are_whole_and_in_order_while_many_work, .timeout = 120)
{
	struct lk_manager *m =
		open_manager("memory:?events=acquired+release+wait+grant&event_ring=64");
	struct lk_event_counts c;

	test_threads(THREADS + 1, work_or_read, m);
	c = counts_of(m);
	cr_expect_ge(c.recorded + c.dropped, 2 * (uint64_t)THREADS * ROUNDS);
	ok(lk_close(m));
}
