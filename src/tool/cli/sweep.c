/* SPDX-License-Identifier: MIT */
/* `latchkey sweep`: drop what nobody needs any more. */
#include <stdio.h>

#include "commands.h"
#include "json.h"

int
sweep_run(struct call *c)
{
	struct lk_config config = LK_CONFIG_INIT;
	struct lk_manager *m;
	size_t n = 0;
	int code = place_open(c, &config, &m);
	int rc;

	if (code != 0)
		return code;
	rc = lk_sweep(m, &n);
	if (rc != 0)
		code = complain_of(c, c->url, rc);
	else if (c->json)
		code = put_json(json_pack("{s:I}", "removed", (json_int_t)n));
	else
		printf("%zu removed\n", n);
	forget(lk_close(m));
	return code;
}
