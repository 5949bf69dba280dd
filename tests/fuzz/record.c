/* SPDX-License-Identifier: MIT */
/*
 * Records out of any bytes, and decisions on them.
 *
 * The first byte of the input is its kind.  Even: the rest is a record, as it stands, and again with its length and
 * checksum put right; what decodes encodes to the same bytes, and is then decided on by requests made of the same
 * bytes.  Odd: the rest is requests, six bytes each, from a record of nothing on.
 */
#include <string.h>

#include "base/hash.h"
#include "record/decide.h"

#include "fuzz.h"

enum { STEP = 6, WHOS = 5 };

static struct record now, then, back;
static uint8_t bytes[RECORD_BYTES];

static struct record_id
id_of(unsigned x)
{
	struct record_id id;

	memset(&id, (int)(x % WHOS + 1), sizeof(id));
	return id;
}

/* What decodes is written in this one way.  (RF1, RF2) */
static void
round_trip(const struct record *r)
{
	const size_t n = record_encode(r, bytes);

	must(n == record_size(r) && n <= RECORD_BYTES);
	if (record_absurdity(r) != NULL)
		fprintf(stderr, "%s\n", record_absurdity(r));
	must(record_absurdity(r) == NULL);
	must(record_decode(&back, bytes, n, r->name, r->name_len) == RECORD_FINE);
	must(record_same(r, &back) && back.generation == r->generation);
}

/* (DE2) */
static void
nobody_waits_in_vain(const struct record *r)
{
	for (unsigned i = 0; i < r->n_waiters; i++) {
		const struct record_waiter *w = &r->waiter[i];
		bool blocked = r->n_holders >= RECORD_HOLDERS;

		for (unsigned k = 0; k < r->n_holders; k++)
			blocked |= record_in_way(r, &r->holder[k], &w->who, (lk_mode)w->want,
						 record_asks(r, w));
		blocked |= w->units > 0 && record_asks(r, w) > r->permits;
		for (unsigned k = 0; k < i; k++)
			blocked |= (mode_conflicts((lk_mode)r->waiter[k].want) &
				    MODE_BIT(w->want)) != 0 ||
				   (r->waiter[k].units > 0 && w->units > 0);
		must(blocked || r->fence >= RECORD_FENCE_MAX - 1 - RECORD_BLOCK_MAX);
	}
}

struct clockwork {
	uint64_t now;
	uint64_t clock;
	uint64_t request;
	uint64_t floor;
};

static struct decide_request
request_of(const uint8_t *b, struct clockwork *c)
{
	struct decide_request q = { .op = (enum decide_op)(b[0] % DECIDE_OPS) };

	q.name = now.name;
	q.name_len = now.name_len;
	q.who = id_of(b[1]);
	q.target = id_of(b[1] >> 4);
	q.request = b[2] % 8 == 0 ? c->request : ++c->request; /* the last one again */
	q.grant = b[2] % 8 == 1 ? c->request - 1 : 0;
	q.mode = (lk_mode)(b[3] % 8);
	q.want = (lk_mode)(b[3] / 8 % 8);
	q.flags = (b[4] & 1 ? DECIDE_WAIT : 0u) | (b[4] & 2 ? DECIDE_DETACHED : 0u);
	q.lease_ns = b[4] & 2 ? b[4] & 0x0c : 0;
	q.ttl_ns = b[4] >> 4 & 7;
	q.priority = b[4] >> 6;
	if (b[5] & 1) {
		q.units = b[5] >> 1 & 3;
		q.permits = 3u + (b[5] >> 3 & 1u);
	}
	if (b[3] & 64) {
		q.flags |= DECIDE_POOL;
		q.keeps = b[2] >> 3 & 3;
		q.firm = b[2] >> 5 & 1;
		q.permits = 3u + (b[5] >> 3 & 1u);
	}
	q.n_fences = b[5] >> 4;
	q.fence = c->floor + (b[5] >> 4);
	q.tag = q.value = "tags and values";
	q.tag_len = b[2] / 8 % 16;
	q.value_len = b[2] / 8 % 16;
	return q;
}

/* They do, but for what was left of the latest block when its holder gave it back.  (DE5) */
static bool
fences_rise(const struct decide_request *q)
{
	const struct record_holder *h = record_holder_of(&now, &q->who);

	return then.fence >= now.fence ||
	       (h != NULL && h->fence != 0 && h->fence + h->n_fences - 1 == now.fence &&
		q->fence != 0 && then.fence >= h->fence && then.fence >= q->fence);
}

static void
step(const uint8_t *b, struct clockwork *c, bool *is_there)
{
	const struct decide_request q = request_of(b, c);
	const struct record_id dead = id_of(b[0] >> 5);
	struct decide_view v = { .clock = c->clock, .floor = c->floor, .dead = &dead };
	struct decide_hint hint[2];
	struct decide_outcome out;

	c->now += b[1] & 3u;
	v.now = c->now;
	v.n_dead = b[0] % 32 == 31;
	v.clock += b[1] % 64 == 63;
	v.epoch = now.epoch;
	v.settings = now.settings;
	v.lock_delay_ns = b[5] >> 6;
	if (decide(*is_there ? &now : NULL, &q, &v, &then, &out) != 0) {
		must(out.trouble != DECIDE_FINE && out.result == DECIDE_NOTHING);
		return;
	}
	round_trip(&then);
	nobody_waits_in_vain(&then);
	must((out.result == DECIDE_WAITS) <= (record_waiter_of(&then, &q.who) != NULL));
	must(!*is_there || fences_rise(&q));
	must(!*is_there || then.generation == now.generation + out.changed);
	must(!*is_there || out.changed == !record_same(&now, &then));
	(void)decide_hints(*is_there ? &now : NULL, &then, NULL, hint, 2);
	if (out.changed) {
		record_copy(&now, &then);
		*is_there = true;
	}
}

/* `who` gives back what it holds, unless it waits; false: nothing of that. */
static bool
gives_back(unsigned who, const struct decide_view *v)
{
	struct decide_request q = { .op = DECIDE_RELEASE, .name = now.name, .who = id_of(who) };
	struct decide_outcome out;

	q.name_len = now.name_len;
	if (record_holder_of(&now, &q.who) == NULL || record_waiter_of(&now, &q.who) != NULL)
		return false;
	must(decide(&now, &q, v, &then, &out) == 0);
	record_copy(&now, &then);
	return true;
}

/* If all who can give back what they hold, everybody gets what he waits for.  (DE4) */
static void
drain(const struct clockwork *c)
{
	const struct decide_view v = { .now = c->now,
				       .clock = now.clock,
				       .floor = c->floor,
				       .epoch = now.epoch,
				       .settings = now.settings };
	struct decide_request q = { .op = DECIDE_SWEEP, .name = now.name };
	struct decide_outcome out;
	bool moved = true;

	for (unsigned i = now.n_holders; i-- > 0;) {
		if ((now.holder[i].flags & HOLDER_KEPT) != 0)
			now.holder[i] = now.holder[--now.n_holders]; /* as time will do */
	}
	q.name_len = now.name_len;
	must(decide(&now, &q, &v, &then, &out) == 0);
	record_copy(&now, &then);
	while (moved) {
		moved = false;
		for (unsigned who = 0; who < WHOS; who++)
			moved |= gives_back(who, &v);
	}
	must(now.n_waiters == 0 && now.n_holders == 0);
}

static void
steps(const uint8_t *b, size_t n, struct clockwork *c, bool is_there)
{
	for (; n >= STEP; n -= STEP, b += STEP)
		step(b, c, &is_there);
}

/* Length, format and checksum as if they were meant. */
static void
put_right(uint8_t *b, size_t n)
{
	uint64_t sum;

	memcpy(b, "LKr\x1a\1", 6);
	for (size_t i = 0; i < 4; i++)
		b[8 + i] = (uint8_t)(n >> 8 * i);
	sum = hash_bytes(b, n - 8, 0);
	for (size_t i = 0; i < 8; i++)
		b[n - 8 + i] = (uint8_t)(sum >> 8 * i);
}

static void
try_bytes(const uint8_t *b, size_t n)
{
	static uint8_t again[RECORD_BYTES];
	struct clockwork c;

	if (record_decode(&now, b, n, NULL, 0) != RECORD_FINE) {
		must(now.n_holders == 0 && now.n_waiters == 0);
		return;
	}
	must(record_size(&now) == n && record_encode(&now, again) == n);
	must(memcmp(again, b, n) == 0);
	c = (struct clockwork){ .now = 100, .clock = now.clock, .request = 1000, .floor = 50 };
	steps(b, n, &c, true);
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	struct clockwork c = { .now = 100, .clock = 1, .request = 1, .floor = 50 };
	uint8_t *copy;

	if (n < 2)
		return 0;
	if (input[0] % 2 != 0) {
		record_init(&now, "name", 4);
		steps(input + 1, n - 1, &c, false);
		drain(&c);
		return 0;
	}
	copy = malloc(n - 1); /* exactly, so that a look behind its end is found */
	must(copy != NULL);
	memcpy(copy, input + 1, n - 1);
	try_bytes(copy, n - 1);
	if (n - 1 >= 20) {
		put_right(copy, n - 1);
		try_bytes(copy, n - 1);
	}
	free(copy);
	return 0;
}
