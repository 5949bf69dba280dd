/* SPDX-License-Identifier: MIT */
/* The line of those who wait: who goes first, who goes together, who may pass. */
#include "support.h"

Test(queue, incompatible_requests_are_granted_in_the_order_they_came)
{
	enum { N = 8 };
	static const lk_mode modes[N] = { LK_X, LK_SIX, LK_U, LK_X, LK_IX, LK_S, LK_IX, LK_X };
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[N + 1];
	struct asker a[N];

	open_owners(m, w, N + 1);
	take(w[N], "n", LK_X);
	for (int i = 0; i < N; i++)
		ask(m, &a[i], w[i], "n", modes[i]);
	ok(lk_release_all(w[N]));
	for (int i = 0; i < N; i++) {
		granted(&a[i]);
		cr_expect_eq((int)line(m, "n"), N - 1 - i);
		ok(lk_release_all(w[i]));
	}
	close_all(m, w, N + 1);
}

Test(queue, neighbours_that_agree_are_granted_together)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[6];
	struct asker a[5];
	static const lk_mode modes[5] = { LK_S, LK_IS, LK_S, LK_X, LK_S };

	open_owners(m, w, 6);
	take(w[5], "n", LK_X);
	for (int i = 0; i < 5; i++)
		ask(m, &a[i], w[i], "n", modes[i]);
	ok(lk_release_all(w[5]));
	for (int i = 0; i < 3; i++)
		granted(&a[i]);
	cr_expect_eq(line(m, "n"), 2);
	for (int i = 0; i < 3; i++)
		ok(lk_release_all(w[i]));
	granted(&a[3]);
	cr_expect_eq(line(m, "n"), 1);
	ok(lk_release_all(w[3]));
	granted(&a[4]);
	close_all(m, w, 6);
}

Test(queue, the_scan_goes_on_behind_one_that_must_wait)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[4];
	struct asker update, reader, writer;
	lk_grant g;

	open_owners(m, w, 4);
	g = take(w[0], "n", LK_X);
	ask(m, &update, w[1], "n", LK_U);
	ask(m, &writer, w[2], "n", LK_IX);
	ask(m, &reader, w[3], "n", LK_IS);
	ok(lk_convert(w[0], g, LK_U, NULL));
	granted(&reader); /* agrees with U, which is held, and with U and IX, which wait */
	cr_expect(!is_answered(&update) && !is_answered(&writer));
	cr_expect_eq(line(m, "n"), 2);
	ok(lk_release(w[0], g));
	granted(&update);
	ok(lk_release_all(w[1]));
	granted(&writer);
	close_all(m, w, 4);
}

Test(queue, a_reader_behind_a_waiting_writer_waits)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[3];
	struct asker writer, reader;

	open_owners(m, w, 3);
	take(w[0], "n", LK_S);
	ask(m, &writer, w[1], "n", LK_X);
	cr_expect(!is_open_to(w[2], "n", LK_S));
	ask(m, &reader, w[2], "n", LK_S);
	ok(lk_release_all(w[0]));
	granted(&writer);
	cr_expect(!is_answered(&reader));
	ok(lk_release_all(w[1]));
	granted(&reader);
	close_all(m, w, 3);
}

/* Whatever waits, a newcomer passes iff it agrees with all who hold and all who wait. */
Test(queue, a_newcomer_passes_those_it_agrees_with)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[3];
	struct asker a;

	open_owners(m, w, 3);
	for (lk_mode held = LK_IS; held <= LK_X; held++)
		for (lk_mode waits = LK_IS; waits <= LK_X; waits++) {
			if (compatible[waits][held])
				continue;
			take(w[0], "n", held);
			ask(m, &a, w[1], "n", waits);
			for (lk_mode wanted = LK_IS; wanted <= LK_X; wanted++)
				cr_expect_eq(is_open_to(w[2], "n", wanted),
					     compatible[wanted][held] && compatible[wanted][waits],
					     "%s held, %s waits, %s wanted", mode_name(held),
					     mode_name(waits), mode_name(wanted));
			ok(lk_release_all(w[0]));
			ok(lk_release(w[1], granted(&a)));
		}
	close_all(m, w, 3);
}

Test(queue, a_waiting_update_does_not_stop_readers)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[3];
	struct asker a;

	open_owners(m, w, 3);
	take(w[0], "n", LK_U);
	ask(m, &a, w[1], "n", LK_U);
	take(w[2], "n", LK_S);
	ok(lk_release_all(w[0]));
	granted(&a);
	cr_expect_eq(holds(w[2], "n"), LK_S);
	close_all(m, w, 3);
}

/* Where each owner stands; its label is its number in the test. */
static int
note_position(void *arg, const struct lk_snapshot_row *row)
{
	uint32_t *position = arg;

	if (row->wanted != LK_NL)
		position[row->owner_label[0] - '0'] = row->position;
	return 0;
}

static struct lk_owner *
open_labelled(struct lk_manager *m, const char *label)
{
	struct lk_owner_options o = { .size = sizeof(o), .label = label };
	struct lk_owner *w;

	ok(lk_owner_open(m, &o, &w));
	return w;
}

Test(queue, a_holder_stands_just_before_the_first_that_waits_for_it)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[4] = { open_labelled(m, "0"), open_labelled(m, "1"),
				  open_labelled(m, "2"), open_labelled(m, "3") };
	struct asker reader, writer, holder;
	uint32_t position[4] = { 0 };

	take(w[0], "n", LK_IS);
	take(w[1], "n", LK_IX);
	ask(m, &reader, w[2], "n", LK_S); /* waits for 1 alone */
	ask(m, &writer, w[3], "n", LK_X); /* waits for 0 and 1 */
	ask(m, &holder, w[0], "n", LK_S);
	ok(lk_snapshot(m, note_position, position));
	cr_expect_eq(position[2], 1);
	cr_expect_eq(position[0], 2);
	cr_expect_eq(position[3], 3);
	ok(lk_release_all(w[1]));
	granted(&reader);
	granted(&holder);
	cr_expect(!is_answered(&writer));
	ok(lk_release_all(w[0]));
	ok(lk_release_all(w[2]));
	granted(&writer);
	close_all(m, w, 4);
}

Test(queue, a_holder_that_blocks_nobody_goes_to_the_end)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[3] = { open_labelled(m, "0"), open_labelled(m, "1"),
				  open_labelled(m, "2") };
	struct asker reader, holder;
	uint32_t position[3] = { 0 };

	take(w[0], "n", LK_IS);
	take(w[1], "n", LK_IX);
	ask(m, &reader, w[2], "n", LK_S); /* agrees with the IS of 0 */
	ask(m, &holder, w[0], "n", LK_SIX);
	ok(lk_snapshot(m, note_position, position));
	cr_expect_eq(position[2], 1);
	cr_expect_eq(position[0], 2);
	ok(lk_release_all(w[1]));
	granted(&reader);
	ok(lk_release_all(w[2]));
	granted(&holder);
	close_all(m, w, 3);
}

Test(queue, a_holder_passes_the_writer_that_waits_for_it)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[2];
	struct asker writer;

	open_owners(m, w, 2);
	take(w[0], "n", LK_S);
	ask(m, &writer, w[1], "n", LK_X);
	take(w[0], "n", LK_U);
	take(w[0], "n", LK_X);
	cr_expect(!is_answered(&writer));
	ok(lk_release_all(w[0]));
	granted(&writer);
	close_all(m, w, 2);
}

Test(queue, a_writer_that_gives_up_lets_those_behind_it_in)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[4];
	struct asker writer, reader[2];

	open_owners(m, w, 4);
	take(w[0], "n", LK_S);
	ask(m, &writer, w[1], "n", LK_X);
	ask(m, &reader[0], w[2], "n", LK_S);
	ask(m, &reader[1], w[3], "n", LK_IS);
	ok(lk_owner_cancel(w[1]));
	is(answer(&writer), LK_E_CANCELED);
	granted(&reader[0]);
	granted(&reader[1]);
	cr_expect_eq(line(m, "n"), 0);
	close_all(m, w, 4);
}

Test(queue, a_writer_whose_time_is_up_lets_those_behind_it_in)
{
	struct lk_options second = { .size = sizeof(second), .timeout_ns = 1000000000 };
	struct test_world world;
	struct lk_manager *m;
	struct lk_owner *w[3];
	struct asker writer, reader;

	test_world_init(&world);
	world.manual = true;
	m = open_with("memory:?strict=1", NULL, &world);
	open_owners(m, w, 3);
	take(w[0], "n", LK_S);
	ask_with(m, &writer, w[1], "n", LK_X, &second);
	ask(m, &reader, w[2], "n", LK_S);
	test_world_advance(&world, 1000000001);
	is(answer(&writer), LK_E_TIMEDOUT);
	granted(&reader);
	close_all(m, w, 3);
}

Test(queue, an_impatient_head_closes_the_lock_to_newcomers)
{
	struct lk_manager *m = open_manager("memory:?fair_after_ns=1000");
	struct lk_owner *w[3];
	struct asker writer, reader;

	open_owners(m, w, 3);
	take(w[0], "n", LK_S);
	ask(m, &writer, w[1], "n", LK_X);
	wait_until(stats_of(m).closings > 0);
	cr_expect(!is_open_to(w[2], "n", LK_S));
	ask(m, &reader, w[2], "n", LK_S);
	ok(lk_release_all(w[0]));
	granted(&writer);
	cr_expect(!is_answered(&reader));
	ok(lk_release_all(w[1]));
	granted(&reader);
	close_all(m, w, 3);
}

Test(queue, a_line_that_has_emptied_is_open_again)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[2];
	struct asker a;

	open_owners(m, w, 2);
	take(w[0], "n", LK_S);
	ask(m, &a, w[1], "n", LK_X);
	ok(lk_owner_cancel(w[1]));
	is(answer(&a), LK_E_CANCELED);
	for (lk_mode wanted = LK_IS; wanted <= LK_X; wanted++)
		cr_expect_eq(is_open_to(w[1], "n", wanted), compatible[wanted][LK_S]);
	close_all(m, w, 2);
}

/* Lines of different names do not disturb each other, also in one bucket of the parking lot. */
Test(queue, lines_of_different_names_are_apart)
{
	enum { N = 6 };
	struct lk_manager *m = open_manager("memory:?strict=1&lot_buckets=1&index_buckets=1");
	struct lk_owner *w[2 * N];
	struct asker a[N];
	char name[N][16];

	open_owners(m, w, 2 * N);
	for (int i = 0; i < N; i++) {
		snprintf(name[i], sizeof(name[i]), "n%d", i);
		take(w[i], name[i], LK_X);
		ask(m, &a[i], w[N + i], name[i], LK_X);
	}
	for (int i = N - 1; i >= 0; i--) {
		cr_expect(!is_answered(&a[i]));
		ok(lk_release_all(w[i]));
		granted(&a[i]);
		cr_expect_eq((int)stats_of(m).waiting, i);
	}
	close_all(m, w, 2 * N);
}
