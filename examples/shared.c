/* SPDX-License-Identifier: MIT */
/*
 * A lock that processes share.  Run it twice, or more often, at the same time, with the same folder:
 *
 *	shared /run/user/1000/ledger anna 1000 & shared /run/user/1000/ledger bert 1000
 *
 * Each adds 1 to a number in a file, so often, with the lock held; and looks whether it is alone, and whether its fence is larger
 * than all before.  A line for each time says who, when, and with which fence.  With a fourth number it stays inside
 * that time, until somebody kills it: who comes next is told, and clears up.  Exit 1 if anything was not as it should be.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <latchkey.h>

static void
must(int is_so, const char *what, const char *why)
{
	if (is_so)
		return;
	fprintf(stderr, "shared: %s: %s\n", what, why);
	exit(1);
}

/* What the lock guards: a number, and the fence of who wrote it. */
struct ledger {
	uint64_t number;
	uint64_t fence;
};

/* Who is inside has this file; so two that are there at once are found out, whatever the lock says. */
static void
go_inside(const char *marker, int was_orphaned)
{
	int fd;

	if (was_orphaned)
		(void)unlink(marker); /* the one before was killed inside: it cannot clear up */
	fd = open(marker, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	must(fd >= 0, marker, "somebody else is inside");
	(void)close(fd);
}

static void
add_one(int fd, uint64_t fence)
{
	struct ledger l = { 0, 0 };

	must(pread(fd, &l, sizeof(l), 0) >= 0, "ledger", "cannot be read");
	must(fence > l.fence, "ledger", "somebody with a larger fence was here");
	l.number++;
	l.fence = fence;
	must(pwrite(fd, &l, sizeof(l), 0) == sizeof(l), "ledger", "cannot be written");
}

static void
say(const char *who, uint64_t fence, const char *what)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	printf("%lld%09ld %" PRIu64 " %s %s\n", (long long)now.tv_sec, now.tv_nsec, fence, who,
	       what);
}

int
main(int argc, char **argv)
{
	char url[512], marker[512], file[512], report[256] = "";
	struct lk_grant_info info = { .size = sizeof(info) };
	struct lk_config config = LK_CONFIG_INIT;
	struct lk_manager *m;
	struct lk_owner *me;
	long rounds, stay;
	lk_grant g;
	int fd, rc;

	if (argc < 4) {
		fprintf(stderr, "usage: shared FOLDER WHO ROUNDS [ROUND-TO-STAY-IN]\n");
		return 2;
	}
	rounds = strtol(argv[3], NULL, 10);
	stay = argc > 4 ? strtol(argv[4], NULL, 10) : 0;
	(void)snprintf(url, sizeof(url), "file:%s/locks", argv[1]);
	(void)snprintf(marker, sizeof(marker), "%s/inside", argv[1]);
	(void)snprintf(file, sizeof(file), "%s/ledger", argv[1]);

	config.report = report; /* why, if the store cannot be opened */
	config.report_cap = sizeof(report);
	must(lk_open(url, &config, &m) == 0, url, report);
	me = lk_self(m);
	must(me != NULL, "lk_self", "no owner");
	fd = open(file, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	must(fd >= 0, file, "cannot be opened");

	for (long i = 1; i <= rounds; i++) {
		rc = lk_acquire(me, "ledger", LK_X, NULL, &g);
		must(rc == 0, "lk_acquire", lk_strerror(rc));
		rc = lk_grant_info(me, g, &info);
		must(rc == 0, "lk_grant_info", lk_strerror(rc));
		go_inside(marker, (info.flags & LK_OWNER_DIED) != 0);
		add_one(fd, info.fence);
		say(argv[2], info.fence, (info.flags & LK_OWNER_DIED) != 0 ? "orphan" : "-");
		while (i == stay && fflush(stdout) == 0)
			(void)pause();
		(void)unlink(marker);
		rc = lk_release(me, g);
		must(rc == 0, "lk_release", lk_strerror(rc));
	}
	(void)close(fd);
	return lk_close(m) != 0;
}
