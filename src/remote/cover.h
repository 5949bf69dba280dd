/* SPDX-License-Identifier: MIT */
/*
 * Cover: what this process has of one name in the store, so that its threads can have it from each other without
 * asking there.  See remote.h for the whole.
 *
 *            a thread needs more              yes
 *   NONE ------------------------> ASKS ----------------> HELD  <---------------.
 *    ^                              | ^                    | ^                   | yes
 *    |                          no, | | a hint, a poll     | | others ask        |
 *    |                         wait v |                    v | for less          |
 *    |                            QUEUES                 YIELDS --> ASKS --> QUEUES or NONE
 *    `------------------------------------------------------'   the phantom was granted
 *
 *
 * From QUEUES, HELD and YIELDS it may be LOST: the session is over, or somebody broke the lock.  Then it is NONE once nobody
 * here holds the name any more.  What ASKS hears of a loss with the answer (CO6).
 *
 * CO1  one thread at a time works on a cover: who finds it `is_busy` leaves word (needs, look) under the latch, and
 *     whoever works looks for word under the latch before it stops.
 * CO2  what the word says of the cover is never more than what the record says: it falls in the word before it
 *     falls in the store, and rises in the store before it rises in the word.  So when the store does not answer
 *     nobody is let in who should not be.
 * CO3  what is asked of the store says what this process has then, whatever it had before: to ask twice is as to ask
 *     once, and so an answer that never came is asked for again.
 * CO4  a cover that is not NONE has its entry pinned (AB3), and so has one for which a thread waits.
 * CO5  before more is asked for, the cover falls to what is held here (AB2): so covers that nobody uses never stand in
 *     each other's way.
 * CO6  what the store said under one session counts under that session: its end marks all covers lost, also those that are
 *     worked on, and who comes to write an answer down, under the latch, drops it if its cover is marked.  So nothing comes
 *     back after a loss.
 * CO8  nobody is let in by a session whose time has come: who was granted the name looks at the deadline, and then at the clock, and
 *     whoever finds that it is past loses all covers before anybody can see a later deadline.  What is renewed once its time
 *     has come is not taken for renewed.
 * CO7  that a writer did not end well is told to one who comes after it, here or elsewhere: the mark is either in the entry
 *     (PINS_DIED) or in the record (DE7).  The record keeps it too, as long as it is in the entry of a process, should that
 *     process end.
 * CO9  units are asked for when somebody here needs them, and for him alone who is the first; what is not in use goes back at
 *     once if somebody abroad waits for units, else when something else is asked of the store.  So in the store's line each
 *     process stands for one request, in the order of coming.
 * CO10 whoever asks the store again what he has asked already looks at the record first, and writes only if that would change it:
 *     so who waits does not keep out those who give.
 * CO11 who looks once a hint has come takes what that said for what is there, if the store says that it follows what it knew
 *     (LK_STORE_HEARD), whoever was called with it; but each hint serves one look.  So if the next one is lost, the look after
 *     that, as time has passed, finds out what is there.
 * CO12 what a composite keeps back of a name that is covered for it (AB6) stays covered, though others here want more: it waits for later
 *     names with that in hand.  Or composites of one process would give it up for each other's sake, and in a crowd of processes none
 *     ever had all of its names at a time.  Who is kept waiting by it is asked for once it has gone, as it would bar him anyway; who
 *     could enter at once is asked for at once (CO5); and who waits for other names too is asked for whenever it has waited twice as
 *     long as the last time, should it wait for him.
 */
#ifndef LK_REMOTE_COVER_H
#define LK_REMOTE_COVER_H

#include <latchkey/lease.h>
#include <latchkey/store.h>
#include <latchkey/value.h>

#include "lease/timer.h"
#include "remote/bound.h"
#include "wait/abroad.h"

enum { COVER_AHEAD = 4 };

#define COVER_STATE_LIST(X) X(FREE) X(NONE) X(ASKS) X(QUEUES) X(HELD) X(YIELDS) X(LOST)

enum cover_state {
#define COVER_STATE(name) COVER_##name,
	COVER_STATE_LIST(COVER_STATE)
#undef COVER_STATE
		COVER_STATES
};

/* From row to column; what is not here never happens. */
extern const uint8_t cover_edges[COVER_STATES];

#define COVER_EDGE(to) ((uint8_t)(1u << (to)))

/*
 * A thread that waits for the answer of the store: on its stack.  One that is patient stands in the line here, and goes on
 * waiting there once the store has said that it is in its line too.  One that is not has to wait for a moment all the
 * same: as long as another process may need to give back what nobody there uses.
 */
struct need {
	struct need *next;
	lk_mode held; /* what its owner has there already */
	lk_mode want;
	struct units units; /* that it takes besides */
	bool is_patient;
	uint64_t until_ns; /* of one that is not; on the clock of env_boottime() */
	int rc;
	a32 word; /* enum need_word; it sleeps on it */
};

/* Who brings the answer wakes nobody who does not sleep: most often it is he himself who needs it. */
enum need_word { NEED_OPEN, NEED_SLEEPS, NEED_TOLD };

/* Units of a process, as the store is told of them. */
struct pool {
	uint32_t permits; /* 0: it has none, and wants none */
	uint32_t keeps;   /* that are in use; the rest goes back */
	uint32_t units;   /* that whoever is first in our line will have, … */
	uint32_t firm;    /* … of which he has these already */
};

/* Our place in the line of the store, as it was when it was asked. */
struct answer_line {
	struct lk_session_id ahead[COVER_AHEAD]; /* the nearest of those who keep us back */
	uint32_t n_ahead;
	bool has_behind; /* … whom we keep back */
};

struct remote;

/* The value of the name, as this process has it; under the latch of the remote.  (remote/values.h) */
struct cover_value {
	struct lk_value is;
	lk_mode said;    /* what the record lets us have at least, whatever is being asked (VC1) */
	bool owes;       /* the record does not have it yet (VC2) */
	uint64_t before; /* versions of ours are above this … */
	uint64_t end;    /* … and those that the record does not have yet not above that (VC3) */
};

/* What the store said last of what it waits for; under the latch. */
struct cover_shown {
	lk_mode has;       /* that it has */
	lk_mode demand;    /* that others wait for */
	lk_mode asked;     /* that it waits for in the line; LK_NL: it is not there */
	uint64_t question; /* … as this question */
	uint64_t made; /* of the board, and the turn, that were seen before it was asked; (RG2) */
	uint64_t turn;
	uint32_t n_steps; /* how often it gave up its place, since it began to wait */
	struct answer_line line;
};

/* Why a cover was lost, and when that was found, on the clock of env_boottime(). */
struct remote_loss {
	enum lk_loss why;
	uint64_t at_ns;
};

struct cover {
	struct cds_list_head node; /* in its chain of the table */
	struct remote *of;
	struct lk_resource *r;
	enum cover_state state;
	bool look;              /* there may be news, in the store or in the line */
	bool is_hinted;         /* … as a hint said (CO11); */
	bool hears;             /* so it is being looked at */
	bool trim;              /* it is to go back, if nobody here uses it */
	bool is_lost;           /* so it is to become, and in the word it is already */
	bool owes;              /* the record may still say that we have more (CO2) */
	a32 is_early;           /* it goes though nobody abroad asked (LG6) */
	bool dozes;             /* its word is frozen, and nobody has come since … (LG1) */
	bool may_end;           /* … its time may be over */
	bool is_unheard;        /* … that it has given us more, and what came with it */
	lk_mode has;            /* what the word says of it */
	lk_mode asked;          /* what it waits for in the line of the store */
	lk_mode wish;           /* what requests without a thread need, and was not asked for yet */
	lk_mode demand;         /* what somebody abroad waits for, if it is in the way */
	lk_mode leaves;         /* as it YIELDS: what will be left */
	int trouble;            /* why the store gave no answer; 0: it did */
	uint32_t units;         /* of a semaphore: what the record says that we have (SU9) */
	uint32_t demand_units;  /* what somebody abroad waits for, with what he has */
	struct pool asked_pool; /* units that it waits for in the line of the store */
	struct parker keeper;   /* is rung when units came back that are for others (SU10) */
	struct need *needs;
	struct need *tries;   /* who is not patient, and waits all the same */
	struct need *rests;   /* who waits until nobody works on it */
	uint64_t question;    /* the id of what was asked last, … */
	lk_mode asked_with;   /* … having that */
	uint64_t delay_ns;    /* until the next look, as long as it waits; then twice as long */
	uint64_t keep_ns;     /* until then it is kept for one who is not patient */
	uint64_t fence_end;   /* fences up to here are ours; … */
	uint64_t fence_begin; /* … the latest when it rose */
	uint64_t dozes_since;
	a32 defers;       /* somebody here may want more, and was not asked for (CO12) … */
	uint64_t gave_ns; /* … he was last, in spite of what is kept back */
	struct cover_value value;
	struct remote_loss loss; /* the latest; under the latch */
	/* For knots.h, under the latch: */
	struct cds_list_head
		waits;      /* in the list of covers that wait for others, as long as it … */
	bool is_waiting;    /* … does */
	bool steps_back;    /* it is to give up its place in the line of the store */
	uint64_t asks_made; /* what is to be `shown` of the question that is being asked */
	uint64_t asks_turn;
	struct cover_shown shown;
	bool is_busy;   /* (CO1); not beside what who works on it changes: it is read with it */
	uint32_t round; /* of the look at all covers in which it was looked at last */
	struct timer timer;
	struct timer linger;
	struct party party; /* of the phantom (wait/abroad.h) */
	a64 moves;
	struct waiter waiter;
	struct bound bound; /* of the phantom, as it YIELDS */
	aptr link;          /* in the slab's free list */
};

/* Legal or not: a debug build stops. */
void cover_becomes(struct cover *c, enum cover_state state);

#endif /* LK_REMOTE_COVER_H */
