/* SPDX-License-Identifier: MIT */
/* Copies of what the members of a ring wait for, made in their lines. */
#include <string.h>

#include "deadlock/report.h"

static uint32_t
least(size_t a, size_t b)
{
	return (uint32_t)(a < b ? a : b);
}

struct portrait {
	const struct party *party;
	struct lk_deadlock_member *out;
	uint64_t now;
	bool met;
};

static void
copy_waiter(void *arg, const struct waiter *q)
{
	struct portrait *t = arg;
	struct lk_deadlock_member *m = t->out;
	const void *name;
	size_t len;
	bool is_id;

	if (q->party != t->party || !member_waits(t->party))
		return;
	t->met = true;
	name = resource_name(q->r, &len, &is_id);
	memcpy(m->name, name, least(len, sizeof(m->name)));
	m->name_len = (uint32_t)len;
	m->flags |= is_id ? LK_NAME_IS_ID : 0;
	m->held = q->held;
	m->wanted = q->want;
	m->blocked = t->party->edge.blocked;
	m->waited_ns = t->now > q->since_ns ? t->now - q->since_ns : 0;
	m->tag_len = (uint32_t)q->face.tag_len;
	if (q->face.owner_label != NULL) /* of a family the member's who waits */
		memcpy(m->owner_label, q->face.owner_label, sizeof(m->owner_label));
	if (q->face.tag_len != 0)
		memcpy(m->tag, q->face.tag, least(q->face.tag_len, sizeof(m->tag)));
}

/* False: it does not wait any more as it did. */
static bool
copy_member(const struct ring_search *s, struct party *p, uint64_t now,
	    struct lk_deadlock_member *out)
{
	const struct lk_owner *w = party_owner(p);
	struct portrait t = { .party = p, .out = out, .now = now };

	memset(out, 0, sizeof(*out));
	out->owner_id = shim_load(&w->id, SHIM_RELAXED);
	owner_label(w, out->owner_label);
	out->priority = party_priority(p);
	out->n_grants = holds_n(&w->holds) + shim_load(&w->holds.reentries, SHIM_RELAXED);
	out->opened_ns = w->opened_ns;
	if (p->edge.r == NULL) {
		out->flags = LK_EXTERNAL;
		return member_waits(p);
	}
	line_each(s->lot, p->edge.r, copy_waiter, &t);
	return t.met;
}

bool
report_ring(const struct ring_search *s, const struct party *victim, uint64_t now,
	    struct lk_deadlock *out)
{
	const uint32_t last = LK_DEADLOCK_MEMBERS_MAX - 1;
	bool has_victim = victim == NULL;
	struct party *p = s->root;

	*out = (struct lk_deadlock){ .size = sizeof(*out), .at_ns = now };
	do {
		const bool is_victim = p == victim;

		has_victim |= is_victim;
		if (out->kept < last || (out->kept == last && has_victim)) {
			uint32_t at = out->kept;

			if (!copy_member(s, p, now, &out->member[at]))
				return false;
			if (is_victim) {
				out->victim = at;
				out->member[at].flags |= LK_VICTIM;
			}
			out->kept++;
		} else if (!member_waits(p)) {
			return false;
		}
		out->n++;
		p = p->edge.waits;
	} while (p != s->root);
	return true;
}
