/* SPDX-License-Identifier: MIT */
/* Reading what an administrator wrote, in a file or a variable. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* secure_getenv */
#endif
#include "base/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/guest.h"

/* With the thread safe from cancellation. */
static int
open_regular(const char *path, int *fd)
{
	struct stat is = { 0 };

	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (*fd < 0)
		return errno;
	if (fstat(*fd, &is) == 0 && S_ISREG(is.st_mode))
		return 0;
	(void)close(*fd);
	return S_ISDIR(is.st_mode) ? EISDIR : EINVAL;
}

int
text_file_open(struct text_file *f, const char *path)
{
	struct guest g;
	int error;

	f->error = 0;
	f->at = f->n = 0;
	guest_enter(&g);
	error = open_regular(path, &f->fd);
	guest_leave(&g);
	return error;
}

static ssize_t
fill(struct text_file *f)
{
	ssize_t n;

	do
		n = read(f->fd, f->bytes, sizeof(f->bytes));
	while (n < 0 && errno == EINTR);
	f->error = n < 0 ? errno : 0;
	return n;
}

int
text_file_next(struct text_file *f)
{
	struct guest g;
	ssize_t n;

	if (f->at < f->n)
		return f->bytes[f->at++];
	guest_enter(&g);
	n = fill(f);
	guest_leave(&g);
	if (n <= 0)
		return n == 0 ? TEXT_FILE_END : TEXT_FILE_FAILED;
	f->n = (size_t)n;
	f->at = 1;
	return f->bytes[0];
}

void
text_file_close(struct text_file *f)
{
	struct guest g;

	guest_enter(&g);
	(void)close(f->fd);
	guest_leave(&g);
}

void
text_file_error(int error, char *out, size_t cap)
{
	const char *text = strerrordesc_np(error);

	if (cap == 0)
		return;
	out[0] = '\0';
	strncat(out, text != NULL ? text : "error", cap - 1);
}

const char *
variable_get(const char *name)
{
	return secure_getenv(name);
}
