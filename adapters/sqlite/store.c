/* SPDX-License-Identifier: MIT */
/* "sqlite:PATH": the table of a store in a database. */
#include "sqlite/store.h"

#include <latchkey/sqlite.h>

#include <stdio.h>

#include "common/host.h"
#include "common/io.h"
#include "common/number.h"
#include "common/quiet.h"
#include "sqlite/connection.h"
#include "sqlite/hints.h"
#include "sqlite/many.h"
#include "sqlite/prefix.h"
#include "sqlite/rows.h"
#include "sqlite/sessions.h"
#include "sqlite/setup.h"

int
store_complain(struct sqlite_store *s, int rc, const char *what, const char *why)
{
	return words_say(&s->words, rc, "sqlite:%.150s%s%.150s: %s", s->path,
			 what[0] != '\0' ? ": " : "", what, why);
}

int
store_say_errno(struct sqlite_store *s, int rc, const char *what, int error)
{
	return store_complain(s, rc, what, io_text(error));
}

/* ---------------------------------------------------------------------- what a fork leaves */

/*
 * In a child, connections can neither be used nor closed, and neither can others to the same database be opened: SQLite
 * believes to have locks that are the parent's.  So they stay, here, as long as the child does.
 */
static struct sqlite_store *left;

bool
store_was_left(const struct ident *ident)
{
	for (const struct sqlite_store *s = left; s != NULL; s = s->left) {
		if (s->ident.dev == ident->dev && s->ident.ino == ident->ino)
			return true;
	}
	return false;
}

static void
in_child(struct fork_note *note)
{
	struct sqlite_store *s =
		(struct sqlite_store *)(void *)((char *)note - offsetof(struct sqlite_store, fork));

	io_close(&s->beacons.fd); /* it must keep nobody alive */
	io_close(&s->dir);
	listener_close(&s->listener);
	s->left = left;
	left = s;
}

/* --------------------------------------------------------------------------- open and close */

static int
read_parameter(struct sqlite_store *s, struct wishes *w, const struct lk_store_parameter *p)
{
	if (strcmp(p->name, "table") == 0)
		return prefix_set(s->prefix, p->value)
			       ? 0
			       : words_say(&s->words, LK_E_INVAL,
					   "sqlite: table: a letter or _, then letters, digits and "
					   "_, at most %d",
					   SQLITE_STORE_PREFIX - 1);
	if (strcmp(p->name, "max_size") == 0) {
		s->max_size = number_of_bytes(p->value);
		return s->max_size >= 1 << 20
			       ? 0
			       : words_say(&s->words, LK_E_INVAL, "sqlite: max_size: 1M or more");
	}
	w->any_fs = strcmp(p->value, "1") == 0;
	return w->any_fs || strcmp(p->value, "0") == 0
		       ? 0
		       : words_say(&s->words, LK_E_INVAL, "sqlite: any_fs: 0 or 1");
}

static int
read_wishes(struct sqlite_store *s, const struct lk_store_open *o, struct wishes *w)
{
	*w = (struct wishes){ .path = o->rest, .handle = o->handle };
	if (sqlite3_threadsafe() == 0)
		return words_say(&s->words, LK_E_UNSUPPORTED,
				 "sqlite: this SQLite is for programs of one thread");
	if (o->handle != NULL && o->rest[0] != '\0')
		return words_say(&s->words, LK_E_INVAL,
				 "sqlite: a connection is given, and a path");
	if (o->handle == NULL && o->rest[0] == '\0')
		return words_say(&s->words, LK_E_INVAL,
				 "sqlite: the path of a database is missing");
	(void)prefix_set(s->prefix, NULL);
	for (size_t i = 0; i < o->n_parameters; i++) {
		int rc = read_parameter(s, w, &o->parameters[i]);

		if (rc != 0)
			return rc;
	}
	return 0;
}

static void
init(struct sqlite_store *s, const struct lk_store_open *o)
{
	s->place = (struct place){ o->allocator, o->environment };
	s->fork.in_child = in_child;
	s->is_read_only = (o->flags & LK_STORE_READ_ONLY) != 0;
	s->time_is_given = (o->flags & LK_STORE_TIME_IS_GIVEN) != 0;
	s->max_size = UINT64_MAX;
	s->clock_id = host_clock_id();
	words_init(&s->words);
	turns_init(&s->writing, 1);
	turns_init(&s->reading, SQLITE_STORE_READERS);
	pthread_mutex_init(&s->readers_lock, NULL);
	s->dir = -1;
	names_init(&s->names);
	beacons_init(&s->beacons, &s->place);
	listener_init(&s->listener);
	for (int i = 0; i < SQLITE_STORE_READERS; i++) {
		s->readers[i].next = s->idle;
		s->idle = &s->readers[i];
	}
}

static void
fini(struct sqlite_store *s)
{
	const struct place place = s->place;

	connection_close(&s->writer);
	for (int i = 0; i < SQLITE_STORE_READERS; i++)
		connection_close(&s->readers[i]);
	io_close(&s->beacons.fd);
	io_close(&s->dir);
	names_fini(&s->names);
	beacons_fini(&s->beacons, false);
	pthread_mutex_destroy(&s->readers_lock);
	turns_fini(&s->reading);
	turns_fini(&s->writing);
	words_fini(&s->words);
	place_free(&place, s, sizeof(*s));
}

static int
set_up(struct sqlite_store *s, const struct lk_store_open *o)
{
	struct wishes w;
	int rc = read_wishes(s, o, &w);

	return rc == 0 ? setup_open(s, &w) : rc;
}

static int
open_store(const struct lk_store_open *o, struct lk_store **out)
{
	const struct place place = { o->allocator, o->environment };
	const struct quiet q = quiet_enter();
	struct sqlite_store *s = place_zalloc(&place, sizeof(*s));
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

static void
close_store(struct lk_store *base)
{
	struct sqlite_store *s = sqlite_store_of(base);
	const struct quiet q = quiet_enter();

	if (!fork_note_is_foreign(&s->fork)) {
		hints_unwatch(base);
		sessions_end(s);
		forks_leave(&s->fork);
		fini(s);
	}
	(void)quiet_leave(q, 0);
}

/* ----------------------------------------------------------------------------- the rest of it */

static int
now(struct lk_store *base, uint64_t *ns, uint64_t *clock_id, uint64_t deadline_ns)
{
	struct sqlite_store *s = sqlite_store_of(base);
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
	const struct sqlite_store *s = sqlite_store_of(base);

	out->level = LK_LEVEL_GUARDED;
	(void)snprintf(
		out->words, sizeof(out->words),
		"What is written to this database in a transaction that has asked "
		"lk_sqlite_guard() is written "
		"only if the lock is held; what is elsewhere is FENCED. All processes run on one "
		"host "
		"under one kernel, and nobody but them writes to the database's files. %s",
		s->is_volatile
			? "The file system is in memory: after a restart of the machine fences go "
			  "on only if the wall clock did not go back."
			: "The disk keeps what it has acknowledged (fsync), and no other "
			  "connection has "
			  "synchronous=OFF: fences go on after a power cut.");
	return 0;
}

static size_t
error(struct lk_store *base, char *buf, size_t cap)
{
	return words_copy(&sqlite_store_of(base)->words, buf, cap);
}

static const char *const parameters[] = { "table", "max_size", "any_fs", NULL };

static const struct lk_store_ops ops = {
	.version = LK_STORE_VERSION,
	.capabilities = LK_STORE_CAN_WATCH | LK_STORE_CAN_DURABLE | LK_STORE_SEES_DEATH |
			LK_STORE_HAS_CLOCK | LK_STORE_ONE_HOST | LK_STORE_CAN_MANY,
	.scheme = "sqlite",
	.parameters = parameters,
	.open = open_store,
	.close = close_store,
	.update = rows_update,
	.read = rows_read,
	.scan = rows_scan,
	.session_open = session_open,
	.session_renew = session_renew,
	.session_close = session_close,
	.session_alive = session_alive,
	.session_who = session_who,
	.watch = hints_watch,
	.unwatch = hints_unwatch,
	.now = now,
	.level = level,
	.error = error,
	.update_many = many_update,
};

const struct lk_store_ops *
lk_store_sqlite(void)
{
	return &ops;
}
