/* SPDX-License-Identifier: MIT */
/*
 * Killed at every call that changes a file, before it and in the middle of it: whoever comes next finds all of the deed
 * or nothing of it, and can go on.  (SF2, SF3, SF6)
 */
#include <signal.h>
#include <sys/wait.h>

#include "folder.h"

/* What the deed makes of a store. */
static void
expect(const struct deed *d, struct state *before, struct state *after)
{
	struct folder f;
	struct lk_store *s;

	folder_make(&f, d->parameters);
	s = store_open(&f);
	d->before(s);
	state_read(s, before);
	ok(d->act(s));
	state_read(s, after);
	ok(d->act(s));
	lk_store_close(s);
	folder_remove(&f);
}

/* In a child: true if it was killed, false if it came to its end. */
static bool
do_and_die(const struct folder *f, const struct deed *d, uint64_t nth, enum how how)
{
	pid_t pid = fork();
	int status;

	cr_assert_ge(pid, 0);
	if (pid == 0) {
		struct lk_store *s = NULL;

		if (lk_store_open(f->url, NULL, &s) != 0)
			_exit(2);
		fault_at(FAULTS, nth, false, how, 0);
		faults_here(true);
		_exit(d->act(s) == 0 ? 0 : 3);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	cr_assert_eq(status, 0, "%s, call %d: status 0x%x", d->name, (int)nth, status);
	return false;
}

static bool
kill_at(const struct deed *d, uint64_t nth, enum how how, const struct state *before,
	const struct state *after)
{
	struct lk_store *s, *was_open;
	struct folder f;
	struct state st;
	bool was_killed;

	folder_make(&f, d->parameters);
	was_open = store_open(&f);
	d->before(was_open);
	was_killed = do_and_die(&f, d, nth, how);
	s = nth % 2 == 0 ? store_open(&f) : was_open; /* who was there, or who comes new */
	state_read(s, &st);
	cr_assert(state_is(&st, after) || (was_killed && state_is(&st, before)),
		  "%s, killed at call %d: neither all nor nothing", d->name, (int)nth);
	ok(d->act(was_open));
	state_read(s, &st);
	cr_assert(state_is(&st, after), "%s, killed at call %d: not done anew", d->name, (int)nth);
	if (s != was_open)
		lk_store_close(s);
	lk_store_close(was_open);
	folder_remove(&f);
	return was_killed;
}

static void
kill_everywhere(const struct deed *d, bool on_disk)
{
	struct state before, after;
	uint64_t deaths = 0;

	folder_on_disk(on_disk);
	expect(d, &before, &after);
	for (uint64_t nth = 1; kill_at(d, nth, HOW_KILLED, &before, &after); nth++)
		deaths++;
	for (uint64_t nth = 1; kill_at(d, nth, HOW_HALF, &before, &after); nth++)
		deaths++;
	cr_assert_ge(deaths, 4, "%s: hardly anything was written", d->name);
	folder_on_disk(false);
}

static const char *const batch_names[] = { "r7", "r2", "n1", "r9", "n5" };

/*
 * Who comes next may touch one stripe of the batch only.  What he writes stays, whatever is found in another stripe by those
 * who come later.  (SF3)
 */
Test(killed, what_comes_after_a_batch_is_not_undone, .timeout = 120)
{
	bool was_killed = true;

	for (uint64_t nth = 1; was_killed; nth++) {
		for (size_t i = 0; i < countof(batch_names); i++) {
			char found[8] = "";
			struct lk_store *s;
			struct folder f;
			struct state st;

			folder_make(&f, deeds[5].parameters);
			s = store_open(&f);
			deeds[5].before(s);
			was_killed = do_and_die(&f, &deeds[5], nth, HOW_KILLED);
			ok(put(s, batch_names[i], "later", 5));
			state_read(s, &st);
			cr_assert_eq(get(s, batch_names[i], found, sizeof(found)), 5);
			cr_assert_eq(memcmp(found, "later", 5), 0, "killed at call %d, %s",
				     (int)nth, batch_names[i]);
			lk_store_close(s);
			folder_remove(&f);
		}
	}
}

#define KILLED(name, number)                            \
	Test(killed, name, .timeout = 120)              \
	{                                               \
		kill_everywhere(&deeds[number], false); \
		kill_everywhere(&deeds[number], true);  \
	}

KILLED(inserting, 0)
KILLED(changing, 1)
KILLED(lengthening, 2)
KILLED(taking_away, 3)
KILLED(in_a_batch_in_one_stripe, 4)
KILLED(in_a_batch, 5)
KILLED(in_a_large_batch, 6)
KILLED(raising_a_floor, 7)
KILLED(in_a_durable_batch, 8)
KILLED(writing_a_stripe_anew, 9)
KILLED(beginning_and_ending_a_session, 10)

/* ----------------------------------------------------------- while a store is made */

static int
make_and_die(const struct folder *f, uint64_t nth, enum how how)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct lk_store *s = NULL;
		int rc;

		fault_at(FAULTS, nth, false, how, 0);
		faults_here(true);
		rc = lk_store_open(f->url, NULL, &s);
		_exit(rc == 0 ? 0 : 4);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return status;
}

Test(killed, making_a_store, .timeout = 120)
{
	for (enum how how = HOW_KILLED; how <= HOW_HALF; how++) {
		int status = SIGKILL;

		for (uint64_t nth = 1; status == SIGKILL; nth++) {
			struct lk_store *s;
			struct folder f;

			folder_make(&f, "?stripes=3");
			status = make_and_die(&f, nth, how);
			cr_assert(status == SIGKILL || status == 0, "status 0x%x", status);
			s = store_open(&f);
			cr_assert_eq(get(s, "n", NULL, 0), 0);
			ok(put(s, "n", "x", 1));
			cr_assert_eq(get(s, "n", NULL, 0), 1);
			lk_store_close(s);
			folder_remove(&f);
		}
	}
}

/* Several who come at once to a folder that is not there make one store of it. */
Test(killed, making_one_store_together, .timeout = 120)
{
	enum { TOGETHER = 6 };
	struct folder f;

	for (int round = 0; round < 10; round++) {
		struct lk_store *s;
		pid_t pids[TOGETHER];
		int go[2], status;
		char name[16];

		folder_make(&f, "");
		cr_assert_eq(pipe(go), 0);
		for (int i = 0; i < TOGETHER; i++) {
			pids[i] = fork();
			if (pids[i] == 0) {
				char byte;

				(void)close(go[1]);
				(void)!read(go[0], &byte, 1); /* its end: all begin */
				if (lk_store_open(f.url, NULL, &s) != 0)
					_exit(5);
				(void)snprintf(name, sizeof(name), "p%d", i);
				_exit(put(s, name, "x", 1) != 0);
			}
		}
		(void)close(go[0]);
		(void)close(go[1]);
		for (int i = 0; i < TOGETHER; i++) {
			cr_assert_eq(waitpid(pids[i], &status, 0), pids[i]);
			cr_assert_eq(status, 0, "status 0x%x", status);
		}
		s = store_open(&f);
		for (int i = 0; i < TOGETHER; i++) {
			(void)snprintf(name, sizeof(name), "p%d", i);
			cr_assert_eq(get(s, name, NULL, 0), 1);
		}
		lk_store_close(s);
		folder_remove(&f);
	}
}
