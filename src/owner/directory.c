/* SPDX-License-Identifier: MIT */
/* Owners by their number.  (DI1) */
#include "owner/directory.h"

/* Where its place is: segment 0 has numbers below DIRECTORY_FIRST, segment k > 0 those from DIRECTORY_FIRST << (k-1) up. */
static uint32_t
place_segment(uint64_t number)
{
	const uint64_t n = number / DIRECTORY_FIRST;

	return n == 0 ? 0 : 64u - (uint32_t)__builtin_clzll(n);
}

static uint64_t
first_of(uint32_t k)
{
	return k == 0 ? 0 : (uint64_t)DIRECTORY_FIRST << (k - 1);
}

static size_t
bytes_of(uint32_t k)
{
	return (k == 0 ? DIRECTORY_FIRST : first_of(k)) * sizeof(aptr);
}

static uint64_t
number_of(uint64_t id)
{
	return id & (OWNER_OPENING - 1);
}

/* Two may make it at a time, and one of them in vain.  NULL: no memory. */
static aptr *
make_segment(struct directory *d, struct env *env, uint32_t k)
{
	void *there = NULL;
	void *made = env_zalloc(env, bytes_of(k), LK_LINE);

	if (made == NULL)
		return NULL;
	if (shim_cas(&d->segment[k], &there, made, SHIM_ACQ_REL))
		return made;
	env_free(env, made, bytes_of(k));
	return shim_load(&d->segment[k], SHIM_ACQUIRE);
}

enum directory_result
directory_enter(struct directory *d, struct env *env, struct lk_owner *w)
{
	const uint64_t number = number_of(shim_load(&w->id, SHIM_RELAXED));
	const uint32_t k = place_segment(number);
	aptr *place = shim_load(&d->segment[k], SHIM_ACQUIRE);
	void *there = NULL;

	if (place == NULL)
		place = make_segment(d, env, k);
	if (place == NULL)
		return DIRECTORY_NOMEM;
	place += number - first_of(k);
	if (shim_cas(place, &there, (void *)w, SHIM_ACQ_REL) || there == w)
		return DIRECTORY_OK;
	return DIRECTORY_FULL;
}

struct lk_owner *
directory_find(const struct directory *d, uint64_t id)
{
	const uint64_t number = number_of(id);
	const uint32_t k = place_segment(number);
	const aptr *place = shim_load(&d->segment[k], SHIM_ACQUIRE);

	return place != NULL ? shim_load(&place[number - first_of(k)], SHIM_ACQUIRE) : NULL;
}

void
directory_fini(struct directory *d, struct env *env)
{
	for (uint32_t k = 0; k < DIRECTORY_SEGMENTS; k++)
		env_free(env, shim_load(&d->segment[k], SHIM_RELAXED), bytes_of(k));
}
