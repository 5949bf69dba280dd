/* SPDX-License-Identifier: MIT */
/*
 * What is in the file, in the byte order of the machine:
 *
 *	"flat 1\n", NUL                     8 bytes
 *	the machine's boot id               40 bytes
 *	for each cell: kind, length of the name, bytes, 0: 4 bytes each; the name; the bytes; each filled up to 8
 *	a sum of all that                   8 bytes
 */
#define _GNU_SOURCE
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAGIC = 8, BOOT = 40, HEAD = MAGIC + BOOT, SUM = 8, CELL = 16 };

static const char magic[MAGIC] = "flat 1\n";

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER; /* of all flat stores: (FL1) */

int
flat_say(struct flat_file *f, int rc, const char *format, ...)
{
	va_list args;

	pthread_mutex_lock(&f->words_lock);
	va_start(args, format);
	(void)vsnprintf(f->words, sizeof(f->words), format, args);
	va_end(args);
	pthread_mutex_unlock(&f->words_lock);
	return rc;
}

void
flat_words(struct flat_file *f, char *out)
{
	pthread_mutex_lock(&f->words_lock);
	memcpy(out, f->words, sizeof(f->words));
	pthread_mutex_unlock(&f->words_lock);
}

static int
say_errno(struct flat_file *f, const char *what)
{
	const int e = errno;
	const int rc = e == EACCES || e == EPERM || e == EROFS || e == ELOOP ? LK_E_PERM
		       : e == ENOSPC || e == EDQUOT || e == EFBIG            ? LK_E_LIMIT
									     : LK_E_STORE;

	return flat_say(f, rc, "%s: %s: %s", f->path, what, strerrordesc_np(e));
}

static void *
take(struct flat_file *f, size_t size)
{
	return f->memory->alloc(f->memory->state, size, 8);
}

static void
give(struct flat_file *f, void *p, size_t size)
{
	if (p != NULL)
		f->memory->free(f->memory->state, p, size);
}

/* ----------------------------------------------------------------------- one at a time */

/* A name beside the file.  There is room: the path was checked when the store was opened. */
static const char *
beside(const struct flat_file *f, char *out, size_t cap, const char *suffix)
{
	(void)snprintf(out, cap, "%s%s", f->path, suffix);
	return out;
}

/* 1: it is had; 0: another process has it; else a failure. */
static int
try_lock(struct flat_file *f)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char name[sizeof(f->path) + 8];
	int rc;

	f->lock = open(beside(f, name, sizeof(name), ".lock"),
		       O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (f->lock < 0)
		return say_errno(f, "cannot open its lock");
	if (fcntl(f->lock, F_SETLK, &all) == 0)
		return 1;
	rc = errno == EAGAIN || errno == EACCES || errno == EINTR ? 0
								  : say_errno(f, "cannot lock it");
	close(f->lock);
	return rc;
}

static void
nap(const struct flat_file *f, uint64_t now, uint64_t ns, uint64_t deadline_ns)
{
	static const uint32_t nobody_wakes = 0;
	const uint64_t until = deadline_ns - now < ns ? deadline_ns : now + ns;

	f->world->wait(f->world->state, &nobody_wakes, 0, until);
}

int
flat_enter(struct flat_file *f, uint64_t deadline_ns)
{
	uint64_t ns = 10000; /* the first nap; none is longer than some milliseconds */

	for (;;) {
		uint64_t now;
		int rc = 0;

		if (pthread_mutex_trylock(&one_at_a_time) == 0) {
			rc = try_lock(f);
			if (rc == 1)
				return 0;
			pthread_mutex_unlock(&one_at_a_time);
		}
		if (rc != 0)
			return rc;
		now = f->world->now(f->world->state);
		if (now >= deadline_ns)
			return LK_E_TIMEDOUT;
		nap(f, now, ns, deadline_ns);
		ns += ns < 4000000 ? ns : 0;
	}
}

void
flat_leave(struct flat_file *f)
{
	close(f->lock); /* which unlocks it */
	pthread_mutex_unlock(&one_at_a_time);
}

/* ------------------------------------------------------------------------- the bytes */

static size_t
filled(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

/* FNV-1a, of words. */
static uint64_t
sum_of(const unsigned char *p, size_t n)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	uint64_t word;

	for (size_t i = 0; i < n; i += sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		sum = (sum ^ word) * UINT64_C(0x100000001b3);
		sum ^= sum >> 29;
	}
	return sum;
}

/* ----------------------------------------------------------------------------- reading */

/* The cell at `p`, of which `left` bytes are there; how long it is.  0: it does not add up. */
static size_t
parse_cell(struct flat_cell *c, const unsigned char *p, size_t left)
{
	uint32_t head[4];
	size_t all;

	if (left < CELL)
		return 0;
	memcpy(head, p, sizeof(head));
	all = CELL + filled(head[1]) + filled(head[2]);
	if (head[0] > FLAT_SESSION || head[1] > LK_STORE_NAME_MAX ||
	    head[2] > LK_STORE_RECORD_MAX || all > left)
		return 0;
	*c = (struct flat_cell){ .kind = head[0], .len = head[1], .size = head[2] };
	c->name = p + CELL;
	c->bytes = p + CELL + filled(head[1]);
	return all;
}

static bool
parse_cells(struct flat_image *image, size_t size, bool is_same_boot)
{
	size_t at = HEAD;

	while (at < size) {
		struct flat_cell *c = &image->cell[image->n_cells];
		size_t len = parse_cell(c, image->buf + at, size - at);

		if (len == 0)
			return false;
		at += len;
		if (c->kind == FLAT_RECORD || is_same_boot) /* a session ends with the machine */
			image->n_cells++;
	}
	return true;
}

static bool
is_whole(const unsigned char *buf, size_t size)
{
	uint64_t sum;

	if (size < HEAD + SUM || size % 8 != 0)
		return false;
	memcpy(&sum, buf + size - SUM, sizeof(sum));
	return sum == sum_of(buf, size - SUM);
}

static int
parse(struct flat_file *f, struct flat_image *image, size_t size)
{
	if (size >= MAGIC && memcmp(image->buf, magic, 5) == 0 &&
	    memcmp(image->buf, magic, MAGIC) != 0)
		return flat_say(f, LK_E_VERSION, "%s: of another version", f->path);
	if (!is_whole(image->buf, size) || memcmp(image->buf, magic, MAGIC) != 0 ||
	    !parse_cells(image, size - SUM, memcmp(image->buf + MAGIC, f->boot, BOOT) == 0))
		return flat_say(f, LK_E_CORRUPT, "%s: damaged, or not a flat store",
				f->path); /* (FL3) */
	return 0;
}

static int
read_all(struct flat_file *f, int fd, unsigned char *buf, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t n = read(fd, buf + at, size - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? flat_say(f, LK_E_CORRUPT, "%s: shorter than it was",
						 f->path)
				      : say_errno(f, "cannot be read");
		at += (size_t)n;
	}
	return 0;
}

/* Others' files are not ours to trust. */
static int
check_owner(struct flat_file *f, const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return flat_say(f, LK_E_INVAL, "%s: not a file", f->path);
	if (st->st_uid != geteuid() || (st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return flat_say(f, LK_E_PERM, "%s: others could write there", f->path);
	return 0;
}

/* Memory for `size` bytes, and for as many cells as they can be. */
static int
make_room(struct flat_file *f, struct flat_image *image, size_t size, size_t extra)
{
	image->room = size / CELL + extra + 1;
	image->cap = size + 8;
	image->buf = take(f, image->cap);
	image->cell = take(f, image->room * sizeof(*image->cell));
	return image->buf != NULL && image->cell != NULL
		       ? 0
		       : flat_say(f, LK_E_NOMEM, "%s: out of memory", f->path);
}

int
flat_load(struct flat_file *f, struct flat_image *image, size_t extra)
{
	int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st = { .st_size = 0 };
	int rc = 0;

	*image = (struct flat_image){ 0 };
	if (fd < 0 && errno != ENOENT)
		return say_errno(f, "cannot be opened");
	if (fd >= 0)
		rc = fstat(fd, &st) != 0 ? say_errno(f, "cannot be looked at")
					 : check_owner(f, &st);
	if (rc == 0)
		rc = make_room(f, image, (size_t)st.st_size, extra);
	if (rc == 0 && fd >= 0) {
		rc = read_all(f, fd, image->buf, (size_t)st.st_size);
		if (rc == 0)
			rc = parse(f, image, (size_t)st.st_size);
	}
	if (fd >= 0)
		close(fd);
	if (rc != 0)
		flat_forget(f, image);
	return rc;
}

void
flat_forget(struct flat_file *f, struct flat_image *image)
{
	give(f, image->buf, image->cap);
	give(f, image->cell, image->room * sizeof(*image->cell));
	*image = (struct flat_image){ 0 };
}

struct flat_cell *
flat_find(struct flat_image *image, uint32_t kind, const void *name, size_t len)
{
	for (size_t i = 0; i < image->n_cells; i++) {
		struct flat_cell *c = &image->cell[i];

		if (c->kind == kind && c->len == len && memcmp(c->name, name, len) == 0)
			return c;
	}
	return NULL;
}

struct flat_cell *
flat_make(struct flat_image *image, uint32_t kind, const void *name, size_t len)
{
	struct flat_cell *c = flat_find(image, kind, name, len);

	if (c == NULL) {
		c = &image->cell[image->n_cells++];
		*c = (struct flat_cell){ .kind = kind, .len = (uint32_t)len, .name = name };
	}
	return c;
}

/* ----------------------------------------------------------------------------- writing */

static size_t
size_of(const struct flat_image *image)
{
	size_t size = HEAD + SUM;

	for (size_t i = 0; i < image->n_cells; i++)
		if (image->cell[i].size != 0)
			size += CELL + filled(image->cell[i].len) + filled(image->cell[i].size);
	return size;
}

static unsigned char *
put(unsigned char *at, const void *bytes, size_t n)
{
	memcpy(at, bytes, n);
	memset(at + n, 0, filled(n) - n);
	return at + filled(n);
}

static void
compose(const struct flat_file *f, const struct flat_image *image, unsigned char *buf, size_t size)
{
	unsigned char *at = put(buf, magic, MAGIC);
	uint64_t sum;

	at = put(at, f->boot, BOOT);
	for (size_t i = 0; i < image->n_cells; i++) {
		const struct flat_cell *c = &image->cell[i];
		const uint32_t head[4] = { c->kind, c->len, c->size, 0 };

		if (c->size == 0)
			continue;
		at = put(at, head, sizeof(head));
		at = put(at, c->name, c->len);
		at = put(at, c->bytes, c->size);
	}
	sum = sum_of(buf, size - SUM);
	(void)put(at, &sum, sizeof(sum));
}

static int
write_all(struct flat_file *f, int fd, const unsigned char *buf, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t n = write(fd, buf + at, size - at);

		if (n < 0 && errno != EINTR)
			return say_errno(f, "its successor cannot be written");
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int
write_beside(struct flat_file *f, const char *name, const unsigned char *buf, size_t size)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc;

	if (fd < 0)
		return say_errno(f, "its successor cannot be made");
	rc = write_all(f, fd, buf, size);
	if (close(fd) != 0 && rc == 0)
		rc = say_errno(f, "its successor cannot be closed");
	return rc;
}

/* (FL2) */
static int
replace(struct flat_file *f, const unsigned char *buf, size_t size)
{
	char name[sizeof(f->path) + 8];
	int rc = write_beside(f, beside(f, name, sizeof(name), ".new"), buf, size);

	if (rc == 0 && rename(name, f->path) != 0)
		rc = say_errno(f, "cannot be replaced");
	if (rc != 0)
		(void)unlink(name);
	return rc;
}

int
flat_save(struct flat_file *f, const struct flat_image *image)
{
	const size_t size = size_of(image);
	unsigned char *buf = take(f, size);
	int rc;

	if (buf == NULL)
		return flat_say(f, LK_E_NOMEM, "%s: out of memory", f->path);
	compose(f, image, buf, size);
	rc = replace(f, buf, size);
	give(f, buf, size);
	return rc;
}
