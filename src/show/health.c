/* SPDX-License-Identifier: MIT */
/* Health in words, and what the store has of names. */
#include <inttypes.h>
#include <string.h>

#include <latchkey/health.h>

#include "core/manager.h"
#include "show/say.h"

/* ----------------------------------------------------------------------------- health */

static void
write_lines(struct out *o, const struct lk_health *h)
{
	out_format(o, "%s\n", lk_healthname(h->status));
	for (uint32_t i = 0; i < LK_HEALTH_PARTS; i++)
		out_format(o, "  %-8s  %-4s  %s\n", lk_healthpartname(i),
			   lk_healthname(h->part[i].status), h->part[i].words);
}

static void
write_json(struct out *o, const struct lk_health *h)
{
	out_format(o, "{\"status\":\"%s\",\"parts\":{", lk_healthname(h->status));
	for (uint32_t i = 0; i < LK_HEALTH_PARTS; i++) {
		const struct lk_health_part *p = &h->part[i];

		out_format(o, "%s\"%s\":{\"status\":\"%s\"", i != 0 ? "," : "",
			   lk_healthpartname(i), lk_healthname(p->status));
		say_json_number(o, "value", p->value);
		say_json_text(o, "words", p->words);
		out_text(o, "}");
	}
	out_text(o, "}}\n");
}

int
lk_health_text(struct lk_manager *m, const struct lk_health *limits, enum lk_format format,
	       lk_write_fn *write, void *arg)
{
	struct lk_health h = { .size = sizeof(h) };
	struct out o;
	int rc = m != NULL ? say_check(format, false, write) : LK_E_INVAL;

	if (rc == 0 && limits != NULL)
		rc = check_struct(limits, limits->size, sizeof(h));
	if (rc == 0 && limits != NULL && limits->size >= offsetof(struct lk_health, part)) {
		h.slow_ns = limits->slow_ns;
		h.stuck_ns = limits->stuck_ns;
	}
	if (rc == 0)
		rc = lk_health(m, &h);
	if (rc != 0)
		return rc;
	out_begin(&o, write, arg);
	if (format == LK_JSON)
		write_json(&o, &h);
	else
		write_lines(&o, &h);
	return out_end(&o);
}

/* ---------------------------------------------------------------------------- records */

struct listing {
	struct out *o;
	enum lk_format format;
	size_t n;
};

struct word {
	uint32_t flag;
	const char *text;
};

static const struct word words[] = {
	{ LK_RECORD_OURS, "ours" },         { LK_RECORD_DEAD, "dead" },
	{ LK_RECORD_DETACHED, "detached" }, { LK_RECORD_KEPT, "kept" },
	{ LK_RECORD_DAMAGED, "damaged" },   { LK_RECORD_ORPHANED, "orphaned" },
	{ LK_RECORD_NEWER, "newer" },
};

enum { WORDS = sizeof(words) / sizeof(words[0]) };

static struct said
name_of(const struct lk_record_row *row)
{
	return (struct said){ row->name, row->name_len, row->name_len,
			      (row->flags & LK_RECORD_ID) != 0 };
}

static void
write_row(struct out *o, const struct lk_record_row *row)
{
	const struct said name = name_of(row);

	if (row->name != NULL)
		say_name(o, &name);
	else
		out_text(o, "(a name that is not known)");
	if (row->held != LK_NL)
		out_format(o, ": %s", lk_modename(row->held));
	else if (row->wanted != LK_NL)
		out_format(o, ": waits for %s", lk_modename(row->wanted));
	if (row->units != 0)
		out_format(o, ", %" PRIu32 " units", row->units);
	if (row->wanted != LK_NL)
		say_position(o, row->position);
	say_age(o, row->since_ns);
	if (row->who[0] != '\0') {
		out_text(o, ", ");
		out_plain(o, row->who, strlen(row->who));
	}
	for (size_t i = 0; i < WORDS; i++) {
		if ((row->flags & words[i].flag) != 0)
			out_format(o, ", %s", words[i].text);
	}
	out_text(o, "\n");
}

static void
write_session(struct out *o, const struct lk_session_id *id)
{
	out_text(o, ",\"session\":\"");
	for (size_t i = 0; i < sizeof(id->bytes); i++)
		out_format(o, "%02x", id->bytes[i]);
	out_text(o, "\"");
}

static void
write_json_row(struct out *o, const struct lk_record_row *row)
{
	const struct said name = name_of(row);

	out_text(o, "{");
	if (row->name != NULL)
		say_json_name(o, &name);
	else
		out_text(o, "\"name\":\"\""); /* no name is empty */
	if (row->held != LK_NL)
		say_json_mode(o, "held", row->held);
	if (row->wanted != LK_NL) {
		say_json_mode(o, "wanted", row->wanted);
		say_json_number(o, "position", row->position);
	}
	say_json_number(o, "units", row->units);
	say_json_number(o, "fence", row->fence);
	say_json_number(o, "since_ns", row->since_ns);
	say_json_text(o, "who", row->who);
	write_session(o, &row->session);
	for (size_t i = 0; i < WORDS; i++)
		say_json_bool(o, words[i].text, (row->flags & words[i].flag) != 0);
	out_text(o, "}");
}

static int
add(void *arg, const struct lk_record_row *row)
{
	struct listing *l = arg;

	if (l->format == LK_JSON) {
		out_text(l->o, l->n != 0 ? "," : "");
		write_json_row(l->o, row);
	} else {
		write_row(l->o, row);
	}
	l->n++;
	return l->o->rc;
}

int
lk_record_text(struct lk_manager *m, const void *prefix, size_t len, enum lk_format format,
	       lk_write_fn *write, void *arg)
{
	struct listing l = { .format = format };
	struct out o;
	int rc = m != NULL ? say_check(format, false, write) : LK_E_INVAL;

	if (rc != 0)
		return rc;
	out_begin(&o, write, arg);
	l.o = &o;
	if (format == LK_JSON)
		out_text(&o, "[");
	rc = lk_record_each(m, prefix, len, add, &l);
	if (rc != 0)
		return rc; /* of the writer, or the store's */
	if (format == LK_JSON)
		out_text(&o, "]\n");
	return out_end(&o);
}
