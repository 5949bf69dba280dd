/* SPDX-License-Identifier: MIT */
/* LK_DEBUG_ORDER: an inversion is told before anything hangs, once, and nothing else is. */
#include "support.h"

struct heard {
	unsigned n;
	struct lk_event event[8];
	char line[8][512];
	unsigned lines;
};

static int
hear(void *arg, const struct lk_event *event)
{
	struct heard *h = arg;

	must(h->n < 8 && event->kind == LK_EVENT_ORDER);
	h->event[h->n++] = *event;
	return 0;
}

static void
hear_line(void *arg, enum lk_log_level level, const char *line)
{
	struct heard *h = arg;

	must(h->lines < 8 && level == LK_LOG_WARN);
	snprintf(h->line[h->lines++], sizeof(h->line[0]), "%s", line);
}

static struct lk_manager *
open_learning(struct heard *h, const char *url)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_manager *m = NULL;

	memset(h, 0, sizeof(*h));
	cfg.flags = LK_DEBUG_ORDER;
	cfg.events = LK_EVENT_ORDER;
	cfg.on_event = hear;
	cfg.on_event_arg = h;
	cfg.on_log = hear_line;
	cfg.on_log_arg = h;
	cfg.log_level = LK_LOG_WARN;
	ok(lk_open(url, &cfg, &m));
	return m;
}

/* One owner takes one after the other, and gives both back. */
static void
in_order(struct lk_manager *m, const char *first, lk_mode has, const char *second, lk_mode wants)
{
	struct lk_owner *w;

	open_owners(m, &w, 1);
	ok(lk_acquire(w, first, has, NULL, NULL));
	ok(lk_acquire(w, second, wants, NULL, NULL));
	ok(lk_owner_close(w));
}

static void
expect_pair(const struct lk_event *e, const char *held, lk_mode has, const char *wanted,
	    lk_mode wants)
{
	cr_expect_eq(e->other_len, strlen(held));
	cr_expect_eq(memcmp(e->other, held, strlen(held)), 0, "%.*s", (int)e->other_len,
		     (const char *)e->other);
	cr_expect_eq(e->name_len, strlen(wanted));
	cr_expect_eq(memcmp(e->name, wanted, strlen(wanted)), 0, "%.*s", (int)e->name_len,
		     (const char *)e->name);
	cr_expect_eq(e->from, has);
	cr_expect_eq(e->to, wants);
}

Test(orders, an_inversion_is_told_once_though_nobody_meets)
{
	struct heard h;
	struct lk_manager *m = open_learning(&h, NULL);

	in_order(m, "user7", LK_X, "mail12", LK_X);
	in_order(m, "user8", LK_X, "mail9", LK_X);
	cr_expect_eq(h.n, 0);
	in_order(m, "mail1", LK_X, "user1", LK_X);
	cr_assert_eq(h.n, 1);
	expect_pair(&h.event[0], "mail#", LK_X, "user#", LK_X);
	cr_expect_eq(h.event[0].n_classes, 2);
	in_order(m, "mail2", LK_X, "user2", LK_X);
	in_order(m, "user2", LK_X, "mail2", LK_X);
	cr_expect_eq(h.n, 1);
	cr_assert_eq(h.lines, 1);
	cr_expect_eq(
		strncmp(h.line[0],
			"order user#, wanted in X by who holds mail# in X; elsewhere it is held "
			"by who wants that, owner ",
			95),
		0, "%s", h.line[0]);
	ok(lk_close(m));
}

/* The request that would hang is told before it waits. */
Test(orders, an_inversion_is_told_before_the_wait)
{
	struct lk_options o = { .size = sizeof(o), .timeout_ns = 20000000 };
	struct heard h;
	struct lk_manager *m = open_learning(&h, "memory:?deadlock_delay_ns=off");
	struct lk_owner *w[2];
	struct asker a;

	open_owners(m, w, 2);
	take(w[0], "a", LK_X);
	take(w[1], "b", LK_X);
	ask_with(m, &a, w[0], "b", LK_X, NULL);
	cr_expect_eq(h.n, 0);
	is(lk_acquire(w[1], "a", LK_X, &o, NULL), LK_E_TIMEDOUT);
	cr_expect_eq(h.n, 1);
	expect_pair(&h.event[0], "b", LK_X, "a", LK_X);
	ok(lk_release_all(w[1]));
	granted(&a);
	close_all(m, w, 2);
}

Test(orders, readers_have_none)
{
	struct heard h;
	struct lk_manager *m = open_learning(&h, NULL);

	in_order(m, "a", LK_S, "b", LK_S);
	in_order(m, "b", LK_S, "a", LK_S);
	in_order(m, "c", LK_X, "d", LK_S);
	in_order(m, "d", LK_S, "c", LK_X);
	cr_expect_eq(h.n, 0);
	ok(lk_close(m));
}

/* Rows of one table: their class does not know which comes first.  Nor do what lies below what. */
Test(orders, of_a_path_is_from_the_root_down)
{
	struct heard h;
	struct lk_manager *m = open_learning(&h, NULL);

	in_order(m, "db/a/1", LK_X, "db/a/2", LK_X);
	in_order(m, "db/a/2", LK_X, "db/a/1", LK_X);
	in_order(m, "db/a/1", LK_X, "db/b/1", LK_X);
	in_order(m, "db/a", LK_X, "db/a/1", LK_X);
	cr_expect_eq(h.n, 0);
	in_order(m, "db/a/1", LK_X, "db/a", LK_S);
	cr_assert_eq(h.n, 1, "a row, then its table in S: a writer of that row has IX there");
	expect_pair(&h.event[0], "db/a/#", LK_X, "db/a", LK_SIX);
	in_order(m, "db/b/1", LK_X, "db/a/1", LK_X);
	cr_expect_eq(h.n, 2, "rows of two tables");
	expect_pair(&h.event[1], "db/b/#", LK_X, "db/a/#", LK_X);
	ok(lk_close(m));
}

/* What a hold on an ancestor covers is waited for by nobody. */
Test(orders, of_what_is_covered_there_is_none)
{
	struct heard h;
	struct lk_manager *m = open_learning(&h, NULL);
	struct lk_owner *w;

	in_order(m, "a/1", LK_X, "b", LK_X);
	open_owners(m, &w, 1);
	ok(lk_acquire(w, "a", LK_X, NULL, NULL));
	ok(lk_acquire(w, "b", LK_X, NULL, NULL));
	cr_expect_eq(h.n, 0);
	ok(lk_acquire(w, "a/1", LK_X, NULL, NULL));
	cr_expect_eq(h.n, 0);
	close_all(m, &w, 1);
}

Test(orders, a_try_waits_for_nothing_but_holds)
{
	struct heard h;
	struct lk_manager *m = open_learning(&h, NULL);
	struct lk_owner *w;

	in_order(m, "a", LK_X, "b", LK_X);
	open_owners(m, &w, 1);
	take(w, "b", LK_X);
	take(w, "a", LK_X);
	cr_expect_eq(h.n, 0, "a try is in no ring");
	ok(lk_release_name(w, "b", 1));
	ok(lk_acquire(w, "c", LK_X, NULL, NULL));
	ok(lk_release_all(w));
	in_order(m, "c", LK_X, "a", LK_X);
	cr_expect_eq(h.n, 1, "what it got may be waited for");
	close_all(m, &w, 1);
}

Test(orders, of_conversions_and_reentries)
{
	struct heard h;
	struct lk_manager *m = open_learning(&h, NULL);
	struct lk_owner *w;
	lk_grant g;

	in_order(m, "a", LK_X, "b", LK_X);
	open_owners(m, &w, 1);
	ok(lk_acquire(w, "a", LK_IS, NULL, &g));
	ok(lk_acquire(w, "b", LK_X, NULL, NULL));
	cr_expect_eq(h.n, 0);
	ok(lk_convert(w, g, LK_IX, NULL));
	cr_expect_eq(h.n, 1, "to have more of a while b is held");
	expect_pair(&h.event[0], "b", LK_X, "a", LK_IX);
	ok(lk_convert(w, g, LK_IS, NULL));
	ok(lk_release_all(w));
	ok(lk_acquire(w, "c", LK_S, NULL, NULL));
	ok(lk_acquire(w, "d", LK_X, NULL, NULL));
	ok(lk_acquire(w, "c", LK_S, NULL, NULL));
	cr_expect_eq(h.n, 1, "nothing more of c is wanted");
	ok(lk_acquire(w, "c", LK_X, NULL, NULL));
	cr_expect_eq(h.n, 2);
	expect_pair(&h.event[1], "d", LK_X, "c", LK_X);
	close_all(m, &w, 1);
}

Test(orders, by_handle_and_by_number)
{
	struct heard h;
	struct lk_manager *m = open_learning(&h, NULL);
	struct lk_resource *r;
	struct lk_owner *w;

	open_owners(m, &w, 1);
	ok(lk_resource_open(m, "db/h", &r));
	ok(lk_acquire_on(w, r, LK_X, NULL, NULL));
	ok(lk_acquire_id(w, 5, LK_X, NULL, NULL));
	ok(lk_release_all(w));
	ok(lk_acquire_id(w, 6, LK_X, NULL, NULL));
	ok(lk_acquire_on(w, r, LK_X, NULL, NULL));
	cr_assert_eq(h.n, 1);
	expect_pair(&h.event[0], "id #", LK_X, "db/h", LK_X);
	lk_resource_close(r);
	close_all(m, &w, 1);
}

Test(orders, of_parents_in_the_same_mode)
{
	struct lk_options o = { .size = sizeof(o), .flags = LK_PARENTS };
	struct heard h;
	struct lk_manager *m = open_learning(&h, NULL);
	struct lk_owner *w;

	in_order(m, "t", LK_S, "q", LK_X);
	open_owners(m, &w, 1);
	ok(lk_acquire(w, "q", LK_X, NULL, NULL));
	ok(lk_acquire(w, "t/1", LK_S, NULL, NULL));
	cr_expect_eq(h.n, 0, "IS on t agrees with S");
	ok(lk_release_name(w, "t/1", 3));
	ok(lk_acquire(w, "t/2", LK_X, &o, NULL));
	cr_assert_eq(h.n, 1, "X on t does not");
	expect_pair(&h.event[0], "q", LK_X, "t", LK_X);
	close_all(m, &w, 1);
}

/* Batches of owners that hold nothing else sort their names: no order of theirs is an inversion. */
Test(orders, of_batches_there_are_none)
{
	const struct lk_request one[] = { { "a", LK_X, 0, 0 }, { "b", LK_X, 0, 0 } };
	const struct lk_request two[] = { { "b", LK_X, 0, 0 }, { "a", LK_X, 0, 0 } };
	struct heard h;
	struct lk_manager *m = open_learning(&h, NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	ok(lk_acquire_many(w, one, 2, NULL, NULL));
	ok(lk_release_all(w));
	ok(lk_acquire_many(w, two, 2, NULL, NULL));
	cr_expect_eq(h.n, 0);
	close_all(m, &w, 1);
}

/* The ring has them too, whatever else it keeps. */
Test(orders, are_in_the_history)
{
	struct lk_manager *m = open_manager("memory:?debug_order=1");
	struct lk_event_filter f = LK_EVENT_FILTER_INIT;
	struct heard h = { 0 };

	in_order(m, "a", LK_X, "b", LK_X);
	in_order(m, "b", LK_X, "a", LK_X);
	f.kinds = LK_EVENT_ORDER;
	ok(lk_event_each(m, &f, hear, &h));
	cr_expect_eq(h.n, 1);
	ok(lk_close(m));
}

Test(orders, that_there_are_too_many_classes_is_said_once)
{
	struct heard h;
	struct lk_manager *m = open_learning(&h, NULL);
	struct lk_owner *w;
	char name[20];

	open_owners(m, &w, 1);
	ok(lk_acquire(w, "root", LK_X, NULL, NULL));
	for (unsigned i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "n%c%c", 'g' + i / 20, 'g' + i % 20);
		ok(lk_acquire(w, name, LK_X, NULL, NULL));
		ok(lk_release_name(w, name, strlen(name)));
	}
	cr_assert_eq(h.n, 1);
	cr_expect_eq(h.event[0].code, LK_E_LIMIT);
	cr_assert_eq(h.lines, 1);
	cr_expect_not_null(strstr(h.line[0], "too many classes"), "%s", h.line[0]);
	close_all(m, &w, 1);
}

/* ---------------------------------------------------------------------------- threads */

static void
in_turn(void *arg, unsigned index)
{
	static const char *const names[] = { "x", "y", "z" };
	struct lk_manager *m = arg;
	struct lk_owner *w;

	must(lk_owner_open(m, NULL, &w) == 0);
	for (unsigned i = 0; i < 200; i++) {
		struct lk_options o = { .size = sizeof(o), .timeout_ns = 1000 };
		unsigned first = (i + index) % 3;

		if (lk_acquire(w, names[first], LK_X, &o, NULL) == 0)
			(void)!lk_acquire(w, names[(first + 1) % 3], LK_X, &o, NULL);
		must(lk_release_all(w) == 0);
	}
	must(lk_owner_close(w) == 0);
}

static int
count_orders(void *arg, const struct lk_event *event)
{
	*(unsigned *)arg += event->kind == LK_EVENT_ORDER;
	return 0;
}

/* x before y before z before x: one ring of three classes, said once, whoever closes it. */
Test(orders, of_many_threads_at_once, .timeout = 120)
{
	struct lk_manager *m = open_manager("memory:?debug_order=1&events=order");
	unsigned orders = 0;

	test_threads(4, in_turn, m);
	ok(lk_event_each(m, NULL, count_orders, &orders));
	cr_expect_eq(orders, 1);
	ok(lk_close(m));
}
