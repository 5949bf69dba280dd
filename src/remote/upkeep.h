/* SPDX-License-Identifier: MIT */
/*
 * Upkeep: what is done to the records of a store beside locking: looked at, swept, broken, made anew.
 *
 * It works on a store, with or without a manager and a session there.  All but looking is one step of the store's for
 * each record, on what the record is then; what was seen before only says where it may be worth it.
 *
 * HR1  a record goes only when the floor of the store is at least its fence and its generation: the floor was raised
 *      before, and is never lowered (DE8).
 * HR2  what a sweep ends is what decide() ends, of sessions that the store has said to be dead.  What is not
 *      known lives.
 * HR3  a damaged record is made anew with its fence and generation above all that a name can have been given: the
 *      floor, the wall clock, what this process knows, and 2^52 on top: so many numbers as a million writers that were
 *      killed waste, or seven weeks of the clock that floors begin with.  Its next writer is told.
 * HR4  … and with somebody alive who may have held it, only if that is asked for; then nobody is granted it for a
 *      while, so that whoever had it sees that he has lost it before anybody else has it.
 * HR5  a record that can be read is never made anew.
 */
#ifndef LK_REMOTE_UPKEEP_H
#define LK_REMOTE_UPKEEP_H

#include <latchkey/store.h>

#include <string.h>

#include "base/env.h"
#include "record/decide.h"

struct upkeep;

/* What is to be mended is not damaged: no code of the public interface, and none of a store's. */
enum { UPKEEP_FINE = 9003 };

struct upkeep_parts {
	struct env *env;
	struct lk_store *store;
	uint64_t settings;       /* as in the records of locks */
	uint64_t lock_delay_ns;  /* after a hold is ended by force; 0: none */
	struct lk_session_id me; /* the session of this process; all zeros: it has none */
};

/* NULL: no memory.  One thread's. */
struct upkeep *upkeep_open(const struct upkeep_parts *parts);
void upkeep_close(struct upkeep *u);

/* ------------------------------------------------------------------------- looking */

/* A name's record as it was found. */
struct upkeep_row {
	const void
		*name; /* of the lock; NULL: the record is damaged, and nobody knows whose it is */
	size_t len;
	bool is_id;
	enum record_fault fault; /* RECORD_DAMAGED: or the store says so */
	const struct record *r;  /* NULL: there is none, or it is damaged */
};

/* Not 0: that is enough. */
typedef int upkeep_fn(void *arg, const struct upkeep_row *row);

/* All locks whose names begin so; numbers only if `len` is 0.  0, what `fn` returned, or what the store says. */
int upkeep_each(struct upkeep *u, const void *prefix, size_t len, upkeep_fn *fn, void *arg);

/* That one name. */
int upkeep_read(struct upkeep *u, const void *name, size_t len, bool is_id, upkeep_fn *fn,
		void *arg);

/* Whether it is dead, as far as the store says (HR2).  `row` of a record whose sessions were asked about. */
void upkeep_know(struct upkeep *u, const struct record *r);
bool upkeep_is_dead(const struct upkeep *u, const struct record_id *who);

/* Ask about all of them again. */
void upkeep_forget(struct upkeep *u);

/* What is known of the world, for decide(). */
struct decide_view upkeep_view(struct upkeep *u);

/* Until when a whole scan has time. */
uint64_t upkeep_later(const struct upkeep *u);

/* Ask the store about one; false also if it does not answer. */
bool upkeep_asks_whether_dead(struct upkeep *u, const struct record_id *who);

/* The clock that records are told by: false, there is none. */
bool upkeep_clock(struct upkeep *u, uint64_t *now, uint64_t *clock);

/* What managers of the store have agreed on: how many sessions of it, but this one, live.  LK_E_CORRUPT: nobody knows. */
int upkeep_others(struct upkeep *u, size_t *n);

/* The floor of all fences; 0: none was ever said. */
int upkeep_floor(struct upkeep *u, uint64_t *floor);

/* ------------------------------------------------------------------------- sweeping */

struct upkeep_swept {
	size_t looked_at;
	size_t removed; /* records of nothing */
	size_t cleared; /* records that somebody dead, or what was over, went from */
	size_t damaged;
	bool is_all; /* else there were more than `most` */
};

/* Change at most so many records.  (HR1, HR2) */
int upkeep_sweep(struct upkeep *u, size_t most, struct upkeep_swept *out);

/* ------------------------------------------------------------------ ending by force */

struct upkeep_broken {
	size_t n;       /* holds that were ended */
	uint64_t fence; /* above all that they had; 0: none of them wrote, or a later one does */
};

/* `who` NULL: all who hold the name.  LK_E_NOENT: nobody, or not that one. */
int upkeep_break(struct upkeep *u, const void *name, size_t len, bool is_id,
		 const struct record_id *who, struct upkeep_broken *out);

/* ------------------------------------------------------------------------- mending */

struct upkeep_mend {
	uint64_t above;   /* what this process knows of the fences of that name */
	uint64_t keep_ns; /* for so long nobody is granted it; 0: at once (HR4) */
};

/* Make the record of that name anew, if it is damaged.  0; UPKEEP_FINE: it can be read, or is not there.  (HR3, HR5) */
int upkeep_mend(struct upkeep *u, const void *name, size_t len, bool is_id,
		const struct upkeep_mend *how);

/* The records of the store as a whole.  True: that one is damaged; the floor is made anew above all that is there. */
bool upkeep_floor_is_damaged(struct upkeep *u);
int upkeep_mend_floor(struct upkeep *u);
int upkeep_mend_accord(struct upkeep *u);

#endif /* LK_REMOTE_UPKEEP_H */
