/* SPDX-License-Identifier: MIT */
/*
 * Cache lines that owners on different cores would take from each other, per operation: the numbers of
 * docs/scaling.md.  Each operation is an acquire and its release, where nothing else is said.
 */
#include "stage.h"

/* Of one operation. */
struct lines {
	uint64_t written; /* lines that both write */
	uint64_t rmws;    /* read-modify-writes on those */
	uint64_t moved;   /* lines that one writes and the other only reads */
};

/* For whoever wants to see all of it: LK_LINES_SHOW=1. */
static void
show(const struct lines_sum *s, const char *what)
{
	const double n = (double)s->operations;

	if (getenv("LK_LINES_SHOW") == NULL)
		return;
	fprintf(stderr, "%-26s written %.3f, rmws %.3f, moved %.3f, quiet %.3f, hottest %.3f\n",
		what, (double)s->written / n, (double)s->rmws / n, (double)s->moved / n,
		(double)s->quiet / n, (double)s->hottest / n);
}

static void
expect_each(const struct lines_sum *s, struct lines l, const char *what)
{
	const uint64_t n = s->operations;

	show(s, what);
	cr_expect_eq(s->written, l.written * n, "%s: %.3f lines written by both", what,
		     (double)s->written / (double)n);
	cr_expect_eq(s->rmws, l.rmws * n, "%s: %.3f read-modify-writes on them", what,
		     (double)s->rmws / (double)n);
	cr_expect_eq(s->moved, l.moved * n, "%s: %.3f lines written by one and read by others",
		     what, (double)s->moved / (double)n);
}

/* Warm up, count, compare, and end the stage. */
static void
expect_lines(struct stage *s, lines_op *op, struct lines l, const char *what)
{
	struct lines_sum sum;

	stage_warm_up(s, op, WARM_UP);
	sum = stage_count(s, op, NULL, ROUNDS);
	expect_each(&sum, l, what);
	stage_close(s);
}

/* ------------------------------------------------------------------ one name */

static const char *const own_name[PAIR] = { "own a", "own b" };

static void
by_handle(struct stage *s, unsigned who)
{
	lk_grant g;

	ok(lk_acquire_on(s->w[who], s->r[who], s->mode, NULL, &g));
	ok(lk_release(s->w[who], g));
}

static void
by_own_name(struct stage *s, unsigned who)
{
	ok(lk_release(s->w[who], take(s->w[who], own_name[who], s->mode)));
}

static void
by_same_name(struct stage *s, unsigned who)
{
	ok(lk_release(s->w[who], take(s->w[who], "same", s->mode)));
}

Test(lines, own_names_share_no_line)
{
	for (lk_mode mode = LK_IS; mode <= LK_X; mode++) {
		struct stage s;

		stage_open(&s);
		s.mode = mode;
		stage_handles(&s, own_name[0], own_name[1]);
		expect_lines(&s, by_handle, (struct lines){ 0, 0, 0 }, "own names, handle");

		stage_open(&s);
		s.mode = mode;
		expect_lines(&s, by_own_name, (struct lines){ 0, 0, 0 }, "own names, name");
	}
}

Test(lines, one_name_is_one_line)
{
	static const lk_mode modes[] = { LK_S, LK_X };

	for (size_t i = 0; i < countof(modes); i++) {
		struct stage s;

		stage_open(&s);
		s.mode = modes[i];
		stage_handles(&s, "same", "same");
		expect_lines(&s, by_handle, (struct lines){ 1, 2, 0 }, "same name, handle");

		stage_open(&s);
		s.mode = modes[i];
		expect_lines(&s, by_same_name, (struct lines){ 1, 2, 0 }, "same name, name");
	}
}

Test(lines, readers_of_a_name_that_is_spread_share_no_line)
{
	struct stage s;

	stage_open(&s);
	s.mode = LK_S;
	stage_handles(&s, "same", "same");
	stage_spread(&s, "same", LK_S);
	expect_lines(&s, by_handle, (struct lines){ 0, 0, 0 }, "spread S, handle");

	stage_open(&s);
	s.mode = LK_S;
	stage_handles(&s, "same", "same"); /* it stays spread */
	stage_spread(&s, "same", LK_S);
	expect_lines(&s, by_same_name, (struct lines){ 0, 0, 0 }, "spread S, name");
}

/* As many owners later as there are seats, the next one has the first one's. */
Test(lines, owners_of_one_seat_share_its_line)
{
	struct lk_owner *between[SEATS_MAX];
	struct stage s;
	int n;

	stage_open(&s);
	s.mode = LK_S;
	n = (int)s.m->spread.seats - 1;
	ok(lk_owner_close(s.w[1]));
	open_owners(s.m, between, n);
	ok(lk_owner_open(s.m, NULL, &s.w[1]));
	stage_handles(&s, "same", "same");
	stage_spread(&s, "same", LK_S);
	stage_warm_up(&s, by_handle, WARM_UP);
	close_owners(between, n);
	expect_lines(&s, by_handle, (struct lines){ 1, 2, 0 }, "spread S, one seat");
}

/* --------------------------------------------------------------------- paths */

static const char *const row[PAIR] = { "db/orders/1", "db/orders/2" };

static void
row_of_own(struct stage *s, unsigned who)
{
	ok(lk_release(s->w[who], take(s->w[who], row[who], s->mode)));
}

/* The rows stay in the index, and with them what is above. */
static void
open_tree(struct stage *s, lk_mode mode)
{
	stage_open(s);
	s->mode = mode;
	stage_handles(s, row[0], row[1]);
}

static const lk_mode row_modes[] = { LK_S, LK_X };

#define for_each_row_mode(i) for (size_t i = 0; i < countof(row_modes); i++)

/* IX goes with IS, and so any of both is counted beside the word. */
static void
spread_first(struct stage *s, unsigned n)
{
	static const char *const above[] = { "db", "db/orders" };

	for (unsigned i = 0; i < n; i++)
		stage_spread(s, above[i], LK_IX);
}

Test(lines, rows_share_the_lines_of_their_ancestors_that_are_not_spread)
{
	for_each_row_mode(i)
	{
		for (unsigned n = 0; n <= 2; n++) {
			struct stage s;

			open_tree(&s, row_modes[i]);
			spread_first(&s, n);
			expect_lines(&s, row_of_own, (struct lines){ 2 - n, 2 * (2 - n), 0 },
				     "row, ancestors spread");
		}
	}
}

/* It has a row of that table, so all that is above is held. */
Test(lines, rows_of_a_transaction_that_has_their_table_share_no_line)
{
	for_each_row_mode(i)
	{
		struct stage s;

		open_tree(&s, row_modes[i]);
		take(s.w[0], "db/orders/3", LK_X);
		take(s.w[1], "db/orders/4", LK_X);
		expect_lines(&s, row_of_own, (struct lines){ 0, 0, 0 }, "row, in a transaction");
	}
}

/* --------------------------------------------------------- many names, owners */

/* Ten rows of its own, then the end of all of them. */
static void
transaction(struct stage *s, unsigned who)
{
	char name[32];

	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "db/orders/%u of %u", i, who);
		take(s->w[who], name, LK_X);
	}
	ok(lk_release_all(s->w[who]));
}

/* Once for all ten. */
Test(lines, a_transaction_shares_the_lines_of_ancestors_once)
{
	for (unsigned n = 0; n <= 2; n++) {
		struct stage s;

		stage_open(&s);
		stage_handles(&s, "db/orders/1", "db/orders/2");
		spread_first(&s, n);
		expect_lines(&s, transaction, (struct lines){ 2 - n, 2 * (2 - n), 0 },
			     "transaction of ten rows");
	}
}

static void
batch_of_own(struct stage *s, unsigned who)
{
	static const char *const name[PAIR][8] = {
		{ "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7" },
		{ "b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7" },
	};
	struct lk_request request[8] = { 0 };
	lk_grant g[8];

	for (size_t i = 0; i < 8; i++)
		request[i] = (struct lk_request){ .name = name[who][i], .mode = LK_X };
	ok(lk_acquire_many(s->w[who], request, 8, NULL, g));
	ok(lk_release_many(s->w[who], g, 8, NULL));
}

Test(lines, batches_of_own_names_share_no_line)
{
	struct stage s;

	stage_open(&s);
	expect_lines(&s, batch_of_own, (struct lines){ 0, 0, 0 }, "batch of eight");
}

static void
open_lock_close(struct stage *s, unsigned who)
{
	struct lk_owner *w;

	ok(lk_owner_open(s->m, NULL, &w));
	ok(lk_release(w, take(w, own_name[who], LK_X)));
	ok(lk_owner_close(w));
}

/* Each party has the spare of a thread of its own. */
static void
owner_for_one(struct stage *s, unsigned who)
{
	static struct spare spare[PAIR];

	process_spare = spare[who];
	open_lock_close(s, who);
	spare[who] = process_spare;
	process_spare = (struct spare){ 0 };
}

Test(lines, owners_opened_for_one_lock_share_no_line)
{
	struct stage s;

	stage_open(&s);
	expect_lines(&s, owner_for_one, (struct lines){ 0, 0, 0 }, "owner for one lock");
}

/* As if another thread had closed it: this one's spare is of another manager. */
static void
owner_from_elsewhere(struct stage *s, unsigned who)
{
	process_spare = (struct spare){ UINT64_MAX, s };
	open_lock_close(s, who);
	process_spare = (struct spare){ 0 };
}

/*
 * The latch of the free list is one line.  The other five are the owner's own: the worst case, in which each
 * has the memory next that the other one gave back.
 */
Test(lines, owners_closed_by_other_threads_share_a_free_list)
{
	struct stage s;

	stage_open(&s);
	expect_lines(&s, owner_from_elsewhere, (struct lines){ 6, 2, 0 },
		     "owner for one lock, from elsewhere");
}

/* Nobody comes back to a name: an idle entry becomes the new name's, whoever made it. */
static void
new_name(struct stage *s, unsigned who)
{
	char name[24];

	(void)snprintf(name, sizeof(name), "%c %llu", 'a' + (char)who,
		       (unsigned long long)s->step[who]++);
	ok(lk_release(s->w[who], take(s->w[who], name, LK_X)));
}

enum { UNTIL_FULL = 16384, NEW_NAMES = 16384 };

/* Is it from `low` to `high` hundredths of an operation? */
static bool
is_between(uint64_t count, uint64_t operations, uint64_t low, uint64_t high)
{
	return 100 * count >= low * operations && 100 * count <= high * operations;
}

/* The bucket and the entry, and now and then another bucket; no line by many operations. */
static void
expect_new_names(const char *url, uint32_t buckets, uint64_t hottest, const char *what)
{
	struct lines_sum sum;
	struct stage s;

	stage_open_url(&s, url);
	stage_warm_up(&s, new_name, UNTIL_FULL);
	sum = stage_count(&s, new_name, NULL, NEW_NAMES);
	show(&sum, what);
	cr_expect_eq((uint32_t)shim_load(&s.m->index.shape, SHIM_RELAXED), buckets);
	cr_expect(is_between(sum.written, sum.operations, 195, 225), "%s", what);
	cr_expect(is_between(sum.rmws, sum.operations, 295, 325), "%s", what);
	cr_expect_le(1000 * sum.hottest, hottest * sum.operations, "%s", what);
	stage_close(&s);
}

Test(lines, new_names_share_two_lines_of_the_index_and_none_is_hot)
{
	expect_new_names("memory:?sample_every=off", 64, 30, "new names, 64 buckets");
	expect_new_names("memory:?index_buckets=4096&sample_every=off", 4096, 2,
			 "new names, 4096 buckets");
}

/* An entry pins the one above it: once when it is made, and no more when it is dropped. */
static void
new_row(struct stage *s, unsigned who)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "db/orders/%u %llu", who,
		       (unsigned long long)s->step[who]++);
	ok(lk_release(s->w[who], take(s->w[who], name, LK_X)));
}

Test(lines, new_rows_share_the_line_of_their_table_even_if_it_is_spread)
{
	struct lines_sum sum;
	struct stage s;

	open_tree(&s, LK_X);
	spread_first(&s, 2);
	stage_warm_up(&s, new_row, 512);
	sum = stage_count(&s, new_row, NULL, 512);
	show(&sum, "new rows, spread table");
	cr_expect_eq(sum.hottest, sum.operations);
	stage_close(&s);
}

/* ------------------------------------------------------------ now and then */

static void
read_statistics(struct stage *s, unsigned who)
{
	struct lk_stats stats = { .size = sizeof(stats) };

	(void)who;
	ok(lk_stats(s->m, &stats));
}

/* The reader has to fetch what each owner wrote: that is all. */
Test(lines, who_reads_statistics_writes_nothing_that_locks_write)
{
	struct lines_sum sum;
	struct stage s;

	stage_open(&s);
	s.mode = LK_X;
	stage_handles(&s, own_name[0], own_name[1]);
	stage_warm_up(&s, by_handle, WARM_UP);
	sum = stage_count(&s, by_handle, read_statistics, ROUNDS);
	expect_each(&sum, (struct lines){ 0, 0, 1 }, "own names, statistics read");
	stage_close(&s);
}

/* Otherwise nothing is shared, so whatever is, is the counter of stamps. */
Test(lines, stamps_are_drawn_by_the_thousand)
{
	const unsigned blocks = 3;
	struct lines_sum sum;
	struct stage s;

	stage_open(&s);
	s.mode = LK_X;
	stage_handles(&s, own_name[0], own_name[1]);
	stage_warm_up(&s, by_handle, WARM_UP);
	sum = stage_count(&s, by_handle, NULL, blocks * STAMP_BLOCK);
	show(&sum, "three blocks of stamps");
	cr_expect_eq(sum.written, blocks * PAIR);
	cr_expect_eq(sum.rmws, blocks * PAIR);
	stage_close(&s);
}
