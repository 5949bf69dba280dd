/* SPDX-License-Identifier: MIT */
/*
 * Names of all lengths, in entries and in blocks, guessed and not, one by one and in batches: an owner has what the model says that it
 * has, and nobody else gets that.  (core/long.h, core/many.h)
 */
#include <string.h>

#include "support.h"

enum { NAMES = 60, STEPS = 6000, BATCH = 12 };

/* Of 8 to 126 bytes, told apart in the middle: of many pairs the length is the same. */
static const char *
name_of(unsigned i)
{
	static char text[NAMES][128];
	const size_t len = 8 + i / 2 * 4;

	memset(text[i], 'x', len);
	text[i][len / 2] = (char)('a' + i % 26);
	text[i][len / 2 + 1] = (char)('a' + i / 26);
	return text[i];
}

struct model {
	lk_grant g[NAMES][BATCH]; /* newest last */
	unsigned n[NAMES];
	unsigned holds;
};

static void
note(struct model *m, unsigned i, lk_grant g)
{
	m->holds += m->n[i] == 0;
	m->g[i][m->n[i]++] = g;
}

/* Also twice the same, and what is held already. */
static void
take_batch(struct lk_owner *w, struct model *m, unsigned n, uint64_t *seed)
{
	struct lk_request r[BATCH];
	unsigned which[BATCH];
	lk_grant g[BATCH];
	unsigned k = 0;

	while (k < n) {
		const unsigned i = (unsigned)(test_random(seed) % NAMES);

		if (m->n[i] + n > BATCH)
			return; /* another time */
		which[k] = i;
		r[k++] = (struct lk_request){ name_of(i), LK_X, 0, 0 };
	}
	ok(lk_acquire_many(w, r, n, NULL, g));
	for (k = 0; k < n; k++)
		note(m, which[k], g[k]);
}

static void
release_some(struct lk_owner *w, struct model *m, uint64_t *seed)
{
	const unsigned i = (unsigned)(test_random(seed) % NAMES);

	if (m->n[i] > 0) {
		ok(lk_release(w, m->g[i][--m->n[i]]));
		m->holds -= m->n[i] == 0;
	}
	if (test_random(seed) % 16 == 0) {
		ok(lk_release_all(w));
		memset(m, 0, sizeof(*m));
	}
}

static void
play(const char *url, uint64_t seed)
{
	struct lk_manager *m = open_manager(url);
	struct model model = { .holds = 0 };
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (unsigned step = 0; step < STEPS; step++) {
		const unsigned i = (unsigned)(test_random(&seed) % NAMES);

		if (step % 3 == 0)
			take_batch(w[0], &model, 1 + (unsigned)(test_random(&seed) % BATCH), &seed);
		else if (step % 3 == 1 && model.n[i] < BATCH)
			note(&model, i, take(w[0], name_of(i), LK_X));
		else
			release_some(w[0], &model, &seed);
		cr_assert_eq(stats_of(m).holds, model.holds, "%u", step);
		cr_assert_eq(is_open_to(w[1], name_of(i), LK_S), model.n[i] == 0, "%u: %s", step,
			     name_of(i));
	}
	close_all(m, w, 2);
}

Test(anylength, names_that_come_and_go, .timeout = 60)
{
	play("memory:?max_idle=4&index_buckets=1", 3);
}

Test(anylength, names_that_stay, .timeout = 60)
{
	play("memory:", 5);
}

Test(anylength, grants_that_are_timed, .timeout = 60)
{
	play("memory:?sample_every=3", 7);
}

/* None, and more bytes than a name may have, are none alone or in a batch. */
Test(anylength, at_the_ends)
{
	static char text[LK_NAME_MAX + 2];
	struct lk_manager *m = open_manager(NULL);
	struct lk_request r[2] = { { "a", LK_X, 0, 0 }, { text, LK_X, 0, 0 } };
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	memset(text, 'y', LK_NAME_MAX + 1);
	is(lk_acquire(w[0], text, LK_X, NULL, NULL), LK_E_NAME);
	is(lk_acquire_many(w[0], r, 2, NULL, NULL), LK_E_NAME);
	is(lk_acquire(w[0], "", LK_X, NULL, NULL), LK_E_NAME);
	cr_expect_eq(stats_of(m).holds, 0);
	text[LK_NAME_MAX] = 0;
	ok(lk_acquire_many(w[0], r, 2, NULL, NULL));
	cr_expect_not(is_open_to(w[1], text, LK_S));
	ok(lk_release_all(w[0]));
	ok(lk_acquire(w[0], text, LK_X, NULL, NULL));
	cr_expect_not(is_open_to(w[1], text, LK_S));
	close_all(m, w, 2);
}

/* The entry of a long name on a path is as good as that of a short one. */
Test(anylength, on_a_path)
{
	static const char *const leaf = "database/of/a/table/with a long name/row 1234567";
	struct lk_manager *m = open_manager("memory:?separator=/");
	struct lk_request r[2] = { { leaf, LK_X, 0, 0 }, { "other", LK_X, 0, 0 } };
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (unsigned i = 0; i < 600; i++) { /* guessed in the end */
		ok(lk_acquire_many(w[0], r, 1 + i % 2, NULL, NULL));
		cr_assert_not(is_open_to(w[1], "database/of/a", LK_S));
		ok(lk_release_all(w[0]));
		ok(lk_acquire(w[0], leaf, LK_S, NULL, NULL));
		cr_assert_not(is_open_to(w[1], "database/of/a", LK_X));
		cr_assert(is_open_to(w[1], "database/of/a", LK_S));
		ok(lk_release_all(w[0]));
	}
	close_all(m, w, 2);
}
