/* SPDX-License-Identifier: MIT */
/* What can be seen from outside: one name, one owner, the whole manager. */
#include "support.h"

static struct lk_owner *
open_labelled(struct lk_manager *m, const char *label)
{
	struct lk_owner_options o = { .size = sizeof(o), .label = label };
	struct lk_owner *w;

	ok(lk_owner_open(m, &o, &w));
	return w;
}

static struct lk_stats
stats_of_owner(struct lk_owner *w)
{
	struct lk_stats stats = { .size = sizeof(stats) };

	ok(lk_owner_stats(w, &stats));
	return stats;
}

/* ----------------------------------------------------------------------- one name */

Test(info, counts_holders_by_their_effective_mode)
{
	static const lk_mode takes[][2] = { { LK_IS, LK_IS }, { LK_IS, LK_S }, { LK_S, LK_S },
					    { LK_S, LK_U },   { LK_S, LK_NL }, { LK_IS, LK_NL } };
	static const uint32_t expected[MODES] = { [LK_IS] = 2, [LK_S] = 3, [LK_U] = 1 };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[countof(takes)];
	struct lk_info info;

	open_owners(m, w, (int)countof(takes));
	for (size_t i = 0; i < countof(takes); i++)
		for (size_t k = 0; k < 2; k++)
			if (takes[i][k] != LK_NL)
				take(w[i], "n", takes[i][k]);
	info = info_of(m, "n");
	for (int mode = 0; mode < MODES; mode++)
		cr_expect_eq(info.holders[mode], expected[mode], "%s", lk_modename(mode));
	cr_expect_eq(info.waiters, 0);
	cr_expect_eq(info.flags, 0);
	cr_expect_eq(info.size, sizeof(info));
	close_all(m, w, (int)countof(takes));
}

Test(info, of_a_name_that_nobody_uses_is_zero)
{
	static const struct lk_info zero = { .size = sizeof(zero) };
	struct lk_info info;
	struct lk_manager *m = open_manager(NULL);

	memset(&info, 0, sizeof(info));
	info.size = sizeof(info);
	ok(lk_info(m, "n", 1, &info));
	cr_expect_eq(memcmp(&info, &zero, sizeof(info)), 0);
	ok(lk_info_id(m, 1, &info));
	cr_expect_eq(memcmp(&info, &zero, sizeof(info)), 0);
	cr_expect_eq(stats_of(m).names, 0); /* to ask is not to use */
	ok(lk_close(m));
}

Test(info, of_a_number_and_of_its_bytes_differ)
{
	struct lk_info info = { .size = sizeof(info) };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	uint64_t id = 77;

	open_owners(m, &w, 1);
	ok(lk_acquire_id(w, id, LK_X, NULL, NULL));
	ok(lk_info_id(m, id, &info));
	cr_expect_eq(info.holders[LK_X], 1);
	ok(lk_info(m, &id, sizeof(id), &info));
	cr_expect_eq(info.holders[LK_X], 0);
	close_all(m, &w, 1);
}

/* ---------------------------------------------------------------------- one grant */

Test(info, a_grant_knows_its_name_and_tag)
{
	struct lk_options o = { .size = sizeof(o) };
	struct lk_manager *m = open_manager(NULL);
	struct lk_grant_info info;
	struct lk_owner *w;
	lk_grant g;
	char tag[] = "why\0not";

	open_owners(m, &w, 1);
	o.tag = tag;
	o.tag_len = sizeof(tag);
	ok(lk_acquire_bytes(w, "a\0b", 3, LK_S, &o, &g));
	memset(tag, 'x', sizeof(tag)); /* it was copied */
	info = grant_info(w, g);
	cr_expect_eq(info.name_len, 3);
	cr_expect_eq(memcmp(info.name, "a\0b", 3), 0);
	cr_assert_eq(info.tag_len, sizeof(tag));
	cr_expect_eq(memcmp(info.tag, "why\0not", sizeof(tag)), 0);
	cr_expect_eq(info.flags, 0);
	ok(lk_acquire_id(w, 5, LK_X, NULL, &g));
	info = grant_info(w, g);
	cr_expect_eq(info.flags, LK_NAME_IS_ID);
	cr_expect_eq(info.name_len, 8);
	cr_expect_eq(memcmp(info.name, &(uint64_t){ 5 }, 8), 0);
	cr_expect_eq(info.tag_len, 0);
	close_all(m, &w, 1);
}

Test(info, tags_belong_to_their_own_grants)
{
	enum { N = 50 };
	struct lk_manager *m = open_manager(NULL);
	char tag[LK_TAG_MAX];
	struct lk_owner *w;
	lk_grant g[N];

	open_owners(m, &w, 1);
	for (int i = 0; i < N; i++) {
		struct lk_options o = { .size = sizeof(o), .tag = tag, .tag_len = (size_t)i * 5 };

		memset(tag, i, sizeof(tag));
		ok(lk_acquire(w, i % 2 ? "odd" : "even", LK_S, &o, &g[i]));
	}
	for (int i = 0; i < N; i += 3)
		ok(lk_release(w, g[i]));
	for (int i = 0; i < N; i++) {
		struct lk_grant_info info;

		if (i % 3 == 0)
			continue;
		info = grant_info(w, g[i]);
		memset(tag, i, sizeof(tag));
		cr_assert_eq(info.tag_len, (size_t)i * 5);
		cr_assert_eq(memcmp(info.tag, tag, info.tag_len), 0);
	}
	close_all(m, &w, 1);
}

Test(info, the_time_of_a_grant_is_noted_when_it_is_asked_for)
{
	struct lk_options timed = { .size = sizeof(timed), .flags = LK_TIMED };
	struct test_world world;
	struct lk_manager *m;
	struct lk_owner *w;
	lk_grant g;

	test_world_init(&world);
	world.manual = true;
	m = open_with(NULL, NULL, &world);
	test_world_advance(&world, 5000);
	open_owners(m, &w, 1);
	cr_expect_eq(grant_info(w, take(w, "n", LK_S)).since_ns, 0);
	ok(lk_acquire(w, "n", LK_S, &timed, &g));
	cr_expect_eq(grant_info(w, g).since_ns, atomic_load(&world.time_ns));
	close_all(m, &w, 1);
	m = open_with("memory:?timed=1", NULL, &world);
	test_world_advance(&world, 5000);
	open_owners(m, &w, 1);
	cr_expect_eq(grant_info(w, take(w, "n", LK_S)).since_ns, atomic_load(&world.time_ns));
	close_all(m, &w, 1);
}

/* ----------------------------------------------------------------------- counters */

/* Everything once, in a manager of two owners; the same numbers in the manager's counters. */
Test(stats, count_what_happened)
{
	struct lk_options past = { .size = sizeof(past), .deadline_ns = 1 };
	struct lk_manager *m = open_manager("memory:?max_reentry=2&strict=1");
	struct lk_stats own, all;
	struct lk_owner *w[2];
	struct asker a;
	lk_grant g;

	open_owners(m, w, 2);
	g = take(w[0], "n", LK_S);                                   /* grants 1 */
	take(w[0], "n", LK_S);                                       /* 2, reentries 1 */
	is(lk_try_acquire(w[0], "n", LK_S, NULL), LK_E_LIMIT);       /* limits 1 */
	ok(lk_upgrade(w[0], g, NULL));                               /* conversions 1 */
	is(lk_try_acquire(w[1], "n", LK_S, NULL), LK_E_BUSY);        /* busy 1 */
	is(lk_acquire(w[1], "n", LK_S, &past, NULL), LK_E_TIMEDOUT); /* timeouts 1 */
	ok(lk_owner_cancel(w[1]));                                   /* cancels 1 */
	is(lk_acquire(w[1], "n", LK_S, NULL, NULL), LK_E_CANCELED);
	ask(m, &a, w[1], "n", LK_S); /* waits 1, grants 3 */
	cr_expect_eq(stats_of(m).waiting, 1);
	ok(lk_downgrade(w[0], g)); /* handovers 1 */
	granted(&a);
	ask_convert(m, &a, w[0], g, LK_X);
	is(lk_acquire(w[1], "n", LK_X, NULL, NULL), LK_E_CONVERSION_DEADLOCK);
	all = stats_of(m);
	cr_expect_eq(all.grants, 3);
	cr_expect_eq(all.reentries, 1);
	cr_expect_eq(all.limits, 1);
	cr_expect_eq(all.busy, 1);
	cr_expect_eq(all.timeouts, 1);
	cr_expect_eq(all.cancels, 1);
	cr_expect_eq(all.conversion_deadlocks, 1);
	cr_expect_ge(all.waits, 2);
	cr_expect_ge(all.contended, 2);
	cr_expect_ge(all.handovers, 1);
	cr_expect_eq(all.created, 1);
	cr_expect_eq(all.owners, 2);
	cr_expect_eq(all.holds, 2);
	cr_expect_eq(all.waiting, 1);
	cr_expect_eq(all.names, 1);
	cr_expect_ge(all.buckets, 1);
	cr_expect_gt(all.bytes, 0);
	ok(lk_release_all(w[1]));
	granted(&a);
	own = stats_of_owner(w[0]);
	cr_expect_eq(own.grants, 2);
	cr_expect_eq(own.limits, 1);
	cr_expect_eq(own.conversions, 3);
	cr_expect_eq(own.owners, 1);
	cr_expect_eq(own.holds, 1);
	cr_expect_eq(own.names + own.buckets + own.bytes + own.handles, 0);
	cr_expect_eq(stats_of_owner(w[1]).conversion_deadlocks, 1);
	close_all(m, w, 2);
}

Test(stats, of_owners_that_have_closed_stay_in_the_manager_s)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	for (int i = 0; i < 100; i++) {
		open_owners(m, &w, 1);
		cr_expect_eq(stats_of_owner(w).grants, 0);
		take(w, "n", LK_X);
		ok(lk_owner_close(w));
	}
	cr_expect_eq(stats_of(m).grants, 100);
	cr_expect_eq(stats_of(m).owners, 0);
	cr_expect_eq(stats_of(m).holds, 0);
	ok(lk_close(m));
}

static void
expect_nothing_counted(struct lk_owner *w)
{
	const struct lk_stats stats = stats_of_owner(w);

#define IS_ZERO(name, text) cr_expect_eq(stats.name, 0, #name);
	LK_COUNTER_LIST(IS_ZERO)
#undef IS_ZERO
}

/* An owner is opened in the memory of the one that the thread closed last, whose counters go on. */
Test(stats, of_an_owner_begin_at_nothing)
{
	static const struct lk_options past = { .size = sizeof(past), .deadline_ns = 1 };
	struct lk_manager *m = open_manager("memory:?max_reentry=2");
	struct lk_owner *w;
	struct lk_owner *other;

	open_owners(m, &other, 1);
	take(other, "taken", LK_S);
	for (int i = 0; i < 3; i++) {
		open_owners(m, &w, 1);
		expect_nothing_counted(w);
		take(w, "d/t/r", LK_X);
		take(w, "d", LK_S);
		take(w, "d/other", LK_S); /* implied */
		take(w, "taken", LK_S);
		take(w, "taken", LK_S);
		is(lk_try_acquire(w, "taken", LK_S, NULL), LK_E_LIMIT);
		is(lk_try_acquire(other, "d", LK_X, NULL), LK_E_BUSY);
		is(lk_acquire(other, "d", LK_X, &past, NULL), LK_E_TIMEDOUT);
		cr_expect_gt(stats_of_owner(w).reentries, 0);
		ok(lk_owner_close(w));
		open_owners(m, &w, 1);
		expect_nothing_counted(w);
		is(lk_acquire(w, "taken", LK_X, &past, NULL), LK_E_TIMEDOUT);
		is(lk_try_acquire(w, "taken", LK_X, NULL), LK_E_BUSY);
		cr_expect_eq(stats_of_owner(w).timeouts, 1);
		cr_expect_eq(stats_of_owner(w).busy, 1);
		ok(lk_owner_close(w));
	}
	ok(lk_owner_close(other));
	ok(lk_close(m));
}

/* ----------------------------------------------------------------------- snapshot */

struct rows {
	int n;
	int stop_at;
	struct lk_snapshot_row row[16];
	char label[16][LK_LABEL_MAX + 2];
	char name[16][16];
	char tag[16][16];
};

static int
copy_row(void *arg, const struct lk_snapshot_row *row)
{
	struct rows *rows = arg;
	int i = rows->n;

	must(i < 16 && row->name_len < 16 && row->tag_len < 16);
	must(row->size == sizeof(*row) && strlen(row->owner_label) <= LK_LABEL_MAX);
	rows->row[i] = *row;
	memcpy(rows->name[i], row->name, row->name_len);
	if (row->tag_len > 0)
		memcpy(rows->tag[i], row->tag, row->tag_len);
	strcpy(rows->label[i], row->owner_label);
	return ++rows->n == rows->stop_at ? 99 : 0;
}

/* The row of the owner with this label that holds, or waits. */
static struct lk_snapshot_row *
row_of(struct rows *rows, const char *label, bool waits)
{
	for (int i = 0; i < rows->n; i++)
		if (strcmp(rows->label[i], label) == 0 && (rows->row[i].wanted != LK_NL) == waits)
			return &rows->row[i];
	return NULL;
}

Test(snapshot, shows_every_holder_and_then_every_waiter)
{
	struct lk_options why = { .size = sizeof(why), .tag = "why", .tag_len = 3 };
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[4] = { open_labelled(m, "holder"), open_labelled(m, "converter"),
				  open_labelled(m, "first"), open_labelled(m, "second") };
	struct lk_snapshot_row *row;
	struct asker a[3];
	struct rows rows = { 0 };
	lk_grant g;

	ok(lk_acquire(w[0], "n", LK_IS, &why, NULL));
	ok(lk_acquire(w[0], "n", LK_S, &why, NULL));
	g = take(w[1], "n", LK_U);
	ask_with(m, &a[0], w[2], "n", LK_X, &why);
	ask(m, &a[1], w[3], "n", LK_IX);
	ask_convert(m, &a[2], w[1], g, LK_X);
	ok(lk_snapshot(m, copy_row, &rows));
	cr_assert_eq(rows.n, 5);
	for (int i = 0; i < rows.n; i++) {
		cr_expect_str_eq(rows.name[i], "n");
		cr_expect_eq(rows.row[i].wanted == LK_NL, i < 2);
	}
	row = row_of(&rows, "holder", false);
	cr_assert_not_null(row);
	cr_expect_eq(row->held, LK_S);
	cr_expect_eq(row->grants, 2);
	cr_expect_eq(row->position, 0);
	cr_expect_str_eq(rows.tag[row - rows.row], "why");
	row = row_of(&rows, "converter", false);
	cr_assert_not_null(row);
	cr_expect_eq(row->held, LK_U);
	cr_expect_eq(row->fence, info_of(m, "n").fence);
	row = row_of(&rows, "converter", true);
	cr_assert_not_null(row);
	cr_expect_eq(row->held, LK_U);
	cr_expect_eq(row->wanted, LK_X);
	cr_expect_eq(row->position, 1);
	row = row_of(&rows, "first", true);
	cr_assert_not_null(row);
	cr_expect_eq(row->held, LK_NL);
	cr_expect_eq(row->wanted, LK_X);
	cr_expect_eq(row->position, 2);
	cr_expect_str_eq(rows.tag[row - rows.row], "why");
	row = row_of(&rows, "second", true);
	cr_assert_not_null(row);
	cr_expect_eq(row->wanted, LK_IX);
	cr_expect_eq(row->position, 3);
	ok(lk_release_all(w[0]));
	granted(&a[2]);
	ok(lk_release_all(w[1]));
	granted(&a[0]);
	ok(lk_release_all(w[2]));
	granted(&a[1]);
	close_all(m, w, 4);
}

Test(snapshot, owners_have_numbers_of_their_own)
{
	struct lk_manager *m = open_manager(NULL);
	struct rows rows = { 0 };
	struct lk_owner *w[6];

	open_owners(m, w, 6);
	for (int i = 0; i < 6; i++)
		take(w[i], "n", LK_S);
	ok(lk_owner_close(w[0]));
	ok(lk_owner_open(m, NULL, &w[0]));
	take(w[0], "n", LK_S);
	ok(lk_snapshot(m, copy_row, &rows));
	cr_assert_eq(rows.n, 6);
	for (int i = 0; i < rows.n; i++) {
		cr_expect_neq(rows.row[i].owner_id, 0);
		for (int k = 0; k < i; k++)
			cr_expect_neq(rows.row[i].owner_id, rows.row[k].owner_id);
	}
	close_all(m, w, 6);
}

Test(snapshot, ends_with_what_the_function_says)
{
	struct lk_manager *m = open_manager(NULL);
	struct rows rows = { .stop_at = 3 };
	struct lk_owner *w;

	open_owners(m, &w, 1);
	ok(lk_snapshot(m, copy_row, &rows));
	cr_expect_eq(rows.n, 0);
	for (uint64_t id = 0; id < 5; id++)
		ok(lk_acquire_id(w, id, LK_X, NULL, NULL));
	is(lk_snapshot(m, copy_row, &rows), 99);
	cr_expect_eq(rows.n, 3);
	cr_expect_eq(rows.row[0].flags, LK_NAME_IS_ID);
	close_all(m, &w, 1);
}

Test(snapshot, labels_are_cut_and_copied)
{
	char label[] = "a label that is a good deal longer than what is kept of it";
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w = open_labelled(m, label);
	struct rows rows = { 0 };

	memset(label, 'x', sizeof(label) - 1);
	take(w, "n", LK_S);
	ok(lk_snapshot(m, copy_row, &rows));
	cr_assert_eq(rows.n, 1);
	cr_expect_str_eq(rows.label[0], "a label that is a good deal lon");
	close_all(m, &w, 1);
}

Test(snapshot, ages_are_known_where_the_time_was_noted)
{
	struct test_world world;
	struct rows rows = { 0 };
	struct lk_manager *m;
	struct lk_owner *w[2];
	struct asker a;

	test_world_init(&world);
	world.manual = true;
	m = open_with("memory:?timed=1", NULL, &world);
	open_owners(m, w, 2);
	test_world_advance(&world, 1000000);
	take(w[0], "n", LK_X);
	test_world_advance(&world, 4000);
	ask(m, &a, w[1], "n", LK_S);
	test_world_advance(&world, 300);
	ok(lk_snapshot(m, copy_row, &rows));
	cr_assert_eq(rows.n, 2);
	cr_expect_eq(rows.row[0].age_ns, 4300);
	cr_expect_eq(rows.row[1].age_ns, 300);
	ok(lk_release_all(w[0]));
	granted(&a);
	close_all(m, w, 2);
}

struct caller {
	struct lk_manager *m;
	struct lk_owner *w;
};

static int
use_the_library(void *arg, const struct lk_snapshot_row *row)
{
	struct caller *caller = arg;

	must(info_of(caller->m, "n").holders[row->held] > 0);
	must(lk_try_acquire(caller->w, "other", LK_X, NULL) == 0);
	must(lk_release_all(caller->w) == 0);
	return 1;
}

Test(snapshot, the_function_may_use_the_library)
{
	struct caller caller = { .m = open_manager(NULL) };

	open_owners(caller.m, &caller.w, 1);
	take(caller.w, "n", LK_X);
	is(lk_snapshot(caller.m, use_the_library, &caller), 1);
	cr_expect_eq(stats_of(caller.m).holds, 0);
	close_all(caller.m, &caller.w, 1);
}

/* ---------------------------------------------------- while others work (no latch is kept) */

struct work {
	struct lk_manager *m;
	atomic_bool stop;
};

static void
come_and_go(void *arg, unsigned index)
{
	struct work *work = arg;

	for (uint64_t i = index; !atomic_load(&work->stop); i++) {
		struct lk_owner *w;

		must(lk_owner_open(work->m, NULL, &w) == 0);
		must(lk_acquire_id(w, i % 8, i % 3 ? LK_S : LK_X, NULL, NULL) == 0);
		must(lk_owner_close(w) == 0);
	}
}

static int
count_steady(void *arg, const struct lk_snapshot_row *row)
{
	int *steady = arg;

	if (!(row->flags & LK_NAME_IS_ID)) {
		must(row->name_len == 6 && memcmp(row->name, "steady", 6) == 0);
		must(row->held == LK_X && row->wanted == LK_NL);
		++*steady;
	}
	return 0;
}

Test(snapshot, misses_no_name_that_was_held_throughout)
{
	struct work work = { .m = open_manager("memory:?max_idle=1") };
	struct test_thread threads[3];
	struct lk_owner *w;

	open_owners(work.m, &w, 1);
	take(w, "steady", LK_X);
	test_spawn(threads, 3, come_and_go, &work);
	for (int i = 0; i < 300; i++) {
		int steady = 0;

		ok(lk_snapshot(work.m, count_steady, &steady));
		cr_assert_eq(steady, 1);
		cr_assert_le(info_of(work.m, "steady").holders[LK_X], 1);
		cr_assert_ge(stats_of(work.m).holds, 1);
	}
	atomic_store(&work.stop, true);
	test_join(threads, 3);
	cr_expect_eq(stats_of(work.m).holds, 1);
	close_all(work.m, &w, 1);
}
