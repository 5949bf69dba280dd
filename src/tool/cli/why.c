/* SPDX-License-Identifier: MIT */
/* `latchkey why`: who is in the way of a lock, on its name or on one above it. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "inway.h"

static void
put_blocker(const struct row *r)
{
	char since[32];

	printf("  ");
	put_name(r->name, r->len);
	if ((r->flags & LK_RECORD_DAMAGED) != 0) {
		printf(" is damaged: see lk_repair(3)\n");
		return;
	}
	printf(" is %s in %s by ", r->wanted != LK_NL ? "waited for" : "held",
	       lk_modename(r->wanted != LK_NL ? r->wanted : r->held));
	put_who(r);
	if (r->since_ns != 0)
		printf(", for %s", row_since(r, since, sizeof(since)));
	putchar('\n');
}

struct asked {
	const char *name;
	lk_mode mode;
	json_t *blockers;
	bool is_json;
	size_t n;
};

static int
tell(void *arg, const struct row *r)
{
	struct asked *a = arg;

	if (!a->is_json && a->n == 0) {
		put_name(a->name, strlen(a->name));
		printf(" cannot be had in %s:\n", lk_modename(a->mode));
	}
	if (a->is_json)
		(void)json_array_append_new(a->blockers, row_json(r));
	else
		put_blocker(r);
	a->n++;
	return 0;
}

static int
sum_up(const struct asked *a)
{
	json_t *o;

	if (a->is_json) {
		o = json_pack("{s:s, s:O}", "mode", lk_modename(a->mode), "blockers", a->blockers);
		if (o != NULL)
			put_bytes(o, "name", a->name, strlen(a->name));
		return put_json(o);
	}
	if (a->n == 0) {
		put_name(a->name, strlen(a->name));
		printf(" can be had in %s\n", lk_modename(a->mode));
	}
	return 0;
}

int
why_run(struct call *c)
{
	struct asked a = { .name = c->operands[0], .mode = LK_X, .is_json = c->json };
	struct lk_manager *m;
	int code, rc;

	if (call_mode(c, "mode", &a.mode))
		return EXIT_USAGE;
	code = rows_open(c, &m);
	if (code != 0)
		return code;
	a.blockers = json_array();
	rc = inway_each(m, a.name, strlen(a.name), a.mode, false, tell, &a);
	forget(lk_close(m));
	code = rc != 0 ? complain_of(c, c->url, rc) : sum_up(&a);
	json_decref(a.blockers);
	return rc == 0 && code == 0 && a.n > 0 ? EXIT_NOT_ACQUIRED : code;
}
