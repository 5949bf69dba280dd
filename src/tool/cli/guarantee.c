/* SPDX-License-Identifier: MIT */
/* `latchkey guarantee`: what the locks of a store are good for. */
#include <stdio.h>

#include "commands.h"
#include "json.h"

/* In memory there is no store to be opened. */
static int
ask(struct call *c, struct lk_guarantee *g)
{
	struct lk_config config = LK_CONFIG_INIT;
	struct lk_manager *m;
	const int code = place_open(c, &config, &m);
	int rc;

	if (code != 0)
		return code;
	rc = lk_guarantee(m, g);
	forget(lk_close(m));
	return rc == 0 ? 0 : complain_of(c, c->url, rc);
}

int
guarantee_run(struct call *c)
{
	struct lk_guarantee g = { .size = (uint32_t)sizeof(g) };
	const int code = ask(c, &g);

	if (code != 0)
		return code;
	if (c->json)
		return put_json(json_pack("{s:s, s:s, s:s}", "store", c->url, "level",
					  level_name(g.level), "words", g.words));
	printf("%s: ", c->url);
	put_heading(level_name(g.level));
	printf("\n%s\n", g.words);
	return 0;
}
