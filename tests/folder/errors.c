/* SPDX-License-Identifier: MIT */
/* The system says no, at every call: a clear code, nothing half done, and it works again as soon as the system does. */
#include <dirent.h>
#include <errno.h>

#include "folder.h"

static const struct {
	enum fault fault;
	enum how how;
	int error;
	bool is_harmless; /* the deed is done all the same */
} ways[] = {
	{ FAULT_PREAD, HOW_ERROR, EIO, false },
	{ FAULT_PREAD, HOW_ERROR, EINTR, true },
	{ FAULT_PWRITE, HOW_ERROR, ENOSPC, false },
	{ FAULT_PWRITE, HOW_ERROR, EIO, false },
	{ FAULT_PWRITE, HOW_ERROR, EDQUOT, false },
	{ FAULT_PWRITE, HOW_ERROR, EROFS, false },
	{ FAULT_PWRITE, HOW_ERROR, EINTR, true },
	{ FAULT_PWRITE, HOW_SHORT, 0, true },
	{ FAULT_FSYNC, HOW_ERROR, EIO, false },
	{ FAULT_FSYNC, HOW_ERROR, EINTR, true },
	{ FAULT_FALLOCATE, HOW_ERROR, ENOSPC, false },
	{ FAULT_FALLOCATE, HOW_ERROR, EOPNOTSUPP, true },
	{ FAULT_FTRUNCATE, HOW_ERROR, EIO, true },
	{ FAULT_RENAME, HOW_ERROR, ENOSPC, false },
	{ FAULT_OPENAT, HOW_ERROR, EMFILE, false },
	{ FAULT_OPENAT, HOW_ERROR, EROFS, false },
	{ FAULT_FCNTL, HOW_ERROR, ENOLCK, false },
	{ FAULT_FCNTL, HOW_ERROR, EINTR, true },
	{ FAULT_FSTAT, HOW_ERROR, EIO, false },
	{ FAULT_FSTATAT, HOW_ERROR, EIO, false },
	{ FAULT_LSEEK, HOW_ERROR, EIO, false },
	{ FAULT_UNLINK, HOW_ERROR, EIO, true },
};

static unsigned
count_descriptors(void)
{
	DIR *list = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(list) != NULL)
		n++;
	(void)closedir(list);
	return n;
}

static void
check_words(struct lk_store *s, const struct folder *f, const struct deed *d)
{
	char words[256];

	(void)s->ops->error(s, words, sizeof(words));
	cr_assert(strstr(words, f->path) != NULL, "%s: the words are: %s", d->name, words);
}

/* False: the call did not come so far. */
static bool
fail_at(const struct deed *d, size_t way, uint64_t nth, bool keep, const struct state *before,
	const struct state *after)
{
	struct lk_store *s, *other;
	struct folder f;
	struct state st;
	bool was_hit;
	int rc;

	folder_make(&f, d->parameters);
	s = store_open(&f);
	d->before(s);
	fault_at(ways[way].fault, nth, keep, ways[way].how, ways[way].error);
	faults_here(true);
	errno = 4711;
	rc = d->act(s);
	cr_assert_eq(errno, 4711);
	faults_here(false);
	was_hit = fault_hits() > 0;
	cr_assert(rc == 0 || rc == LK_E_STORE || rc == LK_E_UNKNOWN || rc == LK_E_CORRUPT,
		  "%s, way %d, call %d: %s", d->name, (int)way, (int)nth, lk_errname(rc));
	cr_assert(rc == 0 || was_hit, "%s fails by itself", d->name);
	cr_assert(rc == 0 || !ways[way].is_harmless, "%s, way %d, call %d: %s", d->name, (int)way,
		  (int)nth, lk_errname(rc));
	if (rc == LK_E_STORE)
		check_words(s, &f, d);
	other = store_open(&f);
	state_read(other, &st);
	cr_assert(state_is(&st, rc == 0 ? after : before) ||
			  (rc == LK_E_UNKNOWN && state_is(&st, after)),
		  "%s, way %d, call %d, %s: another state", d->name, (int)way, (int)nth,
		  lk_errname(rc));
	ok(d->act(s));
	state_read(other, &st);
	cr_assert(state_is(&st, after), "%s, way %d, call %d: not done anew", d->name, (int)way,
		  (int)nth);
	lk_store_close(other);
	lk_store_close(s);
	folder_remove(&f);
	return was_hit;
}

static void
fail_everywhere(const struct deed *d, bool on_disk)
{
	struct state before, after;
	struct lk_store *s;
	struct folder f;

	folder_on_disk(on_disk);
	folder_make(&f, d->parameters);
	s = store_open(&f);
	d->before(s);
	state_read(s, &before);
	ok(d->act(s));
	state_read(s, &after);
	lk_store_close(s);
	folder_remove(&f);
	for (size_t way = 0; way < countof(ways); way++) {
		for (uint64_t nth = 1; fail_at(d, way, nth, false, &before, &after); nth++)
			cr_assert_lt(nth, 1000);
		if (ways[way].error != EINTR) /* for ever is too long */
			for (uint64_t nth = 1; fail_at(d, way, nth, true, &before, &after); nth++)
				cr_assert_lt(nth, 1000);
	}
	folder_on_disk(false);
}

#define FAILS(name, number)                             \
	Test(errors, name, .timeout = 120)              \
	{                                               \
		fail_everywhere(&deeds[number], false); \
		fail_everywhere(&deeds[number], true);  \
	}

FAILS(inserting, 0)
FAILS(changing, 1)
FAILS(lengthening, 2)
FAILS(taking_away, 3)
FAILS(in_a_batch_in_one_stripe, 4)
FAILS(in_a_batch, 5)
FAILS(in_a_large_batch, 6)
FAILS(raising_a_floor, 7)
FAILS(in_a_durable_batch, 8)
FAILS(writing_a_stripe_anew, 9)

/* ------------------------------------------------------------------------- opening */

/* Whether the store is there already, or is made by it. */
static bool
fail_opening(size_t way, uint64_t nth, bool is_there)
{
	struct lk_store *s = NULL;
	const unsigned descriptors = count_descriptors();
	char report[256];
	struct lk_store_open o = { .size = sizeof(o), .report = report, .report_cap = 256 };
	struct folder f;
	bool was_hit;
	int rc;

	folder_make(&f, "?stripes=2");
	if (is_there)
		lk_store_close(store_open(&f));
	fault_at(ways[way].fault, nth, false, ways[way].how, ways[way].error);
	faults_here(true);
	rc = lk_store_open(f.url, &o, &s);
	faults_here(false);
	was_hit = fault_hits() > 0;
	cr_assert(rc == 0 || (was_hit && s == NULL));
	cr_assert(rc == 0 || rc == LK_E_STORE || rc == LK_E_PERM || rc == LK_E_CORRUPT,
		  "way %d, call %d: %s", (int)way, (int)nth, lk_errname(rc));
	cr_assert(rc == 0 || strstr(report, f.path) != NULL, "it says: %s", report);
	lk_store_close(s);
	cr_assert_eq(count_descriptors(), descriptors, "way %d, call %d: a descriptor is left",
		     (int)way, (int)nth);
	s = store_open(&f);
	ok(put(s, "n", "x", 1));
	lk_store_close(s);
	folder_remove(&f);
	return was_hit;
}

Test(errors, opening, .timeout = 120)
{
	for (size_t way = 0; way < countof(ways); way++) {
		for (uint64_t nth = 1; fail_opening(way, nth, true); nth++)
			;
		for (uint64_t nth = 1; fail_opening(way, nth, false); nth++)
			;
	}
}

/* ------------------------------------------------------------------------- memory */

static void
note_hint(void *arg, const void *name, size_t len)
{
	(void)arg;
	(void)name;
	(void)len;
}

static bool
fail_memory(const struct deed *d, uint64_t nth, const struct state *before,
	    const struct state *after)
{
	struct lk_store_open o = { .size = sizeof(o) };
	struct test_heap heap;
	struct lk_store *s;
	struct folder f;
	struct state st;
	bool was_hit;
	int rc;

	test_heap_init(&heap);
	o.allocator = &heap.allocator;
	folder_make(&f, d->parameters);
	ok(lk_store_open(f.url, &o, &s));
	d->before(s);
	test_heap_fail(&heap, nth, false);
	rc = d->act(s);
	was_hit = atomic_load(&heap.failures) > 0;
	test_heap_fail(&heap, 0, false);
	cr_assert(rc == 0 || (was_hit && rc == LK_E_NOMEM), "%s, allocation %d: %s", d->name,
		  (int)nth, lk_errname(rc));
	state_read(s, &st);
	cr_assert(state_is(&st, rc == 0 ? after : before), "%s, allocation %d", d->name, (int)nth);
	ok(d->act(s));
	state_read(s, &st);
	cr_assert(state_is(&st, after));
	lk_store_close(s);
	cr_assert_eq(atomic_load(&heap.blocks), 0);
	folder_remove(&f);
	return was_hit;
}

Test(errors, without_memory_nothing_is_done, .timeout = 120)
{
	uint64_t hits = 0;

	for (size_t i = 0; i < n_deeds; i++) {
		struct state before, after;
		struct lk_store *s;
		struct folder f;

		folder_make(&f, deeds[i].parameters);
		s = store_open(&f);
		deeds[i].before(s);
		state_read(s, &before);
		ok(deeds[i].act(s));
		state_read(s, &after);
		lk_store_close(s);
		folder_remove(&f);
		for (uint64_t nth = 1; fail_memory(&deeds[i], nth, &before, &after); nth++)
			hits++;
	}
	cr_expect_gt(hits, 10);
}

Test(errors, opening_without_memory)
{
	struct lk_store_open o = { .size = sizeof(o) };
	struct test_heap heap;
	struct folder f;
	uint64_t nth = 0;
	int rc;

	folder_make(&f, "?stripes=2");
	do {
		struct lk_store *s;

		test_heap_init(&heap);
		test_heap_fail(&heap, ++nth, false);
		o.allocator = &heap.allocator;
		rc = lk_store_open(f.url, &o, &s);
		cr_assert(rc == 0 || rc == LK_E_NOMEM, "%s", lk_errname(rc));
		lk_store_close(s);
		cr_assert_eq(atomic_load(&heap.blocks), 0);
	} while (rc != 0);
	cr_expect_gt(nth, 4);
	folder_remove(&f);
}

/* --------------------------------------------------------------------------- hints */

Test(errors, without_inotify_there_are_no_hints)
{
	static const struct {
		enum fault fault;
		int error;
		int says;
	} watches[] = { { FAULT_INOTIFY, EMFILE, LK_E_LIMIT },
			{ FAULT_WATCH, ENOSPC, LK_E_LIMIT },
			{ FAULT_WATCH, EACCES, LK_E_STORE },
			{ FAULT_EVENTFD, ENFILE, LK_E_LIMIT } };
	struct lk_store *s;
	struct folder f;
	unsigned descriptors;

	folder_make(&f, "");
	s = store_open(&f);
	descriptors = count_descriptors();
	for (size_t i = 0; i < countof(watches); i++) {
		fault_at(watches[i].fault, 1, false, HOW_ERROR, watches[i].error);
		faults_here(true);
		is(s->ops->watch(s, note_hint, NULL), watches[i].says);
		faults_here(false);
		cr_assert_eq(count_descriptors(), descriptors);
	}
	ok(s->ops->watch(s, note_hint, NULL));
	lk_store_close(s);
	folder_remove(&f);
}
