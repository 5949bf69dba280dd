/* SPDX-License-Identifier: MIT */
/* lk_serve(): for managers without a thread, and only for those. */
#include "support.h"

Test(serve, is_refused_where_there_is_a_thread)
{
	struct lk_manager *m = open_manager(NULL);
	uint64_t next = 7;

	is(lk_serve(m, &next), LK_E_INVAL);
	is(lk_serve(NULL, &next), LK_E_INVAL);
	cr_expect_eq(next, 7u);
	close_all(m, NULL, 0);
}

Test(serve, says_that_nothing_is_due)
{
	struct lk_manager *m = open_manager("memory:?manual=1");
	uint64_t next = 7;

	ok(lk_serve(m, NULL));
	ok(lk_serve(m, &next));
	cr_expect_eq(next, LK_OFF);
	close_all(m, NULL, 0);
}
