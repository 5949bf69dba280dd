/* SPDX-License-Identifier: MIT */
/* Who writes two words under X, and who reads them without a lock, until all is over. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <latchkey.h>

#include "child.h"
#include "../twins.h"

/* By turns the name itself, the one above it, and by way of U. */
static int
write_once(struct twins *t, struct lk_owner *w, unsigned turn)
{
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = INT64_C(60000000000) };
	const char *name = turn % 3 == 1 ? "twins" : TWINS_NAME;
	uint64_t is;
	lk_grant g;
	int rc = lk_acquire(w, name, turn % 3 == 2 ? LK_U : LK_X, &o, &g);

	if (rc == 0 && turn % 3 == 2)
		rc = lk_convert(w, g, LK_X, &o);
	if (rc != 0)
		return rc;
	is = atomic_load_explicit(&t->one, memory_order_relaxed) + 1;
	atomic_store_explicit(&t->one, is, memory_order_relaxed);
	(void)usleep(50); /* long enough to be met */
	atomic_store_explicit(&t->two, is, memory_order_relaxed);
	return lk_release(w, g);
}

static void
write_all(struct twins *t, struct lk_manager *m)
{
	for (unsigned turn = 0; atomic_load(&t->is_over) == 0; turn++) {
		const int rc = write_once(t, lk_self(m), turn);

		if (rc != 0)
			atomic_store(&t->wrong, (uint64_t)(uint32_t)rc);
		(void)usleep(300);
	}
}

/* What another one does in between must be noticed, however long that takes. */
static void
read_once(struct twins *t, struct lk_resource *r)
{
	uint64_t one, two, stamp;

	if (lk_read_begin(r, &stamp) != 0)
		return;
	one = atomic_load_explicit(&t->one, memory_order_relaxed);
	for (volatile int i = 0; i < 2000; i++)
		;
	two = atomic_load_explicit(&t->two, memory_order_relaxed);
	if (lk_read_validate(r, stamp) != 0)
		return;
	atomic_fetch_add(one == two ? &t->good : &t->torn, 1);
}

static void
read_all(struct twins *t, struct lk_manager *m)
{
	struct lk_resource *r;
	const int rc = lk_resource_open(m, TWINS_NAME, &r);

	if (rc != 0) {
		atomic_store(&t->wrong, (uint64_t)(uint32_t)rc);
		return;
	}
	while (atomic_load(&t->is_over) == 0)
		read_once(t, r);
	lk_resource_close(r);
}

int
twins_main(char **args)
{
	const int fd = open(args[0], O_RDWR | O_CLOEXEC);
	struct lk_manager *m;
	struct twins *t;

	if (fd < 0)
		return 3;
	t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (t == MAP_FAILED || lk_open(args[2], NULL, &m) != 0)
		return 4;
	if (strcmp(args[1], "writes") == 0)
		write_all(t, m);
	else
		read_all(t, m);
	return lk_close(m) != 0 ? 5 : 0;
}
