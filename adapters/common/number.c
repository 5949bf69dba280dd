/* SPDX-License-Identifier: MIT */
/* Numbers with units. */
#include "common/number.h"

#include <errno.h>
#include <stdlib.h>

uint64_t
number_of_bytes(const char *text)
{
	static const char units[] = "kMG";
	char *end;
	uint64_t x;

	if (text[0] < '0' || text[0] > '9')
		return 0;
	errno = 0;
	x = strtoull(text, &end, 10);
	for (unsigned i = 0; *end != '\0' && i < 3; i++) {
		if (end[0] == units[i] && end[1] == '\0' && x < UINT64_MAX >> (10 * (i + 1)))
			return x << (10 * (i + 1));
	}
	return *end == '\0' && errno == 0 ? x : 0;
}
