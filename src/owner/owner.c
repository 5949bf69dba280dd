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
	holds_fini(&w->holds);
}

static void
set_label(struct lk_owner *w, const char *label)
{
	char text[LK_LABEL_MAX + 1] = { 0 };
	uint64_t x;

	if (label == NULL && shim_load(&w->label[0], SHIM_RELAXED) == 0)
		return; /* it has none (a label's first byte is not 0, or it is none) */
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

void
owner_begin(struct lk_owner *w, const a32 *gate, enum owner_state state,
	    const struct lk_owner_options *o, uint32_t flags)
{
	const int32_t priority = o != NULL ? o->priority : 0;

	w->gate = gate;
	w->flags = flags;
	shim_store(&w->holds.few, FEW_ALL | (flags != 0 ? HOLDS_NOTED : 0), SHIM_RELAXED);
	w->deadline_ns = o != NULL && o->deadline_ns != 0 ? o->deadline_ns : SHIM_NEVER;
	if (unlikely(party_priority(&w->party) != priority)) /* a line that others write */
		shim_store(&w->party.priority, (uint32_t)priority, SHIM_RELAXED);
	w->spinner.budget = 0;
	park_clear_cancel(&w->party.parker);
	set_label(w, o != NULL ? o->label : NULL);
	shim_store(&w->id, shim_load(&w->id, SHIM_RELAXED) + OWNER_OPENING, SHIM_RELAXED);
	memcpy(&w->at_open, &w->count, sizeof(w->count));
	shim_store(&w->at_open.grants,
		   shim_load(&w->drawn, SHIM_RELAXED) - shim_load(&w->count.intents, SHIM_RELAXED),
		   SHIM_RELAXED);
	shim_store(&w->at_open.created, cache_created(&w->cache), SHIM_RELAXED);
	shim_store(&w->at_open.evicted, cache_evicted(&w->cache), SHIM_RELAXED);
	shim_store(&w->state, (uint32_t)state, SHIM_RELEASE);
}

void
owner_end(struct lk_owner *w)
{
	shim_store(&w->state, (uint32_t)OWNER_FREE, SHIM_RELEASE);
	w->gate = &closed_gate;
	guess_end(&w->cache, w->holds.memory->env);
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
