/* SPDX-License-Identifier: MIT */
/*
 * The board: what several processes say of their waits.  Rings of rows against a reference that tries all ways; and
 * processes that look and speak in any order, while waits begin and end, against what was true all the time.
 */
#include "harness.h"

#include "remote/board.h"

enum { SIDES = 5, NAMES = 6 };

static struct board_name
name_of(uint64_t i)
{
	return board_name(&i, sizeof(i));
}

static struct lk_session_id
session_of(unsigned i)
{
	return (struct lk_session_id){ { (unsigned char)(i + 1) } };
}

static struct board_row
row_of(unsigned side, uint64_t holds, lk_mode has, uint64_t wants, lk_mode want)
{
	struct board_row row;

	memset(&row, 0, sizeof(row));
	row.who = session_of(side);
	row.holds = name_of(holds);
	row.has = (uint8_t)has;
	row.wants = name_of(wants);
	row.want = (uint8_t)want;
	row.end = BOARD_ENDS;
	return row;
}

/* -------------------------------------------------------------------------- the record */

Test(remote_board, is_read_as_it_was_written)
{
	static struct board b, other;
	struct board_self self = { .who = session_of(0), .was = session_of(0) };

	board_read(&b, NULL, 0);
	cr_assert_eq(board_size(&b), 0);
	self.row[self.n++] = row_of(0, 1, LK_X, 2, LK_S);
	cr_assert(board_change(&b, &self, 77));
	cr_assert_eq(b.turn, 1);
	cr_assert_eq(b.made, 77);
	cr_assert(board_read(&other, &b, board_size(&b)));
	cr_assert_eq(other.n, 1);
	cr_assert_eq(memcmp(&other, &b, board_size(&b)), 0);
	self.made = b.made;
	self.turn = b.turn;
	cr_assert(!board_change(&b, &self, 78), "nothing is new");
	self.n = 0;
	cr_assert(board_change(&b, &self, 78));
	cr_assert_eq(board_size(&b), 0);
}

Test(remote_board, damage_is_seen_and_what_was_there_is_gone)
{
	static struct board b, other;
	struct board_self self = { .who = session_of(0), .was = session_of(0) };
	unsigned char *bytes = (unsigned char *)&b;
	size_t n;

	for (unsigned i = 0; i < 3; i++)
		self.row[self.n++] = row_of(0, i, LK_X, i + 1, LK_S);
	board_read(&b, NULL, 0);
	cr_assert(board_change(&b, &self, 1));
	n = board_size(&b);
	for (size_t i = 0; i < n; i++) {
		bytes[i] ^= 0x40;
		cr_assert(!board_read(&other, &b, n), "byte %zu", i);
		cr_assert_eq(other.n, 0);
		cr_assert_eq(other.turn, 0);
		bytes[i] ^= 0x40;
	}
	for (size_t i = 1; i < n; i++)
		cr_assert(!board_read(&other, &b, i), "%zu bytes", i);
	cr_assert(board_read(&other, &b, n));
}

/* What is of another session, or of one that is dead, goes; and what does not fit is not said. */
Test(remote_board, has_room_for_so_many)
{
	static struct board b;
	struct board_self self = { .n = BOARD_MINE };
	unsigned side = 0;

	board_read(&b, NULL, 0);
	do {
		self.who = self.was = session_of(side++);
		for (unsigned i = 0; i < BOARD_MINE; i++)
			self.row[i] = row_of(side - 1, 2 * i, LK_X, 2 * i + 1, LK_X);
	} while (board_change(&b, &self, 1));
	cr_assert_eq(b.n, BOARD_ROWS);
	self.dead[self.n_dead++] = session_of(0);
	cr_assert(board_change(&b, &self, 1));
	for (size_t i = 0; i < b.n; i++)
		cr_assert_neq(memcmp(&b.row[i].who, &self.dead[0], sizeof(self.dead[0])), 0);
	self.who = session_of(99); /* it has another session now */
	for (unsigned i = 0; i < BOARD_MINE; i++)
		self.row[i].who = self.who;
	cr_assert(board_change(&b, &self, 1));
	for (size_t i = 0; i < b.n; i++)
		cr_assert_neq(memcmp(&b.row[i].who, &self.was, sizeof(self.was)), 0);
}

/* ---------------------------------------------------------------------------- the search */

/* By hand: does x wait for y? */
static bool
waits_for(const struct board_row *x, const struct board_row *y)
{
	return x->wants.part[0] == y->holds.part[0] &&
	       (mode_conflicts((lk_mode)x->want) & MODE_BIT(y->has)) != 0 &&
	       memcmp(&x->who, &y->who, sizeof(x->who)) != 0;
}

struct reference {
	const struct board *b;
	size_t from;
	bool seen[BOARD_ROWS];
	bool is_least; /* only through rows that are less to end */
};

static bool
comes_back(struct reference *t, size_t x)
{
	for (size_t y = 0; y < t->b->n; y++) {
		if (!waits_for(&t->b->row[x], &t->b->row[y]))
			continue;
		if (y == t->from)
			return true;
		if (t->seen[y] ||
		    (t->is_least && !board_is_victim(&t->b->row[t->from], &t->b->row[y])))
			continue;
		t->seen[y] = true;
		if (comes_back(t, y))
			return true;
	}
	return false;
}

static bool
is_in_ring(const struct board *b, size_t from, bool is_least)
{
	struct reference t = { .b = b, .from = from, .is_least = is_least };

	return comes_back(&t, from);
}

static void
draw_board(struct board *b, uint64_t *chance)
{
	board_read(b, NULL, 0);
	b->n = 1 + test_random(chance) % 14;
	for (size_t i = 0; i < b->n; i++) {
		b->row[i] =
			row_of((unsigned)(test_random(chance) % SIDES), test_random(chance) % NAMES,
			       (lk_mode)(LK_IS + test_random(chance) % 6),
			       test_random(chance) % NAMES,
			       (lk_mode)(LK_IS + test_random(chance) % 6));
		b->row[i].priority = (int32_t)(test_random(chance) % 3);
		b->row[i].merit = test_random(chance) % 3;
		b->row[i].print = i;
		b->row[i].since = 1;
	}
}

static void
check_ring(const struct board *b, const uint16_t *ring, size_t n, size_t from)
{
	cr_assert_eq(ring[0], from);
	for (size_t i = 0; i < n; i++)
		cr_assert(waits_for(&b->row[ring[i]], &b->row[ring[(i + 1) % n]]));
}

Test(remote_board, rings_are_those_that_a_reference_finds)
{
	static struct board b;
	uint64_t first[BOARD_ROWS];
	uint64_t chance = 1;
	int n_rings = 0;

	for (size_t i = 0; i < BOARD_ROWS; i++)
		first[i] = 1;
	for (int round = 0; round < 4000; round++) {
		bool has_ring = false;
		bool has_victim = false;

		draw_board(&b, &chance);
		for (size_t i = 0; i < b.n; i++) {
			uint16_t ring[BOARD_ROWS];
			size_t n = board_ring(&b, NULL, i, ring, BOARD_ROWS);

			cr_assert_eq(n != 0, is_in_ring(&b, i, false));
			if (n != 0)
				check_ring(&b, ring, n, i);
			has_ring |= n != 0;
			n = board_ring(&b, first, i, ring, BOARD_ROWS);
			cr_assert_eq(n != 0, is_in_ring(&b, i, true));
			if (n != 0)
				check_ring(&b, ring, n, i);
			has_victim |= n != 0;
		}
		cr_assert_eq(has_ring, has_victim, "a ring that is nobody's to end");
		n_rings += has_ring;
	}
	cr_assert_gt(n_rings, 100);
	cr_assert_lt(n_rings, 3900);
}

/* ------------------------------------------------------------------------- what is certain */

/* A wait, and what it keeps from others: true for some time. */
struct truth {
	struct board_row row;
	uint64_t from;
	uint64_t to; /* 0: it is true still */
};

enum { TRUTHS = 300000, STEPS = 600000, BLOCK = 500 };

struct side {
	struct board_self self;
	struct board_seen seen;
	struct truth *now;       /* what its owner waits for; NULL: for nothing */
	struct board_row looked; /* … when it looked */
	bool has_looked;
	bool is_waiting;
};

struct theatre {
	uint64_t time;
	uint64_t chance;
	unsigned n_sides; /* that do something: a ring of that length */
	uint64_t
		moves; /* of 64 steps so many are of owners, the others of those who look for rings */
	struct board b; /* in the store */
	struct side side[SIDES];
	struct truth truth[TRUTHS];
	size_t n_truths;
	int n_certain;
	int n_lost;
};

static struct theatre theatre;

/* Its owner begins to wait, or ends to. */
static void
live(struct theatre *t, unsigned i)
{
	struct side *s = &t->side[i];
	const unsigned next = (i + 1) % t->n_sides;

	if (s->now != NULL) {
		s->now->to = t->time;
		s->now = NULL;
		return;
	}
	s->now = &t->truth[t->n_truths++];
	s->now->row = row_of(i, i, LK_X, test_random(&t->chance) % 8 == 0 ? i + 9 : next, LK_X);
	s->now->row.print = t->n_truths;
	s->now->from = t->time;
	s->now->to = 0;
}

static void
look(struct side *s)
{
	s->self.n = 0;
	if (s->now != NULL) {
		s->self.row[s->self.n] = s->now->row;
		s->self.row[s->self.n++].since = s->self.turn;
	}
	s->has_looked = true;
}

/* All of them were true at one moment. */
static void
check_certain(struct theatre *t, const struct board *b, const uint16_t *ring, size_t n)
{
	uint64_t from = 0;
	uint64_t to = UINT64_MAX;

	for (size_t i = 0; i < n; i++) {
		const struct truth *was = &t->truth[b->row[ring[i]].print - 1];

		from = was->from > from ? was->from : from;
		to = was->to != 0 && was->to < to ? was->to : to;
	}
	cr_assert_lt(from, to, "this was never a ring");
	t->n_certain++;
}

static void
speak(struct theatre *t, unsigned i)
{
	static struct board b;
	struct side *s = &t->side[i];
	uint16_t ring[SIDES];
	bool is_written;

	if (!s->has_looked)
		return;
	s->has_looked = false;
	cr_assert(board_read(&b, &t->b, board_size(&t->b)));
	is_written = board_change(&b, &s->self, test_random(&t->chance));
	if (is_written)
		t->b = b;
	if (test_random(&t->chance) % 50 == 0) { /* no answer */
		t->n_lost++;
		return;
	}
	(void)board_learn(&s->seen, &b, is_written);
	s->self.made = b.made;
	s->self.turn = b.turn;
	for (size_t k = 0; k < b.n; k++) {
		const size_t n = board_ring(&b, s->seen.first, k, ring, SIDES);

		if (n == 0)
			continue;
		check_certain(t, &b, ring, n);
		if (memcmp(&b.row[k].who, &s->self.who, sizeof(s->self.who)) == 0 &&
		    s->now != NULL && s->now->row.print == b.row[k].print)
			live(t, i); /* it ends */
	}
}

static void
step(struct theatre *t, unsigned i)
{
	const uint64_t what = test_random(&t->chance) % 64;

	if (what < t->moves)
		live(t, i);
	else if (what % 2 == 0)
		look(&t->side[i]);
	else
		speak(t, i);
}

/* Whatever the order in which they look, speak and go on. */
Test(remote_board, nothing_is_certain_that_was_never_true, .timeout = 120)
{
	struct theatre *t = &theatre;

	t->chance = 7;
	for (unsigned i = 0; i < SIDES; i++)
		t->side[i].self.who = t->side[i].self.was = session_of(i);
	for (t->time = 1; t->time < STEPS; t->time++) {
		if (t->time % BLOCK == 1) {
			t->n_sides = 2 + (unsigned)(test_random(&t->chance) % (SIDES - 1));
			t->moves = 1 + test_random(&t->chance) % 40;
		}
		step(t, (unsigned)(test_random(&t->chance) % t->n_sides));
		if (test_random(&t->chance) % 3000 == 0) /* somebody has removed it */
			memset(&t->b, 0, sizeof(t->b));
	}
	cr_assert_gt(t->n_certain, 50);
	cr_assert_gt(t->n_lost, 50);
}

/* As soon as all in a ring stay, and speak a few times, it is found by the one whose row is to end. */
Test(remote_board, what_stays_a_ring_becomes_certain)
{
	struct theatre *t = &theatre;
	uint16_t ring[SIDES];

	t->chance = 3;
	for (unsigned i = 0; i < SIDES; i++) {
		struct side *s = &t->side[i];

		s->self.who = s->self.was = session_of(i);
		s->now = &t->truth[t->n_truths++];
		s->now->row = row_of(i, i, LK_X, (i + 1) % SIDES, LK_X);
		s->now->row.print = t->n_truths;
		s->now->row.priority = i == 3 ? -1 : 0;
	}
	for (int round = 0; round < 4; round++) {
		for (unsigned i = 0; i < SIDES; i++) {
			struct side *s = &t->side[i];
			const bool is_written = (look(s), board_change(&t->b, &s->self, 5));

			(void)board_learn(&s->seen, &t->b, is_written);
			s->self.made = t->b.made;
			s->self.turn = t->b.turn;
		}
	}
	for (unsigned i = 0; i < SIDES; i++) {
		for (size_t k = 0; k < t->b.n; k++) {
			const size_t n = board_ring(&t->b, t->side[i].seen.first, k, ring, SIDES);

			cr_assert_eq(n, t->b.row[k].priority < 0 ? SIDES : 0);
		}
	}
}

/* Its turns begin anew: when something was first seen on the other one says nothing.  (RG1) */
Test(remote_board, of_another_board_nothing_has_been_seen)
{
	static struct board_seen seen;
	static struct board b;

	memset(&seen, 0, sizeof(seen));
	memset(&b, 0, sizeof(b));
	b.made = 1;
	b.turn = 50;
	b.n = 1;
	b.row[0].print = 7;
	cr_expect(board_learn(&seen, &b, false));
	b.turn++;
	cr_expect_not(board_learn(&seen, &b, false));
	cr_expect_eq(seen.first[0], 51);
	b.made = 2;
	b.turn = 3;
	cr_expect(board_learn(&seen, &b, false));
	cr_expect_eq(seen.first[0], 4);
}
