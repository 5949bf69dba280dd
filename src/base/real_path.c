/* SPDX-License-Identifier: MIT */
#include "base/real_path.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/guest.h"

_Static_assert(PATH_MAX <= REAL_PATH_MAX, "realpath() writes so much");

enum { LINKS_MOST = 40 }; /* as the kernel */

/* The folder of `path`, resolved, with a '/' at its end; `*last` is what comes behind it.  0, or an errno. */
static int
resolve_folder(const char *path, char out[REAL_PATH_MAX], const char **last)
{
	const char *slash = strrchr(path, '/');
	char folder[REAL_PATH_MAX] = ".";
	size_t n;

	*last = slash != NULL ? slash + 1 : path;
	if (slash != NULL) {
		n = slash == path ? 1 : (size_t)(slash - path);
		memcpy(folder, path, n);
		folder[n] = '\0';
	}
	if (realpath(folder, out) == NULL)
		return errno;
	n = strlen(out);
	if (out[n - 1] != '/') {
		if (n + 1 >= REAL_PATH_MAX)
			return ENAMETOOLONG;
		memcpy(out + n, "/", 2);
	}
	return 0;
}

/* `path` is a link whose end is missing: on to that end.  EINVAL: it is none. */
static int
follow(char path[REAL_PATH_MAX])
{
	char end[REAL_PATH_MAX];
	const char *slash = strrchr(path, '/');
	const ssize_t n = readlink(path, end, sizeof(end) - 1);
	const size_t kept = (size_t)(slash - path) + 1;

	if (n <= 0)
		return n < 0 ? errno : EINVAL;
	end[n] = '\0';
	if (end[0] == '/') {
		memcpy(path, end, (size_t)n + 1);
		return 0;
	}
	if (kept + (size_t)n >= REAL_PATH_MAX)
		return ENAMETOOLONG;
	memcpy(path + kept, end, (size_t)n + 1);
	return 0;
}

/* Its last part is missing. */
static int
resolve_missing(char path[REAL_PATH_MAX], char out[REAL_PATH_MAX])
{
	for (int links = 0; links < LINKS_MOST; links++) {
		const char *last;
		int rc = resolve_folder(path, out, &last);

		if (rc != 0)
			return rc;
		if (last[0] == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
			return ENOENT; /* a folder that would have to be there */
		if (strlen(out) + strlen(last) >= REAL_PATH_MAX)
			return ENAMETOOLONG;
		strcat(out, last);
		strcpy(path, out);
		rc = follow(path);
		if (rc == EINVAL || rc == ENOENT)
			return 0;
		if (rc != 0)
			return rc;
		if (realpath(path, out) != NULL)
			return 0; /* it came meanwhile */
		if (errno != ENOENT)
			return errno;
	}
	return ELOOP;
}

static int
resolve(const char *path, bool must_exist, char out[REAL_PATH_MAX])
{
	char copy[REAL_PATH_MAX];

	if (realpath(path, out) != NULL)
		return 0;
	if (errno != ENOENT || must_exist)
		return errno;
	if (strlen(path) >= sizeof(copy))
		return ENAMETOOLONG;
	strcpy(copy, path);
	return resolve_missing(copy, out);
}

int
real_path(const char *path, bool must_exist, char out[REAL_PATH_MAX])
{
	struct guest g;
	int error;

	guest_enter(&g);
	error = resolve(path, must_exist, out);
	guest_leave(&g);
	return error;
}
