/* SPDX-License-Identifier: MIT */
/* Several names at once: all are granted, or one is waited for and nothing that was taken for this is kept. */
#include "record/decide.h"

static int
decide_part(struct decide_part *p, const struct decide_view *v, enum decide_op op, uint32_t flags)
{
	struct decide_request q = p->q;

	q.op = op;
	q.flags = flags;
	q.grant = op == DECIDE_RELEASE ? q.request : 0;
	return decide(p->old, &q, v, p->fresh, &p->out);
}

/* All parts tried, none waits.  `*first`: which was refused; `n`: none. */
static int
try_all(struct decide_part *part, size_t n, const struct decide_view *v, size_t *first)
{
	*first = n;
	for (size_t i = 0; i < n; i++) {
		int rc = decide_part(&part[i], v, DECIDE_ACQUIRE,
				     part[i].q.flags & ~(uint32_t)DECIDE_WAIT);

		if (rc != 0)
			return rc;
		if (part[i].out.result != DECIDE_GRANTED && *first == n)
			*first = i;
	}
	return 0;
}

/* Nothing of this batch stays in the record of a part: neither what it got there nor its place. */
static int
withdraw(struct decide_part *p, const struct decide_view *v)
{
	const struct record_waiter *w = p->old != NULL ? record_waiter_of(p->old, &p->q.who) : NULL;

	if (w != NULL && w->request == p->q.request)
		return decide_part(p, v, DECIDE_CANCEL, 0);
	return decide_part(p, v, DECIDE_RELEASE, 0);
}

static int
check_parts(const struct decide_part *part, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (part[i].q.op != DECIDE_ACQUIRE || part[i].q.request != part[0].q.request ||
		    !record_id_is(&part[i].q.who, &part[0].q.who) ||
		    ((part[i].q.flags ^ part[0].q.flags) & DECIDE_WAIT) != 0)
			return LK_E_INVAL;
	}
	return 0;
}

int
decide_many(struct decide_part *part, size_t n, const struct decide_view *v,
	    enum decide_result *result, size_t *first)
{
	const bool patient = n > 0 && (part[0].q.flags & DECIDE_WAIT) != 0;
	int rc = check_parts(part, n);

	*result = DECIDE_NOTHING;
	if (rc == 0)
		rc = try_all(part, n, v, first);
	if (rc != 0)
		return rc;
	*result = *first == n ? DECIDE_GRANTED : part[*first].out.result;
	if (*first == n)
		return 0;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (*result != DECIDE_BUSY || !patient)
			rc = decide_part(&part[i], v, DECIDE_SWEEP, 0);
		else if (i != *first)
			rc = withdraw(&part[i], v);
		else
			rc = decide_part(&part[i], v, DECIDE_ACQUIRE, part[i].q.flags);
	}
	if (rc == 0 && *result == DECIDE_BUSY && patient)
		*result = DECIDE_WAITS; /* or granted there by now, as it will find */
	if (rc != 0)
		*result = DECIDE_NOTHING;
	return rc;
}
