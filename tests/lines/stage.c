/* SPDX-License-Identifier: MIT */
/* Opening and closing a stage, and taking turns on it. */
#include "index/guess.h"
#include "stage.h"

void
stage_open(struct stage *s)
{
	stage_open_url(s, "memory:?sample_every=off");
}

void
stage_open_url(struct stage *s, const char *url)
{
	memset(s, 0, sizeof(*s));
	lines_clear();
	test_world_init(&s->world);
	s->m = open_with(url, NULL, &s->world);
	open_owners(s->m, s->w, PAIR);
	for (unsigned i = 0; i < PAIR * (LK_GUESS_AFTER + 2); i++) /* until it has its table */
		ok(lk_release(s->w[i % PAIR], take(s->w[i % PAIR], "warm", LK_S)));
	for (unsigned i = 0; i < PAIR; i++)
		cr_assert_not_null(s->w[i]->cache.guess);
}

void
stage_close(struct stage *s)
{
	for (unsigned i = 0; i < PAIR; i++)
		lk_resource_close(s->r[i]);
	close_all(s->m, s->w, PAIR);
}

void
stage_handles(struct stage *s, const char *a, const char *b)
{
	ok(lk_resource_open(s->m, a, &s->r[0]));
	ok(lk_resource_open(s->m, b, &s->r[1]));
}

void
stage_spread(struct stage *s, const char *name, lk_mode mode)
{
	struct lk_resource *r;

	ok(lk_resource_open(s->m, name, &r));
	line_spread(&s->m->lot, r, mode);
	cr_assert_neq(shim_load(&r->word, SHIM_RELAXED) & WORD_SPREAD, 0);
	lk_resource_close(r);
}

void
stage_warm_up(struct stage *s, lines_op *op, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		op(s, LINES_A);
		op(s, LINES_B);
	}
}

static void
note_one(struct stage *s, lines_op *op, unsigned who)
{
	lines_begin(who);
	op(s, who);
	lines_end();
}

struct lines_sum
stage_count(struct stage *s, lines_op *op, lines_op *onlooker, unsigned n)
{
	lines_clear();
	for (unsigned i = 0; i < n; i++) {
		note_one(s, op, LINES_A);
		note_one(s, op, LINES_B);
		if (onlooker != NULL)
			note_one(s, onlooker, LINES_ONLOOKER);
	}
	return lines_sum();
}
