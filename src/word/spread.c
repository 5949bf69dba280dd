/* SPDX-License-Identifier: MIT */
/* The arrays of slots, and what they sum up to.  (C3, C7) */
#include <latchkey.h>

#include "word/spread.h"

#ifndef LK_SPREAD_SEATS /* a tester wants two */
#define LK_SPREAD_SEATS 0
#endif

/* Twice as many as processors, so that two owners seldom share one. */
static uint32_t
seats_for(unsigned cpus)
{
	uint32_t n = 2;

	if (LK_SPREAD_SEATS != 0)
		return LK_SPREAD_SEATS;
	while (n < 2 * cpus && n < SEATS_MAX)
		n *= 2;
	return n;
}

void
spread_init(struct spread *s, struct env *env, uint64_t after)
{
	s->env = env;
	shim_init(&s->after, after);
	s->seats = seats_for(shim_cpus());
	latch_init(&s->latch);
	shim_init(&s->n, 0u);
	s->array = NULL;
}

static size_t
array_bytes(const struct spread *s)
{
	return sizeof(struct spread_array) + s->seats * sizeof(struct seat);
}

void
spread_fini(struct spread *s)
{
	const uint32_t n = shim_load(&s->n, SHIM_RELAXED);

	for (uint32_t number = 1; number <= n; number++)
		env_free(s->env, spread_array(s, number), array_bytes(s));
	env_free(s->env, s->array, SPREAD_MAX * sizeof(aptr));
}

/* Under the latch. */
static uint32_t
add_array(struct spread *s)
{
	const uint32_t n = shim_load(&s->n, SHIM_RELAXED);
	void *p;

	if (n == SPREAD_MAX)
		return 0;
	if (s->array == NULL)
		s->array = env_zalloc(s->env, SPREAD_MAX * sizeof(aptr), LK_LINE);
	if (s->array == NULL)
		return 0;
	p = env_zalloc(s->env, array_bytes(s), LK_LINE);
	if (p == NULL)
		return 0;
	shim_store(&s->array[n], p, SHIM_RELEASE);
	shim_store(&s->n, n + 1, SHIM_RELAXED);
	return n + 1;
}

uint32_t
spread_make(struct spread *s)
{
	uint32_t number;

	latch_lock(&s->latch);
	number = add_array(s);
	latch_unlock(&s->latch);
	return number;
}

uint64_t
spread_sum_without(const struct spread *s, uint32_t number, const a64 *own, lk_mode held)
{
	const struct spread_array *a = spread_array(s, number);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < s->seats; i++) {
		uint64_t count = shim_load(&a->seat[i].count, SHIM_SEQ_CST);

		sum |= &a->seat[i].count == own ? word_without(count, held) : count;
	}
	return sum;
}

uint64_t
spread_sum(const struct spread *s, uint32_t number)
{
	return spread_sum_without(s, number, NULL, LK_NL);
}

uint32_t
spread_holders(const struct spread *s, uint32_t number, lk_mode m)
{
	const struct spread_array *a = spread_array(s, number);
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->seats; i++)
		n += word_holders(shim_load(&a->seat[i].count, SHIM_ACQUIRE), m);
	return n;
}
