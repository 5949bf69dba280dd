/* SPDX-License-Identifier: MIT */
/* The modes, once more and by hand: the reference shares no table with the library. */
#ifndef MODEL_MATRIX_H
#define MODEL_MATRIX_H

#include <stdbool.h>

#include <latchkey.h>

/* The matrices of latchkey.h and of Gray et al., by hand.  Rows and columns: NL IS IX S SIX U X. */
static const bool conflicts[LK_X + 1][LK_X + 1] = {
	/*          NL IS IX  S SIX U  X */
	[LK_NL] = { 0, 0, 0, 0, 0, 0, 0 },  [LK_IS] = { 0, 0, 0, 0, 0, 0, 1 },
	[LK_IX] = { 0, 0, 0, 1, 1, 1, 1 },  [LK_S] = { 0, 0, 1, 0, 1, 0, 1 },
	[LK_SIX] = { 0, 0, 1, 1, 1, 1, 1 }, [LK_U] = { 0, 0, 1, 0, 1, 1, 1 },
	[LK_X] = { 0, 1, 1, 1, 1, 1, 1 },
};

static const lk_mode supremum[LK_X + 1][LK_X + 1] = {
	[LK_NL] = { LK_NL, LK_IS, LK_IX, LK_S, LK_SIX, LK_U, LK_X },
	[LK_IS] = { LK_IS, LK_IS, LK_IX, LK_S, LK_SIX, LK_U, LK_X },
	[LK_IX] = { LK_IX, LK_IX, LK_IX, LK_SIX, LK_SIX, LK_SIX, LK_X },
	[LK_S] = { LK_S, LK_S, LK_SIX, LK_S, LK_SIX, LK_U, LK_X },
	[LK_SIX] = { LK_SIX, LK_SIX, LK_SIX, LK_SIX, LK_SIX, LK_SIX, LK_X },
	[LK_U] = { LK_U, LK_U, LK_SIX, LK_U, LK_SIX, LK_U, LK_X },
	[LK_X] = { LK_X, LK_X, LK_X, LK_X, LK_X, LK_X, LK_X },
};

static inline bool
covers(lk_mode strong, lk_mode weak)
{
	return supremum[strong][weak] == strong;
}

static inline lk_mode
intent(lk_mode mode)
{
	return mode == LK_IS || mode == LK_S ? LK_IS : LK_IX;
}

/* What a hold in `mode` gives on every name below. */
static inline lk_mode
below(lk_mode mode)
{
	if (mode == LK_X)
		return LK_X;
	return mode == LK_S || mode == LK_U || mode == LK_SIX ? LK_S : LK_NL;
}

/* What an implied grant counts as on the hold that covers it. */
static inline lk_mode
at_cover(lk_mode mode)
{
	return mode == LK_IS || mode == LK_S ? LK_S : LK_X;
}

#endif /* MODEL_MATRIX_H */
