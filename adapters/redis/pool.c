/* SPDX-License-Identifier: MIT */
/* The one that was used last is used first: so those that are not needed stay closed, or become old. */
#include "redis/pool.h"

#include <stdio.h>

#include "redis/greeting.h"

void
pool_init(struct redis_store *s, redisContext *given)
{
	turns_init(&s->turns, s->n_connections);
	s->idle = NULL;
	for (unsigned i = s->n_connections; i-- > 0;) {
		connection_init(&s->connections[i], &s->transport);
		s->connections[i].given = given;
		s->connections[i].next = s->idle;
		s->idle = &s->connections[i];
	}
}

void
pool_fini(struct redis_store *s)
{
	for (unsigned i = 0; i < s->n_connections; i++)
		connection_close(&s->connections[i]);
	turns_fini(&s->turns);
}

/* ------------------------------------------------------------------------- take and give */

static uint64_t
later(uint64_t now, uint64_t ns)
{
	return ns > UINT64_MAX - now ? UINT64_MAX : now + ns;
}

static void
count_wait(struct redis_store *s, uint64_t begun_ns, bool is_in)
{
	const uint64_t now = place_now(&s->place);

	pthread_mutex_lock(&s->lock);
	s->pool.waited++;
	s->pool.waited_ns += now - begun_ns;
	s->pool.gave_up += !is_in;
	pthread_mutex_unlock(&s->lock);
}

static bool
wait_for_turn(struct redis_store *s, uint64_t deadline_ns)
{
	const uint64_t now = place_now(&s->place);
	const uint64_t end = later(now, s->pool_wait_ns);
	bool is_in = turns_enter(&s->turns, &s->place, now); /* without waiting */

	if (is_in)
		return true;
	is_in = turns_enter(&s->turns, &s->place, end < deadline_ns ? end : deadline_ns);
	count_wait(s, now, is_in);
	return is_in;
}

struct connection *
pool_take(struct redis_store *s, uint64_t deadline_ns)
{
	struct connection *c;

	if (!wait_for_turn(s, deadline_ns))
		return NULL;
	pthread_mutex_lock(&s->lock);
	c = s->idle;
	s->idle = c->next;
	s->pool.taken++;
	s->pool.in_use++;
	if (s->pool.in_use > s->pool.most_in_use)
		s->pool.most_in_use = s->pool.in_use;
	pthread_mutex_unlock(&s->lock);
	return c;
}

/* With the lock. */
static unsigned
count_open(const struct redis_store *s)
{
	unsigned n = s->pool.in_use;

	for (const struct connection *c = s->idle; c != NULL; c = c->next)
		n += connection_is_open(c);
	return n;
}

/* With the lock. */
static void
close_old(struct redis_store *s, uint64_t now)
{
	unsigned n = count_open(s);

	for (struct connection *c = s->idle; c != NULL && n > s->pool_min; c = c->next) {
		if (!connection_is_open(c) || now - c->used_ns <= s->pool_idle_ns)
			continue;
		connection_close(c);
		s->pool.closed++;
		n--;
	}
	s->looked_ns = now;
}

void
pool_give(struct redis_store *s, struct connection *c)
{
	const uint64_t now = place_now(&s->place);

	c->used_ns = now;
	pthread_mutex_lock(&s->lock);
	c->next = s->idle;
	s->idle = c;
	s->pool.in_use--;
	if (now - s->looked_ns > s->pool_idle_ns / 4 && !s->is_given)
		close_old(s, now);
	pthread_mutex_unlock(&s->lock);
	turns_leave(&s->turns);
}

int
pool_fill(struct redis_store *s)
{
	struct connection *taken[STORE_CONNECTIONS];
	unsigned n = 0;
	int rc = 0;

	while (rc == 0 && n < s->pool_min) {
		struct connection *c = pool_take(s, UINT64_MAX);

		taken[n++] = c;
		if (!connection_is_open(c))
			rc = greeting_open(s, c, patience_of(&s->place, s->timeout_ns, UINT64_MAX));
	}
	while (n > 0)
		pool_give(s, taken[--n]);
	return rc;
}

/* ---------------------------------------------------------------------------- figures */

void
pool_count_opened(struct redis_store *s)
{
	pthread_mutex_lock(&s->lock);
	s->pool.opened++;
	pthread_mutex_unlock(&s->lock);
}

void
pool_count_broken(struct redis_store *s)
{
	pthread_mutex_lock(&s->lock);
	s->pool.broken++;
	pthread_mutex_unlock(&s->lock);
}

static struct pool_state
look(struct redis_store *s, unsigned *n_open)
{
	struct pool_state is;

	pthread_mutex_lock(&s->lock);
	is = s->pool;
	*n_open = count_open(s);
	pthread_mutex_unlock(&s->lock);
	return is;
}

size_t
pool_figures(struct redis_store *s, struct lk_store_figure *out, size_t cap)
{
	unsigned n_open;
	const struct pool_state is = look(s, &n_open);
	const struct lk_store_figure all[] = {
		{ "connections_open", "connections to the server that are open", n_open, 0, 0 },
		{ "connections_busy", "connections that a call is using", is.in_use, 0, 0 },
		{ "connections_most_busy", "connections that were used at a time, at most",
		  is.most_in_use, 0, 0 },
		{ "connections_allowed", "connections that there may be", s->n_connections, 0, 0 },
		{ "connection_uses", "calls that had a connection", is.taken, 1, 0 },
		{ "connection_waits", "calls that waited for a connection", is.waited, 1, 0 },
		{ "connection_wait_seconds", "time for which calls waited for a connection",
		  is.waited_ns, 1, 1 },
		{ "connection_waits_failed", "calls that waited for a connection in vain",
		  is.gave_up, 1, 0 },
		{ "connections_made", "connections that were opened", is.opened, 1, 0 },
		{ "connections_closed", "connections that were closed, as nobody needed them",
		  is.closed, 1, 0 },
		{ "connections_broken", "connections that ended by themselves", is.broken, 1, 0 },
	};
	const size_t n = sizeof(all) / sizeof(all[0]);

	for (size_t i = 0; i < n && i < cap; i++)
		out[i] = all[i];
	return n;
}

size_t
pool_tell(struct redis_store *s, char *buf, size_t cap)
{
	unsigned n_open;
	const struct pool_state is = look(s, &n_open);
	int n;

	n = snprintf(
		buf, cap,
		"%u connections (%u in use, at most %u of %u), %llu calls, %llu waited %llu us, "
		"%llu gave up; %llu opened, %llu closed, %llu broken",
		n_open, is.in_use, is.most_in_use, s->n_connections, (unsigned long long)is.taken,
		(unsigned long long)is.waited, (unsigned long long)(is.waited_ns / 1000),
		(unsigned long long)is.gave_up, (unsigned long long)is.opened,
		(unsigned long long)is.closed, (unsigned long long)is.broken);
	return n < 0 ? 0 : (size_t)n;
}
