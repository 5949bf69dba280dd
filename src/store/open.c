/* SPDX-License-Identifier: MIT */
/* Opening and closing a store: its URL, its parameters, its surroundings. */
#include "store/open.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "store/registry.h"

__attribute__((format(printf, 3, 4))) static int
complain(const struct lk_store_open *o, int rc, const char *format, ...)
{
	va_list args;

	if (o->report == NULL || o->report_cap == 0)
		return rc;
	va_start(args, format);
	(void)vsnprintf(o->report, o->report_cap, format, args);
	va_end(args);
	return rc;
}

static bool
ops_have_parameter(const struct lk_store_ops *ops, const char *name)
{
	if (ops->parameters == NULL)
		return false;
	for (const char *const *p = ops->parameters; *p != NULL; p++) {
		if (strcmp(*p, name) == 0)
			return true;
	}
	return false;
}

bool
store_has_parameter(const char *scheme, const char *name)
{
	struct scheme *s;
	bool has;

	if (!store_scheme_is_one(scheme, strlen(scheme)) || registry_get(scheme, &s) != 0)
		return false;
	has = ops_have_parameter(scheme_ops(s), name);
	schemes_put(s);
	return has;
}

static int
check_parameters(const struct lk_store_open *o, const struct lk_store_ops *ops)
{
	for (size_t i = 0; i < o->n_parameters; i++) {
		if (!ops_have_parameter(ops, o->parameters[i].name))
			return complain(o, LK_E_INVAL,
					"%.32s: stores of \"%s:\" have no such parameter",
					o->parameters[i].name, o->scheme);
	}
	return 0;
}

static int
open_with(const struct lk_store_open *o, struct scheme *scheme, struct lk_store **out)
{
	const struct lk_store_ops *ops = scheme_ops(scheme);
	int rc = check_parameters(o, ops);

	if (rc == 0)
		rc = ops->open(o, out);
	if (rc != 0)
		return rc;
	(*out)->ops = ops;
	(*out)->inside = scheme;
	return 0;
}

int
store_open(const struct lk_store_open *o, struct lk_store **out)
{
	struct scheme *scheme;
	int rc;

	*out = NULL;
	if (o->report != NULL && o->report_cap > 0)
		o->report[0] = '\0';
	rc = registry_get(o->scheme, &scheme);
	if (rc == LK_E_UNSUPPORTED)
		return complain(o, rc,
				"%s: there is no store of that scheme: none is registered, and "
				"liblatchkey-%s.so cannot be loaded",
				o->scheme, o->scheme);
	if (rc == LK_E_NOMEM)
		return complain(o, rc, "%s: out of memory", o->scheme);
	if (rc != 0)
		return complain(o, rc, "%s: the library for that scheme does not fit", o->scheme);
	rc = open_with(o, scheme, out);
	if (rc != 0) {
		*out = NULL;
		schemes_put(scheme);
	}
	return rc;
}

void
store_close(struct lk_store *s)
{
	struct scheme *scheme = s->inside;

	s->ops->close(s);
	schemes_put(scheme);
}
