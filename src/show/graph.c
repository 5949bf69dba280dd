/* SPDX-License-Identifier: MIT */
/*
 * Who waits for whom: from each waiter of a name to its holders in modes that conflict, which is hard, and to
 * those that are ahead of it and want such a mode, which is soft; and what owners said of waits outside.
 */
#include <latchkey/explain.h>

#include "show/rows.h"

struct graph {
	struct rows *rows;
	struct out *o;
	uint64_t edges;
	void (*edge)(struct graph *g, struct row *from, struct row *to);
};

static bool
is_hard(const struct row *to)
{
	return !row_waits(to);
}

/* Both are rows of one name.  What is implied is in no word: its cover is in the way, if anything is. */
static bool
waits_for(const struct row *from, const struct row *to)
{
	const lk_mode theirs = row_waits(to) ? to->is.wanted : to->is.held;

	if (from->is.owner_id == to->is.owner_id || (to->is.flags & LK_IMPLIED) != 0 ||
	    (row_waits(to) && to->is.position > from->is.position))
		return false;
	return (mode_conflicts(from->is.wanted) & MODE_BIT(theirs)) != 0 ||
	       (from->is.units != 0 && to->is.units != 0); /* of those who have some any may do */
}

/* In the order of names: `first` is called for each waiter, which may be NULL, and `edge` for each edge. */
static void
each_edge(struct graph *g, void (*first)(struct graph *g, struct row *from))
{
	const struct rows *rows = g->rows;

	for (size_t i = 0, n; i < rows->n && g->o->rc == 0; i += n) {
		n = rows_same_name(rows, i);
		for (size_t k = i; k < i + n; k++) {
			if (!row_waits(rows->at[k]))
				continue;
			if (first != NULL)
				first(g, rows->at[k]);
			for (size_t to = i; to < i + n; to++) {
				if (waits_for(rows->at[k], rows->at[to]))
					g->edge(g, rows->at[k], rows->at[to]);
			}
		}
	}
}

static void
mark(struct graph *g, struct row *from, struct row *to)
{
	(void)g;
	from->in_graph = true;
	to->in_graph = true;
}

/* Those who wait outside, in rows without a name. */
static void
each_outside(struct graph *g, void (*edge)(struct graph *g, struct row *from, struct row *to))
{
	for (size_t i = 0; i < g->rows->n && g->o->rc == 0; i++) {
		if (g->rows->at[i]->outside != NULL)
			edge(g, g->rows->at[i], g->rows->at[i]->outside);
	}
}

static void
mark_waiter(struct graph *g, struct row *from)
{
	mark(g, from, from);
}

/* In order of owners: what one row says of its owner all its rows say. */
static size_t
spread_marks(struct rows *rows, size_t first)
{
	const uint64_t id = rows->at[first]->is.owner_id;
	bool in_graph = false;
	bool waits = false;
	size_t n = 0;

	for (; first + n < rows->n && rows->at[first + n]->is.owner_id == id; n++) {
		in_graph = in_graph || rows->at[first + n]->in_graph;
		waits = waits || row_waits(rows->at[first + n]) ||
			rows->at[first + n]->outside != NULL;
	}
	for (size_t i = first; i < first + n; i++) {
		rows->at[i]->in_graph = in_graph;
		rows->at[i]->owner_waits = waits;
	}
	return n;
}

/* Call `node` for each owner that waits or is waited for. */
static void
each_node(struct graph *g, void (*node)(struct graph *g, const struct row *r))
{
	rows_sort(g->rows, rows_by_owner);
	for (size_t i = 0, n; i < g->rows->n && g->o->rc == 0; i += n) {
		n = spread_marks(g->rows, i);
		if (g->rows->at[i]->in_graph && node != NULL)
			node(g, g->rows->at[i]);
	}
	rows_sort(g->rows, rows_by_name);
}

/* ------------------------------------------------------------------------- text */

static void
waiter_text(struct graph *g, struct row *from)
{
	const struct said name = row_name(from);
	const struct said tag = row_tag(from);

	g->edges++;
	say_owner(g->o, from->is.owner_id, from->is.owner_label);
	out_format(g->o, " waits for %s on ", lk_modename(from->is.wanted));
	say_name(g->o, &name);
	say_position(g->o, from->is.position);
	say_age(g->o, from->is.age_ns);
	say_tag(g->o, &tag);
	out_text(g->o, "\n");
}

static void
edge_text(struct graph *g, struct row *from, struct row *to)
{
	const struct said tag = row_tag(to);

	(void)from;
	out_text(g->o, "  ");
	say_owner(g->o, to->is.owner_id, to->is.owner_label);
	if (is_hard(to))
		out_format(g->o, " holds %s", lk_modename(to->is.held));
	else
		out_format(g->o, " is ahead and wants %s", lk_modename(to->is.wanted));
	say_age(g->o, to->is.age_ns);
	if (is_hard(to))
		say_tag(g->o, &tag);
	if (is_hard(to) && to->owner_waits)
		out_text(g->o, ", and waits itself");
	out_text(g->o, "\n");
}

static void
outside_text(struct graph *g, struct row *from, struct row *to)
{
	g->edges++;
	say_owner(g->o, from->is.owner_id, from->is.owner_label);
	out_text(g->o, " waits outside\n  for ");
	say_owner(g->o, to->is.owner_id, to->is.owner_label);
	out_text(g->o, to->owner_waits ? ", which waits itself\n" : "\n");
}

static void
write_text(struct graph *g)
{
	each_node(g, NULL);
	g->edge = edge_text;
	each_edge(g, waiter_text);
	each_outside(g, outside_text);
	if (g->edges == 0)
		out_text(g->o, "nobody waits\n");
}

/* ------------------------------------------------------------------------- JSON */

static void
node_json(struct graph *g, const struct row *r)
{
	out_text(g->o, g->edges++ > 0 ? ",{" : "{");
	out_text(g->o, "\"kind\":\"owner\"");
	say_json_number(g->o, "owner", r->is.owner_id);
	say_json_text(g->o, "label", r->is.owner_label);
	say_json_bool(g->o, "waits", r->owner_waits);
	out_text(g->o, "}");
}

static void
edge_json(struct graph *g, struct row *from, struct row *to)
{
	const struct said name = row_name(from);

	out_text(g->o, g->edges++ > 0 ? ",{" : "{");
	say_json_name(g->o, &name);
	say_json_text(g->o, "kind", is_hard(to) ? "hard" : "soft");
	say_json_number(g->o, "from", from->is.owner_id);
	say_json_number(g->o, "to", to->is.owner_id);
	say_json_mode(g->o, "wanted", from->is.wanted);
	say_json_mode(g->o, is_hard(to) ? "held" : "ahead",
		      is_hard(to) ? to->is.held : to->is.wanted);
	say_json_number(g->o, "position", from->is.position);
	say_json_number(g->o, "waited_ns", from->is.age_ns);
	out_text(g->o, "}");
}

static void
outside_json(struct graph *g, struct row *from, struct row *to)
{
	out_text(g->o, g->edges++ > 0 ? ",{" : "{");
	out_text(g->o, "\"kind\":\"external\"");
	say_json_number(g->o, "from", from->is.owner_id);
	say_json_number(g->o, "to", to->is.owner_id);
	out_text(g->o, "}");
}

static void
write_json(struct graph *g)
{
	out_text(g->o, "{\"owners\":[");
	each_node(g, node_json);
	out_text(g->o, "],\"edges\":[");
	g->edges = 0;
	g->edge = edge_json;
	each_edge(g, NULL);
	each_outside(g, outside_json);
	out_text(g->o, "]}\n");
}

/* -------------------------------------------------------------------------- DOT */

static void
node_dot(struct graph *g, const struct row *r)
{
	out_format(g->o, "\to%llu [label=\"owner %llu", (unsigned long long)r->is.owner_id,
		   (unsigned long long)r->is.owner_id);
	if (r->is.owner_label[0] != '\0')
		out_text(g->o, "\\n");
	say_dot(g->o, r->is.owner_label, strlen(r->is.owner_label));
	out_format(g->o, "\"%s];\n", r->owner_waits ? "" : ", style=bold");
}

static void
edge_dot(struct graph *g, struct row *from, struct row *to)
{
	const struct said name = row_name(from);

	out_format(g->o, "\to%llu -> o%llu [label=\"%s on ", (unsigned long long)from->is.owner_id,
		   (unsigned long long)to->is.owner_id, lk_modename(from->is.wanted));
	say_dot_name(g->o, &name);
	out_format(g->o, "\\n%s %s\"%s];\n", is_hard(to) ? "held in" : "behind",
		   lk_modename(is_hard(to) ? to->is.held : to->is.wanted),
		   is_hard(to) ? "" : ", style=dashed");
}

static void
outside_dot(struct graph *g, struct row *from, struct row *to)
{
	out_format(g->o, "\to%llu -> o%llu [label=\"outside\", style=dotted];\n",
		   (unsigned long long)from->is.owner_id, (unsigned long long)to->is.owner_id);
}

static void
write_dot(struct graph *g)
{
	out_text(g->o, "digraph waits {\n\trankdir=LR;\n\tnode [shape=box];\n");
	each_node(g, node_dot);
	g->edge = edge_dot;
	each_edge(g, NULL);
	each_outside(g, outside_dot);
	out_text(g->o, "}\n");
}

static void
write_graph(struct out *o, enum lk_format format, struct rows *rows)
{
	struct graph g = { .rows = rows, .o = o, .edge = mark };

	each_edge(&g, mark_waiter);
	each_outside(&g, mark);
	switch (format) {
	case LK_TEXT:
		write_text(&g);
		break;
	case LK_JSON:
		write_json(&g);
		break;
	case LK_DOT:
		write_dot(&g);
		break;
	}
}

int
lk_graph(struct lk_manager *m, enum lk_format format, lk_write_fn *write, void *arg)
{
	struct rows rows;
	struct out o;
	int rc = m != NULL ? say_check(format, true, write) : LK_E_INVAL;

	if (rc != 0)
		return rc;
	rc = rows_collect(&rows, m, true);
	if (rc == 0) {
		rows_sort(&rows, rows_by_name);
		out_begin(&o, write, arg);
		write_graph(&o, format, &rows);
		rc = out_end(&o);
	}
	rows_free(&rows);
	return rc;
}
