/* SPDX-License-Identifier: MIT */
/* What this process says of its waits, and the end of a ring through others.  (RG1-RG8) */
#include "remote/knots_inside.h"

static const char record_name[] = { 'w' };

bool
knots_is_board(const void *record, size_t len)
{
	return len == sizeof(record_name) && memcmp(record, record_name, len) == 0;
}

/* ------------------------------------------------------------------------- when */

/* Not later than that.  With the latch. */
static void
look_by(struct knots *g, uint64_t due_ns)
{
	if (g->is_looking) {
		g->again = true;
	} else if (g->due_ns == 0 || g->due_ns > due_ns) {
		g->due_ns = due_ns;
		timer_set(g->m->p.timers, &g->timer, due_ns);
	}
}

static void
look_in(struct knots *g, uint64_t ns)
{
	look_by(g, env_boottime(g->m->p.env) + ns);
}

static void
wait_begins(struct knots *g, struct cover *c)
{
	c->is_waiting = true;
	c->shown.n_steps = 0;
	cds_list_add_tail(&c->waits, &g->waiting);
	if (knots_looks(g))
		look_in(g, knots_first_ns(g));
}

static void
wait_ends(struct cover *c)
{
	if (!c->is_waiting)
		return;
	c->is_waiting = false;
	cds_list_del(&c->waits);
}

/* What it waits for stays what it was shown to be, or it is not shown. */
void
knots_ask(struct knots *g, struct cover *c)
{
	if (g == NULL)
		return;
	latch_lock(&g->m->latch);
	if (c->shown.question != c->question)
		c->shown.asked = LK_NL;
	c->asks_made = g->seen_made;
	c->asks_turn = g->seen_turn;
	latch_unlock(&g->m->latch);
}

void
knots_note(struct knots *g, struct cover *c, const struct answer *a)
{
	const bool is_in_line = a->kind == ANSWER_WAITS;
	struct cover_shown *s = &c->shown;

	if (g == NULL)
		return;
	s->has = c->has;
	s->demand = a->kind == ANSWER_HAS ? LK_NL : a->demand;
	s->asked = is_in_line ? c->asked : LK_NL;
	s->question = c->question;
	s->made = c->asks_made;
	s->turn = c->asks_turn;
	s->line = a->line;
	if (a->kind == ANSWER_HAS)
		wait_ends(c);
	else if (!c->is_waiting)
		wait_begins(g, c);
}

void
knots_forget(struct knots *g, struct cover *c)
{
	if (g == NULL)
		return;
	c->shown.demand = c->shown.asked = LK_NL;
	wait_ends(c);
}

void
knots_stir(struct knots *g, struct cover *c)
{
	c->shown.has = c->has;
	if (g != NULL && !cds_list_empty(&g->waiting) && knots_looks(g))
		look_in(g, knots_first_ns(g));
}

void
knots_hear(struct knots *g)
{
	const uint64_t now = g != NULL && g->said ? env_boottime(g->m->p.env) : 0;
	uint64_t due_ns;

	if (now == 0)
		return;
	due_ns = g->looked_ns +
		 g->delay_ns / 4; /* who is answered by a hint does not answer at once */
	look_by(g, due_ns > now + SOON_NS ? due_ns : now + SOON_NS);
}

/* -------------------------------------------------------------------- the board */

static int
change(void *arg, struct lk_store_record *r, size_t n)
{
	struct knots *g = arg;

	(void)n;
	(void)board_read(&g->board, r->old, r->status == 0 ? r->old_len : 0);
	g->is_written = board_change(&g->board, &g->self, g->made);
	if (!g->is_written)
		return 0;
	r->changed = 1;
	r->fresh_len = board_size(&g->board);
	r->fresh = r->fresh_len != 0 ? &g->board : NULL;
	return 0;
}

/* True: there is something on it that was not. */
static bool
learn(struct knots *g)
{
	const bool is_new = board_learn(&g->seen, &g->board, g->is_written);

	latch_lock(&g->m->latch);
	g->seen_made = g->self.made = g->board.made;
	g->seen_turn = g->self.turn = g->board.turn;
	latch_unlock(&g->m->latch);
	return is_new;
}

static bool
is_mine(const struct knots *g, const struct board_row *row)
{
	return memcmp(&row->who, &g->self.who, sizeof(row->who)) == 0;
}

/* Ours, as it was found in this look; BOARD_MINE: it is not among them. */
static size_t
find_mine(const struct knots *g, uint64_t key)
{
	size_t i = 0;

	while (i < g->self.n && board_key(&g->self.row[i]) != key)
		i++;
	return i < g->self.n ? i : BOARD_MINE;
}

/* The sessions of others, of whom some may be dead. */
static size_t
list_others(const struct knots *g, struct lk_session_id id[BOARD_DEAD])
{
	size_t n = 0;

	for (size_t i = 0; i < g->board.n && n < BOARD_DEAD; i++) {
		const struct board_row *row = &g->board.row[i];

		if (!is_mine(g, row) &&
		    (n == 0 || memcmp(&id[n - 1], &row->who, sizeof(row->who)) != 0))
			id[n++] = row->who;
	}
	return n;
}

/* What those said who are dead now is to go.  Nobody believes it anyway, as nobody says it again. */
static void
look_who_lives(struct knots *g)
{
	struct remote *m = g->m;
	struct lk_session_id id[BOARD_DEAD];
	unsigned char alive[BOARD_DEAD];
	size_t n;

	g->self.n_dead = 0;
	if (++g->n_looks % LOOKS_TO_ASK != 0)
		return;
	n = list_others(g, id);
	if (n == 0 || m->store->ops->session_alive(m->store, id, n, alive, remote_patience(m)) != 0)
		return;
	for (size_t i = 0; i < n; i++) {
		if (alive[i] == 0)
			g->self.dead[g->self.n_dead++] = id[i];
	}
}

/* ------------------------------------------------------------------- the end of one */

static void
say_member(const struct knots *g, const struct board_row *row, const struct board_row *next,
	   struct lk_deadlock_member *out)
{
	memset(out, 0, sizeof(*out));
	out->priority = row->priority;
	out->flags = (row->is_id ? LK_NAME_IS_ID : 0u) | (is_mine(g, row) ? 0u : LK_ABROAD);
	out->held = row->held;
	out->wanted = row->asked;
	out->blocked = next->end == BOARD_ENDS ? next->has : LK_NL;
	out->n_grants = row->n_grants;
	out->opened_ns = row->opened_ns;
	out->name_len = row->name_len;
	memcpy(out->name, row->name, sizeof(out->name));
	memcpy(out->owner_label, row->label, sizeof(out->owner_label));
	out->owner_label[LK_LABEL_MAX] = '\0';
}

/* The ring whose first row is ours, and ends. */
static void
report(const struct knots *g, const uint16_t *ring, size_t n, const struct root *root,
       struct lk_deadlock *out)
{
	const uint64_t now = env_now(g->m->p.env);
	const size_t kept = n < LK_DEADLOCK_MEMBERS_MAX ? n : LK_DEADLOCK_MEMBERS_MAX;
	const struct board_row *row = g->board.row;

	*out = (struct lk_deadlock){
		.size = sizeof(*out), .n = (uint32_t)n, .kept = (uint32_t)kept, .at_ns = now
	};
	for (size_t i = 0; i < kept; i++) /* of a long one the next is not known */
		say_member(g, &row[ring[i]], &row[ring[i + 1 < kept ? i + 1 : 0]], &out->member[i]);
	out->member[0].flags |= LK_VICTIM;
	out->member[0].owner_id = shim_load(&party_owner(root->p.party)->id, SHIM_RELAXED);
	out->member[0].waited_ns = now > root->since_ns ? now - root->since_ns : 0;
}

/* (RG9) */
static void
step_back(struct knots *g, const struct remedy *remedy)
{
	struct remote *m = g->m;
	struct cover *c;

	latch_lock(&m->latch);
	c = cover_find(m, remedy->r);
	if (c != NULL && (remedy->question == 0 ||
			  (c->shown.asked != LK_NL && c->shown.question == remedy->question))) {
		c->steps_back = true;
		c->shown.n_steps++;
		timer_set(m->p.timers, &c->timer, 0);
	}
	latch_unlock(&m->latch);
}

/* (RG7) */
static bool
end_one(struct knots *g, size_t row)
{
	const size_t mine = find_mine(g, g->seen.key[row]);
	const struct remedy *remedy = &g->remedy[mine < BOARD_MINE ? mine : 0];
	uint16_t ring[LK_DEADLOCK_MEMBERS_MAX];
	struct lk_deadlock d;
	size_t n;

	if (mine == BOARD_MINE || g->self.row[mine].end == BOARD_STAYS)
		return false;
	n = board_ring(&g->board, g->seen.first, row, ring, LK_DEADLOCK_MEMBERS_MAX);
	if (n == 0)
		return false;
	if (remedy->root == NULL) {
		step_back(g, remedy);
		return true;
	}
	report(g, ring, n, remedy->root, &d);
	return reach_end(g->d, remedy->root->p, remedy->root->of->r, &d);
}

static bool
end_rings(struct knots *g)
{
	bool has_ended = false;

	for (size_t i = 0; i < g->board.n; i++) {
		if (is_mine(g, &g->board.row[i]))
			has_ended |= end_one(g, i);
	}
	return has_ended;
}

/* ----------------------------------------------------------------------- a look */

/* Under which session we speak; false: under none. */
static bool
take_session(struct knots *g)
{
	struct remote *m = g->m;
	bool has_session;

	latch_lock(&m->latch);
	has_session = m->has_session;
	if (memcmp(&g->self.who, &m->session, sizeof(m->session)) != 0) {
		g->self.was = g->self.who;
		g->self.who = m->session;
	}
	latch_unlock(&m->latch);
	return has_session;
}

/* What is on the board, ours included.  False: the store does not say. */
static bool
exchange(struct knots *g)
{
	struct remote *m = g->m;
	struct lk_store_record r = { .name = record_name,
				     .len = sizeof(record_name),
				     .flags = LK_STORE_REPAIR };
	int rc;

	g->made = env_random(m->p.env);
	rc = m->store->ops->update(m->store, &r, 1, change, g, remote_patience(m));
	return rc == 0;
}

/* True: something has happened. */
static bool
look_abroad(struct knots *g)
{
	bool has_happened;
	bool said = false;

	if (!exchange(g))
		return false;
	has_happened = learn(g);
	has_happened |= end_rings(g);
	look_who_lives(g);
	for (size_t i = 0; i < g->board.n; i++)
		said |= is_mine(g, &g->board.row[i]);
	latch_lock(&g->m->latch);
	g->said = said;
	latch_unlock(&g->m->latch);
	return has_happened;
}

static bool
look_at_all(struct knots *g)
{
	bool said;

	knots_look_here(g);
	latch_lock(&g->m->latch);
	said = g->said;
	g->said |= g->self.n != 0; /* perhaps, if there is no answer */
	latch_unlock(&g->m->latch);
	return (said || g->self.n != 0) && look_abroad(g);
}

static bool
look(struct knots *g)
{
	bool has_happened;

	if (!take_session(g))
		return false;
	knots_pin(g);
	has_happened = look_at_all(g);
	knots_unpin(g);
	return has_happened;
}

/* With the latch. */
static void
look_later(struct knots *g, bool has_happened)
{
	g->is_looking = false;
	g->looked_ns = env_boottime(g->m->p.env);
	g->delay_ns = has_happened ? FIRST_NS : 2 * g->delay_ns;
	if (g->delay_ns < FIRST_NS || g->delay_ns > LAST_NS)
		g->delay_ns = g->delay_ns > LAST_NS ? LAST_NS : FIRST_NS;
	if (g->said || (!cds_list_empty(&g->waiting) && knots_looks(g)))
		look_by(g, g->looked_ns + (g->again ? FIRST_NS : g->delay_ns));
	g->again = false;
}

static void
fire(struct timer *t, uint64_t now)
{
	struct knots *g = container_of(t, struct knots, timer);
	struct remote *m = g->m;
	bool has_happened;
	bool mine;

	(void)now;
	latch_lock(&m->latch);
	mine = !g->is_looking;
	g->again |= !mine;
	g->is_looking = true;
	g->due_ns = 0;
	latch_unlock(&m->latch);
	if (!mine)
		return;
	has_happened = look(g);
	latch_lock(&m->latch);
	look_later(g, has_happened);
	latch_unlock(&m->latch);
}

struct knots *
knots_open(struct remote *m)
{
	struct knots *g = env_zalloc(m->p.env, sizeof(*g), LK_LINE);

	if (g == NULL)
		return NULL;
	g->m = m;
	g->d = m->p.detector;
	g->timer.fire = fire;
	g->delay_ns = FIRST_NS;
	CDS_INIT_LIST_HEAD(&g->waiting);
	return g;
}

void
knots_close(struct knots *g)
{
	if (g == NULL)
		return;
	g->self.n = 0;
	if (g->said)
		(void)exchange(g);
	env_free(g->m->p.env, g, sizeof(*g));
}
