/* SPDX-License-Identifier: MIT */
/* Stripes in memory.  (SF10, SF11) */
#define _GNU_SOURCE
#include "file/map.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#define MAP_LEAST (UINT64_C(1) << 20)
#define MAP_MOST  (UINT64_C(1) << 40)

void
file_map_drop(struct file_stripe *t)
{
	if (t->map != NULL)
		(void)munmap(t->map, t->map_size);
	t->map = NULL;
	t->map_size = t->size = 0;
}

/* More than there is, so that it need not be done again soon.  Without it there are the calls of the system. */
static void
map(struct file_store *s, struct file_stripe *t, uint64_t need)
{
	const int access = s->is_read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	uint64_t size = MAP_LEAST;
	void *memory;

	file_map_drop(t);
	while (size < need * 2 && size < MAP_MOST)
		size *= 2;
	if (size < need)
		return;
	memory = mmap(NULL, size, access, MAP_SHARED, t->fd, 0);
	if (memory == MAP_FAILED)
		return;
	if (madvise(memory, size, MADV_DONTFORK) != 0) { /* (SE4) */
		(void)munmap(memory, size);
		return;
	}
	t->map = memory;
	t->map_size = size;
}

int
file_map_use(struct file_store *s, uint32_t stripe)
{
	struct file_stripe *t = &s->stripes[stripe];
	uint64_t size = 0;
	int error;

	if (!s->is_volatile || stripe == FILE_DURABLE)
		return 0;
	error = io_size(t->fd, &size);
	t->size = 0;
	if (error != 0)
		return error;
	if (size > t->map_size)
		map(s, t, size);
	if (t->map != NULL)
		t->size = size;
	return 0;
}

static bool
is_mapped(const struct file_stripe *t, size_t n, uint64_t at)
{
	return at <= t->size && n <= t->size - at; /* (SF10) */
}

int
file_get(struct file_store *s, uint32_t stripe, void *buf, size_t n, uint64_t at, size_t *got)
{
	const struct file_stripe *t = &s->stripes[stripe];

	if (!is_mapped(t, n, at))
		return io_read_some(t->fd, buf, n, at, got);
	memcpy(buf, t->map + at, n);
	*got = n;
	return 0;
}

/* In the order of the calls: who is killed in between leaves what he has written before.  (SF2) */
int
file_put(struct file_store *s, uint32_t stripe, const void *bytes, size_t n, uint64_t at)
{
	const struct file_stripe *t = &s->stripes[stripe];

	if (!is_mapped(t, n, at) || s->is_read_only)
		return io_write(t->fd, bytes, n, at);
	(void)io_copy(t->map + at, bytes, n);
	return 0;
}
