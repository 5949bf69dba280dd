/* SPDX-License-Identifier: MIT */
/* Stores of all kinds: what is checked before they are taken in, and where they are looked for. */
#include "store/registry.h"

#include <string.h>

#include "store/builtin.h"
#include "store/url.h"

static bool
is_complete(const struct lk_store_ops *ops)
{
	return ops->open != NULL && ops->close != NULL && ops->update != NULL &&
	       ops->read != NULL && ops->scan != NULL && ops->session_open != NULL &&
	       ops->session_renew != NULL && ops->session_close != NULL &&
	       ops->session_alive != NULL && ops->session_who != NULL && ops->watch != NULL &&
	       ops->unwatch != NULL && ops->now != NULL && ops->level != NULL &&
	       ops->error != NULL &&
	       ((ops->capabilities & LK_STORE_CAN_MANY) == 0 || ops->update_many != NULL);
}

static int
add(const struct lk_store_ops *ops)
{
	if (ops->version != LK_STORE_VERSION)
		return LK_E_VERSION;
	if (ops->scheme == NULL || !store_scheme_is_one(ops->scheme, strlen(ops->scheme)) ||
	    !is_complete(ops))
		return LK_E_INVAL;
	switch (schemes_add(ops)) {
	case SCHEME_ADDED:
		return 0;
	case SCHEME_TAKEN:
		return LK_E_BUSY;
	case SCHEME_NOMEM:
		break;
	}
	return LK_E_NOMEM;
}

static const struct lk_store_ops *
find_builtin(const char *scheme)
{
	if (&lk_store_builtin == NULL)
		return NULL;
	for (const struct lk_store_ops *const *ops = lk_store_builtin; *ops != NULL; ops++) {
		if (strcmp((*ops)->scheme, scheme) == 0)
			return *ops;
	}
	return NULL;
}

int
lk_store_register(const struct lk_store_ops *ops)
{
	if (ops == NULL)
		return LK_E_INVAL;
	if (ops->version == LK_STORE_VERSION && ops->scheme != NULL &&
	    (strcmp(ops->scheme, "memory") == 0 || find_builtin(ops->scheme) != NULL))
		return LK_E_BUSY;
	return add(ops);
}

int
lk_store_unregister(const struct lk_store_ops *ops)
{
	if (ops == NULL || ops->scheme == NULL)
		return LK_E_INVAL;
	switch (schemes_remove(ops)) {
	case SCHEME_REMOVED:
		return 0;
	case SCHEME_IN_USE:
		return LK_E_BUSY;
	case SCHEME_UNKNOWN:
		break;
	}
	return LK_E_NOENT;
}

int
registry_get(const char *scheme, struct scheme **out)
{
	const struct lk_store_ops *ops;
	int rc;

	*out = schemes_get(scheme);
	if (*out != NULL)
		return 0;
	ops = find_builtin(scheme);
	if (ops == NULL)
		ops = schemes_load(scheme);
	if (ops == NULL)
		return LK_E_UNSUPPORTED;
	rc = add(ops);
	if (rc != 0 && rc != LK_E_BUSY) /* another thread may have come first */
		return rc;
	*out = schemes_get(scheme);
	return *out != NULL ? 0 : LK_E_UNSUPPORTED;
}
