/* SPDX-License-Identifier: MIT */
/* The latest events.  (E1, E2, E3) */
#include <string.h>

#include "trace/ring.h"

_Static_assert(RING_MOST >= 1 << 20, "there are segments for the largest setting");

void
ring_init(struct ring *r, struct env *env, uint64_t n)
{
	r->env = env;
	r->n = n;
	for (int k = 0; k < RING_SEGMENTS; k++)
		shim_init(&r->segment[k], NULL);
	shim_init(&r->tickets, (uint64_t)0);
	shim_init(&r->dropped, (uint64_t)0);
}

/* Segment k has the entries from RING_FIRST * (2^k - 1) on. */
static uint64_t
segment_first(int k)
{
	return ((UINT64_C(1) << k) - 1) * RING_FIRST;
}

static int
segment_of(uint64_t i)
{
	return 63 - __builtin_clzll(i / RING_FIRST + 1);
}

/* The last one is cut off where the ring ends. */
static size_t
segment_bytes(const struct ring *r, int k)
{
	uint64_t first = segment_first(k);
	uint64_t end = segment_first(k + 1);

	return (size_t)((end < r->n ? end : r->n) - first) * sizeof(struct ring_entry);
}

void
ring_fini(struct ring *r)
{
	for (int k = 0; k < RING_SEGMENTS; k++) {
		struct ring_entry *segment = shim_load(&r->segment[k], SHIM_ACQUIRE);

		if (segment != NULL)
			env_free(r->env, segment, segment_bytes(r, k));
	}
}

/* NULL: no memory. */
static struct ring_entry *
make_segment(struct ring *r, int k)
{
	struct ring_entry *made = env_zalloc(r->env, segment_bytes(r, k), LK_LINE);
	void *there = NULL;

	if (made == NULL || shim_cas(&r->segment[k], &there, (void *)made, SHIM_ACQ_REL))
		return made;
	env_free(r->env, made, segment_bytes(r, k)); /* somebody was faster */
	return shim_load(&r->segment[k], SHIM_ACQUIRE);
}

bool
ring_prepare(struct ring *r)
{
	for (int k = 0; segment_first(k) < r->n; k++) {
		if (shim_load(&r->segment[k], SHIM_ACQUIRE) == NULL && make_segment(r, k) == NULL)
			return false;
	}
	return true;
}

/* NULL: it is not there yet. */
static struct ring_entry *
find_entry(const struct ring *r, uint64_t ticket)
{
	const uint64_t i = (ticket - 1) % r->n;
	const int k = segment_of(i);
	struct ring_entry *segment = shim_load(&r->segment[k], SHIM_ACQUIRE);

	return segment != NULL ? segment + (i - segment_first(k)) : NULL;
}

/* The same, made if need be; NULL: no memory. */
static struct ring_entry *
entry_of(struct ring *r, uint64_t ticket)
{
	struct ring_entry *e = find_entry(r, ticket);

	if (likely(e != NULL))
		return e;
	if (make_segment(r, segment_of((ticket - 1) % r->n)) == NULL)
		return NULL;
	return find_entry(r, ticket);
}

/* False: somebody else is at it, or has a later event there already.  (E1) */
static bool
claim(struct ring_entry *e, uint64_t ticket)
{
	uint64_t turn = shim_load(&e->turn, SHIM_RELAXED);

	return turn % 2 == 0 && turn < 2 * ticket &&
	       shim_cas(&e->turn, &turn, 2 * ticket - 1, SHIM_ACQ_REL);
}

static void
fill(struct ring_entry *e, const struct lk_event *event)
{
	uint64_t word[EVENT_WORDS];

	memcpy(word, event, sizeof(word));
	for (int i = 0; i < EVENT_WORDS; i++)
		shim_store(&e->word[i], word[i], SHIM_RELEASE); /* (E2) */
}

void
ring_put(struct ring *r, struct lk_event *event)
{
	uint64_t ticket;
	struct ring_entry *e;

	event->sequence = 0;
	if (r->n == 0)
		return;
	ticket = shim_add(&r->tickets, (uint64_t)1, SHIM_RELAXED) + 1;
	e = entry_of(r, ticket);
	if (unlikely(e == NULL) || unlikely(!claim(e, ticket))) {
		shim_add(&r->dropped, (uint64_t)1, SHIM_RELAXED); /* (E3) */
		return;
	}
	event->sequence = ticket;
	fill(e, event);
	shim_store(&e->turn, 2 * ticket, SHIM_RELEASE);
}

uint64_t
ring_last(const struct ring *r)
{
	return shim_load(&r->tickets, SHIM_RELAXED);
}

uint64_t
ring_oldest(const struct ring *r)
{
	uint64_t last = ring_last(r);

	return last > r->n ? last - r->n + 1 : 1;
}

bool
ring_get(const struct ring *r, uint64_t ticket, struct lk_event *out)
{
	uint64_t word[EVENT_WORDS];
	const struct ring_entry *e;

	if (r->n == 0)
		return false;
	e = find_entry(r, ticket);
	if (e == NULL || shim_load(&e->turn, SHIM_ACQUIRE) != 2 * ticket)
		return false;
	for (int i = 0; i < EVENT_WORDS; i++)
		word[i] = shim_load(&e->word[i], SHIM_ACQUIRE);
	if (shim_load(&e->turn, SHIM_RELAXED) != 2 * ticket)
		return false;
	memcpy(out, word, sizeof(*out));
	return true;
}
