/* SPDX-License-Identifier: MIT */
/* Many locks below one name, and what they have become. */
#ifndef LATCHKEY_TESTS_API_ESCALATE_H
#define LATCHKEY_TESTS_API_ESCALATE_H

#include "support.h"

enum { AFTER = 16, MANY = 64 }; /* the least threshold there is */

static const struct lk_options nowait = { .size = sizeof(nowait), .flags = LK_NOWAIT };

static inline const char *
child(const char *above, int i)
{
	static char name[4][64];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(name[turn], sizeof(name[turn]), "%s/%d", above, i);
	return name[turn];
}

/* "above/from" to "above/to", but for the last. */
static inline void
take_range(struct lk_owner *w, const char *above, int from, int to, lk_mode mode, lk_grant *g)
{
	for (int i = from; i < to; i++)
		g[i] = take(w, child(above, i), mode);
}

static inline bool
is_implied(struct lk_owner *w, lk_grant g)
{
	return (grant_info(w, g).flags & LK_IMPLIED) != 0;
}

static inline uint32_t
holders(struct lk_manager *m, const char *name, lk_mode mode)
{
	return info_of(m, name).holders[mode];
}

/* The one owner that holds it does so in this mode; LK_NL: nobody holds it. */
static inline bool
is_held_in(struct lk_manager *m, const char *name, lk_mode mode)
{
	const struct lk_info info = info_of(m, name);

	for (lk_mode k = LK_IS; k <= LK_X; k++) {
		if (info.holders[k] != (k == mode))
			return false;
	}
	return true;
}

/* All of them are implied, or none; and their words say so. */
static inline void
expect_range(struct lk_manager *m, struct lk_owner *w, const char *above, int from, int to,
	     lk_mode mode, const lk_grant *g, bool implied)
{
	for (int i = from; i < to; i++) {
		cr_expect_eq(is_implied(w, g[i]), implied, "%d", i);
		cr_expect_eq(grant_info(w, g[i]).mode, mode, "%d", i);
		cr_expect(is_held_in(m, child(above, i), implied ? LK_NL : mode), "%d", i);
	}
}

static inline uint64_t
escalations(struct lk_manager *m)
{
	return stats_of(m).escalations;
}

static inline uint64_t
refused(struct lk_manager *m)
{
	return stats_of(m).escalations_refused;
}

#endif /* LATCHKEY_TESTS_API_ESCALATE_H */
