/* SPDX-License-Identifier: MIT */
/* Every result code provoked, and every kind of bad argument: a clear error, nothing changed. */
#include <sys/wait.h>
#include <unistd.h>

#include <latchkey/store.h>
#include <latchkey/test_store.h>

#include "support.h"

/* ------------------------------------------------- one way to each code, in LK_ERROR_LIST */

static int
provoke_BUSY(struct lk_manager *m, struct lk_owner **w)
{
	(void)m;
	take(w[0], "n", LK_X);
	return lk_try_acquire(w[1], "n", LK_S, NULL);
}

static int
provoke_TIMEDOUT(struct lk_manager *m, struct lk_owner **w)
{
	struct lk_options o = { .size = sizeof(o), .timeout_ns = 1 };

	(void)m;
	take(w[0], "n", LK_X);
	return lk_acquire(w[1], "n", LK_S, &o, NULL);
}

static int
provoke_CANCELED(struct lk_manager *m, struct lk_owner **w)
{
	(void)m;
	take(w[0], "n", LK_X);
	ok(lk_owner_cancel(w[1]));
	return lk_acquire(w[1], "n", LK_S, NULL, NULL);
}

static int
provoke_DEADLOCK(struct lk_manager *m, struct lk_owner **w)
{
	struct lk_owner_options o = { .size = sizeof(o), .priority = 1 };
	struct lk_owner *important;
	struct asker a;
	int rc;

	ok(lk_owner_open(m, &o, &important));
	take(important, "n", LK_X);
	take(w[0], "o", LK_X);
	ask(m, &a, important, "o", LK_X);
	rc = lk_acquire(w[0], "n", LK_X, NULL, NULL);
	ok(lk_release_all(w[0]));
	granted(&a);
	ok(lk_owner_close(important));
	return rc;
}

static int
provoke_IO(struct lk_manager *m, struct lk_owner **w)
{
	FILE *full = fopen("/dev/full", "w");
	int rc;

	(void)m;
	(void)w;
	cr_assert_not_null(full);
	(void)setvbuf(full, NULL, _IONBF, 0);
	rc = lk_write_file(full, "text", 4);
	(void)fclose(full);
	return rc;
}

static int
provoke_INVAL(struct lk_manager *m, struct lk_owner **w)
{
	(void)m;
	return lk_acquire(w[0], NULL, LK_S, NULL, NULL);
}

static int
provoke_NOENT(struct lk_manager *m, struct lk_owner **w)
{
	char text[LK_CONFIG_TEXT_MAX];

	(void)w;
	return lk_config_get(m, "nonsense", text, sizeof(text));
}

static int
provoke_NOMEM(struct lk_manager *m, struct lk_owner **w)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct test_heap heap;

	(void)w;
	test_heap_init(&heap);
	test_heap_fail(&heap, 1, true);
	cfg.allocator = &heap.allocator;
	return lk_open(NULL, &cfg, &m);
}

static int
provoke_UNSUPPORTED(struct lk_manager *m, struct lk_owner **w)
{
	(void)m;
	(void)w;
	return lk_open("nosuchstore:", NULL, &m);
}

static int
provoke_LOST(struct lk_manager *m, struct lk_owner **w)
{
	struct lk_options o = { .size = sizeof(o), .lease_ns = LK_LEASE_MIN_NS };
	lk_grant g;

	(void)m;
	ok(lk_acquire(w[0], "n", LK_S, &o, &g));
	wait_until(lk_check(w[0], g) == LK_E_LOST);
	return lk_release(w[0], g);
}

static int
provoke_SUSPECT(struct lk_manager *m, struct lk_owner **w)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_options o = { .size = sizeof(o), .lease_ns = 1000000 };
	struct test_world world;
	struct lk_owner *me;
	lk_grant g;
	int rc;

	(void)w;
	test_world_init(&world);
	world.manual = true;
	cfg.environment = &world.environment;
	cfg.flags = LK_MANUAL;
	ok(lk_open(NULL, &cfg, &m));
	ok(lk_owner_open(m, NULL, &me));
	ok(lk_acquire(me, "n", LK_S, &o, &g));
	test_world_advance(&world, 700000);
	rc = lk_check(me, g);
	ok(lk_owner_close(me));
	ok(lk_close(m));
	return rc;
}

static int
provoke_STALE(struct lk_manager *m, struct lk_owner **w)
{
	(void)m;
	return lk_release(w[0], 0);
}

static int
provoke_CONVERSION_DEADLOCK(struct lk_manager *m, struct lk_owner **w)
{
	struct asker a;
	int rc;

	take(w[0], "n", LK_S);
	take(w[1], "n", LK_S);
	ask(m, &a, w[0], "n", LK_X);
	rc = lk_acquire(w[1], "n", LK_X, NULL, NULL);
	ok(lk_release_all(w[1]));
	granted(&a);
	return rc;
}

static int
provoke_LIMIT(struct lk_manager *m, struct lk_owner **w)
{
	struct lk_owner *strict;
	int rc;

	(void)w;
	m = open_manager("memory:?max_reentry=1");
	open_owners(m, &strict, 1);
	take(strict, "n", LK_S);
	rc = lk_try_acquire(strict, "n", LK_S, NULL);
	close_all(m, &strict, 1);
	return rc;
}

static int
provoke_CLOSED(struct lk_manager *m, struct lk_owner **w)
{
	ok(lk_shutdown(m, NULL));
	return lk_acquire(w[0], "n", LK_S, NULL, NULL);
}

static int
provoke_FORKED(struct lk_manager *m, struct lk_owner **w)
{
	pid_t child = fork();
	int status;

	(void)m;
	if (child == 0)
		_exit(lk_acquire(w[0], "n", LK_S, NULL, NULL) == LK_E_FORKED ? 11 : 12);
	cr_assert_eq(waitpid(child, &status, 0), child);
	return WIFEXITED(status) && WEXITSTATUS(status) == 11 ? LK_E_FORKED : 0;
}

static int
never(void *arg)
{
	(void)arg;
	return 0;
}

static int
provoke_CONDITION(struct lk_manager *m, struct lk_owner **w)
{
	struct lk_options o = { .size = sizeof(o), .flags = LK_NOWAIT, .condition = never };

	(void)m;
	return lk_acquire(w[0], "n", LK_S, &o, NULL);
}

static int
provoke_VERSION(struct lk_manager *m, struct lk_owner **w)
{
	struct {
		struct lk_options known;
		uint64_t unknown;
	} o = { .known.size = sizeof(o), .unknown = 1 };

	(void)m;
	return lk_acquire(w[0], "n", LK_S, &o.known, NULL);
}

/* A store from which the locks went to another one. */
static int
provoke_MOVED(struct lk_manager *m, struct lk_owner **w)
{
	struct lk_store *keeps[2]; /* stores for tests are gone with the last who has them open */
	int rc;

	(void)w;
	ok(lk_store_open("test:old", NULL, &keeps[0]));
	ok(lk_store_open("test:new", NULL, &keeps[1]));
	ok(lk_migrate("test:old", "test:new", NULL));
	rc = lk_open("test:old", NULL, &m);
	lk_store_close(keeps[0]);
	lk_store_close(keeps[1]);
	return rc;
}

static int
provoke_NAME(struct lk_manager *m, struct lk_owner **w)
{
	(void)m;
	return lk_acquire(w[0], "", LK_S, NULL, NULL);
}

/* A store that fails whenever it is asked. */
static int
provoke_with(struct lk_test_faults faults)
{
	struct lk_manager *m;
	int rc;

	faults.size = sizeof(faults);
	ok(lk_open("test:errors", NULL, &m));
	ok(lk_test_store_faults("errors", NULL, &faults));
	rc = lk_acquire(lk_self(m), "n", LK_S, NULL, NULL);
	faults = (struct lk_test_faults){ .size = sizeof(faults) };
	ok(lk_test_store_faults("errors", NULL, &faults));
	ok(lk_close(m));
	return rc;
}

static int
provoke_STORE(struct lk_manager *m, struct lk_owner **w)
{
	(void)m;
	(void)w;
	return provoke_with((struct lk_test_faults){ .flags = LK_TEST_PARTITIONED });
}

/* … has failed for as often as it is asked. */
static int
provoke_BREAKER(struct lk_manager *m, struct lk_owner **w)
{
	const struct lk_test_faults cut = { .size = sizeof(cut), .flags = LK_TEST_PARTITIONED };
	int rc;

	(void)w;
	ok(lk_open("test:breaker?breaker_threshold=1&breaker_reset_ns=3600s", NULL, &m));
	ok(lk_test_store_faults("breaker", NULL, &cut));
	(void)!lk_acquire(lk_self(m), "n", LK_S, NULL, NULL);
	rc = lk_acquire(lk_self(m), "n", LK_S, NULL, NULL);
	ok(lk_close(m));
	return rc;
}

static int
provoke_UNKNOWN(struct lk_manager *m, struct lk_owner **w)
{
	(void)m;
	(void)w;
	return provoke_with((struct lk_test_faults){ .lose_before = 1000 });
}

/* Bytes that are no record. */
static int
scribble(void *arg, struct lk_store_record *r, size_t n)
{
	(void)arg;
	(void)n;
	r->fresh = "no record";
	r->fresh_len = 9;
	r->changed = 1;
	return 0;
}

static int
provoke_CORRUPT(struct lk_manager *m, struct lk_owner **w)
{
	struct lk_store_record r = { .name = "nn", .len = 2 };
	struct lk_store *store;
	int rc;

	(void)w;
	ok(lk_open("test:damaged", NULL, &m));
	ok(lk_store_open("test:damaged", NULL, &store));
	ok(store->ops->update(store, &r, 1, scribble, NULL, UINT64_MAX));
	lk_store_close(store);
	rc = lk_acquire(lk_self(m), "n", LK_S, NULL, NULL);
	ok(lk_close(m));
	return rc;
}

static int
say_no(void *arg, const struct lk_event *event)
{
	(void)arg;
	return event->kind == LK_EVENT_BEFORE_ACQUIRE;
}

static int
provoke_PERM(struct lk_manager *m, struct lk_owner **w)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	int rc;

	(void)w;
	cfg.on_event = say_no;
	ok(lk_open("memory:?events=before_acquire", &cfg, &m));
	rc = lk_acquire(lk_self(m), "n", LK_S, NULL, NULL);
	ok(lk_close(m));
	return rc;
}

static const struct code {
	int number;
	int listed;
	const char *name;
	const char *text;
	int (*provoke)(struct lk_manager *m, struct lk_owner **w);
} codes[] = {
#define CODE(name, number, text) { LK_E_##name, number, "LK_E_" #name, text, provoke_##name },
	LK_ERROR_LIST(CODE)
#undef CODE
};

Test(errors, every_code_is_reachable)
{
	for (size_t i = 0; i < countof(codes); i++) {
		struct lk_manager *m = open_manager(NULL);
		struct lk_owner *w[2];

		open_owners(m, w, 2);
		is(codes[i].provoke(m, w), codes[i].number);
		close_all(m, w, 2);
	}
}

Test(errors, every_code_has_its_number_name_and_text)
{
	for (size_t i = 0; i < countof(codes); i++) {
		cr_expect_eq(codes[i].number, codes[i].listed);
		cr_expect_lt(codes[i].number, 0);
		cr_expect_str_eq(lk_errname(codes[i].number), codes[i].name);
		cr_expect_str_eq(lk_strerror(codes[i].number), codes[i].text);
		for (size_t k = 0; k < i; k++)
			cr_expect_neq(codes[i].number, codes[k].number);
	}
	cr_expect_eq(LK_E_TIMEDOUT, -ETIMEDOUT);
	cr_expect_eq(LK_E_STALE, -10000);
	cr_expect_str_eq(lk_errname(12345), "LK_E_?");
	cr_expect_str_eq(lk_errname(-12345), "LK_E_?");
	cr_expect_not_null(lk_strerror(0));
	cr_expect_gt(strlen(lk_strerror(-12345)), 0);
	cr_expect_str_eq(lk_version(), LATCHKEY_VERSION);
}

/* ------------------------------------------------------------------------ bad arguments */

static int
no_row(void *arg, const struct lk_snapshot_row *row)
{
	(void)arg;
	(void)row;
	return 0;
}

static int
no_grant(void *arg, const struct lk_grant_info *info)
{
	(void)arg;
	(void)info;
	return 0;
}

Test(errors, nothing_where_an_owner_is_wanted)
{
	struct lk_grant_info info = { .size = sizeof(info) };
	struct lk_stats stats = { .size = sizeof(stats) };
	struct lk_manager *m = open_manager(NULL);
	struct lk_resource *r;

	ok(lk_resource_open(m, "n", &r));
	is(lk_owner_close(NULL), LK_E_INVAL);
	is(lk_owner_cancel(NULL), LK_E_INVAL);
	is(lk_acquire(NULL, "n", LK_S, NULL, NULL), LK_E_INVAL);
	is(lk_try_acquire(NULL, "n", LK_S, NULL), LK_E_INVAL);
	is(lk_acquire_bytes(NULL, "n", 1, LK_S, NULL, NULL), LK_E_INVAL);
	is(lk_acquire_id(NULL, 1, LK_S, NULL, NULL), LK_E_INVAL);
	is(lk_acquire_on(NULL, r, LK_S, NULL, NULL), LK_E_INVAL);
	is(lk_release(NULL, 1), LK_E_INVAL);
	is(lk_release_name(NULL, "n", 1), LK_E_INVAL);
	is(lk_release_id(NULL, 1), LK_E_INVAL);
	is(lk_release_all(NULL), LK_E_INVAL);
	is(lk_convert(NULL, 1, LK_S, NULL), LK_E_INVAL);
	is(lk_can_convert(NULL, 1, LK_S), LK_E_INVAL);
	is(lk_upgrade(NULL, 1, NULL), LK_E_INVAL);
	is(lk_downgrade(NULL, 1), LK_E_INVAL);
	is(lk_grant_info(NULL, 1, &info), LK_E_INVAL);
	is(lk_owner_each(NULL, no_grant, NULL), LK_E_INVAL);
	is(lk_holds(NULL, "n", 1), LK_E_INVAL);
	is(lk_holds_id(NULL, 1), LK_E_INVAL);
	is(lk_owner_stats(NULL, &stats), LK_E_INVAL);
	cr_expect_eq(lk_fence(NULL, 1), 0);
	lk_resource_close(r);
	ok(lk_close(m));
}

Test(errors, nothing_where_a_manager_is_wanted)
{
	struct lk_info info = { .size = sizeof(info) };
	struct lk_stats stats = { .size = sizeof(stats) };
	struct lk_resource *r;
	struct lk_owner *w;

	is(lk_close(NULL), LK_E_INVAL);
	is(lk_shutdown(NULL, NULL), LK_E_INVAL);
	is(lk_owner_open(NULL, NULL, &w), LK_E_INVAL);
	is(lk_resource_open(NULL, "n", &r), LK_E_INVAL);
	is(lk_resource_open_bytes(NULL, "n", 1, &r), LK_E_INVAL);
	is(lk_resource_open_id(NULL, 1, &r), LK_E_INVAL);
	is(lk_fence_pass(NULL, "n", 1, 1), LK_E_INVAL);
	is(lk_info(NULL, "n", 1, &info), LK_E_INVAL);
	is(lk_info_id(NULL, 1, &info), LK_E_INVAL);
	is(lk_snapshot(NULL, no_row, NULL), LK_E_INVAL);
	is(lk_stats(NULL, &stats), LK_E_INVAL);
	is(lk_sweep(NULL, NULL), LK_E_INVAL);
	cr_expect_null(lk_self(NULL));
	cr_expect_eq(lk_name_hash(NULL, "n", 1), 0);
}

Test(errors, nothing_where_something_else_is_wanted)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_resource *r;
	struct lk_owner *w;
	lk_grant g;

	open_owners(m, &w, 1);
	g = take(w, "held", LK_S);
	is(lk_open(NULL, NULL, NULL), LK_E_INVAL);
	is(lk_owner_open(m, NULL, NULL), LK_E_INVAL);
	is(lk_resource_open(m, "n", NULL), LK_E_INVAL);
	is(lk_resource_open_bytes(m, "n", 1, NULL), LK_E_INVAL);
	is(lk_resource_open_id(m, 1, NULL), LK_E_INVAL);
	is(lk_resource_open(m, NULL, &r), LK_E_INVAL);
	is(lk_resource_open_bytes(m, NULL, 1, &r), LK_E_INVAL);
	is(lk_acquire(w, NULL, LK_S, NULL, NULL), LK_E_INVAL);
	is(lk_try_acquire(w, NULL, LK_S, NULL), LK_E_INVAL);
	is(lk_acquire_bytes(w, NULL, 1, LK_S, NULL, NULL), LK_E_INVAL);
	is(lk_acquire_on(w, NULL, LK_S, NULL, NULL), LK_E_INVAL);
	is(lk_release_name(w, NULL, 1), LK_E_INVAL);
	is(lk_grant_info(w, g, NULL), LK_E_INVAL);
	is(lk_owner_each(w, NULL, NULL), LK_E_INVAL);
	is(lk_holds(w, NULL, 1), LK_E_INVAL);
	is(lk_info(m, NULL, 1, NULL), LK_E_INVAL);
	is(lk_info(m, "n", 1, NULL), LK_E_INVAL);
	is(lk_info_id(m, 1, NULL), LK_E_INVAL);
	is(lk_snapshot(m, NULL, NULL), LK_E_INVAL);
	is(lk_stats(m, NULL), LK_E_INVAL);
	is(lk_owner_stats(w, NULL), LK_E_INVAL);
	is(lk_fence_pass(m, NULL, 1, 1), LK_E_INVAL);
	cr_expect_eq(lk_name_hash(m, NULL, 1), 0);
	cr_expect_eq(stats_of(m).holds, 1);
	cr_expect_eq(stats_of(m).handles, 0);
	close_all(m, &w, 1);
}

Test(errors, numbers_that_are_no_mode)
{
	static const int bad[] = { LK_NL, LK_X + 1, -1, 100, INT32_MIN, INT32_MAX };
	struct lk_manager *m = open_manager(NULL);
	struct lk_resource *r;
	struct lk_owner *w;
	lk_grant g;

	open_owners(m, &w, 1);
	ok(lk_resource_open(m, "n", &r));
	g = take(w, "held", LK_S);
	for (size_t i = 0; i < countof(bad); i++) {
		lk_mode mode = (lk_mode)bad[i];

		is(lk_acquire(w, "n", mode, NULL, NULL), LK_E_INVAL);
		is(lk_try_acquire(w, "n", mode, NULL), LK_E_INVAL);
		is(lk_acquire_bytes(w, "n", 1, mode, NULL, NULL), LK_E_INVAL);
		is(lk_acquire_id(w, 1, mode, NULL, NULL), LK_E_INVAL);
		is(lk_acquire_on(w, r, mode, NULL, NULL), LK_E_INVAL);
		is(lk_convert(w, g, mode, NULL), LK_E_INVAL);
		is(lk_can_convert(w, g, mode), LK_E_INVAL);
	}
	cr_expect_eq(holds(w, "held"), LK_S);
	cr_expect_eq(stats_of(m).holds, 1);
	lk_resource_close(r);
	close_all(m, &w, 1);
}

/* ------------------------------------------------------------------------------ options */

Test(errors, options_that_are_wrong)
{
	static char tag[LK_TAG_MAX + 1];
	struct lk_options o[] = {
		{ .size = 0 },
		{ .size = 1 },
		{ .size = sizeof(uint32_t) + 1 },
		{ .size = sizeof(o[0]), .flags = 0x1 },
		{ .size = sizeof(o[0]), .flags = 0x80000000 },
		{ .size = sizeof(o[0]), .flags = LK_NOWAIT | 0x400 },
		{ .size = sizeof(o[0]), .tag = tag, .tag_len = LK_TAG_MAX + 1 },
		{ .size = sizeof(o[0]), .tag = NULL, .tag_len = 1 },
		{ .size = sizeof(o[0]), .condition_arg = tag },
	};
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (size_t i = 0; i < countof(o); i++)
		is(lk_acquire(w, "n", LK_S, &o[i], NULL), LK_E_INVAL);
	cr_expect_eq(holds(w, "n"), LK_NL);
	o[0] = (struct lk_options){ .size = sizeof(o[0]), .tag = tag, .tag_len = LK_TAG_MAX };
	ok(lk_acquire(w, "n", LK_S, &o[0], NULL));
	close_all(m, &w, 1);
}

/* The ancestors of a grant are its own for as long as it lasts, and a manager has none. */
Test(errors, parents_where_they_mean_nothing)
{
	struct lk_options o = { .size = sizeof(o), .flags = LK_PARENTS };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant g;

	open_owners(m, &w, 1);
	g = take(w, "db/a", LK_S);
	is(lk_convert(w, g, LK_X, &o), LK_E_INVAL);
	is(lk_upgrade(w, g, &o), LK_E_INVAL);
	is(lk_shutdown(m, &o), LK_E_INVAL);
	cr_expect_eq(holds(w, "db/a"), LK_S);
	ok(lk_release(w, g));
	g = take(w, "db/a", LK_S); /* it does not shut down */
	close_all(m, &w, 1);
}

Test(errors, structures_of_a_newer_header)
{
	NEWER(struct lk_config) cfg = { .known.size = sizeof(cfg) };
	NEWER(struct lk_owner_options) owner = { .known.size = sizeof(owner) };
	NEWER(struct lk_options) o = { .known.size = sizeof(o) };
	NEWER(struct lk_grant_info) grant = { .known.size = sizeof(grant) };
	NEWER(struct lk_info) info = { .known.size = sizeof(info) };
	NEWER(struct lk_stats) stats = { .known.size = sizeof(stats) };
	struct lk_manager *m;
	struct lk_owner *w;
	lk_grant g;

	ok(lk_open(NULL, &cfg.known, &m));
	ok(lk_owner_open(m, &owner.known, &w));
	ok(lk_acquire(w, "n", LK_S, &o.known, &g));
	ok(lk_grant_info(w, g, &grant.known));
	ok(lk_info(m, "n", 1, &info.known));
	ok(lk_stats(m, &stats.known));
	ok(lk_owner_stats(w, &stats.known));
	cfg.unknown[3] = owner.unknown[3] = o.unknown[3] = 1;
	grant.unknown[3] = info.unknown[3] = stats.unknown[3] = 1;
	is(lk_open(NULL, &cfg.known, &m), LK_E_VERSION);
	is(lk_owner_open(m, &owner.known, &w), LK_E_VERSION);
	is(lk_acquire(w, "n", LK_S, &o.known, &g), LK_E_VERSION);
	is(lk_convert(w, g, LK_X, &o.known), LK_E_VERSION);
	is(lk_shutdown(m, &o.known), LK_E_VERSION);
	is(lk_grant_info(w, g, &grant.known), LK_E_VERSION);
	is(lk_info(m, "n", 1, &info.known), LK_E_VERSION);
	is(lk_stats(m, &stats.known), LK_E_VERSION);
	is(lk_owner_stats(w, &stats.known), LK_E_VERSION);
	close_all(m, &w, 1);
}

Test(errors, structures_without_a_size)
{
	struct lk_owner_options owner = { 0 };
	struct lk_grant_info grant = { 0 };
	struct lk_config cfg = { 0 };
	struct lk_stats stats = { 0 };
	struct lk_info info = { 0 };
	struct lk_manager *m = open_manager(NULL), *other = NULL;
	struct lk_owner *w, *none = NULL;
	lk_grant g;

	open_owners(m, &w, 1);
	g = take(w, "n", LK_S);
	is(lk_open(NULL, &cfg, &other), LK_E_INVAL);
	is(lk_owner_open(m, &owner, &none), LK_E_INVAL);
	is(lk_grant_info(w, g, &grant), LK_E_INVAL);
	is(lk_info(m, "n", 1, &info), LK_E_INVAL);
	is(lk_stats(m, &stats), LK_E_INVAL);
	is(lk_owner_stats(w, &stats), LK_E_INVAL);
	cr_expect_null(other);
	cr_expect_null(none);
	owner = (struct lk_owner_options){ .size = sizeof(owner), .flags = 1 };
	is(lk_owner_open(m, &owner, &none), LK_E_INVAL);
	close_all(m, &w, 1);
}

Test(errors, errno_is_nobody_s_business)
{
	struct lk_options brief = { .size = sizeof(brief), .timeout_ns = 100000 };
	struct lk_manager *m;
	struct lk_owner *w[2];

	errno = 4242;
	m = open_manager(NULL);
	open_owners(m, w, 2);
	take(w[0], "n", LK_X);
	is(lk_acquire(w[1], "n", LK_S, &brief, NULL), LK_E_TIMEDOUT);
	ok(lk_owner_cancel(w[1]));
	is(lk_acquire(w[1], "n", LK_S, NULL, NULL), LK_E_CANCELED);
	is(lk_release(w[1], 1), LK_E_STALE);
	cr_expect_not_null(lk_self(m));
	cr_expect_not_null(lk_strerror(-77777));
	close_all(m, w, 2);
	cr_expect_eq(errno, 4242);
}
