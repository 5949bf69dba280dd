/* SPDX-License-Identifier: MIT */
/* What a process leaves to others: grants that belong to a token, and values of names. */
#include "pair.h"

#include <sys/wait.h>

#define HOUR "3600000"

/* The first has a token. */
static void
keep_token(struct pair *p)
{
	cr_assert_eq(strlen(p->a.answer), LK_TOKEN_MAX, "%s", p->a.answer); /* and a space */
	memcpy(p->token, p->a.answer + 1, LK_TOKEN_MAX);
}

static void
detach(struct pair *p, const char *name, const char *mode, const char *ms)
{
	is(puppet_does(&p->a, "detach %s %s %s", name, mode, ms), 0);
	keep_token(p);
}

/* For a short time, but long enough to be told before it is over. */
static void
detach_for_a_moment(struct pair *p, const char *name)
{
	int ms = 300;

	while (puppet_does(&p->a, "detach %s X %d", name, ms) != 0) {
		ms *= 2;
		cr_assert_lt(ms, 60000);
	}
	keep_token(p);
}

Test(handed, a_token_works_when_its_process_was_killed, .timeout = 60)
{
	struct pair p;

	pair_begin(&p);
	detach(&p, "a/b", "X", HOUR);
	is(puppet_does(&p.a, "token check %s", p.token), 0);
	puppet_kill(&p.a);
	is(puppet_does(&p.b, "acquire a/b S 0"), LK_E_BUSY);
	is(puppet_does(&p.b, "acquire a S 0"), LK_E_BUSY);
	is(puppet_does(&p.b, "token check %s", p.token), 0);
	is(puppet_does(&p.b, "token renew %s", p.token), 0);
	is(puppet_does(&p.b, "token release %s", p.token), 0);
	is(puppet_does(&p.b, "token release %s", p.token), LK_E_STALE);
	is(puppet_does(&p.b, "acquire a X " WAIT), 0);
	cr_expect(strstr(p.b.answer, "died") == NULL, "%s", p.b.answer);
	pair_end(&p);
}

Test(handed, a_token_works_when_its_process_has_ended, .timeout = 60)
{
	struct pair p;

	pair_begin(&p);
	detach(&p, "n", "S", HOUR);
	puppet_end(&p.a);
	is(puppet_does(&p.b, "acquire n S 0"), 0);
	is(puppet_does(&p.b, "acquire n X 0"), LK_E_BUSY);
	puppet_end(&p.b); /* so nobody has the store open */
	puppet_start(&p.a, p.ground.url);
	is(puppet_does(&p.a, "acquire n X 0"), LK_E_BUSY);
	is(puppet_does(&p.a, "token release %s", p.token), 0);
	is(puppet_does(&p.a, "acquire n X " WAIT), 0);
	pair_end(&p);
}

Test(handed, who_waits_gets_it_by_the_token_of_a_third, .timeout = 60)
{
	struct puppet c;
	struct pair p;

	pair_begin(&p);
	puppet_start(&c, p.ground.url);
	detach(&p, "n", "X", HOUR);
	puppet_tell(&p.b, "acquire n X " WAIT);
	cr_expect(!puppet_has_answered(&p.b));
	puppet_kill(&p.a);
	cr_expect(!puppet_has_answered(&p.b));
	is(puppet_does(&c, "token release %s", p.token), 0);
	is(puppet_hear(&p.b), 0);
	puppet_end(&c);
	pair_end(&p);
}

/* Nobody is there any more who could end it. */
Test(handed, a_lease_is_over_without_its_process, .timeout = 60)
{
	struct pair p;

	pair_begin(&p);
	detach_for_a_moment(&p, "n");
	puppet_kill(&p.a);
	is(puppet_does(&p.b, "acquire n X " WAIT), 0);
	cr_expect(strstr(p.b.answer, "died") != NULL, "%s", p.b.answer);
	is(puppet_does(&p.b, "token check %s", p.token), LK_E_LOST);
	is(puppet_does(&p.b, "token release %s", p.token), LK_E_LOST);
	is(puppet_does(&p.b, "token release %s", p.token), LK_E_STALE);
	pair_end(&p);
}

/* ---------------------------------------------------------------------------- values */

Test(handed, a_value_is_read_by_another_process, .timeout = 60)
{
	static const char *const modes[] = { "X", "U", "SIX" };
	struct pair p;

	pair_begin(&p);
	for (size_t i = 0; i < countof(modes); i++) {
		is(puppet_does(&p.a, "acquire n %s " WAIT, modes[i]), 0);
		is(puppet_does(&p.a, "write value%zu", i), 0);
		is(puppet_does(&p.a, "release n"), 0);
		is(puppet_does(&p.b, "acquire n S " WAIT), 0);
		is(puppet_does(&p.b, "read"), 0);
		cr_expect_eq(p.b.answer[strlen(p.b.answer) - 1], '0' + (char)i, "%s", p.b.answer);
		is(puppet_does(&p.b, "release n"), 0);
	}
	puppet_end(&p.a);
	puppet_end(&p.b);
	puppet_start(&p.a, p.ground.url);
	is(puppet_does(&p.a, "acquire n IS " WAIT), 0);
	is(puppet_does(&p.a, "read"), 0);
	cr_expect_str_eq(p.a.answer, " value2");
	pair_end(&p);
}

Test(handed, a_value_of_one_that_is_killed_is_invalid, .timeout = 60)
{
	struct pair p;

	pair_begin(&p);
	is(puppet_does(&p.a, "acquire n U " WAIT), 0);
	is(puppet_does(&p.a, "write first"), 0);
	is(puppet_does(&p.b, "acquire n S " WAIT), 0);
	puppet_kill(&p.a);
	is(puppet_does(&p.b, "read"), 0);
	cr_expect_str_eq(p.b.answer, " first invalid");
	is(puppet_does(&p.b, "convert X"), 0);
	is(puppet_does(&p.b, "read"), 0);
	cr_expect_str_eq(p.b.answer, " first invalid");
	is(puppet_does(&p.b, "write second"), 0);
	is(puppet_does(&p.b, "release n"), 0);
	puppet_start(&p.a, p.ground.url);
	is(puppet_does(&p.a, "acquire n S " WAIT), 0);
	is(puppet_does(&p.a, "read"), 0);
	cr_expect_str_eq(p.a.answer, " second");
	pair_end(&p);
}
