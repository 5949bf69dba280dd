/* SPDX-License-Identifier: MIT */
/* The work on a cover: what there is to do next, and doing it.  (CO1-CO5) */
#include "remote/inside.h"
#include "remote/knots.h"
#include "remote/values.h"

enum { FIRST_DELAY_NS = 1000000, RETRY_NS = 100000000, BARRED_NS = 1000000000, BRIEFLY = 8 };
enum { HINTED_DELAY_NS = 4 * FIRST_DELAY_NS };

#define TO(name) COVER_EDGE(COVER_##name)

const uint8_t cover_edges[COVER_STATES] = {
	[COVER_FREE] = TO(NONE),
	[COVER_NONE] = TO(ASKS) | TO(FREE),
	[COVER_ASKS] = TO(NONE) | TO(QUEUES) | TO(HELD),
	[COVER_QUEUES] = TO(ASKS) | TO(LOST),
	[COVER_HELD] = TO(ASKS) | TO(YIELDS) | TO(LOST),
	[COVER_YIELDS] = TO(ASKS) | TO(HELD) | TO(LOST),
	[COVER_LOST] = TO(NONE),
};

void
cover_becomes(struct cover *c, enum cover_state state)
{
	lk_assert((cover_edges[c->state] & COVER_EDGE(state)) != 0);
	WR(c->state, state);
}

/* Where it comes to rest, when nothing is asked of the store. */
static enum cover_state
at_rest(const struct cover *c)
{
	return c->has != LK_NL ? COVER_HELD : COVER_NONE;
}

static void
come_to_rest(struct cover *c)
{
	if (c->state != at_rest(c))
		cover_becomes(c, at_rest(c));
}

void
cover_look_in(struct cover *c, uint64_t ns)
{
	timer_set(c->of->p.timers, &c->timer, env_boottime(c->of->p.env) + ns);
}

/* ---------------------------------------------------------------- its own line */

/* The phantom was granted what it waited for: so the cover has fallen, in the word. */
static void
fall_as_granted(struct cover *c)
{
	if (c->leaves == LK_NL)
		linger_falls(c);
	c->has = c->leaves;
	c->owes = true;
	if (c->has == LK_NL)
		abroad_freeze(c->r);
}

/*
 * … and what do threads here want beyond it?  What others leave to it for nobody's sake goes before more is asked for: else it would
 * wait for more with something in hand, and a conversion elsewhere be refused for that.  (CO5)  But for what is kept back: that stays,
 * and more is not asked for.  (CO12)
 */
static lk_mode
fall_and_want(struct cover *c)
{
	struct lot *l = c->of->p.lot;
	lk_mode want;

	fall_as_granted(c);
	if (cover_keeps(c, NULL))
		return LK_NL;
	want = abroad_wanted(l, c->r, c->has);
	if (want != LK_NL && c->has != LK_NL)
		c->has = abroad_falls(l, c->r, c->has, &want);
	return want;
}

/* Out of the line, or granted before that. */
static void
leave_line(struct cover *c)
{
	if (c->state != COVER_YIELDS)
		return;
	if (!line_leave(c->of->p.lot, &c->waiter, WAITER_INTERRUPTED, NULL) &&
	    waiter_state(&c->waiter) == WAITER_GRANTED)
		fall_as_granted(c);
}

/* Until the next look, and twice as long until the one after it. */
static void
look_later(struct cover *c)
{
	const uint64_t most = c->of->p.patience_ns;

	cover_look_in(c, bound_sooner(c, remote_about(c->of, c->delay_ns)));
	c->delay_ns = c->delay_ns * 2 < most ? c->delay_ns * 2 : most;
}

/*
 * It has waited for long enough: nobody overtakes it any more, once it is the head.  And who let it pass tells nobody that
 * he does (AB6).
 */
static void
grow_old(struct cover *c)
{
	const struct line_tally t = remote_tally(c->of);

	line_grow_old(c->of->p.lot, &c->waiter, &t);
	line_plan(c->of->p.lot, c->r, &t);
	if (waiter_state(&c->waiter) == WAITER_WAITING)
		look_later(c);
}

static enum line_outcome
stand_in_line(struct cover *c, lk_mode leaves)
{
	struct remote *m = c->of;
	bool head = false;

	c->waiter = (struct waiter){ .since_ns = env_now(m->p.env), .face = m->p.face };
	abroad_waiter(&c->waiter, c->r, &c->party, c->has, leaves);
	return line_join(m->p.lot, &c->waiter, true, &head, NULL);
}

static void ask(struct cover *c, lk_mode want, struct need *needs);

/* The manager is shut down: nobody here comes to have it, so all goes that nobody has.  (AB2) */
static void
give_as_shut(struct cover *c)
{
	const lk_mode had = c->has;
	lk_mode waiting;

	cover_look_in(c, FIRST_DELAY_NS); /* for the rest, once it is given back */
	c->has = abroad_falls(c->of->p.lot, c->r, had, &waiting);
	if (c->has == had)
		return;
	c->owes = true;
	ask(c, LK_NL, NULL);
}

/* Others need it, and more of it is covered than is held: that goes at once, as it may be enough for some of them. */
static void
give_excess(struct cover *c)
{
	lk_mode waiting;

	leave_line(c);
	c->has = abroad_falls(c->of->p.lot, c->r, c->has, &waiting);
	c->owes = true;
	c->delay_ns = FIRST_DELAY_NS;
	ask(c, waiting, NULL);
}

/* Others need it: the phantom stands in the line for what they need. */
static void
yield(struct cover *c)
{
	struct remote *m = c->of;

	if (abroad_spares(c->of->p.lot, c->r, c->has)) {
		give_excess(c);
		return;
	}
	c->leaves = abroad_yields(c->has, c->demand);
	c->demand = LK_NL;
	c->delay_ns = FIRST_DELAY_NS;
	switch (stand_in_line(c, c->leaves)) {
	case LINE_GRANTED:
		shim_store(&c->waiter.state, (uint32_t)WAITER_GRANTED, SHIM_RELAXED);
		cover_becomes(c, COVER_YIELDS);
		break;
	case LINE_JOINED:
		cover_becomes(c, COVER_YIELDS);
		bound_begins(c);
		cover_look_in(c, bound_sooner(c, linger_ages(c)));
		latch_lock(&m->latch);
		knots_stir(m->knots, c);
		latch_unlock(&m->latch);
		break;
	case LINE_BUSY:
	case LINE_LIMIT:
	case LINE_PERMITS:
	case LINE_DEADLOCK:
		cover_look_in(c, FIRST_DELAY_NS);
		break;
	case LINE_SHUT:
		give_as_shut(c);
		break;
	}
}

/* ------------------------------------------------------------------- the store */

/*
 * The record says that we have more than the word does: in it comes.  With the latch, so that it does not come after a
 * loss (CO6).
 */
static void
rise(struct cover *c, const struct answer *a)
{
	struct lk_resource *r = c->r;
	const lk_mode from = c->has;

	/*
	 * Who begins to write has new numbers: what the entry began with, before it had a cover, was none.  Who goes on has those
	 * that it has, which are more than the record says once there was a reserve.  (DE5)
	 */
	if (mode_writes(a->has) && !mode_writes(from))
		shim_store(&r->fence, a->fence_from, SHIM_RELEASE);
	if (!mode_writes(a->has) || !mode_writes(from))
		c->fence_end = a->fence_end;
	if (a->units > c->asked_pool.keeps)
		(void)units_rise(c->of->p.lot, r, c->asked_pool.permits, a->units, &c->keeper);
	c->has = a->has;
	if (from != a->has)
		abroad_rises(c->of->p.lot, r, from, a->has, NULL);
	linger_rose(c, a, from);
}

/* Those in the way were not asked about.  (LV1) */
static void
look_soon(struct cover *c)
{
	const uint64_t most = remote_is_mortal(c->of) ? LIVING_MORTAL_NS : FIRST_DELAY_NS;

	c->delay_ns = c->delay_ns < most ? c->delay_ns : most;
}

/*
 * A server says by a hint when it is our turn: to look at once whether one was lost is an exchange in the way of those that bring it about,
 * of each one who waits.
 */
static void
look_when_unheard(struct cover *c)
{
	const struct remote *m = c->of;

	if (c->delay_ns == FIRST_DELAY_NS && m->hints == 0 && remote_is_mortal(m))
		c->delay_ns = HINTED_DELAY_NS;
	look_later(c);
}

static void
take_answer(struct cover *c, const struct answer *a)
{
	c->owes = a->kind == ANSWER_FAILED;
	c->trouble = a->kind == ANSWER_FAILED ? a->rc : 0;
	c->is_unheard = a->kind == ANSWER_FAILED || a->kind == ANSWER_WAITS;
	c->demand = a->demand;
	if (a->is_unsure)
		look_soon(c);
	switch (a->kind) {
	case ANSWER_HAS:
		rise(c, a);
		pool_take(c, a);
		pool_see_who_lacks(c);
		c->asked = LK_NL;
		come_to_rest(c);
		linger_see(c);
		linger_begins(c);
		break;
	case ANSWER_WAITS:
		pool_take(c, a);
		cover_becomes(c, COVER_QUEUES);
		look_when_unheard(c);
		break;
	case ANSWER_DEADLOCK:
		pool_take(c, a);
		c->asked = LK_NL;
		come_to_rest(c);
		abroad_refuses(c->of->p.lot, c->r, c->has, a->demand);
		if (a->demand_units != 0)
			units_refuse(c->of->p.lot, c->r, a->demand_units);
		look_later(c); /* others wait on */
		break;
	case ANSWER_FAILED:
		if (a->rc == LK_E_MOVED) { /* it is over: there is nothing left to ask for */
			c->owes = false;
			c->asked = LK_NL;
			come_to_rest(c);
			abroad_moves(c->of->p.lot, c->r);
			return;
		}
		/* Perhaps it was heard: `asked` stays, for the same to be asked again (CO3) */
		come_to_rest(c);
		if (a->is_misfit)
			units_misfit(c->of->p.lot, c->r);
		cover_look_in(c, a->is_misfit            ? 0 /* the rest is asked for at once */
				 : a->rc == LK_E_BREAKER ? BARRED_NS
							 : RETRY_NS);
		return;
	}
	knots_note(c->of->knots, c, a);
}

void
cover_answer(struct cover *c, struct need *needs, struct question *x)
{
	struct remote *m = c->of;
	struct answer a = { .kind = ANSWER_FAILED, .rc = x->is_barred ? LK_E_BREAKER : LK_E_STORE };

	if (x->has_session) /* else what the store said would count for nobody (CO6) */
		a = ask_store(m, c->r, &x->q);
	(void)remote_is_over(m);
	latch_lock(&m->latch);
	if (c->is_lost) /* the record says by itself that we ended badly (CO6) */
		a = (struct answer){ .kind = ANSWER_FAILED, .rc = LK_E_STORE };
	else
		cover_put_mark(c, a.kind == ANSWER_FAILED ? x->q.has_died : a.has_died);
	value_arrives(c, &a, x->q.value);
	take_answer(c, &a);
	latch_unlock(&m->latch);
	needs_answer_all(c, needs, &a);
}

/* We have it in `has` from now on, and want it in `want`. */
static void
ask(struct cover *c, lk_mode want, struct need *needs)
{
	struct question x;

	cover_question(c, want, needs, &x);
	cover_answer(c, needs, &x);
}

/* ------------------------------------------------------------------------ tasks */

enum task {
	TASK_NONE,
	TASK_LOSE,
	TASK_MORE,
	TASK_FALL,
	TASK_YIELD,
	TASK_LOOK,
	TASK_TRIM,
	TASK_SHED,
	TASK_STEP,
	TASK_END
};

/* What somebody here needs beyond what it has, and what it has asked for. */
static lk_mode
needed(const struct cover *c)
{
	lk_mode all = c->wish;

	for (const struct need *n = c->needs; n != NULL; n = n->next)
		all = mode_supremum(all, n->want);
	return all;
}

/* Others need it: now?  Who was told that he may have it comes first.  With the latch. */
static bool
is_time_to_yield(struct cover *c)
{
	if (c->state != COVER_HELD || (mode_conflicts(c->demand) & MODE_BIT(c->has)) == 0)
		return false;
	if (env_boottime(c->of->p.env) >= c->keep_ns)
		return true;
	timer_set(c->of->p.timers, &c->timer, c->keep_ns);
	return false;
}

static enum task
next_task(struct cover *c)
{
	if (c->is_lost)
		return TASK_LOSE;
	if (c->needs != NULL || c->wish != LK_NL)
		return TASK_MORE;
	if (c->state == COVER_YIELDS && waiter_state(&c->waiter) != WAITER_WAITING)
		return TASK_FALL;
	if (c->steps_back)
		return TASK_STEP;
	if (c->look)
		return TASK_LOOK;
	if (c->trim && c->state == COVER_HELD)
		return TASK_TRIM;
	if (pool_is_due(c))
		return TASK_SHED;
	if (is_time_to_yield(c))
		return TASK_YIELD;
	if (c->may_end)
		return TASK_END;
	return TASK_NONE;
}

/* In the word it is lost already.  (AB4) */
static void
do_lose(struct cover *c)
{
	struct remote *m = c->of;

	latch_lock(&m->latch);
	c->is_lost = false;
	knots_forget(m->knots, c);
	latch_unlock(&m->latch);
	if (c->state == COVER_NONE || c->state == COVER_LOST)
		return;
	leave_line(c);
	abroad_lost_all(c->r, c->dozes ? LK_NL : c->has);
	c->dozes = false;
	needs_answer_all(c, NULL, &(struct answer){ .kind = ANSWER_FAILED, .rc = LK_E_STORE });
	c->has = c->asked = c->demand = LK_NL;
	c->units = c->demand_units = 0;
	units_fall(m->p.lot, c->r, &(struct units_state){ .permits = 0 });
	c->fence_end = 0;
	c->owes = true; /* should the record still say that we have it */
	cover_becomes(c, COVER_LOST);
	if (!abroad_is_held(c->r)) {
		come_to_rest(c);
		return;
	}
	stand_in_line(c, LK_NL);
	abroad_ends_losers(m->p.lot, c->r);
	cover_look_in(c, FIRST_DELAY_NS);
}

/* Have all who held it here given it back? */
static void
look_as_it_is_lost(struct cover *c)
{
	struct remote *m = c->of;

	if (abroad_is_held(c->r)) {
		abroad_ends_losers(m->p.lot, c->r);
		grow_old(c);
		cover_look_in(c, m->p.patience_ns);
		return;
	}
	(void)line_leave(m->p.lot, &c->waiter, WAITER_INTERRUPTED, NULL);
	come_to_rest(c);
	ask(c, abroad_wanted(m->p.lot, c->r, LK_NL), NULL);
}

/* Word of news that was left until now: what there is to see comes with the answer. */
static void
forget_word(struct cover *c)
{
	latch_lock(&c->of->latch);
	c->look = c->is_hinted = false;
	latch_unlock(&c->of->latch);
}

/* Threads here need more: for their sake, and for that of all who wait here. */
static void
do_more(struct cover *c, lk_mode want, struct need *needs)
{
	struct question x;
	const bool lacks = pool_lacks(c, needs);
	const bool waits = c->state == COVER_LOST || /* for those who have to give it back */
			   (c->state == COVER_QUEUES && mode_covers(c->asked, want) && !lacks);
	const struct answer known = { .kind = waits ? ANSWER_WAITS : ANSWER_HAS };
	lk_mode waiting = LK_NL;

	/* It was asked for, or came, meanwhile; or will be later (CO12). */
	if (waits || (!lacks && (abroad_admits(c->has, want) || cover_keeps(c, needs)))) {
		needs_answer(c, needs, &known);
		return;
	}
	leave_line(c);
	(void)timer_unset(c->of->p.timers,
			  &c->timer); /* what there is to see comes with the answer */
	if (c->has != LK_NL) {
		c->has = abroad_falls(c->of->p.lot, c->r, c->has, &waiting); /* (CO5) */
		c->owes = true;
	} else {
		waiting = abroad_wanted(c->of->p.lot, c->r, c->has);
	}
	c->delay_ns = FIRST_DELAY_NS;
	forget_word(c);
	cover_question(c, mode_supremum(want, waiting), needs, &x);
	cover_ask_along(c, needs, &x);
}

bool
cover_falls(struct cover *c, struct question *x)
{
	enum task task;
	bool falls;

	(void)remote_is_over(c->of); /* (CO8) */
	latch_lock(&c->of->latch);
	task = next_task(c);
	falls = task == TASK_FALL && waiter_state(&c->waiter) == WAITER_GRANTED;
	if (falls)
		c->look = c->is_hinted = false; /* what there is to see comes with the answer */
	if (task == TASK_END)
		c->may_end = false;
	latch_unlock(&c->of->latch);
	if (!falls && !(task == TASK_END && linger_ends(c)))
		return false;
	c->delay_ns = FIRST_DELAY_NS;
	cover_question(c, falls ? fall_and_want(c) : abroad_wanted(c->of->p.lot, c->r, c->has),
		       NULL, x);
	return true;
}

/* The phantom has had its turn, or was sent away. */
static void
do_fall(struct cover *c)
{
	if (waiter_state(&c->waiter) != WAITER_GRANTED) {
		cover_becomes(c, COVER_HELD);
		cover_look_in(c, FIRST_DELAY_NS); /* it was in a ring, or the line was shut */
		return;
	}
	c->delay_ns = FIRST_DELAY_NS;
	ask(c, fall_and_want(c), NULL);
}

/*
 * It waits in the line of the store, or could not: is it there yet?  And does anybody here still want it?
 */
static void
look_as_it_waits(struct cover *c)
{
	const struct remote *m = c->of;
	lk_mode want = LK_NL;

	if (c->has != LK_NL)
		c->has = abroad_falls(m->p.lot, c->r, c->has, &want); /* (CO5) */
	else
		want = abroad_wanted(m->p.lot, c->r, c->has);
	for (const struct need *n = c->tries; n != NULL; n = n->next)
		want = mode_supremum(want, n->want);
	ask(c, want, NULL);
}

/*
 * Those behind it in the line of the store go first, or those whose phantom is behind somebody here: else all would wait for
 * each other.  (RG9)
 */
static void
step_back(struct cover *c)
{
	if (c->state == COVER_YIELDS && abroad_has_excess(c->r, c->has)) {
		give_excess(c);
		return;
	}
	if (c->state != COVER_QUEUES)
		return;
	ask(c, LK_NL, NULL);
	if (c->state != COVER_LOST)
		look_as_it_waits(c);
}

/* What the record says of us; if it is less than the word does, somebody broke the lock. */
static struct answer
look_at_record(struct cover *c)
{
	const struct answer a = ask_look(c->of, c->r, cover_takes_hint(c));

	if (a.kind != ANSWER_FAILED && !mode_covers(a.has, c->has))
		remote_loses(c->of, c);
	return a;
}

/*
 * Does the record still say what it said?  That somebody abroad waits was known as the phantom came to stand in the line, so the first time
 * it is not asked.  False: it does not, or nobody knows.
 */
static bool
looks_the_same(struct cover *c, bool is_known)
{
	struct answer a;

	if (is_known)
		return true;
	a = look_at_record(c);
	if (a.kind == ANSWER_FAILED)
		return false;
	if (a.demand != LK_NL)
		bound_asked(c);
	return true;
}

/* Who holds it may hold less of it by now. */
static void
look_as_it_yields(struct cover *c)
{
	const bool is_known = c->bound.is_asked && c->delay_ns == FIRST_DELAY_NS;

	bound_ends(c);
	grow_old(c);
	if (waiter_state(&c->waiter) != WAITER_WAITING)
		return; /* others wait for what comes next */
	if (looks_the_same(c, is_known) && abroad_spares(c->of->p.lot, c->r, c->has))
		give_excess(c);
}

static void
do_look(struct cover *c)
{
	struct answer a;

	value_settle(c);
	switch (c->state) {
	case COVER_YIELDS:
		look_as_it_yields(c);
		return;
	case COVER_QUEUES:
		look_as_it_waits(c);
		return;
	case COVER_LOST:
		look_as_it_is_lost(c);
		return;
	case COVER_HELD:
	case COVER_NONE:
		break;
	default:
		return;
	}
	if (c->owes) {
		ask(c, cover_keeps(c, NULL) ? LK_NL : abroad_wanted(c->of->p.lot, c->r, c->has),
		    NULL);
		return;
	}
	if (c->state == COVER_NONE)
		return;
	if ((abroad_wanted(c->of->p.lot, c->r, c->dozes ? LK_NL : c->has) != LK_NL &&
	     !cover_keeps(c, NULL)) ||
	    pool_lacks(c, NULL)) {
		if (!linger_wakes(c))
			return;
		look_as_it_waits(c);
		return;
	}
	fences_refill(c);
	a = look_at_record(c);
	if (a.kind == ANSWER_FAILED)
		return;
	c->demand = a.demand;
	pool_take(c, &a);
	latch_lock(&c->of->latch);
	linger_see(c);
	latch_unlock(&c->of->latch);
}

/* Nobody here has used it for a while: it goes back, unless somebody does just now, or waits for other names as well (CO12). */
static void
do_trim(struct cover *c)
{
	const lk_mode had = c->has;
	const bool owed = c->owes;
	lk_mode waiting;

	c->has = abroad_falls(c->of->p.lot, c->r, c->has, &waiting);
	c->owes = true;
	if (c->has != LK_NL || waiting != LK_NL) {
		abroad_rises(c->of->p.lot, c->r, c->has, had, NULL);
		c->has = had;
		c->owes = owed;
		return;
	}
	ask(c, LK_NL, NULL);
}

/* What is there to do?  Nobody else takes it.  TASK_NONE: nobody works on it any more. */
static enum task
take_task(struct cover *c, lk_mode *want, struct need **needs)
{
	enum task task;

	latch_lock(&c->of->latch);
	task = next_task(c);
	if (task == TASK_MORE) {
		*needs = c->needs;
		*want = needed(c);
		c->needs = NULL;
		c->wish = LK_NL;
	}
	if (task == TASK_LOOK) {
		c->look = false;
		c->hears = c->is_hinted;
		c->is_hinted = false;
	}
	if (task == TASK_STEP)
		c->steps_back = false;
	if (task == TASK_TRIM)
		c->trim = false;
	if (task == TASK_END)
		c->may_end = false;
	if (task == TASK_NONE)
		cover_rest(c);
	latch_unlock(&c->of->latch);
	return task;
}

/* Nobody here has used it for as long as it is kept. */
static void
do_end(struct cover *c)
{
	c->delay_ns = FIRST_DELAY_NS;
	if (linger_ends(c))
		ask(c, abroad_wanted(c->of->p.lot, c->r, LK_NL), NULL);
}

/* It has to be in the word what it `has`.  (LG3) */
static void
wake(struct cover *c, enum task task)
{
	if (task != TASK_NONE && task != TASK_LOSE && task != TASK_LOOK && task != TASK_END &&
	    !linger_wakes(c))
		do_lose(c);
}

/* False: there was nothing left to do. */
static bool
do_next(struct cover *c)
{
	struct need *needs = NULL;
	lk_mode want = LK_NL;
	enum task task;

	(void)remote_is_over(c->of); /* then to lose it comes first (CO8) */
	task = take_task(c, &want, &needs);
	wake(c, task);
	switch (task) {
	case TASK_NONE:
		return false;
	case TASK_LOSE:
		do_lose(c);
		break;
	case TASK_MORE:
		do_more(c, want, needs);
		break;
	case TASK_FALL:
		do_fall(c);
		break;
	case TASK_YIELD:
		yield(c);
		break;
	case TASK_LOOK:
		do_look(c);
		break;
	case TASK_TRIM:
		do_trim(c);
		break;
	case TASK_SHED:
		pool_shed(c);
		break;
	case TASK_STEP:
		step_back(c);
		break;
	case TASK_END:
		do_end(c);
		break;
	}
	return true;
}

void
cover_work(struct cover *c)
{
	while (do_next(c))
		;
}

void
cover_work_briefly(struct cover *c)
{
	for (int i = 0; i < BRIEFLY; i++) {
		if (!do_next(c))
			return;
	}
	cover_pause(c);
}

void
cover_pause(struct cover *c)
{
	struct remote *m = c->of;

	latch_lock(&m->latch);
	if (next_task(c) == TASK_NONE) {
		cover_rest(c);
	} else {
		c->is_busy =
			false; /* what is due is due still, and those who wait until it rests wait on */
		timer_set(m->p.timers, &c->timer, 0);
	}
	latch_unlock(&m->latch);
}
