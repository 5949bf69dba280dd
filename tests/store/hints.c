/* SPDX-License-Identifier: MIT */
/* Hints: they come in the end, and none after unwatch. */
#include <sched.h>
#include <unistd.h>

#include "check.h"

struct ear {
	struct name wanted;
	struct lk_store *s;
	_Atomic unsigned heard; /* of the name, or of any */
	_Atomic unsigned named; /* of the name */
	_Atomic bool is_closed;
};

static void
hear(void *arg, const void *name, size_t len)
{
	struct ear *e = arg;

	CHECK(!atomic_load(&e->is_closed), "a hint after unwatch");
	(void)get(e->s, "any", 3, NULL, 0); /* a hint may call the store */
	if (name != NULL && (len != e->wanted.len || memcmp(name, e->wanted.bytes, len) != 0))
		return;
	atomic_fetch_add(&e->heard, 1);
	atomic_fetch_add(&e->named, name != NULL);
}

/* One may be lost, so it is written until one comes. */
static void
write_until_heard(struct lk_store *s, struct ear *e)
{
	const unsigned before = atomic_load(&e->heard);
	const uint64_t end = check_now() + PATIENCE_NS;
	uint64_t again = 0;

	while (atomic_load(&e->heard) == before) {
		MUST(check_now() < end, "nothing is heard");
		if (check_now() >= again) {
			OK(put_name(s, &e->wanted, &again, sizeof(again)));
			again = check_now() + 50000000;
		}
		sched_yield();
	}
}

static void
a_change_is_heard_of(void)
{
	struct ear e = { .s = check_open() };
	struct lk_store *s = check_open();

	check_name(&e.wanted, "heard", 1);
	OK(e.s->ops->watch(e.s, hear, &e));
	IS(e.s->ops->watch(e.s, hear, &e), LK_E_BUSY);
	for (int i = 0; i < 20; i++)
		write_until_heard(s, &e);
	e.s->ops->unwatch(e.s);
	atomic_store(&e.is_closed, true);
	OK(put_name(s, &e.wanted, "unheard", 7));
	e.s->ops->unwatch(e.s);
	atomic_store(&e.is_closed, false);
	OK(e.s->ops->watch(e.s, hear, &e));
	write_until_heard(s, &e);
	lk_store_close(e.s); /* which ends it too */
	lk_store_close(s);
}

static int
play_writer(const char *argument)
{
	struct lk_store *s = check_open();
	struct name n;

	(void)argument;
	check_name(&n, "heard", 1);
	say('r');
	while (put_name(s, &n, "x", 1) == 0)
		wait_for_word();
	return 1;
}

static void
changes_of_other_processes_are_heard_of(void)
{
	struct ear e = { .s = check_open() };
	struct other o;

	check_name(&e.wanted, "heard", 1);
	OK(e.s->ops->watch(e.s, hear, &e));
	other_start(&o, "writer", "");
	MUST(other_next(&o) == 'r', "it does not begin");
	for (unsigned i = 0; i < 20; i++) {
		const unsigned before = atomic_load(&e.heard);
		const uint64_t end = check_now() + PATIENCE_NS;
		uint64_t again = 0;

		while (atomic_load(&e.heard) == before) {
			MUST(check_now() < end, "nothing is heard");
			if (check_now() >= again) {
				MUST(write(o.to, "g", 1) == 1, "it does not listen");
				again = check_now() + 50000000;
			}
			sched_yield();
		}
	}
	(void)other_kill(&o);
	lk_store_close(e.s);
}

const struct check_case cases_hints[] = {
	{ "a change is heard of", a_change_is_heard_of, LK_STORE_CAN_WATCH, false },
	{ "changes of other processes are heard of", changes_of_other_processes_are_heard_of,
	  LK_STORE_CAN_WATCH, true },
	{ NULL, NULL, 0, false },
};

const struct role roles_hints[] = { { "writer", play_writer }, { NULL, NULL } };
