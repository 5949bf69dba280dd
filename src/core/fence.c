/* SPDX-License-Identifier: MIT */
/* Fencing tokens, and the guard that checks them. */
#include "core/fence.h"
#include "core/family.h"
#include "core/leases.h"
#include "core/release.h"

/* Its own, if it ever could write; as a reader the latest one given out; an intent has none. */
uint64_t
fence_of(struct lk_owner *w, lk_grant g)
{
	const struct hold *s;
	const struct hold *hold;
	const struct lk_resource *r;
	uint32_t slot;
	uint64_t head;
	uint64_t fence;

	if (unlikely(family_is_others(w, g)))
		return 0;
	s = grant_find(w, g, &slot);
	if (s == NULL)
		return losses_fence(w, g);
	hold = grant_hold(w, (struct hold *)(uintptr_t)s);
	r = shim_load(&hold->resource, SHIM_RELAXED);
	head = shim_load(&hold->head, SHIM_RELAXED);
	fence = hold_fence(hold, r, head);
	if (fence == 0 && head_effective(head) == LK_S)
		fence = shim_load(&r->fence, SHIM_RELAXED);
	return fence;
}

uint64_t
lk_fence(struct lk_owner *w, lk_grant g)
{
	uint64_t fence = 0;

	if (w == NULL)
		return 0;
	if (release_enter(w) != 0)
		return 0;
	fence = fence_of(call_holder(w), g);
	call_end(w);
	return fence;
}

/* The table of guards, made when it is first wanted; NULL: no memory. */
static struct table *
guards_of(struct lk_manager *m)
{
	struct table *t = shim_load(&m->guards, SHIM_ACQUIRE);

	if (t != NULL)
		return t;
	latch_lock(&m->guards_latch);
	t = shim_load(&m->guards, SHIM_ACQUIRE);
	if (t == NULL) {
		t = table_create(&m->env);
		shim_store(&m->guards, (void *)t, SHIM_RELEASE);
	}
	latch_unlock(&m->guards_latch);
	return t;
}

int
lk_fence_pass(struct lk_manager *m, const void *name, size_t len, uint64_t fence)
{
	struct table *t;

	if (m == NULL || name == NULL)
		return LK_E_INVAL;
	if (len == 0 || len > LK_NAME_MAX)
		return LK_E_NAME;
	if (manager_gate(m) == LK_E_FORKED)
		return LK_E_FORKED;
	t = guards_of(m);
	if (t == NULL)
		return LK_E_NOMEM;
	switch (table_raise(t, name, len, hash_bytes(name, len, m->index.seed), fence)) {
	case TABLE_RAISED:
		return 0;
	case TABLE_BELOW:
		return LK_E_STALE;
	case TABLE_NOMEM:
		break;
	}
	return LK_E_NOMEM;
}
