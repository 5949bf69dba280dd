/* SPDX-License-Identifier: MIT */
/* Stores: how one is found by its URL, and the one for tests, which fails when it is told to. */
#include "support.h"

#include <errno.h>

#define NEVER UINT64_MAX

struct bytes {
	const void *bytes;
	size_t n;
	unsigned calls;
};

static int
set_fresh(void *arg, struct lk_store_record *r, size_t n)
{
	struct bytes *b = arg;

	b->calls++;
	for (size_t i = 0; i < n; i++) {
		r[i].fresh = b->bytes;
		r[i].fresh_len = b->n;
		r[i].changed = 1;
	}
	return 0;
}

static int
put(struct lk_store *s, const char *name, const char *text)
{
	struct lk_store_record r = { .name = name, .len = strlen(name) };
	struct bytes b = { text, strlen(text), 0 };

	return s->ops->update(s, &r, 1, set_fresh, &b, NEVER);
}

static int
note_len(void *arg, struct lk_store_record *r, size_t n)
{
	(void)n;
	*(size_t *)arg = r[0].old_len;
	return 0;
}

/* Bytes of the record, or a code. */
static int
len_of(struct lk_store *s, const char *name)
{
	struct lk_store_record r = { .name = name, .len = strlen(name) };
	size_t len = 99;
	int rc = s->ops->read(s, &r, 1, note_len, &len, NEVER);

	return rc != 0 ? rc : (int)len;
}

static struct lk_store *
open_store(const char *url)
{
	struct lk_store *s = NULL;

	ok(lk_store_open(url, NULL, &s));
	return s;
}

/* ----------------------------------------------------------------------------- URLs */

static int
try_open(const char *url, char report[128])
{
	struct lk_store_open o = { .size = sizeof(o), .report = report, .report_cap = 128 };
	struct lk_store *s = (struct lk_store *)8;
	int rc = lk_store_open(url, &o, &s);

	cr_expect_eq(s == NULL, rc != 0);
	lk_store_close(s);
	return rc;
}

Test(store, urls_that_are_none)
{
	static const struct {
		const char *url;
		int code;
		const char *says;
	} urls[] = {
		{ "", LK_E_INVAL, "scheme" },
		{ "test", LK_E_INVAL, "scheme" },
		{ ":x", LK_E_INVAL, "scheme" },
		{ "Test:x", LK_E_INVAL, "scheme" },
		{ "1test:x", LK_E_INVAL, "scheme" },
		{ "te/st:x", LK_E_INVAL, "scheme" },
		{ "../x:y", LK_E_INVAL, "scheme" },
		{ "averylongschemename:x", LK_E_INVAL, "scheme" },
		{ "nosuchstore:x", LK_E_UNSUPPORTED, "nosuchstore" },
		{ "memory:", LK_E_UNSUPPORTED, "memory" },
		{ "test:x?as", LK_E_INVAL, "name=value" },
		{ "test:x?=1", LK_E_INVAL, "name=value" },
		{ "test:x?as=a&as=b", LK_E_INVAL, "twice" },
		{ "test:x?as=a&other=b", LK_E_INVAL, "other" },
		{ "test:%", LK_E_INVAL, "%" },
		{ "test:%4", LK_E_INVAL, "%" },
		{ "test:%4g", LK_E_INVAL, "%" },
		{ "test:%00", LK_E_INVAL, "%" },
		{ "test:x?as=%00", LK_E_INVAL, "%" },
		{ "test:", LK_E_INVAL, "name" },
		{ "test:?as=a", LK_E_INVAL, "name" },
		{ "test:x?as=0123456789012345678901234567890123456789", LK_E_INVAL, "long" },
	};
	char report[128];

	for (size_t i = 0; i < countof(urls); i++) {
		int rc = try_open(urls[i].url, report);

		cr_assert_eq(rc, urls[i].code, "%s: %s", urls[i].url, lk_errname(rc));
		cr_assert(strstr(report, urls[i].says) != NULL, "%s: %s", urls[i].url, report);
	}
	is(lk_store_open(NULL, NULL, &(struct lk_store *){ NULL }), LK_E_INVAL);
	is(lk_store_open("test:x", NULL, NULL), LK_E_INVAL);
	lk_store_close(NULL);
}

Test(store, urls_are_taken_apart)
{
	struct lk_store *s[3] = { open_store("test:a%20b%2F?as=x%26y"), open_store("test:a b/?"),
				  open_store("test:a%2Db") };

	ok(put(s[0], "n", "here"));
	cr_expect_eq(len_of(s[1], "n"), 4, "two spellings of one name");
	cr_expect_eq(len_of(s[2], "n"), 0, "another name");
	ok(lk_test_store_crash("a b/", "x&y"));
	cr_expect_eq(len_of(s[0], "n"), LK_E_STORE);
	for (int i = 0; i < 3; i++)
		lk_store_close(s[i]);
}

Test(store, structures_of_other_sizes)
{
	struct {
		struct lk_store_open known;
		uint64_t unknown;
	} o = { .known.size = sizeof(o) };
	struct lk_store *s;

	ok(lk_store_open("test:x", &o.known, &s));
	lk_store_close(s);
	o.unknown = 1;
	is(lk_store_open("test:x", &o.known, &s), LK_E_VERSION);
	o.known.size = 4;
	is(lk_store_open("test:x", &o.known, &s), LK_E_INVAL);
	o.known = (struct lk_store_open){ .size = sizeof(o.known), .flags = 0x100 };
	is(lk_store_open("test:x", &o.known, &s), LK_E_INVAL);
}

/* --------------------------------------------------------------------- registration */

static unsigned n_opened;
static uint32_t flags_given;

static struct lk_store_ops mine;

static int
open_mine(const struct lk_store_open *o, struct lk_store **out)
{
	struct lk_store *inner = open_store("test:mine");
	int rc = inner->ops->open(o, out); /* as the store for tests would */

	cr_assert_str_eq(o->scheme, "mine");
	cr_assert_not_null(o->allocator);
	cr_assert_not_null(o->environment);
	n_opened++;
	flags_given = o->flags;
	lk_store_close(inner);
	return rc;
}

static void
make_mine(void)
{
	struct lk_store *s = open_store("test:mine");

	mine = *s->ops;
	mine.scheme = "mine";
	mine.open = open_mine;
	lk_store_close(s);
}

Test(store, of_one_s_own_is_found_by_its_scheme)
{
	struct lk_store *s;

	make_mine();
	is(lk_store_open("mine:x", NULL, &s), LK_E_UNSUPPORTED);
	is(lk_store_unregister(&mine), LK_E_NOENT);
	ok(lk_store_register(&mine));
	is(lk_store_register(&mine), LK_E_BUSY);
	s = open_store("mine:x?as=a");
	cr_expect_eq(s->ops, &mine);
	cr_expect_eq(n_opened, 1);
	ok(put(s, "n", "x"));
	is(lk_store_unregister(&mine), LK_E_BUSY);
	lk_store_close(s);
	ok(lk_store_unregister(&mine));
	is(lk_store_open("mine:x", NULL, &s), LK_E_UNSUPPORTED);
	is(lk_store_unregister(&mine), LK_E_NOENT);
}

/* Which flags a store sees: the time is given if it is not the system's, whoever says what. */
Test(store, is_told_whose_time_it_is)
{
	struct lk_store_open o = { .size = sizeof(o), .flags = LK_STORE_TIME_IS_GIVEN };
	struct test_world world;
	struct lk_store *s;

	make_mine();
	ok(lk_store_register(&mine));
	ok(lk_store_open("mine:x", &o, &s));
	cr_expect_eq(flags_given, 0);
	lk_store_close(s);
	test_world_init(&world);
	o.environment = &world.environment;
	o.flags = LK_STORE_READ_ONLY;
	ok(lk_store_open("mine:x", &o, &s));
	cr_expect_eq(flags_given, LK_STORE_READ_ONLY | LK_STORE_TIME_IS_GIVEN);
	lk_store_close(s);
	ok(lk_store_unregister(&mine));
}

Test(store, tables_that_are_wrong_are_refused)
{
	struct lk_store_ops wrong;
	struct lk_store *s = open_store("test:x");

	make_mine();
	is(lk_store_register(NULL), LK_E_INVAL);
	is(lk_store_unregister(NULL), LK_E_INVAL);
	wrong = mine;
	wrong.version = 2;
	is(lk_store_register(&wrong), LK_E_VERSION);
	wrong = mine;
	wrong.update = NULL;
	is(lk_store_register(&wrong), LK_E_INVAL);
	wrong = mine;
	wrong.error = NULL;
	is(lk_store_register(&wrong), LK_E_INVAL);
	wrong = mine;
	wrong.scheme = "Mine";
	is(lk_store_register(&wrong), LK_E_INVAL);
	wrong.scheme = "";
	is(lk_store_register(&wrong), LK_E_INVAL);
	wrong.scheme = NULL;
	is(lk_store_register(&wrong), LK_E_INVAL);
	wrong.scheme = "file";
	is(lk_store_register(&wrong), LK_E_BUSY);
	wrong.scheme = "memory";
	is(lk_store_register(&wrong), LK_E_BUSY);
	is(lk_store_register(s->ops), LK_E_BUSY);
	lk_store_close(s);
}

Test(store, a_failed_opening_leaves_nothing)
{
	struct lk_store_open o = { .size = sizeof(o) };
	struct test_heap heap;
	uint64_t nth = 0;
	int rc;

	do {
		struct lk_store *s;

		test_heap_init(&heap);
		test_heap_fail(&heap, ++nth, false);
		o.allocator = &heap.allocator;
		rc = lk_store_open("test:x?as=a", &o, &s);
		cr_assert(rc == 0 || rc == LK_E_NOMEM);
		lk_store_close(s);
		cr_assert_eq(atomic_load(&heap.blocks), 0);
	} while (rc != 0);
	cr_expect_gt(nth, 3);
}

/* --------------------------------------------------------------- the store for tests */

static void
set_faults(const char *as, struct lk_test_faults f)
{
	f.size = sizeof(f);
	ok(lk_test_store_faults("x", as, &f));
}

Test(store, for_tests_is_gone_with_the_last)
{
	struct lk_store *s = open_store("test:x"), *other = open_store("test:x");

	ok(put(s, "n", "here"));
	lk_store_close(s);
	cr_expect_eq(len_of(other, "n"), 4);
	lk_store_close(other);
	s = open_store("test:x");
	cr_expect_eq(len_of(s, "n"), 0);
	lk_store_close(s);
}

Test(store, for_tests_fails_as_told)
{
	struct lk_store *a = open_store("test:x?as=a"), *b = open_store("test:x?as=b");
	char words[64];

	set_faults("a", (struct lk_test_faults){ .fail = 1000 });
	is(put(a, "n", "x"), LK_E_STORE);
	cr_expect_gt(a->ops->error(a, words, sizeof(words)), 5);
	cr_expect(strstr(words, "test:x") != NULL, "%s", words);
	cr_expect_eq(b->ops->error(b, words, sizeof(words)), 0);
	ok(put(b, "n", "abc"));
	is(len_of(a, "n"), LK_E_STORE);
	set_faults(NULL, (struct lk_test_faults){ .lose_before = 1000 });
	is(put(a, "n", "x"), LK_E_UNKNOWN);
	cr_expect_eq(len_of(b, "n"), 3, "it was written");
	set_faults(NULL, (struct lk_test_faults){ .lose_after = 1000 });
	is(put(a, "n", "x"), LK_E_UNKNOWN);
	cr_expect_eq(len_of(b, "n"), 1, "it was not written");
	set_faults(NULL, (struct lk_test_faults){ .seed = 1 });
	ok(put(a, "n", "xyz"));
	lk_store_close(a);
	lk_store_close(b);
}

Test(store, for_tests_asks_twice_as_told)
{
	struct lk_store_record r = { .name = "n", .len = 1 };
	struct bytes b = { "x", 1, 0 };
	struct lk_store *s = open_store("test:x");

	set_faults(NULL, (struct lk_test_faults){ .again = 1000 });
	ok(s->ops->update(s, &r, 1, set_fresh, &b, NEVER));
	cr_expect_eq(b.calls, 2);
	lk_store_close(s);
}

struct rival {
	struct lk_store *s;
	pthread_t thread;
	unsigned calls;
	size_t saw;
};

static void *
write_in_between(void *arg)
{
	must(put(arg, "n", "from another") == 0);
	return NULL;
}

/* While it is asked first, somebody else writes. */
static int
be_overtaken(void *arg, struct lk_store_record *r, size_t n)
{
	struct rival *rival = arg;

	(void)n;
	rival->saw = r->old_len;
	if (rival->calls++ == 0) {
		must(pthread_create(&rival->thread, NULL, write_in_between, rival->s) == 0);
		must(pthread_join(rival->thread, NULL) == 0);
	}
	r->fresh = "mine";
	r->fresh_len = 4;
	r->changed = 1;
	return 0;
}

Test(store, for_tests_asks_again_who_was_overtaken)
{
	struct lk_store_record r = { .name = "n", .len = 1 };
	struct rival rival = { .s = open_store("test:x") };
	struct lk_store *s = open_store("test:x");

	ok(s->ops->update(s, &r, 1, be_overtaken, &rival, NEVER));
	cr_expect_eq(rival.calls, 2);
	cr_expect_eq(rival.saw, 12);
	cr_expect_eq(len_of(s, "n"), 4);
	rival.calls = 0;
	is(s->ops->update(s, &r, 1, be_overtaken, &rival, 1), LK_E_TIMEDOUT);
	cr_expect_eq(len_of(s, "n"), 12);
	lk_store_close(rival.s);
	lk_store_close(s);
}

/* The same seed, the same failures; another one, others. */
Test(store, for_tests_fails_by_its_seed)
{
	uint64_t drawn[3] = { 0, 0, 0 };

	for (int i = 0; i < 3; i++) {
		struct lk_store *s = open_store("test:x");

		set_faults(NULL, (struct lk_test_faults){ .seed = i < 2 ? 7 : 8, .fail = 500 });
		for (int k = 0; k < 64; k++)
			drawn[i] = drawn[i] << 1 | (put(s, "n", "x") == 0);
		lk_store_close(s);
	}
	cr_expect_eq(drawn[0], drawn[1]);
	cr_expect_neq(drawn[0], drawn[2]);
	cr_expect(drawn[0] != 0 && drawn[0] != UINT64_MAX);
}

static bool
is_alive(struct lk_store *s, const struct lk_session_id *id)
{
	unsigned char alive = 7;

	ok(s->ops->session_alive(s, id, 1, &alive, NEVER));
	return alive == 1;
}

Test(store, for_tests_is_cut_off_as_told)
{
	const struct lk_session_id id = { { 1 } };
	struct lk_store *a = open_store("test:x?as=a"), *b = open_store("test:x?as=b");

	ok(a->ops->session_open(a, &id, 1000000000, "a", NEVER));
	set_faults("a", (struct lk_test_faults){ .flags = LK_TEST_PARTITIONED });
	is(put(a, "n", "x"), LK_E_STORE);
	is(a->ops->session_renew(a, &id, NEVER), LK_E_STORE);
	cr_expect(is_alive(b, &id));
	ok(lk_test_store_step("x", 1000000001)); /* its time is over, as others see it */
	cr_expect(!is_alive(b, &id));
	set_faults("a", (struct lk_test_faults){ .flags = 0 });
	is(a->ops->session_renew(a, &id, NEVER), LK_E_LOST);
	cr_expect(!is_alive(b, &id));
	ok(lk_test_store_step("x", -5000000000)); /* and stays over when the clock goes back */
	cr_expect(!is_alive(b, &id));
	lk_store_close(a);
	lk_store_close(b);
}

Test(store, for_tests_crashes_as_told)
{
	const struct lk_session_id ids[] = { { { 1 } }, { { 2 } } };
	struct lk_store *a = open_store("test:x?as=a"), *b = open_store("test:x?as=b");

	ok(a->ops->session_open(a, &ids[0], 1000000000, "a", NEVER));
	ok(b->ops->session_open(b, &ids[1], 1000000000, "b", NEVER));
	ok(put(a, "n", "abc"));
	ok(lk_test_store_crash("x", "a"));
	cr_expect(!is_alive(b, &ids[0]));
	cr_expect(is_alive(b, &ids[1]));
	is(put(a, "n", "x"), LK_E_STORE);
	is(a->ops->session_renew(a, &ids[0], NEVER), LK_E_STORE);
	cr_expect_eq(len_of(b, "n"), 3);
	lk_store_close(a);
	a = open_store("test:x?as=a");
	ok(put(a, "n", "x"));
	lk_store_close(a);
	lk_store_close(b);
}

static int
crash_in_the_middle(void *arg, struct lk_store_record *r, size_t n)
{
	ok(lk_test_store_crash("x", "a"));
	return set_fresh(arg, r, n);
}

Test(store, for_tests_writes_nothing_after_a_crash)
{
	struct lk_store *a = open_store("test:x?as=a"), *b = open_store("test:x?as=b");
	struct lk_store_record r = { .name = "n", .len = 1 };
	struct bytes bytes = { "x", 1, 0 };

	is(a->ops->update(a, &r, 1, crash_in_the_middle, &bytes, NEVER), LK_E_STORE);
	cr_expect_eq(bytes.calls, 1);
	cr_expect_eq(len_of(b, "n"), 0);
	lk_store_close(a);
	lk_store_close(b);
}

Test(store, for_tests_takes_its_time_as_told)
{
	struct lk_store_open o = { .size = sizeof(o) };
	struct lk_store_record r = { .name = "n", .len = 1 };
	struct bytes bytes = { "x", 1, 0 };
	struct test_world world;
	struct lk_store *s;
	uint64_t before, after, id;

	test_world_init(&world); /* the system's clock, counted */
	o.environment = &world.environment;
	ok(lk_store_open("test:x", &o, &s));
	set_faults(NULL, (struct lk_test_faults){ .delay_ns = 2000000 });
	before = test_now();
	ok(put(s, "n", "x"));
	cr_expect_ge(test_now() - before, 2000000);
	is(s->ops->update(s, &r, 1, set_fresh, &bytes, test_now() + 1000000), LK_E_TIMEDOUT);
	cr_expect_eq(bytes.calls, 0);
	set_faults(NULL, (struct lk_test_faults){ .delay_ns = 0 });
	ok(s->ops->now(s, &before, &id, NEVER));
	ok(lk_test_store_step("x", 3600000000000));
	ok(s->ops->now(s, &after, &id, NEVER));
	cr_expect_ge(after - before, 3600000000000);
	lk_store_close(s);
}

struct ear {
	_Atomic unsigned n;
	_Atomic char last;
	char heard[16];
};

static void
hear(void *arg, const void *name, size_t len)
{
	struct ear *e = arg;

	must(len == 1);
	e->heard[atomic_load(&e->n) % sizeof(e->heard)] = *(const char *)name;
	atomic_store(&e->last, *(const char *)name);
	atomic_fetch_add(&e->n, 1);
}

Test(store, for_tests_loses_and_repeats_hints_as_told)
{
	struct ear e = { .n = 0 };
	struct lk_store *s = open_store("test:x?as=a"), *w = open_store("test:x?as=w");

	ok(w->ops->watch(w, hear, &e));
	set_faults("w", (struct lk_test_faults){ .hints_lost = 1000 });
	ok(put(s, "a", "x"));
	set_faults("w", (struct lk_test_faults){ .hints_twice = 1000 });
	ok(put(s, "b", "x"));
	wait_until(atomic_load(&e.n) == 2);
	cr_expect_eq(e.heard[0], 'b');
	cr_expect_eq(e.heard[1], 'b');
	set_faults("w", (struct lk_test_faults){ .hints_late = 1000 });
	ok(put(s, "c", "x"));
	set_faults("w", (struct lk_test_faults){ .seed = 0 });
	ok(put(s, "d", "x"));
	wait_until(atomic_load(&e.n) == 4);
	cr_expect_eq(e.heard[2], 'd');
	cr_expect_eq(e.heard[3], 'c');
	set_faults("w", (struct lk_test_faults){ .flags = LK_TEST_PARTITIONED });
	ok(put(s, "e", "x"));
	set_faults("w", (struct lk_test_faults){ .seed = 0 });
	ok(put(s, "f", "x"));
	wait_until(atomic_load(&e.n) == 5);
	cr_expect_eq(e.heard[4], 'f');
	lk_store_close(w);
	lk_store_close(s);
}

Test(store, for_tests_is_told_nothing_that_makes_no_sense)
{
	struct lk_test_faults f = { .size = sizeof(f) };
	struct {
		struct lk_test_faults known;
		uint64_t unknown;
	} newer = { .known.size = sizeof(newer), .unknown = 1 };
	struct lk_store *s = open_store("test:x?as=a");

	is(lk_test_store_faults("y", NULL, &f), LK_E_NOENT);
	is(lk_test_store_faults("x", "b", &f), LK_E_NOENT);
	is(lk_test_store_faults("x", "a", NULL), LK_E_INVAL);
	is(lk_test_store_faults(NULL, "a", &f), LK_E_INVAL);
	is(lk_test_store_faults("x", "a", &newer.known), LK_E_VERSION);
	f.flags = 0x80;
	is(lk_test_store_faults("x", "a", &f), LK_E_INVAL);
	f.size = 4;
	is(lk_test_store_faults("x", "a", &f), LK_E_INVAL);
	is(lk_test_store_crash("y", "a"), LK_E_NOENT);
	is(lk_test_store_crash("x", "b"), LK_E_NOENT);
	is(lk_test_store_crash("x", NULL), LK_E_INVAL);
	is(lk_test_store_step("y", 1), LK_E_NOENT);
	is(lk_test_store_step(NULL, 1), LK_E_INVAL);
	lk_store_close(s);
	is(lk_test_store_step("x", 1), LK_E_NOENT);
}
