/* SPDX-License-Identifier: MIT */
/*
 * The lock word: who may come in, in 64 bits.  It counts *holds*, one per (owner, resource), in
 * the owner's effective mode there, not grants.
 *
 *   63..54 53   52     51     50     49     48    47      46 45  44 43..30 29..16 15..0
 *   gen    DEAD FREEZE FAMILY SPREAD CLOSED AWAKE WAITERS X  SIX U  S      IX     IS
 *
 *   gen      of the entry, for a reader that comes late; a filter, never a proof (index/)
 *   DEAD     retired: look the name up again
 *   CLOSED   newcomers must not overtake: they take the latch and look at the line
 *   AWAKE    a waiter was woken and is on its way; it will look at the line
 *   WAITERS  the line is not empty, or somebody watches for writers to leave
 *   SPREAD   shared holds are counted beside the word too; FAMILY says which modes (spread.h)
 *   FREEZE   of a manager with a store: other processes may hold it in any mode, so nobody is granted here
 *
 * The top bit of each count is its guard: it is set when the count is at its limit, and sends
 * the next request to the slow path while there is still room for what must not fail.
 *
 * Of a word that is SPREAD, W1 to W3 say "counts" of the word and its slots together.
 *
 * W1  X set => every count is 0, U and SIX are clear.
 * W2  SIX set => IX and S are 0 and U is clear.  U set => IX is 0 and SIX is clear.
 * W3  IX and S are not both above 0.
 * W4  latch of the line free => (WAITERS set <=> the line is not empty, or it is watched: CW2); AWAKE or CLOSED set =>
 *     WAITERS set.
 * W5  nobody is granted without the latch while CLOSED is set.
 * W6  DEAD set => nothing is held, nobody waits, until the entry is used anew; or it was pinned, or held
 *     in a slot, when DEAD was set, and DEAD goes again at once (R4, C6).
 * W7  no count overflows: a request minds its own guard and those of all modes below it, so that
 *     every weakening finds room; weakening and release mind no guard.
 *     (S: 2^13 held, each of which may become one IS more, on top of 2^15: below 2^16.)
 * W9  FREEZE set => nobody is granted, in the line or past it, until it is cleared.  What is counted then was lost
 *     to other processes, and its holders have not given it back yet.  (wait/abroad.h)
 * W8  all changes are read-modify-writes of this one word.  A grant is an acquire and a release
 *     a release, so a holder sees what earlier conflicting holders did.
 */
#ifndef LK_WORD_WORD_H
#define LK_WORD_WORD_H

#include "base/atomic.h"
#include "mode/mode.h"

/* Holders until the guard; a tester makes it small to get there with four owners. */
#ifndef LK_WORD_COUNT_BITS
#define WORD_IS_BITS 15
#define WORD_IX_BITS 13
#define WORD_S_BITS  13
#else
#define WORD_IS_BITS LK_WORD_COUNT_BITS
#define WORD_IX_BITS LK_WORD_COUNT_BITS
#define WORD_S_BITS  LK_WORD_COUNT_BITS
#endif

#define WORD_AT(n)    (UINT64_C(1) << (n))

#define WORD_IS_ONE   WORD_AT(0)
#define WORD_IX_ONE   WORD_AT(16)
#define WORD_S_ONE    WORD_AT(30)
#define WORD_U        WORD_AT(44)
#define WORD_SIX      WORD_AT(45)
#define WORD_X        WORD_AT(46)
#define WORD_WAITERS  WORD_AT(47)
#define WORD_AWAKE    WORD_AT(48)
#define WORD_CLOSED   WORD_AT(49)
#define WORD_SPREAD   WORD_AT(50)
#define WORD_FAMILY   WORD_AT(51)
#define WORD_FREEZE   WORD_AT(52)
#define WORD_DEAD     WORD_AT(53)
#define WORD_GEN_ONE  WORD_AT(54)
#define WORD_GEN_MASK (~(WORD_GEN_ONE - 1))

#define WORD_IS_MASK  (WORD_IX_ONE - WORD_IS_ONE)
#define WORD_IX_MASK  (WORD_S_ONE - WORD_IX_ONE)
#define WORD_S_MASK   (WORD_U - WORD_S_ONE)

/* All that is held. */
#define WORD_HOLDS (WORD_WAITERS - 1)

/* The bits of a count from its limit up: one bit, unless a tester made the limit small. */
#define WORD_IS_GUARD (WORD_IS_MASK & ~(WORD_IS_ONE * (WORD_AT(WORD_IS_BITS) - 1)))
#define WORD_IX_GUARD (WORD_IX_MASK & ~(WORD_IX_ONE * (WORD_AT(WORD_IX_BITS) - 1)))
#define WORD_S_GUARD  (WORD_S_MASK & ~(WORD_S_ONE * (WORD_AT(WORD_S_BITS) - 1)))

/* What sends a request to the slow path whatever its mode. */
#define WORD_STOP (WORD_CLOSED | WORD_SPREAD | WORD_FREEZE | WORD_DEAD)

/*
 * What there is to know of the modes; the rest of the code never asks which one it has.  A line for each question, as the
 * number of a mode is then all that an address needs.
 */
struct word_modes {
	uint64_t conflict[8];  /* bits of the holds that it conflicts with */
	uint64_t guard[8];     /* guards that it minds (W7) */
	uint64_t zero[8];      /* both: bits that must be 0 to be granted */
	uint64_t open[8];      /* and WORD_STOP: to be granted without a latch */
	uint64_t add[8];       /* what a hold adds */
	uint64_t sub[8];       /* … and what its end adds */
	uint64_t seat_mask[8]; /* these bits of the word … */
	uint64_t seat_is[8];   /* … must be so for a slot to be used */
} LK_ALIGNED;

_Static_assert(MODE_N <= 8, "a line has room for all modes");

extern LK_HIDDEN const struct word_modes word_modes;

/* What a hold adds; nothing adds nothing, which the compiler should know. */
LK_HOT uint64_t
word_add(lk_mode m)
{
	return m == LK_NL ? 0 : word_modes.add[m];
}

/* `w` without the asker's own hold in `held`. */
LK_HOT uint64_t
word_without(uint64_t w, lk_mode held)
{
	return w - word_modes.add[held];
}

/* `w` after a hold changed from `from` to `to` (LK_NL: none). */
LK_HOT uint64_t
word_change(uint64_t w, lk_mode from, lk_mode to)
{
	return w - word_modes.add[from] + word_modes.add[to];
}

/* Do the other holders admit `want`, for an owner that holds `held`? */
LK_HOT bool
word_admits(uint64_t w, lk_mode held, lk_mode want)
{
	return (word_without(w, held) & word_modes.zero[want]) == 0;
}

/* Is it only the limit that stands in the way? */
LK_HOT bool
word_at_limit(uint64_t w, lk_mode held, lk_mode want)
{
	uint64_t others = word_without(w, held);
	uint64_t counts = word_modes.conflict[want];

	return (others & counts) == 0 && (others & word_modes.guard[want]) != 0;
}

/* Nothing held, nobody waiting, not retired, not spread: only the generation is left. */
LK_HOT bool
word_blank(uint64_t w)
{
	return (w & ~WORD_GEN_MASK) == 0;
}

/*
 * Nothing held, nobody waiting, not retired: but for the generation, for what slots may have (C6), and for what
 * others may hold elsewhere (W9).
 */
LK_HOT bool
word_idle(uint64_t w)
{
	return (w & ~(WORD_GEN_MASK | WORD_SPREAD | WORD_FAMILY | WORD_FREEZE)) == 0;
}

/*
 * The mode of the holder who may write, or LK_NL: in place of that of who just left, where that is not at hand.
 * Who watches for writers is then woken for nothing by those who leave beside one.
 */
LK_HOT lk_mode
word_writer(uint64_t w)
{
	return (w & (WORD_U | WORD_SIX | WORD_X)) != 0 ? LK_X : LK_NL;
}

/* How many owners hold it in mode `m`. */
uint32_t word_holders(uint64_t w, lk_mode m);

/*
 * "X=1 WAITERS AWAKE gen=7", for a debugger or a log.  The number of bytes it wants, without
 * the NUL, as snprintf(); never allocates.
 */
int word_format(uint64_t w, char *buf, size_t cap);

#endif /* LK_WORD_WORD_H */
