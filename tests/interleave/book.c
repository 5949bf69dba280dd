/* SPDX-License-Identifier: MIT */
/*
 * The book: which grants there are, by what the calls returned.  It knows the modes by a matrix of its
 * own, so that it cannot share a mistake with the library.
 */
#include "play.h"

/* May these be held side by side?  (Gray et al. 1976; U as in System R) */
static const bool together[LK_X + 1][LK_X + 1] = {
	/*           NL IS IX  S SIX U  X */
	[LK_NL] = { 1, 1, 1, 1, 1, 1, 1 },  [LK_IS] = { 1, 1, 1, 1, 1, 1, 0 },
	[LK_IX] = { 1, 1, 1, 0, 0, 0, 0 },  [LK_S] = { 1, 1, 0, 1, 0, 1, 0 },
	[LK_SIX] = { 1, 1, 0, 0, 0, 0, 0 }, [LK_U] = { 1, 1, 0, 1, 0, 0, 0 },
	[LK_X] = { 1, 0, 0, 0, 0, 0, 0 },
};

/* Is a hold in the column's mode no more than one in the row's? */
static const bool covers[LK_X + 1][LK_X + 1] = {
	[LK_NL] = { 1, 0, 0, 0, 0, 0, 0 },  [LK_IS] = { 1, 1, 0, 0, 0, 0, 0 },
	[LK_IX] = { 1, 1, 1, 0, 0, 0, 0 },  [LK_S] = { 1, 1, 0, 1, 0, 0, 0 },
	[LK_SIX] = { 1, 1, 1, 1, 1, 1, 0 }, [LK_U] = { 1, 1, 0, 1, 0, 1, 0 },
	[LK_X] = { 1, 1, 1, 1, 1, 1, 1 },
};

bool
book_conflict(lk_mode a, lk_mode b)
{
	return !together[a][b];
}

/* The least that is both. */
static lk_mode
supremum(lk_mode a, lk_mode b)
{
	static const lk_mode by_strength[] = { LK_NL, LK_IS, LK_IX, LK_S, LK_U, LK_SIX };

	for (unsigned i = 0; i < sizeof(by_strength) / sizeof(by_strength[0]); i++) {
		if (covers[by_strength[i]][a] && covers[by_strength[i]][b])
			return by_strength[i];
	}
	return LK_X;
}

bool
book_covers(lk_mode a, lk_mode b)
{
	return covers[a][b];
}

static bool
writes(lk_mode m)
{
	return m == LK_U || m == LK_SIX || m == LK_X;
}

static bool
is_below(const char *name, const char *above)
{
	size_t n = strlen(above);

	return play.m->index.separator != 0 && strncmp(name, above, n) == 0 &&
	       (unsigned char)name[n] == play.m->index.separator && name[n + 1] != '\0';
}

/* What a grant says on the name of another one that is above it, or the same. */
static lk_mode
seen_from(const struct entry_of_book *e, const struct entry_of_book *at)
{
	if (e->name == at->name)
		return e->mode;
	if (!is_below(play_script->name[e->name], play_script->name[at->name]))
		return LK_NL;
	if ((e->flags & LK_PARENTS) != 0)
		return e->mode;
	return e->mode == LK_S || e->mode == LK_IS ? LK_IS : LK_IX;
}

lk_mode
book_seen(const struct entry_of_book *e, unsigned name)
{
	const struct entry_of_book at = { .name = name };

	return seen_from(e, &at);
}

bool
book_is_of(const struct entry_of_book *e, unsigned process)
{
	return e->held && !e->is_detached && !e->is_visitors &&
	       play_script->process_of[e->fiber] == process;
}

lk_mode
book_held(unsigned fiber, unsigned name)
{
	lk_mode all = LK_NL;

	for (unsigned i = 0; i < BOOK_MAX; i++) {
		const struct entry_of_book *e = &play.book[i];

		if (book_is_of(e, play_script->process_of[fiber]) && e->fiber == fiber &&
		    !e->is_implied && !e->is_doubtful && !leased_is_over(e))
			all = supremum(all, book_seen(e, name));
	}
	return all;
}

static void
check_pair(const struct entry_of_book *a, const struct entry_of_book *b)
{
	const struct script *s = play_script;

	if (!b->held || a == b ||
	    (!a->is_detached && !b->is_detached &&
	     (family_is_one(a->fiber, b->fiber) || handed_together(a, b))) ||
	    leased_is_free(a) || leased_is_free(b) ||
	    (together[seen_from(a, b)][b->mode] && together[seen_from(b, a)][a->mode]))
		return;
	fail("two at once: %s has %s in %s, %s has %s in %s", s->fiber[a->fiber], s->name[a->name],
	     lk_modename(a->mode), s->fiber[b->fiber], s->name[b->name], lk_modename(b->mode));
}

void
book_check(const struct entry_of_book *e)
{
	for (unsigned i = 0; i < BOOK_MAX; i++)
		check_pair(e, &play.book[i]);
	units_check_book(e);
}

struct entry_of_book *
book_add(unsigned fiber, unsigned label, unsigned name, lk_mode mode, uint32_t flags)
{
	for (unsigned i = 0; i < BOOK_MAX; i++) {
		struct entry_of_book *e = &play.book[i];

		if (e->held)
			continue;
		*e = (struct entry_of_book){
			.held = true,
			.serial = ++play.serials,
			.fiber = fiber,
			.label = label,
			.name = name,
			.mode = mode,
			.flags = flags,
			.ends_at = NEVER,
		};
		return e;
	}
	fail("more grants than the tester's book has lines");
}

struct entry_of_book *
book_find(unsigned fiber, unsigned label)
{
	for (unsigned i = 0; i < BOOK_MAX; i++) {
		struct entry_of_book *e = &play.book[i];

		if (e->held && e->fiber == fiber && e->label == label)
			return e;
	}
	return NULL;
}

void
book_change(struct entry_of_book *e, lk_mode mode)
{
	e->mode = mode;
	book_check(e);
}

void
book_remove(unsigned fiber, unsigned label)
{
	struct entry_of_book *e = book_find(fiber, label);

	if (e != NULL)
		e->held = false;
}

void
book_remove_all(unsigned fiber)
{
	for (unsigned i = 0; i < BOOK_MAX; i++) {
		if (play.book[i].fiber == fiber || play.book[i].also == fiber + 1)
			play.book[i].held = false;
	}
}

/* What may be relied on from before the call to its end: the weaker, or the least there is. */
lk_mode
book_meanwhile(lk_mode from, lk_mode to)
{
	if (covers[to][from])
		return from;
	return covers[from][to] ? to : LK_IS;
}

lk_mode
book_writes(unsigned fiber, unsigned name)
{
	lk_mode most = LK_NL;

	for (unsigned i = 0; i < BOOK_MAX; i++) {
		const struct entry_of_book *e = &play.book[i];

		if (e->held && family_is_one(e->fiber, fiber) && !e->is_detached &&
		    e->name == name && writes(e->mode))
			most = e->mode;
	}
	return most;
}

void
book_check_fence(unsigned fiber, unsigned name, lk_mode before, lk_mode now, uint64_t fence)
{
	if (!writes(now) || before != LK_NL)
		return;
	/* what is given back before its completion is seen may have been seen by itself */
	/* … and what one member had, another may have had as well */
	if (fence < play.fence[name] ||
	    (fence == play.fence[name] && ((play.async.queue == NULL && play.family[fiber] == 0) ||
					   !family_is_one(play.fence_of[name], fiber))))
		fail("the fence of %s is %llx for %s, and %llx was given out before",
		     play_script->name[name], (unsigned long long)fence, play_script->fiber[fiber],
		     (unsigned long long)play.fence[name]);
	play.fence[name] = fence;
	play.fence_of[name] = fiber;
}
