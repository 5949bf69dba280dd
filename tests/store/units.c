/* SPDX-License-Identifier: MIT */
/* Semaphores over the store: the permits of a name are one number for all managers. */
#include <sched.h>

#include "stage.h"

/* Not granted; else it is given back. */
static bool
are_barred(struct lk_owner *w, const char *name, uint32_t units, uint32_t permits)
{
	const struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	lk_grant g;
	int rc = lk_acquire_units(w, name, strlen(name), units, permits, &now, &g);

	if (rc == 0)
		give(w, g);
	else
		IS(rc, LK_E_BUSY);
	return rc != 0;
}

static void
permits_are_shared(void)
{
	const char *n = stage_name("permits");
	struct stage s;
	lk_grant g;
	lk_grant h;

	stage_open(&s);
	g = take_units(s.w[0][0], n, 3, 4);
	CHECK(are_barred(s.w[1][0], n, 2, 4), "five of four");
	h = take_units(s.w[1][0], n, 1, 4);
	CHECK(are_barred(s.w[2][0], n, 1, 4) && are_barred(s.w[0][1], n, 1, 4), "five of four");
	CHECK(is_barred(s.w[2][0], n, LK_S), "S beside units");
	give(s.w[2][0], take(s.w[2][0], n, LK_IX));
	give(s.w[0][0], g);
	g = take_units(s.w[2][0], n, 3, 4);
	give(s.w[1][0], h);
	give(s.w[2][0], g);
	for (int i = 0; i < MANAGERS; i++)
		give(s.w[i][0], take_units(s.w[i][0], n, 4, 4));
	stage_close(&s);
}

static void
numbers_in_conflict_are_refused(void)
{
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = (int64_t)PATIENCE_NS };
	const char *n = stage_name("conflict");
	struct stage s;
	lk_grant g;

	stage_open(&s);
	g = take_units(s.w[0][0], n, 1, 2);
	IS(lk_acquire_units(s.w[1][0], n, strlen(n), 1, 3, &o, NULL), LK_E_INVAL);
	give(s.w[1][0], take_units(s.w[1][0], n, 1, 2));
	give(s.w[0][0], g);
	OK(lk_sweep(s.m[0], NULL)); /* nor does anybody keep some */
	OK(lk_sweep(s.m[1], NULL));
	give(s.w[2][0], take_units(s.w[2][0], n, 3, 3));
	stage_close(&s);
}

static void
who_wants_many_has_a_turn(void)
{
	const char *n = stage_name("turns");
	struct asker many;
	struct asker few;
	struct stage s;
	lk_grant g[2];

	stage_open(&s);
	g[0] = take_units(s.w[0][0], n, 1, 3);
	g[1] = take_units(s.w[2][0], n, 1, 3);
	ask_units(&many, s.w[1][0], n, 3, 3);
	WAIT_UNTIL(n_waiting(&s, n) == 1);
	ask_units(&few, s.w[2][1], n, 1, 3);
	if ((run.capabilities & LK_STORE_CAN_WATCH) ==
	    0) /* else what they keep is theirs until they look */
		WAIT_UNTIL(n_waiting(&s, n) == 2);
	CHECK(are_barred(s.w[0][1], n, 1, 3), "there is one left, but not for them");
	give(s.w[0][0], g[0]);
	CHECK(!atomic_load(&many.is_done) && !atomic_load(&few.is_done), "two are free, not three");
	give(s.w[2][0], g[1]);
	g[0] = granted(&many);
	CHECK(!atomic_load(&few.is_done), "four of three");
	give(s.w[1][0], g[0]);
	give(s.w[2][1], granted(&few));
	stage_close(&s);
}

struct user {
	pthread_t thread;
	struct lk_owner *w;
	const char *name;
	_Atomic unsigned *used;
	uint64_t seed;
};

enum { PERMITS = 4 };

static void *
use(void *arg)
{
	struct user *u = arg;

	for (int i = 0; i < 20; i++) {
		const uint32_t n = (uint32_t)(check_random(&u->seed) % PERMITS) + 1;
		const lk_grant g = take_units(u->w, u->name, n, PERMITS);

		CHECK(atomic_fetch_add(u->used, n) + n <= PERMITS, "more units than permits");
		sched_yield();
		atomic_fetch_sub(u->used, n);
		give(u->w, g);
	}
	return NULL;
}

static void
never_more_than_there_are(void)
{
	const char *n = stage_name("crowd");
	struct user u[MANAGERS * 2];
	_Atomic unsigned used = 0;
	struct stage s;

	stage_open(&s);
	for (unsigned i = 0; i < MANAGERS * 2; i++) {
		u[i] = (struct user){ .w = s.w[i % MANAGERS][i / MANAGERS],
				      .name = n,
				      .used = &used,
				      .seed = run.seed + i };
		MUST(pthread_create(&u[i].thread, NULL, use, &u[i]) == 0, "no thread");
	}
	for (unsigned i = 0; i < MANAGERS * 2; i++)
		MUST(pthread_join(u[i].thread, NULL) == 0, "no thread");
	stage_close(&s);
}

const struct check_case cases_units[] = {
	{ "permits are shared", permits_are_shared, 0, false },
	{ "numbers in conflict are refused", numbers_in_conflict_are_refused, 0, false },
	{ "who wants many has a turn", who_wants_many_has_a_turn, 0, false },
	{ "never more than there are", never_more_than_there_are, 0, false },
	{ NULL, NULL, 0, false },
};
