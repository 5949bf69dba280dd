/* SPDX-License-Identifier: MIT */
/* What is said on a connection before anything else: who we are, and who the server is.  (RD4) */
#ifndef LK_ADAPTERS_REDIS_GREETING_H
#define LK_ADAPTERS_REDIS_GREETING_H

#include "redis/store.h"

/* How a script enters the epoch. */
enum entrance { ENTER_LOOKING = 'r', ENTER_WRITING = 'w', ENTER_TRYING = 't' };

/* What a server says of itself. */
struct server {
	char run[48];
	bool is_master;
	bool is_loading;
	bool may_evict;   /* it removes keys when it has no room */
	bool has_log;     /* it keeps an append-only file */
	unsigned version; /* the first number of it */
};

/* Connect to the store's place and log in; not more: what watches needs.  0 or a code, said. */
int greeting_connect(struct redis_store *s, struct connection *c, struct patience p);

/* … to that place, which may be a sentinel's. */
int greeting_visit(struct redis_store *s, struct connection *c, const struct where *w,
		   struct patience p);

/* A question of one's own; `what` begins the words if it is refused.  0: `*out` is the caller's, and no error; or a code, said. */
int greeting_ask(struct redis_store *s, struct connection *c, const struct command *q,
		 const char *what, struct patience p, redisReply **out);

/* … and learn the run, and that the epoch of that run has begun.  0 or a code, said; the connection is closed then. */
int greeting_open(struct redis_store *s, struct connection *c, struct patience p);

/* The same of a connection that is open already, as the program's; `how`: see above. */
int greeting_enter(struct redis_store *s, struct connection *c, enum entrance how,
		   char epoch[STORE_EPOCH], struct patience p);

/* Ask.  0 or a code, said. */
int greeting_look(struct redis_store *s, struct connection *c, struct server *out,
		  struct patience p);

/* The server's names of the scripts.  0 or a code, said. */
int greeting_learn(struct redis_store *s, struct connection *c, struct patience p);

/* A question that was not answered: the code of it, said. */
int greeting_failed(struct redis_store *s, const struct connection *c, enum heard heard);

/* "MOVED slot host:port": from now on it is there.  False: it says no such thing. */
bool greeting_moves(struct redis_store *s, const redisReply *r);

#endif /* LK_ADAPTERS_REDIS_GREETING_H */
