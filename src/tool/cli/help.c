/* SPDX-License-Identifier: MIT */
/* What the program says of itself. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "help.h"

static void
put_options(const struct option *table)
{
	for (; table != NULL && table->name != NULL; table++) {
		char left[64];

		snprintf(left, sizeof(left), "--%s%s%s", table->name,
			 table->metavar != NULL ? " " : "",
			 table->metavar != NULL ? table->metavar : "");
		printf("  %-24s %s\n", left, table->help);
	}
}

static void
put_commands(void)
{
	for (const struct command *k = commands; k->name != NULL; k++)
		printf("  %-12s %s\n", k->name, k->summary);
}

static void
help_of_all(void)
{
	puts("Locks by name, for shells, scripts and other languages.\n");
	put_heading("usage");
	puts(": latchkey COMMAND [OPTION…] [NAME…] [-- COMMAND…]\n");
	put_commands();
	puts("");
	put_options(common_options);
	puts("\nWithout --store, --dir and LATCHKEY_URL locks are kept in a folder of this user.\n"
	     "`latchkey help COMMAND` says more; so does `man latchkey`.");
}

int
help_of(const struct command *k)
{
	if (k == NULL) {
		help_of_all();
		return 0;
	}
	put_heading("usage");
	printf(": latchkey %s%s%s%s\n\n%s\n", k->name, k->options != NULL ? " [OPTION…]" : "",
	       *k->operands != '\0' ? " " : "", k->operands, k->summary);
	if (k->help != NULL)
		printf("\n%s\n", k->help);
	puts("");
	put_options(k->options);
	put_options(common_options);
	return 0;
}

int
help_version(void)
{
	printf("latchkey %s\n", lk_version());
	return 0;
}

int
help_run(struct call *c)
{
	struct nearest n = { .word = c->n_operands > 0 ? c->operands[0] : "" };

	if (c->n_operands == 0)
		return help_of(NULL);
	for (const struct command *k = commands; k->name != NULL; k++) {
		if (strcmp(k->name, c->operands[0]) == 0)
			return help_of(k);
		nearest_look(&n, k->name);
	}
	if (n.best != NULL)
		complain(c, "there is no command %s; do you mean %s?", n.word, n.best);
	else
		complain(c, "there is no command %s", n.word);
	return EXIT_USAGE;
}
