/* SPDX-License-Identifier: MIT */
/*
 * Spread counters of one name as a Promela model: the lock word, two slots, entering and leaving them,
 * strong requests, the line with its plans, conversions, becoming spread, changing the family, folding
 * back, retirement.  It follows word/spread.h, core/seat.h, wait/line.c, wait/plan.c and index/evict.h; a
 * step here is one access there to a word that threads share.  What a latch guards is seen by nobody else,
 * so it is done together with the next such access.
 *
 * What line.pml has already is simple here: a wake-up arrives at once, nothing wakes by accident, and the
 * line is closed by strictness, conversions or being spread, never by time.  A lost wake-up is an
 * invalid end state: somebody sleeps for ever in a world where nothing more happens; with KEEPING, somebody
 * who would fit.
 *
 *   N         owners; owner i uses slot i % 2
 *   MODES     the modes that a request may want, a bit each: 2 IX, 4 S, 8 U, 16 X, 32 IS, 64 SIX
 *   FAMILIES  families that are chosen: 1 {IS, IX}, 2 {IS, S}
 *   PLAIN     the name may also begin without slots
 *   TURNS     times that somebody spreads the name, folds it back or changes its family
 *   FOLDING   a plan may fold the name back
 *   ROUNDS    acquires that each owner makes
 *   CONVERT   holders may convert: IS to IX and S, S to U and X, U to X, X to S, S to IS; 2: and
 *             between S and IX, which gives something up as well
 *   TRIES     requests may be such as do not wait
 *   LEAVING   waiters may leave
 *   KEEPING   holders may keep what they have for ever
 *   WATCH     somebody without the latch looks whether anything is held
 *   RETIRES   times that the entry is retired and gets another name; requests then come by name
 *
 * What is as good as what the library does:
 *
 *   UNDO_UNDER_LATCH  what was added in vain is taken back under the latch
 *   BECOME_ANYWAY     a name becomes spread though the word counts holds that conflict with the family
 *   CLOSE_LESS        a request that no mode of the family conflicts with does not close the slots
 *
 * Every access is seen by all at once, as if it were seq_cst; but with WEAK_ENTRY or WEAK_EXIT what was
 * added or subtracted stays in a store buffer for a while, as release and acquire would allow.
 *
 * BUG_... plants a mistake, which the checker must find, and SEEN_... asserts that something never
 * happens, which must be wrong: see tests/spin/run.
 */
#ifndef N
#define N 3
#endif
#ifndef MODES
#define MODES 20
#endif
#ifndef FAMILIES
#define FAMILIES 2
#endif
#ifndef PLAIN
#define PLAIN 0
#endif
#ifndef TURNS
#define TURNS 0
#endif
#ifndef FOLDING
#define FOLDING 0
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef CONVERT
#define CONVERT 0
#endif
#ifndef TRIES
#define TRIES 0
#endif
#ifndef LEAVING
#define LEAVING 0
#endif
#ifndef RETIRES
#define RETIRES 0
#endif
#ifndef KEEPING
#define KEEPING 0
#endif
#ifndef WATCH
#define WATCH 0
#endif
#ifndef BECOME_ANYWAY
#define BECOME_ANYWAY 0
#endif

/* Modes, and as sets: bit 1 << mode. */
#define NL  0
#define IX  1
#define S   2
#define U   3
#define X   4
#define IS  5
#define SIX 6
#define MODE_ALL 126
#define MODE_CONFLICTS(m)                          \
	(m == IS -> 16 : (m == IX -> 92 : (m == S -> 82 : (m == U -> 90 : \
	(m == SIX -> 94 : (m == X -> 126 : 0))))))

/* The word, and as far as the counts a slot: three bits count IS, three IX, three S. */
#define HOLDS   4095
#define WAITERS 4096
#define AWAKE   8192
#define CLOSED  16384
#define LINE    28672 /* the flags of the line */
#define SPREAD  32768
#define FAMILY  65536 /* {IS, S} */
#define SHAPE   98304
#define DEAD    131072
#define ADD(m)                                                           \
	(m == IS -> 1 : (m == IX -> 8 : (m == S -> 64 : (m == U -> 512 : \
	(m == SIX -> 1024 : (m == X -> 2048 : 0))))))
#define CONFLICT(m)                                                            \
	(m == IS -> 2048 : (m == IX -> 4032 : (m == S -> 3128 : (m == U -> 3640 : \
	(m == SIX -> 4088 : (m == X -> 4095 : 0))))))
#define ADMITS(w, had, wish) (((w - ADD(had)) & CONFLICT(wish)) == 0)

/* The counts of the mode that conflicts with the family `f`. */
#define AGAINST(f) (f == FAMILY -> 56 : 448)

/* Are the slots for `m`, and may it enter one now? */
#ifdef BUG_NO_FAMILY
#define SLOTTED(w, m) ((w & SPREAD) != 0 && (m == IS || m == IX || m == S))
#else
#define SLOTTED(w, m) ((w & SPREAD) != 0 && (m == IS || m == ((w & FAMILY) -> S : IX)))
#endif
#define OPEN_TO(w, m) (SLOTTED(w, m) && (w & (WAITERS | CLOSED | DEAD | CONFLICT(m))) == 0)

#define WAITING 1
#define GRANTED 2
#define LEFT    3
#define REFUSED 4 /* a deadlock of conversions */
#define BUSY    5
#define AGAIN   6 /* by name: look it up anew */

int word;
int slot[2];
bit latch;
byte n_line;
byte line[N]; /* owners, head first */

/* The waiter in the frame of owner i. */
byte held[N];
byte want[N];
byte state[N];
bit chosen[N];
bit news[N];

bit in_slot[N]; /* where the hold of owner i is counted */
bit twice[N];   /* it is in the word by now, and still in the slot  (C5) */

bit lookup; /* the latch of the index */
byte pins;
byte ident;

bit strict;

/* The truth behind word and slots: what owner i holds, and what slots count beyond that. */
byte has[N];
int loose;
bit gone;      /* the entry has no name */
byte kept;    /* holds that their owners keep */
bit over;     /* nothing more happens */
byte held_on; /* who has held something since the watcher began */

#if defined(WEAK_ENTRY) || defined(WEAK_EXIT)
int buffer[2];
#define BUFFERED(i) buffer[i]
#else
#define BUFFERED(i) 0
#endif

/* Of one step only. */
hidden byte k;
hidden byte j;
hidden byte q;
hidden byte p;
hidden byte fits;
hidden byte conversions;
hidden byte blocked;
hidden byte head;
hidden byte there;
hidden int next;
hidden int base;
hidden byte same;
hidden int total;

/* ------------------------------------------------------------------ what must hold */

/* After each change of the word or a slot. */
inline check() {
	total = loose;
	next = 0;
	k = 0;
	do
	:: k < N ->
		total = total + ADD(has[k]);
		next = next + BUFFERED(k);
		j = 0;
		do
		:: j < N -> /* no two holds conflict */
			assert(j == k || (MODE_CONFLICTS(has[k]) & (1 << has[j])) == 0 || has[j] == NL);
			j++
		:: else -> break
		od;
		/* a hold in a slot keeps the name spread, in a family that has its mode  (C4) */
		assert(!in_slot[k] || has[k] == NL || SLOTTED(word, has[k]));
		held_on = (has[k] == NL -> held_on & ~(1 << k) : held_on);
		assert(!gone || has[k] == NL);
#ifdef SEEN_U_AND_READERS
		assert(has[k] != U || !in_slot[0] || has[0] != S);
#endif
		k++
	:: else -> break
	od;
	/* each hold is counted, at every moment, and nothing for ever that is not held */
	assert((word & HOLDS) + slot[0] + slot[1] + next == total);
	total = 0;
	next = 0;
	k = 0;
	j = 0
}

/* When the latch is opened: as in line.pml. */
inline check_line() {
	assert(((word & WAITERS) != 0) == (n_line > 0));
	assert((word & (AWAKE | CLOSED)) == 0 || (word & WAITERS) != 0);
	assert((word & (WAITERS | SPREAD)) != (WAITERS | SPREAD) || (word & CLOSED) != 0);
	there = 0;
	k = 0;
	do
	:: k < n_line ->
		there = there | (1 << line[k]);
		j = 0;
		do
		:: j < k -> /* who is earlier does not wait for what a later one holds */
			assert(held[line[k]] == NL ||
			       (MODE_CONFLICTS(want[line[j]]) & (1 << held[line[k]])) == 0);
			j++
		:: else -> break
		od;
		k++
	:: else -> break
	od;
	k = 0;
	do
	:: k < N ->
		assert((state[k] == WAITING) == ((there >> k) & 1));
		k++
	:: else -> break
	od;
	k = 0;
	j = 0;
	there = 0
}

/* ------------------------------------------------------------------- latch and line */

inline lock() { atomic { latch == 0 -> latch = 1 } }

inline unlock() {
	d_step {
		check_line();
		latch = 0
	}
}

inline remove(who) {
	k = 0;
	do
	:: line[k] != who -> k++
	:: else -> break
	od;
	n_line--;
	do
	:: k < n_line -> line[k] = line[k + 1]; k++
	:: else -> break
	od;
	line[n_line] = 0;
	k = 0
}

/* Put `who` at the place `at`. */
inline insert(who, at) {
	k = n_line;
	do
	:: k > at -> line[k] = line[k - 1]; k--
	:: else -> break
	od;
	line[at] = who;
	n_line++;
	k = 0
}

/* Into `w` the word, and into `sum` what is held in slots: an access each. */
inline add_up() {
	w = word;
	sum = 0;
	if
#ifdef BUG_SUM_FOLDED
	:: 1 ->
#else
	:: w & SPREAD ->
#endif
		sum = slot[0];
		sum = sum + slot[1]
	:: else
	fi
}

/*
 * Whom to grant, for the word `start` and what the slots hold: into `next` and chosen[], their number into
 * `n_chosen`.  Who is granted from the line is counted in the word, also in a mode of the family.  (Q8)
 */
inline choose(start, fold) {
	total = (start & HOLDS) + sum;
	next = start & (HOLDS | SHAPE | DEAD);
	if
	:: fold -> next = next & ~SHAPE
	:: else
	fi;
	n_chosen = 0;
	head = N;
	blocked = 0;
	conversions = 0;
	k = 0;
	do
	:: k < n_line -> conversions = conversions + (held[line[k]] != NL); k++
	:: else -> break
	od;
	k = 0;
	do
	:: k < n_line && blocked != MODE_ALL ->
		q = line[k];
#ifdef BUG_IN_ITS_OWN_WAY
		fits = (blocked & (1 << want[q])) == 0 &&
		       ADMITS(total, (in_slot[q] -> NL : held[q]), want[q]);
#else
		fits = (blocked & (1 << want[q])) == 0 && ADMITS(total, held[q], want[q]);
#endif
		chosen[q] = fits;
		if
		:: fits -> /* what it leaves in a slot is planned with the next time */
			total = total + ADD(want[q]) - (in_slot[q] -> 0 : ADD(held[q]));
			next = next + ADD(want[q]) - (in_slot[q] -> 0 : ADD(held[q]));
			conversions = conversions - (held[q] != NL);
			n_chosen++
		:: else ->
			if
			:: head == N -> head = q
			:: else
			fi;
			blocked = blocked | MODE_CONFLICTS(want[q])
		fi;
		k++
	:: else -> break
	od;
	if
	:: head != N ->
		next = next | WAITERS | ((strict || (next & SPREAD) || conversions > 0) -> CLOSED : 0)
	:: else
	fi
}

/* The chosen hold what they want, in the truth. */
inline carry_out() {
	j = n_chosen;
	k = 0;
	do
	:: j > 0 ->
		q = line[k];
		if
		:: chosen[q] ->
			has[q] = want[q];
			loose = loose + (in_slot[q] -> ADD(held[q]) : 0);
			twice[q] = in_slot[q];
			in_slot[q] = 0;
			j--
		:: else
		fi;
		k++
	:: else -> break
	od
}

inline forget_chosen() {
	k = 0;
	do
	:: k < N -> chosen[k] = 0; k++
	:: else -> break
	od;
	n_chosen = 0
}

/* May the plan fold the name back?  Slots only fall while WAITERS is set.  (C3, C4) */
inline may_fold() {
	folds = 0;
#if FOLDING
	if
	:: (w & WAITERS) && (w & SPREAD) && sum == 0 -> folds = 1
	:: 1
	fi
#endif
}

/* The first of the chosen, into `q`; its place, into `k`. */
inline first_chosen() {
	k = 0;
	do
	:: !chosen[line[k]] -> k++
	:: else -> break
	od;
	q = line[k]
}

#ifdef BUG_PLAN_ONCE
#define AGAIN_AFTER_A_SLOT skip
#else
#define AGAIN_AFTER_A_SLOT more = 1
#endif

/* grant_chosen(): a hold that leaves its slot stands in the word before it is taken out.  (Q2, C5) */
inline tell() {
	do
	:: n_chosen > 0 ->
		d_step {
			first_chosen();
			other = q;
			q = 0; k = 0
		};
		if
		:: twice[other] ->
			d_step {
				slot[other % 2] = slot[other % 2] - ADD(held[other]);
				loose = loose - ADD(held[other]);
				twice[other] = 0;
				AGAIN_AFTER_A_SLOT;
				check()
			}
		:: else
		fi;
		d_step {
			first_chosen();
			j = 0;
			do /* nobody is passed who is left and conflicts */
			:: j < k ->
				assert((MODE_CONFLICTS(want[line[j]]) & (1 << want[q])) == 0);
				j++
			:: else -> break
			od;
			remove(q);
			assert(state[q] == WAITING);
			state[q] = GRANTED;
			chosen[q] = 0;
			n_chosen--;
			q = 0; j = 0; other = 0
		}
	:: else -> break
	od
}

/* plan_try() until it succeeds.  The latch is held. */
inline plan() {
	done = 0;
	do
	:: !done ->
		add_up();
		may_fold();
		d_step {
			choose(w, folds);
			if
			:: word == w ->
				word = next;
				carry_out();
				done = 1;
				check()
			:: else -> forget_chosen()
			fi;
			w = 0; sum = 0; folds = 0;
			next = 0; total = 0; fits = 0; blocked = 0; conversions = 0; head = 0; q = 0; k = 0; j = 0
		}
	:: else -> break
	od;
	done = 0;
	tell()
}

/* … and plan_finish(): the latch is held, and open in the end. */
inline plan_and_unlock() {
	do
	:: 1 ->
		plan();
		unlock();
		if
		:: more -> more = 0; lock()
		:: else -> break
		fi
	od
}

/* line_pass_on(): who has given something up sees to those who wait, if anybody does by now.  (Q10) */
inline pass_on() {
	lock();
	w = word;
	if
	:: (w & (WAITERS | CLOSED)) == (WAITERS | CLOSED) -> w = 0; plan_and_unlock()
	:: (w & (WAITERS | CLOSED)) == WAITERS ->
		d_step {
			if
			:: (word & AWAKE) == 0 -> word = word | AWAKE; news[line[0]] = 1
			:: else
			fi;
			w = 0
		};
		unlock()
	:: else -> w = 0; flushed(); unlock()
	fi
}

/* --------------------------------------------------------------------------- slots */

#define MY_SLOT slot[me % 2]

#ifdef WEAK_ENTRY
#define ENTRY_TARGET buffer[me]
#else
#define ENTRY_TARGET MY_SLOT
#endif
#ifdef WEAK_EXIT
#define EXIT_TARGET buffer[me]
#else
#define EXIT_TARGET MY_SLOT
#endif

/* An owner's own accesses to its slot stay in order, and a latch is opened with release. */
inline flushed() { BUFFERED(me) == 0 }

/* Enter a slot, or strengthen what is held there: into `rc`, or into `surplus` what is to be undone. */
inline enter_slot() {
	flushed();
#ifdef BUG_LOOK_FIRST
	ok = OPEN_TO(word, to);
	d_step {
		MY_SLOT = MY_SLOT + ADD(to) - ADD(from);
		surplus = ADD(to) - ADD(from);
		loose = loose + surplus;
#else
	d_step {
		ENTRY_TARGET = ENTRY_TARGET + ADD(to) - ADD(from);
		surplus = ADD(to) - ADD(from);
		loose = loose + surplus;
		check()
	};
	d_step {
		ok = OPEN_TO(word, to);
#endif
		if
		:: ok ->
			loose = loose - surplus;
			surplus = 0;
			has[me] = to;
			in_slot[me] = 1;
			rc = GRANTED;
			check()
		:: else
		fi;
		ok = 0
	}
}

/* Take back what was added in vain: somebody who waits may have seen it. */
inline take_back() {
	flushed();
	d_step {
		MY_SLOT = MY_SLOT - surplus;
		loose = loose - surplus;
		surplus = 0;
		check()
	}
}

/* ---------------------------------------------------------------------- giving up */

inline leave_slot(had, left) {
	flushed();
#ifdef BUG_LEAVE_LOOK_FIRST
	ok = (word & WAITERS) != 0;
#endif
	d_step {
		EXIT_TARGET = EXIT_TARGET + ADD(left) - ADD(had);
		has[me] = left;
		in_slot[me] = (left != NL);
		check()
	};
#ifndef BUG_LEAVE_LOOK_FIRST
	ok = (word & WAITERS) != 0;
#endif
#ifdef BUG_LEAVE_BLINDLY
	ok = 0
#endif
}

/* line_weaken(), line_exit(): one subtraction, and what the word was says the rest. */
inline leave_word(had, left) {
	d_step {
		ok = (word & WAITERS) != 0 && (word & (AWAKE | CLOSED)) != AWAKE;
		word = word - ADD(had) + ADD(left);
		has[me] = left;
		check()
	}
}

/* A hold is given up where it is counted: into `ok`, whether somebody is to be told.  (C5) */
inline give_up(had, left) {
	if
	:: in_slot[me] -> leave_slot(had, left)
	:: else -> leave_word(had, left)
	fi
}

inline and_pass_on() {
	if
	:: ok -> ok = 0; pass_on()
	:: else
	fi
}

/* ------------------------------------------------------------------------- waiting */

inline wait() {
	do
	:: state[me] != WAITING -> break
#if KEEPING
	:: over -> goto end_asleep
#endif
	:: state[me] == WAITING && (news[me] || may_leave) ->
		if
		:: news[me] -> news[me] = 0
		:: may_leave -> leaving = 1
		fi;
		lock();
		if
		:: state[me] == WAITING ->
			if
			:: leaving -> d_step { remove(me); state[me] = LEFT }
			:: else
			fi;
			plan_and_unlock()
		:: else -> unlock()
		fi;
		if
		:: leaving -> break
		:: else
		fi
	od;
	leaving = 0;
	rc = state[me]
}

/* ------------------------------------------------------------------------ requests */

/* What a conversion from `from` gives up as well. */
#define GIVES_UP(from, to) ((from == S && to == IX) || (from == IX && to == S))

#ifdef CLOSE_LESS
#define CLOSES(w, m) ((w & SPREAD) != 0 && (CONFLICT(m) & AGAINST(FAMILY - (w & FAMILY))) != 0)
#else
#define CLOSES(w, m) ((w & SPREAD) != 0)
#endif

/* Under the latch: nobody else changes the shape, or sets or clears WAITERS.  (C1) */
inline close_slots() {
	if
#ifndef BUG_SUM_FIRST
	:: CLOSES(word, to) -> word = word | WAITERS | CLOSED
#endif
	:: else
	fi
}

/* line_join() of a request from `from` to `to`, under the latch. */
inline join() {
	close_slots();
	do
	:: rc == 0 ->
		add_up();
		may_fold();
		d_step {
			head = n_line; /* the place */
			blocked = 0;   /* by those before it */
			fits = 0;      /* a conversion that is in our way as we are in its */
			k = 0;
			do
			:: k < n_line && head == n_line ->
				if
				:: from != NL && (MODE_CONFLICTS(want[line[k]]) & (1 << from)) -> head = k
				:: else -> blocked = blocked | MODE_CONFLICTS(want[line[k]])
				fi;
				k++
			:: else -> break
			od;
			k = 0;
			do
			:: k < n_line ->
				fits = fits || (from != NL && held[line[k]] != NL &&
						(MODE_CONFLICTS(to) & (1 << held[line[k]])) &&
						(MODE_CONFLICTS(want[line[k]]) & (1 << from)));
				k++
			:: else -> break
			od;
			total = (w & HOLDS) + sum;
			base = w;
			if
			:: ((w & CLOSED) == 0 || (blocked & (1 << to)) == 0) && ADMITS(total, from, to) ->
				base = w + ADD(to) - (in_slot[me] -> 0 : ADD(from));
				rc = GRANTED
			:: else -> rc = (fits -> REFUSED : (try -> BUSY : WAITING))
			fi;
			same = (word == w);
			next = base;
			if
			:: rc == WAITING && (w & SPREAD) && (word & WAITERS) ->
				same = 1; /* closed it is: nothing to be exchanged */
				next = word
			:: rc == WAITING && ((w & SPREAD) == 0 || (word & WAITERS) == 0) -> /* (Q4) */
				next = w | WAITERS |
				       ((strict || from != NL || (w & SPREAD)) -> CLOSED : 0)
			:: rc != WAITING && ((w & SPREAD) || (rc == GRANTED && GIVES_UP(from, to))) ->
				choose(base, folds);
#ifdef BUG_LEAVE_CLOSED
				next = next | (w & LINE)
#endif
			:: else
			fi;
			if
			:: !same -> rc = 0; forget_chosen()
			:: else ->
#ifdef BUG_OUT_BEFORE_IN
				if
				:: rc == GRANTED && in_slot[me] -> MY_SLOT = MY_SLOT - ADD(from); check()
				:: else
				fi;
#endif
				word = next;
				carry_out();
				if
				:: rc == GRANTED ->
					surplus = (in_slot[me] -> ADD(from) : 0);
					loose = loose + surplus;
					has[me] = to;
					in_slot[me] = 0
				:: else
				fi;
				check();
				if
				:: rc == WAITING ->
					q = head;
					insert(me, q);
					state[me] = WAITING;
					j = q + 1;
					do /* those whose holds are in our way go ahead */
					:: j < n_line ->
						if
						:: held[line[j]] != NL && (MODE_CONFLICTS(to) & (1 << held[line[j]])) ->
							p = line[j];
							remove(p);
							insert(p, q);
							q++;
							moved = 1
						:: else
						fi;
						j++
					:: else -> break
					od
				:: else
				fi
			fi;
			w = 0; sum = 0; folds = 0;
			next = 0; base = 0; same = 0; total = 0;
			head = 0; blocked = 0; conversions = 0; fits = 0; q = 0; k = 0; j = 0; p = 0
		}
	:: else -> break
	od;
	tell();
	if
	:: surplus != 0 -> take_back(); AGAIN_AFTER_A_SLOT /* out of its slot, into the word */
	:: else
	fi;
	if
	:: moved -> moved = 0; more = 1
	:: else ->
		unlock();
		if
		:: more -> lock()
		:: else
		fi
	fi;
	if
	:: more -> more = 0; plan_and_unlock()
	:: else
	fi
}

/* Without the latch: into the word, or a slot, or rc stays 0. */
inline try_enter() {
	d_step {
		w = word;
		if
		:: (w & (CLOSED | SPREAD | DEAD)) == 0 && ADMITS(w, from, to) &&
		   (!GIVES_UP(from, to) || (w & WAITERS) == 0) ->
			word = w - ADD(from) + ADD(to);
			has[me] = to;
			rc = GRANTED;
			check()
		:: else
		fi;
		ok = rc == 0 && OPEN_TO(w, to) && (from == NL || in_slot[me]);
		w = 0
	};
	if
	:: ok -> ok = 0; enter_slot()
	:: else
	fi
}

inline enter_line() {
	d_step { held[me] = from; want[me] = to };
#if TRIES
	if
	:: try = 1
	:: 1
	fi;
#endif
#if LEAVING
	if
	:: may_leave = 1
	:: 1
	fi;
#endif
	lock();
	join();
	if
	:: rc == WAITING -> wait()
	:: else
	fi;
	d_step {
		held[me] = 0; want[me] = 0; state[me] = 0; chosen[me] = 0; news[me] = 0;
		try = 0; may_leave = 0
	}
}

/* What was added in vain is taken back, as somebody who waits may have seen it: a release.  (C1) */
inline undo() {
#ifdef UNDO_UNDER_LATCH
	lock();
	take_back();
	plan_and_unlock()
#else
	take_back();
	ok = (word & WAITERS) != 0;
#ifdef BUG_UNDO_BLINDLY
	ok = 0
#endif
#endif
}

/*
 * One request: into `rc`.  The holder of `from` wants `to`.  By name, nothing keeps the entry the first
 * time, so the name is looked at again afterwards (R3); then a pin does.
 */
inline request() {
	rc = 0;
	do
	:: rc == 0 ->
		id = ident;
		try_enter();
		if
		:: surplus != 0 -> undo()
		:: surplus == 0 && rc == GRANTED && !kept_here && ident != id -> give_up(to, NL); rc = 0
		:: else
		fi;
		id = 0;
		and_pass_on();
		if
		:: rc == 0 && !kept_here ->
			atomic { lookup == 0 -> pins++ };
			pinned = 1;
			kept_here = 1
		:: rc == 0 && kept_here -> enter_line()
		:: else
		fi
	:: else -> break
	od;
	assert(surplus == 0);
	d_step {
		assert(rc != GRANTED || has[me] == to);
		assert(rc == GRANTED || has[me] == from);
		pins = pins - pinned;
		pinned = 0
	}
}

#define MAY(m) ((MODES >> m) & 1)

proctype owner(byte me) {
	int w, sum, surplus;
	byte rounds = ROUNDS, from, to, rc, n_chosen, id, other;
	bit asks, converted, done, ok, moved, more, folds, try, may_leave, leaving, pinned, kept_here;

	do
	:: rounds > 0 ->
		rounds--;
		if
		:: MAY(IX) -> to = IX
		:: MAY(S) -> to = S
		:: MAY(U) -> to = U
		:: MAY(X) -> to = X
		:: MAY(IS) -> to = IS
		:: MAY(SIX) -> to = SIX
		fi;
		asks = 1;
		converted = !CONVERT;
		kept_here = (RETIRES == 0);
		do
		:: 1 ->
			if
			:: asks -> asks = 0; request()
			:: else -> give_up(from, to); and_pass_on()
			fi;
			rc = 0;
			from = has[me];
			kept_here = 1;
			if
			:: from == NL -> break
			:: from != NL -> to = NL
#if KEEPING
			:: from != NL -> kept++; goto finished
#endif
			:: !converted && from == IS && MAY(IX) -> to = IX; asks = 1
			:: !converted && from == IS && MAY(S) -> to = S; asks = 1
			:: !converted && from == S && MAY(U) -> to = U; asks = 1
			:: !converted && from == S && MAY(X) -> to = X; asks = 1
			:: !converted && from == U && MAY(X) -> to = X; asks = 1
			:: !converted && from == IX && MAY(X) -> to = X; asks = 1
			:: !converted && from == X && MAY(S) -> to = S
			:: !converted && from == S && MAY(IS) -> to = IS
#if CONVERT > 1
			:: !converted && from == S && MAY(IX) -> to = IX; asks = 1
			:: !converted && from == IX && MAY(S) -> to = S; asks = 1
#endif
			fi;
			converted = 1
		od;
		to = NL;
		kept_here = 0
	:: else -> break
	od;
#if KEEPING
	goto finished;
end_asleep:
	false;
finished:
#endif
	skip
}

/* ----------------------------------------------------------------- shape and name */

#define SPREAD_WRITE 0
#define SPREAD_READ  FAMILY
#define FOLD         1

#ifdef BUG_FOLD_OPEN
#define FORGETS_TO_CLOSE (what == FOLD)
#elif defined(BUG_FAMILY_OPEN)
#define FORGETS_TO_CLOSE (what != FOLD)
#else
#define FORGETS_TO_CLOSE false
#endif
#ifdef BUG_FOLD_BLINDLY
#define FORGETS_TO_SUM (what == FOLD)
#elif defined(BUG_FAMILY_BLINDLY)
#define FORGETS_TO_SUM (what != FOLD)
#else
#define FORGETS_TO_SUM false
#endif

/*
 * Somebody who finds the word too busy, or the slots no longer worth it.  With nobody in the line.  Slots
 * in use are closed before they are summed.
 */
proctype shaper() {
	byte turns = TURNS;
	int w, sum, what;
	bit done;

	do
	:: turns > 0 ->
		turns--;
		if
		:: FAMILIES & 1 -> what = SPREAD_WRITE
		:: FAMILIES & 2 -> what = SPREAD_READ
		:: what = FOLD
		fi;
		lock();
		if
		:: n_line == 0 && (word & SPREAD) == 0 && what != FOLD ->
			w = word;
			d_step {
				if
				:: word == w && (w & DEAD) == 0 && (BECOME_ANYWAY || (w & AGAINST(what)) == 0) ->
					word = w | SPREAD | what
				:: else
				fi;
				w = 0;
				check()
			}
		:: n_line == 0 && (word & SPREAD) != 0 && (word & FAMILY) != what ->
			if
			:: FORGETS_TO_CLOSE
			:: else -> word = word | WAITERS | CLOSED
			fi;
			done = 0;
			do
			:: !done ->
				add_up();
				d_step {
					sum = (FORGETS_TO_SUM -> 0 : sum);
					next = w & ~LINE;
					if
					:: what == FOLD && sum == 0 -> next = next & ~SHAPE
					:: what != FOLD && (((w & HOLDS) + sum) & AGAINST(what)) == 0 ->
						next = (next & ~SHAPE) | SPREAD | what
					:: else
					fi;
					done = (word == w);
					word = (done -> next : word);
					w = 0; sum = 0; next = 0;
					check()
				}
			:: else -> break
			od;
			done = 0
		:: else
		fi;
		unlock();
		what = 0
	:: else -> break
	od
}

#if WATCH
/*
 * A hold may leave its slot for the word, never the other way.  So who looks without the latch looks at the
 * slots first.
 */
proctype watcher() {
	int sum;
	byte i;

	d_step {
		i = 0;
		do
		:: i < N -> held_on = held_on | (has[i] != NL -> 1 << i : 0); i++
		:: else -> break
		od;
		i = 0
	};
#ifdef BUG_WATCH_WORD_FIRST
	sum = word & HOLDS;
	sum = sum + slot[0];
	sum = sum + slot[1];
#else
	sum = slot[0];
	sum = sum + slot[1];
	sum = sum + (word & HOLDS);
#endif
	assert(sum != 0 || held_on == 0);
	held_on = 0
}
#endif

#if RETIRES
/*
 * retire(), under the latch of the index: DEAD, then the pins, the slots, the word; then another name.  The
 * slots are left as they are.  (C6, C7)
 */
proctype retirer() {
	byte left = RETIRES;
	int w, sum;
	bit alive;

	do
	:: left > 0 ->
		left--;
		atomic { lookup == 0 -> lookup = 1 };
		w = word;
#ifdef BUG_SLOTS_BEFORE_DEAD
		sum = slot[0];
		sum = sum + slot[1];
#endif
		if
		:: (w & ~SHAPE) == 0 && pins == 0 && sum == 0 ->
			d_step {
				alive = (word != w);
				word = (alive -> word : w | DEAD)
			};
			if
			:: !alive ->
				alive = (pins != 0);
#ifdef BUG_SLOTS_AFTER_WORD
				alive = alive || (word != (w | DEAD));
#endif
#ifndef BUG_SLOTS_BEFORE_DEAD
				sum = slot[0];
				sum = sum + slot[1];
				alive = alive || ((w & SPREAD) && sum != 0);
#endif
#ifndef BUG_SLOTS_AFTER_WORD
				alive = alive || (word != (w | DEAD));
#endif
				if
				:: alive -> word = word & ~DEAD
				:: else ->
					d_step {
						ident++;
						gone = 1;
						check()
					};
#ifdef BUG_CLEAR_SLOTS
					slot[0] = 0;
#endif
					d_step {
						word = 0;
						gone = 0;
						check()
					}
				fi
			:: else
			fi
		:: else
		fi;
		w = 0;
		sum = 0;
		alive = 0;
		lookup = 0
	:: else -> break
	od
}
#endif

#if defined(WEAK_ENTRY) || defined(WEAK_EXIT)
/* What is in a store buffer gets out some time.  Two owners. */
active proctype buffers() {
	byte i;
end:
	do
	:: d_step { buffer[0] != 0 -> slot[0] = slot[0] + buffer[0]; buffer[0] = 0; check() }
	:: d_step { buffer[1] != 0 -> slot[1] = slot[1] + buffer[1]; buffer[1] = 0; check() }
	od
}
#define OTHERS  2
#define ALL_OUT (buffer[0] == 0 && buffer[1] == 0)
#else
#define OTHERS  1
#define ALL_OUT 1
#endif

init {
	byte i, n_chosen;
	int sum;

	atomic {
		if
		:: strict = 0
		:: strict = 1
		fi;
		if
		:: FAMILIES & 1 -> word = SPREAD
		:: FAMILIES & 2 -> word = SPREAD | FAMILY
		:: PLAIN -> word = 0
		fi;
		do
		:: i < N -> run owner(i); i++
		:: else -> break
		od;
		if
		:: TURNS > 0 -> run shaper()
		:: else
		fi;
#if WATCH
		run watcher();
#endif
#if RETIRES
		run retirer()
#endif
	};
	if
	:: _nr_pr == OTHERS && ALL_OUT && kept == 0 -> /* all have come to an end: nothing may be left */
		assert((word & ~SHAPE) == 0 && slot[0] == 0 && slot[1] == 0 && n_line == 0 && latch == 0);
		assert(loose == 0 && pins == 0)
	:: _nr_pr == OTHERS && ALL_OUT && kept > 0
#if KEEPING
	:: timeout ->
		sum = slot[0] + slot[1];
		assert(latch == 0 && loose == 0);
		d_step {
			choose(word, 0);
			assert(n_chosen == 0); /* nobody sleeps who would fit */
			over = 1
		}
#endif
	fi
}
