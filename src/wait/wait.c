/* SPDX-License-Identifier: MIT */
/* Spinning, and the loop of one who sleeps in a line. */
#include "wait/wait.h"

enum { SPIN_LEAST = 4, SPIN_MOST = 256, BACKOFF_MOST = 2, POLITE_MOST = 4, ROUNDS_PER_LOOK = 16 };

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

bool
wait_spin(const struct env *e, struct spinner *s, const struct wait_limits *limits,
	  struct lk_resource *r, const struct parker *p, lk_mode held, lk_mode want)
{
	uint64_t first = shim_load(&r->word, SHIM_RELAXED);
	bool timed = limits->spin_ns != 0;
	uint64_t until = timed ? env_now(e) + limits->spin_ns : 0;
	uint32_t budget = timed ? UINT32_MAX : s->budget < SPIN_LEAST ? SPIN_LEAST : s->budget;
	uint32_t backoff = 1;
	uint32_t lost = 0;

	for (uint32_t round = 0; round < budget; round++) {
		uint64_t w = shim_load(&r->word, SHIM_RELAXED);

		if (!spin_is_fair(w, first) || park_canceled(p))
			return false;
		if (word_admits(w, held, want) && line_try_take(r, held, want, &lost)) {
			s->budget = budget < SPIN_MOST / 2 ? budget * 2 : SPIN_MOST;
			return true;
		}
		pause_for(backoff);
		backoff = backoff < BACKOFF_MOST ? backoff * 2 : BACKOFF_MOST;
		if (timed && round % ROUNDS_PER_LOOK == 0 && env_now(e) >= until)
			break;
	}
	s->budget = budget / 2; /* it was in vain: try less long the next time */
	return false;
}

void
wait_for_rival(const struct lk_resource *r)
{
	for (int i = 0; i < POLITE_MOST && (shim_load(&r->word, SHIM_RELAXED) & WORD_X) == 0; i++)
		shim_pause();
}

/* Has the time come to look at the line?  When woken, and as the head every `fair_after_ns`. */
struct turn {
	uint64_t head_since; /* 0: not the head, as far as we know */
};

static uint64_t
sleep_until(const struct turn *turn, const struct waiter *q, const struct wait_limits *limits)
{
	uint64_t fair = turn->head_since + limits->fair_after_ns;

	if (turn->head_since == 0 || q->overdue || fair > limits->deadline_ns)
		return limits->deadline_ns;
	return fair;
}

/* Look at the line; closes it to newcomers when we are its head for long enough. */
static void
take_turn(struct lot *l, struct waiter *q, const struct wait_limits *limits, struct turn *turn,
	  uint64_t now, const struct line_tally *t)
{
	bool overdue = turn->head_since != 0 && now >= turn->head_since + limits->fair_after_ns;
	bool head = false;

	if (line_look(l, q, overdue, &head, t) && head && turn->head_since == 0)
		turn->head_since = now;
	if (!head)
		turn->head_since = 0;
}

/* Hand-overs often come at once: a short look before sleeping saves both sides a system call. */
static void
spin_for_news(const struct waiter *q, const struct wait_limits *limits)
{
	if (!limits->many_cpus || limits->spin_ns == LK_OFF)
		return;
	for (int i = 0; i < SPIN_LEAST * 8; i++) {
		if (waiter_state(q) != WAITER_WAITING || park_has_news(q->parker))
			return;
		shim_pause();
	}
}

enum waiter_state
wait_in_line(struct lot *l, struct waiter *q, const struct wait_limits *limits, bool head,
	     const struct line_tally *t, a64 *parks)
{
	struct turn turn = { head ? q->since_ns : 0 };

	spin_for_news(q, limits);
	for (;;) {
		bool woken = park_take(q->parker);
		uint64_t now;

		if (waiter_state(q) != WAITER_WAITING)
			return waiter_state(q);
		if (park_canceled(q->parker) && line_leave(l, q, WAITER_CANCELED, t)) {
			park_clear_cancel(q->parker);
			return WAITER_CANCELED;
		}
		now = env_now(l->env);
		if (woken || now >= sleep_until(&turn, q, limits))
			take_turn(l, q, limits, &turn, now, t);
		if (waiter_state(q) != WAITER_WAITING)
			return waiter_state(q);
		if (now >= limits->deadline_ns && line_leave(l, q, WAITER_TIMEDOUT, t))
			return WAITER_TIMEDOUT;
		tally(parks);
		park_sleep(l->env, q->parker, sleep_until(&turn, q, limits));
	}
}
