/* SPDX-License-Identifier: MIT */
/* The breaker: what failed, how often, and who may ask.  (BK1-BK5) */
#include "remote/breaker.h"

#include <stdio.h>
#include <string.h>

#include <latchkey/format.h>

#include "base/compiler.h"
#include "base/hash.h"
#include "store/words.h"

/* A name that has failed since it last answered. */
struct failing {
	struct circuit is;
	struct cds_list_head in_chain;
	struct cds_list_head in_list; /* counting, or open */
	size_t len;
	unsigned char name[]; /* of its record */
};

/* What an answer says of the store. */
enum verdict { VERDICT_NOTHING, VERDICT_ANSWERED, VERDICT_FAILED };

/* One call, from before it to after it. */
struct passage {
	const unsigned char *name; /* of the record that it is about; NULL: none */
	size_t len;
	uint64_t ticket; /* of the store's circuit when it began */
	uint64_t name_ticket;
	bool probes;
	bool name_probes;
};

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static enum verdict
verdict_of(int rc)
{
	switch (rc) {
	case LK_E_STORE:
	case LK_E_UNKNOWN:
		return VERDICT_FAILED;
	case LK_E_TIMEDOUT:
	case LK_E_BUSY:
	case LK_E_NOMEM:
	case LK_E_FORKED:
		return VERDICT_NOTHING;
	default:
		return VERDICT_ANSWERED;
	}
}

/* ----------------------------------------------------------------------- one circuit */

static void
open_it(struct breaker *b, struct circuit *c)
{
	const uint64_t now = env_boottime(b->env);

	c->is_open = true;
	c->is_probed = false;
	c->due_ns = now + least(b->limits.reset_ns, SHIM_NEVER - now);
	c->ticket = ++b->last_ticket;
}

static void
close_it(struct breaker *b, struct circuit *c)
{
	c->is_open = c->is_probed = false;
	c->failures = 0;
	c->ticket = ++b->last_ticket;
}

/* May a call go?  `*probes`: it is the probe. */
static bool
lets_go(struct breaker *b, struct circuit *c, bool *probes)
{
	*probes = false;
	if (!c->is_open)
		return true;
	if (c->is_probed || env_boottime(b->env) < c->due_ns) {
		c->refused++;
		return false;
	}
	c->is_probed = *probes = true;
	c->ticket = ++b->last_ticket;
	return true;
}

static void
fail(const struct breaker *b, struct circuit *c, int rc)
{
	c->failures++;
	c->failed_ns = env_boottime(b->env);
	c->last_code = rc;
}

static bool
is_too_often(const struct breaker *b, const struct circuit *c)
{
	return b->limits.threshold != LK_OFF && c->failures >= b->limits.threshold;
}

/* ------------------------------------------------------------------------- the names */

static struct cds_list_head *
chain_of(struct breaker *b, const void *name, size_t len)
{
	return &b->chain[hash_bytes(name, len, (uintptr_t)b) % BREAKER_CHAINS];
}

static struct failing *
find(struct breaker *b, const void *name, size_t len)
{
	struct cds_list_head *node;

	if (name == NULL || b->n_names == 0)
		return NULL;
	cds_list_for_each(node, chain_of(b, name, len))
	{
		struct failing *f = container_of(node, struct failing, in_chain);

		if (f->len == len && memcmp(f->name, name, len) == 0)
			return f;
	}
	return NULL;
}

static void
forget(struct breaker *b, struct failing *f)
{
	cds_list_del(&f->in_chain);
	cds_list_del(&f->in_list);
	b->n_names--;
	env_free(b->env, f, sizeof(*f) + f->len);
}

/* Those that are closed.  (BK4) */
static void
forget_closed(struct breaker *b)
{
	while (!cds_list_empty(&b->counting))
		forget(b, container_of(b->counting.next, struct failing, in_list));
}

/* Room for one more?  Who failed longest ago makes it.  (BK4) */
static bool
make_room(struct breaker *b)
{
	while (b->n_names >= b->limits.max_entries) {
		if (cds_list_empty(&b->counting))
			return false;
		forget(b, container_of(b->counting.next, struct failing, in_list));
	}
	return true;
}

static struct failing *
find_or_make(struct breaker *b, const void *name, size_t len)
{
	struct failing *f = find(b, name, len);

	if (f != NULL || name == NULL || !make_room(b))
		return f;
	f = env_zalloc(b->env, sizeof(*f) + len, sizeof(void *));
	if (f == NULL)
		return NULL; /* then it is not counted */
	memcpy(f->name, name, len);
	f->len = len;
	f->is.ticket = ++b->last_ticket;
	cds_list_add(&f->in_chain, chain_of(b, name, len));
	cds_list_add_tail(&f->in_list, &b->counting);
	b->n_names++;
	return f;
}

/* --------------------------------------------------------------- before and after a call */

/* 0, and `p` is to be told what came of it; or LK_E_BREAKER. */
static int
enter(struct breaker *b, struct passage *p)
{
	struct failing *f;
	bool may;

	latch_lock(&b->latch);
	may = lets_go(b, &b->all, &p->probes); /* (BK1) */
	f = may ? find(b, p->name, p->len) : NULL;
	if (f != NULL) {
		may = lets_go(b, &f->is, &p->name_probes);
		p->name_ticket = f->is.ticket;
		if (!may && p->probes)
			b->all.is_probed = false; /* another name's call may go in its place */
	}
	p->ticket = b->all.ticket;
	latch_unlock(&b->latch);
	return may ? 0 : LK_E_BREAKER;
}

/* What it came to for the store.  True: it has opened. */
static bool
settle_store(struct breaker *b, const struct passage *p, enum verdict v, int rc)
{
	struct circuit *c = &b->all;

	if (p->ticket != c->ticket)
		return false; /* (BK2) */
	if (v == VERDICT_FAILED)
		fail(b, c, rc);
	if (p->probes && v == VERDICT_ANSWERED) {
		close_it(b, c);
		forget_closed(b); /* it was not theirs to fail (BK3) */
	} else if (p->probes) {
		open_it(b, c); /* for as long again */
	} else if (v == VERDICT_ANSWERED) {
		c->failures = 0;
	} else if (v == VERDICT_FAILED && is_too_often(b, c)) {
		open_it(b, c);
		c->opened++;
		return true;
	}
	return false;
}

static void
move_to(struct failing *f, struct cds_list_head *list)
{
	cds_list_del(&f->in_list);
	cds_list_add_tail(&f->in_list, list);
}

static void
fail_name(struct breaker *b, struct failing *f, const struct passage *p, int rc)
{
	fail(b, &f->is, rc);
	if (p->name_probes) {
		open_it(b, &f->is);
	} else if (!f->is.is_open && !b->all.is_open && is_too_often(b, &f->is)) { /* (BK3) */
		open_it(b, &f->is);
		f->is.opened++;
	}
	move_to(f, f->is.is_open ? &b->open : &b->counting);
}

/* … and for the name. */
static void
settle_name(struct breaker *b, const struct passage *p, enum verdict v, int rc)
{
	struct failing *f =
		v == VERDICT_FAILED ? find_or_make(b, p->name, p->len) : find(b, p->name, p->len);

	if (f == NULL)
		return;
	if (f->is.is_open && p->name_ticket != f->is.ticket)
		return; /* it was on its way when that opened (BK2) */
	if (v == VERDICT_FAILED)
		fail_name(b, f, p, rc);
	else if (v == VERDICT_ANSWERED)
		forget(b, f);
	else if (p->name_probes)
		open_it(b, &f->is);
}

static int
leave(struct breaker *b, const struct passage *p, int rc)
{
	const enum verdict v = verdict_of(rc);
	void (*on_open)(void *arg) = NULL;
	void *arg;

	latch_lock(&b->latch);
	if (settle_store(b, p, v, rc))
		on_open = b->on_open;
	arg = b->arg;
	settle_name(b, p, v, rc);
	latch_unlock(&b->latch);
	if (on_open != NULL)
		on_open(arg);
	return rc;
}

/*
 * What a heartbeat came to, that always goes.  That it is answered says that a probe may be worth it; of a closed circuit
 * it says nothing, as who answers it may be unable to write.
 */
static int
heartbeat(struct breaker *b, int rc)
{
	struct passage p = { .name = NULL };

	latch_lock(&b->latch);
	p.ticket = b->all.is_open ? 0 : b->all.ticket;
	if (b->all.is_open && verdict_of(rc) == VERDICT_ANSWERED)
		b->all.due_ns = 0;
	latch_unlock(&b->latch);
	return verdict_of(rc) == VERDICT_FAILED ? leave(b, &p, rc) : rc;
}

/* -------------------------------------------------------------- the store that is asked */

static struct breaker *
of(struct lk_store *s)
{
	return container_of(s, struct breaker, store);
}

/* The last name of a lock among them: that is what the call is about, others are its ancestors. */
static struct passage
about(const struct lk_store_record *r, size_t n)
{
	struct passage p = { .name = NULL };

	for (size_t i = 0; i < n; i++) {
		const unsigned char *name = r[i].name;

		if (r[i].len > 1 && (name[0] == 'n' || name[0] == 'i')) {
			p.name = name;
			p.len = r[i].len;
		}
	}
	return p;
}

/* What the store says, if it is asked. */
#define ASK(b, p, call, ...)                                                                \
	({                                                                                  \
		const int barred_ = enter(b, p);                                            \
		barred_ != 0 ? barred_                                                      \
			     : leave(b, p, (b)->inner->ops->call((b)->inner, __VA_ARGS__)); \
	})

static int
b_update(struct lk_store *s, struct lk_store_record *r, size_t n, lk_store_change_fn *fn, void *arg,
	 uint64_t deadline_ns)
{
	struct breaker *b = of(s);
	struct passage p = about(r, n);

	return ASK(b, &p, update, r, n, fn, arg, deadline_ns);
}

static int
b_read(struct lk_store *s, struct lk_store_record *r, size_t n, lk_store_change_fn *fn, void *arg,
       uint64_t deadline_ns)
{
	struct breaker *b = of(s);
	struct passage p = about(r, n);

	return ASK(b, &p, read, r, n, fn, arg, deadline_ns);
}

static int
look(void *arg, struct lk_store_record *r, size_t n)
{
	(void)arg;
	(void)r;
	(void)n;
	return 0;
}

/* With a name that is open among them each is asked by itself, as then not all may go.  True: so it is. */
static bool
has_open_names(struct breaker *b)
{
	bool has;

	latch_lock(&b->latch);
	has = !cds_list_empty(&b->open);
	latch_unlock(&b->latch);
	return has;
}

/* What each of several came to is that of its name. */
static void
settle_names(struct breaker *b, const struct lk_store_update *u, size_t n)
{
	latch_lock(&b->latch);
	for (size_t i = 0; i < n; i++) {
		const struct passage p = about(u[i].r, u[i].n);

		if (u[i].is_left == 0)
			settle_name(b, &p, verdict_of(u[i].rc), u[i].rc);
	}
	latch_unlock(&b->latch);
}

/* For the store several together are one call: it failed if all of them did. */
static int
code_of_all(const struct lk_store_update *u, size_t n)
{
	int rc = LK_E_TIMEDOUT;

	for (size_t i = 0; i < n; i++) {
		if (u[i].is_left != 0)
			continue;
		if (verdict_of(u[i].rc) == VERDICT_ANSWERED)
			return u[i].rc;
		if (verdict_of(u[i].rc) == VERDICT_FAILED)
			rc = u[i].rc;
	}
	return rc;
}

static void
b_update_many(struct lk_store *s, struct lk_store_update *u, size_t n, uint64_t deadline_ns)
{
	struct breaker *b = of(s);
	struct passage p = { .name = NULL };
	const bool is_apart = has_open_names(b);
	const int rc = is_apart ? 0 : enter(b, &p);

	for (size_t i = 0; i < n && (is_apart || rc != 0); i++) {
		u[i].rc = rc;
		u[i].is_left = is_apart;
	}
	if (is_apart || rc != 0)
		return;
	b->inner->ops->update_many(b->inner, u, n, deadline_ns);
	(void)leave(b, &p, code_of_all(u, n));
	settle_names(b, u, n);
}

/* It may take minutes: so it is no probe, but sends one before it. */
static int
b_scan(struct lk_store *s, const void *prefix, size_t len, lk_store_each_fn *fn, void *arg,
       uint64_t deadline_ns)
{
	struct breaker *b = of(s);
	struct lk_store_record r = { .name = "f", .len = 1, .flags = LK_STORE_DURABLE };
	struct passage p = { .name = NULL };
	int rc = breaker_bars(b) ? LK_E_BREAKER : 0;

	if (rc == 0)
		rc = b_read(s, &r, 1, look, NULL, deadline_ns);
	if (rc != 0 && rc != LK_E_CORRUPT)
		return rc;
	return ASK(b, &p, scan, prefix, len, fn, arg, deadline_ns);
}

static int
b_session_open(struct lk_store *s, const struct lk_session_id *id, uint64_t ttl_ns, const char *who,
	       uint64_t deadline_ns)
{
	struct breaker *b = of(s);

	return heartbeat(b, b->inner->ops->session_open(b->inner, id, ttl_ns, who, deadline_ns));
}

static int
b_session_renew(struct lk_store *s, const struct lk_session_id *id, uint64_t deadline_ns)
{
	struct breaker *b = of(s);

	return heartbeat(b, b->inner->ops->session_renew(b->inner, id, deadline_ns));
}

static int
b_session_close(struct lk_store *s, const struct lk_session_id *id, uint64_t deadline_ns)
{
	return of(s)->inner->ops->session_close(of(s)->inner, id, deadline_ns);
}

static int
b_session_alive(struct lk_store *s, const struct lk_session_id *ids, size_t n, unsigned char *alive,
		uint64_t deadline_ns)
{
	struct passage p = { .name = NULL };

	return ASK(of(s), &p, session_alive, ids, n, alive, deadline_ns);
}

static int
b_session_who(struct lk_store *s, const struct lk_session_id *id, char *buf, size_t cap,
	      uint64_t deadline_ns)
{
	struct passage p = { .name = NULL };

	return ASK(of(s), &p, session_who, id, buf, cap, deadline_ns);
}

static int
b_watch(struct lk_store *s, lk_store_hint_fn *fn, void *arg)
{
	return of(s)->inner->ops->watch(of(s)->inner, fn, arg);
}

static void
b_unwatch(struct lk_store *s)
{
	of(s)->inner->ops->unwatch(of(s)->inner);
}

/* A store without a clock says so, asked or not.  It may be known here without asking, so it counts for nothing. */
static int
b_now(struct lk_store *s, uint64_t *ns, uint64_t *clock_id, uint64_t deadline_ns)
{
	struct breaker *b = of(s);

	if ((b->ops.capabilities & LK_STORE_HAS_CLOCK) != 0 && breaker_bars(b))
		return LK_E_BREAKER;
	return b->inner->ops->now(b->inner, ns, clock_id, deadline_ns);
}

static int
b_level(struct lk_store *s, struct lk_guarantee *out)
{
	return of(s)->inner->ops->level(of(s)->inner, out);
}

/* ------------------------------------------------------------------------ in words */

/* Why it is not asked; "" if it is. */
static void
say(struct breaker *b, char *out, size_t cap)
{
	struct lk_breaker s;
	char text[32];

	breaker_read(b, NULL, 0, &s);
	out[0] = '\0';
	if (s.state == LK_BREAKER_CLOSED)
		return;
	(void)lk_format_duration_ms((s.next_attempt_ns + 999999) / 1000000, text, sizeof(text));
	(void)snprintf(out, cap, "%s: %llu failures in a row, the last of them %s; ", s.store,
		       (unsigned long long)s.failures, lk_errname(s.last_code));
	(void)snprintf(out + strlen(out), cap - strlen(out), "%s%s",
		       s.state == LK_BREAKER_OPEN ? "asked again in " : "it is tried again now",
		       s.state == LK_BREAKER_OPEN ? text : "");
}

static size_t
b_error(struct lk_store *s, char *buf, size_t cap)
{
	struct breaker *b = of(s);
	char words[512];
	char own[512] = "";
	const char *between = "";

	say(b, words, sizeof(words));
	if (words[0] == '\0')
		return b->inner->ops->error(b->inner, buf, cap);
	(void)b->inner->ops->error(b->inner, own, sizeof(own));
	if (own[0] != '\0')
		between = ": ";
	return (size_t)snprintf(buf, cap, "%s%s%s", words, between, own);
}

static size_t
b_state(struct lk_store *s, char *buf, size_t cap)
{
	return of(s)->inner->ops->state(of(s)->inner, buf, cap);
}

static size_t
b_figures(struct lk_store *s, struct lk_store_figure *out, size_t cap)
{
	return of(s)->inner->ops->figures(of(s)->inner, out, cap);
}

/* ------------------------------------------------------------------ beginning and end */

static void
b_close(struct lk_store *s)
{
	struct breaker *b = of(s);
	struct env *env = b->env;

	b->inner->ops->close(b->inner);
	forget_closed(b);
	while (!cds_list_empty(&b->open))
		forget(b, container_of(b->open.next, struct failing, in_list));
	env_free(env, b, sizeof(*b));
}

static void
set_ops(struct breaker *b)
{
	b->ops = *b->inner->ops;
	b->ops.open = NULL; /* it is open */
	b->ops.close = b_close;
	b->ops.update = b_update;
	b->ops.read = b_read;
	b->ops.scan = b_scan;
	b->ops.session_open = b_session_open;
	b->ops.session_renew = b_session_renew;
	b->ops.session_close = b_session_close;
	b->ops.session_alive = b_session_alive;
	b->ops.session_who = b_session_who;
	b->ops.watch = b_watch;
	b->ops.unwatch = b_unwatch;
	b->ops.now = b_now;
	b->ops.level = b_level;
	b->ops.error = b_error;
	if (b->inner->ops->state != NULL)
		b->ops.state = b_state;
	if (b->inner->ops->figures != NULL)
		b->ops.figures = b_figures;
	if ((b->ops.capabilities & LK_STORE_CAN_MANY) != 0)
		b->ops.update_many = b_update_many;
}

struct breaker *
breaker_open(struct env *env, struct lk_store *inner, const char *url,
	     const struct breaker_limits *limits)
{
	struct breaker *b = env_zalloc(env, sizeof(*b), LK_LINE);

	if (b == NULL)
		return NULL;
	b->env = env;
	b->inner = inner;
	b->limits = *limits;
	latch_init(&b->latch);
	for (size_t i = 0; i < BREAKER_CHAINS; i++)
		CDS_INIT_LIST_HEAD(&b->chain[i]);
	CDS_INIT_LIST_HEAD(&b->counting);
	CDS_INIT_LIST_HEAD(&b->open);
	set_ops(b);
	store_in_words(url, b->name, sizeof(b->name));
	b->all.ticket = b->last_ticket = 1; /* 0 is nobody's */
	b->store = (struct lk_store){ .ops = &b->ops, .inside = inner->inside };
	return b;
}

void
breaker_watch(struct breaker *b, void (*on_open)(void *arg), void *arg)
{
	latch_lock(&b->latch);
	b->on_open = on_open;
	b->arg = arg;
	latch_unlock(&b->latch);
}

void
breaker_set(struct breaker *b, const struct breaker_limits *limits)
{
	latch_lock(&b->latch);
	b->limits = *limits;
	(void)make_room(b);
	latch_unlock(&b->latch);
}

/* ----------------------------------------------------------------------- for who asks */

bool
breaker_bars(struct breaker *b)
{
	bool bars;

	latch_lock(&b->latch);
	bars = b->all.is_open && (b->all.is_probed || env_boottime(b->env) < b->all.due_ns);
	latch_unlock(&b->latch);
	return bars;
}

/* With the latch. */
static void
tell(const struct breaker *b, const struct circuit *c, uint64_t now, struct lk_breaker *out)
{
	*out = (struct lk_breaker){
		.size = sizeof(*out),
		.state = !c->is_open                        ? LK_BREAKER_CLOSED
			 : c->is_probed || now >= c->due_ns ? LK_BREAKER_HALF_OPEN
							    : LK_BREAKER_OPEN,
		.last_code = c->last_code,
		.failures = c->failures,
		.last_failure_ns = c->last_code != 0 ? now - least(c->failed_ns, now) : LK_OFF,
		.opened = c->opened,
		.refused = c->refused,
	};
	if (out->state == LK_BREAKER_OPEN)
		out->next_attempt_ns = c->due_ns - now;
	memcpy(out->store, b->name, sizeof(out->store));
}

/* That of a lock's name that is bytes; the name of its record is in `room`. */
static struct failing *
find_named(struct breaker *b, const void *name, size_t len, unsigned char *room)
{
	room[0] = 'n';
	memcpy(room + 1, name, len);
	return find(b, room, len + 1);
}

void
breaker_read(struct breaker *b, const void *name, size_t len, struct lk_breaker *out)
{
	static const struct circuit nothing;
	const uint64_t now = env_boottime(b->env);
	unsigned char room[LK_NAME_MAX + 1];
	struct failing *f;

	latch_lock(&b->latch);
	f = name != NULL ? find_named(b, name, len, room) : NULL;
	tell(b, name == NULL ? &b->all : f != NULL ? &f->is : &nothing, now, out);
	latch_unlock(&b->latch);
}

void
breaker_reset(struct breaker *b, const void *name, size_t len)
{
	unsigned char room[LK_NAME_MAX + 1];
	struct failing *f;

	latch_lock(&b->latch);
	f = name != NULL ? find_named(b, name, len, room) : NULL;
	if (f != NULL)
		forget(b, f);
	if (name == NULL) {
		close_it(b, &b->all);
		forget_closed(b);
		while (!cds_list_empty(&b->open))
			forget(b, container_of(b->open.next, struct failing, in_list));
	}
	latch_unlock(&b->latch);
}

/* Bytes that a list of all needs.  With the latch. */
static size_t
list_size(struct breaker *b)
{
	const size_t rows = (1 + b->n_names) * sizeof(struct lk_breaker);
	size_t names = 0;
	struct cds_list_head *node;

	cds_list_for_each(node, &b->open) names +=
		container_of(node, struct failing, in_list)->len - 1;
	cds_list_for_each(node, &b->counting) names +=
		container_of(node, struct failing, in_list)->len - 1;
	return rows + names;
}

static void
add(struct breaker *b, const struct cds_list_head *list, uint64_t now, struct lk_breaker **row,
    char **text)
{
	struct cds_list_head *node;

	cds_list_for_each(node, list)
	{
		const struct failing *f = container_of(node, struct failing, in_list);

		tell(b, &f->is, now, *row);
		memcpy(*text, f->name + 1, f->len - 1);
		(*row)->flags = f->name[0] == 'i' ? LK_BREAKER_ID : 0;
		(*row)->name = *text;
		(*row)->name_len = f->len - 1;
		*text += f->len - 1;
		++*row;
	}
}

/* With the latch, into that much memory.  False: there are more now. */
static bool
fill(struct breaker *b, struct lk_breaker *list, size_t size, size_t *n)
{
	const uint64_t now = env_boottime(b->env);
	struct lk_breaker *row = list;
	char *text = (char *)(list + 1 + b->n_names);

	if (list_size(b) > size)
		return false;
	tell(b, &b->all, now, row++);
	add(b, &b->open, now, &row, &text);
	add(b, &b->counting, now, &row, &text);
	*n = (size_t)(row - list);
	return true;
}

struct lk_breaker *
breaker_list(struct breaker *b, size_t *n, size_t *size)
{
	struct lk_breaker *list;
	bool is_full;

	for (;;) {
		latch_lock(&b->latch);
		*size = list_size(b);
		latch_unlock(&b->latch);
		list = env_alloc(b->env, *size, sizeof(void *));
		if (list == NULL)
			return NULL;
		latch_lock(&b->latch);
		is_full = fill(b, list, *size, n);
		latch_unlock(&b->latch);
		if (is_full)
			return list;
		env_free(b->env, list, *size);
	}
}
