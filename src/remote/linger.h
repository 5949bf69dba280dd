/* SPDX-License-Identifier: MIT */
/*
 * Linger: how long a cover is kept that nobody here uses.
 *
 * Who enters a name that is covered leaves no trace of it but in the word, for as long as he is inside: so the time of the
 * last use is not known.  It is found out from the other side.  A cover that has been there for `linger_ns`, and that nobody
 * holds just then, *dozes*: its word is frozen as without a cover, and the record says what it said.  Who comes then goes the slow way,
 * and wakes it, without the store.  If nobody comes for `linger_ns` it goes back.
 *
 * LG1  it dozes from a step in which nobody held the name, and in which its word was frozen; so as long as it does nobody comes in.
 * LG2  by time it goes back only when it has dozed for `linger_ns`, as that is now: so nobody has used it for so long.  Somebody looks
 *     each `linger_ns`; so it goes before twice that is over, and a little.
 * LG3  who works on it wakes it before he does anything but look, lose it, or let it go: all other code knows only covers that are in the word what
 *     `has` says.  It wakes under the latch of the remote, and not when it is lost (CO6).
 * LG4  what is known of the past of a name (its habit) changes when its cover rises from nothing, or falls to nothing, under that latch:
 *     never as it is used.
 * LG5  a habit says only whether the phantom stands in the line from the beginning, or when somebody asks: never who is let in.
 * LG6  what goes though nobody abroad asked waits ALONG_NS at most for a question of this process that takes it along (CB6), or for others that go then (CB9), if
 *     several can go together.  What somebody asked for waits BOTH_NS: whoever gave it up asks for both, if he wants it again at once.
 */
#ifndef LK_REMOTE_LINGER_H
#define LK_REMOTE_LINGER_H

#include <stdbool.h>
#include <stdint.h>

#include "mode/mode.h"

struct cover;
struct answer;

/* Who uses names one after the other is soon there again: then one exchange gives one back, and gets the next. */
#define ALONG_NS UINT64_C(100000)

/* Less than it takes another thread to wake, but for one that takes this processor from him. */
#define BOTH_NS UINT64_C(10000)

/* Of names that share a hash, at most so many. */
enum { HABITS = 1024 };

/*
 * Was the next to use a name, after us, one of ours, or did another process come first?  Each of ours adds one, each other takes two: so
 * in the long run it rises when more than two in three are ours.  That is where keeping it begins to pay, as to be asked for it takes
 * another process about three times what it takes us to ask for it again.
 */
enum { HABIT_WORST = -8, HABIT_AWAY = -4, HABIT_BEST = 8 };

struct habit {
	int8_t score;   /* of what is not known, 0 */
	uint32_t fence; /* the end of the latest of the name when it was ours last */
};

/* The next `n` to use it were ours. */
static inline int8_t
habit_stays(int8_t score, uint64_t n)
{
	return n >= (uint64_t)(HABIT_BEST - score) ? (int8_t)HABIT_BEST : (int8_t)(score + (int)n);
}

/* Another process came first. */
static inline int8_t
habit_leaves(int8_t score)
{
	return score - 2 > HABIT_WORST ? (int8_t)(score - 2) : (int8_t)HABIT_WORST;
}

/* Is it worth keeping? */
static inline bool
habit_keeps(int8_t score)
{
	return score > HABIT_AWAY;
}

/* It has risen, as the answer says; it falls to nothing.  With the latch, and without. */
void linger_rose(struct cover *c, const struct answer *a, lk_mode from);
void linger_falls(struct cover *c);

/* The store has said what there is: is it to go back as soon as nobody here uses it?  With the latch. */
void linger_see(struct cover *c);

/* A phantom has been granted just now: when it is to be served, its timer says.  (LG6) */
void linger_leaves(struct cover *c);

/*
 * For how long does the phantom, which has joined the line, let pass who comes here?  If nobody abroad has asked it has time: a hint says when
 * somebody does, or else a look.
 */
uint64_t linger_ages(const struct cover *c);

/* Somebody here has needed it just now. */
void linger_begins(struct cover *c);

/* Its time is over, or half of it: true, it has gone in the word, and the store is to hear of it. */
bool linger_ends(struct cover *c);

/* If it dozes, it does no more.  False: it is lost meanwhile, and dozes still.  (LG3) */
bool linger_wakes(struct cover *c);

#endif /* LK_REMOTE_LINGER_H */
