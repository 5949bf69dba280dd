/* SPDX-License-Identifier: MIT */
/* A table of lines by address, and the sums over it. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "record.h"

enum { TABLE_SIZE = 1 << 16 };

/* In how many of a party's operations a line was read, written, both; and by how many instructions. */
struct use {
	uint64_t reads;
	uint64_t writes;
	uint64_t both;
	uint64_t rmws;
	uint64_t last_read; /* the operation */
	uint64_t last_write;
};

struct line {
	uintptr_t number; /* address / LK_LINE; 0: not in use */
	struct use by[LINES_PARTIES];
};

static struct line table[TABLE_SIZE];
static uint64_t operations[LINES_PARTIES];
static uint64_t operation; /* of any party; from 1 */
static unsigned turn;
static bool is_on;

void
lines_clear(void)
{
	memset(table, 0, sizeof(table));
	memset(operations, 0, sizeof(operations));
	operation = 0;
	is_on = false;
}

void
lines_begin(unsigned party)
{
	turn = party;
	operation++;
	operations[party]++;
	is_on = true;
}

void
lines_end(void)
{
	is_on = false;
}

static struct line *
line_of(uintptr_t number)
{
	uint32_t at = (uint32_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 48);

	for (uint32_t i = 0; i < TABLE_SIZE; i++, at++) {
		struct line *l = &table[at % TABLE_SIZE];

		if (l->number == 0)
			l->number = number;
		if (l->number == number)
			return l;
	}
	fprintf(stderr, "more lines than were thought of\n");
	abort();
}

static void
note_read(struct use *u)
{
	if (u->last_read == operation)
		return;
	u->last_read = operation;
	u->reads++;
	u->both += u->last_write == operation;
}

static void
note_write(struct use *u)
{
	if (u->last_write == operation)
		return;
	u->last_write = operation;
	u->writes++;
	u->both += u->last_read == operation;
}

static lines_watch *_Atomic watch;

void
lines_watch_by(lines_watch *by)
{
	atomic_store(&watch, by);
}

void *
lines_note(uintptr_t at, enum lines_access access)
{
	lines_watch *const w = atomic_load_explicit(&watch, memory_order_relaxed);
	struct use *u;

	if (w != NULL)
		w(at, access);
	if (!is_on)
		return (void *)at;
	u = &line_of(at / LK_LINE)->by[turn];
	if (access == LINES_READ)
		note_read(u);
	else
		note_write(u);
	u->rmws += access == LINES_RMW;
	return (void *)at;
}

/* What the other parties did with a line. */
static struct use
others(const struct line *l, unsigned party)
{
	struct use sum = { 0 };

	for (unsigned p = 0; p < LINES_PARTIES; p++) {
		if (p == party)
			continue;
		sum.reads += l->by[p].reads;
		sum.writes += l->by[p].writes;
	}
	return sum;
}

static void
add_use(struct lines_sum *s, const struct use *u, const struct use *other)
{
	if (other->writes > 0) {
		s->written += u->writes;
		s->rmws += u->rmws;
		s->moved += u->reads - u->both;
	} else if (other->reads > 0 && u->writes > 0) {
		s->moved += u->writes;
	} else if (other->reads > 0) {
		s->quiet += u->reads;
	}
}

struct lines_sum
lines_sum(void)
{
	struct lines_sum s = { .operations = operations[LINES_A] + operations[LINES_B] };

	for (struct line *l = table; l < table + TABLE_SIZE; l++) {
		const uint64_t a = l->by[LINES_A].writes;
		const uint64_t b = l->by[LINES_B].writes;

		for (unsigned p = LINES_A; p <= LINES_B; p++) {
			const struct use other = others(l, p);

			add_use(&s, &l->by[p], &other);
		}
		if (a > 0 && b > 0 && a + b > s.hottest)
			s.hottest = a + b;
	}
	return s;
}
