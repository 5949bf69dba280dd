/* SPDX-License-Identifier: MIT */
/* Rings of owners that wait for each other: each is found and ended, at the cost of one request or of none. */
#include "support.h"

enum { MOST = 20 };

static struct lk_owner *
open_owner(struct lk_manager *m, const char *label, int priority)
{
	struct lk_owner_options o = { .size = sizeof(o), .label = label, .priority = priority };
	struct lk_owner *w;

	ok(lk_owner_open(m, &o, &w));
	return w;
}

/* "r3" for 3: the name that owner 3 holds. */
static const char *
name_of(int i)
{
	static char name[MOST][8];

	snprintf(name[i], sizeof(name[i]), "r%d", i);
	return name[i];
}

/* Owner i holds name i and waits for name i + 1, the last for the first. */
struct ring {
	struct lk_manager *m;
	struct lk_owner *w[MOST];
	struct asker a[MOST];
	int n;
};

static void
hold_names(struct ring *r, lk_mode mode)
{
	for (int i = 0; i < r->n; i++)
		take(r->w[i], name_of(i), mode);
}

/* The last request closes the ring, so it need not be seen to wait: the ring may be gone by then. */
static void
close_ring(struct ring *r, lk_mode mode)
{
	for (int i = 0; i < r->n - 1; i++)
		ask(r->m, &r->a[i], r->w[i], name_of(i + 1), mode);
	r->a[r->n - 1] =
		(struct asker){ .owner = r->w[r->n - 1], .name = name_of(0), .mode = mode };
	asker_start(&r->a[r->n - 1]);
}

/* `victim` hears of it, releases, and all others are granted in turn. */
static void
unwind(struct ring *r, int victim)
{
	is(answer(&r->a[victim]), LK_E_DEADLOCK);
	cr_expect_eq(holds(r->w[victim], name_of(victim)), LK_X, "its grants stay");
	ok(lk_release_all(r->w[victim]));
	for (int k = 1; k < r->n; k++) {
		int i = (victim - k + r->n) % r->n;

		ok(answer(&r->a[i]));
		ok(lk_release_all(r->w[i]));
	}
	close_all(r->m, r->w, r->n);
}

static int
copy_latest(void *arg, const struct lk_deadlock *d)
{
	*(struct lk_deadlock *)arg = *d;
	return 0;
}

static struct lk_deadlock
latest(struct lk_manager *m)
{
	struct lk_deadlock d = { .number = 0 };

	ok(lk_deadlock_each(m, copy_latest, &d));
	return d;
}

static void
ring_of(int n)
{
	struct ring r = { .m = open_manager(NULL), .n = n };
	struct lk_deadlock d;

	for (int i = 0; i < n; i++)
		r.w[i] = open_owner(r.m, name_of(i), i == n / 2 ? -1 : 0);
	hold_names(&r, LK_X);
	close_ring(&r, LK_X);
	wait_until(stats_of(r.m).deadlocks == 1);
	d = latest(r.m);
	cr_expect_eq(d.n, (uint32_t)n);
	cr_expect_eq(d.kept, (uint32_t)(n < LK_DEADLOCK_MEMBERS_MAX ? n : LK_DEADLOCK_MEMBERS_MAX));
	cr_assert_lt(d.victim, d.kept);
	cr_expect_str_eq(d.member[d.victim].owner_label, name_of(n / 2));
	for (uint32_t i = 0; i < d.kept; i++)
		cr_expect_eq((d.member[i].flags & LK_VICTIM) != 0, i == d.victim);
	unwind(&r, n / 2);
}

Test(deadlock, ring_of_two)
{
	ring_of(2);
}

Test(deadlock, ring_of_three)
{
	ring_of(3);
}

Test(deadlock, ring_of_more_than_a_report_keeps)
{
	ring_of(MOST);
}

Test(deadlock, report_names_the_whole_ring_in_order)
{
	static const char tag[] = "request 7";
	struct ring r = { .m = open_manager(NULL), .n = 3 };
	struct lk_options o = { .size = sizeof(o), .tag = tag, .tag_len = sizeof(tag) };
	struct lk_deadlock d;
	uint32_t at = 0;

	for (int i = 0; i < r.n; i++)
		r.w[i] = open_owner(r.m, name_of(i), i == 2 ? -7 : i);
	hold_names(&r, LK_X);
	take(r.w[2], "more", LK_S);
	ask_with(r.m, &r.a[0], r.w[0], name_of(1), LK_S, &o);
	ask(r.m, &r.a[1], r.w[1], name_of(2), LK_U);
	r.a[2] = (struct asker){ .owner = r.w[2], .name = name_of(0), .mode = LK_IX };
	asker_start(&r.a[2]);
	wait_until(stats_of(r.m).deadlocks == 1);
	d = latest(r.m);
	cr_assert_eq(d.n, 3);
	cr_expect_eq(d.number, 1);
	cr_expect_gt(d.at_ns, 0);
	while (strcmp(d.member[at].owner_label, "r0") != 0)
		cr_assert_lt(++at, 3u);
	for (uint32_t i = 0; i < 3; i++) {
		static const lk_mode wanted[] = { LK_S, LK_U, LK_IX };
		const struct lk_deadlock_member *q = &d.member[(at + i) % 3];
		const char *name = name_of((int)(i + 1) % 3);

		cr_expect_str_eq(q->owner_label, name_of((int)i));
		cr_expect_eq(q->name_len, strlen(name));
		cr_expect_eq(memcmp(q->name, name, q->name_len), 0);
		cr_expect_eq(q->wanted, wanted[i]);
		cr_expect_eq(q->held, LK_NL);
		cr_expect_eq(q->blocked, LK_X);
		cr_expect_eq(q->priority, i == 2 ? -7 : (int)i);
		cr_expect_eq(q->n_grants, i == 2 ? 2u : 1u);
		cr_expect_eq(q->flags, i == 2 ? LK_VICTIM : 0u);
		cr_expect_eq(q->tag_len, i == 0 ? sizeof(tag) : 0u);
		cr_expect_eq(memcmp(q->tag, tag, q->tag_len), 0);
	}
	unwind(&r, 2);
}

/* ------------------------------------------------------------------ who is the victim */

static uint32_t chosen;  /* by label */
static bool choose_none; /* say a number that is nobody's */

static uint32_t
choose(void *arg, const struct lk_deadlock *d)
{
	struct lk_stats s = { .size = sizeof(s) };

	must(lk_stats(*(struct lk_manager **)arg, &s) == 0); /* it may call Latchkey */
	must(d->size == sizeof(*d) && d->kept == d->n && d->victim < d->n);
	for (uint32_t i = 0; i < d->n && !choose_none; i++) {
		if (d->member[i].owner_label[1] == (char)('0' + chosen))
			return i;
	}
	return 1000;
}

/* Three owners, opened in this order, with 2, 1 and 3 grants; whose request ends? */
static void
expect_victim(const char *url, bool ask_us, int victim)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct test_world world;
	struct ring r = { .n = 3 };

	test_world_init(&world);
	world.manual = true;
	cfg.environment = &world.environment;
	cfg.on_victim = ask_us ? choose : NULL;
	cfg.on_victim_arg = &r.m;
	ok(lk_open(url, &cfg, &r.m));
	for (int i = 0; i < 3; i++) {
		r.w[i] = open_owner(r.m, name_of(i), 0);
		test_world_advance(&world, 1);
	}
	hold_names(&r, LK_X);
	take(r.w[0], "n", LK_S);
	take(r.w[2], "n", LK_S);
	take(r.w[2], "n", LK_S);
	close_ring(&r, LK_X);
	wait_until(stats_of(r.m).waiting == 3);
	test_world_advance(&world, 1000000);
	unwind(&r, victim);
}

Test(deadlock, victim_is_the_youngest)
{
	expect_victim("memory:?victim=youngest", false, 2);
}

Test(deadlock, victim_is_the_oldest)
{
	expect_victim("memory:?victim=oldest", false, 0);
}

Test(deadlock, victim_has_the_fewest_grants)
{
	expect_victim("memory:?victim=fewest", false, 1);
}

Test(deadlock, victim_has_the_most_grants)
{
	expect_victim("memory:?victim=most", false, 2);
}

Test(deadlock, victim_is_whom_the_caller_names)
{
	for (chosen = 0; chosen < 3; chosen++)
		expect_victim("memory:?victim=most", true, (int)chosen);
}

Test(deadlock, victim_is_as_usual_if_the_caller_names_nobody)
{
	choose_none = true;
	expect_victim("memory:?victim=most", true, 2);
}

/* -------------------------------------------------------------------------- other rings */

Test(deadlock, conversions_of_two_names)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2] = { open_owner(m, "a", 0), open_owner(m, "b", -1) };
	struct asker a[2];
	lk_grant g[2];

	for (int i = 0; i < 2; i++) {
		g[0] = take(w[i], "n", LK_S);
		g[1] = take(w[i], "o", LK_S);
		a[i].grant = g[i];
	}
	ask_convert(m, &a[1], w[1], a[1].grant, LK_X);
	g[0] = 0;
	ok(lk_release_name(w[0], "n", 1));
	g[0] = take(w[0], "n", LK_S);
	ask_convert(m, &a[0], w[0], g[0], LK_X);
	is(answer(&a[1]), LK_E_DEADLOCK);
	cr_expect_eq(holds(w[1], "o"), LK_S, "a conversion that ends leaves the grant as it was");
	ok(lk_release_all(w[1]));
	ok(answer(&a[0]));
	close_all(m, w, 2);
}

Test(deadlock, intents_of_a_path_that_is_being_taken)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2] = { open_owner(m, "a", 0), open_owner(m, "b", -1) };
	struct asker a[2];

	take(w[0], "db/x/1", LK_X);
	/* This one has its intent on "db" and waits below; that is what the other will wait for. */
	ask(m, &a[1], w[1], "db/x/1", LK_X);
	ask(m, &a[0], w[0], "db", LK_X);
	is(answer(&a[1]), LK_E_DEADLOCK);
	cr_expect_eq(holds(w[1], "db"), LK_NL);
	ok(answer(&a[0]));
	close_all(m, w, 2);
}

Test(deadlock, order_of_a_line_is_changed_before_anybody_fails)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct lk_owner *w[3];
	struct asker a[3];

	open_owners(m, w, 3);
	take(w[1], "n", LK_S);
	take(w[2], "o", LK_X);
	ask(m, &a[0], w[0], "n", LK_X); /* waits for w[1] */
	ask(m, &a[1], w[1], "o", LK_X); /* … which waits for w[2] */
	a[2] = (struct asker){ .owner = w[2], .name = "n", .mode = LK_S };
	asker_start(&a[2]); /* … which is behind w[0] */
	ok(answer(&a[2]));
	wait_until(stats_of(m).reorders == 1); /* it is counted right after */
	cr_expect_eq(stats_of(m).deadlocks, 0);
	ok(lk_release_all(w[2]));
	ok(answer(&a[1]));
	ok(lk_release_all(w[1]));
	ok(answer(&a[0]));
	close_all(m, w, 3);
}

Test(deadlock, nobody_looks_if_that_is_off)
{
	struct ring r = { .m = open_manager("memory:?deadlock_delay_ns=off"), .n = 2 };

	for (int i = 0; i < 2; i++)
		r.w[i] = open_owner(r.m, NULL, 0);
	hold_names(&r, LK_X);
	ask(r.m, &r.a[0], r.w[0], name_of(1), LK_X);
	ask(r.m, &r.a[1], r.w[1], name_of(0), LK_X);
	cr_expect_eq(stats_of(r.m).searches, 0);
	ok(lk_owner_cancel(r.w[0]));
	is(answer(&r.a[0]), LK_E_CANCELED);
	ok(lk_release_all(r.w[0]));
	ok(answer(&r.a[1]));
	cr_expect_eq(latest(r.m).number, 0);
	close_all(r.m, r.w, 2);
}

/* ------------------------------------------------------------------------ remembering */

static void
one_deadlock(struct lk_manager *m)
{
	struct ring r = { .m = m, .n = 2 };

	r.w[0] = open_owner(m, NULL, 0);
	r.w[1] = open_owner(m, NULL, -1);
	hold_names(&r, LK_X);
	close_ring(&r, LK_X);
	is(answer(&r.a[1]), LK_E_DEADLOCK);
	ok(lk_release_all(r.w[1]));
	ok(answer(&r.a[0]));
	close_owners(r.w, 2);
}

struct numbers {
	uint64_t first, last, n;
	uint64_t stop_at;
};

static int
note_number(void *arg, const struct lk_deadlock *d)
{
	struct numbers *s = arg;

	s->first = s->n == 0 ? d->number : s->first;
	cr_expect(s->n == 0 || d->number == s->last + 1);
	s->last = d->number;
	s->n++;
	return d->number == s->stop_at ? 42 : 0;
}

Test(deadlock, the_latest_eight_are_kept)
{
	struct lk_manager *m = open_manager(NULL);
	struct numbers s = { 0 };
	struct numbers t = { .stop_at = 5 };

	for (int i = 0; i < 11; i++)
		one_deadlock(m);
	ok(lk_deadlock_each(m, note_number, &s));
	cr_expect_eq(s.n, 8);
	cr_expect_eq(s.first, 4);
	cr_expect_eq(s.last, 11);
	is(lk_deadlock_each(m, note_number, &t), 42);
	cr_expect_eq(t.n, 2);
	is(lk_deadlock_each(NULL, note_number, &t), LK_E_INVAL);
	is(lk_deadlock_each(m, NULL, &t), LK_E_INVAL);
	ok(lk_close(m));
}

Test(deadlock, is_ended_without_memory)
{
	struct test_heap heap;
	struct ring r = { .n = 2 };
	struct numbers s = { 0 };

	test_heap_init(&heap);
	r.m = open_with(NULL, &heap, NULL);
	r.w[0] = open_owner(r.m, NULL, 0);
	r.w[1] = open_owner(r.m, NULL, -1);
	hold_names(&r, LK_X);
	test_heap_fail(&heap, 1, true);
	close_ring(&r, LK_X);
	is(answer(&r.a[1]), LK_E_DEADLOCK);
	is(lk_deadlock_each(r.m, note_number, &s), LK_E_NOMEM);
	cr_expect_eq(s.n, 0);
	test_heap_fail(&heap, 0, false);
	ok(lk_release_all(r.w[1]));
	ok(answer(&r.a[0]));
	close_all(r.m, r.w, 2);
	cr_expect_eq(heap.blocks, 0);
}

/* ---------------------------------------------------------------------------- outside */

Test(deadlock, wait_outside_closes_a_ring)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];
	struct asker a;
	struct lk_deadlock d;

	open_owners(m, w, 2);
	take(w[0], "n", LK_X);
	ask(m, &a, w[1], "n", LK_S);
	ok(lk_external_wait_begin(w[0], w[1]));
	is(answer(&a), LK_E_DEADLOCK);
	d = latest(m);
	cr_assert_eq(d.n, 2);
	cr_expect_eq(d.member[d.victim].wanted, LK_S);
	cr_expect_eq(d.member[1 - d.victim].flags, LK_EXTERNAL);
	cr_expect_eq(d.member[1 - d.victim].wanted, LK_NL);
	ok(lk_external_wait_end(w[0]));
	close_all(m, w, 2);
}

Test(deadlock, request_closes_a_ring_through_outside)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];
	struct asker a;

	open_owners(m, w, 3);
	take(w[0], "n", LK_X);
	ok(lk_external_wait_begin(w[0], w[1]));
	ok(lk_external_wait_begin(w[1], w[2]));
	a = (struct asker){ .owner = w[2], .name = "n", .mode = LK_X };
	asker_start(&a);
	is(answer(&a), LK_E_DEADLOCK);
	ok(lk_external_wait_end(w[1]));
	ok(lk_external_wait_end(w[0]));
	close_all(m, w, 3);
}

Test(deadlock, ring_that_is_all_outside_is_refused)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];

	open_owners(m, w, 3);
	ok(lk_external_wait_begin(w[0], w[1]));
	ok(lk_external_wait_begin(w[1], w[2]));
	is(lk_external_wait_begin(w[2], w[0]), LK_E_DEADLOCK);
	is(lk_external_wait_end(w[2]), LK_E_INVAL);
	is(lk_external_wait_begin(w[0], w[2]), LK_E_BUSY);
	ok(lk_external_wait_end(w[0]));
	ok(lk_external_wait_begin(w[2], w[0]));
	cr_expect_eq(latest(m).number, 0);
	ok(lk_external_wait_end(w[1]));
	ok(lk_external_wait_end(w[2]));
	close_all(m, w, 3);
}

Test(deadlock, wait_outside_ends_with_either_owner)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];

	open_owners(m, w, 3);
	ok(lk_external_wait_begin(w[0], w[1]));
	ok(lk_owner_close(w[1])); /* whom it waits for */
	ok(lk_owner_open(m, NULL, &w[1]));
	ok(lk_external_wait_begin(w[1], w[0]));
	ok(lk_owner_close(w[1])); /* who waits */
	ok(lk_owner_open(m, NULL, &w[1]));
	is(lk_external_wait_end(w[1]), LK_E_INVAL);
	ok(lk_external_wait_begin(w[1], w[2]));
	ok(lk_external_wait_begin(w[2], w[0]));
	close_all(m, w, 3);
}

Test(deadlock, arguments_of_waits_outside)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_manager *other = open_manager(NULL);
	struct lk_owner *w;
	struct lk_owner *x;

	open_owners(m, &w, 1);
	open_owners(other, &x, 1);
	is(lk_external_wait_begin(NULL, w), LK_E_INVAL);
	is(lk_external_wait_begin(w, NULL), LK_E_INVAL);
	is(lk_external_wait_begin(w, w), LK_E_INVAL);
	is(lk_external_wait_begin(w, x), LK_E_INVAL);
	is(lk_external_wait_end(NULL), LK_E_INVAL);
	is(lk_external_wait_end(w), LK_E_INVAL);
	ok(lk_shutdown(other, NULL));
	close_all(m, &w, 1);
	close_all(other, &x, 1);
}
