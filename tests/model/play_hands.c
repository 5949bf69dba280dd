/* SPDX-License-Identifier: MIT */
/* Operations that are about all that an owner has, or about two owners, on both sides. */
#include "play.h"

#include <string.h>

bool
play_transfer(struct actor *a, const struct op *op)
{
	struct stage *t = a->stage;
	struct actor *to = &t->actor[op->to];
	struct pair taken = { 0, 0 };
	const int rc = lk_transfer(a->lk, a->on.lk, to->lk, &taken.lk);

	if (!compare_code(t, rc, ref_transfer(&t->ref, a->index, a->on.ref, to->index, &taken.ref)))
		return false;
	if (rc == 0 && to != a)
		to->pair[to->n_pairs++] = taken;
	else if (rc == 0 && taken.lk != a->on.lk)
		return differ(t, "what was given to its own owner is another grant");
	return true;
}

bool
play_savepoint(struct actor *a, const struct op *op)
{
	struct stage *t = a->stage;

	a->mark[op->grant].lk = lk_savepoint(a->lk);
	a->mark[op->grant].ref = t->ref.last_id;
	a->mark[op->grant].opening = a->opening;
	return a->mark[op->grant].lk != 0 || differ(t, "there is no mark");
}

bool
play_rollback(struct actor *a, const struct op *op)
{
	struct stage *t = a->stage;
	const bool good = a->mark[op->grant].lk != 0 && a->mark[op->grant].opening == a->opening;
	size_t released = 0, should = 0;
	const int rc = lk_rollback(a->lk, a->mark[op->grant].lk, &released);

	if (good)
		should = ref_rollback(&t->ref, a->index, a->mark[op->grant].ref);
	if (!compare_code(t, rc, good ? 0 : LK_E_STALE))
		return false;
	t->verdict->met.rolled_back += released;
	return released == should ||
	       differ(t, "%zu grants were released, but should %zu", released, should);
}

bool
play_deescalate(struct actor *a, const struct op *op)
{
	struct stage *t = a->stage;
	const char *name = script_names[op->name[0]];
	const int rc = lk_deescalate(a->lk, name, strlen(name));
	const int should = ref_deescalate(&t->ref, a->index, name);

	t->verdict->met.deescalated += rc > 0;
	if (rc >= 0 && should >= 0 && rc != should)
		return differ(t, "%d grants are locks of their own again, but should %d", rc,
			      should);
	return compare_code(t, rc < 0 ? rc : 0, should < 0 ? should : 0);
}

static const char *
name_of(const struct lk_escalation *e)
{
	for (unsigned i = 0; i < SCRIPT_NAMES; i++) {
		if (strlen(script_names[i]) == e->name_len &&
		    memcmp(script_names[i], e->name, e->name_len) == 0)
			return script_names[i];
	}
	return "";
}

/* An owner's label is its number. */
int
play_asked(void *stage, const struct lk_escalation *e)
{
	struct stage *t = stage;
	struct ref *m = &t->ref;
	const int owner = e->owner_label[0] - '0';
	const bool barred = t->script->barrier != 0 && ++t->n_asked % t->script->barrier == 0;

	if (owner < 0 || owner >= REF_OWNERS || m->owner[owner].n_asked == REF_ASKED)
		(void)differ(t, "it tries to escalate for nobody, or without end");
	else
		m->asked[owner][m->owner[owner].n_asked++] = (struct ref_asked){
			name_of(e), e->held, e->mode, e->locks, e->grants, barred,
		};
	return barred;
}
