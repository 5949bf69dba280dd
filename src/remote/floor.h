/* SPDX-License-Identifier: MIT */
/*
 * The record "f" of a store: the floor of all fences (record/decide.h, DE8), and whether the locks of the store are here at all.
 *
 *     at  bytes
 *      0    8   the floor.  That is all of it as long as the locks are here, and nobody moves them
 *      8    8   'L' 'K' 'm' 'o' 'v' 'e' 's' '1'
 *     16    4   enum floor_state
 *     20    4   length of the text, n
 *     24   16   the session, of this store, that moves them
 *     40   16   the move: the same in both stores, and never the same again
 *     56    n   the other store, in words
 *  56 + n   8   checksum: XXH3 of all before it
 *
 * MV1  no record is made, and no frozen one (frozen.h) thawed or changed, but in a step that has this record in it as well: in
 *      one step with it, so that what it says is so.
 * MV2  LEAVES is for as long as the session of the mover lives.  When it is dead the locks are here: whoever sees that first,
 *      in a step as in MV1, says so in the same step.  A mover whose LEAVES is gone has lost the move.
 * MV3  the move is done by the one step from LEAVES to GONE, which is durable.  Before it the source is in force, and the
 *      other store COMES; after it nothing in this one ever is.
 * MV4  what COMES is nobody's: no session begins there.
 */
#ifndef LK_REMOTE_FLOOR_H
#define LK_REMOTE_FLOOR_H

#include <latchkey/store.h>

#include "record/record.h"

enum { FLOOR_OTHER = 160, FLOOR_BYTES = 56 + FLOOR_OTHER + 8 };

enum floor_state {
	FLOOR_HERE,
	FLOOR_LEAVES, /* somebody moves them to another store */
	FLOOR_GONE,   /* they are in another store */
	FLOOR_COMES   /* somebody moves them here, and it is not done */
};

struct floor {
	uint64_t is;
	enum floor_state state;
	struct record_id mover;
	struct record_id move;
	char other[FLOOR_OTHER]; /* with a NUL */
};

/* What the record says as it is, while its step runs; of none, a floor of 0.  False: it is damaged. */
bool floor_read(const struct lk_store_record *r, struct floor *f);

/* Let it say that.  `bytes`, of FLOOR_BYTES, stay until the step is over. */
void floor_write(struct lk_store_record *r, const struct floor *f, void *bytes);

/* The same but for the number, which may rise at any time? */
bool floor_is(const struct floor *a, const struct floor *b);

/* It is at least so high, and all else as it was.  LK_E_CORRUPT: it is damaged. */
int floor_raise(struct lk_store_record *r, uint64_t floor, void *bytes);

#endif /* LK_REMOTE_FLOOR_H */
