/* SPDX-License-Identifier: MIT */
/*
 * The stage: a library and a reference, and for each owner of the script two fibers, one for its calls of
 * either.  The library's environment is the stage's: it sleeps by leaving the fiber, is woken by a mark, and
 * its time is that of the script.
 *
 * Whoever can go on does so before the next operation begins, and in the order of the owners: on both
 * sides the same, so that what follows does not depend on who happened to be woken first.
 */
#ifndef MODEL_PLAY_H
#define MODEL_PLAY_H

#include "fiber.h"
#include "run.h"

/* One grant on both sides. */
struct pair {
	lk_grant lk;
	lk_grant ref;
};

/* Results that lk_stats() counts: X(code, counter) */
#define RESULT_LIST(X)        \
	X(BUSY, busy)         \
	X(TIMEDOUT, timeouts) \
	X(CANCELED, cancels)  \
	X(LIMIT, limits)      \
	X(CONVERSION_DEADLOCK, conversion_deadlocks)

enum result {
#define RESULT_CONSTANT(code, counter) RESULT_##code,
	RESULT_LIST(RESULT_CONSTANT)
#undef RESULT_CONSTANT
		RESULTS
};

struct stage;

struct actor {
	struct stage *stage;
	int index;
	struct lk_owner *lk;
	struct fiber fiber;
	struct fiber ref_fiber;
	bool calls; /* has a call whose results were not compared */
	struct op op;
	struct pair on; /* the grant that it is about */
	int rc;
	int ref_rc;
	lk_grant out[REF_BATCH];
	lk_grant ref_out[REF_BATCH];

	/* the library sleeps here */
	const uint32_t *word;
	uint32_t value;
	uint64_t until;
	bool woken;

	size_t n_pairs;
	struct pair pair[REF_GRANTS];
	struct pair old; /* one that it had */
	struct {
		lk_mark lk; /* 0: none */
		lk_grant ref;
		uint64_t opening; /* of the owner */
	} mark[SCRIPT_MARKS];
	uint64_t opening;
};

enum { FENCES_KNOWN = 64 };

/* What is known of the fences of a name. */
struct seen_fences {
	uint64_t latest;         /* which, as the reference counts */
	uint64_t value;          /* of that one */
	uint64_t highest;        /* ever seen, by readers too */
	uint64_t of[REF_OWNERS]; /* the latest of each owner */
	struct {
		uint64_t which; /* a refused call may bring back an older one */
		uint64_t value;
	} known[FENCES_KNOWN];
};

struct stage {
	const struct script *script;
	struct ref ref;
	struct lk_manager *m;
	struct lk_resource *handle[SCRIPT_NAMES];
	struct actor actor[REF_OWNERS];
	struct seen_fences fences[SCRIPT_NAMES];
	unsigned names;    /* of script_names[], that are looked at */
	unsigned n_asked;  /* attempts to escalate */
	bool batches_only; /* nobody asks for more while holding something */
	uint64_t now;
	uint64_t blocks; /* of memory, live */
	uint64_t conversions;
	uint64_t results[RESULTS]; /* calls that ended so */
	FILE *trace;
	struct verdict *verdict;
};

/* Note a difference, once.  Always false. */
__attribute__((format(printf, 2, 3))) bool differ(struct stage *t, const char *format, ...);

/* The environment and the memory of its library.  (play_world.c) */
void play_world(struct stage *t, struct lk_environment *e, struct lk_allocator *a);

/* What an operation said on both sides. */
bool compare_code(struct stage *t, int rc, int should);

/* An operation on what an owner has altogether, or between owners.  (play_hands.c) */
bool play_transfer(struct actor *a, const struct op *op);
bool play_savepoint(struct actor *a, const struct op *op);
bool play_rollback(struct actor *a, const struct op *op);
bool play_deescalate(struct actor *a, const struct op *op);

/* lk_config.on_escalate: what is asked is noted for the reference. */
int play_asked(void *stage, const struct lk_escalation *e);

/* All that can be seen of the library is as the reference says. */
bool compare_all(struct stage *t);

/* lk_sweep(), and what it leaves. */
bool compare_sweep(struct stage *t);

#endif /* MODEL_PLAY_H */
