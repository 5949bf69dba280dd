/* SPDX-License-Identifier: MIT */
/* Locks that end with the code that needs them. */
#include <latchkey.h>

int
lk_with(struct lk_owner *w, const char *name, lk_mode mode, const struct lk_options *o,
	int (*body)(void *arg), void *arg, int *body_rc)
{
	lk_grant g;
	int result;
	int rc;

	if (body == NULL)
		return LK_E_INVAL;
	rc = lk_acquire(w, name, mode, o, &g);
	if (rc != 0)
		return rc;
	result = body(arg);
	if (body_rc != NULL)
		*body_rc = result;
	return lk_release(w, g); /* LK_E_STALE: it did not last to the end */
}

int
lk_guard_acquire(struct lk_guard *guard, struct lk_owner *w, const char *name, lk_mode mode,
		 const struct lk_options *o)
{
	lk_grant g;
	int rc;

	if (guard == NULL || guard->grant != 0)
		return LK_E_INVAL;
	rc = lk_acquire(w, name, mode, o, &g);
	if (rc == 0)
		*guard = (struct lk_guard){ w, g };
	return rc;
}

void
lk_guard_release(struct lk_guard *guard)
{
	if (guard == NULL || guard->grant == 0)
		return;
	(void)!lk_release(guard->owner, guard->grant);
	*guard = (struct lk_guard){ NULL, 0 };
}
