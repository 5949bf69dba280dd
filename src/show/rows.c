/* SPDX-License-Identifier: MIT */
/* Keeping rows: copies in chunks that do not move, and an array of where they are. */
#include "show/rows.h"

#include "index/path.h"

enum { CHUNK = 65536 };

struct rows_chunk {
	struct rows_chunk *older;
	size_t size; /* of the whole */
	size_t used;
};

static void *
take(struct rows *rows, size_t size)
{
	struct rows_chunk *c = rows->chunk;
	void *p;

	if (c == NULL || c->size - c->used < size) {
		c = env_alloc(&rows->m->env, CHUNK, sizeof(void *));
		if (c == NULL)
			return NULL;
		*c = (struct rows_chunk){ rows->chunk, CHUNK, sizeof(*c) };
		rows->chunk = c;
	}
	p = (char *)c + c->used;
	c->used += (size + 7) & ~(size_t)7;
	return p;
}

static void *
copy(char **to, const void *from, size_t len)
{
	void *at = *to;

	if (len > 0)
		memcpy(at, from, len);
	*to += len;
	return at;
}

static void
set_name(struct row *r, uint64_t seed)
{
	uint64_t id;

	if ((r->is.flags & LK_NAME_IS_ID) == 0) {
		(void)name_set(&r->name, r->is.name, r->is.name_len, 0, seed);
		return;
	}
	memcpy(&id, r->is.name, sizeof(id));
	name_set_id(&r->name, &id, seed);
	r->name.bytes = r->is.name;
}

_Static_assert(sizeof(struct row) + LK_LABEL_MAX + 1 + LK_NAME_MAX + LK_TAG_MAX + 8 +
			       sizeof(struct rows_chunk) <=
		       CHUNK,
	       "a row fits into a chunk");

/* Called by lk_snapshot() for each row. */
static int
keep(void *arg, const struct lk_snapshot_row *given)
{
	struct rows *rows = arg;
	const size_t label = strlen(given->owner_label) + 1;
	struct row *r = take(rows, sizeof(*r) + label + given->name_len + given->tag_len);
	char *text;

	if (r == NULL)
		return LK_E_NOMEM;
	*r = (struct row){ .is = *given };
	text = (char *)(r + 1);
	r->is.owner_label = copy(&text, given->owner_label, label);
	r->is.name = copy(&text, given->name, given->name_len);
	r->is.tag = copy(&text, given->tag, given->tag_len);
	set_name(r, rows->m->index.seed);
	rows->n++;
	return 0;
}

static struct row *
keep_owner(struct rows *rows, const struct lk_owner *w)
{
	char label[LK_LABEL_MAX + 1];
	struct lk_snapshot_row is = { .owner_label = label, .name = "", .tag = "" };
	struct row *r;
	char *text;

	owner_label(w, label);
	is.owner_id = shim_load(&w->id, SHIM_ACQUIRE);
	r = take(rows, sizeof(*r) + strlen(label) + 1);
	if (r == NULL)
		return NULL;
	*r = (struct row){ .is = is, .name.bytes = "" };
	text = (char *)(r + 1);
	r->is.owner_label = copy(&text, label, strlen(label) + 1);
	rows->n++;
	return r;
}

static bool
keep_outside(void *arg, const struct lk_owner *w, const struct lk_owner *on)
{
	struct rows *rows = arg;
	struct row *waits = keep_owner(rows, w);
	struct row *waited_for = waits != NULL ? keep_owner(rows, on) : NULL;

	if (waited_for == NULL) {
		rows->rc = LK_E_NOMEM;
		return false;
	}
	waits->outside = waited_for;
	return true;
}

static size_t
row_bytes(const struct row *r)
{
	const size_t bytes =
		sizeof(*r) + strlen(r->is.owner_label) + 1 + r->is.name_len + r->is.tag_len;

	return (bytes + 7) & ~(size_t)7;
}

/* The chunks from the newest back, in each from its first: so the last are written first. */
static void
list(struct rows *rows)
{
	size_t end = rows->n;

	for (struct rows_chunk *c = rows->chunk; c != NULL; c = c->older) {
		size_t n = 0;

		for (size_t at = sizeof(*c); at < c->used; n++)
			at += row_bytes((struct row *)(void *)((char *)c + at));
		end -= n;
		for (size_t at = sizeof(*c), i = end; at < c->used; i++) {
			rows->at[i] = (struct row *)(void *)((char *)c + at);
			at += row_bytes(rows->at[i]);
		}
	}
}

int
rows_collect(struct rows *rows, struct lk_manager *m, bool outside)
{
	*rows = (struct rows){ .m = m };
	rows->rc = lk_snapshot(m, keep, rows);
	if (rows->rc == 0 && outside)
		detector_each_outside(&m->detector, keep_outside, rows);
	if (rows->rc != 0 || rows->n == 0)
		return rows->rc;
	rows->at = env_alloc(&m->env, 2 * rows->n * sizeof(struct row *), sizeof(struct row *));
	if (rows->at == NULL)
		return LK_E_NOMEM;
	list(rows);
	return 0;
}

void
rows_free(struct rows *rows)
{
	struct env *env = &rows->m->env;

	if (rows->at != NULL)
		env_free(env, rows->at, 2 * rows->n * sizeof(struct row *));
	while (rows->chunk != NULL) {
		struct rows_chunk *c = rows->chunk;

		rows->chunk = c->older;
		env_free(env, c, c->size);
	}
}

/* Two ordered runs next to each other, of `mid` and `n - mid`, into one. */
static void
merge(const struct rows *rows, rows_compare *compare, struct row **from, size_t mid, size_t n,
      struct row **to)
{
	size_t i = 0;
	size_t j = mid;

	while (i < mid && j < n)
		*to++ = compare(rows, from[i], from[j]) > 0 ? from[j++] : from[i++];
	while (i < mid)
		*to++ = from[i++];
	while (j < n)
		*to++ = from[j++];
}

void
rows_sort(struct rows *rows, rows_compare *compare)
{
	struct row **from = rows->at;
	struct row **to = rows->at + rows->n;

	for (size_t run = 1; run < rows->n; run *= 2) {
		struct row **sorted = to;

		for (size_t i = 0; i < rows->n; i += 2 * run) {
			size_t n = rows->n - i < 2 * run ? rows->n - i : 2 * run;

			merge(rows, compare, from + i, n < run ? n : run, n, to + i);
		}
		to = from;
		from = sorted;
	}
	if (from != rows->at)
		memcpy(rows->at, from, rows->n * sizeof(struct row *));
}

static int
order(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

int
rows_by_name(const struct rows *rows, const struct row *a, const struct row *b)
{
	int by = path_compare(&rows->m->index, &a->name, &b->name);

	if (by == 0)
		by = order(row_waits(a), row_waits(b));
	if (by == 0)
		by = order(a->is.position, b->is.position);
	return by != 0 ? by : order(a->is.owner_id, b->is.owner_id);
}

int
rows_by_owner(const struct rows *rows, const struct row *a, const struct row *b)
{
	(void)rows;
	return order(a->is.owner_id, b->is.owner_id);
}

size_t
rows_same_name(const struct rows *rows, size_t first)
{
	size_t n = 1;

	while (first + n < rows->n && path_compare(&rows->m->index, &rows->at[first]->name,
						   &rows->at[first + n]->name) == 0)
		n++;
	return n;
}

struct said
row_name(const struct row *r)
{
	return (struct said){
		.bytes = r->is.name,
		.len = r->is.name_len,
		.kept = r->is.name_len,
		.is_id = (r->is.flags & LK_NAME_IS_ID) != 0,
	};
}

struct said
row_tag(const struct row *r)
{
	return (struct said){ .bytes = r->is.tag, .len = r->is.tag_len, .kept = r->is.tag_len };
}
