/* SPDX-License-Identifier: MIT */
/*
 * The six modes as constant tables: who conflicts with whom, and what two modes are together.
 * Pure; knows nothing of locks.  Source: Gray et al. 1976; IX with U gives SIX, the weakest of
 * our modes that admits no more than both do (SQL Server has a seventh, UIX, for it).
 *
 * M1  conflicts are symmetric.
 * M2  the supremum of two modes conflicts with whatever either of them conflicts with.
 * M3  a mode that gives `b` below conflicts with the intent of every mode that conflicts with `b`: so
 *     what is covered needs no lock of its own.
 */
#ifndef LK_MODE_MODE_H
#define LK_MODE_MODE_H

#include <latchkey.h>

#include "base/compiler.h"

enum { MODE_N = LK_X + 1 };

/* A set of modes: bit m is mode m. */
typedef uint8_t mode_set;

#define MODE_BIT(m) ((mode_set)(1u << (m)))
#define MODE_ALL    ((mode_set)(MODE_BIT(LK_X) * 2 - 2))

extern const mode_set mode_conflict_table[MODE_N];
extern const uint8_t mode_supremum_table[MODE_N][MODE_N];

/* A mode that can be asked for: everything but "nothing". */
LK_HOT bool
mode_valid(lk_mode m)
{
	return (unsigned)m - 1u < (unsigned)LK_X;
}

/* The modes that may not be held by others while `m` is held. */
LK_HOT mode_set
mode_conflicts(lk_mode m)
{
	return mode_conflict_table[m];
}

LK_HOT lk_mode
mode_supremum(lk_mode a, lk_mode b)
{
	return (lk_mode)mode_supremum_table[a][b];
}

/* `held` makes `wanted` redundant. */
LK_HOT bool
mode_covers(lk_mode held, lk_mode wanted)
{
	return mode_supremum(held, wanted) == held;
}

/* May write, now or after an upgrade without competition: such a hold has a fence. */
LK_HOT bool
mode_writes(lk_mode m)
{
	_Static_assert(LK_U > LK_SIX && LK_X == LK_SIX + 2 && LK_X == MODE_N - 1,
		       "SIX, U and X come last");
	return (unsigned)m >= (unsigned)LK_SIX;
}

/*
 * Paths.  What a grant in `m` needs on its ancestors; what a hold in `m` gives on all that is below; and
 * the count that a grant in `m` is on the hold that covers it.
 */
LK_HOT lk_mode
mode_intent(lk_mode m)
{
	const mode_set reads = MODE_BIT(LK_NL) | MODE_BIT(LK_IS) | MODE_BIT(LK_S);

	return (reads >> m & 1u) != 0 ? LK_IS : LK_IX; /* U: it may become X */
}

LK_HOT bool
mode_is_intent(lk_mode m)
{
	return m == LK_IS || m == LK_IX;
}

LK_HOT lk_mode
mode_below(lk_mode m)
{
	if (m == LK_X)
		return LK_X;
	return mode_covers(m, LK_S) ? LK_S : LK_NL;
}

LK_HOT lk_mode
mode_at_cover(lk_mode m)
{
	return mode_covers(LK_S, m) ? LK_S : LK_X;
}

#endif /* LK_MODE_MODE_H */
