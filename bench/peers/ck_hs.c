/* SPDX-License-Identifier: MIT */
/*
 * Concurrency Kit's hash set as an index of locks: a node has a word that is locked by compare-and-swap and
 * stays in the set for ever.  Look-ups take no lock; the set is for one writer, so that a mutex guards the
 * adding of a name.  The set has room for all names from the start; should it grow nevertheless, the old
 * array is lost, as others may be reading it.
 *
 * That is not a lock manager: one mode, waiters that spin and yield, no owners, no deadlines, nothing fair,
 * and every name that was ever seen stays.
 *
 * Needs: libck-dev <ck_hs.h> -lck
 * Needs: libxxhash-dev <xxhash.h>
 * Not under: thread
 */
#include <pthread.h>
#include <string.h>

#include <ck_hs.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "peers/lines.h"
#include "peers/word.h"

struct node {
	struct word word;
	char name[NAME_SIZE]; /* what the set points to, so that a name can be looked up */
};

struct set {
	ck_hs_t hs;
	_Alignas(64) pthread_mutex_t writer;
	struct pool nodes; /* guarded by it */
};

/* ------------------------------------------------------------------ for the set */

static void *
set_malloc(size_t size)
{
	return malloc(size);
}

/* An array that may be read is lost: that needs no reclamation, and does not come to pass here. */
static void
set_free(void *memory, size_t size, bool defer)
{
	(void)size;
	if (!defer)
		free(memory);
}

static struct ck_malloc set_memory = { .malloc = set_malloc, .free = set_free };

static unsigned long
set_hash(const void *name, unsigned long seed)
{
	(void)seed;
	return XXH3_64bits(name, strlen((const char *)name));
}

static bool
set_compare(const void *a, const void *b)
{
	return strcmp((const char *)a, (const char *)b) == 0;
}

static struct node *
node_of(void *name)
{
	return (struct node *)(void *)((char *)name - offsetof(struct node, name));
}

/* ------------------------------------------------------------------ a contestant */

static void *
set_open(size_t n_names, size_t n_held)
{
	struct set *set = (struct set *)lines(sizeof(*set));

	(void)n_held;
	if (!ck_hs_init(&set->hs, CK_HS_MODE_SPMC | CK_HS_MODE_OBJECT, set_hash, set_compare,
			&set_memory, 2 * n_names, 0))
		bench_die("ck_hs", "out of memory");
	if (pthread_mutex_init(&set->writer, NULL) != 0)
		bench_die("ck_hs", "no mutex");
	set->nodes = (struct pool){ 0 };
	return set;
}

static void
set_close(void *world)
{
	struct set *set = (struct set *)world;

	ck_hs_destroy(&set->hs);
	pool_free(&set->nodes);
	pthread_mutex_destroy(&set->writer);
	free(set);
}

/* The name is new, unless somebody was faster. */
static struct node *
set_add(struct set *set, unsigned long hash, const char *name)
{
	struct node *node;
	void *there;

	pthread_mutex_lock(&set->writer);
	there = ck_hs_get(&set->hs, hash, name);
	if (there != NULL) {
		node = node_of(there);
	} else {
		size_t size = strlen(name) + 1;

		if (size > NAME_SIZE)
			bench_die("ck_hs", "the name is too long");
		node = (struct node *)pool_line(&set->nodes);
		node->word = (struct word){ 0 };
		memcpy(node->name, name, size);
		if (!ck_hs_put_unique(&set->hs, hash, node->name))
			bench_die("ck_hs", "out of memory");
	}
	pthread_mutex_unlock(&set->writer);
	return node;
}

BENCH_INLINE void
set_acquire(void *session, const void *target, lk_mode mode, struct node **ticket)
{
	struct set *set = (struct set *)session;
	const char *name = (const char *)target;
	unsigned long hash = set_hash(name, 0);
	void *there = ck_hs_get(&set->hs, hash, name);

	(void)mode;
	*ticket = there != NULL ? node_of(there) : set_add(set, hash, name);
	word_lock(&(*ticket)->word);
}

BENCH_INLINE void
set_release(void *session, const void *target, struct node **ticket)
{
	(void)session;
	(void)target;
	word_unlock(&(*ticket)->word);
}

#define PEER         ck_hs
#define PEER_WHAT    "ck_hs, a word in each node, room for each name, entries stay"
#define PEER_BY      BY_NAME
#define PEER_MODES   MODES_ALL
#define PEER_TRAITS  PEER_KEEPS
#define PEER_TICKET  struct node *
#define PEER_OPEN    set_open
#define PEER_CLOSE   set_close
#define PEER_ACQUIRE set_acquire
#define PEER_RELEASE set_release
#include "contestant.h"
