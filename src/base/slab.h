/* SPDX-License-Identifier: MIT */
/*
 * Slab: objects of one size whose memory stays what it is until the manager closes.
 *
 * S1  memory of a slab is never anything but an object of that slab, free or in use, until
 *     slab_fini(): a reader that comes too late reads an object, not foreign memory.
 * S2  the only bytes that slab code writes into an object are those of the link, at the offset
 *     that its user chose, and only while the object is free.
 * S3  an object that was never used is all zeros.
 *
 * S4  a run is objects side by side that were never handed out, on one page; it is one user's.
 * S5  chunks that were reserved are in one piece of memory, in use or not, and come before all others.
 * S6  objects of a chunk lie side by side up to its end, what is left over before them; slab_object() alone says where.
 *
 * A processor that misses lines of a page fetches others of that page ahead, and takes them from who is writing them.  So
 * objects that one thread uses, and each of its neighbours in memory another one, cost nearly what shared ones do: two
 * threads with a thousand entries each took one and a half times as long, up to eight of one beside eight of the
 * other.  On pages of their own they take what one takes.
 *
 * Chunks of 64 KiB are aligned to their size, so that the chunk, and through it the `home` of an
 * object, is found from the object's address.
 */
#ifndef LK_BASE_SLAB_H
#define LK_BASE_SLAB_H

#include "base/env.h"
#include "base/latch.h"

#ifndef LK_SLAB_ALIGN
#define LK_SLAB_ALIGN 65536 /* a tester makes it smaller */
#endif

/* What a chunk leaves of its alignment is malloc's own header. */
enum { SLAB_ALIGN = LK_SLAB_ALIGN, SLAB_CHUNK = SLAB_ALIGN - 128, SLAB_PAGE = 4096 };

struct slab_chunk {
	void *home;
	struct slab_chunk *next;
} LK_ALIGNED;

struct slab {
	struct env *env;
	void *home;      /* what slab_home() answers */
	uint32_t object; /* bytes */
	uint32_t link;   /* offset of an aptr in a free object (S2) */
	uint32_t per_chunk;
	struct latch latch;
	/* under the latch: */
	struct slab_chunk *chunks;
	void *free;
	uint32_t fresh;   /* objects of the newest chunk that were never handed out */
	uint32_t n_ready; /* chunks of the reserve that are not in use yet: the last ones */
	char *reserve;    /* (S5); NULL: there is none */
	size_t reserve_bytes;
};

/*
 * Object `i` of a chunk, handed out or not.  (S6)
 *
 * What is left over lies before them, so that the first large ones, as owners are, and the first small ones, as entries, do not
 * begin at the same place of a page: processors take a load for that of what was stored a moment ago at the same place of another
 * page, and start again.
 */
static inline void *
slab_object(const struct slab *s, struct slab_chunk *c, uint32_t i)
{
	return (char *)c + SLAB_CHUNK - (size_t)(s->per_chunk - i) * s->object;
}

void slab_init(struct slab *s, struct env *env, void *home, size_t object, size_t link);
void slab_fini(struct slab *s);

/*
 * Have memory for `n` objects, at least, there and touched, before the first one is asked for and anybody else knows of the
 * slab.  False: it is not to be had, and nothing has changed.
 */
bool slab_reserve(struct slab *s, uint64_t n);

/* Up to `n` objects into `out`; how many.  Fewer than asked only when memory is short. */
unsigned slab_get_many(struct slab *s, void **out, unsigned n);
void slab_put_many(struct slab *s, void **objects, unsigned n);

/*
 * A run of up to `n` objects from `*first` on; how many: fewer where a page ends.  0: there are some to be used again first, or
 * (`*first` NULL) no memory.  (S4)
 */
unsigned slab_get_run(struct slab *s, void **first, unsigned n);

static inline void *
slab_get(struct slab *s)
{
	void *p;

	return slab_get_many(s, &p, 1) == 1 ? p : NULL;
}

static inline void
slab_put(struct slab *s, void *p)
{
	slab_put_many(s, &p, 1);
}

/*
 * Every object that was ever handed out, in use or free, until `visit` says false.  New ones
 * may be missed.  Runs without the latch: objects do not move and chunks do not go (S1).
 */
void slab_each(struct slab *s, bool (*visit)(void *object, void *arg), void *arg);

LK_HOT void *
slab_home(const void *object)
{
	uintptr_t chunk = (uintptr_t)object & ~(uintptr_t)(SLAB_ALIGN - 1);

	return ((const struct slab_chunk *)chunk)->home;
}

#endif /* LK_BASE_SLAB_H */
