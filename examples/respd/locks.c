/* SPDX-License-Identifier: MIT */
/* Isolation by locks: see locks.h. */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "locks.h"
#include "transaction.h"

#define DB_NAME_MAX   8                 /* "db15/" and its NUL, and some room */
#define REQUESTS_KEPT 16                /* whose memory is kept for the next command … */
#define NAMES_KEPT    ((size_t)4 << 10) /* … and bytes of names */

int
locks_init(struct locks *l, struct lk_manager *manager, const char *label)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;

	*l = (struct locks){ 0 };
	buffer_init(&l->names, SIZE_MAX / 2);
	if (manager == NULL)
		return 0;
	o.label = label;
	return lk_owner_open(manager, &o, &l->owner);
}

void
locks_fini(struct locks *l)
{
	if (l->owner != NULL && lk_owner_close(l->owner) != 0)
		abort();
	buffer_fini(&l->names);
	free(l->request);
	free(l->grant);
}

/* ------------------------------------------------------------- names of a command */

/* The argument that is the last key. */
static size_t
last_key(const struct call *c)
{
	int last = c->command->last_key;

	return last < 0 ? c->n_args - (size_t)-last : (size_t)last;
}

static size_t count_names_of_parts(const struct transaction *t);

static size_t
count_names(const struct call *c)
{
	const struct command *command = c->command;

	switch (command->scope) {
	case LOCK_NOTHING:
		return 0;
	case LOCK_KEYS:
		return (last_key(c) - (size_t)command->first_key) / (size_t)command->key_step + 1;
	case LOCK_DB:
		return 1;
	case LOCK_ALL_DBS:
		return STORE_N_DBS;
	case LOCK_PARTS:
		return count_names_of_parts(c->transaction);
	}
	abort();
}

/* What locks need to know of a command that is a part of a transaction. */
static struct call
part_call(const struct part *p)
{
	return (struct call){
		.db = p->db, .command = p->command, .arg = p->arg, .n_args = p->n_args
	};
}

static size_t
count_names_of_parts(const struct transaction *t)
{
	size_t n = 0;

	for (const struct part *p = t->first; p != NULL; p = p->next) {
		struct call c = part_call(p);

		n += count_names(&c);
	}
	return n;
}

/* Room for `n` requests and grants. */
static int
reserve(struct locks *l, size_t n)
{
	void *request;
	void *grant;

	if (n <= l->cap)
		return 0;
	request = realloc(l->request, n * sizeof(*l->request));
	if (request != NULL)
		l->request = request;
	grant = realloc(l->grant, n * sizeof(*l->grant));
	if (grant != NULL)
		l->grant = grant;
	if (request == NULL || grant == NULL)
		return LK_E_NOMEM;
	l->cap = n;
	return 0;
}

/* Put a name at the end: "db0", or "db0/" and the escaped key.  Where it is is not said yet. */
static int
add_name(struct locks *l, unsigned db, const struct bytes *key, lk_mode mode)
{
	size_t key_len = key == NULL ? 0 : lk_name_escape(key->data, key->len, NULL, 0);
	size_t cap = DB_NAME_MAX + key_len + 1;
	char *name;
	size_t len;

	if (key_len > LK_NAME_MAX)
		return LK_E_NAME;
	name = buffer_room(&l->names, cap);
	if (name == NULL)
		return LK_E_NOMEM;
	len = (size_t)snprintf(name, cap, key == NULL ? "db%u" : "db%u/", db);
	if (key != NULL)
		len += lk_name_escape(key->data, key->len, name + len, cap - len);
	if (len > LK_NAME_MAX)
		return LK_E_NAME;
	buffer_filled(&l->names, len + 1);
	l->request[l->n++] = (struct lk_request){ .mode = mode, .len = len };
	return 0;
}

static int
add_keys(struct locks *l, const struct call *c)
{
	size_t step = (size_t)c->command->key_step;
	int rc = 0;

	for (size_t i = (size_t)c->command->first_key; rc == 0 && i <= last_key(c); i += step)
		rc = add_name(l, c->db, &c->arg[i], c->command->mode);
	return rc;
}

static int
add_all_dbs(struct locks *l, lk_mode mode)
{
	int rc = 0;

	for (unsigned db = 0; rc == 0 && db < STORE_N_DBS; db++)
		rc = add_name(l, db, NULL, mode);
	return rc;
}

static int add_names_of_parts(struct locks *l, const struct transaction *t);

static int
add_names(struct locks *l, const struct call *c)
{
	switch (c->command->scope) {
	case LOCK_NOTHING:
		return 0;
	case LOCK_KEYS:
		return add_keys(l, c);
	case LOCK_DB:
		return add_name(l, c->db, NULL, c->command->mode);
	case LOCK_ALL_DBS:
		return add_all_dbs(l, c->command->mode);
	case LOCK_PARTS:
		return add_names_of_parts(l, c->transaction);
	}
	abort();
}

/* A name may come up in several parts, and in different modes: it is locked once, in what all need. */
static int
add_names_of_parts(struct locks *l, const struct transaction *t)
{
	int rc = 0;

	for (const struct part *p = t->first; rc == 0 && p != NULL; p = p->next) {
		struct call c = part_call(p);

		rc = add_names(l, &c);
	}
	return rc;
}

/* The names do not move any more: say where they are. */
static void
point_to_names(struct locks *l)
{
	const char *name = buffer_bytes(&l->names).data;

	for (size_t i = 0; i < l->n; i++) {
		l->request[i].name = name;
		name += l->request[i].len + 1;
	}
}

/* Forget the command; what an unusually large one needed goes back. */
static void
forget(struct locks *l)
{
	l->n = 0;
	buffer_reset(&l->names, NAMES_KEPT);
	if (l->cap > REQUESTS_KEPT) {
		free(l->request);
		free(l->grant);
		l->request = NULL;
		l->grant = NULL;
		l->cap = 0;
	}
}

/* --------------------------------------------------------------- take and release */

/* The answer to lk_submit_many(), as the queue is dispatched. */
static void
answered(void *arg, const struct lk_completion *completion)
{
	struct locks *l = arg;

	l->asked = 0;
	if (completion->code != 0)
		forget(l);
	l->answer(l, completion->code);
}

/* Who finds nobody in the way needs no queue; a queue costs two system calls. */
static int
ask(struct locks *l)
{
	struct lk_options at_once = LK_OPTIONS_INIT;
	int rc;

	at_once.flags = LK_NOWAIT;
	rc = lk_acquire_many(l->owner, l->request, l->n, &at_once, l->grant);
	if (rc != LK_E_BUSY)
		return rc;
	rc = lk_submit_many(l->queue, l->owner, l->request, l->n, NULL, l->grant, answered, l,
			    &l->asked);
	return rc == 0 ? LOCKS_LATER : rc;
}

int
locks_take(struct locks *l, const struct call *c)
{
	int rc = reserve(l, count_names(c));

	if (rc == 0)
		rc = add_names(l, c);
	if (rc == 0 && l->owner != NULL && l->n > 0) {
		point_to_names(l);
		rc = l->queue != NULL ? ask(l)
				      : lk_acquire_many(l->owner, l->request, l->n, NULL, l->grant);
	}
	if (rc != 0 && rc != LOCKS_LATER)
		forget(l);
	return rc;
}

void
locks_cancel(struct locks *l)
{
	/* It is outstanding, so it cannot be unknown. */
	if (lk_cancel(l->owner, l->asked) != 0)
		abort();
}

void
locks_release(struct locks *l)
{
	/* It cannot fail, as nobody else has our owner: if it does, isolation is gone. */
	if (l->owner != NULL && l->n > 0 && lk_release_many(l->owner, l->grant, l->n, NULL) != 0)
		abort();
	forget(l);
}
