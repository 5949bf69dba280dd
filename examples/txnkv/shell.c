/* SPDX-License-Identifier: MIT */
/* Commands as lines of text: see shell.h. */
#include <stdarg.h>
#include <stdlib.h>

#include "shell.h"

const char shell_help[] =
	"begin, commit, abort       a transaction; without one, each command is one\n"
	"get TABLE KEY              the value of a row\n"
	"update TABLE KEY           … that is to be changed: locks it in U rather than in S\n"
	"put TABLE KEY VALUE        a row and its value\n"
	"delete TABLE KEY           no such row any more\n"
	"scan TABLE                 all rows\n"
	"savepoint NAME             a place in the transaction, …\n"
	"rollback NAME              … and back to it\n"
	"forget NAME                … or no such place any more\n"
	"locks                      who holds what, and who waits\n"
	"help, quit\n"
	"2: begin                   the same in session 2, of 9\n"
	"Words with blanks or other bytes are written \"a b\\n\\x00\".  # begins a comment.\n";

/* A command while it is carried out. */
struct command {
	struct shell *shell;
	struct session *session;
	struct words *words;
};

static struct bytes
word(const struct command *c, size_t i)
{
	return c->words->word[i];
}

__attribute__((format(printf, 2, 3))) static void
complain(struct shell *s, const char *format, ...)
{
	va_list args;

	s->n_errors++;
	fputs("error: ", s->out);
	if (s->line != 0)
		fprintf(s->out, "line %zu: ", s->line);
	va_start(args, format);
	vfprintf(s->out, format, args);
	va_end(args);
	fputs("\n", s->out);
}

/* Say what a result means, if it is bad news. */
static void
tell_result(const struct command *c, int rc)
{
	struct shell *s = c->shell;
	struct txn *t = c->session->txn;
	char why[256];

	if (rc == 0)
		return;
	if (rc == KV_NOT_FOUND) {
		fputs("no such row\n", s->out);
		return;
	}
	complain(s, "%s", kv_strerror(rc));
	if (rc == KV_DISK || rc == KV_DOUBT) {
		db_why(s->db, why, sizeof(why));
		fprintf(s->out, "  %s\n", why);
	}
	if (t != NULL && txn_doom(t) != 0) {
		if (txn_why(t, lk_write_file, s->out) != 0)
			fputs("  (who was in the way cannot be said)\n", s->out);
		fputs("  the transaction has to be aborted, or rolled back to a savepoint\n",
		      s->out);
	}
}

/* ------------------------------------------------- commands with or without begin */

static void
print_value(const struct command *c, int rc, struct bytes value)
{
	if (rc != 0)
		return;
	words_print(value, c->shell->out);
	fputs("\n", c->shell->out);
}

static int
do_get(struct txn *t, void *arg)
{
	const struct command *c = arg;
	struct bytes value = { 0 };
	int rc = txn_get(t, word(c, 1), word(c, 2), &value);

	print_value(c, rc, value);
	return rc;
}

static int
do_update(struct txn *t, void *arg)
{
	const struct command *c = arg;
	struct bytes value = { 0 };
	int rc = txn_get_for_update(t, word(c, 1), word(c, 2), &value);

	print_value(c, rc, value);
	return rc;
}

static int
do_put(struct txn *t, void *arg)
{
	const struct command *c = arg;

	return txn_put(t, word(c, 1), word(c, 2), word(c, 3));
}

static int
do_delete(struct txn *t, void *arg)
{
	const struct command *c = arg;

	return txn_delete(t, word(c, 1), word(c, 2));
}

static int
print_row(void *arg, struct bytes key, struct bytes value)
{
	FILE *out = arg;

	words_print(key, out);
	fputs(" ", out);
	words_print(value, out);
	fputs("\n", out);
	return 0;
}

static int
do_scan(struct txn *t, void *arg)
{
	const struct command *c = arg;

	return txn_scan(t, word(c, 1), print_row, c->shell->out);
}

/* ---------------------------------------------------------------- transactions */

/* The session's transaction; NULL, after a complaint: it has none. */
static struct txn *
open_txn(const struct command *c)
{
	if (c->session->txn == NULL)
		complain(c->shell, "there is no transaction: begin one");
	return c->session->txn;
}

static void
do_begin(struct command *c)
{
	if (c->session->txn != NULL)
		complain(c->shell, "there is a transaction already: commit or abort it");
	else
		tell_result(c, txn_begin(c->shell->db, &c->session->txn));
}

/* The session has no transaction any more. */
static struct txn *
close_txn(const struct command *c)
{
	struct txn *t = open_txn(c);

	c->session->txn = NULL;
	c->session->n_savepoints = 0;
	return t;
}

static void
do_commit(struct command *c)
{
	struct txn *t = close_txn(c);
	int rc = t == NULL ? 0 : txn_commit(t);

	if (rc < 0)
		complain(c->shell, "aborted: %s", kv_strerror(rc));
	else
		tell_result(c, rc);
}

static void
do_abort(struct command *c)
{
	struct txn *t = close_txn(c);

	if (t != NULL)
		txn_abort(t);
}

/* ------------------------------------------------------------------- savepoints */

static void
do_savepoint(struct command *c)
{
	struct txn *t = open_txn(c);
	struct session *s = c->session;
	struct bytes name = word(c, 1);
	unsigned number;
	int rc;

	if (t == NULL)
		return;
	if (name.len >= SHELL_NAME_MAX || s->n_savepoints == SHELL_SAVEPOINTS) {
		complain(c->shell, "at most %d savepoints, with names of at most %d bytes",
			 SHELL_SAVEPOINTS, SHELL_NAME_MAX - 1);
		return;
	}
	rc = txn_savepoint(t, &number);
	if (rc == 0) {
		snprintf(s->savepoint[number - 1], SHELL_NAME_MAX, "%.*s", (int)name.len,
			 name.data);
		s->n_savepoints = number;
	}
	tell_result(c, rc);
}

/* The latest of that name; 0, which is none: there is none. */
static unsigned
find_savepoint(const struct command *c)
{
	const struct session *s = c->session;
	unsigned n = s->n_savepoints;

	while (n > 0 && bytes_compare(bytes_of(s->savepoint[n - 1]), word(c, 1)) != 0)
		n--;
	return n;
}

static void
do_rollback(struct command *c)
{
	struct txn *t = open_txn(c);
	unsigned number = find_savepoint(c);

	if (t == NULL)
		return;
	tell_result(c, txn_rollback(t, number));
	if (number != 0)
		c->session->n_savepoints = number;
}

static void
do_forget(struct command *c)
{
	struct txn *t = open_txn(c);
	unsigned number = find_savepoint(c);

	if (t == NULL)
		return;
	tell_result(c, txn_forget(t, number));
	if (number != 0)
		c->session->n_savepoints = number - 1;
}

/* ----------------------------------------------------------------------- others */

static void
do_locks(struct command *c)
{
	struct lk_manager *m = db_manager(c->shell->db);

	if (m == NULL)
		complain(c->shell, "mutexes cannot say who holds them");
	else
		tell_result(c, lk_tree(m, LK_TEXT, lk_write_file, c->shell->out));
}

static void
do_help(struct command *c)
{
	fputs(shell_help, c->shell->out);
}

static void
do_quit(struct command *c)
{
	c->shell->is_over = true;
}

/* --------------------------------------------------------------------- dispatch */

static const struct {
	const char *name;
	size_t n_words;
	const char *usage;
	int (*in_txn)(struct txn *t,
		      void *arg); /* in the session's transaction, or one of its own */
	void (*other)(struct command *c);
} commands[] = {
	{ "begin", 1, "", NULL, do_begin },
	{ "commit", 1, "", NULL, do_commit },
	{ "abort", 1, "", NULL, do_abort },
	{ "get", 3, " TABLE KEY", do_get, NULL },
	{ "update", 3, " TABLE KEY", do_update, NULL },
	{ "put", 4, " TABLE KEY VALUE", do_put, NULL },
	{ "delete", 3, " TABLE KEY", do_delete, NULL },
	{ "scan", 2, " TABLE", do_scan, NULL },
	{ "savepoint", 2, " NAME", NULL, do_savepoint },
	{ "rollback", 2, " NAME", NULL, do_rollback },
	{ "forget", 2, " NAME", NULL, do_forget },
	{ "locks", 1, "", NULL, do_locks },
	{ "help", 1, "", NULL, do_help },
	{ "quit", 1, "", NULL, do_quit },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void
carry_out(struct command *c)
{
	size_t i = 0;
	int rc;

	while (i < N_COMMANDS && bytes_compare(bytes_of(commands[i].name), word(c, 0)) != 0)
		i++;
	if (i == N_COMMANDS) {
		complain(c->shell, "there is no command %.*s: try help", (int)word(c, 0).len,
			 word(c, 0).data);
	} else if (c->words->n != commands[i].n_words) {
		complain(c->shell, "the command is: %s%s", commands[i].name, commands[i].usage);
	} else if (commands[i].other != NULL) {
		commands[i].other(c);
	} else {
		rc = c->session->txn != NULL ? commands[i].in_txn(c->session->txn, c)
					     : txn_run(c->shell->db, commands[i].in_txn, c);
		tell_result(c, rc);
	}
}

/* `2:` before a command. */
static bool
is_session(struct bytes w)
{
	return w.len == 2 && w.data[0] >= '1' && w.data[0] <= '0' + SHELL_SESSIONS &&
	       w.data[1] == ':';
}

void
shell_line(struct shell *s, char *line, size_t len)
{
	struct words w;
	struct command c = { s, &s->session[0], &w };

	words_cut(&w, line, len);
	if (w.why != NULL) {
		complain(s, "%s", w.why);
		return;
	}
	if (w.n > 0 && is_session(w.word[0])) {
		c.session = &s->session[w.word[0].data[0] - '1'];
		memmove(w.word, w.word + 1, --w.n * sizeof(w.word[0]));
	}
	if (w.n > 0)
		carry_out(&c);
}

void
shell_init(struct shell *s, struct db *db, FILE *out)
{
	*s = (struct shell){ .db = db, .out = out };
}

void
shell_fini(struct shell *s)
{
	for (size_t i = 0; i < SHELL_SESSIONS; i++) {
		if (s->session[i].txn == NULL)
			continue;
		fprintf(s->out, "session %zu ends in a transaction: it is aborted\n", i + 1);
		txn_abort(s->session[i].txn);
		s->session[i].txn = NULL;
	}
}

bool
shell_run(struct shell *s, FILE *in, const char *prompt)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	while (!s->is_over) {
		fputs(prompt, s->out);
		fflush(s->out);
		len = getline(&line, &cap, in);
		if (len < 0)
			break;
		s->line++;
		shell_line(s, line, (size_t)len);
	}
	free(line);
	return !ferror(in);
}
