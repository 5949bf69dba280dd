/* SPDX-License-Identifier: MIT */
/* What the tests of the store in Redis share: stores, records, sessions. */
#ifndef TESTS_REDIS_STAGE_H
#define TESTS_REDIS_STAGE_H

#include <latchkey/redis.h>

#include "proxy.h"
#include "server.h"

#define NEVER       UINT64_MAX
#define LONG_TTL_NS UINT64_C(600000000000)

#define is(call, code)                                                                        \
	do {                                                                                  \
		int is_rc = (call);                                                           \
		cr_assert(is_rc == (code), "%s:%d: %s is %d (%s)", __FILE__, __LINE__, #call, \
			  is_rc, lk_errname(is_rc));                                          \
	} while (0)
#define ok(call) is(call, 0)

/* A server, its least user, and stores as that user; as patient as a loaded machine needs it. */
struct stage {
	struct server server;
	char url[160];
	char socket_url[160]; /* by its socket */
	char proxy_url[160];
	struct proxy proxy;
	bool has_proxy;
};

void stage_make(struct stage *g, const char *const *options);

/* One whose wall clock can be set. */
void stage_make_shifted(struct stage *g);

/* … and a proxy before it. */
void stage_make_proxy(struct stage *g);
void stage_remove(struct stage *g);

struct lk_store *store_open(const char *url);
int store_try(const char *url, uint32_t flags, void *handle, char report[320]);

int put(struct lk_store *s, const char *name, const void *bytes, size_t n, uint64_t deadline_ns);
int put_text(struct lk_store *s, const char *name, const char *text);

/* Bytes of the record, or a code. */
int get(struct lk_store *s, const char *name, char *buf, size_t cap, uint64_t deadline_ns);
bool has_text(struct lk_store *s, const char *name, const char *text);

/* One more in a counter; and what it is. */
int count(struct lk_store *s, const char *name, uint64_t deadline_ns);
uint64_t counted(struct lk_store *s, const char *name);

struct lk_session_id session_id(unsigned number);
bool is_alive(struct lk_store *s, const struct lk_session_id *id);

/*
 * Count in several threads over the stage's proxy, which cuts connections at random: what was answered counts once, what was not, once or
 * not at all, what failed, not.
 */
void chaos_run(struct stage *g, const char *url);

/* The store's own words have this in them. */
bool says(struct lk_store *s, const char *part);

#endif /* TESTS_REDIS_STAGE_H */
