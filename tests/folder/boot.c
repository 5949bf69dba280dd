/* SPDX-License-Identifier: MIT */
/* After the machine was started anew: nobody of before lives, and what did not come to the disk is dropped.  (SF8) */
#include <sys/stat.h>

#include "folder.h"

static void
boot_anew(const struct folder *f, const char *id, char path[80])
{
	int fd;

	(void)snprintf(path, 80, "%s/boot", f->top);
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	cr_assert_eq(write(fd, id, strlen(id)), (ssize_t)strlen(id));
	(void)close(fd);
	faults_boot(path);
}

#define FIRST  "11111111-2222-3333-4444-555555555555\n"
#define SECOND "11111111-2222-3333-4444-555555555556\n"

struct stage {
	struct folder f;
	char boot[80];
	char file[80];
};

static void
stage_make(struct stage *g)
{
	struct lk_store *s;

	folder_make(&g->f, "?stripes=1");
	boot_anew(&g->f, FIRST, g->boot);
	s = store_open(&g->f);
	ok(put(s, "kept", "kept", 4));
	ok(put(s, "torn", "torn, as its page did not come to the disk", 42));
	ok(put_flags(s, "floor", "1000", 4, LK_STORE_DURABLE));
	lk_store_close(s);
	(void)folder_file(&g->f, "s00", g->file);
}

/* In an extent: what was logged last is before them. */
static void
tear(const char *file, const char *text)
{
	static unsigned char whole[65536];
	int fd = open(file, O_RDWR);
	ssize_t n = pread(fd, whole, sizeof(whole), 0);

	for (ssize_t at = 4096; at + (ssize_t)strlen(text) <= n; at++) {
		if (memcmp(whole + at, text, strlen(text)) == 0) {
			cr_assert_eq(pwrite(fd, "\0\0\0\0", 4, at), 4);
			(void)close(fd);
			return;
		}
	}
	cr_assert(false, "%s is not there", text);
}

Test(boot, in_the_same_nothing_is_dropped)
{
	struct lk_store *s;
	struct stage g;

	stage_make(&g);
	tear(g.file, "torn, as");
	s = store_open(&g.f);
	is(get(s, "torn", NULL, 0), LK_E_CORRUPT);
	cr_expect_eq(get(s, "kept", NULL, 0), 4);
	lk_store_close(s);
	folder_remove(&g.f);
}

Test(boot, another_drops_what_is_torn)
{
	struct lk_store *s;
	struct stage g;

	stage_make(&g);
	tear(g.file, "torn, as");
	boot_anew(&g.f, SECOND, g.boot);
	s = store_open(&g.f);
	cr_expect_eq(get(s, "torn", NULL, 0), 0);
	cr_expect_eq(get(s, "kept", NULL, 0), 4);
	cr_expect_eq(get_flags(s, "floor", NULL, 0, LK_STORE_DURABLE), 4);
	ok(put(s, "torn", "new", 3));
	lk_store_close(s);
	tear(g.file, "new"); /* and the next opening in that boot drops nothing */
	s = store_open(&g.f);
	is(get(s, "torn", NULL, 0), LK_E_CORRUPT);
	lk_store_close(s);
	folder_remove(&g.f);
}

/* A stripe of which nothing came to the disk. */
Test(boot, another_makes_what_is_lost)
{
	static const off_t sizes[] = { 0, 300, 5000 };

	for (size_t i = 0; i <= countof(sizes); i++) {
		struct lk_store *s;
		struct stage g;

		stage_make(&g);
		if (i < countof(sizes)) {
			cr_assert_eq(truncate(g.file, 0), 0);
			cr_assert_eq(truncate(g.file, sizes[i]), 0);
		} else {
			cr_assert_eq(unlink(g.file), 0);
		}
		boot_anew(&g.f, SECOND, g.boot);
		s = store_open(&g.f);
		cr_expect_eq(get(s, "kept", NULL, 0), 0);
		cr_expect_eq(get_flags(s, "floor", NULL, 0, LK_STORE_DURABLE), 4);
		ok(put(s, "kept", "new", 3));
		lk_store_close(s);
		folder_remove(&g.f);
	}
}

/* What was answered as durable does not go. */
Test(boot, another_drops_nothing_that_is_durable)
{
	struct lk_store *s;
	struct stage g;
	char file[80];

	stage_make(&g);
	tear(folder_file(&g.f, "durable", file), "1000");
	boot_anew(&g.f, SECOND, g.boot);
	s = store_open(&g.f);
	is(get_flags(s, "floor", NULL, 0, LK_STORE_DURABLE), LK_E_CORRUPT);
	cr_expect_eq(get(s, "kept", NULL, 0), 4);
	lk_store_close(s);
	folder_remove(&g.f);
}

Test(boot, the_clock_is_another_one)
{
	uint64_t ns, ids[3];
	struct lk_store *s;
	struct stage g;

	stage_make(&g);
	for (int i = 0; i < 3; i++) {
		if (i == 2)
			boot_anew(&g.f, SECOND, g.boot);
		s = store_open(&g.f);
		ok(s->ops->now(s, &ns, &ids[i], NEVER));
		lk_store_close(s);
	}
	cr_expect_eq(ids[0], ids[1]);
	cr_expect_neq(ids[1], ids[2]);
	folder_remove(&g.f);
}

Test(boot, who_only_looks_does_not_clean_up)
{
	char report[256];
	struct stage g;

	stage_make(&g);
	boot_anew(&g.f, SECOND, g.boot);
	is(store_try(g.f.url, LK_STORE_READ_ONLY, report), LK_E_STORE);
	cr_expect(strstr(report, "started anew") != NULL, "%s", report);
	lk_store_close(store_open(&g.f));
	ok(store_try(g.f.url, LK_STORE_READ_ONLY, report));
	folder_remove(&g.f);
}
