/* SPDX-License-Identifier: MIT */
/*
 * Batches: several names, all or nothing.
 *
 * All are tried without waiting, the plain way if they are few and simple (batch_plain.c); if somebody is in the way, all is given
 * back and waited for together.
 *
 * The names are taken in one order, that of paths: a name before all that is below it.  And each name,
 * an ancestor too, is at once taken in the supremum of all that the batch will need there: of a name
 * that is asked for twice the modes together, of an ancestor the intents of all that is below it.  So
 * nothing becomes stronger later.
 *
 *   db S, db/a S, db/b X     reserve db in SIX; db S; db/a: implied; reserve …; db/b X; forget the reserves
 *
 * What is taken in advance is a count on a hold, as ancestors have (H6): a *reserve*.  When all grants are
 * there they need the same, and it goes.
 */
#include "core/batch.h"
#include "core/ancestors.h"
#include "core/condition.h"
#include "core/escalate.h"
#include "core/events.h"
#include "core/implied.h"
#include "core/late.h"
#include "core/member.h"
#include "core/release.h"
#include "core/report.h"
#include "core/retry.h"
#include "core/undone.h"

enum { ITEMS_AHEAD = 64 };

static uint64_t
first_bytes(const struct name *n, uint32_t len)
{
	return __builtin_bswap64(name_load(n->bytes, len < 8 ? len : 8));
}

/*
 * Of two elements whose ranks differ the lower comes first.  The first segment's first bytes decide, as
 * its end comes before any byte; numbers come before all.
 */
static uint64_t
rank_of(const struct index *x, const struct item *item)
{
	const uint64_t top = UINT64_C(1) << 63;
	const struct name *n = &item->name;

	if (item->is_simple)
		return __builtin_bswap64(n->word[0]) >> 1 | ((n->tail & NAME_ID) != 0 ? 0 : top);
	return first_bytes(n, path_is_flat(x, n) ? n->len : path_child(x, n, 0)) >> 1 | top;
}

/* path_compare() of simple elements: as their bytes are, the shorter first. */
static int
compare_simple(const struct name *a, const struct name *b)
{
	if (((a->tail ^ b->tail) & NAME_ID) != 0)
		return (a->tail & NAME_ID) != 0 ? -1 : 1;
	for (uint32_t i = 0; i < NAME_WORDS; i++) {
		uint64_t p = __builtin_bswap64(a->word[i]);
		uint64_t q = __builtin_bswap64(b->word[i]);

		if (p != q)
			return p < q ? -1 : 1;
	}
	return (a->len > b->len) - (a->len < b->len);
}

static int
compare_names(const struct batch *b, const struct item *p, const struct item *q)
{
	if (p->is_simple && q->is_simple)
		return compare_simple(&p->name, &q->name);
	return path_compare(b->x, &p->name, &q->name);
}

/* Does `p` come after `q`, which comes after it in the caller's array? */
static bool
is_after(const struct batch *b, const struct ranked *p, const struct ranked *q)
{
	if (likely(p->rank != q->rank))
		return p->rank > q->rank;
	return compare_names(b, p->item, q->item) > 0;
}

/* Two ordered runs next to each other, of `mid` and `n - mid`, into one. */
static void
merge_runs(const struct batch *b, const struct ranked *from, size_t mid, size_t n,
	   struct ranked *to)
{
	size_t i = 0;
	size_t j = mid;

	while (i < mid && j < n)
		*to++ = is_after(b, &from[i], &from[j]) ? from[j++] : from[i++];
	while (i < mid)
		*to++ = from[i++];
	while (j < n)
		*to++ = from[j++];
}

/* By merging, as that keeps the order of what is the same, and needs no memory but what is there. */
static void
sort_items(struct batch *b)
{
	struct ranked *to = b->at + b->n;

	for (size_t run = 1; run < b->n; run *= 2) {
		struct ranked *from = b->at;

		for (size_t i = 0; i < b->n; i += 2 * run) {
			size_t n = b->n - i < 2 * run ? b->n - i : 2 * run;

			merge_runs(b, from + i, n < run ? n : run, n, to + i);
		}
		b->at = to;
		to = from;
	}
}

/* Is nothing in the batch the same as, or below, anything else in it? */
static bool
all_simple(const struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		if (!item_at(b, i)->is_simple ||
		    (i > 0 && b->at[i - 1].rank == b->at[i].rank &&
		     compare_names(b, item_at(b, i - 1), item_at(b, i)) == 0))
			return false;
	}
	return true;
}

static int
read_name(struct name *n, const struct lk_request *r, uint64_t seed)
{
	const void *name = r->name;
	uint64_t id;

	if ((r->flags & LK_NAME_IS_ID) == 0)
		return name_set(n, name, r->len != 0 ? r->len : strlen(name), 0, seed) ? 0
										       : LK_E_NAME;
	if (r->len != 0 && r->len != sizeof(id))
		return LK_E_INVAL;
	memcpy(&id, name, sizeof(id)); /* it need not be aligned */
	name_set_id(n, &id, seed);
	n->bytes = name;
	return 0;
}

static int
read_item(const struct batch *b, struct item *item, const struct lk_request *r, size_t index)
{
	int rc;

	if (r->name == NULL || !mode_valid(r->mode) || (r->flags & ~LK_NAME_IS_ID) != 0)
		return LK_E_INVAL;
	item->mode = r->mode;
	item->index = index;
	rc = read_name(&item->name, r, b->x->seed);
	if (rc == 0)
		item->is_simple = item->name.len <= NAME_INLINE && path_is_flat(b->x, &item->name);
	return rc;
}

int
batch_read(struct batch *b, const struct lk_request *r)
{
	for (size_t i = 0; i < b->n; i++) {
		int rc = read_item(b, &b->item[i], &r[i], i);

		if (rc != 0)
			return rc;
		if (i < ITEMS_AHEAD)
			index_expect(b->x, b->item[i].name.hash);
		b->at[i] = (struct ranked){ rank_of(b->x, &b->item[i]), &b->item[i] };
	}
	sort_items(b);
	b->is_simple = all_simple(b);
	return 0;
}

/* How many elements from `first` on are the first `len` bytes of its name, or below that. */
static size_t
family(const struct batch *b, size_t first, uint32_t len)
{
	size_t n = 1;

	while (first + n < b->n &&
	       path_shares(b->x, &item_at(b, first)->name, len, &item_at(b, first + n)->name))
		n++;
	return n;
}

/* All that `n` elements from `first` on need on the name that is the first `len` bytes of each. */
static lk_mode
need_of(const struct batch *b, size_t first, size_t n, uint32_t len)
{
	const bool parents = (b->q->flags & LK_PARENTS) != 0;
	lk_mode need = LK_NL;

	for (size_t i = first; i < first + n; i++) {
		lk_mode mode = item_at(b, i)->mode;

		need = mode_supremum(need, item_at(b, i)->name.len == len
						   ? mode
						   : ancestors_mode(mode, parents));
	}
	return need;
}

lk_mode
batch_need(const struct batch *b, size_t i, uint32_t len)
{
	return need_of(b, i, family(b, i, len), len);
}

bool
batch_comes_first(const struct batch *b, size_t i, uint32_t len)
{
	return i == 0 || !path_shares(b->x, &item_at(b, i)->name, len, &item_at(b, i - 1)->name);
}

/*
 * Should there be a reserve on the first `len` bytes of this element's name?  What one element alone needs
 * it takes at once by itself.
 */
static bool
wants_reserve(const struct batch *b, size_t i, uint32_t len)
{
	return batch_comes_first(b, i, len) && family(b, i, len) > 1;
}

uint32_t
batch_next_level(const struct batch *b, size_t i, uint32_t len)
{
	const struct name *n = &item_at(b, i)->name;

	if (len == n->len)
		return 0;
	return path_is_flat(b->x, n) ? n->len : path_child(b->x, n, len);
}

size_t
batch_count_reserves(const struct batch *b)
{
	size_t n = 0;

	for (size_t i = 0; !b->is_simple && i < b->n; i++) {
		for (uint32_t len = batch_next_level(b, i, 0); len != 0;
		     len = batch_next_level(b, i, len))
			n += wants_reserve(b, i, len);
	}
	return n;
}

static int
result_of_index(enum index_outcome outcome)
{
	switch (outcome) {
	case INDEX_PINNED:
	case INDEX_HELD:
		return 0;
	case INDEX_NOMEM:
		return LK_E_NOMEM;
	case INDEX_BUSY:
		return LK_E_BUSY;
	case INDEX_BAD_HASH:
		break;
	}
	return LK_E_INVAL;
}

/* Does what the owner holds above give all that anyway?  Then its grants there will be implied. */
static bool
is_covered(const struct batch *b, const struct lk_resource *r, lk_mode mode)
{
	uint32_t slot = hold_find(&b->w->holds, r);
	const struct hold *s;

	if ((b->q->flags & LK_PARENTS) != 0)
		return false;
	if (slot == SLOT_NONE)
		return implied_cover(b->w, resource_parent(r), mode) != SLOT_NONE;
	s = hold_at(&b->w->holds, slot);
	return hold_is(s, HEAD_IMPLIED) && implied_covers(b->w, s, mode);
}

int
batch_enter(struct batch *b, size_t i, uint32_t len, struct lk_resource **r)
{
	const bool patient = (b->q->flags & LK_NOWAIT) == 0;
	struct name n = item_at(b, i)->name;

	if (len < n.len)
		path_ancestor(b->x, &item_at(b, i)->name, len, &n);
	return result_of_index(path_enter(b->x, &b->w->cache, &n, patient, r));
}

static int
reserve(struct batch *b, size_t i, uint32_t len)
{
	struct lk_owner *w = b->w;
	lk_mode mode = batch_need(b, i, len);
	struct lk_resource *r;
	bool covered;
	int rc = batch_enter(b, i, len, &r);

	if (rc != 0)
		return rc;
	covered = is_covered(b, r, mode);
	b->q->above = len < item_at(b, i)->name.len;
	if (!covered)
		rc = count_take(w, r, mode, b->q);
	b->q->above = false;
	resource_unpin(r); /* the hold keeps it */
	request_drop(w, b->q);
	if (rc == 0 && !covered)
		b->reserve[b->n_reserves++] = (struct reserve){ r, mode };
	return rc;
}

static int
reserve_for(struct batch *b, size_t i)
{
	int rc = 0;

	for (uint32_t len = batch_next_level(b, i, 0); rc == 0 && len != 0;
	     len = batch_next_level(b, i, len)) {
		if (wants_reserve(b, i, len))
			rc = reserve(b, i, len);
	}
	return rc;
}

void
batch_forget_reserves(struct batch *b)
{
	while (b->n_reserves > 0) {
		const struct reserve *r = &b->reserve[--b->n_reserves];

		count_give(b->w, hold_find(&b->w->holds, r->r), r->mode);
	}
}

static int
take_item(struct batch *b, size_t i)
{
	struct item *item = item_at(b, i);
	int rc = b->is_simple ? 0 : reserve_for(b, i);

	if (rc != 0)
		return rc;
	b->q->mode = item->mode;
	rc = acquire_untold(b->w, &item->name, NULL, b->q, &item->grant);
	b->taken += rc == 0;
	return rc;
}

static void
roll_back(struct batch *b)
{
	while (b->taken > 0) {
		lk_grant g = item_at(b, --b->taken)->grant;

		grant_untell_died(b->w, g);
		release_undone(b->w, g);
	}
}

/*
 * The next elements' buckets and entries are on their way to this processor at the same time, not one after
 * the other.
 */
static void
expect_items(const struct batch *b, size_t from)
{
	size_t end = b->n - from < ITEMS_AHEAD ? b->n : from + ITEMS_AHEAD;

	for (size_t i = from; from > 0 && i < end; i++)
		index_expect(b->x, item_at(b, i)->name.hash);
	for (size_t i = from; i < end; i++)
		index_expect_entry(b->x, item_at(b, i)->name.hash);
}

int
batch_take(struct batch *b)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < b->n; i++) {
		if (i % ITEMS_AHEAD == 0)
			expect_items(b, i);
		b->last = i;
		rc = take_item(b, i);
	}
	if (rc != 0) {
		roll_back(b);
		b->w->wrote_nothing = true; /* (CW4) */
		batch_forget_reserves(b);
		b->w->wrote_nothing = false;
	} else {
		b->made_real = b->w->made_real;
		b->w->made_real = 0; /* what the batch made real stays so (H10) */
		batch_forget_reserves(b);
	}
	b->w->made_real = 0;
	return rc;
}

int
batch_attempt(struct batch *b)
{
	const struct counted before = counted_now(b->w);
	int rc;

	b->q->flags |= LK_NOWAIT;
	b->q->tentative = true;
	rc = batch_take(b);
	b->q->flags &= ~(uint32_t)LK_NOWAIT;
	b->q->tentative = false;
	if (unlikely(rc == LK_E_BUSY))
		uncount(b->w, &before);
	return rc;
}

/* Without waiting; then, if that is what was asked for and somebody is in the way, with. */
static int
take_or_wait(struct batch *b)
{
	int rc;

	if ((b->q->flags & LK_NOWAIT) != 0)
		return batch_take(b);
	rc = batch_attempt(b);
	return likely(rc != LK_E_BUSY) ? rc : batch_take_together(b);
}

static int
take_at_last(void *batch)
{
	struct batch *b = batch;
	int rc;

	while (unlikely((rc = take_or_wait(b)) == CALL_AGAIN))
		owner_catch_up(b->w); /* (Z2) */
	return rc;
}

/* All of it goes back, though it could be had. */
static void
undo_batch(void *batch)
{
	struct batch *b = batch;

	b->w->made_real = b->made_real; /* and is put back (H10) */
	roll_back(b);
	b->w->made_real = 0;
}

static lk_grant
grant_at(void *batch, size_t i)
{
	return item_at(batch, i)->grant;
}

static int
take_on_condition(struct batch *b)
{
	const struct taking t = { take_at_last, undo_batch, grant_at, b->n, b };

	return condition_take(b->w, b->q, &t);
}

/* What will be told is about this element. */
static void
speak_of(struct batch *b, size_t i)
{
	event_request_is(b->q, &item_at(b, i)->name, NULL);
	b->q->mode = item_at(b, i)->mode;
}

int
batch_ask(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		int rc;

		speak_of(b, i);
		rc = event_request_begins(b->w, b->q);
		if (rc != 0) {
			event_request_ends(b->w, b->q, 0, rc);
			return rc;
		}
	}
	event_request_is(b->q, NULL, NULL);
	return 0;
}

LK_COLD void
batch_tell(struct batch *b, int rc)
{
	for (size_t i = 0; rc == 0 && i < b->n; i++) {
		speak_of(b, i);
		event_request_ends(b->w, b->q, item_at(b, i)->grant, 0);
	}
	if (rc != 0 && !b->q->told) {
		speak_of(b, b->last);
		event_request_ends(b->w, b->q, 0, rc);
	}
}

static int
take_told(struct batch *b)
{
	int rc = 0;

	if (unlikely(events_want(b->w, EVENTS_BEFORE_REQUESTS)))
		rc = batch_ask(b);
	if (rc != 0 || b->n == 0)
		return rc;
	rc = b->q->condition != NULL ? take_on_condition(b) : take_at_last(b);
	if (unlikely(rc != 0 ? events_want(b->w, EVENTS_OF_REFUSALS)
			     : events_want(b->w, LK_EVENT_ACQUIRED)))
		batch_tell(b, rc);
	return rc;
}

/* CALL_AGAIN: it was had, too late. */
static int
acquire_items(struct batch *b, const struct lk_request *r, lk_grant *out)
{
	struct lk_owner *w = b->w;
	struct env *env = &w->manager->env;
	size_t reserves;
	int rc = batch_read(b, r);

	if (rc != 0)
		return rc;
	reserves = batch_count_reserves(b);
	b->reserve = b->few;
	if (reserves > ITEMS_ON_STACK)
		b->reserve = env_alloc(env, reserves * sizeof(*b->reserve), sizeof(void *));
	if (b->reserve == NULL)
		return LK_E_NOMEM;
	rc = call_begin(w);
	if (rc == 0) {
		if (unlikely(call_is_family(w)))
			rc = member_acquire_many(w, b, r);
		else
			rc = take_told(b);
		if (rc == 0 && unlikely(w->manager->remote != NULL) && late_undo(w, b))
			rc = CALL_AGAIN;
		if (likely(rc == 0))
			escalate(w);
		call_end(w);
	}
	if (b->reserve != b->few)
		env_free(env, b->reserve, reserves * sizeof(*b->reserve));
	for (size_t i = 0; rc == 0 && out != NULL && i < b->n; i++)
		out[i] = b->item[i].grant;
	return rc;
}

int
lk_acquire_many(struct lk_owner *w, const struct lk_request *r, size_t n,
		const struct lk_options *o, lk_grant *out)
{
	_Alignas(struct item) char on_stack[ITEMS_ON_STACK * ITEM_BYTES];
	struct request q;
	struct batch b;
	void *memory = on_stack;
	int rc;

	if (w == NULL || (r == NULL && n > 0))
		return LK_E_INVAL;
	if (o == NULL && n - 1 < BATCH_PLAIN && likely(batch_plain(w, r, n, out)))
		return 0;
	rc = request_read(&q, LK_IX, o); /* each element says its own mode */
	if (rc != 0)
		return rc;
	if (q.name_hash != 0)
		return LK_E_INVAL; /* of which name? */
	if (q.units.n != 0)
		return LK_E_UNSUPPORTED; /* of which name? */
	if (n > SLOT_MAX)
		return LK_E_LIMIT;
	if (n > ITEMS_ON_STACK)
		memory = env_alloc(&w->manager->env, n * ITEM_BYTES, LK_LINE);
	if (memory == NULL)
		return LK_E_NOMEM;
	do {
		b = (struct batch){
			.w = w,
			.q = &q,
			.n = n,
			.x = &w->manager->index,
			.item = memory,
		};
		b.at = (struct ranked *)(void *)(b.item + n);
		rc = acquire_items(&b, r, out);
	} while (unlikely(rc == CALL_AGAIN) ||
		 (unlikely(retry_is_for(rc)) && retry_again(w, &q, &rc)));
	if (q.report != NULL)
		report_end(q.report, rc);
	if (memory != on_stack)
		env_free(&w->manager->env, memory, n * ITEM_BYTES);
	return rc;
}
