/* SPDX-License-Identifier: MIT */
/* Counters: see stats.h. */
#include <inttypes.h>
#include <stdio.h>

#include "stats.h"

int
stats_read(struct lk_manager *m, struct counter counter[STATS_N])
{
	struct lk_stats stats = { .size = sizeof(stats) };
	size_t n = 0;
	int rc = lk_stats(m, &stats);

	if (rc != 0)
		return rc;
#define STATS_TAKE(field, what) \
	counter[n++] = (struct counter){ .name = #field, .text = what, .value = stats.field };
	LK_COUNTER_LIST(STATS_TAKE)
#undef STATS_TAKE
	return 0;
}

void
stats_print(struct lk_manager *m)
{
	struct counter counter[STATS_N];
	int rc = stats_read(m, counter);

	if (rc != 0) {
		printf("no lock statistics: %s\n", lk_strerror(rc));
		return;
	}
	printf("lock statistics (what is not here is 0):\n");
	for (size_t i = 0; i < STATS_N; i++) {
		if (counter[i].value != 0)
			printf("%12" PRIu64 "  %-20s %s\n", counter[i].value, counter[i].name,
			       counter[i].text);
	}
}
