/* SPDX-License-Identifier: MIT */
/* Results, troubles and faults as codes of the public interface, and in words. */
#include "record/decide.h"

int
decide_code(enum decide_result result)
{
	static const int codes[DECIDE_RESULTS] = {
		[DECIDE_NOTHING] = LK_E_INVAL,
		[DECIDE_GRANTED] = 0,
		[DECIDE_WAITS] = 0,
		[DECIDE_BUSY] = LK_E_BUSY,
		[DECIDE_DEADLOCK] = LK_E_CONVERSION_DEADLOCK,
		[DECIDE_RELEASED] = 0,
		[DECIDE_CANCELED] = 0,
		[DECIDE_DONE] = 0,
		[DECIDE_ABSENT] = LK_E_STALE,
		[DECIDE_LOST] = LK_E_LOST,
		[DECIDE_DENIED] = LK_E_PERM,
	};

	return (unsigned)result < DECIDE_RESULTS ? codes[result] : LK_E_INVAL;
}

int
record_fault_code(enum record_fault fault)
{
	switch (fault) {
	case RECORD_FINE:
		return 0;
	case RECORD_NEWER:
		return LK_E_VERSION;
	case RECORD_CUT:
	case RECORD_ALIEN:
	case RECORD_DAMAGED:
	case RECORD_MISNAMED:
	case RECORD_ABSURD:
	case RECORD_FAULTS:
		break;
	}
	return LK_E_CORRUPT;
}

struct trouble_row {
	int code;
	const char *text;
};

static const struct trouble_row trouble_rows[DECIDE_TROUBLES] = {
	[DECIDE_FINE] = { 0, "nothing is wrong" },
	[DECIDE_BAD_REQUEST] = { LK_E_INVAL, "the request contradicts itself, or what is there" },
	[DECIDE_BAD_NAME] = { LK_E_NAME, "not a name, or not the name of the record" },
	[DECIDE_BAD_PERMITS] = { LK_E_INVAL, "others say another number of permits" },
	[DECIDE_BAD_SETTINGS] = { LK_E_INVAL, "others use the name with other settings" },
	[DECIDE_OLD_EPOCH] = { LK_E_STALE, "the store has lost data since: its floor is newer" },
	[DECIDE_FULL_HOLDERS] = { LK_E_LIMIT, "too many holders in one record" },
	[DECIDE_FULL_LINE] = { LK_E_LIMIT, "too many waiters in one record" },
	[DECIDE_OUT_OF_FENCES] = { LK_E_LIMIT, "no numbers are left" },
};

int
decide_trouble_code(enum decide_trouble trouble)
{
	return (unsigned)trouble < DECIDE_TROUBLES ? trouble_rows[trouble].code : LK_E_INVAL;
}

const char *
decide_trouble_text(enum decide_trouble trouble)
{
	return (unsigned)trouble < DECIDE_TROUBLES ? trouble_rows[trouble].text : "?";
}
