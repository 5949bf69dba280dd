/* SPDX-License-Identifier: MIT */
/* Events in words: what happened, to whom, to which name, and what of it matters. */
#include <string.h>

#include "core/tell.h"

static enum lk_log_level
level_of_code(int code)
{
	switch (code) {
	case LK_E_NOMEM:
		return LK_LOG_ERROR;
	case LK_E_CANCELED:
	case LK_E_CLOSED:
		return LK_LOG_INFO;
	default:
		return LK_LOG_WARN;
	}
}

enum lk_log_level
tell_level(const struct lk_event *e)
{
	switch (e->kind) {
	case LK_EVENT_DEADLOCK:
		return LK_LOG_ERROR;
	case LK_EVENT_REFUSED:
		return level_of_code(e->code);
	case LK_EVENT_ORDER:
	case LK_EVENT_EXPIRE:
		return LK_LOG_WARN;
	default:
		return LK_LOG_DEBUG;
	}
}

void
tell_name(struct out *o, const unsigned char *name, uint32_t len, bool is_id)
{
	uint64_t id;

	if (is_id && len == sizeof(id)) {
		memcpy(&id, name, sizeof(id));
		out_format(o, "id %llu", (unsigned long long)id);
		return;
	}
	out_plain(o, name, len < LK_EVENT_NAME_MAX ? len : LK_EVENT_NAME_MAX);
	if (len > LK_EVENT_NAME_MAX)
		out_format(o, "... (%u bytes)", len);
}

static void
tell_owner(struct out *o, const struct lk_event *e)
{
	if (e->owner_id == 0)
		return;
	out_format(o, ", owner %llu", (unsigned long long)e->owner_id);
	if (e->owner_label[0] != '\0') {
		out_text(o, " (");
		out_plain(o, e->owner_label, strnlen(e->owner_label, LK_LABEL_MAX));
		out_text(o, ")");
	}
}

/* Three digits of the unit that fits. */
static void
tell_time(struct out *o, const char *what, uint64_t ns)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	double x = (double)ns;
	size_t u = 0;

	if (ns == 0)
		return;
	for (; u < sizeof(units) / sizeof(units[0]) - 1 && x >= 1000; u++)
		x /= 1000;
	out_format(o, ", %s %.*f %s", what, x < 10 ? 2 : x < 100 ? 1 : 0, x, units[u]);
}

static void
tell_modes(struct out *o, const struct lk_event *e)
{
	if (e->from != LK_NL && e->to != LK_NL)
		out_format(o, ", %s to %s", lk_modename(e->from), lk_modename(e->to));
	else if (e->from != LK_NL || e->to != LK_NL)
		out_format(o, ", %s", lk_modename(e->to != LK_NL ? e->to : e->from));
}

static void
tell_order(struct out *o, const struct lk_event *e)
{
	if (e->code != 0) {
		out_text(o, ", not watched, as there are too many classes of names");
		return;
	}
	out_format(o, ", wanted in %s by who holds ", lk_modename(e->to));
	tell_name(o, e->other, e->other_len, false);
	out_format(o, " in %s; elsewhere it is held by who wants that", lk_modename(e->from));
	if (e->n_classes > 2)
		out_format(o, ", by way of %u more", e->n_classes - 2);
}

static void
tell_request(struct out *o, const struct lk_event *e)
{
	if (e->other_len != 0) {
		out_text(o, ", at ");
		tell_name(o, e->other, e->other_len, false);
	}
	tell_modes(o, e);
	if (e->code != 0)
		out_format(o, ", %s", lk_errname(e->code));
	tell_time(o, "waited", e->waited_ns);
	tell_time(o, "held", e->held_ns);
	if (e->blockers != 0)
		out_format(o, ", %u in the way", e->blockers);
	if (e->fence != 0)
		out_format(o, ", fence %llu", (unsigned long long)e->fence);
}

void
tell_event(struct out *o, const struct lk_event *e)
{
	out_format(o, "%s ", lk_eventname(e->kind));
	tell_name(o, e->name, e->name_len, (e->flags & LK_NAME_IS_ID) != 0);
	if (e->kind == LK_EVENT_ORDER)
		tell_order(o, e);
	else
		tell_request(o, e);
	tell_owner(o, e);
	if (e->other_owner != 0)
		out_format(o, ", to owner %llu", (unsigned long long)e->other_owner);
}

static void
tell_member(struct out *o, const struct lk_deadlock_member *m)
{
	out_format(o, "owner %llu", (unsigned long long)m->owner_id);
	if (m->owner_label[0] != '\0') {
		out_text(o, " (");
		out_plain(o, m->owner_label, strnlen(m->owner_label, LK_LABEL_MAX));
		out_text(o, ")");
	}
	if ((m->flags & LK_EXTERNAL) != 0) {
		out_text(o, " waits outside for ");
		return;
	}
	out_text(o, " wants ");
	tell_name(o, m->name, m->name_len, (m->flags & LK_NAME_IS_ID) != 0);
	out_format(o, " in %s, ", lk_modename(m->wanted));
	if (m->blocked != LK_NL)
		out_format(o, "held in %s by ", lk_modename(m->blocked));
	else
		out_text(o, "behind ");
}

void
tell_ring(struct out *o, const struct lk_deadlock *d)
{
	out_format(o, "deadlock %llu of %u: ", (unsigned long long)d->number, d->n);
	for (uint32_t i = 0; i < d->kept; i++)
		tell_member(o, &d->member[i]);
	out_text(o, d->kept < d->n ? "others" : "the first");
}
