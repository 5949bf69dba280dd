/* SPDX-License-Identifier: MIT */
/*
 * Requests that no thread waits for: their steps, and what must hold of them (U1-U5) and of their queue (A1-A4).  A
 * completion is looked at when it comes: it is the one that was promised, the only one, and what it says was granted
 * goes into the book, unless the owner has given it back by then.
 */
#include "base/futex.h"
#include "core/grant.h"
#include "core/settle.h"
#include "play.h"

enum { REAP_MOST = 16 };

static struct asynchronous *
here(void)
{
	return &play.async;
}

static const char *
label_of(const struct submitted *s)
{
	return play_script->label[s - here()->request];
}

/* ----------------------------------------------------------------- completions */

static bool
is_granted(struct lk_owner *w, lk_grant g)
{
	uint32_t slot;
	bool is;

	world.quiet = true;
	is = grant_find(family_holder(w), g, &slot) != NULL;
	world.quiet = false;
	return is;
}

/* Does its owner have it still, and does not give up all that it has at this moment? */
static bool
is_kept(const struct submitted *s, lk_grant g)
{
	const unsigned fiber = s->step->fiber;

	return play.owner[fiber] != NULL && play.owner[fiber] == s->w &&
	       s->w->id.v == s->owner_id && here()->gives_all[fiber] == 0 && is_granted(s->w, g);
}

static unsigned
label_named(const char *name)
{
	unsigned label = 0;

	while (strcmp(play_script->label[label], name) != 0)
		label++;
	return label;
}

static void
write_down(const struct submitted *s, const struct lk_completion *c)
{
	const struct step *t = s->step;
	const bool many = t->verb == VERB_SUBMIT_MANY;

	if (c->n_grants != t->n_names)
		fail("line %u: a completion of %u grants", t->line, (unsigned)c->n_grants);
	for (unsigned i = 0; i < t->n_names; i++) {
		const lk_grant g = many ? s->grants[i] : c->grant;
		const unsigned label = many ? label_named(play_script->name[t->name[i]]) : t->label;

		play.grant[t->fiber][label] = g;
		if (is_kept(s, g))
			play_granted(t, t->name[i], t->mode[i], label, g, s->began_at);
	}
}

/* What was to be converted, if it is in the book still. */
static struct entry_of_book *
converted(const struct submitted *s)
{
	for (unsigned i = 0; i < BOOK_MAX; i++) {
		struct entry_of_book *e = &play.book[i];

		if (e->held && e->serial == s->converts && s->converts != 0)
			return e;
	}
	return NULL;
}

static void
write_conversion(const struct submitted *s, int code)
{
	struct entry_of_book *e = converted(s);

	if (e != NULL)
		book_change(e, code == 0 ? s->step->mode[0] : s->from);
}

static void
release_at_once(const struct submitted *s, lk_grant g)
{
	const struct step *t = s->step;
	const bool kept = is_kept(s, g);

	book_remove(t->fiber, t->label);
	if (lk_release(s->w, g) != 0 && kept)
		fail("line %u: what was granted can not be released", t->line);
}

/* The request's one and only. */
static void
check_completion(const struct submitted *s, unsigned serial, const struct lk_completion *c)
{
	const enum result result = result_of(c->code);
	const bool at_the_end = world.current == NULL && c->code == LK_E_CANCELED;

	if (s->step == NULL || s->serial != serial || s->completions != 0)
		fail("a second completion of %s", label_of(s));
	if (s->is_refused)
		fail("line %u: %s was refused, and a completion comes", s->step->line, label_of(s));
	if (c->size != sizeof(*c) || c->kind != LK_DONE || c->id != s->id || c->owner != s->w)
		fail("line %u: a completion of another request", s->step->line);
	if (result == RESULTS || (!at_the_end && (s->step->completes & 1u << result) == 0))
		fail("line %u: %s of %s is done with %s", s->step->line, label_of(s),
		     play_script->fiber[s->step->fiber], c->code == 0 ? "0" : lk_errname(c->code));
	play.results[result]++;
	if (world_verbose)
		printf("%s is done: %s\n", label_of(s), lk_errname(c->code));
}

static void
wake_all(a32 *word)
{
	for (unsigned i = 0; i < world.n_fibers; i++) {
		if (world.fiber[i].state == FIBER_ASLEEP && world.fiber[i].futex == (uintptr_t)word)
			shim_futex_wake(word, 1);
	}
}

static void
completed(void *arg, const struct lk_completion *c)
{
	const unsigned n = (unsigned)(uintptr_t)arg;
	struct submitted *s = &here()->request[n % LABELS_MAX];
	a32 *ended = &here()->ended[n % LABELS_MAX];
	const bool releases = s->step != NULL && s->step->releases;

	check_completion(s, n / LABELS_MAX, c);
	if (s->step->verb == VERB_SUBMIT_CONVERT)
		write_conversion(s, c->code);
	else if (c->code == 0)
		write_down(s, c);
	s->code = c->code;
	s->completions++;
	if (releases && c->code == 0)
		release_at_once(s, c->grant);
	shim_add(ended, 1u, SHIM_ACQ_REL);
	wake_all(ended);
}

/* ----------------------------------------------------------------------- steps */

static struct submitted *
begin_request(const struct step *t)
{
	struct submitted *s = &here()->request[t->label];

	if (here()->queue == NULL)
		fail("line %u: there is no queue", t->line);
	if (s->step != NULL &&
	    (s->step->fiber != t->fiber || (!s->is_refused && s->completions == 0)))
		fail("line %u: there is a request of that label", t->line);
	*s = (struct submitted){
		.step = t,
		.before = here()->ended[t->label].v,
		.serial = ++play.serials,
		.w = play.owner[t->fiber],
		.owner_id = play.owner[t->fiber]->id.v,
		.began_at = world.now,
	};
	return s;
}

static int
submit_conversion(const struct step *t, struct submitted *s, const struct lk_options *o, void *arg)
{
	struct entry_of_book *e = book_find(t->fiber, t->named);

	if (e != NULL) {
		s->converts = e->serial;
		s->from = e->mode;
		e->mode = book_meanwhile(e->mode, t->mode[0]);
	}
	return lk_submit_convert(here()->queue, s->w, play.grant[t->fiber][t->named], t->mode[0], o,
				 completed, arg, &s->id);
}

static int
submit_many(const struct step *t, struct submitted *s, const struct lk_options *o, void *arg)
{
	struct lk_request r[BATCH_MAX];

	memset(r, 0, sizeof(r));
	for (unsigned i = 0; i < t->n_names; i++) {
		r[i].name = play_script->name[t->name[i]];
		r[i].mode = t->mode[i];
	}
	return lk_submit_many(here()->queue, s->w, r, t->n_names, o, s->grants, completed, arg,
			      &s->id);
}

static int
submit(const struct step *t)
{
	struct submitted *s = begin_request(t);
	const struct lk_options options = play_options(t);
	const struct lk_options *o = play_has_options(t) ? &options : NULL;
	void *arg = (void *)(uintptr_t)(s->serial * LABELS_MAX + t->label);
	int rc;

	if (t->verb == VERB_SUBMIT_CONVERT)
		rc = submit_conversion(t, s, o, arg);
	else if (t->verb == VERB_SUBMIT_MANY)
		rc = submit_many(t, s, o, arg);
	else
		rc = lk_submit(here()->queue, s->w, play_script->name[t->name[0]], t->mode[0], o,
			       completed, arg, &s->id);
	s->is_told = true;
	s->is_refused = play.refused[t->fiber] = rc != 0;
	if (rc != 0 && s->completions != 0)
		fail("line %u: a completion came, and the request is refused", t->line);
	if (rc != 0)
		write_conversion(s, rc);
	return rc;
}

/* Sleep until the request is done: then `?` is about it. */
static int
await(const struct step *t)
{
	const struct submitted *s = &here()->request[t->label];
	const uint64_t deadline = t->within_ns != 0 ? world.now + (uint64_t)t->within_ns : NEVER;

	if (s->step == NULL)
		fail("line %u: there is no such request", t->line);
	for (;;) {
		const a32 *ended = &here()->ended[t->label];
		uint32_t seen = shim_load(ended, SHIM_ACQUIRE);

		if (seen != s->before || s->is_refused) {
			play.refused[t->fiber] = s->is_refused || s->code != 0;
			return 0;
		}
		if (world.now >= deadline)
			return LK_E_TIMEDOUT;
		(void)sched_sleep((uintptr_t)ended, seen, deadline, true);
	}
}

/* Something is there, and nobody was called for it.  (A2) */
static void
check_bell(const struct lk_queue *q, const char *when)
{
	const bool empty = q->ended.next == &q->ended && q->ready.next == &q->ready;

	if (!empty && here()->reaping == 0 && q->n_ringing.v == 0 && here()->bell->v == 0)
		fail("something is in the queue, and the bell is silent %s (A2)", when);
}

static int
reap(const struct step *t)
{
	struct lk_queue *q = here()->queue;
	unsigned closed;
	int n;

	if (q == NULL)
		fail("line %u: there is no queue", t->line);
	closed = 0;
	for (unsigned i = 0; i < world.n_fibers; i++)
		closed |= here()->is_open[i] ? 0 : 1u << i;
	here()->closed_before[t->fiber] = closed;
	here()->reaping++;
	n = lk_queue_dispatch(q, t->named != 0 ? t->named : REAP_MOST);
	here()->reaping--;
	check_bell(q, "after a dispatch");
	return n < 0 ? n : 0;
}

/* As a program's loop: until all others have ended. */
static int
keep_reaping(const struct step *t)
{
	int rc;

	do {
		rc = reap(t);
	} while (rc == 0 && sched_serve((uintptr_t)here()->bell, 0, NEVER));
	return rc;
}

int
async_open(void)
{
	struct asynchronous *a = here();

	a->ended = region_alloc(LABELS_MAX * sizeof(a32), sizeof(a32));
	memset(a->ended, 0, LABELS_MAX * sizeof(a32));
	return lk_queue_open(play.m, &a->queue);
}

static int
close_queue(void)
{
	struct asynchronous *a = here();
	int rc = lk_queue_close(a->queue);

	if (rc != 0)
		return rc;
	for (unsigned i = 0; i < LABELS_MAX; i++) {
		const struct submitted *s = &a->request[i];

		if (s->step != NULL && s->is_told && !s->is_refused && s->completions != 1)
			fail("line %u: the queue is closed, and no completion came of %s",
			     s->step->line, label_of(s));
	}
	if (a->bell != NULL)
		fail("the queue is closed, and its bell is not");
	region_free(a->ended, LABELS_MAX * sizeof(a32));
	a->ended = NULL;
	a->queue = NULL;
	return 0;
}

/* All owners have closed. */
void
async_close(void)
{
	int n;

	if (here()->queue == NULL)
		return;
	do {
		n = lk_queue_dispatch(here()->queue, 1);
	} while (n > 0);
	if (here()->queue->n_ringing.v != 0)
		fail("the queue is rung by nobody, and waits for that (A2)");
	if (n < 0 || close_queue() != 0)
		fail("the queue was not closed");
}

static int
withdraw(const struct step *t)
{
	const struct submitted *s = &here()->request[t->label];

	if (s->step == NULL)
		return LK_E_STALE; /* not yet */
	return lk_cancel(s->w, s->id);
}

bool
async_step(const struct step *t, int *rc)
{
	switch (t->verb) {
	case VERB_SUBMIT:
	case VERB_SUBMIT_MANY:
	case VERB_SUBMIT_CONVERT:
		*rc = submit(t);
		return true;
	case VERB_AWAIT:
		*rc = await(t);
		return true;
	case VERB_REAP:
		*rc = reap(t);
		return true;
	case VERB_REAPING:
		*rc = keep_reaping(t);
		return true;
	case VERB_QUEUE_OPEN:
		*rc = async_open();
		return true;
	case VERB_QUEUE_CLOSE:
		*rc = close_queue();
		return true;
	case VERB_WITHDRAW:
		*rc = withdraw(t);
		return true;
	case VERB_TOLD:
		*rc = here()->told[t->fiber] >= t->named ? 0 : LK_E_STALE;
		return true;
	default:
		return false;
	}
}

/* --------------------------------------------------------------------- notices */

static void
told(void *arg, const struct lk_notice *says)
{
	const unsigned fiber = (unsigned)(uintptr_t)arg / 2;
	const bool at_once = (uintptr_t)arg % 2 != 0;

	if (at_once && !here()->is_open[fiber])
		fail("%s is told something, and has closed (X2)", play_script->fiber[fiber]);
	if (!at_once && !world_weak && world.current != NULL &&
	    (here()->closed_before[world.current - world.fiber] & 1u << fiber) != 0)
		fail("%s is told something, and had closed before (X1)", play_script->fiber[fiber]);
	if (says->size != sizeof(*says) || says->kind != LK_NOTICE_BLOCKING ||
	    !book_conflict(says->held, says->wanted))
		fail("%s is told that its %s is in the way of %s", play_script->fiber[fiber],
		     lk_modename(says->held), lk_modename(says->wanted));
	here()->told[fiber]++;
	if (sched_in_fiber()) {
		sched_point(REGION_START, true);
		sched_done(REGION_START, true);
		if (at_once && !here()->is_open[fiber])
			fail("%s has closed, and is still being told something (X2)",
			     play_script->fiber[fiber]);
	}
}

void
async_opened(const struct step *t, struct lk_owner_options *o)
{
	here()->is_open[t->fiber] = true;
	if (!t->by_queue && !t->by_function)
		return;
	o->flags |= LK_NOTIFY_BLOCKING;
	o->queue = t->by_queue ? here()->queue : NULL;
	o->on_notice = told;
	o->notice_arg = (void *)(uintptr_t)(t->fiber * 2 + t->by_function);
}

/* ---------------------------------------------------------------------- checks */

static bool
was_granted(const struct pending *s)
{
	return s->phase == PENDING_WAITS && s->is_joined && pending_state(s) == WAITER_GRANTED;
}

void
async_each_level(struct lk_owner *w, void (*each)(struct lk_owner *w, const struct level *v,
						  bool was_granted, bool was_seated))
{
	struct cds_list_head *node;

	if (w->n_pending == 0)
		return;
	cds_list_for_each(node, &w->pending)
	{
		const struct pending *s = pending_of(node);

		for (size_t i = 0; i < s->l.n; i++) {
			const struct level *v = &s->l.at[i];

			each(w, v, v->is_part && was_granted(s), level_seat(&s->b, v) != NULL);
		}
	}
}

/* What it was weighed with is there still.  (U3) */
static void
check_anchors(struct lk_owner *w, const struct pending *s)
{
	for (size_t i = 0; i < s->l.n; i++) {
		const struct level *v = &s->l.at[i];
		const uint32_t slot = hold_find(&w->holds, v->r);
		const lk_mode has =
			slot != SLOT_NONE ? hold_effective(hold_at(&w->holds, slot)) : LK_NL;

		if (v->counted != LK_NL && !mode_covers(has, v->counted))
			fail("a request waits with a hold in %s that is in %s now (U3)",
			     lk_modename(v->counted), lk_modename(has));
		if ((w->pending_names & pending_bit(v->r)) == 0)
			fail("a name of a request that waits is not noted (U3)");
	}
}

static bool
has_rival(struct lk_owner *w, const struct pending *s)
{
	for (size_t i = 0; i < s->l.n; i++) {
		const struct level *v = &s->l.at[i];

		if (v->is_part && v->counted != LK_NL && pending_rival(w, v->r) != NULL)
			return true;
	}
	return false;
}

/* It is in its line(s): somebody ends that, or has rung. */
static void
check_joined(struct lk_owner *w, const struct pending *s)
{
	const bool waiting = pending_state(s) == WAITER_WAITING;

	check_anchors(w, s);
	if (((s->party.sequence.v & 1) != 0) != waiting)
		fail("a request without a thread %s, and its sequence is %llu (Y1)",
		     waiting ? "waits" : "does not wait", (unsigned long long)s->party.sequence.v);
	if (s->sleeper.v != NULL)
		return; /* its thread sees to it */
	if (waiting && !s->timer.is_set &&
	    (s->deadline_ns != NEVER || s->watch_at != NEVER ||
	     (s->fair_at != NEVER && s->fair_at > world.now)))
		fail("a request waits, and its timer is not set");
	if (!waiting && !s->timer.is_set && (w->is_away || s->post.place == POST_NOWHERE))
		fail("a request has ended, and nobody will see to it (U4)");
}

void
async_check_owner(struct lk_owner *w)
{
	struct cds_list_head *node;
	unsigned n = 0;

	if (w->pending.next == NULL)
		return;
	cds_list_for_each(node, &w->pending)
	{
		const struct pending *s = pending_of(node);

		n += s->phase == PENDING_WAITS;
		if (!s->is_listed || s->owner.v != w || s->phase == PENDING_FREE)
			fail("what is in an owner's list is no request of its (U1)");
		if (s->sleeper.v != NULL)
			family_check_request(s);
		if (s->phase == PENDING_DONE && s->post.place != POST_READY)
			fail("a request is done, and its completion is not ready");
		if (s->phase != PENDING_WAITS)
			continue;
		if (s->is_joined == s->is_withdrawn)
			fail("a request %s", s->is_joined ? "waits, and was withdrawn" : "is lost");
		if (s->is_joined)
			check_joined(w, s);
		else if (!has_rival(w, s) && !(w->is_away && w->has_withdrawn))
			fail("a request was withdrawn, and is not begun anew (U3, U6)");
	}
	if (w->has_withdrawn && !w->is_away)
		fail("a call has ended, and did not begin anew what it withdrew (U6)");
	if (n != w->n_pending)
		fail("%u requests wait, and their owner counts %u (U1)", n, w->n_pending);
}

/* Of a request it may be set by who rings late: he finds nobody when it is fired.  (U1) */
bool
async_timers_only(const struct timer *t)
{
	return t == NULL || (t->fire == attend_fire && async_timers_only(t->child) &&
			     async_timers_only(t->next));
}

void
async_check(void)
{
	const struct lk_queue *q = here()->queue;
	unsigned expected = 0;

	if (q == NULL)
		return;
	if (q->latch.word.v != LATCH_FREE)
		fail("the latch of a queue is held by nobody who runs");
	check_bell(q, "and everybody sleeps");
	for (unsigned i = 0; i < LABELS_MAX; i++) {
		const struct submitted *s = &here()->request[i];

		expected += s->step != NULL && s->is_told && !s->is_refused && s->completions == 0;
	}
	if (q->n_expected < expected)
		fail("%u completions are to come, and the queue expects %u", expected,
		     (unsigned)q->n_expected);
}

void
async_written(const char *by, uintptr_t at, uint64_t was, uint64_t is)
{
	const struct lk_queue *q = here()->queue;
	const struct pending *s;

	if (q == NULL || !sched_in_fiber() || here()->bell == NULL)
		return;
	if (at == (uintptr_t)&q->latch.word && is == LATCH_FREE && q->is_open)
		check_bell(q, "when its latch is opened");
	s = check_object(&play.m->pending, at);
	if (s != NULL && at == (uintptr_t)&s->party.sequence)
		graph_of_request(&s->party, false);
	else if (s != NULL && at == (uintptr_t)&s->alone.state && is == WAITER_DEADLOCK &&
		 was == WAITER_WAITING && strcmp(by, "line_expel") == 0)
		graph_of_request(&s->party, true);
}
