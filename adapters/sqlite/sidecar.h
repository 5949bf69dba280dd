/* SPDX-License-Identifier: MIT */
/*
 * The sidecar: a file beside the database, in which bytes are locked, and the names of the latest changes are.
 *
 *      0    head        4096    cells, 128 bytes each: a number, a name
 *
 * SI1  its head has the id that the row of meta has: a sidecar of another database is known by it.
 * SI2  it is made, or made anew, in a transaction that writes, when nobody can have a session: there are no sessions in the
 *      database, or they are of another boot of the machine, or of another file that this one is a copy of.
 */
#ifndef LK_ADAPTERS_SQLITE_SIDECAR_H
#define LK_ADAPTERS_SQLITE_SIDECAR_H

#include "sqlite/store.h"

enum {
	SIDECAR_CELLS_AT = 4096,
	SIDECAR_CELLS = SQLITE_STORE_CELLS,
	SIDECAR_NAME = 112 /* bytes of a name in a cell */
};

#define SIDECAR_MAGIC UINT64_C(0x31454449534b4c) /* "LKSIDE1" */

struct sidecar_head {
	uint64_t magic;
	unsigned char id[16]; /* of the store */
	uint64_t sum;
};

struct sidecar_cell {
	uint64_t number; /* of the hint (SQ8) */
	uint32_t len;    /* UINT32_MAX: the name was too long */
	uint32_t sum;
	char name[SIDECAR_NAME];
};

_Static_assert(sizeof(struct sidecar_cell) == 128, "a cell");

/*
 * Open it.  `may_make`: nobody has a session, so that one which is not there, or is another's, is made.  0; LK_E_CORRUPT: it
 * is not there, or another's; LK_E_PERM, LK_E_STORE.
 */
int sidecar_open(struct sqlite_store *s, bool may_make);

#endif /* LK_ADAPTERS_SQLITE_SIDECAR_H */
