/* SPDX-License-Identifier: MIT */
/*
 * Userspace RCU's lock-free hash table as an index of locks, in two ways:
 *
 *   cds_lfht        a node has a word that is locked by compare-and-swap and stays in the table for ever:
 *                   an acquire is a look-up
 *   cds_lfht_erase  being in the table is being locked: an acquire adds a node, a release deletes it
 *
 * A deleted node may still be read, and is used again only after a grace period: each session waits for one
 * with every 1024 nodes that it has deleted.  The flavour is memb, its read side inlined; the table has a
 * bucket for each name (or each that is held), so that it never has to be resized.
 *
 * That is not a lock manager: one mode, waiters that spin and yield, no owners, no deadlines, nothing
 * fair; and the first form keeps every name that it ever saw.
 *
 * Needs: liburcu-dev <urcu/rculfhash.h> pkg-config:liburcu-cds pkg-config:liburcu
 * Needs: libxxhash-dev <xxhash.h>
 * Not under: thread
 */
#include <pthread.h>
#include <string.h>

#define URCU_INLINE_SMALL_FUNCTIONS
#include <urcu.h>
#include <urcu/rculfhash.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "peers/lines.h"
#include "peers/word.h"

#define N_BUCKETS_MIN 1024 /* or threads would meet in the same cache lines */
#define N_LIMBO       1024 /* deleted nodes that wait for a grace period together */

struct node {
	struct cds_lfht_node link;
	struct node *next; /* of a list of nodes that are in no table */
	struct word word;
	char name[NAME_SIZE];
};

_Static_assert(sizeof(struct node) <= CACHE_LINE, "a node is a cache line");

static struct node *
node_of(struct cds_lfht_node *link)
{
	return caa_container_of(link, struct node, link);
}

static int
node_matches(struct cds_lfht_node *link, const void *name)
{
	return strcmp(node_of(link)->name, (const char *)name) == 0;
}

static struct node *
node_create(struct pool *pool)
{
	struct node *node = (struct node *)pool_line(pool);

	cds_lfht_node_init(&node->link);
	node->word = (struct word){ 0 };
	return node;
}

static void
node_name(struct node *node, const char *name, size_t len)
{
	if (len >= NAME_SIZE)
		bench_die("cds_lfht", "the name is too long");
	memcpy(node->name, name, len + 1);
}

static struct cds_lfht *
table_create(size_t n)
{
	struct cds_lfht *table;
	unsigned long n_buckets = N_BUCKETS_MIN;

	while (n_buckets < n)
		n_buckets *= 2;
	table = cds_lfht_new(n_buckets, n_buckets, n_buckets, 0, NULL);
	if (table == NULL)
		bench_die("cds_lfht", "out of memory");
	return table;
}

static void
table_destroy(struct cds_lfht *table)
{
	if (cds_lfht_destroy(table, NULL) != 0)
		bench_die("cds_lfht", "is not empty");
}

/* ----------------------------------------------------------------- entries stay */

struct index {
	struct cds_lfht *table;
	_Alignas(64) pthread_mutex_t latch; /* of a name's first time */
	struct pool nodes;
};

static void *
lfht_open(size_t n_names, size_t n_held)
{
	struct index *index = (struct index *)lines(sizeof(*index));

	(void)n_held;
	index->table = table_create(n_names);
	index->nodes = (struct pool){ 0 };
	if (pthread_mutex_init(&index->latch, NULL) != 0)
		bench_die("cds_lfht", "no mutex");
	return index;
}

static void
table_clear(struct cds_lfht *table)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *link;

	rcu_register_thread();
	rcu_read_lock();
	cds_lfht_for_each(table, &iter, link) cds_lfht_del(table, link);
	rcu_read_unlock();
	rcu_unregister_thread();
}

/* Nobody reads any more, so there is no grace period to wait for. */
static void
lfht_close(void *world)
{
	struct index *index = (struct index *)world;

	table_clear(index->table);
	table_destroy(index->table);
	pool_free(&index->nodes);
	pthread_mutex_destroy(&index->latch);
	free(index);
}

static void *
lfht_session_open(void *world, void *target, unsigned lane)
{
	(void)target;
	(void)lane;
	rcu_register_thread();
	return world;
}

static void
lfht_session_close(void *session)
{
	(void)session;
	rcu_unregister_thread();
}

/* The name is new: whoever is first makes its node; a node that comes too late stays in the pool. */
static struct node *
lfht_add(struct index *index, uint64_t hash, const char *name, size_t len)
{
	struct node *node;

	pthread_mutex_lock(&index->latch);
	node = node_create(&index->nodes);
	pthread_mutex_unlock(&index->latch);
	node_name(node, name, len);
	return node_of(cds_lfht_add_unique(index->table, hash, node_matches, name, &node->link));
}

/* Nodes are never deleted, so that one can be used after the read side ends. */
BENCH_INLINE void
lfht_acquire(void *session, const void *target, lk_mode mode, struct node **ticket)
{
	struct index *index = (struct index *)session;
	const char *name = (const char *)target;
	size_t len = strlen(name);
	uint64_t hash = XXH3_64bits(name, len);
	struct cds_lfht_iter iter;
	struct cds_lfht_node *link;

	(void)mode;
	rcu_read_lock();
	cds_lfht_lookup(index->table, hash, node_matches, name, &iter);
	link = cds_lfht_iter_get_node(&iter);
	*ticket = link != NULL ? node_of(link) : lfht_add(index, hash, name, len);
	rcu_read_unlock();
	word_lock(&(*ticket)->word);
}

BENCH_INLINE void
lfht_release(void *session, const void *target, struct node **ticket)
{
	(void)session;
	(void)target;
	word_unlock(&(*ticket)->word);
}

#define PEER               cds_lfht
#define PEER_WHAT          "cds_lfht, a word in each node, a bucket for each name, entries stay"
#define PEER_BY            BY_NAME
#define PEER_MODES         MODES_ALL
#define PEER_TRAITS        PEER_KEEPS
#define PEER_TICKET        struct node *
#define PEER_OPEN          lfht_open
#define PEER_CLOSE         lfht_close
#define PEER_SESSION_OPEN  lfht_session_open
#define PEER_SESSION_CLOSE lfht_session_close
#define PEER_ACQUIRE       lfht_acquire
#define PEER_RELEASE       lfht_release
#include "contestant.h"

/* ---------------------------------------------------------- entries come and go */

/* A thread's nodes, all in no table when the session ends. */
struct nodes {
	struct cds_lfht *table;
	struct node *unused;
	struct node *limbo; /* deleted, and perhaps still read */
	struct node *last;  /* the first that came there */
	size_t n_limbo;
	struct pool pool;
};

static void *
erase_open(size_t n_names, size_t n_held)
{
	(void)n_names;
	return table_create(n_held);
}

static void
erase_close(void *world)
{
	table_destroy((struct cds_lfht *)world);
}

static void *
erase_session_open(void *world, void *target, unsigned lane)
{
	struct nodes *s = (struct nodes *)lines(sizeof(*s));

	(void)target;
	(void)lane;
	*s = (struct nodes){ .table = (struct cds_lfht *)world };
	rcu_register_thread();
	return s;
}

static void
erase_session_close(void *session)
{
	struct nodes *s = (struct nodes *)session;

	synchronize_rcu();
	rcu_unregister_thread();
	pool_free(&s->pool);
	free(s);
}

static struct node *
nodes_take(struct nodes *s)
{
	struct node *node = s->unused;

	if (node == NULL)
		return node_create(&s->pool);
	s->unused = node->next;
	return node;
}

/* After a grace period nobody reads what is in limbo. */
static void
nodes_drain(struct nodes *s)
{
	synchronize_rcu();
	s->last->next = s->unused;
	s->unused = s->limbo;
	s->limbo = NULL;
	s->n_limbo = 0;
}

static void
nodes_give(struct nodes *s, struct node *node)
{
	if (s->limbo == NULL)
		s->last = node;
	node->next = s->limbo;
	s->limbo = node;
	if (++s->n_limbo == N_LIMBO)
		nodes_drain(s);
}

/* True if it is added; false if the name is there, so somebody holds it. */
static inline bool
erase_try(struct cds_lfht *table, uint64_t hash, struct node *node)
{
	struct cds_lfht_node *link;

	rcu_read_lock();
	link = cds_lfht_add_unique(table, hash, node_matches, node->name, &node->link);
	rcu_read_unlock();
	return link == &node->link;
}

BENCH_INLINE void
erase_acquire(void *session, const void *target, lk_mode mode, struct node **ticket)
{
	struct nodes *s = (struct nodes *)session;
	size_t len = strlen((const char *)target);
	uint64_t hash = XXH3_64bits(target, len);
	unsigned n = 0;

	(void)mode;
	*ticket = nodes_take(s);
	node_name(*ticket, (const char *)target, len);
	while (!erase_try(s->table, hash, *ticket))
		word_pause(&n);
}

BENCH_INLINE void
erase_release(void *session, const void *target, struct node **ticket)
{
	struct nodes *s = (struct nodes *)session;

	(void)target;
	rcu_read_lock();
	cds_lfht_del(s->table, &(*ticket)->link);
	rcu_read_unlock();
	nodes_give(s, *ticket);
}

#define PEER               cds_lfht_erase
#define PEER_WHAT          "cds_lfht, a node added and deleted each time, used again after a grace period"
#define PEER_BY            BY_NAME
#define PEER_MODES         MODES_ALL
#define PEER_TICKET        struct node *
#define PEER_OPEN          erase_open
#define PEER_CLOSE         erase_close
#define PEER_SESSION_OPEN  erase_session_open
#define PEER_SESSION_CLOSE erase_session_close
#define PEER_ACQUIRE       erase_acquire
#define PEER_RELEASE       erase_release
#include "contestant.h"
