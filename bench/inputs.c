/* SPDX-License-Identifier: MIT */
/* Names, paths, modes and times of arrival. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inputs.h"

#define N_USES_MIN  65536u
#define N_USES_MOST 1048576u /* by Zipf's law: names come again and again */
#define ZIPF_THETA  0.99

static void *
room(size_t n, size_t size)
{
	void *memory = calloc(n, size);

	if (memory == NULL)
		bench_die("names", "out of memory");
	return memory;
}

/* SplitMix64. */
static uint64_t
random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* From 0 to below 1. */
static double
random_part(uint64_t *state)
{
	return (double)(random_next(state) >> 11) * 0x1p-53;
}

/* Fisher and Yates. */
static void
shuffle(uint32_t *number, size_t n, uint64_t *state)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = (size_t)(random_next(state) % i);
		uint32_t other = number[j];

		number[j] = number[i - 1];
		number[i - 1] = other;
	}
}

/* The numbers from `first` on, shuffled. */
static uint32_t *
numbers(size_t first, size_t n, uint64_t *state)
{
	uint32_t *number = room(n, sizeof(*number));

	for (size_t i = 0; i < n; i++)
		number[i] = (uint32_t)(first + i);
	shuffle(number, n, state);
	return number;
}

/* Append `number` in `digits` digits, or as many as it has; where the text ends. */
static char *
put_number(char *at, uint32_t number, unsigned digits)
{
	char reversed[10];
	unsigned n = 0;

	for (; number > 0 || n < digits; number /= 10)
		reversed[n++] = (char)('0' + number % 10);
	while (n > 0)
		*at++ = reversed[--n];
	return at;
}

static void
put_user(struct bench_name *name, uint32_t number)
{
	memcpy(name->text, "user:", 5);
	put_number(name->text + 5, number, 7);
}

/* Round after round, so that a batch never has a name twice. */
struct bench_name *
inputs_uniform(size_t first, size_t n, unsigned batch, uint64_t seed, size_t *n_uses)
{
	size_t rounds = n < N_USES_MIN ? N_USES_MIN / n : 1;
	struct bench_name *names = room(n * rounds, sizeof(*names));
	uint32_t *number = numbers(first, n, &seed);

	if (batch > 0 && n % batch != 0)
		bench_die("names", "are no multiple of a batch");
	for (size_t i = 0; i < n * rounds; i++) {
		if (i % n == 0)
			shuffle(number, n, &seed);
		put_user(&names[i], number[i % n]);
	}
	free(number);
	*n_uses = n * rounds;
	return names;
}

/* The sum of the weights of `n` ranks. */
static double
zeta(size_t n)
{
	double sum = 0;

	for (size_t i = 1; i <= n; i++)
		sum += pow((double)i, -ZIPF_THETA);
	return sum;
}

/*
 * A rank below `n`, 0 the most frequent.  Source: Gray, Sundaresan, Englert, Baclawski, Weinberger:
 * "Quickly Generating Billion-Record Synthetic Databases", 1994.
 */
static size_t
zipf(double u, size_t n, double zeta_n)
{
	double alpha = 1 / (1 - ZIPF_THETA);
	double zeta_2 = 1 + pow(0.5, ZIPF_THETA);
	double eta = (1 - pow(2.0 / (double)n, 1 - ZIPF_THETA)) / (1 - zeta_2 / zeta_n);
	size_t rank;

	if (u * zeta_n < 1)
		return 0;
	if (u * zeta_n < zeta_2)
		return 1;
	rank = (size_t)((double)n * pow(eta * u - eta + 1, alpha));
	return rank < n ? rank : n - 1;
}

/* Frequent names are anywhere among the others. */
struct bench_name *
inputs_zipf(size_t first, size_t n, uint64_t seed, size_t *n_uses)
{
	size_t uses = 4 * n < N_USES_MIN ? N_USES_MIN : 4 * n < N_USES_MOST ? 4 * n : N_USES_MOST;
	struct bench_name *names = room(uses, sizeof(*names));
	uint64_t order = first; /* the same for all who use these names */
	uint32_t *number = numbers(first, n, &order);
	double sum = zeta(n);

	for (size_t i = 0; i < uses; i++)
		put_user(&names[i], number[zipf(random_part(&seed), n, sum)]);
	free(number);
	*n_uses = uses;
	return names;
}

struct bench_name *
inputs_root(size_t *n_uses)
{
	struct bench_name *names = room(N_USES_MIN, sizeof(*names));

	for (size_t i = 0; i < N_USES_MIN; i++)
		memcpy(names[i].text, "d0", 2);
	*n_uses = N_USES_MIN;
	return names;
}

static void
put_path(struct bench_path *path, uint32_t row, unsigned n_tables)
{
	char *at;

	memcpy(path->level[0].text, "d0", 2);
	memcpy(path->level[1].text, "d0/t", 4);
	at = put_number(path->level[1].text + 4, row % n_tables, 2);
	memcpy(path->level[2].text, path->level[1].text, NAME_SIZE);
	at = path->level[2].text + (at - path->level[1].text);
	memcpy(at, "/r", 2);
	put_number(at + 2, row, 7);
}

struct bench_path *
inputs_paths(size_t first, size_t n, unsigned n_tables, uint64_t seed)
{
	struct bench_path *paths = room(n, sizeof(*paths));
	uint32_t *number = numbers(first, n, &seed);

	for (size_t i = 0; i < n; i++)
		put_path(&paths[i], number[i], n_tables);
	free(number);
	return paths;
}

uint8_t *
inputs_modes(size_t n, size_t n_x, uint64_t seed)
{
	uint32_t *number = numbers(0, n, &seed);
	uint8_t *modes = room(n, sizeof(*modes));

	for (size_t i = 0; i < n; i++)
		modes[number[i]] = i < n_x ? LK_X : LK_S;
	free(number);
	return modes;
}

uint32_t *
inputs_gaps(size_t n, double mean, uint64_t seed)
{
	uint32_t *gaps = room(n, sizeof(*gaps));

	for (size_t i = 0; i < n; i++)
		gaps[i] = (uint32_t)fmin(-log(1 - random_part(&seed)) * mean, UINT32_MAX);
	return gaps;
}

/* ------------------------------------------------------------------ for one case */

static void
feed_names(struct feed *f, const struct bench_case *b, unsigned lane)
{
	size_t first = b->shared ? 0 : lane * f->n_names;
	uint64_t seed = lane + 1;

	switch (b->kind) {
	case NAMES_UNIFORM:
		f->names[lane] = inputs_uniform(first, f->n_names, b->batch, seed, &f->n_uses);
		break;
	case NAMES_ZIPF:
		f->names[lane] = inputs_zipf(first, f->n_names, seed, &f->n_uses);
		break;
	case NAMES_ROOT:
		f->names[lane] = inputs_root(&f->n_uses);
		break;
	case NAMES_PATHS:
		f->paths[lane] = inputs_paths(first, f->n_names, b->n_tables, seed);
		f->n_uses = f->n_names;
		break;
	}
}

void
feed_init(struct feed *f, const struct bench_case *b, size_t n_most)
{
	memset(f, 0, sizeof(*f));
	f->n_names = b->n_names < n_most ? b->n_names : n_most;
	for (unsigned i = 0; i < b->n_lanes; i++) {
		if (b->by == BY_NAME)
			feed_names(f, b, i);
		if (b->loop == LOOP_MIXED)
			f->modes[i] = inputs_modes(N_MODES, b->n_x, i + 1);
	}
}

void
feed_fini(struct feed *f)
{
	for (unsigned i = 0; i < N_LANES_MAX; i++) {
		free(f->names[i]);
		free(f->paths[i]);
		free(f->modes[i]);
	}
}
