/* SPDX-License-Identifier: MIT */
/* Optimistic reads: who is in the way of one, who spoils one, and that none is torn.  (OR1-OR4) */
#include "support.h"

static struct lk_resource *
open_handle(struct lk_manager *m, const char *name)
{
	struct lk_resource *r = NULL;

	ok(lk_resource_open(m, name, &r));
	return r;
}

static uint64_t
begun(struct lk_resource *r)
{
	uint64_t stamp = 0;

	ok(lk_read_begin(r, &stamp));
	return stamp;
}

static bool
is_busy(struct lk_resource *r)
{
	uint64_t stamp = 7;
	int rc = lk_read_begin(r, &stamp);

	cr_assert(rc == 0 || (rc == LK_E_BUSY && stamp == 7), "%s", lk_errname(rc));
	return rc != 0;
}

/* [mode]: does a holder in it keep readers out, and spoil what they have begun? */
static const bool writes[MODES] = { [LK_SIX] = true, [LK_U] = true, [LK_X] = true };

Test(read, is_barred_and_spoilt_by_those_who_may_write)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_resource *r = open_handle(m, "n");
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (lk_mode mode = LK_IS; mode <= LK_X; mode++) {
		uint64_t stamp = begun(r);
		lk_grant g;

		ok(lk_acquire_on(w, r, mode, NULL, &g));
		cr_expect_eq(is_busy(r), writes[mode]);
		is(lk_read_validate(r, stamp), writes[mode] ? LK_E_STALE : 0);
		ok(lk_release(w, g));
		is(lk_read_validate(r, stamp), writes[mode] ? LK_E_STALE : 0);
		cr_expect(!is_busy(r));
	}
	lk_resource_close(r);
	close_all(m, &w, 1);
}

Test(read, sees_conversions_both_ways)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_resource *r = open_handle(m, "n");
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (lk_mode from = LK_IS; from <= LK_X; from++)
		for (lk_mode to = LK_IS; to <= LK_X; to++) {
			lk_grant g = take(w, "n", from);
			uint64_t stamp = 0;

			if (!writes[from])
				stamp = begun(r);
			ok(lk_convert(w, g, to, NULL));
			cr_expect_eq(is_busy(r), writes[to], "%s to %s", mode_name(from),
				     mode_name(to));
			if (!writes[from])
				is(lk_read_validate(r, stamp), writes[to] ? LK_E_STALE : 0);
			ok(lk_release(w, g));
		}
	lk_resource_close(r);
	close_all(m, &w, 1);
}

/* By re-entry, in the line, by a batch at once, and by one that waited. */
Test(read, is_spoilt_however_a_writer_came)
{
	struct lk_request two[] = { { .name = "n", .mode = LK_X }, { .name = "p", .mode = LK_X } };
	struct lk_manager *m = open_manager(NULL);
	struct lk_resource *r = open_handle(m, "n");
	struct lk_owner *w[2];
	struct asker a;
	uint64_t stamp;

	open_owners(m, w, 2);
	take(w[0], "n", LK_S);
	stamp = begun(r);
	take(w[0], "n", LK_U);
	is(lk_read_validate(r, stamp), LK_E_STALE);
	ok(lk_release_all(w[0]));
	take(w[0], "n", LK_S);
	stamp = begun(r);
	ask(m, &a, w[1], "n", LK_X);
	ok(lk_read_validate(r, stamp));
	ok(lk_release_all(w[0]));
	(void)granted(&a);
	is(lk_read_validate(r, stamp), LK_E_STALE);
	ok(lk_release_all(w[1]));
	stamp = begun(r);
	ok(lk_acquire_many(w[0], two, 2, NULL, NULL));
	is(lk_read_validate(r, stamp), LK_E_STALE);
	ok(lk_release_all(w[0]));
	lk_resource_close(r);
	close_all(m, w, 2);
}

struct waiting_batch {
	struct lk_owner *w;
	int rc;
};

static void
wait_for_both(void *arg, unsigned index)
{
	const struct lk_request both[] = { { .name = "n", .mode = LK_X },
					   { .name = "p", .mode = LK_X } };
	struct waiting_batch *b = arg;

	(void)index;
	b->rc = lk_acquire_many(b->w, both, 2, NULL, NULL);
}

Test(read, is_spoilt_by_a_batch_that_waited)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_resource *r = open_handle(m, "n");
	struct test_thread thread;
	struct waiting_batch b;
	struct lk_owner *w[2];
	uint64_t stamp;

	open_owners(m, w, 2);
	b.w = w[1];
	take(w[0], "p", LK_S);
	stamp = begun(r);
	test_spawn(&thread, 1, wait_for_both, &b);
	wait_until(stats_of(m).waits > 0);
	wait_until(line(m, "n") > 0);
	stamp = begun(r); /* the first attempt may have minted one */
	ok(lk_release_all(w[0]));
	test_join(&thread, 1);
	ok(b.rc);
	is(lk_read_validate(r, stamp), LK_E_STALE);
	cr_expect(is_busy(r));
	lk_resource_close(r);
	close_all(m, w, 2);
}

/* (OR2) */
Test(read, sees_writers_above)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_resource *r = open_handle(m, "a/b/c");
	struct lk_owner *w;
	uint64_t stamp;
	lk_grant above, below;

	open_owners(m, &w, 1);
	stamp = begun(r);
	above = take(w, "a", LK_X);
	cr_expect(is_busy(r));
	is(lk_read_validate(r, stamp), LK_E_STALE);
	below = take(w, "a/b/c", LK_X); /* implied: not in its word */
	ok(lk_release(w, above));
	cr_expect(is_busy(r));
	ok(lk_release(w, below));
	cr_expect(!is_busy(r));

	above = take(w, "a", LK_X);
	below = take(w, "a/b/c", LK_X);
	ok(lk_release(w, above));
	take(w, "a/b/c/d", LK_S); /* covered as well */
	ok(lk_convert(w, take(w, "a/b", LK_U), LK_X, NULL));
	cr_expect(is_busy(r));
	ok(lk_release_all(w));
	stamp = begun(r);
	take(w, "a/b/x", LK_X);   /* beside it */
	take(w, "a/b/c/d", LK_X); /* below it */
	ok(lk_read_validate(r, stamp));
	cr_expect(!is_busy(r));
	lk_resource_close(r);
	close_all(m, &w, 1);
}

Test(read, goes_up_a_deep_path)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_resource *r;
	struct lk_owner *w;
	char name[2 * 50];
	uint64_t stamp;

	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = i % 2 == 0 ? 'x' : '/';
	name[sizeof(name) - 1] = '\0';
	r = open_handle(m, name);
	open_owners(m, &w, 1);
	for (size_t len = 1; len < sizeof(name); len += 2) {
		stamp = begun(r);
		ok(lk_acquire_bytes(w, name, len, LK_X, NULL, NULL));
		cr_expect(is_busy(r));
		is(lk_read_validate(r, stamp), LK_E_STALE);
		ok(lk_release_all(w));
	}
	lk_resource_close(r);
	close_all(m, &w, 1);
}

Test(read, refuses_what_is_not_there)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_resource *r = open_handle(m, "n");
	uint64_t stamp;

	is(lk_read_begin(NULL, &stamp), LK_E_INVAL);
	is(lk_read_begin(r, NULL), LK_E_INVAL);
	is(lk_read_validate(NULL, 0), LK_E_INVAL);
	lk_resource_close(r);
	ok(lk_close(m));
}

/* ------------------------------------------------------------ with real threads */

enum { WRITERS = 3, ROUNDS = 4000 };

/* Two words that are the same, but for while somebody writes. */
struct torture {
	struct lk_manager *m;
	struct lk_resource *r;
	_Atomic uint64_t one, two;
	atomic_uint writing;
	_Atomic uint64_t good;
};

static void
write_both(struct torture *t)
{
	uint64_t x = atomic_load_explicit(&t->one, memory_order_relaxed);

	atomic_store_explicit(&t->one, x + 1, memory_order_relaxed);
	atomic_store_explicit(&t->two, x + 1, memory_order_relaxed);
}

/* All the ways to become a writer of "a/n". */
static void
become_writer(struct torture *t, struct lk_owner *w, unsigned how)
{
	lk_grant g, above;

	switch (how % 5) {
	case 0:
		must(lk_acquire_on(w, t->r, LK_X, NULL, &g) == 0);
		break;
	case 1:
		must(lk_acquire_on(w, t->r, LK_U, NULL, &g) == 0);
		must(lk_convert(w, g, LK_X, NULL) == 0);
		break;
	case 2:
		must(lk_acquire(w, "a", LK_X, NULL, &g) == 0);
		break;
	case 3: /* from above to its own word (OR2) */
		must(lk_acquire(w, "a", LK_X, NULL, &above) == 0);
		must(lk_acquire_on(w, t->r, LK_X, NULL, &g) == 0);
		must(lk_acquire(w, "a/n/below", LK_S, NULL, &g) == 0);
		must(lk_convert(w, above, LK_IX, NULL) == 0);
		break;
	default:
		must(lk_acquire(w, "a/n", LK_X, NULL, &g) == 0);
		break;
	}
}

static void
read_or_write(void *arg, unsigned index)
{
	struct torture *t = arg;

	if (index < WRITERS) {
		struct lk_owner *w;

		must(lk_owner_open(t->m, NULL, &w) == 0);
		for (unsigned i = 0; i < ROUNDS; i++) {
			become_writer(t, w, i + index);
			write_both(t);
			must(lk_release_all(w) == 0);
		}
		must(lk_owner_close(w) == 0);
		atomic_fetch_sub(&t->writing, 1);
		return;
	}
	while (atomic_load(&t->writing) != 0) {
		uint64_t stamp, one, two;

		if (lk_read_begin(t->r, &stamp) != 0)
			continue;
		one = atomic_load_explicit(&t->one, memory_order_relaxed);
		two = atomic_load_explicit(&t->two, memory_order_relaxed);
		if (lk_read_validate(t->r, stamp) != 0)
			continue;
		must(one == two);
		atomic_fetch_add_explicit(&t->good, 1, memory_order_relaxed);
	}
}

Test(read, is_never_torn, .timeout = 120)
{
	struct torture t = { .m = open_manager(NULL) };
	uint64_t stamp;

	t.r = open_handle(t.m, "a/n");
	atomic_init(&t.writing, WRITERS);
	test_threads(WRITERS + 2, read_or_write, &t);
	cr_expect_eq(atomic_load(&t.one), WRITERS * ROUNDS);
	ok(lk_read_begin(t.r, &stamp));
	ok(lk_read_validate(t.r, stamp));
	lk_resource_close(t.r);
	ok(lk_close(t.m));
}
