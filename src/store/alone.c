/* SPDX-License-Identifier: MIT */
/* A store without a manager: it brings its own surroundings. */
#include <string.h>

#include "store/open.h"

/* What a store that was opened alone has beside it: `inside` points here. */
struct alone {
	struct env env;
	void *scheme; /* what store_open() had put there */
};

static int
check_size(const struct lk_store_open *o)
{
	const unsigned char *bytes = (const unsigned char *)o;

	if (o->size < 2 * sizeof(uint32_t))
		return LK_E_INVAL;
	for (size_t i = sizeof(*o); i < o->size; i++) {
		if (bytes[i] != 0)
			return LK_E_VERSION;
	}
	return (o->flags & ~(LK_STORE_READ_ONLY | LK_STORE_TIME_IS_GIVEN)) != 0 ? LK_E_INVAL : 0;
}

static int
open_url(struct alone *a, const char *url, struct lk_store_open *o, struct lk_store **out)
{
	struct store_url u;
	const char *why;
	int rc = store_url_parse(&u, &a->env, url, &why);

	if (rc == LK_E_INVAL && o->report != NULL && o->report_cap > 0)
		strncat(o->report, why, o->report_cap - 1);
	if (rc != 0)
		return rc;
	o->scheme = u.scheme;
	o->rest = u.rest;
	o->parameters = u.parameters;
	o->n_parameters = u.n_parameters;
	rc = store_open(o, out);
	store_url_free(&u);
	return rc;
}

/* Is it not the system's?  A manager gives what it has, which may be just that. */
static bool
time_is_given(const struct lk_environment *world)
{
	struct env system;

	env_init(&system, NULL, NULL);
	return world->now != system.world.now;
}

/* The surroundings stay where they are until the store is closed. */
static int
open_alone(const char *url, struct lk_store_open *o, struct lk_store **out)
{
	struct env first;
	struct alone *a;
	int rc;

	env_init(&first, o->allocator, o->environment);
	a = env_alloc(&first, sizeof(*a), _Alignof(struct alone));
	if (a == NULL)
		return LK_E_NOMEM;
	a->env = first;
	o->flags &= LK_STORE_READ_ONLY;
	if (time_is_given(&a->env.world))
		o->flags |= LK_STORE_TIME_IS_GIVEN;
	o->allocator = &a->env.memory;
	o->environment = &a->env.world;
	rc = open_url(a, url, o, out);
	if (rc != 0) {
		first = a->env;
		env_free(&first, a, sizeof(*a));
		return rc;
	}
	a->scheme = (*out)->inside;
	(*out)->inside = a;
	return 0;
}

int
lk_store_open(const char *url, const struct lk_store_open *o, struct lk_store **out)
{
	struct lk_store_open all = { .size = sizeof(all) };
	int rc;

	if (out == NULL)
		return LK_E_INVAL;
	*out = NULL;
	if (url == NULL || (o != NULL && (rc = check_size(o)) != 0))
		return url == NULL ? LK_E_INVAL : rc;
	if (o != NULL)
		memcpy(&all, o, o->size < sizeof(all) ? o->size : sizeof(all));
	all.size = sizeof(all);
	if (all.report != NULL && all.report_cap > 0)
		all.report[0] = '\0';
	return open_alone(url, &all, out);
}

void
lk_store_close(struct lk_store *s)
{
	struct alone *a;
	struct env last;

	if (s == NULL)
		return;
	a = s->inside;
	s->inside = a->scheme;
	store_close(s);
	last = a->env;
	env_free(&last, a, sizeof(*a));
}
