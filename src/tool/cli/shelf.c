/* SPDX-License-Identifier: MIT */
/* What is kept of keys beside their locks, in records of the store, or in memory.  (SH1-SH3) */
#include <math.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shelf.h"
#include "times.h"

#define FORM "latchkey key 1"

enum { KIND = 'k' };
#define PATIENCE_NS UINT64_C(10000000000)

struct shelf {
	struct lk_store *store;
	void *root; /* of struct kept, by segment; without a store */
};

struct shelf *
shelf_make(struct lk_store *store)
{
	struct shelf *s = calloc(1, sizeof(*s));

	if (s != NULL)
		s->store = store;
	return s;
}

void
kept_free(struct kept *e)
{
	name_free(&e->segment);
	name_free(&e->value);
}

void
shelf_forget(struct kept *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		kept_free(&all[i]);
	free(all);
}

static bool
copy_bytes(struct name *to, const void *bytes, size_t len)
{
	*to = (struct name){ .bytes = malloc(len + 1), .len = len, .is_made = true };
	if (to->bytes != NULL && len != 0)
		memcpy(to->bytes, bytes, len);
	return to->bytes != NULL;
}

static int
copy_kept(struct kept *to, const struct kept *from)
{
	*to = *from;
	to->segment = to->value = (struct name){ 0 };
	if (copy_bytes(&to->segment, from->segment.bytes, from->segment.len) &&
	    copy_bytes(&to->value, from->value.bytes, from->value.len))
		return 0;
	kept_free(to);
	return LK_E_NOMEM;
}

static uint64_t
fence_of(const char *token)
{
	struct lk_token_info info = { .size = (uint32_t)sizeof(info) };

	return lk_token_parse(token, &info) == 0 ? info.fence : 0;
}

/* -------------------------------------------------------------------------- its record */

/* Text, to be freed; NULL: no memory. */
static char *
kept_text(const struct kept *e)
{
	json_t *o = json_pack("{s:s, s:s, s:f, s:o}", "form", FORM, "token", e->token, "created",
			      e->created_ms, "fence", number_text(fence_of(e->token)));
	char *text;

	if (o == NULL)
		return NULL;
	put_bytes(o, "value", e->value.bytes, e->value.len);
	if (!isinf(e->expires_ms))
		(void)json_object_set_new(o, "expires", json_real(e->expires_ms));
	text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(17));
	json_decref(o);
	return text;
}

/* NULL: it is nothing of ours. */
static json_t *
parse(const void *bytes, size_t len)
{
	json_t *o = len != 0 ? json_loadb(bytes, len, JSON_ALLOW_NUL, NULL) : NULL;
	const char *form = json_string_value(json_object_get(o, "form"));

	if (form != NULL && strcmp(form, FORM) == 0)
		return o;
	json_decref(o);
	return NULL;
}

/* Its value, in memory of its own. */
static int
read_value(const json_t *o, struct name *out)
{
	struct name said = { 0 };
	struct wrong why;
	const int rc = field_bytes(o, "value", &said, &why);

	if (rc != 0)
		return LK_E_CORRUPT;
	if (said.is_made) {
		*out = said;
		return 0;
	}
	return copy_bytes(out, said.bytes, said.len) ? 0 : LK_E_NOMEM;
}

static int
read_kept(const void *bytes, size_t len, const struct name *segment, struct kept *out)
{
	json_t *o = parse(bytes, len);
	const char *token = json_string_value(json_object_get(o, "token"));
	const json_t *expires = json_object_get(o, "expires");
	int rc = LK_E_NOENT;

	*out = (struct kept){ 0 };
	if (token != NULL && strlen(token) < sizeof(out->token)) {
		strcpy(out->token, token);
		out->created_ms = json_number_value(json_object_get(o, "created"));
		out->expires_ms = expires != NULL ? json_number_value(expires) : INFINITY;
		rc = read_value(o, &out->value);
	}
	json_decref(o);
	if (rc == 0 && !copy_bytes(&out->segment, segment->bytes, segment->len))
		rc = LK_E_NOMEM;
	if (rc != 0)
		kept_free(out);
	return rc;
}

/* ------------------------------------------------------------------------- in a store */

struct key {
	size_t len;
	unsigned char name[1 + LK_NAME_MAX];
};

static void
set_key(struct key *k, const struct name *segment)
{
	k->name[0] = KIND;
	k->len = 1 + (segment->len < LK_NAME_MAX ? segment->len : LK_NAME_MAX);
	memcpy(k->name + 1, segment->bytes, k->len - 1);
}

struct one {
	const struct name *segment;
	struct kept *out;
	int rc;
};

static int
see(void *arg, struct lk_store_record *r, size_t n)
{
	struct one *one = arg;

	(void)n;
	if (one->rc == 0)
		kept_free(one->out);
	one->rc = read_kept(r->old, r->old_len, one->segment, one->out);
	return 0;
}

static int
read_in_store(struct shelf *s, const struct name *segment, struct kept *out)
{
	struct one one = { segment, out, LK_E_NOENT };
	struct lk_store_record r;
	struct key k;
	int rc;

	set_key(&k, segment);
	r = (struct lk_store_record){ .name = k.name, .len = k.len };
	rc = s->store->ops->read(s->store, &r, 1, see, &one, times_now() + PATIENCE_NS);
	if (rc != 0 && one.rc == 0)
		kept_free(out);
	return rc != 0 ? rc : one.rc;
}

/* New ones, those that are newer than what is there.  (SH2) */
struct writing {
	char **text;
	const struct kept *e;
};

static int
write_newer(void *arg, struct lk_store_record *r, size_t n)
{
	const struct writing *w = arg;

	for (size_t i = 0; i < n; i++) {
		json_t *old = parse(r[i].old, r[i].old_len);
		const char *fence = json_string_value(json_object_get(old, "fence"));
		uint64_t number = 0;

		if (fence == NULL || !text_number(fence, &number) ||
		    number < fence_of(w->e[i].token)) {
			r[i].fresh = w->text[i];
			r[i].fresh_len = strlen(w->text[i]);
			r[i].changed = 1;
		}
		json_decref(old);
	}
	return 0;
}

enum { BATCH = 64 };

static int
write_batch(struct shelf *s, const struct kept *e, size_t n)
{
	struct lk_store_record r[BATCH] = { 0 };
	char *text[BATCH] = { NULL };
	struct writing w = { text, e };
	struct key *keys = calloc(n, sizeof(*keys));
	int rc = keys != NULL ? 0 : LK_E_NOMEM;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		set_key(&keys[i], &e[i].segment);
		r[i] = (struct lk_store_record){
			.name = keys[i].name,
			.len = keys[i].len,
			.flags = LK_STORE_REPAIR, /* what was there does not count */
		};
		text[i] = kept_text(&e[i]);
		if (text[i] == NULL)
			rc = LK_E_NOMEM;
		else if (strlen(text[i]) > LK_STORE_RECORD_MAX)
			rc = LK_E_LIMIT;
	}
	if (rc == 0)
		rc = s->store->ops->update(s->store, r, n, write_newer, &w,
					   times_now() + PATIENCE_NS);
	for (size_t i = 0; i < n; i++)
		free(text[i]);
	free(keys);
	return rc;
}

static int
remove_own(void *arg, struct lk_store_record *r, size_t n)
{
	const char *mine = arg;
	json_t *old = parse(r->old, r->old_len);
	const char *token = json_string_value(json_object_get(old, "token"));

	(void)n;
	r->changed = r->old_len != 0 && token != NULL && strcmp(token, mine) == 0;
	json_decref(old);
	return 0;
}

static int
remove_in_store(struct shelf *s, const struct name *segment, const char *token)
{
	struct lk_store_record r;
	struct key k;

	set_key(&k, segment);
	r = (struct lk_store_record){ .name = k.name, .len = k.len };
	return s->store->ops->update(s->store, &r, 1, remove_own, (void *)token,
				     times_now() + PATIENCE_NS);
}

/* -------------------------------------------------------------------------- in memory */

static int
compare(const void *a, const void *b)
{
	const struct name *x = &((const struct kept *)a)->segment;
	const struct name *y = &((const struct kept *)b)->segment;
	const size_t n = x->len < y->len ? x->len : y->len;
	const int d = n != 0 ? memcmp(x->bytes, y->bytes, n) : 0;

	return d != 0 ? d : x->len < y->len ? -1 : x->len > y->len;
}

static struct kept *
find(const struct shelf *s, const struct name *segment)
{
	const struct kept probe = { .segment = *segment };
	void *at = tfind(&probe, &s->root, compare);

	return at != NULL ? *(struct kept **)at : NULL;
}

static void
remove_in_memory(struct shelf *s, struct kept *e)
{
	(void)tdelete(e, &s->root, compare);
	kept_free(e);
	free(e);
}

static int
write_in_memory(struct shelf *s, const struct kept *from)
{
	struct kept *old = find(s, &from->segment);
	struct kept *e = calloc(1, sizeof(*e));

	if (e == NULL || copy_kept(e, from) != 0) {
		free(e);
		return LK_E_NOMEM;
	}
	if (old != NULL)
		remove_in_memory(s, old);
	if (tsearch(e, &s->root, compare) != NULL)
		return 0;
	kept_free(e);
	free(e);
	return LK_E_NOMEM;
}

/* ----------------------------------------------------------------------------- either */

int
shelf_read(struct shelf *s, const struct name *segment, struct kept *out)
{
	const struct kept *e;

	if (s->store != NULL)
		return read_in_store(s, segment, out);
	e = find(s, segment);
	return e != NULL ? copy_kept(out, e) : LK_E_NOENT;
}

int
shelf_write(struct shelf *s, const struct kept *e, size_t n)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && s->store == NULL && i < n; i++)
		rc = write_in_memory(s, &e[i]);
	for (size_t i = 0; rc == 0 && s->store != NULL && i < n; i += BATCH)
		rc = write_batch(s, e + i, n - i < BATCH ? n - i : BATCH);
	return rc;
}

int
shelf_remove(struct shelf *s, const struct name *segment, const char *token)
{
	struct kept *e;

	if (s->store != NULL)
		return remove_in_store(s, segment, token);
	e = find(s, segment);
	if (e != NULL && strcmp(e->token, token) == 0)
		remove_in_memory(s, e);
	return 0;
}

/* ------------------------------------------------------------------------------- all */

struct copy {
	struct kept *all;
	size_t n, cap;
	int rc;
};

static struct kept *
make_room(struct copy *c)
{
	if (c->n == c->cap) {
		const size_t cap = 2 * c->cap + 64;
		struct kept *moved = realloc(c->all, cap * sizeof(*moved));

		if (moved == NULL) {
			c->rc = LK_E_NOMEM;
			return NULL;
		}
		c->all = moved;
		c->cap = cap;
	}
	return &c->all[c->n];
}

static int
copy_record(void *arg, const struct lk_store_record *r)
{
	struct copy *c = arg;
	struct kept *e;
	struct name segment;
	int rc;

	if (r->status != 0 || r->name == NULL || r->len < 2 || *(const char *)r->name != KIND)
		return 0;
	e = make_room(c);
	if (e == NULL)
		return LK_E_NOMEM;
	segment = (struct name){ .bytes = (unsigned char *)r->name + 1, .len = r->len - 1 };
	rc = read_kept(r->old, r->old_len, &segment, e);
	c->n += rc == 0;
	return rc == LK_E_NOMEM ? rc : 0;
}

static void
copy_node(const void *node, VISIT which, void *arg)
{
	struct copy *c = arg;
	struct kept *e;

	if ((which != postorder && which != leaf) || c->rc != 0)
		return;
	e = make_room(c);
	if (e == NULL)
		return;
	c->rc = copy_kept(e, *(struct kept *const *)node);
	c->n += c->rc == 0;
}

int
shelf_copy(struct shelf *s, struct kept **all, size_t *n)
{
	struct copy c = { 0 };

	if (s->store != NULL)
		c.rc = s->store->ops->scan(s->store, "k", 1, copy_record, &c,
					   times_now() + PATIENCE_NS);
	else
		twalk_r(s->root, copy_node, &c);
	if (c.rc != 0)
		shelf_forget(c.all, c.n);
	*all = c.rc == 0 ? c.all : NULL;
	*n = c.rc == 0 ? c.n : 0;
	return c.rc;
}

void
shelf_free(struct shelf *s)
{
	while (s->root != NULL)
		remove_in_memory(s, *(struct kept **)s->root);
	free(s);
}
