/* SPDX-License-Identifier: MIT */
/* Units of semaphores: taken, asked for, looked at. */
#ifndef LATCHKEY_TESTS_API_SEMAPHORE_H
#define LATCHKEY_TESTS_API_SEMAPHORE_H

#include "support.h"

/* Options that ask for so many. */
static inline struct lk_options
want(uint32_t units, uint32_t permits)
{
	return (struct lk_options){ .size = sizeof(struct lk_options),
				    .units = units,
				    .permits = permits };
}

static inline int
try_units(struct lk_owner *w, const char *name, uint32_t units, uint32_t permits, lk_grant *g)
{
	struct lk_options o = { .size = sizeof(o), .flags = LK_NOWAIT };

	return lk_acquire_units(w, name, strlen(name), units, permits, &o, g);
}

/* That are there without a wait. */
static inline lk_grant
take_units(struct lk_owner *w, const char *name, uint32_t units, uint32_t permits)
{
	lk_grant g = 0;

	ok(try_units(w, name, units, permits, &g));
	cr_assert_neq(g, 0);
	return g;
}

static inline struct lk_semaphore_info
units_of(struct lk_manager *m, const char *name)
{
	struct lk_semaphore_info info = { .size = sizeof(info) };

	ok(lk_semaphore_info(m, name, strlen(name), &info));
	return info;
}

/* It is known with these numbers; all 0: nobody has or wants any. */
static inline void
expect_units(struct lk_manager *m, const char *name, uint32_t permits, uint32_t used,
	     uint32_t waiting, uint64_t wanted)
{
	struct lk_semaphore_info i = units_of(m, name);

	cr_expect(i.permits == permits && i.used == used && i.waiting == waiting &&
			  i.wanted == wanted,
		  "%s: %u permits, %u used, %u wait for %llu", name, i.permits, i.used, i.waiting,
		  (unsigned long long)i.wanted);
}

#endif /* LATCHKEY_TESTS_API_SEMAPHORE_H */
