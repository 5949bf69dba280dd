/* SPDX-License-Identifier: MIT */
/* lk_repair(): what is damaged, what may be done about it, and doing it.  (HR3, HR4, HR5) */
#include <latchkey/health.h>

#include "core/upkeep.h"

/* For so long nobody is granted what was made anew by force: longer than any process goes without a look (HR4). */
#define KEEP_NS UINT64_C(10000000000)

enum { COVERS_MOST = 4096 };

struct repair {
	struct lk_manager *m;
	struct upkeep *u; /* that does the work; the one that looks is another */
	uint32_t flags;
	int (*fn)(void *arg, const struct lk_repair_row *row);
	void *arg;
	bool is_id;       /* the one name is a number */
	bool others_live; /* or nobody knows */
	bool tells_all;
	struct lk_repaired sum;
};

/* ---------------------------------------------------------------------------- telling */

static int
tell(struct repair *p, struct lk_repair_row row)
{
	struct lk_repaired *sum = &p->sum;

	row.size = sizeof(row);
	sum->looked_at++;
	sum->damaged += row.what != LK_REPAIR_FINE;
	sum->done += row.what == LK_REPAIR_DONE;
	sum->live += row.what == LK_REPAIR_LIVE;
	sum->nameless += row.what == LK_REPAIR_NAMELESS;
	sum->failed += row.what == LK_REPAIR_FAILED;
	if (p->fn == NULL || (row.what == LK_REPAIR_FINE && !p->tells_all))
		return 0;
	return p->fn(p->arg, &row);
}

/* What came of an attempt to mend. */
static int
tell_result(struct repair *p, struct lk_repair_row row, int rc)
{
	row.what = rc == 0 ? LK_REPAIR_DONE : rc == UPKEEP_FINE ? LK_REPAIR_FINE : LK_REPAIR_FAILED;
	row.rc = row.what == LK_REPAIR_FAILED ? rc : 0;
	return tell(p, row);
}

/* --------------------------------------------------------------------------- one name */

static int
mend(struct repair *p, const struct upkeep_row *found, uint64_t fence)
{
	const struct upkeep_mend how = {
		.above = fence,
		.keep_ns = (p->flags & LK_REPAIR_FORCE) != 0 ? KEEP_NS : 0,
	};
	int rc = upkeep_mend(p->u, found->name, found->len, found->is_id, &how);

	if (rc == 0)
		remote_look(p->m->remote, found->name, found->len, found->is_id);
	return rc;
}

static int
repair_one(struct repair *p, const struct upkeep_row *found)
{
	struct lk_repair_row row = {
		.flags = found->is_id ? LK_RECORD_ID : 0,
		.name = found->name,
		.name_len = found->len,
	};
	uint64_t fence = 0;
	lk_mode has;

	if (found->fault == RECORD_FINE)
		row.what = LK_REPAIR_FINE;
	else if (found->name == NULL)
		row.what = LK_REPAIR_NAMELESS;
	if (row.what != 0)
		return tell(p, row);
	if (found->fault == RECORD_NEWER)
		return tell_result(p, row, LK_E_VERSION);
	has = remote_has(p->m->remote, found->name, found->len, found->is_id, &fence);
	if ((p->flags & LK_REPAIR_FORCE) == 0 && (p->others_live || has != LK_NL)) {
		row.what = LK_REPAIR_LIVE;
		return tell(p, row);
	}
	return tell_result(p, row, (p->flags & LK_REPAIR_WRITE) != 0 ? mend(p, found, fence) : 0);
}

static int
look(void *arg, const struct upkeep_row *found)
{
	return repair_one(arg, found);
}

/* ------------------------------------------------------------------------- all of them */

static int
mend_part(struct repair *p, const char *part, int (*mend_it)(struct upkeep *u))
{
	const struct lk_repair_row row = { .part = part };

	return tell_result(p, row, (p->flags & LK_REPAIR_WRITE) != 0 ? mend_it(p->u) : 0);
}

/* What the whole store needs; accord first, as it says who lives. */
static int
repair_whole(struct repair *p, bool accord_is_damaged)
{
	int rc = 0;

	if (accord_is_damaged) {
		rc = mend_part(p, "accord", upkeep_mend_accord);
		if ((p->flags & LK_REPAIR_WRITE) != 0)
			remote_rejoin(p->m->remote);
	}
	if (rc == 0 && upkeep_floor_is_damaged(p->u))
		rc = mend_part(p, "floor", upkeep_mend_floor);
	return rc;
}

static bool
begins_with(const void *name, size_t len, const void *prefix, size_t prefix_len)
{
	return len >= prefix_len && (prefix_len == 0 || memcmp(name, prefix, prefix_len) == 0);
}

/* The store does not know whose records are damaged: are they of names that are in use here? */
static int
try_our_names(struct repair *p, struct upkeep *u, const void *prefix, size_t len)
{
	struct env *env = &p->m->env;
	const size_t size = COVERS_MOST * sizeof(struct lk_resource *);
	struct lk_resource **r = env_alloc(env, size, sizeof(void *));
	int rc = 0;
	size_t n;

	if (r == NULL)
		return LK_E_NOMEM;
	n = remote_pin_all(p->m->remote, r, COVERS_MOST);
	for (size_t i = 0; i < n; i++) {
		size_t name_len;
		bool is_id;
		const void *name = resource_name(r[i], &name_len, &is_id);

		if (rc == 0 && (is_id ? len == 0 : begins_with(name, name_len, prefix, len)))
			rc = upkeep_read(u, name, name_len, is_id, look, p);
		resource_unpin(r[i]);
	}
	env_free(env, r, size);
	return rc;
}

static int
repair_all(struct repair *p, struct upkeep *u, const void *prefix, size_t len)
{
	int rc = upkeep_each(u, prefix, len, look, p);

	if (rc == 0 && p->sum.nameless != 0)
		rc = try_our_names(p, u, prefix, len);
	return rc;
}

/* ---------------------------------------------------------------------------- the call */

/* Who else might hold what cannot be read? */
static int
find_others(struct repair *p, bool *accord_is_damaged)
{
	size_t n = 0;
	int rc = upkeep_others(p->u, &n);

	*accord_is_damaged = rc == LK_E_CORRUPT;
	p->others_live = n != 0 || rc == LK_E_CORRUPT;
	return rc == LK_E_CORRUPT ? 0 : rc;
}

static int
repair(struct repair *p, struct upkeep *u, const void *name, size_t len)
{
	const bool all = (p->flags & LK_REPAIR_PREFIX) != 0;
	bool accord_is_damaged;
	int rc;

	remote_trim(p->m->remote); /* what nobody here uses goes back, as far as that can be read */
	rc = find_others(p, &accord_is_damaged);
	if (rc == 0 && all && len == 0)
		rc = repair_whole(p, accord_is_damaged);
	if (rc != 0)
		return rc;
	p->tells_all = !all;
	return all ? repair_all(p, u, name, len) : upkeep_read(u, name, len, p->is_id, look, p);
}

static int
repair_with(struct repair *p, const void *name, size_t len)
{
	struct upkeep *u;
	int rc = upkeep_of(p->m, &p->u);

	if (rc != 0)
		return rc;
	rc = upkeep_of(p->m, &u);
	if (rc == 0) {
		rc = repair(p, u, name, len);
		upkeep_close(u);
	}
	upkeep_close(p->u);
	return rc;
}

/* `known`: the flags that there are. */
static int
repair_named(struct repair *p, uint32_t known, const void *name, size_t len,
	     struct lk_repaired *out)
{
	int rc = upkeep_check(p->m, name, len, (p->flags & LK_REPAIR_PREFIX) != 0);

	if (rc == 0 && (p->flags & ~known) != 0)
		rc = LK_E_INVAL;
	if (rc == 0 && out != NULL)
		rc = check_struct(out, out->size, sizeof(p->sum));
	if (rc != 0)
		return rc;
	p->sum.size = sizeof(p->sum);
	rc = repair_with(p, name, len);
	if (out != NULL)
		copy_struct(out, &p->sum, sizeof(p->sum));
	return rc;
}

int
lk_repair(struct lk_manager *m, const void *name, size_t len, uint32_t flags,
	  int (*fn)(void *arg, const struct lk_repair_row *row), void *arg, struct lk_repaired *out)
{
	struct repair p = { .m = m, .flags = flags, .fn = fn, .arg = arg };

	return repair_named(&p, LK_REPAIR_WRITE | LK_REPAIR_PREFIX | LK_REPAIR_FORCE, name, len,
			    out);
}

int
lk_repair_id(struct lk_manager *m, uint64_t id, uint32_t flags,
	     int (*fn)(void *arg, const struct lk_repair_row *row), void *arg,
	     struct lk_repaired *out)
{
	struct repair p = { .m = m, .flags = flags, .fn = fn, .arg = arg, .is_id = true };

	return repair_named(&p, LK_REPAIR_WRITE | LK_REPAIR_FORCE, &id, sizeof(id), out);
}
