/* SPDX-License-Identifier: MIT */
/* What the server does in one step: Lua, constant; all that differs comes as keys and arguments. */
#ifndef LK_ADAPTERS_REDIS_SCRIPTS_H
#define LK_ADAPTERS_REDIS_SCRIPTS_H

#include <stddef.h>

enum script {
	SCRIPT_ENTER,
	SCRIPT_READ,
	SCRIPT_WRITE,
	SCRIPT_WRITE_MANY,
	SCRIPT_SESSION_OPEN,
	SCRIPT_SESSION_RENEW,
	SCRIPT_SESSION_CLOSE,
	SCRIPTS
};

#define SCRIPT_OTHER_EPOCH "LKEPOCH"   /* the error that says so (RD5) */
#define SCRIPT_OTHER_FORM  "LKVERSION" /* kept in another format */

/* Before a key that has changed: who wrote it, the first bytes of its version (RD1); or this. */
enum { SCRIPT_WHO = 8 };
#define SCRIPT_ANYBODY "--------"

extern const char *const script_text[SCRIPTS];

/* By which the server knows them: told by it, once. */
struct scripts {
	char sha[SCRIPTS][41];
};

#endif /* LK_ADAPTERS_REDIS_SCRIPTS_H */
