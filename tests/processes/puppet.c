/* SPDX-License-Identifier: MIT */
/* The strings of a puppet. */
#include "processes.h"

#include <poll.h>
#include <stdarg.h>
#include <sys/wait.h>

static char *const args_of_puppet[] = { (char[]){ "child" }, (char[]){ "puppet" }, NULL };

void
puppet_start_by(struct puppet *p, const char *how)
{
	*p = (struct puppet){ 0 };
	p->pid = child_start_by(how, args_of_puppet, &p->in, &p->out);
}

void
puppet_start(struct puppet *p, const char *url)
{
	*p = (struct puppet){ 0 };
	p->pid = child_start(args_of_puppet, &p->in, &p->out);
	if (url != NULL)
		is(puppet_does(p, "open %s", url), 0);
}

static void
tell(struct puppet *p, const char *format, va_list args)
{
	char line[600];
	int n = vsnprintf(line, sizeof(line) - 1, format, args);

	cr_assert(n > 0 && (size_t)n < sizeof(line) - 1);
	line[n++] = '\n';
	cr_assert_eq(write(p->in, line, (size_t)n), n);
}

void
puppet_tell(struct puppet *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(p, format, args);
	va_end(args);
}

bool
puppet_has_answered(struct puppet *p)
{
	struct pollfd fd = { .fd = p->out, .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

int
puppet_hear(struct puppet *p)
{
	struct pollfd fd = { .fd = p->out, .events = POLLIN };
	size_t n = 0;
	char *text;
	long rc;

	do {
		cr_assert_eq(poll(&fd, 1, 60000), 1, "no answer");
		cr_assert_eq(read(p->out, p->answer + n, 1), 1, "the puppet is dead");
	} while (p->answer[n] != '\n' && ++n < sizeof(p->answer) - 1);
	p->answer[n] = '\0';
	rc = strtol(p->answer, &text, 10);
	memmove(p->answer, text, strlen(text) + 1);
	return (int)rc;
}

int
puppet_does(struct puppet *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(p, format, args);
	va_end(args);
	return puppet_hear(p);
}

static int
see_the_end(struct puppet *p)
{
	int status;

	(void)close(p->in);
	(void)close(p->out);
	cr_assert_eq(waitpid(p->pid, &status, 0), p->pid);
	p->pid = 0;
	return status;
}

void
puppet_end(struct puppet *p)
{
	int status;

	puppet_tell(p, "end");
	ok(puppet_hear(p));
	status = see_the_end(p);
	cr_assert_eq(status, 0, "status 0x%x", (unsigned)status);
}

void
puppet_kill(struct puppet *p)
{
	(void)kill(p->pid, SIGKILL);
	(void)see_the_end(p);
}
