/* SPDX-License-Identifier: MIT */
/* The process that `latchkey run` starts: begun, told what others tell us, ended if a lock is lost. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

/* How long at most until a loss is noticed. */
enum { LOOK_MS = 250 };

struct child {
	struct run *r;
	pid_t pid;
	bool is_group; /* it leads a process group: all of that is told */
	bool is_lost;
	uint64_t kill_at_ns; /* it was told to end; 0: not */
	int status;
};

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ------------------------------------------------------------------------------ begun */

/* With a terminal it stays in the group that the terminal's signals and input are for. */
static bool
has_terminal(void)
{
	return isatty(STDIN_FILENO) || isatty(STDOUT_FILENO) || isatty(STDERR_FILENO);
}

/* In the new process: never returns.  What went wrong goes into the pipe. */
static void
become(const struct child *h, int pipe_fd, pid_t parent)
{
	int wrong;

	if (h->is_group)
		(void)setpgid(0, 0);
	if (h->r->loss == LOSS_KILL) { /* who is killed has lost its locks */
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(EXIT_LOST);
	}
	(void)signal(SIGPIPE, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &h->r->mask, NULL);
	(void)execvp(h->r->c->start[0], h->r->c->start);
	wrong = errno;
	(void)!write(pipe_fd, &wrong, sizeof(wrong));
	_exit(EXIT_NOT_STARTED);
}

/* 0: it runs; or why not, an errno. */
static int
start(struct child *h)
{
	const pid_t me = getpid();
	int ends[2], wrong = 0;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return errno;
	h->is_group = !has_terminal();
	h->pid = fork();
	if (h->pid == 0)
		become(h, ends[1], me);
	if (h->pid < 0)
		wrong = errno;
	close(ends[1]);
	if (h->pid > 0) {
		if (h->is_group)
			(void)setpgid(h->pid, h->pid); /* whoever of the two comes first */
		if (read(ends[0], &wrong, sizeof(wrong)) == (ssize_t)sizeof(wrong))
			(void)waitpid(h->pid, NULL, 0);
		else
			wrong = 0;
	}
	close(ends[0]);
	return wrong;
}

/* -------------------------------------------------------------------------- looked after */

static void
tell(const struct child *h, int signal)
{
	if (!h->is_group || kill(-h->pid, signal) != 0)
		(void)kill(h->pid, signal);
}

static bool
has_ended(struct child *h)
{
	pid_t pid;

	do
		pid = waitpid(h->pid, &h->status, WNOHANG);
	while (pid < 0 && errno == EINTR);
	return pid != 0;
}

/* What a terminal sends, the command has got itself. */
static void
read_signal(const struct child *h, int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info) || info.ssi_signo == SIGCHLD)
		return;
	if (h->is_group || info.ssi_code != SI_KERNEL)
		tell(h, (int)info.ssi_signo);
}

/* The first that is lost; -1: none is. */
static int
first_lost(const struct run *r)
{
	for (int i = 0; i < r->n; i++) {
		const int rc = lk_check(r->owner, r->grants[i]);

		if (rc == LK_E_LOST || rc == LK_E_STALE)
			return i;
	}
	return -1;
}

static void
look_at_locks(struct child *h)
{
	const struct run *r = h->r;
	const int lost = h->is_lost || r->loss == LOSS_IGNORE ? -1 : first_lost(r);

	if (lost >= 0) {
		h->is_lost = true;
		complain(r->c, "%s: the lock is lost%s", r->c->operands[lost],
			 r->loss == LOSS_KILL ? "; the command is told to end" : "");
		if (r->loss == LOSS_KILL) {
			tell(h, SIGTERM);
			tell(h, SIGCONT); /* one that is stopped would not hear it */
			h->kill_at_ns = now_ns() + r->grace_ns;
		}
	}
	if (h->kill_at_ns != 0 && now_ns() >= h->kill_at_ns)
		tell(h, SIGKILL);
}

static void
look_after(struct child *h, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (!has_ended(h)) {
		if (poll(&p, 1, LOOK_MS) > 0)
			read_signal(h, fd);
		look_at_locks(h);
	}
}

static int
code_of(const struct child *h)
{
	if (h->is_lost && h->r->loss == LOSS_KILL)
		return EXIT_LOST;
	return WIFSIGNALED(h->status) ? EXIT_SIGNAL + WTERMSIG(h->status) : WEXITSTATUS(h->status);
}

/* It has ended by itself, but was it under the lock to the end? */
static void
release(struct child *h)
{
	const struct run *r = h->r;

	for (int i = r->n - 1; i >= 0; i--) {
		const int rc = lk_release(r->owner, r->grants[i]);

		if ((rc != LK_E_LOST && rc != LK_E_STALE) || h->is_lost || r->loss == LOSS_IGNORE)
			continue;
		h->is_lost = true;
		complain(r->c, "%s: the lock was lost before the command ended", r->c->operands[i]);
	}
}

int
run_child(struct run *r)
{
	struct child h = { .r = r };
	const int fd = signalfd(-1, &r->signals, SFD_CLOEXEC | SFD_NONBLOCK);
	int wrong;

	if (fd < 0) {
		complain(r->c, "signals: %s", strerror(errno));
		return EXIT_SYSTEM;
	}
	wrong = start(&h);
	if (wrong != 0) {
		close(fd);
		complain(r->c, "%s: %s", r->c->start[0], strerror(wrong));
		return wrong == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_STARTED;
	}
	look_after(&h, fd);
	release(&h);
	close(fd);
	return code_of(&h);
}
