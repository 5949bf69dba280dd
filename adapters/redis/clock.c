/* SPDX-License-Identifier: MIT */
/* TIME, and the time since. */
#include "redis/clock.h"

#include <stdlib.h>

#include "common/host.h"
#include "common/quiet.h"
#include "redis/ask.h"

enum { FRESH_NS = 100000000 }; /* after that it is asked anew */

struct clock {
	struct clock *next;
	unsigned users;
	char run[48];
	uint64_t id;
	bool is_set;
	uint64_t asked_ns;  /* here, when it said … */
	uint64_t server_ns; /* … this */
	uint64_t last_ns;   /* the latest that was told */
};

static struct {
	pthread_mutex_t lock;
	struct clock *first;
} clocks = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* With the lock. */
static struct clock *
find(const char *run)
{
	struct clock *c = clocks.first;

	while (c != NULL && strcmp(c->run, run) != 0)
		c = c->next;
	return c;
}

static uint64_t
id_of(const char *run)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *run != '\0'; run++)
		h = (h ^ (unsigned char)*run) * UINT64_C(0x100000001b3);
	return h | 1;
}

static struct clock *
make(const char *run)
{
	struct clock *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	memcpy(c->run, run, strnlen(run, sizeof(c->run) - 1));
	c->id = id_of(run);
	c->next = clocks.first;
	clocks.first = c;
	return c;
}

/* With the lock. */
static void
put(struct clock *c)
{
	struct clock **at = &clocks.first;

	if (c == NULL || --c->users != 0)
		return;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	free(c);
}

void
clock_leave(struct redis_store *s)
{
	pthread_mutex_lock(&clocks.lock);
	put(s->clock);
	s->clock = NULL;
	pthread_mutex_unlock(&clocks.lock);
}

void
clock_in_child(void)
{
	pthread_mutex_init(&clocks.lock, NULL);
	clocks.first = NULL; /* those that there are belong to stores that are not used here */
}

/* With the lock: that of this run is the store's.  NULL: no memory. */
static struct clock *
take(struct redis_store *s, const char *run)
{
	struct clock *c = find(run);

	if (c == NULL)
		c = make(run);
	if (c == NULL || c == s->clock)
		return c;
	put(s->clock);
	s->clock = c;
	c->users++;
	return c;
}

/* With the lock. */
static uint64_t
reckon(struct clock *c)
{
	const uint64_t ns = c->server_ns + (host_now() - c->asked_ns);

	if (ns > c->last_ns) /* else it was set back: it stands until it is so late again */
		c->last_ns = ns;
	return c->last_ns;
}

/*
 * What was said is true of some moment since the question.  If the answer took long, what is known from before may be
 * nearer to the truth.  With the lock.
 */
static void
set(struct clock *c, uint64_t server_ns, uint64_t sent_ns)
{
	const uint64_t now = host_now();
	const uint64_t known = c->server_ns + (now - c->asked_ns);
	const bool is_nearer = c->is_set && known > server_ns && known - server_ns <= now - sent_ns;

	c->server_ns = is_nearer ? known : server_ns;
	c->asked_ns = now;
	c->is_set = true;
}

static int
ask_time(struct ask *a)
{
	const uint64_t sent_ns = host_now();
	const char *argv[1] = { "TIME" };
	size_t len[1] = { 4 };
	const struct command q = { argv, len, 1, 1 };
	const redisReply *r;
	struct clock *c;
	int rc = ask_command(a, &q);

	if (rc != 0)
		return rc;
	r = a->reply;
	if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 ||
	    r->element[0]->type != REDIS_REPLY_STRING || r->element[1]->type != REDIS_REPLY_STRING)
		return ask_complain(a);
	pthread_mutex_lock(&clocks.lock);
	c = take(a->s, a->c->run);
	if (c != NULL)
		set(c,
		    strtoull(r->element[0]->str, NULL, 10) * 1000000000 +
			    strtoull(r->element[1]->str, NULL, 10) * 1000,
		    sent_ns);
	pthread_mutex_unlock(&clocks.lock);
	return c != NULL ? 0 : LK_E_NOMEM;
}

/* True: it was asked not long ago. */
static bool
tell(struct redis_store *s, bool any, uint64_t *ns, uint64_t *clock_id)
{
	bool is_fresh = false;

	pthread_mutex_lock(&clocks.lock);
	if (s->clock != NULL && s->clock->is_set &&
	    (any || host_now() - s->clock->asked_ns < FRESH_NS)) {
		is_fresh = true;
		*ns = reckon(s->clock);
		*clock_id = s->clock->id;
	}
	pthread_mutex_unlock(&clocks.lock);
	return is_fresh;
}

static int
now(struct redis_store *s, uint64_t *ns, uint64_t *clock_id, uint64_t deadline_ns)
{
	struct ask a;
	int rc;

	if (fork_note_is_foreign(&s->fork))
		return LK_E_FORKED;
	if (tell(s, false, ns, clock_id))
		return 0;
	rc = ask_begin(&a, s, deadline_ns);
	if (rc == 0)
		rc = ask_end(&a, ask_time(&a));
	if (rc == 0 && !tell(s, true, ns, clock_id))
		rc = LK_E_STORE;
	return rc;
}

int
clock_now(struct lk_store *base, uint64_t *ns, uint64_t *clock_id, uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();

	return quiet_leave(q, now(redis_store_of(base), ns, clock_id, deadline_ns));
}
