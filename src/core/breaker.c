/* SPDX-License-Identifier: MIT */
/* The breaker of a manager's store, for who asks. */
#include <latchkey/breaker.h>

#include "core/manager.h"
#include "remote/breaker.h"

static int
check_name(const struct lk_manager *m, const void *name, size_t len)
{
	if (m == NULL || (name == NULL && len != 0))
		return LK_E_INVAL;
	if (manager_gate(m) == LK_E_FORKED)
		return LK_E_FORKED;
	return name != NULL && (len == 0 || len > LK_NAME_MAX) ? LK_E_NAME : 0;
}

int
lk_breaker_status(struct lk_manager *m, const void *name, size_t len, struct lk_breaker *out)
{
	struct lk_breaker s = {
		.size = sizeof(s),
		.state = LK_BREAKER_CLOSED,
		.last_failure_ns = LK_OFF,
	};
	int rc = check_reading(m, out, sizeof(s));

	if (rc == 0)
		rc = check_name(m, name, len);
	if (rc != 0)
		return rc;
	if (m->breaker != NULL)
		breaker_read(m->breaker, name, len, &s);
	copy_struct(out, &s, sizeof(s));
	return 0;
}

int
lk_breaker_each(struct lk_manager *m, int (*fn)(void *arg, const struct lk_breaker *row), void *arg)
{
	struct lk_breaker *list;
	size_t n, size;
	int rc = fn != NULL ? check_name(m, NULL, 0) : LK_E_INVAL;

	if (rc != 0 || m->breaker == NULL)
		return rc;
	list = breaker_list(m->breaker, &n, &size);
	if (list == NULL)
		return LK_E_NOMEM;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = fn(arg, &list[i]);
	env_free(&m->env, list, size);
	return rc;
}

int
lk_breaker_reset(struct lk_manager *m, const void *name, size_t len)
{
	int rc = check_name(m, name, len);

	if (rc == 0 && m->breaker != NULL)
		breaker_reset(m->breaker, name, len);
	return rc;
}

const char *
lk_breakername(uint32_t state)
{
	static const char *const names[] = { "?", "closed", "open", "half-open" };

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}
