/* SPDX-License-Identifier: MIT */
/* Several updates in one exchange: each by itself, all or nothing, and nothing is lost. */
#include <stdlib.h>

#include "check.h"

enum { PURSES = 12, START = 1000, TOGETHER = 6, THREADS = 6, ROUNDS = 120 };

/* One purse gives one to another. */
struct gift {
	struct name names[2];
	struct lk_store_record r[2];
	int64_t fresh[2];
	int rc; /* what the function returns */
	bool is_idle;
};

static int64_t
amount_of(const struct lk_store_record *r)
{
	int64_t amount = START;

	CHECK(r->old_len == 0 || r->old_len == sizeof(amount), "another record");
	if (r->old_len == sizeof(amount))
		memcpy(&amount, r->old, sizeof(amount));
	return amount;
}

static int
give(void *arg, struct lk_store_record *r, size_t n)
{
	struct gift *g = arg;

	for (size_t i = 0; i < n; i++) {
		CHECK(r[i].changed == 0 && r[i].fresh == NULL && r[i].is_quiet == 0,
		      "what an earlier call has left");
		g->fresh[i] = amount_of(&r[i]) + (i == 0 ? 1 : -1);
		r[i].fresh = &g->fresh[i];
		r[i].fresh_len = sizeof(g->fresh[i]);
		r[i].changed = !g->is_idle;
		r[i].is_quiet = 1;
	}
	return g->rc;
}

static void
set_gift(struct gift *g, struct lk_store_update *u, unsigned to, unsigned from)
{
	const unsigned which[2] = { to, from };

	g->rc = 0;
	g->is_idle = false;
	for (int i = 0; i < 2; i++) {
		check_name(&g->names[i], "purse", which[i]);
		g->r[i] = (struct lk_store_record){ .name = g->names[i].bytes,
						    .len = g->names[i].len };
	}
	*u = (struct lk_store_update){
		.r = g->r, .n = 2, .fn = give, .arg = g, .rc = 77, .is_left = 77
	};
}

/* What was left is asked for alone. */
static int
result_of(struct lk_store *s, struct lk_store_update *u)
{
	CHECK(u->is_left <= 1, "neither left nor made");
	if (u->is_left != 0)
		return s->ops->update(s, u->r, u->n, u->fn, u->arg, NEVER);
	return u->rc;
}

static int64_t
purse(struct lk_store *s, unsigned number)
{
	int64_t amount = START;
	struct name name;
	const ssize_t n = get_name(s, check_name(&name, "purse", number), &amount, sizeof(amount));

	CHECK(n == 0 || n == (ssize_t)sizeof(amount), "a purse of %d bytes", (int)n);
	return n == 0 ? START : amount;
}

/* --------------------------------------------------------------------------- threads */

struct worker {
	pthread_t thread;
	struct lk_store *s;
	uint64_t lot;
};

/* The purses are drawn, so one may be in several of them. */
static void
give_some(struct worker *w, struct gift *g)
{
	const size_t n = 1 + check_random(&w->lot) % TOGETHER;
	struct lk_store_update u[TOGETHER];

	for (size_t i = 0; i < n; i++) {
		const unsigned to = (unsigned)(check_random(&w->lot) % PURSES);

		set_gift(&g[i], &u[i], to,
			 (to + 1 + (unsigned)(check_random(&w->lot) % (PURSES - 1))) % PURSES);
	}
	w->s->ops->update_many(w->s, u, n, NEVER);
	for (size_t i = 0; i < n; i++)
		OK(result_of(w->s, &u[i]));
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct gift *g = malloc(TOGETHER * sizeof(*g));

	for (unsigned i = 0; i < ROUNDS; i++)
		give_some(w, g);
	free(g);
	return NULL;
}

static void
work_in_threads(struct lk_store *const *s, unsigned n_stores)
{
	struct worker w[THREADS];
	int64_t sum = 0;

	for (unsigned i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .s = s[i % n_stores], .lot = run.seed + i };
		MUST(pthread_create(&w[i].thread, NULL, work, &w[i]) == 0, "no thread");
	}
	for (unsigned i = 0; i < THREADS; i++)
		(void)pthread_join(w[i].thread, NULL);
	for (unsigned i = 0; i < PURSES; i++)
		sum += purse(s[0], i);
	CHECK(sum == PURSES * START, "the sum is %lld", (long long)sum);
}

static void
threads_that_ask_together(void)
{
	struct lk_store *s = check_open();

	work_in_threads(&s, 1);
	lk_store_close(s);
}

static void
openings_that_ask_together(void)
{
	struct lk_store *s[2] = { check_open(), check_open() };

	work_in_threads(s, 2);
	lk_store_close(s[0]);
	lk_store_close(s[1]);
}

/* --------------------------------------------------------------------------- results */

static void
each_has_a_result_of_its_own(void)
{
	struct gift *g = calloc(4, sizeof(*g));
	struct lk_store *s = check_open();
	struct lk_store_update u[4];

	for (unsigned i = 0; i < 4; i++)
		set_gift(&g[i], &u[i], 2 * i, 2 * i + 1);
	g[1].rc = 5;
	g[2].is_idle = true;
	s->ops->update_many(s, u, 4, NEVER);
	IS(result_of(s, &u[0]), 0);
	IS(result_of(s, &u[1]), 5);
	IS(result_of(s, &u[2]), 0);
	IS(result_of(s, &u[3]), 0);
	for (unsigned i = 0; i < 4; i++) {
		const int is_made = i == 0 || i == 3;

		CHECK(purse(s, 2 * i) == START + is_made, "purse %u", 2 * i);
		CHECK(purse(s, 2 * i + 1) == START - is_made, "purse %u", 2 * i + 1);
	}
	free(g);
	lk_store_close(s);
}

/* What another opening wrote in between is seen, by each of them. */
static void
who_comes_late_is_not_made_twice(void)
{
	struct gift *g = calloc(2, sizeof(*g));
	struct lk_store *s = check_open(), *other = check_open();
	struct lk_store_update u[2];

	for (unsigned round = 1; round <= 4; round++) {
		set_gift(&g[0], &u[0], 0, 1);
		set_gift(&g[1], &u[1], 2, 3);
		s->ops->update_many(s, u, 2, NEVER);
		OK(result_of(s, &u[0]));
		OK(result_of(s, &u[1]));
		set_gift(&g[0], &u[0], 0, 1);
		OK(other->ops->update(other, g[0].r, 2, give, &g[0], NEVER));
		CHECK(purse(s, 0) == START + 2 * round && purse(s, 2) == START + round,
		      "after %u rounds", round);
	}
	free(g);
	lk_store_close(s);
	lk_store_close(other);
}

const struct check_case cases_many[] = {
	{ "threads that ask together", threads_that_ask_together, LK_STORE_CAN_MANY, false },
	{ "openings that ask together", openings_that_ask_together, LK_STORE_CAN_MANY, false },
	{ "each has a result of its own", each_has_a_result_of_its_own, LK_STORE_CAN_MANY, false },
	{ "who comes late is not made twice", who_comes_late_is_not_made_twice, LK_STORE_CAN_MANY,
	  false },
	{ NULL, NULL, 0, false },
};
