/* SPDX-License-Identifier: MIT */
/* Blockers in words, and as objects.  Pure: of what was found, whoever found it. */
#include "show/blame.h"

static struct said
name_of(const struct lk_blocker *b)
{
	return (struct said){
		.bytes = b->name,
		.len = b->name_len,
		.kept = b->name_len < sizeof(b->name) ? b->name_len : sizeof(b->name),
		.is_id = (b->flags & LK_NAME_IS_ID) != 0,
	};
}

static struct said
tag_of(const struct lk_blocker *b)
{
	return (struct said){
		.bytes = b->tag,
		.len = b->tag_len,
		.kept = b->tag_len < sizeof(b->tag) ? b->tag_len : sizeof(b->tag),
	};
}

static void
write_one(struct out *o, const struct lk_blocker *b)
{
	const struct said name = name_of(b);
	const struct said tag = tag_of(b);

	out_text(o, "  ");
	say_name(o, &name);
	out_format(o, " is %s in %s by ", b->why == LK_WHY_HELD ? "held" : "wanted",
		   lk_modename(b->why == LK_WHY_HELD ? b->held : b->wanted));
	say_owner(o, b->owner_id, b->owner_label);
	if (b->why != LK_WHY_HELD)
		say_position(o, b->position);
	say_age(o, b->age_ns);
	say_tag(o, &tag);
	if ((b->flags & LK_ON_ANCESTOR) != 0)
		out_format(o, " (needed in %s for what is below)", lk_modename(b->asked));
	if (b->why == LK_WHY_AHEAD)
		out_text(o, " (may be overtaken)");
	out_text(o, "\n");
}

static const char *
why_name(uint32_t why)
{
	switch ((enum lk_why_cause)why) {
	case LK_WHY_HELD:
		return "held";
	case LK_WHY_AHEAD:
		return "ahead";
	case LK_WHY_CLOSED:
		return "closed";
	}
	return "?";
}

static void
write_one_json(struct out *o, const struct lk_blocker *b)
{
	const struct said name = name_of(b);
	const struct said tag = tag_of(b);

	out_text(o, "{");
	say_json_name(o, &name);
	say_json_text(o, "why", why_name(b->why));
	say_json_bool(o, "ancestor", (b->flags & LK_ON_ANCESTOR) != 0);
	say_json_number(o, "owner", b->owner_id);
	say_json_text(o, "label", b->owner_label);
	say_json_mode(o, "held", b->held);
	say_json_mode(o, "wanted", b->wanted);
	say_json_mode(o, "asked", b->asked);
	say_json_number(o, "position", b->position);
	say_json_number(o, "age_ns", b->age_ns);
	say_json_tag(o, &tag);
	out_text(o, "}");
}

static void
write_array(struct out *o, const struct lk_blocker *b, uint32_t n)
{
	out_text(o, ",\"blockers\":[");
	for (uint32_t i = 0; i < n && o->rc == 0; i++) {
		out_text(o, i > 0 ? "," : "");
		write_one_json(o, &b[i]);
	}
	out_text(o, "]");
}

static void
write_lines(struct out *o, const struct lk_blocker *b, uint32_t n)
{
	for (uint32_t i = 0; i < n && o->rc == 0; i++)
		write_one(o, &b[i]);
}

/* Would a request that does not wait be granted? */
static bool
is_free(const struct lk_blocker *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (b[i].why != LK_WHY_AHEAD)
			return false;
	}
	return true;
}

void
blame_request(struct out *o, enum lk_format format, const struct said *name, lk_mode mode,
	      const struct lk_blocker *b, uint32_t n)
{
	const bool can = is_free(b, n);

	if (format == LK_JSON) {
		out_text(o, "{");
		say_json_name(o, name);
		say_json_mode(o, "mode", mode);
		say_json_bool(o, "free", can);
		write_array(o, b, n);
		out_text(o, "}\n");
		return;
	}
	say_name(o, name);
	out_format(o, " %s be had in %s%s\n", can ? "can" : "cannot", lk_modename(mode),
		   n > 0 ? ":" : "");
	write_lines(o, b, n);
}

void
blame_report(struct out *o, enum lk_format format, const struct lk_report *r)
{
	if (format == LK_JSON) {
		out_text(o, "{\"code\":");
		out_format(o, "\"%s\"", lk_errname(r->code));
		say_json_number(o, "n", r->n);
		say_json_number(o, "deadlock", r->deadlock);
		write_array(o, r->blocker, r->kept);
		out_text(o, "}\n");
		return;
	}
	if (r->code == 0) {
		out_text(o, "nobody was in the way\n");
		return;
	}
	out_format(o, "%s: %s", lk_errname(r->code), lk_strerror(r->code));
	if (r->deadlock != 0)
		out_format(o, " (deadlock %llu)", (unsigned long long)r->deadlock);
	out_text(o, r->n > 0 ? ":\n" : "\n");
	write_lines(o, r->blocker, r->kept);
	if (r->n > r->kept)
		out_format(o, "  and %u more\n", (unsigned)(r->n - r->kept));
}
