/* SPDX-License-Identifier: MIT */
/* From the name of a master to its place.  (RS1, RS2) */
#define _GNU_SOURCE
#include "redis/sentinel.h"

#include <stdio.h>

#include "redis/greeting.h"

/* Of `p` the part that one of `n` may take: one that is dead leaves time for the others. */
static struct patience
share(const struct patience *p, unsigned n)
{
	const uint64_t now = place_now(p->place);
	const uint64_t left = p->until_ns > now ? p->until_ns - now : 0;

	return (struct patience){ p->place, now + left / n };
}

/* The place in an answer of host and port.  */
static bool
take_place(struct redis_store *s, const redisReply *host, const redisReply *port)
{
	bool is_new = false;

	if (host->type != REDIS_REPLY_STRING || port->type != REDIS_REPLY_STRING)
		return false;
	pthread_mutex_lock(&s->lock);
	if (strcmp(s->where.host, host->str) != 0 || strcmp(s->where.port, port->str) != 0) {
		is_new = s->where.host[0] != '\0';
		if (where_move(&s->where, host->str, host->len, port->str))
			atomic_store(&s->generation, ++s->where.generation); /* (RS2) */
	}
	pthread_mutex_unlock(&s->lock);
	return is_new;
}

static int
ask_place(struct redis_store *s, struct connection *c, const char *master, struct patience p)
{
	const char *argv[3] = { "SENTINEL", "get-master-addr-by-name", master };
	size_t len[3] = { 8, 23, strlen(master) };
	const struct command q = { argv, len, 3, 3 };
	redisReply *r;
	int rc = greeting_ask(s, c, &q, "sentinel", p, &r);

	if (rc != 0)
		return rc;
	if (r->type == REDIS_REPLY_ARRAY && r->elements == 2)
		(void)take_place(s, r->element[0], r->element[1]);
	else
		rc = store_complain(s, LK_E_STORE, "the sentinel knows no master of that name");
	freeReplyObject(r);
	return rc;
}

/* To the one with that number, logged in; it says where the master is. */
static int
visit(struct redis_store *s, struct connection *c, unsigned i, struct patience p)
{
	struct where all, one;
	int rc;

	store_where(s, &all);
	where_sentinel(&all, i, &one);
	rc = greeting_visit(s, c, &one, p);
	if (rc == 0)
		rc = ask_place(s, c, all.master, p);
	if (rc != 0)
		connection_close(c);
	where_forget(&one);
	where_forget(&all);
	return rc;
}

/* (RS1) */
static int
check_role(struct redis_store *s, struct connection *c, struct patience p)
{
	struct server is;
	int rc = greeting_look(s, c, &is, p);

	if (rc == 0 && !is.is_master)
		rc = store_complain(s, LK_E_STORE,
				    "the sentinel names it as master, but it is a replica");
	return rc;
}

static int
go_where_it_says(struct redis_store *s, struct connection *c, unsigned i, struct patience p)
{
	struct connection sentinel;
	struct where w;
	int rc;

	connection_init(&sentinel, &s->transport);
	rc = visit(s, &sentinel, i, p);
	if (rc != 0)
		return rc;
	connection_close(&sentinel);
	store_where(s, &w);
	rc = greeting_visit(s, c, &w, p);
	where_forget(&w);
	if (rc == 0)
		rc = check_role(s, c, p);
	if (rc != 0)
		connection_close(c);
	return rc;
}

int
sentinel_connect(struct redis_store *s, struct connection *c, struct patience p)
{
	const unsigned n = where_count_sentinels(&s->where); /* that never changes */
	const unsigned first = atomic_load(&s->sentinel);
	int rc = LK_E_STORE;

	for (unsigned i = 0; i < n && rc != 0; i++) {
		const unsigned which = (first + i) % n;

		rc = go_where_it_says(s, c, which, share(&p, n - i));
		if (rc == 0)
			atomic_store(&s->sentinel, which);
	}
	return rc;
}

/* ------------------------------------------------------------------------- listening */

static int
subscribe(struct redis_store *s, struct connection *c, struct patience p)
{
	const char *argv[2] = { "SUBSCRIBE", "+switch-master" };
	size_t len[2] = { 9, 14 };
	const struct command q = { argv, len, 2, 2 };
	redisReply *r;
	int rc = greeting_ask(s, c, &q, "sentinel", p, &r);

	if (rc == 0)
		freeReplyObject(r);
	return rc;
}

/* What was said before it was listened to is asked for after it: on another connection, as this one only listens. */
int
sentinel_listen(struct redis_store *s, struct connection *c, struct patience p)
{
	const unsigned n = where_count_sentinels(&s->where);
	const unsigned first = atomic_load(&s->sentinel);
	struct connection asking;
	int rc = LK_E_STORE;

	connection_init(&asking, &s->transport);
	for (unsigned i = 0; i < n && rc != 0; i++) {
		const struct patience part = share(&p, n - i);

		rc = visit(s, c, (first + i) % n, part);
		if (rc == 0)
			rc = subscribe(s, c, part);
		if (rc == 0)
			rc = visit(s, &asking, (first + i) % n, part);
		connection_close(&asking);
		if (rc != 0)
			connection_close(c);
	}
	return rc;
}

/* "message", "+switch-master", "MASTER OLDHOST OLDPORT HOST PORT" */
bool
sentinel_hear(struct redis_store *s, const redisReply *r)
{
	char master[64], host[256], port[8];
	redisReply host_is = { .type = REDIS_REPLY_STRING, .str = host };
	redisReply port_is = { .type = REDIS_REPLY_STRING, .str = port };

	if (r->type != REDIS_REPLY_ARRAY || r->elements != 3 ||
	    r->element[2]->type != REDIS_REPLY_STRING ||
	    sscanf(r->element[2]->str, "%63s %*s %*s %255s %7s", master, host, port) != 3 ||
	    strcmp(master, s->where.master) != 0)
		return false;
	host_is.len = strlen(host);
	port_is.len = strlen(port);
	return take_place(s, &host_is, &port_is);
}
