/* SPDX-License-Identifier: MIT */
/* Values and detached grants through a database, by two managers that share it. */
#include "stage.h"

struct side {
	struct lk_manager *m;
	struct lk_owner *w;
};

static void
side_open(struct side *s, const struct stage *g)
{
	ok(lk_open(g->url, NULL, &s->m));
	ok(lk_owner_open(s->m, NULL, &s->w));
}

static void
side_close(struct side *s)
{
	ok(lk_owner_close(s->w));
	ok(lk_close(s->m));
}

Test(handed, a_value_is_the_name_s)
{
	static const lk_mode writers[] = { LK_X, LK_U, LK_SIX };
	uint64_t last = 0;
	struct side s[2];
	struct stage g;

	stage_make(&g);
	side_open(&s[0], &g);
	side_open(&s[1], &g);
	for (size_t i = 0; i < 6; i++) {
		struct lk_value v = { .size = sizeof(v) };
		lk_grant grant;

		ok(lk_acquire(s[i % 2].w, "a/b", writers[i / 2], NULL, &grant));
		ok(lk_value_write(s[i % 2].w, grant, &i, sizeof(i)));
		ok(lk_release(s[i % 2].w, grant));
		ok(lk_acquire(s[1 - i % 2].w, "a/b", LK_S, NULL, &grant));
		ok(lk_value_read(s[1 - i % 2].w, grant, &v));
		ok(lk_release(s[1 - i % 2].w, grant));
		cr_expect(v.len == sizeof(i) && memcmp(v.bytes, &i, sizeof(i)) == 0);
		cr_expect_gt(v.version, last);
		last = v.version;
	}
	side_close(&s[0]);
	side_close(&s[1]);
	stage_remove(&g);
}

Test(handed, a_detached_grant_outlives_its_manager)
{
	const struct lk_options o = { .size = sizeof(o), .lease_ns = UINT64_C(3600000000000) };
	const struct lk_options brief = { .size = sizeof(o), .lease_ns = 1000000 };
	char token[LK_TOKEN_MAX];
	struct side s[2];
	struct stage g;
	lk_grant grant;

	stage_make(&g);
	side_open(&s[0], &g);
	ok(lk_detach(s[0].m, "a/b", LK_X, &o, token, sizeof(token)));
	side_close(&s[0]);
	side_open(&s[1], &g);
	is(lk_try_acquire(s[1].w, "a/b", LK_S, &grant), LK_E_BUSY);
	ok(lk_token_renew(s[1].m, token, 0));
	ok(lk_token_release(s[1].m, token));
	is(lk_token_check(s[1].m, token), LK_E_STALE);
	ok(lk_detach(s[1].m, "a/b", LK_X, &brief, token, sizeof(token)));
	ok(lk_acquire(s[1].w, "a/b", LK_X, NULL, &grant)); /* once it is over */
	is(lk_token_release(s[1].m, token), LK_E_LOST);
	side_close(&s[1]);
	stage_remove(&g);
}
