/* SPDX-License-Identifier: MIT */
/* What the parts of a remote share. */
#ifndef LK_REMOTE_INSIDE_H
#define LK_REMOTE_INSIDE_H

#include <latchkey/store.h>

#include "base/slab.h"
#include "remote/ask.h"
#include "remote/combine.h"
#include "remote/linger.h"
#include "remote/living.h"
#include "wait/units.h"
#include "wait/vigil.h"

#ifndef LK_REMOTE_CHAINS
#define LK_REMOTE_CHAINS 1024
#endif

enum { CHAINS = LK_REMOTE_CHAINS };

struct remote {
	struct remote_parts p;
	struct lk_store *store;
	struct lk_session_id session;
	struct latch latch; /* of covers, but for what who works on one keeps (CO1) */
	struct cds_list_head chain[CHAINS]; /* by resource */
	uint32_t n_covers;
	uint32_t era;      /* counts sessions: what is said of one is news of that one */
	bool has_session;  /* else one is to be opened */
	bool is_beginning; /* somebody does */
	a64 deadline_ns;   /* when it is over, on the clock of env_boottime(); SHIM_NEVER */
	struct timer beat;
	uint32_t round;             /* looks at all of them */
	struct habit habit[HABITS]; /* by the hash of the name; with the latch */
	struct slab covers;
	struct combine combine;
	struct desk *desks;  /* that nobody writes at (ask.c) */
	uint64_t listens_ns; /* until then the thread of hints does nothing else; its own */
	a64 last_request;
	a64 counted[3]; /* in lines: grants, wakes, closings */
	struct timer poll;
	struct knots *knots; /* knots.h; NULL: nobody looks for them */
	struct vigil vigil;
	struct living living; /* with the latch */
	int hints;            /* 0, or why there are none */
};

/* By its resource; NULL: there is none.  With the latch. */
struct cover *cover_find(struct remote *m, const struct lk_resource *r);

/* The same, made if there is none; NULL: no memory.  With the latch. */
struct cover *cover_get(struct remote *m, struct lk_resource *r);

/* It is busy, and the caller's to work on: until there is nothing left to do. */
void cover_work(struct cover *c);

/* … or for a few steps: what is left then is for the timers. */
void cover_work_briefly(struct cover *c);

/* Nobody works on it any more, for now: what is left to do is for the timers. */
void cover_pause(struct cover *c);

/* With the latch: true, the caller is to work on it. */
bool cover_begin_work(struct cover *c);

/* A question to the store, on its way. */
struct question {
	struct ask q;
	struct lk_value value;
	bool has_session; /* else nothing is asked */
	bool is_barred;   /* nor was a session begun: the breaker is open */
};

/* "We have it as we do, and want it in `want`": what is asked, and what becomes of the answer. */
void cover_question(struct cover *c, lk_mode want, const struct need *needs, struct question *out);
void cover_answer(struct cover *c, struct need *needs, struct question *x);

/*
 * Others are to have it, and it is time, or it was not used for long enough: then it falls in the word, and that is the question.
 * False: not so.
 */
bool cover_falls(struct cover *c, struct question *out);

/* That question; and with it go those of covers that are to fall, which a timer would ask else.  (falls.c) */
void cover_ask_along(struct cover *c, struct need *needs, struct question *x);

/* Is it a thread of ours that bars `n`, if anybody does? */
bool cover_serves(const struct cover *c, const struct need *n);

/*
 * Is there more to be asked for by those who wait here, or try to enter (`needs`), but not now, as a composite keeps back what is covered?
 * Then it is looked at again, by time or when that has gone.  (CO12)
 */
bool cover_keeps(struct cover *c, const struct need *needs);

/* Does whoever is the first here for units lack some of the store's? */
bool cover_lacks_units(const struct cover *c);

/* More numbers, if half of those that it has are used up: by whoever works on it.  (fences.c) */
void fences_refill(struct cover *c);

/* Look at it again, in so long. */
void cover_look_in(struct cover *c, uint64_t ns);

/* The mark of a writer that did not end well goes with a question, and comes with the answer.  (CO7) */
bool cover_take_mark(const struct cover *c);
void cover_put_mark(const struct cover *c, bool has);

/*
 * Units (pool.c).  What we have and want, once what is not in use has fallen; is it the same; what the record says of it;
 * whoever is first lacks some, so they are wished for; are there some to be asked for, that it does not wait for already; is
 * it time that those which are not in use go back, and that.
 */
struct pool pool_of(struct cover *c, const struct need *needs);
bool pool_is(const struct pool *a, const struct pool *b);
void pool_take(struct cover *c, const struct answer *a);
void pool_see_who_lacks(struct cover *c);
bool pool_lacks(const struct cover *c, const struct need *needs);
bool pool_is_due(struct cover *c);
void pool_shed(struct cover *c);

/* Has a hint come since it was looked at last?  Then what that said will do, once.  (CO11) */
bool cover_takes_hint(struct cover *c);

/* Until it is told.  Its memory goes as it hears it. */
int need_wait(const struct remote *m, struct need *n);
void need_tell(struct remote *m, struct need *n, int rc);

/* The same of all in that list whom the answer says something: the others go on waiting.  And of those who did so before, too. */
void needs_answer(struct cover *c, struct need *needs, const struct answer *a);
void needs_answer_all(struct cover *c, struct need *needs, const struct answer *a);

/* With the latch: nobody works on it any more; it goes if it is good for nothing. */
void cover_rest(struct cover *c);

LK_HOT struct line_tally
remote_tally(struct remote *m)
{
	return (struct line_tally){ &m->counted[0], &m->counted[1], &m->counted[2] };
}

/* So long, or up to a quarter less, by lot: so that many processes do not go on asking a store all at one moment. */
LK_HOT uint64_t
remote_about(const struct remote *m, uint64_t ns)
{
	return ns - env_random(m->p.env) % (ns / 4 + 1);
}

/* So long after it was renewed a session is over for us: what clocks may differ by, and a guard, is off. */
LK_HOT uint64_t
remote_lifetime(const struct remote *m)
{
	return m->p.ttl_ns - m->p.ttl_ns / 50;
}

/* Until when the store has time to answer. */
uint64_t remote_patience(struct remote *m);

/* The record of that name may have changed: whoever works on its cover looks. */
void remote_hear(struct remote *m, const void *record, size_t len);

/* It is lost.  In the word at once. */
void remote_loses(struct remote *m, struct cover *c);

/* The manager is to tell who wants to know.  (loss.c) */
void remote_ring(struct remote *m);

/* Another session, if there is none. */
void remote_begin_anew(struct remote *m);

/* Is what nobody here has to go back at once? */
LK_HOT bool
remote_keeps_nothing(const struct remote *m)
{
	return shim_load(m->p.linger_ns, SHIM_RELAXED) == LK_OFF;
}

/* Its timers. */
void cover_fire(struct timer *t, uint64_t now);
void cover_linger_fire(struct timer *t, uint64_t now);

#endif /* LK_REMOTE_INSIDE_H */
