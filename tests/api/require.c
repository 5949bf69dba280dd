/* SPDX-License-Identifier: MIT */
/* What a store has to promise, and connections of the program's. */
#include "stores.h"

static int
try_open(const char *url, struct lk_config *cfg, char report[200])
{
	struct lk_manager *m = NULL;
	int rc;

	cfg->report = report;
	cfg->report_cap = 200;
	rc = lk_open(url, cfg, &m);
	if (rc == 0)
		ok(lk_close(m));
	return rc;
}

static int
open_url(const char *url, char report[200])
{
	struct lk_config cfg = LK_CONFIG_INIT;

	return try_open(url, &cfg, report);
}

Test(require, is_a_level_or_more)
{
	char report[200];

	ok(open_url("test:r?require=advisory", report));
	ok(open_url("test:r?require=lease", report));
	ok(open_url("test:r?require=FENCED", report));
	ok(open_url("test:r?require=3", report));
	ok(open_url("test:r?require=off", report));
	is(open_url("test:r?require=guarded", report), LK_E_UNSUPPORTED);
	cr_expect_str_eq(report, "require=guarded: the store promises no more than fenced");
	is(open_url("test:r?require=GUARDED", report), LK_E_UNSUPPORTED);
	is(open_url("test:r?require=4", report), LK_E_UNSUPPORTED);
	is(open_url("test:r?require=strong", report), LK_E_INVAL);
	cr_expect(strstr(report, "require") != NULL, "%s", report);
	is(open_url("test:r?require=5", report), LK_E_INVAL);
	is(open_url("test:r?require=Fenced", report), LK_E_INVAL);
}

Test(require, holds_in_memory_whatever_it_is)
{
	char report[200];
	char text[LK_CONFIG_TEXT_MAX];
	struct lk_manager *m;

	ok(open_url("memory:?require=guarded", report));
	m = open_manager("memory:?require=LEASE");
	ok(lk_config_get(m, "require", text, sizeof(text)));
	cr_expect_str_eq(text, "lease");
	ok(lk_close(m));
}

Test(require, in_the_structure)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	char report[200];
	struct place p;

	place_make(&p);
	cfg.require = LK_LEVEL_FENCED;
	ok(try_open(p.url, &cfg, report));
	cfg.require = LK_LEVEL_GUARDED;
	is(try_open(p.url, &cfg, report), LK_E_UNSUPPORTED);
	cr_expect(strstr(report, "fenced") != NULL, "%s", report);
	cfg.require = LK_LEVEL_GUARDED + 1;
	is(try_open(p.url, &cfg, report), LK_E_INVAL);
	place_remove(&p);
}

Test(require, a_connection_is_for_stores_that_take_one)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	char report[200];
	struct place p;

	place_make(&p);
	cfg.store_handle = &cfg;
	is(try_open("memory:", &cfg, report), LK_E_INVAL);
	cr_expect(strstr(report, "store_handle") != NULL, "%s", report);
	is(try_open(NULL, &cfg, report), LK_E_INVAL);
	is(try_open("test:r", &cfg, report), LK_E_INVAL);
	cr_expect(strstr(report, "connection") != NULL, "%s", report);
	is(try_open(p.url, &cfg, report), LK_E_INVAL);
	cr_expect(strstr(report, "connection") != NULL, "%s", report);
	place_remove(&p);
}
