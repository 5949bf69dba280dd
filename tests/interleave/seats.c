/* SPDX-License-Identifier: MIT */
/*
 * What must hold of names that are spread, of their word and slots together: whenever the latch of the
 * line is open (W1-W3, C4), of each slot at every step (C7), and when nobody can go on by himself (H2, C5).
 *
 * An entrant adds to a slot before it knows whether it may.  Until it has written something else, what
 * it added is in doubt, and counts for nobody here.
 */
#include "index/evict.h"
#include "play.h"
#include "wait/line.h"

static const uint64_t shared = WORD_IS_MASK | WORD_IX_MASK | WORD_S_MASK;

static uint32_t
seats_of(void)
{
	return play.m->spread.seats;
}

/* The array of a number, without a step; NULL: none. */
static struct spread_array *
array_of(uint32_t number)
{
	const aptr *array = play.m->spread.array;

	return number != 0 && array != NULL ? array[number - 1].v : NULL;
}

static struct spread_array *
array_for(const struct lk_resource *r)
{
	return array_of(r->spread.v);
}

uint64_t
seats_sum(const struct lk_resource *r)
{
	const struct spread_array *a = array_for(r);
	uint64_t sum = 0;

	for (uint32_t i = 0; a != NULL && i < seats_of(); i++)
		sum += a->seat[i].count.v;
	return sum;
}

unsigned
seats_number(uint32_t offset)
{
	return (unsigned)((offset - sizeof(struct spread_array)) / sizeof(struct seat));
}

void
seats_check(const struct lk_resource *r, const uint64_t *holds, const char *name)
{
	const struct spread_array *a = array_for(r);

	for (uint32_t i = 0; i < seats_of(); i++) {
		uint64_t count = a != NULL ? a->seat[i].count.v : 0;

		if (count != holds[i])
			fail("slot %u of %s counts %llx, its holders are %llx (H2, C5)", i, name,
			     (unsigned long long)count, (unsigned long long)holds[i]);
	}
}

/* The entry that has the array with this number, or NULL. */
static struct lk_resource *
entry_of(uint32_t number)
{
	const struct slab *s = &play.m->index.entries;

	for (struct slab_chunk *c = s->chunks; c != NULL; c = c->next) {
		for (uint32_t i = 0; i < s->per_chunk; i++) {
			struct lk_resource *r = slab_object(s, c, i);

			if (r->spread.v == number)
				return r;
		}
	}
	return NULL;
}

/* The array that has a slot there, by its number; 0: no slot is there. */
static uint32_t
array_at(uintptr_t at)
{
	for (uint32_t number = 1; number <= play.m->spread.n.v; number++) {
		const struct spread_array *a = array_of(number);
		uintptr_t first = (uintptr_t)&a->seat[0];

		if (at >= first && at < first + seats_of() * sizeof(struct seat))
			return number;
	}
	return 0;
}

/* All slots of `r`, without what is in doubt. */
static uint64_t
seated(const struct lk_resource *r)
{
	uint64_t sum = seats_sum(r);

	for (unsigned i = 0; i < FIBERS_MAX; i++) {
		const struct doubt *d = &world.doubt[i];

		if (d->seat != 0 && array_at(d->seat) == r->spread.v)
			sum -= d->add;
	}
	return sum;
}

/* The word and all slots, whenever nobody has the line of the entry. */
static void
check_together(const struct lk_resource *r)
{
	const uint64_t word = r->word.v;
	const char *broken;
	uint64_t slots;

	if (r->spread.v == 0 || check_lot_bucket(r)->latch.word.v != LATCH_FREE)
		return;
	slots = seated(r);
	if ((word & WORD_SPREAD) == 0 && slots != 0)
		fail("it is not spread, and its slots count %llx: C4 is broken",
		     (unsigned long long)slots);
	broken = check_counts_broken((word & (WORD_WAITERS - 1)) + slots);
	if (broken != NULL)
		fail("the word is %llx and its slots are %llx: %s is broken",
		     (unsigned long long)word, (unsigned long long)slots, broken);
}

/* Counts of holds, and as many as there can be: what was taken from a slot had been added to it.  (C7) */
static void
check_slot(uint64_t is)
{
	if ((is & ~shared) != 0 || word_holders(is, LK_IS) > FIBERS_MAX ||
	    word_holders(is, LK_IX) > FIBERS_MAX || word_holders(is, LK_S) > FIBERS_MAX)
		fail("a slot became %llx: C7 is broken", (unsigned long long)is);
}

static void
slot_written(const char *by, uint32_t number, uintptr_t at, uint64_t was, uint64_t is)
{
	struct doubt *d = &world.doubt[world.current - world.fiber];
	const struct lk_resource *r = entry_of(number);

	check_slot(is);
	*d = (struct doubt){ strncmp(by, "seat_enter", strlen("seat_enter")) == 0 ? at : 0,
			     is - was };
	if (r == NULL)
		fail("a slot is used of an array that no entry has");
	check_together(r);
	if (play_has_paths && is == 0 && (r->word.v & (WORD_WAITERS - 1)) == 0 && seats_sum(r) == 0)
		check_below(r);
}

/* The latch of a line has opened: of all its entries. */
static void
line_opened(uintptr_t at)
{
	for (uint32_t number = 1; number <= play.m->spread.n.v; number++) {
		const struct lk_resource *r = entry_of(number);

		if (r != NULL && (uintptr_t)&check_lot_bucket(r)->latch.word == at)
			check_together(r);
	}
}

void
check_written(const char *by, uintptr_t at, uint64_t was, uint64_t is)
{
	uint32_t number;

	if (play.m == NULL || play.m->spread.n.v == 0)
		return;
	number = array_at(at);
	if (number != 0) {
		slot_written(by, number, at, was, is);
		return;
	}
	world.doubt[world.current - world.fiber].seat = 0;
	if (is == LATCH_FREE)
		line_opened(at);
	for (number = 1; number <= play.m->spread.n.v; number++) {
		const struct lk_resource *r = entry_of(number);

		if (r != NULL && (uintptr_t)&r->word == at)
			check_together(r);
	}
}
