/* SPDX-License-Identifier: MIT */
/* Spinning, and the loop of one who sleeps in a line. */
#include "wait/wait.h"

/* Rounds: a look and a pause, some 30 to 50 ns. */
enum {
	SPIN_LEAST = 64, /* longer than another one's spell is (core/spell.h) */
	SPIN_MOST = 512,
	SPIN_PROBE = 16,
	PAUSES_FOR_ALL = 2,
	LOOKS_FOR_NEWS = 32,
	ROUNDS_PER_LOOK = 16
};

/* May a newcomer go on trying?  Not past a closed line, nor on what is another entry by now. */
static bool
spin_is_fair(uint64_t w, uint64_t first)
{
	return (w & WORD_STOP) == 0 && ((w ^ first) & WORD_GEN_MASK) == 0;
}

static void
pause_for(uint32_t rounds)
{
	for (uint32_t i = 0; i < rounds; i++)
		shim_pause();
}

/*
 * Rounds to try: as it went lately.  But once in SPIN_PROBE attempts in vain it is tried for long, or nobody would ever learn that
 * it is worth to try for a little longer than SPIN_LEAST.
 */
static uint32_t
budget_of(const struct spinner *s)
{
	if (s->n_vain % SPIN_PROBE == SPIN_PROBE - 1)
		return SPIN_MOST;
	return s->budget < SPIN_LEAST ? SPIN_LEAST : s->budget;
}

static void
note_taken(struct spinner *s, uint32_t budget)
{
	s->budget = budget < SPIN_MOST / 2 ? budget * 2 : SPIN_MOST;
	s->n_vain = 0;
}

static void
note_vain(struct spinner *s, uint32_t budget)
{
	s->budget = budget / 2; /* try less long the next time */
	s->n_vain++;
}

bool
wait_spin(const struct env *e, struct spinner *s, const struct wait_limits *limits,
	  struct lk_resource *r, const struct parker *p, lk_mode held, lk_mode want)
{
	uint64_t first = shim_load(&r->word, SHIM_RELAXED);
	bool timed = limits->spin_ns != 0;
	uint64_t until = timed ? env_now(e) + limits->spin_ns : 0;
	uint32_t budget = timed ? UINT32_MAX : budget_of(s);
	uint32_t lost = 0;

	for (uint32_t round = 0; round < budget; round++) {
		uint64_t w = shim_load(&r->word, SHIM_RELAXED);

		if (!spin_is_fair(w, first) || park_canceled(p))
			return false;
		if (word_admits(w, held, want) && line_try_take(r, held, want, &lost)) {
			note_taken(s, budget);
			return true;
		}
		shim_pause();
		if (timed && round % ROUNDS_PER_LOOK == 0 && env_now(e) >= until)
			break;
	}
	note_vain(s, budget);
	return false;
}

/*
 * When a waiter has something to do.  It looks at the line when woken, and as the head every
 * `fair_after_ns`; and for rings after a while, then after twice as long.
 */
struct turn {
	uint64_t head_since; /* 0: not the head, as far as we know */
	bool is_overdue;     /* it closes the line as the head, as it has waited for long enough */
	uint64_t watch_at;   /* SHIM_NEVER: nobody looks for rings */
	uint64_t watch_ns;   /* … until the time after that */
};

static struct turn
turn_begin(const struct waiter *q, const struct wait_limits *limits, bool head)
{
	const uint64_t after = limits->watch.after_ns;

	return (struct turn){
		.head_since = head ? q->since_ns : 0,
		.watch_at = after != 0 ? q->since_ns + after : SHIM_NEVER,
		.watch_ns = after,
	};
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* When it is to look at the line, at the latest. */
static uint64_t
line_due(const struct turn *turn, const struct wait_limits *limits)
{
	if (turn->head_since == 0 || turn->is_overdue)
		return limits->deadline_ns;
	return earlier(limits->deadline_ns, turn->head_since + limits->fair_after_ns);
}

/* Look for a ring that we may be in, if it is time, or if we were moved in the line. */
static void
watch(struct waiter *q, const struct wait_limits *limits, struct turn *turn, uint64_t now)
{
	const bool disturbed = shim_load(&q->disturbed, SHIM_RELAXED) != 0;

	if (turn->watch_at == SHIM_NEVER || (now < turn->watch_at && !disturbed))
		return;
	if (disturbed)
		shim_store(&q->disturbed, 0u, SHIM_RELAXED);
	if (limits->watch.look(limits->watch.arg, q))
		turn->watch_ns *= 2;
	turn->watch_at = now + turn->watch_ns;
}

/* Look at the line; closes it to newcomers when we are its head for long enough. */
static void
take_turn(struct lot *l, struct waiter *q, const struct wait_limits *limits, struct turn *turn,
	  uint64_t now, const struct line_tally *t)
{
	bool overdue = turn->head_since != 0 && now >= turn->head_since + limits->fair_after_ns;
	bool head = false;

	if (line_look(l, q, &overdue, &head, t) && head && turn->head_since == 0)
		turn->head_since = now;
	if (!head)
		turn->head_since = 0;
	turn->is_overdue = overdue;
}

/* Hand-overs often come at once: a short look before sleeping saves both sides a system call. */
static void
spin_for_news(const struct waiter *q, const struct wait_limits *limits)
{
	if (!limits->many_cpus || limits->spin_ns == LK_OFF)
		return;
	for (int i = 0; i < LOOKS_FOR_NEWS; i++) {
		if (waiter_state(q) != WAITER_WAITING || park_has_news(&q->party->parker))
			return;
		shim_pause();
	}
}

static bool
leave(struct lot *l, struct waiter *q, const struct wait_limits *limits, enum waiter_state state,
      const struct line_tally *t)
{
	if (limits->leaving.tell != NULL)
		limits->leaving.tell(limits->leaving.arg, q);
	return line_leave(l, q, state, t);
}

enum waiter_state
wait_in_line(struct lot *l, struct waiter *q, const struct wait_limits *limits, bool head,
	     const struct line_tally *t, a64 *parks)
{
	struct turn turn = turn_begin(q, limits, head);

	spin_for_news(q, limits);
	for (;;) {
		bool woken = park_take(&q->party->parker);
		uint64_t now;

		if (waiter_state(q) != WAITER_WAITING)
			return waiter_state(q);
		if (park_canceled(&q->party->parker) && leave(l, q, limits, WAITER_CANCELED, t)) {
			park_clear_cancel(&q->party->parker);
			return WAITER_CANCELED;
		}
		now = env_now(l->env);
		if (woken || now >= line_due(&turn, limits))
			take_turn(l, q, limits, &turn, now, t);
		watch(q, limits, &turn, now);
		if (waiter_state(q) != WAITER_WAITING)
			return waiter_state(q);
		if (now >= limits->deadline_ns && leave(l, q, limits, WAITER_TIMEDOUT, t))
			return WAITER_TIMEDOUT;
		tally(parks);
		park_sleep(l->env, &q->party->parker,
			   earlier(line_due(&turn, limits), turn.watch_at));
	}
}

/* When a composite that is not held up otherwise begins to hold back others, should it be the oldest.  (K4) */
static uint64_t
holding_due(const struct lot *l, const struct composite *c, const struct wait_limits *limits)
{
	return l->strict ? c->since_ns : c->since_ns + limits->fair_after_ns;
}

/* When it is to look at that, at the latest: not again before it is woken, as the oldest has ended. */
static uint64_t
composite_due(const struct lot *l, const struct composite *c, const struct wait_limits *limits,
	      uint64_t now)
{
	const uint64_t due = holding_due(l, c, limits);

	return now < due ? earlier(limits->deadline_ns, due) : limits->deadline_ns;
}

static void
spin_for_grant(const struct composite *c, const struct wait_limits *limits)
{
	if (!limits->many_cpus || limits->spin_ns == LK_OFF)
		return;
	for (int i = 0; i < LOOKS_FOR_NEWS; i++) {
		if (composite_state(c) != WAITER_WAITING || park_has_news(&c->party->parker))
			return;
		shim_pause();
	}
}

enum waiter_state
wait_in_lines(struct lot *l, struct composite *c, const struct wait_limits *limits,
	      const struct line_tally *t, a64 *parks)
{
	struct parker *parker = &c->party->parker;
	struct waiter *q = &c->part[0]; /* for all: they have one party */
	struct turn turn = turn_begin(q, limits, false);

	spin_for_grant(c, limits);
	for (;;) {
		uint64_t now;

		(void)park_take(parker);
		if (composite_state(c) != WAITER_WAITING)
			return composite_state(c);
		if (park_canceled(parker) && composite_leave(l, c, WAITER_CANCELED)) {
			park_clear_cancel(parker);
			return WAITER_CANCELED;
		}
		composite_look_after(l, c, t);
		now = env_now(l->env);
		if (now >= holding_due(l, c, limits))
			(void)composite_look(l, c, t);
		watch(q, limits, &turn, now);
		if (composite_state(c) != WAITER_WAITING)
			return composite_state(c);
		if (now >= limits->deadline_ns && composite_leave(l, c, WAITER_TIMEDOUT))
			return WAITER_TIMEDOUT;
		tally(parks);
		park_sleep(l->env, parker,
			   earlier(composite_due(l, c, limits, now), turn.watch_at));
	}
}

/* Do the holders of all names admit it, as far as can be seen without a latch? */
static bool
seems_free(const struct composite *c, bool *fair)
{
	bool is_free = true;

	for (uint32_t i = 0; i < c->n_parts; i++) {
		const struct waiter *q = &c->part[i];
		uint64_t w = shim_load(&q->r->word, SHIM_RELAXED);

		*fair &= (w & WORD_STOP) == 0;
		is_free &= word_admits(w, q->held, q->want);
	}
	return is_free;
}

bool
wait_spin_for_all(const struct env *e, struct spinner *s, const struct wait_limits *limits,
		  const struct composite *c)
{
	bool timed = limits->spin_ns != 0;
	uint64_t until = timed ? env_now(e) + limits->spin_ns : 0;
	uint32_t budget = timed ? UINT32_MAX : s->budget < SPIN_LEAST ? SPIN_LEAST : s->budget;
	bool fair = true;

	for (uint32_t round = 0; round < budget; round++) {
		bool is_free = seems_free(c, &fair);

		if (!fair || park_canceled(&c->party->parker))
			return false;
		if (is_free) {
			s->budget = budget < SPIN_MOST / 2 ? budget * 2 : SPIN_MOST;
			return true;
		}
		pause_for(PAUSES_FOR_ALL);
		if (timed && round % ROUNDS_PER_LOOK == 0 && env_now(e) >= until)
			break;
	}
	s->budget = budget / 2;
	return false;
}
