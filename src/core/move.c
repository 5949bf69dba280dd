/* SPDX-License-Identifier: MIT */
/* A lock goes to another name: the new one is there before the old one goes. */
#include "core/acquire.h"
#include "core/call.h"
#include "core/leases.h"
#include "core/release.h"
#include "core/report.h"

/* The mode of a grant that is held.  0 or the code to return. */
static int
mode_of(struct lk_owner *w, lk_grant g, lk_mode *mode)
{
	const struct hold *s;
	uint32_t slot;
	int rc = leases_look(w, g);

	if (rc != 0)
		return rc;
	s = grant_find(w, g, &slot);
	if (s == NULL)
		return LK_E_STALE;
	*mode = head_mode(shim_load(&s->head, SHIM_RELAXED));
	return 0;
}

/* The old one was lost while the new one was waited for: as if it had not been had. */
static void
give_back(struct lk_owner *w, lk_grant taken)
{
	grant_untell_died(w, taken);
	(void)release_inside(w, taken);
}

/* The owner was entered. */
static int
move_inside(struct lk_owner *w, lk_grant g, const struct name *n, struct request *q, lk_grant *out)
{
	lk_grant taken = 0;
	lk_mode mode;
	int rc = mode_of(w, g, &q->mode);

	if (rc == 0 && unlikely(q->units.n != 0) && q->mode != LK_IX)
		rc = LK_E_INVAL;
	if (rc == 0)
		rc = acquire_inside(w, n, NULL, q, &taken);
	w->made_real = 0; /* (H10) */
	if (rc != 0)
		return rc;
	rc = mode_of(w, g, &mode);
	if (rc == 0)
		rc = release_inside(w, g);
	if (rc != 0)
		give_back(w, taken);
	else if (out != NULL)
		*out = taken;
	return rc;
}

static int
move(struct lk_owner *w, lk_grant g, const struct name *n, struct request *q, lk_grant *out)
{
	int rc = call_begin(w);

	if (rc == 0) {
		/* Of a family the old one may go while the new one is waited for. */
		rc = call_is_family(w) ? LK_E_UNSUPPORTED : move_inside(w, g, n, q, out);
		call_end(w);
	}
	if (q->report != NULL)
		report_end(q->report, rc);
	return rc;
}

/* It is not begun anew when a store does not answer: the caller has what it had. */
static int
read_options(struct request *q, const struct lk_options *o)
{
	int rc = request_read(q, LK_IX, o);

	return rc == 0 && (q->retry != NULL || q->max_retries != 0) ? LK_E_UNSUPPORTED : rc;
}

int
lk_move(struct lk_owner *w, lk_grant g, const void *name, size_t len, const struct lk_options *o,
	lk_grant *out)
{
	struct request q;
	struct name n;
	int rc;

	if (w == NULL || name == NULL)
		return LK_E_INVAL;
	rc = read_options(&q, o);
	if (rc != 0)
		return rc;
	if (!name_set(&n, name, len, q.name_hash, w->manager->index.seed))
		return LK_E_NAME;
	return move(w, g, &n, &q, out);
}

int
lk_move_id(struct lk_owner *w, lk_grant g, uint64_t id, const struct lk_options *o, lk_grant *out)
{
	struct request q;
	struct name n;
	int rc;

	if (w == NULL)
		return LK_E_INVAL;
	rc = read_options(&q, o);
	if (rc != 0)
		return rc;
	name_set_id(&n, &id, w->manager->index.seed);
	return move(w, g, &n, &q, out);
}
