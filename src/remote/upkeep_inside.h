/* SPDX-License-Identifier: MIT */
/* What the parts of upkeep share. */
#ifndef LK_REMOTE_UPKEEP_INSIDE_H
#define LK_REMOTE_UPKEEP_INSIDE_H

#include "remote/upkeep.h"

enum { KNOWN_MOST = 256, UPKEEP_NAME = LK_NAME_MAX + 1 };

struct upkeep {
	struct upkeep_parts p;
	size_t n_known;
	size_t n_dead;
	struct lk_session_id known[KNOWN_MOST];
	struct record_id dead[KNOWN_MOST]; /* those of them that are */
	unsigned char name[UPKEEP_NAME];   /* of the record that is worked on */
	size_t name_len;
	enum record_fault fault;
	bool is_there;
	struct record old;
	struct record fresh;
	_Alignas(8) unsigned char bytes[RECORD_BYTES];
	_Alignas(8) unsigned char copy[RECORD_BYTES];
};

/* Until when a single step of the store has time. */
uint64_t upkeep_soon(const struct upkeep *u);

/* The name of a lock as that of its record; false: it is none. */
bool upkeep_set_name(struct upkeep *u, const void *name, size_t len, bool is_id);

/* `r` is another lock's record, or none: false. */
bool upkeep_name_of(const struct lk_store_record *r, struct upkeep_row *row);

/* One step for the record whose name was set. */
int upkeep_update(struct upkeep *u, uint32_t flags, lk_store_change_fn *fn, void *arg);

/* The floor is at least so high. */
int upkeep_raise(struct upkeep *u, uint64_t floor);

#endif /* LK_REMOTE_UPKEEP_INSIDE_H */
