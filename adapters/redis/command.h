/* SPDX-License-Identifier: MIT */
/* A request as a list of arguments.  What they are is not copied. */
#ifndef LK_ADAPTERS_REDIS_COMMAND_H
#define LK_ADAPTERS_REDIS_COMMAND_H

#include <stdbool.h>
#include <string.h>

#include "common/arena.h"

struct command {
	const char **argv;
	size_t *len;
	int n;
	int room;
};

/* False: out of memory. */
static inline bool
command_begin(struct command *c, struct arena *arena, size_t room)
{
	*c = (struct command){ .argv = arena_alloc(arena, room * sizeof(*c->argv)),
			       .len = arena_alloc(arena, room * sizeof(*c->len)),
			       .room = (int)room };
	return c->argv != NULL && c->len != NULL;
}

static inline void
command_add(struct command *c, const void *bytes, size_t len)
{
	c->argv[c->n] = bytes;
	c->len[c->n++] = len;
}

static inline void
command_say(struct command *c, const char *text)
{
	command_add(c, text, strlen(text));
}

enum { DECIMAL_MOST = 20 }; /* digits of a size */

/* How many there are; nothing is behind them. */
static inline size_t
decimal_put(char *out, size_t number)
{
	char digits[DECIMAL_MOST];
	size_t n = 0;

	do
		digits[DECIMAL_MOST - ++n] = (char)('0' + number % 10);
	while ((number /= 10) != 0);
	memcpy(out, digits + DECIMAL_MOST - n, n);
	return n;
}

/* False: out of memory. */
static inline bool
command_number(struct command *c, struct arena *arena, size_t number)
{
	char *text = arena_alloc(arena, DECIMAL_MOST);

	if (text != NULL)
		command_add(c, text, decimal_put(text, number));
	return text != NULL;
}

#endif /* LK_ADAPTERS_REDIS_COMMAND_H */
