/* SPDX-License-Identifier: MIT */
/* What the program says of itself. */
#ifndef LATCHKEY_CLI_HELP_H
#define LATCHKEY_CLI_HELP_H

struct command;
struct call;

/* Of one command; NULL: of all.  Returns 0. */
int help_of(const struct command *command);
int help_version(void);

/* The command `help`. */
int help_run(struct call *c);

#endif /* LATCHKEY_CLI_HELP_H */
