/* SPDX-License-Identifier: MIT */
/* `latchkey config`: settings that are in force for who opens a store, and those that are stored with its locks. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "json.h"

/* Who said it, as a word: by enum lk_setting_from. */
static const char *
from_word(enum lk_setting_from from)
{
	static const char *const words[] = { "?",   "default", "file", "variable",
					     "URL", "set",     "store" };

	return from < sizeof(words) / sizeof(words[0]) ? words[from] : "?";
}

struct listing {
	json_t *all;      /* NULL: as text */
	const char *only; /* NULL: all */
};

static int
no_such(const struct call *c, const char *name)
{
	struct nearest n = { .word = name };

	for (size_t i = 0; setting_names[i] != NULL; i++)
		nearest_look(&n, setting_names[i]);
	if (n.best != NULL)
		complain(c, "%s: there is no such setting; do you mean %s?", name, n.best);
	else
		complain(c, "%s: there is no such setting; `latchkey config get` lists them", name);
	return EXIT_USAGE;
}

static bool
is_setting(const char *name)
{
	for (size_t i = 0; setting_names[i] != NULL; i++) {
		if (strcmp(setting_names[i], name) == 0)
			return true;
	}
	return false;
}

/* A time in the largest unit of which it is a whole number: as `config set` takes it. */
static const char *
readable(const struct lk_setting *s, char *buf, size_t cap)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	const size_t len = strlen(s->name);
	uint64_t n;
	int unit = 0;

	if (len < 3 || strcmp(s->name + len - 3, "_ns") != 0 || !text_number(s->value, &n) ||
	    n == 0)
		return s->value;
	for (; unit < 3 && n % 1000 == 0; unit++)
		n /= 1000;
	snprintf(buf, cap, "%llu%s", (unsigned long long)n, units[unit]);
	return buf;
}

static void
put_line(const struct lk_setting *s)
{
	char text[LK_CONFIG_TEXT_MAX];
	const char *value = readable(s, text, sizeof(text));
	size_t used;

	printf("%-18s ", s->name);
	used = put_name(value, strlen(value));
	printf("%*s %s\n", used < 12 ? (int)(12 - used) : 0, "", from_word(s->from));
}

static int
list(void *arg, const struct lk_setting *s)
{
	struct listing *l = arg;

	if (l->only != NULL && strcmp(l->only, s->name) != 0)
		return 0;
	if (l->all != NULL) {
		json_t *o = json_pack("{s:s}", "from", from_word(s->from));

		put_bytes(o, "value", s->value, strlen(s->value));
		return json_object_set_new(l->all, s->name, o) == 0 ? 0 : LK_E_NOMEM;
	}
	if (l->only == NULL) {
		put_line(s);
		return 0;
	}
	put_name(s->value, strlen(s->value));
	putchar('\n');
	return 0;
}

static int
get(struct call *c)
{
	struct lk_config config = LK_CONFIG_INIT;
	struct listing l = { .only = c->n_operands > 1 ? c->operands[1] : NULL };
	struct lk_manager *m;
	int code, rc;

	if (l.only != NULL && !is_setting(l.only))
		return no_such(c, l.only);
	code = place_open(c, &config, &m);
	if (code != 0)
		return code;
	l.all = c->json ? json_object() : NULL;
	if (!c->json && l.only == NULL) {
		put_heading("SETTING            VALUE        FROM");
		putchar('\n');
	}
	rc = lk_config_each(m, list, &l);
	forget(lk_close(m));
	if (rc == 0)
		return c->json ? put_json(l.all) : 0;
	json_decref(l.all);
	return complain_of(c, c->url, rc);
}

static int
set(struct call *c)
{
	char why[256];
	struct lk_store *store;
	int code, rc;

	if (!is_setting(c->operands[1]))
		return no_such(c, c->operands[1]);
	if (place_url(c) != NULL && strncmp(c->url, "memory:", 7) == 0) {
		complain(c, "%s: nothing there outlives this process", c->url);
		return EXIT_USAGE;
	}
	code = place_open_store(c, 0, &store);
	if (code != 0)
		return code;
	rc = lk_stored_set(store, c->operands[1], c->operands[2], why, sizeof(why));
	lk_store_close(store);
	if (rc == 0)
		return c->json ? put_json(json_true()) : 0;
	complain(c, "%s", why[0] != '\0' ? why : lk_strerror(rc));
	return exit_of(rc);
}

int
config_run(struct call *c)
{
	const char *what = c->operands[0];
	const bool gets = strcmp(what, "get") == 0;

	if (!gets && strcmp(what, "set") != 0) {
		complain(c, "%s: it is get or set", what);
		return EXIT_USAGE;
	}
	if (gets && c->n_operands <= 2)
		return get(c);
	if (!gets && c->n_operands == 3)
		return set(c);
	complain(c, "say latchkey config get [SETTING], or latchkey config set SETTING VALUE");
	return EXIT_USAGE;
}
