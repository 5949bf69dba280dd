/* SPDX-License-Identifier: MIT */
/* The names that come most often.  (V3, V4, V5) */
#include "trace/sketch.h"

void
sketch_init(struct sketch *s)
{
	latch_init(&s->latch);
	s->n = 0;
}

void
sketch_name(struct sketch_name *out, const struct lk_resource *r, uint64_t seed)
{
	struct name n;
	const void *bytes;
	size_t len;
	bool is_id;
	uint64_t id;

	memset(out, 0, sizeof(*out));
	bytes = resource_name(r, &len, &is_id);
	if (is_id) {
		memcpy(&id, bytes, sizeof(id));
		name_set_id(&n, &id, seed);
	} else if (!name_set(&n, bytes, len, 0, seed)) {
		return; /* what an entry has is a name */
	}
	out->hash = n.hash;
	out->tail = n.tail;
	memcpy(out->bytes, bytes, len < sizeof(out->bytes) ? len : sizeof(out->bytes));
}

static bool
is_name(const struct sketch_name *a, const struct sketch_name *b)
{
	return a->hash == b->hash && a->tail == b->tail &&
	       memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static struct sketch_entry *
find(struct sketch *s, const struct sketch_name *name)
{
	for (uint32_t i = 0; i < s->n; i++) {
		if (is_name(&s->entry[i].name, name))
			return &s->entry[i];
	}
	return NULL;
}

static struct sketch_entry *
least(struct sketch *s)
{
	struct sketch_entry *e = &s->entry[0];

	for (uint32_t i = 1; i < s->n; i++) {
		if (s->entry[i].count < e->count)
			e = &s->entry[i];
	}
	return e;
}

/* A place for a name that has none.  (V4) */
static struct sketch_entry *
enter(struct sketch *s, const struct sketch_name *name)
{
	struct sketch_entry *e;

	if (s->n < LK_TOP_NAMES) {
		e = &s->entry[s->n++];
		e->count = 0;
	} else {
		e = least(s);
	}
	e->name = *name;
	e->error = e->count;
	e->total_ns = 0;
	e->max_ns = 0;
	return e;
}

void
sketch_add(struct sketch *s, const struct sketch_name *name, uint64_t ns, uint64_t weight)
{
	struct sketch_entry *e;

	latch_lock(&s->latch);
	e = find(s, name);
	if (e == NULL)
		e = enter(s, name);
	e->count += weight;
	e->total_ns = times_sum(e->total_ns, times_product(ns, weight));
	if (ns > e->max_ns)
		e->max_ns = ns;
	latch_unlock(&s->latch);
}

/* They are few. */
static void
sort(struct sketch_entry *e, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++) {
		struct sketch_entry moved = e[i];
		uint32_t k = i;

		for (; k > 0 && e[k - 1].count < moved.count; k--)
			e[k] = e[k - 1];
		e[k] = moved;
	}
}

uint32_t
sketch_read(struct sketch *s, struct sketch_entry out[LK_TOP_NAMES])
{
	uint32_t n;

	latch_lock(&s->latch);
	n = s->n;
	memcpy(out, s->entry, n * sizeof(out[0]));
	latch_unlock(&s->latch);
	sort(out, n);
	return n;
}
