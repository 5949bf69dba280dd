/* SPDX-License-Identifier: MIT */
/* Files that somebody else has changed: what is damaged is said to be, the rest is what it was.  (SF4 to SF8, SE3) */
#include <errno.h>
#include <sys/stat.h>

#include "folder.h"

enum { RECORDS = 24 };

static void
name_of(unsigned i, char name[16])
{
	(void)snprintf(name, 16, "record %u", i);
}

static size_t
fill(unsigned i, unsigned char *buf)
{
	const size_t len = 10 + i * 40;

	for (size_t k = 0; k < len; k++)
		buf[k] = (unsigned char)(i * 7 + k);
	return len;
}

static void
write_all(struct lk_store *s)
{
	unsigned char buf[2000];
	char name[16];

	for (unsigned i = 0; i < RECORDS; i++) {
		name_of(i, name);
		ok(put(s, name, buf, fill(i, buf)));
	}
}

/* Each is right, or damaged; how many are that? */
static unsigned
count_damaged(struct lk_store *s)
{
	unsigned char wanted[2000], found[2000];
	unsigned n = 0;
	char name[16];

	for (unsigned i = 0; i < RECORDS; i++) {
		const size_t len = fill(i, wanted);
		int rc;

		name_of(i, name);
		rc = get(s, name, found, sizeof(found));
		n += rc == LK_E_CORRUPT;
		cr_assert(rc == LK_E_CORRUPT || (rc == (int)len && memcmp(wanted, found, len) == 0),
			  "record %u is gone, or another one: %d", i, rc);
	}
	return n;
}

struct stage {
	struct folder f;
	struct lk_store *s;
	char file[80];
	int fd; /* of the file of its stripe */
	off_t size;
};

static void
stage_open(struct stage *g)
{
	struct stat is;

	folder_make(&g->f, "?stripes=1");
	g->s = store_open(&g->f);
	write_all(g->s);
	g->fd = open(folder_file(&g->f, "s00", g->file), O_RDWR);
	cr_assert_ge(g->fd, 0);
	cr_assert_eq(fstat(g->fd, &is), 0);
	g->size = is.st_size;
}

static void
stage_close(struct stage *g)
{
	(void)close(g->fd);
	lk_store_close(g->s);
	folder_remove(&g->f);
}

static void
flip(const struct stage *g, off_t at, unsigned char bits)
{
	unsigned char byte;

	cr_assert_eq(pread(g->fd, &byte, 1, at), 1);
	byte ^= bits;
	cr_assert_eq(pwrite(g->fd, &byte, 1, at), 1);
}

/* Of every byte of the heads, and of every seventh behind them, one bit: at most one record is damaged by it. */
Test(damage, of_a_bit_costs_one_record, .timeout = 120)
{
	struct stage g;
	uint64_t lot = 4711;
	unsigned most = 0, sum = 0;

	stage_open(&g);
	for (off_t at = 0; at < g.size; at += at < 600 ? 1 : 7) {
		const unsigned char bits = (unsigned char)(1u << test_random(&lot) % 8);
		unsigned n;

		flip(&g, at, bits);
		n = count_damaged(g.s);
		flip(&g, at, bits);
		most = n > most ? n : most;
		sum += n;
		if (at == 512) /* the log was set, and cleared as it makes no sense */
			(void)!pwrite(g.fd, "\0\0\0\0\0\0\0\0", 8, 512);
	}
	cr_expect_eq(most, 1);
	cr_expect_gt(sum, 500, "hardly anything was checked");
	cr_expect_eq(count_damaged(g.s), 0);
	stage_close(&g);
}

/* Both heads at once: the stripe is damaged, and says so. */
Test(damage, of_both_heads_is_seen)
{
	struct stage g;

	stage_open(&g);
	flip(&g, 20, 1);
	cr_expect_eq(count_damaged(g.s), 0);
	flip(&g, 256 + 20, 1);
	cr_expect_eq(count_damaged(g.s), RECORDS);
	is(put(g.s, "new", "x", 1), LK_E_CORRUPT);
	is(get(g.s, "new", NULL, 0), LK_E_CORRUPT);
	stage_close(&g);
}

/* Wherever the file is cut, even if it grows again: nothing is said to be absent that was there. */
static void
cut_everywhere(bool on_disk)
{
	struct stage g;
	unsigned char *whole;

	folder_on_disk(on_disk);
	stage_open(&g);
	folder_on_disk(false);
	whole = malloc((size_t)g.size);
	cr_assert_eq(pread(g.fd, whole, (size_t)g.size, 0), g.size);
	for (off_t size = 0; size < g.size; size += 100) {
		cr_assert_eq(ftruncate(g.fd, size), 0);
		(void)count_damaged(g.s);
		cr_assert_eq(ftruncate(g.fd, g.size), 0); /* zeros */
		cr_assert(size > 4096 || count_damaged(g.s) == RECORDS);
		(void)count_damaged(g.s);
		cr_assert_eq(pwrite(g.fd, whole, (size_t)g.size, 0), g.size);
	}
	cr_expect_eq(count_damaged(g.s), 0);
	free(whole);
	stage_close(&g);
}

Test(damage, by_cutting_is_seen, .timeout = 120)
{
	cut_everywhere(false);
}

Test(damage, by_cutting_on_a_disk_is_seen, .timeout = 120)
{
	cut_everywhere(true);
}

/* ------------------------------------------------------------------------- repair */

static int
keep_status(void *arg, struct lk_store_record *r, size_t n)
{
	(void)n;
	*(int *)arg = r[0].status;
	r[0].fresh = "repaired";
	r[0].fresh_len = 8;
	r[0].changed = 1;
	return 0;
}

struct counts {
	unsigned n;
	unsigned damaged;
};

static int
count_one(void *arg, const struct lk_store_record *r)
{
	struct counts *c = arg;

	c->n++;
	c->damaged += r->status == LK_E_CORRUPT;
	return 0;
}

static unsigned
count_in_scan(struct lk_store *s, unsigned *damaged)
{
	struct counts c = { 0, 0 };

	ok(s->ops->scan(s, NULL, 0, count_one, &c, NEVER));
	*damaged = c.damaged;
	return c.n;
}

/* Where the bytes of a record are in the file. */
static off_t
find_bytes(const struct stage *g, unsigned i)
{
	unsigned char wanted[2000], *whole = malloc((size_t)g->size);
	const size_t len = fill(i, wanted);
	off_t at = 4096; /* the log's remains are before that */

	cr_assert_eq(pread(g->fd, whole, (size_t)g->size, 0), g->size);
	while (memcmp(whole + at, wanted, len) != 0)
		at++;
	free(whole);
	return at;
}

Test(damage, of_a_record_can_be_repaired)
{
	struct lk_store_record r = { .name = "record 9", .len = 8 };
	int status = 0;
	unsigned damaged;
	struct stage g;
	char words[256];

	stage_open(&g);
	flip(&g, find_bytes(&g, 9) + 3, 0x10);
	cr_expect_eq(count_damaged(g.s), 1);
	cr_expect_eq(count_in_scan(g.s, &damaged), RECORDS);
	cr_expect_eq(damaged, 1);
	is(g.s->ops->update(g.s, &r, 1, keep_status, &status, NEVER), LK_E_CORRUPT);
	cr_expect_eq(r.status, LK_E_CORRUPT);
	(void)g.s->ops->error(g.s, words, sizeof(words));
	cr_expect(strstr(words, "s00") != NULL && strstr(words, "damaged") != NULL, "%s", words);
	r.flags = LK_STORE_REPAIR;
	ok(g.s->ops->update(g.s, &r, 1, keep_status, &status, NEVER));
	cr_expect_eq(status, LK_E_CORRUPT);
	cr_expect_eq(get(g.s, "record 9", NULL, 0), 8);
	cr_expect_eq(count_in_scan(g.s, &damaged), RECORDS);
	cr_expect_eq(damaged, 0);
	stage_close(&g);
}

/* What is damaged stays so when its stripe is written anew, and the others move. */
Test(damage, moves_with_its_stripe)
{
	char name[16];
	struct stage g;

	stage_open(&g);
	flip(&g, find_bytes(&g, 9) + 3, 0x10);
	for (unsigned i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "more %u", i);
		ok(put(g.s, name, "x", 1));
	}
	cr_expect_eq(count_damaged(g.s), 1);
	is(get(g.s, "record 9", NULL, 0), LK_E_CORRUPT);
	stage_close(&g);
}

/* ------------------------------------------------------------------ files that go */

static void
copy_file(const char *from, const char *to)
{
	char command[200];

	(void)snprintf(command, sizeof(command), "cp '%s' '%s'", from, to);
	cr_assert_eq(system(command), 0);
}

Test(damage, a_stripe_that_is_gone_is_not_empty)
{
	struct lk_store *other;
	struct stage g;

	stage_open(&g);
	other = store_open(&g.f);
	cr_assert_eq(unlink(g.file), 0);
	cr_expect_eq(count_damaged(g.s), RECORDS);
	cr_expect_eq(count_damaged(other), RECORDS);
	is(put(g.s, "new", "x", 1), LK_E_CORRUPT);
	lk_store_close(other);
	other = store_open(&g.f);
	cr_expect_eq(count_damaged(other), RECORDS);
	lk_store_close(other);
	stage_close(&g);
}

Test(damage, an_older_copy_is_refused)
{
	char copy[100];
	struct stage g;

	stage_open(&g);
	(void)snprintf(copy, sizeof(copy), "%s/copy", g.f.top);
	copy_file(g.file, copy);
	ok(put(g.s, "record 0", "later", 5));
	cr_assert_eq(rename(copy, g.file), 0);
	is(get(g.s, "record 0", NULL, 0), LK_E_CORRUPT);
	is(put(g.s, "record 0", "x", 1), LK_E_CORRUPT);
	stage_close(&g);
}

Test(damage, the_file_of_another_store_is_refused)
{
	char file[80];
	struct stage g, h;

	stage_open(&g);
	stage_open(&h);
	copy_file(folder_file(&h.f, "s00", file), g.file);
	cr_expect_eq(count_damaged(g.s), RECORDS);
	stage_close(&h);
	stage_close(&g);
}

/* What is known of names by the folder's time of change is known until something changes there.  (SF9) */
Test(damage, is_seen_when_names_were_the_same_for_long)
{
	const struct timespec long_enough = { .tv_nsec = 40000000 };
	char copy[100], file[80];
	struct stage g;

	stage_open(&g);
	for (int i = 0; i < 3; i++) {
		ok(put(g.s, "record 0", "x", 1));
		(void)nanosleep(&long_enough, NULL);
	}
	(void)snprintf(copy, sizeof(copy), "%s/copy", g.f.top);
	copy_file(g.file, copy);
	ok(put(g.s, "record 0", "later", 5));
	cr_assert_eq(rename(copy, g.file), 0);
	is(put(g.s, "record 0", "x", 1), LK_E_CORRUPT);
	stage_close(&g);
	stage_open(&g);
	for (int i = 0; i < 3; i++) {
		ok(put(g.s, "record 0", "x", 1));
		(void)nanosleep(&long_enough, NULL);
	}
	cr_assert_eq(unlink(folder_file(&g.f, "space", file)), 0);
	is(put(g.s, "record 0", "x", 1), LK_E_CORRUPT);
	stage_close(&g);
}

Test(damage, without_space_nothing_goes_on)
{
	const struct lk_session_id id = { { 1 } };
	char file[80], report[256];
	struct stage g;

	stage_open(&g);
	ok(g.s->ops->session_open(g.s, &id, 1000000000, "me", NEVER));
	cr_assert_eq(unlink(folder_file(&g.f, "space", file)), 0);
	is(put(g.s, "new", "x", 1), LK_E_CORRUPT);
	is(g.s->ops->session_renew(g.s, &id, NEVER), LK_E_LOST);
	is(store_try(g.f.url, 0, report), LK_E_CORRUPT); /* and does not begin a second store */
	cr_expect(strstr(report, "space") != NULL, "%s", report);
	stage_close(&g);
}

Test(damage, who_has_lost_his_folder_has_lost_his_session)
{
	const struct lk_session_id id = { { 1 } };
	char elsewhere[100];
	struct lk_store *s;
	struct stage g;

	stage_open(&g);
	(void)snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", g.f.top);
	ok(g.s->ops->session_open(g.s, &id, 1000000000, "me", NEVER));
	ok(g.s->ops->session_renew(g.s, &id, NEVER));
	cr_assert_eq(rename(g.f.path, elsewhere), 0);
	is(g.s->ops->session_renew(g.s, &id, NEVER), LK_E_LOST);
	s = store_open(&g.f);
	is(g.s->ops->session_renew(g.s, &id, NEVER), LK_E_LOST);
	lk_store_close(s);
	stage_close(&g);
}

/* --------------------------------------------------------------------- the sessions */

static unsigned
alive(struct lk_store *s, unsigned char number)
{
	const struct lk_session_id id = { { number } };
	unsigned char is_alive = 7;

	ok(s->ops->session_alive(s, &id, 1, &is_alive, NEVER));
	return is_alive;
}

/* Nobody who lives is ever said to be dead. */
Test(damage, of_sessions_makes_nobody_dead)
{
	const struct lk_session_id ids[] = { { { 1 } }, { { 2 } }, { { 3 } } };
	struct lk_store *other;
	struct stage g;
	char file[80];
	int fd;

	stage_open(&g);
	other = store_open(&g.f);
	for (int i = 0; i < 3; i++)
		ok(g.s->ops->session_open(g.s, &ids[i], 1, "me", NEVER));
	cr_assert_eq(alive(other, 2), 1);
	cr_assert_eq(alive(other, 9), 0);
	fd = open(folder_file(&g.f, "sessions", file), O_RDWR);
	for (off_t at = 0; at < 3 * 512; at += 7) {
		unsigned char byte, other_byte;

		cr_assert_eq(pread(fd, &byte, 1, at), 1);
		other_byte = byte ^ 4;
		cr_assert_eq(pwrite(fd, &other_byte, 1, at), 1);
		for (unsigned char i = 1; i <= 3; i++)
			cr_assert_eq(alive(other, i), 1, "byte %d, session %d", (int)at, i);
		is(g.s->ops->session_renew(g.s, &ids[at / 512], NEVER), LK_E_LOST);
		cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
		ok(g.s->ops->session_renew(g.s, &ids[at / 512], NEVER));
	}
	cr_assert_eq(ftruncate(fd, 512), 0);
	for (unsigned char i = 1; i <= 3; i++)
		cr_assert_eq(alive(other, i), 1);
	is(g.s->ops->session_renew(g.s, &ids[1], NEVER), LK_E_LOST);
	for (int i = 0; i < 3; i++)
		ok(g.s->ops->session_close(g.s, &ids[i], NEVER));
	for (unsigned char i = 1; i <= 3; i++)
		cr_assert_eq(alive(other, i), 0);
	(void)close(fd);
	lk_store_close(other);
	stage_close(&g);
}
