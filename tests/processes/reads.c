/* SPDX-License-Identifier: MIT */
/*
 * Optimistic reads of what another process writes: none that is good is half written; also if the reader stands still for
 * longer than its session lives.  (OR5, OR6)
 */
#include "processes.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "twins.h"

enum { GOOD = 2000, STOPS = 3 };

struct pair_of_twins {
	struct ground ground;
	struct twins *t;
	char path[128];
	pid_t writer;
	pid_t reader;
};

static pid_t
start(struct pair_of_twins *p, const char *role)
{
	char *const args[] = { (char[]){ "child" },     (char[]){ "twins" }, p->path,
			       (char *)(uintptr_t)role, p->ground.url,       NULL };

	return child_start(args, NULL, NULL);
}

static void
twins_begin(struct pair_of_twins *p)
{
	int fd;

	ground_make(&p->ground, "");
	(void)ground_file(&p->ground, "twins", p->path);
	fd = open(p->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	cr_assert_ge(fd, 0);
	cr_assert_eq(ftruncate(fd, sizeof(*p->t)), 0);
	p->t = mmap(NULL, sizeof(*p->t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert_neq(p->t, MAP_FAILED);
	(void)close(fd);
	p->writer = start(p, "writes");
	p->reader = start(p, "reads");
}

static void
expect_good_end(pid_t pid)
{
	int status;

	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x", (unsigned)status);
}

static void
twins_end(struct pair_of_twins *p)
{
	atomic_store(&p->t->is_over, 1);
	expect_good_end(p->writer);
	expect_good_end(p->reader);
	cr_expect_eq(atomic_load(&p->t->torn), 0);
	cr_expect_eq(atomic_load(&p->t->wrong), 0, "%s",
		     lk_errname((int)(uint32_t)atomic_load(&p->t->wrong)));
	(void)munmap(p->t, sizeof(*p->t));
	ground_remove(&p->ground);
}

/* So many more good reads, and writes. */
static void
go_on(const struct pair_of_twins *p, uint64_t reads, uint64_t writes)
{
	const uint64_t good = atomic_load(&p->t->good) + reads;
	const uint64_t written = atomic_load(&p->t->two) + writes;

	while (atomic_load(&p->t->good) < good || atomic_load(&p->t->two) < written) {
		cr_assert(!child_is_gone(p->writer) && !child_is_gone(p->reader));
		cr_assert_eq(atomic_load(&p->t->wrong), 0);
		(void)usleep(1000);
	}
}

Test(reads, are_never_torn_by_another_process, .timeout = 300)
{
	struct pair_of_twins p;

	twins_begin(&p);
	go_on(&p, GOOD, 200);
	twins_end(&p);
}

/*
 * Of a process that the store sees, the writer waits until it gives back what it has; of one with a time to live, he writes
 * meanwhile.
 */
Test(reads, that_stood_still_are_not_believed, .timeout = 300)
{
	struct pair_of_twins p;

	twins_begin(&p);
	for (int i = 0; i < STOPS; i++) {
		go_on(&p, 10, 10);
		cr_assert_eq(kill(p.reader, SIGSTOP), 0);
		if (ground_is("redis"))
			go_on(&p, 0, 20);
		else
			(void)usleep(20000);
		cr_assert_eq(kill(p.reader, SIGCONT), 0);
	}
	go_on(&p, 10, 10);
	twins_end(&p);
}
