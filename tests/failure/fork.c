/* SPDX-License-Identifier: MIT */
/*
 * fork() while requests wait and are granted: the parent does not notice, the child begins anew.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../api/support.h"

/*
 * The sanitizers' own malloc may hang in the child of a process whose other threads were in it: there the
 * child takes no memory.
 */
#ifdef LK_SANITIZE
enum { HEAP_FORKS = 0 };
#else
enum { HEAP_FORKS = 1 };
#endif

/* In a child: 0 if all is well; the manager of the parent says so, one of our own works. */
static int
live(struct lk_manager *parents, struct lk_owner *owner)
{
	struct lk_manager *m;
	struct lk_owner *w;
	lk_grant g;

	if (lk_acquire(owner, "n", LK_X, NULL, NULL) != LK_E_FORKED ||
	    lk_release_all(owner) != LK_E_FORKED || lk_close(parents) != LK_E_FORKED)
		return 1;
	if (HEAP_FORKS == 0)
		return 0;
	if (lk_open("memory:?strict=1", NULL, &m) != 0 || lk_owner_open(m, NULL, &w) != 0)
		return 2;
	if (lk_acquire(w, "n/of the child", LK_X, NULL, &g) != 0 || lk_downgrade(w, g) != 0)
		return 3;
	if (lk_self(m) == NULL || lk_acquire(lk_self(m), "n", LK_IS, NULL, NULL) != 0)
		return 4;
	if (lk_release_all(lk_self(m)) != 0 || lk_owner_close(w) != 0 || lk_close(m) != 0)
		return 5;
	return 0;
}

static void
expect_end(pid_t child)
{
	int status = 0;

	cr_assert_ge(child, 0);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status), "the child ended by signal %d", WTERMSIG(status));
	cr_expect_eq(WEXITSTATUS(status), 0, "the child said %d", WEXITSTATUS(status));
}

static void
fork_once(struct lk_manager *m, struct lk_owner *w)
{
	pid_t child = fork();

	if (child == 0) {
		alarm(90);
		_exit(live(m, w));
	}
	expect_end(child);
}

/* --------------------------------------------- every kind of wait, asleep at the fork */

struct batch {
	struct lk_owner *owner;
	atomic_int rc;
};

static void *
ask_batch(void *arg)
{
	static const struct lk_request r[] = { { .name = "a", .mode = LK_X },
					       { .name = "n", .mode = LK_X } };
	struct batch *b = arg;

	atomic_store(&b->rc, lk_acquire_many(b->owner, r, 2, NULL, NULL));
	return NULL;
}

Test(fork, those_asleep_in_every_kind_of_wait_are_granted_afterwards)
{
	struct test_heap heap;
	struct asker name, path, more;
	struct batch batch = { .rc = 1 };
	struct lk_manager *m;
	struct lk_owner *w[6];
	pthread_t thread;
	lk_grant u;

	test_heap_init(&heap);
	m = open_with("memory:?lot_buckets=1", &heap, NULL);
	open_owners(m, w, 6);
	take(w[0], "n", LK_S);
	u = take(w[1], "n", LK_U);
	ask_convert(m, &more, w[1], u, LK_X);
	ask(m, &name, w[2], "n", LK_X);
	batch.owner = w[3];
	cr_assert_eq(pthread_create(&thread, NULL, ask_batch, &batch), 0);
	wait_until(line(m, "n") == 3);
	path = (struct asker){ .owner = w[4], .name = "n/below/it", .mode = LK_X };
	asker_start(&path);
	wait_until(line(m, "n") == 4);
	for (int i = 0; i < 5; i++)
		fork_once(m, w[5]);
	cr_expect_eq(line(m, "n"), 4);
	ok(lk_release_all(w[0]));
	granted(&more);
	ok(lk_release_all(w[1]));
	granted(&name);
	ok(lk_release_all(w[2]));
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_expect_eq(atomic_load(&batch.rc), 0);
	ok(lk_release_all(w[3]));
	granted(&path);
	close_all(m, w, 6);
	cr_expect_eq(atomic_load(&heap.blocks), 0);
}

/* ------------------------------------------------- threads that hand a lock around */

enum { THREADS = 3, FORKS = 40 };

struct round {
	struct lk_manager *m;
	atomic_bool stop;
	uint64_t counter; /* plain: under X */
	_Atomic uint64_t done;
};

static void
hand_around(void *arg, unsigned index)
{
	struct round *r = arg;

	(void)index;
	while (!atomic_load(&r->stop)) {
		struct lk_owner *w = lk_self(r->m);
		lk_grant g;

		must(w != NULL && lk_acquire(w, "n", LK_U, NULL, &g) == 0);
		must(lk_upgrade(w, g, NULL) == 0);
		r->counter++;
		atomic_fetch_add(&r->done, 1);
		must(lk_release(w, g) == 0);
	}
}

static void
fork_among(const char *url)
{
	struct round r = { .m = open_manager(url) };
	struct test_thread threads[THREADS];
	struct lk_owner *w;

	open_owners(r.m, &w, 1);
	test_spawn(threads, THREADS, hand_around, &r);
	for (int i = 0; i < FORKS; i++) {
		uint64_t before = atomic_load(&r.done);

		fork_once(r.m, w);
		wait_until(atomic_load(&r.done) > before);
	}
	atomic_store(&r.stop, true);
	test_join(threads, THREADS);
	cr_expect_eq(r.counter, atomic_load(&r.done));
	cr_expect_eq(stats_of(r.m).holds, 0);
	close_all(r.m, &w, 1);
}

Test(fork, does_not_show_to_those_who_hand_a_lock_around, .timeout = 120)
{
	fork_among("memory:?strict=1");
	fork_among("memory:?spin_ns=off");
}

/* --------------------------------------------- by the thread that waits, in a handler */

static struct {
	struct lk_manager *m;
	struct lk_owner *spare;
	_Atomic int child;
} scene;

/* fork() in a handler that found its thread asleep in the line. */
static void
fork_here(int signal)
{
	int saved = errno;
	pid_t child;

	(void)signal;
	if (atomic_load(&scene.child) != 0)
		return;
	child = fork();
	if (child == 0)
		_exit(lk_acquire(scene.spare, "n", LK_S, NULL, NULL) == LK_E_FORKED ? 0 : 1);
	atomic_store(&scene.child, child);
	errno = saved;
}

Test(fork, in_a_handler_in_the_middle_of_a_wait)
{
	struct sigaction action = { .sa_handler = fork_here };
	struct lk_owner *w[3];
	struct asker a;

	cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
	scene.m = open_manager(NULL);
	open_owners(scene.m, w, 3);
	scene.spare = w[2];
	take(w[0], "n", LK_X);
	ask(scene.m, &a, w[1], "n", LK_X);
	wait_until(stats_of(scene.m).parks > 0); /* it is past what it may have of malloc() */
	wait_until(pthread_kill(a.thread, SIGUSR1) != 0 || atomic_load(&scene.child) != 0);
	expect_end(atomic_load(&scene.child));
	cr_expect(!is_answered(&a));
	cr_expect_eq(line(scene.m, "n"), 1);
	ok(lk_release_all(w[0]));
	granted(&a);
	close_all(scene.m, w, 3);
}
