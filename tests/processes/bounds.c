/* SPDX-License-Identifier: MIT */
/* How many requests of one process come first when another one waits.  (BN1-BN3) */
#include "processes.h"

#include "passes.h"

#define WAIT "60000"

static void
asks(void *arg)
{
	puppet_tell(arg, "acquire n X " WAIT);
}

static bool
has_it(void *arg)
{
	return puppet_has_answered(arg);
}

static void
gives(void *arg)
{
	is(puppet_hear(arg), 0);
	is(puppet_does(arg, "release n"), 0);
}

Test(bounds, say_who_comes_first, .timeout = 300)
{
	for (size_t i = 0; i < countof(passes_bounds); i++) {
		const struct passes_bound *bound = &passes_bounds[i];
		char parameters[64];
		struct ground ground;
		struct lk_manager *m;
		struct puppet b;

		snprintf(parameters, sizeof(parameters), "?%s", bound->parameters);
		ground_make(&ground, parameters);
		ok(lk_open(ground.url, NULL, &m));
		puppet_start(&b, ground.url);
		passes_play(m, &(struct passes_other){ &b, asks, has_it, gives }, bound->place,
			    bound->first);
		puppet_end(&b);
		ok(lk_close(m));
		ground_remove(&ground);
	}
}
