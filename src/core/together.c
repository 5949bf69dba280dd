/* SPDX-License-Identifier: MIT */
/* A batch that has to wait, in its thread: what it needs as one composite, and what it was granted as reserves.  (K7) */
#include "core/levels.h"
#include "core/pending.h"

/* Everything at once, in all the words. */
static int
wait_for_levels(struct batch *b, struct levels *l)
{
	struct composite *c = composite_create(&b->w->manager->lot, &b->w->party, (uint32_t)l->n);
	int rc = 0;

	if (c == NULL)
		return LK_E_NOMEM;
	for (size_t i = 0; i < l->n; i++) {
		if (l->at[i].counted != LK_NL)
			pending_withdraw(b->w, l->at[i].r); /* (U3) */
	}
	(void)levels_weigh(b, l);
	levels_add_parts(b, l, c);
	if (c->n_parts > 0) /* else it was only a latch that was in the way */
		rc = request_wait_for_all(b->w, c, b->q);
	composite_destroy(&b->w->manager->lot, c);
	return rc;
}

/* Room for those of the parts, and for what batch_take() takes on top. */
static struct reserve *
make_room(const struct batch *b, size_t *n, size_t parts)
{
	*n = parts + batch_count_reserves(b);
	return env_alloc(&b->w->manager->env, *n * sizeof(struct reserve), sizeof(void *));
}

/* The levels are there: wait, write down, take. */
static int
take_levels(struct batch *b, struct levels *l)
{
	struct env *env = &b->w->manager->env;
	struct reserve *const before = b->reserve;
	size_t room;
	int rc = LK_E_NOMEM;

	b->reserve = make_room(b, &room, l->n);
	if (b->reserve != NULL) {
		rc = wait_for_levels(b, l);
		if (rc == 0)
			rc = levels_adopt(b, l);
		if (rc == 0) {
			b->q->flags |= LK_TIMED; /* what waited says since when it is held */
			rc = batch_take(b);
		}
		env_free(env, b->reserve, room * sizeof(struct reserve));
	}
	b->reserve = before;
	return rc;
}

int
batch_take_together(struct batch *b)
{
	struct env *env = &b->w->manager->env;
	struct levels l = { .room = levels_count(b) };
	int rc;

	b->taken = 0;
	l.at = env_alloc(env, l.room * sizeof(*l.at), sizeof(void *));
	if (l.at == NULL)
		return LK_E_NOMEM;
	rc = levels_find(b, &l);
	if (rc == 0)
		rc = take_levels(b, &l);
	levels_unpin(&l);
	env_free(env, l.at, l.room * sizeof(*l.at));
	return rc;
}
