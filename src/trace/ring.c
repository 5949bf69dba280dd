/* SPDX-License-Identifier: MIT */
/* The latest events.  (E1, E2, E3) */
#include <string.h>

#include "trace/ring.h"

void
ring_init(struct ring *r, struct env *env, uint64_t n)
{
	r->env = env;
	r->n = n;
	shim_init(&r->entry, NULL);
	shim_init(&r->tickets, (uint64_t)0);
	shim_init(&r->dropped, (uint64_t)0);
}

static struct ring_entry *
entries(const struct ring *r)
{
	return shim_load(&r->entry, SHIM_ACQUIRE);
}

void
ring_fini(struct ring *r)
{
	if (entries(r) != NULL)
		env_free(r->env, entries(r), r->n * sizeof(struct ring_entry));
}

bool
ring_prepare(struct ring *r)
{
	struct ring_entry *made;
	void *none = NULL;

	if (r->n == 0 || entries(r) != NULL)
		return true;
	made = env_zalloc(r->env, r->n * sizeof(*made), LK_LINE);
	if (made == NULL)
		return false;
	if (!shim_cas(&r->entry, &none, (void *)made, SHIM_ACQ_REL))
		env_free(r->env, made, r->n * sizeof(*made)); /* somebody was faster */
	return true;
}

static struct ring_entry *
entry_of(const struct ring *r, uint64_t ticket)
{
	return entries(r) + (ticket - 1) % r->n;
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
	if (ring_prepare(r)) {
		e = entry_of(r, ticket);
		if (likely(claim(e, ticket))) {
			event->sequence = ticket;
			fill(e, event);
			shim_store(&e->turn, 2 * ticket, SHIM_RELEASE);
			return;
		}
	}
	shim_add(&r->dropped, (uint64_t)1, SHIM_RELAXED); /* (E3) */
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

	if (entries(r) == NULL)
		return false;
	e = entry_of(r, ticket);
	if (shim_load(&e->turn, SHIM_ACQUIRE) != 2 * ticket)
		return false;
	for (int i = 0; i < EVENT_WORDS; i++)
		word[i] = shim_load(&e->word[i], SHIM_ACQUIRE);
	if (shim_load(&e->turn, SHIM_RELAXED) != 2 * ticket)
		return false;
	memcpy(out, word, sizeof(*out));
	return true;
}
