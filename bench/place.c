/* SPDX-License-Identifier: MIT */
/* Folders that are made for a run, and go with it. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "bench.h"
#include "place.h"

#define TMPFS 0x01021994

static char top[64];
static char here[PLACE_MAX];
static unsigned n_made;

static const char *
base(void)
{
	return access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
}

static void
make_top(void)
{
	snprintf(top, sizeof(top), "%s/latchkey-bench-XXXXXX", base());
	if (mkdtemp(top) == NULL)
		bench_die(base(), strerror(errno));
}

const char *
place_fresh(void)
{
	if (top[0] == '\0')
		make_top();
	snprintf(here, sizeof(here), "%s/%u", top, ++n_made);
	if (mkdir(here, 0700) != 0)
		bench_die(here, strerror(errno));
	return here;
}

void
place_use(const char *folder)
{
	snprintf(here, sizeof(here), "%s", folder);
}

void
place_path(char path[PLACE_MAX], const char *name)
{
	if (here[0] == '\0')
		place_fresh();
	if (snprintf(path, PLACE_MAX, "%s/%s", here, name) >= PLACE_MAX)
		bench_die(here, "is too long a path");
}

const char *
place_medium(void)
{
	static char text[48];
	struct statfs is;
	const char *folder = base();

	snprintf(text, sizeof(text), "%s%s", folder,
		 statfs(folder, &is) == 0 && is.f_type == TMPFS ? " (in memory)" : "");
	return text;
}

static int
remove_one(const char *path, const struct stat *st, int what, struct FTW *at)
{
	(void)st;
	(void)what;
	(void)at;
	(void)remove(path);
	return 0;
}

void
place_remove(void)
{
	if (top[0] != '\0')
		(void)nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	top[0] = '\0';
}
