/* SPDX-License-Identifier: MIT */
/* `latchkey check-health`: is all well with a store? */
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "rows.h"

int
health_run(struct call *c)
{
	struct lk_health *h = calloc(1, sizeof(*h));
	struct lk_manager *m;
	int code = h != NULL ? rows_open(c, &m) : EXIT_SYSTEM;
	int rc;

	if (code != 0) {
		free(h);
		return code;
	}
	rc = lk_health_text(m, NULL, c->json ? LK_JSON : LK_TEXT, lk_write_file, stdout);
	h->size = (uint32_t)sizeof(*h);
	if (rc == 0)
		rc = lk_health(m, h);
	forget(lk_close(m));
	if (c->json)
		putchar('\n');
	if (rc != 0)
		code = complain_of(c, c->url, rc);
	else if (h->status == LK_HEALTH_BAD)
		code = EXIT_UNREACHABLE;
	free(h);
	return code;
}
