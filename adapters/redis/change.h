/* SPDX-License-Identifier: MIT */
/* Change: one update, from what was seen of its records to what is written.  (RD1, RD2, RD3) */
#ifndef LK_ADAPTERS_REDIS_CHANGE_H
#define LK_ADAPTERS_REDIS_CHANGE_H

#include "redis/ask.h"

struct change {
	struct ask *ask;
	struct lk_store_record *r;
	size_t n;
	lk_store_change_fn *fn;
	void *arg;
	bool is_guess; /* not all of `seen` was read in this round */
	struct seen *seen;
	const char **keys;
	size_t *key_len;
	struct arena *round; /* what a round needs beside the answer */
};

/* False: no memory. */
bool change_keys(struct change *c);

/* What an answer says of its records: they stay as long as that does. */
int change_take(struct change *c, const redisReply *gone, redisReply *const *element);

/* Once a function has seen one of them, others need not read it. */
void change_remember(struct change *c, size_t i);

/* As the function is to see them.  0, or LK_E_CORRUPT. */
int change_show(struct change *c, bool repairs);

void change_version(struct redis_store *s, char version[STORE_VERSION]);

/* "k", "s" or "d" for each; "S", "D": nobody is told.  NULL: no memory. */
char *change_letters(struct change *c);

/* What is to be there; NULL: no memory. */
const char *change_value(struct change *c, size_t i, const char version[STORE_VERSION],
			 size_t *len);

/* The version that was seen. */
void change_was(struct command *q, const struct seen *seen);

/* The number of removals that those have seen who are not there: any removal since is found. */
const char *change_gone(const struct change *c);

/* It is written: so it is now, for the next one. */
void change_is_written(struct change *c, const char version[STORE_VERSION], long long removals);

/* After an answer was lost: is it what we wrote that is there now?  (RD1) */
bool change_is_ours(const struct change *c, const char version[STORE_VERSION]);

#endif /* LK_ADAPTERS_REDIS_CHANGE_H */
