/* SPDX-License-Identifier: MIT */
/* The smallest useful program: lock a name, work, give it back. */
#include <stdio.h>
#include <stdlib.h>

#include <latchkey.h>

/* Say what went wrong and stop: a small program has nobody to report to. */
static void
check(int rc, const char *what)
{
	if (rc == 0)
		return;
	fprintf(stderr, "hello: %s: %s (%s)\n", what, lk_strerror(rc), lk_errname(rc));
	exit(1);
}

int
main(void)
{
	struct lk_manager *m;
	struct lk_owner *me;
	lk_grant grant;

	check(lk_open("memory:", NULL, &m), "open");
	me = lk_self(m);
	check(lk_acquire(me, "printer/3", LK_X, NULL, &grant), "acquire");
	printf("hello: nobody else uses printer/3 now\n");
	check(lk_release(me, grant), "release");
	check(lk_close(m), "close");
	return 0;
}
