/* SPDX-License-Identifier: MIT */
/* `latchkey migrate`: the locks of one store move to another. */
#include <stdio.h>

#include "commands.h"
#include "json.h"

static void
say(const struct lk_migration *how, bool dry)
{
	if (dry)
		printf("%llu names, of which %llu have something to keep and %llu are in use\n",
		       (unsigned long long)how->names, (unsigned long long)how->copied,
		       (unsigned long long)how->in_use);
	else
		printf("moved: %llu names, of which %llu had something to keep; %llu tokens; in "
		       "%llu attempts\n",
		       (unsigned long long)how->names, (unsigned long long)how->copied,
		       (unsigned long long)how->tokens, (unsigned long long)how->attempts);
}

static json_t *
row_of(const struct lk_migration *how, bool dry)
{
	return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I}", "moved", !dry, "names",
			 (json_int_t)how->names, "copied", (json_int_t)how->copied, "tokens",
			 (json_int_t)how->tokens, "in_use", (json_int_t)how->in_use, "attempts",
			 (json_int_t)how->attempts);
}

int
migrate_run(struct call *c)
{
	const bool dry = call_option(c, "dry-run") != NULL;
	const char *from = call_option(c, "from");
	const char *to = call_option(c, "to");
	char report[512] = "";
	struct lk_migration how = {
		.size = sizeof(how),
		.flags = dry ? LK_MIGRATE_DRY_RUN : 0,
		.report = report,
		.report_cap = sizeof(report),
	};
	int rc;

	if (call_time(c, "timeout", &how.timeout_ns) || call_time(c, "freeze", &how.freeze_ns))
		return EXIT_USAGE;
	if (to == NULL) {
		complain(c, "where to? --to URL");
		return EXIT_USAGE;
	}
	if (from == NULL)
		from = place_url(c);
	if (from == NULL)
		return EXIT_USAGE;
	rc = lk_migrate(from, to, &how);
	if (rc != 0) {
		complain(c, "%s", report);
		return exit_of(rc);
	}
	if (c->json)
		return put_json(row_of(&how, dry));
	say(&how, dry);
	return 0;
}
