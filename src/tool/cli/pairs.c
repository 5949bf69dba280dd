/* SPDX-License-Identifier: MIT */
/*
 * Keys and values: the form in which lock libraries of scripting languages ask.
 *
 * A key is one segment of a path, whatever its bytes; it is held in X, by a detached grant.  The value is what the caller
 * proves himself with, in whatever process: beside the lock the shelf has the value, and the token of the grant.
 * Each grant is one of its own, so the same value again is refused.  All requests of this form are done one after the
 * other, in the order in which they came.
 *
 * KV1  a key is had by the value of its entry as long as the grant of the entry's token is held.  One that is not goes
 *      when it is met.
 * KV2  who ends gives back what it took, if nobody else did.
 * KV3  a grant without end has a lease all the same, which this process renews: if it is killed the key is free some day.
 */
#include <math.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shelf.h"

enum { TRIES = 3 };

/* What this process took, by token. */
struct own {
	char token[LK_TOKEN_MAX];
	struct name segment;
	bool is_endless; /* (KV3) */
};

struct pairs {
	struct strand *strand;
	struct shelf *shelf;    /* NULL: nobody has asked for it yet */
	struct lk_store *store; /* NULL: all is in memory */
	uint64_t endless_ns;    /* the lease of a grant without end */
	void *root;             /* of struct own */
};

struct pairs *
pairs_make(struct stdio *s)
{
	struct pairs *p = calloc(1, sizeof(*p));

	(void)s;
	if (p != NULL && (p->strand = strand_make()) == NULL) {
		free(p);
		p = NULL;
	}
	return p;
}

struct strand *
pairs_strand(struct stdio *s)
{
	return s->pairs->strand;
}

/* The store is opened once more, to keep entries in it, when the first is wanted. */
static int
open_shelf(struct stdio *s)
{
	struct pairs *p = s->pairs;
	char text[LK_CONFIG_TEXT_MAX];

	if (p->shelf != NULL)
		return 0;
	p->endless_ns = INT64_MAX;
	if (strncmp(s->call->url, "memory:", 7) != 0) {
		if (place_open_store(s->call, 0, &p->store) != 0)
			return LK_E_STORE;
		if (lk_config_get(s->m, "ttl_ns", text, sizeof(text)) != 0 ||
		    !text_number(text, &p->endless_ns))
			p->endless_ns = 30 * UINT64_C(1000000000);
	}
	p->shelf = shelf_make(p->store);
	return p->shelf != NULL ? 0 : LK_E_NOMEM;
}

/* ------------------------------------------------------------------------------ our own */

static int
compare(const void *a, const void *b)
{
	return strcmp(((const struct own *)a)->token, ((const struct own *)b)->token);
}

static bool
own_add(struct pairs *p, const struct kept *e)
{
	struct own *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return false;
	strcpy(o->token, e->token);
	o->is_endless = isinf(e->expires_ms);
	o->segment = (struct name){ malloc(e->segment.len + 1), e->segment.len, true };
	if (o->segment.bytes != NULL) {
		memcpy(o->segment.bytes, e->segment.bytes, e->segment.len);
		if (tsearch(o, &p->root, compare) != NULL)
			return true;
	}
	name_free(&o->segment);
	free(o);
	return false;
}

static void
own_forget(struct pairs *p, const char *token)
{
	struct own probe;
	struct own *o;
	void *at;

	strcpy(probe.token, token);
	at = tfind(&probe, &p->root, compare);
	if (at == NULL)
		return;
	o = *(struct own **)at;
	(void)tdelete(o, &p->root, compare);
	name_free(&o->segment);
	free(o);
}

/* ------------------------------------------------------------------------------ entries */

static int
segment_of(const struct name *key, struct name *out)
{
	const size_t len = lk_name_escape(key->bytes, key->len, NULL, 0);

	out->bytes = malloc(len + 1);
	if (out->bytes == NULL)
		return LK_E_NOMEM;
	out->is_made = true;
	out->len = lk_name_escape(key->bytes, key->len, (char *)out->bytes, len + 1);
	return out->len <= LK_NAME_MAX ? 0 : LK_E_NAME;
}

/* Its lock is given back, and it goes.  Of the lock: as lk_token_release(). */
static int
drop(struct stdio *s, const struct kept *e)
{
	const int rc = lk_token_release(s->m, e->token);

	if (rc != 0 && rc != LK_E_LOST && rc != LK_E_STALE && rc != LK_E_INVAL)
		return rc; /* the store does not say; it stays as it is */
	forget(shelf_remove(s->pairs->shelf, &e->segment, e->token));
	own_forget(s->pairs, e->token);
	return rc;
}

/* Who has the key?  0: `*out` is to be freed; LK_E_NOENT: nobody by a value; or what the store says.  (KV1) */
static int
find(struct stdio *s, const struct name *segment, struct kept *out)
{
	int rc = open_shelf(s);

	if (rc == 0)
		rc = shelf_read(s->pairs->shelf, segment, out);
	if (rc != 0)
		return rc;
	rc = lk_token_check(s->m, out->token);
	if (rc == 0 || rc == LK_E_SUSPECT)
		return 0;
	if (rc == LK_E_LOST || rc == LK_E_STALE || rc == LK_E_INVAL) {
		forget(drop(s, out));
		rc = LK_E_NOENT;
	}
	kept_free(out);
	return rc;
}

static double
wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* --------------------------------------------------------------------------- acquiring */

/* One attempt at several keys, each once, in order. */
struct attempt {
	struct kept *e;
	size_t n;
	struct name value; /* the request's */
	double ttl_ms;     /* INFINITY: without end */
};

static void
attempt_free(struct attempt *a)
{
	for (size_t i = 0; i < a->n; i++)
		name_free(&a->e[i].segment);
	free(a->e);
}

static int
by_segment(const void *a, const void *b)
{
	const struct name *x = &((const struct kept *)a)->segment;
	const struct name *y = &((const struct kept *)b)->segment;
	const size_t n = x->len < y->len ? x->len : y->len;
	const int d = memcmp(x->bytes, y->bytes, n);

	return d != 0 ? d : x->len < y->len ? -1 : x->len > y->len;
}

/* Those that are there twice go. */
static void
sort_out(struct attempt *a)
{
	size_t n = 0;

	qsort(a->e, a->n, sizeof(*a->e), by_segment);
	for (size_t i = 0; i < a->n; i++) {
		if (n > 0 && by_segment(&a->e[n - 1], &a->e[i]) == 0)
			name_free(&a->e[i].segment);
		else
			a->e[n++] = a->e[i];
	}
	a->n = n;
}

/* A lease that is shorter than any is over when it begins: then the keys were free, and are. */
static bool
is_over_at_once(const struct attempt *a)
{
	return !(a->ttl_ms * 1e6 >= (double)LK_LEASE_MIN_NS);
}

static uint64_t
lease_of(const struct stdio *s, const struct attempt *a)
{
	const double ns = a->ttl_ms * 1e6;

	if (isinf(a->ttl_ms))
		return s->pairs->endless_ns;
	if (is_over_at_once(a))
		return 10 * UINT64_C(1000000000);
	return ns < 9.2e18 ? (uint64_t)ns : INT64_MAX;
}

/* Locks from the first to the last, or none; `*i` is the one that was refused. */
static int
lock_all(struct stdio *s, struct attempt *a, size_t *i)
{
	struct lk_options o = LK_OPTIONS_INIT;
	int rc = 0;

	o.flags = LK_NOWAIT;
	o.lease_ns = lease_of(s, a);
	for (*i = 0; rc == 0 && *i < a->n; *i += rc == 0) {
		struct kept *e = &a->e[*i];

		rc = lk_detach_bytes(s->m, e->segment.bytes, e->segment.len, LK_X, &o, e->token,
				     sizeof(e->token));
	}
	for (size_t k = *i; rc != 0 && k > 0; k--)
		forget(lk_token_release(s->m, a->e[k - 1].token));
	return rc;
}

static void
pause_a_moment(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t = (struct timespec){ 0, 1000000 + t.tv_nsec % 4000000 };
	(void)nanosleep(&t, NULL);
}

/* Whoever has the name by no value may be about to let it go: others that ask for several, or whether it exists. */
static bool
may_be_passing(struct stdio *s, const struct name *segment)
{
	struct kept e;

	if (find(s, segment, &e) != 0)
		return true;
	kept_free(&e);
	return false;
}

/* What is known of them from now on. */
static int
enter(struct stdio *s, struct attempt *a)
{
	const double now = wall_ms();
	int rc = 0;

	for (size_t i = 0; i < a->n; i++) {
		a->e[i].value = a->value;
		a->e[i].created_ms = now;
		a->e[i].expires_ms = now + a->ttl_ms;
		if (rc == 0 && !own_add(s->pairs, &a->e[i]))
			rc = LK_E_NOMEM;
	}
	if (rc == 0)
		rc = shelf_write(s->pairs->shelf, a->e, a->n);
	for (size_t i = 0; rc != 0 && i < a->n; i++)
		forget(drop(s, &a->e[i]));
	return rc;
}

static int
take(struct stdio *s, struct attempt *a)
{
	size_t refused = 0;
	int rc = open_shelf(s);

	for (int i = 0; rc == 0 && i < TRIES; i++) {
		rc = lock_all(s, a, &refused);
		if (rc == LK_E_LOST) { /* over before it had them all: as if shorter than any */
			a->ttl_ms = 0;
			rc = lock_all(s, a, &refused);
		}
		if (rc != LK_E_BUSY || i + 1 == TRIES || !may_be_passing(s, &a->e[refused].segment))
			break;
		pause_a_moment();
		rc = 0;
	}
	if (rc == 0 && !is_over_at_once(a))
		return enter(s, a);
	for (size_t i = 0; rc == 0 && i < a->n; i++)
		forget(lk_token_release(s->m, a->e[i].token));
	return rc;
}

/* A request that is refused because somebody has the key is answered with false. */
static void
answer_taken(struct stdio *s, const struct job *j, int rc, struct wrong *why)
{
	if (rc == LK_E_LIMIT)
		rc = wrong_say(why, "value is longer than a store keeps");
	if (rc == 0 || rc == LK_E_BUSY || rc == LK_E_TIMEDOUT)
		answer(s, j->id, json_boolean(rc == 0));
	else
		answer_wrong(s, j->id, rc, why);
}

static int
read_ttl(const json_t *request, double *ms, struct wrong *why)
{
	const json_t *said = json_object_get(request, "ttl_ms");
	const char *text = json_string_value(said);

	*ms = INFINITY;
	if (said == NULL)
		return wrong_say(why, "ttl_ms is missing: a number, or \"Infinity\"");
	if (text != NULL && strcmp(text, "Infinity") == 0)
		return 0;
	if (!json_is_number(said))
		return wrong_say(why, "ttl_ms is neither a number nor \"Infinity\"");
	*ms = json_number_value(said);
	return 0;
}

/* "keys", or "key" alone: `a->e` is to be freed. */
static int
read_keys(const json_t *request, bool is_one, struct attempt *a, struct wrong *why)
{
	const json_t *said = json_object_get(request, "keys");
	const size_t n = is_one ? 1 : json_array_size(said);
	int rc = 0;

	a->e = calloc(n + 1, sizeof(*a->e));
	if (a->e == NULL)
		return LK_E_NOMEM;
	if (!is_one && !json_is_array(said))
		return wrong_say(why, "keys is not an array");
	while (rc == 0 && a->n < n) {
		struct name key = { 0 };

		rc = is_one ? field_bytes(request, "key", &key, why)
			    : value_bytes(json_array_get(said, a->n), "a key", &key, why);
		if (rc == 0)
			rc = segment_of(&key, &a->e[a->n++].segment);
		name_free(&key);
	}
	sort_out(a);
	return rc;
}

static void
acquire(struct stdio *s, struct job *j, bool is_one)
{
	struct attempt a = { 0 };
	struct wrong why = { "" };
	int rc = read_keys(j->request, is_one, &a, &why);

	if (rc == 0)
		rc = field_bytes(j->request, "value", &a.value, &why);
	if (rc == 0)
		rc = read_ttl(j->request, &a.ttl_ms, &why);
	if (rc == 0 && a.n > 0)
		rc = take(s, &a);
	answer_taken(s, j, rc, &why);
	name_free(&a.value);
	attempt_free(&a);
}

static void
op_try_acquire(struct stdio *s, struct job *j)
{
	acquire(s, j, true);
}

static void
op_try_acquire_multiple(struct stdio *s, struct job *j)
{
	acquire(s, j, false);
}

/* --------------------------------------------------------------------------- releasing */

static bool
same(const struct name *a, const struct name *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->bytes, b->bytes, a->len) == 0);
}

/* 0: `*was` says whether it was held with that value, by whoever. */
static int
release_one(struct stdio *s, const struct name *segment, const struct name *value, bool *was)
{
	struct kept e;
	int rc = find(s, segment, &e);

	*was = false;
	if (rc != 0)
		return rc == LK_E_NOENT ? 0 : rc;
	if (same(&e.value, value)) {
		rc = drop(s, &e);
		*was = rc == 0;
	}
	kept_free(&e);
	return rc == LK_E_LOST || rc == LK_E_STALE ? 0 : rc;
}

static void
release(struct stdio *s, struct job *j, bool is_one)
{
	struct attempt a = { 0 };
	struct wrong why = { "" };
	json_int_t n = 0;
	int rc = read_keys(j->request, is_one, &a, &why);

	if (rc == 0)
		rc = field_bytes(j->request, "value", &a.value, &why);
	for (size_t i = 0; rc == 0 && i < a.n; i++) {
		bool was = false;

		rc = release_one(s, &a.e[i].segment, &a.value, &was);
		n += was;
	}
	if (rc == 0)
		answer(s, j->id, is_one ? json_boolean(n != 0) : json_integer(n));
	else
		answer_wrong(s, j->id, rc, &why);
	name_free(&a.value);
	attempt_free(&a);
}

static void
op_release_key(struct stdio *s, struct job *j)
{
	release(s, j, true);
}

static void
op_release_multiple(struct stdio *s, struct job *j)
{
	release(s, j, false);
}

/* ----------------------------------------------------------------------------- looking */

/*
 * Does anybody have the key, who has no value?  If the store says that nobody is there, nobody does.  Else only who asks for
 * it knows, as a process also keeps what nobody in it uses: for a moment we have it ourselves.
 */
static int
is_taken(struct stdio *s, struct attempt *a, bool *is)
{
	struct lk_record_info info = { .size = (uint32_t)sizeof(info) };
	const struct name *name = &a->e[0].segment;
	int rc = lk_record_info(s->m, name->bytes, name->len, &info);

	*is = false;
	if (rc == 0 && info.holders == 0 && info.waiters == 0 &&
	    (info.flags & LK_RECORD_DAMAGED) == 0)
		return 0;
	rc = take(s, a);
	*is = rc == LK_E_BUSY || rc == LK_E_TIMEDOUT;
	return *is ? 0 : rc;
}

static void
op_exists(struct stdio *s, struct job *j)
{
	struct attempt a = { 0 };
	struct wrong why = { "" };
	struct kept e;
	bool is = false;
	int rc = read_keys(j->request, true, &a, &why);

	if (rc == 0)
		rc = find(s, &a.e[0].segment, &e);
	if (rc == 0) {
		is = true;
		kept_free(&e);
	} else if (rc == LK_E_NOENT) {
		rc = is_taken(s, &a, &is);
	}
	if (rc == 0)
		answer(s, j->id, json_boolean(is));
	else
		answer_wrong(s, j->id, rc, &why);
	attempt_free(&a);
}

static json_t *
time_of(double ms)
{
	return isinf(ms) ? json_string("Infinity") : json_real(ms);
}

static json_t *
info_of(const struct name *key, const struct kept *e)
{
	json_t *told = json_object();

	put_bytes(told, "key", key->bytes, key->len);
	put_bytes(told, "value", e->value.bytes, e->value.len);
	(void)json_object_set_new(told, "expiresAt", time_of(e->expires_ms));
	(void)json_object_set_new(told, "createdAt", time_of(e->created_ms));
	return told;
}

static void
op_get_lock_info(struct stdio *s, struct job *j)
{
	struct name key = { 0 }, segment = { 0 };
	struct wrong why = { "" };
	struct kept e;
	int rc = field_bytes(j->request, "key", &key, &why);

	if (rc == 0)
		rc = segment_of(&key, &segment);
	if (rc == 0)
		rc = find(s, &segment, &e);
	if (rc == 0) {
		answer(s, j->id, info_of(&key, &e));
		kept_free(&e);
	} else if (rc == LK_E_NOENT) {
		answer(s, j->id, json_null());
	} else {
		answer_wrong(s, j->id, rc, &why);
	}
	name_free(&segment);
	name_free(&key);
}

/* --------------------------------------------------------------------------- clean, end */

/* What is over goes, of all processes. */
static int
clean(struct stdio *s, json_int_t *n)
{
	struct kept *all;
	size_t found;
	int rc = open_shelf(s);

	*n = 0;
	if (rc == 0)
		rc = shelf_copy(s->pairs->shelf, &all, &found);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < found; i++) {
		rc = lk_token_check(s->m, all[i].token);
		if (rc != LK_E_LOST && rc != LK_E_STALE && rc != LK_E_INVAL)
			continue;
		forget(drop(s, &all[i]));
		++*n;
	}
	shelf_forget(all, found);
	return 0;
}

static void
op_cleanup(struct stdio *s, struct job *j)
{
	json_int_t n;
	const int rc = clean(s, &n);

	forget(lk_sweep(s->m, NULL));
	if (j->id == NULL) /* it is the clock that asked */
		return;
	if (rc == 0)
		answer(s, j->id, json_integer(n));
	else
		answer_wrong(s, j->id, rc, NULL);
}

/* twalk_r() must not change what it walks over. */
struct endless {
	struct stdio *s;
	char (*lost)[LK_TOKEN_MAX];
	size_t n;
};

enum { LOST_MAX = 64 };

static void
renew_one(const void *node, VISIT which, void *arg)
{
	const struct own *o = *(struct own *const *)node;
	struct endless *w = arg;
	int rc;

	if ((which != postorder && which != leaf) || !o->is_endless)
		return;
	rc = lk_token_renew(w->s->m, o->token, w->s->pairs->endless_ns);
	if ((rc == LK_E_LOST || rc == LK_E_STALE) && w->n < LOST_MAX)
		strcpy(w->lost[w->n++], o->token);
}

void
pairs_renew(struct stdio *s, struct job *j)
{
	char lost[LOST_MAX][LK_TOKEN_MAX];
	struct endless w = { s, lost, 0 };

	(void)j;
	if (s->pairs->store == NULL)
		return; /* those in memory last as long as this process */
	twalk_r(s->pairs->root, renew_one, &w);
	for (size_t i = 0; i < w.n; i++)
		own_forget(s->pairs, lost[i]);
}

uint64_t
pairs_renew_ms(struct stdio *s)
{
	char text[LK_CONFIG_TEXT_MAX];
	uint64_t ns = 0;

	if (lk_config_get(s->m, "ttl_ns", text, sizeof(text)) != 0 || !text_number(text, &ns))
		return 10000;
	return ns / 3000000 < INT32_MAX ? ns / 3000000 : INT32_MAX;
}

void
pairs_end(struct stdio *s, struct job *j)
{
	struct pairs *p = s->pairs;

	(void)j;
	while (p->root != NULL) { /* (KV2) */
		const struct own *o = *(struct own **)p->root;
		struct kept e = { .segment = o->segment };

		strcpy(e.token, o->token);
		forget(drop(s, &e));
		own_forget(p, e.token);
	}
}

void
pairs_free(struct stdio *s)
{
	struct pairs *p = s->pairs;

	pairs_end(s, NULL);
	strand_leave(&s->work, p->strand);
	if (p->shelf != NULL)
		shelf_free(p->shelf);
	if (p->store != NULL)
		lk_store_close(p->store);
	free(p);
}

const struct op ops_pairs[] = {
	{ "tryAcquire", "key key_hex value value_hex ttl_ms", op_try_acquire, ON_PAIRS, false },
	{ "tryAcquireMultiple", "keys value value_hex ttl_ms", op_try_acquire_multiple, ON_PAIRS,
	  false },
	{ "release", "key key_hex value value_hex", op_release_key, ON_PAIRS, false },
	{ "releaseMultiple", "keys value value_hex", op_release_multiple, ON_PAIRS, false },
	{ "exists", "key key_hex", op_exists, ON_PAIRS, false },
	{ "getLockInfo", "key key_hex", op_get_lock_info, ON_PAIRS, false },
	{ "cleanup", "", op_cleanup, ON_PAIRS, false },
	{ NULL, NULL, NULL, AT_ONCE, false },
};
