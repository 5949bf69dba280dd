/* SPDX-License-Identifier: MIT */
/* Batches over paths: ancestors first and once, all or none, and never a ring of batches. */
#include "state.h"
#include "tree.h"

static const struct lk_options nowait = { .size = sizeof(nowait), .flags = LK_NOWAIT };
static const struct lk_options parents = { .size = sizeof(parents),
					   .flags = LK_PARENTS | LK_NOWAIT };

static uint32_t
holders(struct lk_manager *m, const char *name, lk_mode mode)
{
	return info_of(m, name).holders[mode];
}

/* A thread that asks for a batch, gives it back, and says so. */
struct batch {
	pthread_t thread;
	struct lk_owner *owner;
	const struct lk_request *r;
	size_t n;
	const struct lk_options *options;
	int rc;
	atomic_bool answered;
};

static void *
batch_main(void *arg)
{
	struct batch *b = arg;

	b->rc = lk_acquire_many(b->owner, b->r, b->n, b->options, NULL);
	atomic_store(&b->answered, true);
	return NULL;
}

static void
batch_start(struct batch *b)
{
	atomic_init(&b->answered, false);
	cr_assert_eq(pthread_create(&b->thread, NULL, batch_main, b), 0);
}

static int
batch_answer(struct batch *b)
{
	cr_assert_eq(pthread_join(b->thread, NULL), 0);
	return b->rc;
}

/* ------------------------------------------------------------------ what is held then */

Test(batchpath, of_one_is_as_a_single_request)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (lk_mode mode = LK_IS; mode <= LK_X; mode++) {
		const struct lk_request r = { "r/m/l", mode, 0, 0 };
		lk_mode intent = mode == LK_IS || mode == LK_S ? LK_IS : LK_IX;
		lk_grant g;

		ok(lk_acquire_many(w, &r, 1, &nowait, &g));
		cr_expect_eq(grant_info(w, g).mode, mode);
		cr_expect_eq(grant_info(w, g).flags, 0);
		cr_expect_eq(holders(m, "r", intent), 1);
		cr_expect_eq(holders(m, "r/m", intent), 1);
		cr_expect_eq(holders(m, "r/m/l", mode), 1);
		ok(lk_release(w, g));
		cr_expect_eq(stats_of(m).holds, 0);
	}
	close_all(m, &w, 1);
}

/* Two names, in both orders; the ancestor has what both need, each has its own grant and end. */
Test(batchpath, of_two_is_both)
{
	static const struct {
		struct lk_request r[2];
		lk_mode root;       /* locked with both */
		lk_mode without[2]; /* … and when the one, or the other, is released first */
	} rows[] = {
		{ { { "r/a", LK_S, 0, 0 }, { "r/b", LK_X, 0, 0 } }, LK_IX, { LK_IX, LK_IS } },
		{ { { "r/a", LK_S, 0, 0 }, { "r/b", LK_S, 0, 0 } }, LK_IS, { LK_IS, LK_IS } },
		{ { { "r", LK_S, 0, 0 }, { "r/b", LK_X, 0, 0 } }, LK_SIX, { LK_IX, LK_S } },
		{ { { "r", LK_IX, 0, 0 }, { "r/b", LK_S, 0, 0 } }, LK_IX, { LK_IS, LK_IX } },
		{ { { "r", LK_U, 0, 0 }, { "r/b", LK_U, 0, 0 } }, LK_SIX, { LK_IX, LK_U } },
		{ { { "r", LK_X, 0, 0 }, { "r/b", LK_IX, 0, 0 } }, LK_X, { LK_X, LK_X } },
		{ { { "r", LK_X, 0, 0 }, { "r/m/l", LK_S, 0, 0 } }, LK_X, { LK_S, LK_X } },
		{ { { "r", LK_S, 0, 0 }, { "r/m/l", LK_S, 0, 0 } }, LK_S, { LK_S, LK_S } },
		{ { { "r/m/l", LK_S, 0, 0 }, { "r/m", LK_X, 0, 0 } }, LK_IX, { LK_IX, LK_IS } },
	};
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	for (size_t i = 0; i < countof(rows); i++) {
		for (int turn = 0; turn < 4; turn++) {
			const struct lk_request r[2] = { rows[i].r[turn % 2],
							 rows[i].r[1 - turn % 2] };
			int first = turn / 2; /* of the row, to be released */
			lk_grant g[2];

			ok(lk_acquire_many(w, r, 2, &nowait, g));
			for (int k = 0; k < 2; k++) {
				struct lk_grant_info info = grant_info(w, g[k]);

				cr_expect_eq(info.mode, r[k].mode);
				cr_expect_eq(info.name_len, strlen(r[k].name));
				cr_expect_eq(memcmp(info.name, r[k].name, info.name_len), 0);
			}
			cr_expect_eq(holders(m, "r", rows[i].root), 1, "row %zu, %d", i, turn);
			ok(lk_release(w, g[turn % 2 ? 1 - first : first]));
			cr_expect_eq(holders(m, "r", rows[i].without[first]), 1, "row %zu, %d", i,
				     turn);
			ok(lk_release(w, g[turn % 2 ? first : 1 - first]));
			cr_expect_eq(stats_of(m).holds, 0);
		}
	}
	close_all(m, &w, 1);
}

Test(batchpath, takes_numbers_and_plain_names_along)
{
	const uint64_t id = UINT64_C(0x2f2f2f2f2f2f2f2f); /* its bytes are '/' */
	const struct lk_request r[] = {
		{ "r/a", LK_X, 0, 0 },    { (const char *)&id, LK_X, LK_NAME_IS_ID, 0 },
		{ "plain", LK_S, 0, 0 },  { "/", LK_S, 0, 0 },
		{ "r/a\0b", LK_S, 0, 5 }, { "r//a", LK_U, 0, 0 }
	};
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;

	open_owners(m, &w, 1);
	ok(lk_acquire_many(w, r, countof(r), &nowait, NULL));
	cr_expect_eq(stats_of(m).holds, countof(r) + 1);
	cr_expect_eq(lk_holds_id(w, id), LK_X);
	cr_expect_eq(lk_holds(w, "r/a\0b", 5), LK_S);
	cr_expect_eq(holds(w, "r"), LK_IX);
	close_all(m, &w, 1);
}

Test(batchpath, below_what_is_held_is_implied)
{
	static const struct lk_request r[] = { { "r/a", LK_S, 0, 0 },
					       { "r/m/l", LK_X, 0, 0 },
					       { "s/a", LK_S, 0, 0 },
					       { "s/b", LK_X, 0, 0 } };
	static const uint32_t flags[] = { LK_IMPLIED, LK_IMPLIED, LK_IMPLIED, 0 };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant g[4];

	open_owners(m, &w, 1);
	take(w, "r", LK_X);
	take(w, "s", LK_S);
	ok(lk_acquire_many(w, r, countof(r), &nowait, g));
	for (size_t i = 0; i < countof(r); i++)
		cr_expect_eq(grant_info(w, g[i]).flags, flags[i], "%s", r[i].name);
	cr_expect_eq(holders(m, "s", LK_SIX), 1);
	ok(lk_release_many(w, g, 4, NULL));
	cr_expect_eq(stats_of(m).holds, 2);
	close_all(m, &w, 1);
}

Test(batchpath, duplicates_have_a_grant_each)
{
	static const struct lk_request r[] = { { "r/a", LK_S, 0, 0 },
					       { "r/a", LK_X, 0, 0 },
					       { "r/a", LK_S, 0, 3 } };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant g[3];

	open_owners(m, &w, 1);
	ok(lk_acquire_many(w, r, 3, &nowait, g));
	cr_expect_eq(holders(m, "r/a", LK_X), 1);
	cr_expect_eq(holders(m, "r", LK_IX), 1);
	ok(lk_release(w, g[1]));
	cr_expect_eq(holders(m, "r/a", LK_S), 1);
	cr_expect_eq(holders(m, "r", LK_IS), 1);
	ok(lk_release(w, g[0]));
	cr_expect_eq(holders(m, "r", LK_IS), 1);
	ok(lk_release(w, g[2]));
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
}

Test(batchpath, with_parents_all_ancestors_are_held_in_the_same_mode)
{
	static const struct lk_request r[] = { { "r/m/a", LK_S, 0, 0 },
					       { "r/n", LK_U, 0, 0 },
					       { "t/u", LK_X, 0, 0 } };
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant g[3];

	open_owners(m, &w, 1);
	ok(lk_acquire_many(w, r, 3, &parents, g));
	cr_expect_eq(holders(m, "r/m/a", LK_S), 1);
	cr_expect_eq(holders(m, "r/m", LK_S), 1);
	cr_expect_eq(holders(m, "r/n", LK_U), 1);
	cr_expect_eq(holders(m, "r", LK_U), 1);
	cr_expect_eq(holders(m, "t", LK_X), 1);
	for (int i = 0; i < 3; i++)
		cr_expect_eq(grant_info(w, g[i]).flags, 0);
	ok(lk_convert(w, g[2], LK_S, NULL));
	cr_expect_eq(holders(m, "t", LK_S), 1);
	ok(lk_release(w, g[1]));
	cr_expect_eq(holders(m, "r", LK_S), 1);
	ok(lk_release(w, g[0]));
	ok(lk_release(w, g[2]));
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
}

Test(batchpath, may_have_many_children_of_one_parent_without_re_entry)
{
	static const struct lk_request r[] = { { "r/a", LK_X, 0, 0 },
					       { "r/b", LK_X, 0, 0 },
					       { "r/c", LK_S, 0, 0 },
					       { "r", LK_S, 0, 0 } };
	static const struct lk_request twice[] = { { "s/a", LK_S, 0, 0 }, { "s/a", LK_S, 0, 0 } };
	struct lk_manager *m = open_manager("memory:?max_reentry=1");
	struct lk_owner *w;

	open_owners(m, &w, 1);
	ok(lk_acquire_many(w, r, 4, &nowait, NULL));
	ok(lk_release_all(w));
	ok(lk_acquire_many(w, r, 3, &parents, NULL));
	is(lk_acquire_many(w, twice, 2, &nowait, NULL), LK_E_LIMIT);
	ok(lk_release_all(w));
	cr_expect_eq(stats_of(m).holds, 0);
	close_all(m, &w, 1);
}

/* ------------------------------------------------------------------------- refusals */

static const struct lk_request four[] = {
	{ "r/m/l", LK_X, 0, 0 }, { "r/a", LK_S, 0, 0 }, { "b/c", LK_U, 0, 0 }, { "r/m", LK_S, 0, 0 }
};

Test(batchpath, refused_at_any_level_of_any_name_leaves_all_as_it_was)
{
	static const struct {
		const char *name;
		lk_mode mode;
	} held[] = { { "r", LK_S },     { "r", LK_X },       { "r/m", LK_S },   { "r/m", LK_IX },
		     { "r/m/l", LK_S }, { "r/m/l/d", LK_X }, { "r/a", LK_IX },  { "r/a", LK_X },
		     { "b", LK_U },     { "b/c", LK_U },     { "b/c/d", LK_X }, { "b", LK_SIX } };
	static const struct {
		const char *name;
		lk_mode mode;
	} priors[] = { { NULL, LK_NL },  { "r", LK_IS },   { "r/k", LK_X },  { "r/a", LK_S },
		       { "r/m", LK_IS }, { "b/c", LK_IS }, { "b/c", LK_IX }, { "r/m/l", LK_S } };
	static struct state before, after;
	struct lk_manager *m = open_manager(NULL);
	struct lk_options past = { .size = sizeof(past), .deadline_ns = 1 };
	unsigned tried = 0;
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (size_t i = 0; i < countof(held); i++) {
		for (size_t k = 0; k < countof(priors); k++) {
			lk_grant out[4] = { 1, 2, 3, 4 };

			take(w[1], held[i].name, held[i].mode);
			if (priors[k].name == NULL ||
			    lk_try_acquire(w[0], priors[k].name, priors[k].mode, NULL) == 0) {
				state_read(&before, m, w, 2);
				is(lk_acquire_many(w[0], four, 4, &nowait, out), LK_E_BUSY);
				is(lk_acquire_many(w[0], four, 4, &past, out), LK_E_TIMEDOUT);
				is(lk_acquire_many(w[0], four, 4, &parents, out), LK_E_BUSY);
				state_read(&after, m, w, 2);
				state_same(&before, &after, held[i].name);
				cr_expect_eq(out[0] + out[1] + out[2] + out[3], 10);
				tried++;
			}
			ok(lk_release_all(w[0]));
			ok(lk_release_all(w[1]));
			cr_expect_eq(stats_of(m).holds, 0);
		}
	}
	cr_expect_ge(tried, 40, "only %u", tried);
	close_all(m, w, 2);
}

/* While it waits it holds nothing; once it has waited for long enough it keeps others out all the same. */
Test(batchpath, cancelled_or_out_of_time_leaves_all_as_it_was_and_lets_others_in)
{
	struct lk_options o = { .size = sizeof(o), .timeout_ns = 1000000000 };
	static struct state before, after;
	struct test_world world;
	struct lk_manager *m;
	struct lk_owner *w[3];

	test_world_init(&world);
	world.manual = true;
	m = open_with(NULL, NULL, &world);
	open_owners(m, w, 3);
	take(w[1], "r/m/l", LK_S);
	state_read(&before, m, w, 3);
	for (uint64_t cancel = 0; cancel < 2; cancel++) {
		struct batch b = {
			.owner = w[0], .r = four, .n = 4, .options = cancel ? NULL : &o
		};
		const uint64_t closings = stats_of(m).closings; /* by whoever is impatient */
		struct asker a;

		batch_start(&b);
		wait_until(line(m, "r/m/l") == 1);
		cr_expect_eq(line(m, "b/c"), 1);
		cr_expect_eq(stats_of(m).holds, 3);
		ok(lk_release(w[2], take(w[2], "b", LK_X))); /* nothing is in its way yet */
		test_world_advance(&world, 2000000);
		wait_until(stats_of(m).closings == closings + 1);
		ask(m, &a, w[2], "b", LK_X); /* kept out by the U that is wanted on "b/c" */
		if (cancel)
			ok(lk_owner_cancel(w[0]));
		else
			test_world_advance(&world, 998000000);
		is(batch_answer(&b), cancel ? LK_E_CANCELED : LK_E_TIMEDOUT);
		granted(&a);
		ok(lk_release_all(w[2]));
		state_read(&after, m, w, 3);
		state_same(&before, &after, cancel ? "cancel" : "time");
	}
	close_all(m, w, 3);
}

/* The root at 3 s, one leaf at 6 s, another leaf never: ten seconds in all. */
Test(batchpath, has_one_deadline_for_all_levels_of_all_names)
{
	static const struct lk_request r[] = { { "r/b", LK_X, 0, 0 }, { "r/a", LK_X, 0, 0 } };
	struct lk_options o = { .size = sizeof(o), .timeout_ns = 10000000000 };
	struct batch b = { .r = r, .n = 2, .options = &o };
	const uint64_t second = UINT64_C(1000000000);
	struct test_world world;
	struct lk_manager *m;
	struct lk_owner *w[4];

	test_world_init(&world);
	world.manual = true;
	m = open_with(NULL, NULL, &world);
	open_owners(m, w, 4);
	b.owner = w[0];
	take(w[1], "r", LK_S);
	take(w[2], "r/a", LK_S);
	take(w[3], "r/b", LK_S);
	batch_start(&b);
	wait_until(line(m, "r") == 1);
	test_world_advance(&world, 3 * second);
	ok(lk_release_all(w[1]));
	wait_until(line(m, "r/a") == 1);
	test_world_advance(&world, 3 * second);
	ok(lk_release_all(w[2]));
	wait_until(line(m, "r/b") == 1);
	test_world_advance(&world, 4 * second - 1);
	cr_expect(!atomic_load(&b.answered));
	cr_expect_eq(line(m, "r/b"), 1);
	test_world_advance(&world, 1);
	is(batch_answer(&b), LK_E_TIMEDOUT);
	cr_expect_eq(stats_of(m).holds, 2);
	close_all(m, w, 4);
}

/* ---------------------------------------------------------------------------- order */

/* It waits in the lines of all its names, and of all their ancestors, for all that it will need there. */
Test(batchpath, waits_in_all_lines_and_holds_nothing)
{
	static const struct lk_request r[] = { { "r/a", LK_S, 0, 0 },
					       { "r/m/b", LK_X, 0, 0 },
					       { "r/m/a", LK_S, 0, 0 },
					       { "r", LK_S, 0, 0 } };
	struct lk_manager *m = open_manager(NULL);
	struct batch b = { .r = r, .n = countof(r) };
	struct lk_owner *w[2];
	lk_grant g;

	open_owners(m, w, 2);
	b.owner = w[0];
	/* on "r" an IS is all that another can have beside a SIX; so wait below "r/m" */
	g = take(w[1], "r/m/b", LK_S);
	batch_start(&b);
	wait_until(line(m, "r/m/b") == 1);
	cr_expect_eq(line(m, "r"), 1);
	cr_expect_eq(line(m, "r/m"), 1);
	cr_expect_eq(line(m, "r/a"), 0); /* what "r" will give anyway */
	cr_expect_eq(holders(m, "r", LK_SIX), 0);
	cr_expect_eq(stats_of(m).holds, 3);
	ok(lk_release(w[1], g));
	ok(batch_answer(&b));
	cr_expect_eq(holders(m, "r", LK_SIX), 1);
	cr_expect_eq(holders(m, "r/m", LK_IX), 1);
	cr_expect_eq(holders(m, "r/a", LK_S), 0);
	close_all(m, w, 2);
}

/* It is granted when all is free, whichever came free first. */
Test(batchpath, is_granted_when_the_last_is_free)
{
	static const struct lk_request r[] = { { "r/a", LK_X, 0, 0 },
					       { "r-x", LK_X, 0, 0 },
					       { "r", LK_S, 0, 0 },
					       { "r/a/b", LK_S, 0, 0 } };

	for (int first = 1; first <= 2; first++) {
		struct lk_manager *m = open_manager(NULL);
		struct batch b = { .r = r, .n = countof(r) };
		struct lk_owner *w[3];

		open_owners(m, w, 3);
		b.owner = w[0];
		take(w[1], "r", LK_IX);
		take(w[2], "r/a", LK_IS);
		batch_start(&b);
		wait_until(line(m, "r") == 1);
		ok(lk_release_all(w[first]));
		cr_expect_eq(line(m, "r"), 1);
		cr_expect_eq(line(m, "r/a"), 1);
		cr_expect_eq(stats_of(m).holds, (uint64_t)(3 - first));
		ok(lk_release_all(w[3 - first]));
		ok(batch_answer(&b));
		cr_expect_eq(holders(m, "r", LK_SIX), 1);
		cr_expect_eq(holders(m, "r/a", LK_X), 1);
		cr_expect_eq(holds(w[0], "r-x"), LK_X);
		close_all(m, w, 3);
	}
}

/* --------------------------------------------------------------------------- sizes */

enum { MANY = 1000 };

/* A thousand names in a tree of ten by ten by ten, in no order; some of them ancestors of others. */
static void
ask_for_many(struct lk_request *r, char (*name)[24])
{
	for (int i = 0; i < MANY; i++) {
		int k = i * 7919 % MANY;

		if (k % 97 == 0)
			(void)snprintf(name[i], 24, "tree/%d", k / 100);
		else if (k % 31 == 0)
			(void)snprintf(name[i], 24, "tree/%d/%d", k / 100, k / 10 % 10);
		else
			(void)snprintf(name[i], 24, "tree/%d/%d/%d", k / 100, k / 10 % 10, k % 10);
		r[i] = (struct lk_request){ name[i], k % 3 == 0 ? LK_X : LK_S, 0, 0 };
	}
}

static void
take_many(const char *url, const struct lk_options *o, unsigned release)
{
	static struct lk_request r[MANY];
	static char name[MANY][24];
	static lk_grant g[MANY];
	struct lk_manager *m = open_manager(url);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	ask_for_many(r, name);
	ok(lk_acquire_many(w[0], r, MANY, o, g));
	cr_expect_eq(stats_of(m).grants, MANY);
	for (int i = 0; i < MANY; i++) {
		struct lk_grant_info info = grant_info(w[0], g[i]);

		cr_assert_eq(info.mode, r[i].mode, "%s", name[i]);
		cr_assert_eq(info.name_len, strlen(name[i]));
		cr_assert_eq(memcmp(info.name, name[i], info.name_len), 0);
		cr_assert(r[i].mode != LK_X || !is_open_to(w[1], name[i], LK_IS), "%s", name[i]);
		cr_assert(!is_open_to(w[1], name[i], LK_IX), "%s", name[i]);
	}
	if (release == 0)
		ok(lk_release_many(w[0], g, MANY, NULL));
	else if (release == 1)
		ok(lk_release_all(w[0]));
	else
		for (int i = 0; i < MANY; i++)
			ok(lk_release(w[0], g[i]));
	cr_expect_eq(stats_of(m).holds, 0);
	ok(lk_sweep(m, NULL));
	cr_expect_eq(stats_of(m).names, 0);
	close_all(m, w, 2);
}

Test(batchpath, of_a_thousand, .timeout = 60)
{
	take_many(NULL, &nowait, 0);
	take_many(NULL, &nowait, 1);
	take_many(NULL, &nowait, 2);
	take_many(NULL, &parents, 2);
}

Test(batchpath, of_a_thousand_that_meet_in_one_bucket, .timeout = 60)
{
	take_many("memory:?index_buckets=1&lot_buckets=1&max_idle=1", &nowait, 0);
	take_many("memory:?index_buckets=1&lot_buckets=1&max_idle=1", &parents, 1);
}

Test(batchpath, without_memory_takes_nothing, .timeout = 120)
{
	static struct lk_request r[MANY];
	static char name[MANY][24];
	int rc = LK_E_NOMEM;

	ask_for_many(r, name);
	for (uint64_t n = 1; rc != 0; n++) {
		struct test_heap heap;
		struct lk_manager *m;
		struct lk_owner *w;

		test_heap_init(&heap);
		m = open_with("memory:?index_buckets=1", &heap, NULL);
		open_owners(m, &w, 1);
		test_heap_fail(&heap, n, false);
		rc = lk_acquire_many(w, r, MANY, &nowait, NULL);
		test_heap_fail(&heap, 0, false);
		if (rc != 0) {
			is(rc, LK_E_NOMEM);
			cr_expect_eq(stats_of(m).holds, 0);
		}
		ok(lk_release_all(w));
		ok(lk_sweep(m, NULL));
		cr_expect_eq(stats_of(m).names, 0);
		close_all(m, &w, 1);
		cr_expect_eq(atomic_load(&heap.blocks), 0);
	}
}

/* ------------------------------------------------------------------- no ring of batches */

#ifdef LK_SANITIZE
enum { ROUNDS = 500 }; /* with more of what may go wrong in each */
#else
enum { ROUNDS = 1500 };
#endif
enum { THREADS = 4, MOST = 6 };

typedef size_t write_batch(unsigned thread, uint64_t *seed, struct lk_request *r, int *node);

struct party {
	struct lk_manager *m;
	write_batch *write;
	bool with_parents;
	struct tree tree;
};

/* Nobody's wait has an end but the grant: two batches that wait for each other hang the test. */
static void
take_batches(void *arg, unsigned thread)
{
	static const struct tree_claim nothing = { { LK_NL } };
	struct party *p = arg;
	uint64_t seed = thread + 1;
	struct lk_owner *w;

	must(lk_owner_open(p->m, NULL, &w) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		bool with_parents = p->with_parents && test_random(&seed) % 2 == 0;
		struct lk_options o = { .size = sizeof(o), .flags = with_parents ? LK_PARENTS : 0 };
		struct tree_claim claim = { { LK_NL } };
		struct lk_request r[MOST];
		lk_grant g[MOST];
		int node[MOST];
		size_t n = p->write(thread, &seed, r, node), released = 0;

		must(lk_acquire_many(w, r, n, &o, g) == 0);
		for (size_t k = 0; k < n; k++)
			tree_claim_add(&claim, node[k], r[k].mode, with_parents);
		tree_move(&p->tree, &nothing, &claim);
		tree_check(w, &claim);
		tree_move(&p->tree, &claim, &nothing);
		must(lk_release_many(w, g, n, &released) == 0 && released == n);
	}
	must(lk_owner_close(w) == 0);
}

static void
run_party(const char *url, write_batch *write, bool with_parents)
{
	static struct party party;

	memset(&party, 0, sizeof(party));
	party.m = open_manager(url);
	party.write = write;
	party.with_parents = with_parents;
	test_threads(THREADS, take_batches, &party);
	tree_expect_idle(&party.tree);
	cr_expect_eq(stats_of(party.m).holds, 0);
	cr_expect_eq(stats_of(party.m).waiting, 0);
	ok(lk_close(party.m));
}

static void
run_parties(write_batch *write)
{
	run_party(NULL, write, false);
	run_party("memory:?strict=1&index_buckets=1&lot_buckets=1&max_idle=1", write, false);
	run_party("memory:?fair_after_ns=1000&spin_ns=off", write, true);
}

/* The same leaves, forwards by some threads and backwards by others, each read or written. */
static size_t
write_opposite(unsigned thread, uint64_t *seed, struct lk_request *r, int *node)
{
	for (int k = 0; k < MOST; k++) {
		node[k] = TREE_FIRST_LEAF + (thread % 2 ? k : MOST - 1 - k);
		r[k] = (struct lk_request){ tree_name[node[k]], test_random(seed) % 2 ? LK_X : LK_S,
					    0, 0 };
	}
	return MOST;
}

Test(batchpath, opposite_batches_do_not_deadlock, .timeout = 60)
{
	run_parties(write_opposite);
}

/* A read of one leaf and a write of another below the same root: the root goes from IS to IX. */
static size_t
write_read_and_write(unsigned thread, uint64_t *seed, struct lk_request *r, int *node)
{
	for (int k = 0; k < 2; k++) {
		node[k] =
			TREE_FIRST_LEAF + (int)(test_random(seed) % (TREE_NODES - TREE_FIRST_LEAF));
		r[k] = (struct lk_request){ tree_name[node[k]],
					    (unsigned)k == thread % 2 ? LK_X : LK_S, 0, 0 };
	}
	return 2;
}

Test(batchpath, a_read_and_a_write_below_one_root_do_not_deadlock, .timeout = 60)
{
	run_parties(write_read_and_write);
}

/* A root, or what is below it, in S, and a child in X: the root goes from S to SIX. */
static size_t
write_root_and_child(unsigned thread, uint64_t *seed, struct lk_request *r, int *node)
{
	int middle = 1 + (int)(test_random(seed) % TREE_WIDTH);

	node[0] = test_random(seed) % 2 ? 0 : middle;
	node[1] = TREE_FIRST_LEAF + (middle - 1) * TREE_WIDTH + (int)(thread % TREE_WIDTH);
	r[thread % 2] = (struct lk_request){ tree_name[node[0]], LK_S, 0, 0 };
	r[1 - thread % 2] = (struct lk_request){ tree_name[node[1]], LK_X, 0, 0 };
	if (thread % 2) {
		int first = node[0];

		node[0] = node[1];
		node[1] = first;
	}
	return 2;
}

Test(batchpath, a_root_and_its_child_do_not_deadlock, .timeout = 60)
{
	run_parties(write_root_and_child);
}

/* Anything: subtrees that overlap, names twice, every mode. */
static size_t
write_anything(unsigned thread, uint64_t *seed, struct lk_request *r, int *node)
{
	size_t n = test_random(seed) % (MOST + 1);

	(void)thread;
	for (size_t k = 0; k < n; k++) {
		node[k] = (int)(test_random(seed) % TREE_NODES);
		r[k] = (struct lk_request){ tree_name[node[k]],
					    (lk_mode)(LK_IS + test_random(seed) % LK_X), 0, 0 };
	}
	return n;
}

Test(batchpath, overlapping_batches_of_any_kind_do_not_deadlock, .timeout = 60)
{
	run_parties(write_anything);
}
