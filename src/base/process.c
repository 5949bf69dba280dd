/* SPDX-License-Identifier: MIT */
/* The registry of managers, thread exit, fork.  (F1-F3) */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/process.h"
#include "base/rcu.h"

/* One owner of a thread; the serial says in which member. */
struct seat {
	uint64_t serial;
	void *owner;
};

/* Of one thread. */
struct seats {
	struct seat *seat;
	uint32_t n;
	uint32_t room;
};

static struct {
	pthread_once_t once;
	pthread_mutex_t lock;
	pthread_key_t key;
	bool has_key;
	uint64_t serials;
	uint64_t highest;
	a64 left; /* members that have left */
	struct cds_list_head members;
} registry = { .once = PTHREAD_ONCE_INIT,
	       .lock = PTHREAD_MUTEX_INITIALIZER,
	       .members = CDS_LIST_HEAD_INIT(registry.members) };

static __thread struct seats mine __attribute__((tls_model("initial-exec")));

__thread struct spare process_spare;
static __thread uint64_t spare_looked_at; /* registry.left, when its member was looked for */

static struct member *
find_member(uint64_t serial)
{
	struct cds_list_head *node;

	cds_list_for_each(node, &registry.members)
	{
		struct member *m = container_of(node, struct member, node);

		if (m->serial == serial)
			return m;
	}
	return NULL;
}

static void
leave_seat(const struct seat *s)
{
	struct member *m;

	pthread_mutex_lock(&registry.lock);
	m = find_member(s->serial);
	if (m != NULL)
		m->thread_ends(m, s->owner); /* (F2) */
	pthread_mutex_unlock(&registry.lock);
}

static void
return_spare(void)
{
	struct member *m;

	pthread_mutex_lock(&registry.lock);
	m = process_spare.owner != NULL ? find_member(process_spare.serial) : NULL;
	if (m != NULL)
		m->spare_returns(m, process_spare.owner); /* (F3) */
	pthread_mutex_unlock(&registry.lock);
	process_spare = (struct spare){ 0 };
}

static void
thread_ends(void *arg)
{
	struct seats *s = arg;

	return_spare();
	for (uint32_t i = 0; i < s->n; i++)
		leave_seat(&s->seat[i]);
	free(s->seat);
	memset(s, 0, sizeof(*s));
}

static void
before_fork(void)
{
	pthread_mutex_lock(&registry.lock);
	shim_rcu_before_fork();
}

static void
after_fork_parent(void)
{
	shim_rcu_after_fork_parent();
	pthread_mutex_unlock(&registry.lock);
}

static void
after_fork_child(void)
{
	struct cds_list_head *node;

	shim_rcu_after_fork_child();
	cds_list_for_each(node, &registry.members)
	{
		struct member *m = container_of(node, struct member, node);

		shim_store(&m->gate, m->forked, SHIM_RELAXED); /* (F1) */
	}
	CDS_INIT_LIST_HEAD(&registry.members);
	mine.n = 0;
	process_spare = (struct spare){ 0 };
	pthread_mutex_unlock(&registry.lock);
}

static void
set_up(void)
{
	registry.has_key = pthread_key_create(&registry.key, thread_ends) == 0;
	if (registry.has_key)
		pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

/* The library is being unloaded: no destructor of ours may run later. */
static void __attribute__((destructor)) tear_down(void)
{
	if (registry.has_key)
		pthread_key_delete(registry.key);
	registry.has_key = false;
}

bool
process_join(struct member *me)
{
	pthread_once(&registry.once, set_up);
	if (!registry.has_key)
		return false;
	pthread_mutex_lock(&registry.lock);
	me->serial = ++registry.serials;
	cds_list_add_tail(&me->node, &registry.members);
	pthread_mutex_unlock(&registry.lock);
	return true;
}

void
process_leave(struct member *me)
{
	pthread_mutex_lock(&registry.lock);
	cds_list_del(&me->node);
	(void)shim_add(&registry.left, (uint64_t)1, SHIM_RELAXED);
	pthread_mutex_unlock(&registry.lock);
}

uint64_t
process_highest(uint64_t value)
{
	pthread_mutex_lock(&registry.lock);
	if (value > registry.highest)
		registry.highest = value;
	value = registry.highest;
	pthread_mutex_unlock(&registry.lock);
	return value;
}

static struct seat *
find_seat(const struct member *me)
{
	for (uint32_t i = 0; i < mine.n; i++) {
		if (mine.seat[i].serial == me->serial)
			return &mine.seat[i];
	}
	return NULL;
}

void *
process_owner(const struct member *me)
{
	const struct seat *s = find_seat(me);

	return s != NULL ? s->owner : NULL;
}

static bool
make_room(void)
{
	uint32_t room = mine.room == 0 ? 4 : mine.room * 2;
	struct seat *grown;

	if (mine.n < mine.room)
		return true;
	grown = realloc(mine.seat, room * sizeof(*grown));
	if (grown == NULL)
		return false;
	mine.seat = grown;
	mine.room = room;
	return true;
}

/* Seats in managers that are closed by now are of no use. */
static void
drop_dead_seats(void)
{
	uint32_t kept = 0;

	pthread_mutex_lock(&registry.lock);
	for (uint32_t i = 0; i < mine.n; i++) {
		if (find_member(mine.seat[i].serial) != NULL)
			mine.seat[kept++] = mine.seat[i];
	}
	pthread_mutex_unlock(&registry.lock);
	mine.n = kept;
}

bool
process_set_owner(const struct member *me, void *owner)
{
	if (mine.n == mine.room)
		drop_dead_seats();
	if (!make_room() || pthread_setspecific(registry.key, &mine) != 0)
		return false;
	mine.seat[mine.n++] = (struct seat){ me->serial, owner };
	return true;
}

void
process_forget_owner(const struct member *me, const void *owner)
{
	struct seat *s = find_seat(me);

	if (s != NULL && s->owner == owner)
		*s = mine.seat[--mine.n];
}

/* Its member has left, and its memory is gone with it. */
static bool
spare_is_lost(void)
{
	const uint64_t left = shim_load(&registry.left, SHIM_RELAXED);
	bool is_lost;

	if (left == spare_looked_at)
		return false;
	pthread_mutex_lock(&registry.lock);
	is_lost = find_member(process_spare.serial) == NULL;
	pthread_mutex_unlock(&registry.lock);
	spare_looked_at = left;
	return is_lost;
}

bool
process_keep_another(const struct member *me, void *owner)
{
	if (process_spare.owner != NULL && !spare_is_lost())
		return false;
	if (pthread_setspecific(registry.key, &mine) != 0)
		return false;
	process_spare = (struct spare){ me->serial, owner };
	return true;
}
