/* SPDX-License-Identifier: MIT */
/*
 * The plain way of a batch: short names without ancestors, none of them held by the owner, and nobody in the way.
 *
 * As nobody is waited for, the order does not matter, and nothing is sorted or written down beforehand: all buckets are made to
 * come nearer, then all entries, and each name is taken as by itself.  Whatever is not that simple, a name that comes twice
 * too, ends it: what was taken goes back, also in the counts, and the batch goes the long way, as if this had not been.
 */
#include "core/batch.h"
#include "core/many.h"
#include "core/plain.h"
#include "core/release.h"
#include "core/undone.h"

/* The element, if it is a short name or a number in a mode that there is. */
static bool
read_key(const struct index *x, const struct lk_request *r, struct key *k)
{
	const bool is_id = r->flags == LK_NAME_IS_ID;
	size_t len = r->len;

	if (r->name == NULL || !mode_valid(r->mode) || (r->flags & ~LK_NAME_IS_ID) != 0)
		return false;
	if (len == 0)
		len = is_id ? sizeof(uint64_t) : strlen(r->name);
	if (is_id ? len != sizeof(uint64_t) : len - 1 >= NAME_INLINE)
		return false;
	key_set(k, r->name, (uint32_t)len | (is_id ? NAME_ID : 0), x->seed);
	return true;
}

/* … of all of them, whose buckets are on their way then; and their entries, if they are likely to have any. */
static bool
read_keys(const struct lk_owner *w, const struct lk_request *r, size_t n, struct key *k)
{
	const struct index *x = &w->manager->index;

	for (size_t i = 0; i < n; i++) {
		if (!read_key(x, &r[i], &k[i]))
			return false;
		index_expect(x, k[i].hash);
	}
	for (size_t i = 0; i < n && !cache_expects_miss(&w->cache); i++)
		index_expect_entry(x, k[i].hash);
	return true;
}

/* It may be in a further line of its bucket. */
static LK_NOINLINE bool
glimpse_far(const struct bucket *b, const struct key *k, const void *bytes, struct glimpse *g)
{
	struct name n;

	name_of_key(&n, k, bytes);
	return index_glimpse_far(b, &n, g);
}

/* A name that has no entry, as it seems, or as was seen. */
static bool
take_new(struct lk_owner *w, const struct lk_request *r, const struct key *k, lk_grant *out)
{
	if (owner_is_plain(w, owner_few(w)) && acquire_new(w, k, r->mode, out))
		return true;
	return many_take(w, r->name, k, r->mode, LK_NOWAIT, out) == PLAIN_DONE;
}

/*
 * The next grant will be timed, or is the first of others that are: by the general way, as it may keep more than its slot.  Still the
 * name is to be flat, and not held.  (V8)
 */
static LK_NOINLINE bool
take_noted(struct lk_owner *w, const struct lk_request *r, const struct key *k, lk_grant *out)
{
	struct request q = { .mode = r->mode, .flags = LK_NOWAIT, .tentative = true };
	struct name n;

	name_of_key(&n, k, r->name);
	return path_key_is_flat(&w->manager->index, k) && hold_find_named(w, &n) == SLOT_NONE &&
	       acquire_untold(w, &n, NULL, &q, out) == 0;
}

static bool
take_one(struct lk_owner *w, const struct lk_request *r, const struct key *k, lk_grant *out)
{
	const uint32_t few = owner_few(w);
	const struct bucket *b;
	struct glimpse g;
	enum plain plain;

	if (unlikely(!owner_has_stamps(w, 1)))
		return take_noted(w, r, k, out);
	if (cache_expects_miss(&w->cache))
		return likely(many_take_in_streak(w, k, r->mode, out)) || take_new(w, r, k, out);
	if (!owner_is_plain(w, few))
		return many_take(w, r->name, k, r->mode, LK_NOWAIT, out) == PLAIN_DONE;
	b = index_locate(&w->manager->index, k->hash);
	if (!index_glimpse_near(b, k, &g) &&
	    (bucket_next(b) == NULL || !glimpse_far(b, k, r->name, &g)))
		return take_new(w, r, k, out);
	if (unlikely(resource_parent(g.r) != NULL))
		return false;
	plain = acquire_glimpsed(w, &g, r->mode, few, out);
	if (unlikely(plain == PLAIN_DIED))
		plain_undo(w, g.r, r->mode, false); /* who takes it next is told */
	return likely(plain == PLAIN_DONE);
}

/* As in reverse, so that all is as it was. */
static LK_COLD void
give_back(struct lk_owner *w, const lk_grant *g, size_t n, const struct counted *before)
{
	while (n > 0) {
		grant_untell_died(w, g[--n]);
		release_undone(w, g[n]);
	}
	uncount(w, before);
}

bool
batch_plain(struct lk_owner *w, const struct lk_request *r, size_t n, lk_grant *out)
{
	const struct counted before = counted_now(w);
	struct key k[BATCH_PLAIN];
	lk_grant g[BATCH_PLAIN];
	size_t taken = 0;

	if ((owner_few(w) & HOLDS_NOTED) != 0 || !read_keys(w, r, n, k) ||
	    owner_enter(w) != 0)
		return false; /* call_begin() enters again */
	while (taken < n && likely(take_one(w, &r[taken], &k[taken], &g[taken])))
		taken++;
	if (unlikely(taken < n))
		give_back(w, g, taken, &before);
	owner_leave(w);
	if (unlikely(taken < n))
		return false;
	if (out != NULL)
		memcpy(out, g, n * sizeof(*g));
	return true;
}
