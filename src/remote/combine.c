/* SPDX-License-Identifier: MIT */
/* Senders, and those who wait for them.  (CB1-CB5, CB8, CB9) */
#include "remote/combine.h"
#include "remote/inside.h"

/*
 * More senders would carry fewer questions each, and a store does one after the other.  HALF_MOST: so that the questions of who goes when
 * that is enough are among those that he takes with him.
 */
enum { AWAY_MOST = 2, TOGETHER_MOST = 32, HALF_MOST = 12 };

#define ASKER_SENDS (1u << 31)

void
combine_init(struct combine *c)
{
	latch_init(&c->latch);
	c->first = NULL;
	c->last = &c->first;
	c->n_away = c->n_queued = c->n_sent = c->n_lately = 0;
}

bool
combine_may(const struct remote *m)
{
	return (m->store->ops->capabilities & LK_STORE_CAN_MANY) != 0;
}

bool
combine_gathers(const struct remote *m)
{
	return combine_may(m) && (m->store->ops->capabilities & LK_STORE_CONCURRENT) == 0;
}

/* ------------------------------------------------------------------------- sending */

static int
ask_alone(struct remote *m, const struct lk_store_update *u)
{
	return m->store->ops->update(m->store, u->r, u->n, u->fn, u->arg, remote_patience(m));
}

static void
ask_together(struct remote *m, struct errand *list)
{
	struct lk_store_update u[TOGETHER_MOST];
	size_t n = 0;

	for (const struct errand *e = list; e != NULL; e = e->next)
		u[n++] = e->u;
	m->store->ops->update_many(m->store, u, n, remote_patience(m));
	n = 0;
	for (struct errand *e = list; e != NULL; e = e->next)
		e->u = u[n++];
}

/* What is in the list, and nothing of anybody else's. */
static void
ask_list(struct remote *m, struct errand *list)
{
	if (list->next != NULL) {
		ask_together(m, list);
		return;
	}
	list->u.rc = ask_alone(m, &list->u);
	list->u.is_left = 0;
}

/* His last answer: his frame may be gone as soon as he can see it (CB3).  Whoever sends does not sleep. */
static void
answer(struct remote *m, const struct asker *sender, struct errand *list)
{
	struct errand *next;

	for (struct errand *e = list; e != NULL; e = next) {
		struct asker *a = e->of;

		next = e->next;
		if (shim_sub(&a->word, 1u, SHIM_ACQ_REL) == 1 && a != sender)
			env_wake(m->p.env, &a->word);
	}
}

/* With the latch: some of the queue, from its head.  NULL: there is nothing in it. */
static struct errand *
take_some(struct combine *c)
{
	struct errand *list = c->first;
	struct errand **end = &c->first;
	size_t n_records = 0;
	uint32_t n;

	for (n = 0; *end != NULL && n < TOGETHER_MOST; n++) {
		n_records += (*end)->u.n;
		if (n_records > LK_STORE_BATCH_MAX)
			break;
		end = &(*end)->next;
	}
	if (list == NULL)
		return NULL;
	c->first = *end;
	if (c->first == NULL)
		c->last = &c->first;
	*end = NULL;
	c->n_queued -= n;
	c->n_sent += n;
	return list;
}

/* With the latch: may one more go?  (CB2, CB8) */
static bool
may_go(const struct remote *m)
{
	const struct combine *c = &m->combine;
	const uint32_t half = c->n_lately / 2;

	if (c->n_away == 0)
		return true;
	return c->n_away < AWAY_MOST && (m->store->ops->capabilities & LK_STORE_ONE_HOST) == 0 &&
	       c->n_queued >= (half < HALF_MOST ? half : HALF_MOST);
}

/* He is back, with the answers to `n`: whoever has been longest in the queue goes in his place.  (CB2) */
static void
come_back(struct remote *m, uint32_t n)
{
	struct combine *c = &m->combine;
	struct asker *next = NULL;
	struct errand *list = NULL;

	latch_lock(&c->latch);
	if (c->n_lately > c->n_queued + c->n_sent)
		c->n_lately--;
	c->n_sent -= n;
	c->n_away--;
	if (may_go(m))
		list = take_some(c);
	if (list != NULL) {
		c->n_away++;
		next = list->of;
		next->batch = list;
	}
	latch_unlock(&c->latch);
	if (next == NULL)
		return;
	shim_or(&next->word, ASKER_SENDS, SHIM_RELEASE);
	env_wake(m->p.env, &next->word);
}

static void
send(struct remote *m, const struct asker *me, struct errand *list)
{
	uint32_t n = 0;

	for (const struct errand *e = list; e != NULL; e = e->next)
		n++;
	ask_list(m, list);
	come_back(m, n); /* first of all, as others wait for that */
	answer(m, me, list);
}

/* ------------------------------------------------------------------------- waiting */

static void
wait_for_answers(struct remote *m, struct asker *me)
{
	for (;;) {
		const uint32_t word = shim_load(&me->word, SHIM_ACQUIRE);

		if ((word & ASKER_SENDS) != 0) {
			shim_and(&me->word, ~ASKER_SENDS, SHIM_RELAXED);
			send(m, me, me->batch);
		} else if (word == 0) {
			return;
		} else {
			env_wait(m->p.env, &me->word, word, SHIM_NEVER);
		}
	}
}

/* In the queue: NULL; or some of it to be sent, with those of the list. */
static struct errand *
join(struct remote *m, struct errand *list)
{
	struct combine *c = &m->combine;
	struct errand *out = NULL;

	latch_lock(&c->latch);
	*c->last = list;
	for (; *c->last != NULL; c->n_queued++)
		c->last = &(*c->last)->next;
	if (c->n_lately < c->n_queued + c->n_sent)
		c->n_lately = c->n_queued + c->n_sent;
	if (may_go(m)) {
		c->n_away++;
		out = take_some(c);
	}
	latch_unlock(&c->latch);
	return out;
}

/* (CB9) */
static void
go_alone(struct remote *m, struct errand *list)
{
	while (list != NULL) {
		struct errand *some = list;
		struct errand **end = &list;

		for (int n = 0; n < TOGETHER_MOST && *end != NULL; n++)
			end = &(*end)->next;
		list = *end;
		*end = NULL;
		ask_list(m, some);
	}
}

void
combine_ask(struct remote *m, struct errand *list)
{
	struct asker me = { .batch = NULL };
	struct errand *go;
	uint32_t n = 0;

	if (!combine_gathers(m)) {
		go_alone(m, list);
		return;
	}
	for (struct errand *e = list; e != NULL; e = e->next) {
		n++;
		e->of = &me;
	}
	shim_init(&me.word, n);
	go = join(m, list);
	if (go != NULL)
		send(m, &me, go);
	wait_for_answers(m, &me);
}

int
combine_answer(struct remote *m, struct errand *e)
{
	return e->u.is_left != 0 ? ask_alone(m, &e->u) : e->u.rc;
}

int
combine_update(struct remote *m, struct lk_store_record *r, size_t n, lk_store_change_fn *fn,
	       void *arg)
{
	struct errand e = { .u = { .r = r, .n = n, .fn = fn, .arg = arg } };

	if (!combine_gathers(m))
		return ask_alone(m, &e.u);
	combine_ask(m, &e);
	return combine_answer(m, &e);
}
