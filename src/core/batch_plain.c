/* SPDX-License-Identifier: MIT */
/*
 * The plain way of a batch: names without ancestors, none of them held by the owner, and nobody in the way.
 *
 * As nobody is waited for, the order does not matter, and nothing is sorted or written down beforehand: all entries that are guessed, and
 * the buckets of other names, then their entries, are made to come nearer, and each name is taken as by itself.  Whatever is not that
 * simple, a name that comes twice too, ends it: what was taken goes back, also in the counts, and the batch goes the long way, as if this
 * had not been.
 */
#include "core/batch.h"
#include "core/long.h"
#include "core/many.h"
#include "core/release.h"
#include "core/undone.h"
#include "index/guess.h"

/* The element, if it is a name or a number in a mode that there is; a long name has no words. */
static bool
read_key(const struct lk_request *r, struct key *k)
{
	const bool is_id = r->flags == LK_NAME_IS_ID;
	size_t len = r->len;

	if (r->name == NULL || !mode_valid(r->mode) || (r->flags & ~LK_NAME_IS_ID) != 0)
		return false;
	if (len == 0)
		len = is_id ? sizeof(uint64_t) : strlen(r->name);
	if (is_id ? len != sizeof(uint64_t) : len - 1 >= LK_NAME_MAX)
		return false;
	k->hash = 0;
	k->tail = (uint32_t)len | (is_id ? NAME_ID : 0);
	if (likely(!key_is_long(k)))
		key_read(k, r->name, k->tail);
	return true;
}

/* Where the name is likely to be comes nearer: its entry; or its bucket, by its hash.  The owner was entered: it may look at its guesses. */
static void
expect(const struct lk_owner *w, struct key *k, const void *bytes)
{
	const struct index_cache *c = &w->cache;
	const struct index *x = &w->manager->index;
	struct lk_resource *r;

	if (key_is_long(k)) {
		prefetch(long_expected(c, bytes, k->tail));
		return;
	}
	r = cache_expects_miss(c) || !guess_is_likely(c) ? NULL : guess_entry(c, guess_place(k));
	if (r != NULL) {
		prefetch(r);
		return;
	}
	key_hash(k, x->seed);
	index_expect(x, k->hash);
}

static bool
read_keys(const struct lk_request *r, size_t n, struct key *k)
{
	for (size_t i = 0; i < n; i++) {
		if (!read_key(&r[i], &k[i]))
			return false;
	}
	return true;
}

/* All names; then the entries of those whose buckets are on their way, if they are likely to have any. */
static void
expect_all(const struct lk_owner *w, const struct lk_request *r, size_t n, struct key *k)
{
	for (size_t i = 0; i < n; i++)
		expect(w, &k[i], r[i].name);
	for (size_t i = 0; i < n && !cache_expects_miss(&w->cache); i++) {
		if (k[i].hash != 0)
			index_expect_entry(&w->manager->index, k[i].hash);
	}
}

/*
 * The next grant will be timed, or is the first of others that are: by the general way, as it may keep more than its slot.  Still the
 * name is to be flat, and not held.  (V8)
 */
static LK_NOINLINE bool
take_noted(struct lk_owner *w, const struct lk_request *r, const struct key *k, lk_grant *out)
{
	struct request q = { .mode = r->mode, .flags = LK_NOWAIT, .tentative = true };
	const struct index *x = &w->manager->index;
	struct name n;

	name_set_tail(&n, r->name, k->tail, x->seed);
	return !x->is_frozen && path_is_flat(x, &n) && hold_find_named(w, &n) == SLOT_NONE &&
	       acquire_untold(w, &n, NULL, &q, out) == 0;
}

static bool
take_one(struct lk_owner *w, const struct lk_request *r, struct key *k, lk_grant *out)
{
	if (unlikely(!owner_has_stamps(w, 1)))
		return take_noted(w, r, k, out);
	if (unlikely(key_is_long(k)))
		return long_take(w, r->name, k->tail, r->mode, LK_NOWAIT, out) == PLAIN_DONE;
	return many_take(w, r->name, k, r->mode, LK_NOWAIT, out) == PLAIN_DONE;
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

	if ((owner_few(w) & HOLDS_NOTED) != 0 || !read_keys(r, n, k) || owner_enter(w) != 0)
		return false; /* call_begin() enters again */
	expect_all(w, r, n, k);
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
