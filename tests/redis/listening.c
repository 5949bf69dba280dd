/* SPDX-License-Identifier: MIT */
/* Hints: what is heard, and what when nothing was heard for a while. */
#include "stage.h"

struct ear {
	_Atomic unsigned named; /* of "n" */
	_Atomic unsigned any;
	_Atomic unsigned others;
};

static void
hear(void *arg, const void *name, size_t len)
{
	struct ear *e = arg;

	if (name == NULL)
		atomic_fetch_add(&e->any, 1);
	else if (len == 1 && memcmp(name, "n", 1) == 0)
		atomic_fetch_add(&e->named, 1);
	else
		atomic_fetch_add(&e->others, 1);
}

/* (RH1) */
Test(listening, begins_with_any_and_goes_on_by_name)
{
	struct lk_store *s, *other;
	struct ear e = { 0 };
	struct stage g;

	stage_make(&g, NULL);
	s = store_open(g.url);
	other = store_open(g.url);
	ok(s->ops->watch(s, hear, &e));
	wait_until(atomic_load(&e.any) == 1);
	ok(put_text(other, "n", "x"));
	wait_until(atomic_load(&e.named) == 1);
	ok(put(other, "n", NULL, 0, NEVER));
	wait_until(atomic_load(&e.named) == 2);
	cr_assert_eq(atomic_load(&e.others), 0);
	s->ops->unwatch(s);
	ok(put_text(other, "n", "x"));
	ok(s->ops->watch(s, hear, &e));
	wait_until(atomic_load(&e.any) == 2);
	cr_assert_eq(atomic_load(&e.named), 2);
	lk_store_close(s);
	lk_store_close(other);
	stage_remove(&g);
}

Test(listening, goes_on_after_its_connection_was_killed)
{
	struct lk_store *s, *other;
	struct ear e = { 0 };
	struct stage g;

	stage_make(&g, NULL);
	s = store_open(g.socket_url);
	other = store_open(g.socket_url); /* nobody is told of his own changes */
	ok(s->ops->watch(s, hear, &e));
	for (unsigned i = 1; i <= 5; i++) {
		wait_until(atomic_load(&e.any) == i); /* what came meanwhile was not heard */
		ok(put_text(other, "n", "x"));
		wait_until(atomic_load(&e.named) == i);
		cr_assert_eq(server_do(&g.server, "CLIENT KILL TYPE pubsub"), 1);
	}
	wait_until(atomic_load(&e.any) == 6);
	lk_store_close(s);
	lk_store_close(other);
	stage_remove(&g);
}

Test(listening, goes_on_after_the_server_was_away, .timeout = 60)
{
	struct lk_store *s, *other;
	struct ear e = { 0 };
	struct stage g;

	stage_make(&g, NULL);
	s = store_open(g.socket_url);
	other = store_open(g.socket_url); /* nobody is told of his own changes */
	ok(s->ops->watch(s, hear, &e));
	wait_until(atomic_load(&e.any) == 1);
	server_restart(&g.server);
	wait_until(atomic_load(&e.any) == 2);
	ok(put_text(other, "n", "x"));
	wait_until(atomic_load(&e.named) == 1);
	lk_store_close(s);
	lk_store_close(other);
	stage_remove(&g);
}

/* It may begin while the server is away, and end then. */
Test(listening, begins_when_the_server_comes, .timeout = 60)
{
	struct lk_store *s;
	struct ear e = { 0 };
	struct stage g;

	stage_make(&g, NULL);
	s = store_open(g.socket_url);
	server_kill(&g.server);
	ok(s->ops->watch(s, hear, &e));
	s->ops->unwatch(s);
	cr_assert_eq(atomic_load(&e.any), 0);
	ok(s->ops->watch(s, hear, &e));
	server_restart(&g.server);
	wait_until(atomic_load(&e.any) == 1);
	lk_store_close(s);
	stage_remove(&g);
}

/* More than some at a time are told as any; so is the end of a session. */
Test(listening, hears_of_many_at_once_as_any)
{
	const struct lk_session_id id = session_id(1);
	struct lk_store *s;
	struct ear e = { 0 };
	struct stage g;

	stage_make(&g, NULL);
	s = store_open(g.socket_url);
	ok(s->ops->watch(s, hear, &e));
	wait_until(atomic_load(&e.any) == 1);
	ok(s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER));
	ok(s->ops->session_close(s, &id, NEVER));
	wait_until(atomic_load(&e.any) == 2);
	lk_store_close(s);
	stage_remove(&g);
}
