/* SPDX-License-Identifier: MIT */
/* Counters put back after an attempt that nobody is told of. */
#include "core/undone.h"

struct counted
counted_now(const struct lk_owner *w)
{
	return (struct counted){
		.drawn = shim_load(&w->drawn, SHIM_RELAXED),
		.undone = shim_load(&w->undone.ever, SHIM_RELAXED),
		.busy = shim_load(&w->count.busy, SHIM_RELAXED),
		.implied = shim_load(&w->count.implied, SHIM_RELAXED),
		.intents = shim_load(&w->count.intents, SHIM_RELAXED),
		.reentries = shim_load(&w->count.reentries, SHIM_RELAXED),
	};
}

/* Stamps, but those that were undone since, by an attempt within this one. */
static uint64_t
stamps_since(const struct lk_owner *w, const struct counted *before)
{
	return shim_load(&w->drawn, SHIM_RELAXED) - before->drawn -
	       (shim_load(&w->undone.ever, SHIM_RELAXED) - before->undone);
}

static void
add_undone(struct lk_owner *w, uint64_t stamps)
{
	const uint64_t id = shim_load(&w->id, SHIM_RELAXED);
	struct undone *u = &w->undone;

	shim_store(&u->ever, shim_load(&u->ever, SHIM_RELAXED) + stamps, SHIM_RELAXED);
	u->since = stamps + (u->opening == id ? u->since : 0);
	u->opening = id;
}

void
uncount_next(struct lk_owner *w)
{
	add_undone(w, 1);
}

LK_COLD void
uncount(struct lk_owner *w, const struct counted *before)
{
	const uint64_t stamps = stamps_since(w, before);

	shim_store(&w->count.busy, before->busy, SHIM_RELAXED);
	shim_store(&w->count.implied, before->implied, SHIM_RELAXED);
	shim_store(&w->count.intents, before->intents, SHIM_RELAXED);
	shim_store(&w->count.reentries, before->reentries, SHIM_RELAXED);
	add_undone(w, stamps);
}
