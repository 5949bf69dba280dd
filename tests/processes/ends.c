/* SPDX-License-Identifier: MIT */
/* Processes that end, fork, or become another program while they hold locks; and those that want other settings. */
#include "pair.h"

#include <sys/wait.h>

Test(ends, who_waits_for_one_that_is_killed_gets_it_and_is_told, .timeout = 60)
{
	static const char *const modes[] = { "X", "U", "SIX" };
	struct pair p;

	pair_begin(&p);
	for (size_t i = 0; i < countof(modes); i++) {
		is(puppet_does(&p.a, "acquire n %s " WAIT, modes[i]), 0);
		puppet_tell(&p.b, "acquire n X " WAIT);
		cr_expect(!puppet_has_answered(&p.b));
		puppet_kill(&p.a);
		is(puppet_hear(&p.b), 0);
		cr_expect(strstr(p.b.answer, "died") != NULL, "%s:%s", modes[i], p.b.answer);
		is(puppet_does(&p.b, "release n"), 0);
		puppet_start(&p.a, p.ground.url);
	}
	pair_end(&p);
}

/* Not a process, but a thread; who is told is elsewhere, and only one. */
Test(ends, of_a_thread_are_told_to_another_process, .timeout = 60)
{
	struct pair p;

	pair_begin(&p);
	for (int i = 0; i < 4; i++) {
		is(puppet_does(&p.a, "thread"), 0);
		if (i == 3)
			puppet_end(&p.a); /* the manager closes, and nobody had it in between */
		is(puppet_does(&p.b, "acquire thread %s " WAIT, i % 2 == 0 ? "X" : "S"), 0);
		cr_expect(strstr(p.b.answer, "died") != NULL, "%d:%s", i, p.b.answer);
		is(puppet_does(&p.b, "release thread"), 0);
		if (i == 3)
			puppet_start(&p.a, p.ground.url);
		is(puppet_does(&p.a, "acquire thread X " WAIT), 0);
		cr_expect(strstr(p.a.answer, "died") == NULL, "%d:%s", i, p.a.answer);
		is(puppet_does(&p.a, "release thread"), 0);
	}
	pair_end(&p);
}

/* What a process was told it does not tell again, as it gives back a part, or all, of what it has. */
Test(ends, are_told_once, .timeout = 60)
{
	static const char *const left[] = { "S", "IS", "U" };
	struct pair p;

	pair_begin(&p);
	for (size_t i = 0; i < countof(left); i++) {
		is(puppet_does(&p.a, "acquire n X " WAIT), 0);
		puppet_kill(&p.a);
		is(puppet_does(&p.b, "acquire n X " WAIT), 0);
		cr_expect(strstr(p.b.answer, "died") != NULL, "%s:%s", left[i], p.b.answer);
		is(puppet_does(&p.b, "convert %s", left[i]), 0);
		puppet_start(&p.a, p.ground.url);
		is(puppet_does(&p.a, "acquire n IS " WAIT), 0);
		cr_expect(strstr(p.a.answer, "died") == NULL, "%s:%s", left[i], p.a.answer);
		is(puppet_does(&p.b, "acquire n IS " WAIT), 0);
		cr_expect(strstr(p.b.answer, "died") == NULL, "%s:%s", left[i], p.b.answer);
		is(puppet_does(&p.b, "release n"), 0);
		is(puppet_does(&p.b, "release n"), 0);
		is(puppet_does(&p.a, "acquire n IS " WAIT), 0);
		cr_expect(strstr(p.a.answer, "died") == NULL, "%s:%s", left[i], p.a.answer);
		is(puppet_does(&p.a, "release n"), 0);
		is(puppet_does(&p.a, "release n"), 0);
	}
	pair_end(&p);
}

/* Whoever was told, and ends as well before he gives the name back, may have done nothing about it. */
Test(ends, are_told_again_if_who_was_told_is_killed, .timeout = 60)
{
	struct pair p;

	pair_begin(&p);
	is(puppet_does(&p.a, "acquire n X 0"), 0);
	puppet_kill(&p.a);
	for (int i = 0; i < 3; i++) {
		is(puppet_does(&p.b, "acquire n S " WAIT), 0);
		cr_expect(strstr(p.b.answer, "died") != NULL, "%d:%s", i, p.b.answer);
		puppet_kill(&p.b);
		puppet_start(&p.b, p.ground.url);
	}
	is(puppet_does(&p.b, "acquire n S " WAIT), 0);
	is(puppet_does(&p.b, "release n"), 0);
	puppet_end(&p.b);
	puppet_start(&p.b, p.ground.url);
	is(puppet_does(&p.b, "acquire n X " WAIT), 0);
	cr_expect(strstr(p.b.answer, "died") == NULL, "%s", p.b.answer);
	puppet_start(&p.a, NULL);
	pair_end(&p);
}

Test(ends, a_reader_that_is_killed_leaves_no_mark, .timeout = 60)
{
	struct pair p;

	pair_begin(&p);
	is(puppet_does(&p.a, "acquire t/1 S 0"), 0);
	puppet_kill(&p.a);
	is(puppet_does(&p.b, "acquire t X " WAIT), 0);
	cr_expect(strstr(p.b.answer, "died") == NULL, "%s", p.b.answer);
	is(puppet_does(&p.b, "acquire t/1 X " WAIT), 0);
	cr_expect(strstr(p.b.answer, "died") == NULL, "%s", p.b.answer);
	pair_end(&p);
}

Test(ends, who_is_killed_in_the_line_is_not_waited_for, .timeout = 60)
{
	struct puppet c;
	struct pair p;

	pair_begin(&p);
	puppet_start(&c, p.ground.url);
	is(puppet_does(&p.a, "acquire n X 0"), 0);
	puppet_tell(&p.b, "acquire n X " WAIT);
	puppet_tell(&c, "acquire n X " WAIT);
	cr_expect(!puppet_has_answered(&c));
	puppet_kill(&p.b);
	is(puppet_does(&p.a, "release n"), 0);
	is(puppet_hear(&c), 0);
	puppet_end(&c);
	pair_end(&p);
}

/* A killed process leaves the ancestors too, at every level. */
Test(ends, a_path_of_one_that_is_killed_is_free, .timeout = 60)
{
	struct pair p;

	pair_begin(&p);
	is(puppet_does(&p.a, "acquire a/b/c X 0"), 0);
	is(puppet_does(&p.b, "acquire a X 0"), LK_E_BUSY);
	puppet_kill(&p.a);
	is(puppet_does(&p.b, "acquire a X " WAIT), 0);
	is(puppet_does(&p.b, "release a"), 0);
	is(puppet_does(&p.b, "acquire a/b/c X " WAIT), 0);
	pair_end(&p);
}

/* Fences go on above those of the dead. */
Test(ends, fences_rise_over_deaths, .timeout = 60)
{
	unsigned long long fence = 0;
	struct pair p;

	pair_begin(&p);
	for (int i = 0; i < 6; i++) {
		unsigned long long next;

		is(puppet_does(&p.a, "acquire n X " WAIT), 0);
		next = strtoull(p.a.answer, NULL, 10);
		cr_assert_gt(next, fence);
		fence = next;
		if (i % 3 == 0)
			is(puppet_does(&p.a, "release n"), 0);
		if (i % 3 == 1)
			puppet_end(&p.a);
		else
			puppet_kill(&p.a);
		puppet_start(&p.a, p.ground.url);
		is(puppet_does(&p.b, "acquire n SIX " WAIT), 0);
		next = strtoull(p.b.answer, NULL, 10);
		cr_assert_gt(next, fence);
		fence = next;
		is(puppet_does(&p.b, "release n"), 0);
	}
	pair_end(&p);
}

/* A child of fork() has nothing of the parent's, and keeps nothing of it either. */
Test(ends, a_child_cannot_use_or_release_what_its_parent_holds, .timeout = 60)
{
	struct pair p;
	pid_t child;

	pair_begin(&p);
	is(puppet_does(&p.a, "acquire n X 0"), 0);
	is(puppet_does(&p.a, "fork"), 0); /* it tries, and ends */
	is(puppet_does(&p.b, "acquire n S 0"), LK_E_BUSY);
	is(puppet_does(&p.a, "fork and stay"), 0);
	child = (pid_t)strtol(p.a.answer, NULL, 10);
	is(puppet_does(&p.b, "acquire n S 0"), LK_E_BUSY);
	is(puppet_does(&p.a, "check"), 0);
	puppet_kill(&p.a);
	is(puppet_does(&p.b, "acquire n S " WAIT), 0); /* though the child lives */
	cr_expect(!child_is_gone(child));
	(void)kill(child, SIGKILL);
	pair_end(&p);
}

Test(ends, a_program_that_is_started_keeps_nothing, .timeout = 60)
{
	struct pair p;
	pid_t child;

	pair_begin(&p);
	is(puppet_does(&p.a, "acquire n X 0"), 0);
	is(puppet_does(&p.a, "start"), 0);
	child = (pid_t)strtol(p.a.answer, NULL, 10);
	is(puppet_does(&p.b, "acquire n S 0"), LK_E_BUSY);
	puppet_kill(&p.a);
	is(puppet_does(&p.b, "acquire n S " WAIT), 0);
	cr_expect(!child_is_gone(child));
	(void)kill(child, SIGKILL);
	pair_end(&p);
}

Test(ends, who_becomes_another_program_holds_nothing, .timeout = 60)
{
	struct pair p;

	pair_begin(&p);
	is(puppet_does(&p.a, "acquire n X 0"), 0);
	is(puppet_does(&p.a, "become"), 0);
	is(puppet_does(&p.b, "acquire n X " WAIT), 0);
	cr_expect(strstr(p.b.answer, "died") != NULL, "%s", p.b.answer);
	cr_expect(!child_is_gone(p.a.pid));
	puppet_kill(&p.a);
	pair_end(&p);
}

Test(ends, a_stopped_process_keeps_what_it_holds, .timeout = 60)
{
	struct pair p;

	pair_begin(&p);
	is(puppet_does(&p.a, "acquire n X 0"), 0);
	(void)kill(p.a.pid, SIGSTOP);
	is(puppet_does(&p.b, "acquire n X 50"), LK_E_TIMEDOUT);
	(void)kill(p.a.pid, SIGCONT);
	is(puppet_does(&p.a, "check"), 0);
	is(puppet_does(&p.a, "release n"), 0);
	is(puppet_does(&p.b, "acquire n X " WAIT), 0);
	pair_end(&p);
}

/* ------------------------------------------------------------------------- settings */

Test(settings, others_are_refused_as_long_as_somebody_is_there, .timeout = 60)
{
	struct puppet c;
	struct pair p;

	pair_begin(&p);
	puppet_start(&c, NULL);
	is(puppet_does(&c, "open %s?separator=.", p.ground.url), LK_E_INVAL);
	cr_expect(strstr(c.answer, "separator=/") != NULL &&
			  strstr(c.answer, "separator=.") != NULL,
		  "%s", c.answer);
	is(puppet_does(&p.a, "acquire a/b X 0"), 0);
	puppet_end(&p.b);
	is(puppet_does(&c, "open %s?separator=off", p.ground.url), LK_E_INVAL);
	puppet_kill(&p.a); /* with a lock held, and without a word */
	is(puppet_does(&c, "open %s?separator=.", p.ground.url), 0);
	is(puppet_does(&c, "acquire a/b X " WAIT), 0);
	is(puppet_does(&c, "acquire a X " WAIT), 0); /* another name now */
	puppet_start(&p.a, NULL);
	is(puppet_does(&p.a, "open %s", p.ground.url), LK_E_INVAL);
	puppet_end(&p.a);
	puppet_end(&c);
	puppet_start(&p.a, p.ground.url);
	pair_end(&p);
}

Test(settings, what_need_not_agree_may_differ, .timeout = 60)
{
	struct puppet c;
	struct pair p;

	pair_begin(&p);
	puppet_start(&c, NULL);
	is(puppet_does(&c, "open %s?linger_ns=off&strict=1&ttl_ns=5s", p.ground.url), 0);
	is(puppet_does(&c, "acquire n X " WAIT), 0);
	is(puppet_does(&p.a, "acquire n X 0"), LK_E_BUSY);
	puppet_end(&c);
	pair_end(&p);
}
