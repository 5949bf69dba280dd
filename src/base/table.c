/* SPDX-License-Identifier: MIT */
/* Marks by name on cds_lfht.  (T1) */
#include <string.h>

#include <urcu-bp.h>
#include <urcu/rculfhash.h>

#include "base/rcu.h"
#include "base/table.h"

enum { FIRST_SIZE = 64 };

struct table {
	struct env *env;
	struct cds_lfht *marks;
	a64 n;
	a64 size;
	aptr all; /* every mark, newest first */
};

struct mark {
	struct cds_lfht_node node;
	struct mark *next;
	a64 value;
	a32 ready; /* liburcu orders this for us; the flag says so to the thread sanitizer too */
	size_t len;
	char name[];
};

struct key {
	const void *name;
	size_t len;
};

static int
same_name(struct cds_lfht_node *node, const void *arg)
{
	const struct mark *m = container_of(node, struct mark, node);
	const struct key *k = arg;

	(void)shim_load(&m->ready, SHIM_ACQUIRE);
	return m->len == k->len && memcmp(m->name, k->name, k->len) == 0;
}

struct table *
table_create(struct env *e)
{
	struct table *t = env_zalloc(e, sizeof(*t), sizeof(void *));

	if (t == NULL)
		return NULL;
	t->env = e;
	shim_init(&t->size, (uint64_t)FIRST_SIZE);
	/* No automatic resizing: that would start a thread. */
	t->marks = cds_lfht_new(FIRST_SIZE, FIRST_SIZE, 0, 0, NULL);
	if (t->marks == NULL) {
		env_free(e, t, sizeof(*t));
		return NULL;
	}
	return t;
}

static void
free_mark(struct env *e, struct mark *m)
{
	env_free(e, m, sizeof(*m) + m->len);
}

void
table_destroy(struct table *t)
{
	struct shim_rcu_guard g;
	struct mark *m;
	struct mark *next;

	if (t == NULL)
		return;
	shim_rcu_guard_begin(&g);
	for (m = shim_load(&t->all, SHIM_ACQUIRE); m != NULL; m = m->next) {
		shim_rcu_read_lock();
		(void)cds_lfht_del(t->marks, &m->node);
		shim_rcu_read_unlock();
	}
	(void)cds_lfht_destroy(t->marks, NULL);
	shim_rcu_guard_end(&g);
	for (m = shim_load(&t->all, SHIM_ACQUIRE); m != NULL; m = next) {
		next = m->next;
		free_mark(t->env, m);
	}
	env_free(t->env, t, sizeof(*t));
}

static void
remember(struct table *t, struct mark *m)
{
	void *head = shim_load(&t->all, SHIM_RELAXED);

	do {
		m->next = head;
	} while (!shim_cas(&t->all, &head, (void *)m, SHIM_RELEASE));
}

/* Not inside a reader: resizing waits for them. */
static void
count_one(struct table *t)
{
	uint64_t n = shim_add(&t->n, (uint64_t)1, SHIM_RELAXED) + 1;
	uint64_t size = shim_load(&t->size, SHIM_RELAXED);

	struct shim_rcu_guard g;

	if (n <= size || !shim_cas(&t->size, &size, size * 2, SHIM_RELAXED))
		return;
	shim_rcu_guard_begin(&g);
	cds_lfht_resize(t->marks, size * 2);
	shim_rcu_guard_end(&g);
}

static enum table_outcome
raise(struct mark *m, uint64_t value)
{
	uint64_t seen = shim_load(&m->value, SHIM_RELAXED);

	while (seen < value) {
		if (shim_cas(&m->value, &seen, value, SHIM_ACQ_REL))
			return TABLE_RAISED;
	}
	return seen == value ? TABLE_RAISED : TABLE_BELOW;
}

static struct mark *
make_mark(struct table *t, const struct key *k, uint64_t value)
{
	struct mark *m = env_alloc(t->env, sizeof(*m) + k->len, LK_LINE);

	if (m == NULL)
		return NULL;
	cds_lfht_node_init(&m->node);
	shim_init(&m->value, value);
	m->len = k->len;
	memcpy(m->name, k->name, k->len);
	shim_init(&m->ready, 0u);
	shim_store(&m->ready, 1u, SHIM_RELEASE);
	return m;
}

static struct mark *
find_mark(struct table *t, uint64_t hash, const struct key *k)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	shim_rcu_read_lock();
	cds_lfht_lookup(t->marks, (unsigned long)hash, same_name, k, &iter);
	node = cds_lfht_iter_get_node(&iter);
	shim_rcu_read_unlock();
	/* Marks go with the table only, so the pointer outlives the reader. */
	return node != NULL ? container_of(node, struct mark, node) : NULL;
}

enum table_outcome
table_raise(struct table *t, const void *name, size_t len, uint64_t hash, uint64_t value)
{
	const struct key k = { name, len };
	struct mark *m = find_mark(t, hash, &k);
	struct cds_lfht_node *node;

	if (m != NULL)
		return raise(m, value);
	m = make_mark(t, &k, value);
	if (m == NULL)
		return TABLE_NOMEM;
	shim_rcu_read_lock();
	node = cds_lfht_add_unique(t->marks, (unsigned long)hash, same_name, &k, &m->node);
	shim_rcu_read_unlock();
	if (node == &m->node) {
		remember(t, m);
		count_one(t);
		return TABLE_RAISED;
	}
	free_mark(t->env, m); /* somebody was faster, and nobody saw ours */
	return raise(container_of(node, struct mark, node), value);
}
