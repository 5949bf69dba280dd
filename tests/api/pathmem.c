/* SPDX-License-Identifier: MIT */
/* Paths without memory: the n-th allocation fails, for every n, and nothing is taken or lost. */
#include "state.h"

static const struct lk_options nowait = { .size = sizeof(nowait), .flags = LK_NOWAIT };

struct scene {
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w[2];
	struct lk_resource *r;
	lk_grant read;    /* "c/d/e" in S, really */
	lk_grant implied; /* "s/t/u/v" in S, covered by "s" */
	lk_grant whole;   /* "p/q" in S, its ancestors too */
	struct state before, after;
	int expected; /* without a failure */
};

enum { DEPTH = 30 };

static int
call_deep(struct scene *s)
{
	char name[2 * DEPTH];

	memset(name, '/', sizeof(name));
	for (size_t i = 0; i < sizeof(name); i += 2)
		name[i] = 'a';
	return lk_acquire_bytes(s->w[0], name, sizeof(name) - 1, LK_X, &nowait, NULL);
}

static int
call_long_names(struct scene *s)
{
	char name[3000];

	memset(name, 'n', sizeof(name));
	name[900] = name[1900] = '/';
	return lk_acquire_bytes(s->w[0], name, sizeof(name), LK_S, &nowait, NULL);
}

static int
call_tagged(struct scene *s)
{
	char tag[LK_TAG_MAX] = "tag";
	struct lk_options o = {
		.size = sizeof(o), .flags = LK_TIMED, .tag = tag, .tag_len = sizeof(tag)
	};

	return lk_acquire(s->w[0], "a/b/c/d", LK_X, &o, NULL);
}

static int
call_parents(struct scene *s)
{
	struct lk_options o = { .size = sizeof(o), .flags = LK_PARENTS | LK_NOWAIT };

	return lk_acquire(s->w[0], "a/b/c/d/e/f/g/h", LK_U, &o, NULL);
}

static int
call_below_what_is_held(struct scene *s)
{
	return lk_acquire(s->w[0], "c/d/f/g", LK_X, &nowait, NULL);
}

static int
call_implied(struct scene *s)
{
	return lk_acquire(s->w[0], "s/t/w/x/y", LK_S, &nowait, NULL);
}

static int
call_implied_long(struct scene *s)
{
	char name[2000];

	memset(name, 'n', sizeof(name));
	memcpy(name, "s/t/", 4);
	name[1000] = '/';
	return lk_acquire_bytes(s->w[0], name, sizeof(name), LK_IS, &nowait, NULL);
}

static int
call_implied_again(struct scene *s)
{
	return lk_acquire(s->w[0], "s/t/u/v", LK_S, &nowait, NULL);
}

/* An implied grant that becomes real: two names between, of which nothing was held, and the own. */
static int
call_make_real(struct scene *s)
{
	return lk_convert(s->w[0], s->implied, LK_X, &nowait);
}

static int
call_convert(struct scene *s)
{
	return lk_convert(s->w[0], s->read, LK_X, &nowait);
}

static int
call_convert_parents(struct scene *s)
{
	return lk_convert(s->w[0], s->whole, LK_X, &nowait);
}

/* Beyond the cover, on the name of an implied grant. */
static int
call_beyond(struct scene *s)
{
	return lk_acquire(s->w[0], "s/t/u/v", LK_X, &nowait, NULL);
}

static const struct lk_request batch[] = {
	{ "b/x/1", LK_X, 0, 0 },   { "b/x/2", LK_S, 0, 0 },     { "b", LK_S, 0, 0 },
	{ "b/y/3/z", LK_U, 0, 0 }, { "s/t/batch", LK_S, 0, 0 }, { "c/d/e", LK_S, 0, 0 },
	{ "b/x/1", LK_IS, 0, 0 },  { "plain", LK_X, 0, 0 },     { "d/1/2/3/4/5/6/7/8", LK_X, 0, 0 },
};

static int
call_batch(struct scene *s)
{
	lk_grant g[countof(batch)];

	return lk_acquire_many(s->w[0], batch, countof(batch), &nowait, g);
}

static int
call_batch_with_parents(struct scene *s)
{
	struct lk_options o = { .size = sizeof(o), .flags = LK_PARENTS | LK_NOWAIT };

	return lk_acquire_many(s->w[0], batch, countof(batch), &o, NULL);
}

static int
call_resource_open(struct scene *s)
{
	struct lk_resource *r = NULL;
	int rc = lk_resource_open(s->m, "h/i/j/k/l/a_name_that_is_longer_than_others_are/m", &r);

	cr_assert_eq(r == NULL, rc != 0);
	lk_resource_close(r);
	return rc;
}

static int
call_acquire_on(struct scene *s)
{
	return lk_acquire_on(s->w[0], s->r, LK_X, &nowait, NULL);
}

static int
call_wait_above(struct scene *s)
{
	struct lk_options past = { .size = sizeof(past), .deadline_ns = 1 };

	s->expected = LK_E_TIMEDOUT;
	return lk_acquire(s->w[0], "held/a/b", LK_X, &past, NULL);
}

static int
call_wait_below(struct scene *s)
{
	struct lk_options past = { .size = sizeof(past), .deadline_ns = 1 };

	s->expected = LK_E_TIMEDOUT;
	return lk_acquire(s->w[0], "far/below/held", LK_X, &past, NULL);
}

static const struct {
	const char *name;
	int (*call)(struct scene *s);
} calls[] = {
	{ "deep", call_deep },
	{ "long names", call_long_names },
	{ "tag and time", call_tagged },
	{ "LK_PARENTS", call_parents },
	{ "below what is held", call_below_what_is_held },
	{ "implied", call_implied },
	{ "implied, long names", call_implied_long },
	{ "implied, re-entry", call_implied_again },
	{ "convert, implied to real", call_make_real },
	{ "convert", call_convert },
	{ "convert, LK_PARENTS", call_convert_parents },
	{ "beyond the cover", call_beyond },
	{ "lk_acquire_many", call_batch },
	{ "lk_acquire_many, LK_PARENTS", call_batch_with_parents },
	{ "lk_resource_open", call_resource_open },
	{ "lk_acquire_on", call_acquire_on },
	{ "wait above", call_wait_above },
	{ "wait below", call_wait_below },
};

/* `fill` more holds, so that whatever grows in steps grows at another place of the path. */
static void
scene_open(struct scene *s, uint64_t fill)
{
	struct lk_options whole = { .size = sizeof(whole), .flags = LK_PARENTS };

	memset(s, 0, sizeof(*s));
	test_heap_init(&s->heap);
	s->m = open_with("memory:?index_buckets=1&lot_buckets=1&max_idle=1", &s->heap, NULL);
	open_owners(s->m, s->w, 2);
	s->read = take(s->w[0], "c/d/e", LK_S);
	take(s->w[0], "s", LK_S);
	s->implied = take(s->w[0], "s/t/u/v", LK_S);
	ok(lk_acquire(s->w[0], "p/q", LK_S, &whole, &s->whole));
	ok(lk_resource_open(s->m, "by/handle/with/a_segment_that_does_not_fit_into_an_entry",
			    &s->r));
	take(s->w[1], "held", LK_S);
	take(s->w[1], "far/below/held", LK_S);
	for (uint64_t id = 0; id < fill; id++)
		ok(lk_acquire_id(s->w[0], id, LK_X, &nowait, NULL));
}

static void
scene_close(struct scene *s, const char *name)
{
	lk_resource_close(s->r);
	ok(lk_release_all(s->w[0]));
	ok(lk_release_all(s->w[1]));
	cr_assert_eq(stats_of(s->m).holds, 0, "%s", name);
	ok(lk_sweep(s->m, NULL));
	cr_assert_eq(stats_of(s->m).names, 0, "%s", name);
	close_all(s->m, s->w, 2);
	cr_assert_eq(atomic_load(&s->heap.blocks), 0, "%s", name);
	cr_assert_eq(atomic_load(&s->heap.bytes), 0, "%s", name);
}

/* Let the n-th allocation fail once.  Returns false if the call did not need so many. */
static bool
fail_nth(int (*call)(struct scene *s), const char *name, uint64_t fill, uint64_t n)
{
	static struct scene s;
	bool failed;
	int rc;

	scene_open(&s, fill);
	state_read(&s.before, s.m, s.w, 2);
	test_heap_fail(&s.heap, n, false);
	rc = call(&s);
	failed = atomic_load(&s.heap.failures) > 0;
	test_heap_fail(&s.heap, 0, false);
	cr_assert(rc == s.expected || (failed && rc == LK_E_NOMEM),
		  "%s, %d more, allocation %d: %s", name, (int)fill, (int)n, lk_errname(rc));
	if (rc != 0) {
		state_read(&s.after, s.m, s.w, 2);
		state_same(&s.before, &s.after, name);
	}
	if (rc == LK_E_NOMEM)
		is(call(&s), s.expected);
	scene_close(&s, name);
	return failed;
}

Test(pathmem, any_failure_in_any_call_leaves_all_as_it_was, .timeout = 300)
{
	static const uint64_t fills[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 50, 51, 52, 53, 54 };
	uint64_t needed[countof(calls)] = { 0 };

	for (size_t i = 0; i < countof(calls); i++)
		for (size_t k = 0; k < countof(fills); k++)
			for (uint64_t n = 1; fail_nth(calls[i].call, calls[i].name, fills[k], n);
			     n++)
				needed[i]++;
	/* else nothing was tried */
	cr_expect_gt(needed[0], 0);
	cr_expect_gt(needed[1], 0);
	cr_expect_gt(needed[2], 0);
	cr_expect_gt(needed[3], 0);
}

/* With no memory at all from some moment on, what is held can still be given back. */
Test(pathmem, giving_back_never_needs_any)
{
	static struct scene s;
	uint64_t before;

	scene_open(&s, 100);
	ok(call_make_real(&s));
	ok(call_deep(&s));
	ok(call_batch(&s));
	before = atomic_load(&s.heap.calls);
	test_heap_fail(&s.heap, 1, true);
	ok(lk_downgrade(s.w[0], s.implied));
	ok(lk_downgrade(s.w[0], s.whole));
	ok(lk_release_name(s.w[0], "s", 1));
	ok(lk_release(s.w[0], s.read));
	ok(lk_release_name(s.w[0], "b", 1));
	ok(lk_release_name(s.w[0], "b/x/1", 5));
	ok(lk_release_all(s.w[0]));
	ok(lk_owner_close(s.w[0]));
	cr_expect_eq(atomic_load(&s.heap.calls), before);
	test_heap_fail(&s.heap, 0, false);
	open_owners(s.m, s.w, 1);
	scene_close(&s, "giving back");
}

/* A path that was held a moment ago costs neither memory nor a look at the clock. */
Test(pathmem, warm_paths_take_none_and_read_no_clock)
{
	static const lk_mode modes[] = { LK_S, LK_X, LK_IS, LK_U, LK_SIX, LK_IX };
	struct test_world world;
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w;
	uint64_t memory = 0, asked = 0;

	test_heap_init(&heap);
	test_world_init(&world);
	m = open_with("memory:?sample_every=off", &heap, &world);
	open_owners(m, &w, 1);
	for (uint64_t i = 0; i < 20000; i++) {
		lk_grant above, g;

		if (i == 100) {
			memory = atomic_load(&heap.calls);
			asked = test_world_calls(&world);
		}
		ok(lk_acquire(w, "db/orders/42", modes[i % countof(modes)], NULL, &g));
		ok(lk_convert(w, g, LK_X, NULL));
		ok(lk_downgrade(w, g));
		ok(lk_release(w, g));
		ok(lk_acquire(w, "db/orders", LK_X, NULL, &above));
		ok(lk_acquire(w, "db/orders/43", modes[i % countof(modes)], NULL,
			      &g)); /* implied */
		ok(lk_release(w, above));
		ok(lk_release(w, g));
	}
	cr_expect_eq(atomic_load(&heap.calls), memory);
	cr_expect_eq(test_world_calls(&world), asked);
	close_all(m, &w, 1);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}
