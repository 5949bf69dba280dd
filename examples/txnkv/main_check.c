/* SPDX-License-Identifier: MIT */
/* txnkv-check - could the transactions of the store have run one by one? */
#include <getopt.h>
#include <stdlib.h>

#include "check.h"
#include "options.h"

static const char usage[] =
	"usage: txnkv-check [--threads N] [--rounds N] [--accounts N] [--seed N]\n"
	"                   [--tables | --break] [--escalate N] [--log LOG]\n"
	"                   [--file FILE [--sync full|normal|off]]\n"
	"       txnkv-check --judge LOG\n"
	"Run schedules that are known to go wrong without isolation, then random\n"
	"transactions of many threads; see whether what they read and wrote could be of\n"
	"transactions that run one by one.\n"
	"  --threads N    (4)\n"
	"  --rounds N     transactions of each thread (1000)\n"
	"  --accounts N   rows that they fight for (12)\n"
	"  --seed N       another number, other transactions (1)\n"
	"  --tables       a mutex for each table instead of Latchkey; no schedules\n"
	"  --escalate N   more locks of rows than that become one of their table (any)\n"
	"  --break        who reads locks nothing: the check must fail\n"
	"  --log LOG      write there who read and wrote what, of the random transactions\n"
	"  --file FILE    in that file; its accounts are deleted.  Without: in memory only\n"
	"  --sync WHICH   what a commit waits for (full)\n"
	"  --judge LOG    judge what was written there, and do nothing else\n"
	"  --help         this text\n"
	"Exit status: 0 nothing wrong, 1 something wrong was seen, 2 usage,\n"
	"3 a check could not be made.\n";

struct settings {
	struct work work;
	const char *judge;
};

static void
read_options(int argc, char **argv, struct settings *s)
{
	static const struct option options[] = {
		{ "threads", required_argument, NULL, 't' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "accounts", required_argument, NULL, 'a' },
		{ "seed", required_argument, NULL, 'S' },
		{ "tables", no_argument, NULL, 'T' },
		{ "escalate", required_argument, NULL, 'e' },
		{ "break", no_argument, NULL, 'b' },
		{ "file", required_argument, NULL, 'f' },
		{ "sync", required_argument, NULL, 's' },
		{ "log", required_argument, NULL, 'l' },
		{ "judge", required_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "t:r:a:S:Te:bf:s:l:j:h", options, NULL)) != -1) {
		switch (c) {
		case 't':
			s->work.n_threads = (unsigned)option_number(optarg, 1, 64);
			break;
		case 'r':
			s->work.n_rounds = option_number(optarg, 1, 1000000);
			break;
		case 'a':
			s->work.n_accounts = (unsigned)option_number(optarg, 3, 10000);
			break;
		case 'S':
			s->work.seed = option_number(optarg, 0, UINT32_MAX);
			break;
		case 'T':
			s->work.db.locks = DB_LOCK_TABLES;
			break;
		case 'e':
			s->work.db.escalate_after = option_number(optarg, 16, 1000000);
			break;
		case 'b':
			s->work.db.locks = DB_LOCK_NO_READING;
			break;
		case 'f':
			s->work.db.file = optarg;
			break;
		case 's':
			s->work.db.sync = option_sync(optarg);
			break;
		case 'l':
			s->work.log = optarg;
			break;
		case 'j':
			s->judge = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (optind != argc) {
		fputs(usage, stderr);
		exit(2);
	}
}

/* Judge a history that was written to a file. */
static enum finding
judge_log(const char *path)
{
	FILE *in = fopen(path, "r");
	enum verdict verdict = JUDGE_SERIAL;
	struct history history;
	size_t line;
	int rc;

	if (in == NULL) {
		perror(path);
		return FOUND_TROUBLE;
	}
	history_init(&history);
	rc = history_scan(&history, in, &line);
	fclose(in);
	if (rc != 0)
		fprintf(stderr, "%s: line %zu: %s\n", path, line, lk_strerror(rc));
	else
		rc = judge(&history, stdout, &verdict);
	history_fini(&history);
	if (rc != 0)
		return FOUND_TROUBLE;
	return verdict == JUDGE_SERIAL ? FOUND_NOTHING : FOUND_VIOLATION;
}

/* What a check says is set in below its name. */
static enum finding
say(const char *name, enum finding found, char *said)
{
	static const char *const words[] = { "right", "VIOLATED", "NOT MADE" };
	char *rest = said;
	char *line;

	printf("%-9s %s\n", words[found], name);
	while ((line = strsep(&rest, "\n")) != NULL)
		if (*line != '\0')
			printf("          %s\n", line);
	free(said);
	return found;
}

static enum finding
check(const struct settings *s, size_t i)
{
	char *said = NULL;
	size_t len;
	FILE *out = open_memstream(&said, &len);
	bool is_schedule = i < n_schedules;
	enum finding found;

	if (out == NULL)
		return FOUND_TROUBLE;
	found = is_schedule ? schedule_check(i, s->work.db.locks, out) : work_check(&s->work, out);
	fclose(out);
	return say(is_schedule ? schedule_name(i) : "random transactions", found, said);
}

/* Not by mutexes: they cannot be waited for in one thread. */
static enum finding
check_all(const struct settings *s)
{
	size_t n[3] = { 0 };

	for (size_t i = s->work.db.locks == DB_LOCK_TABLES ? n_schedules : 0; i <= n_schedules; i++)
		n[check(s, i)]++;
	printf("%zu passed, %zu failed\n", n[FOUND_NOTHING], n[FOUND_VIOLATION] + n[FOUND_TROUBLE]);
	return n[FOUND_TROUBLE] > 0     ? FOUND_TROUBLE
	       : n[FOUND_VIOLATION] > 0 ? FOUND_VIOLATION
					: FOUND_NOTHING;
}

int
main(int argc, char **argv)
{
	static const int status[] = {
		[FOUND_NOTHING] = 0, [FOUND_VIOLATION] = 1, [FOUND_TROUBLE] = 3
	};
	struct settings s = {
		.work = { .n_threads = 4, .n_accounts = 12, .n_rounds = 1000, .seed = 1 }
	};

	read_options(argc, argv, &s);
	return status[s.judge != NULL ? judge_log(s.judge) : check_all(&s)];
}
