/* SPDX-License-Identifier: MIT */
/*
 * Connection: questions and answers, one after the other, over a wire of ours with hiredis's reader; or over a
 * connection of hiredis that the program has.
 */
#ifndef LK_ADAPTERS_REDIS_CONNECTION_H
#define LK_ADAPTERS_REDIS_CONNECTION_H

#include <hiredis/hiredis.h>

#include "redis/command.h"
#include "redis/wire.h"

/* What became of a question. */
enum heard {
	HEARD,         /* there is an answer */
	HEARD_NOTHING, /* and it was surely not carried out */
	HEARD_PERHAPS, /* perhaps it was */
	HEARD_NOMEM    /* nothing was sent */
};

struct connection {
	struct connection *next; /* of those that nobody uses */
	struct wire wire;
	redisReader *reader; /* NULL: it is closed */
	redisContext *given; /* the program's, never closed here */
	bool is_broken;      /* … and of no use any more (RD7) */
	bool is_late;        /* the latest failure was that time was over */
	unsigned generation; /* of the store's place, when it was opened (sentinel.h) */
	uint64_t used_ns;    /* the last time (pool.h) */
	char run[48];        /* of the server (greeting.h) */
	char why[160];       /* in words */
};

/* A wire on that, closed. */
void connection_init(struct connection *c, const struct transport *on);

/* 0 or an errno, with words. */
int connection_open(struct connection *c, const struct where *to, struct patience p);
void connection_close(struct connection *c);

static inline bool
connection_is_open(const struct connection *c)
{
	return c->given != NULL ? !c->is_broken : c->reader != NULL;
}

/* It is open, and nobody has closed it at the other end. */
bool connection_is_sound(struct connection *c);

/* Whatever fails closes it.  The answer is the caller's, to be freed with freeReplyObject(). */
enum heard connection_ask(struct connection *c, const struct command *q, struct patience p,
			  redisReply **out);

/* Several in one go, so that all their answers take one round trip.  All of them come, or none. */
enum heard connection_ask_all(struct connection *c, const struct command *q, size_t n,
			      struct patience p, redisReply **out);

/* Send only; and wait for what comes next: HEARD_NOTHING: it did not come in time, and it is still open. */
enum heard connection_say(struct connection *c, const struct command *q, struct patience p);
enum heard connection_hear(struct connection *c, struct patience p, redisReply **out);

#endif /* LK_ADAPTERS_REDIS_CONNECTION_H */
