/* SPDX-License-Identifier: MIT */
/* The record of what managers agree on. */
#include <stdio.h>

#include "remote/accord.h"
#include "remote/inside.h"
#include "remote/upkeep.h"

#define MAGIC "LKagree1"

struct accord {
	char magic[8];
	uint64_t settings;
	char words[REMOTE_SETTINGS];
	struct lk_session_id who[];
};

enum { ROOM = (LK_STORE_RECORD_MAX - sizeof(struct accord)) / sizeof(struct lk_session_id) };

/* What one change of the record needs. */
struct table {
	struct remote *m;
	const struct lk_session_id *me;
	bool leaves;
	bool differs; /* the others have other settings */
	size_t n;
	unsigned char alive[ROOM]; /* of those in `seen`; who is not there is */
	size_t n_seen;
	struct lk_session_id seen[ROOM];
	_Alignas(8) unsigned char bytes[LK_STORE_RECORD_MAX];
};

static bool
is_same(const struct lk_session_id *a, const struct lk_session_id *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static bool
is_dead(const struct table *t, const struct lk_session_id *id)
{
	for (size_t i = 0; i < t->n_seen; i++) {
		if (is_same(&t->seen[i], id))
			return t->alive[i] == 0;
	}
	return false;
}

/* How many sessions there are in a record of that length; SIZE_MAX: it is damaged. */
static size_t
count(const struct lk_store_record *r)
{
	const struct accord *a = r->old;

	if (r->old_len == 0)
		return 0;
	if (r->old_len < sizeof(*a) || memcmp(a->magic, MAGIC, sizeof(a->magic)) != 0 ||
	    (r->old_len - sizeof(*a)) % sizeof(a->who[0]) != 0)
		return SIZE_MAX;
	return (r->old_len - sizeof(*a)) / sizeof(a->who[0]);
}

/* Those who live, and this one or not. */
static void
copy(struct table *t, const struct accord *old, size_t n)
{
	struct accord *fresh = (struct accord *)(void *)t->bytes;

	t->n = 0;
	for (size_t i = 0; i < n; i++) {
		if (!is_dead(t, &old->who[i]) && !is_same(&old->who[i], t->me))
			fresh->who[t->n++] = old->who[i];
	}
}

static int
change(void *arg, struct lk_store_record *r, size_t n)
{
	struct table *t = arg;
	const struct accord *old = r->old;
	struct accord *fresh = (struct accord *)(void *)t->bytes;
	const size_t n_old = count(r);

	(void)n;
	if (n_old == SIZE_MAX)
		return LK_E_CORRUPT;
	copy(t, old, n_old);
	t->differs = t->n != 0 && old->settings != t->m->p.settings;
	if (t->differs)
		return 0;
	memcpy(fresh->magic, MAGIC, sizeof(fresh->magic));
	fresh->settings = t->m->p.settings;
	memcpy(fresh->words, t->m->p.words, sizeof(fresh->words));
	if (!t->leaves && t->n < ROOM)
		fresh->who[t->n++] = *t->me;
	r->fresh = t->n != 0 ? fresh : NULL;
	r->fresh_len = t->n != 0 ? sizeof(*fresh) + t->n * sizeof(fresh->who[0]) : 0;
	r->changed = 1;
	return 0;
}

/* Who is there?  And what they say, in `bytes`. */
static int
look(void *arg, struct lk_store_record *r, size_t n)
{
	struct table *t = arg;

	(void)n;
	t->n_seen = count(r);
	if (t->n_seen == SIZE_MAX)
		return LK_E_CORRUPT;
	if (t->n_seen != 0) {
		memcpy(t->seen, ((const struct accord *)r->old)->who,
		       t->n_seen * sizeof(t->seen[0]));
		memcpy(t->bytes, r->old, sizeof(struct accord));
	}
	return 0;
}

static int
see_who_lives(struct table *t)
{
	const struct lk_store_ops *ops = t->m->store->ops;
	struct lk_store_record r = { .name = "s", .len = 1 };
	int rc = ops->read(t->m->store, &r, 1, look, t, remote_patience(t->m));

	if (rc != 0 || t->n_seen == 0)
		return rc;
	return ops->session_alive(t->m->store, t->seen, t->n_seen, t->alive, remote_patience(t->m));
}

static int
write_down(struct table *t)
{
	struct lk_store_record r = { .name = "s", .len = 1 };

	return t->m->store->ops->update(t->m->store, &r, 1, change, t, remote_patience(t->m));
}

static int
join(struct table *t, char why[REMOTE_WHY])
{
	int rc = see_who_lives(t);

	if (rc == 0)
		rc = write_down(t);
	if (rc == LK_E_CORRUPT)
		(void)snprintf(why, REMOTE_WHY, "the store: what its managers agree on is damaged");
	if (rc != 0 || !t->differs)
		return rc;
	rc = see_who_lives(t); /* for their words */
	(void)snprintf(why, REMOTE_WHY, "the store is in use with %.*s, and this would be %s",
		       (int)strnlen(((struct accord *)(void *)t->bytes)->words, REMOTE_SETTINGS),
		       ((struct accord *)(void *)t->bytes)->words, t->m->p.words);
	return rc != 0 ? rc : LK_E_INVAL;
}

int
accord_join(struct remote *m, const struct lk_session_id *id, char why[REMOTE_WHY])
{
	struct table *t = env_zalloc(m->p.env, sizeof(*t), LK_LINE);
	int rc;

	if (t == NULL)
		return LK_E_NOMEM;
	t->m = m;
	t->me = id;
	rc = join(t, why);
	env_free(m->p.env, t, sizeof(*t));
	return rc;
}

void
accord_leave(struct remote *m, const struct lk_session_id *id)
{
	struct table *t = env_zalloc(m->p.env, sizeof(*t), LK_LINE);

	if (t == NULL)
		return; /* it is seen to be dead by whoever comes next */
	t->m = m;
	t->me = id;
	t->leaves = true;
	(void)write_down(t);
	env_free(m->p.env, t, sizeof(*t));
}

/* ------------------------------------------------------------------------- later */

struct search {
	const struct lk_session_id *me;
	bool is_there;
};

static int
find_me(void *arg, struct lk_store_record *r, size_t n)
{
	struct search *s = arg;
	const size_t n_old = count(r);

	(void)n;
	s->is_there = n_old == SIZE_MAX || n_old == ROOM;
	for (size_t i = 0; i < n_old && !s->is_there; i++)
		s->is_there = is_same(&((const struct accord *)r->old)->who[i], s->me);
	return 0;
}

void
accord_stay(struct remote *m, const struct lk_session_id *id)
{
	struct lk_store_record r = { .name = "s", .len = 1 };
	struct search s = { .me = id };
	char why[REMOTE_WHY];

	if (m->store->ops->read(m->store, &r, 1, find_me, &s, remote_patience(m)) == 0 &&
	    !s.is_there)
		(void)accord_join(m, id, why);
}

/* Who was there when somebody looked. */
struct crowd {
	size_t n;
	struct lk_session_id who[ROOM];
	unsigned char alive[ROOM];
};

static int
see_crowd(void *arg, struct lk_store_record *r, size_t n)
{
	struct crowd *c = arg;

	(void)n;
	c->n = count(r);
	if (c->n == SIZE_MAX || c->n > ROOM)
		return LK_E_CORRUPT;
	if (c->n != 0)
		memcpy(c->who, ((const struct accord *)r->old)->who, c->n * sizeof(c->who[0]));
	return 0;
}

static int
ask_crowd(struct lk_store *store, struct crowd *c, const struct lk_session_id *me,
	  uint64_t deadline_ns, size_t *n)
{
	struct lk_store_record r = { .name = "s", .len = 1 };
	int rc = store->ops->read(store, &r, 1, see_crowd, c, deadline_ns);

	*n = 0;
	if (rc == 0 && c->n != 0)
		rc = store->ops->session_alive(store, c->who, c->n, c->alive, deadline_ns);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < c->n; i++)
		*n += c->alive[i] != 0 && !is_same(&c->who[i], me);
	if (c->n == ROOM)
		*n = SIZE_MAX;
	return 0;
}

int
accord_others(struct env *env, struct lk_store *store, const struct lk_session_id *me, size_t *n)
{
	struct crowd *c = env_alloc(env, sizeof(*c), sizeof(void *));
	int rc;

	if (c == NULL)
		return LK_E_NOMEM;
	rc = ask_crowd(store, c, me, env_now(env) + UINT64_C(2000000000), n);
	env_free(env, c, sizeof(*c));
	return rc;
}

static int
forget_all(void *arg, struct lk_store_record *r, size_t n)
{
	(void)arg;
	(void)n;
	if (r->status == 0 && count(r) != SIZE_MAX)
		return UPKEEP_FINE;
	r->changed = 1;
	return 0;
}

int
accord_mend(struct lk_store *store, uint64_t deadline_ns)
{
	struct lk_store_record r = { .name = "s", .len = 1, .flags = LK_STORE_REPAIR };

	return store->ops->update(store, &r, 1, forget_all, NULL, deadline_ns);
}
