/* SPDX-License-Identifier: MIT */
/* Rings of waiters through several processes: one request of each is refused, and nobody has to wait for a deadline. */
#include "processes.h"

#define HOUR "3600000"

enum { MOST = 3 };

struct circle {
	struct ground ground;
	int n;
	struct puppet p[MOST];
};

static void
circle_begin(struct circle *c, int n, const char *parameters)
{
	ground_make(&c->ground, parameters);
	c->n = n;
	for (int i = 0; i < n; i++)
		puppet_start(&c->p[i], c->ground.url);
}

static void
circle_end(struct circle *c)
{
	for (int i = 0; i < c->n; i++) {
		if (c->p[i].pid != 0)
			puppet_end(&c->p[i]);
	}
	store_is_empty(&c->ground);
	ground_remove(&c->ground);
}

/* Each takes a name of its own. */
static void
take_first(struct circle *c)
{
	for (int i = 0; i < c->n; i++)
		is(puppet_does(&c->p[i], "acquire name%d X " HOUR, i), 0);
}

/* … and asks for the next one's. */
static void
ask_for_next(struct circle *c)
{
	for (int i = 0; i < c->n; i++)
		puppet_tell(&c->p[i], "acquire name%d X " HOUR, (i + 1) % c->n);
}

static int
find_answer(struct circle *c)
{
	for (int i = 0; i < c->n; i++) {
		if (puppet_has_answered(&c->p[i]))
			return i;
	}
	return -1;
}

/* One is refused; as it gives back what it has, the one that waits for that goes on, and so do all. */
static void
unwind(struct circle *c)
{
	int at;

	wait_until((at = find_answer(c)) >= 0);
	is(puppet_hear(&c->p[at]), LK_E_DEADLOCK);
	is(puppet_does(&c->p[at], "release name%d", at), 0);
	for (int i = 1; i < c->n; i++) {
		at = (at + c->n - 1) % c->n;
		is(puppet_hear(&c->p[at]), 0);
		is(puppet_does(&c->p[at], "release name%d", (at + 1) % c->n), 0);
		is(puppet_does(&c->p[at], "release name%d", at), 0);
	}
}

static void
play(int n, const char *parameters)
{
	struct circle c;

	circle_begin(&c, n, parameters);
	for (int i = 0; i < 3; i++) {
		take_first(&c);
		ask_for_next(&c);
		unwind(&c);
	}
	circle_end(&c);
}

Test(rings, of_two_processes, .timeout = 120)
{
	play(2, "");
}

Test(rings, of_three_processes, .timeout = 120)
{
	play(3, "");
}

Test(rings, of_two_processes_that_keep_nothing, .timeout = 120)
{
	play(2, "?linger_ns=off");
}

/* What a dead process has said is no part of any ring; its end ends the ring. */
Test(rings, one_that_is_killed_ends_the_ring, .timeout = 120)
{
	struct circle c;

	circle_begin(&c, 3, "?deadlock_delay_ns=off"); /* these three do not look */
	take_first(&c);
	ask_for_next(&c);
	puppet_kill(&c.p[2]);
	is(puppet_hear(&c.p[1]), 0); /* name2 */
	is(puppet_does(&c.p[1], "release name2"), 0);
	is(puppet_does(&c.p[1], "release name1"), 0);
	is(puppet_hear(&c.p[0]), 0); /* name1 */
	is(puppet_does(&c.p[0], "release name1"), 0);
	is(puppet_does(&c.p[0], "release name0"), 0);
	/* who gives it back to one who was killed as he waited for it does not ask whether he lives; the next one does */
	is(puppet_does(&c.p[1], "acquire name0 X " HOUR), 0);
	is(puppet_does(&c.p[1], "release name0"), 0);
	circle_end(&c);
}

/* Three look; one of them dies with its part on the board, and the other two make a ring of their own later. */
Test(rings, what_a_dead_process_said_is_in_nobodys_way, .timeout = 120)
{
	struct circle c;

	circle_begin(&c, 3, "");
	take_first(&c);
	puppet_tell(&c.p[2], "acquire name0 X " HOUR);
	puppet_tell(&c.p[1], "acquire name2 X " HOUR); /* no ring yet, but two parts of one */
	puppet_kill(&c.p[2]);
	is(puppet_hear(&c.p[1]), 0);
	is(puppet_does(&c.p[1], "release name2"), 0);
	c.n = 2;
	ask_for_next(&c);
	unwind(&c);
	circle_end(&c);
}
