/* SPDX-License-Identifier: MIT */
/* The numbers of a cover; and those of names that an owner has by what it holds above.  (FE2-FE4) */
#include "remote/fences.h"
#include "remote/inside.h"
#include "remote/values.h"

#define FENCES_FEW (UINT64_C(1) << 31)

/*
 * Half of the numbers are used up: more, before they are.  That takes ten seconds or more, so who looks that often is in
 * time.  Nobody else gets numbers as long as we write, so they go on where ours end.
 */
void
fences_refill(struct cover *c)
{
	struct answer a;

	if (!mode_writes(c->has) || c->fence_end == 0 ||
	    c->fence_end - shim_load(&c->r->fence, SHIM_RELAXED) > FENCES_FEW)
		return;
	a = ask_fences(c->of, c->r);
	latch_lock(&c->of->latch); /* (FE2) */
	if (a.kind == ANSWER_HAS && a.fence_from == c->fence_end)
		c->fence_end = a.fence_end;
	latch_unlock(&c->of->latch);
}

/* False: there are none here that could be taken. */
static bool
take(struct remote *m, struct lk_resource *r, uint64_t *fence)
{
	uint64_t last = 0;
	const struct cover *c;
	bool has = false;

	latch_lock(&m->latch);
	c = value_cover(m, r, LK_U);
	if (c != NULL) { /* (FE2) */
		last = shim_load(&r->fence, SHIM_RELAXED);
		has = last < c->fence_end &&
		      shim_cas(&r->fence, &last, last + 1, SHIM_ACQ_REL); /* (FE3) */
	}
	latch_unlock(&m->latch);
	*fence = last + 1;
	return has;
}

/* Somebody took it away.  Whoever works on its cover finds that out, and says so. */
static void
look_soon(struct remote *m, const struct lk_resource *r)
{
	struct cover *c;

	latch_lock(&m->latch);
	c = cover_find(m, r);
	if (c != NULL)
		timer_set(m->p.timers, &c->timer, 0);
	latch_unlock(&m->latch);
}

/* (FE4) */
static int
look_above(struct remote *m, const struct lk_resource *top)
{
	lk_mode mode = LK_X;

	for (const struct lk_resource *r = top; r != NULL; r = resource_parent(r)) {
		const struct answer a = ask_look(m, r, false);

		if (a.kind == ANSWER_FAILED)
			return a.rc;
		if (!mode_covers(a.has, mode)) {
			look_soon(m, r);
			return LK_E_LOST;
		}
		mode = LK_IX;
	}
	return 0;
}

int
remote_fence(struct remote *m, struct lk_resource *r, const struct lk_resource *top,
	     uint64_t *fence)
{
	int rc = 0;

	while (rc == 0 && !take(m, r, fence))
		rc = value_borrow(m, r, LK_U);
	return rc == 0 ? look_above(m, top) : rc;
}
