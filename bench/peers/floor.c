/* SPDX-License-Identifier: MIT */
/*
 * The least that a lock can cost, by handle and by name: what no lock of that kind can do without.  These are the calls; they
 * are in a file of their own so that they stay calls, as those of a library are.  floors.c has the contestants, and says
 * what all of it leaves out.
 *
 * Needs: libxxhash-dev <xxhash.h>
 */
#include <string.h>
#include <sys/mman.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "peers/floor.h"
#include "peers/lines.h"

/* With a line each to point at, all in one page, so that no two of them are in each other's way in a cache; what nobody holds is not kept. */
#define N_BUCKETS ((size_t)32)

struct floor_line {
	atomic_ulong word; /* 1: taken */
	uint64_t hash;     /* 0: nobody has used the line */
	uint32_t len;
	char name[NAME_SIZE];
} __attribute__((aligned(64)));

struct bucket {
	uint64_t hash; /* of the name that the line has */
	struct floor_line *line;
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct floor_line) == CACHE_LINE, "a line is a cache line");
_Static_assert(sizeof(struct bucket) == CACHE_LINE, "a bucket is a cache line");

struct floor_table {
	struct floor_line *lines;
	struct bucket *buckets; /* behind them, or NULL */
	size_t size;            /* bytes of both */
	size_t n_lines;
};

/* ----------------------------------------------------------------------- a word */

bool
floor_word_take(atomic_ulong *word)
{
	unsigned long nobody = 0;

	return atomic_compare_exchange_strong_explicit(word, &nobody, 1, memory_order_acquire,
						       memory_order_relaxed);
}

void
floor_word_give(atomic_ulong *word)
{
	atomic_fetch_sub_explicit(word, 1, memory_order_release);
}

/* ----------------------------------------------------------------------- tables */

/* Zeros, which the system makes page by page when they are first touched: what grows has that to pay, too. */
static void *
fresh(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		bench_die("floor", "out of memory");
	return memory;
}

static struct floor_table *
table_open(size_t n_lines, size_t n_buckets)
{
	const size_t size = n_lines * sizeof(struct floor_line) + n_buckets * sizeof(struct bucket);
	struct floor_table *t = lines(sizeof(*t));

	*t = (struct floor_table){ .lines = fresh(size), .size = size, .n_lines = n_lines };
	return t;
}

struct floor_table *
floor_open(void)
{
	struct floor_table *t = table_open(N_BUCKETS, N_BUCKETS);

	t->buckets = (struct bucket *)(t->lines + N_BUCKETS);
	for (size_t i = 0; i < N_BUCKETS; i++)
		t->buckets[i].line = &t->lines[N_BUCKETS - 1 - i];
	return t;
}

/* Two thirds full in the end. */
struct floor_table *
floor_held_open(size_t n)
{
	return table_open(n + n / 2 + 1, 0);
}

void
floor_close(struct floor_table *t)
{
	munmap(t->lines, t->size);
	free(t);
}

static bool
line_is(const struct floor_line *l, const char *name, size_t len, uint64_t hash)
{
	return l->hash == hash && l->len == len && memcmp(l->name, name, len) == 0;
}

static void
line_name(struct floor_line *l, const char *name, size_t len, uint64_t hash)
{
	if (len > NAME_SIZE)
		bench_die("floor", "the name is too long");
	l->hash = hash;
	l->len = (uint32_t)len;
	memcpy(l->name, name, len);
}

/* A bucket's line, and if another name had it, it is this one's from now on: nobody else is there. */
bool
floor_take(struct floor_table *t, const char *name, struct floor_line **line)
{
	const size_t len = strlen(name);
	const uint64_t hash = XXH3_64bits(name, len);
	struct bucket *b = &t->buckets[hash & (N_BUCKETS - 1)];
	struct floor_line *l = b->line;

	if (!floor_word_take(&l->word))
		return false;
	if (b->hash != hash || !line_is(l, name, len, hash)) {
		b->hash = hash;
		line_name(l, name, len, hash);
	}
	*line = l;
	return true;
}

/* The first line from where the hash says that nobody has used. */
bool
floor_held_take(struct floor_table *t, const char *name, struct floor_line **line)
{
	const size_t len = strlen(name);
	const uint64_t hash = XXH3_64bits(name, len) | 1;
	size_t i = (size_t)(((unsigned __int128)hash * t->n_lines) >> 64);

	while (t->lines[i].hash != 0 && !line_is(&t->lines[i], name, len, hash))
		i = i + 1 == t->n_lines ? 0 : i + 1;
	*line = &t->lines[i];
	if (!floor_word_take(&t->lines[i].word))
		return false;
	if (t->lines[i].hash == 0)
		line_name(&t->lines[i], name, len, hash);
	return true;
}

void
floor_give(struct floor_line *line)
{
	floor_word_give(&line->word);
}
