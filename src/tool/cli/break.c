/* SPDX-License-Identifier: MIT */
/* `latchkey break`: a lock is taken from whoever has it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "rows.h"

/* On a terminal it is asked for; elsewhere it has to be said. */
static bool
is_sure(const struct call *c)
{
	char said[16] = "";

	if (call_option(c, "yes") != NULL)
		return true;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
		complain(c, "%s: it takes the lock from whoever has it: say --yes", c->operands[0]);
		return false;
	}
	fprintf(stderr,
		"Take %s from whoever has it, though they may go on with what it protects? [y/N] ",
		c->operands[0]);
	return fgets(said, sizeof(said), stdin) != NULL && (said[0] == 'y' || said[0] == 'Y');
}

int
break_run(struct call *c)
{
	struct lk_break done = { .size = (uint32_t)sizeof(done) };
	struct lk_manager *m;
	int code, rc;

	if (!is_sure(c))
		return EXIT_USAGE;
	code = rows_open(c, &m);
	if (code != 0)
		return code;
	rc = lk_break(m, c->operands[0], strlen(c->operands[0]), NULL, &done);
	forget(lk_close(m));
	if (rc == LK_E_NOENT) {
		complain(c, "%s: nobody holds it", c->operands[0]);
		return EXIT_NOT_ACQUIRED;
	}
	if (rc != 0)
		return complain_of(c, c->operands[0], rc);
	if (c->json)
		return put_json(json_pack("{s:i, s:o}", "ended", (int)done.n, "fence",
					  number_text(done.fence)));
	printf("%u ended; later fences are above %llu\n", done.n, (unsigned long long)done.fence);
	return 0;
}
