/* SPDX-License-Identifier: MIT */
/*
 * Covers that are to fall: their timers say so, and whoever goes to the store takes them along.
 *
 * CB6  a cover that is taken along is busy, and worked on by who has taken it, as if he had served its timer (CO1).
 * CB7  who asks for himself hears his own answer first; and asks nothing more for those that he took along: what is left
 *      to do is for the timers.
 */
#include "remote/inside.h"

enum { ALONG_MOST = 16 };

struct falls {
	struct asks asks;
	size_t n;
	struct cover *c[ALONG_MOST];
	struct question x[ALONG_MOST];
};

static void
init(struct falls *f)
{
	asks_init(&f->asks);
	f->n = 0;
}

/* A timer of a cover that is due.  NULL: there is nothing to do, or it is done by who works on it. */
static struct cover *
begin(struct timer *t)
{
	const bool ends = t->fire == cover_linger_fire;
	struct cover *c =
		ends ? container_of(t, struct cover, linger) : container_of(t, struct cover, timer);
	bool mine;

	latch_lock(&c->of->latch);
	mine = c->is_busy || c->state != COVER_FREE; /* who works on it changes its state (CO1) */
	if (mine) {
		c->look |= !ends;
		c->may_end |= ends;
		mine = cover_begin_work(c);
	}
	latch_unlock(&c->of->latch);
	return mine ? c : NULL;
}

/* False: it is not to fall. */
static bool
add(struct falls *f, struct cover *c)
{
	struct question *x = &f->x[f->n];

	if (!cover_falls(c, x))
		return false;
	f->c[f->n++] = c;
	if (x->has_session && combine_may(c->of))
		ask_begin(c->of, c->r, &x->q, &f->asks);
	return true;
}

/* The first of all timers, if it is one of a cover, and due. */
static struct timer *
take(struct remote *m, uint64_t now)
{
	struct timer *t = timers_take(m->p.timers, cover_fire, now);

	return t != NULL ? t : timers_take(m->p.timers, cover_linger_fire, now);
}

/* Those that are due now, or need not wait any more.  (CB6, LG6) */
static void
gather(struct remote *m, struct falls *f)
{
	const uint64_t now = env_boottime(m->p.env) + ALONG_NS;
	struct timer *t;

	while (f->n < ALONG_MOST && (t = take(m, now)) != NULL) {
		struct cover *c = begin(t);

		if (c != NULL && !add(f, c)) {
			cover_pause(c); /* something else: that is not for us */
			return;
		}
	}
}

static void
end(struct falls *f)
{
	for (size_t i = 0; i < f->n; i++) {
		cover_answer(f->c[i], NULL, &f->x[i]);
		cover_pause(f->c[i]);
	}
}

void
cover_ask_along(struct cover *c, struct need *needs, struct question *x)
{
	struct remote *m = c->of;
	struct falls f;

	init(&f);
	if (combine_gathers(m) && !m->p.is_manual && x->has_session) {
		gather(m, &f);
		if (f.n != 0)
			ask_begin(m, c->r, &x->q, &f.asks);
		ask_all(m, &f.asks);
	}
	cover_answer(c, needs, x); /* (CB7) */
	end(&f);
}

void
cover_fire(struct timer *t, uint64_t now)
{
	struct cover *c = begin(t);
	struct falls f;

	(void)now;
	if (c == NULL)
		return;
	init(&f);
	if (!add(&f, c)) {
		cover_work(c);
		return;
	}
	if (combine_may(c->of))
		gather(c->of, &f);
	ask_all(c->of, &f.asks);
	end(&f);
}

void
cover_linger_fire(struct timer *t, uint64_t now)
{
	cover_fire(t, now);
}
