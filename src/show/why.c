/* SPDX-License-Identifier: MIT */
/* Who would be in the way of a request on a name: on each ancestor, then on the name itself. */
#include "core/blockers.h"
#include "core/semaphore.h"
#include "index/path.h"
#include "show/blame.h"

enum { FEW = 16 };

/* All that is in the way, in memory that is made larger until it fits. */
struct found {
	struct lk_manager *m;
	struct blockers list;
	struct lk_blocker few[FEW];
};

/* A pin on the entry of the name, or of the nearest ancestor that has one, and its length; or NULL. */
static struct lk_resource *
pin_deepest(struct index *x, const struct name *n, uint32_t *len)
{
	struct name at = *n;
	struct lk_resource *r;

	for (*len = n->len; (r = index_pin(x, &at)) == NULL;) {
		*len = path_parent(x, &at);
		if (*len == 0)
			return NULL;
		path_ancestor(x, n, *len, &at);
	}
	return r;
}

/* From the root down, as a request would meet them. */
static void
look(struct found *f, const struct name *n, lk_mode mode, uint32_t units)
{
	uint32_t len;
	struct lk_resource *deepest = pin_deepest(&f->m->index, n, &len);
	struct blocked what = { .m = f->m, .now = env_now(&f->m->env) };

	f->list.n = 0;
	if (deepest == NULL)
		return;
	for (uint32_t left = resource_levels(deepest); left > 0; left--) {
		what.r = resource_climb(deepest, left - 1);
		what.above = left > 1 || len < n->len;
		what.want = what.above ? mode_intent(mode) : mode;
		what.takes_units = !what.above && units != 0;
		what.lacks_units = what.takes_units && semaphore_lacks(f->m, what.r, units);
		blockers_add_holders(&f->list, &what);
		blockers_add_ahead(&f->list, &what);
	}
	resource_unpin(deepest);
}

static void
drop(struct found *f)
{
	if (f->list.at != f->few)
		env_free(&f->m->env, f->list.at, f->list.room * sizeof(*f->list.at));
}

/* False: no memory. */
static bool
grow(struct found *f)
{
	const uint32_t room = f->list.n + f->list.n / 4;
	struct lk_blocker *at = env_alloc(&f->m->env, room * sizeof(*at), sizeof(uint64_t));

	drop(f);
	f->list.at = at != NULL ? at : f->few;
	f->list.room = at != NULL ? room : FEW;
	return at != NULL;
}

/* As long as there are more by the time that there is room for them: look again. */
static int
find(struct found *f, struct lk_manager *m, const struct name *n, lk_mode mode, uint32_t units)
{
	f->m = m;
	f->list.at = f->few;
	f->list.room = FEW;
	for (;;) {
		look(f, n, mode, units);
		if (f->list.n <= f->list.room)
			return 0;
		if (!grow(f))
			return LK_E_NOMEM;
	}
}

/* What is asked, checked. */
static int
check(struct lk_manager *m, const void *name, lk_mode mode)
{
	if (m == NULL || name == NULL || !mode_valid(mode))
		return LK_E_INVAL;
	return manager_gate(m) == LK_E_FORKED ? LK_E_FORKED : 0;
}

static int
why(struct lk_manager *m, const struct name *n, lk_mode mode, uint32_t units,
    int (*fn)(void *arg, const struct lk_blocker *b), void *arg)
{
	struct found f;
	int rc = find(&f, m, n, mode, units);

	for (uint32_t i = 0; rc == 0 && i < f.list.n; i++)
		rc = fn(arg, &f.list.at[i]);
	drop(&f);
	return rc;
}

static int
why_named(struct lk_manager *m, const void *name, size_t len, lk_mode mode, uint32_t units,
	  int (*fn)(void *arg, const struct lk_blocker *b), void *arg)
{
	struct name n;
	int rc = check(m, name, mode);

	if (rc != 0)
		return rc;
	if (fn == NULL)
		return LK_E_INVAL;
	if (!name_set(&n, name, len, 0, m->index.seed))
		return LK_E_NAME;
	return why(m, &n, mode, units, fn, arg);
}

int
lk_why(struct lk_manager *m, const void *name, size_t len, lk_mode mode,
       int (*fn)(void *arg, const struct lk_blocker *b), void *arg)
{
	return why_named(m, name, len, mode, 0, fn, arg);
}

int
lk_why_units(struct lk_manager *m, const void *name, size_t len, uint32_t units,
	     int (*fn)(void *arg, const struct lk_blocker *b), void *arg)
{
	return units != 0 ? why_named(m, name, len, LK_IX, units, fn, arg) : LK_E_INVAL;
}

int
lk_why_id(struct lk_manager *m, uint64_t id, lk_mode mode,
	  int (*fn)(void *arg, const struct lk_blocker *b), void *arg)
{
	struct name n;
	int rc = check(m, &id, mode);

	if (rc != 0)
		return rc;
	if (fn == NULL)
		return LK_E_INVAL;
	name_set_id(&n, &id, m->index.seed);
	return why(m, &n, mode, 0, fn, arg);
}

static int
why_text(struct lk_manager *m, const struct name *n, lk_mode mode, enum lk_format format,
	 lk_write_fn *write, void *arg)
{
	const struct said name = { n->bytes, n->len, n->len, (n->tail & NAME_ID) != 0 };
	struct found f;
	struct out o;
	int rc = find(&f, m, n, mode, 0);

	if (rc == 0) {
		out_begin(&o, write, arg);
		blame_request(&o, format, &name, mode, f.list.at, f.list.n);
		rc = out_end(&o);
	}
	drop(&f);
	return rc;
}

int
lk_why_text(struct lk_manager *m, const void *name, size_t len, lk_mode mode, enum lk_format format,
	    lk_write_fn *write, void *arg)
{
	struct name n;
	int rc = check(m, name, mode);

	if (rc == 0)
		rc = say_check(format, false, write);
	if (rc != 0)
		return rc;
	if (!name_set(&n, name, len, 0, m->index.seed))
		return LK_E_NAME;
	return why_text(m, &n, mode, format, write, arg);
}

int
lk_why_id_text(struct lk_manager *m, uint64_t id, lk_mode mode, enum lk_format format,
	       lk_write_fn *write, void *arg)
{
	struct name n;
	int rc = check(m, &id, mode);

	if (rc == 0)
		rc = say_check(format, false, write);
	if (rc != 0)
		return rc;
	name_set_id(&n, &id, m->index.seed);
	return why_text(m, &n, mode, format, write, arg);
}

int
lk_report_text(const struct lk_report *report, enum lk_format format, lk_write_fn *write, void *arg)
{
	struct out o;
	int rc;

	if (report == NULL)
		return LK_E_INVAL;
	rc = check_struct(report, report->size, sizeof(*report));
	if (rc == 0)
		rc = say_check(format, false, write);
	if (rc != 0)
		return rc;
	if (report->size < sizeof(*report) || report->kept > LK_REPORT_BLOCKERS)
		return LK_E_INVAL;
	out_begin(&o, write, arg);
	blame_report(&o, format, report);
	return out_end(&o);
}
