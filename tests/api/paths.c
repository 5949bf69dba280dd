/* SPDX-License-Identifier: MIT */
/* Which names are paths, under which separator, and how long their ancestors stay in the index. */
#include "support.h"

static const struct lk_options nowait = { .size = sizeof(nowait), .flags = LK_NOWAIT };

/* ------------------------------------------------------------------------ splitting */

enum { MOST_ANCESTORS = 4 };

struct bytes {
	const char *at;
	size_t len;
};

#define BYTES(text)                    \
	{                              \
		text, sizeof(text) - 1 \
	}

/* A name, and all that it lies below; by hand. */
static const struct {
	struct bytes name;
	struct bytes ancestor[MOST_ANCESTORS];
} splits[] = {
	{ BYTES("a"), { { 0 } } },
	{ BYTES("/"), { { 0 } } },
	{ BYTES("//"), { { 0 } } },
	{ BYTES("/a"), { { 0 } } },
	{ BYTES("a/"), { { 0 } } },
	{ BYTES("/a/"), { { 0 } } },
	{ BYTES("a//b"), { { 0 } } },
	{ BYTES("a///b"), { { 0 } } },
	{ BYTES("a.b"), { { 0 } } },
	{ BYTES("a\\b"), { { 0 } } },
	{ BYTES("//a//"), { { 0 } } },
	{ BYTES("a/b"), { BYTES("a") } },
	{ BYTES("a/b/"), { BYTES("a") } },
	{ BYTES("a/b//"), { BYTES("a") } },
	{ BYTES("/a/b"), { BYTES("/a") } },
	{ BYTES("//a/b"), { BYTES("//a") } },
	{ BYTES("/var/lib/db"), { BYTES("/var"), BYTES("/var/lib") } },
	{ BYTES("a//b/c"), { BYTES("a//b") } },
	{ BYTES("a/b//c"), { BYTES("a") } },
	{ BYTES("a/b//c/d"), { BYTES("a"), BYTES("a/b//c") } },
	{ BYTES("a/b/c"), { BYTES("a"), BYTES("a/b") } },
	{ BYTES("http://h/p"), { BYTES("http://h") } },
	{ BYTES("a/./b"), { BYTES("a"), BYTES("a/.") } },
	{ BYTES("a/../b"), { BYTES("a"), BYTES("a/..") } },
	{ BYTES(" / "), { BYTES(" ") } },
	{ BYTES("a/\0/b"), { BYTES("a"), BYTES("a/\0") } },
	{ BYTES("\0/\0"), { BYTES("\0") } },
	{ BYTES("\xff/\xff/\xff"), { BYTES("\xff"), BYTES("\xff/\xff") } },
	{ BYTES("1/2/3/4/5"), { BYTES("1"), BYTES("1/2"), BYTES("1/2/3"), BYTES("1/2/3/4") } },
};

/* The name holds itself and its ancestors, each once, and nothing else. */
static void
expect_ancestors(struct lk_manager *m, struct lk_owner *w, struct bytes name,
		 const struct bytes *ancestor)
{
	uint64_t n = 0;

	ok(lk_acquire_bytes(w, name.at, name.len, LK_S, &nowait, NULL));
	for (; n < MOST_ANCESTORS && ancestor[n].len != 0; n++)
		cr_expect_eq(lk_holds(w, ancestor[n].at, ancestor[n].len), LK_IS,
			     "ancestor %d of %s", (int)n, name.at);
	cr_expect_eq(lk_holds(w, name.at, name.len), LK_S, "%s", name.at);
	cr_expect_eq(stats_of(m).holds, n + 1, "%s", name.at);
	ok(lk_release_all(w));
	cr_expect_eq(stats_of(m).holds, 0, "%s", name.at);
	ok(lk_sweep(m, NULL));
	cr_expect_eq(stats_of(m).names, 0, "%s", name.at);
}

Test(paths, a_name_is_split_where_a_separator_has_another_byte_on_both_sides)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (size_t i = 0; i < countof(splits); i++)
		expect_ancestors(m, w, splits[i].name, splits[i].ancestor);
	close_all(m, &w, 1);
}

Test(paths, every_byte_string_is_a_name_of_its_own)
{
	static const char *const names[] = { "a/b", "a//b",  "/a/b", "a/b/",  "a",  "a/",
					     "/a",  "a///b", "/",    "a/b//", "//", "a/b/a" };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (size_t i = 0; i < countof(names); i++)
		take(w[i % 2], names[i], LK_IX);
	for (size_t i = 0; i < countof(names); i++)
		cr_expect_eq(info_of(m, names[i]).holders[LK_IX] > 0, true, "%s", names[i]);
	ok(lk_release_all(w[0]));
	ok(lk_release_all(w[1]));
	take(w[0], "a/b", LK_X);
	cr_expect(is_open_to(w[1], "a//b", LK_X));
	cr_expect(is_open_to(w[1], "/a/b", LK_X));
	cr_expect(is_open_to(w[1], "a/b/", LK_X)); /* a sister, not a child */
	cr_expect(!is_open_to(w[1], "a/b/c", LK_IS));
	cr_expect(!is_open_to(w[1], "a", LK_S));
	close_all(m, w, 2);
}

/* ------------------------------------------------------------------------ separators */

static struct lk_manager *
open_separated(uint64_t separator, const char *url)
{
	struct lk_config cfg = { .size = sizeof(cfg), .separator = separator };
	struct lk_manager *m = NULL;

	ok(lk_open(url, &cfg, &m));
	return m;
}

/* In the manager "a<c>b" lies below "a", for this one byte `c` of all; 0: for none. */
static void
expect_separator(struct lk_manager *m, int separator)
{
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (int c = 0; c < 256; c++) {
		const char name[3] = { 'a', (char)c, 'b' };

		ok(lk_acquire_bytes(w, name, 3, LK_X, &nowait, NULL));
		cr_expect_eq(lk_holds(w, "a", 1), c == separator && separator != 0 ? LK_IX : LK_NL,
			     "byte %d, separator %d", c, separator);
		ok(lk_release_all(w));
	}
	close_all(m, &w, 1);
}

Test(paths, are_split_at_slashes_unless_something_else_is_said)
{
	expect_separator(open_manager(NULL), '/');
	expect_separator(open_separated(0, NULL), '/');
	expect_separator(open_separated('.', NULL), '.');
	expect_separator(open_separated(0xff, NULL), 0xff);
	expect_separator(open_separated(1, NULL), 1);
	expect_separator(open_separated(LK_OFF, NULL), 0);
}

Test(paths, have_the_separator_of_the_url)
{
	expect_separator(open_manager("memory:?separator=."), '.');
	expect_separator(open_manager("memory:?separator=46"), '.');
	expect_separator(open_manager("memory:?separator=/"), '/');
	expect_separator(open_manager("memory:?separator=38"), '&');
	expect_separator(open_manager("memory:?separator=:"), ':');
	expect_separator(open_manager("memory:?separator=off"), 0);
	expect_separator(open_manager("memory:?separator=255&strict=1"), 255);
	expect_separator(open_separated('.', "memory:?separator=."), '.');
}

static void
separator_refused(const char *url, uint64_t separator)
{
	char report[200] = "";
	struct lk_config cfg = { .size = sizeof(cfg),
				 .separator = separator,
				 .report = report,
				 .report_cap = sizeof(report) };
	struct lk_manager *m = NULL;
	int rc = lk_open(url, &cfg, &m);

	cr_expect_eq(rc, LK_E_INVAL, "%s, %d: %s", url != NULL ? url : "", (int)separator,
		     lk_errname(rc));
	cr_expect_null(m);
	cr_expect_not_null(strstr(report, "separator"), "the report is \"%s\"", report);
}

Test(paths, cannot_be_split_at_a_byte_that_escaping_uses)
{
	static const char used[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-%";

	for (const char *c = used; *c != '\0'; c++)
		separator_refused(NULL, (uint64_t)*c);
	separator_refused(NULL, 256);
	separator_refused(NULL, LK_OFF - 1);
	separator_refused("memory:?separator=a", 0);
	separator_refused("memory:?separator=65", 0);
	separator_refused("memory:?separator=%", 0);
	separator_refused("memory:?separator=_", 0);
	separator_refused("memory:?separator=-", 0);
	separator_refused("memory:?separator=256", 0);
	separator_refused("memory:?separator=..", 0);
	separator_refused("memory:?separator=", 0);
	separator_refused("memory:?separator=.", '/');
	separator_refused("memory:?separator=46", '/');
}

/* ---------------------------------------------------------------------- deep and long */

/* "a/a/a…": the longest name, of which all prefixes of odd length are ancestors. */
static void
write_deepest(char name[LK_NAME_MAX + 1])
{
	for (int i = 0; i < LK_NAME_MAX; i++)
		name[i] = i % 2 == 0 ? 'a' : '/';
	name[LK_NAME_MAX - 1] = 'b'; /* "…/ab" */
	name[LK_NAME_MAX - 2] = 'a';
	name[LK_NAME_MAX] = '\0';
}

Test(paths, may_be_as_deep_as_a_name_is_long, .timeout = 60)
{
	enum { DEPTH = LK_NAME_MAX / 2 };
	static char name[LK_NAME_MAX + 1];
	struct lk_manager *m = open_manager("memory:?max_idle=1");
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m, w, 2);
	write_deepest(name);
	g = take(w[0], name, LK_S);
	cr_expect_eq(stats_of(m).holds, DEPTH);
	for (size_t len = 1; len < LK_NAME_MAX - 1; len += 372)
		cr_assert_eq(lk_holds(w[0], name, len), LK_IS, "%zu bytes", len);
	ok(lk_convert(w[0], g, LK_X, &nowait));
	for (size_t len = 1; len < LK_NAME_MAX - 1; len += 372)
		cr_assert_eq(lk_holds(w[0], name, len), LK_IX, "%zu bytes", len);
	is(lk_acquire_bytes(w[1], name, LK_NAME_MAX - 3, LK_S, &nowait, NULL), LK_E_BUSY);
	cr_expect_eq(stats_of(m).holds, DEPTH);
	ok(lk_release(w[0], g));
	cr_expect_eq(stats_of(m).holds, 0);
	ok(lk_sweep(m, NULL));
	cr_expect_eq(stats_of(m).names, 0);
	close_all(m, w, 2);
}

Test(paths, are_covered_from_the_root_however_deep, .timeout = 60)
{
	static char name[LK_NAME_MAX + 1];
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant g;

	open_owners(m, &w, 1);
	write_deepest(name);
	take(w, "a", LK_X);
	g = take(w, name, LK_U);
	cr_expect_eq(grant_info(w, g).flags, LK_IMPLIED);
	cr_expect_eq(lk_holds(w, name, 1001), LK_X);
	ok(lk_release(w, g));
	close_all(m, &w, 1);
}

/* Segments that do not fit into an entry, so that every level has its name elsewhere. */
Test(paths, may_have_long_segments)
{
	static const size_t lengths[] = { 1, 23, 24, 25, 40, 300, 1000 };
	struct lk_manager *m = open_manager("memory:?index_buckets=1&max_idle=1");
	char name[3100];
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (size_t i = 0; i < countof(lengths); i++) {
		size_t n = lengths[i];

		memset(name, 'n', sizeof(name));
		name[n] = '/';
		name[2 * n + 1] = '/';
		ok(lk_acquire_bytes(w[0], name, 3 * n + 2, LK_X, &nowait, NULL));
		cr_expect_eq(lk_holds(w[0], name, n), LK_IX);
		cr_expect_eq(lk_holds(w[0], name, 2 * n + 1), LK_IX);
		cr_expect_eq(stats_of(m).holds, 3);
		is(lk_acquire_bytes(w[1], name, n, LK_S, &nowait, NULL), LK_E_BUSY);
		is(lk_acquire_bytes(w[1], name, 2 * n + 1, LK_S, &nowait, NULL), LK_E_BUSY);
		name[3 * n + 1] = 'o';
		ok(lk_acquire_bytes(w[1], name, 3 * n + 2, LK_X, &nowait, NULL));
		ok(lk_release_all(w[0]));
		ok(lk_release_all(w[1]));
		ok(lk_sweep(m, NULL));
		cr_expect_eq(stats_of(m).names, 0);
	}
	close_all(m, w, 2);
}

/* ----------------------------------------------------- the other ways to say a name */

Test(paths, by_handle_take_their_intents_too)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_resource *r;
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m, w, 2);
	ok(lk_resource_open(m, "db/orders/42", &r));
	cr_expect_eq(stats_of(m).holds, 0); /* a handle is not a lock */
	for (lk_mode mode = LK_IS; mode <= LK_X; mode++) {
		lk_mode intent = mode == LK_IS || mode == LK_S ? LK_IS : LK_IX;

		ok(lk_acquire_on(w[0], r, mode, &nowait, &g));
		cr_expect_eq(holds(w[0], "db"), intent, "%s", mode_name(mode));
		cr_expect_eq(holds(w[0], "db/orders"), intent, "%s", mode_name(mode));
		ok(lk_release(w[0], g));
		cr_expect_eq(stats_of(m).holds, 0);
	}
	g = take(w[1], "db", LK_S);
	is(lk_acquire_on(w[0], r, LK_X, &nowait, NULL), LK_E_BUSY);
	cr_expect_eq(stats_of(m).holds, 1);
	ok(lk_acquire_on(w[0], r, LK_S, &nowait, NULL));
	ok(lk_acquire_on(w[1], r, LK_S, &nowait, &g));
	cr_expect_eq(grant_info(w[1], g).flags, LK_IMPLIED);
	lk_resource_close(r);
	close_all(m, w, 2);
}

/* A transaction reads and writes rows of a table: each pair of modes, in either order of releases. */
Test(paths, that_are_read_beside_others_that_are_written)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant g[3];

	open_owners(m, &w, 1);
	for (int i = 0; i < 2; i++) { /* from the second time on the names are there */
		for (lk_mode a = LK_IS; a <= LK_X; a++) {
			for (lk_mode b = LK_IS; b <= LK_X; b++) {
				const bool writes[2] = { a != LK_IS && a != LK_S,
							 b != LK_IS && b != LK_S };
				const lk_mode both = writes[0] || writes[1] ? LK_IX : LK_IS;

				g[0] = take(w, "db/t/1", a);
				g[1] = take(w, "db/t/2", b);
				g[2] = take(w, "db/t/3", LK_S);
				cr_expect_eq(holds(w, "db/t"), both);
				ok(lk_release(w, g[2]));
				cr_expect_eq(holds(w, "db/t"), both);
				cr_expect_eq(holds(w, "db"), both);
				ok(lk_release(w, g[i]));
				cr_expect_eq(holds(w, "db/t"), writes[1 - i] ? LK_IX : LK_IS);
				cr_expect_eq(holds(w, "db"), writes[1 - i] ? LK_IX : LK_IS);
				ok(lk_release(w, g[1 - i]));
				cr_expect_eq(stats_of(m).holds, 0);
			}
		}
	}
	close_all(m, &w, 1);
}

/* Above what is there for leaves alone is a grant: a further leaf is counted once at each level, and not at all if it was refused. */
Test(paths, are_counted_once_whatever_is_above)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	lk_grant db;
	lk_grant g[4];

	open_owners(m, w, 2);
	for (int i = 0; i < 3; i++) {
		db = take(w[0], "db", LK_IS);
		g[0] = take(w[0], "db/t/1", LK_S);
		g[1] = take(w[0], "db/t/2", LK_S);
		g[2] = take(w[0], "db/t/3", LK_S);
		g[3] = take(w[1], "db/t/4", LK_IX);
		is(lk_try_acquire(w[0], "db/t/4", LK_S, NULL), LK_E_BUSY);
		ok(lk_release(w[1], g[3]));
		for (int k = 0; k < 3; k++) {
			cr_expect_eq(holds(w[0], "db/t"), LK_IS);
			ok(lk_release(w[0], g[k]));
		}
		cr_expect_eq(stats_of(m).holds, 1);
		ok(lk_release(w[0], db));
		cr_expect_eq(stats_of(m).holds, 0);
	}
	close_all(m, w, 2);
}

/* As many levels as an owner has slots at hand, and one more. */
Test(paths, of_many_levels_are_held_from_the_root)
{
	static const char *const leaf[] = { "a/b/c/d/e/f/g/1", "a/b/c/d/e/f/g/h/1" };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (int i = 0; i < 6; i++) {
		const lk_grant g = take(w, leaf[i % 2], LK_X);

		cr_expect_eq(stats_of(m).holds, i % 2 == 0 ? 8 : 9);
		cr_expect_eq(holds(w, "a"), LK_IX);
		cr_expect_eq(holds(w, "a/b/c/d/e/f/g"), LK_IX);
		ok(lk_release(w, g));
		cr_expect_eq(stats_of(m).holds, 0);
	}
	close_all(m, &w, 1);
}

Test(paths, keep_their_ancestors_in_the_index_while_a_handle_is_open)
{
	struct lk_manager *m = open_manager("memory:?max_idle=1&index_buckets=1");
	struct lk_resource *r;
	struct lk_owner *w;

	open_owners(m, &w, 1);
	ok(lk_resource_open(m, "a/b/c/d", &r));
	ok(lk_sweep(m, NULL));
	cr_expect_eq(stats_of(m).names, 4);
	for (uint64_t id = 0; id < 500; id++) {
		ok(lk_acquire_id(w, id, LK_X, &nowait, NULL));
		ok(lk_release_all(w));
	}
	ok(lk_sweep(m, NULL));
	cr_expect_eq(stats_of(m).names, 4);
	ok(lk_acquire_on(w, r, LK_X, &nowait, NULL));
	lk_resource_close(r);
	ok(lk_sweep(m, NULL));
	cr_expect_eq(stats_of(m).names, 4);
	ok(lk_release_all(w));
	ok(lk_sweep(m, NULL));
	cr_expect_eq(stats_of(m).names, 0);
	close_all(m, &w, 1);
}

Test(paths, keep_their_ancestors_in_the_index_while_they_are_held)
{
	static const struct {
		const char *first; /* held in X before, or nothing */
		uint64_t names;
	} rows[] = { { NULL, 4 }, { "a", 4 }, { "a/b", 4 }, { "a/b/c", 4 } };
	struct lk_manager *m = open_manager("memory:?max_idle=1&index_buckets=1");
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (size_t i = 0; i < countof(rows); i++) {
		lk_grant first = 0, g;

		if (rows[i].first != NULL)
			first = take(w, rows[i].first, LK_X);
		g = take(w, "a/b/c/d", LK_X);
		cr_expect_eq(!!(grant_info(w, g).flags & LK_IMPLIED), first != 0);
		ok(lk_sweep(m, NULL));
		cr_expect_eq(stats_of(m).names, rows[i].names, "row %zu", i);
		if (first != 0)
			ok(lk_release(w, first));
		ok(lk_sweep(m, NULL));
		cr_expect_eq(stats_of(m).names, rows[i].names, "row %zu", i);
		cr_expect_eq(holds(w, "a/b/c/d"), LK_X);
		ok(lk_release(w, g));
		ok(lk_sweep(m, NULL));
		cr_expect_eq(stats_of(m).names, 0, "row %zu", i);
	}
	close_all(m, &w, 1);
}

/* The bytes of these numbers are all '/', or "a/b/c/d/". */
Test(paths, are_not_made_of_numbers)
{
	static const uint64_t ids[] = { UINT64_C(0x2f2f2f2f2f2f2f2f), UINT64_C(0x2f642f632f622f61),
					UINT64_C(0x612f622f632f642f) };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (size_t i = 0; i < countof(ids); i++) {
		ok(lk_acquire_id(w, ids[i], LK_X, &nowait, NULL));
		cr_expect_eq(stats_of(m).holds, 1);
		cr_expect_eq(stats_of(m).names, i + 1);
		cr_expect_eq(lk_holds_id(w, ids[i]), LK_X);
		ok(lk_release_id(w, ids[i]));
	}
	take(w, "a", LK_X);
	cr_expect_eq(lk_holds_id(w, ids[1]), LK_NL); /* "a/b/c/d/" would be below */
	cr_expect_eq(lk_holds_id(w, 'a'), LK_NL);
	close_all(m, &w, 1);
}

Test(paths, may_come_with_their_hash)
{
	static const char name[] = "db/orders/42";
	struct lk_manager *m = open_manager(NULL);
	struct lk_options right = { .size = sizeof(right) }, wrong = { .size = sizeof(wrong) };
	struct lk_owner *w[2];
	int rc;

	open_owners(m, w, 2);
	right.name_hash = lk_name_hash(m, name, strlen(name));
	wrong.name_hash = lk_name_hash(m, "db/orders", 9);
	cr_assert_neq(right.name_hash, 0);
	cr_assert_neq(right.name_hash, wrong.name_hash);
	for (int i = 0; i < 2; i++) { /* a name that is new, and one that is known */
		ok(lk_acquire(w[0], name, LK_X, &right, NULL));
		cr_expect_eq(holds(w[0], "db"), LK_IX);
		cr_expect_eq(holds(w[0], "db/orders"), LK_IX);
		cr_expect(!is_open_to(w[1], name, LK_IS));
		ok(lk_release_all(w[0]));
	}
	rc = lk_acquire(w[0], name, LK_X, &wrong, NULL);
	cr_expect(rc == 0 || rc == LK_E_INVAL, "%s", lk_errname(rc));
	cr_expect_eq(holds(w[0], name), rc == 0 ? LK_X : LK_NL);
	cr_expect_eq(holds(w[0], "db"), rc == 0 ? LK_IX : LK_NL);
	cr_expect_eq(is_open_to(w[1], name, LK_IS), rc != 0);
	cr_expect_eq(stats_of(m).holds, rc == 0 ? 3 : 0);
	close_all(m, w, 2);
}

/* With the hash of a sister, of an ancestor, of a child: never a lock on one of those. */
Test(paths, a_wrong_hash_locks_nothing_else)
{
	static const char *const others[] = { "t", "t/a", "t/a/b/c", "t/a/c", "elsewhere" };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (size_t i = 0; i < countof(others); i++) {
		struct lk_options o = { .size = sizeof(o) };
		int rc;

		o.name_hash = lk_name_hash(m, others[i], strlen(others[i]));
		take(w, others[i], LK_IX);
		ok(lk_release_all(w));
		rc = lk_acquire(w, "t/a/b", LK_X, &o, NULL);
		cr_expect(rc == 0 || rc == LK_E_INVAL, "%s: %s", others[i], lk_errname(rc));
		cr_expect_eq(holds(w, "t/a/b"), rc == 0 ? LK_X : LK_NL, "%s", others[i]);
		cr_expect_eq(stats_of(m).holds, rc == 0 ? 3 : 0, "%s", others[i]);
		ok(lk_release_all(w));
		cr_expect_eq(stats_of(m).holds, 0, "%s", others[i]);
	}
	close_all(m, &w, 1);
}

Test(paths, cost_a_name_without_a_separator_nothing)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	take(w, "plain", LK_X);
	take(w, "/also", LK_X);
	cr_expect_eq(stats_of(m).holds, 2);
	cr_expect_eq(stats_of(m).intents, 0);
	cr_expect_eq(stats_of(m).implied, 0);
	cr_expect_eq(stats_of(m).names, 2);
	close_all(m, &w, 1);
}
