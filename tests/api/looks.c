/* SPDX-License-Identifier: MIT */
/* Who waits for another process asks by reading: over the test store, whose updates and reads of one name are counted.  (CO10) */
#include <stdatomic.h>

#include <latchkey/store.h>

#include "stores.h"

static const struct lk_store_ops *plain;
static struct lk_store_ops watched;

static struct {
	atomic_uint updates;
	atomic_uint reads;
} seen;

static bool
is_ours(const struct lk_store_record *r)
{
	return r->len == 2 && memcmp(r->name, "nx", 2) == 0;
}

static int
update(struct lk_store *s, struct lk_store_record *r, size_t n, lk_store_change_fn *fn, void *arg,
       uint64_t deadline_ns)
{
	atomic_fetch_add(&seen.updates, is_ours(r));
	return plain->update(s, r, n, fn, arg, deadline_ns);
}

static void
update_many(struct lk_store *s, struct lk_store_update *u, size_t n, uint64_t deadline_ns)
{
	for (size_t i = 0; i < n; i++)
		atomic_fetch_add(&seen.updates, is_ours(u[i].r));
	plain->update_many(s, u, n, deadline_ns);
}

static int
read_records(struct lk_store *s, struct lk_store_record *r, size_t n, lk_store_change_fn *fn,
	     void *arg, uint64_t deadline_ns)
{
	int rc = plain->read(s, r, n, fn, arg, deadline_ns);

	atomic_fetch_add(&seen.reads, is_ours(r));
	return rc;
}

static struct lk_manager *
open_watched(const char *parameters)
{
	char url[64];
	struct lk_store *s;

	ok(lk_store_open("test:looks", NULL, &s));
	plain = s->ops;
	watched = *plain;
	watched.scheme = "watched";
	watched.update = update;
	watched.update_many = update_many;
	watched.read = read_records;
	ok(lk_store_register(&watched));
	lk_store_close(s);
	snprintf(url, sizeof(url), "watched:looks?as=b%s", parameters);
	return open_with(url, NULL, NULL);
}

static void *
lock_and_unlock(void *arg)
{
	struct lk_owner *w;
	lk_grant g;

	must(lk_owner_open(arg, NULL, &w) == 0);
	must(lk_acquire(w, "x", LK_X, NULL, &g) == 0);
	must(atomic_load(&seen.updates) == 1); /* it joined the line */
	must(lk_release(w, g) == 0);
	must(lk_owner_close(w) == 0);
	return NULL;
}

/* It joins the line by an update; that it waits still, and that it has been granted, changes nothing. */
Test(looks, who_waits_reads, .timeout = 60)
{
	struct lk_manager *a = open_with("test:looks?as=a", NULL, NULL);
	struct lk_manager *b = open_watched("");
	pthread_t thread;
	lk_grant g;

	ok(lk_acquire(lk_self(a), "x", LK_X, NULL, &g));
	cr_assert_eq(pthread_create(&thread, NULL, lock_and_unlock, b), 0);
	wait_until(atomic_load(&seen.reads) >= 4);
	cr_expect_eq(atomic_load(&seen.updates), 1u);
	ok(lk_release(lk_self(a), g));
	(void)pthread_join(thread, NULL);
	ok(lk_close(b));
	ok(lk_close(a));
}

/* Many processes do not look all at one moment; none looks later than it says. */
Test(looks, come_by_lot_but_in_time)
{
	const uint64_t most = 100000000;
	struct test_world world;
	struct lk_manager *m;
	uint64_t first = 0;
	unsigned others = 0;

	test_world_init(&world);
	world.manual = true;
	m = open_with("test:lot?manual=1&ttl_ns=1000s&poll_max_ns=100ms", NULL, &world);
	ok(lk_serve(m, &first));
	for (int i = 0; i < 32; i++) {
		uint64_t next;

		ok(lk_serve(m, &next));
		cr_assert(next <= most && next >= most / 4 * 3, "in %llu ns",
			  (unsigned long long)next);
		others += next != first;
		test_world_advance(&world, next);
	}
	cr_expect_gt(others, 16);
	ok(lk_close(m));
}

/* A look at a slow store may take longer than the time between two.  (J5) */
Test(looks, do_not_keep_a_manager_from_closing, .timeout = 60)
{
	const struct lk_test_faults slow = { .size = sizeof(slow), .delay_ns = 3000000 };
	struct lk_manager *m = open_watched("&poll_max_ns=1ms");
	struct lk_owner *w;

	open_owners(m, &w, 1);
	ok(lk_acquire(w, "x", LK_X, NULL, NULL));
	ok(lk_test_store_faults("looks", "b", &slow));
	ok(lk_release_all(w)); /* it is kept, and looked at */
	wait_until(atomic_load(&seen.reads) >= 3);
	close_all(m, &w, 1);
}
