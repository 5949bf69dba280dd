/* SPDX-License-Identifier: MIT */
/* What there is to say on the board: who waits here for others, and what others wait for of it.  (RG6, RG9) */
#include "remote/knots_inside.h"

struct line_look {
	struct knots *g;
	const struct wait *wait;
	uint64_t now;
};

static void
see_waiter(void *arg, const struct waiter *q)
{
	const struct line_look *l = arg;
	struct knots *g = l->g;
	const uint64_t sequence = party_sequence(q->party);
	struct root *root;

	if (q->is_abroad || abroad_admits(l->wait->shown.has, q->want) ||
	    !sequence_waits(sequence) || l->now < q->since_ns + knots_first_ns(g) ||
	    g->n_roots == BOARD_MINE)
		return;
	root = &g->root[g->n_roots++];
	*root = (struct root){
		.p = { q->party, sequence },
		.of = l->wait,
		.held = q->held,
		.want = q->want,
		.priority = party_priority(q->party),
		.since_ns = q->since_ns,
	};
	if (q->face.owner_label != NULL)
		memcpy(root->label, q->face.owner_label, sizeof(root->label));
	else
		owner_label(party_owner(q->party), root->label);
}

static struct board_name
name_of(struct knots *g, const struct lk_resource *r)
{
	return board_name(g->name, ask_record_name(r, g->name));
}

void
knots_pin(struct knots *g)
{
	struct remote *m = g->m;
	struct cds_list_head *node;

	g->n_waits = 0;
	latch_lock(&m->latch);
	cds_list_for_each(node, &g->waiting)
	{
		const struct cover *c = container_of(node, struct cover, waits);

		if (g->n_waits == BOARD_MINE)
			break;
		resource_pin(c->r);
		g->wait[g->n_waits++] = (struct wait){ .r = c->r, .shown = c->shown };
	}
	latch_unlock(&m->latch);
	for (size_t i = 0; i < g->n_waits; i++)
		g->wait[i].name = name_of(g, g->wait[i].r);
}

void
knots_unpin(struct knots *g)
{
	for (size_t i = 0; i < g->n_waits; i++)
		resource_unpin(g->wait[i].r);
	g->n_waits = 0;
}

static void
see_abroad(void *arg, const struct waiter *q)
{
	*(bool *)arg |= q->is_abroad;
}

/* Does anybody abroad wait for what is held of `r` here?  Then its name is in `out`. */
static bool
is_wanted_abroad(struct knots *g, struct lk_resource *r, struct board_name *out)
{
	struct remote *m = g->m;
	const struct cover *c;
	bool has_cover;
	bool is_wanted = false;

	latch_lock(&m->latch);
	c = cover_find(m, r);
	has_cover = c != NULL; /* so it is pinned */
	if (has_cover) {
		is_wanted = c->shown.demand != LK_NL;
		*out = name_of(g, r);
	}
	latch_unlock(&m->latch);
	if (has_cover && !is_wanted)
		line_each(m->p.lot, r, see_abroad, &is_wanted);
	return is_wanted;
}

struct reach_look {
	struct knots *g;
	const struct root *root;
};

static void
say_name(struct board_row *row, const struct lk_resource *r)
{
	bool is_id;
	size_t len;
	const void *bytes = resource_name(r, &len, &is_id);

	row->name_len = (uint32_t)len;
	row->is_id = is_id;
	memcpy(row->name, bytes, len < sizeof(row->name) ? len : sizeof(row->name));
}

static void
say_label(struct board_row *row, const struct knots *g, const char *label)
{
	const char *text = label[0] != '\0' ? label : g->m->p.who;

	memcpy(row->label, text, strnlen(text, sizeof(row->label) - 1));
}

static bool
is_there(const struct board_self *self, const struct board_row *row)
{
	for (size_t i = 0; i < self->n; i++) {
		if (memcmp(&self->row[i], row, sizeof(*row)) == 0)
			return true;
	}
	return false;
}

/* One more. */
static void
say(struct knots *g, const struct board_row *row, struct remedy remedy)
{
	struct board_self *self = &g->self;

	if (self->n == BOARD_MINE || is_there(self, row))
		return;
	g->remedy[self->n] = remedy;
	self->row[self->n++] = *row;
}

/* What was seen when the store was asked is as old as that; but not older than the board.  (RG2) */
static uint64_t
since_of(const struct knots *g, const struct cover_shown *s)
{
	return s->made == g->self.made ? s->turn : 0;
}

/*
 * It keeps others waiting, and waits itself: for what holders abroad have, and for those who are ahead of it in the line of the
 * store.  `want`: what it is sure to wait for; LK_NL: as what was asked says.
 */
static void
say_wait(struct knots *g, struct board_row *row, const struct wait *w, lk_mode want,
	 struct remedy remedy)
{
	const struct cover_shown *s = &w->shown;
	const uint64_t print = row->print;

	row->wants = w->name;
	if (want != LK_NL) {
		row->since = g->self.turn;
		row->want = (uint8_t)want;
		say(g, row, remedy);
	}
	if (s->asked == LK_NL)
		return;
	row->print = print ^ s->question * UINT64_C(0x9e3779b97f4a7c15);
	row->since = since_of(g, s);
	if (s->asked != want) {
		row->want = (uint8_t)s->asked;
		say(g, row, remedy);
	}
	for (uint32_t i = 0; i < s->line.n_ahead; i++) {
		row->wants = board_place(w->name, &s->line.ahead[i]);
		row->want = LK_X;
		say(g, row, remedy);
	}
}

/* What a root keeps waiting, as it waits: `mode` of that name. */
static void
say_root(struct knots *g, const struct root *root, struct board_row *row, lk_mode mode,
	 struct remedy remedy)
{
	const struct lk_owner *w = party_owner(root->p.party);

	row->who = g->self.who;
	row->merit = root->merit;
	row->opened_ns = w->opened_ns;
	row->priority = root->priority;
	row->n_grants = holds_n(&w->holds) + shim_load(&w->holds.reentries, SHIM_RELAXED);
	row->held = (uint8_t)root->held;
	row->asked = (uint8_t)root->want;
	row->has = (uint8_t)mode;
	say_name(row, root->of->r);
	say_label(row, g, root->label);
	say_wait(g, row, root->of, root->want, remedy);
}

static void
see_hold(void *arg, struct lk_resource *r, lk_mode mode, uint64_t print, bool by_order)
{
	const struct reach_look *l = arg;
	struct board_row row;

	memset(&row, 0, sizeof(row));
	if (!is_wanted_abroad(l->g, r, &row.holds))
		return;
	row.print = print;
	row.end = by_order ? BOARD_MAY_END : BOARD_ENDS;
	say_root(l->g, l->root, &row, mode, (struct remedy){ .root = l->root });
}

/*
 * The phantom waits for the root: so all that is covered stays, also what nobody here has.  If there is some of that it can
 * go at once, before those here who wait for it (as in yield()).
 */
static void
see_party(void *arg, const struct party *p, struct lk_resource *r, uint64_t print, bool by_order)
{
	const struct reach_look *l = arg;
	struct remote *m = l->g->m;
	struct remedy remedy = { .root = l->root };
	lk_mode has = LK_NL;
	struct board_row row;
	const struct cover *c;

	if (r == NULL || party_owner(p) != m->p.owner)
		return;
	memset(&row, 0, sizeof(row));
	latch_lock(&m->latch);
	c = cover_find(m, r);
	if (c != NULL && &c->party == p) {
		has = c->shown.has;
		row.holds = name_of(l->g, r);
		if (abroad_has_excess(r, has))
			remedy = (struct remedy){ .r = r };
	}
	latch_unlock(&m->latch);
	row.print = print;
	row.end = remedy.root == NULL ? BOARD_STEPS : by_order ? BOARD_MAY_END : BOARD_ENDS;
	if (has != LK_NL)
		say_root(l->g, l->root, &row, has, remedy);
}

/* A place in the line of the store, that others are behind.  (RG9) */
static void
see_place(struct knots *g, const struct wait *w)
{
	const struct remedy remedy = { .r = w->r, .question = w->shown.question };
	struct board_row row;

	if (w->shown.asked == LK_NL || !w->shown.line.has_behind)
		return;
	memset(&row, 0, sizeof(row));
	row.who = g->self.who;
	row.holds = board_place(w->name, &g->self.who);
	row.held = (uint8_t)w->shown.has;
	row.asked = (uint8_t)w->shown.asked;
	row.has = LK_X;
	row.end = w->shown.n_steps < STEPS_MOST ? BOARD_STEPS : BOARD_STAYS;
	say_name(&row, w->r);
	say_label(&row, g, "");
	say_wait(g, &row, w, LK_NL, remedy);
}

/* One who is looked at by somebody else is left out, and looked at again later.  (RG6) */
static void
look_at_root(struct knots *g, struct root *root)
{
	struct reach_look l = { g, root };
	const struct reach_told told = { see_hold, see_party, &l };
	const size_t first = g->self.n;

	root->merit = reach_merit(g->d, root->p.party, root->since_ns);
	if (!reach_search(g->d, root->p, root->of->r, &told))
		g->self.n = first;
}

void
knots_look_here(struct knots *g)
{
	struct line_look l = { .g = g, .now = env_now(g->m->p.env) };

	g->n_roots = g->self.n = 0;
	if (!knots_looks(g))
		return;
	for (size_t i = 0; i < g->n_waits; i++) {
		l.wait = &g->wait[i];
		line_each(g->m->p.lot, l.wait->r, see_waiter, &l);
	}
	for (size_t i = 0; i < g->n_roots; i++)
		look_at_root(g, &g->root[i]);
	for (size_t i = 0; i < g->n_waits; i++)
		see_place(g, &g->wait[i]);
}
