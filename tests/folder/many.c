/* SPDX-License-Identifier: MIT */
/* Several updates in one call: each is answered for itself, and is there or is not whatever became of the others.  (SF12, SF13) */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "folder.h"
#include "growth.h"

enum { MOST = 4 };

static int
size_of(struct lk_store *s, const char *name)
{
	return get(s, name, NULL, 0);
}

/* What they wrote before is seen, and who is refused takes nothing back. */
Test(many, those_of_a_stripe_are_made_in_turn_with_one_lock)
{
	struct lk_store_update u[MOST];
	struct growth w[MOST];
	struct lk_store *s, *other;
	struct folder f;

	folder_make(&f, "?stripes=1");
	s = store_open(&f);
	other = store_open(&f);
	set(&w[0], &u[0], "n", 1);
	set(&w[1], &u[1], "n", 2);
	set(&w[2], &u[2], "n", 4);
	set(&w[3], &u[3], "m", 1);
	w[2].rc = 5;
	fault_at(FAULT_FCNTL, 0, false, HOW_ERROR, 0);
	faults_here(true);
	s->ops->update_many(s, u, MOST, NEVER);
	faults_here(false);
	cr_assert_eq(fault_calls(), 1);
	is_made(&u[0], 0);
	is_made(&u[1], 0);
	is_made(&u[2], 5);
	is_made(&u[3], 0);
	cr_assert_eq(w[1].seen, 1);
	cr_assert_eq(w[2].seen, 3);
	cr_assert_eq(size_of(other, "n"), 3);
	cr_assert_eq(size_of(other, "m"), 1);
	lk_store_close(other);
	lk_store_close(s);
	folder_remove(&f);
}

/* Damage, a disk to be waited for, or no question at all is one's own affair. */
Test(many, who_cannot_go_along_is_in_nobody_s_way)
{
	struct lk_store_update u[MOST];
	struct growth w[MOST];
	struct lk_store *s;
	struct folder f;

	folder_make(&f, "");
	s = store_open(&f);
	set(&w[0], &u[0], "m", 1);
	set(&w[1], &u[1], "durable", 1);
	set(&w[2], &u[2], "", 1);
	set(&w[3], &u[3], "n", 1);
	w[1].r.flags = LK_STORE_DURABLE;
	s->ops->update_many(s, u, MOST, NEVER);
	is_made(&u[0], 0);
	cr_assert_eq(u[1].is_left, 1);
	cr_assert_eq(u[2].is_left, 1);
	is_made(&u[3], 0);
	cr_assert_eq(get_flags(s, "durable", NULL, 0, LK_STORE_DURABLE), 0);
	cr_assert_eq(size_of(s, "n"), 1);
	lk_store_close(s);
	folder_remove(&f);
}

/* ------------------------------------------------------------------------ failures */

static const char *const names[MOST] = { "a", "b", "c", "d" };

static void
grow_all(struct lk_store *s, struct growth w[MOST], struct lk_store_update u[MOST])
{
	for (int i = 0; i < MOST; i++)
		set(&w[i], &u[i], names[i], 1);
	s->ops->update_many(s, u, MOST, NEVER);
}

/* One call fails: what is answered is so, and all others are made.  False: it came to its end without that. */
static bool
one_fails(enum fault which, int error, uint64_t nth)
{
	struct lk_store_update u[MOST];
	struct growth w[MOST];
	struct lk_store *s, *other;
	struct folder f;
	unsigned failed = 0;
	bool was_hit;

	folder_make(&f, "?stripes=1");
	s = store_open(&f);
	other = store_open(&f);
	ok(put(s, "b", "x", 1));
	fault_at(which, nth, false, HOW_ERROR, error);
	faults_here(true);
	grow_all(s, w, u);
	faults_here(false);
	was_hit = fault_hits() > 0;
	fault_at(FAULTS, 0, false, HOW_ERROR, 0);
	for (int i = 0; i < MOST; i++) {
		const int before = i == 1;
		const int is = size_of(i % 2 == 0 ? other : s, names[i]);

		cr_assert_eq(u[i].is_left, 0);
		cr_assert(u[i].rc == 0 || u[i].rc == LK_E_STORE || u[i].rc == LK_E_UNKNOWN ||
				  u[i].rc == LK_E_CORRUPT,
			  "%s", lk_errname(u[i].rc));
		cr_assert(is == before + 1 || (u[i].rc != 0 && is == before), "call %d, %s: %d",
			  (int)nth, names[i], is);
		cr_assert(u[i].rc == 0 || u[i].rc == LK_E_UNKNOWN || is == before);
		failed += u[i].rc != 0;
	}
	cr_assert(failed == 0 || was_hit);
	cr_assert(failed <= 1 || failed == MOST, "call %d: %u of them", (int)nth, failed);
	for (int i = 0; i < MOST; i++)
		ok(put(other, names[i], "later", 5));
	lk_store_close(other);
	lk_store_close(s);
	folder_remove(&f);
	return was_hit;
}

/* As it is written, of one alone; as the stripe is locked, of all. */
Test(many, what_fails_is_one_s_own_and_the_next_goes_on_from_what_is_there, .timeout = 120)
{
	folder_on_disk(true);
	for (uint64_t nth = 1; one_fails(FAULT_PWRITE, EIO, nth); nth++)
		;
	for (uint64_t nth = 1; one_fails(FAULT_FALLOCATE, ENOSPC, nth); nth++)
		;
	for (uint64_t nth = 1; one_fails(FAULT_FCNTL, ENOLCK, nth); nth++)
		;
	folder_on_disk(false);
}

/* Killed at that call: those before the one that was being made are there, and none after it. */
static bool
is_killed(uint64_t nth, enum how how)
{
	struct lk_store_update u[MOST];
	struct growth w[MOST];
	struct lk_store *s;
	struct folder f;
	int status, is, last = 1;
	pid_t pid;

	folder_make(&f, "?stripes=1");
	s = store_open(&f);
	pid = fork();
	cr_assert_ge(pid, 0);
	if (pid == 0) {
		struct lk_store *mine = NULL;

		if (lk_store_open(f.url, NULL, &mine) != 0)
			_exit(2);
		fault_at(FAULTS, nth, false, how, 0);
		faults_here(true);
		grow_all(mine, w, u);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(status == 0 || status == SIGKILL, "status 0x%x", status);
	for (int i = 0; i < MOST; i++) {
		is = size_of(s, names[i]);
		cr_assert(is == 0 || is == 1, "%s: %d", names[i], is);
		cr_assert_le(is, last, "%s is there, and one before it is not", names[i]);
		last = is;
	}
	cr_assert(status == SIGKILL || last == 1);
	ok(put(s, "a", "later", 5));
	lk_store_close(s);
	folder_remove(&f);
	return status != 0;
}

Test(many, killed_in_the_middle_each_is_there_or_is_not, .timeout = 120)
{
	for (int on_disk = 0; on_disk < 2; on_disk++) {
		uint64_t deaths = 0;

		folder_on_disk(on_disk != 0);
		for (uint64_t nth = 1; is_killed(nth, HOW_KILLED); nth++)
			deaths++;
		for (uint64_t nth = 1; is_killed(nth, HOW_HALF); nth++)
			deaths++;
		/* in memory there are less, as a compiler may copy by itself */
		cr_assert_ge(deaths, 2 * MOST, "hardly anything was written");
	}
	folder_on_disk(false);
}

/* --------------------------------------------------------------------------- others */

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

Test(many, each_that_was_made_is_heard_of)
{
	struct lk_store_update u[MOST];
	struct growth w[MOST];
	struct ear e = { 0, 0, 0 };
	struct lk_store *s, *other;
	struct folder f;

	folder_make(&f, "");
	s = store_open(&f);
	other = store_open(&f);
	ok(s->ops->watch(s, hear, &e));
	for (int i = 0; i < MOST; i++)
		set(&w[i], &u[i], names[i], 1);
	w[1].rc = 5;
	other->ops->update_many(other, u, MOST, NEVER);
	ok(put(other, "last", "x", 1));
	wait_until(atomic_load(&e.last) + atomic_load(&e.any) > 0);
	cr_expect_eq(atomic_load(&e.n), MOST - 1);
	cr_expect_eq(atomic_load(&e.any), 0);
	lk_store_close(other);
	lk_store_close(s);
	folder_remove(&f);
}

Test(many, read_only_and_forked_as_alone)
{
	const struct lk_store_open o = { .size = sizeof(o), .flags = LK_STORE_READ_ONLY };
	struct lk_store_update u;
	struct growth w;
	struct lk_store *s;
	struct folder f;
	int status;
	pid_t pid;

	folder_make(&f, "");
	s = store_open(&f);
	pid = fork();
	if (pid == 0) {
		set(&w, &u, "n", 1);
		s->ops->update_many(s, &u, 1, NEVER);
		_exit(u.is_left == 0 && u.rc == LK_E_FORKED ? 0 : 1);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	lk_store_close(s);
	ok(lk_store_open(f.url, &o, &s));
	set(&w, &u, "n", 1);
	s->ops->update_many(s, &u, 1, NEVER);
	is_made(&u, LK_E_PERM);
	lk_store_close(s);
	folder_remove(&f);
}
