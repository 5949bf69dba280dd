/* SPDX-License-Identifier: MIT */
/* Notices to owners.  (A1) */
#include "core/notices.h"

#include "base/guest.h"

void
notices_begin(struct lk_owner *w, const struct lk_owner_options *o)
{
	if (o->on_notice == NULL)
		return;
	w->on_notice = o->on_notice;
	w->notice_arg = o->notice_arg;
	w->flags |= OWNER_TELLS;
}

void
notice_is(struct lk_notice *n, struct lk_owner *w, enum lk_kind kind, lk_grant g,
	  const struct lk_resource *r)
{
	size_t len;
	bool is_id;
	const void *name = resource_name(r, &len, &is_id);

	memset(n, 0, sizeof(*n));
	n->size = sizeof(*n);
	n->kind = kind;
	n->owner = w;
	n->owner_id = shim_load(&w->id, SHIM_RELAXED);
	n->grant = g;
	n->flags = is_id ? LK_NAME_IS_ID : 0;
	n->name_len = (uint32_t)len;
	memcpy(n->name, name, len < LK_NOTICE_NAME_MAX ? len : LK_NOTICE_NAME_MAX);
}

static void
forget(struct lk_owner *w, const struct telling *t)
{
	struct telling **at = &w->tellings;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
}

void
notice_tell(struct lk_owner *w, const struct lk_notice *n)
{
	lk_notice_fn *fn = w->on_notice;
	void *arg = w->notice_arg;
	struct telling t = { .next = w->tellings };
	struct guest g;

	thread_note_me(&t.by);
	w->tellings = &t; /* (A1) */
	latch_unlock(&w->latch);
	guest_enter(&g);
	fn(arg, n);
	guest_leave(&g);
	latch_lock(&w->latch);
	forget(w, &t);
	shim_add(&w->told, 1u, SHIM_ACQ_REL);
	env_wake(&w->manager->env, &w->told);
}

/* Is another thread telling one? */
static bool
others_tell(struct lk_owner *w)
{
	bool others = false;

	latch_lock(&w->latch);
	for (const struct telling *t = w->tellings; t != NULL; t = t->next)
		others |= !thread_is_me(&t->by);
	latch_unlock(&w->latch);
	return others;
}

void
notices_end(struct lk_owner *w)
{
	for (;;) {
		uint32_t seen = shim_load(&w->told, SHIM_ACQUIRE);

		if (!others_tell(w))
			return;
		env_wait(&w->manager->env, &w->told, seen, SHIM_NEVER);
	}
}
