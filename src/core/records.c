/* SPDX-License-Identifier: MIT */
/* What the store has of names, for who asks. */
#include <stdio.h>

#include <latchkey/health.h>

#include "core/upkeep.h"

struct telling {
	struct upkeep *u;
	int (*fn)(void *arg, const struct lk_record_row *row);
	void *arg;
	uint64_t now;
	uint64_t clock;
	struct record_id me;
	char who[RECORD_TAG + 1];
};

static uint64_t
since(const struct telling *t, const struct record *r, uint64_t then)
{
	return r->clock == t->clock && t->clock != 0 && t->now > then ? t->now - then : 0;
}

static uint32_t
flags_of(const struct telling *t, const struct record_id *who, uint8_t flags)
{
	const bool detached = (flags & HOLDER_DETACHED) != 0;
	const bool kept = (flags & HOLDER_KEPT) != 0;

	if (detached || kept)
		return detached ? LK_RECORD_DETACHED : LK_RECORD_KEPT;
	return (record_id_is(who, &t->me) ? LK_RECORD_OURS : 0) |
	       (upkeep_is_dead(t->u, who) ? LK_RECORD_DEAD : 0);
}

static void
set_who(struct telling *t, const uint8_t *tag, uint8_t len)
{
	memcpy(t->who, tag, len);
	t->who[len] = '\0';
}

static int
tell_holders(struct telling *t, const struct record *r, struct lk_record_row row)
{
	const uint32_t flags = row.flags;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < r->n_holders; i++) {
		const struct record_holder *h = &r->holder[i];

		row.flags = flags | flags_of(t, &h->who, h->flags);
		row.held = (lk_mode)h->mode;
		row.units = h->units;
		row.since_ns = since(t, r, h->since);
		memcpy(&row.session, &h->who, sizeof(row.session));
		set_who(t, h->tag, h->tag_len);
		rc = t->fn(t->arg, &row);
	}
	return rc;
}

static int
tell_waiters(struct telling *t, const struct record *r, struct lk_record_row row)
{
	const uint32_t flags = row.flags;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < r->n_waiters; i++) {
		const struct record_waiter *w = &r->waiter[i];

		row.flags = flags | flags_of(t, &w->who, w->flags);
		row.wanted = (lk_mode)w->want;
		row.position = i + 1;
		row.units = w->units;
		row.since_ns = since(t, r, w->since);
		memcpy(&row.session, &w->who, sizeof(row.session));
		set_who(t, w->tag, w->tag_len);
		rc = t->fn(t->arg, &row);
	}
	return rc;
}

static int
tell(void *arg, const struct upkeep_row *found)
{
	struct telling *t = arg;
	struct lk_record_row row = {
		.size = sizeof(row),
		.flags = found->is_id ? LK_RECORD_ID : 0,
		.who = t->who,
		.name = found->name,
		.name_len = found->len,
	};
	const struct record *r = found->r;
	int rc;

	t->who[0] = '\0';
	if (r == NULL && found->fault == RECORD_FINE)
		return 0; /* there is none */
	if (r == NULL) {
		row.flags |=
			LK_RECORD_DAMAGED | (found->fault == RECORD_NEWER ? LK_RECORD_NEWER : 0);
		return t->fn(t->arg, &row);
	}
	upkeep_know(t->u, r);
	row.flags |= r->is_orphaned ? LK_RECORD_ORPHANED : 0;
	row.fence = r->fence;
	rc = tell_holders(t, r, row);
	return rc == 0 ? tell_waiters(t, r, row) : rc;
}

static void
begin(struct telling *t, struct lk_manager *m)
{
	struct upkeep_parts parts;

	remote_parts_of(m->remote, &parts);
	memcpy(&t->me, &parts.me, sizeof(t->me));
	(void)upkeep_clock(t->u, &t->now, &t->clock);
}

int
lk_record_each(struct lk_manager *m, const void *prefix, size_t len,
	       int (*fn)(void *arg, const struct lk_record_row *row), void *arg)
{
	struct telling t = { .fn = fn, .arg = arg };
	int rc = fn != NULL ? upkeep_check(m, prefix, len, true) : LK_E_INVAL;

	if (rc == 0)
		rc = upkeep_of(m, &t.u);
	if (rc != 0)
		return rc;
	begin(&t, m);
	rc = upkeep_each(t.u, prefix, len, tell, &t);
	upkeep_close(t.u);
	return rc;
}

/* -------------------------------------------------------------------------- one name */

struct summary {
	struct telling *t;
	struct lk_record_info *out;
	bool is_there;
	char first[RECORD_TAG + 1]; /* of the holders */
	lk_mode mode;
};

static int
add(void *arg, const struct lk_record_row *row)
{
	struct summary *s = arg;
	struct lk_record_info *out = s->out;

	out->flags |= row->flags & (LK_RECORD_DAMAGED | LK_RECORD_ORPHANED | LK_RECORD_NEWER);
	out->dead += (row->flags & LK_RECORD_DEAD) != 0;
	out->waiters += row->wanted != LK_NL;
	if (row->held == LK_NL)
		return 0;
	out->flags |= row->flags & LK_RECORD_OURS;
	if (out->holders++ == 0) {
		s->mode = row->held;
		memcpy(s->first, row->who, strlen(row->who) + 1);
	}
	return 0;
}

/* What is not plain text is a dot. */
static void
make_plain(char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < ' ' || *text > '~')
			*text = '.';
	}
}

static void
say(struct summary *s)
{
	struct lk_record_info *out = s->out;
	char *const words = out->words;
	const size_t cap = sizeof(out->words);

	make_plain(s->first);
	if ((out->flags & LK_RECORD_NEWER) != 0) {
		(void)snprintf(words, cap, "a later version of Latchkey has written it");
	} else if ((out->flags & LK_RECORD_DAMAGED) != 0) {
		(void)snprintf(words, cap, "damaged: lk_repair() makes it anew");
	} else if (!s->is_there) {
		(void)snprintf(words, cap, "nobody has it, and nothing is known of it");
	} else if (out->holders == 0) {
		(void)snprintf(words, cap, "nobody has it");
	} else {
		(void)snprintf(words, cap,
			       "%s has it in %s, and %u more have it; %u of those in it are dead",
			       s->first[0] != '\0' ? s->first : "somebody", lk_modename(s->mode),
			       (unsigned)out->holders - 1, (unsigned)out->dead);
	}
}

static int
tell_one(void *arg, const struct upkeep_row *found)
{
	struct summary *s = arg;

	s->is_there = found->r != NULL;
	if (found->r != NULL) {
		s->out->fence = found->r->fence;
		s->out->flags = found->r->is_orphaned ? LK_RECORD_ORPHANED : 0;
	}
	return tell(s->t, found);
}

static int
look(struct telling *t, const void *name, size_t len, bool is_id, struct lk_record_info *out)
{
	struct summary s = { .t = t, .out = out };
	int rc;

	t->fn = add;
	t->arg = &s;
	rc = upkeep_read(t->u, name, len, is_id, tell_one, &s);
	if (rc != 0)
		return rc;
	out->status = (out->flags & LK_RECORD_NEWER) != 0     ? LK_HEALTH_WARN
		      : (out->flags & LK_RECORD_DAMAGED) != 0 ? LK_HEALTH_BAD
		      : out->dead != 0                        ? LK_HEALTH_WARN
							      : LK_HEALTH_OK;
	say(&s);
	return 0;
}

static int
info_of(struct lk_manager *m, const void *name, size_t len, bool is_id, struct lk_record_info *out)
{
	struct lk_record_info info = { .size = sizeof(info) };
	struct telling t = { .fn = NULL };
	int rc = check_reading(m, out, sizeof(info));

	if (rc == 0)
		rc = upkeep_check(m, name, len, false);
	if (rc == 0)
		rc = upkeep_of(m, &t.u);
	if (rc != 0)
		return rc;
	begin(&t, m);
	rc = look(&t, name, len, is_id, &info);
	upkeep_close(t.u);
	if (rc == 0)
		copy_struct(out, &info, sizeof(info));
	return rc;
}

int
lk_record_info(struct lk_manager *m, const void *name, size_t len, struct lk_record_info *out)
{
	return info_of(m, name, len, false, out);
}

int
lk_record_info_id(struct lk_manager *m, uint64_t id, struct lk_record_info *out)
{
	return info_of(m, &id, sizeof(id), true, out);
}
