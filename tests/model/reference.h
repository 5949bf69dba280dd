/* SPDX-License-Identifier: MIT */
/*
 * The reference: a lock manager that is slow and, one hopes, obviously right.
 *
 * It has a list of grants, a list of claims (what a request that is not complete has taken so far, and a
 * batch in advance), and a list of waiters in the order of the lines.  Nothing else is remembered but
 * fences and which holds are implied: what an owner holds on a name is computed from the lists whenever
 * it is wanted, by linear scans.  A request is a plain blocking program; where it would wait it calls
 * sleep(), and somebody else runs.  It is written from latchkey.h and the documents, shares no code and no
 * table with the library, and is strict: nobody overtakes.
 */
#ifndef MODEL_REFERENCE_H
#define MODEL_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <latchkey.h>

enum {
	REF_OWNERS = 4,
	REF_NAMES = 40,
	REF_DEPTH = 4,
	REF_GRANTS = 2048,
	REF_CLAIMS = 512,
	REF_BATCH = 8
};

/* Faults on purpose: a comparison that does not find them is worth nothing. */
enum ref_fault {
	REF_RIGHT,
	REF_S_WITH_IX,      /* S and IX do not conflict */
	REF_OVERTAKES,      /* newcomers do not mind the line */
	REF_TAIL,           /* conversions join the line at its end */
	REF_NO_PRIORITY,    /* the line is in the order of arrival alone */
	REF_STAY,           /* nobody is let ahead of a conversion */
	REF_KEEPS_DEADLINE, /* every wait of a request has the whole timeout */
	REF_STOPS,          /* a scan of the lines ends at the first who cannot be granted */
	REF_NO_DEADLOCK,    /* two conversions may wait for each other */
	REF_NO_COVER,       /* no grant is implied */
	REF_LATE_FENCE,     /* U has no fence */
	REF_GIVES_ANYWAY,   /* a transfer does not mind what is left */
	REF_NEW_FENCE,      /* a transfer makes a fence */
	REF_HALF_A_PATH,    /* a transfer leaves the ancestors where they are */
	REF_ROLLS_ALL,      /* a rollback releases what was there before, too */
	REF_ROLLS_ONE,      /* … or one grant too few */
	REF_FOR_READERS,    /* an escalation covers in S what writes */
	REF_SHY,            /* nobody escalates while somebody waits, wherever */
	REF_STAYS_IMPLIED,  /* a de-escalation makes nothing real */
	REF_FEW_FIRST,      /* who wants few units goes past who waits for many */
	REF_UNITS_OF_NONE,  /* units below what is covered are not counted */
	REF_MORE_WAITS,     /* who has units and wants more joins the line at its end */
	REF_FAULTS
};

struct ref_grant {
	int owner;
	const char *name;
	lk_mode mode;
	bool parents;                 /* asked for with LK_PARENTS */
	lk_grant id;                  /* ours: 1, 2, 3, … */
	uint32_t units;               /* of a semaphore; 0: none */
	uint32_t permits;             /* … of how many */
	const char *above[REF_DEPTH]; /* the names above its own, then NULL */
};

struct ref_claim {
	int owner;
	const char *name;
	lk_mode mode;
	uint32_t units;
	uint32_t permits;
};

/* What an owner has on a name, beside what the lists say. */
struct ref_hold {
	int owner;
	const char *name;
	const char *cover; /* not NULL: implied, and counted there */
	uint64_t fence;    /* which of the name's, counted from 1; 0: none */
	bool writes;
	bool barred;   /* the last attempt to escalate to it met a barrier */
	uint32_t most; /* locks below it, before an attempt is due; 0: the threshold */
};

struct ref_waiter {
	int owner;
	const char *name;
	lk_mode held;
	lk_mode want;
	int32_t priority;
	unsigned passed; /* by such as have a higher one */
	uint64_t age;    /* of the batch that waits here and elsewhere, from 1 up; 0: it is none */
	lk_mode need;    /* … its claim, once it is granted */
	uint32_t units;
	uint32_t permits;
	uint32_t has; /* units of that name, as it waits */
};

struct ref_owner {
	int32_t priority;  /* of requests that say none */
	int outcome;       /* of its wait: 1 while it waits, then a code */
	bool canceled;     /* its next wait ends */
	uint64_t deadline; /* of its wait */
	const char
		*given; /* the name where it was granted `mode`, until it has written that down */
	lk_mode mode;
	uint32_t given_units; /* … with it */
	uint32_t given_permits;
	bool has_parents; /* it had a grant with LK_PARENTS */
	size_t n_asked;   /* in the call that is under way */
};

/* The library asked whether it may escalate. */
struct ref_asked {
	const char *name;
	lk_mode held;
	lk_mode mode;
	uint32_t locks;
	uint32_t grants;
	bool barred; /* it was told that it may not */
};

enum { REF_ASKED = 16 };

/* The implied holds of an owner when its call began. */
struct ref_before {
	size_t n;
	struct ref_hold hold[REF_NAMES];
};

struct ref_fence {
	const char *name;
	uint64_t last;
};

struct ref {
	enum ref_fault fault;
	uint64_t max_reentry;
	uint64_t now;
	bool closed;
	lk_grant last_id;
	size_t n_grants, n_claims, n_holds, n_waiters, n_fences;
	struct ref_claim claim[REF_CLAIMS];
	struct ref_hold hold[REF_OWNERS * REF_NAMES];
	struct ref_waiter waiter[REF_OWNERS * REF_NAMES]; /* every line in its order */
	uint64_t last_age;
	struct ref_owner owner[REF_OWNERS];
	struct ref_before before[REF_OWNERS];
	struct ref_fence fence[REF_NAMES];
	uint64_t escalate_after;
	uint64_t escalated, not_escalated; /* attempts */
	uint64_t transfers;
	bool barriers;     /* some attempts meet one */
	const char *wrong; /* with an attempt, in words; NULL: nothing */
	struct ref_asked asked[REF_OWNERS][REF_ASKED];
	void (*sleep)(void);
	struct ref_grant grant[REF_GRANTS]; /* oldest first */
};

/* How a request is made; a timeout of 0 is for ever. */
struct ref_request {
	bool nowait;
	bool parents;
	bool claims;          /* the line does not matter */
	const char *units_of; /* not NULL: the name of which it takes … */
	uint32_t units;       /* … so many … */
	uint32_t permits;     /* … of so many */
	uint64_t timeout;
	int32_t priority;  /* 0: the owner's */
	uint64_t deadline; /* ours: set by the first wait */
};

struct ref_item {
	const char *name;
	lk_mode mode;
};

/* All the names there are.  They are told apart by their addresses; what is above one of them is another one. */
void ref_names(const char *const *name, size_t n);

void ref_init(struct ref *m, uint64_t max_reentry, enum ref_fault fault, void (*sleep)(void));

/* The calls of the library, with its results.  Those with a request may sleep. */
int ref_acquire(struct ref *m, int owner, const char *name, lk_mode mode, struct ref_request *q,
		lk_grant *out);
int ref_acquire_many(struct ref *m, int owner, const struct ref_item *item, size_t n,
		     struct ref_request *q, lk_grant *out);
int ref_convert(struct ref *m, int owner, lk_grant id, lk_mode to, struct ref_request *q);
int ref_downgrade(struct ref *m, int owner, lk_grant id);
int ref_can_convert(const struct ref *m, int owner, lk_grant id, lk_mode to);
int ref_release(struct ref *m, int owner, lk_grant id);
int ref_release_name(struct ref *m, int owner, const char *name);
/* In the order of `id`, which are all that the owner has: who comes in may depend on it. */
void ref_release_all(struct ref *m, int owner, const lk_grant *id, size_t n);
void ref_cancel(struct ref *m, int owner);
void ref_forget_cancel(struct ref *m, int owner);
int ref_shutdown(struct ref *m);

/* A grant of `owner` becomes one of `to`.  (reference_transfer.c) */
int ref_transfer(struct ref *m, int owner, lk_grant id, int to, lk_grant *out);
int ref_move(struct ref *m, int owner, lk_grant id, const char *name, struct ref_request *q,
	     lk_grant *out);

/* The mark is the id of the latest grant there was.  How many went. */
size_t ref_rollback(struct ref *m, int owner, lk_grant mark);

/*
 * A call of the owner was successful: what the library asked in it whether it may escalate was right, and
 * nothing else was due.  When to try is the library's affair within bounds, what comes of it is not.  (reference_escalate.c)
 */
void ref_escalate(struct ref *m, int owner);
int ref_deescalate(struct ref *m, int owner, const char *name);

/* Units of a semaphore.  (reference_units.c) */
int ref_acquire_units(struct ref *m, int owner, const char *name, struct ref_request *q,
		      lk_grant *out);

/* What an owner has of them, and all together, granted or written down; and how many there are (0: not known). */
uint32_t ref_units_of(const struct ref *m, int owner, const char *name);
uint32_t ref_units_used(const struct ref *m, const char *name);
uint32_t ref_permits(const struct ref *m, const char *name);

/* Does the owner sleep, with a reason to be woken? */
bool ref_is_due(const struct ref *m, int owner);

/* What can be seen. */
const struct ref_hold *ref_hold_of(const struct ref *m, int owner, const char *name);
lk_mode ref_effective(const struct ref *m, int owner, const char *name);
lk_mode ref_in_word(const struct ref *m, int owner, const char *name);
lk_mode ref_holds(const struct ref *m, int owner, const char *name);
const struct ref_grant *ref_grant_of(const struct ref *m, int owner, lk_grant id);
uint32_t ref_grants_on(const struct ref *m, int owner, const char *name);

/* Is `name` below `above`? */
bool ref_is_below(const char *name, const char *above);

#endif /* MODEL_REFERENCE_H */
