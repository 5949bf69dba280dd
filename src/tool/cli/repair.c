/* SPDX-License-Identifier: MIT */
/* `latchkey repair`: damaged records are made anew; without --write it says what would be done. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "rows.h"

struct repair {
	const struct call *c;
	json_t *all;
	bool does;
};

static const char *
what_of(const struct repair *r, const struct lk_repair_row *row)
{
	switch ((enum lk_repair_what)row->what) {
	case LK_REPAIR_FINE:
		return "fine";
	case LK_REPAIR_DONE:
		return r->does ? "made anew" : "damaged: would be made anew, say --write";
	case LK_REPAIR_LIVE:
		return "damaged: somebody alive may hold it, see --force";
	case LK_REPAIR_NAMELESS:
		return "damaged: the store does not know its name; repair it by that";
	case LK_REPAIR_FAILED:
		return lk_strerror(row->rc);
	}
	return "?";
}

static int
tell(void *arg, const struct lk_repair_row *row)
{
	struct repair *r = arg;
	json_t *o;

	if (!r->c->json) {
		if (row->name != NULL)
			put_name(row->name, row->name_len);
		else
			printf("%s", row->part != NULL ? row->part : "?");
		printf(": %s\n", what_of(r, row));
		return 0;
	}
	o = json_pack("{s:s}", "what", what_of(r, row));
	if (row->name != NULL)
		put_bytes(o, "name", row->name, row->name_len);
	if (row->part != NULL)
		(void)json_object_set_new(o, "part", json_string(row->part));
	return json_array_append_new(r->all, o) == 0 ? 0 : LK_E_NOMEM;
}

/* What is still damaged afterwards. */
static int
sum_up(const struct repair *r, const struct lk_repaired *sum)
{
	const uint64_t left = sum->damaged - (r->does ? sum->done : 0);

	if (r->c->json)
		(void)put_json(json_pack("{s:I, s:I, s:I, s:O}", "looked_at",
					 (json_int_t)sum->looked_at, "damaged",
					 (json_int_t)sum->damaged, "done",
					 (json_int_t)(r->does ? sum->done : 0), "records", r->all));
	else
		printf("%llu looked at, %llu damaged, %llu made anew\n",
		       (unsigned long long)sum->looked_at, (unsigned long long)sum->damaged,
		       (unsigned long long)(r->does ? sum->done : 0));
	return left > 0 ? EXIT_CORRUPT : 0;
}

int
repair_run(struct call *c)
{
	struct repair r = { .c = c, .does = call_option(c, "write") != NULL };
	struct lk_repaired sum = { .size = (uint32_t)sizeof(sum) };
	const char *name = c->n_operands > 0 ? c->operands[0] : "";
	const uint32_t flags = (r.does ? LK_REPAIR_WRITE : 0) |
			       (call_option(c, "force") != NULL ? LK_REPAIR_FORCE : 0) |
			       (c->n_operands == 0 ? LK_REPAIR_PREFIX : 0);
	struct lk_manager *m;
	int code = rows_open(c, &m);
	int rc;

	if (code != 0)
		return code;
	r.all = json_array();
	rc = lk_repair(m, name, strlen(name), flags, tell, &r, &sum);
	forget(lk_close(m));
	code = rc == 0 ? sum_up(&r, &sum) : complain_of(c, c->url, rc);
	json_decref(r.all);
	return code;
}
