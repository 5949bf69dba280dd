/* SPDX-License-Identifier: MIT */
/*
 * The data: 16 databases from keys to values, in hash tables spread over stripes.
 *
 * Each stripe has a latch, held inside a call and never between two.  It keeps the tables whole,
 * and nothing more: what a command does in several calls (read, change, write; several keys; all
 * stripes one after the other) is torn apart by others unless the caller keeps them out.  That is
 * what Latchkey is for: see locks.h.  Values are copied in and out, so that nobody sees one change.
 *
 * Expiry is lazy.  An entry whose time has come is as good as absent; a call that writes its key
 * takes it away, a call that reads does not, because the reader's lock is shared.
 */
#ifndef RESPD_STORE_H
#define RESPD_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"

#define STORE_N_DBS    16

#define SECOND_NS      INT64_C(1000000000)
#define MILLISECOND_NS INT64_C(1000000)

struct store;

/* NULL: no memory.  If it `yields`, each call gives the processor away, to make races visible. */
struct store *store_open(size_t n_stripes, bool yields);
void store_close(struct store *s);

/* CLOCK_MONOTONIC, in nanoseconds: the times of expiry count on it. */
uint64_t store_now(void);

/*
 * What is there?  `value` (may be NULL) becomes a copy, `expires_ns` (may be NULL) the time of
 * expiry or 0.  `value->failed` if there is no memory for the copy.
 */
bool store_get(struct store *s, unsigned db, struct bytes key, struct buffer *value,
	       uint64_t *expires_ns);

/* Put a copy of `value` there, whatever was there before.  False: no memory, nothing changed. */
bool store_set(struct store *s, unsigned db, struct bytes key, struct bytes value,
	       uint64_t expires_ns);

/* Another time of expiry, 0 for never.  False: it is not there. */
bool store_expire(struct store *s, unsigned db, struct bytes key, uint64_t expires_ns);

/* Take it away.  False: it was not there. */
bool store_delete(struct store *s, unsigned db, struct bytes key);

/* What is about a whole database goes by stripes, from 0 to this. */
size_t store_n_stripes(const struct store *s);

/* Take all away that is in a stripe. */
void store_clear(struct store *s, unsigned db, size_t stripe);

/* How many are in it; those whose time has come but that are still there count too. */
size_t store_count(struct store *s, unsigned db, size_t stripe);

/* Call `fn` for every key in it.  The stripe is latched: `fn` must not come back here. */
void store_each(struct store *s, unsigned db, size_t stripe,
		void (*fn)(void *arg, struct bytes key), void *arg);

#endif /* RESPD_STORE_H */
