/* SPDX-License-Identifier: MIT */
/* How many requests of one manager come first when another one waits; of a database.  (BN1-BN3) */
#include "stage.h"

#include "passes.h"

Test(bounds, say_who_comes_first, .timeout = 300)
{
	for (size_t i = 0; i < countof(passes_bounds); i++) {
		const struct passes_bound *bound = &passes_bounds[i];
		struct lk_manager *m[2];
		struct passes_rival b;
		struct stage g;
		char url[160];

		stage_make(&g);
		snprintf(url, sizeof(url), "%s?%s", g.url, bound->parameters);
		for (int k = 0; k < 2; k++)
			ok(lk_open(url, NULL, &m[k]));
		rival_begin(&b, m[1]);
		passes_play(m[0],
			    &(struct passes_other){ &b, rival_asks, rival_has_it, rival_gives },
			    bound->place, bound->first);
		rival_end(&b);
		ok(lk_close(m[0]));
		stage_remove(&g);
	}
}
