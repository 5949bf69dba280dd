/* SPDX-License-Identifier: MIT */
/*
 * The folder.  It is ours if nobody else can write in it, and if it is empty or has a file `space` that says so.  Who makes
 * a store writes `space` first, as not ready, so that who dies in the middle is known by it.  (SF8)
 */
#define _GNU_SOURCE
#include "file/dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/host.h"
#include "file/hints.h"
#include "file/lock.h"
#include "file/log.h"
#include "file/stripe.h"

#define SETUP_NS  \
	UINT64_C( \
		30000000000) /* how long who makes a store, or cleans up after a boot, is waited for */

/* ----------------------------------------------------------------------- the folder */

static int
open_folder(const char *path, int *dir)
{
	*dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *dir >= 0 ? 0 : errno;
}

/* Its name is to outlive a power cut too. */
static void
sync_parent(int dir)
{
	int parent = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (parent >= 0)
		(void)io_sync(parent);
	io_close(&parent);
}

static int
open_or_make(struct file_store *s, const char *path)
{
	int error = open_folder(path, &s->dir);

	if (error == ENOENT && !s->is_read_only) {
		error = mkdir(path, 0700) == 0 || errno == EEXIST ? open_folder(path, &s->dir)
								  : errno;
		if (error == 0)
			sync_parent(s->dir);
	}
	return error;
}

static int
fail_folder(struct file_store *s, int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
	case EROFS:
		return file_say(s, LK_E_PERM, "", error);
	case ELOOP:
	case ENOTDIR:
		return file_complain(s, LK_E_PERM, "", "it is no folder, or a link");
	default:
		return file_say(s, LK_E_STORE, "", error);
	}
}

static int
check_folder(struct file_store *s, bool any_fs)
{
	const char *objection;
	struct stat is;
	int error = io_stat(s->dir, &is);

	if (error != 0)
		return file_say(s, LK_E_STORE, "", error);
	if (is.st_uid != geteuid())
		return file_complain(s, LK_E_PERM, "", "the folder is somebody else's");
	if ((is.st_mode & 022) != 0)
		return file_complain(s, LK_E_PERM, "", "others may write in the folder");
	s->dir_ident = (struct file_ident){ is.st_dev, is.st_ino };
	objection = host_objection(s->dir, any_fs, &s->is_volatile, &error);
	if (objection == NULL)
		return 0;
	if (error != 0)
		return file_say(s, LK_E_STORE, "", error);
	return words_say(&s->words, LK_E_UNSUPPORTED,
			 "file:%s: its file system is %s; a store needs a local one", s->path,
			 objection);
}

/* ------------------------------------------------------------------------- `space` */

/* A folder that is not ours is not touched. */
static int
check_empty(struct file_store *s)
{
	int copy = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
	bool has_space = false, has_stripe = false, has_more = false;
	struct dirent *d;

	if (list == NULL) {
		const int error = errno;

		io_close(&copy);
		return file_say(s, LK_E_STORE, "", error);
	}
	while ((d = readdir(list)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		has_more = true;
		has_stripe |= strcmp(d->d_name, "s00") == 0;
		has_space |= strcmp(d->d_name, "space") == 0; /* somebody makes it just now */
	}
	(void)closedir(list);
	if (has_space || !has_more)
		return 0;
	if (has_stripe)
		return file_complain(s, LK_E_CORRUPT, "space", "the file was removed");
	return file_complain(s, LK_E_INVAL, "", "the folder is not empty, and no store");
}

static int
open_space(struct file_store *s)
{
	const int access = s->is_read_only ? O_RDONLY : O_RDWR;
	struct stat is;
	int error = io_open(s->dir, "space", access, &s->space);

	if (error == ENOENT && s->is_read_only)
		return file_complain(s, LK_E_STORE, "", "there is no store");
	if (error == ENOENT) {
		int rc = check_empty(s);

		if (rc != 0)
			return rc;
		error = io_open(s->dir, "space", access | O_CREAT, &s->space);
	}
	if (error == 0)
		error = io_stat(s->space, &is);
	if (error == EPERM)
		return file_complain(s, LK_E_PERM, "space", "not a plain file of ours");
	if (error != 0)
		return file_say(s, LK_E_STORE, "space", error);
	s->space_ident = (struct file_ident){ is.st_dev, is.st_ino };
	return 0;
}

enum { SPACE_COPIES = 2, SPACE_APART = 256 };

static bool
is_good(const struct file_space *sp)
{
	return sp->magic == FILE_SPACE_MAGIC && file_is_sealed(sp, FILE_SPACE_MAGIC);
}

static bool
is_nothing(const unsigned char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] != 0)
			return false;
	}
	return true;
}

/* `is_new`: nothing is there yet. */
static int
read_space(struct file_store *s, struct file_space *sp, bool *is_new)
{
	unsigned char bytes[SPACE_COPIES * SPACE_APART] = { 0 };
	struct stat is;
	size_t got;
	int error = io_read_some(s->space, bytes, sizeof(bytes), 0, &got);

	*is_new = false;
	if (error != 0)
		return file_say(s, LK_E_STORE, "space", error);
	for (int i = 0; i < SPACE_COPIES; i++) {
		memcpy(sp, bytes + i * SPACE_APART, sizeof(*sp));
		if (is_good(sp))
			return 0;
	}
	*is_new = is_nothing(bytes, sizeof(bytes)) && io_stat_at(s->dir, "s00", &is) == ENOENT;
	return *is_new ? 0 : file_complain(s, LK_E_CORRUPT, "space", "it is damaged");
}

static int
write_space(struct file_store *s, struct file_space *sp)
{
	unsigned char bytes[SPACE_COPIES * SPACE_APART] = { 0 };
	int error;

	file_seal(sp, FILE_SPACE_MAGIC);
	for (int i = 0; i < SPACE_COPIES; i++)
		memcpy(bytes + i * SPACE_APART, sp, sizeof(*sp));
	error = io_write(s->space, bytes, sizeof(bytes), 0);
	if (error == 0)
		error = io_sync(s->space);
	return error == 0 ? 0 : file_say(s, LK_E_STORE, "space", error);
}

/* ----------------------------------------------------------------- make, or clean up */

static void
adopt(struct file_store *s, const struct file_space *sp)
{
	memcpy(s->id, sp->id, sizeof(s->id));
	s->key = sp->key;
	s->n_stripes = sp->n_stripes;
}

static int
make_files(struct file_store *s)
{
	static const char *const names[] = { "sessions", "hints" };
	int error = 0;
	int rc = 0;

	for (uint32_t i = 0; i < FILE_STRIPES_ALL && rc == 0; i++) {
		if (file_has_stripe(s, i))
			rc = file_stripe_make(s, i);
	}
	for (int i = 0; i < 2 && rc == 0 && error == 0; i++) {
		int fd;

		error = io_open(s->dir, names[i], O_RDWR | O_CREAT | O_TRUNC, &fd);
		io_close(&fd);
	}
	if (rc == 0 && error == 0)
		error = io_sync(s->dir);
	return rc != 0 || error == 0 ? rc : file_say(s, LK_E_STORE, "", error);
}

static int
make_store(struct file_store *s, struct file_space *sp, uint32_t n_stripes)
{
	const uint64_t id[2] = { place_random(&s->place), place_random(&s->place) };
	int rc;

	*sp = (struct file_space){ .magic = FILE_SPACE_MAGIC,
				   .format = FILE_FORMAT,
				   .n_stripes = n_stripes != 0 ? n_stripes : FILE_STRIPES_STANDARD,
				   .key = place_random(&s->place) };
	memcpy(sp->id, id, sizeof(sp->id));
	host_boot(sp->boot);
	rc = write_space(s, sp);
	if (rc != 0)
		return rc;
	adopt(s, sp);
	rc = make_files(s);
	if (rc != 0)
		return rc;
	sp->is_ready = 1;
	return write_space(s, sp);
}

/* Of a stripe that lost what was not on the disk yet. */
static int
clean_stripe(struct file_store *s, uint32_t stripe)
{
	bool is_dirty;
	char name[16];
	struct stat is;
	int rc;

	file_stripe_name(stripe, name);
	if (io_stat_at(s->dir, name, &is) == ENOENT)
		return file_stripe_make(s, stripe);
	rc = file_stripe_load(s, stripe, 0, &is_dirty);
	if (rc == LK_E_CORRUPT || (rc == 0 && is_dirty))
		return file_stripe_make(s, stripe);
	return rc == 0 ? file_stripe_purge(s, stripe) : rc;
}

/* The machine was started anew since somebody was here: nobody of them lives.  (SF8) */
static int
clean_up(struct file_store *s, struct file_space *sp)
{
	const uint64_t deadline = place_now(&s->place) + SETUP_NS;
	int rc = file_lock_plain(s, file_all(s), IO_LOCK_EXCLUSIVE, deadline);

	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < s->n_stripes && rc == 0;
	     i++) { /* a file that is gone has no log */
		struct stat is;
		char name[16];

		file_stripe_name(i, name);
		if (io_stat_at(s->dir, name, &is) == ENOENT)
			rc = file_stripe_make(s, i);
	}
	if (rc == 0)
		rc = file_log_recover(s);
	for (uint32_t i = 0; i < s->n_stripes && rc == 0; i++)
		rc = clean_stripe(s, i);
	file_unlock(s, file_all(s));
	if (rc != 0)
		return rc;
	host_boot(sp->boot);
	return write_space(s, sp);
}

static int
be_ready(struct file_store *s, struct file_space *sp, bool is_new, uint32_t n_stripes)
{
	unsigned char boot[16];

	if (is_new || sp->is_ready == 0) {
		if (s->is_read_only)
			return file_complain(s, LK_E_STORE, "", "there is no store yet");
		return make_store(s, sp, n_stripes);
	}
	if (sp->n_stripes == 0 || sp->n_stripes > FILE_STRIPES_MAX)
		return file_complain(s, LK_E_CORRUPT, "space", "it is damaged");
	if (n_stripes != 0 && n_stripes != sp->n_stripes)
		return words_say(&s->words, LK_E_INVAL, "file:%s: stripes: it was made with %u",
				 s->path, sp->n_stripes);
	adopt(s, sp);
	host_boot(boot);
	if (memcmp(boot, sp->boot, sizeof(boot)) == 0)
		return 0;
	if (s->is_read_only)
		return file_complain(s, LK_E_STORE, "",
				     "the machine was started anew: who may write must come first");
	return clean_up(s, sp);
}

/* ----------------------------------------------------------------------- all of it */

static int
set_up_locked(struct file_store *s, const struct file_wishes *w)
{
	struct file_space sp;
	bool is_new;
	int rc = file_space_check(s, 0); /* it may have been removed while we waited */

	if (rc == 0)
		rc = read_space(s, &sp, &is_new);
	if (rc == 0 && !is_new && sp.format != FILE_FORMAT)
		return file_complain(s, LK_E_VERSION, "space", "it is of another format");
	return rc != 0 ? rc : be_ready(s, &sp, is_new, w->n_stripes);
}

static int
set_up(struct file_store *s, const struct file_wishes *w)
{
	int rc = file_gate_lock(s, &s->setup, s->is_read_only ? IO_LOCK_SHARED : IO_LOCK_EXCLUSIVE,
				place_now(&s->place) + SETUP_NS);

	if (rc == LK_E_TIMEDOUT)
		return file_complain(s, LK_E_STORE, "space", "somebody is making the store");
	if (rc != 0)
		return rc;
	rc = set_up_locked(s, w);
	file_gate_unlock(s, &s->setup);
	return rc;
}

static int
open_others(struct file_store *s)
{
	const int access = s->is_read_only ? O_RDONLY : O_RDWR;
	struct stat is;
	int error = io_open(s->dir, "sessions", access, &s->sessions);

	if (error == ENOENT)
		return file_complain(s, LK_E_CORRUPT, "sessions", "the file was removed");
	if (error == 0)
		error = io_stat(s->sessions, &is);
	if (error == 0)
		s->sessions_ident = (struct file_ident){ is.st_dev, is.st_ino };
	if (error == 0) /* which may be gone: nothing depends on it */
		error = io_open(s->dir, "hints", s->is_read_only ? O_RDONLY : O_RDWR | O_CREAT,
				&s->hints);
	if (error == ENOENT)
		error = 0;
	if (error == 0)
		file_hints_set_up(s);
	return error == 0 ? 0 : file_say(s, error == EPERM ? LK_E_PERM : LK_E_STORE, "", error);
}

int
file_dir_open(struct file_store *s, const struct file_wishes *w)
{
	int error, rc;

	if (strlen(w->path) >= sizeof(s->path))
		return words_say(&s->words, LK_E_INVAL, "file: the path is too long");
	(void)snprintf(s->path, sizeof(s->path), "%s", w->path);
	error = open_or_make(s, w->path);
	if (error != 0)
		return fail_folder(s, error);
	if (realpath(w->path, s->path) == NULL)
		return fail_folder(s, errno);
	rc = check_folder(s, w->any_fs);
	if (rc == 0)
		rc = open_space(s);
	if (rc == 0)
		rc = set_up(s, w);
	if (rc == 0)
		rc = open_others(s);
	return rc;
}

/* --------------------------------------------------------------------- is it there? */

static bool
is_it(const struct file_ident *ident, const struct stat *is)
{
	return ident->dev == is->st_dev && ident->ino == is->st_ino;
}

int
file_space_check(struct file_store *s, uint64_t names)
{
	struct stat is;

	if (names != 0 && atomic_load(&s->space_names) == names)
		return 0; /* (SF9) */
	if (io_stat_at(s->dir, "space", &is) == 0 && is_it(&s->space_ident, &is)) {
		atomic_store(&s->space_names, names);
		return 0;
	}
	return file_complain(s, LK_E_CORRUPT, "space", "the file was removed or replaced");
}

int
file_dir_check(struct file_store *s)
{
	struct stat is;

	if (io_stat_at(AT_FDCWD, s->path, &is) != 0 || !is_it(&s->dir_ident, &is))
		return file_complain(s, LK_E_LOST, "", "the folder was removed or replaced");
	if (io_stat_at(s->dir, "sessions", &is) != 0 || !is_it(&s->sessions_ident, &is))
		return file_complain(s, LK_E_LOST, "sessions", "the file was removed or replaced");
	return file_space_check(s, 0) == 0 ? 0 : LK_E_LOST;
}
