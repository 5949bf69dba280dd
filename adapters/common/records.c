/* SPDX-License-Identifier: MIT */
/* What every store checks of the records of a call. */
#include "common/records.h"

#include <string.h>

static int
is_same_name(const struct lk_store_record *a, const struct lk_store_record *b)
{
	return a->len == b->len && memcmp(a->name, b->name, a->len) == 0;
}

int
records_check(const struct lk_store_record *r, size_t n)
{
	if (r == NULL || n == 0)
		return LK_E_INVAL;
	if (n > LK_STORE_BATCH_MAX)
		return LK_E_LIMIT;
	for (size_t i = 0; i < n; i++) {
		if (r[i].name == NULL || r[i].len == 0 || r[i].len > LK_STORE_NAME_MAX)
			return LK_E_NAME;
		if ((r[i].flags & ~(LK_STORE_DURABLE | LK_STORE_REPAIR | LK_STORE_HEARD)) != 0)
			return LK_E_INVAL;
		for (size_t k = 0; k < i; k++) {
			if (is_same_name(&r[i], &r[k]))
				return LK_E_INVAL;
		}
	}
	return 0;
}

int
records_change(struct lk_store_record *r, size_t n, lk_store_change_fn *fn, void *arg)
{
	int rc;

	for (size_t i = 0; i < n; i++) {
		r[i].fresh = NULL;
		r[i].fresh_len = 0;
		r[i].changed = 0;
		r[i].is_quiet = 0;
	}
	rc = fn(arg, r, n);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < n; i++) {
		if (r[i].changed == 0)
			continue;
		if (r[i].changed != 1 || r[i].fresh_len > LK_STORE_RECORD_MAX ||
		    (r[i].fresh == NULL && r[i].fresh_len != 0))
			return LK_E_INVAL;
	}
	return 0;
}

int
records_are_changed(const struct lk_store_record *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (r[i].changed != 0)
			return 1;
	}
	return 0;
}

void
records_end(struct lk_store_record *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		r[i].old = NULL;
		r[i].old_len = 0;
	}
}
