/* SPDX-License-Identifier: MIT */
/* Stores and servers of the tests. */
#include "stage.h"

static void
describe(struct stage *g)
{
	int rc = lk_store_register(lk_store_redis());

	cr_assert(rc == 0 || rc == LK_E_BUSY);
	g->has_proxy = false;
	snprintf(g->url, sizeof(g->url), "redis://" APP "127.0.0.1:%d?timeout_ms=20000",
		 g->server.port);
	snprintf(g->socket_url, sizeof(g->socket_url), "redis:unix:" APP "%s?timeout_ms=20000",
		 g->server.socket);
}

void
stage_make(struct stage *g, const char *const *options)
{
	server_start(&g->server, options);
	describe(g);
}

void
stage_make_shifted(struct stage *g)
{
	server_start_shifted(&g->server);
	describe(g);
}

void
stage_make_proxy(struct stage *g)
{
	char path[64];

	snprintf(path, sizeof(path), "%.40s/p", g->server.top);
	proxy_start(&g->proxy, path, g->server.socket);
	snprintf(g->proxy_url, sizeof(g->proxy_url), "redis:unix:" APP "%s?timeout_ms=20000", path);
	g->has_proxy = true;
}

void
stage_remove(struct stage *g)
{
	if (g->has_proxy)
		proxy_stop(&g->proxy);
	server_stop(&g->server);
}

struct lk_store *
store_open(const char *url)
{
	char report[320] = "";
	const struct lk_store_open o = { .size = sizeof(o), .report = report, .report_cap = 320 };
	struct lk_store *s = NULL;
	int rc = lk_store_open(url, &o, &s);

	cr_assert_eq(rc, 0, "%s: %s", lk_errname(rc), report);
	return s;
}

int
store_try(const char *url, uint32_t flags, void *handle, char report[320])
{
	const struct lk_store_open o = { .size = sizeof(o),
					 .flags = flags,
					 .handle = handle,
					 .report = report,
					 .report_cap = 320 };
	struct lk_store *s = NULL;
	int rc = lk_store_open(url, &o, &s);

	lk_store_close(s);
	return rc;
}

/* -------------------------------------------------------------------------------- records */

struct bytes {
	const void *bytes;
	size_t n;
};

static int
set_fresh(void *arg, struct lk_store_record *r, size_t n)
{
	const struct bytes *b = arg;

	(void)n;
	r->fresh = b->bytes;
	r->fresh_len = b->n;
	r->changed = 1;
	return 0;
}

int
put(struct lk_store *s, const char *name, const void *bytes, size_t n, uint64_t deadline_ns)
{
	struct lk_store_record r = { .name = name, .len = strlen(name) };
	struct bytes b = { bytes, n };

	return s->ops->update(s, &r, 1, set_fresh, &b, deadline_ns);
}

int
put_text(struct lk_store *s, const char *name, const char *text)
{
	return put(s, name, text, strlen(text), NEVER);
}

struct copy {
	char *buf;
	size_t cap;
	size_t len;
};

static int
copy_old(void *arg, struct lk_store_record *r, size_t n)
{
	struct copy *c = arg;

	(void)n;
	c->len = r->old_len;
	if (c->len > 0 && c->cap > 0)
		memcpy(c->buf, r->old, c->len < c->cap ? c->len : c->cap);
	return 0;
}

int
get(struct lk_store *s, const char *name, char *buf, size_t cap, uint64_t deadline_ns)
{
	struct lk_store_record r = { .name = name, .len = strlen(name) };
	struct copy c = { buf, cap, 0 };
	int rc = s->ops->read(s, &r, 1, copy_old, &c, deadline_ns);

	return rc != 0 ? rc : (int)c.len;
}

bool
has_text(struct lk_store *s, const char *name, const char *text)
{
	char buf[64];
	const int n = get(s, name, buf, sizeof(buf), NEVER);

	return n == (int)strlen(text) && memcmp(buf, text, (size_t)n) == 0;
}

static int
add_one(void *arg, struct lk_store_record *r, size_t n)
{
	uint64_t *fresh = arg;

	(void)n;
	*fresh = 0;
	if (r->old_len == sizeof(*fresh))
		memcpy(fresh, r->old, sizeof(*fresh));
	++*fresh;
	r->fresh = fresh;
	r->fresh_len = sizeof(*fresh);
	r->changed = 1;
	return 0;
}

int
count(struct lk_store *s, const char *name, uint64_t deadline_ns)
{
	struct lk_store_record r = { .name = name, .len = strlen(name) };
	uint64_t fresh;

	return s->ops->update(s, &r, 1, add_one, &fresh, deadline_ns);
}

uint64_t
counted(struct lk_store *s, const char *name)
{
	uint64_t n = 0;
	const int len = get(s, name, (char *)&n, sizeof(n), NEVER);

	cr_assert(len == 0 || len == (int)sizeof(n), "%s", lk_errname(len));
	return n;
}

/* ------------------------------------------------------------------------------- sessions */

struct lk_session_id
session_id(unsigned number)
{
	struct lk_session_id id = { { 1 } };

	memcpy(&id.bytes[8], &number, sizeof(number));
	return id;
}

bool
is_alive(struct lk_store *s, const struct lk_session_id *id)
{
	unsigned char alive = 7;

	ok(s->ops->session_alive(s, id, 1, &alive, NEVER));
	cr_assert_le(alive, 1);
	return alive == 1;
}

bool
says(struct lk_store *s, const char *part)
{
	char text[400];

	(void)s->ops->error(s, text, sizeof(text));
	return strstr(text, part) != NULL;
}
