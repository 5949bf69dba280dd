/* SPDX-License-Identifier: MIT */
/* Grants are looked at once they are made.  (CO8) */
#include "core/late.h"
#include "core/acquire.h"
#include "core/member.h"
#include "core/release.h"

bool
late_is(struct lk_owner *w, lk_grant g)
{
	const struct remote *m = w->manager->remote;

	return unlikely(m != NULL) && (remote_is_mortal(m) || w->listens) &&
	       grant_is_lost_abroad(w, g); /* (CO8, AL1) */
}

int
late_acquire(struct lk_owner *w, const struct name *n, struct lk_resource *r, struct request *q,
	     lk_grant *out)
{
	lk_grant g;
	int rc;

	if (out == NULL)
		out = &g;
	for (;;) {
		rc = unlikely(call_is_family(w)) ? member_acquire(w, n, r, q, out)
						 : acquire_inside(w, n, r, q, out);
		w->made_real = 0; /* (H10) */
		if (rc != 0 || likely(!late_is(call_holder(w), *out)))
			return rc;
		(void)release_inside(call_holder(w), *out);
	}
}

bool
late_undo(struct lk_owner *w, struct batch *b)
{
	bool is_late = false;

	for (size_t i = 0; i < b->n; i++)
		is_late |= late_is(call_holder(w), b->item[i].grant);
	for (size_t i = 0; is_late && i < b->n; i++)
		(void)release_inside(call_holder(w), b->item[i].grant);
	return is_late;
}
