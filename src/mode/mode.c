/* SPDX-License-Identifier: MIT */
/* The tables of mode.h, and the modes' names. */
#include "mode/mode.h"

#define IS  MODE_BIT(LK_IS)
#define IX  MODE_BIT(LK_IX)
#define S   MODE_BIT(LK_S)
#define SIX MODE_BIT(LK_SIX)
#define U   MODE_BIT(LK_U)
#define X   MODE_BIT(LK_X)

const mode_set mode_conflict_table[MODE_N] = {
	[LK_NL] = 0,
	[LK_IS] = X,
	[LK_IX] = S | SIX | U | X,
	[LK_S] = IX | SIX | X,
	[LK_SIX] = IX | S | SIX | U | X,
	[LK_U] = IX | SIX | U | X,
	[LK_X] = IS | IX | S | SIX | U | X,
};

#undef IS
#undef IX
#undef S
#undef SIX
#undef U
#undef X

/* clang-format off */
const uint8_t mode_supremum_table[MODE_N][MODE_N] = {
	/*           NL      IS      IX      S       SIX     U       X */
	[LK_NL] =  { LK_NL,  LK_IS,  LK_IX,  LK_S,   LK_SIX, LK_U,   LK_X },
	[LK_IS] =  { LK_IS,  LK_IS,  LK_IX,  LK_S,   LK_SIX, LK_U,   LK_X },
	[LK_IX] =  { LK_IX,  LK_IX,  LK_IX,  LK_SIX, LK_SIX, LK_SIX, LK_X },
	[LK_S] =   { LK_S,   LK_S,   LK_SIX, LK_S,   LK_SIX, LK_U,   LK_X },
	[LK_SIX] = { LK_SIX, LK_SIX, LK_SIX, LK_SIX, LK_SIX, LK_SIX, LK_X },
	[LK_U] =   { LK_U,   LK_U,   LK_SIX, LK_U,   LK_SIX, LK_U,   LK_X },
	[LK_X] =   { LK_X,   LK_X,   LK_X,   LK_X,   LK_X,   LK_X,   LK_X },
};
/* clang-format on */

const char *
lk_modename(lk_mode mode)
{
	static const char *const names[MODE_N] = { "NL", "IS", "IX", "S", "SIX", "U", "X" };

	return (unsigned)mode < MODE_N ? names[mode] : "?";
}
