/* SPDX-License-Identifier: MIT */
/* Answers of commands as JSON. */
#ifndef LATCHKEY_CLI_JSON_H
#define LATCHKEY_CLI_JSON_H

#include <jansson.h>

#include "cli.h"

/* Writes it, and a newline, and gives it away; returns 0, or EXIT_SYSTEM for NULL. */
int put_json(json_t *value);

/* A name as "name" if it is text, else as "name_hex"; so with other words in place of `word`. */
void put_bytes(json_t *object, const char *word, const void *bytes, size_t len);

json_t *number_text(uint64_t n); /* all 64 bits, as text */

#endif /* LATCHKEY_CLI_JSON_H */
