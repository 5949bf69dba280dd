/* SPDX-License-Identifier: MIT */
/*
 * Rings of owners through several processes (RG4, RG7), by what is so and not by what was said of it: from the lines of all
 * managers, what the owners hold, and the records.  Whose request ends because of such a ring was in one as it waited.
 */
#include "core/grant.h"
#include "remote/inside.h"
#include "stored.h"

/* One in a line: of an owner of the script's, or (fiber NOBODY) the phantom of others. */
struct spot {
	int fiber;
	unsigned process;
	int name;
	lk_mode want;
};

enum { NOBODY = -1, SPOTS_MAX = 32 };

static struct {
	struct spot spot[SPOTS_MAX]; /* of each line in its order */
	unsigned n;
	unsigned edges[FIBERS_MAX];
	bool was_in_ring[FIBERS_MAX]; /* since it began to wait, or was moved */
} wide;

void
wide_begin(void)
{
	memset(&wide, 0, sizeof(wide));
}

static int
name_of(const struct lk_resource *r)
{
	bool is_id;
	size_t len;
	const void *name = resource_name(r, &len, &is_id);

	return is_id ? NOBODY : abroad_name_number(name, len);
}

static int
fiber_of(const struct waiter *q)
{
	for (unsigned i = 0; !q->is_abroad && i < world.n_fibers; i++) {
		if (play.owner[i] != NULL && q->party->owner.v == play.owner[i])
			return (int)i;
	}
	return NOBODY;
}

static void
take_line(unsigned process, const struct lot_bucket *b)
{
	struct cds_list_head *node;

	cds_list_for_each(node, &b->waiters)
	{
		const struct waiter *q = container_of(node, struct waiter, node);

		if (wide.n == SPOTS_MAX)
			fail("lines are longer than the tester can look at");
		wide.spot[wide.n++] = (struct spot){ fiber_of(q), process, name_of(q->r), q->want };
	}
}

static void
take_lines(void)
{
	wide.n = 0;
	for (unsigned i = 0; i < play_script->n_processes; i++) {
		const struct lot *l =
			play.abroad.manager[i] != NULL ? &play.abroad.manager[i]->lot : NULL;

		for (uint32_t k = 0; l != NULL && k <= l->mask; k++)
			take_line(i, &l->bucket[k]);
	}
}

/* What a process has of a name by its record, and its place in the line there, from 1; 0: it has none. */
static lk_mode
had_by(unsigned process, int name, unsigned *place)
{
	const char *text = play_script->name[name];
	const struct record *r = stored_record(text, strlen(text));
	const struct record_id *id =
		(const struct record_id *)&play.abroad.manager[process]->remote->session;
	uint32_t units;

	*place = 0;
	for (unsigned i = 0; r != NULL && i < r->n_waiters && *place == 0; i++)
		*place = record_id_is(&r->waiter[i].who, id) ? i + 1 : 0;
	return r != NULL ? record_held(r, id, &units) : LK_NL;
}

/* Does that owner hold something of the name that does not go with `want`? */
static bool
holds_against(struct lk_owner *w, int name, lk_mode want)
{
	const uint32_t n = w->holds.n_slots.v;

	for (uint32_t i = 0; i < n; i++) {
		const struct hold *s = hold_at(&w->holds, i);

		if (s->head.v != 0 && (s->head.v & (HEAD_REENTRY | HEAD_IMPLIED)) == 0 &&
		    name_of(s->resource.v) == name &&
		    book_conflict(head_effective(s->head.v), want))
			return true;
	}
	return false;
}

/* Does the phantom stand before that one in the line of its process?  (`from` SPOTS_MAX: anywhere) */
static bool
is_phantom_before(unsigned process, int name, unsigned from, lk_mode *want)
{
	for (unsigned i = 0; i < wide.n && i < from; i++) {
		const struct spot *s = &wide.spot[i];

		if (s->fiber == NOBODY && s->process == process && s->name == name) {
			*want = s->want;
			return true;
		}
	}
	return false;
}

/* Does a wait of one process wait for what an owner of another has? */
static bool
waits_for_holder(const struct spot *x, int owner)
{
	const unsigned other = play_script->process_of[owner];
	lk_mode phantom = LK_NL;
	unsigned place;

	if (holds_against(play.owner[owner], x->name, x->want))
		return true;
	/* or for what is only covered there, as the phantom waits for all that is held */
	return book_conflict(had_by(other, x->name, &place), x->want) &&
	       is_phantom_before(other, x->name, SPOTS_MAX, &phantom) &&
	       holds_against(play.owner[owner], x->name, phantom);
}

/* … or is one behind the other, in the line of the store or of one of both? */
static bool
is_behind(unsigned x, unsigned y)
{
	const struct spot *a = &wide.spot[x];
	const struct spot *b = &wide.spot[y];
	unsigned place_a, place_b;
	const lk_mode has_a = had_by(a->process, a->name, &place_a);
	const lk_mode has_b = had_by(b->process, b->name, &place_b);
	lk_mode phantom;

	if (a->name != b->name || !book_conflict(a->want, b->want))
		return false;
	if (place_b != 0 && (place_a == 0 || place_b < place_a) && !book_covers(has_a, a->want))
		return true;
	if (book_conflict(has_b, a->want) && !is_phantom_before(b->process, b->name, y, &phantom))
		return true;
	return book_covers(has_a, a->want) && is_phantom_before(a->process, a->name, x, &phantom);
}

static void
take_edges(unsigned x)
{
	const struct spot *s = &wide.spot[x];

	for (int p = 0; s->fiber != NOBODY && p < (int)world.n_fibers; p++) {
		if (play.owner[p] != NULL && play_script->process_of[p] != s->process &&
		    waits_for_holder(s, p))
			wide.edges[s->fiber] |= 1u << p;
	}
	for (unsigned y = 0; s->fiber != NOBODY && y < wide.n; y++) {
		const struct spot *other = &wide.spot[y];

		if (other->fiber != NOBODY && other->process != s->process && is_behind(x, y))
			wide.edges[s->fiber] |= 1u << other->fiber;
	}
}

static bool
is_in_ring(unsigned fiber)
{
	unsigned reached = wide.edges[fiber];
	unsigned before;

	do {
		before = reached;
		for (unsigned i = 0; i < world.n_fibers; i++)
			reached |= (before & 1u << i) != 0 ? wide.edges[i] : 0;
	} while (reached != before);
	return (reached & 1u << fiber) != 0;
}

void
wide_take(const unsigned edges[FIBERS_MAX])
{
	if (play_script->n_processes < 2)
		return;
	memcpy(wide.edges, edges, sizeof(wide.edges));
	take_lines();
	for (unsigned x = 0; x < wide.n; x++)
		take_edges(x);
	for (unsigned i = 0; i < world.n_fibers; i++)
		wide.was_in_ring[i] |= is_in_ring(i);
}

bool
wide_turns(unsigned fiber)
{
	const bool was = wide.was_in_ring[fiber];

	wide.was_in_ring[fiber] = false;
	return was;
}
