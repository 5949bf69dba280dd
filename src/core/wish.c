/* SPDX-License-Identifier: MIT */
/* What requests without a thread need of other processes. */
#include "core/late.h"
#include "core/release.h"
#include "core/settle.h"

#define PATIENCE_NS UINT64_C(4000000000) /* longer than any answer takes */

int
wish_abroad(const struct pending *s)
{
	struct remote *m = s->manager->remote;
	int rc = 0;

	if (m == NULL)
		return 0;
	if (s->c == NULL)
		return remote_wish(m, s->alone.r, s->alone.want);
	for (uint32_t i = 0; rc == 0 && i < s->c->n_parts; i++)
		rc = remote_wish(m, s->c->part[i].r, s->c->part[i].want);
	return rc;
}

bool
wish_may_help(const struct pending *s)
{
	for (size_t i = 0; i < s->l.n; i++) {
		const struct level *v = &s->l.at[i];

		if (v->is_part && remote_may_bar(s->manager->remote, v->r, v->want))
			return true;
	}
	return false;
}

/* What came of it on the levels where it waits: the first that is not LK_E_BUSY. */
static int
word_of(const struct pending *s)
{
	int rc = LK_E_BUSY;

	for (size_t i = 0; rc == LK_E_BUSY && i < s->l.n; i++) {
		if (s->l.at[i].is_part)
			rc = remote_word(s->manager->remote, s->l.at[i].r);
	}
	return rc;
}

bool
wish_is_open(struct pending *s, uint64_t now)
{
	int rc;

	if (!s->is_impatient)
		return false;
	rc = word_of(s);
	if (rc == 0 && now - s->since_ns < PATIENCE_NS) {
		s->deadline_ns = now + REMOTE_TRY_NS;
		return true;
	}
	s->trouble = rc != 0 ? rc : LK_E_BUSY;
	return false;
}

int
wish_in_time(struct pending *s)
{
	struct lk_owner *w = pending_owner(s);
	bool is_late = s->converts != 0 && late_is(w, s->converts);

	for (size_t i = 0; s->converts == 0 && i < s->b.n; i++)
		is_late |= late_is(w, s->b.item[i].grant);
	for (size_t i = 0; is_late && s->converts == 0 && i < s->b.n; i++)
		release_undone(w, s->b.item[i].grant);
	return is_late ? LK_E_LOST : 0;
}
