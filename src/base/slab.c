/* SPDX-License-Identifier: MIT */
/* Chunks, the free list, and the walk over all objects. */
#include <string.h>

#include "base/slab.h"

static aptr *
link_of(const struct slab *s, void *object)
{
	return (aptr *)(void *)((char *)object + s->link);
}

/*
 * What is left over of a chunk lies before its objects.  So the first large ones, as owners are, and the first small ones, as entries, do not
 * begin at the same place of a page: processors take a load for that of what was stored a moment ago at the same place of another
 * page, and start again.
 */
static void *
object_at(const struct slab *s, struct slab_chunk *c, uint32_t i)
{
	return (char *)c + SLAB_CHUNK - (size_t)(s->per_chunk - i) * s->object;
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
}

void
slab_fini(struct slab *s)
{
	while (s->chunks != NULL) {
		struct slab_chunk *c = s->chunks;

		s->chunks = c->next;
		env_free(s->env, c, SLAB_CHUNK);
	}
	s->free = NULL;
	s->fresh = 0;
}

/* Under the latch.  Addresses must fit into the 48 bits that the index has for them. */
static bool
add_chunk(struct slab *s)
{
	struct slab_chunk *c = env_zalloc(s->env, SLAB_CHUNK, SLAB_ALIGN);

	if (c == NULL)
		return false;
	if (((uintptr_t)c & (SLAB_ALIGN - 1)) != 0 || ((uintptr_t)c >> 48) != 0) {
		env_free(s->env, c, SLAB_CHUNK);
		return false;
	}
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
	return object_at(s, RD(s->chunks), s->per_chunk - RD(s->fresh));
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
			if (!visit(object_at(s, c, i), arg))
				return;
		}
	}
}
