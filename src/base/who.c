/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <unistd.h>

#include "base/who.h"

void
who_am_i(char *buf, size_t cap)
{
	char host[65] = "";

	if (gethostname(host, sizeof(host) - 1) != 0)
		host[0] = '\0';
	(void)snprintf(buf, cap, "%s:%ld", host, (long)getpid());
}
