/* SPDX-License-Identifier: MIT */
/* Edges and rings. */
#include "graph.h"

#include "../model/matrix.h"

#include <string.h>

/* FNV-1a. */
static uint64_t
hash_of(const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return hash;
}

static bool
same_name(const struct graph_row *a, const struct graph_row *b)
{
	return a->hash == b->hash && strcmp(a->name, b->name) == 0;
}

static int
note_row(void *arg, const struct lk_snapshot_row *row)
{
	struct graph *g = arg;
	struct graph_row *r = &g->row[g->n];

	if ((row->flags & LK_IMPLIED) != 0)
		return 0; /* it is counted on the hold above */
	if (g->n == GRAPH_ROWS || row->name_len >= GRAPH_NAME)
		return 1;
	r->owner = g->owner_of(g->arg, row->owner_label);
	if (r->owner < 0)
		return 1;
	r->held = row->held;
	r->wanted = row->wanted;
	memcpy(r->name, row->name, row->name_len);
	r->name[row->name_len] = '\0';
	r->hash = hash_of(r->name);
	g->n++;
	return 0;
}

static bool
is_waiter(const struct graph_row *r)
{
	return r->wanted != LK_NL;
}

static bool
is_hard(const struct graph_row *waiter, const struct graph_row *holder)
{
	return is_waiter(waiter) && !is_waiter(holder) && waiter->owner != holder->owner &&
	       conflicts[waiter->wanted][holder->held] && same_name(waiter, holder);
}

bool
graph_read(struct graph *g, struct lk_manager *m, int (*owner_of)(void *arg, const char *label),
	   void *arg)
{
	g->owner_of = owner_of;
	g->arg = arg;
	g->n = 0;
	g->waiting = 0;
	memset(g->edge, 0, sizeof(g->edge));
	if (lk_snapshot(m, note_row, g) != 0)
		return false;
	for (size_t i = 0; i < g->n; i++) {
		if (!is_waiter(&g->row[i]))
			continue;
		g->waiting |= UINT64_C(1) << g->row[i].owner;
		for (size_t k = 0; k < g->n; k++) {
			if (is_hard(&g->row[i], &g->row[k]))
				graph_add(g, g->row[i].owner, g->row[k].owner);
		}
	}
	return true;
}

void
graph_add(struct graph *g, int from, int to)
{
	g->waiting |= UINT64_C(1) << from;
	g->edge[from] |= UINT64_C(1) << to;
}

void
graph_close(struct graph *g)
{
	memcpy(g->reach, g->edge, sizeof(g->reach));
	for (int via = 0; via < GRAPH_OWNERS; via++) {
		if (g->reach[via] == 0)
			continue;
		for (int i = 0; i < GRAPH_OWNERS; i++) {
			if ((g->reach[i] >> via & 1) != 0)
				g->reach[i] |= g->reach[via];
		}
	}
}

uint64_t
graph_stuck(const struct graph *g)
{
	uint64_t stuck = 0;

	for (int i = 0; i < GRAPH_OWNERS; i++)
		stuck |= (uint64_t)graph_in_ring(g, i) << i;
	return stuck;
}

/* Those that wait for `i` and that `i` waits for. */
static uint64_t
knot_of(const struct graph *g, int i)
{
	uint64_t knot = 0;

	for (int k = 0; k < GRAPH_OWNERS; k++) {
		if ((g->reach[i] >> k & 1) != 0 && (g->reach[k] >> i & 1) != 0)
			knot |= UINT64_C(1) << k;
	}
	return knot;
}

int
graph_rings(const struct graph *g)
{
	uint64_t seen = 0;
	int n = 0;

	for (int i = 0; i < GRAPH_OWNERS; i++) {
		uint64_t knot;

		if (!graph_in_ring(g, i))
			continue;
		knot = knot_of(g, i);
		if (__builtin_popcountll(g->edge[i] & knot) != 1)
			return -1;
		n += (seen & knot) == 0;
		seen |= knot;
	}
	return n;
}

bool
graph_conversions_meet(const struct graph *g, int owner, const char *name, lk_mode want)
{
	lk_mode held = LK_NL;

	for (size_t i = 0; i < g->n; i++) {
		const struct graph_row *r = &g->row[i];

		if (r->owner == owner && !is_waiter(r) && strcmp(r->name, name) == 0)
			held = r->held;
	}
	for (size_t i = 0; i < g->n; i++) {
		const struct graph_row *r = &g->row[i];

		if (is_waiter(r) && r->owner != owner && strcmp(r->name, name) == 0 &&
		    conflicts[supremum[held][want]][r->held] && conflicts[r->wanted][held])
			return true;
	}
	return false;
}

bool
graph_is_exclusive(const struct graph *g)
{
	for (size_t i = 0; i < g->n; i++) {
		for (size_t k = 0; k < i; k++) {
			const struct graph_row *a = &g->row[i], *b = &g->row[k];

			if (!is_waiter(a) && !is_waiter(b) && a->owner != b->owner &&
			    conflicts[a->held][b->held] && same_name(a, b))
				return false;
		}
	}
	return true;
}

static const char *
mode_or_none(lk_mode mode)
{
	return mode == LK_NL ? "-" : lk_modename(mode);
}

static void
show_member(const struct lk_deadlock_member *m, FILE *to)
{
	fprintf(to, "\t\t%s", m->owner_label);
	if ((m->flags & LK_EXTERNAL) != 0)
		fputs(" waits outside", to);
	else
		fprintf(to, " has %s, wants %s of %.*s, which is %s", mode_or_none(m->held),
			mode_or_none(m->wanted), (int)m->name_len, (const char *)m->name,
			mode_or_none(m->blocked));
	fputs((m->flags & LK_VICTIM) != 0 ? ": victim\n" : "\n", to);
}

/* Beginning with the victim, as where it begins is nobody's business. */
int
graph_show_deadlock(void *file, const struct lk_deadlock *d)
{
	FILE *to = file;

	fprintf(to, "\tdeadlock %llu, a ring of %u:\n", (unsigned long long)d->number, d->n);
	for (uint32_t i = 0; i < d->kept; i++)
		show_member(&d->member[(d->victim + i) % d->kept], to);
	return 0;
}

void
graph_show(const struct graph *g, struct lk_manager *m, FILE *to)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct graph_row *r = &g->row[i];

		fprintf(to, "\t%d %s %s in %s\n", r->owner, is_waiter(r) ? "wants" : "holds",
			r->name, lk_modename(is_waiter(r) ? r->wanted : r->held));
	}
	if (lk_deadlock_each(m, graph_show_deadlock, to) != 0)
		fputs("lk_deadlock_each failed\n", to);
}
