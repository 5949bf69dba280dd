/* SPDX-License-Identifier: MIT */
/* What happened, as text and as JSON. */
#include <string.h>

#include "core/tell.h"

enum { SAFE_BITS = 53 };

struct history {
	struct out out;
	bool first;
};

static int
write_line(void *arg, const struct lk_event *e)
{
	struct history *h = arg;

	out_format(&h->out, "%llu  %llu.%09llu  ", (unsigned long long)e->sequence,
		   (unsigned long long)e->at_ns / 1000000000,
		   (unsigned long long)e->at_ns % 1000000000);
	tell_event(&h->out, e);
	out_text(&h->out, "\n");
	return h->out.rc;
}

static void
json_number(struct out *o, const char *member, uint64_t x)
{
	if (x >> SAFE_BITS != 0)
		out_format(o, ",\"%s\":\"%llu\"", member, (unsigned long long)x);
	else
		out_format(o, ",\"%s\":%llu", member, (unsigned long long)x);
}

/* One that most events do not have. */
static void
json_some(struct out *o, const char *member, uint64_t x)
{
	if (x != 0)
		json_number(o, member, x);
}

static void
json_mode(struct out *o, const char *member, lk_mode mode)
{
	if (mode != LK_NL)
		out_format(o, ",\"%s\":\"%s\"", member, lk_modename(mode));
}

/* The first bytes of a name, and its length if that is not all. */
static void
json_name(struct out *o, const char *member, const unsigned char *name, uint32_t len)
{
	out_format(o, ",\"%s\":", member);
	out_json(o, name, len < LK_EVENT_NAME_MAX ? len : LK_EVENT_NAME_MAX);
	if (len > LK_EVENT_NAME_MAX)
		out_format(o, ",\"%s_len\":%u", member, len);
}

static void
json_subject(struct out *o, const struct lk_event *e)
{
	uint64_t id;

	if ((e->flags & LK_NAME_IS_ID) != 0 && e->name_len == sizeof(id)) {
		memcpy(&id, e->name, sizeof(id));
		json_number(o, "id", id);
	} else {
		json_name(o, "name", e->name, e->name_len);
	}
	if (e->other_len != 0)
		json_name(o, "other", e->other, e->other_len);
}

static void
json_owner(struct out *o, const struct lk_event *e)
{
	json_some(o, "owner", e->owner_id);
	if (e->owner_label[0] != '\0') {
		out_text(o, ",\"label\":");
		out_json(o, e->owner_label, strnlen(e->owner_label, LK_LABEL_MAX));
	}
}

static int
write_object(void *arg, const struct lk_event *e)
{
	struct history *h = arg;
	struct out *o = &h->out;

	out_format(o, "%s{\"kind\":\"%s\"", h->first ? "\n" : ",\n", lk_eventname(e->kind));
	h->first = false;
	json_number(o, "sequence", e->sequence);
	json_number(o, "at_ns", e->at_ns);
	json_owner(o, e);
	json_subject(o, e);
	json_mode(o, "from", e->from);
	json_mode(o, "to", e->to);
	if (e->code != 0)
		out_format(o, ",\"code\":\"%s\"", lk_errname(e->code));
	json_some(o, "grant", e->grant);
	json_some(o, "fence", e->fence);
	json_some(o, "waited_ns", e->waited_ns);
	json_some(o, "held_ns", e->held_ns);
	json_some(o, "blockers", e->blockers);
	json_some(o, "classes", e->n_classes);
	json_some(o, "other_owner", e->other_owner);
	out_text(o, "}");
	return o->rc;
}

static int
write_json(struct history *h, struct lk_manager *m, const struct lk_event_filter *filter)
{
	int rc;

	out_text(&h->out, "[");
	rc = lk_event_each(m, filter, write_object, h);
	if (rc == 0)
		out_text(&h->out, "\n]\n");
	return rc;
}

int
lk_history(struct lk_manager *m, const struct lk_event_filter *filter, enum lk_format format,
	   lk_write_fn *write, void *arg)
{
	struct history h = { .first = true };
	int rc;

	if (m == NULL || write == NULL || (format != LK_TEXT && format != LK_JSON))
		return LK_E_INVAL;
	out_begin(&h.out, write, arg);
	if (format == LK_TEXT)
		rc = lk_event_each(m, filter, write_line, &h);
	else
		rc = write_json(&h, m, filter);
	return rc == 0 ? out_end(&h.out) : rc;
}
