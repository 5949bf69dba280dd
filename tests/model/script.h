/* SPDX-License-Identifier: MIT */
/*
 * Scripts: what several owners do, one after the other.
 *
 * A script is made of bytes (at random, or by a fuzzer: any bytes are a script), or read from text:
 *
 *	# comment
 *	script owners=3 reentry=0 idle=1 ranks=0 shared=0 escalate=0 barrier=0 end=shutdown
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
 *	1 transfer #2 to=0
 *	1 move #2 db/b timeout=50
 *	1 savepoint #0
 *	1 rollback #0
 *	1 deescalate db/a
 *	1 units f 2/3 nowait
 *
 * The number in front is the owner.  #2 is its third oldest grant, counted round; one more than it has is
 * a grant that it had before; of a savepoint it is its place, of four.  `reentry` and `idle` are settings (reentry=0: no limit), as is `escalate`
 * (0: never); every so many-th attempt to escalate meets a `barrier` (0: none does).  With ranks=1 owners
 * have priorities of their own, with ranks=0 only requests that say so; with shared=1 they are LK_OWNER_SHARED; `end` says how
 * the script ends: `release` or `shutdown`.  Who waits when its turn comes is left out, unless it is to be
 * canceled, or is shared and to be handed a grant.
 */
#ifndef MODEL_SCRIPT_H
#define MODEL_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <latchkey.h>

#include "reference.h"

enum { SCRIPT_MAX = 512, SCRIPT_MARKS = 4 };

#define SCRIPT_NAME_LIST(X) \
	X("db")             \
	X("db/a")           \
	X("db/a/x")         \
	X("db/a/y")         \
	X("db/b")           \
	X("db/b/z")         \
	X("db!")            \
	X("f")              \
	X("db/a/0")         \
	X("db/a/1")         \
	X("db/a/2")         \
	X("db/a/3")         \
	X("db/a/4")         \
	X("db/a/5")         \
	X("db/a/6")         \
	X("db/a/7")         \
	X("db/a/8")         \
	X("db/a/9")         \
	X("db/a/A")         \
	X("db/a/B")         \
	X("db/a/C")         \
	X("db/a/D")         \
	X("db/a/E")         \
	X("db/a/F")         \
	X("db/b/0")         \
	X("db/b/1")         \
	X("db/b/2")         \
	X("db/b/3")         \
	X("db/b/4")         \
	X("db/b/5")         \
	X("db/b/6")         \
	X("db/b/7")

/* The first are for all scripts, the others, rows, for those with so many locks that they escalate. */
enum { SCRIPT_NAMES = 32, SCRIPT_NAMES_FEW = 8 };
extern const char *const script_names[SCRIPT_NAMES];

/* X(constant, verb, arguments: n name, m mode, g grant, b batch, t time, q how to wait, h handle,
 *   o another owner, k place of a savepoint, u units of so many) */
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
	X(SWEEP, "sweep", "")                \
	X(TRANSFER, "transfer", "go")        \
	X(MOVE, "move", "gnq")               \
	X(SAVEPOINT, "savepoint", "k")       \
	X(ROLLBACK, "rollback", "k")         \
	X(DEESCALATE, "deescalate", "n")     \
	X(UNITS, "units", "nuqh")

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
	uint8_t grant; /* or place of a savepoint */
	uint8_t to;
	uint8_t units;
	uint8_t permits;
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
	bool shared;
	uint8_t escalate; /* 0: off */
	uint8_t barrier;  /* 0: none */
	bool shutdown;
	size_t n;
	struct op op[SCRIPT_MAX];
};

/* It names no others than the first so many. */
unsigned script_names_used(const struct script *s);

/* Any bytes are a script.  One whose second byte is 32 times this, or a little more, is about rows. */
enum { SCRIPT_ROWS = 6 };

void script_decode(struct script *s, const uint8_t *bytes, size_t n);

/* NULL: read.  Else what is wrong, and `*line` says where. */
const char *script_parse(struct script *s, const char *text, size_t n, unsigned *line);

void script_print(const struct script *s, FILE *to);
void op_print(const struct op *op, FILE *to);

#endif /* MODEL_SCRIPT_H */
