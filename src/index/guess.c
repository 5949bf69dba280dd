/* SPDX-License-Identifier: MIT */
/* The table of guesses.  (GS4) */
#include "index/guess.h"

void
guess_begin(struct index_cache *c, struct env *env)
{
	c->found = 0; /* without memory another time */
	c->guess = env_alloc(env, GUESS_BYTES, LK_LINE);
	if (c->guess != NULL)
		memset(c->guess, 0, GUESS_BYTES);
}

void
guess_end(struct index_cache *c, struct env *env)
{
	c->found = 0;
	if (c->guess == NULL)
		return;
	env_free(env, c->guess, GUESS_BYTES);
	c->guess = NULL;
}
