/* SPDX-License-Identifier: MIT */
/* Killed while the store is made, or opened by many at once; and what a child of a process may do. */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "stage.h"

enum { ROUNDS = 50, TOGETHER = 5 };

static void
end_child(pid_t pid, int wanted)
{
	int status;

	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, wanted, "status 0x%x", status);
}

/* Children do nothing but this: the test has no store open when it forks. */
static void
open_and_put(const struct stage *g, const char *name)
{
	struct lk_store *s;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	s = store_open(g->url);
	if (put(s, name, "x", 1) != 0)
		_exit(2);
	lk_store_close(s);
	_exit(0);
}

/* Wherever it dies, whoever comes next makes the store. */
Test(killed, while_it_is_made, .timeout = 120)
{
	const uint64_t seed = test_seed("LK_TEST_SEED");
	uint64_t lot = seed;

	for (int i = 0; i < ROUNDS; i++) {
		const uint64_t wait_ns = test_random(&lot) % 8000000;
		const uint64_t begin = test_now();
		struct lk_store *s;
		struct stage g;
		pid_t pid;
		int status;

		stage_make(&g);
		pid = fork();
		if (pid == 0)
			open_and_put(&g, "n");
		while (test_now() - begin < wait_ns)
			sched_yield();
		(void)kill(pid, SIGKILL);
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_assert(status == SIGKILL || status == 0, "status 0x%x, seed %llu", status,
			  (unsigned long long)seed);
		pid = fork(); /* so that this process never has a store open */
		if (pid == 0) {
			s = store_open(g.url);
			if (put(s, "m", "xy", 2) != 0 || get(s, "m") != 2 || get(s, "n") < 0)
				_exit(3);
			lk_store_close(s);
			_exit(0);
		}
		end_child(pid, 0);
		stage_remove(&g);
	}
}

Test(killed, made_by_several_at_once_it_is_one, .timeout = 120)
{
	for (int round = 0; round < 10; round++) {
		pid_t pids[TOGETHER];
		struct lk_store *s;
		struct stage g;
		char name[16];

		stage_make(&g);
		for (int i = 0; i < TOGETHER; i++) {
			(void)snprintf(name, sizeof(name), "p%d", i);
			pids[i] = fork();
			if (pids[i] == 0)
				open_and_put(&g, name);
		}
		for (int i = 0; i < TOGETHER; i++)
			end_child(pids[i], 0);
		pids[0] = fork();
		if (pids[0] == 0) {
			s = store_open(g.url);
			for (int i = 0; i < TOGETHER; i++) {
				(void)snprintf(name, sizeof(name), "p%d", i);
				if (get(s, name) != 1)
					_exit(4);
			}
			lk_store_close(s);
			_exit(0);
		}
		end_child(pids[0], 0);
		stage_remove(&g);
	}
}

/* What SQLite believes of its locks is not so in a child; another database is another matter. */
Test(killed, a_child_cannot_open_what_its_parent_has_open)
{
	struct stage g, other;
	struct lk_store *s;
	pid_t pid;

	stage_make(&g);
	stage_make(&other);
	s = store_open(g.url);
	pid = fork();
	if (pid == 0) {
		char report[320];
		int rc = store_try(g.url, 0, report);

		lk_store_close(s); /* which does nothing */
		if (rc != LK_E_FORKED || store_try(g.url, 0, report) != LK_E_FORKED)
			_exit(5);
		_exit(store_try(other.url, 0, report) == 0 ? 0 : 6);
	}
	end_child(pid, 0);
	ok(put(s, "n", "x", 1));
	cr_assert_eq(get(s, "n"), 1);
	lk_store_close(s);
	stage_remove(&other);
	stage_remove(&g);
}
