/* SPDX-License-Identifier: MIT */
/* Parameters of a URL: read, checked, kept. */
#define _GNU_SOURCE
#include "redis/wishes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis/tls.h"

enum { TIMEOUT_MS = 2000, CONNECTIONS = 8, IDLE_MS = 60000, MOST_MS = 3600000, MOST_REPLICAS = 64 };

#define OF_ALL                                                                                 \
	"prefix", "db", "password_file", "timeout_ms", "pool_min", "pool_max", "pool_wait_ms", \
		"pool_idle_ms", "replicas", "replica_wait_ms", "sentinel_user",                \
		"sentinel_password_file"

const char *const wishes_redis[] = { OF_ALL, NULL };
const char *const wishes_rediss[] = {
	OF_ALL, "cacert", "cert", "key", "servername", "verify", NULL
};

/* What is read, until all of it is there. */
struct wishes {
	struct redis_store *s;
	struct tls_wishes tls;
	uint64_t timeout_ms;
	uint64_t pool_min, pool_max;
	uint64_t pool_wait_ms; /* 0: as long as the call */
	uint64_t pool_idle_ms;
	uint64_t replicas;
	uint64_t replica_wait_ms; /* 0: not said */
};

static int
refuse(struct redis_store *s, const char *what)
{
	return words_say(&s->words, LK_E_INVAL, "redis: %s", what);
}

/* -------------------------------------------------------------------------- one by one */

static bool
is_plain(const char *prefix)
{
	size_t n = 0;

	for (; prefix[n] != '\0'; n++) {
		const char c = prefix[n];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    strchr("_-.:/", c) == NULL)
			return false;
	}
	return n > 0 && n < STORE_PREFIX - 2;
}

static int
set_prefix(struct redis_store *s, const char *prefix)
{
	if (!is_plain(prefix))
		return words_say(&s->words, LK_E_INVAL,
				 "redis: prefix: letters, digits, and _ - . : /, at most %d",
				 STORE_PREFIX - 3);
	s->prefix_len = (size_t)snprintf(s->prefix, sizeof(s->prefix), "{%s}", prefix);
	return 0;
}

static int
read_number(struct redis_store *s, const struct lk_store_parameter *p, unsigned long least,
	    unsigned long most, uint64_t *out)
{
	char *end;

	*out = strtoull(p->value, &end, 10);
	if (p->value[0] >= '0' && p->value[0] <= '9' && *end == '\0' && *out >= least &&
	    *out <= most)
		return 0;
	return words_say(&s->words, LK_E_INVAL, "redis: %s: %lu to %lu", p->name, least, most);
}

/* Those that are numbers.  1: it is none of them. */
static int
read_count(struct wishes *w, const struct lk_store_parameter *p)
{
	const struct {
		const char *name;
		uint64_t *to;
		unsigned long least, most;
	} counts[] = {
		{ "timeout_ms", &w->timeout_ms, 1, MOST_MS },
		{ "pool_min", &w->pool_min, 0, STORE_CONNECTIONS },
		{ "pool_max", &w->pool_max, 1, STORE_CONNECTIONS },
		{ "pool_wait_ms", &w->pool_wait_ms, 1, MOST_MS },
		{ "pool_idle_ms", &w->pool_idle_ms, 1, MOST_MS },
		{ "replicas", &w->replicas, 0, MOST_REPLICAS },
		{ "replica_wait_ms", &w->replica_wait_ms, 1, MOST_MS },
	};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		if (strcmp(p->name, counts[i].name) == 0)
			return read_number(w->s, p, counts[i].least, counts[i].most, counts[i].to);
	}
	return 1;
}

static int
read_verify(struct wishes *w, const char *value)
{
	if (strcmp(value, "full") == 0)
		w->tls.verify = TLS_VERIFY_FULL;
	else if (strcmp(value, "ca") == 0)
		w->tls.verify = TLS_VERIFY_CA;
	else if (strcmp(value, "none") == 0)
		w->tls.verify = TLS_VERIFY_NONE;
	else
		return refuse(w->s, "verify: full, ca or none");
	return 0;
}

/* What is about TLS.  1: it is not. */
static int
read_tls(struct wishes *w, const struct lk_store_parameter *p)
{
	struct {
		const char *name;
		const char **to;
	} texts[] = {
		{ "cacert", &w->tls.cacert },
		{ "cert", &w->tls.cert },
		{ "key", &w->tls.key },
		{ "servername", &w->tls.servername },
	};

	if (strcmp(p->name, "verify") == 0)
		return read_verify(w, p->value);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(p->name, texts[i].name) != 0)
			continue;
		*texts[i].to = p->value;
		return p->value[0] != '\0' && strlen(p->value) < 256
			       ? 0
			       : refuse(w->s, "cacert, cert, key, servername: 1 to 255 bytes");
	}
	return 1;
}

static int
read_password(struct wishes *w, bool of_sentinels, const char *path)
{
	char why[WHERE_WHY];

	return where_read_password(&w->s->where, of_sentinels, path, why) ? 0 : refuse(w->s, why);
}

static int
read_one(struct wishes *w, const struct lk_store_parameter *p)
{
	struct redis_store *s = w->s;
	int rc;

	if (strcmp(p->name, "prefix") == 0)
		return set_prefix(s, p->value);
	if (strcmp(p->name, "db") == 0)
		return where_set_db(&s->where, p->value) ? 0 : refuse(s, "db: a number");
	if (strcmp(p->name, "password_file") == 0)
		return read_password(w, false, p->value);
	if (strcmp(p->name, "sentinel_password_file") == 0)
		return read_password(w, true, p->value);
	if (strcmp(p->name, "sentinel_user") == 0)
		return (size_t)snprintf(s->where.sentinel_user, sizeof(s->where.sentinel_user),
					"%s", p->value) < sizeof(s->where.sentinel_user)
			       ? 0
			       : refuse(s, "sentinel_user: too long");
	rc = read_count(w, p);
	return rc == 1 ? read_tls(w, p) : rc;
}

/* ----------------------------------------------------------------------- all of them */

/* What it is about, in words, if the program's connection says it. */
static int
describe_given(struct redis_store *s, const redisContext *c)
{
	if (c->err != 0 || c->fd < 0)
		return refuse(s, "the connection given is not open");
	(void)snprintf(s->where.text, sizeof(s->where.text), "redis (the program's connection)");
	s->is_given = true;
	s->n_connections = 1;
	s->pool_min = 0;
	return 0;
}

/* What goes together.  An answer has to be waited for longer than the replicas are. */
static int
keep_counts(struct wishes *w)
{
	struct redis_store *s = w->s;

	if (w->pool_min > w->pool_max)
		return refuse(s, "pool_min is more than pool_max");
	if (w->replica_wait_ms >= w->timeout_ms)
		return refuse(s, "replica_wait_ms has to be less than timeout_ms");
	if (w->replica_wait_ms == 0)
		w->replica_wait_ms = w->timeout_ms / 2 + 1;
	s->timeout_ns = w->timeout_ms * 1000000;
	s->pool_min = (unsigned)w->pool_min;
	s->n_connections = (unsigned)w->pool_max;
	s->pool_wait_ns = w->pool_wait_ms != 0 ? w->pool_wait_ms * 1000000 : UINT64_MAX;
	s->pool_idle_ns = w->pool_idle_ms * 1000000;
	s->replicas = (unsigned)w->replicas;
	s->replica_wait_ms = w->replica_wait_ms;
	return 0;
}

static int
make_transport(struct wishes *w, const char *scheme)
{
	struct redis_store *s = w->s;
	char why[TLS_WHY];
	int rc;

	if (strcmp(scheme, "rediss") != 0)
		return 0;
	if (s->is_given)
		return refuse(s, "a connection that is given has its TLS already: \"redis:\"");
	rc = tls_make(&s->transport, &s->place, &w->tls, &s->words, why);
	if (rc != 0)
		return rc == LK_E_INVAL ? refuse(s, why) : rc;
	if (s->where.socket[0] != '\0' && tls_needs_host(&s->transport))
		return refuse(s,
			      "whose certificate is expected on a socket? servername is missing");
	return 0;
}

int
wishes_read(struct redis_store *s, const struct lk_store_open *o)
{
	struct wishes w = {
		.s = s, .timeout_ms = TIMEOUT_MS, .pool_max = CONNECTIONS, .pool_idle_ms = IDLE_MS
	};
	char why[WHERE_WHY];
	int rc = set_prefix(s, "latchkey");

	if (o->handle != NULL && o->rest[0] != '\0')
		return refuse(s, "a connection is given, and a place");
	if (o->handle == NULL && !where_parse(&s->where, o->scheme, o->rest, why))
		return refuse(s, why);
	for (size_t i = 0; i < o->n_parameters && rc == 0; i++)
		rc = read_one(&w, &o->parameters[i]);
	if (rc == 0)
		rc = keep_counts(&w);
	if (rc == 0 && o->handle != NULL)
		rc = describe_given(s, o->handle);
	return rc == 0 ? make_transport(&w, o->scheme) : rc;
}
