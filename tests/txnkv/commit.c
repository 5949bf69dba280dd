/* SPDX-License-Identifier: MIT */
/* Group commit: who is written together, who is not, and what happens if the disk does not answer. */
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include "commit.h"
#include "stage.h"

/* Writers who found somebody writing; nobody really is. */
struct group {
	struct place place;
	struct store store;
	struct committer c;
	struct member {
		struct group *group;
		struct arena arena;
		struct writes writes;
		int rc;
	} member[3];
};

static void
add_member(struct group *g, unsigned i, size_t len)
{
	struct member *m = &g->member[i];
	const char key[] = { (char)('a' + i), '\0' };
	char *data = calloc(1, len);
	struct table *t;

	m->group = g;
	ok(store_table(&g->store, B("t"), &t));
	ok(writes_add(&m->writes, &m->arena, t, B(key), value_make((struct bytes){ data, len })));
	free(data);
}

/* Each writes a row of so many bytes. */
static void
begin(struct group *g, const size_t len[3])
{
	struct file *f = NULL;

	*g = (struct group){ 0 };
	stage_place(&g->place);
	ok(file_open(g->place.file, DB_SYNC_OFF, &f));
	store_init(&g->store, false);
	committer_init(&g->c, f);
	for (unsigned i = 0; i < 3; i++)
		add_member(g, i, len[i]);
}

static void
end(struct group *g)
{
	for (unsigned i = 0; i < 3; i++) {
		writes_undo(&g->member[i].writes, 0);
		arena_free(&g->member[i].arena);
	}
	committer_fini(&g->c);
	file_close(g->c.file);
	store_fini(&g->store);
	stage_remove(&g->place);
}

static void
write_one(void *arg, unsigned index)
{
	struct member *m = &((struct group *)arg)->member[index];

	m->rc = committer_write(&m->group->c, &m->writes);
}

static size_t
count_waiting(struct group *g)
{
	size_t n = 0;

	pthread_mutex_lock(&g->c.mutex);
	for (const struct commit *one = g->c.first; one != NULL; one = one->next)
		n++;
	pthread_mutex_unlock(&g->c.mutex);
	return n;
}

static void
set_writing(struct group *g, bool is_writing)
{
	pthread_mutex_lock(&g->c.mutex);
	g->c.is_writing = is_writing;
	pthread_cond_broadcast(&g->c.done);
	pthread_mutex_unlock(&g->c.mutex);
}

/* All come while somebody writes, and find that he is done. */
static void
write_together(struct group *g)
{
	struct test_thread thread[3];

	set_writing(g, true);
	test_spawn(thread, 3, write_one, g);
	wait_until(count_waiting(g) == 3);
	set_writing(g, false);
	test_join(thread, 3);
}

/* What is in the file: a bit for each member's row. */
static int
note(void *arg, struct bytes table, struct bytes key, struct bytes value)
{
	(void)table;
	(void)value;
	*(unsigned *)arg |= 1u << (key.data[0] - 'a');
	return 0;
}

static void
has_rows(struct group *g, unsigned expected)
{
	unsigned rows = 0;

	ok(file_load(g->c.file, note, &rows));
	cr_expect_eq(rows, expected, "%x, not %x", rows, expected);
}

Test(commit, who_waits_is_written_together)
{
	struct group g;

	begin(&g, (size_t[]){ 1, 1, 1 });
	write_together(&g);
	for (unsigned i = 0; i < 3; i++)
		cr_expect_eq(g.member[i].rc, 0);
	cr_expect_eq(g.c.n_groups, 1);
	cr_expect_eq(g.c.n_commits, 3);
	has_rows(&g, 7);
	end(&g);
}

Test(commit, one_that_does_not_fit_takes_no_other_along)
{
	struct rlimit limit;
	struct group g;

	begin(&g, (size_t[]){ 1, 500000, 1 });
	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = 200000;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	write_together(&g);
	limit.rlim_cur = limit.rlim_max;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	cr_expect_eq(g.member[0].rc, 0);
	cr_expect_eq(g.member[1].rc, KV_DISK);
	cr_expect_eq(g.member[2].rc, 0);
	has_rows(&g, 5);
	end(&g);
}

/* ------------------------------------------------- a disk that does not confirm */

static struct {
	sqlite3_vfs vfs, *real;
	sqlite3_io_methods methods;
	const sqlite3_io_methods *real_methods;
	atomic_bool fails;
} disk;

static int
sync_perhaps(sqlite3_file *f, int flags)
{
	return atomic_load(&disk.fails) ? SQLITE_IOERR_FSYNC : disk.real_methods->xSync(f, flags);
}

static int
open_on_disk(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out)
{
	int rc = disk.real->xOpen(disk.real, name, f, flags, out);

	(void)v;
	if (rc == SQLITE_OK && (flags & SQLITE_OPEN_WAL) != 0) {
		disk.real_methods = f->pMethods;
		disk.methods = *f->pMethods;
		disk.methods.xSync = sync_perhaps;
		f->pMethods = &disk.methods;
	}
	return rc;
}

/* From now on files are on that disk, which may not confirm what is written ahead. */
static void
insert_disk(void)
{
	disk.real = sqlite3_vfs_find(NULL);
	disk.vfs = *disk.real;
	disk.vfs.zName = "disk";
	disk.vfs.xOpen = open_on_disk;
	cr_assert_eq(sqlite3_vfs_register(&disk.vfs, 1), SQLITE_OK);
}

Test(commit, is_in_doubt_if_the_disk_does_not_confirm)
{
	struct db_options o = { .sync = DB_SYNC_FULL };
	struct place p;
	struct db *db = NULL;

	stage_place(&p);
	o.file = p.file;
	insert_disk();
	ok(db_open(&o, &db));
	ok(stage_put(db, "t", "k", "1"));
	atomic_store(&disk.fails, true);
	is(stage_put(db, "t", "k", "2"), KV_DOUBT);
	atomic_store(&disk.fails, false);
	is(stage_put(db, "t", "k", "3"), KV_DOUBT); /* not before it is known what is there */
	stage_has_now(db, "t", "k", "1");
	db_close(db);
	ok(db_open(&o, &db));
	ok(stage_put(db, "t", "j", "4"));
	db_close(db);
	sqlite3_vfs_unregister(&disk.vfs);
	stage_remove(&p);
}
