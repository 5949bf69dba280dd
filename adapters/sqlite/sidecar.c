/* SPDX-License-Identifier: MIT */
/* The file beside the database.  (SI1, SI2) */
#include "sqlite/sidecar.h"

#include <errno.h>
#include <fcntl.h>

#include "common/io.h"
#include "sqlite/rows.h"

static void
seal(struct sidecar_head *h)
{
	h->sum = rows_hash(h, offsetof(struct sidecar_head, sum), 0);
}

static int
make(struct sqlite_store *s, int fd)
{
	static const char nothing[SIDECAR_CELLS * sizeof(struct sidecar_cell)];
	struct sidecar_head h = { .magic = SIDECAR_MAGIC };
	int error;

	memcpy(h.id, s->id, sizeof(h.id));
	seal(&h);
	error = io_write(fd, nothing, sizeof(nothing), SIDECAR_CELLS_AT);
	return error == 0 ? io_write(fd, &h, sizeof(h), 0) : error;
}

static bool
is_ours(const struct sqlite_store *s, const struct sidecar_head *h)
{
	struct sidecar_head right = *h;

	seal(&right);
	return h->magic == SIDECAR_MAGIC && h->sum == right.sum &&
	       memcmp(h->id, s->id, sizeof(h->id)) == 0;
}

static int
check_head(struct sqlite_store *s, int fd, bool may_make)
{
	struct sidecar_head h = { 0 };
	size_t got;
	int error = io_read_some(fd, &h, sizeof(h), 0, &got);

	if (error == 0 && is_ours(s, &h))
		return 0;
	if (error == 0 && !may_make)
		return store_complain(s, LK_E_CORRUPT, s->sidecar,
				      "the file is damaged, or another's");
	if (error == 0)
		error = make(s, fd);
	return error == 0 ? 0 : store_say_errno(s, LK_E_STORE, s->sidecar, error);
}

int
sidecar_open(struct sqlite_store *s, bool may_make)
{
	const int access = s->is_read_only ? O_RDONLY : O_RDWR;
	struct stat is;
	int fd;
	int error = io_open(AT_FDCWD, s->sidecar, may_make ? access | O_CREAT : access, &fd);
	int rc;

	if (error == ENOENT)
		return store_complain(s, LK_E_CORRUPT, s->sidecar,
				      "the file was removed, while there may be sessions");
	if (error == EPERM)
		return store_complain(s, LK_E_PERM, s->sidecar, "not a plain file of ours");
	if (error == 0)
		error = io_stat(fd, &is);
	if (error != 0)
		return store_say_errno(s, error == EACCES ? LK_E_PERM : LK_E_STORE, s->sidecar,
				       error);
	rc = check_head(s, fd, may_make);
	if (rc != 0) {
		io_close(&fd);
		return rc;
	}
	s->sidecar_ident = (struct ident){ is.st_dev, is.st_ino };
	s->beacons.fd = fd;
	return 0;
}
