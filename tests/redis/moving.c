/* SPDX-License-Identifier: MIT */
/* A server that is not asked for a while, and locks that move to a server and from there, as its least user. */
#include <signal.h>
#include <stdlib.h>

#include <latchkey/breaker.h>
#include <latchkey/migrate.h>

#include "stage.h"

#define SECOND INT64_C(1000000000)

static uint32_t
state_of(struct lk_manager *m)
{
	struct lk_breaker b = { .size = sizeof(b) };

	ok(lk_breaker_status(m, NULL, 0, &b));
	return b.state;
}

/* Its session lives through it; what it has goes on, the rest is refused at once, and comes back with the server. */
Test(moving, a_server_that_is_gone_is_not_asked_and_found_again, .timeout = 60)
{
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = SECOND };
	struct lk_manager *m;
	struct lk_owner *w;
	struct stage g;
	char url[400];
	lk_grant kept;

	stage_make(&g, NULL);
	stage_make_proxy(&g);
	snprintf(url, sizeof(url), "%s&ttl_ns=60s&breaker_reset_ns=3600s&breaker_threshold=3",
		 g.proxy_url);
	ok(lk_open(url, NULL, &m));
	ok(lk_owner_open(m, NULL, &w));
	ok(lk_acquire(w, "kept", LK_X, NULL, &kept));
	atomic_store(&g.proxy.refuses, true);
	proxy_cut_all(&g.proxy);
	while (state_of(m) == LK_BREAKER_CLOSED) {
		const int rc = lk_acquire(w, "n", LK_X, &o, NULL);

		cr_assert(rc == LK_E_STORE || rc == LK_E_UNKNOWN || rc == LK_E_TIMEDOUT ||
				  rc == LK_E_BREAKER,
			  "%s", lk_errname(rc));
	}
	is(lk_acquire(w, "n", LK_X, &o, NULL), LK_E_BREAKER);
	ok(lk_check(w, kept));
	atomic_store(&g.proxy.refuses, false);
	wait_until(lk_acquire(w, "n", LK_X, &o, NULL) == 0); /* a heartbeat has found it */
	cr_expect_eq(state_of(m), LK_BREAKER_CLOSED);
	ok(lk_check(w, kept));
	ok(lk_release_all(w));
	ok(lk_owner_close(w));
	ok(lk_close(m));
	stage_remove(&g);
}

static uint64_t
fence_in(const char *url)
{
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = 25 * SECOND };
	struct lk_manager *m;
	struct lk_owner *w;
	uint64_t fence;
	lk_grant g;

	ok(lk_open(url, NULL, &m));
	ok(lk_owner_open(m, NULL, &w));
	ok(lk_acquire(w, "db/n", LK_X, &o, &g));
	fence = lk_fence(w, g);
	ok(lk_release(w, g));
	ok(lk_owner_close(w));
	ok(lk_close(m));
	return fence;
}

static void
migrates(const char *from, const char *to)
{
	char why[400];
	struct lk_migration how = { .size = sizeof(how), .report = why, .report_cap = sizeof(why) };
	const int rc = lk_migrate(from, to, &how);

	cr_assert_eq(rc, 0, "%s: %s", lk_errname(rc), why);
}

Test(moving, locks_to_a_server_and_back, .timeout = 60)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_manager *m;
	struct stage g;
	char top[] = "/tmp/latchkey-moving-XXXXXX", folder[2][64], command[64], why[400];
	uint64_t fence[3];

	stage_make(&g, NULL);
	cr_assert_not_null(mkdtemp(top));
	for (int i = 0; i < 2; i++)
		snprintf(folder[i], sizeof(folder[i]), "file:%s/%d", top, i);
	fence[0] = fence_in(folder[0]);
	migrates(folder[0], g.url);
	fence[1] = fence_in(g.url);
	migrates(g.url, folder[1]);
	cfg.report = why;
	cfg.report_cap = sizeof(why);
	is(lk_open(g.url, &cfg, &m), LK_E_MOVED);
	cr_expect_not_null(strstr(why, folder[1]), "%s", why);
	is(lk_open(folder[0], &cfg, &m), LK_E_MOVED);
	cr_expect_null(strstr(why, "se?cret"), "%s", why);
	cr_expect_not_null(strstr(why, "redis:"), "%s", why);
	fence[2] = fence_in(folder[1]);
	cr_expect_gt(fence[1], fence[0]);
	cr_expect_gt(fence[2], fence[1]);
	snprintf(command, sizeof(command), "rm -rf %s", top);
	cr_assert_eq(system(command), 0);
	stage_remove(&g);
}
