/* SPDX-License-Identifier: MIT */
/* lk_options.report: who was in the way of a request that was refused. */
#include "support.h"

struct scene {
	struct lk_manager *m;
	struct lk_owner *w[4];
	struct lk_report report;
	struct lk_options o;
};

static struct lk_owner *
open_labelled(struct lk_manager *m, const char *label)
{
	struct lk_owner_options o = { .size = sizeof(o), .label = label };
	struct lk_owner *w;

	ok(lk_owner_open(m, &o, &w));
	return w;
}

/* Owners "a" to "d", and options that report, with what an earlier call left there. */
static void
set_scene(struct scene *s, struct test_world *world)
{
	static const char *const labels[] = { "a", "b", "c", "d" };

	memset(s, 0, sizeof(*s));
	s->m = open_with(NULL, NULL, world);
	for (size_t i = 0; i < countof(s->w); i++)
		s->w[i] = open_labelled(s->m, labels[i]);
	memset(&s->report, 0x5a, sizeof(s->report));
	s->report.size = sizeof(s->report);
	s->o = (struct lk_options){ .size = sizeof(s->o), .report = &s->report };
}

static void
end_scene(struct scene *s)
{
	close_all(s->m, s->w, (int)countof(s->w));
}

static bool
is_empty(const struct lk_report *r)
{
	const char *bytes = (const char *)r;

	for (size_t i = sizeof(r->size); i < sizeof(*r); i++) {
		if (bytes[i] != 0)
			return false;
	}
	return r->size == sizeof(*r);
}

/* The report has `code` and `n` blockers, of which as many as fit are kept; those after them are zeros. */
static void
expect_report(const struct lk_report *r, int code, uint32_t n)
{
	const uint32_t kept = n < LK_REPORT_BLOCKERS ? n : LK_REPORT_BLOCKERS;

	cr_assert_eq(r->code, code, "%s", lk_errname(r->code));
	cr_assert_eq(r->n, n, "%u blockers", r->n);
	cr_assert_eq(r->kept, kept);
	cr_expect_eq(r->deadlock, 0);
	cr_expect_str_eq(r->store, "");
	for (uint32_t i = kept; i < LK_REPORT_BLOCKERS; i++)
		cr_expect_eq(r->blocker[i].why, 0);
}

static void
expect_blocker(const struct lk_blocker *b, uint32_t why, const char *name, const char *label,
	       lk_mode held, lk_mode wanted, lk_mode asked, uint32_t position)
{
	cr_expect_eq(b->why, why, "why %u", b->why);
	cr_expect_eq(b->name_len, strlen(name));
	cr_expect_eq(memcmp(b->name, name, strlen(name)), 0, "%.64s", (const char *)b->name);
	cr_expect_str_eq(b->owner_label, label, "%s", b->owner_label);
	cr_expect_eq(b->held, held, "held %s", lk_modename(b->held));
	cr_expect_eq(b->wanted, wanted, "wanted %s", lk_modename(b->wanted));
	cr_expect_eq(b->asked, asked, "asked %s", lk_modename(b->asked));
	cr_expect_eq(b->position, position, "position %u", b->position);
}

static void
hold_tagged(struct lk_owner *w, const char *name, lk_mode mode, const char *tag)
{
	struct lk_options o = {
		.size = sizeof(o), .flags = LK_TIMED, .tag = tag, .tag_len = strlen(tag)
	};

	ok(lk_acquire(w, name, mode, &o, NULL));
}

static int
find_id(void *arg, const struct lk_snapshot_row *row)
{
	*(uint64_t *)arg = row->owner_id;
	return 0;
}

Test(report, a_busy_lock_names_its_holder)
{
	struct test_world world;
	struct scene s;
	uint64_t id = 0;

	test_world_init(&world);
	world.manual = true;
	world.time_ns = 1000;
	set_scene(&s, &world);
	hold_tagged(s.w[0], "orders/42", LK_S, "nightly import");
	ok(lk_acquire(s.w[1], "orders/43", LK_X, NULL, NULL));
	test_world_advance(&world, 3200);
	s.o.flags = LK_NOWAIT;
	is(lk_acquire(s.w[2], "orders/42", LK_X, &s.o, NULL), LK_E_BUSY);
	expect_report(&s.report, LK_E_BUSY, 1);
	expect_blocker(&s.report.blocker[0], LK_WHY_HELD, "orders/42", "a", LK_S, LK_NL, LK_X, 0);
	cr_expect_eq(s.report.blocker[0].age_ns, 3200);
	cr_expect_eq(s.report.blocker[0].tag_len, 14);
	cr_expect_str_eq((const char *)s.report.blocker[0].tag, "nightly import");
	cr_expect_eq(s.report.blocker[0].flags, 0);
	ok(lk_release_all(s.w[1]));
	ok(lk_snapshot(s.m, find_id, &id));
	cr_expect_eq(s.report.blocker[0].owner_id, id);
	end_scene(&s);
}

Test(report, a_refusal_on_an_ancestor_names_the_ancestor)
{
	struct scene s;

	set_scene(&s, NULL);
	ok(lk_acquire(s.w[0], "db/orders", LK_S, NULL, NULL));
	s.o.flags = LK_NOWAIT;
	is(lk_acquire(s.w[1], "db/orders/42", LK_X, &s.o, NULL), LK_E_BUSY);
	expect_report(&s.report, LK_E_BUSY, 1);
	expect_blocker(&s.report.blocker[0], LK_WHY_HELD, "db/orders", "a", LK_S, LK_NL, LK_IX, 0);
	cr_expect_eq(s.report.blocker[0].flags, LK_ON_ANCESTOR);
	/* … and the holder of an intent is in the way of the whole. */
	ok(lk_acquire(s.w[2], "db/items/1", LK_X, NULL, NULL));
	is(lk_acquire(s.w[1], "db", LK_S, &s.o, NULL), LK_E_BUSY);
	expect_report(&s.report, LK_E_BUSY, 1);
	expect_blocker(&s.report.blocker[0], LK_WHY_HELD, "db", "c", LK_IX, LK_NL, LK_S, 0);
	cr_expect_eq(s.report.blocker[0].flags, 0);
	end_scene(&s);
}

Test(report, a_number_is_named_as_one)
{
	struct scene s;
	uint64_t id = 0x0102030405060708;

	set_scene(&s, NULL);
	ok(lk_acquire_id(s.w[0], id, LK_U, NULL, NULL));
	s.o.flags = LK_NOWAIT;
	is(lk_acquire_id(s.w[1], id, LK_U, &s.o, NULL), LK_E_BUSY);
	expect_report(&s.report, LK_E_BUSY, 1);
	cr_expect_eq(s.report.blocker[0].flags, LK_NAME_IS_ID);
	cr_expect_eq(s.report.blocker[0].name_len, 8);
	cr_expect_eq(memcmp(s.report.blocker[0].name, &id, 8), 0);
	end_scene(&s);
}

Test(report, long_names_and_tags_are_cut)
{
	char name[LK_NAME_MAX + 1];
	char tag[LK_TAG_MAX + 1];
	struct scene s;

	set_scene(&s, NULL);
	for (size_t i = 0; i < LK_NAME_MAX; i++)
		name[i] = (char)('a' + i % 26);
	name[LK_NAME_MAX] = '\0';
	memset(tag, 't', LK_TAG_MAX);
	tag[LK_TAG_MAX] = '\0';
	hold_tagged(s.w[0], name, LK_X, tag);
	s.o.flags = LK_NOWAIT;
	is(lk_acquire(s.w[1], name, LK_IS, &s.o, NULL), LK_E_BUSY);
	expect_report(&s.report, LK_E_BUSY, 1);
	cr_expect_eq(s.report.blocker[0].name_len, LK_NAME_MAX);
	cr_expect_eq(memcmp(s.report.blocker[0].name, name, LK_BLOCKER_NAME_MAX), 0);
	cr_expect_eq(s.report.blocker[0].tag_len, LK_TAG_MAX);
	cr_expect_eq(memcmp(s.report.blocker[0].tag, tag, LK_BLOCKER_NAME_MAX), 0);
	end_scene(&s);
}

Test(report, only_who_conflicts_is_named)
{
	struct scene s;

	set_scene(&s, NULL);
	take(s.w[0], "n", LK_IS);
	take(s.w[1], "n", LK_U);
	take(s.w[2], "other", LK_X);
	s.o.flags = LK_NOWAIT;
	is(lk_acquire(s.w[3], "n", LK_SIX, &s.o, NULL), LK_E_BUSY);
	expect_report(&s.report, LK_E_BUSY, 1);
	cr_expect_str_eq(s.report.blocker[0].owner_label, "b");
	is(lk_acquire(s.w[3], "n", LK_X, &s.o, NULL), LK_E_BUSY);
	expect_report(&s.report, LK_E_BUSY, 2);
	end_scene(&s);
}

/* More than a report has room for: all are counted. */
Test(report, counts_those_that_do_not_fit)
{
	struct lk_owner *many[20];
	struct scene s;

	set_scene(&s, NULL);
	open_owners(s.m, many, (int)countof(many));
	s.o.flags = LK_NOWAIT;
	for (uint32_t i = 0; i < countof(many); i++) {
		take(many[i], "n", LK_S);
		is(lk_acquire(s.w[0], "n", LK_X, &s.o, NULL), LK_E_BUSY);
		expect_report(&s.report, LK_E_BUSY, i + 1);
	}
	close_owners(many, (int)countof(many));
	end_scene(&s);
}

/* Past the slots that an owner has at first. */
Test(report, finds_holders_among_many_grants)
{
	char name[32];
	struct scene s;

	set_scene(&s, NULL);
	for (int i = 0; i < 500; i++) {
		(void)snprintf(name, sizeof(name), "row%d", i);
		take(s.w[0], name, LK_X);
	}
	s.o.flags = LK_NOWAIT;
	for (int i = 0; i < 500; i += 7) {
		(void)snprintf(name, sizeof(name), "row%d", i);
		is(lk_acquire(s.w[1], name, LK_S, &s.o, NULL), LK_E_BUSY);
		expect_report(&s.report, LK_E_BUSY, 1);
		expect_blocker(&s.report.blocker[0], LK_WHY_HELD, name, "a", LK_X, LK_NL, LK_S, 0);
	}
	end_scene(&s);
}

/* The line at the moment of the decision: who came later is not in it. */
Test(report, a_timeout_names_holders_and_those_ahead)
{
	struct test_world world;
	struct asker ahead;
	struct asker self;
	struct asker behind;
	struct lk_options tagged = { .size = sizeof(tagged), .tag = "why", .tag_len = 3 };
	struct scene s;

	test_world_init(&world);
	world.manual = true;
	set_scene(&s, &world);
	take(s.w[0], "n", LK_S);
	s.o.timeout_ns = 1000;
	take(s.w[1], "n", LK_U);
	ask_with(s.m, &ahead, s.w[1], "n", LK_X, &tagged); /* its conversion waits for "a" */
	test_world_advance(&world, 100);
	ask_with(s.m, &self, s.w[2], "n", LK_X, &s.o);
	ask(s.m, &behind, s.w[3], "n", LK_X);
	test_world_advance(&world, 1000);
	is(answer(&self), LK_E_TIMEDOUT);
	expect_report(&s.report, LK_E_TIMEDOUT, 3);
	expect_blocker(&s.report.blocker[0], LK_WHY_HELD, "n", "a", LK_S, LK_NL, LK_X, 0);
	expect_blocker(&s.report.blocker[1], LK_WHY_HELD, "n", "b", LK_U, LK_NL, LK_X, 0);
	expect_blocker(&s.report.blocker[2], LK_WHY_CLOSED, "n", "b", LK_U, LK_X, LK_X, 1);
	cr_expect_eq(s.report.blocker[2].age_ns, 1100);
	cr_expect_str_eq((const char *)s.report.blocker[2].tag, "why");
	ok(lk_release_all(s.w[0]));
	(void)granted(&ahead);
	ok(lk_release_all(s.w[1]));
	(void)granted(&behind);
	end_scene(&s);
}

Test(report, a_waiter_of_a_strict_line_is_not_to_be_overtaken)
{
	struct asker first;
	struct scene s;

	set_scene(&s, NULL);
	close_all(s.m, s.w, (int)countof(s.w));
	s.m = open_manager("memory:?strict=1");
	open_owners(s.m, s.w, (int)countof(s.w));
	take(s.w[0], "n", LK_S);
	ask(s.m, &first, s.w[1], "n", LK_X);
	s.o.flags = LK_NOWAIT;
	is(lk_acquire(s.w[2], "n", LK_S, &s.o, NULL), LK_E_BUSY);
	expect_report(&s.report, LK_E_BUSY, 1);
	expect_blocker(&s.report.blocker[0], LK_WHY_CLOSED, "n", "", LK_NL, LK_X, LK_S, 1);
	ok(lk_release_all(s.w[0]));
	(void)granted(&first);
	end_scene(&s);
}

Test(report, a_cancel_says_who_was_in_the_way)
{
	struct asker a;
	struct scene s;

	set_scene(&s, NULL);
	take(s.w[0], "n", LK_X);
	ask_with(s.m, &a, s.w[1], "n", LK_S, &s.o);
	ok(lk_owner_cancel(s.w[1]));
	is(answer(&a), LK_E_CANCELED);
	expect_report(&s.report, LK_E_CANCELED, 1);
	expect_blocker(&s.report.blocker[0], LK_WHY_HELD, "n", "a", LK_X, LK_NL, LK_S, 0);
	end_scene(&s);
}

Test(report, a_conversion_that_waits_for_another_names_it)
{
	struct asker first;
	struct scene s;
	lk_grant g[2];

	set_scene(&s, NULL);
	g[0] = take(s.w[0], "n", LK_S);
	g[1] = take(s.w[1], "n", LK_S);
	ask_convert(s.m, &first, s.w[0], g[0], LK_X);
	is(lk_convert(s.w[1], g[1], LK_X, &s.o), LK_E_CONVERSION_DEADLOCK);
	expect_report(&s.report, LK_E_CONVERSION_DEADLOCK, 1);
	expect_blocker(&s.report.blocker[0], LK_WHY_HELD, "n", "a", LK_S, LK_NL, LK_X, 0);
	ok(lk_release(s.w[1], g[1]));
	ok(answer(&first));
	end_scene(&s);
}

Test(report, a_refused_conversion_names_the_others)
{
	struct scene s;
	lk_grant g;

	set_scene(&s, NULL);
	g = take(s.w[0], "db/n", LK_S);
	take(s.w[1], "db/n", LK_S);
	s.o.flags = LK_NOWAIT;
	is(lk_upgrade(s.w[0], g, &s.o), LK_E_BUSY);
	expect_report(&s.report, LK_E_BUSY, 1);
	expect_blocker(&s.report.blocker[0], LK_WHY_HELD, "db/n", "b", LK_S, LK_NL, LK_X, 0);
	cr_expect_eq(s.report.blocker[0].flags, 0);
	take(s.w[2], "db", LK_S); /* now the intent above is refused before */
	is(lk_upgrade(s.w[0], g, &s.o), LK_E_BUSY);
	expect_report(&s.report, LK_E_BUSY, 1);
	expect_blocker(&s.report.blocker[0], LK_WHY_HELD, "db", "c", LK_S, LK_NL, LK_IX, 0);
	cr_expect_eq(s.report.blocker[0].flags, LK_ON_ANCESTOR);
	end_scene(&s);
}

Test(report, a_batch_names_the_one_it_failed_on)
{
	const struct lk_request r[] = { { "a", LK_X, 0, 0 },
					{ "db/b", LK_X, 0, 0 },
					{ "db/c", LK_S, 0, 0 } };
	struct scene s;

	set_scene(&s, NULL);
	take(s.w[0], "db/c", LK_X);
	s.o.flags = LK_NOWAIT;
	is(lk_acquire_many(s.w[1], r, countof(r), &s.o, NULL), LK_E_BUSY);
	expect_report(&s.report, LK_E_BUSY, 1);
	expect_blocker(&s.report.blocker[0], LK_WHY_HELD, "db/c", "a", LK_X, LK_NL, LK_S, 0);
	cr_expect_eq(s.report.blocker[0].flags, 0);
	ok(lk_release_all(s.w[0]));
	take(s.w[2], "db", LK_S);
	is(lk_acquire_many(s.w[1], r, countof(r), &s.o, NULL), LK_E_BUSY);
	expect_report(&s.report, LK_E_BUSY, 1);
	expect_blocker(&s.report.blocker[0], LK_WHY_HELD, "db", "c", LK_S, LK_NL, LK_IX, 0);
	cr_expect_eq(s.report.blocker[0].flags, LK_ON_ANCESTOR);
	ok(lk_release_all(s.w[2]));
	ok(lk_acquire_many(s.w[1], r, countof(r), &s.o, NULL));
	cr_expect(is_empty(&s.report));
	end_scene(&s);
}

/* What is granted, and what fails for another reason, leaves an empty report. */
Test(report, is_empty_where_nobody_was_in_the_way)
{
	struct asker a;
	struct scene s;
	lk_grant g;

	set_scene(&s, NULL);
	ok(lk_acquire(s.w[0], "n", LK_S, &s.o, &g));
	cr_expect(is_empty(&s.report), "of a grant");
	s.report.n = 7;
	ok(lk_convert(s.w[0], g, LK_X, &s.o));
	cr_expect(is_empty(&s.report), "of a conversion");
	s.report.n = 7;
	is(lk_acquire(s.w[0], "", LK_S, &s.o, NULL), LK_E_NAME);
	cr_expect(is_empty(&s.report), "of a bad name");
	s.report.n = 7;
	is(lk_convert(s.w[1], g, LK_X, &s.o), LK_E_STALE);
	cr_expect(is_empty(&s.report), "of a stale grant");
	ask_with(s.m, &a, s.w[1], "n", LK_S, &s.o);
	ok(lk_release(s.w[0], g));
	(void)granted(&a);
	cr_expect(is_empty(&s.report), "of a grant after a wait");
	end_scene(&s);
}

Test(report, of_a_wrong_size_is_refused)
{
	NEWER(struct lk_report) newer = { .known.size = sizeof(newer) };
	struct scene s;

	set_scene(&s, NULL);
	s.report.size = sizeof(s.report) - 1;
	is(lk_acquire(s.w[0], "n", LK_S, &s.o, NULL), LK_E_INVAL);
	cr_expect_eq(s.report.n, 0x5a5a5a5a, "it was written");
	s.report.size = 0;
	is(lk_try_acquire(s.w[0], "n", LK_X, NULL), 0);
	is(lk_acquire(s.w[1], "n", LK_S, &s.o, NULL), LK_E_INVAL);
	s.o.report = &newer.known;
	s.o.flags = LK_NOWAIT;
	newer.unknown[3] = 1;
	is(lk_acquire(s.w[1], "n", LK_S, &s.o, NULL), LK_E_VERSION);
	newer.unknown[3] = 0;
	is(lk_acquire(s.w[1], "n", LK_S, &s.o, NULL), LK_E_BUSY);
	expect_report(&newer.known, LK_E_BUSY, 1);
	cr_expect_eq(newer.unknown[0], 0);
	end_scene(&s);
}

/* A shutdown has no name of which anybody could be in the way. */
Test(report, of_a_shutdown_is_not_there)
{
	struct scene s;

	set_scene(&s, NULL);
	is(lk_shutdown(s.m, &s.o), LK_E_UNSUPPORTED);
	take(s.w[0], "n", LK_X); /* it did not shut down */
	end_scene(&s);
}

Test(report, takes_no_memory)
{
	struct test_heap heap;
	struct scene s;
	uint64_t calls;

	test_heap_init(&heap);
	set_scene(&s, NULL);
	close_all(s.m, s.w, (int)countof(s.w));
	s.m = open_with(NULL, &heap, NULL);
	open_owners(s.m, s.w, (int)countof(s.w));
	take(s.w[0], "db/n", LK_X);
	s.o.flags = LK_NOWAIT;
	is(lk_acquire(s.w[1], "db/n", LK_X, &s.o, NULL), LK_E_BUSY); /* what it warms up */
	calls = heap.calls;
	test_heap_fail(&heap, 1, true);
	for (int i = 0; i < 10; i++) {
		is(lk_acquire(s.w[1], "db/n", LK_X, &s.o, NULL), LK_E_BUSY);
		expect_report(&s.report, LK_E_BUSY, 1);
	}
	cr_expect_eq(heap.calls, calls);
	test_heap_fail(&heap, 0, false);
	end_scene(&s);
}

/* ------------------------------------------------------------------- concurrency */

enum { CROWD = 3, ROUNDS = 3000 };

struct crowd {
	struct lk_manager *m;
	atomic_uint left;
};

/* Come and go as new owners, with names long and short, tags, re-entries and conversions. */
static void
crowd_work(void *arg, unsigned index)
{
	struct crowd *c = arg;
	uint64_t seed = index + 1;

	for (int i = 0; i < ROUNDS; i++) {
		struct lk_options o = {
			.size = sizeof(o), .flags = LK_NOWAIT, .tag = "crowd", .tag_len = 5
		};
		struct lk_owner *w = NULL;
		lk_grant g = 0;

		must(lk_owner_open(c->m, NULL, &w) == 0);
		if (lk_acquire(w, "db/hot", test_random(&seed) % 2 == 0 ? LK_S : LK_X, &o, &g) == 0)
			(void)!lk_convert(w, g, LK_S, NULL);
		(void)!lk_acquire(w, "db/a name that does not fit into an entry", LK_X, &o, NULL);
		must(lk_owner_close(w) == 0);
	}
	atomic_fetch_sub(&c->left, 1);
}

Test(report, holds_while_others_come_and_go, .timeout = 120)
{
	struct test_thread threads[CROWD];
	struct crowd c;
	struct scene s;

	set_scene(&s, NULL);
	c.m = s.m;
	atomic_init(&c.left, CROWD);
	test_spawn(threads, CROWD, crowd_work, &c);
	s.o.flags = LK_NOWAIT;
	while (atomic_load(&c.left) > 0) {
		lk_grant g;
		int rc = lk_acquire(s.w[0], "db/hot", LK_X, &s.o, &g);

		if (rc == 0) {
			cr_assert(is_empty(&s.report));
			ok(lk_release(s.w[0], g));
			continue;
		}
		cr_assert_eq(rc, LK_E_BUSY);
		cr_assert_eq(s.report.code, LK_E_BUSY);
		for (uint32_t i = 0; i < s.report.kept; i++) {
			const struct lk_blocker *b = &s.report.blocker[i];

			cr_assert_eq(b->why, LK_WHY_HELD);
			cr_assert(b->held == LK_S || b->held == LK_X);
			cr_assert_eq(b->name_len, 6);
			cr_assert_eq(memcmp(b->name, "db/hot", 6), 0);
			cr_assert_neq(b->owner_id, 0);
		}
	}
	test_join(threads, CROWD);
	end_scene(&s);
}
