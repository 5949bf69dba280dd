/* SPDX-License-Identifier: MIT */
/*
 * Decide: what becomes of a record, and of a request.  A pure function of the record as it was, the request, and what
 * is known of the world (the view): no clock, no chance, no memory, nothing is called.  So it may be run again, by
 * anybody, in a store's transaction or before a compare-and-swap, and all stores have the same semantics.
 *
 *   old record --.                          .--> fresh record, to be written if `changed`
 *   request -----+--> settle, do, scan, ----+
 *   view --------'    compare               '--> outcome, for whoever asked
 *
 * Every decision *settles* the record first: what is over by the view's clock, or whose session is dead, ends, and who
 * waits gets what became free.  Then the request.  Then, again, whoever of the line fits now becomes holder *in the
 * record*, by whoever makes the change: who waits finds itself holder at its next look.
 *
 * DE1  holders are in modes that get along, of different ids; a session has one hold of a name, and one place in
 *      its line.  Units that are held are not more than there are permits.
 * DE2  nobody is in the line who fits the holders and everybody before him in it (as Q8).  A waiter for units lets no
 *      units go to those behind him.
 * DE3  a request is granted at once iff it fits the holders and everybody who would stay before it.  Its place is
 *      before the first waiter that its own hold keeps out, else at the end of its priority; nobody is passed more than
 *      PASSED_MOST_RECORD times for that; and whose hold it would wait for goes before it (as Q7).  Nobody overtakes
 *      by being quick: a record has no open line.
 * DE4  a conversion after which some of the line would wait for each other for ever, by what they hold or by their
 *      places, is refused at once, and keeps what it has.  So no ring comes to be within one name: if all who do not
 *      wait gave back what they have, everybody would be served.
 * DE5  fences rise: each grant that begins to write (U, SIX, X), each reserve and each break is above all numbers
 *      that were given out before for this name, but for those of the latest block that its holder gave back unused;
 *      whatever became of the record in between (DE8).
 * DE6  a request that is decided again with the same id, by the same session, before another of its requests, has
 *      the same effect as once: it is found as a hold, as a place in the line, or as gone (what was released or broken
 *      is ABSENT, or LOST, then).  What asks for no more than is held leaves no trace.  A reserve is the exception:
 *      it wastes a block, and nothing else.
 * DE7  what ends otherwise than by its holder, in a mode that writes, leaves a mark for the next who is granted the
 *      name, and the value invalid; and it is kept from others for the lock delay.  The mark is in one place: in the record, or
 *      with one hold (HOLDER_TOLD), whose session has to tell it on.  When that hold gets weaker, or ends, the session
 *      says whether it did (DECIDE_UNTOLD, DECIDE_UNHEARD); and if it ends otherwise, the mark is there again: perhaps
 *      nobody ever knew.
 * DE8  a record that is not there is one of nothing, with generation and fence at the floor.  So numbers rise over a
 *      removal, if whoever removes a record raises the floor to its fence and generation first, or in the same
 *      step; and if the floor in the view of whoever makes one is read in the same atomic step that finds none.
 * DE9  times are of one clock.  By another clock nothing is over: what has an end gets all its time again.  A time that
 *      is not reached by more than DECIDE_SLOW_NS was set by a clock that went back since: it is the present.  So nothing
 *      ends early, as long as no view is that old when it is decided by.
 * DE10 a request may bring the value along that its session, as one who writes, has given the name: it is there before what
 *      the request gives up is.  It counts if its version is above the one that is there, so it can be sent twice; by one
 *      who wrote when he sent it first.
 * DE11 units of a pool come back one by one, whoever of its session waits: so they are in nobody's way for ever, and a
 *      place in the line is neither earned nor lost by them; but for those that whoever waits has himself (`firm`).
 */
#ifndef LK_RECORD_DECIDE_H
#define LK_RECORD_DECIDE_H

#include "record/record.h"

enum { PASSED_MOST_RECORD = 16 };

#define DECIDE_SLOW_NS UINT64_C(10000000000)

enum decide_op {
	/*
	 * Hold the name in at least `mode`, and at least `units`.  What the same session holds already is
	 * strengthened (to the supremum); what it waits for already is strengthened where it stands, and goes on under
	 * this id.  GRANTED, WAITS (with DECIDE_WAIT), BUSY (without), DEADLOCK.
	 */
	DECIDE_ACQUIRE,
	/*
	 * Hold it in exactly `mode` and `units`.  What is weaker happens at once; a place in the line is then
	 * the one that it would have if it came now.  ABSENT and LOST if it holds nothing.
	 */
	DECIDE_CONVERT,
	/* Hold nothing, and wait for nothing.  RELEASED, CANCELED (it only waited), ABSENT, LOST. */
	DECIDE_RELEASE,
	/* Leave the line.  CANCELED, GRANTED (it came first: it is a holder), ABSENT, LOST. */
	DECIDE_CANCEL,
	/* What became of the request, and I am still there.  GRANTED, WAITS, ABSENT, LOST. */
	DECIDE_POLL,
	/* A detached grant begins its lease anew; `lease_ns` 0: as long as before.  DONE, ABSENT, LOST, DENIED (it has none). */
	DECIDE_RENEW,
	/*
	 * Hold it in no more than `mode` (LK_NL: not at all, and no units), and ask for at least `want` and `units`, in the
	 * same step; who fits before it goes first.  What it waited for before is forgotten; who holds nothing waits for this
	 * in the same place.  GRANTED, WAITS;
	 * DEADLOCK: nothing was given back.  POOL: it keeps `keeps` units, and wants `units` without `firm` besides; a place
	 * that it has for as much already is kept.  (DE11)
	 */
	DECIDE_GIVE_AND_WAIT,
	/* Nothing but to settle.  `who` may be nobody.  DONE. */
	DECIDE_SWEEP,
	/*
	 * An operator ends the hold of `target`, its place in the line, and what was kept in its name.  If it was the
	 * latest to write, the outcome's fence is above all that it had: a guard that is shown it lets none of those
	 * pass.  DONE, ABSENT.
	 */
	DECIDE_BREAK,
	/* The value; a write needs U, SIX or X.  DONE, ABSENT, LOST, DENIED.  A read needs nothing.  DONE. */
	DECIDE_VALUE_WRITE,
	DECIDE_VALUE_READ,
	/* So many (`n_fences`) more numbers for who holds it in U, SIX or X.  DONE, ABSENT, LOST, DENIED. */
	DECIDE_RESERVE,
	/*
	 * Is it held by `who`; if `fence` is not 0, in a mode that writes, with that number?  To be asked in the step that
	 * writes what it protects.  DONE, ABSENT, LOST, DENIED.
	 */
	DECIDE_GUARD,
	DECIDE_OPS
};

enum decide_flag {
	DECIDE_WAIT = 1, /* ACQUIRE, CONVERT: rather than BUSY */
	DECIDE_DETACHED =
		2, /* ACQUIRE, GIVE_AND_WAIT: `who` is a token; needs lease_ns, and ttl_ns to wait */
	/*
	 * CONVERT, RELEASE, GIVE_AND_WAIT: of what it holds, a part that wrote ended badly, or it got the mark of such an end,
	 * and nobody was told.  So the next is to be told, once it writes no more.
	 */
	DECIDE_UNTOLD = 4,
	/* … it does not know yet whether there is a mark with what it holds: so nobody was told of that. */
	DECIDE_UNHEARD = 8,
	DECIDE_POOL = 16 /* GIVE_AND_WAIT: the units are many owners' of one session */
};

/* Zero means none, or the default. */
struct decide_request {
	enum decide_op op;
	uint32_t flags;
	const void *name;
	size_t name_len;
	struct record_id who;
	uint64_t
		request; /* its id, of all requests of this session for this name.  ACQUIRE, CONVERT,
			       GIVE_AND_WAIT, VALUE_WRITE; else 0 is any */
	uint64_t
		grant; /* the request that made the hold (outcome.born); 0: any.  All that is about a hold */
	lk_mode mode;   /* as the operation says */
	lk_mode want;   /* GIVE_AND_WAIT */
	uint32_t units; /* in all, not more: ACQUIRE, CONVERT, GIVE_AND_WAIT (LK_NL or LK_IX ...) */
	uint32_t
		keeps; /* POOL: of what the session has so many are in use, and the rest goes back */
	uint64_t
		earlier; /* POOL: what it asked before this: if that was granted meanwhile, it is the answer */
	uint32_t firm; /* POOL: `units` are of one owner, who has so many of them and keeps them */
	uint32_t permits;  /* of which there are so many; all requests with units agree */
	int32_t priority;  /* higher goes first */
	uint32_t n_fences; /* how many at a time, with a grant that writes; 0: 1 */
	uint64_t lease_ns; /* DETACHED: of the grant */
	uint64_t
		ttl_ns; /* how long it is in the line without a POLL; 0: as long as its session lives */
	const void *tag;   /* copied: who it is, for others */
	size_t tag_len;    /* at most RECORD_TAG */
	const void *value; /* VALUE_WRITE, or what it brings along */
	size_t value_len;  /* at most LK_VALUE_MAX */
	uint64_t version;  /* of that; 0: VALUE_WRITE finds one, others bring none (DE10) */
	bool is_invalid;   /* … what it brings along */
	uint64_t
		fence; /* GUARD; CONVERT, RELEASE, GIVE_AND_WAIT: the last that it used, 0: perhaps all */
	struct record_id target; /* BREAK */
};

struct decide_view {
	uint64_t now;           /* on `clock` */
	uint64_t clock;         /* boot and time namespace, or a server */
	uint64_t settings;      /* a hash */
	uint64_t floor;         /* of fences and generations (DE8) */
	uint32_t epoch;         /* of the floor: it counts the losses of data in this store */
	uint32_t max_holders;   /* 0: RECORD_HOLDERS */
	uint32_t max_waiters;   /* 0: RECORD_WAITERS */
	uint64_t lock_delay_ns; /* 0: none */
	uint64_t remember_ns;   /* endings; 0: until others push them out, or the name is idle */
	const struct record_id *dead; /* sessions, and tokens that the caller has seen to be dead */
	size_t n_dead;
};

enum decide_result {
	DECIDE_NOTHING, /* the decision failed: decide() said so */
	DECIDE_GRANTED,
	DECIDE_WAITS,
	DECIDE_BUSY,
	DECIDE_DEADLOCK, /* of conversions (DE4) */
	DECIDE_RELEASED,
	DECIDE_CANCELED,
	DECIDE_DONE,
	DECIDE_ABSENT, /* no such hold, no such place: never was, or gone by its own request */
	DECIDE_LOST,   /* it was ended by others: `why` */
	DECIDE_DENIED, /* what it holds is not strong enough */
	DECIDE_RESULTS
};

/* Why decide() said no. */
enum decide_trouble {
	DECIDE_FINE,
	DECIDE_BAD_REQUEST, /* LK_E_INVAL */
	DECIDE_BAD_NAME,    /* LK_E_NAME */
	DECIDE_BAD_PERMITS, /* LK_E_INVAL: others say another number, or there are fewer than units */
	DECIDE_BAD_SETTINGS,  /* LK_E_INVAL: who has or wants the name has other settings */
	DECIDE_OLD_EPOCH,     /* LK_E_STALE: the view's floor is of before a loss of data */
	DECIDE_FULL_HOLDERS,  /* LK_E_LIMIT */
	DECIDE_FULL_LINE,     /* LK_E_LIMIT */
	DECIDE_OUT_OF_FENCES, /* LK_E_LIMIT */
	DECIDE_TROUBLES
};

struct decide_outcome {
	enum decide_result result;
	enum decide_trouble trouble;
	enum record_why why; /* LOST */
	bool changed;        /* `fresh` is to be written; else nothing need be */
	bool is_idle;        /* `fresh` might be removed instead (DE8) */
	bool is_orphaned; /* a writer did not end well, and it is for this hold to tell (HOLDER_TOLD) */
	bool is_invalid; /* the value is */

	/* What `who` has now. */
	lk_mode held;
	uint32_t units;
	uint64_t born;
	uint64_t fence;      /* first of the numbers it got; of RESERVE, BREAK: of the new ones */
	uint32_t n_fences;   /* how many from there on */
	uint64_t last_fence; /* of the name, for readers: the latest handed out */
	uint64_t expires_at; /* DETACHED: on the clock of the view; else 0 */
	struct record_demand demand; /* others wait for it */

	/* What it waits for. */
	lk_mode want;      /* LK_NL: it does not */
	uint32_t ahead;    /* how many stand before it */
	uint64_t waits_id; /* the request */

	uint64_t
		due_at; /* something in the record is over then, if nobody does anything; UINT64_MAX: nothing */
	struct lk_value value; /* VALUE_READ, VALUE_WRITE, and whatever is granted */
};

/*
 * Decide.  `old` NULL: the store has no record of that name.  `fresh` is the caller's memory (some 60 KB), not `old`.
 * Returns 0, and outcome.result says what it is; or LK_E_INVAL, LK_E_NAME, LK_E_STALE, LK_E_LIMIT: nothing was
 * decided, nothing is to be written, outcome.trouble says why, and `fresh` is of no use.
 */
int decide(const struct record *old, const struct decide_request *q, const struct decide_view *v,
	   struct record *fresh, struct decide_outcome *out);

/* The code of the public interface that a result is. WAITS, GRANTED, RELEASED, CANCELED, DONE: 0. */
int decide_code(enum decide_result result);
int decide_trouble_code(enum decide_trouble trouble);
const char *decide_trouble_text(enum decide_trouble trouble);

/* What others should hear of, as they wait or hold. */
enum decide_news {
	NEWS_GRANTED, /* it waited, and holds now */
	NEWS_BLOCKS, /* it holds, and somebody waits for it, or for more of it, who did not before: `mode` */
	NEWS_ENDED /* its hold was ended, otherwise than by a request of its own */
};

struct decide_hint {
	struct record_id who;
	enum decide_news what;
	lk_mode mode; /* granted; wanted by others; lost */
};

/*
 * Once `fresh` is written: whom to wake.  Fills up to `room`, returns how many there are in all.  `who`: whose request
 * it was, and who needs no hint.
 */
size_t decide_hints(const struct record *old, const struct record *fresh,
		    const struct record_id *who, struct decide_hint *out, size_t room);

/* A request of several names, of one session: all of op ACQUIRE, with one id, in any order. */
struct decide_part {
	const struct record *old;
	struct decide_request q;
	struct record *fresh;
	struct decide_outcome out;
};

/*
 * All or nothing, in one atomic step over the records of all names.
 *
 *   GRANTED   all are held.
 *   BUSY      (no part has DECIDE_WAIT) `*first` is in the way: nothing was taken.
 *   WAITS     it stands in the line of part `*first`, the first that is in the way, and in no other; whatever it got
 *             under this id, here or by earlier attempts, is given back.  Once a look finds it granted there, ask
 *             again, with the same id: that one is held then, and the others are tried.
 *   DEADLOCK  of conversions, at part `*first`; nothing changed.
 *
 * So a batch never waits while it holds what it took for itself; what its session held before stays held, and a hold
 * that was *strengthened* on the way stays strong.  A batch of names that are never free at the same time may be
 * overtaken without bound: nothing is reserved for it.
 */
int decide_many(struct decide_part *part, size_t n, const struct decide_view *v,
		enum decide_result *result, size_t *first);

#endif /* LK_RECORD_DECIDE_H */
