/* SPDX-License-Identifier: MIT */
/* Sweeping a store: what is over goes.  And ending holds by force.  (HR1, HR2) */
#include "remote/frozen.h"
#include "remote/upkeep_inside.h"

enum { AT_ONCE = 32 };

/* A record that it may be worth to change. */
struct candidate {
	size_t len;
	unsigned char name[UPKEEP_NAME]; /* of the record */
};

struct sweep {
	struct upkeep *u;
	struct upkeep_swept *out;
	size_t most;
	uint64_t floor; /* that the removal of what was found needs */
	struct decide_view
		v; /* of when the last of those were changed: its clock may be far away */
	size_t n;
	struct candidate *found; /* AT_ONCE */
};

/* What a sweep of the record would come to.  False: nothing, or it is not ours to change. */
static bool
would_change(const struct decide_view *v, const struct record *old, struct record *fresh,
	     struct decide_outcome *out)
{
	const struct decide_request q = {
		.op = DECIDE_SWEEP,
		.name = old->name,
		.name_len = old->name_len,
	};

	if (decide(old, &q, v, fresh, out) != 0)
		return false;
	/* That another clock would write other times is no reason to: who sweeps uses nothing. */
	return out->is_idle || fresh->n_holders < old->n_holders ||
	       fresh->n_waiters < old->n_waiters;
}

/* Fence and generation of a record that is to go: the floor has to be that high.  (HR1) */
static uint64_t
height_of(const struct record *old, const struct record *fresh)
{
	return fresh->fence > old->generation ? fresh->fence : old->generation;
}

/* One change, and what it came to. */
struct change {
	struct upkeep *u;
	struct decide_view v;
	uint64_t floor;
	bool has_gone;
	bool has_changed;
};

static int
change(void *arg, struct lk_store_record *r, size_t n)
{
	struct change *c = arg;
	struct upkeep *u = c->u;
	struct decide_outcome out;

	(void)n;
	c->has_gone = c->has_changed = false;
	if (r->old_len == 0 ||
	    record_decode(&u->old, r->old, r->old_len, u->name + 1, u->name_len - 1) != RECORD_FINE)
		return 0; /* somebody was faster */
	if (!would_change(&c->v, &u->old, &u->fresh, &out))
		return 0;
	c->has_gone = out.is_idle && height_of(&u->old, &u->fresh) <= c->floor;
	c->has_changed = !c->has_gone && out.changed;
	if (c->has_changed) {
		r->fresh_len = record_encode(&u->fresh, u->bytes);
		r->fresh = u->bytes;
	}
	r->changed = c->has_gone || c->has_changed;
	return 0;
}

static int
change_one(struct sweep *w, const struct candidate *k, const struct decide_view *v)
{
	struct upkeep *u = w->u;
	struct change c = { .u = u, .v = *v, .floor = w->floor };
	int rc;

	memcpy(u->name, k->name, k->len);
	u->name_len = k->len;
	rc = upkeep_update(u, 0, change, &c);
	if (rc == LK_E_UNKNOWN || rc == LK_E_CORRUPT)
		return 0; /* whatever it came to, the next sweep finds what is left */
	w->out->removed += rc == 0 && c.has_gone;
	w->out->cleared += rc == 0 && c.has_changed;
	return rc;
}

/* The floor first, once for all of them: that has to outlive a power cut, and takes the longest.  (HR1) */
static int
change_all(struct sweep *w)
{
	int rc = w->floor != 0 ? upkeep_raise(w->u, w->floor) : 0;

	w->v = upkeep_view(w->u);
	for (size_t i = 0; rc == 0 && i < w->n; i++)
		rc = change_one(w, &w->found[i], &w->v);
	w->n = 0;
	w->floor = 0;
	return rc;
}

/* What `fn` of a scan returns when there was enough: no store does. */
enum { ENOUGH = 9002 };

static int
look(void *arg, const struct upkeep_row *row)
{
	struct sweep *w = arg;
	struct upkeep *u = w->u;
	struct decide_outcome out;
	struct candidate *k;
	uint64_t height;
	int rc;

	w->out->looked_at++;
	if (row->r == NULL) {
		w->out->damaged++;
		return 0;
	}
	upkeep_know(u, row->r);
	w->v.n_dead = u->n_dead;
	if (!would_change(&w->v, row->r, &u->fresh, &out))
		return 0;
	if (w->most == 0)
		return ENOUGH;
	w->most--;
	height = out.is_idle ? height_of(row->r, &u->fresh) : 0;
	w->floor = height > w->floor ? height : w->floor;
	k = &w->found[w->n++];
	k->name[0] = row->is_id ? 'i' : 'n';
	memcpy(k->name + 1, row->name, row->len);
	k->len = row->len + 1;
	rc = w->n == AT_ONCE ? change_all(w) : 0;
	return rc;
}

int
upkeep_sweep(struct upkeep *u, size_t most, struct upkeep_swept *out)
{
	const size_t size = AT_ONCE * sizeof(struct candidate);
	struct sweep w = { .u = u, .out = out, .most = most };
	int rc;

	*out = (struct upkeep_swept){ .is_all = true };
	w.found = env_alloc(u->p.env, size, sizeof(void *));
	if (w.found == NULL)
		return LK_E_NOMEM;
	w.v = upkeep_view(u);
	rc = upkeep_each(u, NULL, 0, look, &w);
	out->is_all = rc == 0;
	if (rc == 0 || rc == ENOUGH)
		rc = change_all(&w);
	env_free(u->p.env, w.found, size);
	return rc;
}

/* ------------------------------------------------------------------ ending by force */

struct end {
	struct upkeep *u;
	struct decide_view v;
	const struct record_id *who; /* NULL: any */
	bool was_any;
	struct decide_outcome out;
};

static const struct record_holder *
target_in(const struct record *r, const struct record_id *who)
{
	for (uint32_t i = 0; i < r->n_holders; i++) {
		const struct record_holder *h = &r->holder[i];

		if ((h->flags & HOLDER_KEPT) == 0 && (who == NULL || record_id_is(&h->who, who)))
			return h;
	}
	return NULL;
}

static int
end_one(void *arg, struct lk_store_record *r, size_t n)
{
	struct end *e = arg;
	struct upkeep *u = e->u;
	struct decide_request q = { .op = DECIDE_BREAK };
	const struct record_holder *h;
	enum record_fault fault;
	int rc;

	(void)n;
	e->was_any = false;
	if (r->old_len == 0)
		return 0;
	if (frozen_look(r->old, r->old_len).is_frozen)
		return LK_E_BUSY; /* no session has it, and who has a token for it is on the way elsewhere */
	fault = record_decode(&u->old, r->old, r->old_len, u->name + 1, u->name_len - 1);
	if (fault != RECORD_FINE)
		return record_fault_code(fault);
	h = target_in(&u->old, e->who);
	if (h == NULL)
		return 0;
	q.name = u->name + 1;
	q.name_len = u->name_len - 1;
	q.target = h->who;
	rc = decide(&u->old, &q, &e->v, &u->fresh, &e->out);
	if (rc != 0 || e->out.result != DECIDE_DONE)
		return rc;
	e->was_any = true;
	r->fresh_len = record_encode(&u->fresh, u->bytes);
	r->fresh = u->bytes;
	r->changed = 1;
	return 0;
}

int
upkeep_break(struct upkeep *u, const void *name, size_t len, bool is_id,
	     const struct record_id *who, struct upkeep_broken *out)
{
	struct end e = { .u = u, .who = who };
	int rc;

	*out = (struct upkeep_broken){ 0 };
	if (!upkeep_set_name(u, name, len, is_id))
		return LK_E_NAME;
	for (uint32_t i = 0; i < RECORD_HOLDERS;
	     i++) { /* and no more, should others come as they go */
		e.v = upkeep_view(u);
		e.v.n_dead = 0; /* who died is ended all the same, and counted */
		rc = upkeep_update(u, 0, end_one, &e);
		if (rc != 0 || !e.was_any)
			break;
		out->n++;
		if (e.out.fence > out->fence)
			out->fence = e.out.fence;
		if (who != NULL)
			break;
	}
	return rc != 0 ? rc : out->n != 0 ? 0 : LK_E_NOENT;
}
