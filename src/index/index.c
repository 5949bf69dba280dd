/* SPDX-License-Identifier: MIT */
/* Finding and making entries under a bucket's latch; growth.  (I1-I3) */
#include "index/index.h"
#include "index/replace.h"

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

/* Its buckets are made one by one as the index grows into them: nobody looks beyond the shape. */
static bool
add_segment(struct index *x, unsigned k)
{
	const size_t bytes = segment_bytes(x, k);
	void *p = k == 0 ? env_alloc_large(x->env, bytes, LK_LINE)
			 : env_alloc(x->env, bytes, LK_LINE);

	if (p == NULL)
		return false;
	x->segment[k] = (uintptr_t)p - (uintptr_t)segment_start(x, k) * sizeof(struct bucket);
	return true;
}

/* Under `grow`, or before anybody else knows of it: what insertions into `n` buckets go by. */
static void
allow_idle(struct index *x, uint32_t n)
{
	const uint64_t allowed = RD(x->max_idle) / n;
	const uint64_t next = RD(x->max_idle) / (n + UINT64_C(1));

	/* wishes, not a protocol */
	shim_store(&x->idle_allowed, allowed < UINT32_MAX ? (uint32_t)allowed : UINT32_MAX,
		   SHIM_RELAXED);
	shim_store(&x->idle_next, next < UINT32_MAX ? (uint32_t)next : UINT32_MAX, SHIM_RELAXED);
	shim_store(&x->full, n <= x->ready_n ? LOAD_FULL_READY : LOAD_FULL, SHIM_RELAXED);
}

static void
set_shape(struct index *x, uint32_t mask, uint32_t n)
{
	allow_idle(x, n);
	shim_store(&x->shape, (uint64_t)mask << 32 | n, SHIM_RELEASE);
}

static void
make_bucket(struct bucket *b)
{
	memset(b, 0, sizeof(*b));
	latch_init(&b->latch);
	shim_init(&b->tags, (uint64_t)0);
	shim_init(&b->floor, (uint64_t)0);
}

/* With both latches: names that move from `from` to `to` keep the order of their fences.  (B3) */
static void
raise_floor(struct bucket *to, const struct bucket *from)
{
	uint64_t floor = shim_load(&from->floor, SHIM_RELAXED);

	if (floor > shim_load(&to->floor, SHIM_RELAXED))
		shim_store(&to->floor, floor, SHIM_RELAXED);
}

static unsigned
room_bits(unsigned bits)
{
	unsigned room = bits + LK_INDEX_ROOM_BITS;

	if (room > INDEX_ROOM_MAX)
		room = INDEX_ROOM_MAX;
	return room > bits ? room : bits;
}

void
index_set_max_idle(struct index *x, uint64_t max_idle)
{
	latch_lock(&x->grow);
	WR(x->max_idle, max_idle);
	allow_idle(x, (uint32_t)shim_load(&x->shape, SHIM_RELAXED));
	latch_unlock(&x->grow);
}

bool
index_init(struct index *x, struct env *env, void *home, uint64_t seed, uint64_t max_idle,
	   uint64_t buckets, uint64_t floor)
{
	unsigned bits = buckets <= 1 ? 0 : 64u - (unsigned)__builtin_clzll(buckets - 1);
	uint32_t n = UINT32_C(1) << bits;

	x->env = env;
	x->seed = seed;
	x->spread = NULL;
	x->max_idle = max_idle;
	x->separator = 0;
	x->first_n = n;
	x->ready_n = 0;
	x->first_bits = room_bits(bits);
	x->first_room = UINT32_C(1) << x->first_bits;
	memset(x->segment, 0, sizeof(x->segment));
	latch_init(&x->grow);
	if (!add_segment(x, 0))
		return false;
	shim_init(&x->shape, (uint64_t)0);
	shim_init(&x->idle_allowed, 0u);
	shim_init(&x->idle_next, 0u);
	shim_init(&x->full, 0u);
	set_shape(x, n - 1, n);
	for (uint32_t b = 0; b < n; b++) {
		make_bucket(index_bucket(x, b));
		shim_init(&index_bucket(x, b)->floor, floor);
	}
	x->made = n;
	shim_init(&x->returning, 0u);
	slab_init(&x->entries, env, home, sizeof(struct lk_resource),
		  offsetof(struct lk_resource, name[1]));
	slab_init(&x->lines, env, home, sizeof(struct bucket), offsetof(struct bucket, floor));
	for (unsigned class = 0; class < NAME_CLASSES; class ++)
		slab_init(&x->blocks[class], env, home, name_class_size(class), 0);
	return true;
}

uint64_t
index_buckets_for(uint64_t held)
{
	return (held + HELD_EACH - 1) / HELD_EACH;
}

/*
 * Of as many names as are to come, as their hashes have them, one bucket in sixty has more than a line's.  A user keeps a run
 * of entries for itself.
 */
bool
index_reserve(struct index *x, uint64_t held)
{
	x->ready_n = x->first_n;
	allow_idle(x, x->first_n);
	return slab_reserve(&x->entries, held + RUN_MAX + CACHE_SIZE) &&
	       slab_reserve(&x->lines, x->first_n / 32 + 32);
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
 * it was not to be had.  Where a store may have to be asked everybody is patient.
 */
static struct bucket *
bucket_lock(struct index *x, uint64_t hash, bool patient)
{
	uint32_t i = shape_bucket(shim_load(&x->shape, SHIM_ACQUIRE), hash);

	for (;;) {
		struct bucket *b = index_bucket(x, i);
		uint32_t now;

		if (patient || x->is_frozen)
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

bool
index_glimpse_far(const struct bucket *b, const struct name *n, struct glimpse *g)
{
	for (int hops = 0; hops < BUCKET_HOPS && (b = bucket_next(b)) != NULL; hops++) {
		uint64_t like = tags_like(shim_load(&b->tags, SHIM_ACQUIRE), tag_of(n->hash));

		for (; like != 0; like &= like - 1) {
			if (slot_glimpse(&b->slot[tops_first(like)], n, g))
				return true;
		}
	}
	return false;
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

bool
index_store_long(struct index *x, struct lk_resource *r, const struct name *n)
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

/* A longer run each time; or, if there are entries to be used again, some of those. */
static void
get_entries(struct index *x, struct index_cache *c)
{
	const uint32_t n = c->run == 0 ? RUN_FIRST : c->run * RUN_GROWTH;

	c->run = n < RUN_MAX ? n : RUN_MAX;
	c->n_run = slab_get_run(&x->entries, (void **)&c->in_run, c->run);
	if (c->n_run == 0 && c->in_run != NULL)
		c->n_spare = slab_get_many(&x->entries, (void **)c->spare, CACHE_SIZE / 2);
}

/* An entry that nobody uses. */
static struct lk_resource *
spare_entry(struct index *x, struct index_cache *c)
{
	if (c->n_spare == 0 && c->n_run == 0)
		get_entries(x, c);
	if (c->n_spare > 0)
		return c->spare[--c->n_spare];
	if (c->n_run == 0)
		return NULL;
	c->n_run--;
	return c->in_run++;
}

/*
 * Is the next one to make way another one?  For who comes back to none of them the same place is used again a few times, as a streak does: what is
 * in the others stays for longer, and names that come in the same order are found there.  (I8)
 */
static bool
hand_goes_on(const struct index_cache *c)
{
	return cache_reuses(c) || cache_created(c) % HAND_STAYS == 0;
}

/* A place and an entry for a name that has none: another's that idles, or new ones. */
static bool
find_place(struct index *x, struct index_cache *c, struct bucket *b, struct place *place,
	   struct lk_resource **r, bool *crowded)
{
	*r = evict_for_insert(x, c, b, shim_load(&b->tags, SHIM_RELAXED), true, place, crowded);
	if (*r != NULL && likely(place->line == b)) {
		bucket_set_hand(b, place->slot + hand_goes_on(c));
		return true;
	}
	if (*r != NULL)
		place_clear(*place); /* a name that is new belongs in front */
	*place = bucket_empty(b, &x->lines);
	if (unlikely(place->line == NULL))
		return false;
	if (*r == NULL)
		*r = spare_entry(x, c);
	return *r != NULL;
}

/* With the latch, after a miss with it (I2). */
static enum index_outcome
add_name(struct index *x, struct index_cache *c, struct bucket *b, const struct name *n,
	 lk_mode first, bool *crowded, struct lk_resource **out)
{
	struct lk_resource *r = NULL;
	struct place place;

	if (unlikely(n->hash_given) && n->hash != name_true_hash(n, x->seed))
		return INDEX_BAD_HASH;
	if (likely(find_place(x, c, b, &place, &r, crowded)) &&
	    likely(make_entry(x, b, place, r, n, first))) {
		tally(&c->created);
		*out = r;
		return first == LK_NL ? INDEX_PINNED : INDEX_HELD;
	}
	if (r != NULL) {
		place_clear(place);
		evict_keep_spare(x, c, r);
	}
	bucket_trim(b, &x->lines);
	return INDEX_NOMEM;
}

/* Of a name that cannot change: the bucket's latch is ours. */
static uint64_t
hash_of(const struct index *x, const struct lk_resource *r)
{
	bool is_id;
	size_t len;
	const void *bytes = resource_name(r, &len, &is_id);
	struct name n = { .hash = 0 };

	if (is_id)
		name_set_id(&n, bytes, x->seed);
	else
		(void)name_set(&n, bytes, len, 0, x->seed);
	return n.hash;
}

/* The notes of one line, of another window: what is there is asked for its name.  (B4) */
static void
note_line(const struct index *x, struct bucket *line, uint32_t window)
{
	const uint64_t tags = shim_load(&line->tags, SHIM_RELAXED);

	line_expect(line);
	WR(line->notes, window << WINDOW_SHIFT | bucket_hand(line) << HAND_SHIFT);
	for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
		const struct place place = { line, i };

		if (tags_entry(tags, i))
			place_set_note(place, note_of(hash_of(x, place_entry(place)), window));
	}
}

/* With its latch. */
static void
note_bucket(const struct index *x, struct bucket *b, uint32_t window)
{
	if (bucket_window(b) == window)
		return;
	for (; b != NULL; b = bucket_next(b))
		note_line(x, b, window);
}

enum { ALL_NOTES = NOTE_BITS };

/* The tops of the entries of a line of whose notes `bit` is set, or of all: by arithmetic, as branches could not be foreseen. */
static uint64_t
line_moving(const struct bucket *line, uint32_t bit)
{
	const uint64_t entries = tags_entries(shim_load(&line->tags, SHIM_RELAXED));

	return bit == ALL_NOTES ? entries : entries & notes_tops(RD(line->notes), bit);
}

/* Room in `to` for all that will move: else half a move could fail. */
static bool
reserve_move(struct index *x, const struct bucket *from, struct bucket *to, uint32_t bit)
{
	unsigned n = 0;

	for (; from != NULL; from = bucket_next(from))
		n += tops_count(line_moving(from, bit));
	return bucket_reserve(to, n, &x->lines);
}

/*
 * Move the entries of `from` of whose notes `bit` is set, or all.  Both have the same window; there is room for them.  For an
 * instant those of a line stand in both.
 */
static void
move_entries(struct index *x, struct bucket *from, struct bucket *to, uint32_t bit)
{
	for (struct bucket *b = from; b != NULL; b = bucket_next(b)) {
		const uint64_t tags = shim_load(&b->tags, SHIM_RELAXED);
		const uint64_t moving = line_moving(b, bit);

		for (uint64_t left = moving; left != 0; left &= left - 1) {
			const struct place place = { b, tops_first(left) };
			const struct place empty = bucket_empty(to, &x->lines);

			place_set_note(empty, place_note(place));
			place_set(empty, place_entry(place), tags >> (8 * place.slot) & 0xff);
		}
		shim_store(&b->tags, tags & ~((moving >> 7) * 0xff), SHIM_RELEASE);
	}
	bucket_trim(from, &x->lines);
}

/*
 * Both latches or none, without waiting: a change of shape can be done another time, and those who
 * promised not to sleep come here too.
 */
static bool
latch_try_both(struct bucket *older, struct bucket *newer)
{
	if (!latch_try(&older->latch))
		return false;
	if (latch_try(&newer->latch))
		return true;
	latch_unlock(&older->latch);
	return false;
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

/* How many bits of a hash select a bucket; of more than one. */
static uint32_t
shape_bits(uint64_t shape)
{
	return 32u - (uint32_t)__builtin_clz((uint32_t)(shape >> 32));
}

/*
 * What the next split will touch is known: the bucket behind the one that was made, an older one, and the line behind that.
 * Until then they have the time to come.  What is read without the latch is believed by nobody.  (B2)
 */
static void
expect_split(const struct index *x, uint64_t shape, const struct bucket *made)
{
	const uint32_t older = (uint32_t)shape & (uint32_t)(shape_next(shape) >> 32) >> 1;
	const struct bucket *from = index_bucket(x, older);

	prefetch(bucket_next(from));
	prefetch(
		from +
		1); /* for the one after it, so that it is there when the line behind it is looked for */
	prefetch(made + 1);
}

/* Grow by one bucket, if nobody else does and there is memory: nobody depends on it. */
static void
split(struct index *x)
{
	uint64_t shape = shim_load(&x->shape, SHIM_RELAXED);
	uint64_t grown = shape_next(shape);
	uint32_t to_number = (uint32_t)shape;
	uint32_t k = segment_of(x, to_number);
	uint32_t bit = shape_bits(grown) - 1; /* of the hash: which bucket it is of the two */
	struct bucket *from;
	struct bucket *to;

	if (k >= INDEX_SEGMENTS || (x->segment[k] == 0 && !add_segment(x, k)))
		return;
	from = index_bucket(x, to_number & (uint32_t)(grown >> 32) >> 1);
	to = index_bucket(x, to_number);
	if (to_number == RD(x->made)) {
		make_bucket(to);
		WR(x->made, to_number + 1);
	}
	if (!latch_try_both(from, to))
		return;
	note_bucket(x, from, bit / NOTE_BITS);
	note_bucket(x, to, bit / NOTE_BITS); /* it is empty */
	raise_floor(to, from);
	if (reserve_move(x, from, to, bit % NOTE_BITS)) {
		move_entries(x, from, to, bit % NOTE_BITS);
		set_shape(x, (uint32_t)(grown >> 32), (uint32_t)grown); /* (I1) */
		expect_split(x, grown, to);
	}
	bucket_trim(to, &x->lines);
	latch_unlock(&to->latch);
	latch_unlock(&from->latch);
}

/* The shape with one bucket less. */
static uint64_t
shape_previous(uint64_t shape)
{
	uint32_t n = (uint32_t)shape - 1;
	uint32_t mask = (uint32_t)(shape >> 32);

	if (n <= (mask >> 1) + 1)
		mask >>= 1;
	return (uint64_t)mask << 32 | n;
}

/* The last bucket's entries go back to the one that it was split from.  (I6) */
static void
merge(struct index *x)
{
	uint64_t shape = shim_load(&x->shape, SHIM_RELAXED);
	uint64_t shrunk = shape_previous(shape);
	uint32_t last = (uint32_t)shrunk;
	uint32_t into = shape_bucket(shrunk, last);
	struct bucket *from = index_bucket(x, last);
	struct bucket *to = index_bucket(x, into);

	if (!latch_try_both(to, from))
		return;
	if (reserve_move(x, from, to, ALL_NOTES)) {
		raise_floor(to, from);
		note_bucket(x, from, bucket_window(to));
		move_entries(x, from, to, ALL_NOTES);
		set_shape(x, (uint32_t)(shrunk >> 32), (uint32_t)shrunk); /* (I1) */
	}
	bucket_trim(to, &x->lines);
	latch_unlock(&from->latch);
	latch_unlock(&to->latch);
}

void
index_try_shrink(struct index *x)
{
	if (!latch_try(&x->grow))
		return;
	if (index_can_shrink(x))
		merge(x);
	latch_unlock(&x->grow);
}

static enum index_outcome
enter(struct index *x, struct index_cache *c, const struct name *n, lk_mode first, bool patient,
      struct lk_resource **out)
{
	struct bucket *b = bucket_lock(x, n->hash, patient);
	struct lk_resource *r;
	enum index_outcome outcome = INDEX_PINNED;
	bool crowded = false;
	bool found;

	if (unlikely(b == NULL))
		return INDEX_BUSY;
	r = bucket_find(b, n);
	found = r != NULL;
	if (found)
		resource_pin(r);
	else
		outcome = add_name(x, c, b, n, x->is_frozen ? LK_NL : first, &crowded, &r);
	latch_unlock(&b->latch);
	if (unlikely(crowded) && latch_try(&x->grow)) {
		split(x);
		latch_unlock(&x->grow);
	}
	if (!found && r != NULL)
		evict_nearby(x, c);
	*out = r;
	return outcome;
}

enum index_outcome
index_enter(struct index *x, struct index_cache *c, const struct name *n, lk_mode first,
	    bool patient, struct lk_resource **out)
{
	enum index_outcome outcome;

	do {
		outcome = enter(x, c, n, first, patient, out);
	} while (unlikely(outcome == INDEX_NOMEM) && evict_anywhere(x, c)); /* (I9) */
	return outcome;
}

void
index_sweep(struct index *x, struct index_cache *c)
{
	uint32_t before = c->orphaned + 1;

	/* What lies below a name keeps it: look again when that is gone.  (R6) */
	for (uint32_t depth = 0; depth < PATH_DEPTH_MAX && c->orphaned != before; depth++) {
		before = c->orphaned;
		for (uint32_t i = 0; i < (uint32_t)shim_load(&x->shape, SHIM_ACQUIRE); i++)
			evict_bucket(x, c, i);
	}
}

uint64_t
index_last_fence(const struct index *x)
{
	uint32_t n = (uint32_t)shim_load(&x->shape, SHIM_ACQUIRE);
	uint64_t last = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct bucket *b = index_bucket(x, i);
		uint64_t floor = shim_load(&b->floor, SHIM_RELAXED);

		last = floor > last ? floor : last;
		for (; b != NULL; b = bucket_next(b)) {
			for (unsigned k = 0; k < BUCKET_SLOTS; k++) {
				uint64_t tags = shim_load(&b->tags, SHIM_RELAXED);
				const struct lk_resource *r = shim_load(&b->slot[k], SHIM_RELAXED);
				uint64_t fence = tags_entry(tags, k)
							 ? shim_load(&r->fence, SHIM_RELAXED)
							 : 0;

				last = fence > last ? fence : last;
			}
		}
	}
	return last;
}
