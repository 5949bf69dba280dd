/* SPDX-License-Identifier: MIT */
/* Detached grants in a store: whoever has the token has them, in whichever process.  (DT1-DT3) */
#include "pair.h"

static void
detach(struct lk_manager *m, const char *name, lk_mode mode, uint64_t lease_ns,
       char token[LK_TOKEN_MAX])
{
	const struct lk_options o = { .size = sizeof(o),
				      .timeout_ns = 60 * SECOND,
				      .lease_ns = lease_ns };

	ok(lk_detach(m, name, mode, &o, token, LK_TOKEN_MAX));
	cr_assert(strncmp(token, "lk2-", 4) == 0 && strlen(token) == LK_TOKEN_MAX - 1);
}

#define HOUR (3600 * SECOND)

static void
hand_on(struct pair *p)
{
	struct lk_token_info info = { .size = sizeof(info) };
	char token[LK_TOKEN_MAX];
	lk_grant g;

	detach(p->m[0], "a/b", LK_X, HOUR, token);
	for (int i = 0; i < 2; i++) { /* the owners of whoever took it are others too */
		is(lk_try_acquire(p->w[i][0], "a/b", LK_IS, &g), LK_E_BUSY);
		give(p->w[i][0], get(p->w[i][0], "a", LK_IX));
		is(lk_try_acquire(p->w[i][0], "a", LK_S, &g), LK_E_BUSY);
		ok(lk_token_check(p->m[i], token));
		ok(lk_token_renew(p->m[i], token, 0));
	}
	ok(lk_token_parse(token, &info));
	ok(lk_token_release(p->m[1], token));
	for (int i = 0; i < 2; i++) {
		is(lk_token_check(p->m[i], token), LK_E_STALE);
		is(lk_token_renew(p->m[i], token, 0), LK_E_STALE);
		is(lk_token_release(p->m[i], token), LK_E_STALE);
	}
	g = get(p->w[0][0], "a/b", LK_X);
	cr_expect_gt(lk_fence(p->w[0][0], g), info.fence);
	give(p->w[0][0], g);
	give(p->w[1][0], get(p->w[1][0], "a", LK_X));
}

static void
in_each(void (*test)(struct pair *p))
{
	for (int store = 0; store < PAIR_STORES; store++) {
		struct pair p;

		pair_open(&p, store, "");
		test(&p);
		pair_close(&p);
	}
}

/* Of all that is done by a token; the name of the same bytes is another. */
static void
hand_on_a_number(struct pair *p)
{
	const uint64_t id = UINT64_C(0x2f31312f31312f31); /* its bytes would have ancestors */
	const struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT, .lease_ns = HOUR };
	const struct lk_options o = { .size = sizeof(o),
				      .timeout_ns = 60 * SECOND,
				      .lease_ns = HOUR };
	struct lk_record_info info = { .size = sizeof(info) };
	char token[LK_TOKEN_MAX], other[LK_TOKEN_MAX];
	lk_grant g;

	ok(lk_acquire_id(p->w[0][0], id, LK_X, &o, &g)); /* which is kept there */
	give(p->w[0][0], g);
	ok(lk_detach_id(p->m[1], id, LK_X, &o, token, sizeof(token)));
	for (int i = 0; i < 2; i++) {
		is(lk_acquire_id(p->w[i][0], id, LK_IS, &now, &g), LK_E_BUSY);
		give(p->w[i][0], get(p->w[i][0], "1/11/11/", LK_X));
		ok(lk_token_check(p->m[i], token));
		ok(lk_token_renew(p->m[i], token, 0));
	}
	is(lk_detach_id(p->m[0], id, LK_S, &now, other, sizeof(other)), LK_E_BUSY);
	ok(lk_record_info_id(p->m[0], id, &info));
	cr_expect_eq(info.holders, 1);
	ok(lk_token_release(p->m[0], token));
	is(lk_token_check(p->m[1], token), LK_E_STALE);
	ok(lk_acquire_id(p->w[0][0], id, LK_X, &o, &g));
	give(p->w[0][0], g);
}

Test(abroad_detach, a_name_that_is_a_number, .timeout = 60)
{
	in_each(hand_on_a_number);
}

Test(abroad_detach, whoever_has_the_token_releases_it, .timeout = 60)
{
	in_each(hand_on);
}

static void
close_first(struct pair *p)
{
	char token[LK_TOKEN_MAX];
	lk_grant g;

	detach(p->m[0], "n", LK_S, HOUR, token);
	close_all(p->m[0], p->w[0], 2);
	give(p->w[1][0], get(p->w[1][0], "n", LK_S));
	is(lk_try_acquire(p->w[1][0], "n", LK_X, &g), LK_E_BUSY);
	p->m[0] = pair_open_one(p, 0, "");
	open_owners(p->m[0], p->w[0], 2);
	ok(lk_token_check(p->m[0], token));
	ok(lk_token_release(p->m[0], token));
	give(p->w[1][0], get(p->w[1][0], "n", LK_X));
}

Test(abroad_detach, outlives_the_manager_that_took_it, .timeout = 60)
{
	struct pair p;

	pair_open(&p, 0, "");
	close_first(&p);
	pair_close(&p);
	pair_open(&p, 1, "");
	close_first(&p);
	pair_close(&p);
}

Test(abroad_detach, outlives_a_process_that_is_killed, .timeout = 60)
{
	char token[LK_TOKEN_MAX];
	struct pair p;

	pair_open(&p, 0, "");
	detach(p.m[0], "a/b", LK_X, HOUR, token);
	ok(lk_test_store_crash("pair", "a"));
	is(lk_try_acquire(p.w[1][0], "a/b", LK_S, NULL), LK_E_BUSY);
	ok(lk_token_renew(p.m[1], token, HOUR));
	ok(lk_token_release(p.m[1], token));
	give(p.w[1][0], get(p.w[1][0], "a/b", LK_X));
	pair_close(&p);
}

/* By the clock of the store. */
Test(abroad_detach, ends_with_its_lease, .timeout = 60)
{
	char token[LK_TOKEN_MAX];
	struct lk_grant_info info;
	struct pair p;
	lk_grant g;

	pair_open(&p, 0, "");
	detach(p.m[0], "n", LK_X, HOUR, token);
	ok(lk_test_store_step("pair", HOUR / 10 * 9));
	is(lk_token_check(p.m[0], token), LK_E_SUSPECT);
	ok(lk_token_renew(p.m[1], token, 0));
	ok(lk_token_check(p.m[0], token));
	ok(lk_token_renew(p.m[0], token, 2 * HOUR));
	ok(lk_test_store_step("pair", HOUR + HOUR / 10));
	ok(lk_token_check(p.m[0], token));
	ok(lk_test_store_step("pair", HOUR));
	g = get(p.w[1][0], "n", LK_X);
	info = grant_info(p.w[1][0], g);
	cr_expect(info.flags & LK_OWNER_DIED, "it was not released");
	is(lk_token_check(p.m[1], token), LK_E_LOST);
	is(lk_token_renew(p.m[1], token, 0), LK_E_LOST);
	is(lk_token_release(p.m[0], token), LK_E_LOST);
	is(lk_token_release(p.m[1], token), LK_E_STALE);
	give(p.w[1][0], g);
	pair_close(&p);
}

static void
expire(struct pair *p)
{
	char token[LK_TOKEN_MAX];

	detach(p->m[0], "n", LK_X, 1000000, token);
	give(p->w[1][0], get(p->w[1][0], "n", LK_X)); /* once it is over */
	is(lk_token_check(p->m[0], token), LK_E_LOST);
	ok(lk_sweep(p->m[1], NULL));
	is(lk_token_check(p->m[0], token), LK_E_STALE);
}

Test(abroad_detach, what_is_over_is_swept_away, .timeout = 60)
{
	in_each(expire);
}

/* One after the other, through the line of the store. */
static void
wait_in_turn(struct pair *p)
{
	const struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT, .lease_ns = HOUR };
	const struct lk_options brief = { .size = sizeof(now),
					  .timeout_ns = 30000000,
					  .lease_ns = HOUR };
	char token[LK_TOKEN_MAX], other[LK_TOKEN_MAX];
	lk_grant g;

	give(p->w[1][0], get(p->w[1][0], "a/b/c", LK_X)); /* which is kept there */
	give(p->w[0][0], get(p->w[0][0], "x", LK_X));     /* … and here */
	detach(p->m[0], "x", LK_X, HOUR, token);
	ok(lk_token_release(p->m[0], token));
	detach(p->m[0], "a/b/c", LK_X, HOUR, token);
	is(lk_detach(p->m[1], "a", LK_S, &now, other, sizeof(other)), LK_E_BUSY);
	is(lk_detach(p->m[1], "a/b/c", LK_IS, &brief, other, sizeof(other)), LK_E_TIMEDOUT);
	cr_expect_str_eq(other, "");
	ok(lk_token_release(p->m[0], token));
	g = get(p->w[0][0], "a/b", LK_S);
	is(lk_detach(p->m[0], "a/b/c", LK_X, &brief, token, sizeof(token)), LK_E_TIMEDOUT);
	detach(p->m[1], "a/b/c", LK_S, HOUR, token);
	give(p->w[0][0], g);
	ok(lk_token_release(p->m[1], token));
	give(p->w[0][0], get(p->w[0][0], "a", LK_X)); /* nothing is left of any */
}

Test(abroad_detach, waits_like_anybody, .timeout = 60)
{
	in_each(wait_in_turn);
}

struct taker {
	pthread_t thread;
	struct lk_manager *m;
	atomic_int *inside;
};

static void *
take_often(void *arg)
{
	const struct taker *t = arg;
	const struct lk_options o = { .size = sizeof(o),
				      .timeout_ns = 120 * SECOND,
				      .lease_ns = HOUR };

	for (int i = 0; i < 15; i++) {
		char token[LK_TOKEN_MAX];
		int rc;

		must(lk_detach(t->m, "hot/row", LK_X, &o, token, sizeof(token)) == 0);
		must(atomic_fetch_add(t->inside, 1) == 0);
		must(atomic_fetch_sub(t->inside, 1) == 1);
		do {
			rc = lk_token_release(t->m, token);
		} while (rc == LK_E_UNKNOWN || rc == LK_E_STORE);
		must(rc == 0 || rc == LK_E_STALE); /* an answer was lost */
	}
	return NULL;
}

/* Owners beside them. */
static void *
lock_often(void *arg)
{
	struct taker *t = arg;
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = 120 * SECOND };
	struct lk_owner *w;

	must(lk_owner_open(t->m, NULL, &w) == 0);
	for (int i = 0; i < 40; i++) {
		lk_grant g;

		must(lk_acquire(w, i % 3 == 0 ? "hot" : "hot/row", LK_X, &o, &g) == 0);
		must(atomic_fetch_add(t->inside, 1) == 0);
		must(atomic_fetch_sub(t->inside, 1) == 1);
		must(lk_release(w, g) == 0);
	}
	must(lk_owner_close(w) == 0);
	return NULL;
}

static void
crowd(struct pair *p)
{
	atomic_int inside = 0;
	struct taker t[4];

	for (int i = 0; i < 4; i++) {
		t[i] = (struct taker){ .m = p->m[i % 2], .inside = &inside };
		cr_assert_eq(pthread_create(&t[i].thread, NULL, i < 2 ? take_often : lock_often,
					    &t[i]),
			     0);
	}
	for (int i = 0; i < 4; i++)
		cr_assert_eq(pthread_join(t[i].thread, NULL), 0);
}

Test(abroad_detach, one_at_a_time_among_owners, .timeout = 300)
{
	in_each(crowd);
}

Test(abroad_detach, answers_that_are_lost_change_nothing, .timeout = 300)
{
	struct pair p;

	pair_open(&p, 0, "");
	pair_faults(NULL, (struct lk_test_faults){
				  .seed = 3, .lose_before = 50, .lose_after = 100, .again = 200 });
	crowd(&p);
	pair_faults(NULL, (struct lk_test_faults){ .seed = 1 });
	pair_close(&p);
}

Test(abroad_detach, a_store_that_does_not_answer_says_so, .timeout = 60)
{
	const struct lk_options o = { .size = sizeof(o), .lease_ns = HOUR };
	char token[LK_TOKEN_MAX], other[LK_TOKEN_MAX];
	struct pair p;

	pair_open(&p, 0, "");
	detach(p.m[0], "n", LK_X, HOUR, token);
	pair_cut("a", true);
	is(lk_detach(p.m[0], "m", LK_X, &o, other, sizeof(other)), LK_E_STORE);
	is(lk_token_check(p.m[0], token), LK_E_STORE);
	is(lk_token_renew(p.m[0], token, 0), LK_E_STORE);
	is(lk_token_release(p.m[0], token), LK_E_STORE);
	pair_cut("a", false);
	ok(lk_token_release(p.m[0], token));
	pair_close(&p);
}

Test(abroad_detach, a_token_that_was_changed_is_nobody_s, .timeout = 60)
{
	char token[LK_TOKEN_MAX];
	struct pair p;

	pair_open(&p, 0, "");
	detach(p.m[0], "n", LK_X, HOUR, token);
	for (size_t i = 4; i < LK_TOKEN_MAX - 1; i += 5) {
		const char was = token[i];

		if (was == '-')
			continue;
		token[i] = was == '0' ? '1' : '0';
		is(lk_token_check(p.m[0], token), LK_E_STALE);
		is(lk_token_release(p.m[0], token), LK_E_STALE);
		token[i] = was;
	}
	ok(lk_token_release(p.m[0], token));
	pair_close(&p);
}

Test(abroad_detach, names_have_so_many_levels, .timeout = 60)
{
	const struct lk_options o = { .size = sizeof(o), .lease_ns = HOUR };
	char token[LK_TOKEN_MAX], name[64];
	struct pair p;

	pair_open(&p, 0, "");
	for (int i = 0; i < 31; i++)
		memcpy(name + 2 * i, "a/", 3);
	name[61] = '\0';
	is(lk_detach(p.m[0], name, LK_X, &o, token, sizeof(token)), LK_E_LIMIT);
	name[59] = '\0';
	ok(lk_detach(p.m[0], name, LK_X, &o, token, sizeof(token)));
	is(lk_try_acquire(p.w[0][0], "a", LK_S, NULL), LK_E_BUSY);
	ok(lk_token_release(p.m[1], token));
	pair_close(&p);
}

Test(abroad_detach, without_memory, .timeout = 60)
{
	const struct lk_options o = { .size = sizeof(o), .lease_ns = HOUR };
	struct lk_config cfg = LK_CONFIG_INIT;
	char token[LK_TOKEN_MAX];
	struct test_heap heap;
	struct lk_manager *m;
	int rc;

	test_heap_init(&heap);
	cfg.allocator = &heap.allocator;
	ok(lk_open("test:heapdetach", &cfg, &m));
	for (uint32_t at = 1;; at++) {
		test_heap_fail(&heap, at, false);
		rc = lk_detach(m, "a/b", LK_X, &o, token, sizeof(token));
		test_heap_fail(&heap, 0, false);
		if (rc == 0)
			break;
		is(rc, LK_E_NOMEM);
	}
	for (uint32_t at = 1;; at++) {
		test_heap_fail(&heap, at, false);
		rc = lk_token_release(m, token);
		test_heap_fail(&heap, 0, false);
		if (rc == 0)
			break;
		is(rc, LK_E_NOMEM);
	}
	ok(lk_close(m));
	cr_expect_eq(heap.bytes, 0);
}

Test(abroad_detach, a_shutdown_ends_the_wait, .timeout = 60)
{
	const struct lk_options o = { .size = sizeof(o), .lease_ns = HOUR };
	char token[LK_TOKEN_MAX];
	struct pair p;
	lk_grant g;

	pair_open(&p, 0, "");
	g = get(p.w[0][0], "n", LK_X);
	ok(lk_shutdown(p.m[1], NULL));
	is(lk_detach(p.m[1], "n", LK_X, &o, token, sizeof(token)), LK_E_CLOSED);
	give(p.w[0][0], g);
	pair_close(&p);
}

/* ---------------------------------------------------------------------------- leases */

/* The lease of a grant here is over: then, and not before, others have the name. */
static void
lease_ends(struct pair *p, uint64_t delay_ns)
{
	const struct lk_options o = { .size = sizeof(o), .lease_ns = 20000000 };
	struct lk_grant_info info = { .size = sizeof(info) };
	struct timespec t;
	uint64_t now;
	lk_grant g, h;

	ok(lk_acquire(p->w[0][0], "a/b", LK_X, &o, &g));
	while (lk_grant_info(p->w[0][0], g, &info) == LK_E_LOST) { /* before we looked: once more */
		is(lk_release(p->w[0][0], g), LK_E_LOST);
		ok(lk_acquire(p->w[0][0], "a/b", LK_X, &o, &g));
	}
	h = get(p->w[1][0], "a/b", LK_X);
	clock_gettime(CLOCK_BOOTTIME, &t);
	now = (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
	cr_expect_ge(now, info.lease_ends_ns + delay_ns);
	cr_expect_gt(lk_fence(p->w[1][0], h), info.fence);
	is(lk_release(p->w[0][0], g), LK_E_LOST);
	give(p->w[1][0], h);
}

Test(abroad_lease, others_have_it_when_the_lease_is_over, .timeout = 60)
{
	for (int store = 0; store < PAIR_STORES; store++) {
		struct pair p;

		pair_open(&p, store, "");
		lease_ends(&p, 0);
		pair_close(&p);
		pair_open(&p, store, "&lock_delay_ns=30ms");
		lease_ends(&p, 30000000);
		pair_close(&p);
	}
}

Test(abroad_lease, a_renewed_one_is_held, .timeout = 60)
{
	const struct lk_options o = { .size = sizeof(o), .lease_ns = 3600 * SECOND };
	struct pair p;
	lk_grant g;

	pair_open(&p, 0, "");
	ok(lk_acquire(p.w[0][0], "n", LK_X, &o, &g));
	ok(lk_renew(p.w[0][0], g, 0));
	is(lk_try_acquire(p.w[1][0], "n", LK_S, NULL), LK_E_BUSY);
	give(p.w[0][0], g);
	give(p.w[1][0], get(p.w[1][0], "n", LK_S));
	pair_close(&p);
}
