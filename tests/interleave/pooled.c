/* SPDX-License-Identifier: MIT */
/*
 * Pools of owners (PO1-PO5): no owner is out twice, nobody waits beside one that can be had, and who waits is not
 * overtaken.  A fiber that has taken an owner works with that one, until it gives it back.
 */
#include "core/pool.h"
#include "play.h"

int
pooled_open(uint32_t max)
{
	struct lk_pool_options o = LK_POOL_OPTIONS_INIT;

	o.max = max;
	return lk_pool_open(play.m, &o, &play.pooled.pool);
}

/* Nobody else has it.  (PO1) */
static void
check_taken(unsigned fiber, const struct lk_owner *w)
{
	for (unsigned i = 0; i < FIBERS_MAX; i++) {
		if (i != fiber && play.pooled.own[i] != NULL && play.owner[i] == w)
			fail("%s and %s have taken the same owner (PO1)", play_script->fiber[i],
			     play_script->fiber[fiber]);
	}
	if (w->state.v != OWNER_POOLED || w->pool.v != play.pooled.pool)
		fail("%s has taken an owner that is not out (PO1)", play_script->fiber[fiber]);
	if (w->holds.few.v != FEW_ALL || w->gate == &w->turnstile)
		fail("%s has taken an owner that has something of another's",
		     play_script->fiber[fiber]);
}

static int
take(const struct step *t)
{
	struct lk_options o = play_options(t);
	struct lk_owner *w = NULL;
	int rc = lk_pool_take(play.pooled.pool, play_has_options(t) ? &o : NULL, &w);

	play.refused[t->fiber] = rc != 0;
	if (rc != 0)
		return rc;
	check_taken(t->fiber, w);
	play.pooled.own[t->fiber] = play.owner[t->fiber];
	play.owner[t->fiber] = w;
	return 0;
}

static int
give(unsigned fiber)
{
	struct lk_owner *w = play.owner[fiber];

	book_remove_all(fiber);
	play.owner[fiber] = play.pooled.own[fiber];
	play.pooled.own[fiber] = NULL;
	return lk_pool_give(play.pooled.pool, w);
}

bool
pooled_step(const struct step *t, int *rc)
{
	switch (t->verb) {
	case VERB_POOL_OPEN:
		*rc = pooled_open((uint32_t)t->within_ns);
		return true;
	case VERB_POOL_CLOSE:
		*rc = lk_pool_close(play.pooled.pool);
		return true;
	case VERB_TAKE:
		*rc = take(t);
		return true;
	case VERB_GIVE:
		*rc = give(t->fiber);
		return true;
	case VERB_GIVE_AGAIN: /* what the fiber named has out */
		*rc = lk_pool_give(play.pooled.pool, play.pooled.out);
		return true;
	case VERB_NOTE_OWNER:
		play.pooled.out = play.owner[t->fiber];
		return true;
	default:
		return false;
	}
}

/* Whenever the latch of a pool is opened.  (PO2) */
void
pooled_written(uintptr_t at, uint64_t is)
{
	const struct lk_pool *p = play.pooled.pool;
	unsigned idle = 0;
	unsigned waiting = 0;

	if (p == NULL || at != (uintptr_t)&p->latch.word || is != LATCH_FREE)
		return;
	for (const struct lk_owner *w = p->idle; w != NULL && idle <= p->max; w = w->pooled)
		idle++;
	for (const struct cds_list_head *n = p->line.next; n != &p->line; n = n->next)
		waiting++;
	if (p->is_open && (idle != p->n_idle || p->n_idle > p->n_open || p->n_open > p->max))
		fail("a pool of %u has %u owners, %u idle, and says %u", p->max, p->n_open, idle,
		     p->n_idle);
	if (waiting != p->n_waiting)
		fail("%u wait for an owner, and the pool says %u", waiting, p->n_waiting);
	if (waiting != 0 && p->is_open && idle != 0)
		fail("somebody waits, and an owner is idle (PO2)");
}

/* Nobody can go on by himself.  (PO2, PO5) */
void
pooled_check(void)
{
	const struct lk_pool *p = play.pooled.pool;

	if (p == NULL || p->n_waiting == 0)
		return;
	if (p->n_open < p->max)
		fail("somebody waits, and there may be more owners (PO2)");
	if (p->is_closing || play.m->member.gate.v != 0)
		fail("somebody waits for an owner of a pool that takes nobody (PO5)");
}

void
pooled_close(void)
{
	bool is_open;

	if (play.pooled.pool == NULL)
		return;
	for (unsigned i = 0; i < play_script->n_fibers; i++) {
		if (play.pooled.own[i] != NULL && give(i) != 0)
			fail("the owner of %s was not taken back", play_script->fiber[i]);
	}
	is_open = play.pooled.pool->is_open;
	if (lk_pool_close(play.pooled.pool) != (is_open ? 0 : LK_E_STALE))
		fail("the pool was not closed");
}
