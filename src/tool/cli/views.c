/* SPDX-License-Identifier: MIT */
/* Requests of `latchkey stdio` that only look. */
#include <stdlib.h>
#include <string.h>

#include "inway.h"
#include "serve.h"

/* Text of the library's, in memory. */
struct text {
	char *bytes;
	size_t n, cap;
};

static int
keep(void *arg, const char *text, size_t len)
{
	struct text *t = arg;

	if (t->n + len > t->cap) {
		const size_t cap = 2 * t->cap + len;
		char *moved = realloc(t->bytes, cap);

		if (moved == NULL)
			return LK_E_NOMEM;
		t->bytes = moved;
		t->cap = cap;
	}
	memcpy(t->bytes + t->n, text, len);
	t->n += len;
	return 0;
}

/* What the library says as JSON is the answer as it is. */
static void
answer_text(struct stdio *s, const struct job *j, struct text *t, int rc)
{
	json_t *value =
		rc == 0 ? json_loadb(t->bytes, t->n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;

	free(t->bytes);
	if (value != NULL)
		answer(s, j->id, value);
	else
		answer_wrong(s, j->id, rc != 0 ? rc : LK_E_NOMEM, NULL);
}

static void
op_tree(struct stdio *s, struct job *j)
{
	struct text t = { 0 };
	const int rc = lk_tree(s->m, LK_JSON, keep, &t);

	answer_text(s, j, &t, rc);
}

static void
op_graph(struct stdio *s, struct job *j)
{
	struct text t = { 0 };
	const int rc = lk_graph(s->m, LK_JSON, keep, &t);

	answer_text(s, j, &t, rc);
}

static void
op_stats(struct stdio *s, struct job *j)
{
	struct text t = { 0 };
	const int rc = lk_performance(s->m, LK_JSON, keep, &t);

	answer_text(s, j, &t, rc);
}

static void
op_metrics(struct stdio *s, struct job *j)
{
	struct text t = { 0 };
	const int rc = lk_metrics(s->m, keep, &t);

	if (rc == 0)
		answer(s, j->id, json_stringn(t.bytes, t.n));
	else
		answer_wrong(s, j->id, rc, NULL);
	free(t.bytes);
}

/* ----------------------------------------------------------------- holders and waiters */

struct view {
	json_t *all;
	const struct name *name;    /* of this name only; NULL: … */
	const struct name *pattern; /* … of those that fit */
	int separator;
};

static bool
fits(const struct view *q, const struct lk_snapshot_row *row)
{
	if (q->name != NULL)
		return row->name_len == q->name->len &&
		       memcmp(row->name, q->name->bytes, q->name->len) == 0;
	return q->pattern->bytes == NULL || lk_name_match(q->pattern->bytes, q->pattern->len,
							  row->name, row->name_len, q->separator);
}

static int
add_row(void *arg, const struct lk_snapshot_row *row)
{
	struct view *q = arg;
	json_t *o;

	if ((row->flags & LK_NAME_IS_ID) != 0 || !fits(q, row))
		return 0;
	o = json_object();
	put_bytes(o, "name", row->name, row->name_len);
	(void)json_object_set_new(o, "owner", number_text(row->owner_id));
	if (row->owner_label != NULL && *row->owner_label != '\0')
		put_bytes(o, "label", row->owner_label, strlen(row->owner_label));
	if (row->held != LK_NL)
		(void)json_object_set_new(o, "held", json_string(lk_modename(row->held)));
	if (row->wanted != LK_NL)
		(void)json_object_set_new(o, "wanted", json_string(lk_modename(row->wanted)));
	if (row->position != 0)
		(void)json_object_set_new(o, "position", json_integer(row->position));
	if (row->fence != 0)
		(void)json_object_set_new(o, "fence", number_text(row->fence));
	if (row->units != 0)
		(void)json_object_set_new(o, "units", json_integer(row->units));
	if (row->age_ns != 0)
		(void)json_object_set_new(o, "age_ms", json_real((double)row->age_ns / 1e6));
	if (row->tag_len != 0)
		put_bytes(o, "tag", row->tag, row->tag_len);
	return json_array_append_new(q->all, o) == 0 ? 0 : LK_E_NOMEM;
}

/* Of another process the store knows what it has, not which thread does what with it. */
static int
add_other(void *arg, const struct row *r)
{
	struct view *q = arg;
	bool fits_it;

	if (r->name == NULL || (r->flags & (LK_RECORD_ID | LK_RECORD_OURS)) != 0 ||
	    (r->held == LK_NL && r->wanted == LK_NL))
		return 0;
	fits_it = q->name != NULL ? row_is_of(r, q->name->bytes, q->name->len)
				  : q->pattern->bytes == NULL ||
					    lk_name_match(q->pattern->bytes, q->pattern->len,
							  r->name, r->len, q->separator) != 0;
	if (fits_it && json_array_append_new(q->all, row_json(r)) != 0)
		return LK_E_NOMEM;
	return 0;
}

/* Those of the store; in memory there are none. */
static int
add_others(struct stdio *s, struct view *q)
{
	const struct name *prefix = q->name;
	struct rows rows;
	int rc = rows_read(s->m, prefix != NULL ? prefix->bytes : NULL,
			   prefix != NULL ? prefix->len : 0, &rows);

	if (rc == LK_E_UNSUPPORTED)
		return 0;
	for (size_t i = 0; rc == 0 && i < rows.n; i++)
		rc = add_other(q, &rows.all[i]);
	rows_free(&rows);
	return rc;
}

static void
answer_rows(struct stdio *s, const struct job *j, const struct name *name,
	    const struct name *pattern)
{
	struct view q = { json_array(), name, pattern, s->separator };
	int rc = lk_snapshot(s->m, add_row, &q);

	if (rc == 0)
		rc = add_others(s, &q);
	if (rc == 0)
		answer(s, j->id, json_incref(q.all));
	else
		answer_wrong(s, j->id, rc, NULL);
	json_decref(q.all);
}

static void
op_list(struct stdio *s, struct job *j)
{
	struct name pattern = { 0 };
	struct wrong why = { "" };
	int rc = 0;

	if (json_object_get(j->request, "pattern") != NULL ||
	    json_object_get(j->request, "pattern_hex") != NULL)
		rc = field_bytes(j->request, "pattern", &pattern, &why);
	if (rc == 0)
		answer_rows(s, j, NULL, &pattern);
	else
		answer_wrong(s, j->id, rc, &why);
	name_free(&pattern);
}

static void
op_holders(struct stdio *s, struct job *j)
{
	struct name name = { 0 };
	struct wrong why = { "" };
	const int rc = field_bytes(j->request, "name", &name, &why);

	if (rc == 0)
		answer_rows(s, j, &name, NULL);
	else
		answer_wrong(s, j->id, rc, &why);
	name_free(&name);
}

static int
add_blocker(void *array, const struct row *r)
{
	return json_array_append_new(array, row_json(r)) == 0 ? 0 : LK_E_NOMEM;
}

static void
op_why(struct stdio *s, struct job *j)
{
	json_t *blockers = json_array();
	struct name name = { 0 };
	struct wrong why = { "" };
	lk_mode mode = LK_X;
	int rc = field_bytes(j->request, "name", &name, &why);

	if (rc == 0)
		rc = field_mode(j->request, &mode, &why);
	if (rc == 0)
		rc = lk_why(s->m, name.bytes, name.len, mode, blocker_add, blockers);
	if (rc == 0)
		rc = inway_each(s->m, name.bytes, name.len, mode, true, add_blocker, blockers);
	if (rc == LK_E_UNSUPPORTED) /* in memory nobody else is */
		rc = 0;
	if (rc == 0)
		answer(s, j->id, json_pack("{s:O}", "blockers", blockers));
	else
		answer_wrong(s, j->id, rc, &why);
	json_decref(blockers);
	name_free(&name);
}

/* -------------------------------------------------------------------------- the rest */

static void
op_guarantee(struct stdio *s, struct job *j)
{
	struct lk_guarantee g = { .size = (uint32_t)sizeof(g) };
	const int rc = lk_guarantee(s->m, &g);

	if (rc == 0)
		answer(s, j->id,
		       json_pack("{s:s, s:s}", "level", level_name(g.level), "words", g.words));
	else
		answer_wrong(s, j->id, rc, NULL);
}

static void
op_sweep(struct stdio *s, struct job *j)
{
	size_t n = 0;
	const int rc = lk_sweep(s->m, &n);

	if (rc == 0)
		answer(s, j->id, json_pack("{s:I}", "removed", (json_int_t)n));
	else
		answer_wrong(s, j->id, rc, NULL);
}

static void
op_ping(struct stdio *s, struct job *j)
{
	answer(s, j->id, json_pack("{s:s}", "version", lk_version()));
}

const struct op ops_views[] = {
	{ "list", "pattern pattern_hex", op_list, ON_ITS_OWN, false },
	{ "holders", "name name_hex", op_holders, ON_ITS_OWN, false },
	{ "why", "name name_hex mode", op_why, ON_ITS_OWN, false },
	{ "tree", "", op_tree, ON_ITS_OWN, false },
	{ "graph", "", op_graph, ON_ITS_OWN, false },
	{ "stats", "", op_stats, ON_ITS_OWN, false },
	{ "metrics", "", op_metrics, ON_ITS_OWN, false },
	{ "guarantee", "", op_guarantee, ON_ITS_OWN, false },
	{ "sweep", "", op_sweep, ON_ITS_OWN, false },
	{ "ping", "", op_ping, AT_ONCE, false },
	{ NULL, NULL, NULL, AT_ONCE, false },
};
