/* SPDX-License-Identifier: MIT */
/* Commands: what is answered, and that whatever is wrong gets an error that says what. */
#include "shell.h"
#include "stage.h"

/* What a script answers; freed by the caller. */
static char *
play(const char *script, size_t *n_errors)
{
	struct db_options o = { .timeout_ns = 1, .explains = true };
	FILE *in = fmemopen((void *)script, strlen(script), "r");
	char *said = NULL;
	struct shell s;
	struct db *db;
	size_t len;
	FILE *out = open_memstream(&said, &len);

	cr_assert_not_null(in);
	cr_assert_not_null(out);
	ok(db_open(&o, &db));
	shell_init(&s, db, out);
	cr_expect(shell_run(&s, in, ""));
	shell_fini(&s);
	*n_errors = s.n_errors;
	db_close(db);
	fclose(in);
	fclose(out);
	return said;
}

static void
answers(const char *script, const char *expected)
{
	size_t n_errors;
	char *said = play(script, &n_errors);

	cr_expect_str_eq(said, expected, "%s: %s", script, said);
	cr_expect_eq(n_errors, 0);
	free(said);
}

static void
complains(const char *script, const char *expected)
{
	size_t n_errors;
	char *said = play(script, &n_errors);

	cr_expect_str_eq(said, expected, "%s: %s", script, said);
	cr_expect_eq(n_errors, 1);
	free(said);
}

Test(shell, carries_commands_out)
{
	answers("put t k v\nget t k\nget t j\ndelete t k\ndelete t k\nscan t\n",
		"v\nno such row\nno such row\n");
	answers("begin\nput t b 2\nput t a 1\nupdate t a\nscan t\nabort\nscan t\nget t a\n",
		"1\na 1\nb 2\nno such row\n");
	answers("begin\nput t k 1\ncommit\nget t k\nquit\nnothing\n", "1\n");
	answers(" \n# a comment\n\tput t k v # another\nget t k\n", "v\n");
}

Test(shell, rolls_back_to_the_latest_savepoint_of_a_name)
{
	answers("begin\nsavepoint a\nput t k 1\nsavepoint a\nput t k 2\nrollback a\nget t k\n"
		"forget a\nrollback a\nget t k\ncommit\n",
		"1\nno such row\n");
}

Test(shell, words_may_have_any_bytes)
{
	answers("put \"a b\" \"\\x00\\n\\\"\\\\\" \"\"\nscan \"a b\"\n",
		"\"\\x00\\x0a\\\"\\\\\" \"\"\n");
	answers("put t \"#k\" v\nscan t\n", "\"#k\" v\n");
}

Test(shell, sessions_have_transactions_of_their_own)
{
	answers("2: begin\n2: put t k 2\nput u k 1\n2: get t k\n2: commit\n9: get t k\n", "2\n2\n");
}

Test(shell, ends_what_is_left_open)
{
	answers("2: begin\n2: put t k 1\n", "session 2 ends in a transaction: it is aborted\n");
}

Test(shell, says_who_is_in_the_way)
{
	size_t n_errors;
	char *said = play("1: begin\n1: put t k 1\n2: begin\n2: get t k\n2: put t j 1\n2: abort\n"
			  "1: locks\n1: commit\n",
			  &n_errors);

	cr_expect_eq(n_errors, 2);
	cr_expect_not_null(strstr(said, "error: line 4: the deadline passed"), "%s", said);
	cr_expect_not_null(strstr(said, "t/k is held in X by owner"), "%s", said);
	cr_expect_not_null(strstr(said, "has to be aborted, or rolled back"), "%s", said);
	cr_expect_not_null(strstr(said, "held in IX by owner"), "%s", said);
	free(said);
}

Test(shell, complains_of_what_is_wrong)
{
	complains("x\n", "error: line 1: there is no command x: try help\n");
	complains("\nget t\n", "error: line 2: the command is: get TABLE KEY\n");
	complains("put t k v w\n", "error: line 1: the command is: put TABLE KEY VALUE\n");
	complains("commit\n", "error: line 1: there is no transaction: begin one\n");
	complains("abort\n", "error: line 1: there is no transaction: begin one\n");
	complains("savepoint a\n", "error: line 1: there is no transaction: begin one\n");
	complains("rollback a\n", "error: line 1: there is no transaction: begin one\n");
	complains("begin\nbegin\nabort\n",
		  "error: line 2: there is a transaction already: commit or abort it\n");
	complains("begin\nrollback a\nabort\n",
		  "error: line 2: the transaction has no such savepoint\n");
	complains("begin\nforget a\nabort\n",
		  "error: line 2: the transaction has no such savepoint\n");
	complains("get \"t k\n", "error: line 1: a quotation mark is missing\n");
	complains("get \"t\"k\n", "error: line 1: a blank is missing after a quotation mark\n");
	complains("get \"\\q\" k\n", "error: line 1: after \\ comes one of n t \\ \" x\n");
	complains("get \"\\", "error: line 1: after \\ comes one of n t \\ \" x\n");
	complains("get \"\\x4g\" k\n", "error: line 1: \\x needs two hexadecimal digits\n");
	complains("get \"\\x4", "error: line 1: \\x needs two hexadecimal digits\n");
	complains("1 2 3 4 5 6 7 8 9\n", "error: line 1: too many words\n");
	complains("0: begin\n", "error: line 1: there is no command 0:: try help\n");
	complains("2:\n3:  begin x\n", "error: line 2: the command is: begin\n");
	complains("begin\nsavepoint 01234567890123456789012345678901\nabort\n",
		  "error: line 2: at most 32 savepoints, with names of at most 31 bytes\n");
}

Test(shell, refuses_what_is_too_long)
{
	char line[KV_KEY_MAX + 20] = "get t ";

	memset(line + 6, 'k', KV_KEY_MAX + 1);
	complains(line, "error: line 1: a table has at most 256 bytes, a key 1024, a value "
			"1048576\n");
}
