/* SPDX-License-Identifier: MIT */
/*
 * Sampling: which grants are timed, and what becomes of their times.
 *
 * An owner's grants are numbered in the order in which its memory made them, and one of every `sample_every` in a row
 * is drawn by lot.  The plain way learns of it by what it looks at anyway: `drawn_end` is where the stamps end, or the
 * grant to be timed.  There an owner is not plain, the grant goes the long way, keeps an extra with the time, and so its
 * release does not go the plain way either.
 *
 * V6  each grant is timed with the chance of 1 in `sample_every`, whatever it is, and counts as so many: a drawn number
 *     whose request was refused is that of the next grant.
 * V7  nothing fails for want of memory that a sample alone would take: then the next grant is timed.
 * V8  `drawn_end` is at most where the block of stamps ends, and at most where the grant to be timed would be if all
 *     stamps up to there went to grants.  (Some go to holds on ancestors: then it is looked at again.)  And
 *     at most where the spell under way ends (SP2).
 */
#ifndef LK_CORE_SAMPLE_H
#define LK_CORE_SAMPLE_H

#include "core/request.h"

/* Once for new memory: the first grant to be timed. */
void sample_begin(struct lk_owner *w);

/* Say how far the plain way may go, in what is left of the block of stamps.  (V8) */
void sample_aim(struct lk_owner *w);

/* If it is: give it an extra. */
void sample_prepare(struct lk_owner *w, struct request *q);

/* It has an extra: begin to measure, if it is the one or asks for it. */
void sample_time(struct lk_owner *w, struct request *q);

/* Is that all that its extra is there for? */
LK_HOT bool
sample_alone(const struct request *q)
{
	return q->extra != NULL && (q->extra->flags & EXTRA_SAMPLED) != 0;
}

/* A new grant keeps `e`: note that it is timed, if it is, and draw the next. */
void sample_granted(struct lk_owner *w, const struct extra *e, lk_mode mode);

/* What is known of a timed grant when it ends. */
struct sample_end {
	struct sketch_name name;
	lk_mode mode;
	uint64_t held_ns;
	uint64_t weight;
};

/* The grant in `s`, which has an extra, is about to end.  False: it is not timed. */
bool sample_ends(struct lk_owner *w, const struct hold *s, struct sample_end *end);

/* The grant in `s` is undone, as if it had not been: no time of it is kept. */
void sample_forget(const struct hold *s);

/* It has ended. */
void sample_record(struct lk_owner *w, const struct sample_end *end);

#endif /* LK_CORE_SAMPLE_H */
