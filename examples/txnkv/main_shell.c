/* SPDX-License-Identifier: MIT */
/* txnkv - the store, by commands on standard input.  README.md says where to read on. */
#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include "history.h"
#include "options.h"
#include "shell.h"

#define TIMEOUT_MS 1000

static const char usage[] =
	"usage: txnkv [FILE] [--sync full|normal|off] [--timeout MS] [--break] [--log LOG]\n"
	"Carry out the commands on standard input: help lists them.  FILE is made if there\n"
	"is none; without one, all is in memory only.\n"
	"  --sync WHICH   what a commit waits for: the disk (full), or less\n"
	"  --timeout MS   how long a lock is waited for (1000)\n"
	"  --break        who reads locks nothing: wrong, to show what is seen then\n"
	"  --log LOG      who read and wrote which version, for txnkv-check --judge\n"
	"  --help         this text\n"
	"Exit status: 0 all was carried out, 1 something was not, 2 usage.\n";

struct settings {
	struct db_options db;
	const char *log;
};

static void
read_options(int argc, char **argv, struct settings *s)
{
	static const struct option options[] = {
		{ "sync", required_argument, NULL, 's' },
		{ "timeout", required_argument, NULL, 't' },
		{ "break", no_argument, NULL, 'b' },
		{ "log", required_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "s:t:bl:h", options, NULL)) != -1) {
		switch (c) {
		case 's':
			s->db.sync = option_sync(optarg);
			break;
		case 't':
			s->db.timeout_ns = option_number(optarg, 1, 3600000) * 1000000;
			break;
		case 'b':
			s->db.locks = DB_LOCK_NO_READING;
			break;
		case 'l':
			s->log = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (argc - optind > 1) {
		fputs(usage, stderr);
		exit(2);
	}
	s->db.file = argv[optind]; /* NULL at the end */
}

static int
write_log(const struct history *h, const char *path)
{
	FILE *out = fopen(path, "w");
	int rc = out == NULL ? LK_E_IO : history_print(h, out);

	if ((out != NULL && fclose(out) != 0) || rc != 0) {
		perror(path);
		return 1;
	}
	return 0;
}

static int
run(struct db *db)
{
	struct shell shell;
	bool is_good;

	shell_init(&shell, db, stdout);
	is_good = shell_run(&shell, stdin, isatty(STDIN_FILENO) ? "> " : "");
	shell_fini(&shell);
	if (!is_good)
		perror("txnkv: standard input");
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("txnkv: standard output");
		is_good = false;
	}
	return is_good && shell.n_errors == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	struct settings s = { .db = { .timeout_ns = TIMEOUT_MS * UINT64_C(1000000),
				      .explains = true } };
	struct history history;
	struct db *db;
	int status;
	int rc;

	read_options(argc, argv, &s);
	history_init(&history);
	if (s.log != NULL)
		s.db.history = &history;
	rc = db_open(&s.db, &db);
	if (rc != 0) {
		fprintf(stderr, "txnkv: %s: %s\n", s.db.file == NULL ? "memory" : s.db.file,
			kv_strerror(rc));
		history_fini(&history);
		return 1;
	}
	status = run(db);
	db_close(db);
	if (s.log != NULL && write_log(&history, s.log) != 0)
		status = 1;
	history_fini(&history);
	return status;
}
