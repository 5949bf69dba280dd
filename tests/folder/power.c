/* SPDX-License-Identifier: MIT */
/*
 * Power cuts: of each page the disk has what was there when its file was synced last, or what came later, by lot; names are
 * as they are.  What is durable and was answered is there; before that, all of the update or nothing of it.  (SF2, SF8)
 */
#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "folder.h"

enum { PAGE = 4096, FILE_MOST = 1 << 20 };

static char synced[64]; /* a folder with files as they were when they were synced */

static size_t
read_file(const char *path, unsigned char *bytes)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = fd >= 0 ? read(fd, bytes, FILE_MOST) : 0;

	if (fd >= 0)
		(void)close(fd);
	return n > 0 ? (size_t)n : 0;
}

static void
write_file(const char *path, const unsigned char *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600); /* the same file as before */

	cr_assert_ge(fd, 0);
	cr_assert_eq(write(fd, bytes, n), (ssize_t)n);
	cr_assert_eq(ftruncate(fd, (off_t)n), 0);
	(void)close(fd);
}

/* In whatever process syncs. */
static void
note_sync(int fd)
{
	static unsigned char bytes[FILE_MOST];
	char link[40], path[256] = "", copy[400];
	const char *name;
	struct stat is;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (fstat(fd, &is) != 0 || !S_ISREG(is.st_mode) ||
	    readlink(link, path, sizeof(path) - 1) < 0)
		return;
	name = strrchr(path, '/') + 1;
	(void)snprintf(copy, sizeof(copy), "%s/%s", synced, name);
	write_file(copy, bytes, read_file(path, bytes));
}

static void
cut_file(const char *path, const char *copy, uint64_t *lot)
{
	static unsigned char now[FILE_MOST], then[FILE_MOST];
	size_t n_now, n_then;

	memset(now, 0, sizeof(now));
	memset(then, 0, sizeof(then));
	n_now = read_file(path, now);
	n_then = read_file(copy, then);
	for (size_t at = 0; at < n_now || at < n_then; at += PAGE) {
		if (test_random(lot) % 2 == 0)
			memcpy(now + at, then + at, PAGE);
	}
	write_file(path, now, n_now > n_then ? n_now : n_then);
}

static void
cut_power(const struct folder *f, uint64_t *lot)
{
	char path[400], copy[400];
	DIR *list = opendir(f->path);
	struct dirent *d;
	int fd;

	while ((d = readdir(list)) != NULL) {
		if (d->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", f->path, d->d_name);
		(void)snprintf(copy, sizeof(copy), "%s/%s", synced, d->d_name);
		cut_file(path, copy, lot);
	}
	(void)closedir(list);
	(void)snprintf(path, sizeof(path), "%s/boot", f->top);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	cr_assert_eq(write(fd, "11111111-2222-3333-4444-555555555555", 36), 36);
	(void)close(fd);
	faults_boot(path);
}

/* The deed in a child that is killed at its n-th call; then the power fails.  False: it came to its end. */
static bool
cut_at(const struct deed *d, uint64_t nth, uint64_t *lot)
{
	char floor[64] = "";
	struct lk_store *s;
	struct folder f;
	int status, len;
	pid_t pid;

	folder_make(&f, d->parameters);
	(void)snprintf(synced, sizeof(synced), "%s/synced", f.top);
	cr_assert_eq(mkdir(synced, 0700), 0);
	faults_boot(NULL);
	faults_on_sync(note_sync);
	fault_at(FAULTS, 0, false, HOW_KILLED, 0);
	faults_here(true);
	s = store_open(&f);
	d->before(s);
	pid = fork();
	if (pid == 0) {
		if (lk_store_open(f.url, NULL, &s) != 0)
			_exit(2);
		fault_at(FAULTS, nth, false, HOW_KILLED, 0);
		_exit(d->act(s) != 0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	faults_here(false);
	lk_store_close(s);
	cr_assert(status == 0 || status == SIGKILL, "%s: status 0x%x", d->name, status);
	cut_power(&f, lot);
	s = store_open(&f);
	len = get_flags(s, "floor", floor, sizeof(floor), LK_STORE_DURABLE);
	cr_assert(len > 0, "%s, call %d: the floor is gone: %d", d->name, (int)nth, len);
	if (status == 0)
		cr_assert(len != 4, "%s was answered, and is not there", d->name);
	else
		cr_assert(len != 4 || memcmp(floor, "1000", 4) == 0);
	ok(d->act(s));
	cr_assert_neq(get_flags(s, "floor", NULL, 0, LK_STORE_DURABLE), 4);
	lk_store_close(s);
	faults_boot(NULL);
	folder_remove(&f);
	return status != 0;
}

static void
cut_everywhere(const struct deed *d)
{
	uint64_t lot = 1234;

	for (int round = 0; round < 12; round++) {
		uint64_t nth = 1;

		while (cut_at(d, nth, &lot))
			nth++;
		cr_assert_gt(nth, 4);
	}
}

Test(power, raising_a_floor, .timeout = 120)
{
	cut_everywhere(&deeds[7]);
}

Test(power, in_a_durable_batch, .timeout = 120)
{
	cut_everywhere(&deeds[8]);
}
