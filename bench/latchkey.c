/* SPDX-License-Identifier: MIT */
/* Latchkey as a contestant: by handle, by name, and its owners. */
#include "bench.h"

static void
must(int rc, const char *what)
{
	if (__builtin_expect(rc != 0, 0))
		bench_die(what, lk_strerror(rc));
}

static void *
latchkey_open(void)
{
	struct lk_manager *m;

	must(lk_open("memory:", NULL, &m), "latchkey: open");
	return m;
}

static void
latchkey_close(void *world)
{
	must(lk_close(world), "latchkey: close");
}

static void *
owner_open(void *world)
{
	struct lk_owner *w;

	must(lk_owner_open(world, NULL, &w), "latchkey: open an owner");
	return w;
}

static void
owner_close(void *session)
{
	must(lk_owner_close(session), "latchkey: close an owner");
}

static void
release(void *session, const void *target, bench_ticket ticket)
{
	(void)target;
	must(lk_release(session, ticket), "latchkey: release");
}

/* ------------------------------------------------------------------- by handle */

static void *
handle_open(void *world, const char *name)
{
	struct lk_resource *r;

	must(lk_resource_open(world, name, &r), "latchkey: open a handle");
	return r;
}

static void
handle_close(void *world, void *target)
{
	(void)world;
	lk_resource_close(target);
}

static bench_ticket
handle_acquire(void *session, const void *target, lk_mode mode)
{
	lk_grant g = 0;

	must(lk_acquire_on(session, (struct lk_resource *)target, mode, NULL, &g),
	     "latchkey: acquire by handle");
	return g;
}

static void
handle_loop(struct run *r)
{
	bench_loop(r, handle_acquire, release);
}

const struct contestant latchkey_by_handle = {
	.name = "latchkey",
	.by = BY_HANDLE,
	.modes = MODES_ALL,
	.open = latchkey_open,
	.close = latchkey_close,
	.target_open = handle_open,
	.target_close = handle_close,
	.session_open = owner_open,
	.session_close = owner_close,
	.acquire = handle_acquire,
	.release = release,
	.loop = handle_loop,
};

/* --------------------------------------------------------------------- by name */

static bench_ticket
name_acquire(void *session, const void *target, lk_mode mode)
{
	lk_grant g = 0;

	must(lk_acquire(session, target, mode, NULL, &g), "latchkey: acquire by name");
	return g;
}

static void
name_loop(struct run *r)
{
	bench_loop(r, name_acquire, release);
}

const struct contestant latchkey_by_name = {
	.name = "latchkey",
	.by = BY_NAME,
	.modes = MODES_ALL,
	.open = latchkey_open,
	.close = latchkey_close,
	.session_open = owner_open,
	.session_close = owner_close,
	.acquire = name_acquire,
	.release = release,
	.loop = name_loop,
};

/* --------------------------------------------------- an owner for each request */

/* Here the manager is the session and the owner is the ticket. */
static bench_ticket
owner_acquire(void *session, const void *target, lk_mode mode)
{
	(void)target;
	(void)mode;
	return (bench_ticket)(uintptr_t)owner_open(session);
}

static void
owner_release(void *session, const void *target, bench_ticket ticket)
{
	(void)session;
	(void)target;
	owner_close((void *)(uintptr_t)ticket);
}

static void
owner_loop(struct run *r)
{
	bench_loop(r, owner_acquire, owner_release);
}

const struct contestant latchkey_owner = {
	.name = "latchkey",
	.by = BY_OWNER,
	.modes = MODES_ALL,
	.open = latchkey_open,
	.close = latchkey_close,
	.acquire = owner_acquire,
	.release = owner_release,
	.loop = owner_loop,
};
