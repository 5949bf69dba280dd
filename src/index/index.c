/* SPDX-License-Identifier: MIT */
/* Finding and making entries under a bucket's latch; growth.  (I1-I3) */
#include "index/index.h"
#include "index/evict.h"

/* Segment k holds buckets [first << (k-1), first << k), segment 0 those below `first`. */
static uint32_t
segment_start(const struct index *x, unsigned k)
{
	return k == 0 ? 0 : UINT32_C(1) << (x->first_bits + k - 1);
}

static size_t
segment_bytes(const struct index *x, unsigned k)
{
	uint32_t n = k == 0 ? UINT32_C(1) << x->first_bits : segment_start(x, k);

	return (size_t)n * sizeof(struct bucket);
}

static bool
add_segment(struct index *x, unsigned k)
{
	void *p = env_zalloc(x->env, segment_bytes(x, k), LK_LINE);

	if (p == NULL)
		return false;
	x->segment[k] = (uintptr_t)p - (uintptr_t)segment_start(x, k) * sizeof(struct bucket);
	return true;
}

static void
set_shape(struct index *x, uint32_t mask, uint32_t n)
{
	uint64_t allowed = x->max_idle / n;

	shim_store(&x->idle_allowed, allowed < UINT32_MAX ? (uint32_t)allowed : UINT32_MAX,
		   SHIM_RELAXED); /* a wish, not a protocol */
	shim_store(&x->shape, (uint64_t)mask << 32 | n, SHIM_RELEASE);
}

bool
index_init(struct index *x, struct env *env, void *home, uint64_t seed, uint64_t max_idle,
	   uint64_t buckets, uint64_t floor)
{
	uint32_t n;

	x->env = env;
	x->seed = seed;
	x->max_idle = max_idle;
	x->first_bits = buckets <= 1 ? 0 : 64u - (unsigned)__builtin_clzll(buckets - 1);
	memset(x->segment, 0, sizeof(x->segment));
	latch_init(&x->grow);
	if (!add_segment(x, 0))
		return false;
	n = UINT32_C(1) << x->first_bits;
	shim_init(&x->shape, (uint64_t)0);
	shim_init(&x->idle_allowed, 0u);
	set_shape(x, n - 1, n);
	for (uint32_t b = 0; b < n; b++)
		shim_init(&index_bucket(x, b)->floor, floor);
	slab_init(&x->entries, env, home, sizeof(struct lk_resource),
		  offsetof(struct lk_resource, name[1]));
	slab_init(&x->lines, env, home, sizeof(struct bucket), offsetof(struct bucket, floor));
	for (unsigned class = 0; class < NAME_CLASSES; class ++)
		slab_init(&x->blocks[class], env, home, name_class_size(class), 0);
	return true;
}

void
index_fini(struct index *x)
{
	for (unsigned k = 0; k < INDEX_SEGMENTS; k++) {
		if (x->segment[k] != 0)
			env_free(x->env, (char *)index_bucket(x, segment_start(x, k)),
				 segment_bytes(x, k));
	}
	slab_fini(&x->entries);
	slab_fini(&x->lines);
	for (unsigned class = 0; class < NAME_CLASSES; class ++)
		slab_fini(&x->blocks[class]);
}

/*
 * The bucket of `hash`, latched: the shape is compared again once it is (I1).  NULL: not patient, and
 * it was not to be had.
 */
static struct bucket *
bucket_lock(struct index *x, uint64_t hash, bool patient)
{
	uint32_t i = shape_bucket(shim_load(&x->shape, SHIM_ACQUIRE), hash);

	for (;;) {
		struct bucket *b = index_bucket(x, i);
		uint32_t now;

		if (patient)
			latch_lock(&b->latch);
		else if (!latch_lock_awake(&b->latch))
			return NULL;
		now = shape_bucket(shim_load(&x->shape, SHIM_ACQUIRE), hash);
		if (likely(now == i))
			return b;
		latch_unlock(&b->latch);
		i = now;
	}
}

struct lk_resource *
index_pin(struct index *x, const struct name *n)
{
	struct bucket *b = bucket_lock(x, n->hash, true);
	struct lk_resource *r = bucket_find(b, n);

	if (r != NULL)
		resource_pin(r); /* retirement needs the latch that we have (I4) */
	latch_unlock(&b->latch);
	return r;
}

/* An entry to make a resource of. */
static struct lk_resource *
spare_entry(struct index *x, struct index_cache *c)
{
	if (c->n_spare == 0)
		c->n_spare = slab_get_many(&x->entries, (void **)c->spare, CACHE_SIZE / 2);
	return c->n_spare > 0 ? c->spare[--c->n_spare] : NULL;
}

static bool
store_long_name(struct index *x, struct lk_resource *r, const struct name *n)
{
	struct name_block *b = slab_get(&x->blocks[name_class(n->len)]);

	if (b == NULL)
		return false;
	for (uint32_t i = 0; i * 8 < n->len; i++)
		shim_store(&b->word[i],
			   name_load((const unsigned char *)n->bytes + i * 8, n->len - i * 8),
			   SHIM_RELEASE);
	shim_store(&r->name[0], (uint64_t)(uintptr_t)b, SHIM_RELEASE);
	return true;
}

static bool
store_name(struct index *x, struct lk_resource *r, const struct name *n)
{
	if (n->len > NAME_INLINE)
		return store_long_name(x, r, n);
	for (uint32_t i = 0; i * 8 < n->len; i++)
		shim_store(&r->name[i], n->word[i], SHIM_RELEASE);
	return true;
}

/*
 * Make the entry of a name that has none, with the bucket's latch.  The word is written last, when
 * nothing can fail any more: until then the entry is DEAD, or was never seen by anybody, so that
 * no late reader can make a hold on an entry that is then taken back.
 */
static struct lk_resource *
make_entry(struct index *x, struct index_cache *c, struct bucket *b, const struct name *n,
	   lk_mode first)
{
	struct lk_resource *r = spare_entry(x, c);
	uint64_t ident;

	if (r == NULL)
		return NULL;
	if (!bucket_reserve(b, 1, &x->lines) || !store_name(x, r, n)) {
		c->spare[c->n_spare++] = r;
		return NULL;
	}
	ident = (shim_load(&r->ident, SHIM_RELAXED) & ~IDENT_TAIL_MASK) + IDENT_STEP + n->tail;
	shim_store(&r->hash, (uint32_t)n->hash, SHIM_RELAXED);
	shim_store(&r->fence, shim_load(&b->floor, SHIM_RELAXED), SHIM_RELAXED); /* (B3) */
	shim_store(&r->ident, ident, SHIM_RELEASE);				 /* (R2) */
	(void)bucket_insert(b, slot_make(r, n->hash), &x->lines);
	if (first == LK_NL)
		resource_pin(r);
	shim_store(&r->word, (ident >> NAME_BITS) * WORD_GEN_ONE + word_row[first].add,
		   SHIM_RELEASE);
	tally(&c->created);
	return r;
}

/* Move the entries of `from` that belong to bucket `to` under `shape`; there is room for them. */
static void
move_entries(struct index *x, struct bucket *from, struct bucket *to, uint32_t to_number,
	     uint64_t shape)
{
	for (struct bucket *b = from; b != NULL; b = bucket_next(b)) {
		for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
			uint64_t slot = shim_load(&b->slot[i], SHIM_RELAXED);
			const struct lk_resource *r = slot_resource(slot);

			if (slot == 0 || (slot & SLOT_LINK) != 0)
				continue;
			if (shape_bucket(shape, shim_load(&r->hash, SHIM_RELAXED)) != to_number)
				continue;
			(void)bucket_insert(to, slot, &x->lines);
			shim_store(&b->slot[i], (uint64_t)0, SHIM_RELAXED);
		}
	}
	bucket_trim(from, &x->lines);
}

/* The shape with one bucket more. */
static uint64_t
shape_next(uint64_t shape)
{
	uint32_t n = (uint32_t)shape;
	uint32_t mask = (uint32_t)(shape >> 32);

	if (n > mask)
		mask = mask * 2 + 1;
	return (uint64_t)mask << 32 | (n + 1);
}

/* Grow by one bucket, if nobody else does and there is memory: nobody depends on it. */
static void
split(struct index *x)
{
	uint64_t shape = shim_load(&x->shape, SHIM_RELAXED);
	uint64_t grown = shape_next(shape);
	uint32_t to_number = (uint32_t)shape;
	uint32_t k = to_number >> x->first_bits;
	struct bucket *from;
	struct bucket *to;

	k = k == 0 ? 0 : 32u - (uint32_t)__builtin_clz(k);
	if (k >= INDEX_SEGMENTS || (x->segment[k] == 0 && !add_segment(x, k)))
		return;
	from = index_bucket(x, to_number & (uint32_t)(grown >> 32) >> 1);
	to = index_bucket(x, to_number);
	latch_lock(&from->latch);
	latch_lock(&to->latch);
	if (bucket_reserve(to, bucket_used(from), &x->lines)) { /* else half a move could fail */
		shim_store(&to->floor, shim_load(&from->floor, SHIM_RELAXED), SHIM_RELAXED); /* (B3) */
		move_entries(x, from, to, to_number, grown);
		set_shape(x, (uint32_t)(grown >> 32), (uint32_t)grown); /* (I1) */
	}
	bucket_trim(to, &x->lines);
	latch_unlock(&to->latch);
	latch_unlock(&from->latch);
}

enum index_outcome
index_enter(struct index *x, struct index_cache *c, const struct name *n, lk_mode first,
	    bool patient, struct lk_resource **out)
{
	struct bucket *b = bucket_lock(x, n->hash, patient);
	struct lk_resource *r;
	enum index_outcome outcome = INDEX_PINNED;
	bool crowded = false;

	if (b == NULL)
		return INDEX_BUSY;
	r = bucket_find(b, n);
	if (r != NULL) {
		resource_pin(r);
	} else if (n->hash_given && n->hash != hash_bytes(n->bytes, n->len, x->seed)) {
		outcome = INDEX_BAD_HASH;
	} else {
		crowded = evict_for_insert(x, c, b); /* first, so that its room and entry serve */
		r = make_entry(x, c, b, n, first);
		outcome = r == NULL ? INDEX_NOMEM : first == LK_NL ? INDEX_PINNED : INDEX_HELD;
	}
	latch_unlock(&b->latch);
	if (crowded && latch_try(&x->grow)) {
		split(x);
		latch_unlock(&x->grow);
	}
	if (outcome == INDEX_HELD)
		evict_nearby(x, c);
	*out = r;
	return outcome;
}

void
index_sweep(struct index *x, struct index_cache *c)
{
	for (uint32_t i = 0; i < (uint32_t)shim_load(&x->shape, SHIM_ACQUIRE); i++)
		evict_bucket(x, c, i);
}

void
index_cache_drain(struct index *x, struct index_cache *c)
{
	slab_put_many(&x->entries, (void **)c->spare, c->n_spare);
	c->n_spare = 0;
}
