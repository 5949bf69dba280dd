/* SPDX-License-Identifier: MIT */
/* Names of locks that stand for files. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "stores.h"

/* TOP/real/file, TOP/link -> real, TOP/dangling -> real/missing, TOP/ring -> ring, in the real path of TOP. */
struct tree {
	struct place p;
	char top[PATH_MAX];
};

static char *
in_tree(const struct tree *t, const char *rest, char buf[PATH_MAX + 64])
{
	snprintf(buf, PATH_MAX + 64, "%s/%s", t->top, rest);
	return buf;
}

static void
tree_make(struct tree *t)
{
	char a[PATH_MAX + 64];
	int fd;

	place_make(&t->p);
	cr_assert_not_null(realpath(t->p.top, t->top));
	cr_assert_eq(mkdir(in_tree(t, "real", a), 0700), 0);
	fd = open(in_tree(t, "real/file", a), O_CREAT | O_WRONLY, 0600);
	cr_assert_ge(fd, 0);
	(void)close(fd);
	cr_assert_eq(symlink("real", in_tree(t, "link", a)), 0);
	cr_assert_eq(symlink("real/missing", in_tree(t, "dangling", a)), 0);
	cr_assert_eq(symlink("ring", in_tree(t, "ring", a)), 0);
}

static void
expect_name(const struct tree *t, const char *path, uint32_t flags, const char *wanted)
{
	char from[PATH_MAX + 64], name[LK_NAME_MAX + 1], to[PATH_MAX + 64];
	int n = lk_name_from_path(in_tree(t, path, from), flags, name, sizeof(name));

	in_tree(t, wanted, to);
	cr_assert_eq(n, (int)strlen(to), "%s: %d (%s)", path, n, lk_errname(n));
	cr_assert_str_eq(name, to, "%s: %s", path, name);
}

Test(path_name, is_one_for_all_ways_to_a_file)
{
	struct tree t;

	tree_make(&t);
	expect_name(&t, "real/file", 0, "real/file");
	expect_name(&t, "real/file", LK_PATH_MUST_EXIST, "real/file");
	expect_name(&t, "link/file", LK_PATH_MUST_EXIST, "real/file");
	expect_name(&t, "real//./../link/file", 0, "real/file");
	expect_name(&t, "link", 0, "real");
	expect_name(&t, "real/", 0, "real");
	place_remove(&t.p);
}

Test(path_name, need_not_be_a_file)
{
	char path[PATH_MAX + 64], name[16];
	struct tree t;

	tree_make(&t);
	expect_name(&t, "link/none", 0, "real/none");
	expect_name(&t, "dangling", 0, "real/missing");
	is(lk_name_from_path(in_tree(&t, "link/none", path), LK_PATH_MUST_EXIST, name, 16),
	   LK_E_NOENT);
	is(lk_name_from_path(in_tree(&t, "dangling", path), LK_PATH_MUST_EXIST, name, 16),
	   LK_E_NOENT);
	is(lk_name_from_path(in_tree(&t, "none/none", path), 0, name, 16), LK_E_NOENT);
	is(lk_name_from_path(in_tree(&t, "none/", path), 0, name, 16), LK_E_NOENT);
	is(lk_name_from_path(in_tree(&t, "none/..", path), 0, name, 16), LK_E_NOENT);
	place_remove(&t.p);
}

Test(path_name, that_is_none)
{
	char path[PATH_MAX + 64], name[LK_NAME_MAX + 1];
	static char far[2 * LK_NAME_MAX];
	struct tree t;

	tree_make(&t);
	memset(far, 'x', sizeof(far) - 1);
	errno = 77;
	is(lk_name_from_path(NULL, 0, name, sizeof(name)), LK_E_INVAL);
	is(lk_name_from_path("", 0, name, sizeof(name)), LK_E_INVAL);
	is(lk_name_from_path("/", 2, name, sizeof(name)), LK_E_INVAL);
	is(lk_name_from_path("/", 0, NULL, 1), LK_E_INVAL);
	is(lk_name_from_path(far, 0, name, sizeof(name)), LK_E_NAME);
	is(lk_name_from_path(in_tree(&t, "ring", path), 0, name, sizeof(name)), LK_E_NAME);
	is(lk_name_from_path(in_tree(&t, "real/file/x", path), 0, name, sizeof(name)), LK_E_NAME);
	cr_expect_eq(errno, 77);
	is(lk_name_from_path("/", 0, NULL, 0), 1);
	strcpy(name, "xxx");
	is(lk_name_from_path("/tmp/..", 0, name, 1), 1); /* no room for it and the NUL */
	cr_expect_str_eq(name, "");
	place_remove(&t.p);
}

Test(path_name, is_a_path_of_locks)
{
	struct lk_manager *m = open_manager(NULL);
	char path[PATH_MAX + 64], name[LK_NAME_MAX + 1];
	struct lk_owner *w[2];
	struct tree t;

	tree_make(&t);
	open_owners(m, w, 2);
	cr_assert_gt(lk_name_from_path(in_tree(&t, "link/file", path), 0, name, sizeof(name)), 0);
	take(w[0], name, LK_X);
	cr_assert_gt(lk_name_from_path(in_tree(&t, "link", path), 0, name, sizeof(name)), 0);
	is(lk_try_acquire(w[1], name, LK_S, NULL), LK_E_BUSY);
	close_all(m, w, 2);
	place_remove(&t.p);
}
