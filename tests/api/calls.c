/* SPDX-License-Identifier: MIT */
/* What needs no system call makes none: the kernel ends a process that does. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

#ifndef LK_DELAYS /* there it is the delays that call */
/* What the process ends with; 0: all was well. */
enum { NOT_BEGUN = 1, HELD, FREE, NO_FILTER };

enum { ROUNDS = 10000 };

/* From now on this process may do nothing but end. */
static bool
forbid_calls(void)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	const struct sock_fprog program = { sizeof(rules) / sizeof(rules[0]), rules };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* Tries of each kind, of what another owner has and of what is free. */
static int
try_each(struct lk_owner *w[2], struct lk_resource *r)
{
	const struct lk_options now = { .size = sizeof(now), .flags = LK_NOWAIT };
	const struct lk_request two[2] = { { "free", LK_X, 0, 0 }, { "held", LK_X, 0, 0 } };
	lk_grant g;

	if (lk_try_acquire(w[1], "held", LK_X, &g) != LK_E_BUSY ||
	    lk_try_acquire(w[1], "held/below/it", LK_S, &g) != LK_E_BUSY ||
	    lk_acquire_on(w[1], r, LK_S, &now, &g) != LK_E_BUSY ||
	    lk_acquire_many(w[1], two, 2, &now, NULL) != LK_E_BUSY)
		return HELD;
	if (lk_try_acquire(w[1], "free", LK_X, &g) != 0 || lk_release(w[1], g) != 0 ||
	    lk_try_acquire(w[1], "db/orders/42", LK_X, &g) != 0 || lk_release(w[1], g) != 0)
		return FREE;
	return 0;
}

/* The first ones may take memory, and the names that are looked for are not there yet. */
static int
work(void)
{
	struct lk_manager *m =
		open_manager("memory:?sample_every=off"); /* no clock that the kernel reads */
	struct lk_owner *w[2];
	struct lk_resource *r;
	int rc = 0;

	open_owners(m, w, 2);
	if (lk_acquire(w[0], "held", LK_X, NULL, NULL) != 0 || lk_resource_open(m, "held", &r) != 0)
		return NOT_BEGUN;
	for (int i = 0; rc == 0 && i < ROUNDS; i++)
		rc = try_each(w, r);
	if (rc == 0 && !forbid_calls())
		return NO_FILTER;
	for (int i = 0; rc == 0 && i < ROUNDS; i++)
		rc = try_each(w, r);
	return rc;
}

Test(calls, a_try_makes_none)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0)
		syscall(SYS_exit_group, work());
	cr_assert_gt(child, 0);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status), "ended by signal %d: it made a call", WTERMSIG(status));
	if (WEXITSTATUS(status) == NO_FILTER)
		return; /* a kernel without filters */
	cr_expect_eq(WEXITSTATUS(status), 0);
}
#endif
