/* SPDX-License-Identifier: MIT */
/*
 * Families (FA1-FA5): owners that are one by the book, what children keep of their grants, and requests with a thread
 * that sleeps for them (U7).
 */
#include "core/family.h"
#include "core/settle.h"
#include "play.h"

/* Who has what an owner holds, without a step. */
struct lk_owner *
family_holder(struct lk_owner *w)
{
	return w != NULL && w->head.v != NULL ? w->head.v : w;
}

static bool
is_member(unsigned fiber)
{
	return play.owner[fiber] != NULL && play.owner[fiber]->head.v != NULL;
}

bool
family_is_one(unsigned a, unsigned b)
{
	if (a == b)
		return true;
	return play.family[a] != 0 && play.family[a] == play.family[b];
}

/* The fiber that has the head of this one's family; itself, if it is in none. */
static unsigned
head_of(unsigned fiber)
{
	return play.family[fiber] != 0 ? play.family[fiber] - 1 : fiber;
}

/* In the place of the owner that it has: a child of another one's. */
static int
open_child(const struct step *t)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	const unsigned parent = t->name[0];
	int rc;

	o.label = play_script->fiber[t->fiber];
	o.priority = t->priority;
	o.parent = play.owner[parent];
	if (play.owner[t->fiber] != NULL) {
		rc = lk_owner_close(play.owner[t->fiber]);
		play.owner[t->fiber] = NULL;
		if (rc != 0)
			return rc;
	}
	rc = lk_owner_open(play.m, &o, &play.owner[t->fiber]);
	if (rc != 0)
		return rc;
	play.async.is_open[t->fiber] = true;
	play.parent[t->fiber] = parent;
	play.family[parent] = head_of(parent) + 1;
	play.family[t->fiber] = head_of(parent) + 1;
	return 0;
}

static bool
is_granted(struct lk_owner *w, lk_grant g)
{
	uint32_t slot;
	bool is;

	world.quiet = true;
	is = grant_find(family_holder(w), g, &slot) != NULL;
	world.quiet = false;
	return is;
}

/* What is the parent's now; unless that gives up all it has at this moment. */
static void
write_down(const struct step *t, const struct entry_of_book *was)
{
	const unsigned parent = play.parent[t->fiber];
	const lk_grant g = play.grant[t->fiber][was->label];
	struct entry_of_book *e;

	play.grant[parent][was->label] = g;
	if (play.async.gives_all[parent] != 0 || !is_granted(play.owner[parent], g))
		return;
	e = book_add(parent, was->label, was->name, was->mode, was->flags);
	e->ends_at = was->ends_at;
	e->is_implied = was->is_implied;
	book_check(e);
}

/* Nobody knows of it during the call: the parent may have it, and give it back. */
static int
pass(const struct step *t)
{
	struct entry_of_book was[BOOK_MAX];
	unsigned n = 0;
	int rc;

	for (unsigned i = 0; i < BOOK_MAX; i++) {
		if (play.book[i].held && play.book[i].fiber == t->fiber)
			was[n++] = play.book[i];
	}
	book_remove_all(t->fiber);
	rc = lk_owner_pass(play.owner[t->fiber]);
	for (unsigned i = 0; rc == 0 && i < n; i++)
		write_down(t, &was[i]);
	return rc;
}

bool
family_step(const struct step *t, int *rc)
{
	if (t->verb != VERB_CHILD && t->verb != VERB_PASSES)
		return false;
	*rc = t->verb == VERB_CHILD ? open_child(t) : pass(t);
	return true;
}

/* Children before their parents. */
void
family_close_all(void)
{
	bool closed;

	do {
		closed = false;
		for (unsigned i = 0; i < play_script->n_fibers; i++) {
			if (!is_member(i) || lk_owner_close(play.owner[i]) != 0)
				continue;
			play.owner[i] = NULL;
			closed = true;
		}
	} while (closed);
}

/* ------------------------------------------------ when nobody can go on by himself */

/* What a child has is held, and its own; `head`: whose slots those are.  Returns how much.  (FA2) */
static unsigned
check_list(struct lk_owner *head, struct lk_owner *child)
{
	struct cds_list_head *node;
	unsigned n = 0;

	cds_list_for_each(node, &child->grants)
	{
		const struct extra *e = container_of(node, struct extra, node);
		const struct hold *s;
		uint32_t slot;

		if ((e->flags & EXTRA_MEMBER) == 0 || e->member != child)
			fail("what is in a child's list is not a grant of its (FA2)");
		s = grant_find(head, family_grant(head, e), &slot);
		if (s == NULL || hold_extra(s) != e)
			fail("a child has a grant that is not held (FA2)");
		n++;
	}
	return n;
}

struct census {
	struct lk_owner *head;
	unsigned listed;
	unsigned children;
};

static void
count_member(struct lk_owner *w, void *arg)
{
	struct census *c = arg;

	if (w->state.v == OWNER_FREE || w->parent == NULL || family_holder(w) != c->head)
		return;
	c->listed += check_list(c->head, w);
	c->children += w->parent == c->head;
}

static void
check_head(struct lk_owner *w)
{
	struct census c = { .head = w };
	unsigned marked = 0;

	manager_each_owner(play.m, count_member, &c);
	for (uint32_t i = 0; i < w->holds.n_slots.v; i++) {
		const struct hold *s = hold_at(&w->holds, i);

		marked +=
			s->head.v != 0 && (s->head.v & HEAD_GONE) == 0 && family_member(w, s) != w;
	}
	if (marked != c.listed)
		fail("children have %u grants, and their lists %u (FA2)", marked, c.listed);
	if (c.children != w->n_children)
		fail("a head has %u children, and counts %u (FA5)", c.children, w->n_children);
	if (w->is_away || w->waits_as != NULL || w->waits_for_all != NULL || w->watches != NULL)
		fail("a call of a family is away (FA3, FA4)");
	if (w->acts_for != NULL || w->is_latched)
		fail("a call of a family has the latch, and everybody sleeps (FA1)");
}

void
family_check(struct lk_owner *w)
{
	if (w->head.v == w)
		check_head(w);
	else if (w->head.v != NULL && holds_n(&w->holds) != 0)
		fail("a child holds something by itself (FA1)");
}

/* Until when the thread of a member sleeps; NULL: it does not. */
static const struct fiber *
sleeper_of(const struct lk_owner *w)
{
	for (unsigned i = 0; i < world.n_fibers; i++) {
		const struct fiber *f = &world.fiber[i];

		if (f->state == FIBER_ASLEEP && f->futex == (uintptr_t)&w->party.parker.word)
			return f;
	}
	return NULL;
}

/* A request for which a thread sleeps: as long as there is nothing to do for it.  (U7) */
void
family_check_request(const struct pending *s)
{
	const struct fiber *f = sleeper_of(s->sleeper.v);
	uint64_t due = s->deadline_ns;

	if (f == NULL)
		fail("a request has a thread, and that does not sleep for it (U7)");
	if (s->phase == PENDING_DONE)
		fail("a request is done, and its thread sleeps (U7)");
	if (pending_has_ended(s))
		fail("a request has ended, and its thread sleeps (U7)");
	if (s->timer.is_set)
		fail("a request has a thread, and a timer is set for it (U7)");
	if (s->is_joined && s->watch_at < due)
		due = s->watch_at;
	if (s->is_joined && s->fair_at < due && s->fair_at > world.now)
		due = s->fair_at;
	if (f->deadline > due)
		fail("the thread of a request sleeps longer than until there is something to do "
		     "(U7)");
}
