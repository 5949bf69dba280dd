/* SPDX-License-Identifier: MIT */
/* The locks of a store moved to another: the call. */
#include <stdio.h>
#include <string.h>

#include <latchkey/migrate.h>

#include "core/abroad.h"
#include "remote/migrate.h"
#include "store/words.h"

#define TIMEOUT_NS UINT64_C(60000000000)
#define FREEZE_NS  UINT64_C(2000000000)

/* What the call has open. */
struct errand {
	struct env env;
	struct lk_migration is;
	char from[FLOOR_OTHER];
	char to[FLOOR_OTHER];
};

static int
open_store(struct errand *e, const char *url, struct lk_store **out)
{
	const size_t size = strlen(url) + 1;
	struct lk_store_open o = {
		.size = sizeof(o),
		.flags = (e->is.flags & LK_MIGRATE_DRY_RUN) != 0 ? LK_STORE_READ_ONLY : 0,
		.allocator = &e->env.memory,
		.environment = &e->env.world,
		.report = e->is.report,
		.report_cap = e->is.report_cap,
	};
	char *plain = env_alloc(&e->env, size, 1);
	int rc;

	if (plain == NULL)
		return LK_E_NOMEM;
	abroad_plain_url(url, plain);
	rc = lk_store_open(plain, &o, out);
	env_free(&e->env, plain, size);
	return rc;
}

static int
move(struct errand *e, struct lk_store *from, struct lk_store *to)
{
	const uint64_t now = env_now(&e->env);
	struct migrate *g = env_zalloc(&e->env, sizeof(*g), LK_LINE);
	int rc;

	if (g == NULL)
		return LK_E_NOMEM;
	g->env = &e->env;
	g->from.store = from;
	g->from.name = e->from;
	g->to.store = to;
	g->to.name = e->to;
	g->out = &e->is;
	g->freeze_ns = e->is.freeze_ns != 0 ? e->is.freeze_ns : FREEZE_NS;
	g->deadline_ns = e->is.timeout_ns == 0                  ? now + TIMEOUT_NS
			 : e->is.timeout_ns >= SHIM_NEVER - now ? SHIM_NEVER
								: now + e->is.timeout_ns;
	rc = (e->is.flags & LK_MIGRATE_DRY_RUN) != 0 ? migrate_look(g) : migrate_run(g);
	env_free(&e->env, g, sizeof(*g));
	return rc;
}

static int
open_and_move(struct errand *e, const char *from, const char *to)
{
	struct lk_store *a;
	struct lk_store *b;
	int rc = open_store(e, from, &a);

	if (rc != 0)
		return rc;
	rc = open_store(e, to, &b);
	if (rc == 0) {
		rc = move(e, a, b);
		lk_store_close(b);
	}
	lk_store_close(a);
	return rc;
}

static int
check(const struct lk_migration *how, struct lk_migration *is)
{
	int rc = how != NULL ? check_struct(how, how->size, sizeof(*is)) : 0;

	if (rc != 0)
		return rc;
	*is = (struct lk_migration){ .size = sizeof(*is) };
	if (how != NULL)
		memcpy(is, how, how->size < sizeof(*is) ? how->size : sizeof(*is));
	if ((is->flags & ~LK_MIGRATE_DRY_RUN) != 0 || (is->report == NULL && is->report_cap != 0) ||
	    is->freeze_ns > INT64_MAX / 4 ||
	    (is->allocator != NULL &&
	     (is->allocator->alloc == NULL || is->allocator->free == NULL)))
		return LK_E_INVAL;
	is->names = is->copied = is->tokens = is->in_use = is->attempts = is->floor = 0;
	return 0;
}

int
lk_migrate(const char *from, const char *to, struct lk_migration *how)
{
	struct errand e;
	int rc = from != NULL && to != NULL ? check(how, &e.is) : LK_E_INVAL;

	if (rc != 0)
		return rc;
	env_init(&e.env, e.is.allocator, NULL);
	store_in_words(from, e.from, sizeof(e.from));
	store_in_words(to, e.to, sizeof(e.to));
	if (e.is.report_cap != 0)
		e.is.report[0] = '\0';
	rc = open_and_move(&e, from, to);
	if (rc == 0 && e.is.report_cap != 0)
		e.is.report[0] = '\0'; /* what was in the way went away */
	if (rc != 0 && e.is.report_cap != 0 && e.is.report[0] == '\0')
		(void)snprintf(e.is.report, e.is.report_cap, "%s", lk_strerror(rc));
	if (how != NULL)
		copy_struct(how, &e.is, sizeof(e.is));
	return rc;
}
