/* SPDX-License-Identifier: MIT */
/* What a remote is, for those who look after it; and what it is asked to look at. */
#ifndef LK_REMOTE_STATE_H
#define LK_REMOTE_STATE_H

#include "remote/remote.h"
#include "remote/upkeep.h"

struct remote_state {
	struct lk_session_id session;
	bool has_session;
	uint64_t
		left_ns; /* until the session ends, if it is not renewed; SHIM_NEVER: it does not */
	uint64_t ttl_ns;
	uint64_t covers;
	uint64_t owing; /* … of which the record may say more than the word does */
	uint64_t lost;
	int hints; /* 0: there are hints; or why not */
};

void remote_state(struct remote *m, struct remote_state *out);

/* For upkeep, as this session. */
void remote_parts_of(struct remote *m, struct upkeep_parts *out);

/* What this process has of a name, and the last fence that is its; LK_NL, 0: nothing. */
lk_mode remote_has(struct remote *m, const void *name, size_t len, bool is_id, uint64_t *fence);

/* Somebody has changed the record: look, before a hint comes. */
void remote_look(struct remote *m, const void *name, size_t len, bool is_id);

/* The entries of names that have covers, pinned, as many as there is room for; returns how many. */
size_t remote_pin_all(struct remote *m, struct lk_resource **out, size_t room);

/* What managers agree on was made anew: this one is among them. */
void remote_rejoin(struct remote *m);

#endif /* LK_REMOTE_STATE_H */
