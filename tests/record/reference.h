/* SPDX-License-Identifier: MIT */
/*
 * The reference for decide(): two lists, who holds and who waits, and the rules of DESIGN's words taken literally.
 * It shares no table and no code with src; sessions are small numbers, there are no times, no leases and no units.
 */
#ifndef RECORD_REFERENCE_H
#define RECORD_REFERENCE_H

#include "record/decide.h"

enum { REF_SESSIONS = 4 };

struct ref_hold {
	int who;
	lk_mode mode;
	uint64_t born;
	uint64_t latest;
	uint64_t fence;
	bool told;
};

struct ref_wait {
	int who;
	lk_mode want;
	uint64_t request;
	int priority;
	unsigned passed;
};

struct ref {
	struct ref_hold hold[REF_SESSIONS];
	int n_holds;
	struct ref_wait line[REF_SESSIONS];
	int n_line;
	uint64_t fence;
	bool orphaned;
	uint64_t version; /* of the value; 0: none */
	bool invalid;
};

/* What a session asks. */
struct ref_ask {
	enum decide_op op;
	int who;
	uint64_t request;
	lk_mode mode;
	lk_mode want;
	bool wait;
	bool untold;
	bool unheard;
	int priority;
	uint64_t floor;
	uint64_t brings; /* a value of that version; 0: none */
	bool brings_invalid;
};

enum decide_result ref_ask(struct ref *r, const struct ref_ask *a);

/* Its session is dead: found by whoever asks next. */
void ref_die(struct ref *r, int who);

struct ref_hold *ref_hold_of(struct ref *r, int who);
struct ref_wait *ref_wait_of(struct ref *r, int who);
bool ref_conflict(lk_mode a, lk_mode b);

#endif /* RECORD_REFERENCE_H */
