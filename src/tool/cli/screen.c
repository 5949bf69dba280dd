/* SPDX-License-Identifier: MIT */
/* A terminal that is drawn on: taken over, its size, its keys, given back as it was. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"
#include "screen.h"

/* What a terminal understands, whichever it is. */
#define OTHER_SCREEN "\033[?1049h\033[?25l\033[2J"
#define SAME_SCREEN  "\033[?25h\033[?1049l"

static bool
put(const char *text, size_t n)
{
	while (n > 0) {
		const ssize_t done = write(STDOUT_FILENO, text, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return false;
		text += done;
		n -= (size_t)done;
	}
	return true;
}

void
screen_measure(struct screen *s)
{
	struct winsize w;

	s->rows = 24;
	s->columns = 80;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_row == 0 || w.ws_col == 0)
		return;
	s->rows = w.ws_row;
	s->columns = w.ws_col;
}

/* Keys come one by one and are not shown; those that make signals still do. */
static void
take_keys(struct screen *s)
{
	struct termios t;

	s->has_keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &s->before) == 0;
	if (!s->has_keys)
		return;
	t = s->before;
	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	t.c_cc[VMIN] = 0;
	t.c_cc[VTIME] = 0;
	s->has_keys = tcsetattr(STDIN_FILENO, TCSANOW, &t) == 0;
}

void
screen_on(struct screen *s)
{
	s->is_on = true;
	s->has_colour = has_colour();
	take_keys(s);
	screen_measure(s);
	(void)put(OTHER_SCREEN, strlen(OTHER_SCREEN));
}

void
screen_off(struct screen *s)
{
	if (!s->is_on)
		return;
	s->is_on = false;
	(void)put(SAME_SCREEN, strlen(SAME_SCREEN));
	if (s->has_keys)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &s->before);
}

int
screen_key(struct screen *s)
{
	unsigned char key;
	const ssize_t n = s->has_keys ? read(STDIN_FILENO, &key, 1) : 0;

	if (n == 1)
		return key;
	return n < 0 && errno != EINTR && errno != EAGAIN ? -1 : 0;
}

bool
screen_begin(struct screen *s)
{
	s->row = 0;
	s->page = open_memstream(&s->text, &s->size);
	if (s->page != NULL)
		fputs("\033[H\033[K", s->page);
	return s->page != NULL;
}

/* What was there before goes first: behind the last column it would be that which goes. */
bool
screen_line(struct screen *s)
{
	if (s->row == s->rows)
		return false;
	if (s->row++ != 0)
		fputs("\r\n\033[K", s->page);
	return true;
}

bool
screen_show(struct screen *s)
{
	bool is_fine;

	if (s->row < s->rows)
		fputs("\r\n\033[J", s->page);
	is_fine = fclose(s->page) == 0 && put(s->text, s->size);
	free(s->text);
	return is_fine;
}

void
screen_loud(struct screen *s)
{
	if (s->has_colour)
		fputs("\033[7m", s->page);
}

void
screen_plain(struct screen *s)
{
	if (s->has_colour)
		fputs("\033[0m", s->page);
}
