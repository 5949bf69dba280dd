/* SPDX-License-Identifier: MIT */
/* Handles: names resolved once and pinned; and the sweep, which has no owner either. */
#include "core/manager.h"
#include "core/upkeep.h"
#include "index/path.h"

static int
open_handle(struct lk_manager *m, const struct name *n, struct lk_resource **out)
{
	enum index_outcome outcome;
	int gate = manager_gate(m);

	if (gate != 0)
		return gate;
	latch_lock(&m->cache_latch);
	outcome = path_enter(&m->index, &m->cache, n, true, out);
	latch_unlock(&m->cache_latch);
	if (outcome == INDEX_NOMEM)
		return LK_E_NOMEM;
	shim_add(&m->handles, (uint64_t)1, SHIM_RELAXED);
	return 0;
}

int
lk_resource_open_bytes(struct lk_manager *m, const void *name, size_t len, struct lk_resource **out)
{
	struct lk_resource *r;
	struct name n;
	int rc;

	if (m == NULL || name == NULL || out == NULL)
		return LK_E_INVAL;
	if (!name_set(&n, name, len, 0, m->index.seed))
		return LK_E_NAME;
	rc = open_handle(m, &n, &r);
	if (rc == 0)
		*out = r;
	return rc;
}

int
lk_resource_open(struct lk_manager *m, const char *name, struct lk_resource **out)
{
	if (name == NULL)
		return LK_E_INVAL;
	return lk_resource_open_bytes(m, name, strlen(name), out);
}

int
lk_resource_open_id(struct lk_manager *m, uint64_t id, struct lk_resource **out)
{
	struct lk_resource *r;
	struct name n;
	int rc;

	if (m == NULL || out == NULL)
		return LK_E_INVAL;
	name_set_id(&n, &id, m->index.seed);
	rc = open_handle(m, &n, &r);
	if (rc == 0)
		*out = r;
	return rc;
}

void
lk_resource_close(struct lk_resource *r)
{
	struct lk_manager *m;

	if (r == NULL)
		return;
	m = slab_home(r);
	if (manager_gate(m) == LK_E_FORKED)
		return;
	resource_unpin(r);
	shim_sub(&m->handles, (uint64_t)1, SHIM_RELEASE);
}

int
lk_sweep(struct lk_manager *m, size_t *removed)
{
	uint64_t before;
	size_t records = 0;
	int rc = 0;

	if (m == NULL)
		return LK_E_INVAL;
	if (manager_gate(m) == LK_E_FORKED)
		return LK_E_FORKED;
	if (m->remote != NULL) {
		remote_trim(m->remote);
		rc = upkeep_sweep_all(m, &records);
	}
	latch_lock(&m->cache_latch);
	before = shim_load(&m->cache.evicted, SHIM_RELAXED);
	index_sweep(&m->index, &m->cache);
	if (removed != NULL)
		*removed = (size_t)(shim_load(&m->cache.evicted, SHIM_RELAXED) - before) + records;
	latch_unlock(&m->cache_latch);
	return rc;
}
