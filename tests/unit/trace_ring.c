/* SPDX-License-Identifier: MIT */
/* The ring of events: what is kept, what a reader sees while writers go on, and memory that is not there. */
#include "harness.h"

#include "trace/sift.h"

enum { KEPT = 8 };

struct fixture {
	struct env env;
	struct test_heap heap;
	struct ring ring;
};

static void
begin(struct fixture *f, uint64_t n)
{
	test_heap_init(&f->heap);
	env_init(&f->env, &f->heap.allocator, NULL);
	ring_init(&f->ring, &f->env, n);
}

static void
finish(struct fixture *f)
{
	ring_fini(&f->ring);
	cr_expect_eq(atomic_load(&f->heap.bytes), 0);
}

/* An event all of whose words are made from one number, so that a mixture is found out. */
static struct lk_event
made_of(uint64_t x)
{
	uint64_t word[EVENT_WORDS];
	struct lk_event e;

	for (int i = 0; i < EVENT_WORDS; i++)
		word[i] = x;
	memcpy(&e, word, sizeof(e));
	return e;
}

/* The number it was made from; 0: a mixture. */
static uint64_t
made_from(const struct lk_event *e)
{
	struct lk_event like = made_of(e->at_ns);

	like.sequence = e->sequence;
	return memcmp(&like, e, sizeof(like)) == 0 ? e->at_ns : 0;
}

static uint64_t
put(struct fixture *f, uint64_t x)
{
	struct lk_event e = made_of(x);

	ring_put(&f->ring, &e);
	return e.sequence;
}

Test(ring, gives_back_what_was_put)
{
	struct fixture f;
	struct lk_event e;

	begin(&f, KEPT);
	for (uint64_t x = 1; x <= KEPT; x++)
		cr_expect_eq(put(&f, 100 + x), x);
	for (uint64_t x = 1; x <= KEPT; x++) {
		cr_assert(ring_get(&f.ring, x, &e));
		cr_expect_eq(made_from(&e), 100 + x);
		cr_expect_eq(e.sequence, x);
	}
	cr_expect_not(ring_get(&f.ring, KEPT + 1, &e));
	finish(&f);
}

Test(ring, keeps_the_latest)
{
	struct fixture f;
	struct lk_event e;

	begin(&f, KEPT);
	for (uint64_t x = 1; x <= 3 * KEPT + 1; x++)
		put(&f, x);
	cr_expect_eq(ring_last(&f.ring), 3 * KEPT + 1);
	cr_expect_eq(ring_oldest(&f.ring), 2 * KEPT + 2);
	cr_expect_not(ring_get(&f.ring, 2 * KEPT + 1, &e), "it was overwritten");
	for (uint64_t x = ring_oldest(&f.ring); x <= ring_last(&f.ring); x++) {
		cr_assert(ring_get(&f.ring, x, &e));
		cr_expect_eq(made_from(&e), x);
	}
	cr_expect_eq(shim_load(&f.ring.dropped, SHIM_RELAXED), 0);
	finish(&f);
}

Test(ring, of_one_entry)
{
	struct fixture f;
	struct lk_event e;

	begin(&f, 1);
	put(&f, 5);
	put(&f, 6);
	cr_expect_not(ring_get(&f.ring, 1, &e));
	cr_assert(ring_get(&f.ring, 2, &e));
	cr_expect_eq(made_from(&e), 6);
	finish(&f);
}

Test(ring, of_none_takes_no_memory)
{
	struct fixture f;

	begin(&f, 0);
	cr_expect_eq(put(&f, 5), 0);
	cr_expect(ring_prepare(&f.ring));
	cr_expect_eq(ring_last(&f.ring), 0);
	cr_expect_eq(atomic_load(&f.heap.calls), 0);
	finish(&f);
}

Test(ring, drops_and_counts_what_there_is_no_memory_for)
{
	struct fixture f;
	struct lk_event e;

	begin(&f, KEPT);
	test_heap_fail(&f.heap, 1, true);
	cr_expect_eq(put(&f, 5), 0);
	cr_expect_eq(put(&f, 6), 0);
	cr_expect_not(ring_prepare(&f.ring));
	cr_expect_not(ring_get(&f.ring, 1, &e));
	cr_expect_eq(shim_load(&f.ring.dropped, SHIM_RELAXED), 2);
	test_heap_fail(&f.heap, 0, false);
	cr_expect_eq(put(&f, 7), 3, "there is memory again");
	cr_assert(ring_get(&f.ring, 3, &e));
	cr_expect_eq(made_from(&e), 7);
	cr_expect_not(ring_get(&f.ring, 2, &e));
	finish(&f);
}

/* Entry after entry, over all segments, and the last of them cut off. */
Test(ring, takes_memory_as_it_fills)
{
	static const uint64_t sizes[] = { 15, 16, 17, 48, 49, 300 };

	for (size_t s = 0; s < countof(sizes); s++) {
		uint64_t blocks = 0;
		struct fixture f;
		struct lk_event e;

		begin(&f, sizes[s]);
		for (uint64_t x = 1; x <= sizes[s] + 5; x++) {
			cr_assert_eq(put(&f, x), x);
			if (x == 1 || x == 17 || x == 49 || x == 113 || x == 241)
				blocks += x <= sizes[s];
			cr_assert_eq(atomic_load(&f.heap.blocks), blocks, "%u of %u", (unsigned)x,
				     (unsigned)sizes[s]);
		}
		for (uint64_t x = 6; x <= sizes[s] + 5; x++) {
			cr_assert(ring_get(&f.ring, x, &e));
			cr_expect_eq(made_from(&e), x);
		}
		cr_expect_eq(atomic_load(&f.heap.bytes), sizes[s] * sizeof(struct ring_entry));
		finish(&f);
	}
}

Test(ring, can_have_all_its_memory_at_once)
{
	struct fixture f;

	begin(&f, 300);
	test_heap_fail(&f.heap, 3, false);
	cr_expect_not(ring_prepare(&f.ring));
	cr_expect(ring_prepare(&f.ring));
	cr_expect(ring_prepare(&f.ring));
	cr_expect_eq(atomic_load(&f.heap.bytes), 300 * sizeof(struct ring_entry));
	test_heap_fail(&f.heap, 1, true);
	for (uint64_t x = 1; x <= 301; x++)
		cr_assert_eq(put(&f, x), x);
	finish(&f);
}

/* (E1) A writer that stopped half-way is in nobody's way, and nobody reads what it left. */
Test(ring, drops_what_meets_a_writer_that_stopped)
{
	struct fixture f;
	struct ring_entry *entry;
	struct lk_event e;

	begin(&f, 1);
	put(&f, 5);
	entry = shim_load(&f.ring.segment[0], SHIM_RELAXED);
	shim_store(&entry->turn, (uint64_t)3, SHIM_RELAXED); /* ticket 2 is at it */
	shim_store(&f.ring.tickets, (uint64_t)2, SHIM_RELAXED);
	cr_expect_eq(put(&f, 7), 0);
	cr_expect_eq(shim_load(&f.ring.dropped, SHIM_RELAXED), 1);
	for (uint64_t t = 1; t <= 3; t++)
		cr_expect_not(ring_get(&f.ring, t, &e));
	finish(&f);
}

/* (E1) Nor does one that comes a round too late overwrite what is newer. */
Test(ring, does_not_go_back)
{
	struct fixture f;
	struct ring_entry *entry;
	struct lk_event e;

	begin(&f, 1);
	put(&f, 5);
	entry = shim_load(&f.ring.segment[0], SHIM_RELAXED);
	shim_store(&entry->turn, (uint64_t)20, SHIM_RELAXED); /* ticket 10 was put down */
	cr_expect_eq(put(&f, 7), 0);
	cr_expect_eq(shim_load(&f.ring.dropped, SHIM_RELAXED), 1);
	cr_assert(ring_get(&f.ring, 10, &e));
	cr_expect_eq(made_from(&e), 5);
	finish(&f);
}

/* ------------------------------------------------------------------------- threads */

enum { WRITERS = 3, EACH = 20000 };

struct race {
	struct fixture f;
	_Atomic unsigned left;
	_Atomic uint64_t seen;
};

static void
race_body(void *arg, unsigned index)
{
	struct race *r = arg;
	struct lk_event e;

	if (index < WRITERS) {
		for (uint64_t i = 1; i <= EACH; i++)
			put(&r->f, index * (uint64_t)EACH + i);
		atomic_fetch_sub(&r->left, 1);
		return;
	}
	while (atomic_load(&r->left) > 0) {
		for (uint64_t t = ring_oldest(&r->f.ring); t <= ring_last(&r->f.ring); t++) {
			if (!ring_get(&r->f.ring, t, &e))
				continue;
			cr_expect_eq(e.sequence, t);
			cr_expect_neq(made_from(&e), 0, "a mixture");
			atomic_fetch_add(&r->seen, 1);
		}
	}
}

/* (E2, E3) */
Test(ring, shows_whole_events_while_many_write, .timeout = 120)
{
	static struct race r;
	uint64_t whole = 0;
	struct lk_event e;

	begin(&r.f, 4);
	atomic_store(&r.left, WRITERS);
	test_threads(WRITERS + 1, race_body, &r);
	cr_expect_eq(ring_last(&r.f.ring), (uint64_t)WRITERS * EACH);
	for (uint64_t t = ring_oldest(&r.f.ring); t <= ring_last(&r.f.ring); t++)
		whole += ring_get(&r.f.ring, t, &e) && made_from(&e) != 0;
	cr_expect(whole > 0 || shim_load(&r.f.ring.dropped, SHIM_RELAXED) > 0);
	finish(&r.f);
}

/* ------------------------------------------------------------------------- filters */

struct found {
	unsigned n;
	uint64_t sequence[32];
	unsigned stop_at; /* 0: never */
};

static int
find(void *arg, const struct lk_event *e)
{
	struct found *found = arg;

	found->sequence[found->n++] = e->sequence;
	return found->n == found->stop_at ? 77 : 0;
}

/* Number i: of owner i % 3 + 1, kind 1 << i % 2, code -(i % 4), at 10 i, "job/i" or the number i. */
static void
fill(struct fixture *f)
{
	begin(f, 16);
	for (uint64_t i = 1; i <= 20; i++) {
		struct lk_event e = { .size = sizeof(e) };

		e.kind = 1u << i % 2;
		e.owner_id = i % 3 + 1;
		e.code = -(int32_t)(i % 4);
		e.at_ns = 10 * i;
		if (i % 5 == 0) {
			e.flags = LK_NAME_IS_ID;
			e.name_len = 8;
			memcpy(e.name, "job/\0\0\0\0", 8);
		} else {
			e.name_len = (uint32_t)snprintf((char *)e.name, sizeof(e.name), "job/%02u",
							(unsigned)i);
		}
		ring_put(&f->ring, &e);
	}
}

static void
expect_found(const struct fixture *f, struct lk_event_filter filter, const char *expected)
{
	struct found found = { 0 };
	char text[200] = "";
	size_t n = 0;

	cr_expect_eq(sift(&f->ring, &filter, '/', find, &found), 0);
	for (unsigned i = 0; i < found.n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%u", i > 0 ? " " : "",
				      (unsigned)found.sequence[i]);
	cr_expect_str_eq(text, expected);
}

#define filter(...) \
	((struct lk_event_filter){ .size = sizeof(struct lk_event_filter), __VA_ARGS__ })

Test(sift, finds_what_fits)
{
	struct fixture f;

	fill(&f);
	expect_found(&f, filter(.kinds = 0), "5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20");
	expect_found(&f, filter(.kinds = 2), "5 7 9 11 13 15 17 19");
	expect_found(&f, filter(.kinds = 4), "");
	expect_found(&f, filter(.owner_id = 1), "6 9 12 15 18");
	expect_found(&f, filter(.code = -3), "7 11 15 19");
	expect_found(&f, filter(.since_ns = 175), "18 19 20");
	expect_found(&f, filter(.after = 17), "18 19 20");
	expect_found(&f, filter(.after = 20), "");
	expect_found(&f, filter(.after = UINT64_MAX), "");
	expect_found(&f, filter(.newest = 3), "18 19 20");
	expect_found(&f, filter(.newest = 2, .kinds = 2), "17 19");
	expect_found(&f, filter(.newest = 100), "5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20");
	expect_found(&f, filter(.newest = 3, .after = 18), "19 20");
	expect_found(&f, filter(.prefix = "job/1", .prefix_len = 5), "11 12 13 14 16 17 18 19");
	expect_found(&f, filter(.prefix = "job/19", .prefix_len = 6), "19");
	expect_found(&f, filter(.prefix = "job/199", .prefix_len = 7), "");
	expect_found(&f, filter(.kinds = 2, .owner_id = 3, .code = -1), "5 17");
	finish(&f);
}

Test(sift, ends_with_what_the_caller_says)
{
	struct lk_event_filter all = filter(.kinds = 0);
	struct found found = { .stop_at = 2 };
	struct fixture f;

	fill(&f);
	cr_expect_eq(sift(&f.ring, &all, '/', find, &found), 77);
	cr_expect_eq(found.n, 2);
	finish(&f);
}

Test(sift, refuses_prefixes_that_are_none)
{
	struct lk_event_filter longer = filter(.prefix = "", .prefix_len = LK_EVENT_NAME_MAX + 1);
	struct lk_event_filter none = filter(.prefix_len = 1);
	struct found found = { 0 };
	struct fixture f;

	fill(&f);
	cr_expect_eq(sift(&f.ring, &longer, '/', find, &found), LK_E_INVAL);
	cr_expect_eq(sift(&f.ring, &none, '/', find, &found), LK_E_INVAL);
	cr_expect_eq(found.n, 0);
	finish(&f);
}

Test(sift, of_an_empty_ring)
{
	struct fixture f;

	begin(&f, KEPT);
	expect_found(&f, filter(.newest = 3), "");
	finish(&f);
}
