/* SPDX-License-Identifier: MIT */
/* Answers that are lost, cut or late, between a store and its server. */
#include "stage.h"

enum { SHORT_NS = 200000000 };

static uint64_t
soon(void)
{
	return test_now() + SHORT_NS;
}

/* Wherever the answer, or the request, ends: it is made, and made once. */
static void
count_with_cuts(enum proxy_way way, const long *cuts, size_t n)
{
	struct lk_store *s;
	struct stage g;

	stage_make(&g, NULL);
	stage_make_proxy(&g);
	s = store_open(g.proxy_url);
	ok(count(s, "n", NEVER));
	for (size_t i = 0; i < n; i++) {
		const unsigned before = atomic_load(&g.proxy.cuts);

		proxy_set(&g.proxy, way, PROXY_CUT, cuts[i]);
		ok(count(s, "n", NEVER));
		cr_assert_eq(atomic_load(&g.proxy.cuts), before + 1, "nothing was cut");
		cr_assert_eq(counted(s, "n"), i + 2, "cut after %ld bytes", cuts[i]);
	}
	lk_store_close(s);
	stage_remove(&g);
}

Test(answers, that_are_cut_are_asked_for_again, .timeout = 60)
{
	static const long cuts[] = { 0, 1, 2, 3 }; /* it is ":1\r\n" */

	count_with_cuts(PROXY_ANSWERS, cuts, countof(cuts));
}

Test(answers, requests_that_are_cut_are_sent_again, .timeout = 60)
{
	static const long cuts[] = { 0, 1, 7, 50, 120, 200 };

	count_with_cuts(PROXY_REQUESTS, cuts, countof(cuts));
}

Test(answers, connections_that_are_reset_are_replaced, .timeout = 60)
{
	struct lk_store *s;
	struct stage g;

	stage_make(&g, NULL);
	stage_make_proxy(&g);
	s = store_open(g.proxy_url);
	for (unsigned i = 1; i <= 10; i++) {
		const unsigned before = atomic_load(&g.proxy.cuts);

		proxy_set(&g.proxy, i % 2 ? PROXY_REQUESTS : PROXY_ANSWERS, PROXY_RESET, 0);
		ok(count(s, "n", NEVER));
		cr_assert_eq(atomic_load(&g.proxy.cuts), before + 1);
		cr_assert_eq(counted(s, "n"), i);
	}
	lk_store_close(s);
	stage_remove(&g);
}

Test(answers, that_come_byte_by_byte, .timeout = 60)
{
	struct lk_store *s;
	struct stage g;

	stage_make(&g, NULL);
	stage_make_proxy(&g);
	proxy_set(&g.proxy, PROXY_REQUESTS, PROXY_DRIP, 0);
	proxy_set(&g.proxy, PROXY_ANSWERS, PROXY_DRIP, 0);
	s = store_open(g.proxy_url);
	for (unsigned i = 1; i <= 5; i++) {
		ok(count(s, "n", NEVER));
		cr_assert_eq(counted(s, "n"), i);
	}
	lk_store_close(s);
	stage_remove(&g);
}

/* Whatever is asked, the next connection goes on. */
Test(answers, all_calls_go_on_over_the_next_connection, .timeout = 60)
{
	const struct lk_session_id id = session_id(1), other = session_id(2);
	struct lk_store *s;
	uint64_t ns, clock;
	struct stage g;
	char who[32];

	stage_make(&g, NULL);
	stage_make_proxy(&g);
	s = store_open(g.proxy_url);
	ok(put_text(s, "n", "here"));
#define CUT proxy_set(&g.proxy, PROXY_ANSWERS, PROXY_CUT, 1)
	CUT;
	ok(s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER)); /* its own is found there */
	CUT;
	is(s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER), LK_E_INVAL);
	CUT;
	ok(s->ops->session_renew(s, &id, NEVER));
	CUT;
	cr_assert(is_alive(s, &id) && !is_alive(s, &other));
	CUT;
	ok(s->ops->session_who(s, &id, who, sizeof(who), NEVER));
	cr_assert_str_eq(who, "me");
	CUT;
	cr_assert(has_text(s, "n", "here"));
	CUT;
	ok(s->ops->now(s, &ns, &clock, NEVER));
	CUT;
	ok(s->ops->session_close(s, &id, NEVER));
#undef CUT
	proxy_cut_all(&g.proxy);
	cr_assert(!is_alive(s, &id));
	lk_store_close(s);
	stage_remove(&g);
}

/* No answer, and perhaps it was made: here it was. */
Test(answers, that_never_come_are_unknown, .timeout = 60)
{
	struct lk_store *s, *other;
	uint64_t unknown = 0;
	struct stage g;
	int rc;

	stage_make(&g, NULL);
	stage_make_proxy(&g);
	s = store_open(g.proxy_url);
	other = store_open(g.url);
	ok(count(s, "n", NEVER));
	proxy_set(&g.proxy, PROXY_ANSWERS, PROXY_SWALLOW, 0);
	rc = count(s, "n", soon());
	cr_assert(rc == LK_E_UNKNOWN || rc == LK_E_TIMEDOUT, "%s", lk_errname(rc));
	unknown += rc == LK_E_UNKNOWN;
	rc = get(s, "n", NULL, 0, soon()); /* who only looks always knows that he knows nothing */
	cr_assert(rc == LK_E_TIMEDOUT, "%s", lk_errname(rc));
	cr_assert(says(s, "not in time"));
	proxy_set(&g.proxy, PROXY_ANSWERS, PROXY_PASS, 0);
	wait_until(counted(other, "n") >= 1 + unknown);
	cr_assert_le(counted(other, "n"), 2);
	ok(count(s, "n", NEVER));
	lk_store_close(s);
	lk_store_close(other);
	stage_remove(&g);
}

/* Have a request of ours wait on its way, let `meanwhile` happen, and let it arrive. */
static void
arrive_late(struct stage *g, struct lk_store *s, int (*ask)(struct lk_store *s, uint64_t until),
	    void (*meanwhile)(struct lk_store *other))
{
	struct lk_store *other = store_open(g->url);
	long long asked;
	int rc;

	do { /* until it is on its way when time is over */
		proxy_set(&g->proxy, PROXY_REQUESTS, PROXY_PASS, 0);
		cr_assert_ge(get(s, "warm", NULL, 0, NEVER), 0);
		proxy_set(&g->proxy, PROXY_REQUESTS, PROXY_HOLD, 0);
		rc = ask(s, soon());
		cr_assert(rc == LK_E_UNKNOWN || rc == LK_E_TIMEDOUT, "%s", lk_errname(rc));
	} while (rc != LK_E_UNKNOWN);
	meanwhile(other);
	asked = server_info(&g->server, "cmdstat_evalsha:calls=");
	proxy_set(&g->proxy, PROXY_REQUESTS, PROXY_PASS, 0);
	wait_until(server_info(&g->server, "cmdstat_evalsha:calls=") > asked);
	lk_store_close(other);
}

static int
count_n(struct lk_store *s, uint64_t until)
{
	return count(s, "n", until);
}

static void
count_two(struct lk_store *other)
{
	ok(count(other, "n", NEVER));
	ok(count(other, "n", NEVER));
}

/* (RD1) */
Test(answers, a_request_that_arrives_late_is_not_made_over_others, .timeout = 60)
{
	struct lk_store *s;
	struct stage g;

	stage_make(&g, NULL);
	stage_make_proxy(&g);
	s = store_open(g.proxy_url);
	ok(count(s, "n", NEVER));
	arrive_late(&g, s, count_n, count_two);
	cr_assert_eq(counted(s, "n"), 3);
	lk_store_close(s);
	stage_remove(&g);
}

static int
make_n(struct lk_store *s, uint64_t until)
{
	return put(s, "n", "late", 4, until);
}

static void
make_and_remove(struct lk_store *other)
{
	ok(put_text(other, "n", "other"));
	ok(put(other, "n", NULL, 0, NEVER));
}

/* … nor where a record was, and is not any more: that is not "as it was".  (RD2) */
Test(answers, a_request_that_arrives_late_makes_nothing_that_was_removed, .timeout = 60)
{
	struct lk_store *s;
	struct stage g;

	stage_make(&g, NULL);
	stage_make_proxy(&g);
	s = store_open(g.proxy_url);
	ok(put_text(s, "n",
		    "there")); /* so that what is known of it is "none, after one removal" */
	ok(put(s, "n", NULL, 0, NEVER));
	cr_assert_eq(get(s, "n", NULL, 0, NEVER), 0);
	arrive_late(&g, s, make_n, make_and_remove);
	cr_assert_eq(get(s, "n", NULL, 0, NEVER), 0);
	lk_store_close(s);
	stage_remove(&g);
}

/* --------------------------------------------------------------------------- what is known */

static void
count_each(struct lk_store *s, unsigned n)
{
	char name[16];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "name %u", i);
		ok(count(s, name, NEVER));
	}
}

/* Of what it has written itself a store need not read anything, also if there is a lot of it. */
Test(answers, that_are_remembered_are_not_asked_for, .timeout = 60)
{
	enum { NAMES = 2000 };
	struct lk_store *s;
	struct stage g;

	stage_make(&g, NULL);
	s = store_open(g.socket_url);
	count_each(s, NAMES);
	server_do(&g.server, "CONFIG RESETSTAT");
	count_each(s, NAMES);
	cr_assert_eq(server_info(&g.server, "cmdstat_evalsha:calls="), NAMES);
	cr_assert_eq(server_info(&g.server, "cmdstat_mget:calls="),
		     NAMES); /* each sees all at once */
	lk_store_close(s);
	stage_remove(&g);
}

/* ------------------------------------------------------------------------------ at random */

/* Every count that was answered counts once; one that was not, once or not at all; one that failed, not. */
Test(answers, among_random_cuts_nothing_is_lost_or_made_twice, .timeout = 120)
{
	struct stage g;

	stage_make(&g, NULL);
	stage_make_proxy(&g);
	chaos_run(&g, g.proxy_url);
	stage_remove(&g);
}
