/* SPDX-License-Identifier: MIT */
/*
 * Whatever fails: memory, of the program's allocator and of SQLite's; and the calls of the system.  Each n-th call fails in
 * turn, until all goes well.  What was answered is true, and all or nothing is written.
 */
#include <errno.h>
#include <sys/syscall.h>

#include "stage.h"

/* ----------------------------------------------------------------------- what can fail */

static struct {
	_Atomic uint64_t calls;
	_Atomic uint64_t fail_at; /* 0: none */
	_Atomic uint64_t failed;
	_Atomic uint64_t syncs;
	uint64_t unknown; /* of what was asked together */
} faults;

static bool
fails_now(void)
{
	const uint64_t call = atomic_fetch_add(&faults.calls, 1) + 1;

	if (call != atomic_load(&faults.fail_at))
		return false;
	atomic_fetch_add(&faults.failed, 1);
	return true;
}

static void
fail_at(uint64_t nth)
{
	atomic_store(&faults.calls, 0);
	atomic_store(&faults.failed, 0);
	atomic_store(&faults.fail_at, nth);
}

/* In the place of the C library's, for SQLite too. */
int
fsync(int fd)
{
	atomic_fetch_add(&faults.syncs, 1);
	return (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	atomic_fetch_add(&faults.syncs, 1);
	return (int)syscall(SYS_fdatasync, fd);
}

/* --------------------------------------------------------------------- SQLite's memory */

static sqlite3_mem_methods system_memory;

static void *
malloc_or_fail(int size)
{
	return fails_now() ? NULL : system_memory.xMalloc(size);
}

static void *
realloc_or_fail(void *memory, int size)
{
	return fails_now() ? NULL : system_memory.xRealloc(memory, size);
}

static void
let_memory_fail(void)
{
	sqlite3_mem_methods failing;

	(void)sqlite3_shutdown();
	cr_assert_eq(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &system_memory), SQLITE_OK);
	failing = system_memory;
	failing.xMalloc = malloc_or_fail;
	failing.xRealloc = realloc_or_fail;
	cr_assert_eq(sqlite3_config(SQLITE_CONFIG_MALLOC, &failing), SQLITE_OK);
	cr_assert_eq(sqlite3_initialize(), SQLITE_OK);
}

/* ----------------------------------------------------------------- SQLite's system calls */

static sqlite3_syscall_ptr real_pwrite, real_pread, real_truncate, real_open;

static ssize_t
pwrite_or_fail(int fd, const void *bytes, size_t n, off_t at)
{
	if (fails_now()) {
		errno = EIO;
		return -1;
	}
	return ((ssize_t(*)(int, const void *, size_t, off_t))(
		void (*)(void))real_pwrite)(fd, bytes, n, at);
}

static ssize_t
pread_or_fail(int fd, void *bytes, size_t n, off_t at)
{
	if (fails_now()) {
		errno = EIO;
		return -1;
	}
	return ((ssize_t(*)(int, void *, size_t, off_t))(void (*)(void))real_pread)(fd, bytes, n,
										    at);
}

static int
truncate_or_fail(int fd, off_t size)
{
	if (fails_now()) {
		errno = EIO;
		return -1;
	}
	return ((int (*)(int, off_t))(void (*)(void))real_truncate)(fd, size);
}

static int
open_or_fail(const char *path, int flags, int mode)
{
	if (fails_now()) {
		errno = EMFILE;
		return -1;
	}
	return ((int (*)(const char *, int, int))(void (*)(void))real_open)(path, flags, mode);
}

static void
replace(sqlite3_vfs *vfs, const char *name, sqlite3_syscall_ptr by, sqlite3_syscall_ptr *real)
{
	sqlite3_syscall_ptr was = vfs->xGetSystemCall(vfs, name);

	if (was == NULL) /* this SQLite uses another one */
		return;
	*real = was;
	cr_assert_eq(vfs->xSetSystemCall(vfs, name, by), SQLITE_OK);
}

static void
let_calls_fail(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	cr_assert_not_null(vfs);
	replace(vfs, "pwrite", (sqlite3_syscall_ptr)(void (*)(void))pwrite_or_fail, &real_pwrite);
	replace(vfs, "pwrite64", (sqlite3_syscall_ptr)(void (*)(void))pwrite_or_fail, &real_pwrite);
	replace(vfs, "pread", (sqlite3_syscall_ptr)(void (*)(void))pread_or_fail, &real_pread);
	replace(vfs, "pread64", (sqlite3_syscall_ptr)(void (*)(void))pread_or_fail, &real_pread);
	replace(vfs, "ftruncate", (sqlite3_syscall_ptr)(void (*)(void))truncate_or_fail,
		&real_truncate);
	replace(vfs, "open", (sqlite3_syscall_ptr)(void (*)(void))open_or_fail, &real_open);
	cr_assert(real_pwrite != NULL && real_pread != NULL);
}

/* ------------------------------------------------------------------------------- deeds */

struct deed_args {
	struct lk_store *s;
	const char *url;
	sqlite3 *db;
};

enum { MANY = 20 };

static int
write_number(void *arg, struct lk_store_record *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		r[i].fresh = arg;
		r[i].fresh_len = sizeof(uint64_t);
		r[i].changed = 1;
	}
	return 0;
}

/* All are the same number, or it is torn. */
static int
read_number(void *arg, struct lk_store_record *r, size_t n)
{
	uint64_t *number = arg;

	*number = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t its = 0;

		if (r[i].old_len == sizeof(its))
			memcpy(&its, r[i].old, sizeof(its));
		if (i > 0 && its != *number)
			return 1;
		*number = its;
	}
	return 0;
}

static void
name_all(struct lk_store_record *r, char names[MANY][16], uint32_t flags)
{
	memset(r, 0, MANY * sizeof(*r));
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "%c%d", flags != 0 ? 'd' : 'n', i);
		r[i].name = names[i];
		r[i].len = strlen(names[i]);
		r[i].flags = flags;
	}
}

static uint64_t
look(struct lk_store *s, uint32_t flags)
{
	struct lk_store_record r[MANY];
	char names[MANY][16], words[320];
	uint64_t number;
	int rc;

	name_all(r, names, flags);
	rc = s->ops->read(s, r, MANY, read_number, &number, NEVER);
	(void)s->ops->error(s, words, sizeof(words));
	cr_assert_eq(rc, 0, "%s: %s", lk_errname(rc), words);
	return number;
}

static int
write_all(struct lk_store *s, uint64_t number, uint32_t flags)
{
	struct lk_store_record r[MANY];
	char names[MANY][16];

	name_all(r, names, flags);
	return s->ops->update(s, r, MANY, write_number, &number, NEVER);
}

static int
do_open(struct deed_args *a)
{
	struct lk_store *s = NULL;
	int rc = lk_store_open(a->url, NULL, &s);

	lk_store_close(s);
	return rc;
}

static int
do_write(struct deed_args *a)
{
	return write_all(a->s, 7, 0);
}

static int
do_write_durable(struct deed_args *a)
{
	return write_all(a->s, 7, LK_STORE_DURABLE);
}

static int
refuse(void *arg, struct lk_store_record *r, size_t n)
{
	(void)arg;
	(void)r;
	(void)n;
	return 5;
}

/* One is written, and one refused: whatever fails, neither is answered by what never was.  (SQ11) */
static int
do_write_many(struct deed_args *a)
{
	struct lk_store_record r[MANY], other = { .name = "n0", .len = 2 };
	char names[MANY][16];
	uint64_t number = 7;
	struct lk_store_update u[2] = {
		{ .r = r, .n = MANY, .fn = write_number, .arg = &number },
		{ .r = &other, .n = 1, .fn = refuse },
	};

	name_all(r, names, 0);
	a->s->ops->update_many(a->s, u, 2, NEVER);
	if (u[0].is_left != 0 || u[0].rc != 0)
		cr_assert(u[1].is_left != 0 || u[1].rc != 5, "it has seen what was not");
	else
		cr_assert(u[1].is_left == 0 && u[1].rc == 5, "%s", lk_errname(u[1].rc));
	faults.unknown += u[0].is_left == 0 && u[0].rc == LK_E_UNKNOWN;
	return u[0].is_left != 0 ? do_write(a) : u[0].rc;
}

static int
do_read(struct deed_args *a)
{
	struct lk_store_record r[MANY];
	char names[MANY][16];
	uint64_t number;

	name_all(r, names, 0);
	return a->s->ops->read(a->s, r, MANY, read_number, &number, NEVER);
}

static int
count(void *arg, const struct lk_store_record *r)
{
	(void)r;
	++*(unsigned *)arg;
	return 0;
}

static int
do_scan(struct deed_args *a)
{
	unsigned n = 0;
	int rc = a->s->ops->scan(a->s, "n", 1, count, &n, NEVER);

	cr_assert(rc != 0 || n == MANY, "%u", n);
	return rc;
}

static int
do_session(struct deed_args *a)
{
	const struct lk_session_id id = { { 11 } };
	unsigned char alive;
	int rc = a->s->ops->session_open(a->s, &id, 1, "who", NEVER);
	int again;

	if (rc == 0)
		rc = a->s->ops->session_alive(a->s, &id, 1, &alive, NEVER);
	if (rc == 0)
		cr_assert_eq(alive, 1);
	again = a->s->ops->session_close(a->s, &id, NEVER);
	return rc != 0 ? rc : again;
}

static int
do_guard(struct deed_args *a)
{
	int rc;

	if (sql_try(a->db, "BEGIN IMMEDIATE") != SQLITE_OK)
		return LK_E_STORE;
	rc = lk_sqlite_guard(a->db, NULL, "nobody", 6, 5);
	while (sqlite3_get_autocommit(a->db) == 0)
		(void)sql_try(a->db, "ROLLBACK");
	return rc == LK_E_LOST ? 0 : rc;
}

typedef int deed(struct deed_args *a);

/* The last is asked in the program's connection, which is not ours to mend when its files cannot be opened. */
static deed *const deeds[] = { do_write, do_write_durable, do_write_many, do_read,
			       do_scan,  do_session,       do_open,       do_guard };

static bool
is_honest(int rc)
{
	switch (rc) {
	case LK_E_NOMEM:
	case LK_E_STORE:
	case LK_E_UNKNOWN:
	case LK_E_LIMIT:
	case LK_E_CORRUPT: /* as what cannot be read is called */
	case LK_E_PERM:    /* SQLite opens for reading what it cannot open for writing */
		return true;
	default:
		return false;
	}
}

/* Fail at each call of it, in a store that is open or has to be. */
static void
fail_everywhere(deed *d, const struct stage *g, uint64_t *deaths)
{
	struct deed_args a = { .url = g->url };
	uint64_t failed = 1;
	char words[320];

	for (uint64_t nth = 1; failed != 0; nth++) {
		int rc;

		a.s = store_open(g->url);
		a.db = sql_open(g->path);
		ok(write_all(a.s, 3, 0));
		ok(write_all(a.s, 3, LK_STORE_DURABLE));
		fail_at(nth);
		rc = d(&a);
		failed = atomic_load(&faults.failed);
		fail_at(0);
		(void)a.s->ops->error(a.s, words, sizeof(words));
		cr_assert(rc == 0 || (failed != 0 && is_honest(rc)), "call %d: %s: %s", (int)nth,
			  lk_errname(rc), words);
		*deaths += rc != 0;
		for (uint32_t flags = 0; flags <= LK_STORE_DURABLE; flags++) {
			const uint64_t number = look(a.s, flags);

			cr_assert(number == 3 || number == 7);
		}
		rc = d(&a); /* all works again */
		(void)a.s->ops->error(a.s, words, sizeof(words));
		cr_assert_eq(rc, 0, "after call %d: %s: %s, %s", (int)nth, lk_errname(rc), words,
			     sqlite3_errmsg(a.db));
		cr_assert_eq(sqlite3_close(a.db), SQLITE_OK);
		lk_store_close(a.s);
	}
}

static void
fail_all(size_t n)
{
	uint64_t deaths = 0;
	struct stage g;

	stage_make(&g);
	for (size_t i = 0; i < n; i++)
		fail_everywhere(deeds[i], &g, &deaths);
	cr_assert_gt(deaths, 20, "hardly anything failed");
	stage_remove(&g);
}

Test(failing, memory_of_sqlite, .timeout = 120)
{
	let_memory_fail();
	fail_all(countof(deeds));
}

Test(failing, calls_of_the_system, .timeout = 120)
{
	let_calls_fail();
	fail_all(countof(deeds) - 1);
	cr_assert_gt(faults.unknown, 0, "a commit that failed was said to be none");
}

/* ------------------------------------------------------------------ the program's memory */

static int
open_with(struct test_heap *heap, const struct stage *g, struct lk_store **out)
{
	const struct lk_store_open o = { .size = sizeof(o), .allocator = &heap->allocator };

	return lk_store_open(g->url, &o, out);
}

static int
all_deeds(struct lk_store *s)
{
	struct deed_args a = { .s = s };
	int rc = do_write(&a);

	if (rc == 0)
		rc = do_read(&a);
	if (rc == 0)
		rc = do_scan(&a);
	return rc == 0 ? do_session(&a) : rc;
}

Test(failing, memory_of_the_program, .timeout = 120)
{
	struct test_heap heap;
	struct lk_store *s;
	struct stage g;
	int rc = LK_E_NOMEM;

	stage_make(&g);
	s = store_open(g.url);
	lk_store_close(s);
	test_heap_init(&heap);
	for (uint64_t nth = 1; rc == LK_E_NOMEM; nth++) {
		test_heap_fail(&heap, nth, false);
		rc = open_with(&heap, &g, &s);
		if (rc == 0) {
			rc = all_deeds(s);
			lk_store_close(s);
		}
		cr_assert(rc == 0 || rc == LK_E_NOMEM, "%s", lk_errname(rc));
		cr_assert_eq(atomic_load(&heap.blocks), 0, "something was not freed");
	}
	cr_assert_gt(atomic_load(&heap.failures), 3);
	stage_remove(&g);
}

/* ------------------------------------------------------------------------- durability */

/* Only what has to outlive a power cut is synced, and that before it is answered.  (SQ2) */
Test(failing, durable_changes_are_synced_and_others_not)
{
	struct lk_store *s;
	struct stage g;
	uint64_t before;

	stage_make(&g);
	s = store_open(g.url);
	before = atomic_load(&faults.syncs);
	cr_assert_gt(before, 0, "making it was not synced");
	for (uint64_t i = 0; i < 50; i++)
		ok(write_all(s, i + 1, 0));
	cr_assert_eq(atomic_load(&faults.syncs), before);
	for (uint64_t i = 0; i < 5; i++) {
		ok(write_all(s, i + 1, LK_STORE_DURABLE));
		cr_assert_gt(atomic_load(&faults.syncs), before);
		before = atomic_load(&faults.syncs);
		ok(write_all(s, i + 100, 0));
		cr_assert_eq(atomic_load(&faults.syncs), before);
	}
	cr_assert_eq(look(s, LK_STORE_DURABLE), 5); /* to look is not to change */
	cr_assert_eq(atomic_load(&faults.syncs), before);
	lk_store_close(s);
	stage_remove(&g);
}
