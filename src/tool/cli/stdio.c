/* SPDX-License-Identifier: MIT */
/*
 * `latchkey stdio`: a process that locks for another one.  A JSON object a line comes in, and one goes out for each, in any
 * order.
 *
 * When the other program is gone all that it held is free.  At the end of standard input that is so at once, as nobody
 * can release it any more; what is under way is answered, if somebody still reads.  When standard output is closed, and at a
 * signal, all waits are ended besides.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "rows.h"
#include "serve.h"

/* Why it ends; before that it goes on. */
struct end {
	bool is_input; /* no more requests */
	int signal;
	int output; /* errno of standard output; 0: all is well */
	int input;  /* … of standard input */
};

/* ----------------------------------------------------------------------------- requests */

static const struct op *const all_ops[] = { ops_locks, ops_views, ops_pairs, ops_events };
enum { OP_TABLES = sizeof(all_ops) / sizeof(all_ops[0]) };

static void
op_close(struct stdio *s, struct job *j)
{
	s->ends = true;
	answer(s, j->id, json_true());
}

static const struct op close_op = { "close", "", op_close, AT_ONCE, false };

/* "release" is there twice: with a token, and with a key. */
static const struct op *
op_of(const char *name, bool has_token, struct nearest *n)
{
	const struct op *best = NULL;

	if (strcmp(name, close_op.name) == 0)
		return &close_op;
	for (size_t i = 0; i < OP_TABLES; i++) {
		for (const struct op *o = all_ops[i]; o->name != NULL; o++) {
			nearest_look(n, o->name);
			if (strcmp(o->name, name) == 0)
				best = best == NULL || !has_token ? o : best;
		}
	}
	return best;
}

/* The strand of a request, with a use for the caller; NULL: no memory. */
static struct strand *
strand_for(struct stdio *s, const struct op *o, const json_t *request)
{
	struct held h;

	if (o->where == ON_PAIRS) {
		strand_use(&s->work, pairs_strand(s));
		return pairs_strand(s);
	}
	if (o->where == ON_ITS_TOKEN &&
	    grants_find(s, json_string_value(json_object_get(request, "token")), &h))
		return h.strand;
	return strand_make();
}

/* Both are given away: from now on another thread counts who refers to them. */
static void
submit(struct stdio *s, const struct op *o, json_t *id, json_t *request)
{
	struct job *j = calloc(1, sizeof(*j));
	struct strand *strand = j != NULL ? strand_for(s, o, request) : NULL;
	int rc = LK_E_NOMEM;

	if (strand != NULL) {
		*j = (struct job){ .run = o->run, .may_wait = o->may_wait };
		j->id = id;
		j->request = request;
		rc = work_submit(&s->work, strand, j) ? 0 : LK_E_LIMIT;
		strand_leave(&s->work, strand);
	}
	if (rc == 0)
		return;
	answer_wrong(s, id, rc, NULL);
	json_decref(id);
	json_decref(request);
	free(j);
}

static int
check_request(const json_t *request, const struct op **out, struct wrong *why)
{
	const char *name = json_string_value(json_object_get(request, "op"));
	const json_t *token = json_object_get(request, "token");
	struct nearest n = { .word = name };

	if (name == NULL)
		return wrong_say(why, "op is missing: what is to be done?");
	*out = op_of(name, token != NULL, &n);
	if (*out == NULL && n.best != NULL)
		return wrong_say(why, "there is no op %.40s; do you mean %s?", name, n.best);
	if (*out == NULL)
		return wrong_say(why, "there is no op %.40s", name);
	if ((*out)->where == ON_ITS_TOKEN && (token == NULL || json_string_value(token) == NULL))
		return wrong_say(why, "token is missing");
	return fields_only(request, (*out)->fields, why);
}

/* The request is given away. */
static void
one_request(struct stdio *s, json_t *request)
{
	json_t *said = json_object_get(request, "id");
	json_t *id = said != NULL ? json_deep_copy(said) : json_null();
	struct job now = { .request = request, .id = id };
	const struct op *o = NULL;
	struct wrong why = { "" };

	if (!json_is_object(request)) {
		answer_wrong(s, id, wrong_say(&why, "not an object"), &why);
	} else if (check_request(request, &o, &why) != 0) {
		answer_wrong(s, id, LK_E_INVAL, &why);
	} else if (o->where != AT_ONCE) {
		submit(s, o, id, request);
		return;
	} else {
		o->run(s, &now);
	}
	json_decref(id);
	json_decref(request);
}

static bool
is_blank(const char *line, size_t len)
{
	return strspn(line, " \t\r\n") >= len;
}

static void
one_line(void *arg, const char *line, size_t len)
{
	struct stdio *s = arg;
	struct wrong why;
	json_error_t error;
	json_t *request;

	if (s->ends)
		return;
	if (line == NULL) {
		answer_wrong(s, NULL,
			     wrong_say(&why, "a line of more than %d bytes", LINE_MAX_BYTES), &why);
		return;
	}
	request = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	if (request != NULL)
		one_request(s, request);
	else if (memchr(line, '\0', len) != NULL || !is_blank(line, len))
		answer_wrong(s, NULL, wrong_say(&why, "not JSON: %.120s", error.text), &why);
}

/* ----------------------------------------------------------------------------- the loop */

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

enum { INPUT, OUTPUT, BELL, SIGNALS, FDS };

static void
look_at_signals(struct end *e, int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		e->signal = (int)info.ssi_signo;
}

/* One turn of the loop; at most `timeout` milliseconds. */
static void
turn(struct stdio *s, struct end *e, int signals, int timeout)
{
	const size_t waiting = lines_waiting(&s->lines);
	const bool reads = !e->is_input && !s->ends && waiting <= LINES_FULL; /* (LN2) */
	struct pollfd p[FDS] = {
		[INPUT] = { .fd = reads ? STDIN_FILENO : -1, .events = POLLIN },
		[OUTPUT] = { .fd = e->output == 0 ? STDOUT_FILENO : -1,
			     .events = waiting > 0 ? POLLOUT : 0 },
		[BELL] = { .fd = s->lines.bell, .events = POLLIN },
		[SIGNALS] = { .fd = signals, .events = POLLIN },
	};
	uint64_t rings;
	int n;

	if (poll(p, FDS, timeout) <= 0)
		return;
	if (p[BELL].revents != 0)
		(void)!read(s->lines.bell, &rings, sizeof(rings));
	if (p[SIGNALS].revents != 0)
		look_at_signals(e, signals);
	if ((p[OUTPUT].revents & (POLLERR | POLLNVAL)) != 0 && waiting == 0)
		e->output = EPIPE; /* whoever read it is gone */
	else if (p[OUTPUT].revents != 0 && waiting > 0)
		e->output = lines_write(&s->lines, STDOUT_FILENO);
	if (p[INPUT].revents == 0)
		return;
	n = lines_read(&s->lines, STDIN_FILENO, one_line, s);
	if (n < 0)
		e->input = errno;
	if (n == 0)
		lines_rest(&s->lines, one_line, s);
	e->is_input = n <= 0;
}

static bool
is_over(const struct stdio *s, const struct end *e)
{
	return e->is_input || s->ends || e->signal != 0 || e->output != 0;
}

/* Something to be done in the order of the requests of keys and values, that nobody asked for. */
static void
submit_own(struct stdio *s, void (*run)(struct stdio *s, struct job *j))
{
	const struct op o = { "", "", run, ON_PAIRS, false };

	submit(s, &o, NULL, json_object());
}

/* Sweeps, on an interval. */
static void
clean(struct stdio *s)
{
	const struct op *o = ops_pairs;

	while (strcmp(o->name, "cleanup") != 0)
		o++;
	submit_own(s, o->run);
}

/* What is done every so often. */
struct chore {
	uint64_t every_ms; /* 0: never */
	uint64_t next_ms;
};

static void
chore_begin(struct chore *k, uint64_t every_ms)
{
	*k = (struct chore){ every_ms, now_ms() + every_ms };
}

static bool
chore_is_due(struct chore *k, uint64_t now)
{
	if (k->every_ms == 0 || now < k->next_ms)
		return false;
	k->next_ms = now + k->every_ms;
	return true;
}

/* Until the next of them; -1: there is none. */
static int
until(const struct chore *k, int n, uint64_t now)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < n; i++) {
		const uint64_t left = k[i].next_ms > now ? k[i].next_ms - now : 0;

		if (k[i].every_ms != 0 && left < least)
			least = left;
	}
	return least == UINT64_MAX ? -1 : least > INT32_MAX ? INT32_MAX : (int)least;
}

enum { CLEAN, RENEW, CHORES };

static void
serve(struct stdio *s, struct end *e, int signals, uint64_t clean_ms)
{
	struct chore chore[CHORES];

	chore_begin(&chore[CLEAN], clean_ms);
	chore_begin(&chore[RENEW], pairs_renew_ms(s));
	while (!is_over(s, e)) {
		const uint64_t now = now_ms();

		if (chore_is_due(&chore[CLEAN], now))
			clean(s);
		if (chore_is_due(&chore[RENEW], now))
			submit_own(s, pairs_renew);
		turn(s, e, signals, until(chore, CHORES, now));
	}
}

static bool
is_urgent(const struct stdio *s, const struct end *e)
{
	return s->ends || e->signal != 0 || e->output != 0;
}

/* What is under way ends, and is answered, as long as somebody reads. */
static void
finish(struct stdio *s, struct end *e, int signals)
{
	bool is_told = false;

	grants_close(s);
	submit_own(s, pairs_end);
	while (work_jobs(&s->work) > 0 || (lines_waiting(&s->lines) > 0 && e->output == 0)) {
		if (!is_told && is_urgent(s, e)) {
			(void)work_cancel(&s->work, NULL, NULL);
			is_told = true;
		}
		if (e->signal != 0 && work_jobs(&s->work) == 0)
			break; /* who does not read now shall not keep it */
		turn(s, e, signals, e->output != 0 ? 10 : -1);
	}
}

static int
code_of(const struct stdio *s, const struct end *e)
{
	if (e->signal != 0)
		return EXIT_SIGNAL + e->signal;
	if (e->output != 0)
		complain(s->call, "standard output: %s", strerror(e->output));
	if (e->input != 0)
		complain(s->call, "standard input: %s", strerror(e->input));
	return e->output != 0 || e->input != 0 ? EXIT_IO : 0;
}

static int
serve_all(struct stdio *s, uint64_t clean_ms, const sigset_t *set)
{
	const int signals = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	struct end e = { 0 };

	if (signals < 0) {
		complain(s->call, "signals: %s", strerror(errno));
		return EXIT_SYSTEM;
	}
	serve(s, &e, signals, clean_ms);
	finish(s, &e, signals);
	work_fini(&s->work);
	close(signals);
	return code_of(s, &e);
}

static int
with_manager(struct stdio *s, uint64_t clean_ms, const sigset_t *set)
{
	int code = EXIT_SYSTEM;

	work_init(&s->work, s);
	s->grants = grants_make();
	s->pairs = pairs_make(s);
	if (s->grants != NULL && s->pairs != NULL)
		code = serve_all(s, clean_ms, set);
	if (s->pairs != NULL)
		pairs_free(s);
	if (s->grants != NULL)
		grants_free(s);
	return code;
}

static void
block(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, set, NULL);
}

int
stdio_run(struct call *c)
{
	struct stdio s = { .call = c };
	struct lk_config config = LK_CONFIG_INIT;
	uint64_t clean_ms = 0;
	sigset_t set;
	int code, rc;

	if (call_number(c, "cleanup-ms", 1, INT32_MAX, &clean_ms))
		return EXIT_USAGE;
	if (place_url(c) == NULL)
		return EXIT_SYSTEM;
	block(&set);
	rc = lines_init(&s.lines);
	if (rc != 0) {
		complain(c, "%s", strerror(rc));
		return EXIT_SYSTEM;
	}
	config.label = "latchkey stdio";
	s.events = events_make(&s, &config, c->url);
	code = s.events != NULL ? place_open(c, &config, &s.m) : EXIT_SYSTEM;
	if (code == 0) {
		s.separator = rows_separator(s.m);
		code = with_manager(&s, clean_ms, &set);
		forget(lk_close(s.m));
	}
	if (s.events != NULL)
		events_free(&s);
	lines_fini(&s.lines);
	return code;
}
