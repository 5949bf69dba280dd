/* SPDX-License-Identifier: MIT */
/* Chunks, the free list, and the walk over all objects. */
#include <string.h>

#include "base/slab.h"

static aptr *
link_of(const struct slab *s, void *object)
{
	return (aptr *)(void *)((char *)object + s->link);
}

void
slab_init(struct slab *s, struct env *env, void *home, size_t object, size_t link)
{
	s->env = env;
	s->home = home;
	s->object = (uint32_t)object;
	s->link = (uint32_t)link;
	s->per_chunk = (uint32_t)((SLAB_CHUNK - sizeof(struct slab_chunk)) / object);
	latch_init(&s->latch);
	s->chunks = NULL;
	s->free = NULL;
	s->fresh = 0;
	s->n_ready = 0;
	s->reserve = NULL;
	s->reserve_bytes = 0;
}

static bool
is_reserved(const struct slab *s, const void *chunk)
{
	return (uintptr_t)chunk - (uintptr_t)s->reserve < s->reserve_bytes;
}

void
slab_fini(struct slab *s)
{
	while (s->chunks != NULL) {
		struct slab_chunk *c = s->chunks;

		s->chunks = c->next;
		if (!is_reserved(s, c))
			env_free(s->env, c, SLAB_CHUNK);
	}
	env_free(s->env, s->reserve, s->reserve_bytes);
	s->free = NULL;
	s->fresh = 0;
	s->n_ready = 0;
	s->reserve = NULL;
	s->reserve_bytes = 0;
}

/* Addresses must fit into the 48 bits that the index has for them. */
static bool
is_fit(const void *p, size_t size)
{
	return ((uintptr_t)p & (SLAB_ALIGN - 1)) == 0 && ((uintptr_t)p + size) >> 48 == 0;
}

bool
slab_reserve(struct slab *s, uint64_t n)
{
	const uint64_t chunks = (n + s->per_chunk - 1) / s->per_chunk;
	const size_t bytes = (size_t)chunks * SLAB_ALIGN;
	void *p = env_alloc_large(s->env, bytes, SLAB_ALIGN);

	if (p == NULL)
		return false;
	if (!is_fit(p, bytes)) {
		env_free(s->env, p, bytes);
		return false;
	}
	memset(p, 0, bytes); /* (S3) */
	s->reserve = p;
	s->reserve_bytes = bytes;
	s->n_ready = (uint32_t)chunks;
	return true;
}

/* Under the latch: memory of a chunk, zeros.  NULL: there is none. */
static struct slab_chunk *
get_chunk(struct slab *s)
{
	const uint32_t n = RD(s->n_ready);
	struct slab_chunk *c;

	if (n > 0) {
		WR(s->n_ready, n - 1);
		return (void *)(s->reserve + s->reserve_bytes - (size_t)n * SLAB_ALIGN);
	}
	c = env_zalloc(s->env, SLAB_CHUNK, SLAB_ALIGN);
	if (c == NULL || is_fit(c, SLAB_CHUNK))
		return c;
	env_free(s->env, c, SLAB_CHUNK);
	return NULL;
}

/* Under the latch. */
static bool
add_chunk(struct slab *s)
{
	struct slab_chunk *c = get_chunk(s);

	if (c == NULL)
		return false;
	c->home = s->home;
	c->next = RD(s->chunks);
	WR(s->chunks, c);
	WR(s->fresh, s->per_chunk);
	return true;
}

/* Under the latch: the first object that was never handed out; NULL: no memory. */
static void *
first_fresh(struct slab *s)
{
	if (RD(s->fresh) == 0 && !add_chunk(s))
		return NULL;
	return slab_object(s, RD(s->chunks), s->per_chunk - RD(s->fresh));
}

/* Under the latch. */
static void *
take(struct slab *s)
{
	void *p = RD(s->free);

	if (p != NULL) {
		WR(s->free, shim_load(link_of(s, p), SHIM_RELAXED));
		return p;
	}
	p = first_fresh(s);
	if (p != NULL)
		WR(s->fresh, RD(s->fresh) - 1);
	return p;
}

unsigned
slab_get_many(struct slab *s, void **out, unsigned n)
{
	unsigned got = 0;

	latch_lock(&s->latch);
	while (got < n && (out[got] = take(s)) != NULL)
		got++;
	latch_unlock(&s->latch);
	return got;
}

void
slab_put_many(struct slab *s, void **objects, unsigned n)
{
	latch_lock(&s->latch);
	for (unsigned i = 0; i < n; i++) {
		shim_store(link_of(s, objects[i]), RD(s->free), SHIM_RELAXED);
		WR(s->free, objects[i]);
	}
	latch_unlock(&s->latch);
}

/* Of `n` objects from `p` on, those that begin on its page. */
static unsigned
on_page(const struct slab *s, const void *p, unsigned n)
{
	const uint32_t left = SLAB_PAGE - (uint32_t)((uintptr_t)p & (SLAB_PAGE - 1));
	const uint32_t most = (left + s->object - 1) / s->object;

	return n < most ? n : most;
}

unsigned
slab_get_run(struct slab *s, void **first, unsigned n)
{
	unsigned got = 0;

	latch_lock(&s->latch);
	*first = RD(s->free);
	if (*first == NULL && (*first = first_fresh(s)) != NULL) {
		got = on_page(s, *first, n < RD(s->fresh) ? n : RD(s->fresh));
		WR(s->fresh, RD(s->fresh) - got);
	}
	latch_unlock(&s->latch);
	return got;
}

void
slab_each(struct slab *s, bool (*visit)(void *object, void *arg), void *arg)
{
	struct slab_chunk *c;
	uint32_t n;

	latch_lock(&s->latch);
	c = RD(s->chunks);
	n = s->per_chunk - RD(s->fresh);
	latch_unlock(&s->latch);
	for (; c != NULL; c = c->next, n = s->per_chunk) {
		for (uint32_t i = 0; i < n; i++) {
			if (!visit(slab_object(s, c, i), arg))
				return;
		}
	}
}
