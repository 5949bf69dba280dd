/* SPDX-License-Identifier: MIT */
/*
 * Ask: one call of the store's, as it goes on over a connection, and over the next one if that ends.  All scripts can be
 * sent again: what was done by the first is found done.
 */
#ifndef LK_ADAPTERS_REDIS_ASK_H
#define LK_ADAPTERS_REDIS_ASK_H

#include "redis/store.h"

struct ask {
	struct redis_store *s;
	struct connection *c;
	uint64_t deadline_ns;
	struct arena arena;
	redisReply *reply;  /* the latest answer */
	redisReply *former; /* … and the one before: what is asked may be in it */
	bool perhaps;       /* what was asked may have been done, though no answer came */
	long long
		acks; /* replicas that have what was asked; with an answer of a script that counts */
	char epoch[STORE_EPOCH];
};

enum { ASK_OTHER_EPOCH = 1 }; /* what no code is */

/* 0, or a code: then it has ended already. */
int ask_begin(struct ask *a, struct redis_store *s, uint64_t deadline_ns);

/* Returns `rc`. */
int ask_end(struct ask *a, int rc);

/*
 * Have a script made: in `q` the first two places are left free.  0: `reply` is no error; ASK_OTHER_EPOCH (RD5); or a code,
 * said: LK_E_UNKNOWN if it may have been made.
 */
int ask_script(struct ask *a, enum script script, struct command *q);

/*
 * What the latest script has found done may be done by one before it: have the replicas acknowledge that.  0, also if none have to;
 * or a code, said.  (RD8)
 */
int ask_assure(struct ask *a);

/* May something be written that was not told, and is not assured?  (RD8) */
bool ask_is_in_doubt(const struct ask *a);

/* Are there so many that acknowledge?  0 or a code, said. */
int ask_replicas(struct ask *a);

/* The same of any other command, that only looks. */
int ask_command(struct ask *a, const struct command *q);

/*
 * The epoch is another one: take it, if that is allowed (RD5): with `opens`, as a session begins, it is.  0: ask again; or a
 * code, said.
 */
int ask_next_epoch(struct ask *a, bool opens);

/* An answer that makes no sense. */
int ask_complain(struct ask *a);

#endif /* LK_ADAPTERS_REDIS_ASK_H */
