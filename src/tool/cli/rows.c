/* SPDX-License-Identifier: MIT */
/* Who holds what in a store, and who waits: a copy of all that the store says, in order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rows.h"

static int
keep(void *arg, const struct lk_record_row *from)
{
	struct rows *r = arg;
	struct row *to;

	if (r->n == r->cap) {
		const size_t cap = r->cap != 0 ? 2 * r->cap : 64;
		struct row *moved = realloc(r->all, cap * sizeof(*moved));

		if (moved == NULL)
			return LK_E_NOMEM;
		r->all = moved;
		r->cap = cap;
	}
	to = &r->all[r->n];
	*to = (struct row){
		.len = from->name_len,
		.flags = from->flags,
		.held = from->held,
		.wanted = from->wanted,
		.position = from->position,
		.units = from->units,
		.fence = from->fence,
		.since_ns = from->since_ns,
		.session = from->session,
		.who = strdup(from->who != NULL ? from->who : ""),
		.name = from->name != NULL ? malloc(from->name_len + 1) : NULL,
	};
	r->n++;
	if (to->who == NULL || (from->name != NULL && to->name == NULL))
		return LK_E_NOMEM;
	if (to->name != NULL)
		memcpy(to->name, from->name, to->len);
	return 0;
}

static int
compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	const size_t n = x->len < y->len ? x->len : y->len;
	int d;

	if (x->name == NULL || y->name == NULL)
		return (x->name == NULL) - (y->name == NULL);
	if (((x->flags ^ y->flags) & LK_RECORD_ID) != 0)
		return (x->flags & LK_RECORD_ID) != 0 ? 1 : -1;
	d = n != 0 ? memcmp(x->name, y->name, n) : 0;
	if (d != 0)
		return d;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	if (x->position != y->position)
		return x->position < y->position ? -1 : 1;
	if (x->since_ns != y->since_ns)
		return x->since_ns > y->since_ns ? -1 : 1;
	return memcmp(&x->session, &y->session, sizeof(x->session));
}

int
rows_separator(struct lk_manager *m)
{
	char text[LK_CONFIG_TEXT_MAX];
	uint64_t number;

	if (lk_config_get(m, "separator", text, sizeof(text)) != 0 || strcmp(text, "off") == 0)
		return LK_NO_SEPARATOR;
	return text[1] != '\0' && text_number(text, &number) ? (int)number : (unsigned char)text[0];
}

int
rows_read(struct lk_manager *m, const void *prefix, size_t len, struct rows *out)
{
	int rc;

	*out = (struct rows){ .separator = rows_separator(m) };
	rc = lk_record_each(m, prefix, len, keep, out);
	if (rc != 0)
		rows_free(out);
	else if (out->n != 0)
		qsort(out->all, out->n, sizeof(*out->all), compare);
	return rc;
}

void
rows_free(struct rows *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->all[i].name);
		free(r->all[i].who);
	}
	free(r->all);
	*r = (struct rows){ 0 };
}

bool
row_fits(const struct row *r, const char *pattern, int separator)
{
	if (pattern == NULL)
		return true;
	return r->name != NULL && (r->flags & LK_RECORD_ID) == 0 &&
	       lk_name_match(pattern, strlen(pattern), r->name, r->len, separator);
}

bool
row_is_of(const struct row *r, const void *name, size_t len)
{
	return r->name != NULL && (r->flags & LK_RECORD_ID) == 0 && r->len == len &&
	       memcmp(r->name, name, len) == 0;
}

size_t
pattern_prefix(const char *pattern)
{
	const size_t n = strcspn(pattern, "*?\\");

	/* a separator before "**" may be missing in what fits */
	return n > 0 && pattern[n] != '\0' ? n - 1 : n;
}

const char *
row_state(const struct row *r, char *buf, size_t cap)
{
	const char *ends = (r->flags & LK_RECORD_DEAD) != 0       ? " dead"
			   : (r->flags & LK_RECORD_KEPT) != 0     ? " kept"
			   : (r->flags & LK_RECORD_DETACHED) != 0 ? " token"
								  : "";

	if ((r->flags & LK_RECORD_DAMAGED) != 0)
		return (r->flags & LK_RECORD_NEWER) != 0 ? "newer" : "damaged";
	if (r->wanted != LK_NL)
		snprintf(buf, cap, "waits %s (%u)%s", lk_modename(r->wanted), r->position, ends);
	else if (r->held != LK_NL && r->units != 0)
		snprintf(buf, cap, "%s %u units%s", lk_modename(r->held), r->units, ends);
	else
		snprintf(buf, cap, "%s%s", r->held != LK_NL ? lk_modename(r->held) : "-", ends);
	return buf;
}

const char *
row_since(const struct row *r, char *buf, size_t cap)
{
	if (r->since_ns == 0)
		return "-";
	(void)lk_format_duration_ns(r->since_ns, buf, cap);
	return buf;
}

void
put_who(const struct row *r)
{
	put_name(r->who, strlen(r->who));
}

static json_t *
hex_text(const struct lk_session_id *id)
{
	char text[2 * sizeof(id->bytes) + 1];

	for (size_t i = 0; i < sizeof(id->bytes); i++)
		snprintf(text + 2 * i, 3, "%02x", id->bytes[i]);
	return json_string(text);
}

json_t *
row_json(const struct row *r)
{
	static const struct {
		uint32_t flag;
		const char *word;
	} flags[] = {
		{ LK_RECORD_ID, "number" },         { LK_RECORD_DEAD, "dead" },
		{ LK_RECORD_DETACHED, "detached" }, { LK_RECORD_KEPT, "kept" },
		{ LK_RECORD_DAMAGED, "damaged" },   { LK_RECORD_ORPHANED, "orphaned" },
		{ LK_RECORD_NEWER, "newer" },
	};
	json_t *o = json_object();

	if (r->name != NULL)
		put_bytes(o, "name", r->name, r->len);
	if (r->held != LK_NL)
		(void)json_object_set_new(o, "held", json_string(lk_modename(r->held)));
	if (r->wanted != LK_NL)
		(void)json_object_set_new(o, "wanted", json_string(lk_modename(r->wanted)));
	if (r->position != 0)
		(void)json_object_set_new(o, "position", json_integer(r->position));
	if (r->units != 0)
		(void)json_object_set_new(o, "units", json_integer(r->units));
	put_bytes(o, "who", r->who, strlen(r->who));
	(void)json_object_set_new(o, "session", hex_text(&r->session));
	if (r->fence != 0)
		(void)json_object_set_new(o, "fence", number_text(r->fence));
	if (r->since_ns != 0)
		(void)json_object_set_new(o, "since_ms", json_real((double)r->since_ns / 1e6));
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if ((r->flags & flags[i].flag) != 0)
			(void)json_object_set_new(o, flags[i].word, json_true());
	}
	return o;
}

int
rows_open(struct call *c, struct lk_manager **m)
{
	struct lk_config config = LK_CONFIG_INIT;

	config.label = "latchkey";
	return place_open(c, &config, m);
}
