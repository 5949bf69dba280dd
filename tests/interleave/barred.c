/* SPDX-License-Identifier: MIT */
/*
 * The breaker (BK1-BK5), in front of a store that answers as the step says: `asks` it does, `asks_bad` it fails.  Between the
 * question and the answer others may go on.  What each change of a circuit comes from is looked at whenever the breaker's
 * latch is taken and opened.
 */
#include "remote/breaker.h"
#include "play.h"

enum { RESET_NS = 5000000 };

static struct barring *
barring(void)
{
	return &play.barred;
}

static unsigned
me(void)
{
	return sched_in_fiber() ? (unsigned)(world.current - world.fiber) : FIBERS_MAX;
}

static unsigned
count(const struct cds_list_head *list)
{
	unsigned n = 0;

	for (const struct cds_list_head *at = list->next; at != list; at = at->next)
		n++;
	return n;
}

static struct barring_sight
look(const struct breaker *b)
{
	return (struct barring_sight){
		.is_open = b->all.is_open,
		.failures = b->all.failures,
		.due_ns = b->all.due_ns,
		.n_open = count(&b->open),
	};
}

/* A call was let in, or refused. */
static void
entered(struct barring *g, const struct breaker *b)
{
	g->came_in[me()] = b->all.is_open ? g->openings : 0;
}

/* A call has told what became of it.  (BK1-BK3) */
static void
left(struct barring *g, const struct breaker *b)
{
	const struct barring_sight *was = &g->before;
	const bool probed = g->came_in[me()] != 0 && g->came_in[me()] == g->openings;
	const struct barring_sight is = look(b);

	if (was->is_open && !probed &&
	    (!is.is_open || is.due_ns != was->due_ns || is.failures != was->failures))
		fail("%s was on its way when it opened, and counts (BK2)",
		     play_script->fiber[me()]);
	if (was->is_open && probed && is.is_open == g->is_good[me()])
		fail("the probe of %s came to nothing (BK2)", play_script->fiber[me()]);
	if (is.is_open && is.n_open > was->n_open)
		fail("a name opened while the store is open (BK3)");
}

/* Whenever the latch of the breaker is taken or opened, by a fiber. */
void
barred_written(uintptr_t at, uint64_t is)
{
	struct barring *g = barring();
	const struct breaker *b = g->b;

	if (b == NULL || at != (uintptr_t)&b->latch.word)
		return;
	if (is != LATCH_FREE) {
		g->before = look(b);
		g->holder = me() + 1;
		return;
	}
	g->holder = 0;
	g->openings += !g->before.is_open && b->all.is_open;
	if (g->phase[me()] == PHASE_ENTERS)
		entered(g, b);
	else if (g->phase[me()] == PHASE_LEAVES)
		left(g, b);
	if (b->n_names > b->limits.max_entries ||
	    b->n_names != count(&b->open) + count(&b->counting))
		fail("%u names in the breaker, at most %u (BK4)", (unsigned)b->n_names,
		     (unsigned)b->limits.max_entries);
}

/* --------------------------------------------------------------- the store behind it */

static int
answer(struct lk_store *s, struct lk_store_record *r, size_t n, lk_store_change_fn *fn, void *arg,
       uint64_t deadline_ns)
{
	struct barring *g = barring();
	const unsigned fiber = me();

	(void)s;
	(void)r;
	(void)n;
	(void)fn;
	(void)arg;
	(void)deadline_ns;
	g->phase[fiber] = PHASE_INSIDE;
	if (g->holder == fiber + 1)
		fail("the store is asked with the breaker latched (BK5)");
	for (unsigned i = 0; i < FIBERS_MAX && g->came_in[fiber] != 0; i++) {
		if (i != fiber && g->phase[i] == PHASE_INSIDE && g->came_in[i] == g->openings)
			fail("two probes are in the store (BK1)");
	}
	(void)shim_add(&g->inside->word, 1, SHIM_ACQ_REL);
	(void)shim_sub(&g->inside->word, 1, SHIM_ACQ_REL);
	g->phase[fiber] = PHASE_LEAVES;
	return g->is_good[fiber] ? 0 : LK_E_STORE;
}

static void
leave_store(struct lk_store *s)
{
	(void)s;
}

static int
open_breaker(const struct step *t)
{
	static const struct lk_store_ops ops = { .close = leave_store, .update = answer };
	static struct lk_store store = { &ops, NULL };
	const struct breaker_limits limits = { .threshold = (uint64_t)t->within_ns,
					       .reset_ns = RESET_NS,
					       .max_entries = t->units };
	struct barring *g = barring();

	g->inside = env_zalloc(&play.m->env, sizeof(*g->inside), LK_LINE);
	if (g->inside == NULL)
		return LK_E_NOMEM;
	g->b = breaker_open(&play.m->env, &store, "test:", &limits);
	return g->b != NULL ? 0 : LK_E_NOMEM;
}

static int
ask(const struct step *t)
{
	struct barring *g = barring();
	char name[WORD_MAX + 1] = "n";
	struct lk_store_record r = { .name = name };
	int rc;

	strncat(name, play_script->name[t->name[0]], WORD_MAX - 1);
	r.len = strlen(name);
	g->is_good[me()] = t->verb == VERB_ASKS;
	g->phase[me()] = PHASE_ENTERS;
	rc = g->b->store.ops->update(&g->b->store, &r, 1, NULL, NULL, SHIM_NEVER);
	g->phase[me()] = PHASE_NONE;
	if (!sched_in_fiber())
		g->openings = g->b->all.is_open; /* of a setup nothing else is seen */
	return rc;
}

bool
barred_step(const struct step *t, int *rc)
{
	switch (t->verb) {
	case VERB_BREAKER:
		*rc = open_breaker(t);
		return true;
	case VERB_ASKS:
	case VERB_ASKS_BAD:
		*rc = ask(t);
		return true;
	case VERB_RESETS:
		breaker_reset(barring()->b, NULL, 0);
		*rc = 0;
		return true;
	default:
		return false;
	}
}

/* At the end of a script nobody asks any more, so no probe is under way. */
void
barred_close(void)
{
	struct barring *g = barring();

	if (g->b == NULL)
		return;
	if (g->b->all.is_probed)
		fail("a probe of the store was never told of (BK2)");
	g->b->store.ops->close(&g->b->store);
	g->b = NULL;
	env_free(&play.m->env, g->inside, sizeof(*g->inside));
}
