/* SPDX-License-Identifier: MIT */
/* One deadlock after the other; of each all members, in the order in which they waited for each other. */
#include "show/rings.h"

#include <inttypes.h>
#include <string.h>

#include <latchkey/format.h>

static struct said
name_of(const struct lk_deadlock_member *m)
{
	return (struct said){
		.bytes = m->name,
		.len = m->name_len,
		.kept = m->name_len < sizeof(m->name) ? m->name_len : sizeof(m->name),
		.is_id = (m->flags & LK_NAME_IS_ID) != 0,
	};
}

static struct said
tag_of(const struct lk_deadlock_member *m)
{
	return (struct said){
		.bytes = m->tag,
		.len = m->tag_len,
		.kept = m->tag_len < sizeof(m->tag) ? m->tag_len : sizeof(m->tag),
	};
}

static bool
is_external(const struct lk_deadlock_member *m)
{
	return (m->flags & LK_EXTERNAL) != 0;
}

/* Of another process its label says who it is. */
static bool
is_abroad(const struct lk_deadlock_member *m)
{
	return (m->flags & LK_ABROAD) != 0;
}

static bool
is_victim(const struct lk_deadlock_member *m)
{
	return (m->flags & LK_VICTIM) != 0;
}

/*
 * The place of whom member `i` waited for; `kept`: that is not told.  Of a ring with more members than are
 * kept the last that is need not be the next of the one before.
 */
static uint32_t
next_of(const struct lk_deadlock *d, uint32_t i)
{
	if (d->n > d->kept)
		return i + 2 < d->kept ? i + 1 : d->kept;
	return (i + 1) % d->kept;
}

/* ------------------------------------------------------------------------- text */

static void
say_member(struct out *o, const struct lk_deadlock_member *m)
{
	const struct said label = { .bytes = m->owner_label,
				    .len = strlen(m->owner_label),
				    .kept = strlen(m->owner_label) };

	if (!is_abroad(m)) {
		say_owner(o, m->owner_id, m->owner_label);
		return;
	}
	out_text(o, "abroad ");
	say_name(o, &label);
}

static void
say_next(struct out *o, const struct lk_deadlock *d, uint32_t i)
{
	const uint32_t next = next_of(d, i);

	if (next == d->kept)
		out_text(o, "another owner");
	else
		say_member(o, &d->member[next]);
}

static void
wait_text(struct out *o, const struct lk_deadlock *d, uint32_t i)
{
	const struct lk_deadlock_member *m = &d->member[i];
	const struct said name = name_of(m);

	if (is_external(m)) {
		out_text(o, " waited outside for ");
		say_next(o, d, i);
		return;
	}
	out_format(o, " waited for %s on ", lk_modename(m->wanted));
	say_name(o, &name);
	out_text(o, m->blocked != LK_NL ? ", held by " : ", behind ");
	say_next(o, d, i);
	if (m->blocked != LK_NL)
		out_format(o, " in %s", lk_modename(m->blocked));
}

static void
member_text(struct out *o, const struct lk_deadlock *d, uint32_t i)
{
	const struct lk_deadlock_member *m = &d->member[i];
	const struct said tag = tag_of(m);

	out_text(o, "  ");
	say_member(o, m);
	wait_text(o, d, i);
	say_age(o, m->waited_ns);
	if (m->held != LK_NL)
		out_format(o, ", holding %s there", lk_modename(m->held));
	if (m->priority != 0)
		out_format(o, ", priority %" PRId32, m->priority);
	say_tag(o, &tag);
	out_text(o, is_victim(m) ? ": its request was ended\n" : "\n");
}

static void
ring_text(struct rings *r, const struct lk_deadlock *d)
{
	out_format(r->o, "deadlock %" PRIu64 " of %" PRIu32 " owners", d->number, d->n);
	if (r->now > d->at_ns) {
		char text[32];

		(void)lk_format_duration_ns(r->now - d->at_ns, text, sizeof(text));
		out_format(r->o, ", %s ago", text);
	}
	out_text(r->o, ":\n");
	for (uint32_t i = 0; i < d->kept; i++)
		member_text(r->o, d, i);
	if (d->n > d->kept)
		out_format(r->o, "  and %" PRIu32 " more\n", d->n - d->kept);
}

/* ------------------------------------------------------------------------- JSON */

static void
member_json(struct out *o, const struct lk_deadlock *d, uint32_t i)
{
	const struct lk_deadlock_member *m = &d->member[i];
	const struct said name = name_of(m);
	const struct said tag = tag_of(m);

	out_text(o, i > 0 ? ",{" : "{");
	say_json_name(o, &name);
	say_json_number(o, "owner", m->owner_id);
	say_json_text(o, "label", m->owner_label);
	out_format(o, ",\"priority\":%" PRId32, m->priority);
	say_json_bool(o, "victim", is_victim(m));
	say_json_bool(o, "external", is_external(m));
	say_json_bool(o, "abroad", is_abroad(m));
	say_json_mode(o, "held", m->held);
	say_json_mode(o, "wanted", m->wanted);
	say_json_mode(o, "blocked", m->blocked);
	say_json_number(o, "grants", m->n_grants);
	say_json_number(o, "waited_ns", m->waited_ns);
	say_json_number(o, "opened_ns", m->opened_ns);
	say_json_tag(o, &tag);
	out_text(o, "}");
}

static void
ring_json(struct rings *r, const struct lk_deadlock *d)
{
	out_text(r->o, r->n > 0 ? ",{\"kind\":\"deadlock\"" : "{\"kind\":\"deadlock\"");
	say_json_number(r->o, "number", d->number);
	say_json_number(r->o, "at_ns", d->at_ns);
	say_json_number(r->o, "owners", d->n);
	out_text(r->o, ",\"members\":[");
	for (uint32_t i = 0; i < d->kept; i++)
		member_json(r->o, d, i);
	out_text(r->o, "]}");
}

/* -------------------------------------------------------------------------- DOT */

static void
member_dot(struct out *o, const struct lk_deadlock *d, uint32_t i)
{
	const struct lk_deadlock_member *m = &d->member[i];

	out_format(o, "\t\td%" PRIu64 "_%" PRIu32 " [label=\"", d->number, i);
	if (is_abroad(m))
		out_text(o, "abroad");
	else
		out_format(o, "owner %" PRIu64, m->owner_id);
	if (m->owner_label[0] != '\0')
		out_text(o, "\\n");
	say_dot(o, m->owner_label, strlen(m->owner_label));
	out_format(o, "\"%s];\n", is_victim(m) ? ", style=filled" : "");
}

static void
wait_dot(struct out *o, const struct lk_deadlock *d, uint32_t i)
{
	const struct lk_deadlock_member *m = &d->member[i];
	const struct said name = name_of(m);

	if (next_of(d, i) == d->kept)
		out_format(o, "\t\td%" PRIu64 "_%" PRIu32 " -> d%" PRIu64 "_more [label=\"",
			   d->number, i, d->number);
	else
		out_format(o, "\t\td%" PRIu64 "_%" PRIu32 " -> d%" PRIu64 "_%" PRIu32 " [label=\"",
			   d->number, i, d->number, next_of(d, i));
	if (is_external(m)) {
		out_text(o, "outside\"];\n");
		return;
	}
	out_format(o, "%s on ", lk_modename(m->wanted));
	say_dot_name(o, &name);
	if (m->blocked != LK_NL)
		out_format(o, "\\nheld in %s\"];\n", lk_modename(m->blocked));
	else
		out_text(o, "\\nbehind\", style=dashed];\n");
}

static void
ring_dot(struct rings *r, const struct lk_deadlock *d)
{
	out_format(r->o, "\tsubgraph cluster_%" PRIu64 " {\n\t\tlabel=\"deadlock %" PRIu64 "\";\n",
		   d->number, d->number);
	for (uint32_t i = 0; i < d->kept; i++)
		member_dot(r->o, d, i);
	if (d->n > d->kept)
		out_format(r->o, "\t\td%" PRIu64 "_more [label=\"%" PRIu32 " more\"];\n", d->number,
			   d->n - d->kept);
	for (uint32_t i = 0; i < d->kept; i++)
		wait_dot(r->o, d, i);
	out_text(r->o, "\t}\n");
}

/* -------------------------------------------------------------------------- all */

void
rings_begin(struct rings *r)
{
	if (r->format == LK_JSON)
		out_text(r->o, "{\"deadlocks\":[");
	else if (r->format == LK_DOT)
		out_text(r->o, "digraph deadlocks {\n\tnode [shape=box];\n");
}

void
rings_add(struct rings *r, const struct lk_deadlock *d)
{
	if (r->format == LK_JSON)
		ring_json(r, d);
	else if (r->format == LK_DOT)
		ring_dot(r, d);
	else
		ring_text(r, d);
	r->n++;
}

void
rings_end(struct rings *r)
{
	if (r->format == LK_JSON)
		out_text(r->o, "]}\n");
	else if (r->format == LK_DOT)
		out_text(r->o, "}\n");
	else if (r->n == 0)
		out_text(r->o, "no deadlocks\n");
}
