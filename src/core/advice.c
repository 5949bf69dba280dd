/* SPDX-License-Identifier: MIT */
/* What to do about each code.  A code without its line here does not compile. */
#include <latchkey.h>

#define ADVICE_BUSY "do something else, or ask again with a timeout: a wait takes its turn"
#define ADVICE_TIMEDOUT                                                          \
	"release what you hold and begin again; if it happens often, look with " \
	"lk_snapshot() for who holds it, and hold it for a shorter time"
#define ADVICE_CANCELED "stop the work of this owner, or ask again: one cancel ends one wait"
#define ADVICE_DEADLOCK                                                              \
	"release what you hold and begin again; take names in one order, or all at " \
	"once with lk_acquire_many()"
#define ADVICE_IO "write elsewhere (errno says why), or correct the path of the settings"
#define ADVICE_PERM \
	"take U, SIX or X before you write a value; or the program's own hook said no: ask it why"
#define ADVICE_INVAL       "correct the call; lk_config.report says which setting"
#define ADVICE_NOENT       "look at the spelling; lk_config_each() tells all settings"
#define ADVICE_NOMEM       "release what is not needed, or fail this piece of work"
#define ADVICE_UNSUPPORTED "leave the option 0, or do without"
#define ADVICE_STALE                                                                            \
	"drop the write, if it is a fence that is stale; else find out who released the grant " \
	"before"
#define ADVICE_CONVERSION_DEADLOCK \
	"release the grant and begin again; take U instead of S if you may write later"
#define ADVICE_LOST                                                                        \
	"stop writing under it, release it, and begin again; renew earlier, or ask for a " \
	"longer lease"
#define ADVICE_SUSPECT "finish what you have begun, or renew the lease"
#define ADVICE_LIMIT                                                                        \
	"release some grants, or lock an ancestor instead of its parts, as escalate_after " \
	"does"
#define ADVICE_CLOSED "stop: release what you hold and close the owner"
#define ADVICE_STORE                                                                       \
	"look at the store's own words, and whether it can be reached; what is held ends " \
	"with its lease"
#define ADVICE_BREAKER                                                                     \
	"do without, or ask again later: lk_breaker_status says when; look why the store " \
	"does not answer"
#define ADVICE_UNKNOWN "ask again: it is looked up what has become of it"
#define ADVICE_CORRUPT "find out who else writes there; what is damaged can be repaired by hand"
#define ADVICE_CONDITION                                                                          \
	"do something else, or ask again with a later deadline: it waits until a writer made it " \
	"true"
#define ADVICE_FORKED  "open a manager of its own in the child"
#define ADVICE_VERSION "build against the header of the library that is installed"
#define ADVICE_MOVED   "close the manager and open the store that lk_store_error names"
#define ADVICE_NAME    "use a name of 1 to 4096 bytes"

const char *
lk_advice(int rc)
{
	switch (rc) {
	case LK_OK:
		return "go on";
#define CASE(name, number, text) \
	case LK_E_##name:        \
		return ADVICE_##name;
		LK_ERROR_LIST(CASE)
#undef CASE
	default:
		return "look where the number comes from: it is not Latchkey's";
	}
}
