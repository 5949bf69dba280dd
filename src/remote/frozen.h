/* SPDX-License-Identifier: MIT */
/*
 * A record that is frozen: its store's locks are being moved to another store (floor.h), and what it says is not to change
 * before that is done, or given up.
 *
 *     at  bytes
 *      0    8   'L' 'K' 'f' 'r' 'o' 'z' 'e' '1'
 *      8   16   the move for which it was
 *     24    8   checksum: XXH3 of all that follows, with the move's first half as its seed
 *     32        the record as it was, without those who wait: no session holds anything in it
 *
 * It counts as that record for as long as the record "f" does not say that this very move is on its way, or done (MV1).
 */
#ifndef LK_REMOTE_FROZEN_H
#define LK_REMOTE_FROZEN_H

#include "record/record.h"

/* What a store has of a name: bytes that are a record, frozen or not. */
struct thawed {
	const void *bytes;
	size_t len;
	bool is_frozen;
	struct record_id move;
};

/* Bytes that are no frozen record are what they are. */
struct thawed frozen_look(const void *bytes, size_t len);

/* As record_decode(), of a record that may be frozen. */
enum record_fault frozen_decode(struct record *out, const void *bytes, size_t len, const void *name,
				size_t name_len);

/* `r`, in which no session has anything, for that move; `out` has room for RECORD_BYTES.  0: it is too long. */
size_t frozen_encode(const struct record *r, const struct record_id *move, void *out);

#endif /* LK_REMOTE_FROZEN_H */
