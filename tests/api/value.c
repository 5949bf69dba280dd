/* SPDX-License-Identifier: MIT */
/* Value blocks: who may write them, what a version says, and what becomes of them.  (VB1-VB3) */
#include "support.h"

static struct lk_value
value_of(struct lk_owner *w, lk_grant g)
{
	struct lk_value v = { .size = sizeof(v) };

	ok(lk_value_read(w, g, &v));
	return v;
}

Test(value, of_a_name_never_written_is_empty)
{
	static const unsigned char nothing[LK_VALUE_MAX];
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	struct lk_value v;
	lk_grant g;

	open_owners(m, &w, 1);
	g = take(w, "n", LK_X);
	for (int made = 0; made < 2; made++) {
		v = value_of(w, g);
		cr_expect_eq(v.version, 0);
		cr_expect_eq(v.len, 0);
		cr_expect_eq(v.flags, 0);
		cr_expect(memcmp(v.bytes, nothing, sizeof(nothing)) == 0);
		ok(lk_value_write(w, take(w, "other", LK_X), "x", 1)); /* there is a table now */
	}
	close_all(m, &w, 1);
}

Test(value, is_what_was_written_last)
{
	struct lk_manager *m = open_manager(NULL);
	unsigned char full[LK_VALUE_MAX];
	struct lk_owner *w[2];
	uint64_t last = 0;
	struct lk_value v;
	lk_grant g;

	open_owners(m, w, 2);
	memset(full, 0xa5, sizeof(full));
	for (size_t len = 0; len <= LK_VALUE_MAX; len++) {
		g = take(w[0], "n", LK_X);
		ok(lk_value_write(w[0], g, full, LK_VALUE_MAX - len));
		ok(lk_release(w[0], g));
		g = take(w[1], "n", LK_S);
		v = value_of(w[1], g);
		ok(lk_release(w[1], g));
		cr_expect_eq(v.len, LK_VALUE_MAX - len);
		cr_expect(memcmp(v.bytes, full, v.len) == 0);
		for (size_t i = v.len; i < LK_VALUE_MAX; i++)
			cr_expect_eq(v.bytes[i], 0);
		cr_expect_gt(v.version, last);
		last = v.version;
	}
	close_all(m, w, 2);
}

Test(value, is_written_by_those_who_may_write)
{
	static const bool writes[MODES] = { [LK_SIX] = true, [LK_U] = true, [LK_X] = true };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (lk_mode mode = LK_IS; mode <= LK_X; mode++) {
		lk_grant g = take(w, "n", mode);
		uint64_t before = value_of(w, g).version;

		is(lk_value_write(w, g, "v", 1), writes[mode] ? 0 : LK_E_PERM);
		cr_expect_eq(value_of(w, g).version > before, writes[mode]);
		ok(lk_release(w, g));
	}
	close_all(m, &w, 1);
}

/* All grants together, and what is held above. */
Test(value, is_written_by_what_the_owner_holds_there)
{
	struct lk_manager *m = open_manager(NULL);
	lk_grant g, above;
	struct lk_owner *w;

	open_owners(m, &w, 1);
	g = take(w, "n", LK_S);
	is(lk_value_write(w, g, "v", 1), LK_E_PERM);
	take(w, "n", LK_X);
	ok(lk_value_write(w, g, "v", 1));
	above = take(w, "a", LK_X);
	g = take(w, "a/b", LK_S);
	ok(lk_value_write(w, g, "v", 1));
	ok(lk_downgrade(w, above));
	is(lk_value_write(w, g, "v", 1), LK_E_PERM);
	ok(lk_value_write(w, take(w, "c", LK_X), "v", 1));
	close_all(m, &w, 1);
}

Test(value, belongs_to_one_name)
{
	const uint64_t id = UINT64_C(0x6867666564636261);
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant name, number;

	open_owners(m, &w, 1);
	ok(lk_acquire_bytes(w, &id, sizeof(id), LK_X, NULL, &name)); /* the same bytes */
	ok(lk_acquire_id(w, id, LK_X, NULL, &number));
	ok(lk_value_write(w, name, "name", 4));
	cr_expect_eq(value_of(w, number).version, 0);
	ok(lk_value_write(w, number, "number", 6));
	cr_expect(memcmp(value_of(w, name).bytes, "name", 4) == 0);
	cr_expect(memcmp(value_of(w, number).bytes, "number", 6) == 0);
	close_all(m, &w, 1);
}

Test(value, outlives_the_entry_of_its_name)
{
	struct lk_manager *m = open_manager("memory:?max_idle=0");
	struct lk_owner *w;
	uint64_t version;
	lk_grant g;

	open_owners(m, &w, 1);
	g = take(w, "n", LK_X);
	ok(lk_value_write(w, g, "kept", 4));
	version = value_of(w, g).version;
	ok(lk_release(w, g));
	ok(lk_sweep(m, NULL));
	g = take(w, "n", LK_S);
	cr_expect_eq(value_of(w, g).version, version);
	cr_expect(memcmp(value_of(w, g).bytes, "kept", 4) == 0);
	close_all(m, &w, 1);
}

/* (VB2) */
Test(value, versions_go_on_in_the_next_manager)
{
	uint64_t last = 0;

	for (int i = 0; i < 20; i++) {
		struct lk_manager *m = open_manager(NULL);
		struct lk_owner *w;
		lk_grant g;

		open_owners(m, &w, 1);
		g = take(w, "n", LK_X);
		for (int k = 0; k < 3; k++)
			ok(lk_value_write(w, g, "v", 1));
		cr_assert_eq(value_of(w, g).version > last + 2, true);
		last = value_of(w, g).version;
		close_all(m, &w, 1);
	}
}

struct mortal {
	struct lk_manager *m;
	lk_mode mode;
};

static void
hold_and_end(void *arg, unsigned index)
{
	struct mortal *d = arg;

	(void)index;
	must(lk_acquire(lk_self(d->m), "n", d->mode, NULL, NULL) == 0);
}

Test(value, is_invalid_when_a_writer_died_and_good_when_it_is_written)
{
	struct mortal d = { .m = open_manager(NULL), .mode = LK_X };
	struct lk_owner *w;
	struct lk_value v;
	lk_grant g;

	open_owners(d.m, &w, 1);
	test_threads(1, hold_and_end, &d); /* nothing is written yet: nothing is invalid */
	g = take(w, "n", LK_X);
	cr_expect_eq(value_of(w, g).flags, 0);
	ok(lk_value_write(w, g, "v", 1));
	ok(lk_release(w, g));
	d.mode = LK_S;
	test_threads(1, hold_and_end, &d);
	g = take(w, "n", LK_S);
	cr_expect_eq(value_of(w, g).flags, 0);
	ok(lk_release(w, g));
	d.mode = LK_X;
	test_threads(1, hold_and_end, &d);
	g = take(w, "n", LK_U);
	v = value_of(w, g);
	cr_expect_eq(v.flags, LK_VALUE_INVALID);
	cr_expect_eq(v.len, 1);
	ok(lk_value_write(w, g, "w", 1));
	cr_expect_eq(value_of(w, g).flags, 0);
	cr_expect_eq(value_of(w, g).version, v.version + 1);
	close_all(d.m, &w, 1);
}

Test(value, refuses_what_does_not_fit)
{
	struct lk_manager *m = open_manager(NULL);
	NEWER(struct lk_value) newer = { .known.size = sizeof(newer) };
	struct lk_value v = { .size = sizeof(v) };
	unsigned char large[LK_VALUE_MAX + 1] = { 0 };
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m, w, 2);
	g = take(w[0], "n", LK_X);
	is(lk_value_write(w[0], g, large, sizeof(large)), LK_E_INVAL);
	is(lk_value_write(w[0], g, NULL, 1), LK_E_INVAL);
	is(lk_value_write(NULL, g, large, 1), LK_E_INVAL);
	is(lk_value_read(NULL, g, &v), LK_E_INVAL);
	is(lk_value_read(w[0], g, NULL), LK_E_INVAL);
	ok(lk_value_write(w[0], g, NULL, 0));
	ok(lk_value_read(w[0], g, &newer.known));
	newer.unknown[1] = 1;
	is(lk_value_read(w[0], g, &newer.known), LK_E_VERSION);
	is(lk_value_read(w[1], g, &v), LK_E_STALE);
	is(lk_value_write(w[1], g, "v", 1), LK_E_STALE);
	ok(lk_release(w[0], g));
	is(lk_value_read(w[0], g, &v), LK_E_STALE);
	is(lk_value_write(w[0], g, "v", 1), LK_E_STALE);
	close_all(m, w, 2);
}

/* The table, then the block.  (T2) */
Test(value, needs_memory_for_the_first_write_only)
{
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w;
	lk_grant g;

	test_heap_init(&heap);
	m = open_with(NULL, &heap, NULL);
	open_owners(m, &w, 1);
	g = take(w, "n", LK_X);
	test_heap_fail(&heap, 1, false); /* the table */
	is(lk_value_write(w, g, "v", 1), LK_E_NOMEM);
	test_heap_fail(&heap, 2, false); /* it is made; the block */
	is(lk_value_write(w, g, "v", 1), LK_E_NOMEM);
	test_heap_fail(&heap, 1, true);
	is(lk_value_write(w, g, "v", 1), LK_E_NOMEM);
	cr_expect_eq(value_of(w, g).version, 0);
	test_heap_fail(&heap, 0, false);
	ok(lk_value_write(w, g, "v", 1));
	test_heap_fail(&heap, 1, true);
	ok(lk_value_write(w, g, "w", 1));
	cr_expect_eq(value_of(w, g).bytes[0], 'w');
	test_heap_fail(&heap, 0, false);
	close_all(m, &w, 1);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}

Test(value, is_there_until_the_end_of_a_manager_that_shuts_down)
{
	struct lk_options nowait = { .size = sizeof(nowait), .timeout_ns = 1 };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant g;

	open_owners(m, &w, 1);
	g = take(w, "n", LK_X);
	ok(lk_value_write(w, g, "v", 1));
	ok(lk_shutdown(m, &nowait)); /* it took the lock back */
	is(lk_value_write(w, g, "w", 1), LK_E_STALE);
	close_all(m, &w, 1);
}

/* Two who may read and write at a time: U beside S.  (VB1) */
struct pair {
	struct lk_manager *m;
	atomic_bool done;
};

static void
read_and_write(void *arg, unsigned index)
{
	struct pair *p = arg;
	unsigned char bytes[LK_VALUE_MAX];
	struct lk_value v = { .size = sizeof(v) };
	struct lk_owner *w;
	uint64_t last = 0;
	lk_grant g;

	must(lk_owner_open(p->m, NULL, &w) == 0);
	must(lk_acquire(w, "n", index == 0 ? LK_U : LK_S, NULL, &g) == 0);
	for (unsigned i = 0; index == 0 && i < 20000; i++) {
		memset(bytes, (int)(i & 0xff), sizeof(bytes));
		must(lk_value_write(w, g, bytes, sizeof(bytes)) == 0);
	}
	if (index == 0)
		atomic_store(&p->done, true);
	while (!atomic_load(&p->done)) {
		must(lk_value_read(w, g, &v) == 0);
		must(v.version >= last);
		last = v.version;
		for (size_t i = 1; i < v.len; i++)
			must(v.bytes[i] == v.bytes[0]);
	}
	must(lk_owner_close(w) == 0);
}

Test(value, is_read_whole)
{
	struct pair p = { .m = open_manager(NULL) };

	test_threads(3, read_and_write, &p);
	ok(lk_close(p.m));
}
