/* SPDX-License-Identifier: MIT */
/* A manager, two owners that stand for cores, and what both do in turn. */
#ifndef LK_LINES_STAGE_H
#define LK_LINES_STAGE_H

#include "../api/support.h"

#include "core/manager.h"
#include "record.h"

/* Few enough that nobody has to draw new stamps in between, whatever an operation is. */
enum { PAIR = 2, WARM_UP = 32, ROUNDS = 128, MANY = 10 };

struct stage {
	struct test_world world; /* for a hash that is always the same */
	struct lk_manager *m;
	struct lk_owner *w[PAIR];
	struct lk_resource *r[PAIR]; /* what each of them works on, if by handle */
	lk_mode mode;
	uint64_t step[PAIR]; /* operations so far */
};

/* An operation of the owner `who`. */
typedef void lines_op(struct stage *s, unsigned who);

void stage_open(struct stage *s);
void stage_open_url(struct stage *s, const char *url);
void stage_close(struct stage *s);

/* The handles of these names for A and B.  The same name twice is the same line. */
void stage_handles(struct stage *s, const char *a, const char *b);

/* As if attempts in `mode` on this name had been lost: it is spread from now on. */
void stage_spread(struct stage *s, const char *name, lk_mode mode);

/* So many operations of each, in turn, of which nothing is noted. */
void stage_warm_up(struct stage *s, lines_op *op, unsigned n);

/* The same, noted.  An onlooker, if there is one, comes after each pair. */
struct lines_sum stage_count(struct stage *s, lines_op *op, lines_op *onlooker, unsigned n);

#endif /* LK_LINES_STAGE_H */
