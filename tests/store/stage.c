/* SPDX-License-Identifier: MIT */
/* See stage.h. */
#include <sched.h>
#include <stdlib.h>

#include "stage.h"

#define PATIENT                                                                       \
	{                                                                             \
		.size = sizeof(struct lk_options), .timeout_ns = (int64_t)PATIENCE_NS \
	}

void
stage_open(struct stage *s)
{
	stage_open_with(s, "");
}

void
stage_open_with(struct stage *s, const char *parameter)
{
	char url[4096];

	(void)snprintf(url, sizeof(url), "%s%s%s", run.url,
		       parameter[0] == '\0'           ? ""
		       : strchr(run.url, '?') != NULL ? "&"
						      : "?",
		       parameter);
	for (int i = 0; i < MANAGERS; i++) {
		int rc = lk_open(url, NULL, &s->m[i]);

		MUST(rc == 0, "%s: %s", run.url, lk_errname(rc));
		for (int k = 0; k < 2; k++)
			MUST(lk_owner_open(s->m[i], NULL, &s->w[i][k]) == 0, "no owner");
	}
}

void
stage_close(struct stage *s)
{
	for (int i = 0; i < MANAGERS; i++) {
		for (int k = 0; k < 2; k++) {
			OK(lk_release_all(s->w[i][k]));
			OK(lk_owner_close(s->w[i][k]));
		}
	}
	for (int i = 0; i < MANAGERS; i++)
		OK(lk_close(s->m[i]));
}

const char *
stage_name(const char *what)
{
	static char names[16][sizeof(run.prefix) + 32];
	static unsigned n;
	char *name = names[n++ % countof(names)];

	(void)snprintf(name, sizeof(names[0]), "%s%s", run.prefix, what);
	return name;
}

lk_grant
take(struct lk_owner *w, const char *name, lk_mode mode)
{
	const struct lk_options o = PATIENT;
	lk_grant g = 0;
	int rc = lk_acquire(w, name, mode, &o, &g);

	MUST(rc == 0, "%s in %s: %s", name, lk_modename(mode), lk_errname(rc));
	return g;
}

lk_grant
take_units(struct lk_owner *w, const char *name, uint32_t units, uint32_t permits)
{
	const struct lk_options o = PATIENT;
	lk_grant g = 0;
	int rc = lk_acquire_units(w, name, strlen(name), units, permits, &o, &g);

	MUST(rc == 0, "%u of %u: %s", units, permits, lk_errname(rc));
	return g;
}

void
give(struct lk_owner *w, lk_grant g)
{
	OK(lk_release(w, g));
}

int
attempt(struct lk_owner *w, const char *name, lk_mode mode, lk_grant *out)
{
	const struct lk_options o = { .size = sizeof(o), .flags = LK_NOWAIT };

	return lk_acquire(w, name, mode, &o, out);
}

bool
is_barred(struct lk_owner *w, const char *name, lk_mode mode)
{
	lk_grant g;
	int rc = attempt(w, name, mode, &g);

	if (rc == 0)
		give(w, g);
	else
		IS(rc, LK_E_BUSY);
	return rc != 0;
}

unsigned
n_waiting(const struct stage *s, const char *name)
{
	struct lk_record_info info = { .size = sizeof(info) };

	OK(lk_record_info(s->m[0], name, strlen(name), &info));
	return info.waiters;
}

static void *
run_asker(void *arg)
{
	struct asker *a = arg;

	if (a->converts)
		a->rc = lk_convert(a->w, a->grant, a->mode, &a->o);
	else
		a->rc = lk_acquire(a->w, a->name, a->mode, &a->o, &a->grant);
	atomic_store(&a->is_done, true);
	return NULL;
}

static void
start(struct asker *a)
{
	a->o.size = sizeof(a->o);
	a->o.timeout_ns = (int64_t)PATIENCE_NS;
	atomic_init(&a->is_done, false);
	MUST(pthread_create(&a->thread, NULL, run_asker, a) == 0, "no thread");
}

void
ask(struct asker *a, struct lk_owner *w, const char *name, lk_mode mode)
{
	*a = (struct asker){ .w = w, .name = name, .mode = mode };
	start(a);
}

void
ask_units(struct asker *a, struct lk_owner *w, const char *name, uint32_t units, uint32_t permits)
{
	*a = (struct asker){
		.w = w, .name = name, .mode = LK_IX, .o = { .units = units, .permits = permits }
	};
	start(a);
}

void
ask_convert(struct asker *a, struct lk_owner *w, lk_grant g, lk_mode mode)
{
	*a = (struct asker){ .w = w, .grant = g, .mode = mode, .converts = true };
	start(a);
}

int
answer(struct asker *a)
{
	MUST(pthread_join(a->thread, NULL) == 0, "no thread");
	return a->rc;
}

lk_grant
granted(struct asker *a)
{
	OK(answer(a));
	return a->grant;
}
