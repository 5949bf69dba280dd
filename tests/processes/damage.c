/* SPDX-License-Identifier: MIT */
/*
 * Somebody damages what is in the folder of a store that is in use: whoever asks is told, nobody waits for ever, and two
 * never hold the same name.  Only of stores in folders.
 */
#include "processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

typedef void harm(int dir, const char *name);

static void delete (int dir, const char *name)
{
	cr_assert_eq(unlinkat(dir, name, 0), 0);
}

static void
empty(int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_TRUNC | O_CLOEXEC);

	cr_assert_ge(fd, 0);
	(void)close(fd);
}

/* One bit in each hundred bytes. */
static void
flip(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDWR | O_CLOEXEC);
	unsigned char byte;

	cr_assert_ge(fd, 0);
	for (off_t at = 50; pread(fd, &byte, 1, at) == 1; at += 100) {
		byte ^= 0x10;
		cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
	}
	(void)close(fd);
}

static void
harm_all(const struct ground *g, harm *does, bool stripes_only)
{
	DIR *d = opendir(g->path);
	struct dirent *e;

	cr_assert_not_null(d);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' || (stripes_only && e->d_name[0] != 's') ||
		    (stripes_only && (e->d_name[1] == 'p' || e->d_name[1] == 'e')))
			continue;
		does(dirfd(d), e->d_name);
	}
	(void)closedir(d);
}

/* The holder knows that he has lost it, before or after who asks; who asks gets an error, or it is lost there already. */
static void
expect_no_second(struct puppet *a, struct puppet *b)
{
	for (int i = 0; i < 20; i++) {
		int rc = puppet_does(b, "acquire n X 20");

		cr_assert(rc == LK_E_CORRUPT || rc == LK_E_LOST || rc == LK_E_STORE ||
				  rc == LK_E_BREAKER || rc == LK_E_TIMEDOUT,
			  "%s", lk_errname(rc));
		rc = puppet_does(a, "check");
		cr_assert(rc == 0 || rc == LK_E_LOST, "%s", lk_errname(rc));
	}
}

static void
harm_in_use(harm *does, bool stripes_only, bool is_lost)
{
	struct puppet a, b;
	struct ground g;

	if (!ground_is("file"))
		return;
	ground_make(&g, "?poll_max_ns=10ms&ttl_ns=1s");
	puppet_start(&a, g.url);
	puppet_start(&b, g.url);
	is(puppet_does(&a, "acquire n X 0"), 0);
	harm_all(&g, does, stripes_only);
	expect_no_second(&a, &b);
	if (is_lost) /* the store is not the one any more that it was held in */
		wait_until(puppet_does(&a, "check") == LK_E_LOST);
	puppet_kill(&a);
	puppet_kill(&b);
	ground_remove(&g);
}

Test(damage, of_bits, .timeout = 60)
{
	harm_in_use(flip, true, false);
}

Test(damage, of_all_bits_there_are, .timeout = 60)
{
	harm_in_use(flip, false, false);
}

Test(damage, by_cutting_off, .timeout = 60)
{
	harm_in_use(empty, true, false);
}

Test(damage, by_deleting, .timeout = 60)
{
	harm_in_use(delete, true, false);
}

Test(damage, by_deleting_all, .timeout = 60)
{
	harm_in_use(delete, false, true);
}
