/* SPDX-License-Identifier: MIT */
/* The checker itself: right with locks, wrong without those of readers, each time that it is run. */
#include "check.h"
#include "stage.h"

/* What it said, if it is something else than that. */
static void
found(enum finding is, enum finding expected, FILE *out, char **said)
{
	fclose(out);
	cr_expect_eq(is, expected, "%d instead of %d: %s", is, expected, *said);
	free(*said);
}

static void
check_schedule(size_t i, enum db_locks locks, enum finding expected)
{
	char *said = NULL;
	size_t len;
	FILE *out = open_memstream(&said, &len);

	cr_assert_not_null(out);
	fprintf(out, "%s\n", schedule_name(i));
	found(schedule_check(i, locks, out), expected, out, &said);
}

static void
check_work(const struct work *w, enum finding expected)
{
	char *said = NULL;
	size_t len;
	FILE *out = open_memstream(&said, &len);

	cr_assert_not_null(out);
	found(work_check(w, out), expected, out, &said);
}

Test(schedules, can_have_run_one_by_one_with_locks)
{
	for (size_t i = 0; i < n_schedules; i++)
		check_schedule(i, DB_LOCK_ROWS, FOUND_NOTHING);
}

/* Every one: if a lock that a schedule is about were missing, it would be seen. */
Test(schedules, cannot_if_who_reads_locks_nothing)
{
	for (size_t i = 0; i < n_schedules; i++)
		check_schedule(i, DB_LOCK_NO_READING, FOUND_VIOLATION);
}

static struct work
some_work(void)
{
	return (struct work){ .n_threads = 4, .n_accounts = 8, .n_rounds = 400, .seed = 7 };
}

Test(work, of_many_threads_can_have_run_one_by_one)
{
	struct work w = some_work();

	check_work(&w, FOUND_NOTHING);
}

Test(work, with_table_mutexes_too)
{
	struct work w = some_work();

	w.db.locks = DB_LOCK_TABLES;
	check_work(&w, FOUND_NOTHING);
}

Test(work, is_in_the_file_afterwards)
{
	struct work w = some_work();
	struct place place;

	stage_place(&place);
	w.n_rounds = 100;
	w.db.file = place.file;
	w.db.sync = DB_SYNC_OFF;
	check_work(&w, FOUND_NOTHING);
	stage_remove(&place);
}

Test(work, that_cannot_be_done_is_trouble)
{
	struct work w = some_work();

	w.db.file = "/nowhere/at/all";
	check_work(&w, FOUND_TROUBLE);
}
