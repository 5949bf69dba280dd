/* SPDX-License-Identifier: MIT */
/* The time of change of a folder.  (SF9) */
#include "common/names.h"

#include "common/io.h"

/* Twice the slowest tick of kernels; and who has whole milliseconds may have whole seconds. */
enum { SETTLE_NS = 20000000, FINE_NS = 1000000 };

void
names_init(struct names *n)
{
	pthread_mutex_init(&n->lock, NULL);
	n->changed = (struct timespec){ 0, 0 };
	n->since_ns = 0;
	n->number = 1;
	n->is_settled = false;
}

void
names_fini(struct names *n)
{
	pthread_mutex_destroy(&n->lock);
}

/* Of the system, whatever the time is that the program gives: it is compared with what the kernel does. */
static uint64_t
now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
note(struct names *n, const struct timespec *changed)
{
	if (changed->tv_sec != n->changed.tv_sec || changed->tv_nsec != n->changed.tv_nsec) {
		n->changed = *changed;
		n->since_ns = now();
		n->is_settled = false;
		n->number++;
	} else if (!n->is_settled && changed->tv_nsec % FINE_NS != 0 &&
		   now() - n->since_ns >= SETTLE_NS) {
		n->is_settled = true; /* what is looked at from now on */
		n->number++;
	}
}

uint64_t
names_now(struct names *n, int dir)
{
	struct stat is;
	uint64_t number;

	if (io_stat(dir, &is) != 0)
		return 0;
	pthread_mutex_lock(&n->lock);
	note(n, &is.st_ctim);
	number = n->is_settled ? n->number : 0;
	pthread_mutex_unlock(&n->lock);
	return number;
}
