/* SPDX-License-Identifier: MIT */
/*
 * What is held, as a tree of names.  In the order of paths each name comes right before all that is below it,
 * so the tree is written as it is met: what the next name does not share with the last one is closed, and
 * what it has of its own is opened.
 */
#include <latchkey/explain.h>

#include "index/path.h"
#include "show/rows.h"

struct tree {
	const struct rows *rows;
	const struct index *x;
	struct out *o;
	uint32_t open; /* levels that are open */
	bool fresh;    /* nothing was written yet where the next name goes */
};

/* The lengths of a name's ancestors and its own, from the root down: 0 after the last. */
static uint32_t
next_level(const struct tree *t, const struct name *n, uint32_t len)
{
	if (len == n->len)
		return 0;
	return path_is_flat(t->x, n) ? n->len : path_child(t->x, n, len);
}

/* The bytes of a level by themselves: from the separator behind the one above it. */
static struct said
part_of(const struct name *n, uint32_t above, uint32_t len)
{
	const uint32_t first = above != 0 ? above + 1 : 0;

	return (struct said){
		.bytes = (const char *)n->bytes + first,
		.len = len - first,
		.kept = len - first,
		.is_id = (n->tail & NAME_ID) != 0,
	};
}

static struct said
prefix_of(const struct name *n, uint32_t len)
{
	return (struct said){ n->bytes, len, len, (n->tail & NAME_ID) != 0 };
}

static void
indent(struct out *o, uint32_t depth)
{
	while (depth-- > 0)
		out_text(o, "  ");
}

/* ------------------------------------------------------------------------- text */

static void
write_row(struct out *o, const struct row *r, uint32_t depth)
{
	const struct said tag = row_tag(r);

	indent(o, depth);
	out_format(o, "- %s in %s by ", row_waits(r) ? "wanted" : "held",
		   lk_modename(row_waits(r) ? r->is.wanted : r->is.held));
	say_owner(o, r->is.owner_id, r->is.owner_label);
	if (row_waits(r))
		say_position(o, r->is.position);
	else if ((r->is.flags & LK_IMPLIED) != 0)
		out_text(o, ", implied by a hold above");
	else if (r->is.grants == 0)
		out_text(o, ", for what is below");
	else if (r->is.grants > 1)
		out_format(o, ", %u times", (unsigned)r->is.grants);
	say_age(o, r->is.age_ns);
	if (r->is.fence != 0)
		out_format(o, ", fence %llu", (unsigned long long)r->is.fence);
	say_tag(o, &tag);
	out_text(o, "\n");
}

static void
open_text(struct tree *t, const struct name *n, uint32_t above, uint32_t len)
{
	const struct said segment = part_of(n, above, len);

	indent(t->o, t->open);
	say_name(t->o, &segment);
	out_text(t->o, "\n");
}

static void
rows_text(struct tree *t, size_t first, size_t n)
{
	for (size_t i = first; i < first + n; i++)
		write_row(t->o, t->rows->at[i], t->open);
}

/* ------------------------------------------------------------------------- JSON */

static void
write_row_json(struct out *o, const struct row *r)
{
	const struct said tag = row_tag(r);

	out_format(o, "{\"%s\":\"%s\"", row_waits(r) ? "wanted" : "mode",
		   lk_modename(row_waits(r) ? r->is.wanted : r->is.held));
	say_json_number(o, "owner", r->is.owner_id);
	say_json_text(o, "label", r->is.owner_label);
	if (row_waits(r)) {
		say_json_mode(o, "held", r->is.held);
		say_json_number(o, "position", r->is.position);
	} else {
		say_json_number(o, "grants", r->is.grants);
		say_json_bool(o, "implied", (r->is.flags & LK_IMPLIED) != 0);
		say_json_number(o, "fence", r->is.fence);
	}
	say_json_number(o, "age_ns", r->is.age_ns);
	say_json_tag(o, &tag);
	out_text(o, "}");
}

static void
array_json(struct tree *t, size_t first, size_t n, bool waits)
{
	const char *comma = "";

	for (size_t i = first; i < first + n; i++) {
		if (row_waits(t->rows->at[i]) != waits)
			continue;
		out_text(t->o, comma);
		write_row_json(t->o, t->rows->at[i]);
		comma = ",";
	}
}

static void
open_json(struct tree *t, const struct name *n, uint32_t above, uint32_t len)
{
	const struct said segment = part_of(n, above, len);
	const struct said name = prefix_of(n, len);

	out_text(t->o, t->fresh ? "{" : ",{");
	say_json_name(t->o, &name);
	if (!segment.is_id) {
		out_text(t->o, ",\"segment\":");
		out_json(t->o, segment.bytes, segment.len);
	}
}

static void
rows_json(struct tree *t, size_t first, size_t n)
{
	out_text(t->o, ",\"holders\":[");
	array_json(t, first, n, false);
	out_text(t->o, "],\"waiters\":[");
	array_json(t, first, n, true);
	out_text(t->o, "],\"below\":[");
}

/* -------------------------------------------------------------------------- DOT */

/* Its name is what a box is known by: numbers and bytes apart. */
static void
box_id(struct out *o, const struct name *n, uint32_t len)
{
	const struct said name = prefix_of(n, len);

	out_text(o, name.is_id ? "\"number " : "\"name ");
	say_dot_name(o, &name);
	out_text(o, "\"");
}

static void
open_dot(struct tree *t, const struct name *n, uint32_t above, uint32_t len)
{
	const struct said segment = part_of(n, above, len);

	if (above != 0) {
		out_text(t->o, "\t");
		box_id(t->o, n, above);
		out_text(t->o, " -> ");
		box_id(t->o, n, len);
		out_text(t->o, ";\n");
	}
	out_text(t->o, "\t");
	box_id(t->o, n, len);
	out_text(t->o, " [label=\"");
	say_dot_name(t->o, &segment);
}

static void
rows_dot(struct tree *t, size_t first, size_t n)
{
	for (size_t i = first; i < first + n; i++) {
		const struct row *r = t->rows->at[i];

		out_format(t->o, "\\n%s%s: owner %llu ", row_waits(r) ? "waits for " : "",
			   lk_modename(row_waits(r) ? r->is.wanted : r->is.held),
			   (unsigned long long)r->is.owner_id);
		say_dot(t->o, r->is.owner_label, strlen(r->is.owner_label));
	}
	out_text(t->o, "\"];\n");
}

/* ------------------------------------------------------------------------- walk */

/* How a format writes the parts of a tree. */
struct style {
	const char *begin;
	void (*open)(struct tree *t, const struct name *n, uint32_t above, uint32_t len);
	void (*rows)(struct tree *t, size_t first, size_t n);
	const char *close; /* of each level */
	const char *end;
};

static const struct style styles[] = {
	[LK_TEXT] = { "", open_text, rows_text, "", "" },
	[LK_JSON] = { "{\"names\":[", open_json, rows_json, "]}", "]}\n" },
	[LK_DOT] = { "digraph tree {\n\trankdir=LR;\n\tnode [shape=box];\n", open_dot, rows_dot, "",
		     "}\n" },
};

static void
close_levels(struct tree *t, const struct style *style, uint32_t n)
{
	for (; n > 0; n--, t->open--)
		out_text(t->o, style->close);
}

/* How many levels of `n` the name before it has as well, and the length of the last of them. */
static uint32_t
shared_levels(const struct tree *t, const struct name *n, const struct name *before, uint32_t *len)
{
	uint32_t shared = 0;

	*len = 0;
	for (uint32_t next = next_level(t, n, 0); before != NULL && next != 0; shared++) {
		if (!path_shares(t->x, n, next, before))
			break;
		*len = next;
		next = next_level(t, n, next);
	}
	return shared;
}

static void
write_name(struct tree *t, const struct style *style, size_t first, size_t n,
	   const struct name *before)
{
	const struct name *name = &t->rows->at[first]->name;
	uint32_t above;
	uint32_t shared = shared_levels(t, name, before, &above);

	t->fresh = before == NULL || t->open == shared;
	close_levels(t, style, t->open - shared);
	for (uint32_t len = next_level(t, name, above); len != 0;
	     above = len, len = next_level(t, name, len)) {
		style->open(t, name, above, len);
		t->fresh = true;
		t->open++;
		style->rows(t, first, len == name->len ? n : 0);
	}
}

static void
write_tree(struct out *o, enum lk_format format, const struct rows *rows)
{
	struct tree t = { .rows = rows, .x = &rows->m->index, .o = o };
	const struct style *style = &styles[format];
	const struct name *before = NULL;

	out_text(o, style->begin);
	for (size_t i = 0, n; i < rows->n && o->rc == 0; i += n) {
		n = rows_same_name(rows, i);
		write_name(&t, style, i, n, before);
		before = &rows->at[i]->name;
	}
	close_levels(&t, style, t.open);
	out_text(o, style->end);
}

int
lk_tree(struct lk_manager *m, enum lk_format format, lk_write_fn *write, void *arg)
{
	struct rows rows;
	struct out o;
	int rc = m != NULL ? say_check(format, true, write) : LK_E_INVAL;

	if (rc != 0)
		return rc;
	rc = rows_collect(&rows, m, false);
	if (rc == 0) {
		rows_sort(&rows, rows_by_name);
		out_begin(&o, write, arg);
		write_tree(&o, format, &rows);
		rc = out_end(&o);
	}
	rows_free(&rows);
	return rc;
}
