/* SPDX-License-Identifier: MIT */
/* The command line `latchkey`: finds the command, and reads the words for it. */
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#include "help.h"

/* A store's file must not become standard output, if that was closed; what is written there is to fail. */
static void
keep_standard_files(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			(void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
	}
}

static const struct command *
command_of(const char *word)
{
	struct nearest n = { .word = word };

	for (const struct command *k = commands; k->name != NULL; k++) {
		if (strcmp(k->name, word) == 0)
			return k;
		nearest_look(&n, k->name);
	}
	if (n.best != NULL)
		complain(NULL, "there is no command %s; do you mean %s?", word, n.best);
	else
		complain(NULL, "there is no command %s; `latchkey help` lists them", word);
	return NULL;
}

/* What all commands take, and what is not a command's own. */
struct common {
	const char *store;
	const char *dir;
	bool json;
	bool help;
	bool version;
};

/* Reads words one after the other. */
struct reader {
	char **word;
	int n;
	int at;
};

/* The place of an option in a table; -1: it is not there. */
static int
place_of(const struct option *table, const char *name, size_t len)
{
	for (int i = 0; table != NULL && table[i].name != NULL; i++) {
		if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
			return i;
	}
	return -1;
}

static bool
complain_of_option(const struct call *c, const char *said, size_t len)
{
	char word[64];
	struct nearest n = { .word = word };

	snprintf(word, sizeof(word), "%.*s", (int)(len < 60 ? len : 60), said);
	for (int i = 0; c->command != NULL && c->command->options != NULL &&
			c->command->options[i].name != NULL;
	     i++)
		nearest_look(&n, c->command->options[i].name);
	for (int i = 0; common_options[i].name != NULL; i++)
		nearest_look(&n, common_options[i].name);
	if (n.best != NULL)
		complain(c, "there is no option --%s; do you mean --%s?", word, n.best);
	else
		complain(c, "there is no option --%s", word);
	return true;
}

static bool
set_common(const struct call *c, struct common *o, int which, const char *value)
{
	const char **text = which == 0 ? &o->store : which == 1 ? &o->dir : NULL;
	bool *flag = which == 2 ? &o->json : which == 3 ? &o->help : &o->version;

	if (text != NULL ? *text != NULL : *flag) {
		complain(c, "--%s is said twice", common_options[which].name);
		return true;
	}
	if (text != NULL)
		*text = value;
	else
		*flag = true;
	return false;
}

static bool
set_own(struct call *c, int which, const char *value)
{
	if (c->value[which] != NULL) {
		complain(c, "--%s is said twice", c->command->options[which].name);
		return true;
	}
	c->value[which] = value;
	return false;
}

/* One option, "--…"; true: it is wrong. */
static bool
read_option(struct call *c, struct common *o, struct reader *r)
{
	const char *name = r->word[r->at++] + 2;
	const char *value = strchr(name, '=');
	const size_t len = value != NULL ? (size_t)(value - name) : strlen(name);
	const int own = c->command != NULL ? place_of(c->command->options, name, len) : -1;
	const int common = own < 0 ? place_of(common_options, name, len) : -1;
	const struct option *k = own >= 0      ? &c->command->options[own]
				 : common >= 0 ? &common_options[common]
					       : NULL;

	if (k == NULL)
		return complain_of_option(c, name, len);
	if (value != NULL)
		value++;
	if (k->metavar == NULL && value != NULL) {
		complain(c, "--%s takes no value", k->name);
		return true;
	}
	if (k->metavar != NULL && value == NULL) {
		if (r->at == r->n || strcmp(r->word[r->at], "--") == 0) {
			complain(c, "--%s needs a value: --%s %s", k->name, k->name, k->metavar);
			return true;
		}
		value = r->word[r->at++];
	}
	if (k->metavar == NULL)
		value = "";
	return own >= 0 ? set_own(c, own, value) : set_common(c, o, common, value);
}

/* A short form of a common option, or "-", which is an operand. */
static bool
read_short(struct call *c, struct common *o, const char *word)
{
	if (strcmp(word, "-h") == 0)
		return set_common(c, o, 3, "");
	if (strcmp(word, "-V") == 0)
		return set_common(c, o, 4, "");
	complain(c, "there is no option %s; all but -h and -V are said in full, as --wait", word);
	return true;
}

/* True: something is wrong, and was complained of. */
static bool
read_words(struct call *c, struct common *o, struct reader *r)
{
	bool is_wrong = false;

	while (r->at < r->n && !is_wrong) {
		char *word = r->word[r->at];

		if (strcmp(word, "--") == 0) {
			r->at++;
			c->start = &r->word[r->at];
			break;
		}
		if (strncmp(word, "--", 2) == 0) {
			is_wrong = read_option(c, o, r);
			continue;
		}
		r->at++;
		if (word[0] == '-' && word[1] != '\0')
			is_wrong = read_short(c, o, word);
		else if (c->command == NULL)
			is_wrong = (c->command = command_of(word)) == NULL;
		else
			c->operands[c->n_operands++] = word;
	}
	return is_wrong;
}

/* As many operands as it takes, and something to start. */
static bool
is_complete(struct call *c)
{
	const struct command *k = c->command;

	if (!k->starts) { /* behind "--" there are operands that begin with '-' */
		for (char **word = c->start; word != NULL && *word != NULL; word++)
			c->operands[c->n_operands++] = *word;
		c->start = NULL;
	} else if (c->start != NULL && *c->start == NULL) {
		c->start = NULL;
	}
	if (k->starts && c->start == NULL && c->n_operands > 1) {
		complain(c, "say -- before the command: latchkey %s %s", k->name, k->operands);
		return false;
	}
	if (c->n_operands < k->least || (k->starts && c->start == NULL)) {
		complain(c, "something is missing: latchkey %s %s", k->name, k->operands);
		return false;
	}
	if (k->most >= 0 && c->n_operands > k->most) {
		complain(c, "%s is too much: latchkey %s %s", c->operands[k->most], k->name,
			 k->operands);
		return false;
	}
	return true;
}

int
main(int argc, char **argv)
{
	char *operands[argc + 1];
	struct call c = { .operands = operands };
	struct common o = { 0 };
	struct reader r = { argv, argc, 1 };
	int code;

	keep_standard_files();
	(void)setlocale(LC_CTYPE, "C.UTF-8"); /* how wide a name is shown */
	(void)signal(SIGPIPE, SIG_IGN);       /* the write says it */
	if (read_words(&c, &o, &r))
		return EXIT_USAGE;
	if (o.version)
		return finish_output(NULL, help_version());
	if (o.help || c.command == NULL) {
		if (c.command == NULL && !o.help) {
			complain(NULL, "what is to be done?  `latchkey help` lists the commands");
			return EXIT_USAGE;
		}
		return finish_output(NULL, help_of(c.command));
	}
	if (!is_complete(&c))
		return EXIT_USAGE;
	if (o.store != NULL && o.dir != NULL) {
		complain(&c, "--dir DIR is short for --store file:DIR: say one of them");
		return EXIT_USAGE;
	}
	c.json = o.json;
	c.store = o.store;
	c.dir = o.dir;
	code = finish_output(&c, c.command->run(&c));
	free(c.url);
	return code;
}
