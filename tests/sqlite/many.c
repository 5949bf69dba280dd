/* SPDX-License-Identifier: MIT */
/* Several updates in one transaction: each is answered for itself, and all that was written is committed at once.  (SQ11) */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "growth.h"
#include "stage.h"

enum { MOST = 4 };

static int
note_commit(void *arg)
{
	int *commits = arg;

	if (*commits < 0)
		return 1; /* it is refused */
	++*commits;
	return 0;
}

/* What they wrote before is seen, and who is refused takes nothing back. */
Test(many, they_are_made_in_turn_and_committed_once)
{
	struct lk_store_update u[MOST];
	struct growth w[MOST];
	struct lk_store *s, *other;
	struct stage g;
	int commits = 0;
	sqlite3 *db;

	stage_make(&g);
	db = sql_open(g.path);
	s = store_open_in(db, "sqlite:");
	other = store_open(g.url);
	set(&w[0], &u[0], "n", 1);
	set(&w[1], &u[1], "n", 2);
	set(&w[2], &u[2], "n", 4);
	set(&w[3], &u[3], "m", 1);
	w[2].rc = 5;
	(void)sqlite3_commit_hook(db, note_commit, &commits);
	s->ops->update_many(s, u, MOST, NEVER);
	is_made(&u[0], 0);
	is_made(&u[1], 0);
	is_made(&u[2], 5);
	is_made(&u[3], 0);
	cr_assert_eq(w[1].seen, 1);
	cr_assert_eq(w[2].seen, 3);
	cr_assert_eq(commits, 1);
	cr_assert_eq(get(other, "n"), 3);
	cr_assert_eq(get(other, "m"), 1);
	(void)sqlite3_commit_hook(db, NULL, NULL);
	lk_store_close(other);
	lk_store_close(s);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
	stage_remove(&g);
}

/* Nothing is committed if nothing is to be written, and then all are answered. */
Test(many, those_that_change_nothing_are_not_committed)
{
	struct lk_store_update u[2];
	struct growth w[2];
	struct lk_store *s;
	struct stage g;
	int commits = 0;
	sqlite3 *db;

	stage_make(&g);
	db = sql_open(g.path);
	s = store_open_in(db, "sqlite:");
	set(&w[0], &u[0], "n", 0);
	set(&w[1], &u[1], "m", 1);
	w[1].rc = 5;
	(void)sqlite3_commit_hook(db, note_commit, &commits);
	s->ops->update_many(s, u, 2, NEVER);
	is_made(&u[0], 0);
	is_made(&u[1], 5);
	cr_assert_eq(commits, 0);
	cr_assert_eq(sqlite3_get_autocommit(db), 1);
	(void)sqlite3_commit_hook(db, NULL, NULL);
	cr_assert_eq(get(s, "m"), 0);
	lk_store_close(s);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
	stage_remove(&g);
}

/* Who refused has seen what never was: so he is left too. */
Test(many, what_was_not_committed_answers_nobody)
{
	struct lk_store_update u[2];
	struct growth w[2];
	struct lk_store *s;
	struct stage g;
	int commits = -1;
	sqlite3 *db;

	stage_make(&g);
	db = sql_open(g.path);
	s = store_open_in(db, "sqlite:");
	set(&w[0], &u[0], "n", 1);
	set(&w[1], &u[1], "n", 2);
	w[1].rc = 5;
	(void)sqlite3_commit_hook(db, note_commit, &commits);
	s->ops->update_many(s, u, 2, NEVER);
	(void)sqlite3_commit_hook(db, NULL, NULL);
	cr_assert_eq(w[1].seen, 1);
	cr_assert_eq(u[0].is_left, 1);
	cr_assert_eq(u[1].is_left, 1);
	cr_assert_eq(get(s, "n"), 0);
	s->ops->update_many(s, u, 2, NEVER);
	is_made(&u[0], 0);
	is_made(&u[1], 5);
	cr_assert_eq(get(s, "n"), 1);
	lk_store_close(s);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
	stage_remove(&g);
}

/* What is damaged, durable or no question at all is one's own affair. */
Test(many, who_cannot_go_along_is_in_nobody_s_way)
{
	struct lk_store_update u[MOST];
	struct growth w[MOST];
	struct lk_store *s;
	struct stage g;
	sqlite3 *db;

	stage_make(&g);
	db = sql_open(g.path);
	s = store_open_in(db, "sqlite:");
	ok(put(s, "damaged", "x", 1));
	sql(db, "UPDATE latchkey_records SET sum = sum + 1");
	set(&w[0], &u[0], "damaged", 1);
	set(&w[1], &u[1], "durable", 1);
	set(&w[2], &u[2], "", 1);
	set(&w[3], &u[3], "n", 1);
	w[1].r.flags = LK_STORE_DURABLE;
	s->ops->update_many(s, u, MOST, NEVER);
	is_made(&u[0], LK_E_CORRUPT);
	cr_assert_eq(w[0].r.status, LK_E_CORRUPT);
	cr_assert_eq(u[1].is_left, 1);
	cr_assert_eq(u[2].is_left, 1);
	is_made(&u[3], 0);
	cr_assert_eq(get(s, "durable"), 0);
	cr_assert_eq(get(s, "n"), 1);
	w[1].by = 0; /* it changes nothing, so nothing is to be synced */
	s->ops->update_many(s, &u[1], 1, NEVER);
	is_made(&u[1], 0);
	lk_store_close(s);
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
	stage_remove(&g);
}

struct ear {
	_Atomic unsigned n;
	_Atomic unsigned any;
	_Atomic unsigned last;
};

static void
hear(void *arg, const void *name, size_t len)
{
	struct ear *e = arg;

	if (name == NULL)
		atomic_fetch_add(&e->any, 1);
	else
		atomic_fetch_add(len == 4 && memcmp(name, "last", 4) == 0 ? &e->last : &e->n, 1);
}

/* Each has a hint of its own, with the next number: none is missed.  (SQ8) */
Test(many, each_is_heard_of)
{
	struct lk_store_update u[3];
	struct growth w[3];
	struct ear e = { 0, 0, 0 };
	struct lk_store *s, *other;
	struct stage g;

	stage_make(&g);
	s = store_open(g.url);
	other = store_open(g.url);
	ok(put(other, "before", "x", 1)); /* from which on they are counted */
	ok(s->ops->watch(s, hear, &e));
	set(&w[0], &u[0], "n", 1);
	set(&w[1], &u[1], "refused", 1);
	set(&w[2], &u[2], "m", 1);
	w[1].rc = 5;
	other->ops->update_many(other, u, 3, NEVER);
	ok(put(other, "last", "x", 1));
	wait_until(atomic_load(&e.last) + atomic_load(&e.any) > 0);
	cr_expect_eq(atomic_load(&e.n), 2);
	cr_expect_eq(atomic_load(&e.any), 0);
	lk_store_close(other);
	lk_store_close(s);
	stage_remove(&g);
}

/* Some are written when it dies. */
static void
die_in_the_middle(const struct stage *g)
{
	struct lk_store_update u[3];
	struct growth w[3];
	struct lk_store *s;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	s = store_open(g->url);
	set(&w[0], &u[0], "n", 1);
	set(&w[1], &u[1], "m", 1);
	set(&w[2], &u[2], "o", 1);
	s->ops->update_many(s, u, 2, NEVER);
	w[2].is_lethal = true;
	s->ops->update_many(s, u, 3, NEVER);
	_exit(1);
}

Test(many, killed_in_the_middle_nothing_of_it_is_there)
{
	struct lk_store *s;
	struct stage g;
	int status;
	pid_t pid;

	stage_make(&g);
	pid = fork();
	if (pid == 0)
		die_in_the_middle(&g);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, SIGKILL, "status 0x%x", status);
	s = store_open(g.url);
	cr_assert_eq(get(s, "n"), 1);
	cr_assert_eq(get(s, "m"), 1);
	cr_assert_eq(get(s, "o"), 0);
	lk_store_close(s);
	stage_remove(&g);
}

Test(many, read_only_and_forked_as_alone)
{
	const struct lk_store_open o = { .size = sizeof(o), .flags = LK_STORE_READ_ONLY };
	struct lk_store_update u;
	struct growth w;
	struct lk_store *s;
	struct stage g;
	int status;
	pid_t pid;

	stage_make(&g);
	s = store_open(g.url);
	pid = fork();
	if (pid == 0) {
		set(&w, &u, "n", 1);
		s->ops->update_many(s, &u, 1, NEVER);
		_exit(u.is_left == 0 && u.rc == LK_E_FORKED ? 0 : 1);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	lk_store_close(s);
	ok(lk_store_open(g.url, &o, &s));
	set(&w, &u, "n", 1);
	s->ops->update_many(s, &u, 1, NEVER);
	is_made(&u, LK_E_PERM);
	lk_store_close(s);
	stage_remove(&g);
}
