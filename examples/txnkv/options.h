/* SPDX-License-Identifier: MIT */
/* What the programs' options share. */
#ifndef TXNKV_OPTIONS_H
#define TXNKV_OPTIONS_H

#include <stdint.h>

#include "kv.h"

/* A whole number from `lowest` to `highest`, or the end of the program with status 2. */
uint64_t option_number(const char *text, uint64_t lowest, uint64_t highest);

/* full, normal, off; or the end of the program. */
enum db_sync option_sync(const char *text);

#endif /* TXNKV_OPTIONS_H */
