/* SPDX-License-Identifier: MIT */
/*
 * The line of one name as a Promela model: lock word, latch, joining, giving up, plans, sleeping, time,
 * cancellation, conversions.  It follows word/word.h, wait/line.c, wait/plan.c, wait/wait.c and
 * wait/park.c step by step; a step here is one access there to a word that threads share.  What a latch
 * guards is seen by nobody else, so it is done together with the next such access.
 *
 * What it leaves out: memory orders (every access is seen by all at once), SIX, the limits of the
 * word, spinning (a spin is a fast try), shutdown, the index, several names in one bucket.
 *
 * A lost wake-up is an invalid end state: somebody sleeps for ever in a world where nothing more
 * happens.  So nothing may wake people by accident: timers exist only for requests with a deadline, and,
 * where `fair` is set, once for each head; a sleep that ends for no reason happens at most SPURIOUS
 * times.
 *
 *   MODES     the modes that a request may want, a bit each: 2 IX, 4 S, 8 U, 16 X, 32 IS
 *   ROUNDS    acquires that each owner makes
 *   CONVERT   holders may convert: IS to S, S and U to X, X to S
 *   DEADLINES requests may have one
 *   CANCELS   calls of lk_owner_cancel(), at any moment, for anybody
 *   PLAN_MAX  wake-ups that one plan can remember
 *
 * BUG_... plants a mistake, which the checker must find: see tests/spin/run.
 */
#ifndef N
#define N 3
#endif
#ifndef MODES
#define MODES 20
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef CONVERT
#define CONVERT 0
#endif
#ifndef DEADLINES
#define DEADLINES 0
#endif
#ifndef CANCELS
#define CANCELS 0
#endif
#ifndef SPURIOUS
#define SPURIOUS 0
#endif
#ifndef PLAN_MAX
#define PLAN_MAX 32
#endif

/* Modes, and as sets: bit 1 << mode. */
#define NL 0
#define IX 1
#define S  2
#define U  3
#define X  4
#define IS 5
#define MODE_ALL 62
#define MODE_CONFLICTS(m) \
	(m == IS -> 16 : (m == IX -> 28 : (m == S -> 18 : (m == U -> 26 : (m == X -> 62 : 0)))))

/* The word: two bits count S, two IX, then U and X, then the flags, and two count IS. */
#define HOLDS   1599
#define WAITERS 64
#define AWAKE   128
#define CLOSED  256
#define ADD(m) \
	(m == IS -> 512 : (m == S -> 1 : (m == IX -> 4 : (m == U -> 16 : (m == X -> 32 : 0)))))
#define CONFLICT(m) \
	(m == IS -> 32 : (m == S -> 44 : (m == IX -> 51 : (m == U -> 60 : (m == X -> 1599 : 0)))))
#define CHANGE(w, from, to)  (w - ADD(from) + ADD(to))
#define ADMITS(w, had, wish) (((w - ADD(had)) & CONFLICT(wish)) == 0)

#define WAITING  1
#define GRANTED  2
#define TIMEDOUT 3
#define CANCELED 4
#define REFUSED  5 /* a deadlock of conversions */

#define WOKEN    1
#define SLEEPING 2
#define CANCEL   4

short word;
bit latch;
byte n_line;
byte line[N]; /* owners, head first */

/* The waiter in the frame of owner i; `frame` says whether it is still there. */
bit frame[N];
byte held[N];
byte want[N];
byte state[N];
bit overdue[N];
bit chosen[N];

byte park[N];
bit asleep[N]; /* in the kernel */

bit strict;
bit fair; /* fair_after_ns is reached at times; else it is longer than the world lasts */
byte spurious = SPURIOUS;

byte has[N]; /* what owner i holds, whether it knows it yet or not: the truth behind the word */

/* Of one step only. */
hidden byte k;
hidden byte j;
hidden byte q;
hidden byte p;
hidden byte fits;
hidden byte conversions;
hidden byte blocked;
hidden byte head;
hidden short next;
hidden byte there;

/* ------------------------------------------------------------------ what must hold */

/* The word counts the holds, and no two of them conflict.  (W1 W2 W3, H2) */
inline check_word() {
	next = 0;
	k = 0;
	do
	:: k < N ->
		next = next + ADD(has[k]);
		j = 0;
		do
		:: j < N ->
			assert(j == k || (MODE_CONFLICTS(has[k]) & (1 << has[j])) == 0 || has[j] == NL);
			j++
		:: else -> break
		od;
		k++
	:: else -> break
	od;
	assert((word & HOLDS) == next);
	next = 0;
	k = 0;
	j = 0
}

/* When the latch is opened.  (W4 Q3 Q7) */
inline check_line() {
	assert(((word & WAITERS) != 0) == (n_line > 0));
	assert((word & (AWAKE | CLOSED)) == 0 || (word & WAITERS) != 0);
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

/* choose() of plan.c: into `next` and chosen[], their number into `n_chosen`.  (Q8) */
inline choose(base, room) {
	next = base & HOLDS;
	n_chosen = 0;
	more = 0;
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
		assert(frame[q]);
		fits = (blocked & (1 << want[q])) == 0 && ADMITS(next, held[q], want[q]);
		chosen[q] = fits && n_chosen < room;
		more = more || (fits && !chosen[q]);
		if
		:: chosen[q] ->
			next = CHANGE(next, held[q], want[q]);
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
		next = next | WAITERS |
		       ((strict || overdue[head] || conversions > 0) -> CLOSED : 0)
	:: else
	fi
}

/* What the plan did, in the truth: the chosen of this plan. */
inline carry_out() {
	j = n_chosen;
	k = 0;
	do
	:: j > 0 ->
		q = line[k];
		if
		:: chosen[q] -> has[q] = want[q]; j--
		:: else
		fi;
		k++
	:: else -> break
	od
}

/* plan_try() until it succeeds, and grant_chosen().  The latch is held.  (Q2 Q3 Q6) */
inline plan() {
	done = 0;
	do
	:: !done ->
		w = word;
		d_step {
			choose(w, PLAN_MAX - n_wake);
#ifdef BUG_AWAKE_LATER
			next = next | (w & (n_line > n_chosen -> AWAKE : 0));
#endif
			if
			:: next == w || word == w ->
				word = (next == w -> word : next);
				carry_out();
				done = 1;
				check_word()
			:: else ->
				n_chosen = 0;
				more = 0
			fi;
			w = 0;
			next = 0; fits = 0; blocked = 0; conversions = 0; head = 0; q = 0; k = 0; j = 0
		}
	:: else -> break
	od;
#ifdef BUG_AWAKE_LATER
	word = word & ~AWAKE;
#endif
	do
	:: n_chosen > 0 ->
#ifdef BUG_PUBLISH_FIRST
		d_step {
			k = 0;
			do
			:: !chosen[line[k]] -> k++
			:: else -> break
			od;
			state[line[k]] = GRANTED;
			k = 0
		};
#endif
		d_step {
			k = 0;
			do
			:: !chosen[line[k]] -> k++
			:: else -> break
			od;
			q = line[k];
			j = 0;
			do /* nobody is passed who is left and conflicts (Q8) */
			:: j < k ->
				assert((MODE_CONFLICTS(want[line[j]]) & (1 << want[q])) == 0);
				j++
			:: else -> break
			od;
			assert(frame[q]); /* what is needed of it is read before it is told (Q2) */
			remove(q);
			wakes = wakes | (1 << q);
			n_wake++;
#ifndef BUG_PUBLISH_FIRST
			assert(state[q] == WAITING); /* (Q1) */
			state[q] = GRANTED;
#endif
			chosen[q] = 0;
			n_chosen--;
			q = 0; j = 0
		}
	:: else -> break
	od;
	done = 0
}


/* plan_wake(): the latch is open.  (Q9) */
inline wake_all() {
	do
	:: wakes != 0 ->
		d_step {
			k = 0;
			do
			:: (wakes & (1 << k)) == 0 -> k++
			:: else -> break
			od;
			wakes = wakes & ~(1 << k);
			n_wake = 0;
			was = ((park[k] & SLEEPING) -> k + 1 : 0);
			park[k] = park[k] | WOKEN; /* (P3) */
			k = 0
		};
		if
		:: was != 0 -> d_step { asleep[was - 1] = 0; was = 0 } /* the system call */
		:: else
		fi
	:: else -> break
	od
}

inline plan_finish() {
	wake_all();
	do
	:: more ->
		lock();
		plan();
		unlock();
		wake_all()
	:: else -> break
	od
}

/* ---------------------------------------------------------------------- giving up */

/* line_pass_on(): what the giver finds may be long past.  (Q10) */
inline pass_on() {
	lock();
	w = word;
	if
	:: (w & WAITERS) == 0
	:: (w & (WAITERS | CLOSED)) == (WAITERS | CLOSED) -> plan()
	:: (w & (WAITERS | CLOSED)) == WAITERS ->
		d_step {
			if
			:: (word & AWAKE) == 0 ->
				word = word | AWAKE;
				wakes = wakes | (1 << line[0]);
				n_wake++
			:: else
			fi
		}
	fi;
	w = 0;
	unlock();
	plan_finish()
}

/* line_weaken(), line_exit(): weaken from `from` to `to`, whoever waits; what the word was says the rest. */
inline give_up(from, to) {
	d_step {
		ok = (word & WAITERS) == 0 || (word & (AWAKE | CLOSED)) == AWAKE;
#ifdef BUG_PLAIN_RELEASE
		ok = 1;
#endif
		word = CHANGE(word, from, to);
		has[me] = to;
		check_word()
	};
	if
	:: !ok -> pass_on()
	:: else
	fi;
	ok = 0
}

/* ------------------------------------------------------------------------- waiting */

/* line_leave(): into `ok`, whether we left.  (Q1 Q5) */
inline leave(why) {
	lock();
	if
#ifdef BUG_DEADLINE_WINS
	:: 1 ->
		d_step {
			if
			:: state[me] == WAITING -> remove(me)
			:: else
			fi;
			state[me] = why;
			ok = 1
		}
#else
	:: state[me] == WAITING ->
		d_step {
			remove(me);
			state[me] = why;
			ok = 1
		}
#endif
#ifdef BUG_LEAVE_WITHOUT_PLAN
		d_step {
			word = (n_line == 0 -> word & HOLDS : word)
		}
#else
		plan()
#endif
	:: else
	fi;
	unlock();
	plan_finish()
}

/* take_turn() with line_look() */
inline look() {
	lock();
	if
	:: state[me] == WAITING ->
		if
		:: late && line[0] == me -> overdue[me] = 1
		:: else
		fi;
		plan();
		was_head = (state[me] == WAITING && line[0] == me)
	:: else -> was_head = 0
	fi;
	late = 0;
	unlock();
	plan_finish()
}

/* park_sleep(): until there is news, a timer, or for no reason.  (P2) */
inline sleep() {
#ifdef BUG_SLEEP_BLINDLY
	park[me] = SLEEPING;
	if
	:: 1 ->
#else
	if
	:: d_step { park[me] == 0 -> park[me] = SLEEPING } ->
#endif
		if /* the kernel compares, and sleeps, in one step */
		:: d_step { park[me] == SLEEPING -> asleep[me] = 1 } ->
			if
			:: asleep[me] == 0
			:: timed -> asleep[me] = 0; due = 1
			:: fair && was_head && !overdue[me] -> asleep[me] = 0; late = 1
			:: d_step { spurious > 0 -> spurious--; asleep[me] = 0 }
			fi
		:: d_step { park[me] != SLEEPING -> skip }
		fi;
		park[me] = park[me] & ~SLEEPING
#ifndef BUG_SLEEP_BLINDLY
	:: d_step { park[me] != 0 -> skip }
#endif
	fi
}

/* wait_in_line() */
inline wait() {
	do
	:: state[me] != WAITING -> break
	:: state[me] == WAITING ->
#ifdef BUG_CLEAR_NEWS_LATE
		if
		:: (park[me] & WOKEN) != 0 -> look()
		:: else
		fi;
		park[me] = park[me] & ~WOKEN;
		woken = 0;
#else
		d_step { /* look only after WOKEN is cleared (P3) */
			woken = (park[me] & WOKEN) != 0;
			park[me] = park[me] & ~WOKEN
		};
#endif
		if
		:: state[me] != WAITING -> break
		:: else
		fi;
		if
		:: (park[me] & CANCEL) != 0 ->
			leave(CANCELED);
			if
			:: ok -> ok = 0; park[me] = park[me] & ~CANCEL; break
			:: else
			fi
		:: else
		fi;
		if
		:: timed -> due = 1
		:: 1
		fi;
		if
		:: woken || late -> look()
		:: else
		fi;
		woken = 0;
		if
		:: state[me] != WAITING -> break
		:: else
		fi;
		if
		:: due ->
			leave(TIMEDOUT);
			if
			:: ok -> ok = 0; break
			:: else
			fi
		:: else
		fi;
		due = 0;
		sleep()
	od;
	atomic { woken = 0; late = 0; due = 0; was_head = 0; rc = state[me] }
}

/* ------------------------------------------------------------------------ requests */

/*
 * line_join() of a request from `from` to `to`, under the latch: place_of(), judge(), and what follows
 * from it.  (Q4 Q7)
 */
inline join(from, to) {
	do
	:: rc == 0 ->
		w = word;
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
#ifdef BUG_NO_DEADLOCK_CHECK
			fits = 0;
#endif
			if
			:: ((w & CLOSED) == 0 || (blocked & (1 << to)) == 0) && ADMITS(w, from, to) ->
				if
				:: word == w ->
					word = CHANGE(w, from, to);
					has[me] = to;
					rc = GRANTED;
					check_word()
				:: else
				fi
			:: else ->
				if
				:: fits -> rc = REFUSED
#ifdef BUG_JOIN_BLINDLY
				:: !fits ->
					word = word | WAITERS | ((strict || from != NL) -> CLOSED : 0);
#else
				:: !fits && word == w ->
					word = w | WAITERS | ((strict || from != NL) -> CLOSED : 0);
#endif
					q = head;
					insert(me, q);
					state[me] = WAITING;
					rc = WAITING;
#ifndef BUG_NOBODY_LET_AHEAD
					/* let_ahead(): those whose holds are in our way */
					j = q + 1;
					do
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
#endif
				:: else
				fi
			fi;
			w = 0;
			head = 0; blocked = 0; fits = 0; q = 0; k = 0; j = 0; p = 0
		}
	:: else -> break
	od;
	if
	:: moved -> moved = 0; plan()
	:: else
	fi;
	was_head = (rc == WAITING && n_line > 0 && line[0] == me)
}

/* One request: into `rc`.  The holder of `from` wants `to`. */
inline request(from, to) {
	rc = 0;
	d_step { /* line_try_enter(), line_try_take() */
		if
#ifdef BUG_PASS_CLOSED
		:: ADMITS(word, from, to) ->
#else
		:: (word & CLOSED) == 0 && ADMITS(word, from, to) ->
#endif
			assert((word & CLOSED) == 0); /* (W5) */
			word = CHANGE(word, from, to);
			has[me] = to;
			rc = GRANTED;
			check_word()
		:: else
		fi
	};
	if
	:: rc == 0 ->
#if DEADLINES
		if
		:: timed = 1
		:: timed = 0
		fi;
#endif
		d_step { frame[me] = 1; held[me] = from; want[me] = to; overdue[me] = 0 };
		lock();
		join(from, to);
		unlock();
		plan_finish();
		if
		:: rc == WAITING -> wait()
		:: else
		fi;
		d_step {
			assert(rc != GRANTED || has[me] == to);
			assert(rc == GRANTED || has[me] == from);
			frame[me] = 0; held[me] = 0; want[me] = 0; state[me] = 0; overdue[me] = 0;
			chosen[me] = 0; timed = 0; was_head = 0
		}
	:: else
	fi
}

#define MAY(m) ((MODES >> m) & 1)

proctype owner(byte me) {
	short w;
	byte rounds = ROUNDS, rc, wakes, n_wake, n_chosen, was, wish;
	bit more, done, ok, moved, timed, due, late, woken, was_head;

	do
	:: rounds > 0 ->
		rounds--;
		if
		:: MAY(IX) -> wish = IX
		:: MAY(S) -> wish = S
		:: MAY(U) -> wish = U
		:: MAY(X) -> wish = X
		:: MAY(IS) -> wish = IS
		fi;
		request(NL, wish);
#if CONVERT
		if
		:: rc == GRANTED && (wish == S || wish == U) ->
			request(wish, X);
			d_step { wish = has[me]; rc = GRANTED }
		:: rc == GRANTED && wish == IS ->
			request(IS, S);
			d_step { wish = has[me]; rc = GRANTED }
		:: rc == GRANTED && wish == X ->
			give_up(X, S);
			wish = S
		:: 1
		fi;
#endif
		if
		:: rc == GRANTED -> give_up(wish, NL)
		:: else
		fi;
		d_step { rc = 0; wish = 0 }
	:: else -> break
	od
}

#if CANCELS
/* lk_owner_cancel(), by somebody else. */
proctype canceller() {
	byte left = CANCELS, who, was;

	do
	:: left > 0 ->
		left--;
		if
		:: who = 0
		:: who = 1
		:: N > 2 -> who = N - 1
		fi;
		d_step {
			was = park[who];
			park[who] = park[who] | CANCEL
		};
		if
		:: was & SLEEPING -> asleep[who] = 0
		:: else
		fi;
		d_step { was = 0; who = 0 }
	:: else -> break
	od
}
#endif

init {
	byte i;

	atomic {
		if
		:: strict = 0
		:: strict = 1
		fi;
		if
		:: fair = 0
		:: fair = 1
		fi;
		do
		:: i < N -> run owner(i); i++
		:: else -> break
		od;
#if CANCELS
		run canceller()
#endif
	};
	_nr_pr == 1; /* all have come to an end: nothing may be left */
	assert(word == 0 && n_line == 0 && latch == 0)
}
