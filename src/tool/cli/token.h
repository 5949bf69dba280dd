/* SPDX-License-Identifier: MIT */
/* Locks that outlive the process that took them, by their tokens. */
#ifndef LATCHKEY_CLI_TOKEN_H
#define LATCHKEY_CLI_TOKEN_H

#include "cli.h"

/* --lease, if it is said; true: it was wrong, and was complained of. */
bool token_lease(const struct call *c, uint64_t *ns);

/* Opens a store that outlives this process; an exit code, 0: open. */
int token_open(struct call *c, struct lk_config *config, struct lk_manager **out);

/* As it says of itself. */
uint64_t token_fence(const char *token);

#endif /* LATCHKEY_CLI_TOKEN_H */
