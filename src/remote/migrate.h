/* SPDX-License-Identifier: MIT */
/*
 * The locks of one store move to another.  (latchkey/migrate.h; MV1-MV4 in floor.h)
 *
 * MI1  a record is frozen in the one step in which no session has anything in it, dead ones apart.  To get there the mover stands in
 *      its line, for X, like any process: so what is kept without being used is given back, and all are served in turn.
 * MI2  what is copied is copied when all is frozen: nothing of it changes any more.
 * MI3  the floor of the new store is above all numbers of the old one before GONE is written.
 * MI4  nothing that is not known to have failed is undone: if GONE may have been written, the new store stays as it is.
 * MI5  whatever is written or removed, but for the own places in lines, is in one step with the record "f", which says what we know
 *      it to say: so who was slow, or taken for dead, does nothing to a store that is in use again.
 * MI6  nothing in the new store is written or removed before the old one has said LEAVES for this mover: from then on no other
 *      move there can be done.  So when the old one says GONE the new one has all of it, whoever has claimed it meanwhile: it is as
 *      the mover that was done has left it, and is opened.
 */
#ifndef LK_REMOTE_MIGRATE_H
#define LK_REMOTE_MIGRATE_H

#include <latchkey/migrate.h>

#include "remote/floor.h"
#include "remote/upkeep.h"

/* One of the two stores. */
struct migrate_side {
	struct lk_store *store;
	struct lk_session_id id;
	bool has_session;
	uint64_t renewed_ns;
	struct upkeep *u;
	const char *name;   /* in words */
	struct floor floor; /* as we last knew it */
};

struct migrate {
	struct env *env;
	struct migrate_side from;
	struct migrate_side to;
	struct record_id move;
	uint64_t deadline_ns;
	uint64_t freeze_ns;
	uint64_t highest; /* of all fences and generations */
	uint64_t
		to_clock; /* of the new store: its time when copying began, and which clock that is */
	uint64_t to_now;
	bool has_begun; /* there may be something of ours in the new store, or less than there was (MI6) */
	struct lk_migration *out; /* counts, and the report */
	struct record old;        /* of the record that is worked on */
	struct record fresh;
	struct record spare;
	_Alignas(8) unsigned char bytes[RECORD_BYTES];
	_Alignas(8) unsigned char floor_bytes[FLOOR_BYTES];
	unsigned char name[LK_NAME_MAX + 1];
	size_t name_len;
};

/* `g` has its sides with open stores and names, and `out`; the rest is 0.  What lk_migrate() returns. */
int migrate_run(struct migrate *g);

/* The same with LK_MIGRATE_DRY_RUN. */
int migrate_look(struct migrate *g);

/* Returns `rc`, and says why. */
int migrate_say(struct migrate *g, int rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Sessions are kept alive by this, now and then.  0; LK_E_LOST. */
int migrate_stay(struct migrate *g);

/* Until when a step of a store has time. */
uint64_t migrate_soon(const struct migrate *g);

/* A store did not say what came of a step, and there is time: after a pause, again. */
bool migrate_again(const struct migrate *g, int rc);

/* ------------------------------------------------------------- records (migrate_each.c) */

/* Freeze what can be frozen; `*in_use` records could not.  (MI1) */
int migrate_freeze_all(struct migrate *g, uint64_t *in_use);

/* Out of all lines, and nothing is held. */
int migrate_withdraw(struct migrate *g);

/* Write to the new store all that there is.  (MI2) */
int migrate_copy_all(struct migrate *g);

/* Take all records of locks and tokens out of one. */
int migrate_clear(struct migrate *g, struct migrate_side *side);

/* How many names there are of which somebody who lives, or a value, needs the record; the numbers count for `highest`. */
int migrate_count(struct migrate *g, struct migrate_side *side, uint64_t *names, uint64_t *needed,
		  uint64_t *in_use);

#endif /* LK_REMOTE_MIGRATE_H */
