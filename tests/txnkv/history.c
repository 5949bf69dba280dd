/* SPDX-License-Identifier: MIT */
/* The judge of histories, on histories by hand: it must see every kind of ring, and none where there is none. */
#include "judge.h"
#include "stage.h"

static int
scan(struct history *h, const char *text, size_t *line)
{
	FILE *in = fmemopen((void *)text, strlen(text), "r");
	int rc;

	cr_assert_not_null(in);
	history_init(h);
	rc = history_scan(h, in, line);
	fclose(in);
	return rc;
}

/* What it says goes to `said`, which the caller frees, unless it is NULL. */
static enum verdict
verdict_of(const char *text, char **said)
{
	char *words = NULL;
	struct history h;
	enum verdict v = JUDGE_SERIAL;
	size_t len;
	FILE *out = open_memstream(&words, &len);

	ok(scan(&h, text, &len));
	cr_assert_not_null(out);
	ok(judge(&h, out, &v));
	fclose(out);
	history_fini(&h);
	if (said != NULL)
		*said = words;
	else
		free(words);
	return v;
}

static void
judged(const char *text, enum verdict expected)
{
	char *said;
	enum verdict v = verdict_of(text, &said);

	cr_expect_eq(v, expected, "%d instead of %d: %s%s", v, expected, text, said);
	free(said);
}

Test(judge, finds_nothing_wrong_where_nothing_is)
{
	char one[] = "txn 1\nwrite t x\n";

	judged(" \n", JUDGE_SERIAL);
	judged(one, JUDGE_SERIAL);
	judged("txn 1\nwrite t x\n"
	       "txn 2\nread t x 1\nwrite t x\n"
	       "txn 3\nread t x 2\nread t y 0\n"
	       "txn 4\nwrite t y\n"
	       "txn 5\nread t x 2\nread t y 4\nscan t\nread t x 2\nread t y 4\nend\n",
	       JUDGE_SERIAL);
}

/* The order in which they are written down says nothing. */
Test(judge, goes_by_numbers)
{
	judged("txn 2\nread t x 1\ntxn 1\nwrite t x\n", JUDGE_SERIAL);
}

Test(judge, sees_a_lost_update)
{
	judged("txn 1\nread t x 0\nwrite t x\n"
	       "txn 2\nread t x 0\nwrite t x\n",
	       JUDGE_CYCLE);
}

Test(judge, sees_write_skew)
{
	judged("txn 1\nread t x 0\nread t y 0\nwrite t x\n"
	       "txn 2\nread t x 0\nread t y 0\nwrite t y\n",
	       JUDGE_CYCLE);
}

Test(judge, sees_halves_of_two_moments)
{
	judged("txn 1\nwrite t x\nwrite t y\n"
	       "txn 2\nread t x 0\nread t y 1\n",
	       JUDGE_CYCLE);
}

Test(judge, sees_that_a_scan_missed_a_row)
{
	const char *missed = "txn 1\nwrite t new\nwrite n t\n"
			     "txn 2\nscan t\nend\nread n t 1\n";
	const char *saw = "txn 1\nwrite t new\nwrite n t\n"
			  "txn 2\nscan t\nread t new 1\nend\nread n t 1\n";
	const char *other = "txn 1\nwrite u new\nwrite n t\n"
			    "txn 2\nscan t\nend\nread n t 1\n";

	judged(missed, JUDGE_CYCLE);
	judged(saw, JUDGE_SERIAL);
	judged(other, JUDGE_SERIAL);
}

/* The second scan sees what the first did not. */
Test(judge, looks_at_each_scan_by_itself)
{
	judged("txn 1\nwrite t a\n"
	       "txn 2\nscan t\nend\nscan t\nread t a 1\nend\n",
	       JUDGE_CYCLE);
}

/* That one scan saw a row says nothing of the next. */
Test(judge, forgets_what_an_earlier_scan_saw)
{
	judged("txn 1\nwrite t a\nwrite n n\n"
	       "txn 2\nscan t\nread t a 1\nend\n"
	       "txn 3\nscan t\nend\nread n n 1\n",
	       JUDGE_CYCLE);
}

/* Names are in the order of bytes: "t" and "t-" must not be taken for one table, nor rows of one missed. */
Test(judge, knows_tables_apart)
{
	judged("txn 1\nwrite t- a\nwrite s z\nwrite n n\n"
	       "txn 2\nscan t\nend\nread n n 1\n",
	       JUDGE_SERIAL);
	judged("txn 1\nwrite t z\nwrite n n\n"
	       "txn 2\nread t a 0\nscan t\nread t a 0\nend\nread n n 1\n",
	       JUDGE_CYCLE);
}

Test(judge, sees_a_ring_of_many)
{
	char text[4000] = "";
	size_t len = 0;

	for (unsigned i = 1; i <= 50; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"txn %u\nread t k%u 0\nwrite t k%u\n", i, i % 50, i - 1);
	judged(text, JUDGE_CYCLE);
}

/* Without the last arrow it is a chain, against the order of the commits. */
Test(judge, tells_another_order_from_none)
{
	judged("txn 1\nwrite t x\ntxn 2\nread t x 0\n", JUDGE_OTHER_ORDER);
}

Test(judge, does_not_believe_in_versions_without_a_writer)
{
	judged("txn 1\nread t x 7\n", JUDGE_NO_WRITER);
	judged("txn 1\nwrite t x\ntxn 2\nread t y 1\n", JUDGE_NO_WRITER);
	judged("txn 3\nwrite t x\ntxn 4\nread t x 2\n", JUDGE_NO_WRITER);
	judged("txn 1\nwrite t x\ntxn 1\nwrite t y\n", JUDGE_NO_WRITER);
}

Test(judge, names_the_ring)
{
	char *said;

	verdict_of("txn 1\nread t x 0\nread t y 0\nwrite t x\n"
		   "txn 5\nread t x 0\nread t y 0\nwrite t y\n",
		   &said);
	cr_expect_str_eq(said,
			 "not serializable: 2 transactions, each of which comes before the next\n"
			 "  transaction 5 read t/x as it was before 1 wrote it\n"
			 "  transaction 1 read t/y as it was before 5 wrote it\n");
	free(said);
}

Test(history, comes_out_as_it_went_in)
{
	const char *text = "txn 3\n"
			   "read t%2F1 % 0\n"
			   "scan t\n"
			   "read t a 1\n"
			   "end\n"
			   "scan u\n"
			   "end\n"
			   "read t b 2\n"
			   "write t c\n"
			   "txn 4\n";
	char *printed = NULL;
	struct history h;
	size_t len;
	FILE *out = open_memstream(&printed, &len);

	ok(scan(&h, text, &len));
	ok(history_print(&h, out));
	fclose(out);
	cr_expect_str_eq(printed, text);
	history_fini(&h);
	free(printed);
}

Test(history, a_line_that_is_wrong_is_named)
{
	static const struct {
		const char *text;
		size_t line;
	} wrong[] = {
		{ "read t x 1\n", 1 },
		{ "txn\n", 1 },
		{ "txn 0\n", 1 },
		{ "txn -1\n", 1 },
		{ "txn 1x\n", 1 },
		{ "txn 1\n\nread t x\n", 3 },
		{ "txn 1\nread t x y\n", 2 },
		{ "txn 1\nread t x 1 1\n", 2 },
		{ "txn 1\nread t x/y 1\n", 2 },
		{ "txn 1\nwrite t %zz\n", 2 },
		{ "txn 1\nwrite t\n", 2 },
		{ "txn 1\nscan t\nwrite t x\n", 3 },
		{ "txn 1\nscan t\nscan t\n", 3 },
		{ "txn 1\nscan t\ntxn 2\n", 3 },
		{ "txn 1\nend\n", 2 },
		{ "txn 1\nscan t\n", 2 },
		{ "txn 1\nsomething t\n", 2 },
		{ "txn 1\n1 2 3 4 5 6 7\n", 2 },
	};

	for (size_t i = 0; i < countof(wrong); i++) {
		struct history h;
		size_t line;
		int rc = scan(&h, wrong[i].text, &line);

		cr_expect_eq(rc, LK_E_INVAL, "%s", wrong[i].text);
		cr_expect_eq(line, wrong[i].line, "%zu: %s", line, wrong[i].text);
		history_fini(&h);
	}
}
