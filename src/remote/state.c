/* SPDX-License-Identifier: MIT */
#include "remote/state.h"
#include "remote/accord.h"
#include "remote/inside.h"

/* With the latch. */
static void
count_cover(const struct cover *c, struct remote_state *out)
{
	out->covers++;
	if (c->is_busy)
		return; /* what else there is is changing (CO1) */
	out->owing += c->owes;
	out->lost += c->is_lost || c->state == COVER_LOST;
}

void
remote_state(struct remote *m, struct remote_state *out)
{
	const uint64_t deadline_ns = shim_load(&m->deadline_ns, SHIM_ACQUIRE);
	const uint64_t now = env_boottime(m->p.env);

	*out = (struct remote_state){ .ttl_ns = m->p.ttl_ns, .hints = m->hints };
	latch_lock(&m->latch);
	out->session = m->session;
	out->has_session = m->has_session;
	out->left_ns = deadline_ns == SHIM_NEVER ? SHIM_NEVER
		       : deadline_ns > now       ? deadline_ns - now
						 : 0;
	for (uint32_t i = 0; i < CHAINS; i++) {
		struct cds_list_head *node;

		cds_list_for_each(node, &m->chain[i])
			count_cover(container_of(node, struct cover, node), out);
	}
	latch_unlock(&m->latch);
}

void
remote_parts_of(struct remote *m, struct upkeep_parts *out)
{
	*out = (struct upkeep_parts){
		.env = m->p.env,
		.store = m->store,
		.settings = m->p.settings,
	};
	latch_lock(&m->latch);
	if (m->has_session)
		out->me = m->session;
	latch_unlock(&m->latch);
}

/* The entry of a name, pinned; NULL: it is not here. */
static struct lk_resource *
find(struct remote *m, const void *name, size_t len, bool is_id)
{
	struct index *x = m->p.index;
	struct name n;
	uint64_t id;

	if (!is_id)
		return name_set(&n, name, len, 0, x->seed) ? index_pin(x, &n) : NULL;
	memcpy(&id, name, sizeof(id));
	name_set_id(&n, &id, x->seed);
	return index_pin(x, &n);
}

/* What the cover of `r` has, once nobody works on it; what it was while somebody did is not known (CO1). */
static lk_mode
has_at_rest(struct remote *m, const struct lk_resource *r, uint64_t *fence)
{
	for (;;) {
		struct need n = { .want = LK_NL };
		lk_mode has = LK_NL;
		struct cover *c;
		bool is_busy;

		shim_init(&n.word, (uint32_t)NEED_OPEN);
		latch_lock(&m->latch);
		c = cover_find(m, r);
		is_busy = c != NULL && c->is_busy;
		if (is_busy) {
			n.next = c->rests;
			c->rests = &n;
		} else if (c != NULL) {
			has = c->has;
			*fence = c->fence_end;
		}
		latch_unlock(&m->latch);
		if (!is_busy)
			return has;
		(void)need_wait(m, &n);
	}
}

lk_mode
remote_has(struct remote *m, const void *name, size_t len, bool is_id, uint64_t *fence)
{
	struct lk_resource *r = find(m, name, len, is_id);
	lk_mode has;

	*fence = 0;
	if (r == NULL)
		return LK_NL;
	has = has_at_rest(m, r, fence);
	if (*fence < shim_load(&r->fence, SHIM_RELAXED))
		*fence = shim_load(&r->fence, SHIM_RELAXED);
	resource_unpin(r);
	return has;
}

void
remote_look(struct remote *m, const void *name, size_t len, bool is_id)
{
	struct lk_resource *r = find(m, name, len, is_id);
	struct cover *c;

	if (r == NULL)
		return;
	latch_lock(&m->latch);
	c = cover_find(m, r);
	if (c != NULL)
		timer_set(m->p.timers, &c->timer, 0);
	latch_unlock(&m->latch);
	resource_unpin(r);
}

size_t
remote_pin_all(struct remote *m, struct lk_resource **out, size_t room)
{
	size_t n = 0;

	latch_lock(&m->latch);
	for (uint32_t i = 0; i < CHAINS; i++) {
		struct cds_list_head *node;

		cds_list_for_each(node, &m->chain[i])
		{
			if (n == room)
				break;
			out[n] = container_of(node, struct cover, node)->r;
			resource_pin(out[n++]); /* its cover has it pinned (CO4) */
		}
	}
	latch_unlock(&m->latch);
	return n;
}

void
remote_rejoin(struct remote *m)
{
	struct remote_state is;

	remote_state(m, &is);
	if (is.has_session)
		accord_stay(m, &is.session);
}
