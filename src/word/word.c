/* SPDX-License-Identifier: MIT */
/* The rows of word.h, and the word as text. */
#include <stdio.h>

#include "word/word.h"

#define NOT_IS  (WORD_IX_MASK | WORD_S_MASK | WORD_U | WORD_SIX | WORD_X)
#define ALL     (WORD_IS_MASK | NOT_IS)

#define NO_SEAT 0, 1 /* no word is like that */
#define SEAT(c, families, is) \
	(c) | WORD_WAITERS | WORD_CLOSED | WORD_FREEZE | WORD_DEAD | WORD_SPREAD | (families), (is)

/* Conflict, guard, what is added, and when a slot may be used. */
#define ROW(c, g, a, s)                                                         \
	{                                                                       \
		(c), (g), (c) | (g), (c) | (g) | WORD_STOP, (a), s, .unused = 0 \
	}

#define IX_CONFLICT (WORD_S_MASK | WORD_U | WORD_SIX | WORD_X)
#define S_CONFLICT  (WORD_IX_MASK | WORD_SIX | WORD_X)

const struct mode_row word_row[MODE_N] = {
	[LK_NL] = ROW(0, 0, 0, NO_SEAT),
	[LK_IS] = ROW(WORD_X, WORD_IS_GUARD, WORD_IS_ONE, SEAT(WORD_X, 0, WORD_SPREAD)),
	[LK_IX] = ROW(IX_CONFLICT, WORD_IX_GUARD | WORD_IS_GUARD, WORD_IX_ONE,
		      SEAT(IX_CONFLICT, WORD_FAMILY, WORD_SPREAD)),
	[LK_S] = ROW(S_CONFLICT, WORD_S_GUARD | WORD_IS_GUARD, WORD_S_ONE,
		     SEAT(S_CONFLICT, WORD_FAMILY, WORD_SPREAD | WORD_FAMILY)),
	[LK_SIX] = ROW(NOT_IS, WORD_IS_GUARD, WORD_SIX, NO_SEAT),
	[LK_U] = ROW(WORD_IX_MASK | WORD_U | WORD_SIX | WORD_X, WORD_S_GUARD | WORD_IS_GUARD,
		     WORD_U, NO_SEAT),
	[LK_X] = ROW(ALL, 0, WORD_X, NO_SEAT),
};

uint32_t
word_holders(uint64_t w, lk_mode m)
{
	switch (m) {
	case LK_IS:
		return (uint32_t)((w & WORD_IS_MASK) / WORD_IS_ONE);
	case LK_IX:
		return (uint32_t)((w & WORD_IX_MASK) / WORD_IX_ONE);
	case LK_S:
		return (uint32_t)((w & WORD_S_MASK) / WORD_S_ONE);
	default:
		return (w & word_row[m].add) != 0;
	}
}

static const struct {
	uint64_t bit;
	const char *name;
} flags[] = {
	{ WORD_WAITERS, " WAITERS" }, { WORD_AWAKE, " AWAKE" },   { WORD_CLOSED, " CLOSED" },
	{ WORD_SPREAD, " SPREAD" },   { WORD_FAMILY, " FAMILY" }, { WORD_FREEZE, " FREEZE" },
	{ WORD_DEAD, " DEAD" },
};

int
word_format(uint64_t w, char *buf, size_t cap)
{
	char text[128];
	int n = 0;

	text[0] = '\0';
	for (int m = LK_IS; m < MODE_N; m++) {
		uint32_t count = word_holders(w, (lk_mode)m);

		if (count != 0)
			n += snprintf(text + n, sizeof(text) - (size_t)n, " %s=%u",
				      lk_modename((lk_mode)m), count);
	}
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if ((w & flags[i].bit) != 0)
			n += snprintf(text + n, sizeof(text) - (size_t)n, "%s", flags[i].name);
	}
	return snprintf(buf, cap, "%s gen=%u", n > 0 ? text + 1 : "idle",
			(unsigned)(w / WORD_GEN_ONE));
}
