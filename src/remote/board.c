/* SPDX-License-Identifier: MIT */
/* Waits of several processes, put together.  (RG1-RG5) */
#include "remote/board.h"

#include <string.h>

#include "base/hash.h"

#define MAGIC  "LKwait1"
#define SEED_A UINT64_C(0x77616974)
#define SEED_B UINT64_C(0x6e616d65)

_Static_assert(sizeof(struct board) <= LK_STORE_RECORD_MAX, "the board is one record");
_Static_assert(sizeof(struct board_row) == sizeof(struct lk_session_id) + 9 * sizeof(uint64_t) +
						   4 * sizeof(uint32_t) + LK_DEADLOCK_NAME_MAX +
						   LK_LABEL_MAX + 1,
	       "a row has no gaps");

struct board_name
board_name(const void *record, size_t len)
{
	return (struct board_name){ { hash_bytes(record, len, SEED_A),
				      hash_bytes(record, len, SEED_B) } };
}

struct board_name
board_place(struct board_name name, const void *session)
{
	const size_t len = sizeof(struct lk_session_id);

	return (struct board_name){ { hash_bytes(session, len, name.part[0]),
				      hash_bytes(session, len, name.part[1]) } };
}

static size_t
bytes_of(uint64_t n)
{
	return offsetof(struct board, row) + n * sizeof(struct board_row);
}

static uint64_t
sum_of(const struct board *b)
{
	return hash_bytes(b->row, b->n * sizeof(b->row[0]), b->made ^ b->turn);
}

static bool
is_whole(const struct board *b, size_t len)
{
	if (memcmp(b->magic, MAGIC, sizeof(b->magic)) != 0 || b->n > BOARD_ROWS ||
	    len != bytes_of(b->n) || b->sum != sum_of(b))
		return false;
	for (size_t i = 0; i < b->n; i++) {
		if (b->row[i].want >= MODE_N || b->row[i].has >= MODE_N ||
		    b->row[i].held >= MODE_N || b->row[i].asked >= MODE_N ||
		    b->row[i].end >= BOARD_END_N)
			return false;
	}
	return true;
}

bool
board_read(struct board *b, const void *bytes, size_t len)
{
	const bool fits = len >= bytes_of(0) && len <= sizeof(*b);

	if (fits)
		memcpy(b, bytes, len);
	if (fits && is_whole(b, len))
		return true;
	memset(b, 0, bytes_of(0));
	return len == 0;
}

size_t
board_size(const struct board *b)
{
	return b->n != 0 ? bytes_of(b->n) : 0;
}

uint64_t
board_key(const struct board_row *row)
{
	struct board_row same = *row;

	same.since = 0;
	return hash_bytes(&same, sizeof(same), SEED_A);
}

/* ---------------------------------------------------------------------- the board */

static bool
is_same_session(const struct lk_session_id *a, const struct lk_session_id *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* Does it go?  What `self` says of itself comes anew. */
static bool
goes(const struct board_row *row, const struct board_self *self)
{
	for (size_t i = 0; i < self->n_dead; i++) {
		if (is_same_session(&row->who, &self->dead[i]))
			return true;
	}
	return is_same_session(&row->who, &self->who) || is_same_session(&row->who, &self->was);
}

static bool
is_said(const struct board_self *self, const struct board_row *row)
{
	const uint64_t key = board_key(row);

	for (size_t i = 0; i < self->n; i++) {
		if (board_key(&self->row[i]) == key)
			return true;
	}
	return false;
}

/* Does anybody look different once `self` has spoken? */
static bool
is_news(const struct board *b, const struct board_self *self)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		if (!goes(&b->row[i], self))
			continue;
		if (!is_said(self, &b->row[i]))
			return true;
		n++;
	}
	return n < self->n && b->n < BOARD_ROWS;
}

static void
replace(struct board *b, const struct board_self *self)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		if (!goes(&b->row[i], self))
			b->row[n++] = b->row[i];
	}
	for (size_t i = 0; i < self->n && n < BOARD_ROWS; i++)
		b->row[n++] = self->row[i];
	b->n = n;
}

/* Is a row of this process in a ring?  Then the others need to know that it is true still. */
static bool
is_in_ring(const struct board *b, const struct board_self *self)
{
	for (size_t i = 0; i < b->n; i++) {
		if (is_same_session(&b->row[i].who, &self->who) &&
		    board_ring(b, NULL, i, NULL, 0) != 0)
			return true;
	}
	return false;
}

bool
board_change(struct board *b, struct board_self *self, uint64_t made)
{
	const bool news = is_news(b, self);

	for (size_t i = 0; i < self->n; i++) /* (RG1, RG2) */
		self->row[i].since = b->made == self->made ? self->row[i].since : 0;
	if (!news && !is_in_ring(b, self))
		return false;
	replace(b, self);
	if (b->turn == 0) {
		memcpy(b->magic, MAGIC, sizeof(b->magic));
		b->made = made;
	}
	b->turn++;
	b->sum = sum_of(b);
	return true;
}

/* When was it first seen as it is?  (RG3) */
static uint64_t
first_of(const struct board_seen *s, size_t n_was, uint64_t key, uint64_t turn)
{
	for (size_t i = 0; i < n_was; i++) {
		if (s->was_key[i] == key)
			return s->was_first[i];
	}
	return turn + 1;
}

bool
board_learn(struct board_seen *s, const struct board *b, bool is_written)
{
	const uint64_t turn = b->turn - (is_written ? 1 : 0); /* as it was read */
	const size_t n_was = s->made == b->made ? s->n : 0;
	bool is_new = false;

	memcpy(s->was_key, s->key, n_was * sizeof(s->key[0]));
	memcpy(s->was_first, s->first, n_was * sizeof(s->first[0]));
	for (size_t i = 0; i < b->n; i++) {
		s->key[i] = board_key(&b->row[i]);
		s->first[i] = first_of(s, n_was, s->key[i], turn);
		is_new |= s->first[i] == turn + 1;
	}
	s->n = b->n;
	s->made = b->made;
	return is_new;
}

/* --------------------------------------------------------------------- the search */

bool
board_is_victim(const struct board_row *a, const struct board_row *b)
{
	if (a->end != b->end)
		return a->end > b->end;
	if (a->priority != b->priority)
		return a->priority < b->priority;
	if (a->merit != b->merit)
		return a->merit > b->merit;
	return memcmp(a, b, sizeof(*a)) < 0;
}

/* Does x wait for y? */
static bool
leads_to(const struct board_row *x, const struct board_row *y)
{
	return x->wants.part[0] == y->holds.part[0] && x->wants.part[1] == y->holds.part[1] &&
	       (mode_conflicts((lk_mode)x->want) & MODE_BIT(y->has)) != 0 &&
	       !is_same_session(&x->who, &y->who);
}

struct board_search {
	const struct board *b;
	const uint64_t *first; /* NULL: all rows count */
	size_t from;
	size_t n; /* found so far */
	uint16_t row[BOARD_ROWS];
	uint16_t before[BOARD_ROWS]; /* by row: whence it was found */
	bool is_found[BOARD_ROWS];
};

/* Has its process said it twice, since it was first seen here?  Else it is no part of what is certain. */
static bool
counts(const struct board_search *s, size_t i)
{
	const struct board_row *from = &s->b->row[s->from];

	if (s->first == NULL)
		return true;
	return s->b->row[i].since >= s->first[i] &&
	       (i == s->from || board_is_victim(from, &s->b->row[i]));
}

/* True: a row that leads back to the first; it is the last of those found. */
static bool
search_from(struct board_search *s, size_t x)
{
	for (size_t y = 0; y < s->b->n; y++) {
		if (!leads_to(&s->b->row[x], &s->b->row[y]))
			continue;
		if (y == s->from)
			return true;
		if (s->is_found[y] || !counts(s, y))
			continue;
		s->is_found[y] = true;
		s->before[y] = (uint16_t)x;
		s->row[s->n++] = (uint16_t)y;
	}
	return false;
}

/* (RG4) */
static bool
is_certain(const struct board_search *s, size_t last)
{
	uint64_t latest = s->first[s->from];
	uint64_t since = s->b->row[s->from].since;

	for (size_t i = last; i != s->from; i = s->before[i]) {
		latest = s->first[i] > latest ? s->first[i] : latest;
		since = s->b->row[i].since < since ? s->b->row[i].since : since;
	}
	return since >= latest;
}

/* From the row that was searched from to the last one. */
static size_t
write_ring(const struct board_search *s, size_t last, uint16_t *ring, size_t most)
{
	size_t n = 1;
	size_t at;

	for (size_t i = last; i != s->from; i = s->before[i])
		n++;
	at = n;
	for (size_t i = last; at > 0; i = s->before[i]) {
		at--;
		if (at < most)
			ring[at] = (uint16_t)(at == 0 ? s->from : i);
		if (at == 0)
			break;
	}
	return n;
}

size_t
board_ring(const struct board *b, const uint64_t *first, size_t from, uint16_t *ring, size_t most)
{
	struct board_search s = { .b = b, .first = first, .from = from };
	size_t x = from;

	if (!counts(&s, from))
		return 0;
	s.is_found[from] = true;
	s.row[s.n++] = (uint16_t)from;
	s.before[from] = (uint16_t)from;
	for (size_t i = 0; i < s.n; i++) {
		x = s.row[i];
		if (search_from(&s, x))
			return first == NULL || is_certain(&s, x) ? write_ring(&s, x, ring, most)
								  : 0;
	}
	return 0;
}
