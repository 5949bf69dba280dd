/* SPDX-License-Identifier: MIT */
/* What the programs' options share. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "options.h"

uint64_t
option_number(const char *text, uint64_t lowest, uint64_t highest)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || n < lowest || n > highest) {
		fprintf(stderr, "%s is not a number from %" PRIu64 " to %" PRIu64 "; see --help\n",
			text, lowest, highest);
		exit(2);
	}
	return n;
}

enum db_sync
option_sync(const char *text)
{
	static const char *const names[] = {
		[DB_SYNC_FULL] = "full", [DB_SYNC_NORMAL] = "normal", [DB_SYNC_OFF] = "off"
	};

	for (int i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++)
		if (strcmp(text, names[i]) == 0)
			return (enum db_sync)i;
	fprintf(stderr, "%s is none of full, normal, off; see --help\n", text);
	exit(2);
}
