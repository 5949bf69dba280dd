/* SPDX-License-Identifier: MIT */
/*
 * What a store lies in is spoiled while it is in use, as tests/processes/damage.c does it to folders: a database is
 * damaged or removed, links are planted, the disk is full, or can only be read.  Nobody is let in wrongly, and whoever asks
 * is told what is the matter with which file.
 */
#define _GNU_SOURCE
#include "processes.h"

#include <fcntl.h>
#include <sys/stat.h>

static void
start(struct puppet *p, const char *url)
{
	char how[400];

	snprintf(how, sizeof(how), "export LD_LIBRARY_PATH=%s; exec \"$0\" \"$@\"",
		 LK_TEST_LIBRARIES);
	puppet_start_by(p, how);
	if (url != NULL)
		is(puppet_does(p, "open %s", url), 0);
}

static bool
is_refusal(int rc)
{
	return rc == LK_E_CORRUPT || rc == LK_E_LOST || rc == LK_E_STORE || rc == LK_E_UNKNOWN ||
	       rc == LK_E_VERSION || rc == LK_E_PERM || rc == LK_E_BREAKER;
}

static void
expect_no_grant(struct puppet *p)
{
	const int rc = puppet_does(p, "acquire n X 20");

	cr_assert(rc == LK_E_TIMEDOUT || is_refusal(rc), "%s", lk_errname(rc));
}

/* Who comes now does not get in, nor into the store perhaps. */
static void
expect_no_newcomer(const struct ground *g)
{
	struct puppet c;
	int rc;

	start(&c, NULL);
	rc = puppet_does(&c, "open %s", g->url);
	cr_assert(rc == 0 || is_refusal(rc), "%s: %s", lk_errname(rc), c.answer);
	for (int i = 0; i < 5 && rc == 0; i++)
		expect_no_grant(&c);
	puppet_kill(&c);
}

/* Nor does who has the store open; and he hears what is the matter, if it can be known. */
static void
expect_no_second(struct puppet *a, struct puppet *b, const char *told)
{
	bool is_told = false;
	int rc;

	for (int i = 0; i < 500 && (i < 5 || (told != NULL && !is_told)); i++) {
		expect_no_grant(b);
		is_told = told != NULL && strstr(b->answer, told) != NULL;
		rc = puppet_does(a, "check");
		cr_assert(rc == 0 || rc == LK_E_LOST, "%s", lk_errname(rc));
	}
	cr_assert(told == NULL || is_told, "%s says nothing of %s", b->answer, told);
}

/* ------------------------------------------------------------------------- databases */

typedef void harm(const char *path);

static void
cut(const char *path)
{
	struct stat is;

	cr_assert_eq(stat(path, &is), 0);
	cr_assert_eq(truncate(path, is.st_size / 2), 0);
}

static void
empty(const char *path)
{
	cr_assert_eq(truncate(path, 0), 0);
}

static void delete (const char *path)
{
	cr_assert_eq(unlink(path), 0);
}

/* One bit in each hundred bytes. */
static void
flip(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	unsigned char byte;

	cr_assert_ge(fd, 0);
	for (off_t at = 50; pread(fd, &byte, 1, at) == 1; at += 100) {
		byte ^= 0x10;
		cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
	}
	(void)close(fd);
}

/* All that is beside it as well. */
static void
delete_all(const char *path)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-latchkey_beacons" };
	char file[160];

	for (size_t i = 0; i < countof(suffixes); i++) {
		snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
		delete (file);
	}
}

/* A link in the place of it, to a copy: whoever follows it would find all as it should be. */
static void
plant(const char *path)
{
	char moved[160];

	snprintf(moved, sizeof(moved), "%s-moved", path);
	cr_assert_eq(rename(path, moved), 0);
	cr_assert_eq(symlink(moved, path), 0);
}

/* The store as it is when all who had it open have closed it: SQLite's log is in the database then. */
static void
settle(const struct ground *g)
{
	struct puppet p;

	start(&p, g->url);
	is(puppet_does(&p, "acquire n X 60000"), 0);
	is(puppet_does(&p, "acquire m X 60000"), 0);
	puppet_end(&p);
}

/* `told`: a part of what must be said. */
static void
harm_in_use(harm *does, const char *suffix, const char *told)
{
	struct puppet a, b;
	struct ground g;
	char path[160];

	ground_make_in(&g, "sqlite", "?poll_max_ns=10ms&ttl_ns=1s");
	settle(&g);
	start(&a, g.url);
	start(&b, g.url);
	is(puppet_does(&a, "acquire n X 60000"), 0);
	snprintf(path, sizeof(path), "%s%s", g.path, suffix);
	does(path);
	expect_no_second(&a, &b, told);
	if (does == delete_all) /* who comes now makes another store */
		wait_until(puppet_does(&a, "check") == LK_E_LOST);
	else if (does != empty) /* SQLite waits for those who have it open, for half a minute */
		expect_no_newcomer(&g);
	puppet_kill(&a);
	puppet_kill(&b);
	ground_remove(&g);
}

Test(spoiled, a_database_that_is_cut, .timeout = 120)
{
	harm_in_use(cut, "", NULL);
}

Test(spoiled, a_database_that_is_empty, .timeout = 120)
{
	harm_in_use(empty, "", NULL);
}

Test(spoiled, a_database_that_is_flipped, .timeout = 120)
{
	harm_in_use(flip, "", NULL);
}

Test(spoiled, a_database_that_is_deleted, .timeout = 120)
{
	harm_in_use(delete, "", "removed or replaced");
}

Test(spoiled, a_database_whose_files_are_all_deleted, .timeout = 120)
{
	harm_in_use(delete_all, "", "removed or replaced");
}

Test(spoiled, a_database_that_is_a_link, .timeout = 120)
{
	harm_in_use(plant, "", "removed or replaced");
}

Test(spoiled, a_log_that_is_flipped, .timeout = 120)
{
	harm_in_use(flip, "-wal", NULL);
}

Test(spoiled, a_log_that_is_deleted, .timeout = 120)
{
	harm_in_use(delete, "-wal", NULL);
}

Test(spoiled, a_sidecar_that_is_deleted, .timeout = 120)
{
	harm_in_use(delete, "-latchkey_beacons", "removed or replaced");
}

Test(spoiled, a_sidecar_that_is_a_link, .timeout = 120)
{
	harm_in_use(plant, "-latchkey_beacons", "removed or replaced");
}

Test(spoiled, a_sidecar_that_is_flipped, .timeout = 120)
{
	harm_in_use(flip, "-latchkey_beacons", NULL);
}

/* --------------------------------------------------------------------------- folders */

static void
plant_in_folder(const char *file, const char *told)
{
	struct puppet a, b;
	struct ground g;
	char path[128];

	ground_make_in(&g, "file", "?stripes=1&poll_max_ns=10ms&ttl_ns=1s");
	start(&a, g.url);
	start(&b, g.url);
	is(puppet_does(&a, "acquire n X 60000"), 0);
	snprintf(path, sizeof(path), "%s/%s", g.path, file);
	plant(path);
	expect_no_second(&a, &b, told);
	expect_no_newcomer(&g);
	puppet_kill(&a);
	puppet_kill(&b);
	ground_remove(&g);
}

Test(spoiled, a_folder_with_links_in_it, .timeout = 120)
{
	plant_in_folder("s00", "s00");
	plant_in_folder("space", "space");
	plant_in_folder("sessions", NULL); /* who waits is not told: a holder finds out */
	plant_in_folder("hints", NULL);
}

/* ----------------------------------------------------------------------------- disks */

/* A puppet with a disk of its own at `place`, of so many bytes; false: that is not to be had here. */
static bool
start_on_disk(struct puppet *p, const char *place, const char *size)
{
	const char *unshare = geteuid() == 0 ? "unshare -m" : "unshare -Urm";
	char how[600];

	snprintf(how, sizeof(how), "%s mount -t tmpfs -o size=%s,mode=700 none %s 2>/dev/null",
		 unshare, size, place);
	if (system(how) != 0) {
		printf("skipped: nothing can be mounted here (%s)\n", unshare);
		return false;
	}
	snprintf(how, sizeof(how),
		 "export LD_LIBRARY_PATH=%s; exec %s sh -c 'mount -t tmpfs -o size=%s,mode=700 "
		 "none \"$2\" && exec \"$0\" \"$1\"' \"$0\" \"$1\" %s",
		 LK_TEST_LIBRARIES, unshare, size, place);
	puppet_start_by(p, how);
	return true;
}

static void
fill_a_disk(const char *scheme, const char *why)
{
	char url[200], disk[128];
	struct puppet p;
	struct ground g;
	int rc = 0, n = 0;

	ground_make_in(&g, scheme, "");
	cr_assert_eq(mkdir(ground_file(&g, "disk", disk), 0700), 0);
	if (start_on_disk(&p, disk, "1m")) {
		snprintf(url, sizeof(url), "%s:%s/store", scheme, disk);
		is(puppet_does(&p, "open %s", url), 0);
		is(puppet_does(&p, "acquire first X 60000"), 0);
		while (rc == 0 && n < 20000)
			rc = puppet_does(&p, "acquire some/name/of/some/length/%d X 60000", n++);
		cr_assert(rc == LK_E_STORE || rc == LK_E_LIMIT, "%d names: %s", n, lk_errname(rc));
		cr_assert_not_null(strstr(p.answer, why), "%s", p.answer);
		cr_assert_not_null(strstr(p.answer, disk), "%s", p.answer);
		is(puppet_does(&p, "release first"), 0); /* what is held can be given back */
		is(puppet_does(&p, "run mount -o remount,size=8m none %s", disk), 0);
		is(puppet_does(&p, "acquire first X 60000"), 0);
		is(puppet_does(&p, "acquire some/name/of/some/length/%d X 60000", n), 0);
		puppet_end(&p);
	}
	ground_remove(&g);
}

Test(spoiled, a_disk_that_is_full, .timeout = 120)
{
	fill_a_disk("file", "No space left");
}

Test(spoiled, a_disk_that_is_full_sqlite, .timeout = 120)
{
	fill_a_disk("sqlite", "full");
}

static void
only_read_a_disk(const char *scheme)
{
	char url[200], disk[128];
	struct puppet p;
	struct ground g;
	int rc;

	ground_make_in(&g, scheme, "");
	cr_assert_eq(mkdir(ground_file(&g, "disk", disk), 0700), 0);
	if (start_on_disk(&p, disk, "8m")) {
		snprintf(url, sizeof(url), "%s:%s/store", scheme, disk);
		is(puppet_does(&p, "run mount -o remount,ro none %s", disk), 0);
		rc = puppet_does(&p, "open %s", url);
		cr_assert(rc == LK_E_STORE || rc == LK_E_PERM, "%s", lk_errname(rc));
		cr_assert_not_null(strstr(p.answer, disk), "%s", p.answer);
		is(puppet_does(&p, "run mount -o remount,rw none %s", disk), 0);
		is(puppet_does(&p, "open %s", url), 0);
		is(puppet_does(&p, "acquire n X 60000"), 0);
		puppet_end(&p);
	}
	ground_remove(&g);
}

Test(spoiled, a_disk_that_can_only_be_read, .timeout = 60)
{
	only_read_a_disk("file");
}

Test(spoiled, a_disk_that_can_only_be_read_sqlite, .timeout = 60)
{
	only_read_a_disk("sqlite");
}
