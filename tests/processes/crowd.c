/* SPDX-License-Identifier: MIT */
/*
 * A crowd of processes at one store, some of which are killed or stopped at any moment.
 *
 * LK_TEST_SECONDS, LK_TEST_KILLS, LK_TEST_PAUSES, LK_TEST_SEED: longer, more, the same again.
 */
#include "processes.h"

#include <sys/wait.h>
#include <time.h>

/* While one waits for a name that nobody stopped, so many others have it at most: a hundred times what is usual. */
enum { MOST_PASSED = 2000 };

struct crowd {
	struct ground ground;
	struct board *b;
	char board[64];
	unsigned n;
	pid_t pid[BOARD_PROCESSES];
	uint64_t kill[BOARD_PROCESSES];          /* its number; 0: none */
	uint64_t stopped_until[BOARD_PROCESSES]; /* 0: it runs */
	uint64_t seed;
	uint64_t random;
	uint64_t ends;  /* of processes that were killed */
	uint64_t stops; /* of processes that went on later, or were killed meanwhile */
};

static void
start(struct crowd *c, unsigned i)
{
	char process[12], seed[24];
	char *const args[] = { (char[]){ "child" },
			       (char[]){ "crowd" },
			       c->board,
			       process,
			       seed,
			       c->ground.url,
			       NULL };

	snprintf(process, sizeof(process), "%u", i);
	snprintf(seed, sizeof(seed), "%llu", (unsigned long long)test_random(&c->random));
	atomic_fetch_add(&c->b->processes[i].life, 1);
	c->kill[i] = 0;
	c->stopped_until[i] = 0;
	c->pid[i] = child_start(args, NULL, NULL);
}

static void
crowd_begin(struct crowd *c, unsigned n, const char *parameters)
{
	*c = (struct crowd){ .n = n, .seed = test_seed("LK_TEST_SEED") };
	c->random = c->seed;
	ground_make(&c->ground, parameters);
	snprintf(c->board, sizeof(c->board), "%s/board", c->ground.top);
	c->b = board_open(c->board, true);
	cr_assert_not_null(c->b);
	for (unsigned i = 0; i < n; i++)
		start(c, i);
}

/* What has come to its end; false: one that nobody killed did not end well. */
static void
bury(struct crowd *c, bool begins_anew)
{
	for (unsigned i = 0; i < c->n; i++) {
		int status;

		if (c->pid[i] == 0 || waitpid(c->pid[i], &status, WNOHANG) != c->pid[i])
			continue;
		board_buries(c->b, i, c->kill[i]);
		c->pid[i] = 0;
		if (c->kill[i] != 0)
			c->ends++;
		else if (status != 0)
			board_says(c->b, "process %u ended with status 0x%x", i, (unsigned)status);
		if (begins_anew)
			start(c, i);
	}
}

static void
wake_up(struct crowd *c, bool all)
{
	for (unsigned i = 0; i < c->n; i++) {
		if (c->pid[i] == 0 || c->stopped_until[i] == 0 ||
		    (!all && test_now() < c->stopped_until[i]))
			continue;
		(void)kill(c->pid[i], SIGCONT);
		c->stopped_until[i] = 0;
	}
}

/* One that holds something in X just now, if there is one soon: few do at any moment, and these are the deaths that count. */
static unsigned
writer(struct crowd *c, unsigned otherwise)
{
	for (unsigned i = 0; i < 100000; i++) {
		const struct board_process *p = &c->b->processes[i % c->n];
		const struct claim claim =
			claim_of(atomic_load(&p->claims[i / c->n % BOARD_THREADS][0]));

		if (claim.mode == LK_X && board_is_leaf(claim.name))
			return i % c->n;
	}
	return otherwise;
}

static void
kill_one(struct crowd *c)
{
	unsigned i = (unsigned)(test_random(&c->random) % c->n);

	if (test_random(&c->random) % 3 != 0)
		i = writer(c, i);

	if (c->pid[i] == 0 || c->kill[i] != 0)
		return;
	c->kill[i] = 1 + atomic_fetch_add(&c->b->kills, 1);
	(void)kill(c->pid[i], SIGKILL);
}

static void
stop_one(struct crowd *c)
{
	const unsigned i = (unsigned)(test_random(&c->random) % c->n);

	if (c->pid[i] == 0 || c->kill[i] != 0 || c->stopped_until[i] != 0)
		return;
	atomic_fetch_add(&c->b->processes[i].stops, 1);
	c->stopped_until[i] = test_now() + test_random(&c->random) % 100000000;
	c->stops += kill(c->pid[i], SIGSTOP) == 0;
}

static uint64_t
progress(const struct crowd *c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < BOARD_NAMES; i++)
		sum += atomic_load(&c->b->names[i].grants);
	return sum;
}

/* Each thread has had something, and a good part of those who were to be killed are dead. */
static bool
has_come_far(const struct crowd *c, uint64_t kills)
{
	bool has = c->ends > kills / 3 || kills == 0;

	for (unsigned i = 0; i < c->n * BOARD_THREADS; i++) {
		const struct board_process *p = &c->b->processes[i / BOARD_THREADS];

		has = has && atomic_load(&p->progress[i % BOARD_THREADS]) != 0;
	}
	return has;
}

/* For that long, with so many kills and pauses spread over it; longer, if the machine has much else to do. */
static void
crowd_goes_on(struct crowd *c, double seconds, uint64_t kills, uint64_t pauses)
{
	const uint64_t begin = test_now();
	const uint64_t time = (uint64_t)(seconds * 1e9);
	uint64_t killed = 0, stopped = 0;

	while ((test_now() - begin < time ||
		(!has_come_far(c, kills) && test_now() - begin < time + 2 * TEST_PATIENCE_NS)) &&
	       atomic_load(&c->b->wrong) == 0) {
		const double part = (double)(test_now() - begin) / (double)time;

		bury(c, true);
		wake_up(c, false);
		if ((double)killed < part * (double)kills) {
			kill_one(c);
			killed++;
		}
		if ((double)stopped < part * (double)pauses) {
			stop_one(c);
			stopped++;
		}
		(void)nanosleep(&(struct timespec){ 0, 200000 + (long)(test_random(&c->random) %
								       2000000) },
				NULL);
	}
}

static void
crowd_stops(struct crowd *c)
{
	const uint64_t end = test_now() + 4 * TEST_PATIENCE_NS;
	unsigned left = c->n;

	atomic_store(&c->b->stop, 1);
	while (left != 0 && test_now() < end) {
		wake_up(c, true);
		bury(c, false);
		left = 0;
		for (unsigned i = 0; i < c->n; i++)
			left += c->pid[i] != 0;
		(void)nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	}
	cr_expect_eq(left, 0, "%u processes do not end", left);
	for (unsigned i = 0; i < c->n; i++) {
		if (c->pid[i] != 0)
			(void)kill(c->pid[i], SIGKILL);
	}
}

/* Whoever comes now gets everything at once. */
static void
take_all(struct crowd *c)
{
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = 20 * SECOND };
	struct lk_request r[BOARD_NAMES];
	lk_grant g[BOARD_NAMES];
	struct lk_manager *m;
	struct lk_owner *w;

	ok(lk_open(c->ground.url, NULL, &m));
	ok(lk_owner_open(m, NULL, &w));
	for (unsigned i = 0; i < BOARD_NAMES; i++)
		r[i] = (struct lk_request){ board_names[i], LK_X, 0, 0 };
	ok(lk_acquire_many(w, r, BOARD_NAMES, &o, g));
	ok(lk_release_all(w));
	for (unsigned i = 0; i < BOARD_NAMES; i++) { /* what was implied above as well */
		ok(lk_acquire(w, board_names[i], LK_X, &o, &g[0]));
		ok(lk_release(w, g[0]));
	}
	ok(lk_owner_close(w));
	ok(lk_close(m));
}

static void
tell_counts(const struct crowd *c)
{
	fprintf(stderr,
		"seed %llu: grants %llu, killed %llu, stopped %llu, at most %llu others first;",
		(unsigned long long)c->seed, (unsigned long long)progress(c),
		(unsigned long long)c->ends, (unsigned long long)c->stops,
		(unsigned long long)atomic_load(&c->b->most_passed));
#define SAY(name)                          \
	fprintf(stderr, " " #name " %llu", \
		(unsigned long long)atomic_load(&c->b->counts[COUNT_##name]));
	BOARD_COUNT_LIST(SAY)
#undef SAY
	fprintf(stderr, "\n");
}

static void
crowd_end(struct crowd *c)
{
	crowd_stops(c);
	if (atomic_load(&c->b->wrong) != 0 || getenv("LK_TEST_VERBOSE") != NULL)
		tell_counts(c);
	cr_assert_eq(atomic_load(&c->b->wrong), 0, "\n%s", c->b->text);
	cr_expect_lt(atomic_load(&c->b->most_passed), MOST_PASSED);
	for (unsigned i = 0; i < c->n; i++) {
		for (unsigned k = 0; k < BOARD_THREADS; k++)
			cr_expect_gt(atomic_load(&c->b->processes[i].progress[k]), 0,
				     "process %u, thread %u never had anything", i, k);
	}
	take_all(c);
	store_is_empty(&c->ground);
	board_close(c->b);
	ground_remove(&c->ground);
}

Test(crowd, of_two, .timeout = 200)
{
	struct crowd c;

	crowd_begin(&c, 2, "");
	crowd_goes_on(&c, test_seconds(3), 0, 0);
	crowd_end(&c);
}

Test(crowd, that_keeps_nothing, .timeout = 200)
{
	struct crowd c;

	crowd_begin(&c, 3, "?linger_ns=off");
	crowd_goes_on(&c, test_seconds(3), 0, 0);
	crowd_end(&c);
}

Test(crowd, of_many_some_of_whom_are_killed_or_stopped, .timeout = 300)
{
	struct crowd c;

	/* Who is stopped may have something of the store locked, for longer than a breaker bears where there is much else to do. */
	crowd_begin(&c, BOARD_PROCESSES, "?breaker_threshold=off");
	crowd_goes_on(&c, test_seconds(12), test_number("LK_TEST_KILLS", 40),
		      test_number("LK_TEST_PAUSES", 10));
	cr_expect_gt(c.ends, test_number("LK_TEST_KILLS", 40) / 3);
	crowd_end(&c);
}
