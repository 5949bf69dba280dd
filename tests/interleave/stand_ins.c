/* SPDX-License-Identifier: MIT */
/*
 * What takes the place of base/process.c and base/thread.c, which are made of threads, and of base/table.c, which is
 * tested by itself: a registry of one manager, a thread for each fiber, no other, and a list of marks.
 */
#include "base/bell.h"
#include "base/futex.h"
#include "base/process.h"
#include "base/table.h"
#include "base/thread.h"
#include "play.h"
#include "world.h"

static void **
my_seat(void)
{
	unsigned i = world.current != NULL ? (unsigned)(world.current - world.fiber) : FIBERS_MAX;

	return &world.seat[i];
}

bool
process_join(struct member *me)
{
	me->serial = ++world.serials;
	world.member = me;
	return true;
}

void
process_leave(struct member *me)
{
	(void)me;
	world.member = NULL;
}

uint64_t
process_highest(uint64_t value)
{
	if (value > world.highest)
		world.highest = value;
	return world.highest;
}

void *
process_owner(const struct member *me)
{
	(void)me;
	return *my_seat();
}

bool
process_set_owner(const struct member *me, void *owner)
{
	(void)me;
	*my_seat() = owner;
	return true;
}

void
process_forget_owner(const struct member *me, const void *owner)
{
	(void)me;
	if (*my_seat() == owner)
		*my_seat() = NULL;
}

__thread struct spare process_spare; /* of no member: memory of owners goes from fiber to fiber */

bool
process_keep_another(const struct member *me, void *owner)
{
	(void)me;
	(void)owner;
	return false;
}

void
stand_in_thread_ends(void)
{
	void *owner = *my_seat();

	*my_seat() = NULL;
	if (owner != NULL && world.member != NULL)
		play.m->member.thread_ends(&play.m->member, owner);
}

/* ------------------------------------------------------------------- no other threads */

/* Managers of scripts are manual: what their service does, a fiber does. */
bool
thread_start(struct thread *t, void (*main)(void *arg), void *arg)
{
	(void)t;
	(void)main;
	(void)arg;
	return false;
}

void
thread_join(const struct thread *t)
{
	(void)t;
}

void
thread_note_me(struct thread *t)
{
	t->arg = world.current;
}

bool
thread_is_me(const struct thread *t)
{
	return t->arg == world.current;
}

/* ----------------------------------------------------------------------- a bell */

/* A script has one; to ring it, or to silence it, is a step on its word. */
int
bell_open(void)
{
	play.async.bell = region_alloc(sizeof(a32), sizeof(a32));
	shim_init(play.async.bell, 0u);
	return 0;
}

void
bell_close(int fd)
{
	(void)fd;
	region_free(play.async.bell, sizeof(a32));
	play.async.bell = NULL;
}

static a32 *
bell(const char *what)
{
	if (play.async.bell == NULL)
		fail("a bell is %s that is closed", what);
	return play.async.bell;
}

void
bell_ring(int fd)
{
	a32 *word = bell("rung");

	(void)fd;
	shim_add(word, 1u, SHIM_SEQ_CST);
	for (unsigned i = 0; i < world.n_fibers; i++) {
		if (world.fiber[i].state == FIBER_ASLEEP && world.fiber[i].futex == (uintptr_t)word)
			shim_futex_wake(word, 1);
	}
}

void
bell_silence(int fd)
{
	(void)fd;
	(void)shim_xchg(bell("silenced"), 0u, SHIM_SEQ_CST);
}

/* ------------------------------------------------------------------- marks by name */

struct mark {
	aptr next;
	a64 value;
	size_t len;
	char name[];
};

struct table {
	struct env *env;
	struct latch latch; /* of those who add */
	aptr all;
};

struct table *
table_create(struct env *e)
{
	struct table *t = env_zalloc(e, sizeof(*t), sizeof(void *));

	if (t != NULL)
		t->env = e;
	return t;
}

/* Value blocks are tested elsewhere. */
struct table *
table_create_of(struct env *e, size_t record)
{
	(void)e;
	(void)record;
	fail("a script writes no values");
}

bool
table_visit(struct table *t, const struct table_key *k, bool make,
	    void (*look)(void *arg, void *record), void *arg)
{
	(void)t;
	(void)k;
	(void)make;
	(void)look;
	(void)arg;
	fail("a script writes no values");
}

void
table_destroy(struct table *t)
{
	struct mark *m = t != NULL ? shim_load(&t->all, SHIM_ACQUIRE) : NULL;

	while (m != NULL) {
		struct mark *next = shim_load(&m->next, SHIM_RELAXED);

		env_free(t->env, m, sizeof(*m) + m->len);
		m = next;
	}
	if (t != NULL)
		env_free(t->env, t, sizeof(*t));
}

static struct mark *
find_mark(struct table *t, const void *name, size_t len)
{
	struct mark *m = shim_load(&t->all, SHIM_ACQUIRE);

	while (m != NULL && (m->len != len || memcmp(m->name, name, len) != 0))
		m = shim_load(&m->next, SHIM_ACQUIRE);
	return m;
}

static struct mark *
add_mark(struct table *t, const void *name, size_t len)
{
	struct mark *m = env_zalloc(t->env, sizeof(*m) + len, sizeof(void *));

	if (m == NULL)
		return NULL;
	m->len = len;
	memcpy(m->name, name, len);
	shim_init(&m->next, shim_load(&t->all, SHIM_RELAXED));
	shim_store(&t->all, (void *)m, SHIM_RELEASE);
	return m;
}

enum table_outcome
table_raise(struct table *t, const void *name, size_t len, uint64_t hash, uint64_t mark)
{
	uint64_t seen;
	struct mark *m;

	(void)hash;
	latch_lock(&t->latch);
	m = find_mark(t, name, len);
	if (m == NULL)
		m = add_mark(t, name, len);
	latch_unlock(&t->latch);
	if (m == NULL)
		return TABLE_NOMEM;
	seen = shim_load(&m->value, SHIM_RELAXED);
	while (seen < mark) {
		if (shim_cas(&m->value, &seen, mark, SHIM_ACQ_REL))
			return TABLE_RAISED;
	}
	return seen == mark ? TABLE_RAISED : TABLE_BELOW;
}
