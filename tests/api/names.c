/* SPDX-License-Identifier: MIT */
/* Two names are the same lock if and only if their bytes are the same. */
#include "support.h"

struct piece {
	const char *bytes;
	size_t len;
};

#define PIECE(literal)                       \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

/* All different; each an easy mistake away from another. */
static const struct piece pieces[] = {
	PIECE("a"),
	PIECE("b"),
	PIECE("A"),
	PIECE(" "),
	PIECE("a "),
	PIECE(" a"),
	PIECE("a:b"),
	PIECE("a_b"),
	PIECE("a/b"),
	PIECE("a//b"),
	PIECE("/a/b"),
	PIECE("a/b/"),
	PIECE("ab"),
	PIECE("ba"),
	PIECE("\0"),
	PIECE("\0\0"),
	PIECE("a\0"),
	PIECE("a\0b"),
	PIECE("a\0c"),
	PIECE("\0a"),
	PIECE("\xff"),
	PIECE("\xff\xfe"),
	PIECE("\xc3\xa9"),  /* e acute, composed */
	PIECE("e\xcc\x81"), /* the same to people */
	PIECE("\xc3"),
	PIECE("a\0\0\0\0\0\0\0"), /* the bytes of the number 0x61 */
	PIECE("12345678"),
	PIECE("123456789012345678901234"),
	PIECE("1234567890123456789012345"),
	PIECE("123456789012345678901234\0"),
};

static int
try_piece(struct lk_owner *w, const struct piece *p)
{
	struct lk_options nowait = { .size = sizeof(nowait), .flags = LK_NOWAIT };

	return lk_acquire_bytes(w, p->bytes, p->len, LK_X, &nowait, NULL);
}

Test(names, different_bytes_are_different_locks)
{
	struct lk_manager *m = open_manager("memory:?index_buckets=1&separator=off");
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (size_t i = 0; i < countof(pieces); i++) {
		ok(try_piece(w[0], &pieces[i]));
		for (size_t k = 0; k < countof(pieces); k++)
			is(try_piece(w[1], &pieces[k]), k == i ? LK_E_BUSY : 0);
		for (size_t k = 0; k < countof(pieces); k++)
			cr_expect_eq(lk_holds(w[0], pieces[k].bytes, pieces[k].len),
				     k == i ? LK_X : LK_NL);
		ok(lk_release_name(w[0], pieces[i].bytes, pieces[i].len));
		ok(lk_release_all(w[1]));
	}
	close_all(m, w, 2);
}

Test(names, numbers_are_a_space_of_their_own)
{
	static const uint64_t ids[] = { 0, 1, 0x61, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX };
	struct lk_options nowait = { .size = sizeof(nowait), .flags = LK_NOWAIT };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (size_t i = 0; i < countof(ids); i++) {
		ok(lk_acquire_id(w[0], ids[i], LK_X, NULL, NULL));
		ok(lk_acquire_bytes(w[1], &ids[i], sizeof(ids[i]), LK_X, NULL, NULL));
		cr_expect_eq(lk_holds_id(w[0], ids[i]), LK_X);
		cr_expect_eq(lk_holds(w[0], &ids[i], sizeof(ids[i])), LK_NL);
		cr_expect_eq(lk_holds_id(w[1], ids[i]), LK_NL);
		for (size_t k = 0; k < countof(ids); k++)
			is(lk_acquire_id(w[1], ids[k], LK_S, &nowait, NULL),
			   k == i ? LK_E_BUSY : 0);
		ok(lk_release_id(w[0], ids[i]));
		ok(lk_release_all(w[1]));
	}
	ok(lk_acquire_id(w[0], 0x61, LK_X, NULL, NULL));
	take(w[1], "a", LK_X);
	close_all(m, w, 2);
}

Test(names, have_from_one_to_4096_bytes)
{
	static char name[LK_NAME_MAX + 2];
	struct lk_manager *m = open_manager(NULL);
	struct lk_info info = { .size = sizeof(info) };
	struct lk_resource *r;
	struct lk_owner *w;

	memset(name, 'x', LK_NAME_MAX + 1);
	open_owners(m, &w, 1);
	is(lk_acquire(w, name, LK_X, NULL, NULL), LK_E_NAME);
	is(lk_try_acquire(w, name, LK_X, NULL), LK_E_NAME);
	is(lk_acquire(w, "", LK_X, NULL, NULL), LK_E_NAME);
	is(lk_acquire_bytes(w, name, 0, LK_X, NULL, NULL), LK_E_NAME);
	is(lk_acquire_bytes(w, name, LK_NAME_MAX + 1, LK_X, NULL, NULL), LK_E_NAME);
	is(lk_acquire_bytes(w, name, SIZE_MAX, LK_X, NULL, NULL), LK_E_NAME);
	is(lk_resource_open(m, "", &r), LK_E_NAME);
	is(lk_resource_open(m, name, &r), LK_E_NAME);
	is(lk_resource_open_bytes(m, name, 0, &r), LK_E_NAME);
	is(lk_resource_open_bytes(m, name, LK_NAME_MAX + 1, &r), LK_E_NAME);
	is(lk_release_name(w, name, 0), LK_E_NAME);
	is(lk_release_name(w, name, LK_NAME_MAX + 1), LK_E_NAME);
	is(lk_holds(w, name, 0), LK_E_NAME);
	is(lk_holds(w, name, LK_NAME_MAX + 1), LK_E_NAME);
	is(lk_info(m, name, 0, &info), LK_E_NAME);
	is(lk_info(m, name, LK_NAME_MAX + 1, &info), LK_E_NAME);
	is(lk_fence_pass(m, name, 0, 1), LK_E_NAME);
	is(lk_fence_pass(m, name, LK_NAME_MAX + 1, 1), LK_E_NAME);
	cr_expect_eq(lk_name_hash(m, name, 0), 0);
	cr_expect_eq(lk_name_hash(m, name, LK_NAME_MAX + 1), 0);
	name[LK_NAME_MAX] = '\0';
	ok(lk_acquire(w, name, LK_X, NULL, NULL));
	cr_expect_eq(lk_holds(w, name, LK_NAME_MAX), LK_X);
	cr_expect_eq(lk_holds(w, name, LK_NAME_MAX - 1), LK_NL);
	close_all(m, &w, 1);
}

Test(names, of_every_length_differ_in_their_last_byte)
{
	enum { LONGEST = 300 };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	char name[LONGEST];

	open_owners(m, w, 2);
	memset(name, 'x', sizeof(name));
	for (size_t len = 1; len <= LONGEST; len++) {
		struct piece p = { name, len };

		for (char last = 'a'; last <= 'c'; last++) {
			name[len - 1] = last;
			ok(try_piece(w[last == 'b'], &p));
		}
		name[len - 1] = 'a';
		is(try_piece(w[1], &p), LK_E_BUSY);
		name[len - 1] = 'b';
		is(try_piece(w[0], &p), LK_E_BUSY);
		name[len - 1] = 'x';
	}
	cr_expect_eq(stats_of(m).holds, 3 * LONGEST);
	close_all(m, w, 2);
}

Test(names, are_copied)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	char name[64];

	open_owners(m, w, 2);
	for (size_t len = 1; len < sizeof(name); len++) {
		struct piece p = { name, len };

		memset(name, 'x', sizeof(name));
		ok(try_piece(w[0], &p));
		memset(name, 'y', sizeof(name));
		ok(try_piece(w[1], &p));
		memset(name, 'x', sizeof(name));
		is(try_piece(w[1], &p), LK_E_BUSY);
	}
	close_all(m, w, 2);
}

Test(names, the_right_hash_reaches_the_name)
{
	struct lk_options o = { .size = sizeof(o), .flags = LK_NOWAIT };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (size_t i = 0; i < countof(pieces); i++) {
		const struct piece *p = &pieces[i];

		o.name_hash = lk_name_hash(m, p->bytes, p->len);
		cr_expect_neq(o.name_hash, 0);
		ok(lk_acquire_bytes(w[0], p->bytes, p->len, LK_X, &o, NULL));
		is(lk_acquire_bytes(w[1], p->bytes, p->len, LK_X, &o, NULL), LK_E_BUSY);
		is(try_piece(w[1], p), LK_E_BUSY);
	}
	close_all(m, w, 2);
}

/* With or without a hash that is another name's, nobody gets past the holder. */
Test(names, the_wrong_hash_does_no_harm)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	uint64_t seed = 3;

	open_owners(m, w, 2);
	for (int i = 0; i < 1000; i++) {
		struct lk_options o = { .size = sizeof(o), .flags = LK_NOWAIT };
		const struct piece *p = &pieces[i % (int)countof(pieces)];
		const struct piece *q = &pieces[(i + 1 + i / 100) % (int)countof(pieces)];
		int rc;

		o.name_hash = i % 2 ? test_random(&seed) | 1 : lk_name_hash(m, q->bytes, q->len);
		rc = lk_acquire_bytes(w[0], p->bytes, p->len, LK_X, &o, NULL);
		cr_assert(rc == 0 || rc == LK_E_INVAL, "%s", lk_errname(rc));
		cr_assert_eq(lk_holds(w[0], p->bytes, p->len), rc == 0 ? LK_X : LK_NL);
		is(try_piece(w[1], p), rc == 0 ? LK_E_BUSY : 0);
		rc = lk_acquire_bytes(w[0], p->bytes, p->len, LK_S, &o, NULL);
		cr_assert_neq(rc == 0 && lk_holds(w[1], p->bytes, p->len) == LK_X, true);
		ok(lk_release_all(w[0]));
		ok(lk_release_all(w[1]));
	}
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, w, 2);
}

Test(names, of_two_managers_do_not_meet)
{
	struct lk_manager *m[2] = { open_manager(NULL), open_manager(NULL) };
	struct lk_owner *w[2];

	for (int i = 0; i < 2; i++) {
		open_owners(m[i], &w[i], 1);
		take(w[i], "n", LK_X);
	}
	for (int i = 0; i < 2; i++)
		close_all(m[i], &w[i], 1);
}

/* Where an owner found a name before is another name's place by now; and that one has a new place. */
Test(names, an_owner_that_came_back_to_a_name_is_not_mistaken_about_it)
{
	struct lk_manager *m = open_manager("memory:?max_idle=1&index_buckets=1");
	struct lk_owner *w[2];
	char other[16];
	lk_grant g;

	open_owners(m, w, 2);
	for (int i = 0; i < 1000; i++) {
		ok(lk_acquire(w[0], "a", LK_X, NULL, &g));
		ok(lk_release(w[0], g));
	}
	for (int i = 0; i < 100; i++) {
		snprintf(other, sizeof(other), "b%d", i);
		ok(lk_acquire(w[1], other, LK_X, NULL, i < 50 ? NULL : &g));
		if (i >= 50)
			ok(lk_release(w[1], g));
	}
	ok(lk_acquire(w[1], "a", LK_X, NULL, NULL));
	is(lk_try_acquire(w[0], "a", LK_X, NULL), LK_E_BUSY);
	is(lk_try_acquire(w[0], "b7", LK_S, NULL), LK_E_BUSY);
	ok(lk_release_all(w[1]));
	ok(lk_acquire(w[0], "a", LK_X, NULL, NULL));
	is(lk_try_acquire(w[1], "a", LK_S, NULL), LK_E_BUSY);
	ok(lk_release_all(w[0]));
	close_all(m, w, 2);
}
