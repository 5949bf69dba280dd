/* SPDX-License-Identifier: MIT */
/* What of an owner's counters is of this opening.  (O4, O6) */
#include "../api/support.h"

#include "core/manager.h"
#include "core/request.h"

static struct lk_stats
stats_of_owner(struct lk_owner *w)
{
	struct lk_stats stats = { .size = sizeof(stats) };

	ok(lk_owner_stats(w, &stats));
	return stats;
}

/* In the same memory. */
static void
open_again(struct lk_manager *m, struct lk_owner *w)
{
	struct lk_owner *next;

	ok(lk_owner_close(w));
	ok(lk_owner_open(m, NULL, &next));
	cr_assert_eq(next, w);
}

/* Names that were made and dropped are counted in its part of the index. */
static bool
is_for_owners(const struct lk_owner *w, const a64 *counter)
{
	return counter != &w->count.created && counter != &w->count.evicted;
}

/* Each of them alone: then no other one has it noted. */
Test(owner_counters, are_noted_at_the_next_opening)
{
	struct lk_manager *m = open_manager("memory:");
	struct lk_owner *w;

	open_owners(m, &w, 1);
#define COUNT(name, text)                       \
	if (is_for_owners(w, &w->count.name))   \
		owner_tally(w, &w->count.name); \
	open_again(m, w);                       \
	cr_expect_eq(stats_of_owner(w).name, 0, #name);
	LK_COUNTER_LIST(COUNT)
#undef COUNT
	close_all(m, &w, 1);
}

/* Others count for it, in what they were given for that. */
Test(owner_counters, that_others_count_on_are_noted_too)
{
	struct lk_manager *m = open_manager("memory:");
	struct lk_owner *w;

	open_owners(m, &w, 1);
	tally(owner_line_tally(w).handovers);
	cr_expect_eq(stats_of_owner(w).handovers, 1);
	open_again(m, w);
	cr_expect_eq(stats_of_owner(w).handovers, 0);
	tally(owner_parks(w));
	cr_expect_eq(stats_of_owner(w).parks, 1);
	open_again(m, w);
	cr_expect_eq(stats_of_owner(w).parks, 0);
	close_all(m, &w, 1);
}

/* Who was opened for nothing has counted nothing, and has nothing to note. */
Test(owner_counters, need_no_note_if_nothing_was_counted)
{
	struct lk_manager *m = open_manager("memory:?sample_every=off");
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (unsigned i = 0; i < 10; i++) {
		ok(lk_release(w, take(w, "n", LK_X)));
		ok(lk_release(w, take(w, "d/r", LK_X)));
		cr_expect_eq(shim_load(&w->counted, SHIM_RELAXED), 0);
		cr_expect_eq(stats_of_owner(w).grants, 2);
		cr_expect_eq(stats_of_owner(w).intents, 1);
		open_again(m, w);
	}
	close_all(m, &w, 1);
}
