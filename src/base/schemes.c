/* SPDX-License-Identifier: MIT */
/* The list of stores, and the loading of libraries.  (KS1, KS2) */
#include "base/schemes.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/guest.h"
#include "base/list.h"

struct scheme {
	struct cds_list_head node;
	const struct lk_store_ops *ops;
	unsigned n_open;
};

static struct {
	pthread_once_t once;
	pthread_mutex_t lock;
	struct cds_list_head all;
} known = { .once = PTHREAD_ONCE_INIT,
	    .lock = PTHREAD_MUTEX_INITIALIZER,
	    .all = CDS_LIST_HEAD_INIT(known.all) };

static void
lock_list(void)
{
	pthread_mutex_lock(&known.lock);
}

static void
unlock_list(void)
{
	pthread_mutex_unlock(&known.lock);
}

/* So that a child finds the list whole, and open. */
static void
set_up(void)
{
	(void)pthread_atfork(lock_list, unlock_list, unlock_list);
}

static void
enter_list(void)
{
	pthread_once(&known.once, set_up);
	lock_list();
}

static struct scheme *
find(const char *scheme)
{
	struct cds_list_head *node;

	cds_list_for_each(node, &known.all)
	{
		struct scheme *s = container_of(node, struct scheme, node);

		if (strcmp(s->ops->scheme, scheme) == 0)
			return s;
	}
	return NULL;
}

enum scheme_outcome
schemes_add(const struct lk_store_ops *ops)
{
	struct scheme *s = NULL;
	bool is_taken;

	enter_list();
	is_taken = find(ops->scheme) != NULL;
	if (!is_taken)
		s = malloc(sizeof(*s));
	if (s != NULL) {
		*s = (struct scheme){ .ops = ops };
		cds_list_add_tail(&s->node, &known.all);
	}
	unlock_list();
	if (is_taken)
		return SCHEME_TAKEN;
	return s != NULL ? SCHEME_ADDED : SCHEME_NOMEM;
}

static enum scheme_removal
remove_found(struct scheme *s, const struct lk_store_ops *ops)
{
	if (s == NULL || s->ops != ops)
		return SCHEME_UNKNOWN;
	if (s->n_open > 0)
		return SCHEME_IN_USE; /* (KS1) */
	cds_list_del(&s->node);
	free(s);
	return SCHEME_REMOVED;
}

enum scheme_removal
schemes_remove(const struct lk_store_ops *ops)
{
	enum scheme_removal removal;

	enter_list();
	removal = remove_found(find(ops->scheme), ops);
	unlock_list();
	return removal;
}

struct scheme *
schemes_get(const char *scheme)
{
	struct scheme *s;

	enter_list();
	s = find(scheme);
	if (s != NULL)
		s->n_open++;
	unlock_list();
	return s;
}

void
schemes_put(struct scheme *s)
{
	enter_list();
	s->n_open--;
	unlock_list();
}

const struct lk_store_ops *
scheme_ops(const struct scheme *s)
{
	return s->ops;
}

/* What is loaded is never unloaded: threads of it may be about to end. */
static const struct lk_store_ops *
load(const char *file, const char *function)
{
	void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	union {
		void *symbol;
		const struct lk_store_ops *(*call)(void);
	} entry = { NULL };

	if (library != NULL)
		entry.symbol = dlsym(library, function);
	return entry.symbol != NULL ? entry.call() : NULL;
}

const struct lk_store_ops *
schemes_load(const char *scheme)
{
	char function[sizeof("lk_store_") + LK_STORE_SCHEME_MAX];
	char file[64];
	const struct lk_store_ops *ops;
	struct guest g;

	(void)snprintf(function, sizeof(function), "lk_store_%s", scheme);
	(void)snprintf(file, sizeof(file), "liblatchkey-%s.so.%d", scheme, atoi(LATCHKEY_VERSION));
	guest_enter(&g);
	ops = load(file, function);
	guest_leave(&g);
	return ops;
}
