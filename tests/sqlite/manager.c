/* SPDX-License-Identifier: MIT */
/* Managers in a connection of the program's, and the upkeep of a store in a database. */
#include "stage.h"

struct pair {
	struct stage g;
	sqlite3 *db;
	struct lk_manager *m[2]; /* in the program's connection, and in one of its own */
	struct lk_owner *w[2];
};

static void
pair_open(struct pair *p)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	char report[320];

	stage_make(&p->g);
	p->db = sql_open(p->g.path);
	sql(p->db, "PRAGMA journal_mode = WAL; CREATE TABLE orders (id INTEGER)");
	cfg.store_handle = p->db;
	cfg.report = report;
	cfg.report_cap = sizeof(report);
	cr_assert_eq(lk_open("sqlite:?poll_max_ns=10ms&require=guarded", &cfg, &p->m[0]), 0, "%s",
		     report);
	ok(lk_open(p->g.url, NULL, &p->m[1]));
	for (int i = 0; i < 2; i++)
		ok(lk_owner_open(p->m[i], NULL, &p->w[i]));
}

static void
pair_close(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		ok(lk_owner_close(p->w[i]));
		ok(lk_close(p->m[i]));
	}
	cr_assert_eq(sql_number(p->db, "SELECT count(*) FROM orders"), 0, "it is open still");
	cr_assert_eq(sqlite3_close(p->db), SQLITE_OK, "something of ours is left in it");
	stage_remove(&p->g);
}

static lk_grant
get_lock(struct lk_owner *w, const char *name, lk_mode mode)
{
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = 120000000000 };
	lk_grant g = 0;

	ok(lk_acquire(w, name, mode, &o, &g));
	return g;
}

static uint64_t
fence_of(struct lk_owner *w, const char *name)
{
	lk_grant g = get_lock(w, name, LK_X);
	uint64_t fence = lk_fence(w, g);

	ok(lk_release(w, g));
	return fence;
}

Test(manager, in_a_connection_of_the_program_s)
{
	struct pair p;
	lk_grant g;

	pair_open(&p);
	for (int i = 0; i < 20; i++) {
		g = get_lock(p.w[i % 2], "a/b", LK_X);
		is(lk_try_acquire(p.w[1 - i % 2], "a", LK_S, NULL), LK_E_BUSY);
		ok(lk_release(p.w[i % 2], g));
	}
	pair_close(&p);
}

Test(manager, needs_a_connection_or_a_path)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_manager *m;
	char report[320];
	struct stage g;

	stage_make(&g);
	cfg.report = report;
	cfg.report_cap = sizeof(report);
	is(lk_open("sqlite:", &cfg, &m), LK_E_INVAL);
	cr_expect_not_null(strstr(report, "path"), "%s", report);
	cfg.store_handle = sql_open(g.path);
	is(lk_open(g.url, &cfg, &m), LK_E_INVAL);
	cr_expect_not_null(strstr(report, "a path"), "%s", report);
	cr_assert_eq(sqlite3_close(cfg.store_handle), SQLITE_OK);
	stage_remove(&g);
}

Test(manager, is_well)
{
	struct lk_health h = { .size = sizeof(h), .slow_ns = 600000000000 };
	struct pair p;

	pair_open(&p);
	for (int i = 0; i < 2; i++) {
		ok(lk_health(p.m[i], &h));
		for (int k = 0; k < LK_HEALTH_PARTS; k++)
			cr_expect_eq(h.part[k].status, LK_HEALTH_OK, "%s: %s",
				     lk_healthpartname((uint32_t)k), h.part[k].words);
	}
	sql(p.db, "UPDATE latchkey_records SET sum = sum + 1 WHERE name = x'66'");
	ok(lk_health(p.m[0], &h));
	cr_expect_eq(h.part[LK_HEALTH_PART_store].status, LK_HEALTH_BAD);
	ok(lk_repair(p.m[0], "", 0, LK_REPAIR_PREFIX | LK_REPAIR_WRITE, NULL, NULL, NULL));
	ok(lk_health(p.m[0], &h));
	cr_expect_eq(h.part[LK_HEALTH_PART_store].status, LK_HEALTH_OK, "%s",
		     h.part[LK_HEALTH_PART_store].words);
	pair_close(&p);
}

static int
note(void *arg, const struct lk_repair_row *row)
{
	*(uint32_t *)arg = row->what;
	return 0;
}

/* Ways to damage the record of the lock "n". */
static const char *const ways[] = {
	"UPDATE latchkey_records SET bytes = substr(bytes, 1, 40) WHERE name = "
	"x'6e6e'", /* cut off */
	"UPDATE latchkey_records SET bytes = CAST(x'00' || substr(bytes, 2) AS "
	"BLOB) WHERE name = x'6e6e'",
	"UPDATE latchkey_records SET sum = sum + 1 WHERE name = x'6e6e'",
	"UPDATE latchkey_records SET bytes = zeroblob(200) WHERE name = x'6e6e'",
};

Test(manager, repairs_what_is_damaged)
{
	struct pair p;
	uint64_t fence = 0;

	pair_open(&p);
	ok(lk_owner_close(p.w[1]));
	ok(lk_close(p.m[1])); /* else it might have it */
	for (size_t i = 0; i < countof(ways); i++) {
		struct lk_record_info info = { .size = sizeof(info) };
		struct lk_repaired sum = { .size = sizeof(sum) };
		uint32_t what = 0;
		uint64_t next = fence_of(p.w[0], "n");

		cr_expect_gt(next, fence);
		fence = next;
		ok(lk_sweep(p.m[0], NULL));
		(void)fence_of(p.w[0], "n");
		sql(p.db, ways[i]);
		cr_assert_eq(sql_number(p.db, "SELECT changes()"), 1);
		ok(lk_record_info(p.m[0], "n", 1, &info));
		cr_expect_eq(info.flags, LK_RECORD_DAMAGED, "%zu: %s", i, info.words);
		ok(lk_repair(p.m[0], "", 0, LK_REPAIR_PREFIX, note, &what, &sum));
		cr_expect(sum.damaged == 1 && sum.nameless == 0, "%zu", i);
		what = 0;
		ok(lk_repair(p.m[0], "", 0, LK_REPAIR_PREFIX | LK_REPAIR_WRITE, note, &what, &sum));
		cr_expect_eq(what, LK_REPAIR_DONE, "%zu: %u", i, what);
		ok(lk_record_info(p.m[0], "n", 1, &info));
		cr_expect_eq(info.status, LK_HEALTH_OK);
	}
	cr_expect_gt(fence_of(p.w[0], "n"), fence + (UINT64_C(1) << 51));
	ok(lk_open(p.g.url, NULL, &p.m[1]));
	ok(lk_owner_open(p.m[1], NULL, &p.w[1]));
	pair_close(&p);
}

Test(manager, sweeps_and_lists)
{
	size_t removed;
	uint64_t fence;
	struct pair p;
	char name[16];

	pair_open(&p);
	fence = fence_of(p.w[0], "row/0");
	for (int i = 1; i < 50; i++) {
		(void)snprintf(name, sizeof(name), "row/%d", i);
		(void)fence_of(p.w[0], name);
	}
	get_lock(p.w[0], "held", LK_X);
	ok(lk_sweep(p.m[0], &removed));
	cr_expect_ge(removed, 51);
	cr_expect_eq(sql_number(p.db, "SELECT count(*) FROM latchkey_records WHERE hex(name) LIKE "
				      "'6E%'"),
		     1);
	cr_expect_gt(fence_of(p.w[1], "row/0"), fence);
	pair_close(&p);
}

Test(manager, ends_a_hold_by_force)
{
	struct lk_break out = { .size = sizeof(out) };
	struct pair p;
	lk_grant g;

	pair_open(&p);
	g = get_lock(p.w[0], "n", LK_X);
	ok(lk_break(p.m[1], "n", 1, NULL, &out));
	cr_expect_gt(out.fence, lk_fence(p.w[0], g));
	get_lock(p.w[1], "n", LK_X);
	wait_until(lk_check(p.w[0], g) == LK_E_LOST);
	is(lk_release(p.w[0], g), LK_E_LOST);
	pair_close(&p);
}
