/* SPDX-License-Identifier: MIT */
/*
 * Several updates in one exchange: one script reads what is not known, and one writes.  Each update compares its own
 * records, and writes them or not (RD1, RD2, RD3): the script goes through them one after the other.  Who came too
 * late, or was told nothing but a guess, is left to be asked for alone, so that nobody waits for him.
 */
#include "redis/many.h"

#include "common/quiet.h"
#include "common/records.h"
#include "redis/change.h"
#include "redis/keys.h"

/* One of them, on its way. */
struct one {
	struct lk_store_update *u;
	struct change c;
	char version[STORE_VERSION];
	bool is_open; /* there is no result yet */
};

struct many {
	struct ask ask;
	struct one *one;
	size_t n;
};

/* ----------------------------------------------------------------------- outcomes */

static void
end(struct one *o, int rc)
{
	o->u->rc = rc;
	o->is_open = false;
}

static void
leave(struct one *o)
{
	o->u->is_left = 1;
	o->is_open = false;
}

/* The same for all that have none yet. */
static void
end_all(struct many *m, int rc)
{
	for (size_t i = 0; i < m->n; i++) {
		if (m->one[i].is_open)
			end(&m->one[i], rc);
	}
}

static void
leave_all(struct many *m)
{
	for (size_t i = 0; i < m->n; i++) {
		if (m->one[i].is_open)
			leave(&m->one[i]);
	}
}

/* ------------------------------------------------------------------------- reading */

static bool
guess(struct one *o)
{
	struct change *c = &o->c;

	c->is_guess = true;
	for (size_t i = 0; i < c->n && c->is_guess; i++)
		c->is_guess = cache_get(&c->ask->s->cache, c->r[i].name, c->r[i].len, c->round,
					&c->seen[i]);
	return c->is_guess;
}

/* How many records are to be read. */
static size_t
guess_all(struct many *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++) {
		struct one *o = &m->one[i];

		if (o->is_open && !guess(o))
			n += o->c.n;
	}
	return n;
}

static void
add_keys(struct command *q, const struct change *c)
{
	for (size_t i = 0; i < c->n; i++)
		command_add(q, c->keys[i], c->key_len[i]);
}

/* The first words of a script about `n` records; the rest of it goes behind.  False: no memory. */
static bool
begin_script(struct many *m, struct command *q, size_t n, size_t more)
{
	const struct redis_store *s = m->ask.s;
	char *words = arena_alloc(&m->ask.arena, 2 * KEY_SHORT);

	if (words == NULL || !command_begin(q, &m->ask.arena, n + more + 5))
		return false;
	key_short(s, 'e', words);
	key_short(s, 'g', words + KEY_SHORT);
	q->n = 2;
	if (!command_number(q, &m->ask.arena, n + 2))
		return false;
	command_say(q, words);
	command_say(q, words + KEY_SHORT);
	return true;
}

/* What was read: all those that had no guess, one after the other. */
static int
take_all(struct many *m, size_t n)
{
	const redisReply *all = m->ask.reply;
	size_t at = 1;
	int rc = 0;

	if (all->type != REDIS_REPLY_ARRAY || all->elements != n + 1)
		return ask_complain(&m->ask);
	for (size_t i = 0; i < m->n && rc == 0; i++) {
		struct one *o = &m->one[i];

		if (!o->is_open || o->c.is_guess)
			continue;
		rc = change_take(&o->c, all->element[0], all->element + at);
		at += o->c.n;
	}
	return rc;
}

static int
read_all(struct many *m)
{
	const size_t n = guess_all(m);
	struct command q;
	int rc;

	if (n == 0)
		return 0;
	if (!begin_script(m, &q, n, 1))
		return LK_E_NOMEM;
	for (size_t i = 0; i < m->n; i++) {
		if (m->one[i].is_open && !m->one[i].c.is_guess)
			add_keys(&q, &m->one[i].c);
	}
	command_say(&q, m->ask.epoch);
	rc = ask_script(&m->ask, SCRIPT_READ, &q);
	return rc == 0 ? take_all(m, n) : rc;
}

/* ------------------------------------------------------------------------ deciding */

/* What the function makes of it.  It stays open if there is something to write. */
static void
decide(struct one *o)
{
	struct change *c = &o->c;
	int rc = change_show(c, true);

	if (rc == 0)
		rc = records_change(c->r, c->n, c->fn, c->arg);
	if (rc == 0 && records_are_changed(c->r, c->n))
		return;
	if (c->is_guess) {
		leave(o); /* a guess is no answer */
		return;
	}
	for (size_t i = 0; i < c->n; i++)
		change_remember(c, i);
	end(o, rc);
}

/* How many records are to be compared and written. */
static size_t
decide_all(struct many *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++) {
		struct one *o = &m->one[i];

		if (o->is_open)
			decide(o);
		if (o->is_open)
			n += o->c.n;
	}
	return n;
}

/* ------------------------------------------------------------------------- writing */

/* How many, letters, removals; and the records.  False: no memory. */
static bool
add_one(struct command *q, struct one *o)
{
	struct change *c = &o->c;
	const char *letters = change_letters(c);

	if (letters == NULL || !command_number(q, c->round, c->n))
		return false;
	command_say(q, letters);
	command_say(q, change_gone(c));
	change_version(c->ask->s, o->version);
	for (size_t i = 0; i < c->n; i++) {
		size_t len;
		const char *value = change_value(c, i, o->version, &len);

		if (value == NULL)
			return false;
		change_was(q, &c->seen[i]);
		command_add(q, value, len);
	}
	return true;
}

static int
write_all(struct many *m, size_t n)
{
	char channel[KEY_SHORT];
	struct command q;

	if (!begin_script(m, &q, n, 2 + 3 * m->n + 2 * n))
		return LK_E_NOMEM;
	for (size_t i = 0; i < m->n; i++) {
		if (m->one[i].is_open)
			add_keys(&q, &m->one[i].c);
	}
	key_short(m->ask.s, 'h', channel);
	command_say(&q, m->ask.epoch);
	command_say(&q, channel);
	for (size_t i = 0; i < m->n; i++) {
		if (m->one[i].is_open && !add_one(&q, &m->one[i]))
			return LK_E_NOMEM;
	}
	return ask_script(&m->ask, SCRIPT_WRITE_MANY, &q);
}

/* Somebody has written since; or we have, and the answer was lost. */
static void
judge_late(struct many *m, struct one *o, const redisReply *is)
{
	struct change *c = &o->c;
	int rc;

	if (is->elements != c->n + 1 || change_take(c, is->element[0], is->element + 1) != 0) {
		end(o, ask_complain(&m->ask));
		return;
	}
	if (m->ask.perhaps && change_is_ours(c, o->version)) {
		rc = ask_assure(&m->ask);
		if (rc == 0)
			change_is_written(c, o->version, 0);
		end(o, rc);
		return;
	}
	for (size_t i = 0; i < c->n; i++)
		change_remember(c, i);
	if (m->ask.perhaps)
		end(o, store_complain(m->ask.s, LK_E_UNKNOWN,
				      "an answer was lost, and others have written since"));
	else
		leave(o);
}

static void
judge_one(struct many *m, struct one *o, const redisReply *is)
{
	if (is->type == REDIS_REPLY_INTEGER) {
		change_is_written(&o->c, o->version, 0);
		end(o, 0);
	} else if (is->type == REDIS_REPLY_ARRAY) {
		judge_late(m, o, is);
	} else {
		end(o, ask_complain(&m->ask));
	}
}

/* One answer for each that was written. */
static int
judge_all(struct many *m)
{
	const redisReply *all = m->ask.reply;
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		n += m->one[i].is_open;
	if (all->type != REDIS_REPLY_ARRAY || all->elements != n)
		return ask_complain(&m->ask);
	n = 0;
	for (size_t i = 0; i < m->n; i++) {
		if (m->one[i].is_open)
			judge_one(m, &m->one[i], all->element[n++]);
	}
	return 0;
}

/* Nobody knows what is there now. */
static void
forget_all(struct many *m)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct one *o = &m->one[i];

		for (size_t k = 0; o->is_open && k < o->c.n; k++)
			cache_forget(&m->ask.s->cache, o->c.r[k].name, o->c.r[k].len);
	}
}

/* --------------------------------------------------------------------------- all of it */

/* False: no memory. */
static bool
begin(struct many *m, struct lk_store_update *u, size_t n)
{
	m->n = n;
	m->one = arena_alloc(&m->ask.arena, n * sizeof(*m->one));
	for (size_t i = 0; m->one != NULL && i < n; i++) {
		struct one *o = &m->one[i];

		*o = (struct one){ .u = &u[i], .is_open = true };
		o->c = (struct change){ .ask = &m->ask,
					.r = u[i].r,
					.n = u[i].n,
					.fn = u[i].fn,
					.arg = u[i].arg,
					.round = &m->ask.arena };
		if (records_check(u[i].r, u[i].n) != 0 || u[i].fn == NULL)
			leave(o); /* alone it hears what is wrong */
		else if (!change_keys(&o->c))
			return false;
	}
	return m->one != NULL;
}

/* In another epoch nothing was done.  (RD5) */
static void
make_all(struct many *m)
{
	size_t n;
	int rc = read_all(m);

	if (rc == 0) {
		n = decide_all(m);
		rc = n != 0 ? write_all(m, n) : 0;
		if (rc == 0 && n != 0)
			rc = judge_all(m);
		if (rc == LK_E_UNKNOWN)
			forget_all(m);
	}
	if ((rc == LK_E_STORE || rc == LK_E_TIMEDOUT) && ask_is_in_doubt(&m->ask))
		rc = LK_E_UNKNOWN; /* what is tried again here may be written (RD8) */
	if (rc == ASK_OTHER_EPOCH || rc == LK_E_NOMEM)
		leave_all(m);
	else
		end_all(m, rc);
}

static void
answer_all(struct lk_store_update *u, size_t n, int rc, bool is_left)
{
	for (size_t i = 0; i < n; i++) {
		u[i].rc = rc;
		u[i].is_left = is_left;
	}
}

void
many_update(struct lk_store *base, struct lk_store_update *u, size_t n, uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	struct redis_store *s = redis_store_of(base);
	struct many m;
	int rc;

	answer_all(u, n, 0, false);
	rc = s->is_read_only ? LK_E_PERM : ask_begin(&m.ask, s, deadline_ns);
	if (rc != 0) {
		answer_all(u, n, rc, rc == LK_E_PERM);
		(void)quiet_leave(q, 0);
		return;
	}
	if (begin(&m, u, n))
		make_all(&m);
	else
		answer_all(u, n, 0, true);
	(void)ask_end(&m.ask, 0);
	for (size_t i = 0; i < n; i++) {
		if (u[i].is_left == 0)
			records_end(u[i].r, u[i].n);
	}
	(void)quiet_leave(q, 0);
}
