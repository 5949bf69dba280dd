/* SPDX-License-Identifier: MIT */
/* Grants as text: what a token says, who may do what with it, and when it is worth nothing any more. */
#include "token.h"

/* -------------------------------------------------------------------------- the text */

Test(token, is_text_of_one_length)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w = lk_self(m);
	token_buf t;
	lk_grant g = take(w, "n", LK_X);

	token_of(w, g, t);
	cr_expect_eq(strlen(t), LK_TOKEN_MAX - 1);
	cr_expect_eq(strspn(t, "0123456789abcdefghijklmnopqrstuvwxyz-"), LK_TOKEN_MAX - 1);
	cr_expect_eq(strncmp(t, "lk1-", 4), 0);
	cr_expect_eq(parsed(t).fence, lk_fence(w, g));
	cr_expect_eq(parsed(t).grant, g);
	ok(lk_owner_close(w));
	ok(lk_close(m));
}

static int
note_row(void *arg, const struct lk_snapshot_row *row)
{
	*(uint64_t *)arg = row->owner_id;
	return 0;
}

Test(token, says_whose_grant_it_is)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	uint64_t id = 0;
	token_buf t;

	ok(lk_owner_open(m, NULL, &w));
	token_of(w, take(w, "n", LK_X), t);
	ok(lk_snapshot(m, note_row, &id));
	cr_expect_eq(parsed(t).owner_id, id);
	close_all(m, &w, 1);
}

Test(token, sorts_by_fence)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	token_buf before = "";
	token_buf t;

	open_owners(m, w, 2);
	for (int i = 0; i < 20; i++) {
		lk_grant g = take(w[i % 2], "n", LK_X);

		token_of(w[i % 2], g, t);
		cr_expect_gt(strcmp(t, before), 0);
		memcpy(before, t, sizeof(t));
		ok(lk_release(w[i % 2], g));
	}
	close_all(m, w, 2);
}

Test(token, is_parsed_by_a_known_form)
{
	static const char known[] =
		"lk1-0000000000000001-0123456789abcdef-fedcba9876543210-ffffffffffffffff";
	struct lk_token_info info = parsed(known);

	cr_expect_eq(info.fence, 1);
	cr_expect_eq(info.owner_id, UINT64_C(0x0123456789abcdef));
	cr_expect_eq(info.grant, UINT64_C(0xfedcba9876543210));
}

Test(token, of_any_other_form_is_none)
{
	static const char known[] =
		"lk1-0000000000000001-0123456789abcdef-fedcba9876543210-ffffffffffffffff";
	struct lk_manager *m = open_manager(NULL);
	struct lk_token_info info = { .size = sizeof(info), .fence = 77 };
	char text[sizeof(known) + 1];

	for (size_t i = 0; i < sizeof(known); i++) { /* cut */
		memcpy(text, known, sizeof(known));
		text[i] = '\0';
		is(lk_token_parse(text, &info), i == sizeof(known) - 1 ? 0 : LK_E_INVAL);
	}
	info.fence = 77;
	for (size_t i = 0; i + 1 < sizeof(known); i++) { /* a byte that is not there */
		static const char wrong[] = "gAF- _\x80\xff\n:";

		for (size_t k = 0; k + 1 < sizeof(wrong); k++) {
			if (wrong[k] == known[i])
				continue;
			memcpy(text, known, sizeof(known));
			text[i] = wrong[k];
			is(lk_token_parse(text, &info), LK_E_INVAL);
			is(lk_token_check(m, text), LK_E_INVAL);
			is(lk_token_renew(m, text, 0), LK_E_INVAL);
			is(lk_token_release(m, text), LK_E_INVAL);
		}
	}
	memcpy(text, known, sizeof(known));
	strcat(text, "0");
	is(lk_token_parse(text, &info), LK_E_INVAL);
	is(lk_token_parse("", &info), LK_E_INVAL);
	cr_expect_eq(info.fence, 77, "it is not written");
	is(lk_token_parse(NULL, &info), LK_E_INVAL);
	is(lk_token_parse(known, NULL), LK_E_INVAL);
	is(lk_token_check(m, known), LK_E_STALE);
	is(lk_token_check(m, NULL), LK_E_INVAL);
	is(lk_token_check(NULL, known), LK_E_INVAL);
	is(lk_token_renew(NULL, known, 0), LK_E_INVAL);
	is(lk_token_release(NULL, known), LK_E_INVAL);
	is(lk_token_release(m, known), LK_E_STALE);
	ok(lk_close(m));
}

Test(token, is_read_by_programs_of_any_age)
{
	static const char known[] =
		"lk1-0000000000000001-0000000000000002-0000000000000003-0000000000000004";
	struct lk_token_info old = { .size = offsetof(struct lk_token_info, grant), .grant = 77 };
	NEWER(struct lk_token_info) newer = { .known = { .size = sizeof(newer) } };

	ok(lk_token_parse(known, &old));
	cr_expect(old.fence == 1 && old.owner_id == 2 && old.grant == 77);
	ok(lk_token_parse(known, &newer.known));
	cr_expect(newer.known.grant == 3 && newer.known.size == sizeof(newer));
	newer.unknown[0] = 1;
	is(lk_token_parse(known, &newer.known), LK_E_VERSION);
}

Test(token, needs_room)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	char room[LK_TOKEN_MAX + 1];
	lk_grant g;

	ok(lk_owner_open(m, NULL, &w));
	g = take(w, "n", LK_X);
	memset(room, 'x', sizeof(room));
	is(lk_token(w, g, room, LK_TOKEN_MAX - 1), LK_E_INVAL);
	cr_expect(room[0] == '\0' && room[1] == 'x');
	is(lk_token(w, g, NULL, LK_TOKEN_MAX), LK_E_INVAL);
	room[0] = 'x';
	is(lk_token(w, g, room, 0), LK_E_INVAL);
	cr_expect_eq(room[0], 'x');
	is(lk_token(NULL, g, room, sizeof(room)), LK_E_INVAL);
	cr_expect_eq(room[0], '\0');
	room[0] = 'x';
	is(lk_token(w, g + 1, room, sizeof(room)), LK_E_STALE);
	cr_expect_eq(room[0], '\0');
	is(lk_token(w, 0, room, sizeof(room)), LK_E_STALE);
	ok(lk_token(w, g, room, LK_TOKEN_MAX));
	cr_expect_eq(room[LK_TOKEN_MAX], 'x');
	close_all(m, &w, 1);
}

/* ------------------------------------------------------------------- from another thread */

Test(token, lets_another_thread_release)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	token_buf t;
	lk_grant g;
	lk_grant h;

	open_owners(m, w, 2);
	g = take(w[0], "n", LK_X);
	h = take(w[0], "a", LK_X);
	token_of(w[0], g, t);
	ok(check_by_other(m, t));
	cr_expect_not(is_open_to(w[1], "n", LK_IS));
	ok(release_by_other(m, t));
	cr_expect(is_open_to(w[1], "n", LK_X));
	is(check_by_other(m, t), LK_E_STALE);
	is(renew_by_other(m, t, 1000000), LK_E_STALE);
	is(release_by_other(m, t), LK_E_STALE);
	is(lk_release(w[0], g), LK_E_STALE);
	is(lk_check(w[0], g), LK_E_STALE);
	cr_expect_eq(holds(w[0], "n"), LK_NL);
	ok(lk_release(w[0], h));
	close_all(m, w, 2);
}

Test(token, wakes_who_waits_for_the_name)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	struct asker a;
	token_buf t;

	open_owners(m, w, 2);
	token_of(w[0], take(w[0], "db/n", LK_X), t);
	ask(m, &a, w[1], "db", LK_X);
	ok(release_by_other(m, t));
	ok(lk_release(w[1], granted(&a)));
	close_all(m, w, 2);
}

Test(token, of_every_kind_of_grant)
{
	struct lk_options parents = { .size = sizeof(parents), .flags = LK_PARENTS };
	struct lk_options tagged = { .size = sizeof(tagged), .tag = "why", .tag_len = 3 };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant g[8];
	token_buf t[8];
	unsigned n = 0;

	open_owners(m, w, 2);
	g[n++] = take(w[0], "a/b/c", LK_S);
	g[n++] = take(w[0], "a/b/c", LK_S); /* again */
	g[n++] = take(w[0], "x", LK_X);
	g[n++] = take(w[0], "x/y", LK_S); /* implied */
	ok(lk_acquire(w[0], "p/q", LK_IX, &parents, &g[n++]));
	ok(lk_acquire(w[0], "tagged", LK_U, &tagged, &g[n++]));
	ok(lk_acquire_id(w[0], 42, LK_SIX, NULL, &g[n++]));
	g[n++] = take(w[0], "intent", LK_IS);
	for (unsigned i = 0; i < n; i++)
		token_of(w[0], g[i], t[i]);
	for (unsigned i = 0; i < n; i++) {
		ok(check_by_other(m, t[i]));
		cr_expect_eq(parsed(t[i]).fence, lk_fence(w[0], g[i]));
		for (unsigned k = 0; k < i; k++)
			cr_expect_neq(strcmp(t[i], t[k]), 0);
	}
	ok(release_by_other(m, t[0]));
	cr_expect_eq(holds(w[0], "a/b/c"), LK_S, "there is another grant");
	is(check_by_other(m, t[0]), LK_E_STALE);
	for (unsigned i = 1; i < n; i++)
		ok(release_by_other(m, t[i]));
	cr_expect(is_open_to(w[1], "a", LK_X) && is_open_to(w[1], "x", LK_X) &&
		  is_open_to(w[1], "p", LK_X) && is_open_to(w[1], "tagged", LK_X));
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, w, 2);
}

Test(token, may_be_made_more_than_once)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	token_buf t[3];
	lk_grant g;

	ok(lk_owner_open(m, NULL, &w));
	g = take(w, "n", LK_S);
	token_of(w, g, t[0]);
	token_of(w, g, t[1]);
	cr_expect_str_eq(t[0], t[1]);
	ok(lk_upgrade(w, g, NULL));
	token_of(w, g, t[2]);
	cr_expect_gt(parsed(t[2]).fence, parsed(t[0]).fence);
	ok(check_by_other(m, t[0])); /* the grant is the same */
	ok(check_by_other(m, t[2]));
	ok(release_by_other(m, t[0]));
	is(check_by_other(m, t[2]), LK_E_STALE);
	close_all(m, &w, 1);
}

Test(token, ends_with_its_grant)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	struct lk_owner *again;
	token_buf t[3];
	lk_grant g;

	ok(lk_owner_open(m, NULL, &w));
	g = take(w, "n", LK_X);
	token_of(w, g, t[0]);
	ok(lk_release(w, g));
	is(check_by_other(m, t[0]), LK_E_STALE);
	g = take(w, "n", LK_X);
	token_of(w, g, t[1]);
	is(check_by_other(m, t[0]), LK_E_STALE);
	ok(lk_release_all(w));
	is(release_by_other(m, t[1]), LK_E_STALE);
	g = take(w, "n", LK_X);
	token_of(w, g, t[2]);
	ok(lk_owner_close(w));
	is(check_by_other(m, t[2]), LK_E_STALE);
	is(renew_by_other(m, t[2], 1000000), LK_E_STALE);
	is(release_by_other(m, t[2]), LK_E_STALE);
	ok(lk_owner_open(m, NULL, &again));
	cr_assert_eq(again, w, "the same memory");
	g = take(again, "n", LK_X);
	for (int i = 0; i < 3; i++)
		is(release_by_other(m, t[i]), LK_E_STALE);
	ok(lk_release(again, g));
	close_all(m, &again, 1);
}

Test(token, of_an_owner_of_a_pool_ends_when_it_is_given_back)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_pool *p;
	struct lk_owner *w;
	token_buf t;

	ok(lk_pool_open(m, NULL, &p));
	ok(lk_pool_take(p, NULL, &w));
	token_of(w, take(w, "n", LK_X), t);
	ok(check_by_other(m, t));
	ok(lk_pool_give(p, w));
	is(release_by_other(m, t), LK_E_STALE);
	ok(lk_pool_take(p, NULL, &w));
	(void)take(w, "n", LK_X);
	is(release_by_other(m, t), LK_E_STALE);
	token_of(w, take(w, "a", LK_X), t);
	ok(release_by_other(m, t));
	ok(lk_pool_give(p, w));
	ok(lk_pool_close(p));
	ok(lk_close(m));
}

struct legacy {
	struct lk_manager *m;
	token_buf t[2];
};

static void *
leave_token(void *arg)
{
	struct legacy *l = arg;
	struct lk_owner *w = lk_self(l->m);
	lk_grant g[2];

	must(lk_acquire(w, "n", LK_X, NULL, &g[0]) == 0);
	must(lk_acquire(w, "a", LK_X, NULL, &g[1]) == 0);
	must(lk_token(w, g[0], l->t[0], sizeof(l->t[0])) == 0);
	must(lk_token(w, g[1], l->t[1], sizeof(l->t[1])) == 0);
	must(lk_token_release(l->m, l->t[1]) == 0);
	return NULL;
}

Test(token, of_a_thread_s_own_owner_ends_with_the_thread)
{
	struct legacy l = { .m = open_manager(NULL) };
	struct lk_owner *w;
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, leave_token, &l), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	is(lk_token_release(l.m, l.t[0]), LK_E_STALE);
	ok(lk_owner_open(l.m, NULL, &w));
	cr_expect_eq(grant_info(w, take(w, "n", LK_X)).flags, LK_OWNER_DIED);
	cr_expect_eq(grant_info(w, take(w, "a", LK_X)).flags, 0, "that one was released");
	close_all(l.m, &w, 1);
}

Test(token, is_found_among_many_owners)
{
	enum { N = 300 };
	static struct lk_owner *w[N];
	static token_buf t[N];
	struct lk_manager *m = open_manager(NULL);

	open_owners(m, w, N);
	for (int i = N - 1; i >= 0;
	     i--) { /* so that the largest numbers are the first to be entered */
		lk_grant g;

		ok(lk_acquire_id(w[i], (uint64_t)i, LK_X, NULL, &g));
		token_of(w[i], g, t[i]);
	}
	for (int i = 0; i < N; i++) {
		ok(lk_token_check(m, t[i]));
		ok(lk_token_release(m, t[i]));
		is(lk_token_check(m, t[i]), LK_E_STALE);
		cr_expect_eq(lk_holds_id(w[i], (uint64_t)i), LK_NL);
	}
	close_all(m, w, N);
}

/* ------------------------------------------------------------------- what is not its own */

Test(token, that_was_changed_is_nobody_s)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	token_buf t;
	lk_grant g[4];

	ok(lk_owner_open(m, NULL, &w));
	for (int i = 0; i < 4; i++) {
		ok(lk_acquire_id(w, (uint64_t)i, LK_X, NULL, &g[i]));
		token_of(w, g[i], t);
	}
	for (size_t i = 4; i + 1 < sizeof(t); i++) {
		const char was = t[i];

		if (was == '-')
			continue;
		t[i] = was == '9' ? 'a' : was == 'f' ? '0' : (char)(was + 1);
		is(lk_token_check(m, t), LK_E_STALE);
		is(lk_token_renew(m, t, 1000000), LK_E_STALE);
		is(lk_token_release(m, t), LK_E_STALE);
		t[i] = was;
	}
	for (int i = 0; i < 4; i++)
		ok(lk_check(w, g[i]));
	ok(lk_token_check(m, t));
	close_all(m, &w, 1);
}

static uint64_t
always_four(void *state)
{
	(void)state;
	return 4;
}

/* Even if both know the same chance, and have the same owner, grant and fence. */
Test(token, of_another_manager_is_nobody_s)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct test_world world;
	struct lk_manager *m[2];
	struct lk_owner *w[2];
	token_buf t[2];

	test_world_init(&world);
	world.environment.random = always_four;
	cfg.environment = &world.environment;
	for (int i = 0; i < 2; i++) {
		ok(lk_open(NULL, &cfg, &m[i]));
		ok(lk_owner_open(m[i], NULL, &w[i]));
		token_of(w[i], take(w[i], "n", LK_S), t[i]);
	}
	cr_expect_neq(strcmp(t[0], t[1]), 0);
	for (int i = 0; i < 2; i++) {
		is(lk_token_check(m[i], t[!i]), LK_E_STALE);
		is(lk_token_release(m[i], t[!i]), LK_E_STALE);
		ok(lk_token_check(m[i], t[i]));
	}
	close_all(m[0], &w[0], 1);
	ok(lk_open(NULL, &cfg, &m[0])); /* and in another run of it */
	ok(lk_owner_open(m[0], NULL, &w[0]));
	token_of(w[0], take(w[0], "n", LK_S), t[1]);
	is(lk_token_release(m[0], t[0]), LK_E_STALE);
	close_all(m[0], &w[0], 1);
	close_all(m[1], &w[1], 1);
}

/* ----------------------------------------------------------------------------- leases */

Test(token, sees_the_lease_of_its_grant_end)
{
	static struct lease_stage s;
	token_buf t;
	lk_grant g;

	lease_stage_open(&s, NULL);
	g = take_leased(s.w[0], "n", LK_X, 100000);
	token_of(s.w[0], g, t);
	pass(&s, 66999);
	ok(lk_token_check(s.m, t));
	test_world_advance(&s.world, 1);
	is(lk_token_check(s.m, t), LK_E_SUSPECT);
	test_world_advance(&s.world, 32999);
	is(lk_token_check(s.m, t), LK_E_SUSPECT);
	cr_expect_not(is_open_to(s.w[1], "n", LK_IS));
	test_world_advance(&s.world, 1); /* and nobody serves */
	is(lk_token_check(s.m, t), LK_E_LOST);
	cr_expect(is_open_to(s.w[1], "n", LK_X));
	is(lk_token_renew(s.m, t, 0), LK_E_LOST);
	is(lk_check(s.w[0], g), LK_E_LOST);
	is(lk_token_release(s.m, t), LK_E_LOST);
	is(lk_token_release(s.m, t), LK_E_STALE);
	is(lk_release(s.w[0], g), LK_E_STALE);
	lease_stage_close(&s);
}

Test(token, renews_the_lease_of_its_grant)
{
	static struct lease_stage s;
	token_buf t;
	lk_grant g;

	lease_stage_open(&s, NULL);
	g = take_leased(s.w[0], "n", LK_X, 100000);
	token_of(s.w[0], g, t);
	for (int i = 0; i < 5; i++) {
		pass(&s, 90000);
		ok(lk_token_renew(s.m, t, 0));
		ok(lk_check(s.w[0], g));
	}
	ok(lk_token_renew(s.m, t, 1000000));
	pass(&s, 600000);
	ok(lk_token_check(s.m, t));
	cr_expect_eq(grant_info(s.w[0], g).lease_ns, 1000000);
	is(lk_token_renew(s.m, t, LK_LEASE_MIN_NS - 1), LK_E_INVAL);
	is(lk_token_renew(s.m, t, LK_OFF), LK_E_INVAL);
	pass(&s, 400000);
	is(lk_token_renew(s.m, t, 0), LK_E_LOST);
	lease_stage_close(&s);
}

Test(token, gives_a_grant_its_first_lease)
{
	static struct lease_stage s;
	token_buf t;
	lk_grant g;

	lease_stage_open(&s, NULL);
	g = take(s.w[0], "n", LK_X);
	token_of(s.w[0], g, t);
	is(lk_token_renew(s.m, t, 0), LK_E_INVAL); /* as long as what? */
	ok(lk_token_renew(s.m, t, 100000));
	cr_expect_eq(grant_info(s.w[0], g).state, LK_LEASE_HELD);
	pass(&s, 100000);
	is(lk_token_check(s.m, t), LK_E_LOST);
	expect_told(&s.told[0], 0, LK_NOTICE_LOST, g);
	lease_stage_close(&s);
}

Test(token, releases_before_a_lease_ends)
{
	static struct lease_stage s;
	token_buf t;
	lk_grant g;

	lease_stage_open(&s, NULL);
	g = take_leased(s.w[0], "n", LK_X, 100000);
	token_of(s.w[0], g, t);
	pass(&s, 50000);
	ok(lk_token_release(s.m, t));
	pass(&s, 100000);
	cr_expect_eq(s.told[0].n, 0, "nothing was lost");
	cr_expect_eq(stats_of(s.m).leases_expired, 0);
	is(lk_release(s.w[0], g), LK_E_STALE);
	lease_stage_close(&s);
}

Test(token, of_what_was_lost_is_not_made)
{
	static struct lease_stage s;
	token_buf t = "x";
	lk_grant g;

	lease_stage_open(&s, NULL);
	g = take_leased(s.w[0], "n", LK_X, 100000);
	test_world_advance(&s.world, 100000);
	is(lk_token(s.w[0], g, t, sizeof(t)), LK_E_LOST);
	cr_expect_str_eq(t, "");
	is(lk_release(s.w[0], g), LK_E_LOST);
	is(lk_token(s.w[0], g, t, sizeof(t)), LK_E_STALE);
	lease_stage_close(&s);
}
