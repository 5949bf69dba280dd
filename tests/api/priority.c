/* SPDX-License-Identifier: MIT */
/* Who goes first in a line: the higher priority, then who came first; but nobody is passed for ever. */
#include "support.h"

enum { PASSED_BY_PRIORITY = 16, CROWD = PASSED_BY_PRIORITY + 4 };

static const struct lk_options *
with_priority(struct lk_options *o, int32_t priority)
{
	*o = (struct lk_options){ .size = sizeof(*o), .priority = priority };
	return o;
}

static int
look_for_late(void *position, const struct lk_snapshot_row *row)
{
	if (row->wanted != LK_NL && strcmp(row->owner_label, "late") == 0)
		*(uint32_t *)position = row->position;
	return 0;
}

/* Its place in the only line, from 1; 0: it is not there. */
static uint32_t
place_of_late(struct lk_manager *m)
{
	uint32_t position = 0;

	ok(lk_snapshot(m, look_for_late, &position));
	return position;
}

static struct lk_owner *
open_labelled(struct lk_manager *m, const char *label, int32_t priority)
{
	struct lk_owner_options o = { .size = sizeof(o), .label = label, .priority = priority };
	struct lk_owner *w;

	ok(lk_owner_open(m, &o, &w));
	return w;
}

/* The first of three that was answered and not yet dealt with; 3: none. */
static int
answered(struct asker a[3])
{
	int i = 0;

	while (i < 3 && (a[i].owner == NULL || !is_answered(&a[i])))
		i++;
	return i;
}

/* Three wait, in the order of their numbers; with these priorities the one called "late" stands there. */
static void
expect_place(int32_t first, int32_t second, int32_t late, int32_t of_owner, uint32_t position)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_options o[3];
	struct lk_owner *w[4];
	struct asker a[3];

	open_owners(m, w, 3);
	w[3] = open_labelled(m, "late", of_owner);
	take(w[0], "n", LK_X);
	ask_with(m, &a[0], w[1], "n", LK_X, with_priority(&o[0], first));
	ask_with(m, &a[1], w[2], "n", LK_X, with_priority(&o[1], second));
	ask_with(m, &a[2], w[3], "n", LK_X, with_priority(&o[2], late));
	cr_expect_eq(place_of_late(m), position, "%d, %d and %d, %d", first, second, late,
		     of_owner);
	ok(lk_release_all(w[0]));
	for (int left = 3; left > 0; left--) {
		int i;

		wait_until((i = answered(a)) < 3);
		ok(answer(&a[i]));
		ok(lk_release_all(a[i].owner));
		a[i].owner = NULL;
	}
	close_all(m, w, 4);
}

Test(priority, higher_goes_before_lower)
{
	expect_place(0, 0, 1, 0, 1);
	expect_place(2, 1, 1, 0, 3);
	expect_place(2, 0, 1, 0, 2);
	expect_place(-1, 0, 0, 0, 2);
	expect_place(0, 0, INT32_MIN, 0, 3);
	expect_place(INT32_MIN, 0, INT32_MAX, 0, 1);
}

Test(priority, of_the_owner_counts_if_the_request_says_none)
{
	expect_place(1, 1, 0, 2, 1);
	expect_place(1, 1, 0, -2, 3);
	expect_place(3, 1, 2, 5, 2);
}

/* The patient one is first in the line, and a crowd of higher priority comes after it. */
Test(priority, nobody_is_passed_more_often_than_so)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_options o;
	struct lk_owner *holder = open_labelled(m, "holder", 0);
	struct lk_owner *late = open_labelled(m, "late", 0);
	struct lk_owner *w[CROWD];
	struct asker patient;
	struct asker a[CROWD];

	open_owners(m, w, CROWD);
	take(holder, "n", LK_X);
	ask(m, &patient, late, "n", LK_X);
	for (uint32_t i = 0; i < CROWD; i++) {
		ask_with(m, &a[i], w[i], "n", LK_S, with_priority(&o, 9));
		cr_expect_eq(place_of_late(m),
			     i < PASSED_BY_PRIORITY ? i + 2 : PASSED_BY_PRIORITY + 1u);
	}
	ok(lk_release_all(holder));
	for (uint32_t i = 0; i < PASSED_BY_PRIORITY; i++) {
		ok(answer(&a[i]));
		ok(lk_release_all(w[i]));
	}
	ok(answer(&patient));
	ok(lk_release_all(late));
	for (uint32_t i = PASSED_BY_PRIORITY; i < CROWD; i++)
		ok(answer(&a[i]));
	ok(lk_owner_close(holder));
	ok(lk_owner_close(late));
	close_all(m, w, CROWD);
}
