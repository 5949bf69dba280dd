/* SPDX-License-Identifier: MIT */
/* The breaker in front of a store that answers what the test says, on a clock that the test sets. */
#include "remote/breaker.h"

#include "harness.h"

#define SECOND UINT64_C(1000000000)

/* A store of which only the answers matter. */
struct puppet {
	struct lk_store store;
	int rc;     /* of all calls */
	unsigned n; /* calls so far */
	struct breaker *b;
	const char
		*inner; /* a name that is asked for while the next call is on its way; NULL: none */
	int inner_rc;
};

struct stage {
	struct test_world world;
	struct env env;
	struct puppet p;
	struct breaker *b;
	unsigned n_opened; /* times that it was told */
};

static int ask(struct breaker *b, const char *name);

static int
play(struct lk_store *s)
{
	struct puppet *p = container_of(s, struct puppet, store);
	const char *inner = p->inner;

	p->n++;
	p->inner = NULL;
	if (inner != NULL)
		p->inner_rc = ask(p->b, inner);
	return p->rc;
}

static int
update(struct lk_store *s, struct lk_store_record *r, size_t n, lk_store_change_fn *fn, void *arg,
       uint64_t deadline_ns)
{
	(void)r, (void)n, (void)fn, (void)arg, (void)deadline_ns;
	return play(s);
}

static int
scan(struct lk_store *s, const void *prefix, size_t len, lk_store_each_fn *fn, void *arg,
     uint64_t deadline_ns)
{
	(void)prefix, (void)len, (void)fn, (void)arg, (void)deadline_ns;
	return play(s);
}

static int
renew(struct lk_store *s, const struct lk_session_id *id, uint64_t deadline_ns)
{
	(void)id, (void)deadline_ns;
	return play(s);
}

static size_t
error(struct lk_store *s, char *buf, size_t cap)
{
	(void)s;
	return (size_t)snprintf(buf, cap, "the cable is out");
}

static void
close_store(struct lk_store *s)
{
	(void)s;
}

static const struct lk_store_ops ops = {
	.scheme = "puppet",
	.close = close_store,
	.update = update,
	.read = update,
	.scan = scan,
	.session_renew = renew,
	.session_close = renew,
	.error = error,
};

static void
told(void *arg)
{
	((struct stage *)arg)->n_opened++;
}

static void
begin(struct stage *s, uint64_t threshold, uint64_t max_entries)
{
	const struct breaker_limits limits = { threshold, 30 * SECOND, max_entries };

	memset(s, 0, sizeof(*s));
	test_world_init(&s->world);
	s->world.manual = true;
	s->world.time_ns = SECOND;
	env_init(&s->env, NULL, &s->world.environment);
	s->p.store.ops = &ops;
	s->b = breaker_open(&s->env, &s->p.store, "redis://app:secret@cache:6380/2?x=y", &limits);
	cr_assert_not_null(s->b);
	s->p.b = s->b;
	breaker_watch(s->b, told, s);
}

static void
end(struct stage *s)
{
	s->b->store.ops->close(&s->b->store);
}

/* Of a lock by that name. */
static int
ask(struct breaker *b, const char *name)
{
	char text[256];
	struct lk_store_record r[2] = { { .name = text }, { .name = "f", .len = 1 } };

	r[0].len = (size_t)snprintf(text, sizeof(text), "n%s", name);
	return b->store.ops->update(&b->store, r, 2, NULL, NULL, UINT64_MAX);
}

/* Its answer is `rc`. */
static void
answers(struct stage *s, const char *name, int rc)
{
	const unsigned n = s->p.n;

	s->p.rc = rc;
	cr_assert_eq(ask(s->b, name), rc);
	cr_assert_eq(s->p.n, n + 1);
}

/* The store is not asked. */
static void
refuses(struct stage *s, const char *name)
{
	const unsigned n = s->p.n;

	cr_assert_eq(ask(s->b, name), LK_E_BREAKER);
	cr_assert_eq(s->p.n, n);
}

static struct lk_breaker
status(const struct stage *s, const char *name)
{
	struct lk_breaker out;

	breaker_read(s->b, name, name != NULL ? strlen(name) : 0, &out);
	return out;
}

static void
is_in(const struct stage *s, const char *name, enum lk_breaker_state state)
{
	const struct lk_breaker is = status(s, name);

	cr_assert_eq(is.state, state, "%s", lk_breakername(is.state));
}

static void
fails(struct stage *s, const char *name, int times)
{
	for (int i = 0; i < times; i++)
		answers(s, name, LK_E_STORE);
}

static void
passes(struct stage *s, uint64_t ns)
{
	test_world_advance(&s->world, ns);
}

Test(remote_breaker, opens_after_so_many_failures_in_a_row)
{
	struct stage s;

	begin(&s, 3, 10);
	fails(&s, "a", 2);
	answers(&s, "b", 0);
	fails(&s, "b", 2);
	is_in(&s, NULL, LK_BREAKER_CLOSED);
	cr_expect_eq(s.n_opened, 0);
	answers(&s, "c", LK_E_UNKNOWN);
	is_in(&s, NULL, LK_BREAKER_OPEN);
	cr_expect_eq(s.n_opened, 1);
	refuses(&s, "d");
	cr_expect_eq(status(&s, NULL).failures, 3);
	cr_expect_eq(status(&s, NULL).refused, 1);
	cr_expect_eq(status(&s, NULL).opened, 1);
	cr_expect_eq(status(&s, NULL).last_code, LK_E_UNKNOWN);
	cr_expect_eq(status(&s, NULL).next_attempt_ns, 30 * SECOND);
	end(&s);
}

Test(remote_breaker, takes_contention_and_refusals_for_no_failures)
{
	static const int codes[] = { LK_E_BUSY,  LK_E_TIMEDOUT, LK_E_NOMEM, LK_E_CORRUPT,
				     LK_E_LIMIT, LK_E_PERM,     LK_E_INVAL, 9001 };
	struct stage s;

	begin(&s, 1, 10);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		answers(&s, "a", codes[i]);
	is_in(&s, NULL, LK_BREAKER_CLOSED);
	cr_expect_eq(status(&s, NULL).failures, 0);
	cr_expect_eq(status(&s, NULL).last_failure_ns, LK_OFF);
	end(&s);
}

/* What ran out of its own time says nothing, not even that the failures before it are over. */
Test(remote_breaker, is_not_closed_by_who_ran_out_of_time)
{
	struct stage s;

	begin(&s, 3, 10);
	fails(&s, "a", 2);
	answers(&s, "a", LK_E_TIMEDOUT);
	fails(&s, "a", 1);
	is_in(&s, NULL, LK_BREAKER_OPEN);
	end(&s);
}

Test(remote_breaker, lets_one_probe_go_and_is_closed_by_it)
{
	struct stage s;

	begin(&s, 2, 10);
	fails(&s, "a", 2);
	passes(&s, 30 * SECOND - 1);
	refuses(&s, "a");
	passes(&s, 1);
	is_in(&s, NULL, LK_BREAKER_HALF_OPEN);
	s.p.inner = "b"; /* another, while it is on its way */
	s.p.rc = 0;
	cr_assert_eq(ask(s.b, "a"), 0);
	cr_assert_eq(s.p.inner_rc, LK_E_BREAKER);
	is_in(&s, NULL, LK_BREAKER_CLOSED);
	answers(&s, "b", 0);
	end(&s);
}

Test(remote_breaker, is_open_for_as_long_again_after_a_probe_that_fails)
{
	static const int codes[] = { LK_E_STORE, LK_E_UNKNOWN, LK_E_TIMEDOUT };
	struct stage s;

	begin(&s, 2, 10);
	fails(&s, "a", 2);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		passes(&s, 30 * SECOND);
		answers(&s, "b", codes[i]);
		is_in(&s, NULL, LK_BREAKER_OPEN);
		cr_expect_eq(status(&s, NULL).next_attempt_ns, 30 * SECOND);
		refuses(&s, "b");
	}
	cr_expect_eq(status(&s, NULL).opened, 1);
	cr_expect_eq(s.n_opened, 1);
	end(&s);
}

/* Whoever was on his way when it opened says nothing about what is now. */
Test(remote_breaker, hears_no_answers_of_before_it_opened)
{
	struct stage s;

	begin(&s, 1, 10);
	s.p.rc = LK_E_STORE;
	s.p.inner = "b"; /* opens it */
	cr_assert_eq(ask(s.b, "a"), LK_E_STORE);
	cr_expect_eq(status(&s, NULL).failures, 1);
	is_in(&s, NULL, LK_BREAKER_OPEN);
	end(&s);
}

Test(remote_breaker, lets_heartbeats_go_and_tries_again_when_one_is_answered)
{
	const struct lk_session_id id = { { 1 } };
	struct stage s;

	begin(&s, 2, 10);
	s.p.rc = LK_E_STORE; /* they count as well */
	cr_assert_eq(s.b->store.ops->session_renew(&s.b->store, &id, UINT64_MAX), LK_E_STORE);
	fails(&s, "a", 1);
	is_in(&s, NULL, LK_BREAKER_OPEN);
	cr_assert_eq(s.b->store.ops->session_renew(&s.b->store, &id, UINT64_MAX), LK_E_STORE);
	is_in(&s, NULL, LK_BREAKER_OPEN);
	refuses(&s, "a");
	s.p.rc = LK_E_LOST;
	cr_assert_eq(s.b->store.ops->session_renew(&s.b->store, &id, UINT64_MAX), LK_E_LOST);
	is_in(&s, NULL, LK_BREAKER_HALF_OPEN);
	answers(&s, "a", LK_E_STORE); /* it answers, and cannot write */
	is_in(&s, NULL, LK_BREAKER_OPEN);
	end(&s);
}

/* A scan may take long: the one that is a probe is a small read before it. */
Test(remote_breaker, sends_something_small_before_a_scan)
{
	struct stage s;

	begin(&s, 1, 10);
	fails(&s, "a", 1);
	cr_assert_eq(s.b->store.ops->scan(&s.b->store, NULL, 0, NULL, NULL, UINT64_MAX),
		     LK_E_BREAKER);
	passes(&s, 30 * SECOND);
	s.p.n = 0;
	cr_assert_eq(s.b->store.ops->scan(&s.b->store, NULL, 0, NULL, NULL, UINT64_MAX),
		     LK_E_STORE);
	cr_expect_eq(s.p.n, 1);
	passes(&s, 30 * SECOND);
	s.p.rc = 0;
	cr_assert_eq(s.b->store.ops->scan(&s.b->store, NULL, 0, NULL, NULL, UINT64_MAX), 0);
	cr_expect_eq(s.p.n, 3);
	is_in(&s, NULL, LK_BREAKER_CLOSED);
	end(&s);
}

/* ------------------------------------------------------------------------- names */

/* One name fails, and the store answers for others in between. */
static void
spoil(struct stage *s, const char *name, int times)
{
	for (int i = 0; i < times; i++) {
		fails(s, name, 1);
		answers(s, "good", 0);
	}
}

Test(remote_breaker, opens_for_a_name_that_fails_alone)
{
	struct stage s;

	begin(&s, 3, 10);
	spoil(&s, "bad", 3);
	is_in(&s, NULL, LK_BREAKER_CLOSED);
	is_in(&s, "bad", LK_BREAKER_OPEN);
	cr_expect_eq(status(&s, "bad").failures, 3);
	refuses(&s, "bad");
	answers(&s, "good", 0);
	passes(&s, 30 * SECOND);
	s.p.rc = 0;
	s.p.inner = "bad";
	cr_assert_eq(ask(s.b, "bad"), 0);
	cr_assert_eq(s.p.inner_rc, LK_E_BREAKER);
	is_in(&s, "bad", LK_BREAKER_CLOSED);
	cr_expect_eq(status(&s, "bad").failures, 0);
	end(&s);
}

/* That the store failed is not held against its names. */
Test(remote_breaker, forgets_names_that_failed_with_the_store)
{
	struct stage s;

	begin(&s, 2, 10);
	fails(&s, "a", 2);
	is_in(&s, NULL, LK_BREAKER_OPEN);
	is_in(&s, "a", LK_BREAKER_CLOSED);
	cr_expect_eq(status(&s, "a").failures, 2);
	passes(&s, 30 * SECOND);
	answers(&s, "b", 0);
	cr_expect_eq(status(&s, "a").failures, 0);
	fails(&s, "a", 1);
	is_in(&s, "a", LK_BREAKER_CLOSED);
	end(&s);
}

Test(remote_breaker, keeps_open_names_and_so_many_others)
{
	struct stage s;
	char name[16];

	begin(&s, 2, 4);
	spoil(&s, "bad", 2);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		spoil(&s, name, 1);
		cr_assert_le(s.b->n_names, 4);
		is_in(&s, "bad", LK_BREAKER_OPEN);
	}
	cr_expect_eq(status(&s, "99").failures, 1);
	cr_expect_eq(status(&s, "97").failures, 1);
	cr_expect_eq(status(&s, "96").failures, 0, "it failed longest ago");
	for (int i = 0; i < 3; i++) {
		(void)snprintf(name, sizeof(name), "bad%d", i);
		spoil(&s, name, 2);
		is_in(&s, name, LK_BREAKER_OPEN);
	}
	spoil(&s, "late", 2); /* there is no room to count it */
	is_in(&s, "late", LK_BREAKER_CLOSED);
	is_in(&s, "bad", LK_BREAKER_OPEN);
	cr_expect_eq(s.b->n_names, 4);
	end(&s);
}

/* A probe for the store's sake that cannot go for its name's sake leaves the turn to others. */
Test(remote_breaker, leaves_the_probe_to_a_name_that_may_go)
{
	struct stage s;

	begin(&s, 2, 10);
	spoil(&s, "bad", 2);
	passes(&s, 20 * SECOND);
	fails(&s, "a", 2);
	is_in(&s, NULL, LK_BREAKER_OPEN);
	passes(&s, 10 * SECOND);
	s.p.rc = LK_E_STORE;
	breaker_reset(s.b, "nobody", 6);
	refuses(&s, "bad"); /* the store is open */
	passes(&s, 20 * SECOND);
	s.p.rc = 0;
	cr_assert_eq(ask(s.b, "bad"), 0);
	is_in(&s, NULL, LK_BREAKER_CLOSED);
	is_in(&s, "bad", LK_BREAKER_CLOSED);
	end(&s);
}

Test(remote_breaker, is_closed_by_hand)
{
	struct stage s;

	begin(&s, 2, 10);
	spoil(&s, "bad", 2);
	spoil(&s, "worse", 2);
	breaker_reset(s.b, "bad", 3);
	is_in(&s, "bad", LK_BREAKER_CLOSED);
	is_in(&s, "worse", LK_BREAKER_OPEN);
	fails(&s, "a", 2);
	is_in(&s, NULL, LK_BREAKER_OPEN);
	breaker_reset(s.b, NULL, 0);
	is_in(&s, NULL, LK_BREAKER_CLOSED);
	is_in(&s, "worse", LK_BREAKER_CLOSED);
	cr_expect_eq(s.b->n_names, 0);
	answers(&s, "worse", 0);
	end(&s);
}

Test(remote_breaker, never_opens_without_a_threshold)
{
	const struct breaker_limits off = { LK_OFF, SECOND, 2 };
	struct stage s;

	begin(&s, 2, 10);
	breaker_set(s.b, &off);
	fails(&s, "a", 20);
	is_in(&s, NULL, LK_BREAKER_CLOSED);
	cr_expect_eq(status(&s, NULL).failures, 20);
	end(&s);
}

/* ------------------------------------------------------------------------- in words */

Test(remote_breaker, says_which_store_and_when_and_no_secret)
{
	struct stage s;
	char words[256];
	size_t whole;

	begin(&s, 2, 10);
	cr_expect_str_eq(status(&s, NULL).store, "redis:cache:6380/2");
	(void)s.b->store.ops->error(&s.b->store, words, sizeof(words));
	cr_expect_str_eq(words, "the cable is out");
	fails(&s, "a", 2);
	passes(&s, 10 * SECOND);
	(void)s.b->store.ops->error(&s.b->store, words, sizeof(words));
	cr_expect_str_eq(words, "redis:cache:6380/2: 2 failures in a row, the last of them "
				"LK_E_STORE; asked again in 20s: the cable is out");
	whole = strlen(words);
	cr_expect_eq(s.b->store.ops->error(&s.b->store, words, 10), whole);
	cr_expect_str_eq(words, "redis:cac");
	end(&s);
}

Test(remote_breaker, lists_all_that_fail)
{
	struct stage s;
	struct lk_breaker *list;
	size_t n, size;

	begin(&s, 2, 10);
	spoil(&s, "one", 1);
	spoil(&s, "two", 2);
	list = breaker_list(s.b, &n, &size);
	cr_assert_not_null(list);
	cr_assert_eq(n, 3);
	cr_expect_null(list[0].name);
	cr_expect(list[1].name_len == 3 && memcmp(list[1].name, "two", 3) == 0);
	cr_expect_eq(list[1].state, LK_BREAKER_OPEN);
	cr_expect(list[2].name_len == 3 && memcmp(list[2].name, "one", 3) == 0);
	cr_expect_eq(list[2].failures, 1);
	env_free(&s.env, list, size);
	end(&s);
}
