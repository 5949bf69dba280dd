/* SPDX-License-Identifier: MIT */
/* A terminal that is drawn on: taken over, its size, its keys, given back as it was. */
#ifndef LATCHKEY_CLI_SCREEN_H
#define LATCHKEY_CLI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <termios.h>

struct screen {
	bool is_on;
	bool has_keys; /* standard input is the terminal too */
	bool has_colour;
	unsigned rows, columns;
	struct termios before;
	FILE *page; /* what is to be drawn */
	char *text;
	size_t size;
	unsigned row; /* the next one */
};

void screen_on(struct screen *s);
void screen_off(struct screen *s);

/* The terminal has another size, perhaps. */
void screen_measure(struct screen *s);

/* A key that was pressed; 0: none, -1: there will be none any more. */
int screen_key(struct screen *s);

/*
 * A page: begun, lines that are cut off where the terminal ends, shown at once.  False: there is no memory, or nobody to show
 * it to.  screen_line() begins a line and says whether there is room for one; what is written to s->page then must fit.
 */
bool screen_begin(struct screen *s);
bool screen_line(struct screen *s);
bool screen_show(struct screen *s);

/* Between the two, with colour: a heading. */
void screen_loud(struct screen *s);
void screen_plain(struct screen *s);

#endif /* LATCHKEY_CLI_SCREEN_H */
