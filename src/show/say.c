/* SPDX-License-Identifier: MIT */
/* Pieces of text that all views have in common. */
#include "show/say.h"

#include <inttypes.h>
#include <string.h>

#include <latchkey/format.h>

int
say_check(enum lk_format format, bool has_picture, lk_write_fn *write)
{
	if (write == NULL)
		return LK_E_INVAL;
	switch (format) {
	case LK_TEXT:
	case LK_JSON:
		return 0;
	case LK_DOT:
		return has_picture ? 0 : LK_E_UNSUPPORTED;
	}
	return LK_E_INVAL;
}

static uint64_t
number_of(const struct said *name)
{
	uint64_t id;

	memcpy(&id, name->bytes, sizeof(id)); /* it need not be aligned */
	return id;
}

static void
say_rest(struct out *o, const struct said *s)
{
	if (s->kept < s->len)
		out_text(o, "...");
}

void
say_name(struct out *o, const struct said *name)
{
	if (name->is_id) {
		out_format(o, "#%" PRIu64, number_of(name));
		return;
	}
	out_plain(o, name->bytes, name->kept);
	say_rest(o, name);
}

/* Between quotes, of which the text has none. */
static void
quoted(struct out *o, const void *bytes, size_t len)
{
	const char *p = bytes;

	out_text(o, "\"");
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '"')
			out_text(o, "\\x22");
		else
			out_plain(o, p + i, 1);
	}
	out_text(o, "\"");
}

void
say_owner(struct out *o, uint64_t id, const char *label)
{
	out_format(o, "owner %" PRIu64, id);
	if (label[0] == '\0')
		return;
	out_text(o, " ");
	quoted(o, label, strlen(label));
}

void
say_age(struct out *o, uint64_t ns)
{
	char text[32];

	if (ns == 0)
		return;
	(void)lk_format_duration_ns(ns, text, sizeof(text));
	out_format(o, ", for %s", text);
}

void
say_tag(struct out *o, const struct said *tag)
{
	if (tag->len == 0)
		return;
	out_text(o, ", tag ");
	quoted(o, tag->bytes, tag->kept);
	say_rest(o, tag);
}

void
say_position(struct out *o, uint32_t position)
{
	if (position == 1)
		out_text(o, ", first in the line");
	else
		out_format(o, ", number %" PRIu32 " in the line", position);
}

/* What needs more than 53 bits is a string, as most readers would round it. */
static void
json_number(struct out *o, uint64_t x)
{
	const char *quote = x >> 53 != 0 ? "\"" : "";

	out_format(o, "%s%" PRIu64 "%s", quote, x, quote);
}

void
say_json_name(struct out *o, const struct said *name)
{
	if (name->is_id) {
		out_text(o, "\"id\":");
		json_number(o, number_of(name));
		return;
	}
	out_text(o, "\"name\":");
	out_json(o, name->bytes, name->kept);
	if (name->kept < name->len)
		out_format(o, ",\"name_len\":%zu", name->len);
}

void
say_json_number(struct out *o, const char *key, uint64_t x)
{
	out_format(o, ",\"%s\":", key);
	json_number(o, x);
}

void
say_json_mode(struct out *o, const char *key, lk_mode mode)
{
	out_format(o, ",\"%s\":\"%s\"", key, lk_modename(mode));
}

void
say_json_text(struct out *o, const char *key, const char *text)
{
	out_format(o, ",\"%s\":", key);
	out_json(o, text, strlen(text));
}

void
say_json_bool(struct out *o, const char *key, bool x)
{
	out_format(o, ",\"%s\":%s", key, x ? "true" : "false");
}

void
say_json_tag(struct out *o, const struct said *tag)
{
	out_text(o, ",\"tag\":");
	out_json(o, tag->bytes, tag->kept);
	if (tag->kept < tag->len)
		out_format(o, ",\"tag_len\":%zu", tag->len);
}

/* Graphviz reads backslashes, quotes and the entities of HTML. */
void
say_dot(struct out *o, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < len; i++) {
		if (p[i] == '"')
			out_text(o, "\\\"");
		else if (p[i] == '&')
			out_text(o, "&amp;");
		else if (p[i] < 0x20 || p[i] > 0x7e || p[i] == '\\')
			out_format(o, "\\\\x%02x", p[i]);
		else
			out_bytes(o, (const char *)p + i, 1);
	}
}

void
say_dot_name(struct out *o, const struct said *name)
{
	if (name->is_id) {
		out_format(o, "#%" PRIu64, number_of(name));
		return;
	}
	say_dot(o, name->bytes, name->kept);
	say_rest(o, name);
}
