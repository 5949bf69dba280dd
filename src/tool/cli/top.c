/* SPDX-License-Identifier: MIT */
/*
 * `latchkey top`: which names are in demand, again and again.
 *
 * On a terminal it is a page that is drawn anew; elsewhere, and with --once, pages follow each other.  The store is looked at
 * whenever it hints that something has changed, but never for more than a fifth of the time.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "page.h"

enum { LOOK_NS = 20000000, LOOK_BLIND_NS = 100000000, SHARE = 4 };

struct top {
	struct call *c;
	const char *pattern;
	struct lk_manager *m;
	struct page page;
	struct screen screen;
	bool is_screen, is_once;
	bool is_hinted; /* the store tells of changes */
	bool is_due;    /* … and has told of one */
	int bell, signals;
	uint64_t look_ns, draw_ns; /* when the next one is due */
	int code;                  /* -1: it goes on */
};

static void
hint(void *arg, const void *name, size_t len)
{
	const uint64_t one = 1;
	const struct top *t = arg;

	(void)name;
	(void)len;
	(void)!write(t->bell, &one, sizeof(one));
}

/* ------------------------------------------------------------------------- looks, pages */

/* On a terminal a store that does not answer may answer later. */
static void
look(struct top *t)
{
	const uint64_t begin = times_now();
	const int rc = board_look(&t->page.board, t->m, t->pattern);
	const uint64_t took = times_now() - begin;
	const uint64_t least = t->is_hinted ? LOOK_NS : LOOK_BLIND_NS;

	t->look_ns = begin + took + (SHARE * took > least ? SHARE * took : least);
	t->is_due = !t->is_hinted;
	t->page.trouble = rc;
	if (rc != 0 && !t->is_screen)
		t->code = complain_of(t->c, t->c->url, rc);
}

static void
draw(struct top *t)
{
	board_turn(&t->page.board);
	if (t->code >= 0)
		return;
	if (t->is_screen && !page_draw(&t->page, &t->screen)) {
		t->code = EXIT_IO;
		return;
	}
	if (!t->is_screen) {
		page_print(&t->page);
		t->code = finish_output(t->c, t->is_once ? 0 : -1);
	}
}

static void
draw_later(struct top *t)
{
	t->draw_ns = times_now() + t->page.every_ns;
	draw(t);
}

/* -------------------------------------------------------------------------- keys, signals */

static void
press(struct top *t, int key)
{
	switch (key) {
	case -1:
	case 'q':
	case 'Q':
		t->code = 0;
		return;
	case 'w':
		t->page.order = BY_WAITERS;
		break;
	case 'g':
		t->page.order = BY_RATE;
		break;
	case 'h':
		t->page.order = BY_AGE;
		break;
	case 'n':
		t->page.order = BY_NAME;
		break;
	default:
		return;
	}
	if (!page_draw(&t->page, &t->screen))
		t->code = EXIT_IO;
}

/* The shell gets its terminal as it was, until it lets us go on. */
static void
stop(struct top *t)
{
	screen_off(&t->screen);
	(void)raise(SIGSTOP);
	screen_on(&t->screen);
	draw(t);
}

static void
read_signal(struct top *t)
{
	struct signalfd_siginfo info;

	if (read(t->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH || info.ssi_signo == SIGCONT) {
		screen_measure(&t->screen);
		if (t->is_screen && !page_draw(&t->page, &t->screen))
			t->code = EXIT_IO;
	} else if (info.ssi_signo == SIGTSTP) {
		stop(t);
	} else {
		t->code = EXIT_SIGNAL + (int)info.ssi_signo;
	}
}

/* ------------------------------------------------------------------------------ the loop */

static int
wait_ms(const struct top *t)
{
	const uint64_t now = times_now();
	const uint64_t next = t->is_due && t->look_ns < t->draw_ns ? t->look_ns : t->draw_ns;

	return next > now ? (int)((next - now) / 1000000) + 1 : 0;
}

enum { SIGNALS, BELL, KEYS, OUTPUT, FDS };

static void
turn(struct top *t)
{
	struct pollfd p[FDS] = {
		[SIGNALS] = { .fd = t->signals, .events = POLLIN },
		[BELL] = { .fd = t->bell, .events = POLLIN },
		[KEYS] = { .fd = t->screen.has_keys ? STDIN_FILENO : -1, .events = POLLIN },
		[OUTPUT] = { .fd = STDOUT_FILENO, .events = 0 },
	};
	uint64_t rings;

	(void)poll(p, FDS, wait_ms(t));
	if (p[BELL].revents != 0)
		t->is_due |= read(t->bell, &rings, sizeof(rings)) > 0;
	if (p[KEYS].revents != 0)
		press(t, (p[KEYS].revents & POLLIN) != 0 ? screen_key(&t->screen) : -1);
	if (p[SIGNALS].revents != 0)
		read_signal(t);
	if (t->code < 0 && (p[OUTPUT].revents & POLLERR) != 0) {
		complain(t->c, "standard output: %s", strerror(EPIPE));
		t->code = EXIT_IO;
	}
}

/* A first look, from which on there is something to compare with. */
static int
loop(struct top *t)
{
	t->code = -1;
	look(t);
	t->draw_ns = times_now() + t->page.every_ns;
	if (t->is_screen)
		draw(t);
	while (t->code < 0) {
		const uint64_t now = times_now();

		if (now >= t->draw_ns || (t->is_due && now >= t->look_ns))
			look(t);
		if (t->code < 0 && now >= t->draw_ns)
			draw_later(t);
		if (t->code < 0)
			turn(t);
	}
	return t->code;
}

static int
with_store(struct top *t)
{
	struct lk_store *store;
	int code = place_open_store(t->c, 0, &store);

	if (code != 0)
		return code;
	t->is_hinted = store->ops->watch(store, hint, t) == 0;
	t->is_due = !t->is_hinted;
	code = rows_open(t->c, &t->m);
	if (code == 0) {
		if (t->is_screen)
			screen_on(&t->screen);
		code = loop(t);
		screen_off(&t->screen);
		forget(lk_close(t->m));
	}
	store->ops->unwatch(store);
	lk_store_close(store);
	return code;
}

/* Those that a page is drawn for, or that end it; the others end this process as ever. */
static int
listen(struct top *t)
{
	static const int heard[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGCONT, SIGTSTP };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(heard) / sizeof(heard[0]); i++) {
		if (t->is_screen || heard[i] != SIGTSTP)
			sigaddset(&set, heard[i]);
	}
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	t->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	t->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return t->bell >= 0 && t->signals >= 0 ? 0 : errno;
}

static bool
is_dumb(void)
{
	const char *term = getenv("TERM");

	return term == NULL || *term == '\0' || strcmp(term, "dumb") == 0;
}

static bool
read_options(struct top *t)
{
	const struct call *c = t->c;
	const char *by = call_option(c, "sort");

	t->page.every_ns = 1000000000;
	if (call_time(c, "every", &t->page.every_ns) || !page_order(by, &t->page.order)) {
		if (by != NULL && !page_order(by, &t->page.order))
			complain(c, "--sort %s: it is waiters, grants, holds or names", by);
		return false;
	}
	if (t->page.every_ns < 10000000)
		t->page.every_ns = 10000000;
	if (t->page.every_ns > 3600000000000)
		t->page.every_ns = 3600000000000;
	t->is_once = call_option(c, "once") != NULL;
	t->is_screen = !t->is_once && !c->json && isatty(STDOUT_FILENO) && !is_dumb();
	t->page.is_json = c->json;
	return true;
}

int
top_run(struct call *c)
{
	struct top *t = calloc(1, sizeof(*t));
	int code = EXIT_USAGE, wrong;

	if (t == NULL)
		return EXIT_SYSTEM;
	t->c = c;
	t->pattern = c->n_operands > 0 ? c->operands[0] : NULL;
	if (!read_options(t)) {
		free(t);
		return code;
	}
	wrong = listen(t);
	if (wrong != 0)
		complain(c, "%s", strerror(wrong));
	t->page.url = place_url(c);
	code = wrong == 0 && t->page.url != NULL ? with_store(t) : EXIT_SYSTEM;
	board_free(&t->page.board);
	close(t->bell);
	close(t->signals);
	free(t);
	return code;
}
