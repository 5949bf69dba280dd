/* SPDX-License-Identifier: MIT */
/* What the parts of ask.h share: the desk at which a question is written. */
#ifndef LK_REMOTE_ASK_INSIDE_H
#define LK_REMOTE_ASK_INSIDE_H

#include "record/decide.h"
#include "remote/floor.h"
#include "remote/inside.h"

enum { DEAD_MAX = 64 };

/* What one question needs; large, so that they are kept. */
struct desk {
	struct desk *next;
	struct record_id me;
	struct decide_request q;
	struct decide_view v;
	const struct remote *of;
	uint64_t read_at; /* when the clock was, on that of env_now() */
	bool is_asked;    /* with others: what came of it is in `errand` */
	struct errand errand;
	struct lk_store_record record; /* of that */
	struct decide_outcome out;
	enum record_fault fault;
	struct floor floor;
	bool looks_first; /* it was asked before (CO10) … */
	bool is_hinted;   /* … and a hint has come (CO11) */
	bool is_unsure;   /* nobody asked whether those in the way are dead (LV1) */
	bool is_left;     /* its locks are being moved away: nothing is changed (MV1) */
	unsigned char floor_bytes[FLOOR_BYTES];
	struct record_id dead[DEAD_MAX];
	struct lk_session_id others[DEAD_MAX];
	size_t n_others;
	unsigned char name[LK_NAME_MAX + 1]; /* of the record */
	size_t name_len;
	struct record old;
	struct record fresh;
	_Alignas(8) unsigned char bytes[RECORD_BYTES];
};

/* NULL: no memory. */
struct desk *desk_take(struct remote *m);
void desk_leave(struct remote *m, struct desk *d);

/* The name of the record that it is about. */
void desk_name(struct desk *d, const struct lk_resource *r);

#endif /* LK_REMOTE_ASK_INSIDE_H */
