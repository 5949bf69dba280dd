/* SPDX-License-Identifier: MIT */
/* Who waits for an answer of the store, and is told. */
#include "remote/inside.h"

/* So long it is kept for one who is not in the line, and has yet to come. */
enum { KEEP_NS = 1000000 };

int
need_wait(const struct remote *m, struct need *n)
{
	while (shim_load(&n->word, SHIM_ACQUIRE) != NEED_TOLD) {
		uint32_t word = NEED_OPEN;

		if (shim_cas(&n->word, &word, (uint32_t)NEED_SLEEPS, SHIM_RELAXED) ||
		    word == NEED_SLEEPS)
			env_wait(m->p.env, &n->word, NEED_SLEEPS, SHIM_NEVER);
	}
	return n->rc;
}

void
need_tell(struct remote *m, struct need *n, int rc)
{
	n->rc = rc;
	if (shim_xchg(&n->word, (uint32_t)NEED_TOLD, SHIM_ACQ_REL) == NEED_SLEEPS)
		env_wake(m->p.env, &n->word);
}

/* What has become of one who waits for the answer.  False: it has not come yet. */
static bool
answer_need(struct cover *c, struct need *n, const struct answer *a)
{
	int rc = LK_E_BUSY;

	if (cover_serves(c, n)) {
		rc = 0;
		if (!n->is_patient) /* it is not in the line, and has yet to come */
			c->keep_ns = env_boottime(c->of->p.env) + KEEP_NS;
	} else if (a->kind == ANSWER_FAILED && a->is_misfit && n->units.n == 0)
		return false; /* it is asked for again, without those units */
	else if (a->kind == ANSWER_FAILED &&
		 !(a->is_misfit && n->is_patient)) /* or it was sent away */
		rc = a->rc;
	else if (n->is_patient) /* it waits, or is refused already (AB5) */
		rc = 0;
	else if (a->kind == ANSWER_DEADLOCK && abroad_is_refused(n->held, a->demand))
		rc = LK_E_CONVERSION_DEADLOCK;
	else if (a->kind == ANSWER_WAITS && env_boottime(c->of->p.env) < n->until_ns)
		return false;
	need_tell(c->of, n, rc);
	return true;
}

/* Who does not have it yet waits for a moment. */
void
needs_answer(struct cover *c, struct need *needs, const struct answer *a)
{
	struct need *next;

	for (struct need *n = needs; n != NULL; n = next) {
		next = n->next;
		if (answer_need(c, n, a))
			continue;
		n->next = c->tries;
		c->tries = n;
	}
}

/* The store has spoken: those too hear it who have waited for that. */
void
needs_answer_all(struct cover *c, struct need *needs, const struct answer *a)
{
	struct need *tries = c->tries;

	c->tries = NULL;
	needs_answer(c, tries, a);
	needs_answer(c, needs, a);
}
