/* SPDX-License-Identifier: MIT */
/* Where a server is, and as whom one speaks to it: what a URL says. */
#ifndef LK_ADAPTERS_REDIS_WHERE_H
#define LK_ADAPTERS_REDIS_WHERE_H

#include <stdbool.h>
#include <stddef.h>

enum { WHERE_WHY = 160 };

struct where {
	char scheme[8]; /* "redis", or "rediss": with TLS */
	char host[256]; /* "": not known yet, as the sentinels were not asked */
	char port[8];
	char socket[108]; /* a path, instead of both; "": none */
	char user[128];
	char password[512]; /* "": none.  It is in no text that anybody sees */
	unsigned db;
	char sentinels
		[512];   /* "host:port,host": who says where the master is; "": nobody needs to */
	char master[64]; /* … as they call it */
	char sentinel_user[128];
	char sentinel_password[512]; /* as the other one */
	unsigned generation;         /* how often it was another one (sentinel.h) */
	char text[300];              /* for people: "redis://host:port/db" */
};

/*
 * "//[user:password@]host[:port][/db]", "[unix:][user:password@]/path", or
 * "sentinel://[user:password@]host[:port],host[:port]/master[/db]".  False: `why` says what is wrong, without what could be
 * part of a password.
 */
bool where_parse(struct where *w, const char *scheme, const char *rest, char why[WHERE_WHY]);

/* How many sentinels there are; and the place of one of them. */
unsigned where_count_sentinels(const struct where *w);
void where_sentinel(const struct where *w, unsigned i, struct where *out);

/* Another host of the same cluster. */
bool where_move(struct where *w, const char *host, size_t host_len, const char *port);

/* The database, if it is not in the path. */
bool where_set_db(struct where *w, const char *text);

/* The first line of a file is the password; or that of the sentinels. */
bool where_read_password(struct where *w, bool of_sentinels, const char *path, char why[WHERE_WHY]);

/* Nothing of the password stays in memory. */
void where_forget(struct where *w);

#endif /* LK_ADAPTERS_REDIS_WHERE_H */
