/* SPDX-License-Identifier: MIT */
/*
 * All that can be seen of who holds what, as sorted lines of text: for tests that say "nothing
 * has changed".
 *
 * Left out is what may differ without anybody having gained or lost a thing: ages, and the latest
 * fence of a name that nobody may write.
 */
#ifndef LATCHKEY_TESTS_API_STATE_H
#define LATCHKEY_TESTS_API_STATE_H

#include <stdarg.h>
#include <stdlib.h>

#include "support.h"

enum { STATE_LINES = 400, STATE_WIDTH = 200 };

struct state {
	struct lk_manager *m;
	size_t n;
	char line[STATE_LINES][STATE_WIDTH];
};

__attribute__((format(printf, 2, 3))) static inline void
state_add(struct state *s, const char *format, ...)
{
	va_list args;

	cr_assert_lt(s->n, STATE_LINES);
	va_start(args, format);
	(void)vsnprintf(s->line[s->n++], STATE_WIDTH, format, args);
	va_end(args);
}

/* The end of a name, where paths differ, and its length. */
static inline const char *
state_name(const void *name, size_t len, char *text, size_t cap)
{
	size_t shown = len < 60 ? len : 60;

	(void)snprintf(text, cap, "%.*s (%zu)", (int)shown, (const char *)name + len - shown, len);
	return text;
}

static inline unsigned long long
state_fence(lk_mode mode, uint64_t fence)
{
	return mode == LK_U || mode == LK_SIX || mode == LK_X ? fence : 0;
}

static inline void
state_add_name(struct state *s, const char *text, const void *name, size_t len)
{
	struct lk_info info = { .size = sizeof(info) };

	ok(lk_info(s->m, name, len, &info));
	state_add(s, "%s: IS %u IX %u S %u SIX %u U %u X %u, waiters %u, flags %x", text,
		  info.holders[LK_IS], info.holders[LK_IX], info.holders[LK_S],
		  info.holders[LK_SIX], info.holders[LK_U], info.holders[LK_X], info.waiters,
		  info.flags);
}

static inline int
state_add_row(void *arg, const struct lk_snapshot_row *row)
{
	struct state *s = arg;
	char text[100];

	state_name(row->name, row->name_len, text, sizeof(text));
	state_add(s, "%s: owner %llu holds %s, wants %s, %u grants, place %u, flags %x, fence %llu",
		  text, (unsigned long long)row->owner_id, mode_name(row->held),
		  mode_name(row->wanted), row->grants, row->position, row->flags,
		  state_fence(row->held, row->fence));
	state_add_name(s, text, row->name, row->name_len);
	return 0;
}

static inline int
state_add_grant(void *arg, const struct lk_grant_info *grant)
{
	char text[100];

	state_name(grant->name, grant->name_len, text, sizeof(text));
	state_add(arg, "%s: grant %llx in %s, effective %s, flags %x, fence %llu, tag %zu", text,
		  (unsigned long long)grant->grant, mode_name(grant->mode),
		  mode_name(grant->effective), grant->flags, state_fence(grant->mode, grant->fence),
		  grant->tag_len);
	return 0;
}

static inline int
state_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The whole manager, and all grants of `n` idle owners. */
static inline void
state_read(struct state *s, struct lk_manager *m, struct lk_owner **w, int n)
{
	struct lk_stats stats = stats_of(m);

	s->m = m;
	s->n = 0;
	ok(lk_snapshot(m, state_add_row, s));
	for (int i = 0; i < n; i++)
		ok(lk_owner_each(w[i], state_add_grant, s));
	state_add(s, "holds %llu, waiting %llu", (unsigned long long)stats.holds,
		  (unsigned long long)stats.waiting);
	qsort(s->line, s->n, sizeof(s->line[0]), state_compare);
}

static inline void
state_same(const struct state *before, const struct state *after, const char *what)
{
	for (size_t i = 0; i < before->n || i < after->n; i++) {
		const char *was = i < before->n ? before->line[i] : "nothing more";
		const char *now = i < after->n ? after->line[i] : "nothing more";

		cr_assert_str_eq(was, now, "%s: it was \"%s\", it is \"%s\"", what, was, now);
	}
}

#endif /* LATCHKEY_TESTS_API_STATE_H */
