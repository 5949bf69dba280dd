/* SPDX-License-Identifier: MIT */
/* Where a store is opened, and where not; deadlines; hints; limits. */
#include <errno.h>
#include <sys/stat.h>

#include "folder.h"

/* --------------------------------------------------------------------- the folder */

Test(doors, a_folder_is_made_for_its_owner_only)
{
	char file[80];
	struct folder f;
	struct stat is;

	folder_make(&f, "");
	lk_store_close(store_open(&f));
	cr_assert_eq(stat(f.path, &is), 0);
	cr_expect_eq(is.st_mode & 07777, 0700);
	cr_assert_eq(stat(folder_file(&f, "s00", file), &is), 0);
	cr_expect_eq(is.st_mode & 07777, 0600);
	cr_assert_eq(stat(folder_file(&f, "space", file), &is), 0);
	cr_expect_eq(is.st_mode & 07777, 0600);
	folder_remove(&f);
}

static void
refused(const struct folder *f, int code, const char *why)
{
	char report[256];

	is(store_try(f->url, 0, report), code);
	cr_assert(strstr(report, f->path) != NULL && strstr(report, why) != NULL, "%s", report);
}

Test(doors, a_folder_that_others_may_write_is_refused)
{
	struct folder f;

	folder_make(&f, "");
	cr_assert_eq(mkdir(f.path, 0700), 0);
	cr_assert_eq(chmod(f.path, 0777), 0);
	refused(&f, LK_E_PERM, "others may write");
	cr_assert_eq(chmod(f.path, 0720), 0);
	refused(&f, LK_E_PERM, "others may write");
	cr_assert_eq(chmod(f.path, 0755), 0);
	lk_store_close(store_open(&f));
	folder_remove(&f);
}

Test(doors, a_folder_of_somebody_else_is_refused)
{
	struct folder f;

	if (geteuid() != 0)
		return; /* only root can give one away */
	folder_make(&f, "");
	cr_assert_eq(mkdir(f.path, 0700), 0);
	cr_assert_eq(chown(f.path, 65534, 65534), 0);
	refused(&f, LK_E_PERM, "somebody else");
	folder_remove(&f);
}

Test(doors, a_link_is_no_folder)
{
	char target[64];
	struct folder f;

	folder_make(&f, "");
	(void)snprintf(target, sizeof(target), "%s/target", f.top);
	cr_assert_eq(mkdir(target, 0700), 0);
	cr_assert_eq(symlink(target, f.path), 0);
	refused(&f, LK_E_PERM, "link");
	folder_remove(&f);
}

Test(doors, a_folder_with_other_things_is_not_touched)
{
	char file[80];
	struct folder f;
	int fd;

	folder_make(&f, "");
	cr_assert_eq(mkdir(f.path, 0700), 0);
	fd = open(folder_file(&f, "letter.txt", file), O_CREAT | O_WRONLY, 0600);
	refused(&f, LK_E_INVAL, "not empty");
	cr_expect_neq(access(folder_file(&f, "space", file), F_OK), 0);
	(void)close(fd);
	folder_remove(&f);
}

/* The place of a file of ours. */
static void
replace_by(const struct folder *f, const char *name,
	   int (*by)(const char *target, const char *path))
{
	char file[80], target[64];
	int fd;

	(void)snprintf(target, sizeof(target), "%s/target", f->top);
	fd = open(target, O_CREAT | O_WRONLY, 0600);
	(void)close(fd);
	cr_assert_eq(unlink(folder_file(f, name, file)), 0);
	cr_assert_eq(by(target, file), 0);
}

static int
mkfifo_at(const char *target, const char *path)
{
	(void)target;
	return mkfifo(path, 0600);
}

static int
nobody_s_file(const char *target, const char *path)
{
	return rename(target, path) != 0 ? -1 : chmod(path, 0666);
}

Test(doors, files_that_are_no_files_of_ours_are_refused)
{
	static const struct {
		const char *name;
		int (*by)(const char *target, const char *path);
	} traps[] = {
		{ "space", symlink },   { "sessions", symlink },    { "s00", symlink },
		{ "space", link },      { "sessions", link },       { "s00", link },
		{ "space", mkfifo_at }, { "space", nobody_s_file }, { "s00", nobody_s_file }
	};

	for (size_t i = 0; i < countof(traps); i++) {
		char report[256];
		struct lk_store *s = NULL;
		struct folder f;
		int rc;

		folder_make(&f, "?stripes=1");
		lk_store_close(store_open(&f));
		replace_by(&f, traps[i].name, traps[i].by);
		rc = store_try(f.url, 0, report);
		if (strcmp(traps[i].name, "s00") != 0) {
			cr_assert(rc == LK_E_PERM || rc == LK_E_CORRUPT, "%d: %s", (int)i,
				  lk_errname(rc));
		} else { /* it is opened when it is needed */
			ok(rc);
			s = store_open(&f);
			cr_assert_lt(put(s, "n", "x", 1), 0);
		}
		lk_store_close(s);
		folder_remove(&f);
	}
}

/* ------------------------------------------------------------------ file systems */

Test(doors, file_systems_that_are_not_local_are_refused)
{
	static const struct {
		uint32_t magic;
		const char *name;
	} remote[] = { { 0x6969, "NFS" },       { 0xff534d42, "CIFS" }, { 0xfe534d42, "SMB2" },
		       { 0x65735546, "FUSE" },  { 0x01021997, "9P" },   { 0x00c36400, "Ceph" },
		       { 0x0bd00bd0, "Lustre" } };
	char report[256], url[128];
	struct folder f;

	folder_make(&f, "");
	(void)snprintf(url, sizeof(url), "%s?any_fs=1", f.url);
	for (size_t i = 0; i < countof(remote); i++) {
		faults_magic(remote[i].magic);
		refused(&f, LK_E_UNSUPPORTED, remote[i].name);
		is(store_try(url, 0, report), LK_E_UNSUPPORTED);
	}
	faults_magic(0x12345678);
	refused(&f, LK_E_UNSUPPORTED, "not known");
	ok(store_try(url, 0, report));
	faults_magic(0xef53);
	ok(store_try(f.url, 0, report));
	faults_magic(0);
	folder_remove(&f);
}

Test(doors, parameters_are_checked)
{
	static const char *const wrong[] = { "?stripes=0",   "?stripes=63",  "?stripes=x",
					     "?stripes=",    "?max_size=1k", "?max_size=-1",
					     "?max_size=1Q", "?any_fs=2",    "?stripes=4x" };
	char report[256], url[160];
	struct folder f;

	folder_make(&f, "");
	for (size_t i = 0; i < countof(wrong); i++) {
		(void)snprintf(url, sizeof(url), "%s%s", f.url, wrong[i]);
		cr_assert_eq(store_try(url, 0, report), LK_E_INVAL, "%s", wrong[i]);
		cr_assert_gt(strlen(report), 10);
	}
	is(store_try("file:", 0, report), LK_E_INVAL);
	cr_expect_neq(access(f.path, F_OK), 0); /* nothing was made */
	(void)snprintf(url, sizeof(url), "%s?stripes=5&max_size=64M&any_fs=0", f.url);
	ok(store_try(url, 0, report));
	(void)snprintf(url, sizeof(url), "%s?stripes=6", f.url);
	is(store_try(url, 0, report), LK_E_INVAL);
	cr_expect(strstr(report, "made with 5") != NULL, "%s", report);
	ok(store_try(f.url, 0, report));
	folder_remove(&f);
}

Test(doors, who_only_looks_makes_nothing)
{
	char report[256];
	struct folder f;

	folder_make(&f, "");
	is(store_try(f.url, LK_STORE_READ_ONLY, report), LK_E_STORE);
	cr_expect_neq(access(f.path, F_OK), 0);
	cr_assert_eq(mkdir(f.path, 0700), 0);
	is(store_try(f.url, LK_STORE_READ_ONLY, report), LK_E_STORE);
	lk_store_close(store_open(&f));
	ok(store_try(f.url, LK_STORE_READ_ONLY, report));
	folder_remove(&f);
}

/* ----------------------------------------------------------------------- deadlines */

struct holder {
	struct lk_store *s;
	_Atomic bool is_in;
	_Atomic bool may_go;
};

static int
hold_on(void *arg, struct lk_store_record *r, size_t n)
{
	struct holder *h = arg;

	(void)r;
	(void)n;
	atomic_store(&h->is_in, true);
	while (!atomic_load(&h->may_go))
		sched_yield();
	return 0;
}

static void *
hold(void *arg)
{
	struct lk_store_record r = { .name = "n", .len = 1 };
	struct holder *h = arg;

	return h->s->ops->update(h->s, &r, 1, hold_on, h, NEVER) == 0 ? NULL : arg;
}

/* Who is stopped in the middle keeps others waiting, of the same opening or not: until their deadlines. */
Test(doors, waiting_ends_at_the_deadline)
{
	struct holder h = { .is_in = false };
	struct lk_store_record r = { .name = "n", .len = 1 };
	struct lk_store *other;
	struct folder f;
	pthread_t thread;
	void *failed;

	folder_make(&f, "");
	h.s = store_open(&f);
	other = store_open(&f);
	cr_assert_eq(pthread_create(&thread, NULL, hold, &h), 0);
	wait_until(atomic_load(&h.is_in));
	is(other->ops->update(other, &r, 1, hold_on, &h, test_now() + 3000000), LK_E_TIMEDOUT);
	is(h.s->ops->update(h.s, &r, 1, hold_on, &h, test_now() + 3000000), LK_E_TIMEDOUT);
	is(other->ops->read(other, &r, 1, hold_on, &h, 1), LK_E_TIMEDOUT);
	is(h.s->ops->read(h.s, &r, 1, hold_on, &h, 1), LK_E_TIMEDOUT);
	is(other->ops->scan(other, NULL, 0, NULL, NULL, 1), LK_E_INVAL);
	atomic_store(&h.may_go, true);
	cr_assert_eq(pthread_join(thread, &failed), 0);
	cr_expect_null(failed);
	ok(other->ops->update(other, &r, 1, hold_on, &h, 1)); /* nobody is in the way */
	lk_store_close(other);
	lk_store_close(h.s);
	folder_remove(&f);
}

/* -------------------------------------------------------------------------- limits */

Test(doors, a_store_that_is_full_says_so_and_works)
{
	static unsigned char record[60000];
	struct lk_store *s;
	struct folder f;
	unsigned n = 0;
	char name[16];
	int rc = 0;

	folder_make(&f, "?stripes=1&max_size=1M");
	s = store_open(&f);
	while (rc == 0) {
		(void)snprintf(name, sizeof(name), "r%u", n);
		rc = put(s, name, record, sizeof(record));
		n += rc == 0;
	}
	is(rc, LK_E_LIMIT);
	cr_expect(n >= 5 && n < 17, "%u records", n);
	ok(put(s, "r0", "small", 5));
	ok(put(s, "r1", NULL, 0));
	ok(put(s, name, record, sizeof(record))); /* in its place */
	lk_store_close(s);
	folder_remove(&f);
}

/* Room is taken before anything is logged: a full disk is a clean no. */
Test(doors, without_room_on_the_disk_nothing_is_begun)
{
	static unsigned char record[60000];
	struct lk_store *s;
	struct folder f;

	folder_make(&f, "?stripes=1");
	s = store_open(&f);
	ok(put(s, "n", "old", 3));
	fault_at(FAULT_FALLOCATE, 1, true, HOW_ERROR, ENOSPC);
	faults_here(true);
	is(put(s, "n", record, sizeof(record)), LK_E_STORE);
	faults_here(false);
	cr_expect_gt(fault_hits(), 0);
	cr_expect_eq(get(s, "n", NULL, 0), 3);
	lk_store_close(s);
	folder_remove(&f);
}

/* What comes and goes does not let the files grow for ever. */
Test(doors, files_shrink_again)
{
	static unsigned char record[30000];
	struct lk_store *s;
	struct folder f;
	struct stat is;
	char file[80], name[24];

	folder_make(&f, "?stripes=1");
	s = store_open(&f);
	for (unsigned i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "r%u", i);
		ok(put(s, name, record, i % 50 * 100 + 1));
		ok(put(s, name, NULL, 0));
	}
	cr_assert_eq(stat(folder_file(&f, "s00", file), &is), 0);
	cr_expect_lt(is.st_size, 200000);
	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "r%u", i);
		ok(put(s, name, record, sizeof(record)));
	}
	cr_assert_eq(stat(file, &is), 0);
	cr_expect_gt(is.st_size, 3000000);
	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "r%u", i);
		ok(put(s, name, NULL, 0));
	}
	ok(put(s, "one more", "x", 1));
	cr_assert_eq(stat(file, &is), 0);
	cr_expect_lt(is.st_size, 200000);
	lk_store_close(s);
	folder_remove(&f);
}

/* --------------------------------------------------------------------------- hints */

struct ear {
	_Atomic unsigned named;
	_Atomic unsigned any;
};

static void
hear(void *arg, const void *name, size_t len)
{
	struct ear *e = arg;

	(void)len;
	atomic_fetch_add(name != NULL ? &e->named : &e->any, 1);
}

/* A name that is too long for a hint is "anything". */
Test(doors, long_names_are_heard_of_as_anything)
{
	struct ear e = { 0, 0 };
	struct lk_store *s, *listener;
	char name[300];
	struct folder f;

	folder_make(&f, "");
	s = store_open(&f);
	listener = store_open(&f);
	ok(listener->ops->watch(listener, hear, &e));
	ok(put(s, "short", "x", 1));
	wait_until(atomic_load(&e.named) == 1);
	cr_expect_eq(atomic_load(&e.any), 0);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ok(put(s, name, "x", 1));
	wait_until(atomic_load(&e.any) == 1);
	cr_expect_eq(atomic_load(&e.named), 1);
	lk_store_close(listener);
	lk_store_close(s);
	folder_remove(&f);
}

static int
write_many(void *arg, struct lk_store_record *r, size_t n)
{
	(void)arg;
	for (size_t i = 0; i < n; i++) {
		r[i].fresh = "x";
		r[i].fresh_len = 1;
		r[i].changed = 1;
	}
	return 0;
}

/* More names at once than are remembered: some are told, and "anything" for the rest. */
Test(doors, what_goes_round_is_heard_of_as_anything)
{
	struct lk_store_record r[20];
	struct lk_store *s, *listener;
	struct ear e = { 0, 0 };
	char names[20][8];
	struct folder f;

	folder_make(&f, "?stripes=1");
	s = store_open(&f);
	listener = store_open(&f);
	ok(listener->ops->watch(listener, hear, &e));
	for (unsigned i = 0; i < 20; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "n%u", i);
		r[i] = (struct lk_store_record){ .name = names[i], .len = strlen(names[i]) };
	}
	ok(s->ops->update(s, r, 20, write_many, NULL, NEVER));
	wait_until(atomic_load(&e.any) + atomic_load(&e.named) > 0);
	ok(put(s, "last", "x", 1));
	wait_until(atomic_load(&e.any) > 0 || atomic_load(&e.named) == 21);
	lk_store_close(listener);
	lk_store_close(s);
	folder_remove(&f);
}

/* What we did ourselves we know; changes of one stripe are told in the order of their numbers. */
Test(doors, own_changes_are_not_told)
{
	struct ear e = { 0, 0 };
	struct lk_store *s, *other;
	struct folder f;

	folder_make(&f, "?stripes=1");
	s = store_open(&f);
	other = store_open(&f);
	ok(s->ops->watch(s, hear, &e));
	for (int i = 0; i < 3; i++)
		ok(put(s, "own", "x", 1));
	ok(put(other, "other's", "x", 1));
	wait_until(atomic_load(&e.named) + atomic_load(&e.any) > 0);
	cr_expect_eq(atomic_load(&e.named), 1);
	cr_expect_eq(atomic_load(&e.any), 0);
	lk_store_close(other);
	lk_store_close(s);
	folder_remove(&f);
}

static int
write_quietly(void *arg, struct lk_store_record *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		r[i].is_quiet = 1;
	return write_many(arg, r, n);
}

/* Nothing is heard of what is quiet, and nothing of the rest is missed by that. */
Test(doors, quiet_changes_are_not_told)
{
	struct lk_store_record r = { .name = "quiet", .len = 5 };
	struct lk_store *s, *listener;
	struct ear e = { 0, 0 };
	struct folder f;
	char byte;

	folder_make(&f, "?stripes=1");
	s = store_open(&f);
	listener = store_open(&f);
	ok(listener->ops->watch(listener, hear, &e));
	for (int i = 0; i < 20; i++)
		ok(s->ops->update(s, &r, 1, write_quietly, NULL, NEVER));
	ok(put(s, "loud", "x", 1));
	wait_until(atomic_load(&e.named) + atomic_load(&e.any) > 0);
	cr_expect_eq(atomic_load(&e.named), 1);
	cr_expect_eq(atomic_load(&e.any), 0);
	cr_expect_eq(get(listener, "quiet", &byte, 1), 1);
	lk_store_close(listener);
	lk_store_close(s);
	folder_remove(&f);
}
