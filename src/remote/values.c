/* SPDX-License-Identifier: MIT */
/* Values of names that several processes share.  (VC1-VC4) */
#include "remote/values.h"
#include "remote/inside.h"

enum { BORROW_NS = 2000000000, AGAIN_NS = 100000000 };

/* Can nobody else write, or read, as long as the record says that? */
static bool
nobody_writes(const struct cover *c)
{
	const lk_mode said = c->value.said;

	return said == LK_IX || mode_writes(said);
}

static bool
nobody_reads(const struct cover *c)
{
	return c->value.said == LK_X;
}

void
value_forget(struct cover *c)
{
	c->value = (struct cover_value){ .said = LK_NL };
}

bool
value_leaves(struct cover *c, struct lk_value *value)
{
	if (!mode_covers(c->has, c->value.said))
		c->value.said = c->has; /* (VC1) */
	*value = c->value.is;
	return c->value.owes;
}

static void
has_arrived(struct cover *c, const struct lk_value *sent)
{
	struct cover_value *v = &c->value;

	if (sent != NULL && v->is.version == sent->version && v->is.flags == sent->flags)
		v->owes = false;
}

/* What we wrote since the record was asked is newer. */
static void
take_from_record(struct cover_value *v, const struct lk_value *value)
{
	if (value->version > v->is.version)
		v->is = *value;
	else if (value->version == v->is.version)
		v->is.flags |= value->flags;
}

void
value_arrives(struct cover *c, const struct answer *a, const struct lk_value *sent)
{
	struct cover_value *v = &c->value;

	if (a->kind == ANSWER_FAILED)
		return;
	has_arrived(c, sent);
	take_from_record(v, &a->value);
	if (a->kind != ANSWER_HAS)
		return;
	v->said = a->has;
	if (a->fence_end != 0) {
		v->before = a->fence_from;
		v->end = a->fence_end;
	}
}

/* (VC3) */
static uint64_t
next_version(const struct cover_value *v)
{
	return (v->is.version > v->before ? v->is.version : v->before) + 1;
}

/* The record gets what there is at this moment. */
static int
send(struct remote *m, const struct lk_resource *r, const struct lk_value *value)
{
	const struct ask q = { .id = value->version, .value = value };
	const struct answer a = ask_value(m, r, &q);
	struct cover *c;

	if (a.kind == ANSWER_FAILED)
		return a.rc;
	latch_lock(&m->latch);
	c = cover_find(m, r);
	if (c != NULL)
		has_arrived(c, value);
	latch_unlock(&m->latch);
	return 0;
}

void
value_settle(struct cover *c)
{
	struct remote *m = c->of;
	struct lk_value value;
	bool owes;
	int rc;

	latch_lock(&m->latch);
	value = c->value.is;
	owes = c->value.owes && mode_writes(c->value.said);
	latch_unlock(&m->latch);
	if (!owes)
		return;
	rc = send(m, c->r, &value);
	if (rc != 0 && rc != LK_E_LOST)
		timer_set(m->p.timers, &c->timer, env_boottime(m->p.env) + AGAIN_NS);
}

/* ------------------------------------------------------------------------ what it has */

struct cover *
value_cover(struct remote *m, const struct lk_resource *r, lk_mode mode)
{
	struct cover *c = cover_find(m, r);

	return c != NULL && !c->is_lost && mode_covers(c->value.said, mode) ? c : NULL;
}

int
value_borrow(struct remote *m, struct lk_resource *r, lk_mode mode)
{
	const uint64_t until = env_boottime(m->p.env) + BORROW_NS;
	bool has;
	int rc;

	do {
		rc = remote_need(m, r, LK_NL, mode, NULL, false);
		latch_lock(&m->latch);
		has = value_cover(m, r, mode) != NULL;
		latch_unlock(&m->latch);
		if (has)
			return 0;
	} while ((rc == 0 || rc == LK_E_BUSY) && env_boottime(m->p.env) < until);
	return rc != 0 ? rc : LK_E_BUSY;
}

/* 0: it is in `out`; LK_E_BUSY: the record has it, or lacks what is in `out`; LK_E_LOST: it is not ours. */
static int
look_at_home(struct remote *m, const struct lk_resource *r, struct lk_value *out)
{
	const struct cover *c;
	int rc = LK_E_LOST;

	latch_lock(&m->latch);
	c = cover_find(m, r);
	if (c != NULL && !c->is_lost)
		*out = c->value.is;
	if (value_cover(m, r, LK_IS) != NULL)
		rc = nobody_writes(c) ? 0 : LK_E_BUSY;
	latch_unlock(&m->latch);
	return rc;
}

/*
 * What is on its way to the record is newer than what is found there: a writer here made room for a reader here as soon as
 * `said` fell, and the store may have yet to hear of it.  (VC2)
 */
static void
take_from_home(struct lk_value *out, const struct lk_value *home)
{
	if (home->version > out->version)
		*out = *home;
	else if (home->version == out->version)
		out->flags |= home->flags;
}

int
remote_value_read(struct remote *m, struct lk_resource *r, bool is_implied, struct lk_value *out)
{
	struct lk_value home = { .version = 0 };
	int rc = look_at_home(m, r, &home);

	if (rc == LK_E_LOST && is_implied) {
		rc = value_borrow(m, r, LK_IS);
		if (rc != 0)
			return rc;
		(void)look_at_home(m, r, &home);
		rc = LK_E_BUSY; /* or it went back by now: it is in one of the two in any case */
	}
	if (rc == 0)
		*out = home;
	if (rc != LK_E_BUSY)
		return rc;
	rc = ask_for_value(m, r, out);
	if (rc == 0)
		take_from_home(out, &home);
	return rc;
}

/* With the latch. */
static void
write_at_home(struct cover *c, const void *bytes, size_t len)
{
	struct cover_value *v = &c->value;
	struct lk_value fresh = { .version = next_version(v), .len = len };

	if (len != 0)
		memcpy(fresh.bytes, bytes, len);
	v->is = fresh;
	v->owes = true;
}

/* LK_E_LOST: it is not ours; LK_E_BUSY: it is written here, and `*value` is to be sent; 0: written. */
static int
try_to_write(struct remote *m, const struct lk_resource *r, const void *bytes, size_t len,
	     struct lk_value *value)
{
	struct cover *c;
	int rc = LK_E_LOST;

	latch_lock(&m->latch);
	c = value_cover(m, r, LK_U);
	if (c != NULL) {
		write_at_home(c, bytes, len);
		*value = c->value.is;
		rc = nobody_reads(c) && value->version <= c->value.end ? 0 : LK_E_BUSY;
	}
	latch_unlock(&m->latch);
	return rc;
}

/* Whoever works on its cover sends it, soon. */
static void
send_later(struct remote *m, const struct lk_resource *r)
{
	struct cover *c;

	latch_lock(&m->latch);
	c = cover_find(m, r);
	if (c != NULL)
		timer_set(m->p.timers, &c->timer, 0);
	latch_unlock(&m->latch);
}

int
remote_value_write(struct remote *m, struct lk_resource *r, bool is_implied, const void *bytes,
		   size_t len)
{
	struct lk_value value;
	int rc;

	while ((rc = try_to_write(m, r, bytes, len, &value)) == LK_E_LOST && is_implied) {
		rc = value_borrow(m, r, LK_X);
		if (rc != 0)
			return rc; /* LK_E_BUSY too: there is nothing to send */
	}
	if (rc != LK_E_BUSY)
		return rc;
	rc = send(m, r, &value);
	if (rc == LK_E_LOST && is_implied)
		return 0; /* what was borrowed went back meanwhile, and the value with it (VC2) */
	if (rc != 0 && rc != LK_E_LOST)
		send_later(m, r);
	return rc;
}

void
remote_value_invalidate(struct remote *m, const struct lk_resource *r)
{
	struct cover *c;

	latch_lock(&m->latch);
	c = value_cover(m, r, LK_U);
	if (c != NULL && c->value.is.version != 0) {
		c->value.is.flags |= LK_VALUE_INVALID;
		c->value.owes = true;
		if (!nobody_reads(c))
			timer_set(m->p.timers, &c->timer, 0);
	}
	latch_unlock(&m->latch);
}
