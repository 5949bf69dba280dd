/* SPDX-License-Identifier: MIT */
/*
 * The lines of those who wait, in a parking lot: an array of buckets selected by the resource's
 * address, each a latch and a list.  The waiters of one resource, in the order of that list, are
 * its line.  A resource pays two bits for waiting, and knows nothing of this file.
 *
 * Newcomers may overtake (barge) until the line is CLOSED: always, in a strict manager; as long as
 * a conversion waits; and once the head has waited `fair_after_ns`.
 *
 *   release               one addition to the word, whoever waits.  What the word was says the rest:
 *   … WAITERS alone       the giver takes the latch, sets AWAKE and wakes the head;
 *   … AWAKE, not CLOSED   nothing: the head is on its way, and has not looked yet;
 *   … CLOSED              the giver takes the latch and grants to whoever fits.
 *
 * Q1  a request's state changes once, from WAITING, under the latch.  Who finds it still WAITING
 *     under the latch decides; a grant that came first is a grant, whatever the clock says.
 * Q2  the word changes first, then GRANTED is published; what is needed of the waiter is read
 *     before, as it may be gone right after.
 * Q3  a waiter is in the list exactly while its state is WAITING.
 * Q4  WAITERS is set by the same compare-and-swap that finds the request blocked, so that a giver
 *     either is seen by it or sees WAITERS and comes for the latch.
 * Q5  whoever takes a waiter out of the line, for whatever reason, plans the line anew: it may have
 *     been the only thing in the way of others.
 * Q6  AWAKE is cleared only by a plan that becomes the word in one compare-and-swap, so a release
 *     that relied on AWAKE is part of what was planned.
 * Q7  a request stands before the first waiter whose wanted mode its owner already blocks (that
 *     waiter cannot be granted before it anyway); else at the tail.  Conversions go ahead of new
 *     requests by this rule alone.  (PostgreSQL, ProcSleep.)  When it brings a conversion before
 *     waiters whose holds are in its way, those go before it: the rule holds whoever came first.
 *     But for this rule the line is ordered by priority, and then by arrival.  Nobody is passed more than
 *     PASSED_BY_PRIORITY times, nor by what waits for it anyway.
 * Q8  a plan goes from the head to the end; whoever fits the holders and no earlier waiter that is
 *     left is granted.
 * Q9  waking is the last thing done, outside the latch.
 *
 * Q10 a giver has given up before it comes for the latch, so what it finds may be long past: nobody
 *     waits any more, or the entry is another name's.  It then plans, or wakes, what it finds, which is
 *     never wrong: plans are made of the word and the line alone (S1, Q8).
 *
 * Q11 a claim goes past all who wait, as they wait for its owner anyway: he holds an ancestor in a mode that keeps
 *     from `r` whoever could be in the way there.  Nobody is in the way of it but who tries in vain (R3, C1).
 *
 * Q12 who was brought forward is passed by nobody but by those who hold `r` already (Q7, Q11), and to dissolve rings: until it is
 *     the head all before it are overdue as it is, so that the line is closed.
 *
 * The caller keeps `r` from being retired, but for Q10: by its hold, by a pin, or by its waiter in the
 * line.
 */
#ifndef LK_WAIT_LINE_H
#define LK_WAIT_LINE_H

#include "base/latch.h"
#include "base/list.h"
#include "index/resource.h"
#include "wait/party.h"
#include "word/spread.h"

enum waiter_state {
	WAITER_WAITING,
	WAITER_GRANTED,
	WAITER_TIMEDOUT,
	WAITER_CANCELED,
	WAITER_DEADLOCK,
	WAITER_CLOSED,
	WAITER_REFUSED,    /* a conversion, and what it holds is in the way of one abroad (AB5) */
	WAITER_LOST,       /* a conversion, and what it holds was lost (AB4) */
	WAITER_MOVED,      /* the locks are in another store now */
	WAITER_MISFIT,     /* others say another number of permits (units.h) */
	WAITER_INTERRUPTED /* its request begins anew */
};

/*
 * How often a waiter is passed by what has a higher priority, and how often to dissolve rings of waiters.
 * After that it stays where it is.
 */
enum { PASSED_BY_PRIORITY = 16, PASSED_MOST = 64 };

/* What others are shown of a request: for lk_snapshot(). */
struct waiter_face {
	uint64_t owner_id;
	const char *owner_label; /* LK_LABEL_MAX + 1 bytes */
	const void *tag;
	size_t tag_len;
};

struct semaphore;

/* What it takes of a counting semaphore.  (units.h) */
struct units {
	uint32_t n;           /* 0: nothing */
	uint32_t permits;     /* how many there are, as it says */
	uint32_t has;         /* what its owner has there, also of a request that takes none */
	struct semaphore *of; /* when it comes: one that may be used; then the one of its name */
};

/* A request in a line.  Lives in the frame of the thread that waits. */
struct waiter {
	struct cds_list_head node;
	struct lk_resource *r;
	struct party *party;
	a32 state;     /* enum waiter_state */
	a32 disturbed; /* it was moved, so it may be in a ring that nobody has looked for */
	a32 fits; /* of a part: when its line was planned last it would have been granted (AB6) */
	lk_mode held;
	lk_mode want;
	int32_t priority;
	struct composite
		*together; /* of which it is a part (composite.h); NULL: it waits for `r` alone */
	struct units units;
	a64 *seat;         /* where `held` is counted; NULL: in the word (C5) */
	uint64_t since_ns; /* when it joined */
	uint32_t passed;   /* under the latch: how often others went past it */
	bool is_abroad;    /* it stands for other processes (abroad.h) */
	bool overdue;      /* under the latch: as the head it has waited long enough */
	bool chosen;       /* under the latch: by the plan being made */
	struct waiter_face face;
};

struct lot_bucket {
	struct latch latch;
	uint32_t conversions; /* waiting here */
	struct cds_list_head waiters;
	struct cds_list_head watchers;   /* watch.h */
	uint64_t last_watcher;           /* its number */
	struct cds_list_head semaphores; /* units.h */
} LK_ALIGNED;

/* Counters of whoever calls. */
struct line_tally {
	a64 *handovers;
	a64 *wakes;
	a64 *closings;
};

struct lot {
	struct env *env;
	struct lot_bucket *bucket;
	uint32_t mask;
	bool strict;
	bool is_shared;                  /* with other processes (abroad.h) */
	const a32 *gate;                 /* not 0: nobody joins any more */
	struct spread *spread;           /* NULL: nothing is ever spread */
	struct slab *semaphores;         /* NULL: nobody asks for units */
	struct latch age;                /* of what follows; taken last, below buckets */
	struct cds_list_head composites; /* that wait, the oldest first */
	struct cds_list_head unused;     /* composites whose memory may go (K6) */
	uint64_t last_number;            /* of a composite */
};

enum line_outcome {
	LINE_GRANTED,
	LINE_JOINED,
	LINE_BUSY,
	LINE_LIMIT,
	LINE_PERMITS,
	LINE_DEADLOCK,
	LINE_SHUT
};

bool lot_init(struct lot *l, struct env *env, uint64_t buckets, bool strict, const a32 *gate);
void lot_fini(struct lot *l);

/*
 * Grant at once if possible, else join the line.  `patient` false: never join, and
 * never sleep, unless the lot is shared: then LINE_BUSY is said of nothing but what is taken.
 * `*head`: it joined as the head.
 */
enum line_outcome line_join(struct lot *l, struct waiter *q, bool patient, bool *head,
			    const struct line_tally *t);

/*
 * The same past all who wait, for an owner whose hold on an ancestor keeps others out.  LINE_GRANTED, LINE_LIMIT; or
 * LINE_BUSY: somebody tries in vain at this moment.  (Q11)
 */
enum line_outcome line_claim(struct lot *l, struct waiter *q, const struct line_tally *t);

/* Would line_join() grant?  LINE_JOINED: it would have to wait. */
enum line_outcome line_probe(struct lot *l, const struct waiter *q);

/*
 * Spread `r`, which the caller holds, for the sake of `mode`, if it can be: its shared modes are counted
 * in slots from now on.  (C4)
 */
void line_spread(struct lot *l, struct lk_resource *r, lk_mode mode);

/* See to it that whoever may come in now does: the slow half of a weakening.  (Q10) */
void line_pass_on(struct lot *l, struct lk_resource *r, const struct line_tally *t);

/* The same after a writer has left, or weakened his hold: those who watch for that are told too.  (CW3) */
void line_pass_on_from_writer(struct lot *l, struct lk_resource *r, const struct line_tally *t);

/* Plan the line of `r`, whatever its flags say. */
void line_plan(struct lot *l, struct lk_resource *r, const struct line_tally *t);

/*
 * Plan the line of a waiter that was woken, or whose time as the head is up (`*overdue`: close the
 * line if it still is).  True: it still waits; `*head`: as the head; `*overdue`: and that closes the line.
 */
bool line_look(struct lot *l, struct waiter *q, bool *overdue, bool *head,
	       const struct line_tally *t);

/* One without a thread has waited for long enough: when it is the head, its line is closed. */
void line_grow_old(struct lot *l, struct waiter *q, const struct line_tally *t);

/*
 * `q` goes forward, if it waits, until only `most` come before it of those for whom it waits by their place alone; and
 * nobody who comes later does.  (Q12)  Those whom it passes find a ring that this makes at their next look.
 */
void line_bring_forward(struct lot *l, struct waiter *q, uint64_t most, const struct line_tally *t);

/* Leave the line with `state`; false: granted (or closed) before that.  (Q1, Q5) */
bool line_leave(struct lot *l, struct waiter *q, enum waiter_state state,
		const struct line_tally *t);

/* Send everybody away with WAITER_CLOSED.  The gate is shut already. */
void lot_close(struct lot *l);

/*
 * Waiters, the lines of one resource of one moment: `show` is called with the latch held, copies and
 * returns; `position` counts from 1.
 */
void lot_each(struct lot *l, uint32_t bucket,
	      void (*show)(void *arg, const struct waiter *q, uint32_t position), void *arg);
uint32_t line_length(struct lot *l, const struct lk_resource *r);

/*
 * For whoever looks for rings.  The waiters of one line, from its head, with the latch held: `look` copies
 * what it needs.
 */
void line_each(struct lot *l, const struct lk_resource *r,
	       void (*look)(void *arg, const struct waiter *q), void *arg);

/* One who waits in a line, as it was seen there. */
struct sighting {
	struct party *party;
	uint64_t sequence;
};

/*
 * `behind` goes before `ahead`, if both still wait as they did, in this order, and `ahead` was not passed
 * too often.
 */
bool line_let_pass(struct lot *l, struct lk_resource *r, struct sighting behind,
		   struct sighting ahead);

/* The request of `who` ends with WAITER_DEADLOCK, if it still waits as it did. */
bool line_expel(struct lot *l, struct lk_resource *r, struct sighting who, uint64_t verdict);

uint64_t lot_length(struct lot *l);

LK_HOT enum waiter_state
waiter_state(const struct waiter *q)
{
	return (enum waiter_state)shim_load(&q->state, SHIM_ACQUIRE);
}

/* Does nobody have to be told that the word is no longer `w`? */
LK_HOT bool
line_is_quiet(uint64_t w)
{
	return likely((w & WORD_WAITERS) == 0) || (w & (WORD_AWAKE | WORD_CLOSED)) == WORD_AWAKE;
}

/*
 * The caller's hold from `from` to `to`, of which it can only weaken (W7).  False: somebody waits for
 * it, and line_pass_on() is next.
 */
LK_HOT bool
line_weaken(struct lk_resource *r, lk_mode from, lk_mode to)
{
	return line_is_quiet(
		shim_sub(&r->word, word_modes.add[from] - word_modes.add[to], SHIM_RELEASE));
}

/*
 * The fast half of a new hold: one compare-and-swap, if the holders admit it and the line is open.
 * Once: false as well if it was lost to somebody else's.
 */
LK_HOT bool
line_try_enter(struct lk_resource *r, lk_mode want)
{
	uint64_t w = shim_load(&r->word, SHIM_RELAXED);

	return likely((w & word_modes.open[want]) == 0) &&
	       likely(shim_cas(&r->word, &w, w + word_modes.add[want], SHIM_ACQUIRE));
}

/* The end of a hold; as line_weaken().  `*was`: the word before. */
LK_HOT bool
line_exit(struct lk_resource *r, lk_mode held, uint64_t *was)
{
	*was = shim_add(&r->word, word_modes.sub[held], SHIM_RELEASE);
	return line_is_quiet(*was);
}

/*
 * The fast half of a conversion: one compare-and-swap, if the holders admit it and the line is open.
 * A change that gives something up as well (S to IX) does not go past waiters.  `*lost` counts
 * attempts that others spoilt.
 */
LK_HOT bool
line_try_take(struct lk_resource *r, lk_mode held, lk_mode want, uint32_t *lost)
{
	uint64_t stop = mode_covers(want, held) ? WORD_STOP : WORD_STOP | WORD_WAITERS;
	uint64_t w = shim_load(&r->word, SHIM_RELAXED);

	for (;;) {
		if (unlikely((w & stop) != 0) || unlikely(!word_admits(w, held, want)))
			return false;
		if (likely(shim_cas(&r->word, &w, word_change(w, held, want), SHIM_ACQ_REL)))
			return true;
		++*lost;
	}
}

#endif /* LK_WAIT_LINE_H */
