/* SPDX-License-Identifier: MIT */
/* "file:DIR": the calls of a store in a folder. */
#include "file/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/builtin.h"
#include "common/host.h"
#include "common/number.h"
#include "common/quiet.h"
#include "common/records.h"
#include "file/change.h"
#include "file/dir.h"
#include "file/hints.h"
#include "file/lock.h"
#include "file/many.h"
#include "file/map.h"
#include "file/sessions.h"

int
file_complain(struct file_store *s, int rc, const char *what, const char *why)
{
	return words_say(&s->words, rc, "file:%s%s%s: %s", s->path, what[0] != '\0' ? "/" : "",
			 what, why);
}

int
file_say(struct file_store *s, int rc, const char *what, int error)
{
	return file_complain(s, rc, what, io_text(error));
}

/* ----------------------------------------------------------------- open and close */

static int
read_parameter(struct file_store *s, struct file_wishes *w, const struct lk_store_parameter *p)
{
	const uint64_t x = number_of_bytes(p->value);

	if (strcmp(p->name, "stripes") == 0) {
		w->n_stripes = x <= FILE_STRIPES_MAX ? (uint32_t)x : 0;
		return w->n_stripes != 0 ? 0
					 : words_say(&s->words, LK_E_INVAL,
						     "file: stripes: 1 to %d", FILE_STRIPES_MAX);
	}
	if (strcmp(p->name, "max_size") == 0) {
		s->max_size = x;
		return x >= 1 << 20
			       ? 0
			       : words_say(&s->words, LK_E_INVAL, "file: max_size: 1M or more");
	}
	w->any_fs = x == 1;
	return strcmp(p->value, "0") == 0 || x == 1
		       ? 0
		       : words_say(&s->words, LK_E_INVAL, "file: any_fs: 0 or 1");
}

static int
read_wishes(struct file_store *s, const struct lk_store_open *o, struct file_wishes *w)
{
	*w = (struct file_wishes){ .path = o->rest };
	if (o->handle != NULL)
		return words_say(&s->words, LK_E_INVAL, "file: no use for a connection");
	if (o->rest[0] == '\0')
		return words_say(&s->words, LK_E_INVAL, "file: the path of a folder is missing");
	for (size_t i = 0; i < o->n_parameters; i++) {
		int rc = read_parameter(s, w, &o->parameters[i]);

		if (rc != 0)
			return rc;
	}
	return 0;
}

static void
close_all(struct file_store *s)
{
	for (uint32_t i = 0; i < FILE_STRIPES_ALL; i++)
		io_close(&s->stripes[i].fd);
	listener_close(&s->watch.listener);
	io_close(&s->hints);
	io_close(&s->sessions);
	io_close(&s->space);
	io_close(&s->dir);
}

/* (SE4) */
static void
in_child(struct fork_note *note)
{
	close_all((struct file_store *)(void *)((char *)note - offsetof(struct file_store, fork)));
}

static void
init(struct file_store *s, const struct lk_store_open *o)
{
	s->place = (struct place){ o->allocator, o->environment };
	s->fork.in_child = in_child;
	s->is_read_only = (o->flags & LK_STORE_READ_ONLY) != 0;
	s->time_is_given = (o->flags & LK_STORE_TIME_IS_GIVEN) != 0;
	s->max_size = UINT64_MAX;
	s->clock_id = host_clock_id();
	s->dir = s->space = s->sessions = s->hints = -1;
	listener_init(&s->watch.listener);
	words_init(&s->words);
	pthread_mutex_init(&s->own_lock, NULL);
	names_init(&s->names);
	file_gate_init(&s->setup, FILE_BYTE_SETUP);
	file_gate_init(&s->table, FILE_BYTE_TABLE);
	for (uint32_t i = 0; i < FILE_STRIPES_ALL; i++) {
		s->stripes[i].fd = -1;
		file_gate_init(&s->stripes[i].gate, FILE_BYTE_STRIPE(i));
	}
}

static void
fini(struct file_store *s)
{
	const struct place place = s->place;

	for (uint32_t i = 0; i < FILE_STRIPES_ALL; i++)
		file_map_drop(&s->stripes[i]);
	close_all(s);
	for (uint32_t i = 0; i < FILE_STRIPES_ALL; i++)
		file_gate_fini(&s->stripes[i].gate);
	names_fini(&s->names);
	file_gate_fini(&s->table);
	file_gate_fini(&s->setup);
	pthread_mutex_destroy(&s->own_lock);
	words_fini(&s->words);
	place_free(&place, s, sizeof(*s));
}

static int
set_up(struct file_store *s, const struct lk_store_open *o)
{
	struct file_wishes w;
	int rc = read_wishes(s, o, &w);

	if (rc == 0)
		rc = file_dir_open(s, &w);
	if (rc == 0 && s->max_size != UINT64_MAX)
		s->max_size /= s->n_stripes;
	return rc;
}

static int
open_store(const struct lk_store_open *o, struct lk_store **out)
{
	const struct place place = { o->allocator, o->environment };
	const struct quiet q = quiet_enter();
	struct file_store *s = place_zalloc(&place, sizeof(*s));
	int rc;

	if (s == NULL)
		return quiet_leave(q, LK_E_NOMEM);
	init(s, o);
	rc = forks_join(&s->fork) ? 0 : LK_E_NOMEM; /* before there is anything to inherit */
	if (rc == 0) {
		rc = set_up(s, o);
		if (rc != 0)
			forks_leave(&s->fork);
	}
	if (rc == 0) {
		*out = &s->base;
		return quiet_leave(q, 0);
	}
	if (o->report != NULL && o->report_cap > 0)
		(void)words_copy(&s->words, o->report, o->report_cap);
	fini(s);
	return quiet_leave(q, rc);
}

/* In a child: others may hold what is to be destroyed, so that only the memory goes. */
static void
close_store(struct lk_store *base)
{
	struct file_store *s = file_store_of(base);
	const struct quiet q = quiet_enter();

	if (fork_note_is_foreign(&s->fork)) {
		while (s->own != NULL) {
			struct file_own *own = s->own;

			s->own = own->next;
			place_free(&s->place, own, sizeof(*own));
		}
		place_free(&s->place, s, sizeof(*s));
	} else {
		file_unwatch(base);
		file_sessions_end(s);
		forks_leave(&s->fork);
		fini(s);
	}
	(void)quiet_leave(q, 0);
}

/* ----------------------------------------------------------------- update and look */

static int
with_stripes(struct file_change *c, enum io_lock how, uint64_t deadline_ns,
	     int (*body)(struct file_change *c))
{
	struct file_store *s = c->s;
	int rc = LK_E_NOMEM;

	arena_init(&c->arena, &s->place);
	c->items = arena_alloc(&c->arena, c->n * sizeof(*c->items));
	if (c->items != NULL) {
		file_change_place(c);
		rc = file_lock(s, c->stripes, how, deadline_ns);
	}
	if (rc == 0) {
		rc = body(c);
		file_unlock(s, c->stripes);
		if (rc == 0 || rc == LK_E_UNKNOWN)
			file_change_tell(c);
	}
	records_end(c->r, c->n);
	arena_fini(&c->arena);
	return rc;
}

static int
check(const struct file_change *c)
{
	int rc = records_check(c->r, c->n);

	if (rc != 0 || c->fn == NULL)
		return rc != 0 ? rc : LK_E_INVAL;
	return fork_note_is_foreign(&c->s->fork) ? LK_E_FORKED : 0;
}

static int
update(struct lk_store *base, struct lk_store_record *r, size_t n, lk_store_change_fn *fn,
       void *arg, uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	struct file_change c;
	int rc;

	c.s = file_store_of(base);
	c.r = r;
	c.n = n;
	c.fn = fn;
	c.arg = arg;
	rc = check(&c);

	if (rc == 0 && c.s->is_read_only)
		rc = file_complain(c.s, LK_E_PERM, "", "opened to look only");
	if (rc == 0)
		rc = with_stripes(&c, IO_LOCK_EXCLUSIVE, deadline_ns, file_change_make);
	return quiet_leave(q, rc);
}

static int
read_records(struct lk_store *base, struct lk_store_record *r, size_t n, lk_store_change_fn *fn,
	     void *arg, uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	struct file_change c;
	int rc;

	c.s = file_store_of(base);
	c.r = r;
	c.n = n;
	c.fn = fn;
	c.arg = arg;
	rc = check(&c);

	if (rc == 0)
		rc = with_stripes(&c, IO_LOCK_SHARED, deadline_ns, file_change_look);
	return quiet_leave(q, rc);
}

/* ---------------------------------------------------------------------------- scan */

enum { SCAN_AT_ONCE = 32 };

struct sweep {
	struct file_store *s;
	const void *prefix;
	size_t len;
	lk_store_each_fn *fn;
	void *arg;
	uint64_t deadline_ns;
	uint32_t stripe;
	uint64_t index;
	struct file_ident ident; /* of the file in which `index` is */
	struct arena arena;
	struct file_extent *found[SCAN_AT_ONCE];
	bool is_damaged[SCAN_AT_ONCE];
	bool is_over;
};

static int
read_slice(struct sweep *w)
{
	const uint64_t n_entries = w->s->stripes[w->stripe].head.n_entries;
	struct file_entry e[SCAN_AT_ONCE];
	int rc = file_read_entries(w->s, w->stripe, w->index, SCAN_AT_ONCE, e);

	for (int i = 0; i < SCAN_AT_ONCE && rc == 0; i++) {
		w->found[i] = NULL;
		w->is_damaged[i] = e[i].unit == ENTRY_DAMAGED;
		if (e[i].unit == ENTRY_EMPTY || e[i].unit == ENTRY_GONE || w->is_damaged[i])
			continue;
		rc = file_read_extent(w->s, w->stripe, file_entry_at(&e[i]), &w->arena,
				      &w->found[i]);
		w->is_damaged[i] = w->found[i] == NULL;
	}
	w->index += SCAN_AT_ONCE;
	w->is_over = w->index >= n_entries;
	return rc;
}

static int
lock_and_read(struct sweep *w)
{
	struct file_stripe *t = &w->s->stripes[w->stripe];
	int rc = file_lock(w->s, file_bit(w->stripe), IO_LOCK_SHARED, w->deadline_ns);

	if (rc != 0)
		return rc;
	if (t->ident.ino != w->ident.ino || t->ident.dev != w->ident.dev)
		w->index = 0; /* another file: entries are elsewhere in it */
	w->ident = t->ident;
	rc = read_slice(w);
	file_unlock(w->s, file_bit(w->stripe));
	return rc;
}

static int
tell_slice(struct sweep *w)
{
	int rc = 0;

	for (int i = 0; i < SCAN_AT_ONCE && rc == 0; i++) {
		const struct file_extent *x = w->found[i];
		struct lk_store_record r = { .status = LK_E_CORRUPT };

		if (x == NULL && !w->is_damaged[i])
			continue;
		if (x != NULL) {
			if (x->name_len < w->len || memcmp(x + 1, w->prefix, w->len) != 0)
				continue;
			r = (struct lk_store_record){
				.name = x + 1,
				.len = x->name_len,
				.flags = w->stripe == FILE_DURABLE ? LK_STORE_DURABLE : 0,
				.old = (const char *)x + file_record_at(x->name_len),
				.old_len = x->len,
			};
		}
		rc = w->fn(w->arg, &r);
	}
	return rc;
}

static int
scan_stripe(struct sweep *w)
{
	int rc = 0;

	w->index = 0;
	w->ident = (struct file_ident){ 0, 0 };
	w->is_over = false;
	while (rc == 0 && !w->is_over) {
		arena_init(&w->arena, &w->s->place);
		rc = lock_and_read(w);
		if (rc == 0)
			rc = tell_slice(w);
		arena_fini(&w->arena);
	}
	return rc;
}

static int
scan(struct lk_store *base, const void *prefix, size_t len, lk_store_each_fn *fn, void *arg,
     uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	struct sweep w = { .s = file_store_of(base),
			   .prefix = len > 0 ? prefix : "",
			   .len = len,
			   .fn = fn,
			   .arg = arg,
			   .deadline_ns = deadline_ns };
	int rc = 0;

	if (fn == NULL || (prefix == NULL && len > 0))
		return quiet_leave(q, LK_E_INVAL);
	if (fork_note_is_foreign(&w.s->fork))
		return quiet_leave(q, LK_E_FORKED);
	for (w.stripe = 0; w.stripe < FILE_STRIPES_ALL && rc == 0; w.stripe++) {
		if (file_has_stripe(w.s, w.stripe))
			rc = scan_stripe(&w);
	}
	return quiet_leave(q, rc);
}

/* ------------------------------------------------------------------- the rest of it */

static int
now(struct lk_store *base, uint64_t *ns, uint64_t *clock_id, uint64_t deadline_ns)
{
	struct file_store *s = file_store_of(base);
	const struct quiet q = quiet_enter();

	(void)deadline_ns;
	if (fork_note_is_foreign(&s->fork))
		return quiet_leave(q, LK_E_FORKED);
	*ns = s->time_is_given ? place_now(&s->place) : host_now();
	*clock_id = s->clock_id;
	return quiet_leave(q, 0);
}

static int
level(struct lk_store *base, struct lk_guarantee *out)
{
	const struct file_store *s = file_store_of(base);

	out->level = LK_LEVEL_FENCED;
	(void)snprintf(out->words, sizeof(out->words),
		       "All processes run on one host under one kernel, and nobody but them writes "
		       "in the folder. %s",
		       s->is_volatile ? "The file system is in memory: after a restart of the "
					"machine fences go on only "
					"if the wall clock did not go back."
				      : "The disk keeps what it has acknowledged (fsync): fences "
					"go on after a power cut.");
	return 0;
}

static size_t
error(struct lk_store *base, char *buf, size_t cap)
{
	return words_copy(&file_store_of(base)->words, buf, cap);
}

static const char *const parameters[] = { "stripes", "max_size", "any_fs", NULL };

const struct lk_store_ops file_store_ops = {
	.version = LK_STORE_VERSION,
	.capabilities = LK_STORE_CAN_WATCH | LK_STORE_CAN_DURABLE | LK_STORE_SEES_DEATH |
			LK_STORE_HAS_CLOCK | LK_STORE_ONE_HOST | LK_STORE_CAN_MANY |
			LK_STORE_CONCURRENT,
	.scheme = "file",
	.parameters = parameters,
	.open = open_store,
	.close = close_store,
	.update = update,
	.read = read_records,
	.scan = scan,
	.session_open = file_session_open,
	.session_renew = file_session_renew,
	.session_close = file_session_close,
	.session_alive = file_session_alive,
	.session_who = file_session_who,
	.watch = file_watch,
	.unwatch = file_unwatch,
	.now = now,
	.level = level,
	.error = error,
	.update_many = file_update_many,
};
