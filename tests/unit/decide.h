/* SPDX-License-Identifier: MIT */
/* One record, and decisions on it one after the other, for the tests of decide(). */
#ifndef UNIT_DECIDE_H
#define UNIT_DECIDE_H

#include "harness.h"
#include "record/decide.h"

/*
 * Where we are: the record, and what was decided last.  What modes do to each other is explored elsewhere
 * (tests/record); here is all the rest.
 */
static struct record now, then;
static bool is_there;
static struct decide_view view;
static struct decide_outcome out;
static struct record_id dead[4];

static inline struct record_id
id_of(char x)
{
	struct record_id id;

	memset(&id, x, sizeof(id));
	return id;
}

static inline void
begin(void)
{
	is_there = false;
	memset(&view, 0, sizeof(view));
	view.now = 1000;
	view.clock = 1;
	view.floor = 100;
	view.dead = dead;
	record_init(&now, "name", 4);
}

static inline struct decide_request
ask(enum decide_op op, char who, uint64_t request)
{
	struct decide_request q = { .op = op, .request = request, .name = "name", .name_len = 4 };

	q.who = who != 0 ? id_of(who) : (struct record_id){ { 0 } };
	return q;
}

/* Decide, and write what was decided. */
static inline enum decide_result
put(struct decide_request q)
{
	const int rc = decide(is_there ? &now : NULL, &q, &view, &then, &out);

	if (rc != 0)
		return DECIDE_NOTHING;
	cr_assert_null(record_absurdity(&then), "%s", record_absurdity(&then));
	if (out.changed) {
		record_copy(&now, &then);
		is_there = true;
	}
	return out.result;
}

static inline enum decide_result
acquire(char who, uint64_t request, lk_mode mode)
{
	struct decide_request q = ask(DECIDE_ACQUIRE, who, request);

	q.mode = mode;
	q.flags = DECIDE_WAIT;
	return put(q);
}

static inline enum decide_result
detached(char who, uint64_t request, lk_mode mode, uint64_t lease_ns, uint64_t ttl_ns)
{
	struct decide_request q = ask(DECIDE_ACQUIRE, who, request);

	q.mode = mode;
	q.flags = DECIDE_DETACHED | (ttl_ns != 0 ? DECIDE_WAIT : 0);
	q.lease_ns = lease_ns;
	q.ttl_ns = ttl_ns;
	return put(q);
}

static inline enum decide_result
simply(enum decide_op op, char who)
{
	return put(ask(op, who, 0));
}

static inline const struct record_holder *
holder(char who)
{
	const struct record_id id = id_of(who);

	return record_holder_of(&now, &id);
}

static inline lk_mode
held(char who)
{
	return holder(who) != NULL ? (lk_mode)holder(who)->mode : LK_NL;
}

static inline bool
waits(char who)
{
	const struct record_id id = id_of(who);

	return record_waiter_of(&now, &id) != NULL;
}

static inline void
kill_session(char who)
{
	dead[view.n_dead++] = id_of(who);
}

static inline enum decide_result
units(char who, uint64_t request, uint32_t n, uint32_t permits)
{
	struct decide_request q = ask(DECIDE_ACQUIRE, who, request);

	q.mode = LK_IX;
	q.units = n;
	q.permits = permits;
	q.flags = DECIDE_WAIT;
	return put(q);
}

static inline enum decide_result
write_value(char who, uint64_t request, const char *text)
{
	struct decide_request q = ask(DECIDE_VALUE_WRITE, who, request);

	q.value = text;
	q.value_len = strlen(text);
	return put(q);
}

#endif /* UNIT_DECIDE_H */
