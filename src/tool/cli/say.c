/* SPDX-License-Identifier: MIT */
/* What is said to people: complaints, names, and the code that all ends with. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "cli.h"

enum { SAID_COLUMNS = 600 };

int
exit_of(int rc)
{
	switch (rc) {
	case 0:
		return 0;
	case LK_E_INVAL:
	case LK_E_NAME:
	case LK_E_VERSION:
	case LK_E_UNSUPPORTED:
		return EXIT_USAGE;
	case LK_E_CORRUPT:
		return EXIT_CORRUPT;
	case LK_E_STORE:
	case LK_E_BREAKER:
	case LK_E_MOVED:
	case LK_E_UNKNOWN:
	case LK_E_CLOSED:
		return EXIT_UNREACHABLE;
	case LK_E_NOMEM:
	case LK_E_FORKED:
		return EXIT_SYSTEM;
	case LK_E_IO:
		return EXIT_IO;
	case LK_E_PERM:
		return EXIT_DENIED;
	case LK_E_LOST:
	case LK_E_STALE:
		return EXIT_LOST;
	default:
		return EXIT_NOT_ACQUIRED;
	}
}

const char *
words_of(int rc)
{
	switch (rc) {
	case LK_E_BUSY:
		return "it is taken";
	case LK_E_TIMEDOUT:
		return "it was not to be had in that time";
	default:
		return lk_strerror(rc);
	}
}

int
complain_of(const struct call *c, const char *what, int rc)
{
	complain(c, "%s: %s", what, lk_strerror(rc));
	return exit_of(rc);
}

int
finish_output(const struct call *c, int code)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	complain(c, "standard output: %s", errno != 0 ? strerror(errno) : "it failed");
	__fpurge(stdout); /* it is said once */
	clearerr(stdout);
	return EXIT_IO;
}

bool
has_colour(void)
{
	const char *no = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return (no == NULL || *no == '\0') && isatty(STDOUT_FILENO) &&
	       (term == NULL || strcmp(term, "dumb") != 0);
}

void
put_heading(const char *text)
{
	if (has_colour())
		printf("\033[1m%s\033[0m", text);
	else
		fputs(text, stdout);
}

/* ------------------------------------------------------------------------------ names */

/* What is shown for one character: these bytes, as wide as that. */
struct shown {
	char text[8];
	size_t bytes; /* of the name */
	size_t columns;
};

/* How many bytes of UTF-8 begin here, that a terminal would show; 0: none. */
static size_t
character(const unsigned char *p, size_t left)
{
	size_t n;

	if (*p < 0x80)
		return *p >= 0x20 && *p != 0x7f && *p != '\\';
	n = *p >= 0xf0 && *p < 0xf5 ? 4 : *p >= 0xe0 ? 3 : *p >= 0xc2 ? 2 : 0;
	if (n == 0 || n > left || *p >= 0xf5 || (*p == 0xc2 && p[1] < 0xa0))
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

/* How wide a terminal shows it; main() has set the locale for that. */
static size_t
width_of(const char *text, size_t n)
{
	mbstate_t state = { 0 };
	wchar_t wide;
	const size_t got = mbrtowc(&wide, text, n, &state);
	const int columns = got == n ? wcwidth(wide) : 1;

	return columns >= 0 ? (size_t)columns : 1;
}

static struct shown
show(const unsigned char *p, size_t left)
{
	struct shown s = { .bytes = character(p, left) };

	if (s.bytes == 0) {
		s.bytes = 1;
		s.columns = (size_t)snprintf(s.text, sizeof(s.text), "\\x%02x", p[0]);
		return s;
	}
	memcpy(s.text, p, s.bytes);
	s.columns = width_of(s.text, s.bytes);
	return s;
}

static size_t
columns_of(const unsigned char *p, size_t len)
{
	size_t columns = 0;

	for (size_t i = 0; i < len;) {
		const struct shown s = show(p + i, len - i);

		columns += s.columns;
		i += s.bytes;
	}
	return columns;
}

size_t
write_name(FILE *out, const void *name, size_t len, size_t most)
{
	const unsigned char *p = name;
	const size_t whole = columns_of(p, len);
	const size_t room = whole <= most ? most : most - 1; /* for the mark of what is cut */
	size_t columns = 0;

	for (size_t i = 0; i < len;) {
		const struct shown s = show(p + i, len - i);

		if (columns + s.columns > room)
			break;
		fputs(s.text, out);
		columns += s.columns;
		i += s.bytes;
	}
	if (whole <= most || most == 0)
		return columns;
	fputs("\u2026", out);
	return columns + 1;
}

size_t
write_end(FILE *out, const char *text, size_t most)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t left = strlen(text), columns = columns_of(p, left);

	if (columns <= most)
		return write_name(out, p, left, most);
	while (left > 0 && columns > most - 1) {
		const struct shown s = show(p, left);

		p += s.bytes;
		left -= s.bytes;
		columns -= s.columns;
	}
	fputs("…", out);
	return 1 + write_name(out, p, left, most - 1);
}

size_t
put_name(const void *name, size_t len)
{
	return write_name(stdout, name, len, SIZE_MAX);
}

/* --------------------------------------------------------------------- complaints */

/* What was said may have anything in it, and be of any length: a terminal sees a line.  At its end it says what is wrong. */
static void
write_line(const char *text, size_t n)
{
	if (columns_of((const unsigned char *)text, n) <= SAID_COLUMNS) {
		(void)write_name(stderr, text, n, SAID_COLUMNS);
		return;
	}
	(void)write_name(stderr, text, n, SAID_COLUMNS / 2);
	(void)write_end(stderr, text, SAID_COLUMNS / 2);
}

void
complain(const struct call *c, const char *format, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	fprintf(stderr, c != NULL && c->command != NULL ? "latchkey %s: " : "latchkey: ",
		c != NULL && c->command != NULL ? c->command->name : "");
	if (n >= 0) {
		write_line(text, (size_t)n);
		free(text);
	}
	fputc('\n', stderr);
}
