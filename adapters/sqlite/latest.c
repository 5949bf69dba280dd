/* SPDX-License-Identifier: MIT */
/* A row in memory.  (SQ12) */
#include "sqlite/latest.h"

#include <string.h>

void
latest_begin(struct latest *l, bool is_ours)
{
	l->is_known &= is_ours && l->is_committed;
}

static bool
is_it(const struct latest *l, const void *name, size_t name_len)
{
	return l->is_known && l->name_len == name_len && memcmp(l->name, name, name_len) == 0;
}

const void *
latest_find(const struct latest *l, const void *name, size_t name_len, size_t *len)
{
	if (!is_it(l, name, name_len))
		return NULL;
	*len = l->len;
	return l->bytes;
}

/* Even if it fails: then all of the transaction does. */
void
latest_write(struct latest *l, const void *name, size_t name_len, const void *bytes, size_t len)
{
	l->is_committed = false;
	l->is_known = bytes != NULL && name_len <= sizeof(l->name) && len <= sizeof(l->bytes);
	if (!l->is_known)
		return;
	l->name_len = name_len;
	l->len = len;
	memcpy(l->name, name, name_len);
	memcpy(l->bytes, bytes, len);
}

void
latest_commit(struct latest *l)
{
	l->is_committed = true;
}
