/* SPDX-License-Identifier: MIT */
/* After fork() the child holds nothing, and may begin anew; the parent does not notice. */
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

/* Run `body` in a child; it returns 0, or a number that says what went wrong. */
static int
in_child(int (*body)(void *arg), void *arg)
{
	pid_t child = fork();
	int status = 0;

	cr_assert_ge(child, 0);
	if (child == 0) {
		alarm(90);
		_exit(body(arg));
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status), "the child ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

struct family {
	struct lk_manager *m;
	struct lk_owner *w[3];
	struct lk_resource *r;
	lk_grant g;
};

static int
ignore_row(void *arg, const struct lk_snapshot_row *row)
{
	(void)arg;
	(void)row;
	return 0;
}

static int
ignore_grant(void *arg, const struct lk_grant_info *info)
{
	(void)arg;
	(void)info;
	return 0;
}

static int
ignore_name(void *arg, const struct lk_top_name *name)
{
	(void)arg;
	(void)name;
	return 0;
}

static int
ignore_setting(void *arg, const struct lk_setting *setting)
{
	(void)arg;
	(void)setting;
	return 0;
}

static int
ignore_text(void *arg, const char *text, size_t len)
{
	(void)arg;
	(void)text;
	(void)len;
	return 0;
}

/* The line of the first call that says anything else, for the exit code. */
#define FORKED(call)                       \
	do {                               \
		calls++;                   \
		if ((call) != LK_E_FORKED) \
			return calls;      \
	} while (0)

static int
call_owner(struct family *f)
{
	struct lk_grant_info info = { .size = sizeof(info) };
	struct lk_stats stats = { .size = sizeof(stats) };
	struct lk_owner *w = f->w[0];
	int calls = 0;

	FORKED(lk_acquire(w, "new", LK_S, NULL, NULL));
	FORKED(lk_acquire(w, "n", LK_S, NULL, NULL));
	FORKED(lk_try_acquire(w, "new", LK_S, NULL));
	FORKED(lk_acquire_bytes(w, "new", 3, LK_S, NULL, NULL));
	FORKED(lk_acquire_id(w, 1, LK_S, NULL, NULL));
	FORKED(lk_acquire_on(w, f->r, LK_S, NULL, NULL));
	FORKED(lk_release(w, f->g));
	FORKED(lk_release_name(w, "n", 1));
	FORKED(lk_release_id(w, 1));
	FORKED(lk_release_all(w));
	FORKED(lk_convert(w, f->g, LK_S, NULL));
	FORKED(lk_can_convert(w, f->g, LK_S));
	FORKED(lk_upgrade(w, f->g, NULL));
	FORKED(lk_downgrade(w, f->g));
	FORKED(lk_grant_info(w, f->g, &info));
	FORKED(lk_owner_each(w, ignore_grant, NULL));
	FORKED(lk_holds(w, "n", 1));
	FORKED(lk_holds_id(w, 1));
	FORKED(lk_owner_stats(w, &stats));
	FORKED(lk_owner_cancel(w));
	FORKED(lk_owner_close(w));
	return lk_fence(w, f->g) == 0 ? 0 : 100;
}

static int
call_manager(struct family *f)
{
	struct lk_stats stats = { .size = sizeof(stats) };
	struct lk_info info = { .size = sizeof(info) };
	struct lk_histogram h = { .size = sizeof(h) };
	struct lk_counts counts = { .size = sizeof(counts) };
	struct lk_resource *r;
	struct lk_owner *w;
	char text[LK_CONFIG_TEXT_MAX];
	int calls = 40;

	FORKED(lk_owner_open(f->m, NULL, &w));
	FORKED(lk_resource_open(f->m, "n", &r));
	FORKED(lk_resource_open_bytes(f->m, "n", 1, &r));
	FORKED(lk_resource_open_id(f->m, 1, &r));
	FORKED(lk_fence_pass(f->m, "n", 1, 1));
	FORKED(lk_info(f->m, "n", 1, &info));
	FORKED(lk_info_id(f->m, 1, &info));
	FORKED(lk_snapshot(f->m, ignore_row, NULL));
	FORKED(lk_stats(f->m, &stats));
	FORKED(lk_histogram(f->m, LK_WAITS, &h));
	FORKED(lk_counts(f->m, &counts));
	FORKED(lk_top_each(f->m, LK_TOP_HELD, ignore_name, NULL));
	FORKED(lk_metrics(f->m, ignore_text, NULL));
	FORKED(lk_config_get(f->m, "max_idle", text, sizeof(text)));
	FORKED(lk_config_set(f->m, "max_idle", "3", NULL, 0));
	FORKED(lk_config_each(f->m, ignore_setting, NULL));
	FORKED(lk_performance(f->m, LK_TEXT, ignore_text, NULL));
	FORKED(lk_sweep(f->m, NULL));
	FORKED(lk_shutdown(f->m, NULL));
	FORKED(lk_close(f->m));
	lk_resource_close(f->r);
	return lk_self(f->m) == NULL ? 0 : 101;
}

static int
call_everything(void *arg)
{
	int rc = call_owner(arg);

	return rc != 0 ? rc : call_manager(arg);
}

/*
 * The sanitizers' own malloc hangs in the child of a process whose other threads were in it at the fork: there the child takes its
 * memory from here, and gives none back.
 */
#ifdef LK_SANITIZE
static void *
take_room(void *state, size_t size, size_t align)
{
	static _Alignas(65536) unsigned char room[64 << 20];
	static size_t used;

	(void)state;
	used = (used + align - 1) & ~(align - 1);
	if (size > sizeof(room) - used)
		return NULL;
	used += size;
	return room + used - size;
}

static void
leave_room(void *state, void *p, size_t size)
{
	(void)state;
	(void)p;
	(void)size;
}

static const struct lk_allocator room = { .alloc = take_room, .free = leave_room };
#define ROOM (&room)
#else
#define ROOM NULL
#endif

/* A life of its own: 0 if all is well. */
static int
begin_anew(void *arg)
{
	const struct lk_config c = { .size = sizeof(c), .allocator = ROOM };
	struct lk_manager *m;
	struct lk_owner *w;
	lk_grant g;

	(void)arg;
	if (lk_open(NULL, &c, &m) != 0 || lk_owner_open(m, NULL, &w) != 0)
		return 1;
	if (lk_acquire(w, "n", LK_X, NULL, &g) != 0 || lk_self(m) == NULL)
		return 2;
	if (lk_try_acquire(lk_self(m), "n", LK_S, NULL) != LK_E_BUSY)
		return 3;
	if (lk_downgrade(w, g) != 0 || lk_acquire(lk_self(m), "n", LK_S, NULL, NULL) != 0)
		return 4;
	if (lk_release_all(lk_self(m)) != 0 || lk_owner_close(w) != 0 || lk_close(m) != 0)
		return 5;
	return 0;
}

static void
family_open(struct family *f)
{
	f->m = open_manager("memory:?strict=1");
	open_owners(f->m, f->w, 3);
	ok(lk_resource_open(f->m, "n", &f->r));
	f->g = take(f->w[0], "n", LK_X);
	cr_assert_not_null(lk_self(f->m));
}

static void
family_close(struct family *f)
{
	lk_resource_close(f->r);
	close_all(f->m, f->w, 3);
}

Test(fork, the_child_s_calls_all_say_so)
{
	struct family f;

	family_open(&f);
	cr_expect_eq(in_child(call_everything, &f), 0);
	cr_expect_eq(holds(f.w[0], "n"), LK_X);
	cr_expect_eq(stats_of(f.m).holds, 1);
	ok(lk_release(f.w[0], f.g));
	family_close(&f);
}

Test(fork, the_child_may_open_a_manager_of_its_own)
{
	struct family f;

	family_open(&f);
	take(lk_self(f.m), "self", LK_X);
	cr_expect_eq(in_child(begin_anew, NULL), 0);
	cr_expect_eq(holds(lk_self(f.m), "self"), LK_X);
	ok(lk_release_all(lk_self(f.m)));
	family_close(&f);
}

static int
have_a_child(void *arg)
{
	int rc = begin_anew(arg);

	return rc != 0 ? rc : in_child(begin_anew, arg);
}

Test(fork, the_child_may_have_children)
{
	cr_expect_eq(in_child(have_a_child, NULL), 0);
}

Test(fork, those_who_wait_in_the_parent_are_granted)
{
	struct asker writer, reader;
	struct family f;

	family_open(&f);
	ask(f.m, &writer, f.w[1], "n", LK_X);
	ask(f.m, &reader, f.w[2], "n", LK_S);
	cr_expect_eq(in_child(call_everything, &f), 0);
	cr_expect_eq(in_child(begin_anew, NULL), 0);
	ok(lk_release(f.w[0], f.g));
	granted(&writer);
	ok(lk_release_all(f.w[1]));
	granted(&reader);
	family_close(&f);
}

struct churn {
	struct lk_manager *m;
	atomic_bool stop;
};

static void
churn_names(void *arg, unsigned index)
{
	struct churn *churn = arg;
	uint64_t seed = index;

	while (!atomic_load(&churn->stop)) {
		struct lk_owner *w;

		must(lk_owner_open(churn->m, NULL, &w) == 0);
		for (int i = 0; i < 3; i++)
			(void)!lk_acquire_id(w, 4 * (unsigned)i + test_random(&seed) % 4, LK_X,
					     NULL, NULL);
		must(lk_owner_close(w) == 0);
	}
}

/* Whatever latch another thread holds at the fork, the child is not stopped by it. */
Test(fork, may_come_at_any_moment, .timeout = 120)
{
	struct churn churn = { .m = open_manager("memory:?max_idle=1") };
	struct test_thread threads[3];

	test_spawn(threads, 3, churn_names, &churn);
	for (int i = 0; i < 50; i++)
		cr_assert_eq(in_child(begin_anew, NULL), 0);
	atomic_store(&churn.stop, true);
	test_join(threads, 3);
	ok(lk_close(churn.m));
}
