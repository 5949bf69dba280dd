/* SPDX-License-Identifier: MIT */
/*
 * `latchkey watch`: what happens in a store, as lines.
 *
 * What the store says is read again whenever it hints that something has changed, and from time to time, and compared with what
 * was before: what came and went in between is not seen.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "rows.h"

struct watch {
	struct call *c;
	const char *pattern;
	struct lk_manager *m;
	struct rows before;
	int separator;
	int bell, signals;
	int timeout_ms;
};

static void
hint(void *arg, const void *name, size_t len)
{
	const uint64_t one = 1;
	const struct watch *w = arg;

	(void)name;
	(void)len;
	(void)!write(w->bell, &one, sizeof(one));
}

static void
put_time(void)
{
	struct timespec t;
	struct tm tm;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &t);
	(void)localtime_r(&t.tv_sec, &tm);
	(void)strftime(text, sizeof(text), "%H:%M:%S", &tm);
	printf("%s.%03ld ", text, t.tv_nsec / 1000000);
}

static void
tell(const struct watch *w, const char *what, const struct row *r)
{
	if (w->c->json) {
		json_t *o = row_json(r);

		(void)json_object_set_new(o, "event", json_string(what));
		(void)put_json(o);
		return;
	}
	put_time();
	printf("%-9s %-3s ", what, lk_modename(r->wanted != LK_NL ? r->wanted : r->held));
	put_name(r->name, r->len);
	printf("  ");
	put_who(r);
	putchar('\n');
}

/* The same process at the same name; NULL: it has nothing to do with it. */
static const struct row *
same_in(const struct rows *rows, const struct row *r, bool waits)
{
	for (size_t i = 0; i < rows->n; i++) {
		const struct row *x = &rows->all[i];

		if (row_is_of(x, r->name, r->len) && (x->wanted != LK_NL) == waits &&
		    memcmp(&x->session, &r->session, sizeof(x->session)) == 0)
			return x;
	}
	return NULL;
}

static bool
is_ours(const struct watch *w, const struct row *r)
{
	return r->name != NULL && (r->held != LK_NL || r->wanted != LK_NL) &&
	       row_fits(r, w->pattern, w->separator);
}

static void
tell_all(const struct watch *w, const struct rows *now)
{
	for (size_t i = 0; i < w->before.n; i++) {
		const struct row *r = &w->before.all[i];

		if (!is_ours(w, r) || same_in(now, r, r->wanted != LK_NL) != NULL)
			continue;
		if (r->wanted == LK_NL)
			tell(w, (r->flags & LK_RECORD_DEAD) != 0 ? "ended" : "released", r);
		else if (same_in(now, r, false) == NULL)
			tell(w, "gave up", r);
	}
	for (size_t i = 0; i < now->n; i++) {
		const struct row *r = &now->all[i];
		const struct row *was =
			is_ours(w, r) ? same_in(&w->before, r, r->wanted != LK_NL) : r;

		if (was == NULL)
			tell(w, r->wanted != LK_NL ? "waits" : "granted", r);
		else if (was != r && r->wanted == LK_NL && was->held != r->held)
			tell(w, "converted", r);
	}
}

static int
look(struct watch *w)
{
	struct rows now;
	const size_t len = w->pattern != NULL ? pattern_prefix(w->pattern) : 0;
	const int rc = rows_read(w->m, w->pattern, len, &now);

	if (rc != 0)
		return complain_of(w->c, w->c->url, rc);
	w->separator = now.separator;
	tell_all(w, &now);
	rows_free(&w->before);
	w->before = now;
	return finish_output(w->c, 0);
}

/* Until a signal comes, or nobody reads any more. */
static int
loop(struct watch *w)
{
	struct pollfd p[] = {
		{ .fd = w->signals, .events = POLLIN },
		{ .fd = w->bell, .events = POLLIN },
		{ .fd = STDOUT_FILENO, .events = 0 },
	};
	struct signalfd_siginfo info;
	uint64_t rings;
	int code = look(w);

	while (code == 0) {
		(void)poll(p, 3, w->timeout_ms);
		if (p[0].revents != 0 && read(w->signals, &info, sizeof(info)) > 0)
			return EXIT_SIGNAL + (int)info.ssi_signo;
		if (p[1].revents != 0)
			(void)!read(w->bell, &rings, sizeof(rings));
		if ((p[2].revents & POLLERR) != 0) {
			complain(w->c, "standard output: %s", strerror(EPIPE));
			return EXIT_IO;
		}
		code = look(w);
	}
	return code;
}

static int
with_manager(struct watch *w)
{
	struct lk_store *store;
	int code = place_open_store(w->c, 0, &store);

	if (code != 0)
		return code;
	forget(store->ops->watch(store, hint, w)); /* else we look from time to time */
	code = rows_open(w->c, &w->m);
	if (code == 0) {
		code = loop(w);
		rows_free(&w->before);
		forget(lk_close(w->m));
	}
	store->ops->unwatch(store);
	lk_store_close(store);
	return code;
}

int
watch_run(struct call *c)
{
	struct watch w = { .c = c, .pattern = c->n_operands > 0 ? c->operands[0] : NULL };
	uint64_t every_ns = 1000000000;
	sigset_t set;
	int code;

	if (call_time(c, "every", &every_ns))
		return EXIT_USAGE;
	w.timeout_ms = every_ns < 10000000        ? 10
		       : every_ns > 3600000000000 ? 3600000
						  : (int)(every_ns / 1000000);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	w.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (w.bell < 0 || w.signals < 0) {
		complain(c, "%s", strerror(errno));
		return EXIT_SYSTEM;
	}
	code = with_manager(&w);
	close(w.bell);
	close(w.signals);
	return code;
}
