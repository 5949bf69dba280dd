/* SPDX-License-Identifier: MIT */
/* What the parts of rings share. */
#ifndef LK_REMOTE_KNOTS_INSIDE_H
#define LK_REMOTE_KNOTS_INSIDE_H

#include "deadlock/reach.h"
#include "remote/board.h"
#include "remote/knots.h"

enum {
	FIRST_NS =
		10000000, /* so long a wait is of no interest, unless deadlock_delay_ns is longer */
	LAST_NS = 200000000,
	SOON_NS = 1000000,
	STEPS_MOST = 4,
	LOOKS_TO_ASK = 16 /* until the store is asked who of the others lives */
};

/* A name for which somebody here waits for another process; it is pinned. */
struct wait {
	struct lk_resource *r;
	struct board_name name;
	struct cover_shown shown;
};

/* One who does. */
struct root {
	struct sighting p;
	const struct wait *of;
	lk_mode held;
	lk_mode want;
	int32_t priority;
	uint64_t since_ns;
	uint64_t merit;
	char label[LK_LABEL_MAX + 1];
};

/* What can be done about a row. */
struct remedy {
	const struct root *root; /* that it ends; or NULL: */
	struct lk_resource *r;   /* the cover of this steps back, … */
	uint64_t
		question; /* … if it is in the line of the store with this; 0: if it stands in the line here */
};

struct knots {
	struct remote *m;
	struct detector *d;
	struct timer timer;
	/* With the latch of the remote. */
	struct cds_list_head waiting; /* covers that wait for others */
	uint64_t due_ns;              /* 0: the timer is not set */
	uint64_t delay_ns;            /* between looks */
	uint64_t looked_ns;
	bool is_looking;
	bool again;         /* there was news as it looked */
	bool said;          /* something of ours may be on the board */
	uint64_t seen_made; /* as in `self`, for those who ask the store */
	uint64_t seen_turn;
	/* Of who looks. */
	uint32_t n_looks;
	size_t n_waits;
	struct wait wait[BOARD_MINE];
	size_t n_roots;
	struct root root[BOARD_MINE];
	struct remedy remedy[BOARD_MINE]; /* by row */
	struct board_self self;
	bool is_written;
	struct board board;
	uint64_t made; /* of a new board */
	struct board_seen seen;
	unsigned char name[LK_NAME_MAX + 1];
};

/* Or is it switched off? */
LK_HOT bool
knots_looks(const struct knots *g)
{
	return shim_load(&g->d->delay_ns, SHIM_RELAXED) != LK_OFF;
}

/* A wait that is younger is of no interest. */
LK_HOT uint64_t
knots_first_ns(const struct knots *g)
{
	const uint64_t delay_ns = shim_load(&g->d->delay_ns, SHIM_RELAXED);

	return delay_ns > FIRST_NS ? delay_ns : FIRST_NS;
}

/* The covers that wait, with their entries pinned; and no more. */
void knots_pin(struct knots *g);
void knots_unpin(struct knots *g);

/* All that is to be said of them, into `self`. */
void knots_look_here(struct knots *g);

#endif /* LK_REMOTE_KNOTS_INSIDE_H */
