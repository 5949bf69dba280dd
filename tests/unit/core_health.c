/* SPDX-License-Identifier: MIT */
/* What of the health of a manager cannot be brought about from outside. */
#include <latchkey/health.h>

#include "core/manager.h"
#include "harness.h"

Test(health, tells_of_a_wall_clock_that_was_set_back)
{
	struct lk_health h = { .size = sizeof(h), .slow_ns = UINT64_C(600000000000) };
	const struct lk_health_part *clock = &h.part[LK_HEALTH_PART_clock];
	struct lk_manager *m;

	cr_assert_eq(lk_open(NULL, NULL, &m), 0);
	m->opened_wall_ms += 3600000;
	cr_assert_eq(lk_health(m, &h), 0);
	cr_expect_eq(clock->status, LK_HEALTH_WARN);
	cr_expect_ge(clock->value, 3000000);
	cr_expect(strstr(clock->words, "set back") != NULL, "%s", clock->words);
	m->opened_wall_ms -= 7200000; /* forwards: nothing depends on that */
	cr_assert_eq(lk_health(m, &h), 0);
	cr_expect_eq(clock->status, LK_HEALTH_OK);
	cr_assert_eq(lk_close(m), 0);
}
