/* SPDX-License-Identifier: MIT */
/* Names that stand for files. */
#include <errno.h>
#include <string.h>

#include <latchkey/path.h>

#include "base/real_path.h"

static int
code_of(int error)
{
	switch (error) {
	case ENOENT:
		return LK_E_NOENT;
	case EACCES:
	case EPERM:
		return LK_E_PERM;
	case ENAMETOOLONG:
	case ELOOP:
	case ENOTDIR:
		return LK_E_NAME;
	case ENOMEM:
		return LK_E_NOMEM;
	case EINVAL:
		return LK_E_INVAL;
	default:
		return LK_E_IO;
	}
}

int
lk_name_from_path(const char *path, uint32_t flags, char *out, size_t cap)
{
	char name[REAL_PATH_MAX];
	size_t len;
	int error;

	if (path == NULL || path[0] == '\0' || (out == NULL && cap != 0) ||
	    (flags & ~LK_PATH_MUST_EXIST) != 0)
		return LK_E_INVAL;
	error = real_path(path, (flags & LK_PATH_MUST_EXIST) != 0, name);
	if (error != 0)
		return code_of(error);
	len = strlen(name);
	if (cap > 0)
		memcpy(out, len < cap ? name : "", len < cap ? len + 1 : 1);
	return (int)len;
}
