/* SPDX-License-Identifier: MIT */
/* Fencing tokens, and the guard that checks them. */
#include "core/fence.h"
#include "core/call.h"
#include "core/family.h"
#include "core/leases.h"
#include "core/release.h"
#include "remote/fences.h"

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

/* The hold of a grant, if its fence is to be fetched, and the name whose hold implies it; or NULL.  (FE1) */
static struct hold *
find_owing(struct lk_owner *w, lk_grant g, const struct lk_resource **top)
{
	uint32_t slot;
	struct hold *s = unlikely(family_is_others(w, g)) ? NULL : grant_find(w, g, &slot);

	if (s == NULL)
		return NULL;
	s = grant_hold(w, s);
	if (!hold_is(s, HEAD_IMPLIED) || !mode_writes(hold_effective(s)) ||
	    shim_load(&s->fence, SHIM_RELAXED) != 0)
		return NULL;
	*top = hold_resource(hold_at(&w->holds, hold_extra(s)->cover));
	return s;
}

int
fence_fetch(struct lk_owner *w, lk_grant g)
{
	const struct lk_resource *top;
	const struct lk_resource *still;
	struct hold *s = w->manager->remote != NULL ? find_owing(w, g, &top) : NULL;
	struct lk_resource *r;
	struct lk_owner *who;
	uint64_t fence;
	int rc;

	if (s == NULL)
		return 0;
	r = hold_resource(s);
	resource_pin(r); /* and all above it: of a family others may give it back meanwhile */
	who = call_away(w);
	rc = remote_fence(w->manager->remote, r, top, &fence);
	call_back(w, who);
	s = find_owing(w, g, &still);
	if (rc == 0 && s != NULL) { /* (FE5) */
		if (still == top)
			shim_store(&s->fence, fence, SHIM_RELEASE);
		else
			rc = LK_E_BUSY;
	}
	resource_unpin(r);
	return rc != 0 ? rc : leases_look(w, g);
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
	if (unlikely(fence == 0)) {
		(void)fence_fetch(call_holder(w), g);
		fence = fence_of(call_holder(w), g);
	}
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
