/* SPDX-License-Identifier: MIT */
/*
 * Scripts: what several owners do, one after the other.
 *
 * A script is made of bytes (at random, or by a fuzzer: any bytes are a script), or read from text:
 *
 *	# comment
 *	script owners=3 reentry=0 idle=1 ranks=0 end=shutdown
 *	0 acquire db/a X nowait parents handle timeout=50
 *	0 batch db:S db/a/x:X timeout=50 priority=2
 *	1 convert #2 X nowait
 *	1 upgrade #2
 *	1 downgrade #2
 *	1 release #2
 *	1 release-name db/a
 *	1 release-all
 *	1 reopen
 *	1 cancel
 *	1 advance 50
 *	1 sweep
 *
 * The number in front is the owner.  #2 is its third oldest grant, counted round; one more than it has is
 * a grant that it had before.  `reentry` and `idle` are settings (reentry=0: no limit); with ranks=1 owners
 * have priorities of their own, with ranks=0 only requests that say so; `end` says how the script ends: `release` or `shutdown`.  Who waits when its turn comes is left out, unless it is to be
 * canceled.
 */
#ifndef MODEL_SCRIPT_H
#define MODEL_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <latchkey.h>

#include "reference.h"

enum { SCRIPT_MAX = 512 };

#define SCRIPT_NAME_LIST(X) \
	X("db") X("db/a") X("db/a/x") X("db/a/y") X("db/b") X("db/b/z") X("db!") X("f")

enum { SCRIPT_NAMES = 8 };
extern const char *const script_names[SCRIPT_NAMES];

/* X(constant, verb, arguments: n name, m mode, g grant, b batch, t time, q how to wait, h handle) */
#define OP_LIST(X)                           \
	X(ACQUIRE, "acquire", "nmqh")        \
	X(BATCH, "batch", "bq")              \
	X(CONVERT, "convert", "gmq")         \
	X(UPGRADE, "upgrade", "gq")          \
	X(DOWNGRADE, "downgrade", "g")       \
	X(RELEASE, "release", "g")           \
	X(RELEASE_NAME, "release-name", "n") \
	X(RELEASE_ALL, "release-all", "")    \
	X(REOPEN, "reopen", "")              \
	X(CANCEL, "cancel", "")              \
	X(ADVANCE, "advance", "t")           \
	X(SWEEP, "sweep", "")

enum op_kind {
#define OP_CONSTANT(name, verb, arguments) OP_##name,
	OP_LIST(OP_CONSTANT)
#undef OP_CONSTANT
		OP_KINDS
};

struct op {
	uint8_t kind;
	uint8_t owner;
	uint8_t n_items; /* names; a batch has up to REF_BATCH */
	uint8_t name[REF_BATCH];
	uint8_t mode[REF_BATCH];
	uint8_t grant;
	bool nowait;
	bool parents;
	bool handle;
	uint8_t priority; /* of the request; 0: the owner's */
	uint16_t time;    /* the timeout, 0 for none; of OP_ADVANCE, how far */
};

struct script {
	uint8_t owners;  /* 2 to REF_OWNERS */
	uint8_t reentry; /* 0: no limit */
	uint8_t idle;
	bool ranks;
	bool shutdown;
	size_t n;
	struct op op[SCRIPT_MAX];
};

/* Any bytes are a script. */
void script_decode(struct script *s, const uint8_t *bytes, size_t n);

/* NULL: read.  Else what is wrong, and `*line` says where. */
const char *script_parse(struct script *s, const char *text, size_t n, unsigned *line);

void script_print(const struct script *s, FILE *to);
void op_print(const struct op *op, FILE *to);

#endif /* MODEL_SCRIPT_H */
