/* SPDX-License-Identifier: MIT */
/* What families have in common with other owners: rings, leases, requests without a thread, events, memory. */
#include "async.h"
#include "family.h"
#include "lease_stage.h"

/* ------------------------------------------------------------------------ rings */

static struct lk_owner *
loser_of(struct asker *a, struct asker *b)
{
	wait_until(is_answered(a) || is_answered(b));
	return is_answered(a) ? a->owner : b->owner;
}

Test(family_more, two_families_in_a_ring_lose_one_request, .timeout = 60)
{
	struct lk_report report = LK_REPORT_INIT;
	struct lk_options o = { .size = sizeof(o), .report = &report };
	struct family f[2];
	struct asker a[2];
	int lost;

	family_open(&f[0], NULL, 2);
	family_of(&f[1], f[0].m, 2);
	(void)take(f[0].child[0], "a", LK_X);
	(void)take(f[1].child[0], "b", LK_X);
	ask_with(f[0].m, &a[0], f[0].child[1], "b", LK_X, &o);
	ask_with(f[0].m, &a[1], f[1].child[1], "a", LK_X, NULL);
	lost = loser_of(&a[0], &a[1]) == a[1].owner;
	is(answer(&a[lost]), LK_E_DEADLOCK);
	if (lost == 0) {
		cr_assert_eq(report.code, LK_E_DEADLOCK);
		cr_assert_eq(report.deadlock, 1);
	}
	ok(lk_release_all(f[lost].child[0]));
	(void)granted(&a[!lost]);
	cr_assert_eq(stats_of(f[0].m).deadlocks, 1);
	family_end(&f[1]);
	family_close(&f[0]);
}

Test(family_more, a_family_and_an_owner_in_a_ring_lose_the_lowest, .timeout = 60)
{
	struct lk_owner_options low = LK_OWNER_OPTIONS_INIT;
	struct family f;
	struct lk_owner *child;
	struct asker a[2];

	family_open(&f, NULL, 0);
	low.parent = f.head;
	low.priority = -1;
	low.label = "low";
	ok(lk_owner_open(f.m, &low, &child));
	(void)take(f.head, "a/b", LK_X);
	(void)take(f.other, "b", LK_X);
	ask(f.m, &a[0], f.other, "a", LK_S);
	ask(f.m, &a[1], child, "b", LK_S);
	is(answer(&a[1]), LK_E_DEADLOCK);
	ok(lk_release_all(f.head));
	(void)granted(&a[0]);
	ok(lk_owner_close(child));
	family_close(&f);
}

static int
look_at_ring(void *arg, const struct lk_deadlock *d)
{
	unsigned *n = arg;

	cr_assert_eq(d->n, 2);
	cr_assert_eq(d->kept, 2);
	cr_assert_str_eq(d->member[d->victim].owner_label, "low");
	++*n;
	return 0;
}

Test(family_more, a_ring_is_told_with_the_label_of_who_waited, .timeout = 60)
{
	struct lk_owner_options low = LK_OWNER_OPTIONS_INIT;
	struct lk_owner *child;
	struct family f;
	struct asker a[2];
	unsigned n = 0;

	family_open(&f, NULL, 0);
	low.parent = f.head;
	low.priority = -1;
	low.label = "low";
	ok(lk_owner_open(f.m, &low, &child));
	(void)take(f.head, "a", LK_X);
	(void)take(f.other, "b", LK_X);
	ask(f.m, &a[0], f.other, "a", LK_S);
	ask(f.m, &a[1], child, "b", LK_S);
	is(answer(&a[1]), LK_E_DEADLOCK);
	ok(lk_deadlock_each(f.m, look_at_ring, &n));
	cr_assert_eq(n, 1);
	ok(lk_release_all(f.head));
	(void)granted(&a[0]);
	ok(lk_owner_close(child));
	family_close(&f);
}

/* Members that wait for what their own family has would be a ring of their own. */
Test(family_more, is_in_no_ring_with_itself, .timeout = 60)
{
	struct family f;
	struct asker a[2];
	lk_grant g;
	uint64_t searches;

	family_open(&f, "memory:?deadlock_delay_ns=100000", 2);
	(void)take(f.child[0], "a", LK_S);
	(void)take(f.child[1], "b", LK_S);
	g = take(f.other, "a", LK_S);
	(void)take(f.other, "b", LK_S);
	ask(f.m, &a[0], f.child[1], "a", LK_X);
	ask(f.m, &a[1], f.child[0], "b", LK_X);
	searches = stats_of(f.m).searches;
	wait_until(stats_of(f.m).searches > searches + 8);
	cr_assert(!is_answered(&a[0]) && !is_answered(&a[1]));
	ok(lk_release(f.other, g));
	(void)granted(&a[0]);
	ok(lk_release_all(f.other));
	(void)granted(&a[1]);
	cr_assert_eq(stats_of(f.m).deadlocks, 0);
	family_close(&f);
}

Test(family_more, waits_outside_as_one, .timeout = 60)
{
	struct family f;
	struct asker a;
	struct lk_owner *third;

	family_open(&f, NULL, 2);
	ok(lk_owner_open(f.m, NULL, &third));
	/* A member waits outside for one who waits for what another member holds. */
	(void)take(f.child[0], "a", LK_X);
	ok(lk_external_wait_begin(f.child[1], f.other));
	ask(f.m, &a, f.other, "a", LK_X);
	is(answer(&a), LK_E_DEADLOCK);
	ok(lk_external_wait_end(f.child[1]));
	/* … and somebody outside for a member. */
	(void)take(f.other, "b", LK_X);
	ok(lk_external_wait_begin(f.other, f.child[0]));
	ask(f.m, &a, f.child[1], "b", LK_X);
	is(answer(&a), LK_E_DEADLOCK);
	ok(lk_external_wait_end(f.other));
	ok(lk_owner_close(third));
	family_close(&f);
}

/* ------------------------------------------------------------ requests without a thread */

Test(family_more, submits_for_each_member_by_itself, .timeout = 60)
{
	struct family f;
	struct loop l;
	lk_request_id id[2];
	lk_grant g;

	loop_open(&l, NULL, 0);
	family_of(&f, l.m, 2);
	g = take(f.other, "n", LK_X);
	ok(lk_submit(l.q, f.child[0], "n", LK_X, NULL, NULL, NULL, &id[0]));
	ok(lk_submit(l.q, f.child[1], "n", LK_S, NULL, NULL, NULL, &id[1]));
	is(lk_cancel(f.child[1], id[0]), LK_E_STALE);
	is(lk_cancel(f.head, id[0]), LK_E_STALE);
	ok(lk_cancel(f.child[0], id[0]));
	cr_assert_eq(next_done(&l, LK_E_CANCELED)->owner, f.child[0]);
	ok(lk_release(f.other, g));
	g = next_done_soon(&l, 0)->grant;
	cr_assert_eq(l.c.owner, f.child[1]);
	is(lk_release(f.head, g), LK_E_STALE);
	ok(lk_submit_convert(l.q, f.child[1], g, LK_X, NULL, NULL, NULL, &id[0]));
	is(lk_submit_convert(l.q, f.child[0], g, LK_S, NULL, NULL, NULL, &id[0]), LK_E_STALE);
	(void)next_done(&l, 0);
	ok(lk_release(f.child[1], g));
	family_end(&f);
	loop_close(&l);
}

Test(family_more, ends_what_was_submitted_for_a_child_with_it, .timeout = 60)
{
	struct family f;
	struct loop l;
	lk_grant g;

	loop_open(&l, NULL, 0);
	family_of(&f, l.m, 2);
	g = take(f.other, "n", LK_X);
	ok(lk_submit(l.q, f.child[0], "n", LK_X, NULL, NULL, NULL, &l.id));
	ok(lk_submit(l.q, f.child[1], "n", LK_X, NULL, NULL, NULL, &l.id));
	ok(lk_submit(l.q, f.child[0], "m", LK_X, NULL, NULL, NULL,
		     &l.id)); /* granted, not reaped */
	ok(lk_owner_pass(f.child[0]));
	ok(lk_owner_close(f.child[0]));
	cr_assert_eq(line(l.m, "n"), 1);
	cr_assert_eq(holds(f.head, "m"), LK_X);
	ok(lk_release(f.other, g));
	for (int i = 0; i < 3; i++) {
		struct lk_completion c = { .size = sizeof(c) };
		int n = 0;

		wait_until((n = lk_queue_reap(l.q, &c, 1)) != 0);
		is(c.code, c.owner == f.child[1] ? 0 : LK_E_CANCELED);
	}
	ok(lk_release_all(f.head));
	f.child[0] = f.child[1];
	f.n = 1;
	family_end(&f);
	loop_close(&l);
}

/* ------------------------------------------------------------------------ leases */

static struct lk_options
leased(uint64_t ns)
{
	return (struct lk_options){ .size = sizeof(struct lk_options), .lease_ns = ns };
}

Test(family_more, loses_what_a_member_had_and_tells_the_head, .timeout = 60)
{
	const struct lk_options o = leased(10000000);
	struct lease_stage s;
	struct lk_owner *child[2];
	lk_grant g[3];

	lease_stage_open(&s, NULL);
	child[0] = open_child(s.m, s.w[0]);
	child[1] = open_child(s.m, s.w[0]);
	ok(lk_acquire(child[0], "db", LK_X, &o, &g[0]));
	g[1] = take(child[1], "db/t", LK_X);
	ok(lk_acquire(child[1], "n", LK_X, &o, &g[2]));
	ok(lk_renew(child[1], g[2], 50000000));
	pass(&s, 11000000);
	cr_assert_eq(s.told[0].n, 2); /* it was lost, and what it covered */
	is(lk_check(child[1], g[0]), LK_E_STALE);
	is(lk_check(child[0], g[0]), LK_E_LOST);
	is(lk_check(child[1], g[1]), LK_E_LOST);
	ok(lk_check(child[1], g[2]));
	is(lk_release(s.w[0], g[1]), LK_E_STALE);
	is(lk_release(child[1], g[1]), LK_E_LOST);
	is(lk_release(child[1], g[1]), LK_E_STALE);
	cr_assert(is_open_to(s.w[1], "db/t", LK_X));
	ok(lk_owner_pass(child[0]));
	is(lk_release(child[0], g[0]), LK_E_STALE);
	is(lk_release(s.w[0], g[0]), LK_E_LOST);
	pass(&s, 50000000);
	is(lk_check(child[1], g[2]), LK_E_LOST);
	ok(lk_owner_close(child[1]));
	ok(lk_owner_close(child[0]));
	lease_stage_close(&s);
}

Test(family_more, passes_a_lease_with_its_grant, .timeout = 60)
{
	const struct lk_options o = leased(10000000);
	struct lease_stage s;
	struct lk_owner *child;
	lk_grant g;

	lease_stage_open(&s, NULL);
	child = open_child(s.m, s.w[0]);
	ok(lk_acquire(child, "n", LK_X, &o, &g));
	ok(lk_owner_pass(child));
	ok(lk_check(s.w[0], g));
	ok(lk_renew(s.w[0], g, 0));
	pass(&s, 11000000);
	is(lk_check(s.w[0], g), LK_E_LOST);
	is(lk_check(child, g), LK_E_STALE);
	cr_assert(is_open_to(s.w[1], "n", LK_X));
	ok(lk_owner_close(child));
	lease_stage_close(&s);
}

Test(family_more, keeps_what_a_child_lost_from_others_though_it_closes, .timeout = 60)
{
	const struct lk_options o = leased(10000000);
	struct lease_stage s;
	struct lk_owner *child;
	lk_grant g;

	lease_stage_open(&s, "memory:?lock_delay_ns=20ms");
	child = open_child(s.m, s.w[0]);
	ok(lk_acquire(child, "n", LK_X, &o, &g));
	pass(&s, 11000000);
	is(lk_check(child, g), LK_E_LOST);
	ok(lk_owner_close(child));
	cr_assert(!is_open_to(s.w[1], "n", LK_S));
	pass(&s, 21000000);
	cr_assert(is_open_to(s.w[1], "n", LK_X));
	lease_stage_close(&s);
}

Test(family_more, ends_leases_while_a_member_waits, .timeout = 60)
{
	const struct lk_options o = leased(10000000);
	struct lease_stage s;
	struct lk_owner *child[2];
	struct asker a;
	lk_grant g[2];

	lease_stage_open(&s, NULL);
	child[0] = open_child(s.m, s.w[0]);
	child[1] = open_child(s.m, s.w[0]);
	ok(lk_acquire(child[0], "db", LK_S, &o, &g[0]));
	g[1] = take(s.w[1], "db/t", LK_S);
	ask(s.m, &a, child[1], "db/t", LK_X);
	pass(&s, 11000000);
	is(lk_release(child[0], g[0]), LK_E_LOST);
	cr_assert(!is_answered(&a));
	ok(lk_release(s.w[1], g[1]));
	(void)granted(&a);
	ok(lk_owner_close(child[1]));
	ok(lk_owner_close(child[0]));
	lease_stage_close(&s);
}

/* ------------------------------------------------------------------------ events */

struct hearer {
	struct family f;
	unsigned told[32];
	bool works; /* the hook does something for another member */
	char label[LK_LABEL_MAX + 1];
};

static int
hear(void *arg, const struct lk_event *e)
{
	struct hearer *h = arg;
	const bool works = h->works;

	h->told[__builtin_ctz(e->kind)]++;
	memcpy(h->label, e->owner_label, sizeof(h->label));
	h->works = false; /* what it does is told too */
	if (works) {
		(void)!lk_release_name(h->f.child[1], "n", 1);
		ok(lk_acquire(h->f.child[1], "n", LK_S, NULL, NULL));
		ok(lk_acquire(h->f.head, "n", LK_IS, NULL, NULL));
		ok(lk_release_all(h->f.head));
	}
	h->works = works;
	return e->kind == LK_EVENT_BEFORE_ACQUIRE && e->name_len == 6;
}

static unsigned
heard(struct hearer *h, uint32_t kind)
{
	return h->told[__builtin_ctz(kind)];
}

static void
hearer_open(struct hearer *h)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_manager *m;

	memset(h, 0, sizeof(*h));
	cfg.on_event = hear;
	cfg.on_event_arg = h;
	ok(lk_open("memory:?events=all", &cfg, &m));
	family_of(&h->f, m, 0);
	o.parent = h->f.head;
	o.label = "worker";
	for (int i = 0; i < 2; i++)
		ok(lk_owner_open(m, &o, &h->f.child[i]));
	h->f.n = 2;
}

Test(family_more, asks_the_hook_and_tells_it_as_the_member, .timeout = 60)
{
	const struct lk_options soon = { .size = sizeof(soon), .timeout_ns = 1000000 };
	const struct lk_request two[2] = { { .name = "n", .mode = LK_S },
					   { .name = "m", .mode = LK_S } };
	struct hearer h;
	lk_grant g;

	hearer_open(&h);
	is(lk_acquire(h.f.child[0], "refuse", LK_X, NULL, NULL), LK_E_PERM);
	ok(lk_acquire(h.f.child[0], "n", LK_S, NULL, &g));
	cr_assert_str_eq(h.label, "worker");
	cr_assert_eq(heard(&h, LK_EVENT_ACQUIRED), 1);
	ok(lk_convert(h.f.child[0], g, LK_X, NULL));
	cr_assert_eq(heard(&h, LK_EVENT_CONVERT), 1);
	ok(lk_release(h.f.child[0], g));
	cr_assert_str_eq(h.label, "worker");
	cr_assert_eq(heard(&h, LK_EVENT_RELEASE), 1);
	ok(lk_acquire_many(h.f.child[0], two, 2, NULL, NULL));
	cr_assert_eq(heard(&h, LK_EVENT_ACQUIRED), 3);
	ok(lk_release_all(h.f.child[0]));
	cr_assert_eq(heard(&h, LK_EVENT_RELEASE), 3);
	(void)take(h.f.other, "n", LK_X);
	is(lk_acquire(h.f.child[0], "n", LK_S, &soon, NULL), LK_E_TIMEDOUT);
	cr_assert_str_eq(h.label, "worker");
	cr_assert_eq(heard(&h, LK_EVENT_REFUSED), 2);
	is(lk_try_acquire(h.f.child[0], "n", LK_S, NULL), LK_E_BUSY);
	cr_assert_eq(heard(&h, LK_EVENT_BUSY), 1);
	is(lk_acquire_many(h.f.child[0], two, 2, &soon, NULL), LK_E_TIMEDOUT);
	cr_assert_eq(heard(&h, LK_EVENT_REFUSED), 3);
	family_close(&h.f);
}

Test(family_more, lets_others_change_what_it_holds_while_a_hook_runs, .timeout = 60)
{
	const struct lk_request two[2] = { { .name = "n", .mode = LK_X },
					   { .name = "n/m", .mode = LK_S } };
	struct hearer h;
	lk_grant g;

	hearer_open(&h);
	(void)take(h.f.child[1], "n", LK_S);
	h.works = true;
	ok(lk_acquire(h.f.child[0], "n", LK_U, NULL, &g));
	ok(lk_convert(h.f.child[0], g, LK_X, NULL));
	ok(lk_acquire_many(h.f.child[0], two, 2, NULL, NULL));
	ok(lk_convert(h.f.child[0], g, LK_IS, NULL));
	ok(lk_release(h.f.child[0], g));
	ok(lk_release_all(h.f.child[0]));
	h.works = false;
	cr_assert_eq(holds(h.f.head, "n"), LK_S);
	cr_assert_eq(info_of(h.f.m, "n").holders[LK_S], 1);
	ok(lk_release_all(h.f.child[1]));
	cr_assert_eq(stats_of(h.f.m).holds, 0);
	family_close(&h.f);
}

/* ------------------------------------------------------------------------ memory */

static int
acquire_all(struct family *f, lk_grant g[3])
{
	static const struct lk_request two[2] = { { .name = "b", .mode = LK_X },
						  { .name = "a/d", .mode = LK_X } };
	int rc = lk_acquire(f->child[0], "a/b/c", LK_X, NULL, &g[0]);

	if (rc == 0)
		rc = lk_acquire_many(f->child[1], two, 2, NULL, &g[1]);
	return rc;
}

/* Every allocation of opening and taking fails once. */
Test(family_more, leaves_nothing_when_memory_is_short, .timeout = 60)
{
	uint64_t at = 0;
	int rc;

	do {
		struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
		struct test_heap heap;
		struct family f;
		lk_grant g[3];

		test_heap_init(&heap);
		family_of(&f, open_with(NULL, &heap, NULL), 0);
		o.parent = f.head;
		test_heap_fail(&heap, ++at, false);
		rc = 0;
		while (rc == 0 && f.n < 2) {
			rc = lk_owner_open(f.m, &o, &f.child[f.n]);
			f.n += rc == 0;
		}
		if (rc == 0)
			rc = acquire_all(&f, g);
		test_heap_fail(&heap, 0, false);
		cr_assert(rc == 0 || rc == LK_E_NOMEM, "%s", lk_errname(rc));
		for (int i = 0; i < f.n; i++)
			ok(lk_release_all(f.child[i]));
		cr_assert_eq(stats_of(f.m).holds, 0);
		family_close(&f);
		cr_assert_eq(atomic_load(&heap.blocks), 0);
	} while (rc != 0);
	cr_assert_gt(at, 1);
}

/* … and those of a request that waits. */
Test(family_more, refuses_a_wait_when_memory_is_short, .timeout = 60)
{
	static const struct lk_request r[2] = { { .name = "n/x", .mode = LK_X },
						{ .name = "m", .mode = LK_X } };
	const struct lk_options soon = { .size = sizeof(soon), .timeout_ns = 1 };
	struct test_heap heap;
	struct family f;
	unsigned refused = 0;
	uint64_t at = 0;
	lk_grant g[2];
	int rc;

	test_heap_init(&heap);
	family_of(&f, open_with(NULL, &heap, NULL), 1);
	(void)take(f.other, "n/x", LK_S);
	do {
		test_heap_fail(&heap, ++at, true);
		rc = lk_acquire_many(f.child[0], r, 2, &soon, g);
		test_heap_fail(&heap, 0, false);
		cr_assert(rc == LK_E_NOMEM || rc == LK_E_TIMEDOUT, "%s", lk_errname(rc));
		refused += rc == LK_E_NOMEM;
		cr_assert_eq(holds(f.child[0], "m"), LK_NL);
		cr_assert_eq(stats_of(f.m).waiting, 0);
	} while (rc != LK_E_TIMEDOUT);
	cr_assert_gt(refused, 0);
	family_close(&f);
	cr_assert_eq(atomic_load(&heap.blocks), 0);
}
