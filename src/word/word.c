/* SPDX-License-Identifier: MIT */
/* The modes in word.h, and the word as text. */
#include <stdio.h>

#include "word/word.h"

#define NOT_IS      (WORD_IX_MASK | WORD_S_MASK | WORD_U | WORD_SIX | WORD_X)
#define ALL         (WORD_IS_MASK | NOT_IS)

#define IX_CONFLICT (WORD_S_MASK | WORD_U | WORD_SIX | WORD_X)
#define S_CONFLICT  (WORD_IX_MASK | WORD_SIX | WORD_X)
#define U_CONFLICT  (WORD_IX_MASK | WORD_U | WORD_SIX | WORD_X)

#define SEAT(c, families) \
	((c) | WORD_WAITERS | WORD_CLOSED | WORD_FREEZE | WORD_DEAD | WORD_SPREAD | (families))

/* Mode, conflict, guard, what is added, and when a slot may be used: no word is 1 where all bits of the mask are 0. */
#define ROWS(column)                                                                               \
	column(LK_NL, 0, 0, 0, 0, 1)                                                               \
		column(LK_IS, WORD_X, WORD_IS_GUARD, WORD_IS_ONE, SEAT(WORD_X, 0), WORD_SPREAD)    \
			column(LK_IX, IX_CONFLICT, WORD_IX_GUARD | WORD_IS_GUARD, WORD_IX_ONE,     \
			       SEAT(IX_CONFLICT, WORD_FAMILY), WORD_SPREAD)                        \
				column(LK_S, S_CONFLICT, WORD_S_GUARD | WORD_IS_GUARD, WORD_S_ONE, \
				       SEAT(S_CONFLICT, WORD_FAMILY), WORD_SPREAD | WORD_FAMILY)   \
					column(LK_SIX, NOT_IS, WORD_IS_GUARD, WORD_SIX, 0, 1)      \
						column(LK_U, U_CONFLICT,                           \
						       WORD_S_GUARD | WORD_IS_GUARD, WORD_U, 0, 1) \
							column(LK_X, ALL, 0, WORD_X, 0, 1)

#define CONFLICT(m, c, g, a, mask, is)  [m] = (c),
#define GUARD(m, c, g, a, mask, is)     [m] = (g),
#define ZERO(m, c, g, a, mask, is)      [m] = (c) | (g),
#define OPEN(m, c, g, a, mask, is)      [m] = (c) | (g) | WORD_STOP,
#define ADD(m, c, g, a, mask, is)       [m] = (a),
#define SUB(m, c, g, a, mask, is)       [m] = UINT64_C(0) - (a),
#define SEAT_MASK(m, c, g, a, mask, is) [m] = (mask),
#define SEAT_IS(m, c, g, a, mask, is)   [m] = (is),

const struct word_modes word_modes = {
	.conflict = { ROWS(CONFLICT) },
	.guard = { ROWS(GUARD) },
	.zero = { ROWS(ZERO) },
	.open = { ROWS(OPEN) },
	.add = { ROWS(ADD) },
	.sub = { ROWS(SUB) },
	.seat_mask = { ROWS(SEAT_MASK) },
	.seat_is = { ROWS(SEAT_IS) },
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
		return (w & word_modes.add[m]) != 0;
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
