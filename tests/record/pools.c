/* SPDX-License-Identifier: MIT */
/*
 * Every record that three sessions can make of a semaphore which they share out among their owners: each keeps, wants and
 * gives back as it likes.  In each of them: no more units than permits, nobody waits in vain, and whoever waits is served
 * once all who do not wait give back, and all who do give back what is not firm.  (DE1, DE2, DE11)
 */
#include "base/hash.h"
#include "stage.h"

#include <stdlib.h>

enum { SESSIONS = 3, PERMITS = 3, STATES = 1 << 16 };

/* What matters of a record: what each has, and the line. */
struct state {
	uint8_t has[SESSIONS]; /* units; 0xff: no hold */
	uint8_t n_line;
	struct {
		uint8_t who;
		uint8_t units;
		uint8_t firm;
	} line[SESSIONS];
};

struct seen {
	struct state *state;
	uint32_t *table;
	size_t n;
};

static struct record now;
static struct record then;

static struct decide_request
request_of(unsigned who, uint64_t id)
{
	struct decide_request q = { .op = DECIDE_GIVE_AND_WAIT,
				    .name = "pool",
				    .name_len = 4,
				    .who = stage_id((int)who),
				    .request = id };

	q.flags = DECIDE_POOL;
	q.want = LK_IX;
	return q;
}

/* The record of a state; numbers that do not matter are made up. */
static void
make_record(const struct state *s)
{
	record_init(&now, "pool", 4);
	now.generation = 1;
	for (unsigned i = 0; i < SESSIONS; i++) {
		struct record_holder *h = &now.holder[now.n_holders];

		if (s->has[i] == 0xff)
			continue;
		*h = (struct record_holder){ .who = stage_id((int)i), .born = i + 1 };
		h->request = i + 1;
		h->mode = LK_IX;
		h->units = s->has[i];
		now.permits = h->units != 0 ? PERMITS : now.permits;
		now.n_holders++;
	}
	for (unsigned i = 0; i < s->n_line; i++) {
		struct record_waiter *w = &now.waiter[now.n_waiters++];

		*w = (struct record_waiter){ .who = stage_id(s->line[i].who), .request = 10 + i };
		w->n_fences = 1;
		w->units = s->line[i].units;
		w->firm = s->line[i].firm;
		w->want = LK_IX;
		w->flags = WAITER_POOL;
		now.permits = PERMITS;
	}
}

static struct state
state_of(const struct record *r)
{
	struct state s;

	memset(&s, 0, sizeof(s));
	for (unsigned i = 0; i < SESSIONS; i++) {
		const struct record_id id = stage_id((int)i);
		const struct record_holder *h = record_holder_of(r, &id);

		s.has[i] = h != NULL ? (uint8_t)h->units : 0xff;
	}
	s.n_line = r->n_waiters;
	for (unsigned i = 0; i < r->n_waiters; i++) {
		for (uint8_t k = 0; k < SESSIONS; k++) {
			const struct record_id id = stage_id(k);

			if (record_id_is(&r->waiter[i].who, &id))
				s.line[i].who = k;
		}
		s.line[i].units = (uint8_t)r->waiter[i].units;
		s.line[i].firm = (uint8_t)r->waiter[i].firm;
	}
	return s;
}

static uint32_t
has(const struct state *s, unsigned who)
{
	return s->has[who] == 0xff ? 0 : s->has[who];
}

static int
place_of(const struct state *s, unsigned who)
{
	for (int i = 0; i < s->n_line; i++) {
		if (s->line[i].who == who)
			return i;
	}
	return -1;
}

/* Decide on `now`; the state after it. */
static struct state
play(const struct decide_request *q, struct decide_outcome *out)
{
	const struct decide_view v = { .now = 1, .floor = 1 };
	const int rc = decide(&now, q, &v, &then, out);
	const char *absurd;

	cr_assert_eq(rc, 0, "%s", decide_trouble_text(out->trouble));
	absurd = record_absurdity(&then);
	cr_assert_null(absurd, "%s", absurd);
	return state_of(&then);
}

/* (DE1, DE2) */
static void
nobody_waits_in_vain(const struct state *s)
{
	uint32_t used = 0;

	for (unsigned i = 0; i < SESSIONS; i++)
		used += has(s, i);
	cr_assert_le(used, PERMITS);
	if (s->n_line > 0)
		cr_assert_gt(used + s->line[0].units - s->line[0].firm, PERMITS);
}

/* Whoever waited before stands in the order that it did; but for those whose units are firm. */
static void
the_order_is_kept(const struct state *was, const struct state *is)
{
	for (int i = 0; i < was->n_line; i++) {
		for (int k = i + 1; k < was->n_line; k++) {
			const int a = place_of(is, was->line[i].who);
			const int b = place_of(is, was->line[k].who);

			if (a >= 0 && b >= 0 &&
			    was->line[i].firm + was->line[k].firm + is->line[a].firm +
					    is->line[b].firm ==
				    0)
				cr_assert_lt(a, b);
		}
	}
}

/* All give back what is not firm, over and over: everybody is served. */
static void
everybody_is_served(struct state s)
{
	struct decide_outcome out;

	for (unsigned round = 0; round < 4; round++) {
		for (unsigned i = 0; i < SESSIONS; i++) {
			const int place = place_of(&s, i);
			struct decide_request q = request_of(i, 100);

			make_record(&s);
			if (place < 0) {
				q.op = DECIDE_RELEASE;
				q.flags = 0;
				q.want = LK_NL;
			} else {
				q.units = s.line[place].units;
				q.firm = q.keeps = s.line[place].firm;
				q.mode = q.keeps != 0 ? LK_IX : LK_NL;
				q.permits = PERMITS;
			}
			s = play(&q, &out);
			cr_assert_neq(out.result, DECIDE_DEADLOCK);
		}
	}
	cr_assert_eq(s.n_line, 0);
}

static void
add(struct seen *all, const struct state *s)
{
	size_t at = hash_bytes(s, sizeof(*s), 0) % (STATES * 2);

	for (; all->table[at] != 0; at = (at + 1) % (STATES * 2)) {
		if (memcmp(&all->state[all->table[at] - 1], s, sizeof(*s)) == 0)
			return;
	}
	cr_assert_lt(all->n, STATES);
	all->state[all->n] = *s;
	all->table[at] = (uint32_t)++all->n;
}

/* `who` keeps so many, and its first wants so many, of which it has some. */
static void
step(struct seen *all, struct state s, unsigned who, uint32_t keeps, uint32_t units, uint32_t firm)
{
	struct decide_request q = request_of(who, 100);
	struct decide_outcome out;
	struct state is;

	make_record(&s);
	q.mode = s.has[who] == 0xff || (keeps == 0 && units == 0) ? LK_NL : LK_IX;
	q.keeps = keeps;
	q.units = units;
	q.firm = firm;
	q.permits = keeps != 0 || units != 0 ? PERMITS : 0;
	if (q.permits == 0) {
		q.op = DECIDE_RELEASE;
		q.flags = 0;
	}
	is = play(&q, &out);
	if (out.result == DECIDE_DEADLOCK)
		cr_assert(firm != 0 && memcmp(&is, &s, sizeof(s)) == 0);
	nobody_waits_in_vain(&is);
	the_order_is_kept(&s, &is);
	add(all, &is);
}

Test(pools, whatever_they_do, .timeout = 600)
{
	struct seen all = { calloc(STATES, sizeof(struct state)),
			    calloc((size_t)STATES * 2, sizeof(uint32_t)), 0 };
	struct state empty;

	cr_assert(all.state != NULL && all.table != NULL);
	memset(&empty, 0, sizeof(empty));
	memset(empty.has, 0xff, sizeof(empty.has));
	add(&all, &empty);
	for (size_t i = 0; i < all.n; i++) {
		everybody_is_served(all.state[i]);
		for (unsigned who = 0; who < SESSIONS; who++) {
			for (uint32_t keeps = 0; keeps <= has(&all.state[i], who); keeps++) {
				for (uint32_t units = 0; units <= PERMITS; units++) {
					for (uint32_t firm = 0; firm <= keeps && firm <= units;
					     firm++)
						step(&all, all.state[i], who, keeps, units, firm);
				}
			}
		}
	}
	printf("%zu records of pools\n", all.n);
	cr_expect_gt(all.n, 100);
	free(all.state);
	free(all.table);
}
