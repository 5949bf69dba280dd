/* SPDX-License-Identifier: MIT */
/*
 * Clocks that are wrong, in one of two processes that share a store: while a lock is held, and while it is waited for.  Who
 * has it keeps it, who waits is not let in, and gets it when it is given back; fences rise all the same.
 */
#define _GNU_SOURCE
#include "processes.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "shift/shift.h"

enum { HOUR_S = 3600 };

static struct shift *
shift_make(const char *path)
{
	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	void *memory;

	cr_assert_ge(fd, 0);
	cr_assert_eq(ftruncate(fd, sizeof(struct shift)), 0);
	memory = mmap(NULL, sizeof(struct shift), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert_neq(memory, MAP_FAILED);
	(void)close(fd);
	return memory;
}

/* A puppet whose clocks are wrong by what is said in that file. */
static void
start(struct puppet *p, const struct ground *g, const char *clocks)
{
	char how[512];

	/* A sanitizer wants its own library first, and does not mind this one. */
	snprintf(how, sizeof(how),
		 "export ASAN_OPTIONS=\"$ASAN_OPTIONS:verify_asan_link_order=0\" "
		 "LD_LIBRARY_PATH=%s LK_TEST_CLOCKS=%s; "
		 "LD_PRELOAD=\"${0%%-child}-shift.so\" exec \"$0\" \"$@\"",
		 LK_TEST_LIBRARIES, clocks);
	puppet_start_by(p, how);
	is(puppet_does(p, "open %s", g->url), 0);
}

/* The puppet's clocks are wrong by so much: that of this process, and its. */
static void
expect_wrong(struct puppet *p, bool is_boottime, long long seconds)
{
	struct timespec here;
	long long there[2];

	is(puppet_does(p, "clocks"), 0);
	cr_assert_eq(sscanf(p->answer, "%lld %lld", &there[0], &there[1]), 2);
	(void)clock_gettime(is_boottime ? CLOCK_BOOTTIME : CLOCK_REALTIME, &here);
	cr_assert_le(llabs(here.tv_sec + seconds - there[is_boottime]), HOUR_S / 2);
}

static void
jump(struct shift *s, bool is_boottime, long long seconds)
{
	if (is_boottime)
		atomic_store(&s->boottime_s, seconds);
	else
		atomic_store(&s->realtime_s, seconds);
}

static uint64_t
fence_of(const struct puppet *p)
{
	return strtoull(p->answer, NULL, 10);
}

/* It is a's, and nobody else's. */
static void
is_not_let_in(struct puppet *a, struct puppet *b)
{
	for (int i = 0; i < 5; i++) {
		is(puppet_does(b, "acquire n S 10"), LK_E_TIMEDOUT);
		is(puppet_does(a, "check"), 0);
	}
}

static void
hold_over_jumps(const char *scheme, bool is_boottime, long long seconds)
{
	char file[2][128];
	struct shift *shift[2];
	struct puppet a, b, c;
	uint64_t fence;
	struct ground g;

	/* So short a life that it would be over many times, if somebody believed the clock. */
	ground_make_in(&g, scheme, "?ttl_ns=1s&poll_max_ns=20ms");
	shift[0] = shift_make(ground_file(&g, "clocks-a", file[0]));
	shift[1] = shift_make(ground_file(&g, "clocks-b", file[1]));
	start(&a, &g, file[0]);
	start(&b, &g, file[1]);
	is(puppet_does(&a, "acquire n X 60000"), 0);
	fence = fence_of(&a);
	for (int who = 0; who < 2; who++) {
		jump(shift[who], is_boottime, seconds);
		expect_wrong(who == 0 ? &a : &b, is_boottime, seconds);
		is_not_let_in(&a, &b);
	}
	puppet_tell(&b, "acquire n X 60000"); /* waits, and the clocks go right again meanwhile */
	for (int who = 0; who < 2; who++) {
		jump(shift[who], is_boottime, 0);
		is(puppet_does(&a, "check"), 0);
		cr_assert(!puppet_has_answered(&b));
	}
	is(puppet_does(&a, "release n"), 0);
	is(puppet_hear(&b), 0);
	cr_assert_gt(fence_of(&b), fence);
	fence = fence_of(&b);

	jump(shift[0], is_boottime, seconds); /* whose clocks are wrong from the beginning */
	start(&c, &g, file[0]);
	is_not_let_in(&b, &c);
	puppet_kill(&b);
	is(puppet_does(&c, "acquire n X 60000"), 0);
	cr_assert_gt(fence_of(&c), fence);
	cr_assert_not_null(strstr(c.answer, "died"));
	puppet_end(&c);
	puppet_end(&a);
	for (int who = 0; who < 2; who++)
		(void)munmap(shift[who], sizeof(struct shift));
	ground_remove(&g);
}

Test(clocks, wall_forward, .timeout = 120)
{
	hold_over_jumps("file", false, HOUR_S);
}

Test(clocks, wall_back, .timeout = 120)
{
	hold_over_jumps("file", false, -HOUR_S);
}

Test(clocks, boot_forward, .timeout = 120)
{
	hold_over_jumps("file", true, HOUR_S);
}

Test(clocks, boot_back, .timeout = 120)
{
	hold_over_jumps("file", true, -HOUR_S);
}

Test(clocks, wall_forward_sqlite, .timeout = 120)
{
	hold_over_jumps("sqlite", false, HOUR_S);
}

Test(clocks, wall_back_sqlite, .timeout = 120)
{
	hold_over_jumps("sqlite", false, -HOUR_S);
}

Test(clocks, boot_forward_sqlite, .timeout = 120)
{
	hold_over_jumps("sqlite", true, HOUR_S);
}

Test(clocks, boot_back_sqlite, .timeout = 120)
{
	hold_over_jumps("sqlite", true, -HOUR_S);
}

/* -------------------------------------------------------------------- time namespaces */

/* A container may have clocks of its own: what the one says is over means nothing to the other. */
static void
hold_over_namespaces(const char *scheme)
{
	struct puppet a, b;
	struct ground g;
	uint64_t fence;
	char how[512];

	if (system("unshare -T --fork --boottime 3600 true 2>/dev/null") != 0 &&
	    system("unshare -UrT --fork --boottime 3600 true 2>/dev/null") != 0) {
		printf("skipped: no time namespace can be made here (unshare -T)\n");
		return;
	}
	ground_make_in(&g, scheme, "?ttl_ns=1s&poll_max_ns=20ms");
	snprintf(how, sizeof(how), "export LD_LIBRARY_PATH=%s; exec \"$0\" \"$@\"",
		 LK_TEST_LIBRARIES);
	puppet_start_by(&a, how);
	is(puppet_does(&a, "open %s", g.url), 0);
	snprintf(how, sizeof(how),
		 "export LD_LIBRARY_PATH=%s; exec unshare %s --fork --kill-child --boottime 3600 "
		 "--monotonic 7200 \"$0\" \"$@\"",
		 LK_TEST_LIBRARIES, geteuid() == 0 ? "-T" : "-UrT");
	puppet_start_by(&b, how);
	expect_wrong(&b, true, HOUR_S);
	is(puppet_does(&b, "open %s", g.url), 0);
	is(puppet_does(&a, "acquire n X 60000"), 0);
	fence = fence_of(&a);
	is_not_let_in(&a, &b);
	puppet_tell(&b, "acquire n X 60000");
	is(puppet_does(&a, "release n"), 0);
	is(puppet_hear(&b), 0);
	cr_assert_gt(fence_of(&b), fence);
	is_not_let_in(&b, &a);
	puppet_end(&b);
	is(puppet_does(&a, "acquire n X 60000"), 0);
	puppet_end(&a);
	ground_remove(&g);
}

Test(clocks, of_a_time_namespace, .timeout = 60)
{
	hold_over_namespaces("file");
}

Test(clocks, of_a_time_namespace_sqlite, .timeout = 60)
{
	hold_over_namespaces("sqlite");
}
