/* SPDX-License-Identifier: MIT */
/* Batches that have to wait: what they are when memory is short, and in rings with others. */
#include "state.h"

struct batch {
	pthread_t thread;
	struct lk_owner *owner;
	const struct lk_request *r;
	size_t n;
	int rc;
	atomic_bool answered;
};

static void *
batch_main(void *arg)
{
	struct batch *b = arg;

	b->rc = lk_acquire_many(b->owner, b->r, b->n, NULL, NULL);
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

enum { MANY = 30 };

/* Every allocation fails once: those before the wait, and those when what was granted is written down. */
Test(batchwait, without_memory_gives_all_back)
{
	static char name[MANY][32];
	static struct lk_request r[MANY];
	static struct state before, after;
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w[2];
	unsigned waited = 0;
	unsigned refused = 0;
	bool failed = true; /* an allocation did; some are of what can be done without */
	int rc;

	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name[i], sizeof(name[i]), "t%d/r%d", i % 7, i);
		r[i] = (struct lk_request){ name[i], i % 2 != 0 ? LK_X : LK_S, 0, 0 };
	}
	for (uint64_t n = 1; failed; n++) {
		struct batch b = { .r = r, .n = MANY };

		test_heap_init(&heap);
		m = open_with("memory:?max_idle=1000&event_ring=off", &heap, NULL);
		open_owners(m, w, 2);
		b.owner = w[0];
		take(w[0], "t1", LK_IS);
		state_read(&before, m, w, 2);
		take(w[1], name[MANY - 1], LK_S);
		test_heap_fail(&heap, n, false);
		batch_start(&b);
		wait_until(atomic_load(&b.answered) || line(m, name[MANY - 1]) == 1);
		waited += !atomic_load(&b.answered);
		ok(lk_release_all(w[1]));
		rc = batch_answer(&b);
		failed = atomic_load(&heap.failures) != 0;
		test_heap_fail(&heap, 0, false);
		if (rc != 0) {
			is(rc, LK_E_NOMEM);
			refused++;
			state_read(&after, m, w, 2);
			state_same(&before, &after, "no memory");
		}
		close_all(m, w, 2);
	}
	cr_expect_gt(refused, 5);
	cr_expect_gt(waited, 2, "none failed after it was granted");
}

/* Each owner holds what the other's batch needs: one of the requests ends, and keeps what its owner had. */
Test(batchwait, rings_of_batches_are_ended)
{
	static const struct lk_request r[2][2] = {
		{ { "b", LK_X, 0, 0 }, { "c", LK_X, 0, 0 } },
		{ { "a", LK_X, 0, 0 }, { "d", LK_X, 0, 0 } },
	};
	struct lk_manager *m = open_manager(NULL);
	struct batch b[2] = { { .r = r[0], .n = 2 }, { .r = r[1], .n = 2 } };
	struct lk_owner *w[2];
	int victim;

	open_owners(m, w, 2);
	take(w[0], "a", LK_X);
	take(w[1], "b", LK_X);
	for (int i = 0; i < 2; i++) {
		b[i].owner = w[i];
		batch_start(&b[i]);
	}
	wait_until(atomic_load(&b[0].answered) || atomic_load(&b[1].answered));
	victim = atomic_load(&b[0].answered) ? 0 : 1;
	is(batch_answer(&b[victim]), LK_E_DEADLOCK);
	cr_expect_eq(lk_holds(w[victim], victim == 0 ? "a" : "b", 1), LK_X);
	ok(lk_release_all(w[victim]));
	ok(batch_answer(&b[1 - victim]));
	cr_expect_eq(stats_of(m).deadlocks, 1);
	close_all(m, w, 2);
}

/* A batch that keeps others back is in a ring by that alone: they go past it. */
Test(batchwait, rings_by_order_alone_cost_nobody)
{
	static const struct lk_request r[] = { { "a", LK_X, 0, 0 }, { "b", LK_X, 0, 0 } };
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct batch b = { .r = r, .n = 2 };
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	b.owner = w[0];
	take(w[1], "b", LK_X);
	batch_start(&b);
	wait_until(line(m, "a") == 1);
	ok(lk_acquire(w[1], "a", LK_X, NULL, NULL)); /* behind the batch, which waits for "b" */
	ok(lk_release_all(w[1]));
	ok(batch_answer(&b));
	cr_expect_eq(stats_of(m).deadlocks, 0);
	close_all(m, w, 2);
}

/* ------------------------------------------------------------------ what is told of it */

static int
add_kind(void *arg, const struct lk_event *e)
{
	FILE *out = arg;

	if (strcmp(e->owner_label, "batch") == 0)
		fprintf(out, "%s %.*s, ", lk_eventname(e->kind), (int)e->name_len,
			(const char *)e->name);
	return 0;
}

/* What the first attempt took and gave back is nobody's business. */
Test(batchwait, is_told_of_as_if_it_had_waited_from_the_start)
{
	static const struct lk_request r[] = { { "a", LK_X, 0, 0 }, { "b", LK_X, 0, 0 } };
	const struct lk_owner_options o = { .size = sizeof(o), .label = "batch" };
	struct lk_manager *m = open_manager("memory:?events=all");
	struct batch b = { .r = r, .n = 2 };
	char text[512] = "";
	struct lk_owner *w[2];
	FILE *out;

	open_owners(m, &w[1], 1);
	ok(lk_owner_open(m, &o, &w[0]));
	b.owner = w[0];
	take(w[1], "b", LK_X);
	batch_start(&b);
	wait_until(line(m, "b") == 1);
	ok(lk_release_all(w[1]));
	ok(batch_answer(&b));
	out = fmemopen(text, sizeof(text), "w");
	cr_assert_not_null(out);
	ok(lk_event_each(m, NULL, add_kind, out));
	(void)fclose(out);
	cr_expect_str_eq(text, "before_acquire a, before_acquire b, wait a, grant a, acquired a, "
			       "acquired b, ");
	close_all(m, w, 2);
}
