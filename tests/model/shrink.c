/* SPDX-License-Identifier: MIT */
/* Shrinking: try something smaller, keep it if it still fails, until nothing smaller does. */
#include "shrink.h"

#include <string.h>

enum { WAYS_BUT_MODES = 8 }; /* to make an operation simpler */

struct shrinking {
	struct script *s;
	enum ref_fault fault;
	struct verdict *v;
};

/* Keep `smaller` if it fails. */
static bool
keep(struct shrinking *x, const struct script *smaller)
{
	struct verdict v;

	if (run_script(smaller, x->fault, NULL, &v))
		return false;
	*x->s = *smaller;
	*x->v = v;
	return true;
}

static bool
leave_out(struct shrinking *x, size_t at, size_t n)
{
	struct script smaller = *x->s;

	smaller.n -= n;
	memmove(&smaller.op[at], &smaller.op[at + n], (smaller.n - at) * sizeof(smaller.op[0]));
	return keep(x, &smaller);
}

/* From large pieces to single operations. */
static bool
leave_out_all(struct shrinking *x)
{
	bool better = false;

	for (size_t n = x->s->n / 2 + 1; n > 0; n /= 2) {
		for (size_t at = x->s->n; at-- > 0;) {
			if (at + n <= x->s->n)
				better |= leave_out(x, at, n);
		}
	}
	return better;
}

/* The n-th way to make an operation simpler; false: there is no such way, or it has no effect. */
static bool
simplify(struct op *op, unsigned n)
{
	const struct op was = *op;

	switch (n) {
	case 0:
		op->nowait = false;
		break;
	case 1:
		op->parents = false;
		break;
	case 2:
		op->handle = false;
		break;
	case 3:
		op->time = op->kind == OP_ADVANCE ? 1 : 0;
		break;
	case 4:
		if (op->n_items > 1)
			op->n_items--;
		break;
	case 5:
		op->grant = 0;
		break;
	case 6:
		if (op->owner > 0)
			op->owner--;
		break;
	case 7:
		op->priority = 0;
		break;
	default:
		if (n - WAYS_BUT_MODES < op->n_items) /* for want of a simpler one */
			op->mode[n - WAYS_BUT_MODES] = LK_X;
	}
	return memcmp(&was, op, sizeof(was)) != 0;
}

static bool
simplify_all(struct shrinking *x)
{
	bool better = false;

	for (size_t i = 0; i < x->s->n; i++) {
		for (unsigned n = 0; n < WAYS_BUT_MODES + REF_BATCH; n++) {
			struct script simpler = *x->s;

			better |= simplify(&simpler.op[i], n) && keep(x, &simpler);
		}
	}
	return better;
}

static bool
simplify_head(struct shrinking *x)
{
	struct script simpler = *x->s;
	bool better = false;

	simpler.shutdown = false;
	better |= x->s->shutdown && keep(x, &simpler);
	simpler = *x->s;
	simpler.reentry = 0;
	better |= x->s->reentry != 0 && keep(x, &simpler);
	simpler = *x->s;
	simpler.shared = simpler.ranks = false;
	better |= (x->s->shared || x->s->ranks) && keep(x, &simpler);
	simpler = *x->s;
	simpler.barrier = 0;
	better |= x->s->barrier != 0 && keep(x, &simpler);
	simpler = *x->s;
	simpler.escalate = 0;
	better |= x->s->escalate != 0 && keep(x, &simpler);
	simpler = *x->s;
	simpler.idle = 1;
	return (x->s->idle != 1 && keep(x, &simpler)) || better;
}

void
shrink(struct script *s, enum ref_fault fault, struct verdict *v)
{
	struct shrinking x = { s, fault, v };
	bool better = true;

	if (run_script(s, fault, NULL, v))
		return;
	while (better) {
		better = leave_out_all(&x);
		better |= simplify_all(&x);
		better |= simplify_head(&x);
	}
}
