/* SPDX-License-Identifier: MIT */
/*
 * Escalation under random work: a shadow of what each owner has asked for says what must be covered, whatever
 * the library has made of it; and threads whose data only the locks keep apart.
 */
#include "escalate.h"

enum { TABLES = 3, ROWS = 24, OWNERS = 3, GRANTS = 60, STEPS = 6000 };

struct held {
	lk_grant g;
	int table;
	int row; /* -1: the table itself */
	lk_mode mode;
};

struct player {
	struct lk_owner *w;
	struct held held[GRANTS];
	int n;
};

struct game {
	struct lk_manager *m;
	struct player p[OWNERS];
	uint64_t seed;
	uint64_t made_real;
};

static int
pick(struct game *game, int n)
{
	return (int)(test_random(&game->seed) % (uint64_t)n);
}

static const char *
name_of(int table, int row, char name[32])
{
	if (row < 0)
		snprintf(name, 32, "d/%d", table);
	else
		snprintf(name, 32, "d/%d/%d", table, row);
	return name;
}

/* What an owner asked for there, and on the table, says what it may do with the row. */
static lk_mode
may(const struct player *p, int table, int row)
{
	lk_mode mode = LK_NL;

	for (int i = 0; i < p->n; i++) {
		const struct held *h = &p->held[i];

		if (h->table != table)
			continue;
		if (h->row == row)
			mode = supremum[mode][h->mode];
		else if (h->row < 0 && h->mode == LK_X)
			mode = LK_X;
		else if (h->row < 0 && h->mode != LK_IS && h->mode != LK_IX)
			mode = supremum[mode][LK_S];
	}
	return mode;
}

/* No two owners may do what does not agree; and each has at least what it asked for. */
static void
look(struct game *game)
{
	for (int t = 0; t < TABLES; t++) {
		for (int r = 0; r < ROWS; r++) {
			char name[32];

			name_of(t, r, name);
			for (int a = 0; a < OWNERS; a++) {
				const lk_mode mine = may(&game->p[a], t, r);
				const lk_mode has = holds(game->p[a].w, name);

				cr_assert_eq(supremum[mine][has], has, "%s: %s", name,
					     mode_name(has));
				for (int b = 0; b < a; b++)
					cr_assert(compatible[mine][may(&game->p[b], t, r)], "%s",
						  name);
			}
		}
	}
	for (int a = 0; a < OWNERS; a++) {
		for (int i = 0; i < game->p[a].n; i++) {
			const struct held *h = &game->p[a].held[i];

			cr_assert_eq(grant_info(game->p[a].w, h->g).mode, h->mode);
		}
	}
}

static lk_mode
random_mode(struct game *game, int row)
{
	static const lk_mode modes[] = { LK_S, LK_S, LK_S, LK_S, LK_X, LK_X, LK_U, LK_IS };

	return row < 0 ? (pick(game, 3) == 0 ? LK_S : LK_IX) : modes[pick(game, countof(modes))];
}

static void
acquire(struct game *game, struct player *p)
{
	const int row = pick(game, 30) == 0 ? -1 : pick(game, ROWS);
	struct held *h = &p->held[p->n];
	struct lk_options o = nowait;
	char name[32];
	int rc;

	if (p->n == GRANTS)
		return;
	if (pick(game, 20) == 0)
		o.flags |= LK_PARENTS;
	*h = (struct held){ .table = pick(game, TABLES),
			    .row = row,
			    .mode = random_mode(game, row) };
	rc = lk_acquire(p->w, name_of(h->table, row, name), h->mode, &o, &h->g);
	cr_assert(rc == 0 || rc == LK_E_BUSY || rc == LK_E_CONVERSION_DEADLOCK, "%s",
		  lk_errname(rc));
	p->n += rc == 0;
}

static void
acquire_many(struct game *game, struct player *p)
{
	struct lk_request r[20];
	char name[20][32];
	lk_grant g[20];
	const int table = pick(game, TABLES);
	const lk_mode mode = random_mode(game, 0);
	const int n = 1 + pick(game, 20);
	int rc;

	if (p->n + n > GRANTS)
		return;
	for (int i = 0; i < n; i++)
		r[i] = (struct lk_request){ .name = name_of(table, i, name[i]), .mode = mode };
	rc = lk_acquire_many(p->w, r, (size_t)n, &nowait, g);
	cr_assert(rc == 0 || rc == LK_E_BUSY || rc == LK_E_CONVERSION_DEADLOCK, "%s",
		  lk_errname(rc));
	for (int i = 0; rc == 0 && i < n; i++)
		p->held[p->n++] = (struct held){ g[i], table, i, mode };
}

static void
convert(struct game *game, struct player *p)
{
	struct held *h = &p->held[pick(game, p->n)];
	const lk_mode to = random_mode(game, h->row);
	int rc = lk_convert(p->w, h->g, to, &nowait);

	cr_assert(rc == 0 || rc == LK_E_BUSY || rc == LK_E_CONVERSION_DEADLOCK, "%s",
		  lk_errname(rc));
	if (rc == 0)
		h->mode = to;
}

static void
deescalate(struct game *game, struct player *p)
{
	char name[32];
	int rc;

	if (pick(game, 4) == 0)
		strcpy(name, "d");
	else
		name_of(pick(game, TABLES), -1, name);
	rc = lk_deescalate(p->w, name, strlen(name));
	cr_assert(rc >= 0 || rc == LK_E_STALE, "%s", lk_errname(rc));
	game->made_real += rc > 0;
}

static void
play(struct game *game)
{
	const int who = pick(game, 5) > 0 ? 0 : pick(game, OWNERS);
	struct player *p = &game->p[who];
	const int what = pick(game, 100);

	if (what < 50) {
		acquire(game, p);
	} else if (what < 60) {
		acquire_many(game, p);
	} else if (what < (who == 0 ? 61 : 85)) {
		ok(lk_release_all(p->w));
		p->n = 0;
	} else if (p->n == 0) {
		return;
	} else if (what < 68) {
		convert(game, p);
	} else if (what < 72) {
		deescalate(game, p);
	} else {
		struct held *h = &p->held[pick(game, p->n)];

		ok(lk_release(p->w, h->g));
		*h = p->held[--p->n];
	}
}

static void
play_all(const char *url, uint64_t seed)
{
	struct game game = { .m = open_manager(url), .seed = seed };
	struct lk_stats s;

	for (int i = 0; i < OWNERS; i++)
		ok(lk_owner_open(game.m, NULL, &game.p[i].w));
	for (int i = 0; i < STEPS; i++) {
		play(&game);
		if (i % 16 == 0)
			look(&game);
	}
	s = stats_of(game.m);
	cr_expect_gt(s.escalations, 20u);
	cr_expect_gt(s.escalations_refused, 20u);
	cr_expect_gt(game.made_real, 5u);
	for (int i = 0; i < OWNERS; i++)
		ok(lk_owner_close(game.p[i].w));
	cr_expect_eq(stats_of(game.m).holds, 0);
	ok(lk_sweep(game.m, NULL));
	cr_expect_eq(stats_of(game.m).names, 0);
	ok(lk_close(game.m));
}

Test(escalate_random, what_was_asked_for_is_covered, .timeout = 120)
{
	play_all("memory:?escalate_after=16&sample_every=1", 42);
	play_all("memory:?escalate_after=16&strict=1&max_idle=1", 43);
}

/* All grants have leases, so all owners are shared. */
Test(escalate_random, owners_that_are_shared_too, .timeout = 120)
{
	play_all("memory:?escalate_after=16&lease_ns=3600s", 44);
}

/* ----------------------------------------------------------------------- threads */

enum { THREADS = 4, SHARED_ROWS = 40 };

struct table {
	struct lk_manager *m;
	struct {
		uint64_t first, second; /* plain: the locks keep writers apart */
	} row[SHARED_ROWS];
};

/* If the table was busy but its parent was not, that is what covers the rows, and the table is not held any more. */
static void
rows_again(struct lk_owner *w)
{
	int rc = lk_deescalate(w, "d/0", 3);

	if (rc == LK_E_STALE)
		rc = lk_deescalate(w, "d", 1);
	must(rc >= 0 || rc == LK_E_BUSY);
}

static void
use_rows(struct table *t, struct lk_owner *w, uint64_t *seed)
{
	const int from = (int)(test_random(seed) % SHARED_ROWS);
	const int n = 1 + (int)(test_random(seed) % 30);

	for (int i = from; i < from + n && i < SHARED_ROWS; i++) {
		const bool writes = test_random(seed) % 4 == 0;
		char name[32];

		if (lk_try_acquire(w, name_of(0, i, name), writes ? LK_X : LK_S, NULL) != 0)
			break;
		if (writes) {
			t->row[i].first++;
			t->row[i].second++;
		} else {
			must(t->row[i].first == t->row[i].second);
		}
		if (test_random(seed) % 64 == 0)
			rows_again(w);
	}
	must(lk_release_all(w) == 0);
}

static void
work(void *arg, unsigned index)
{
	const uint64_t end = test_now() + (uint64_t)(test_seconds(0.5) * 1e9);
	struct table *t = arg;
	uint64_t seed = index;
	struct lk_owner *w;

	must(lk_owner_open(t->m, NULL, &w) == 0);
	while (test_now() < end || escalations(t->m) == 0)
		use_rows(t, w, &seed);
	must(lk_owner_close(w) == 0);
}

Test(escalate_random, threads_are_kept_apart, .timeout = 120)
{
	static struct table t;

	t.m = open_manager("memory:?escalate_after=16&spread_after=1");
	test_threads(THREADS, work, &t);
	cr_expect_gt(escalations(t.m), 0u);
	cr_expect_eq(stats_of(t.m).holds, 0);
	ok(lk_close(t.m));
}
