/* SPDX-License-Identifier: MIT */
/* The life of an owner's memory: made once, opened and closed many times.  (O1, O4) */
#include "owner/owner.h"
#include "index/guess.h"

/* What a closed owner's calls are told. */
static const a32 closed_gate = { (uint32_t)LK_E_STALE };

void
owner_init(struct lk_owner *w, struct lk_manager *m, struct hold_memory *memory, const a32 *gate,
	   uint64_t number)
{
	w->manager = m;
	w->gate = gate;
	holds_init(&w->holds, memory);
	party_init(&w->party);
	shim_init(&w->party.owner, (void *)w);
	CDS_INIT_LIST_HEAD(&w->pending);
	latch_init(&w->latch);
	w->cache.uses = &w->drawn;
	shim_init(&w->id, number & (OWNER_OPENING - 1));
}

void
owner_fini(struct lk_owner *w)
{
	guess_end(&w->cache, w->holds.memory->env);
	holds_fini(&w->holds);
}

LK_NOINLINE void
owner_set_label(struct lk_owner *w, const char *label)
{
	char text[LK_LABEL_MAX + 1] = { 0 };
	uint64_t x;

	if (label != NULL)
		memcpy(text, label, strnlen(label, LK_LABEL_MAX));
	for (size_t i = 0; i < sizeof(text) / 8; i++) {
		memcpy(&x, text + i * 8, 8);
		shim_store(&w->label[i], x, SHIM_RELAXED);
	}
}

void
owner_label(const struct lk_owner *w, char buf[LK_LABEL_MAX + 1])
{
	for (size_t i = 0; i < (LK_LABEL_MAX + 1) / 8; i++) {
		uint64_t x = shim_load(&w->label[i], SHIM_ACQUIRE);

		memcpy(buf + i * 8, &x, 8);
	}
	buf[LK_LABEL_MAX] = '\0';
}

static void
note(a64 *at_open, const a64 *now)
{
	shim_store(at_open, shim_load(now, SHIM_RELAXED), SHIM_RELAXED);
}

LK_COLD void
owner_note_counters(struct lk_owner *w)
{
	(void)shim_xchg(&w->counted, 0u, SHIM_ACQUIRE); /* before they are read (O6) */
#define NOTE(name, text) note(&w->at_open.name, &w->count.name);
	LK_COUNTER_LIST(NOTE)
#undef NOTE
}

static unsigned
differs(const a64 *a, const a64 *b)
{
	return shim_load(a, SHIM_RELAXED) != shim_load(b, SHIM_RELAXED);
}

/* But for what is noted at each opening, and searches for rings: they may count themselves late. */
bool
owner_has_noted(const struct lk_owner *w)
{
	const struct owner_counters *now = &w->count;
	const struct owner_counters *then = &w->at_open;
	unsigned n = 0;

#define DIFFERS(name, text) n += differs(&now->name, &then->name);
	LK_COUNTER_LIST(DIFFERS)
#undef DIFFERS
	return n == differs(&now->grants, &then->grants) + differs(&now->intents, &then->intents) +
			    differs(&now->created, &then->created) +
			    differs(&now->evicted, &then->evicted) +
			    differs(&now->searches, &then->searches) +
			    differs(&now->reorders, &then->reorders);
}

void
owner_end(struct lk_owner *w)
{
	shim_store(&w->state, (uint32_t)OWNER_FREE, SHIM_RELEASE);
	w->gate = &closed_gate;
	if (unlikely(w->holds.n_table != 0 ||
		     shim_load(&w->holds.n_slots, SHIM_RELAXED) > SLOTS_INLINE))
		holds_shrink(&w->holds);
}

void
owner_linger(struct lk_owner *w)
{
	shim_store(&w->state, (uint32_t)OWNER_KEEPING, SHIM_RELEASE);
	w->gate = &closed_gate;
}

struct extra *
owner_extra(struct lk_owner *w, struct slab *extras)
{
	struct extra *e;

	if (w->n_extras > 0)
		e = w->extras[--w->n_extras];
	else if ((e = slab_get(extras)) == NULL)
		return NULL;
	shim_store(&e->since_ns, (uint64_t)0, SHIM_RELEASE);
	shim_store(&e->tag, NULL, SHIM_RELEASE);
	e->flags = 0;
	e->newest = SLOT_NONE;
	shim_store(&e->n_grants, 0u, SHIM_RELAXED);
	e->n_below = 0;
	e->cover = SLOT_NONE;
	memset(e->grants, 0, sizeof(e->grants));
	return e;
}

void
owner_extra_done(struct lk_owner *w, struct slab *extras, struct slab *tags, struct extra *e)
{
	struct tag *tag = shim_load(&e->tag, SHIM_RELAXED);

	if (tag != NULL)
		slab_put(tags, tag);
	if (w->n_extras < EXTRAS_KEPT)
		w->extras[w->n_extras++] = e;
	else
		slab_put(extras, e);
}
