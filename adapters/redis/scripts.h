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

/*
 * What is published of a record that has changed: who wrote it, the first bytes of its version (RD1), or ANYBODY; the lengths of its key
 * and of an epoch, four hexadecimal digits each; the key; and if the epoch has a length, that in which it was written, the version that
 * was there before, and what is there now.
 */
enum { SCRIPT_WHO = 8, SCRIPT_LEN = 4, SCRIPT_TOLD = SCRIPT_WHO + 2 * SCRIPT_LEN };
#define SCRIPT_ANYBODY "--------"

extern const char *const script_text[SCRIPTS];

/* By which the server knows them: told by it, once. */
struct scripts {
	char sha[SCRIPTS][41];
};

#endif /* LK_ADAPTERS_REDIS_SCRIPTS_H */
