/* SPDX-License-Identifier: MIT */
/* Records that are damaged, found and made anew.  (HR3, HR4, HR5) */
#include <fcntl.h>
#include <sys/stat.h>

#include "stores.h"

/* What was told. */
struct told {
	size_t n;
	uint32_t what;
	int rc;
	char name[64];
	char part[16];
};

static int
note(void *arg, const struct lk_repair_row *row)
{
	struct told *t = arg;

	t->n++;
	t->what = row->what;
	t->rc = row->rc;
	snprintf(t->name, sizeof(t->name), "%.*s", (int)row->name_len,
		 row->name != NULL ? (const char *)row->name : "");
	snprintf(t->part, sizeof(t->part), "%s", row->part != NULL ? row->part : "");
	return 0;
}

/* Repair that name, or all that begin so; what was told of the last. */
static struct told
repair(struct lk_manager *m, const char *name, uint32_t flags, struct lk_repaired *sum)
{
	struct told t = { 0 };

	*sum = (struct lk_repaired){ .size = sizeof(*sum) };
	ok(lk_repair(m, name, strlen(name), flags, note, &t, sum));
	return t;
}

static uint64_t
fence_of(struct lk_owner *w, const char *name)
{
	lk_grant g = get(w, name, LK_X);
	uint64_t fence = lk_fence(w, g);

	give(w, g);
	return fence;
}

/* One manager alone, whose store has a damaged record "bad". */
struct scene {
	struct lk_manager *m;
	struct lk_owner *w;
	struct lk_store *s;
	uint64_t fence; /* that was given out for it */
};

static void
scene_open(struct scene *c)
{
	c->m = open_manager("test:pair?as=a&poll_max_ns=10ms");
	open_owners(c->m, &c->w, 1);
	c->s = open_vandal("test:pair?as=v");
	c->fence = fence_of(c->w, "bad");
	ok(lk_sweep(c->m, NULL));
	put_record(c->s, "nbad", "garbage", 7, 0);
	is(lk_acquire(c->w, "bad", LK_X, NULL, NULL), LK_E_CORRUPT);
}

static void
scene_close(struct scene *c)
{
	lk_store_close(c->s);
	close_all(c->m, &c->w, 1);
}

Test(repair, says_first_what_it_would_do)
{
	struct lk_repaired sum;
	struct scene c;
	struct told t;

	scene_open(&c);
	t = repair(c.m, "bad", 0, &sum);
	cr_expect(t.n == 1 && t.what == LK_REPAIR_DONE && strcmp(t.name, "bad") == 0);
	cr_expect(sum.looked_at == 1 && sum.damaged == 1 && sum.done == 1);
	cr_expect_eq(record_len(c.s, "nbad", 0), 7);
	is(lk_acquire(c.w, "bad", LK_X, NULL, NULL), LK_E_CORRUPT);
	scene_close(&c);
}

Test(repair, makes_a_record_anew_above_all_that_was_given_out)
{
	struct lk_grant_info info = { .size = sizeof(info) };
	struct lk_repaired sum;
	struct scene c;
	struct told t;
	lk_grant g;

	scene_open(&c);
	t = repair(c.m, "bad", LK_REPAIR_WRITE, &sum);
	cr_expect(t.what == LK_REPAIR_DONE && sum.done == 1);
	g = get(c.w, "bad", LK_X);
	cr_expect_gt(lk_fence(c.w, g), c.fence + (UINT64_C(1) << 51));
	ok(lk_grant_info(c.w, g, &info));
	cr_expect_eq(info.flags & LK_OWNER_DIED, LK_OWNER_DIED);
	give(c.w, g);
	t = repair(c.m, "bad", LK_REPAIR_WRITE, &sum);
	cr_expect(t.what == LK_REPAIR_FINE && sum.damaged == 0);
	scene_close(&c);
}

/* Whatever is asked for.  (HR5) */
Test(repair, leaves_alone_what_can_be_read)
{
	struct lk_repaired sum;
	struct pair p;
	struct told t;
	lk_grant g;

	pair_open(&p, "&poll_max_ns=10ms");
	g = get(p.w[0], "n", LK_X);
	for (uint32_t flags = 0; flags < 8; flags++) {
		t = repair(p.m[1], flags & LK_REPAIR_PREFIX ? "" : "n", flags, &sum);
		cr_expect_eq(sum.damaged, 0);
		cr_expect_eq(t.n, (flags & LK_REPAIR_PREFIX) != 0 ? 0 : 1);
		cr_expect_ge(sum.looked_at, 1);
	}
	t = repair(p.m[1], "none", LK_REPAIR_WRITE | LK_REPAIR_FORCE, &sum);
	cr_expect_eq(t.what, LK_REPAIR_FINE);
	ok(lk_check(p.w[0], g));
	is(lk_try_acquire(p.w[1], "n", LK_IS, NULL), LK_E_BUSY);
	pair_close(&p);
}

/* (HR4) */
Test(repair, leaves_alone_what_somebody_alive_may_hold)
{
	struct lk_store *s;
	struct lk_repaired sum;
	struct told t;
	struct pair p;
	lk_grant g;

	pair_open(&p, "&poll_max_ns=10ms");
	s = open_vandal("test:pair?as=v");
	g = get(p.w[0], "n", LK_X);
	put_record(s, "nn", "garbage", 7, 0);
	t = repair(p.m[1], "n", LK_REPAIR_WRITE, &sum);
	cr_expect(t.what == LK_REPAIR_LIVE && sum.live == 1 && sum.done == 0);
	t = repair(p.m[0], "n", LK_REPAIR_WRITE, &sum); /* its own, too */
	cr_expect(t.what == LK_REPAIR_LIVE);
	close_all(p.m[1], &p.w[1], 1);
	t = repair(p.m[0], "n", LK_REPAIR_WRITE, &sum);
	cr_expect(t.what == LK_REPAIR_LIVE, "it has it still");
	ok(lk_check(p.w[0], g));
	give(p.w[0], g);
	t = repair(p.m[0], "n", LK_REPAIR_WRITE, &sum); /* nobody else is there, and it has not */
	cr_expect(t.what == LK_REPAIR_DONE, "%u", t.what);
	get(p.w[0], "n", LK_X);
	lk_store_close(s);
	close_all(p.m[0], &p.w[0], 1);
}

static int
note_kept(void *arg, const struct lk_record_row *row)
{
	*(int *)arg += (row->flags & LK_RECORD_KEPT) != 0 && row->held == LK_X;
	return 0;
}

/* Whoever had it sees that first.  (HR4) */
Test(repair, by_force_keeps_the_name_from_all_for_a_while)
{
	struct lk_store *s;
	struct lk_repaired sum;
	struct told t;
	struct pair p;
	lk_grant g, h;
	int kept;

	pair_open(&p, "&poll_max_ns=10ms");
	s = open_vandal("test:pair?as=v");
	g = get(p.w[0], "n", LK_X);
	put_record(s, "nn", "garbage", 7, 0);
	t = repair(p.m[1], "n", LK_REPAIR_WRITE | LK_REPAIR_FORCE, &sum);
	cr_expect(t.what == LK_REPAIR_DONE);
	kept = 0;
	ok(lk_record_each(p.m[1], "n", 1, note_kept, &kept));
	cr_expect_eq(kept, 1);
	wait_until(lk_check(p.w[0], g) == LK_E_LOST);
	ok(lk_test_store_step("pair", 11 * SECOND));
	h = get(p.w[1], "n", LK_X);
	cr_expect_gt(lk_fence(p.w[1], h), lk_fence(p.w[0], g));
	is(lk_release(p.w[0], g), LK_E_LOST);
	lk_store_close(s);
	pair_close(&p);
}

/* The name of the same bytes is another. */
Test(repair, a_name_that_is_a_number)
{
	const uint64_t id = UINT64_C(0x3131313131313131);
	struct lk_repaired sum = { .size = sizeof(sum) };
	struct told t = { 0 };
	struct scene c;

	scene_open(&c);
	put_record(c.s, "i11111111", "garbage", 7, 0);
	(void)fence_of(c.w, "11111111");
	is(lk_acquire_id(c.w, id, LK_X, NULL, NULL), LK_E_CORRUPT);
	ok(lk_repair(c.m, "11111111", 8, LK_REPAIR_WRITE, NULL, NULL, &sum));
	cr_expect_eq(sum.damaged, 0);
	ok(lk_repair_id(c.m, id, 0, note, &t, &sum));
	cr_expect(t.n == 1 && t.what == LK_REPAIR_DONE && sum.done == 1);
	cr_expect_str_eq(t.name, "11111111");
	cr_expect_eq(record_len(c.s, "i11111111", 0), 7);
	ok(lk_repair_id(c.m, id, LK_REPAIR_WRITE, note, &t, &sum));
	ok(lk_acquire_id(c.w, id, LK_X, NULL, NULL));
	ok(lk_repair_id(c.m, id, 0, note, &t, &sum));
	cr_expect(t.what == LK_REPAIR_FINE && sum.damaged == 0);
	is(lk_repair_id(c.m, id, LK_REPAIR_PREFIX, NULL, NULL, NULL), LK_E_INVAL);
	is(lk_repair_id(NULL, id, 0, NULL, NULL, NULL), LK_E_INVAL);
	scene_close(&c);
}

Test(repair, all_that_begin_so)
{
	struct lk_repaired sum;
	struct scene c;
	struct told t;

	scene_open(&c);
	put_record(c.s, "nbad/2", "garbage", 7, 0);
	put_record(c.s, "ngood", "garbage", 7, 0);
	put_record(c.s, "i12345678", "garbage", 7, 0);
	(void)fence_of(c.w, "fine");
	t = repair(c.m, "bad", LK_REPAIR_WRITE | LK_REPAIR_PREFIX, &sum);
	cr_expect(t.n == 2 && sum.done == 2 && sum.damaged == 2, "%zu", t.n);
	get(c.w, "bad/2", LK_X);
	is(lk_acquire(c.w, "good", LK_X, NULL, NULL), LK_E_CORRUPT);
	t = repair(c.m, "", LK_REPAIR_WRITE | LK_REPAIR_PREFIX, &sum);
	cr_expect(t.n == 2 && sum.done == 2 && sum.damaged == 2, "%zu", t.n);
	get(c.w, "good", LK_X);
	cr_expect_gt(record_len(c.s, "i12345678", 0), 7);
	scene_close(&c);
}

/* A record whose name is not known to the store is not in its way. */
Test(repair, the_floor_and_what_managers_agree_on)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_repaired sum;
	struct lk_manager *m;
	struct scene c;
	struct told t;
	uint64_t floor;

	scene_open(&c);
	floor = floor_of(c.s);
	put_record(c.s, "f", "abc", 3, LK_STORE_DURABLE);
	put_record(c.s, "s", "garbage", 7, 0);
	is(lk_open("test:pair?as=b", &cfg, &m), LK_E_CORRUPT);
	t = repair(c.m, "", LK_REPAIR_PREFIX, &sum);
	cr_expect(sum.damaged == 3 && sum.done == 2 && sum.live == 1,
		  "as nobody knows who lives: %d %d", (int)sum.done, (int)sum.live);
	is(lk_open("test:pair?as=b", &cfg, &m), LK_E_CORRUPT);
	t = repair(c.m, "", LK_REPAIR_PREFIX | LK_REPAIR_WRITE, &sum);
	cr_expect(sum.damaged == 3 && sum.done == 2 && sum.live == 1);
	cr_expect_gt(floor_of(c.s), floor);
	cr_expect_gt(floor_of(c.s), c.fence);
	t = repair(c.m, "bad", LK_REPAIR_WRITE, &sum); /* it is among them again */
	cr_expect_eq(t.what, LK_REPAIR_DONE);
	is(lk_open("test:pair?as=b&separator=.", &cfg, &m), LK_E_INVAL);
	ok(lk_open("test:pair?as=b", &cfg, &m));
	ok(lk_close(m));
	cr_expect_gt(fence_of(c.w, "fresh"), floor);
	scene_close(&c);
}

static int
stop(void *arg, const struct lk_repair_row *row)
{
	(void)row;
	++*(int *)arg;
	return 4711;
}

Test(repair, what_cannot_be)
{
	struct lk_repaired small = { .size = 4 };
	struct lk_manager *m = open_manager(NULL);
	struct scene c;
	int calls = 0;

	is(lk_repair(m, "n", 1, 0, NULL, NULL, NULL), LK_E_UNSUPPORTED);
	ok(lk_close(m));
	scene_open(&c);
	is(lk_repair(NULL, "n", 1, 0, NULL, NULL, NULL), LK_E_INVAL);
	is(lk_repair(c.m, NULL, 1, 0, NULL, NULL, NULL), LK_E_INVAL);
	is(lk_repair(c.m, "", 0, 0, NULL, NULL, NULL), LK_E_NAME);
	is(lk_repair(c.m, "n", 1, 8, NULL, NULL, NULL), LK_E_INVAL);
	is(lk_repair(c.m, "n", 1, 0, NULL, NULL, &small), LK_E_INVAL);
	is(lk_repair(c.m, "bad", 3, 0, stop, &calls, NULL), 4711);
	is(lk_repair(c.m, "", 0, LK_REPAIR_PREFIX, stop, &calls, NULL), 4711);
	cr_expect_eq(calls, 2);
	ok(lk_repair(c.m, "bad", 3, 0, NULL, NULL, NULL));
	cut_off("a", true);
	is(lk_repair(c.m, "bad", 3, LK_REPAIR_WRITE, NULL, NULL, NULL), LK_E_STORE);
	cut_off("a", false);
	scene_close(&c);
}

Test(repair, without_memory)
{
	for (uint32_t at = 0;; at++) {
		struct lk_store *s = open_vandal("test:pair?as=v");
		struct lk_repaired sum = { .size = sizeof(sum) };
		struct test_heap heap;
		struct lk_config cfg = LK_CONFIG_INIT;
		struct lk_manager *m;
		int rc;

		test_heap_init(&heap);
		cfg.allocator = &heap.allocator;
		ok(lk_open("test:pair", &cfg, &m));
		put_record(s, "nbad", "garbage", 7, 0);
		test_heap_fail(&heap, at + 1, false);
		rc = lk_repair(m, "", 0, LK_REPAIR_PREFIX | LK_REPAIR_WRITE, NULL, NULL, &sum);
		test_heap_fail(&heap, 0, false);
		ok(lk_close(m));
		lk_store_close(s);
		cr_expect_eq(heap.bytes, 0);
		if (rc == 0 && sum.done == 1)
			break;
		cr_expect(rc == LK_E_NOMEM || sum.failed == 1, "%d", rc);
	}
}

/* ------------------------------------------------------------------------------ files */

/* Every byte that the store has written of records, changed or cut off: the file of its one stripe. */
struct files {
	struct place at;
	char url[80];
	char path[80];
	struct lk_manager *m;
	struct lk_owner *w;
};

static void
files_open(struct files *f)
{
	place_make(&f->at);
	snprintf(f->url, sizeof(f->url), "%s?stripes=1", f->at.url);
	snprintf(f->path, sizeof(f->path), "%s/store/s00", f->at.top);
	f->m = open_manager(f->url);
	open_owners(f->m, &f->w, 1);
}

static void
files_close(struct files *f)
{
	close_all(f->m, &f->w, 1);
	place_remove(&f->at);
}

/* Flip bits where the file has the name, until its record cannot be read. */
static void
damage(struct files *f, const char *name)
{
	struct lk_record_info info = { .size = sizeof(info) };
	static unsigned char bytes[1 << 20];
	int fd = open(f->path, O_RDWR);
	const ssize_t n = pread(fd, bytes, sizeof(bytes), 0);

	cr_assert_gt(n, 0);
	for (ssize_t i = 0; i + 64 < n; i++) {
		if (memcmp(bytes + i, name, strlen(name)) != 0)
			continue;
		bytes[i + 60] ^= 4; /* in the record behind it */
		cr_assert_eq(pwrite(fd, bytes + i + 60, 1, i + 60), 1);
	}
	(void)close(fd);
	ok(lk_record_info(f->m, name, strlen(name), &info));
	cr_assert_eq(info.status, LK_HEALTH_BAD, "%s", info.words);
}

Test(repair, of_bits_that_were_flipped_in_a_file)
{
	struct lk_record_info info = { .size = sizeof(info) };
	struct lk_repaired sum;
	struct files f;
	uint64_t fence;
	struct told t;
	lk_grant g;

	files_open(&f);
	fence = fence_of(f.w, "a-damaged-name");
	g = get(f.w, "another-name", LK_X);
	damage(&f, "a-damaged-name");
	t = repair(f.m, "", LK_REPAIR_PREFIX, &sum);
	cr_expect_ge(sum.nameless, 1); /* the store does not know whose it is */
	t = repair(f.m, "a-damaged-name", LK_REPAIR_WRITE, &sum);
	cr_expect_eq(t.what, LK_REPAIR_DONE, "%u, %d", t.what, t.rc);
	ok(lk_record_info(f.m, "a-damaged-name", 14, &info));
	cr_expect_eq(info.status, LK_HEALTH_OK, "%s", info.words);
	cr_expect_gt(fence_of(f.w, "a-damaged-name"), fence);
	ok(lk_check(f.w, g));
	files_close(&f);
}

/* Names that this process has in use are known to it. */
Test(repair, finds_names_in_use_here_if_the_store_does_not_know_them)
{
	struct lk_repaired sum;
	struct files f;
	struct told t;
	lk_grant g;

	files_open(&f);
	g = get(f.w, "a-damaged-name", LK_X);
	damage(&f, "a-damaged-name");
	t = repair(f.m, "a-", LK_REPAIR_PREFIX | LK_REPAIR_WRITE, &sum);
	cr_expect(t.what == LK_REPAIR_LIVE && strcmp(t.name, "a-damaged-name") == 0, "%s", t.name);
	ok(lk_check(f.w, g));
	t = repair(f.m, "a-", LK_REPAIR_PREFIX | LK_REPAIR_WRITE | LK_REPAIR_FORCE, &sum);
	cr_expect(t.what == LK_REPAIR_DONE && strcmp(t.name, "a-damaged-name") == 0, "%s", t.name);
	wait_until(lk_check(f.w, g) == LK_E_LOST);
	is(lk_release(f.w, g), LK_E_LOST);
	files_close(&f);
}

/* What was cut off is an error, and stays one where the store cannot be mended; nothing is freed. */
Test(repair, of_a_file_that_was_cut_off)
{
	struct lk_repaired sum;
	struct files f;
	struct stat is_now;
	struct told t;

	files_open(&f);
	get(f.w, "held-by-somebody", LK_X);
	cr_assert_eq(stat(f.path, &is_now), 0);
	cr_assert_eq(truncate(f.path, is_now.st_size / 2), 0);
	t = repair(f.m, "held-by-somebody", LK_REPAIR_WRITE, &sum);
	cr_expect(t.what == LK_REPAIR_LIVE || t.what == LK_REPAIR_FINE, "%u", t.what);
	cr_expect_eq(sum.done, 0);
	files_close(&f);
}
